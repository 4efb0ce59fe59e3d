// SPDX-License-Identifier: GPL-2.0-only
/*
 * Open directories. An open directory keeps the entries it has read, without their attributes, so
 * that any position can be gone back to. A complete listing of moderate size stays with the inode
 * for as long as the directory is known to be unchanged; reading it again costs no call.
 *
 * The host tells attributes with each entry: names and inodes are made of them at once (as of an
 * answer to a lookup), so that looking at each file of a directory costs nothing more.
 */
#include <linux/slab.h>
#include <linux/wait.h>

#include "vboxsf.h"

/* Listings kept with inodes: bytes of one, and of all of a mount. */
#define KEEP_ONE	(64 * 1024)
#define KEEP_ALL	(16 * 1024 * 1024)

/* LISTs after the first one of a directory ask for more at a time. */
#define LIST_GROWTH	4
#define LIST_MAX	(1024u * 1024)

/* Entries that become inodes whether or not anybody has asked for one. */
#define PRIME_ALWAYS	32768

/*
 * Names of a directory that are asked for, one by one, within the time-out: after so many the
 * directory is listed instead, first a part of it, then so many LISTs.
 */
#define ASKED_SOME	8
#define ASKED_MANY	64
#define LISTS_OF_MANY	3

struct entry {
	u64 ino;
	u8 type;
	u8 length;
	char name[];
} __packed;

/**
 * struct chunk - Entries of one LIST.
 * @node:	In vboxsf_listing.chunks.
 * @first:	Number of the first entry in the directory.
 * @count:	Number of entries.
 * @bytes:	Bytes of @data.
 * @data:	The entries.
 */
struct chunk {
	struct list_head node;
	u32 first;
	u32 count;
	u32 bytes;
	u8 data[];
};

/**
 * struct vboxsf_listing - Entries of a directory.
 * @ref:	Holders: open directories and the inode. Changed only while one open directory
 *		holds it.
 * @version:	vboxsf_inode.version they are of.
 * @begun:	When it was begun; jiffies.
 * @chunks:	The entries.
 * @count:	Number of entries.
 * @bytes:	Memory.
 * @complete:	These are all.
 */
struct vboxsf_listing {
	refcount_t ref;
	unsigned long version;
	unsigned long begun;
	struct list_head chunks;
	u32 count;
	size_t bytes;
	bool complete;
};

/**
 * struct dir_file - An open directory.
 * @handle:	Handle; NULL when the listing is complete.
 * @listing:	Entries read.
 * @list_size:	Bytes the next LIST asks for.
 * @chunk:	Where the last entry was found.
 * @offset:	Likewise, in its data.
 * @index:	Its number.
 * @used:	Entries were read; a return to the start reads them anew.
 */
struct dir_file {
	struct vboxsf_handle *handle;
	struct vboxsf_listing *listing;
	u32 list_size;
	struct chunk *chunk;
	u32 offset;
	u32 index;
	bool used;
};

static struct vboxsf_listing *listing_new(unsigned long version)
{
	struct vboxsf_listing *listing = kzalloc(sizeof(*listing), GFP_KERNEL_ACCOUNT);

	if (!listing)
		return NULL;
	refcount_set(&listing->ref, 1);
	listing->version = version;
	listing->begun = jiffies;
	INIT_LIST_HEAD(&listing->chunks);
	return listing;
}

static void listing_put(struct vboxsf_listing *listing)
{
	struct chunk *chunk, *next;

	if (!listing || !refcount_dec_and_test(&listing->ref))
		return;
	list_for_each_entry_safe(chunk, next, &listing->chunks, node)
		kvfree(chunk);
	kfree(listing);
}

/* Take the listing away from an inode. Called with its spinlock. */
static struct vboxsf_listing *listing_detach(struct inode *dir)
{
	struct vboxsf_inode *vi = VBOXSF_I(dir);
	struct vboxsf_listing *listing = vi->listing;

	vi->listing = NULL;
	if (listing)
		atomic_long_sub(listing->bytes, &VBOXSF_SB(dir->i_sb)->list_bytes);
	return listing;
}

/**
 * vboxsf_listing_drop() - Forget the entries kept with a directory.
 * @dir:	Inode.
 *
 * Context: Process context.
 */
void vboxsf_listing_drop(struct inode *dir)
{
	struct vboxsf_inode *vi = VBOXSF_I(dir);
	struct vboxsf_listing *listing;

	spin_lock(&vi->lock);
	listing = listing_detach(dir);
	spin_unlock(&vi->lock);
	listing_put(listing);
}

/* The listing of a directory that is known to be as it was then. */
static struct vboxsf_listing *listing_find(struct inode *dir)
{
	struct vboxsf_inode *vi = VBOXSF_I(dir);
	struct vboxsf_listing *listing, *old = NULL;

	spin_lock(&vi->lock);
	listing = vi->listing;
	if (listing && listing->version == vi->version) {
		refcount_inc(&listing->ref);
	} else {
		old = listing_detach(dir);
		listing = NULL;
	}
	spin_unlock(&vi->lock);
	listing_put(old);
	return listing;
}

/* Keep a complete listing with its inode, if the directory did not change since it was begun. */
static void listing_keep(struct inode *dir, struct vboxsf_listing *listing)
{
	struct vboxsf_sb *sbi = VBOXSF_SB(dir->i_sb);
	struct vboxsf_inode *vi = VBOXSF_I(dir);
	struct vboxsf_listing *old = NULL;

	listing->bytes += sizeof(*listing);
	if (sbi->o.cache <= VBOXSF_CACHE_STRICT || listing->bytes > KEEP_ONE ||
	    atomic_long_read(&sbi->list_bytes) + listing->bytes > KEEP_ALL)
		return;
	spin_lock(&vi->lock);
	if (listing->version == vi->version) {
		old = listing_detach(dir);
		refcount_inc(&listing->ref);
		vi->listing = listing;
		atomic_long_add(listing->bytes, &sbi->list_bytes);
	}
	spin_unlock(&vi->lock);
	listing_put(old);
}

/*
 * The listing of a directory, unless it is better to list that again though it has the same
 * entries: what a listing brought along of each of them is not trusted after @trust, and may be
 * asked for one by one next. One more call is worth that.
 */
static struct vboxsf_listing *listing_use(struct inode *dir, unsigned long trust)
{
	struct vboxsf_sb *sbi = VBOXSF_SB(dir->i_sb);
	struct vboxsf_listing *listing = listing_find(dir);

	if (listing && list_is_singular(&listing->chunks) &&
	    (time_before(listing->begun, READ_ONCE(sbi->epoch)) ||
	     time_after(jiffies, listing->begun + trust))) {
		listing_put(listing);
		listing = NULL;
	}
	return listing;
}

/* For how long a listing tells about its entries. */
static unsigned long listing_ttl(struct inode *dir)
{
	struct vboxsf_sb *sbi = VBOXSF_SB(dir->i_sb);

	return min(READ_ONCE(sbi->entry_ttl), READ_ONCE(sbi->attr_ttl));
}

/* Open the directory on the host, and start a listing; @anew: not with what is known. */
static int dir_start(struct dir_file *df, struct dentry *dentry, bool anew)
{
	struct inode *dir = d_inode(dentry);
	struct vboxsf_sb *sbi = VBOXSF_SB(dir->i_sb);
	u64 change = vboxsf_inode_change(dir);
	struct vboxsf_handle *handle = NULL;
	struct vboxsf_req *req;
	u32 generation;
	int ret;

	req = vboxsf_req_alloc();
	if (!req)
		return -ENOMEM;
	ret = vboxsf_req_path(req, sbi, dentry);
	if (!ret)
		ret = vboxsf_shfl_create(sbi, req, SHFL_CF_DIRECTORY | SHFL_CF_FAIL_IF_NEW |
					 SHFL_CF_READ, 0, &generation);
	if (ret)
		goto out;
	if (!vboxsf_inode_same(dir, &req->create.info)) {
		vboxsf_handle_abandon(sbi, le64_to_cpu(req->create.handle), generation);
		ret = -ESTALE;
		goto out;
	}
	vboxsf_inode_update(dir, &req->create.info, change);
	vboxsf_entry_fresh(dentry);
	handle = vboxsf_handle_new(dir, le64_to_cpu(req->create.handle), generation,
				   SHFL_CF_DIRECTORY | SHFL_CF_READ);
	ret = -ENOMEM;
	if (!handle)
		goto out;
	df->listing = NULL;
	/* What is about to expire has as good as expired, when a call is made anyway. */
	if (!anew && sbi->o.cache > VBOXSF_CACHE_STRICT)
		df->listing = listing_use(dir, listing_ttl(dir) / 2);
	if (df->listing) {
		vboxsf_handle_put(handle);
	} else {
		df->listing = listing_new(READ_ONCE(VBOXSF_I(dir)->version));
		if (!df->listing) {
			vboxsf_handle_put(handle);
			goto out;
		}
		df->handle = handle;
		df->list_size = sbi->o.dir_buffer;
	}
	ret = 0;
out:
	vboxsf_req_free(req);
	return ret;
}

static void dir_end(struct dir_file *df)
{
	vboxsf_handle_put(df->handle);
	df->handle = NULL;
	listing_put(df->listing);
	df->listing = NULL;
	df->chunk = NULL;
}

static int vboxsf_dir_open(struct inode *dir, struct file *file)
{
	struct dir_file *df = kzalloc(sizeof(*df), GFP_KERNEL_ACCOUNT);
	int ret = 0;

	if (!df)
		return -ENOMEM;
	if (vboxsf_attr_fresh(dir))
		df->listing = listing_use(dir, listing_ttl(dir));
	if (!df->listing)
		ret = dir_start(df, file_dentry(file), false);
	if (ret) {
		kfree(df);
		if (ret == -ENOENT || ret == -ENOTDIR || ret == -ELOOP)
			ret = -ESTALE;
		if (ret == -ESTALE)
			vboxsf_entry_expire(file_dentry(file));
		return ret;
	}
	file->private_data = df;
	return 0;
}

static int vboxsf_dir_release(struct inode *dir, struct file *file)
{
	struct dir_file *df = file->private_data;

	dir_end(df);
	kfree(df);
	return 0;
}

/*
 * Make a name and an inode of an entry. @start is when the host was asked: what was learned or
 * changed since is newer.
 */
static void prime(struct dentry *parent, struct qstr *name, const struct shfl_info *info,
		  unsigned long start)
{
	DECLARE_WAIT_QUEUE_HEAD_ONSTACK(wq);
	struct dentry *dentry, *alias;
	struct inode *inode;

	name->hash = full_name_hash(parent, name->name, name->len);
	dentry = d_lookup(parent, name);
	if (!dentry)
		dentry = d_alloc_parallel(parent, name, &wq);
	if (IS_ERR(dentry))
		return;
	if (!d_in_lookup(dentry)) {
		inode = d_inode(dentry);
		if (!inode || !vboxsf_inode_same(inode, info)) {
			/* Still so if it was looked up meanwhile: it is looked up again then. */
			d_invalidate(dentry);
		} else {
			struct vboxsf_inode *vi = VBOXSF_I(inode);

			if (time_before(READ_ONCE(vi->own_time), start) &&
			    !time_after(READ_ONCE(vi->attr_time), start))
				vboxsf_inode_update(inode, info, vboxsf_inode_change(inode));
			vboxsf_entry_fresh(dentry);
		}
		dput(dentry);
		return;
	}
	inode = vboxsf_inode_get(parent->d_sb, d_inode(parent), name, info);
	alias = inode ? d_splice_alias(inode, dentry) : ERR_PTR(-ENOMEM);
	d_lookup_done(dentry);
	if (!IS_ERR(alias)) {
		vboxsf_entry_fresh(alias ? alias : dentry);
		dput(alias);
	}
	dput(dentry);
}

/*
 * The entry ".." tells what is above, found by its path: as good as asking for that. A walk through
 * many directories does not have to ask again for the one that they are in.
 */
static void known_above(struct dentry *dir, const struct shfl_info *info)
{
	struct dentry *above = dget_parent(dir);
	struct inode *inode = d_inode(above);

	if (above != dir && VBOXSF_I(inode)->has_id && vboxsf_inode_same(inode, info))
		vboxsf_entry_fresh(above);
	dput(above);
}

/* Take over one entry of the host. Returns bytes used in the chunk. */
static u32 take_entry(struct dentry *parent, const struct shfl_dir_entry *from, struct entry *to,
		      bool make_inode, unsigned long start)
{
	struct vboxsf_sb *sbi = VBOXSF_SB(parent->d_sb);
	bool valid = vboxsf_info_valid(&from->info);
	struct qstr name;
	int length;

	length = vboxsf_name_from_host(sbi, from->name.text, le16_to_cpu(from->name.length),
				       to->name, NAME_MAX + 1);
	/* What cannot be a name here is as good as not there. */
	if (length <= 0 || memchr(to->name, '/', length) || memchr(to->name, 0, length))
		return 0;
	if (to->name[0] == '.' && (length == 1 || (length == 2 && to->name[1] == '.'))) {
		if (length == 2 && valid)
			known_above(parent, &from->info);
		return 0;
	}
	name = (struct qstr)QSTR_INIT(to->name, length);
	to->length = length;
	to->type = valid ? fs_umode_to_dtype(le32_to_cpu(from->info.mode)) : DT_UNKNOWN;
	to->ino = vboxsf_inode_number(sbi, d_inode(parent), &name, &from->info);
	if (valid && make_inode)
		prime(parent, &name, &from->info, start);
	return sizeof(*to) + length;
}

/* Read the next entries. */
static int fetch(struct dir_file *df, struct dentry *parent)
{
	struct vboxsf_listing *listing = df->listing;
	struct inode *dir = d_inode(parent);
	const struct shfl_dir_entry *from;
	u32 size = df->list_size, count, at, used, i, left;
	unsigned long start = jiffies;
	struct chunk *chunk = NULL;
	bool more, make_inode;
	void *buffer;
	int ret;

	buffer = kvmalloc(size, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!buffer)
		return -ENOMEM;
	ret = vboxsf_shfl_list(df->handle, buffer, &size, &count, &more);
	if (ret)
		goto out;
	make_inode = listing->count < PRIME_ALWAYS || READ_ONCE(VBOXSF_I(dir)->looked_up);
	WRITE_ONCE(VBOXSF_I(dir)->looked_up, false);
	if (count) {
		/* An entry is smaller here than there; the last one may need room to look at. */
		chunk = kvmalloc(sizeof(*chunk) + size + NAME_MAX, GFP_KERNEL_ACCOUNT);
		ret = -ENOMEM;
		if (!chunk)
			goto out;
		chunk->first = listing->count;
		chunk->count = 0;
		chunk->bytes = 0;
		ret = -EIO;
		for (at = 0, i = 0; i < count; i++) {
			left = size - at;
			from = buffer + at;
			if (left < sizeof(*from) ||
			    left - sizeof(*from) < le16_to_cpu(from->name.size) ||
			    le16_to_cpu(from->name.size) < le16_to_cpu(from->name.length))
				goto out;
			at += sizeof(*from) + le16_to_cpu(from->name.size);
			used = take_entry(parent, from, (void *)chunk->data + chunk->bytes,
					  make_inode, start);
			chunk->bytes += used;
			chunk->count += used ? 1 : 0;
		}
		listing->count += chunk->count;
		listing->bytes += sizeof(*chunk) + chunk->bytes;
		list_add_tail(&chunk->node, &listing->chunks);
		chunk = NULL;
	}
	ret = 0;
	df->list_size = min(df->list_size * LIST_GROWTH, max(LIST_MAX, df->list_size));
	if (!more || !count) {
		listing->complete = true;
		vboxsf_handle_put(df->handle);
		df->handle = NULL;
		listing_keep(dir, listing);
	}
out:
	kvfree(chunk);
	kvfree(buffer);
	return ret;
}

/**
 * vboxsf_dir_asked() - The host was asked for a name, and it exists.
 * @parent:	Its directory.
 *
 * Programs that look at one file after the other (git status, make) get most of them from listings
 * made here: a call for hundreds of names.
 *
 * Context: Process context with the lock of the directory's inode, sleeps. No name of the
 * directory is being looked up by the caller any more.
 */
void vboxsf_dir_asked(struct dentry *parent)
{
	struct inode *dir = d_inode(parent);
	struct vboxsf_sb *sbi = VBOXSF_SB(dir->i_sb);
	struct vboxsf_inode *vi = VBOXSF_I(dir);
	struct dir_file df = {};
	u32 asked, lists;

	if (sbi->o.cache <= VBOXSF_CACHE_STRICT || !sbi->entry_ttl || !sbi->attr_ttl)
		return;
	spin_lock(&vi->lock);
	if (time_after(jiffies, vi->asked_since + min(sbi->entry_ttl, sbi->attr_ttl))) {
		vi->asked_since = jiffies;
		vi->asked = 0;
	}
	asked = ++vi->asked;
	spin_unlock(&vi->lock);
	if (asked != ASKED_SOME && asked != ASKED_MANY)
		return;
	lists = asked == ASKED_SOME ? 1 : LISTS_OF_MANY;
	/* It is only a help: who asked has got his answer. */
	if (dir_start(&df, parent, true))
		return;
	while (lists-- && !df.listing->complete && !fatal_signal_pending(current)) {
		if (fetch(&df, parent))
			break;
	}
	dir_end(&df);
}

/* Find an entry by its number. Returns NULL if it is not among those read. */
static struct entry *find_entry(struct dir_file *df, u32 index)
{
	struct vboxsf_listing *listing = df->listing;
	struct entry *entry;
	struct chunk *chunk;

	if (index >= listing->count)
		return NULL;
	if (!df->chunk || index < df->index) {
		df->chunk = list_first_entry(&listing->chunks, struct chunk, node);
		df->offset = 0;
		df->index = 0;
	}
	chunk = df->chunk;
	while (index >= chunk->first + chunk->count) {
		chunk = list_next_entry(chunk, node);
		df->chunk = chunk;
		df->offset = 0;
		df->index = chunk->first;
	}
	for (;;) {
		entry = (void *)chunk->data + df->offset;
		if (df->index == index)
			return entry;
		df->offset += sizeof(*entry) + entry->length;
		df->index++;
	}
}

static int vboxsf_iterate(struct file *file, struct dir_context *ctx)
{
	struct dentry *dentry = file_dentry(file);
	struct dir_file *df = file->private_data;
	struct entry *entry;
	int ret;

	/* Whoever goes back to the start wants to see what is there now. */
	if (!ctx->pos && df->used) {
		dir_end(df);
		df->used = false;
		if (vboxsf_attr_fresh(d_inode(dentry)))
			df->listing = listing_find(d_inode(dentry));
	}
	/* That may have failed the last time. */
	if (!df->listing) {
		ret = dir_start(df, dentry, false);
		if (ret)
			return ret;
	}
	if (!dir_emit_dots(file, ctx))
		return 0;
	df->used = true;
	for (;;) {
		while (ctx->pos - 2 >= df->listing->count && !df->listing->complete) {
			ret = fetch(df, dentry);
			if (ret == -ENOBUFS && df->list_size < VBOXSF_DIR_BUFFER_MAX) {
				df->list_size *= LIST_GROWTH;
				continue;
			}
			if (ret)
				return ret == -ENOBUFS ? -EIO : ret;
			if (fatal_signal_pending(current))
				return -EINTR;
		}
		entry = ctx->pos - 2 > U32_MAX ? NULL : find_entry(df, ctx->pos - 2);
		if (!entry)
			return 0;
		if (!dir_emit(ctx, entry->name, entry->length, entry->ino, entry->type))
			return 0;
		ctx->pos++;
	}
}

/* What was made, renamed and removed in the directory is on the host's disk when this returns. */
static int vboxsf_dir_fsync(struct file *file, loff_t start, loff_t end, int datasync)
{
	struct vboxsf_handle *handle;
	int ret;

	if (sb_rdonly(file_inode(file)->i_sb))
		return 0;
	handle = vboxsf_handle_open(file_inode(file), file_dentry(file),
				    SHFL_CF_DIRECTORY | SHFL_CF_READ);
	/* There is nothing to keep of one that was removed. */
	if (IS_ERR(handle))
		return PTR_ERR(handle) == -ESTALE ? 0 : PTR_ERR(handle);
	ret = vboxsf_shfl_flush(handle);
	vboxsf_handle_put(handle);
	return ret;
}

const struct file_operations vboxsf_dir_fops = {
	.open = vboxsf_dir_open,
	.release = vboxsf_dir_release,
	.llseek = generic_file_llseek,
	.read = generic_read_dir,
	.iterate_shared = vboxsf_iterate,
	.fsync = vboxsf_dir_fsync,
	.setlease = simple_nosetlease,
};

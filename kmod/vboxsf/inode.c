// SPDX-License-Identifier: GPL-2.0-only
/*
 * Inodes: their identity, and what is known of their attributes and content. The host's word
 * counts, but not for what this guest is just changing: while pages are dirty, size and times are
 * the guest's, and an answer to a question asked before a change is not used for what was changed.
 *
 * Where the host tells inode numbers (hosts that are POSIX systems), all names of a file share one
 * inode and one page cache; elsewhere each name has an inode.
 */
#include <linux/pagemap.h>
#include <linux/slab.h>
#include <linux/stringhash.h>

#include "vboxsf.h"

/* How long after a write of this guest an answer may count as the state just after it. */
#define SETTLE_TIME	(HZ / 2)

static struct kmem_cache *inode_cache;

static void vboxsf_init_once(void *data)
{
	struct vboxsf_inode *vi = data;

	inode_init_once(&vi->vfs_inode);
}

/**
 * vboxsf_inode_init_cache() - Prepare for inodes.
 *
 * Context: Module initialisation.
 * Return: 0 or -ENOMEM.
 */
int vboxsf_inode_init_cache(void)
{
	inode_cache = kmem_cache_create("vboxsf_inode", sizeof(struct vboxsf_inode), 0,
					SLAB_RECLAIM_ACCOUNT | SLAB_ACCOUNT, vboxsf_init_once);
	return inode_cache ? 0 : -ENOMEM;
}

/**
 * vboxsf_inode_exit_cache() - Undo vboxsf_inode_init_cache().
 *
 * Context: Module exit.
 */
void vboxsf_inode_exit_cache(void)
{
	/* Inodes are freed after a grace period. */
	rcu_barrier();
	kmem_cache_destroy(inode_cache);
}

/**
 * vboxsf_inode_alloc() - super_operations.alloc_inode.
 * @sb:		Super block.
 *
 * Context: Process context, may sleep.
 * Return: The inode or NULL.
 */
struct inode *vboxsf_inode_alloc(struct super_block *sb)
{
	struct vboxsf_inode *vi = alloc_inode_sb(sb, inode_cache, GFP_KERNEL);

	if (!vi)
		return NULL;
	memset((void *)vi + sizeof(vi->vfs_inode), 0, sizeof(*vi) - sizeof(vi->vfs_inode));
	spin_lock_init(&vi->lock);
	INIT_LIST_HEAD(&vi->handles);
	INIT_LIST_HEAD(&vi->watch_node);
	vi->own_time = jiffies - SETTLE_TIME;
	return &vi->vfs_inode;
}

/**
 * vboxsf_inode_free() - super_operations.free_inode.
 * @inode:	Inode.
 *
 * Context: RCU callback.
 */
void vboxsf_inode_free(struct inode *inode)
{
	kmem_cache_free(inode_cache, VBOXSF_I(inode));
}

/**
 * vboxsf_inode_evict() - super_operations.evict_inode.
 * @inode:	Inode.
 *
 * Context: Process context, may sleep.
 */
void vboxsf_inode_evict(struct inode *inode)
{
	truncate_inode_pages_final(&inode->i_data);
	clear_inode(inode);
	vboxsf_listing_drop(inode);
	vboxsf_handle_put(VBOXSF_I(inode)->keep);
	vboxsf_handle_put(vboxsf_idle_take(inode));
}

/**
 * vboxsf_info_valid() - Check what a host says of an object.
 * @info:	Attributes; memory the host does not write any more.
 *
 * Context: Any.
 * Return: true if it makes sense.
 */
bool vboxsf_info_valid(const struct shfl_info *info)
{
	switch (le32_to_cpu(info->mode) & S_IFMT) {
	case S_IFREG:
	case S_IFDIR:
	case S_IFLNK:
	case S_IFIFO:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFSOCK:
		return (s64)le64_to_cpu(info->size) >= 0;
	default:
		return false;
	}
}

static bool info_has_id(const struct shfl_info *info)
{
	return le32_to_cpu(info->additional) == SHFL_ADDITIONAL_UNIX && info->ino;
}

/**
 * vboxsf_inode_number() - Inode number of an object.
 * @sbi:	Mount.
 * @dir:	Directory, NULL for the root.
 * @name:	Name in it.
 * @info:	Attributes.
 *
 * Numbers are the host's where it tells them; those of other file systems below the share are moved
 * out of the way. Else they follow from the path, so that they are the same each time.
 *
 * Context: Any.
 * Return: The number, not 0.
 */
u64 vboxsf_inode_number(struct vboxsf_sb *sbi, struct inode *dir, const struct qstr *name,
			const struct shfl_info *info)
{
	u64 number;

	if (info_has_id(info)) {
		u32 dev = le32_to_cpu(info->dev);

		number = le64_to_cpu(info->ino);
		if (dir && dev != sbi->root_dev)
			number ^= ((u64)dev << 32) ^ ((u64)dev << 48);
	} else if (!dir) {
		number = 1;
	} else {
		unsigned long salt = dir->i_ino;

		number = (u64)full_name_hash((void *)salt, name->name, name->len) << 32 |
			 full_name_hash((void *)~salt, name->name, name->len);
	}
	return number ? number : 1;
}

/**
 * vboxsf_inode_same() - Are attributes of the object an inode stands for?
 * @inode:	Inode.
 * @info:	Attributes.
 *
 * Context: Any.
 * Return: false if it is another object. Without identities the type decides.
 */
bool vboxsf_inode_same(struct inode *inode, const struct shfl_info *info)
{
	struct vboxsf_inode *vi = VBOXSF_I(inode);

	if ((inode->i_mode & S_IFMT) != (le32_to_cpu(info->mode) & S_IFMT))
		return false;
	if (!vi->has_id || !info_has_id(info))
		return vi->has_id == info_has_id(info);
	return vi->ino == le64_to_cpu(info->ino) && vi->dev == le32_to_cpu(info->dev);
}

static int inode_test(struct inode *inode, void *data)
{
	return vboxsf_inode_same(inode, data);
}

static int inode_set(struct inode *inode, void *data)
{
	const struct shfl_info *info = data;
	struct vboxsf_inode *vi = VBOXSF_I(inode);

	vi->has_id = true;
	vi->ino = le64_to_cpu(info->ino);
	vi->dev = le32_to_cpu(info->dev);
	inode->i_mode = le32_to_cpu(info->mode) & S_IFMT;
	return 0;
}

static umode_t inode_mode(const struct vboxsf_sb *sbi, u32 host)
{
	const struct vboxsf_options *o = &sbi->o;
	umode_t mode = host & 0777;

	switch (host & S_IFMT) {
	case S_IFLNK:
		return S_IFLNK | 0777;
	case S_IFDIR:
		if (o->dmode != VBOXSF_MODE_UNSET)
			mode = o->dmode;
		return S_IFDIR | (mode & ~o->dmask);
	default:
		if (o->fmode != VBOXSF_MODE_UNSET)
			mode = o->fmode;
		return (host & S_IFMT) | (mode & ~o->fmask);
	}
}

static void setup_inode(struct inode *inode, const struct shfl_info *info)
{
	inode->i_mode = inode_mode(VBOXSF_SB(inode->i_sb), le32_to_cpu(info->mode));
	/* Times of reading are the host's business. */
	inode->i_flags |= S_NOATIME;
	switch (inode->i_mode & S_IFMT) {
	case S_IFREG:
		inode->i_op = &vboxsf_file_iops;
		inode->i_fop = &vboxsf_file_fops;
		inode->i_mapping->a_ops = &vboxsf_file_aops;
		mapping_set_large_folios(inode->i_mapping);
		break;
	case S_IFDIR:
		inode->i_op = &vboxsf_dir_iops;
		inode->i_fop = &vboxsf_dir_fops;
		break;
	case S_IFLNK:
		inode->i_op = &vboxsf_symlink_iops;
		inode->i_mapping->a_ops = &vboxsf_symlink_aops;
		inode_nohighmem(inode);
		break;
	default:
		/* Seen, but not to be opened: what they are is of the host. */
		inode->i_op = &vboxsf_file_iops;
		init_special_inode(inode, inode->i_mode, 0);
		break;
	}
}

/**
 * vboxsf_inode_get() - The inode of an object.
 * @sb:		Super block.
 * @dir:	Directory it was found in, NULL for the root.
 * @name:	Its name there.
 * @info:	Its attributes, just asked for.
 *
 * Context: Process context, may sleep.
 * Return: The inode with a reference, or NULL without memory.
 */
struct inode *vboxsf_inode_get(struct super_block *sb, struct inode *dir, const struct qstr *name,
			       const struct shfl_info *info)
{
	u64 number = vboxsf_inode_number(VBOXSF_SB(sb), dir, name, info);
	struct inode *inode;

	if (info_has_id(info)) {
		inode = iget5_locked(sb, number, inode_test, inode_set, (void *)info);
		if (!inode)
			return NULL;
		if (!(inode->i_state & I_NEW)) {
			vboxsf_inode_update(inode, info, vboxsf_inode_change(inode));
			return inode;
		}
		inode->i_ino = number;
		setup_inode(inode, info);
		vboxsf_inode_update(inode, info, 0);
		unlock_new_inode(inode);
		return inode;
	}

	inode = new_inode(sb);
	if (!inode)
		return NULL;
	inode->i_ino = number;
	setup_inode(inode, info);
	vboxsf_inode_update(inode, info, 0);
	return inode;
}

/**
 * vboxsf_inode_change() - Number of changes this guest made.
 * @inode:	Inode.
 *
 * Context: Any. To be read before the host is asked.
 * Return: For vboxsf_inode_update().
 */
u64 vboxsf_inode_change(struct inode *inode)
{
	return READ_ONCE(VBOXSF_I(inode)->change);
}

/* Take over size and times of a file. Called with the inode's spinlock. */
static void update_content(struct inode *inode, const struct shfl_info *info)
{
	struct vboxsf_inode *vi = VBOXSF_I(inode);
	enum vboxsf_cache cache = VBOXSF_SB(inode->i_sb)->o.cache;
	s64 mtime = le64_to_cpu(info->mtime), ctime = le64_to_cpu(info->ctime);
	u64 size = le64_to_cpu(info->size);
	bool same;

	same = mtime == vi->seen_mtime && size == vi->seen_size &&
	       (ctime == vi->seen_ctime || vi->own_meta);
	/* This guest's own writes change the times, too. */
	if (!same && vi->own_data && cache >= VBOXSF_CACHE_AUTO &&
	    size == i_size_read(inode) && time_before(jiffies, vi->own_time + SETTLE_TIME))
		same = true;
	if (vi->seen && !same && cache != VBOXSF_CACHE_ALWAYS)
		vi->stale++;
	vi->seen = true;
	vi->seen_mtime = mtime;
	vi->seen_ctime = ctime;
	vi->seen_size = size;
	vi->own_data = false;
	vi->own_meta = false;
	if (size != i_size_read(inode))
		i_size_write(inode, min_t(u64, size, inode->i_sb->s_maxbytes));
}

static void update_dir(struct inode *inode, const struct shfl_info *info)
{
	struct vboxsf_inode *vi = VBOXSF_I(inode);
	s64 mtime = le64_to_cpu(info->mtime), ctime = le64_to_cpu(info->ctime);

	if (!vi->seen || mtime != vi->seen_mtime || ctime != vi->seen_ctime)
		vi->version++;
	vi->seen = true;
	vi->seen_mtime = mtime;
	vi->seen_ctime = ctime;
	i_size_write(inode, le64_to_cpu(info->size));
}

/**
 * vboxsf_inode_update() - Take over attributes the host told.
 * @inode:	Inode.
 * @info:	Valid attributes of it.
 * @change:	vboxsf_inode_change() of before they were asked for.
 *
 * Pages of content that is not current any more are marked; vboxsf_drop_stale_pages() drops them.
 *
 * Context: Process context.
 */
void vboxsf_inode_update(struct inode *inode, const struct shfl_info *info, u64 change)
{
	struct vboxsf_sb *sbi = VBOXSF_SB(inode->i_sb);
	struct vboxsf_inode *vi = VBOXSF_I(inode);
	bool dirty = S_ISREG(inode->i_mode) && vboxsf_dirty(inode);

	spin_lock(&vi->lock);
	inode->i_mode = inode_mode(sbi, le32_to_cpu(info->mode));
	inode->i_uid = sbi->o.uid;
	inode->i_gid = sbi->o.gid;
	if (info_has_id(info) && info->nlink)
		set_nlink(inode, le32_to_cpu(info->nlink));
	else if (!info_has_id(info) && S_ISDIR(inode->i_mode))
		set_nlink(inode, 2);
	inode->i_blkbits = 12;
	inode->i_blocks = DIV_ROUND_UP_ULL(le64_to_cpu(info->allocated), 512);
	inode_set_atime_to_ts(inode, ns_to_timespec64(le64_to_cpu(info->atime)));
	if (S_ISREG(inode->i_mode) && (dirty || vi->writers || vi->change != change)) {
		/* The guest's own changes are newer. */
		spin_unlock(&vi->lock);
		return;
	}
	if (S_ISDIR(inode->i_mode))
		update_dir(inode, info);
	else
		update_content(inode, info);
	inode_set_mtime_to_ts(inode, ns_to_timespec64(le64_to_cpu(info->mtime)));
	inode_set_ctime_to_ts(inode, ns_to_timespec64(le64_to_cpu(info->ctime)));
	vi->attr_time = jiffies;
	vi->attr_valid = true;
	spin_unlock(&vi->lock);
}

/**
 * vboxsf_inode_expire() - Attributes are to be asked for before they are used again.
 * @inode:	Inode.
 *
 * Context: Any.
 */
void vboxsf_inode_expire(struct inode *inode)
{
	WRITE_ONCE(VBOXSF_I(inode)->attr_valid, false);
}

/**
 * vboxsf_inode_own_meta() - This guest changed something that shows in the times.
 * @inode:	Inode.
 * @data:	In the modification time, too.
 *
 * Context: Any.
 */
void vboxsf_inode_own_meta(struct inode *inode, bool data)
{
	struct vboxsf_inode *vi = VBOXSF_I(inode);

	spin_lock(&vi->lock);
	vi->own_meta = true;
	vi->own_time = jiffies;
	if (data)
		vi->own_data = true;
	vi->attr_valid = false;
	spin_unlock(&vi->lock);
}

/**
 * vboxsf_inode_write_begin() - This guest is going to change content or size.
 * @inode:	Regular file.
 *
 * Context: Any.
 */
void vboxsf_inode_write_begin(struct inode *inode)
{
	struct vboxsf_inode *vi = VBOXSF_I(inode);

	spin_lock(&vi->lock);
	vi->writers++;
	vi->change++;
	vi->begun++;
	vi->own_time = jiffies;
	vi->attr_valid = false;
	spin_unlock(&vi->lock);
}

/**
 * vboxsf_inode_write_end() - Undo vboxsf_inode_write_begin().
 * @inode:	Regular file.
 *
 * Context: Any.
 */
void vboxsf_inode_write_end(struct inode *inode)
{
	struct vboxsf_inode *vi = VBOXSF_I(inode);

	spin_lock(&vi->lock);
	vi->writers--;
	vi->change++;
	vi->own_data = true;
	vi->own_time = jiffies;
	vi->attr_valid = false;
	spin_unlock(&vi->lock);
}

/**
 * vboxsf_dir_changed() - This guest changed entries of a directory.
 * @dir:	Directory.
 *
 * Context: Process context.
 */
void vboxsf_dir_changed(struct inode *dir)
{
	struct vboxsf_inode *vi = VBOXSF_I(dir);

	spin_lock(&vi->lock);
	vi->version++;
	vi->attr_valid = false;
	spin_unlock(&vi->lock);
}

/**
 * vboxsf_attr_fresh() - May attributes be used without asking?
 * @inode:	Inode.
 *
 * Context: Any.
 * Return: true if so.
 */
bool vboxsf_attr_fresh(struct inode *inode)
{
	struct vboxsf_sb *sbi = VBOXSF_SB(inode->i_sb);
	struct vboxsf_inode *vi = VBOXSF_I(inode);

	return READ_ONCE(vi->attr_valid) &&
	       time_before(jiffies, READ_ONCE(vi->attr_time) + READ_ONCE(sbi->attr_ttl)) &&
	       time_after_eq(READ_ONCE(vi->attr_time), READ_ONCE(sbi->epoch));
}

/**
 * vboxsf_revalidate() - Ask the host for attributes.
 * @inode:	Inode.
 * @dentry:	A name of it, for when it is not open; or NULL.
 *
 * Context: Process context, sleeps; killable.
 * Return: 0; -ESTALE if the name is of something else by now; or another error.
 */
int vboxsf_revalidate(struct inode *inode, struct dentry *dentry)
{
	struct vboxsf_sb *sbi = VBOXSF_SB(inode->i_sb);
	u64 change = vboxsf_inode_change(inode);
	struct vboxsf_handle *handle = NULL;
	struct shfl_info info = {};
	int ret;

	if (S_ISREG(inode->i_mode))
		handle = vboxsf_handle_find(inode, 0);
	if (handle) {
		ret = vboxsf_shfl_info(handle, SHFL_INFO_GET | SHFL_INFO_FILE, &info);
		vboxsf_handle_put(handle);
	} else if (inode->i_nlink && dentry && !d_unlinked(dentry)) {
		ret = vboxsf_shfl_lookup(sbi, dentry, &info);
		if (ret == -ENOENT)
			ret = -ESTALE;
	} else {
		/* Nobody can change it any more, and nobody can tell about it. */
		return 0;
	}
	if (!ret && !vboxsf_inode_same(inode, &info))
		ret = -ESTALE;
	if (ret) {
		if (ret == -ESTALE && dentry)
			vboxsf_entry_expire(dentry);
		return ret;
	}
	vboxsf_inode_update(inode, &info, change);
	return vboxsf_drop_stale_pages(inode);
}

/**
 * vboxsf_getattr() - inode_operations.getattr.
 * @idmap:	Mapping of ids.
 * @path:	What.
 * @stat:	Result.
 * @request_mask: What is wanted.
 * @flags:	AT_STATX_*.
 *
 * Context: Process context, sleeps; killable.
 * Return: 0 or an error.
 */
int vboxsf_getattr(struct vboxsf_idmap *idmap, const struct path *path, struct kstat *stat,
		   u32 request_mask, unsigned int flags)
{
	struct inode *inode = d_inode(path->dentry);
	enum vboxsf_cache cache = VBOXSF_SB(inode->i_sb)->o.cache;
	struct vboxsf_inode *vi = VBOXSF_I(inode);
	bool ask;
	int ret;

	/* Times that will last are those of the host, when all is written. */
	if (S_ISREG(inode->i_mode) && request_mask & (STATX_MTIME | STATX_CTIME) &&
	    !(flags & AT_STATX_DONT_SYNC) && cache < VBOXSF_CACHE_ALWAYS && vboxsf_dirty(inode)) {
		ret = filemap_write_and_wait(inode->i_mapping);
		if (ret == -EINTR)
			return ret;
	}
	/* The walk to here may just have asked. */
	ask = !vboxsf_attr_fresh(inode) &&
	      !(READ_ONCE(vi->checked_by) == current && READ_ONCE(vi->attr_valid));
	WRITE_ONCE(vi->checked_by, NULL);
	if (flags & AT_STATX_FORCE_SYNC)
		ask = true;
	if (flags & AT_STATX_DONT_SYNC)
		ask = false;
	if (ask) {
		ret = vboxsf_revalidate(inode, path->dentry);
		if (ret)
			return ret;
	}
	vboxsf_fillattr(idmap, request_mask, inode, stat);
	if (S_ISREG(inode->i_mode))
		stat->blksize = SZ_64K;
	return 0;
}

static s64 wire_time(struct timespec64 ts)
{
	s64 ns = timespec64_to_ns(&ts);

	/* 0 says that the time is to be left as it is. */
	return ns ? ns : 1;
}

/* Give a file another size. */
static int set_size(struct inode *inode, struct vboxsf_handle *handle, loff_t size)
{
	struct address_space *mapping = inode->i_mapping;
	struct shfl_info info = {};
	loff_t old;
	int ret;

	/* Nothing that is dirty may get lost should the host refuse. */
	ret = filemap_write_and_wait(mapping);
	if (ret == -EINTR)
		return ret;
	filemap_invalidate_lock(mapping);
	vboxsf_inode_write_begin(inode);
	old = i_size_read(inode);
	/*
	 * Pages that go are out of the way before the host is asked, so that none of them is
	 * written behind the new end afterwards.
	 */
	if (size < old)
		truncate_setsize(inode, size);
	info.size = cpu_to_le64(size);
	ret = vboxsf_shfl_info(handle, SHFL_INFO_SET | SHFL_INFO_SIZE, &info);
	if (!ret && size > old) {
		vboxsf_zero_tail(inode, old);
		truncate_setsize(inode, size);
	} else if (ret && size < old) {
		i_size_write(inode, old);
	}
	vboxsf_inode_write_end(inode);
	filemap_invalidate_unlock(mapping);
	if (!ret)
		vboxsf_inode_update(inode, &info, vboxsf_inode_change(inode));
	return ret;
}

static int set_info(struct inode *inode, struct vboxsf_handle *handle, const struct iattr *attr)
{
	struct shfl_info info = {};
	u64 change;
	int ret;

	if (attr->ia_valid & ATTR_MODE)
		info.mode = cpu_to_le32((inode->i_mode & S_IFMT) | (attr->ia_mode & 0777));
	if (attr->ia_valid & ATTR_ATIME)
		info.atime = cpu_to_le64(wire_time(attr->ia_atime));
	if (attr->ia_valid & ATTR_MTIME) {
		info.mtime = cpu_to_le64(wire_time(attr->ia_mtime));
		/* Writing later would change it again. */
		if (S_ISREG(inode->i_mode)) {
			ret = filemap_write_and_wait(inode->i_mapping);
			if (ret)
				return ret;
		}
	}
	change = vboxsf_inode_change(inode);
	vboxsf_inode_own_meta(inode, attr->ia_valid & ATTR_MTIME);
	ret = vboxsf_shfl_info(handle, SHFL_INFO_SET | SHFL_INFO_FILE, &info);
	if (!ret)
		vboxsf_inode_update(inode, &info, change);
	return ret == -EACCES ? -EPERM : ret;
}

/**
 * vboxsf_setattr() - inode_operations.setattr.
 * @idmap:	Mapping of ids.
 * @dentry:	What.
 * @attr:	Changes. Owners stay what the mount options say, without an error, as programs
 *		that copy files expect.
 *
 * Context: Process context with the inode's lock, sleeps; killable.
 * Return: 0 or an error.
 */
int vboxsf_setattr(struct vboxsf_idmap *idmap, struct dentry *dentry, struct iattr *attr)
{
	struct inode *inode = d_inode(dentry);
	struct vboxsf_file *file = NULL;
	struct vboxsf_handle *handle;
	u32 wanted;
	bool idle;
	int ret;

	ret = setattr_prepare(idmap, dentry, attr);
	if (ret)
		return ret;
	if (attr->ia_valid & ATTR_FILE && S_ISREG(inode->i_mode))
		file = attr->ia_file->private_data;
	if (attr->ia_valid & ATTR_SIZE && attr->ia_valid & ATTR_OPEN && file && file->truncated &&
	    !attr->ia_size) {
		/* Opening has done it on the host. */
		vboxsf_inode_write_begin(inode);
		truncate_setsize(inode, 0);
		vboxsf_inode_write_end(inode);
		attr->ia_valid &= ~(ATTR_SIZE | ATTR_MTIME | ATTR_CTIME);
	}
	if (!(attr->ia_valid & (ATTR_SIZE | ATTR_MODE | ATTR_ATIME | ATTR_MTIME)))
		return 0;
	/* The protocol opens no links and no special files. */
	if (!S_ISREG(inode->i_mode) && !S_ISDIR(inode->i_mode)) {
		setattr_copy(idmap, inode, attr);
		return 0;
	}

	wanted = attr->ia_valid & ATTR_SIZE ? SHFL_CF_WRITE : 0;
	handle = S_ISREG(inode->i_mode) ? vboxsf_handle_find(inode, wanted) : NULL;
	idle = S_ISREG(inode->i_mode) && !handle;
	if (idle)
		handle = vboxsf_idle_take(inode);
	if (idle && handle && (handle->flags & wanted) != wanted) {
		vboxsf_handle_put(handle);
		handle = NULL;
	}
	if (!handle)
		handle = vboxsf_handle_open(inode, dentry, wanted | SHFL_CF_ATTR_READ |
					    SHFL_CF_ATTR_WRITE |
					    (S_ISDIR(inode->i_mode) ? SHFL_CF_DIRECTORY : 0));
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	if (attr->ia_valid & ATTR_SIZE) {
		ret = set_size(inode, handle, attr->ia_size);
		/* The host dates that itself. */
		if (!(attr->ia_valid & ATTR_MTIME_SET))
			attr->ia_valid &= ~ATTR_MTIME;
		if (!(attr->ia_valid & ATTR_ATIME_SET))
			attr->ia_valid &= ~ATTR_ATIME;
	}
	if (!ret && attr->ia_valid & (ATTR_MODE | ATTR_ATIME | ATTR_MTIME))
		ret = set_info(inode, handle, attr);
	if (idle)
		vboxsf_idle_put(handle);
	else
		vboxsf_handle_put(handle);
	return ret;
}

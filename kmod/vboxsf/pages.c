// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page cache of files and links: read-ahead, write-back, mappings. Each READ or WRITE carries
 * as many neighbouring pages as a request holds, several are in flight at once.
 *
 * A folio is up to date as a whole or not at all: what a write leaves open is read first, unless it
 * lies behind the end of the file. Reading ahead makes large folios; what is going to be written is
 * broken down to pages before, so that no more of the host's file is replaced than was written.
 * Writes make large folios only of what is new or covered as a whole. So all of a large folio that
 * is dirty comes from this guest, and as long as it has not been sent more can be written to it.
 */
#include <linux/backing-dev.h>
#include <linux/highmem.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/writeback.h>

#include "vboxsf.h"

/* Writes make folios of so many pages where they cover them, or a file grows into them. */
#define WRITE_ORDER	4
#define WRITE_SIZE	(PAGE_SIZE << WRITE_ORDER)
/* A file has so many of them before: what is not filled in the end is a small part of it. */
#define GROWN		4

/* The pages were read, or not. What lies behind the end of the file is zero. */
static void read_end(struct vboxsf_io *io, int error)
{
	size_t valid = io->done;
	u32 i = 0;

	while (i < io->count) {
		struct folio *folio = page_folio(io->pages[i]);

		i += folio_nr_pages(folio);
		if (!error) {
			size_t here = min_t(size_t, valid, folio_size(folio));

			valid -= here;
			if (here < folio_size(folio))
				folio_zero_segment(folio, here, folio_size(folio));
			folio_mark_uptodate(folio);
		}
		folio_unlock(folio);
	}
	vboxsf_io_free(io);
}

static struct vboxsf_io *read_begin(struct inode *inode, struct vboxsf_handle *handle, loff_t pos,
				    u32 max)
{
	struct vboxsf_io *io = vboxsf_io_alloc(max, false);

	if (!io)
		return NULL;
	vboxsf_handle_get(handle);
	io->handle = handle;
	io->inode = inode;
	io->pos = pos;
	io->end = read_end;
	return io;
}

static void io_add_folio(struct vboxsf_io *io, struct folio *folio, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++)
		io->pages[io->count++] = folio_page(folio, i);
}

static void read_submit(struct vboxsf_io *io)
{
	io->length = io->count * PAGE_SIZE;
	vboxsf_io_submit(io);
}

/* The handle to read with: that of the open file, or any. */
static struct vboxsf_handle *read_handle(struct file *file, struct inode *inode)
{
	struct vboxsf_handle *handle = NULL;

	if (file)
		handle = ((struct vboxsf_file *)file->private_data)->handle;
	if (handle && handle->flags & SHFL_CF_READ) {
		vboxsf_handle_get(handle);
		return handle;
	}
	return vboxsf_handle_find(inode, SHFL_CF_READ);
}

static void vboxsf_readahead(struct readahead_control *rac)
{
	struct inode *inode = rac->mapping->host;
	u32 max = VBOXSF_SB(inode->i_sb)->o.io_pages;
	struct vboxsf_handle *handle;
	struct vboxsf_io *io = NULL;
	struct folio *folio;

	handle = read_handle(rac->file, inode);
	/* What is left is unlocked by the caller, and read page by page if needed. */
	if (!handle)
		return;
	while ((folio = readahead_folio(rac))) {
		u32 count = folio_nr_pages(folio);

		if (io && io->count + count > io->max) {
			read_submit(io);
			io = NULL;
		}
		/* What is counted here includes the folio. */
		if (!io)
			io = read_begin(inode, handle, folio_pos(folio),
					max(min_t(u32, readahead_count(rac), max), count));
		if (!io) {
			folio_unlock(folio);
			break;
		}
		io_add_folio(io, folio, count);
	}
	if (io)
		read_submit(io);
	vboxsf_handle_put(handle);
}

static int vboxsf_read_folio(struct file *file, struct folio *folio)
{
	struct inode *inode = folio->mapping->host;
	struct vboxsf_handle *handle = read_handle(file, inode);
	struct vboxsf_io *io = NULL;

	if (handle)
		io = read_begin(inode, handle, folio_pos(folio), folio_nr_pages(folio));
	vboxsf_handle_put(handle);
	if (!io) {
		folio_unlock(folio);
		return handle ? -ENOMEM : -EBADF;
	}
	io_add_folio(io, folio, folio_nr_pages(folio));
	read_submit(io);
	return 0;
}

/**
 * vboxsf_dirty() - Has the page cache anything the host has not?
 * @inode:	Regular file.
 *
 * Context: Any.
 * Return: true if pages are dirty or being written.
 */
bool vboxsf_dirty(struct inode *inode)
{
	return mapping_tagged(inode->i_mapping, PAGECACHE_TAG_DIRTY) ||
	       mapping_tagged(inode->i_mapping, PAGECACHE_TAG_WRITEBACK);
}

static void write_end_io(struct vboxsf_io *io, int error)
{
	u32 i = 0;

	if (error)
		mapping_set_error(io->inode->i_mapping, error);
	while (i < io->count) {
		struct folio *folio = page_folio(io->pages[i]);

		i += folio_nr_pages(folio);
		folio_end_writeback(folio);
	}
	vboxsf_io_free(io);
}

/* State of a pass over dirty pages. */
struct write_pass {
	struct inode *inode;
	struct vboxsf_handle *handle;
	struct vboxsf_io *io;
};

static void write_submit(struct write_pass *pass)
{
	struct vboxsf_io *io = pass->io;

	pass->io = NULL;
	if (io)
		vboxsf_io_submit(io);
}

/* The handle to write with. There may be none: a mapping outlives the last open for writing. */
static int write_handle(struct write_pass *pass)
{
	if (pass->handle)
		return 0;
	pass->handle = vboxsf_handle_find(pass->inode, SHFL_CF_WRITE);
	if (!pass->handle)
		pass->handle = vboxsf_handle_open(pass->inode, NULL, SHFL_CF_READ | SHFL_CF_WRITE);
	if (IS_ERR(pass->handle)) {
		int error = PTR_ERR(pass->handle);

		pass->handle = NULL;
		return error;
	}
	return 0;
}

static int write_folio(struct folio *folio, struct writeback_control *wbc, void *data)
{
	struct write_pass *pass = data;
	u32 max = min(VBOXSF_SB(pass->inode->i_sb)->o.io_pages, VBOXSF_IO_PAGES);
	loff_t size = i_size_read(pass->inode), pos = folio_pos(folio);
	struct vboxsf_io *io = pass->io;
	u32 length, count;
	int error;

	/* Truncated meanwhile. */
	if (pos >= size) {
		folio_unlock(folio);
		return 0;
	}
	length = min_t(loff_t, size - pos, folio_size(folio));
	if (length < folio_size(folio))
		folio_zero_segment(folio, length, folio_size(folio));
	count = DIV_ROUND_UP(length, PAGE_SIZE);

	if (io && (io->count + count > io->max || io->pos + io->length != pos)) {
		write_submit(pass);
		io = NULL;
	}
	if (!io) {
		error = write_handle(pass);
		if (error) {
			mapping_set_error(folio->mapping, error);
			folio_unlock(folio);
			return error;
		}
		io = vboxsf_io_alloc(max(max, count), true);
		vboxsf_handle_get(pass->handle);
		io->handle = pass->handle;
		io->inode = pass->inode;
		io->pos = pos;
		io->write = true;
		io->end = write_end_io;
		pass->io = io;
	}
	io_add_folio(io, folio, count);
	io->length += length;
	folio_start_writeback(folio);
	folio_unlock(folio);
	return 0;
}

#ifdef VBOXSF_HAS_WRITEPAGE_FOLIO
#define write_one	write_folio
#else
static int write_one(struct page *page, struct writeback_control *wbc, void *data)
{
	return write_folio(page_folio(page), wbc, data);
}
#endif

static int vboxsf_writepages(struct address_space *mapping, struct writeback_control *wbc)
{
	struct write_pass pass = { .inode = mapping->host };
	int ret;

	ret = write_cache_pages(mapping, wbc, write_one, &pass);
	write_submit(&pass);
	vboxsf_handle_put(pass.handle);
	return ret;
}

static void write_and_drop(struct address_space *mapping, loff_t pos, size_t length)
{
	filemap_write_and_wait_range(mapping, pos, pos + length - 1);
	invalidate_inode_pages2_range(mapping, pos >> PAGE_SHIFT, (pos + length - 1) >> PAGE_SHIFT);
}

/**
 * vboxsf_break_down() - Have a part of a file in the cache by the page.
 * @inode:	Regular file.
 * @pos:	Where the part starts.
 * @length:	Its bytes.
 *
 * No more large folios are made of the file: who writes to it once will do so again.
 *
 * Context: Process context, sleeps; no folio is locked by the caller.
 */
void vboxsf_break_down(struct inode *inode, loff_t pos, size_t length)
{
	struct address_space *mapping = inode->i_mapping;

	vboxsf_clear_large_folios(mapping);
	write_and_drop(mapping, pos, length);
}

/*
 * A large folio for a file that grows in small pieces, locked; NULL where it does not. It is new
 * memory, and zero: nothing of the file is in it yet. Who syncs each piece is better off with
 * pages.
 */
static struct folio *growing_folio(struct address_space *mapping, loff_t pos)
{
	gfp_t gfp = mapping_gfp_mask(mapping) | __GFP_ZERO | __GFP_NOWARN | __GFP_NORETRY;
	struct folio *folio;
	bool dirty;

	if (!IS_ALIGNED(pos, WRITE_SIZE) || pos < GROWN * WRITE_SIZE ||
	    pos != i_size_read(mapping->host) || !mapping_large_folio_support(mapping))
		return NULL;
	folio = vboxsf_get_folio(mapping, (pos >> PAGE_SHIFT) - 1, 0);
	if (!folio)
		return NULL;
	dirty = folio_test_dirty(folio);
	folio_put(folio);
	folio = dirty ? filemap_alloc_folio(gfp, WRITE_ORDER) : NULL;
	if (!folio)
		return NULL;
	folio_mark_uptodate(folio);
	if (filemap_add_folio(mapping, folio, pos >> PAGE_SHIFT, gfp)) {
		folio_put(folio);
		return NULL;
	}
	return folio;
}

/* All of a locked folio comes from this guest, and nothing of it has been sent. */
static bool unsent(struct folio *folio)
{
	return folio_test_dirty(folio) && !folio_test_writeback(folio);
}

/* Get a page for writing. Returns it locked, and up to date but for what is about to be written. */
static int write_begin_folio(struct file *file, struct address_space *mapping, loff_t pos,
			     unsigned int len, struct folio **foliop)
{
	struct inode *inode = mapping->host;
	bool asked = false, broken = false;
	struct folio *folio;
	size_t from, to;
	int ret;

again:
	folio = growing_folio(mapping, pos);
	if (!folio)
		folio = vboxsf_get_folio(mapping, pos >> PAGE_SHIFT,
					 FGP_LOCK | FGP_WRITE | FGP_CREAT);
	if (!folio)
		return -ENOMEM;
	/* Should it be there again, it is written as a whole. */
	if (folio_test_large(folio) && !unsent(folio) && !broken) {
		loff_t start = folio_pos(folio);
		size_t size = folio_size(folio);

		broken = true;
		folio_unlock(folio);
		folio_put(folio);
		/* Sent while it was being filled: the next one may be luckier. */
		if (pos >= i_size_read(inode))
			write_and_drop(mapping, start, size);
		else
			vboxsf_break_down(inode, start, size);
		goto again;
	}
	*foliop = folio;
	from = offset_in_folio(folio, pos);
	to = from + len;
	if (folio_test_uptodate(folio) || len == folio_size(folio))
		return 0;
	/* Nothing of the file is in the page, or the write covers all of that. */
	if (folio_pos(folio) >= i_size_read(inode) || (!from && pos + len >= i_size_read(inode))) {
		folio_zero_segments(folio, 0, from, to, folio_size(folio));
		return 0;
	}
	if (asked) {
		folio_unlock(folio);
		folio_put(folio);
		return -EIO;
	}
	asked = true;
	ret = vboxsf_read_folio(file, folio);
	if (!ret)
		ret = folio_wait_locked_killable(folio);
	folio_put(folio);
	if (ret)
		return ret;
	goto again;
}

/* Returns what was taken: nothing of a short copy that would leave a hole in the page. */
static int write_end_folio(struct address_space *mapping, loff_t pos, unsigned int len,
			   unsigned int copied, struct folio *folio)
{
	struct inode *inode = mapping->host;

	if (!folio_test_uptodate(folio)) {
		if (copied < len) {
			copied = 0;
			goto out;
		}
		folio_mark_uptodate(folio);
	}
	if (pos + copied > i_size_read(inode))
		i_size_write(inode, pos + copied);
	if (copied)
		folio_mark_dirty(folio);
out:
	folio_unlock(folio);
	folio_put(folio);
	return copied;
}

#ifdef VBOXSF_HAS_WRITE_BEGIN_FOLIO
static int vboxsf_write_begin(struct file *file, struct address_space *mapping, loff_t pos,
			      unsigned int len, struct folio **foliop, void **fsdata)
{
	len = min_t(size_t, len, PAGE_SIZE - offset_in_page(pos));
	return write_begin_folio(file, mapping, pos, len, foliop);
}

static int vboxsf_write_end(struct file *file, struct address_space *mapping, loff_t pos,
			    unsigned int len, unsigned int copied, struct folio *folio,
			    void *fsdata)
{
	return write_end_folio(mapping, pos, len, copied, folio);
}
#else
static int vboxsf_write_begin(struct file *file, struct address_space *mapping, loff_t pos,
			      unsigned int len, struct page **pagep, void **fsdata)
{
	struct folio *folio;
	int ret = write_begin_folio(file, mapping, pos, len, &folio);

	if (!ret)
		*pagep = folio_file_page(folio, pos >> PAGE_SHIFT);
	return ret;
}

static int vboxsf_write_end(struct file *file, struct address_space *mapping, loff_t pos,
			    unsigned int len, unsigned int copied, struct page *page, void *fsdata)
{
	return write_end_folio(mapping, pos, len, copied, page_folio(page));
}
#endif

/**
 * vboxsf_write_large() - Write what covers large folios that are not in the cache.
 * @iocb:	File and position, checked; the latter is advanced.
 * @from:	Data; advanced.
 *
 * Context: Process context with the inode's lock, sleeps.
 * Return: Bytes written; what is left is to be written by the page.
 */
size_t vboxsf_write_large(struct kiocb *iocb, struct iov_iter *from)
{
	struct address_space *mapping = iocb->ki_filp->f_mapping;
	gfp_t gfp = mapping_gfp_mask(mapping) | __GFP_NOWARN | __GFP_NORETRY;
	const size_t size = WRITE_SIZE;
	struct inode *inode = mapping->host;
	size_t written = 0, copied;
	struct folio *folio;

	while (mapping_large_folio_support(mapping) && iov_iter_count(from) >= size &&
	       IS_ALIGNED(iocb->ki_pos, size) && !fatal_signal_pending(current) &&
	       !filemap_range_has_page(mapping, iocb->ki_pos, iocb->ki_pos + size - 1)) {
		folio = filemap_alloc_folio(gfp, WRITE_ORDER);
		if (!folio)
			break;
		/* Nobody sees the folio yet: it cannot be what the data is read from. */
		copied = copy_page_from_iter(folio_page(folio, 0), 0, size, from);
		if (copied == size)
			folio_mark_uptodate(folio);
		if (copied < size ||
		    filemap_add_folio(mapping, folio, iocb->ki_pos >> PAGE_SHIFT, gfp)) {
			iov_iter_revert(from, copied);
			folio_put(folio);
			break;
		}
		iocb->ki_pos += size;
		written += size;
		if (iocb->ki_pos > i_size_read(inode))
			i_size_write(inode, iocb->ki_pos);
		folio_mark_dirty(folio);
		folio_unlock(folio);
		folio_put(folio);
		balance_dirty_pages_ratelimited(mapping);
	}
	return written;
}

/**
 * vboxsf_zero_tail() - Zero what a mapping may have left behind the end of a file.
 * @inode:	Regular file that is about to grow; its lock is held.
 * @from:	Its end.
 *
 * Context: Process context, sleeps.
 */
void vboxsf_zero_tail(struct inode *inode, loff_t from)
{
	struct folio *folio;

	if (!offset_in_page(from))
		return;
	folio = vboxsf_get_folio(inode->i_mapping, from >> PAGE_SHIFT, FGP_LOCK);
	if (!folio)
		return;
	if (folio_test_uptodate(folio))
		folio_zero_segment(folio, offset_in_folio(folio, from), folio_size(folio));
	folio_unlock(folio);
	folio_put(folio);
}

/**
 * vboxsf_drop_stale_pages() - Drop pages of content that the host has replaced.
 * @inode:	Regular file or link.
 *
 * Context: Process context, sleeps; no folio is locked by the caller.
 * Return: 0 or -EINTR.
 */
int vboxsf_drop_stale_pages(struct inode *inode)
{
	struct vboxsf_inode *vi = VBOXSF_I(inode);
	unsigned int stale = READ_ONCE(vi->stale);

	if (!stale)
		return 0;
	/* Pages that are dirty stay: this guest has written them, too. */
	if (inode->i_mapping->nrpages)
		invalidate_inode_pages2(inode->i_mapping);
	spin_lock(&vi->lock);
	if (vi->stale == stale)
		vi->stale = 0;
	spin_unlock(&vi->lock);
	return fatal_signal_pending(current) ? -EINTR : 0;
}

/* Text of a link; the cache holds it as a page. */
static int symlink_read_folio(struct file *file, struct folio *folio)
{
	struct inode *inode = folio->mapping->host;
	struct dentry *dentry = d_find_any_alias(inode);
	char *text = page_address(folio_page(folio, 0));
	int ret = -ESTALE;

	if (dentry)
		ret = vboxsf_shfl_readlink(VBOXSF_SB(inode->i_sb), dentry, text, PAGE_SIZE);
	dput(dentry);
	if (!ret)
		folio_mark_uptodate(folio);
	folio_unlock(folio);
	return ret;
}

const struct address_space_operations vboxsf_file_aops = {
	.readahead = vboxsf_readahead,
	.read_folio = vboxsf_read_folio,
	.writepages = vboxsf_writepages,
	.write_begin = vboxsf_write_begin,
	.write_end = vboxsf_write_end,
	.dirty_folio = filemap_dirty_folio,
	.migrate_folio = filemap_migrate_folio,
};

const struct address_space_operations vboxsf_symlink_aops = {
	.read_folio = symlink_read_folio,
};

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Open files: opening and closing them, reading and writing by the rules of the cache mode,
 * mapping, syncing, copying. The pages themselves are pages.c and direct.c.
 *
 * The name of an open file is file_dentry(): below an overlay, f_path is the overlay's on old
 * kernels.
 *
 * Locks of files (flock, fcntl) are kept in this guest; the protocol has none that work.
 */
#include <linux/pagemap.h>
#include <linux/slab.h>
#include <linux/splice.h>
#include <linux/uio.h>
#include <openhgcm/shfl_ext.h>

#include "vboxsf.h"

/* Bytes the host copies in one call; what a person is ready to wait for who kills the program. */
#define COPY_CHUNK	(64ull * 1024 * 1024)

/* Bytes of one read or write that need not go through the cache. */
#define LARGE		(1024u * 1024)

/**
 * vboxsf_file_alloc() - What an open file keeps.
 * @handle:	Handle; consumed.
 *
 * Context: Process context, may sleep.
 * Return: The file, or NULL.
 */
struct vboxsf_file *vboxsf_file_alloc(struct vboxsf_handle *handle)
{
	struct vboxsf_file *vf = kzalloc(sizeof(*vf), GFP_KERNEL);

	if (!vf) {
		vboxsf_handle_put(handle);
		return NULL;
	}
	mutex_init(&vf->lock);
	vf->handle = handle;
	return vf;
}

/**
 * vboxsf_file_free() - Close what an open file keeps.
 * @vf:		The file's private data.
 *
 * Context: Process context.
 */
void vboxsf_file_free(struct vboxsf_file *vf)
{
	vboxsf_handle_put(vf->other);
	vboxsf_handle_put(vf->handle);
	kfree(vf);
}

/**
 * vboxsf_file_adopt() - Finish opening a file whose handle is there.
 * @inode:	Inode.
 * @file:	File with its private data.
 *
 * Context: Process context.
 * Return: 0.
 */
int vboxsf_file_adopt(struct inode *inode, struct file *file)
{
	file->f_mode |= FMODE_CAN_ODIRECT;
	return 0;
}

/**
 * vboxsf_open_flags() - Access a handle needs for flags of open(2).
 * @inode:	File or its directory.
 * @flags:	O_*.
 *
 * A file that is only written is read, too: the page cache needs the rest of a page.
 *
 * Context: Any.
 * Return: SHFL_CF_*.
 */
u32 vboxsf_open_flags(struct inode *inode, unsigned int flags)
{
	u32 wire = SHFL_CF_READ;

	if ((flags & O_ACCMODE) != O_RDONLY) {
		wire |= SHFL_CF_WRITE;
		/* With cache=always nobody else appends. */
		if (flags & O_APPEND && VBOXSF_SB(inode->i_sb)->o.cache != VBOXSF_CACHE_ALWAYS)
			wire |= SHFL_CF_APPEND;
	}
	return wire;
}

static int vboxsf_open(struct inode *inode, struct file *file)
{
	struct vboxsf_sb *sbi = VBOXSF_SB(inode->i_sb);
	u32 wire = vboxsf_open_flags(inode, file->f_flags), generation;
	u64 change = vboxsf_inode_change(inode);
	struct vboxsf_handle *handle;
	bool truncate = false;
	struct vboxsf_file *vf;
	struct vboxsf_req *req;
	int ret;

	/* Pages that are on their way would arrive after the truncation: then the VFS does it. */
	if (file->f_flags & O_TRUNC && wire & SHFL_CF_WRITE && !vboxsf_dirty(inode))
		truncate = true;

	req = vboxsf_req_alloc();
	if (!req)
		return -ENOMEM;
again:
	ret = vboxsf_req_path(req, sbi, file_dentry(file));
	if (!ret)
		ret = vboxsf_shfl_create(sbi, req, wire | SHFL_CF_FAIL_IF_NEW |
					 (truncate ? SHFL_CF_OVERWRITE_IF_EXISTS : 0), 0,
					 &generation);
	/* A file that may be written but not read. */
	if (ret == -EACCES && wire & SHFL_CF_READ && !(file->f_mode & FMODE_READ)) {
		wire &= ~SHFL_CF_READ;
		goto again;
	}
	/* Gone, or a link or a directory by now: let the VFS look again. */
	if (ret == -ENOENT || ret == -ELOOP || ret == -EISDIR)
		ret = -ESTALE;
	if (!ret && !vboxsf_inode_same(inode, &req->create.info)) {
		vboxsf_handle_abandon(sbi, le64_to_cpu(req->create.handle), generation);
		ret = -ESTALE;
	}
	if (ret) {
		vboxsf_entry_expire(file_dentry(file));
		goto out;
	}
	if (truncate)
		vboxsf_inode_own_meta(inode, true);
	else
		vboxsf_inode_update(inode, &req->create.info, change);
	vboxsf_entry_fresh(file_dentry(file));

	handle = vboxsf_handle_new(inode, le64_to_cpu(req->create.handle), generation,
				   wire & (SHFL_CF_READ | SHFL_CF_WRITE | SHFL_CF_APPEND));
	ret = -ENOMEM;
	if (!handle)
		goto out;
	vf = vboxsf_file_alloc(handle);
	if (!vf)
		goto out;
	vf->truncated = truncate;
	file->private_data = vf;
	vboxsf_file_adopt(inode, file);
	ret = vboxsf_drop_stale_pages(inode);
	if (ret)
		vboxsf_file_free(vf);
out:
	vboxsf_req_free(req);
	return ret;
}

/**
 * vboxsf_file_handle() - The handle for a write.
 * @file:	Open file.
 * @append:	At the end, wherever that is.
 *
 * Files are opened with a handle for what they were opened for; programs may change their mind
 * (F_SETFL).
 *
 * Context: Process context, sleeps; killable.
 * Return: Handle, valid as long as the file is open, or an error pointer.
 */
struct vboxsf_handle *vboxsf_file_handle(struct file *file, bool append)
{
	struct vboxsf_file *vf = file->private_data;
	struct vboxsf_handle *handle = vf->handle;
	u32 flags;

	if (!(handle->flags & SHFL_CF_APPEND) == !append)
		return handle;
	mutex_lock(&vf->lock);
	if (!vf->other) {
		flags = (vf->handle->flags & (SHFL_CF_READ | SHFL_CF_WRITE)) |
			(append ? SHFL_CF_APPEND : 0);
		handle = vboxsf_handle_open(file_inode(file), file_dentry(file), flags);
		if (!IS_ERR(handle))
			vf->other = handle;
	} else {
		handle = vf->other;
	}
	mutex_unlock(&vf->lock);
	return handle;
}

static bool writes_back_at_close(struct inode *inode)
{
	return VBOXSF_SB(inode->i_sb)->o.cache != VBOXSF_CACHE_ALWAYS;
}

/* Bring what was written to the host, and learn what the host makes of its times. */
static void write_back(struct inode *inode, struct vboxsf_handle *handle)
{
	struct address_space *mapping = inode->i_mapping;
	struct vboxsf_inode *vi = VBOXSF_I(inode);
	struct vboxsf_settle *settle = NULL;

	if (!mapping->nrpages)
		return;
	filemap_fdatawrite(mapping);
	if (READ_ONCE(vi->own_data) && inode->i_nlink)
		settle = vboxsf_settle_begin(inode, handle);
	filemap_fdatawait(mapping);
	vboxsf_settle_end(settle);
}

static int vboxsf_flush(struct file *file, fl_owner_t id)
{
	struct vboxsf_file *vf = file->private_data;
	struct inode *inode = file_inode(file);
	errseq_t since = READ_ONCE(file->f_wb_err);

	if (!(file->f_mode & FMODE_WRITE) || !writes_back_at_close(inode))
		return 0;
	write_back(inode, vf->handle);
	return filemap_check_wb_err(file->f_mapping, since);
}

static int vboxsf_release(struct inode *inode, struct file *file)
{
	struct vboxsf_inode *vi = VBOXSF_I(inode);
	struct vboxsf_file *vf = file->private_data;
	struct vboxsf_handle *handle = vf->handle, *keep = NULL;

	if (file->f_mode & FMODE_WRITE) {
		/* What a mapping has written, too: it was unmapped before. */
		if (writes_back_at_close(inode)) {
			write_back(inode, vf->handle);
		} else if (vboxsf_dirty(inode)) {
			spin_lock(&vi->lock);
			if (!vi->keep) {
				keep = handle;
				vboxsf_handle_get(keep);
				vi->keep = keep;
			}
			spin_unlock(&vi->lock);
		}
		if (!keep) {
			vf->handle = NULL;
			vboxsf_idle_put(handle);
		}
	}
	vboxsf_file_free(vf);
	return 0;
}

/* Ask whether the pages are of what the file is now, as the cache mode demands it. */
static int check_content(struct file *file)
{
	struct inode *inode = file_inode(file);
	int ret = 0;

	if (!vboxsf_attr_fresh(inode) && !vboxsf_dirty(inode) &&
	    VBOXSF_SB(inode->i_sb)->o.cache != VBOXSF_CACHE_ALWAYS)
		ret = vboxsf_revalidate(inode, NULL);
	return ret ? ret : vboxsf_drop_stale_pages(inode);
}

static bool wants_direct(const struct kiocb *iocb, const struct iov_iter *iter)
{
	return (iocb->ki_flags & IOCB_DIRECT ||
		VBOXSF_SB(file_inode(iocb->ki_filp)->i_sb)->o.cache == VBOXSF_CACHE_NONE) &&
	       vboxsf_direct_possible(iter);
}

/*
 * A large read of what is not in the cache goes past it, the first time: a program that takes a
 * file in such pieces mostly takes it once. What is read again is cached.
 */
static bool large_read(const struct kiocb *iocb, const struct iov_iter *to)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	struct vboxsf_inode *vi = VBOXSF_I(inode);
	size_t count = iov_iter_count(to);

	return count >= LARGE && vboxsf_direct_possible(to) &&
	       iocb->ki_pos + LARGE <= i_size_read(inode) &&
	       iocb->ki_pos >= READ_ONCE(vi->read_past) &&
	       !filemap_range_has_page(inode->i_mapping, iocb->ki_pos, iocb->ki_pos + count - 1);
}

static ssize_t vboxsf_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct file *file = iocb->ki_filp;
	struct inode *inode = file_inode(file);
	ssize_t ret;

	if (wants_direct(iocb, to))
		return vboxsf_direct_read(iocb, to);
	if (iocb->ki_flags & IOCB_NOWAIT) {
		if (!vboxsf_attr_fresh(inode) || READ_ONCE(VBOXSF_I(inode)->stale))
			return -EAGAIN;
	} else {
		ret = check_content(file);
		if (ret)
			return ret;
		if (large_read(iocb, to)) {
			ret = vboxsf_direct_read(iocb, to);
			if (ret > 0)
				WRITE_ONCE(VBOXSF_I(inode)->read_past, iocb->ki_pos);
			return ret;
		}
	}
	/* Memory that cannot be given to the host goes through the cache. */
	iocb->ki_flags &= ~IOCB_DIRECT;
	return generic_file_read_iter(iocb, to);
}

static ssize_t write_cached(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	loff_t size = i_size_read(inode);
	ssize_t ret, written;

	/* Pages of content that was replaced must not be written over the new one. */
	ret = vboxsf_drop_stale_pages(inode);
	if (ret)
		return ret;
	if (iocb->ki_pos > size)
		vboxsf_zero_tail(inode, size);
	iocb->ki_flags &= ~IOCB_DIRECT;
	ret = file_modified(iocb->ki_filp);
	if (ret)
		return ret;
	written = vboxsf_write_large(iocb, from);
	if (!iov_iter_count(from))
		return written;
	ret = __generic_file_write_iter(iocb, from);
	return ret < 0 && written ? written : written + ret;
}

static ssize_t write_direct(struct kiocb *iocb, struct iov_iter *from)
{
	struct file *file = iocb->ki_filp;
	struct inode *inode = file_inode(file);
	int ret;

	ret = file_modified(file);
	if (ret)
		return ret;
	if (iocb->ki_pos > i_size_read(inode))
		vboxsf_zero_tail(inode, i_size_read(inode));
	return vboxsf_direct_write(iocb, from);
}

static ssize_t vboxsf_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct file *file = iocb->ki_filp;
	struct inode *inode = file_inode(file);
	enum vboxsf_cache cache = VBOXSF_SB(inode->i_sb)->o.cache;
	struct vboxsf_file *vf = file->private_data;
	bool direct;
	ssize_t ret;

	if (iocb->ki_flags & IOCB_NOWAIT)
		return -EAGAIN;
	inode_lock(inode);
	direct = iocb->ki_flags & IOCB_DIRECT || cache <= VBOXSF_CACHE_STRICT ||
		 (iocb->ki_flags & IOCB_APPEND && cache != VBOXSF_CACHE_ALWAYS) ||
		 iov_iter_count(from) >= LARGE ||
		 !(vf->handle->flags & SHFL_CF_READ);
	if (!vboxsf_direct_possible(from))
		direct = false;
	/* Where the end is has to be known, but for appending, which the host does. */
	if (iocb->ki_flags & IOCB_APPEND && !direct) {
		ret = check_content(file);
		if (ret)
			goto unlock;
	}
	ret = generic_write_checks(iocb, from);
	if (ret <= 0)
		goto unlock;
	vboxsf_inode_write_begin(inode);
	ret = direct ? write_direct(iocb, from) : write_cached(iocb, from);
	vboxsf_inode_write_end(inode);
	/* Write-through of what could not be given to the host. */
	if (ret > 0 && !direct && cache <= VBOXSF_CACHE_STRICT) {
		int error = filemap_write_and_wait_range(inode->i_mapping, iocb->ki_pos - ret,
							 iocb->ki_pos - 1);
		if (error)
			ret = error;
	}
unlock:
	inode_unlock(inode);
	if (ret > 0)
		ret = generic_write_sync(iocb, ret);
	return ret;
}

static ssize_t vboxsf_splice_read(struct file *in, loff_t *ppos, struct pipe_inode_info *pipe,
				  size_t len, unsigned int flags)
{
	int ret = check_content(in);

	return ret ? ret : vboxsf_generic_splice_read(in, ppos, pipe, len, flags);
}

static vm_fault_t vboxsf_page_mkwrite(struct vm_fault *vmf)
{
	struct folio *folio = page_folio(vmf->page);

	if (folio_test_large(folio)) {
		vboxsf_break_down(file_inode(vmf->vma->vm_file), folio_pos(folio),
				  folio_size(folio));
		/* The page was unmapped: the fault comes again. */
		return VM_FAULT_NOPAGE;
	}
	return filemap_page_mkwrite(vmf);
}

static const struct vm_operations_struct vboxsf_vm_ops = {
	.fault = filemap_fault,
	.map_pages = filemap_map_pages,
	.page_mkwrite = vboxsf_page_mkwrite,
};

static int vboxsf_mmap(struct file *file, struct vm_area_struct *vma)
{
	int ret = check_content(file);

	if (ret)
		return ret;
	file_accessed(file);
	vma->vm_ops = &vboxsf_vm_ops;
	return 0;
}

static int vboxsf_fsync(struct file *file, loff_t start, loff_t end, int datasync)
{
	struct inode *inode = file_inode(file);
	struct vboxsf_handle *handle;
	int ret, error;

	ret = file_write_and_wait_range(file, start, end);
	handle = vboxsf_handle_find(inode, SHFL_CF_WRITE);
	if (!handle) {
		handle = ((struct vboxsf_file *)file->private_data)->handle;
		vboxsf_handle_get(handle);
	}
	/* A handle that only reads flushes what others have written. */
	if (!ret && !sb_rdonly(inode->i_sb))
		ret = vboxsf_shfl_flush(handle);
	vboxsf_handle_put(handle);
	error = file_check_and_advance_wb_err(file);
	return ret ? ret : error;
}

static loff_t vboxsf_llseek(struct file *file, loff_t offset, int whence)
{
	if (whence == SEEK_END || whence == SEEK_HOLE || whence == SEEK_DATA) {
		int ret = check_content(file);

		if (ret)
			return ret;
	}
	return generic_file_llseek(file, offset, whence);
}

/*
 * VirtualBox's own service mixes the offsets up when they differ; ours, which is known by its
 * extension, does not.
 */
static bool host_copies(struct vboxsf_sb *sbi, loff_t pos_in, loff_t pos_out)
{
	return sbi->last_function >= SHFL_FN_COPY_FILE_PART &&
	       (pos_in == pos_out || sbi->features & SHFL_EXT_FEATURE_CHANGES);
}

/* Called with the lock of the destination's inode. */
static ssize_t copy_on_host(struct file *in, loff_t pos_in, struct file *out, loff_t pos_out,
			    size_t len)
{
	struct inode *from = file_inode(in), *to = file_inode(out);
	struct vboxsf_file *source = in->private_data;
	struct vboxsf_handle *handle = vboxsf_file_handle(out, false);
	u64 copied = min_t(u64, len, COPY_CHUNK);
	ssize_t ret;

	if (IS_ERR(handle))
		return PTR_ERR(handle);
	ret = file_modified(out);
	if (!ret)
		ret = filemap_write_and_wait(from->i_mapping);
	if (!ret)
		ret = filemap_write_and_wait(to->i_mapping);
	if (ret)
		return ret;
	filemap_invalidate_lock(to->i_mapping);
	vboxsf_inode_write_begin(to);
	if (pos_out > i_size_read(to))
		vboxsf_zero_tail(to, i_size_read(to));
	ret = vboxsf_shfl_copy(source->handle, pos_in, handle, pos_out, &copied);
	if (!ret && copied) {
		/* Also the page of the old end, if there is a gap. */
		invalidate_inode_pages2_range(to->i_mapping,
					      min(pos_out, i_size_read(to)) >> PAGE_SHIFT,
					      (pos_out + copied - 1) >> PAGE_SHIFT);
		if (pos_out + copied > i_size_read(to))
			i_size_write(to, pos_out + copied);
	}
	vboxsf_inode_write_end(to);
	filemap_invalidate_unlock(to->i_mapping);
	return ret ? ret : copied;
}

static ssize_t vboxsf_copy_file_range(struct file *in, loff_t pos_in, struct file *out,
				      loff_t pos_out, size_t len, unsigned int flags)
{
	struct inode *from = file_inode(in), *to = file_inode(out);
	ssize_t ret = -EOPNOTSUPP;

	if (from->i_sb == to->i_sb && from != to &&
	    host_copies(VBOXSF_SB(to->i_sb), pos_in, pos_out)) {
		inode_lock(to);
		ret = copy_on_host(in, pos_in, out, pos_out, len);
		inode_unlock(to);
	}
	if (ret == -EOPNOTSUPP || ret == -EXDEV || ret == -EINVAL)
		ret = vboxsf_generic_copy(in, pos_in, out, pos_out, len);
	return ret;
}

const struct file_operations vboxsf_file_fops = {
	.open = vboxsf_open,
	.flush = vboxsf_flush,
	.release = vboxsf_release,
	.llseek = vboxsf_llseek,
	.read_iter = vboxsf_read_iter,
	.write_iter = vboxsf_write_iter,
	.splice_read = vboxsf_splice_read,
	.splice_write = iter_file_splice_write,
	.mmap = vboxsf_mmap,
	.fsync = vboxsf_fsync,
	.copy_file_range = vboxsf_copy_file_range,
	.setlease = simple_nosetlease,
};

const struct inode_operations vboxsf_file_iops = {
	.getattr = vboxsf_getattr,
	.setattr = vboxsf_setattr,
	.permission = vboxsf_permission,
};

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads and writes past the page cache, between the host and the pages of the program: O_DIRECT,
 * all reads and writes with cache=none, writes with cache=strict, and appending writes. Any offset
 * and alignment will do.
 *
 * Several transfers are in flight at once. A program that is killed leaves them behind; they hold
 * its pages until they end.
 */
#include <linux/completion.h>
#include <linux/pagemap.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "vboxsf.h"

/* Transfers in flight for one read or write. */
#define DEPTH	8

/**
 * struct direct - Transfers of a read or write.
 * @ref:	One for each transfer in flight, one for who waits.
 * @pending:	Transfers in flight, and one while they are being started.
 * @done:	Completed when @pending gets 0.
 * @wanted:	Bytes of each transfer.
 * @moved:	Bytes that came or went.
 * @error:	How it ended.
 * @offset:	What the host says the offset is now.
 */
struct direct {
	refcount_t ref;
	atomic_t pending;
	struct completion done;
	u32 wanted[DEPTH];
	u32 moved[DEPTH];
	int error[DEPTH];
	u64 offset;
};

static void direct_put(struct direct *d)
{
	if (refcount_dec_and_test(&d->ref))
		kfree(d);
}

static struct direct *direct_new(void)
{
	struct direct *d = kzalloc(sizeof(*d), GFP_KERNEL);

	if (!d)
		return NULL;
	refcount_set(&d->ref, 1);
	return d;
}

static void direct_end(struct vboxsf_io *io, int error)
{
	struct direct *d = io->private;
	struct inode *inode = io->inode;
	u32 index = io->index;

	vboxsf_release_pages(io->pages, io->count, !io->write && io->done);
	d->moved[index] = io->done;
	d->error[index] = error;
	if (io->write)
		d->offset = io->call.parms[2].u.value64;
	vboxsf_io_free(io);
	if (atomic_dec_and_test(&d->pending))
		complete(&d->done);
	direct_put(d);
	iput(inode);
}

/* Start one transfer with what comes next. Returns its bytes. */
static ssize_t direct_start(struct direct *d, u32 index, struct vboxsf_handle *handle, loff_t pos,
			    struct iov_iter *iter, bool write)
{
	struct inode *inode = handle->inode;
	u32 max = VBOXSF_SB(inode->i_sb)->o.io_pages;
	struct vboxsf_io *io;
	size_t offset;
	ssize_t got;

	max = min_t(size_t, max, iov_iter_npages(iter, max));
	io = vboxsf_io_alloc(max, false);
	if (!io)
		return -ENOMEM;
	got = vboxsf_extract_pages(iter, io->pages, (size_t)max * PAGE_SIZE, max, &offset);
	if (got <= 0) {
		vboxsf_io_free(io);
		return got ? got : -EFAULT;
	}
	vboxsf_handle_get(handle);
	io->handle = handle;
	io->inode = inode;
	io->pos = pos;
	io->length = got;
	io->offset = offset;
	io->count = DIV_ROUND_UP(offset + got, PAGE_SIZE);
	io->write = write;
	io->end = direct_end;
	io->private = d;
	io->index = index;
	d->wanted[index] = got;
	refcount_inc(&d->ref);
	atomic_inc(&d->pending);
	/* For the case that the program is killed and closes the file. */
	ihold(inode);
	vboxsf_io_submit(io);
	return got;
}

/*
 * Transfer the next part. Returns bytes without a gap, or an error if there are none. @end is set
 * when it makes no sense to go on.
 */
static ssize_t direct_part(struct direct *d, struct vboxsf_handle *handle, loff_t pos,
			   struct iov_iter *iter, bool write, bool *end)
{
	u32 depth = write && handle->flags & SHFL_CF_APPEND ? 1 : DEPTH, count = 0, i;
	size_t started = 0, moved = 0;
	ssize_t ret = 0;

	atomic_set(&d->pending, 1);
	init_completion(&d->done);
	while (count < depth && iov_iter_count(iter)) {
		ret = direct_start(d, count, handle, pos + started, iter, write);
		if (ret < 0)
			break;
		started += ret;
		count++;
	}
	if (!atomic_dec_and_test(&d->pending)) {
		if (wait_for_completion_killable(&d->done)) {
			*end = true;
			return -EINTR;
		}
	}
	*end = ret < 0;
	ret = min_t(ssize_t, ret, 0);
	for (i = 0; i < count; i++) {
		moved += d->moved[i];
		if (d->error[i])
			ret = d->error[i];
		if (d->error[i] || d->moved[i] < d->wanted[i]) {
			*end = true;
			break;
		}
	}
	iov_iter_revert(iter, started - moved);
	return moved ? moved : ret;
}

/**
 * vboxsf_direct_possible() - Can the memory of a read or write be given to the host?
 * @iter:	The memory.
 *
 * Context: Any.
 * Return: true if it is a user's.
 */
bool vboxsf_direct_possible(const struct iov_iter *iter)
{
	return user_backed_iter(iter);
}

static ssize_t direct_all(struct vboxsf_handle *handle, loff_t pos, struct iov_iter *iter,
			  bool write, u64 *offset)
{
	struct direct *d = direct_new();
	ssize_t total = 0, ret = 0;
	bool end = false;

	if (!d)
		return -ENOMEM;
	while (!end && iov_iter_count(iter)) {
		ret = direct_part(d, handle, pos + total, iter, write, &end);
		if (ret <= 0)
			break;
		total += ret;
	}
	if (offset)
		*offset = d->offset;
	direct_put(d);
	return total ? total : ret;
}

/**
 * vboxsf_direct_read() - Read past the page cache.
 * @iocb:	File and position; the latter is advanced.
 * @to:		Memory of a user.
 *
 * Context: Process context, sleeps; killable.
 * Return: Bytes, or an error.
 */
ssize_t vboxsf_direct_read(struct kiocb *iocb, struct iov_iter *to)
{
	struct file *file = iocb->ki_filp;
	struct vboxsf_handle *handle = ((struct vboxsf_file *)file->private_data)->handle;
	size_t count = iov_iter_count(to);
	ssize_t ret;

	if (!count)
		return 0;
	if (iocb->ki_flags & IOCB_NOWAIT)
		return -EAGAIN;
	/*
	 * What mappings and others have written comes first; all of it, because the host takes
	 * the file to end where the last page it got does.
	 */
	ret = vboxsf_dirty(file_inode(file)) ? filemap_write_and_wait(file->f_mapping) : 0;
	if (ret)
		return ret;
	ret = direct_all(handle, iocb->ki_pos, to, false, NULL);
	if (ret > 0)
		iocb->ki_pos += ret;
	file_accessed(file);
	return ret;
}

/* Where the file ends after an append, when the host did not say. */
static ssize_t end_of_file(struct vboxsf_handle *handle, u64 *end)
{
	struct shfl_info info = {};
	int ret = vboxsf_shfl_info(handle, SHFL_INFO_GET | SHFL_INFO_FILE, &info);

	if (!ret)
		*end = le64_to_cpu(info.size);
	return ret;
}

/**
 * vboxsf_direct_write() - Write past the page cache.
 * @iocb:	File and position, checked; the latter is advanced. With IOCB_APPEND the host
 *		decides where the end of the file is.
 * @from:	Memory of a user.
 *
 * Context: Process context with the inode's lock, sleeps; killable.
 * Return: Bytes, or an error.
 */
ssize_t vboxsf_direct_write(struct kiocb *iocb, struct iov_iter *from)
{
	bool append = iocb->ki_flags & IOCB_APPEND;
	struct file *file = iocb->ki_filp;
	struct address_space *mapping = file->f_mapping;
	struct inode *inode = mapping->host;
	struct vboxsf_handle *handle;
	loff_t pos = iocb->ki_pos;
	u64 offset;
	ssize_t ret;

	if (iocb->ki_flags & IOCB_NOWAIT)
		return -EAGAIN;
	handle = vboxsf_file_handle(file, append);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	/* Appending depends on all of the file being there. */
	ret = append ? filemap_write_and_wait(mapping) :
		       filemap_write_and_wait_range(mapping, pos, pos + iov_iter_count(from) - 1);
	if (ret)
		return ret;
	ret = direct_all(handle, pos, from, true, &offset);
	if (ret <= 0)
		return ret;
	if (append) {
		if (!(VBOXSF_SB(inode->i_sb)->features & SHFL_FEATURE_WRITE_OFFSET))
			end_of_file(handle, &offset);
		/* Where it ended up; a host that talks nonsense is not believed. */
		if (offset >= ret && offset <= inode->i_sb->s_maxbytes)
			pos = offset - ret;
	}
	if (mapping->nrpages)
		invalidate_inode_pages2_range(mapping, pos >> PAGE_SHIFT,
					      (pos + ret - 1) >> PAGE_SHIFT);
	if (pos + ret > i_size_read(inode)) {
		/* Others appended in between: the page of the old end is not what it was. */
		if (pos > i_size_read(inode) && mapping->nrpages)
			invalidate_inode_pages2_range(mapping,
						      i_size_read(inode) >> PAGE_SHIFT,
						      pos >> PAGE_SHIFT);
		i_size_write(inode, pos + ret);
	}
	iocb->ki_pos = pos + ret;
	return ret;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Handles of the host, and reads and writes of pages through them. All transfers are asynchronous
 * calls with page lists: nothing is copied, and whoever waits can be killed without taking the
 * pages away under the host. Who needs which pages is not decided here (pages.c, direct.c).
 */
#include <linux/backing-dev.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "vboxsf.h"

/* Transfers that can always be made, so that write-back goes on when memory is short. */
#define RESERVE		4
/* How often, and how long, a transfer waits for memory. */
#define RETRIES		200
/* Bytes that the host moves sooner than an interrupt comes. */
#define SHORT_TRANSFER	(64u * 1024)
#define RETRY_MS	10

static mempool_t *io_pool;
static struct workqueue_struct *io_wq;

/**
 * vboxsf_io_init() - Prepare for transfers.
 *
 * Context: Module initialisation.
 * Return: 0 or -ENOMEM.
 */
int vboxsf_io_init(void)
{
	BUILD_BUG_ON(1u << MAX_PAGECACHE_ORDER > VBOXSF_IO_ROOM);
	io_wq = alloc_workqueue("vboxsf", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!io_wq)
		return -ENOMEM;
	io_pool = mempool_create_kmalloc_pool(RESERVE, struct_size((struct vboxsf_io *)NULL, pages,
								   VBOXSF_IO_ROOM));
	if (!io_pool) {
		destroy_workqueue(io_wq);
		return -ENOMEM;
	}
	return 0;
}

/**
 * vboxsf_io_exit() - Undo vboxsf_io_init().
 *
 * Context: Module exit.
 */
void vboxsf_io_exit(void)
{
	mempool_destroy(io_pool);
	destroy_workqueue(io_wq);
}

static void handle_closed(struct vboxsf_call *call, int error)
{
	kfree(container_of(call, struct vboxsf_handle, close));
}

/**
 * vboxsf_handle_new() - Make a handle of what CREATE returned.
 * @inode:	Inode it is of.
 * @id:		Handle of the host; closed if this fails.
 * @generation:	Connection it is of.
 * @flags:	SHFL_CF_READ, _WRITE, _APPEND, _DIRECTORY.
 *
 * Context: Process context, may sleep.
 * Return: The handle, for vboxsf_handle_put(), or NULL.
 */
struct vboxsf_handle *vboxsf_handle_new(struct inode *inode, u64 id, u32 generation, u32 flags)
{
	struct vboxsf_handle *handle = kzalloc(sizeof(*handle), GFP_NOFS);
	struct vboxsf_inode *vi = VBOXSF_I(inode);

	if (!handle) {
		vboxsf_handle_abandon(VBOXSF_SB(inode->i_sb), id, generation);
		return NULL;
	}
	refcount_set(&handle->ref, 1);
	mutex_init(&handle->reopen);
	handle->sbi = VBOXSF_SB(inode->i_sb);
	handle->inode = inode;
	handle->id = id;
	handle->generation = generation;
	handle->flags = flags;
	spin_lock(&vi->lock);
	list_add_tail(&handle->node, &vi->handles);
	spin_unlock(&vi->lock);
	return handle;
}

/**
 * vboxsf_handle_get() - Take another reference.
 * @handle:	Handle.
 *
 * Context: Any.
 */
void vboxsf_handle_get(struct vboxsf_handle *handle)
{
	refcount_inc(&handle->ref);
}

/**
 * vboxsf_handle_close() - Close a handle that nobody has any more, without waiting.
 * @handle:	Handle; gone afterwards. Its inode need not be there any more.
 *
 * Context: Process context.
 */
void vboxsf_handle_close(struct vboxsf_handle *handle)
{
	struct vboxsf_sb *sbi = handle->sbi;
	unsigned int nofs;
	int ret = -EBADF;

	if (handle->generation == READ_ONCE(sbi->generation)) {
		vboxsf_set_u64(&handle->close.parms[1], handle->id);
		handle->close.done = handle_closed;
		handle->close.call.soon = true;
		nofs = memalloc_nofs_save();
		ret = vboxsf_call_start(&handle->close, sbi, SHFL_FN_CLOSE, 2);
		memalloc_nofs_restore(nofs);
	}
	if (ret)
		kfree(handle);
}

/**
 * vboxsf_handle_let_go() - Drop a reference.
 * @handle:	Handle.
 *
 * Context: Any; the inode is alive.
 * Return: true if it was the last one: vboxsf_handle_close() is due.
 */
bool vboxsf_handle_let_go(struct vboxsf_handle *handle)
{
	bool last;

	spin_lock(&VBOXSF_I(handle->inode)->lock);
	last = refcount_dec_and_test(&handle->ref);
	if (last)
		list_del_init(&handle->node);
	spin_unlock(&VBOXSF_I(handle->inode)->lock);
	return last;
}

/**
 * vboxsf_handle_put() - Drop a reference; the last one closes, without waiting.
 * @handle:	Handle or NULL.
 *
 * Context: Process context; the inode is alive.
 */
void vboxsf_handle_put(struct vboxsf_handle *handle)
{
	if (handle && vboxsf_handle_let_go(handle))
		vboxsf_handle_close(handle);
}

/**
 * vboxsf_handle_hide() - Say whether a handle can be found by its inode.
 * @handle:	Handle with a reference of the caller's.
 * @hidden:	It cannot.
 *
 * Context: Any; the inode is alive.
 */
void vboxsf_handle_hide(struct vboxsf_handle *handle, bool hidden)
{
	struct vboxsf_inode *vi = VBOXSF_I(handle->inode);

	spin_lock(&vi->lock);
	list_del_init(&handle->node);
	if (!hidden)
		list_add_tail(&handle->node, &vi->handles);
	spin_unlock(&vi->lock);
}

/**
 * vboxsf_handle_abandon() - Close a handle that nothing was made of.
 * @sbi:	Mount.
 * @id:		Handle of the host.
 * @generation:	Connection it is of.
 *
 * Without memory for that it stays open until the mount ends.
 *
 * Context: Process context, may sleep.
 */
void vboxsf_handle_abandon(struct vboxsf_sb *sbi, u64 id, u32 generation)
{
	struct vboxsf_handle *handle = kzalloc(sizeof(*handle), GFP_NOFS);

	if (!handle)
		return;
	handle->sbi = sbi;
	handle->id = id;
	handle->generation = generation;
	vboxsf_handle_close(handle);
}

/**
 * vboxsf_handle_find() - Find an open handle.
 * @inode:	Inode.
 * @flags:	SHFL_CF_READ or SHFL_CF_WRITE; handles that append are not found with the latter.
 *
 * Context: Any.
 * Return: A handle with a reference, or NULL.
 */
struct vboxsf_handle *vboxsf_handle_find(struct inode *inode, u32 flags)
{
	struct vboxsf_inode *vi = VBOXSF_I(inode);
	u32 unwanted = flags & SHFL_CF_WRITE ? SHFL_CF_APPEND : 0;
	struct vboxsf_handle *handle, *found = NULL;

	spin_lock(&vi->lock);
	list_for_each_entry(handle, &vi->handles, node) {
		if ((handle->flags & flags) != flags || handle->flags & unwanted)
			continue;
		vboxsf_handle_get(handle);
		found = handle;
		break;
	}
	spin_unlock(&vi->lock);
	return found;
}

/* Open a path; only what has the identity of @inode. */
static int open_again(struct inode *inode, struct dentry *dentry, u32 flags, u64 *id,
		      u32 *generation)
{
	struct vboxsf_sb *sbi = VBOXSF_SB(inode->i_sb);
	struct vboxsf_req *req = vboxsf_req_alloc();
	int ret = -ENOMEM;

	if (!req)
		return ret;
	ret = vboxsf_req_path(req, sbi, dentry);
	if (!ret)
		ret = vboxsf_shfl_create(sbi, req, flags | SHFL_CF_FAIL_IF_NEW, 0, generation);
	if (!ret) {
		*id = le64_to_cpu(req->create.handle);
		if (!vboxsf_inode_same(inode, &req->create.info)) {
			vboxsf_handle_abandon(sbi, *id, *generation);
			ret = -ESTALE;
		}
	}
	vboxsf_req_free(req);
	return ret == -ENOENT ? -ESTALE : ret;
}

/**
 * vboxsf_handle_open() - Open an inode that exists.
 * @inode:	Inode.
 * @dentry:	A name of it, or NULL for any.
 * @flags:	SHFL_CF_READ, _WRITE, _APPEND, _ATTR_*, _DIRECTORY.
 *
 * Context: Process context, sleeps; killable.
 * Return: The handle, or an error pointer: -ESTALE if the name is not of this inode any more.
 */
struct vboxsf_handle *vboxsf_handle_open(struct inode *inode, struct dentry *dentry, u32 flags)
{
	struct dentry *alias = dentry ? dget(dentry) : d_find_any_alias(inode);
	struct vboxsf_handle *handle;
	u32 generation;
	u64 id;
	int ret;

	if (!alias)
		return ERR_PTR(-ESTALE);
	ret = d_unlinked(alias) ? -ESTALE : open_again(inode, alias, flags, &id, &generation);
	dput(alias);
	if (ret)
		return ERR_PTR(ret);
	handle = vboxsf_handle_new(inode, id, generation, flags);
	return handle ? handle : ERR_PTR(-ENOMEM);
}

/**
 * vboxsf_handle_reopen() - Open a handle again that the host does not know any more.
 * @handle:	Handle.
 * @before:	The id that turned out to be void.
 *
 * Context: Process context, sleeps; killable.
 * Return: 0, -ESTALE, or another error.
 */
int vboxsf_handle_reopen(struct vboxsf_handle *handle, u64 before)
{
	struct inode *inode = handle->inode;
	struct dentry *alias;
	u32 generation;
	int ret = 0;
	u64 id;

	alias = d_find_any_alias(inode);
	if (!alias || d_unlinked(alias)) {
		dput(alias);
		return -ESTALE;
	}
	mutex_lock(&handle->reopen);
	/* Somebody else may have done it. */
	if (handle->id == before) {
		ret = open_again(inode, alias, handle->flags, &id, &generation);
		if (!ret) {
			WRITE_ONCE(handle->id, id);
			WRITE_ONCE(handle->generation, generation);
		}
	}
	mutex_unlock(&handle->reopen);
	dput(alias);
	return ret;
}

/**
 * struct vboxsf_settle - A question for the times of what was written.
 * @call:	INFORMATION.
 * @ref:	One for the call, one for who waits.
 * @ended:	Completed when the call ends.
 * @error:	How it ended.
 * @handle:	Handle; referenced.
 * @inode:	Inode; referenced.
 * @begun:	vboxsf_inode.begun when it was asked.
 * @info:	The answer.
 */
struct vboxsf_settle {
	struct vboxsf_call call;
	refcount_t ref;
	struct completion ended;
	int error;
	struct vboxsf_handle *handle;
	struct inode *inode;
	unsigned int begun;
	struct shfl_info *info;
};

static void settle_put(struct vboxsf_settle *settle)
{
	if (!refcount_dec_and_test(&settle->ref))
		return;
	vboxsf_handle_put(settle->handle);
	iput(settle->inode);
	kfree(settle->info);
	kfree(settle);
}

static void settled(struct vboxsf_call *call, int error)
{
	struct vboxsf_settle *settle = container_of(call, struct vboxsf_settle, call);

	settle->error = error;
	complete(&settle->ended);
	settle_put(settle);
}

/**
 * vboxsf_settle_begin() - Ask how the host dates what this guest wrote.
 * @inode:	Inode.
 * @handle:	A handle of it.
 *
 * The writes may still be in flight: calls on a handle take effect in the order they are made.
 *
 * Context: Process context of somebody who holds a reference to the inode.
 * Return: For vboxsf_settle_end(); NULL if it could not be asked.
 */
struct vboxsf_settle *vboxsf_settle_begin(struct inode *inode, struct vboxsf_handle *handle)
{
	struct vboxsf_settle *settle = kzalloc(sizeof(*settle), GFP_KERNEL);
	struct vboxsf_handle *writer;

	if (!settle)
		return NULL;
	refcount_set(&settle->ref, 2);
	init_completion(&settle->ended);
	ihold(inode);
	settle->inode = inode;
	/* The one that write-back uses, if there are several. */
	writer = vboxsf_handle_find(inode, SHFL_CF_WRITE);
	if (!writer) {
		vboxsf_handle_get(handle);
		writer = handle;
	}
	settle->handle = writer;
	settle->begun = READ_ONCE(VBOXSF_I(inode)->begun);
	settle->info = kzalloc(sizeof(*settle->info), GFP_KERNEL);
	if (!settle->info || READ_ONCE(writer->generation) != READ_ONCE(writer->sbi->generation))
		goto fail;
	settle->call.done = settled;
	settle->call.call.soon = true;
	vboxsf_set_u64(&settle->call.parms[1], writer->id);
	vboxsf_set_u32(&settle->call.parms[2], SHFL_INFO_GET | SHFL_INFO_FILE);
	vboxsf_set_u32(&settle->call.parms[3], sizeof(*settle->info));
	vboxsf_set_buffer(&settle->call.parms[4], VMMDEV_HGCM_PARM_TYPE_LINADDR_KERNEL,
			  settle->info, sizeof(*settle->info));
	if (!vboxsf_call_start(&settle->call, writer->sbi, SHFL_FN_INFORMATION, 5))
		return settle;
fail:
	refcount_set(&settle->ref, 1);
	settle_put(settle);
	return NULL;
}

/**
 * vboxsf_settle_end() - Wait for the answer, and take it over.
 * @settle:	From vboxsf_settle_begin(), or NULL. Consumed.
 *
 * That makes the pages in the cache count as current the next time the file is opened. It has to be
 * known before the file counts as closed: what somebody else, told by then, does to the file would
 * be taken for this guest's own otherwise.
 *
 * Context: Process context, sleeps; killable.
 */
void vboxsf_settle_end(struct vboxsf_settle *settle)
{
	struct inode *inode;

	if (!settle)
		return;
	inode = settle->inode;
	if (!wait_for_completion_killable(&settle->ended) && !settle->error &&
	    settle->begun == READ_ONCE(VBOXSF_I(inode)->begun) &&
	    vboxsf_info_valid(settle->info) && vboxsf_inode_same(inode, settle->info))
		vboxsf_inode_update(inode, settle->info, vboxsf_inode_change(inode));
	settle_put(settle);
}

static void io_resume(struct work_struct *work);

/**
 * vboxsf_io_alloc() - Memory for a transfer.
 * @max:	Pages it is for.
 * @reserve:	Must succeed; @max is VBOXSF_IO_ROOM at most.
 *
 * Context: Process context, may sleep.
 * Return: The transfer, to be submitted or freed; NULL without memory.
 */
struct vboxsf_io *vboxsf_io_alloc(u32 max, bool reserve)
{
	struct vboxsf_io *io;

	if (reserve)
		io = mempool_alloc(io_pool, GFP_NOFS);
	else
		io = kmalloc(struct_size(io, pages, max), GFP_NOFS | __GFP_NOWARN);
	if (!io)
		return NULL;
	memset(io, 0, sizeof(*io));
	io->max = max;
	io->pooled = reserve;
	INIT_WORK(&io->work, io_resume);
	return io;
}

/**
 * vboxsf_io_free() - Free a transfer.
 * @io:		Transfer that is not in flight.
 *
 * Context: Any.
 */
void vboxsf_io_free(struct vboxsf_io *io)
{
	if (io->pooled)
		mempool_free(io, io_pool);
	else
		kfree(io);
}

/* Pages the host may still use stay what they are: nobody else gets them. */
static void io_keep_pages(struct vboxsf_io *io)
{
	u32 i;

	for (i = 0; i < io->count; i++)
		get_page(io->pages[i]);
}

static void io_end(struct vboxsf_io *io, int error)
{
	struct vboxsf_inode *vi = VBOXSF_I(io->inode);
	struct vboxsf_handle *handle = io->handle;

	if (io->call.call.pages_lost)
		io_keep_pages(io);
	if (io->write) {
		spin_lock(&vi->lock);
		vi->own_data = true;
		vi->own_time = jiffies;
		/* The host dated it: not before now, and not as we did. */
		vi->attr_valid = false;
		vi->change++;
		if (error)
			vi->stale++;
		spin_unlock(&vi->lock);
	}
	/* The inode lives as long as its pages are busy, which is until @end. */
	io->handle = NULL;
	vboxsf_handle_put(handle);
	io->end(io, error);
}

static void io_done(struct vboxsf_call *call, int error)
{
	struct vboxsf_io *io = container_of(call, struct vboxsf_io, call);
	u32 moved = 0;

	if (error == -EBADF && !io->reopened) {
		io->reopened = true;
		io->void_handle = true;
		queue_work(io_wq, &io->work);
		return;
	}
	if (!error) {
		moved = min(call->parms[3].u.value32, io->length);
		io->pos += moved;
		io->length -= moved;
		io->done += moved;
		if (io->write && !moved)
			error = -EIO;
	}
	/* A read that is short has met the end of the file, a write has more to do. */
	if (!error && io->write && io->length)
		queue_work(io_wq, &io->work);
	else
		io_end(io, error == -EBADF ? -EIO : error);
}

static int io_start(struct vboxsf_io *io)
{
	struct vmmdev_hgcm_function_parameter *parms = io->call.parms;
	u32 at = io->offset + io->done;

	if (READ_ONCE(io->handle->generation) != READ_ONCE(io->handle->sbi->generation))
		return -EBADF;
	io->list.pages = io->pages + at / PAGE_SIZE;
	io->list.offset = at % PAGE_SIZE;
	io->call.done = io_done;
	io->call.call.soon = io->length <= SHORT_TRANSFER;
	vboxsf_set_u64(&parms[1], READ_ONCE(io->handle->id));
	vboxsf_set_u64(&parms[2], io->pos);
	vboxsf_set_u32(&parms[3], io->length);
	vboxsf_set_buffer(&parms[4], io->write ? VBG_HGCM_PARM_PAGES_IN : VBG_HGCM_PARM_PAGES_OUT,
			  &io->list, io->length);
	return vboxsf_call_start(&io->call, io->handle->sbi,
				 io->write ? SHFL_FN_WRITE : SHFL_FN_READ, 5);
}

/* Start, and be patient when memory is short: write-back is what frees it. */
static void io_go(struct vboxsf_io *io)
{
	unsigned int nofs = memalloc_nofs_save();
	int tries, ret;

	for (tries = 0;; tries++) {
		ret = io_start(io);
		if (ret == -EBADF && !io->reopened) {
			io->reopened = true;
			ret = vboxsf_handle_reopen(io->handle, READ_ONCE(io->handle->id));
			if (!ret)
				ret = io_start(io);
		}
		if (ret != -ENOMEM || tries >= RETRIES)
			break;
		msleep(RETRY_MS);
	}
	memalloc_nofs_restore(nofs);
	if (ret)
		io_end(io, ret == -EBADF ? -EIO : ret);
}

static void io_resume(struct work_struct *work)
{
	struct vboxsf_io *io = container_of(work, struct vboxsf_io, work);
	struct vboxsf_inode *vi = VBOXSF_I(io->inode);
	unsigned int nofs = memalloc_nofs_save();
	int ret = 0;

	/* This comes behind calls that were made after it was begun. */
	spin_lock(&vi->lock);
	vi->begun++;
	spin_unlock(&vi->lock);
	if (io->void_handle)
		ret = vboxsf_handle_reopen(io->handle, io->call.parms[1].u.value64);
	io->void_handle = false;
	memalloc_nofs_restore(nofs);
	if (ret)
		io_end(io, ret);
	else
		io_go(io);
}

/**
 * vboxsf_io_submit() - Start a transfer.
 * @io:		Transfer; all but the call is filled in. Not to be touched afterwards.
 *
 * Context: Process context, may sleep. @end may run before this returns.
 */
void vboxsf_io_submit(struct vboxsf_io *io)
{
	struct vboxsf_inode *vi = VBOXSF_I(io->inode);

	if (io->write) {
		spin_lock(&vi->lock);
		vi->own_data = true;
		vi->change++;
		vi->begun++;
		spin_unlock(&vi->lock);
	}
	io_go(io);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Handles of files that were just written, kept open for a moment after the last close: programs
 * that unpack or copy set permissions and times next, by name, and would have the file opened again
 * on the host for each.
 *
 * Only with our own host service, which runs where nobody minds that a file is open.
 */
#include <linux/jiffies.h>
#include <openhgcm/shfl_ext.h>

#include "vboxsf.h"

#define IDLE_TIME	(HZ / 20)
#define IDLE_MAX	32

/* Called with the lock. */
static void forget(struct vboxsf_sb *sbi, struct vboxsf_handle *handle)
{
	list_del(&handle->idle_node);
	sbi->idle_count--;
	VBOXSF_I(handle->inode)->idle = NULL;
}

/*
 * Let go of a handle. Called with the lock, which is what keeps its inode: an inode that ends looks
 * here first. What then has to be closed goes to @closing.
 */
static void drop(struct vboxsf_sb *sbi, struct vboxsf_handle *handle, struct list_head *closing)
{
	forget(sbi, handle);
	if (vboxsf_handle_let_go(handle))
		list_add_tail(&handle->idle_node, closing);
}

static void close_all(struct list_head *closing)
{
	struct vboxsf_handle *handle, *next;

	list_for_each_entry_safe(handle, next, closing, idle_node)
		vboxsf_handle_close(handle);
}

static void expire(struct work_struct *work)
{
	struct vboxsf_sb *sbi = container_of(work, struct vboxsf_sb, idle_work.work);
	struct vboxsf_handle *handle, *next;
	LIST_HEAD(closing);
	bool more;

	spin_lock(&sbi->idle_lock);
	list_for_each_entry_safe(handle, next, &sbi->idle, idle_node) {
		if (time_before(jiffies, handle->idle_since + IDLE_TIME))
			break;
		drop(sbi, handle, &closing);
	}
	more = !list_empty(&sbi->idle);
	spin_unlock(&sbi->idle_lock);
	close_all(&closing);
	if (more)
		queue_delayed_work(system_unbound_wq, &sbi->idle_work, IDLE_TIME);
}

/**
 * vboxsf_idle_init() - Prepare a mount.
 * @sbi:	New mount.
 *
 * Context: Any.
 */
void vboxsf_idle_init(struct vboxsf_sb *sbi)
{
	spin_lock_init(&sbi->idle_lock);
	INIT_LIST_HEAD(&sbi->idle);
	INIT_DELAYED_WORK(&sbi->idle_work, expire);
}

/**
 * vboxsf_idle_stop() - End of a mount.
 * @sbi:	Mount whose inodes are gone.
 *
 * Context: Process context, sleeps.
 */
void vboxsf_idle_stop(struct vboxsf_sb *sbi)
{
	cancel_delayed_work_sync(&sbi->idle_work);
}

/**
 * vboxsf_idle_put() - Drop a reference to a handle that may be wanted again at once.
 * @handle:	Handle of a regular file; the reference is consumed. No open file has it any more.
 *
 * Context: Process context; the inode is alive.
 */
void vboxsf_idle_put(struct vboxsf_handle *handle)
{
	struct vboxsf_inode *vi = VBOXSF_I(handle->inode);
	struct vboxsf_sb *sbi = handle->sbi;
	LIST_HEAD(closing);

	if (!(sbi->features & SHFL_EXT_FEATURE_CHANGES) || handle->flags & SHFL_CF_APPEND ||
	    !handle->inode->i_nlink) {
		vboxsf_handle_put(handle);
		return;
	}
	vboxsf_handle_hide(handle, true);
	spin_lock(&sbi->idle_lock);
	if (vi->idle)
		drop(sbi, vi->idle, &closing);
	if (sbi->idle_count >= IDLE_MAX)
		drop(sbi, list_first_entry(&sbi->idle, struct vboxsf_handle, idle_node), &closing);
	vi->idle = handle;
	handle->idle_since = jiffies;
	list_add_tail(&handle->idle_node, &sbi->idle);
	sbi->idle_count++;
	spin_unlock(&sbi->idle_lock);
	close_all(&closing);
	queue_delayed_work(system_unbound_wq, &sbi->idle_work, IDLE_TIME);
}

/**
 * vboxsf_idle_take() - Take the handle back that is kept of a file.
 * @inode:	Regular file.
 *
 * Context: Process context.
 * Return: The handle with its reference, or NULL.
 */
struct vboxsf_handle *vboxsf_idle_take(struct inode *inode)
{
	struct vboxsf_sb *sbi = VBOXSF_SB(inode->i_sb);
	struct vboxsf_inode *vi = VBOXSF_I(inode);
	struct vboxsf_handle *handle;

	spin_lock(&sbi->idle_lock);
	handle = vi->idle;
	if (handle)
		forget(sbi, handle);
	spin_unlock(&sbi->idle_lock);
	if (handle)
		vboxsf_handle_hide(handle, false);
	return handle;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Changes made on the host (openhgcm/shfl_ext.h): inotify and fanotify of this guest report them,
 * and nothing that was cached about them is used any more.
 *
 * The VFS does not tell a file system that somebody wants notifications. But who asks for them
 * needs read permission, without opening: a permission check of that kind is the hint to look,
 * moments later, whether there is a mark. Only inodes with a mark are watched on the host, so trees
 * nobody watches cost nothing. A watch whose marks are gone ends with the next change it reports.
 */
#include <linux/fsnotify.h>
#include <linux/fsnotify_backend.h>
#include <linux/namei.h>
#include <linux/slab.h>
#include <openhgcm/shfl_ext.h>

#include "vboxsf.h"

/* Memory for the records of one WAIT. */
#define BUFFER_ORDER	2
#define BUFFER_SIZE	(PAGE_SIZE << BUFFER_ORDER)

/* How often, and at what distance, a mark is looked for. */
#define HINT_TRIES	5
#define HINT_DELAY	1

/* A WAIT that fails at once is tried again, but less and less often, and not forever. */
#define MAX_FAILURES	10

#define REQUESTOR	(VMMDEV_REQUESTOR_KERNEL | VMMDEV_REQUESTOR_USR_DRV_OTHER | \
			 VMMDEV_REQUESTOR_CON_DONT_KNOW | VMMDEV_REQUESTOR_TRUST_NOT_GIVEN)

/* An inode that may have got a mark. */
struct hint {
	struct delayed_work work;
	struct inode *inode;
	unsigned int tries;
};

static void notify_wait(struct vboxsf_sb *sbi);

static int watch_call(struct vboxsf_sb *sbi, struct inode *inode, u32 *id)
{
	struct vmmdev_hgcm_function_parameter parms[4];
	struct dentry *dentry = d_find_any_alias(inode);
	struct vboxsf_req *req = vboxsf_req_alloc();
	int ret = -ENOMEM, status = 0;

	if (req && dentry)
		ret = vboxsf_req_path(req, sbi, dentry);
	if (!ret) {
		vboxsf_set_path(&parms[1], req);
		vboxsf_set_u32(&parms[2], 0);
		vboxsf_set_u32(&parms[3], 0);
		ret = vboxsf_call_sync(sbi, SHFL_EXT_FN_WATCH, parms, 4, &status);
	}
	if (!ret)
		ret = vboxsf_errno(status);
	if (!ret) {
		*id = parms[3].u.value32;
		ret = *id ? 0 : -EIO;
	}
	vboxsf_req_free(req);
	dput(dentry);
	return ret;
}

static void unwatch_call(struct vboxsf_sb *sbi, u32 id)
{
	struct vmmdev_hgcm_function_parameter parms[2];
	int status;

	vboxsf_set_u32(&parms[1], id);
	vboxsf_call_sync(sbi, SHFL_EXT_FN_UNWATCH, parms, 2, &status);
}

/* Have an inode watched. */
static void watch(struct vboxsf_sb *sbi, struct inode *inode)
{
	struct vboxsf_notify *n = &sbi->notify;
	struct vboxsf_inode *vi = VBOXSF_I(inode);
	u32 id;

	mutex_lock(&n->lock);
	if (n->stopped || vi->watch)
		goto out;
	if (!n->buffer)
		n->buffer = (void *)__get_free_pages(GFP_KERNEL, BUFFER_ORDER);
	if (!n->buffer || watch_call(sbi, inode, &id))
		goto out;
	vi->watch = id;
	ihold(inode);
	list_add(&vi->watch_node, &n->watches);
	/* What changed before the host looked is not reported. */
	vboxsf_inode_expire(inode);
	if (!n->waiting && n->failures <= MAX_FAILURES)
		notify_wait(sbi);
out:
	mutex_unlock(&n->lock);
}

/* Called with the lock. The caller drops the reference. */
static void forget(struct inode *inode)
{
	struct vboxsf_inode *vi = VBOXSF_I(inode);

	vi->watch = 0;
	list_del_init(&vi->watch_node);
}

static void hint_work(struct work_struct *work)
{
	struct hint *hint = container_of(work, struct hint, work.work);
	struct inode *inode = hint->inode;
	struct vboxsf_sb *sbi = VBOXSF_SB(inode->i_sb);

	if (READ_ONCE(inode->i_fsnotify_mask)) {
		watch(sbi, inode);
	} else if (++hint->tries < HINT_TRIES && !READ_ONCE(sbi->notify.stopped)) {
		queue_delayed_work(system_unbound_wq, &hint->work, HINT_DELAY << hint->tries);
		return;
	}
	iput(inode);
	kfree(hint);
	vboxsf_busy_put(sbi);
}

static void give_hint(struct inode *inode)
{
	struct vboxsf_sb *sbi = VBOXSF_SB(inode->i_sb);
	struct hint *hint;

	if (READ_ONCE(VBOXSF_I(inode)->watch) || READ_ONCE(sbi->notify.stopped))
		return;
	hint = kmalloc(sizeof(*hint), GFP_KERNEL);
	if (!hint)
		return;
	ihold(inode);
	hint->inode = inode;
	hint->tries = 0;
	INIT_DELAYED_WORK(&hint->work, hint_work);
	vboxsf_busy_get(sbi);
	queue_delayed_work(system_unbound_wq, &hint->work, HINT_DELAY);
}

/**
 * vboxsf_permission() - inode_operations.permission.
 * @idmap:	Mapping of ids.
 * @inode:	Inode.
 * @mask:	MAY_*.
 *
 * Context: Any that the VFS says by MAY_NOT_BLOCK.
 * Return: 0 or an error.
 */
int vboxsf_permission(struct vboxsf_idmap *idmap, struct inode *inode, int mask)
{
	const int way = MAY_READ | MAY_WRITE | MAY_EXEC | MAY_OPEN | MAY_ACCESS | MAY_CHDIR |
			MAY_NOT_BLOCK;

	if ((mask & way) == MAY_READ &&
	    VBOXSF_SB(inode->i_sb)->features & SHFL_EXT_FEATURE_CHANGES)
		give_hint(inode);
	return generic_permission(idmap, inode, mask);
}

/* These are of the entry itself; inotify reports them with the entry's inode at hand. */
#define ENTRY_EVENTS	(SHFL_CHANGE_MODIFY | SHFL_CHANGE_ATTRIB | SHFL_CHANGE_CLOSE_WRITE)

/* Forget what was known of a file. Who has mapped it does not ask. */
static void file_changed(struct inode *inode, struct dentry *dentry)
{
	vboxsf_inode_expire(inode);
	if (S_ISREG(inode->i_mode) && mapping_mapped(inode->i_mapping) && !vboxsf_dirty(inode))
		vboxsf_revalidate(inode, dentry);
}

/* Something happened to an entry of a directory. Returns it, if it is there. */
static struct dentry *entry_changed(struct inode *dir, struct qstr *name, u32 mask)
{
	struct dentry *parent = d_find_any_alias(dir), *dentry;

	if (mask & ~(ENTRY_EVENTS | SHFL_CHANGE_IS_DIRECTORY))
		vboxsf_dir_changed(dir);
	if (!parent)
		return NULL;
	name->hash = full_name_hash(parent, name->name, name->len);
	dentry = d_lookup(parent, name);
	if (dentry && (d_is_negative(dentry) || !(mask & ENTRY_EVENTS)))
		vboxsf_entry_expire(dentry);
	if (dentry && d_is_positive(dentry))
		file_changed(d_inode(dentry), dentry);
	if (mask & ENTRY_EVENTS && (!dentry || d_is_negative(dentry))) {
		dput(dentry);
		dentry = lookup_one_len_unlocked(name->name, parent, name->len);
		if (IS_ERR(dentry))
			dentry = NULL;
	}
	dput(parent);
	return dentry;
}

/* What inotify's event mask is called in the kernel is the same number. */
static u32 event_mask(u32 change)
{
	return (change & (SHFL_CHANGE_MODIFY | SHFL_CHANGE_ATTRIB | SHFL_CHANGE_CLOSE_WRITE |
			  SHFL_CHANGE_MOVED_FROM | SHFL_CHANGE_MOVED_TO | SHFL_CHANGE_CREATE |
			  SHFL_CHANGE_DELETE | SHFL_CHANGE_MOVE_SELF)) |
	       (change & SHFL_CHANGE_IS_DIRECTORY ? FS_ISDIR : 0);
}

static_assert(SHFL_CHANGE_MODIFY == FS_MODIFY && SHFL_CHANGE_ATTRIB == FS_ATTRIB);
static_assert(SHFL_CHANGE_CLOSE_WRITE == FS_CLOSE_WRITE && SHFL_CHANGE_MOVE_SELF == FS_MOVE_SELF);
static_assert(SHFL_CHANGE_MOVED_FROM == FS_MOVED_FROM && SHFL_CHANGE_MOVED_TO == FS_MOVED_TO);
static_assert(SHFL_CHANGE_CREATE == FS_CREATE && SHFL_CHANGE_DELETE == FS_DELETE);

/* Does somebody watch the directory, so that its records tell of this file, too? */
static bool parent_watched(struct inode *inode)
{
	struct dentry *dentry = d_find_any_alias(inode), *parent;
	bool watched = false;

	if (dentry) {
		parent = dget_parent(dentry);
		watched = parent != dentry && READ_ONCE(VBOXSF_I(d_inode(parent))->watch);
		dput(parent);
		dput(dentry);
	}
	return watched;
}

/* A change of an entry of a watched directory. */
static void entry_event(struct inode *dir, u32 mask, u32 cookie, struct qstr *name)
{
	struct dentry *dentry = entry_changed(dir, name, mask);
	u32 events = event_mask(mask);
	struct inode *inode = dentry && d_is_positive(dentry) ? d_inode(dentry) : NULL;

	if (mask & ENTRY_EVENTS) {
		/* To the marks of the directory with the name, and to those of the file. */
		if (inode)
			fsnotify(events | FS_EVENT_ON_CHILD, inode, FSNOTIFY_EVENT_INODE, dir, name,
				 inode, 0);
	} else if (events & ~FS_ISDIR) {
		fsnotify(events, dir, FSNOTIFY_EVENT_INODE, dir, name, NULL, cookie);
	}
	dput(dentry);
}

/* One change of a watched inode. */
static void changed(struct inode *inode, u32 mask, u32 cookie, struct qstr *name)
{
	u32 events = event_mask(mask);

	if (name->len) {
		entry_event(inode, mask, cookie, name);
		return;
	}
	file_changed(inode, NULL);
	if (events & ~FS_ISDIR && !(mask & ENTRY_EVENTS && parent_watched(inode)))
		fsnotify(events, inode, FSNOTIFY_EVENT_INODE, NULL, NULL, inode, 0);
	if (mask & SHFL_CHANGE_DELETE_SELF) {
		clear_nlink(inode);
		fsnotify_inoderemove(inode);
	}
}

/* Records were lost, or the host forgot everything: nothing is known any more. */
static void overflow(struct vboxsf_sb *sbi)
{
	struct vboxsf_notify *n = &sbi->notify;
	struct vboxsf_inode *vi;
	u32 id;

	WRITE_ONCE(sbi->epoch, jiffies);
	mutex_lock(&n->lock);
	list_for_each_entry(vi, &n->watches, watch_node) {
		vboxsf_dir_changed(&vi->vfs_inode);
		/* The same id, unless the host was restored. */
		if (!n->stopped && !watch_call(sbi, &vi->vfs_inode, &id))
			vi->watch = id;
	}
	mutex_unlock(&n->lock);
}

static struct inode *find_watch(struct vboxsf_sb *sbi, u32 id, bool ignored)
{
	struct vboxsf_notify *n = &sbi->notify;
	struct inode *inode = NULL;
	struct vboxsf_inode *vi;
	u32 done = 0;

	mutex_lock(&n->lock);
	list_for_each_entry(vi, &n->watches, watch_node) {
		if (vi->watch != id)
			continue;
		inode = &vi->vfs_inode;
		ihold(inode);
		/* Nobody is interested any more, or there is nothing left. */
		if (ignored || !READ_ONCE(inode->i_fsnotify_mask)) {
			forget(inode);
			done = id;
		}
		break;
	}
	mutex_unlock(&n->lock);
	if (done && !ignored)
		unwatch_call(sbi, id);
	/* The reference of the list; ours is left. */
	if (done)
		iput(inode);
	return inode;
}

/* Returns bytes of the record, 0 if it makes no sense. */
static u32 take_record(struct vboxsf_sb *sbi, const u8 *at, u32 left)
{
	u32 size, mask, length;
	struct inode *inode;
	char text[NAME_MAX + 1];
	struct qstr name;
	int ret;

	if (left < SHFL_CHANGE_SIZE_MIN)
		return 0;
	size = *(const u32 *)(at + SHFL_CHANGE_OFF_SIZE);
	mask = *(const u32 *)(at + SHFL_CHANGE_OFF_MASK);
	length = *(const u16 *)(at + SHFL_CHANGE_OFF_NAME_LENGTH);
	if (size < SHFL_CHANGE_SIZE_MIN || size > left || size % 8 ||
	    length > size - SHFL_CHANGE_OFF_NAME || length > NAME_MAX)
		return 0;
	if (mask & SHFL_CHANGE_OVERFLOW) {
		overflow(sbi);
		return size;
	}
	ret = vboxsf_name_from_host(sbi, at + SHFL_CHANGE_OFF_NAME, length, text, sizeof(text));
	if (ret < 0 || memchr(text, '/', ret) || memchr(text, 0, ret))
		return size;
	inode = find_watch(sbi, *(const u32 *)(at + SHFL_CHANGE_OFF_WATCH),
			   mask & SHFL_CHANGE_IGNORED);
	if (!inode)
		return size;
	name = (struct qstr)QSTR_INIT(text, ret);
	changed(inode, mask, *(const u32 *)(at + SHFL_CHANGE_OFF_COOKIE), &name);
	iput(inode);
	return size;
}

static void wait_work(struct work_struct *work)
{
	struct vboxsf_sb *sbi = container_of(work, struct vboxsf_sb, notify.work.work);
	struct vboxsf_notify *n = &sbi->notify;
	u32 left = 0, used;
	const u8 *at = n->buffer;

	if (!n->call.error && n->call.vbox_status >= 0) {
		n->failures = 0;
		left = min_t(u32, n->parms[2].u.value32, BUFFER_SIZE);
	} else if (!READ_ONCE(n->stopped)) {
		n->failures++;
		overflow(sbi);
	}
	while (left && !READ_ONCE(n->stopped)) {
		used = take_record(sbi, at, left);
		if (!used)
			break;
		at += used;
		left -= used;
	}
	mutex_lock(&n->lock);
	if (!n->stopped && n->failures <= MAX_FAILURES && !n->waiting)
		notify_wait(sbi);
	mutex_unlock(&n->lock);
}

static void wait_done(struct vbg_hgcm_async *call)
{
	struct vboxsf_sb *sbi = container_of(call, struct vboxsf_sb, notify.call);
	struct vboxsf_notify *n = &sbi->notify;
	unsigned long delay = 0;

	if (call->error || call->vbox_status < 0)
		delay = HZ << min(n->failures, 6u);
	WRITE_ONCE(n->waiting, false);
	queue_delayed_work(system_unbound_wq, &n->work, delay);
	vboxsf_busy_put(sbi);
}

/* Ask the host for changes. Called with the lock. */
static void notify_wait(struct vboxsf_sb *sbi)
{
	struct vboxsf_notify *n = &sbi->notify;
	struct vbg_dev *gdev = vbg_get_gdev();
	int ret;

	if (IS_ERR(gdev))
		return;
	vboxsf_set_u32(&n->parms[0], sbi->root);
	vboxsf_set_buffer(&n->parms[1], VMMDEV_HGCM_PARM_TYPE_LINADDR_KERNEL_OUT, n->buffer,
			  BUFFER_SIZE);
	vboxsf_set_u32(&n->parms[2], 0);
	n->call.done = wait_done;
	WRITE_ONCE(n->waiting, true);
	vboxsf_busy_get(sbi);
	ret = vbg_hgcm_call_async(gdev, REQUESTOR, sbi->client, SHFL_EXT_FN_WAIT_CHANGES, n->parms,
				  3, &n->call);
	vbg_put_gdev(gdev);
	if (ret) {
		WRITE_ONCE(n->waiting, false);
		vboxsf_busy_put(sbi);
	}
}

/**
 * vboxsf_notify_init() - Prepare for changes.
 * @sbi:	New mount.
 *
 * Context: Any.
 */
void vboxsf_notify_init(struct vboxsf_sb *sbi)
{
	mutex_init(&sbi->notify.lock);
	INIT_LIST_HEAD(&sbi->notify.watches);
	INIT_DELAYED_WORK(&sbi->notify.work, wait_work);
}

/**
 * vboxsf_notify_stop() - Let go of all watches.
 * @sbi:	Mount that ends; vboxsf_calls_wait() comes next.
 *
 * Context: Process context, sleeps.
 */
void vboxsf_notify_stop(struct vboxsf_sb *sbi)
{
	struct vboxsf_notify *n = &sbi->notify;
	struct vmmdev_hgcm_function_parameter parms[1];
	struct vboxsf_inode *vi;
	struct vbg_dev *gdev;
	int status;

	mutex_lock(&n->lock);
	n->stopped = true;
	mutex_unlock(&n->lock);
	cancel_delayed_work_sync(&n->work);
	if (READ_ONCE(n->waiting)) {
		/* The host ends the WAIT; one that does not is not waited for. */
		vboxsf_call_sync(sbi, SHFL_EXT_FN_CANCEL_WAIT, parms, 1, &status);
		wait_event_timeout(sbi->calls_wait, !READ_ONCE(n->waiting), HZ);
		gdev = vbg_get_gdev();
		if (!IS_ERR(gdev)) {
			vbg_hgcm_cancel_async(gdev, &n->call);
			vbg_put_gdev(gdev);
		}
		wait_event_timeout(sbi->calls_wait, !READ_ONCE(n->waiting), 10 * HZ);
		cancel_delayed_work_sync(&n->work);
	}
	while (!list_empty(&n->watches)) {
		vi = list_first_entry(&n->watches, struct vboxsf_inode, watch_node);
		forget(&vi->vfs_inode);
		iput(&vi->vfs_inode);
	}
	free_pages((unsigned long)n->buffer, BUFFER_ORDER);
	n->buffer = NULL;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The connection of a mount to the service VBoxSharedFolders: a client of its own, so that the host
 * lets go of everything when the mount ends. A host that forgot the client (the device was reset,
 * the daemon replaced) is connected to again; handles are then opened again when they are used.
 *
 * Asynchronous calls are counted here. They are never cancelled as long as the host lives; when it
 * fell silent, a watchdog ends them, so that nobody waits for pages forever.
 */
#include <linux/jiffies.h>
#include <linux/slab.h>
#include <linux/vbox_utils.h>
#include <openhgcm/shfl_ext.h>

#include "vboxsf.h"

#define REQUESTOR	(VMMDEV_REQUESTOR_KERNEL | VMMDEV_REQUESTOR_USR_DRV_OTHER | \
			 VMMDEV_REQUESTOR_CON_DONT_KNOW | VMMDEV_REQUESTOR_TRUST_NOT_GIVEN)

/* How often calls in flight are looked at, and from which age on. */
#define WATCH_INTERVAL	(3 * HZ)
#define WATCH_AGE	(5 * HZ)
#define PROBE_MS	2000
/* How long calls in flight have, on a host that lives, when an unmount is forced. */
#define FORCE_GRACE	(2 * HZ)

static int raw_call(u32 client, u32 function, u32 timeout_ms,
		    struct vmmdev_hgcm_function_parameter *parms, u32 count, int *status)
{
	struct vbg_dev *gdev = vbg_get_gdev();
	int ret;

	if (IS_ERR(gdev))
		return -EIO;
	ret = vbg_hgcm_call(gdev, REQUESTOR, client, function, timeout_ms, parms, count, status);
	vbg_put_gdev(gdev);
	return ret == -ENODEV ? -EIO : ret;
}

static void disconnect(u32 client)
{
	struct vbg_dev *gdev = vbg_get_gdev();
	int status;

	if (IS_ERR(gdev))
		return;
	vbg_hgcm_disconnect(gdev, REQUESTOR, client, &status);
	vbg_put_gdev(gdev);
}

static int connect(u32 *client, int *status)
{
	struct vmmdev_hgcm_service_location loc = {
		.type = VMMDEV_HGCM_LOC_LOCALHOST_EXISTING,
		.u.localhost.service_name = SHFL_SERVICE,
	};
	struct vbg_dev *gdev = vbg_get_gdev();
	int ret;

	if (IS_ERR(gdev))
		return PTR_ERR(gdev);
	ret = vbg_hgcm_connect(gdev, REQUESTOR, &loc, client, status);
	vbg_put_gdev(gdev);
	return ret;
}

static void query_features(struct vboxsf_sb *sbi, u32 client)
{
	struct vmmdev_hgcm_function_parameter parms[2];
	int status;

	vboxsf_set_u64(&parms[0], 0);
	vboxsf_set_u32(&parms[1], 0);
	sbi->features = 0;
	sbi->last_function = SHFL_LAST_FN_OLD;
	if (!raw_call(client, SHFL_FN_QUERY_FEATURES, U32_MAX, parms, 2, &status) && status >= 0) {
		sbi->features = parms[0].u.value64;
		sbi->last_function = parms[1].u.value32;
	}
}

static int map(struct vboxsf_sb *sbi, u32 client, u32 *root, int *status)
{
	struct vmmdev_hgcm_function_parameter parms[4];
	struct vboxsf_req *req = vboxsf_req_alloc();
	int ret;

	if (!req)
		return -ENOMEM;
	ret = vboxsf_req_text(req, NULL, sbi->share);
	if (!ret) {
		vboxsf_set_path(&parms[0], req);
		vboxsf_set_u32(&parms[1], SHFL_NIL_ROOT);
		vboxsf_set_u32(&parms[2], '/');
		vboxsf_set_u32(&parms[3], 1);
		ret = raw_call(client, SHFL_FN_MAP_FOLDER, U32_MAX, parms, 4, status);
		*root = parms[1].u.value32;
	}
	vboxsf_req_free(req);
	return ret;
}

static u64 query_map_info(struct vboxsf_sb *sbi, u32 client, u32 root)
{
	struct vmmdev_hgcm_function_parameter parms[5];
	struct shfl_string *name, *point;
	u64 info = SHFL_MIF_WRITABLE;
	int status;

	if (sbi->last_function < SHFL_FN_QUERY_MAP_INFO)
		return info;
	name = kzalloc(2 * PAGE_SIZE, GFP_KERNEL);
	if (!name)
		return info;
	point = (void *)name + PAGE_SIZE;
	name->size = cpu_to_le16(PAGE_SIZE - sizeof(*name));
	point->size = name->size;
	vboxsf_set_u32(&parms[0], root);
	vboxsf_set_buffer(&parms[1], VMMDEV_HGCM_PARM_TYPE_LINADDR_KERNEL, name, PAGE_SIZE);
	vboxsf_set_buffer(&parms[2], VMMDEV_HGCM_PARM_TYPE_LINADDR_KERNEL, point, PAGE_SIZE);
	vboxsf_set_u64(&parms[3], 0);
	vboxsf_set_u32(&parms[4], 0);
	if (!raw_call(client, SHFL_FN_QUERY_MAP_INFO, U32_MAX, parms, 5, &status) && status >= 0)
		info = parms[3].u.value64;
	kfree(name);
	return info;
}

/* Name of a share the host offers, as a string; empty if that does not work. */
static void query_map_name(u32 client, u32 root, struct shfl_string *name)
{
	struct vmmdev_hgcm_function_parameter parms[2];
	u32 length;
	int status;

	memset(name, 0, PAGE_SIZE);
	name->size = cpu_to_le16(PAGE_SIZE - sizeof(*name));
	vboxsf_set_u32(&parms[0], root);
	vboxsf_set_buffer(&parms[1], VMMDEV_HGCM_PARM_TYPE_LINADDR_KERNEL, name, PAGE_SIZE);
	if (raw_call(client, SHFL_FN_QUERY_MAP_NAME, U32_MAX, parms, 2, &status) || status < 0) {
		name->text[0] = 0;
		return;
	}
	length = min_t(u32, le16_to_cpu(name->length), SHFL_MAX_NAME);
	name->text[length] = 0;
}

/* Say which shares there are; the person who mounts probably wanted one of them. */
static void explain_no_share(struct vboxsf_sb *sbi, u32 client, struct fs_context *fc)
{
	struct vmmdev_hgcm_function_parameter parms[3];
	struct shfl_mapping *mappings;
	struct shfl_string *name;
	char *list, *at, *end;
	u32 i, count;
	int status;

	list = kzalloc(3 * PAGE_SIZE, GFP_KERNEL);
	if (!list)
		return;
	at = list;
	end = list + 512;
	name = (void *)list + PAGE_SIZE;
	mappings = (void *)list + 2 * PAGE_SIZE;

	vboxsf_set_u32(&parms[0], SHFL_MF_UTF8);
	vboxsf_set_u32(&parms[1], SHFL_MAX_MAPPINGS);
	vboxsf_set_buffer(&parms[2], VMMDEV_HGCM_PARM_TYPE_LINADDR_KERNEL_OUT, mappings,
			  SHFL_MAX_MAPPINGS * sizeof(*mappings));
	count = 0;
	if (!raw_call(client, SHFL_FN_QUERY_MAPPINGS, U32_MAX, parms, 3, &status) && status >= 0)
		count = min_t(u32, parms[1].u.value32, SHFL_MAX_MAPPINGS);
	for (i = 0; i < count; i++) {
		query_map_name(client, le32_to_cpu(mappings[i].root), name);
		if (!name->text[0])
			continue;
		if (at + strlen(name->text) + 8 > end) {
			at += scnprintf(at, 8, ", ...");
			break;
		}
		at += scnprintf(at, end - at, "%s%s", at == list ? "" : ", ", name->text);
	}
	if (at == list)
		errorf(fc, "vboxsf: share '%s' does not exist; the host offers none", sbi->share);
	else
		errorf(fc, "vboxsf: share '%s' does not exist; the host offers: %s", sbi->share,
		       list);
	kfree(list);
}

/* What a failed connect means to the person who mounts. */
static int explain_no_service(struct fs_context *fc, int ret, int status)
{
	if (ret == -ENODEV)
		errorf(fc, "vboxsf: no VMMDev device; is this a VirtualBox or OpenHGCM machine?");
	else if (ret)
		errorf(fc, "vboxsf: the host does not answer");
	else if (status == SHFL_VERR_NO_SUCH_SERVICE)
		errorf(fc, "vboxsf: the host does not run the shared folder service");
	else
		errorf(fc, "vboxsf: the host refuses the connection (status %d)", status);
	return ret ? ret : -EHOSTDOWN;
}

/*
 * Connect and map the share. Called with the client lock, or before the mount is
 * known to anybody. @fc is NULL when this is not the first time.
 */
static int client_open(struct vboxsf_sb *sbi, struct fs_context *fc)
{
	u32 client, root;
	int ret, status;

	ret = connect(&client, &status);
	if (ret || status < 0)
		return fc ? explain_no_service(fc, ret, status) : -EIO;

	query_features(sbi, client);
	ret = raw_call(client, SHFL_FN_SET_UTF8, U32_MAX, NULL, 0, &status);
	if (!ret)
		ret = vboxsf_errno(status);
	if (!ret && !vboxsf_follow_symlinks) {
		ret = raw_call(client, SHFL_FN_SET_SYMLINKS, U32_MAX, NULL, 0, &status);
		if (!ret && status < 0 && fc)
			warnf(fc, "vboxsf: the host follows symbolic links itself");
	}
	if (ret)
		goto fail;

	ret = map(sbi, client, &root, &status);
	if (ret)
		goto fail;
	if (status < 0) {
		ret = status == VERR_FILE_NOT_FOUND ? -ENXIO : vboxsf_errno(status);
		if (fc && ret == -ENXIO)
			explain_no_share(sbi, client, fc);
		else if (fc && status == SHFL_VERR_INVALID_CONFIG)
			errorf(fc, "vboxsf: share '%s' is in use with case-insensitive names",
			       sbi->share);
		else if (fc)
			errorf(fc, "vboxsf: the host refuses share '%s' (status %d)", sbi->share,
			       status);
		goto fail;
	}
	sbi->map_info = query_map_info(sbi, client, root);
	sbi->client = client;
	sbi->root = root;
	sbi->connected = true;
	WRITE_ONCE(sbi->generation, sbi->generation + 1);
	return 0;

fail:
	disconnect(client);
	return ret;
}

/**
 * vboxsf_client_start() - Connect a mount.
 * @sbi:	Mount.
 * @fc:		Where to say what is wrong.
 *
 * Context: Process context, sleeps.
 * Return: 0; -ENODEV without a device, -EHOSTDOWN without the service, -ENXIO without the share, or
 * another error.
 */
int vboxsf_client_start(struct vboxsf_sb *sbi, struct fs_context *fc)
{
	return client_open(sbi, fc);
}

/**
 * vboxsf_client_stop() - Disconnect a mount.
 * @sbi:	Mount without calls in flight.
 *
 * Context: Process context, sleeps.
 */
void vboxsf_client_stop(struct vboxsf_sb *sbi)
{
	cancel_delayed_work_sync(&sbi->watchdog);
	if (sbi->connected)
		disconnect(sbi->client);
	sbi->connected = false;
}

/**
 * vboxsf_client_again() - Connect once more, to a host that forgot the client.
 * @sbi:	Mount.
 * @generation:	Connection that turned out not to work.
 *
 * Context: Process context, sleeps.
 * Return: 0 if there is a newer connection, else an error.
 */
int vboxsf_client_again(struct vboxsf_sb *sbi, u32 generation)
{
	int ret = 0;

	mutex_lock(&sbi->client_lock);
	if (sbi->generation == generation) {
		ret = client_open(sbi, NULL);
		if (!ret)
			pr_info("vboxsf: connected to share '%s' again\n", sbi->share);
	}
	mutex_unlock(&sbi->client_lock);
	return ret;
}

/**
 * vboxsf_call_sync() - Call the service and wait.
 * @sbi:	Mount.
 * @function:	SHFL_FN_*.
 * @parms:	Parameters; the first one is the root, and set here.
 * @count:	Number of parameters.
 * @status:	Where the host's answer is stored.
 *
 * Context: Process context, sleeps; a fatal signal ends the wait.
 * Return: 0 with @status, -EBADF if the connection was renewed (handles are void), -EINTR, -ENOMEM,
 * -EIO (the host does not answer).
 */
int vboxsf_call_sync(struct vboxsf_sb *sbi, u32 function,
		     struct vmmdev_hgcm_function_parameter *parms, u32 count, int *status)
{
	u32 generation = READ_ONCE(sbi->generation);
	int ret;

	vboxsf_set_u32(&parms[0], sbi->root);
	ret = raw_call(sbi->client, function, U32_MAX, parms, count, status);
	if (ret || *status != SHFL_VERR_NO_CLIENT)
		return ret;
	ret = vboxsf_client_again(sbi, generation);
	return ret ? ret : -EBADF;
}

/**
 * vboxsf_busy_get() - Something goes on that unmounting has to wait for.
 * @sbi:	Mount.
 *
 * Context: Any.
 */
void vboxsf_busy_get(struct vboxsf_sb *sbi)
{
	atomic_inc(&sbi->call_count);
}

/**
 * vboxsf_busy_put() - It is over.
 * @sbi:	Mount; not to be touched afterwards.
 *
 * Context: Process context.
 */
void vboxsf_busy_put(struct vboxsf_sb *sbi)
{
	/* The wake-up is under the lock so that the mount lives until it is done. */
	spin_lock(&sbi->calls_lock);
	if (atomic_dec_and_test(&sbi->call_count))
		wake_up_all(&sbi->calls_wait);
	spin_unlock(&sbi->calls_lock);
}

static void call_over(struct vboxsf_call *call, int error)
{
	struct vboxsf_sb *sbi = call->sbi;

	spin_lock(&sbi->calls_lock);
	list_del_init(&call->node);
	spin_unlock(&sbi->calls_lock);
	call->done(call, error);
	vboxsf_busy_put(sbi);
}

static void call_done(struct vbg_hgcm_async *async)
{
	struct vboxsf_call *call = container_of(async, struct vboxsf_call, call);
	int error = async->error;

	if (!error && async->vbox_status == SHFL_VERR_NO_CLIENT)
		error = -EBADF;
	else if (!error)
		error = vboxsf_errno(async->vbox_status);
	else if (error == -ECANCELED || error == -ENODEV)
		error = -EIO;
	call_over(call, error);
}

/* From now on there is somebody who looks after it. */
static void call_enlist(struct vboxsf_call *call, bool left)
{
	struct vboxsf_sb *sbi = call->sbi;

	call->start = jiffies;
	call->given_up = false;
	call->left = left;
	vboxsf_busy_get(sbi);
	spin_lock(&sbi->calls_lock);
	list_add_tail(&call->node, &sbi->calls);
	spin_unlock(&sbi->calls_lock);
	if (!delayed_work_pending(&sbi->watchdog))
		queue_delayed_work(system_unbound_wq, &sbi->watchdog, WATCH_INTERVAL);
}

/**
 * vboxsf_call_left() - Who waited for a call does so no more.
 * @call:	Call of vboxsf_call_or_leave(), which is being left.
 *
 * Context: Process context.
 */
void vboxsf_call_left(struct vboxsf_call *call)
{
	call_enlist(call, true);
}

/**
 * vboxsf_call_or_leave() - Call the service and wait; have the answer even when killed.
 * @call:	The call; @done, @call.leave and @parms but the first are set. Valid until this
 *		returns or, if @call.leave was called, until @done.
 * @sbi:	Mount.
 * @function:	SHFL_FN_*.
 * @count:	Number of parameters.
 * @status:	Where the host's answer is stored.
 *
 * Context: Process context, sleeps; a fatal signal ends the wait.
 * Return: As vboxsf_call_sync(); -EINTR if @call.leave was called.
 */
int vboxsf_call_or_leave(struct vboxsf_call *call, struct vboxsf_sb *sbi, u32 function, u32 count,
			 int *status)
{
	u32 generation = READ_ONCE(sbi->generation);
	struct vbg_dev *gdev = vbg_get_gdev();
	int ret;

	if (IS_ERR(gdev))
		return -EIO;
	call->sbi = sbi;
	call->call.done = call_done;
	vboxsf_set_u32(&call->parms[0], sbi->root);
	ret = vbg_hgcm_call_or_leave(gdev, REQUESTOR, sbi->client, function, call->parms, count,
				     &call->call, status);
	vbg_put_gdev(gdev);
	if (ret || *status != SHFL_VERR_NO_CLIENT)
		return ret == -ENODEV ? -EIO : ret;
	ret = vboxsf_client_again(sbi, generation);
	return ret ? ret : -EBADF;
}

/**
 * vboxsf_call_start() - Start an asynchronous call.
 * @call:	The call; @done and @parms but the first are set. Valid until @done.
 * @sbi:	Mount.
 * @function:	SHFL_FN_*.
 * @count:	Number of parameters.
 *
 * Context: Process context; allocates with what the task's scope allows. @done may run before this
 * returns.
 * Return: 0 if @done was or will be called, else an error without it.
 */
int vboxsf_call_start(struct vboxsf_call *call, struct vboxsf_sb *sbi, u32 function, u32 count)
{
	struct vbg_dev *gdev = vbg_get_gdev();
	int ret;

	call->call.pages_lost = false;
	if (IS_ERR(gdev))
		return -EIO;
	call->sbi = sbi;
	call->call.done = call_done;
	vboxsf_set_u32(&call->parms[0], sbi->root);
	call_enlist(call, false);

	ret = vbg_hgcm_call_async(gdev, REQUESTOR, sbi->client, function, call->parms, count,
				  &call->call);
	vbg_put_gdev(gdev);
	if (!ret)
		return 0;

	spin_lock(&sbi->calls_lock);
	list_del_init(&call->node);
	spin_unlock(&sbi->calls_lock);
	vboxsf_busy_put(sbi);
	return ret == -ENODEV ? -EIO : ret;
}

/* Does the host take requests at all? */
static bool host_lives(struct vboxsf_sb *sbi)
{
	struct vmmdev_hgcm_function_parameter parms[2];
	int status;

	vboxsf_set_u64(&parms[0], 0);
	vboxsf_set_u32(&parms[1], 0);
	return raw_call(sbi->client, SHFL_FN_QUERY_FEATURES, PROBE_MS, parms, 2, &status) != -EIO;
}

/* A call that was started before, and nobody has given up yet. Called with the lock. */
static struct vboxsf_call *call_before(struct vboxsf_sb *sbi, unsigned long before, bool left)
{
	struct vboxsf_call *call;

	list_for_each_entry(call, &sbi->calls, node) {
		if (!call->given_up && !time_after(call->start, before) && (call->left || !left))
			return call;
	}
	return NULL;
}

/* End asynchronous calls in flight, or of those the ones that were left. */
static void cancel_before(struct vboxsf_sb *sbi, unsigned long before, bool left)
{
	struct vbg_dev *gdev = vbg_get_gdev();
	struct vboxsf_call *call;

	if (IS_ERR(gdev))
		return;
	for (;;) {
		spin_lock(&sbi->calls_lock);
		call = call_before(sbi, before, left);
		if (call)
			call->given_up = true;
		spin_unlock(&sbi->calls_lock);
		if (!call)
			break;
		/* Only the address is used to find it, so it may be gone. */
		vbg_hgcm_cancel_async(gdev, &call->call);
	}
	vbg_put_gdev(gdev);
}

/**
 * vboxsf_calls_cancel_left() - End the calls that nobody waits for any more.
 * @sbi:	Mount that ends: the host lets go of what they bring.
 *
 * Context: Process context, sleeps.
 */
void vboxsf_calls_cancel_left(struct vboxsf_sb *sbi)
{
	cancel_before(sbi, jiffies, true);
}

/**
 * vboxsf_calls_give_up() - End the calls in flight.
 * @sbi:	Mount whose unmount is forced.
 *
 * The host goes on using the pages of a read or write after it has confirmed a cancel: they have to
 * be kept for good. So on a host that lives calls have a moment to end by themselves.
 *
 * Context: Process context, sleeps; killable.
 */
void vboxsf_calls_give_up(struct vboxsf_sb *sbi)
{
	unsigned long before = jiffies, end;
	bool any;

	if (!atomic_read(&sbi->call_count))
		return;
	if (!host_lives(sbi)) {
		cancel_before(sbi, jiffies, false);
		return;
	}
	for (end = jiffies + FORCE_GRACE; time_before(jiffies, end);) {
		spin_lock(&sbi->calls_lock);
		any = call_before(sbi, before, false);
		spin_unlock(&sbi->calls_lock);
		if (!any || schedule_timeout_killable(1) || fatal_signal_pending(current))
			break;
	}
	cancel_before(sbi, before, false);
}

static void watch_calls(struct work_struct *work)
{
	struct vboxsf_sb *sbi = container_of(work, struct vboxsf_sb, watchdog.work);
	struct vboxsf_call *call;
	bool any, old;

	spin_lock(&sbi->calls_lock);
	call = list_first_entry_or_null(&sbi->calls, struct vboxsf_call, node);
	any = call;
	old = call && time_after(jiffies, call->start + WATCH_AGE);
	spin_unlock(&sbi->calls_lock);

	if (old && !host_lives(sbi)) {
		pr_warn_ratelimited("vboxsf: share '%s': the host does not answer\n", sbi->share);
		cancel_before(sbi, jiffies, false);
	}
	if (any)
		queue_delayed_work(system_unbound_wq, &sbi->watchdog, WATCH_INTERVAL);
}

/**
 * vboxsf_calls_init() - Prepare for asynchronous calls.
 * @sbi:	New mount.
 *
 * Context: Any.
 */
void vboxsf_calls_init(struct vboxsf_sb *sbi)
{
	spin_lock_init(&sbi->calls_lock);
	INIT_LIST_HEAD(&sbi->calls);
	atomic_set(&sbi->call_count, 0);
	init_waitqueue_head(&sbi->calls_wait);
	INIT_DELAYED_WORK(&sbi->watchdog, watch_calls);
}

/**
 * vboxsf_calls_wait() - Wait until no asynchronous call is in flight.
 * @sbi:	Mount.
 *
 * Context: Process context, sleeps. The watchdog bounds it when the host is gone.
 */
void vboxsf_calls_wait(struct vboxsf_sb *sbi)
{
	wait_event(sbi->calls_wait, !atomic_read(&sbi->call_count));
	/* Let the one who woke us finish. */
	spin_lock(&sbi->calls_lock);
	spin_unlock(&sbi->calls_lock);
}

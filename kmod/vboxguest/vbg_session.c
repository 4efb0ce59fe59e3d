// SPDX-License-Identifier: GPL-2.0-only
/*
 * What belongs to an open file: its HGCM clients, its event filter, its guest
 * capabilities; and what the host is told of all sessions together. How a file
 * is opened is vbg_chardev.c's business.
 */
#include <linux/err.h>
#include <linux/slab.h>

#include "vbg_core.h"

/* Slot of a client that is being connected or disconnected. */
#define VBG_CLIENT_BUSY		((struct vbg_client *)ERR_PTR(-EBUSY))

/**
 * vbg_session_create() - Create the session of an open file.
 * @gdev:	Device; referenced by the session.
 * @requestor:	VMMDEV_REQUESTOR_* word of the opener.
 * @user_device: Opened through the unprivileged node.
 *
 * Context: Process context.
 * Return: The session, or an ERR_PTR with -ENOMEM.
 */
struct vbg_session *vbg_session_create(struct vbg_dev *gdev, u32 requestor, bool user_device)
{
	struct vbg_session *session = kzalloc(sizeof(*session), GFP_KERNEL_ACCOUNT);

	if (!session)
		return ERR_PTR(-ENOMEM);
	session->gdev = gdev;
	session->requestor = requestor;
	session->user_device = user_device;
	mutex_init(&session->lock);
	session->mouse_moves = READ_ONCE(gdev->events.mouse_moves);
	vbg_dev_get(gdev);

	mutex_lock(&gdev->ctl_lock);
	list_add_tail(&session->node, &gdev->sessions);
	mutex_unlock(&gdev->ctl_lock);
	return session;
}

/**
 * vbg_session_drop_clients() - Disconnect all clients of a session.
 * @session:	Session without a running ioctl.
 * @host_forgot: The host was reset and knows none of them.
 *
 * Stops asking a host that lets a disconnect time out: what is in flight goes on
 * alone, and the rest is dropped.
 *
 * Context: Process context, sleeps.
 */
void vbg_session_drop_clients(struct vbg_session *session, bool host_forgot)
{
	int i, ret, status;

	for (i = 0; i < VBG_SESSION_CLIENTS; i++) {
		struct vbg_client *client = session->clients[i];

		if (IS_ERR_OR_NULL(client))
			continue;
		session->clients[i] = NULL;
		if (host_forgot) {
			vbg_client_forget(client);
			continue;
		}
		ret = vbg_client_disconnect(client, VBG_REQUESTOR_DRIVER, &status);
		if (!ret && status < 0)
			vbg_client_forget(client);
		if (ret == -EIO || ret == -ETIMEDOUT)
			host_forgot = true;
	}
}

/**
 * vbg_session_destroy() - Close a session.
 * @session:	Session without a running ioctl; freed.
 *
 * Context: Process context, sleeps. Needs no memory.
 */
void vbg_session_destroy(struct vbg_session *session)
{
	struct vbg_dev *gdev = session->gdev;
	bool active = vbg_dev_enter(gdev);

	if (active) {
		vbg_session_acquire_caps(session, 0, VBG_CAP_VALID_MASK, false);
		vbg_session_set_caps(session, 0, VBG_CAP_VALID_MASK, NULL, NULL);
		vbg_session_filter(session, 0, VBG_EVENT_VALID_MASK);
		vbg_session_set_mouse(session, 0);
	}

	/*
	 * After this, removal does not look at the session any more. If it has
	 * begun, it waits for the lock, or has taken the clients away already.
	 */
	mutex_lock(&gdev->ctl_lock);
	list_del(&session->node);
	if (!active)
		vbg_session_drop_clients(session, false);
	mutex_unlock(&gdev->ctl_lock);

	if (active) {
		vbg_session_drop_clients(session, false);
		vbg_dev_leave(gdev);
	}
	vbg_dev_put(gdev);
	kfree(session);
}

/* Index of the client with @id, or -EINVAL. Called with the session's lock held. */
static int vbg_session_find(struct vbg_session *session, u32 id)
{
	int i;

	for (i = 0; i < VBG_SESSION_CLIENTS; i++) {
		if (!IS_ERR_OR_NULL(session->clients[i]) &&
		    vbg_client_id(session->clients[i]) == id)
			return i;
	}
	return -EINVAL;
}

/* Put @to where @from is. Returns the index, or -EMFILE if @from is nowhere. */
static int vbg_session_replace(struct vbg_session *session, struct vbg_client *from,
			       struct vbg_client *to)
{
	int i, ret = -EMFILE;

	mutex_lock(&session->lock);
	for (i = 0; i < VBG_SESSION_CLIENTS; i++) {
		if (session->clients[i] == from) {
			session->clients[i] = to;
			ret = i;
			break;
		}
	}
	mutex_unlock(&session->lock);
	return ret;
}

/**
 * vbg_session_connect() - Connect to a service and own the client.
 * @session:	Session.
 * @loc:	Service.
 * @client_id:	Id, or 0 when @status is negative.
 * @status:	Status of the host.
 *
 * Context: Process context, sleeps.
 * Return: 0 with @status, -EMFILE if the session has no room, or an error of
 * vbg_client_connect().
 */
int vbg_session_connect(struct vbg_session *session,
			const struct vmmdev_hgcm_service_location *loc,
			u32 *client_id, int *status)
{
	struct vbg_client *client;
	int ret, slot;

	slot = vbg_session_replace(session, NULL, VBG_CLIENT_BUSY);
	if (slot < 0)
		return slot;

	ret = vbg_client_connect(session->gdev, session->requestor, loc, &client, status);
	*client_id = client ? vbg_client_id(client) : 0;
	mutex_lock(&session->lock);
	session->clients[slot] = client;
	mutex_unlock(&session->lock);
	return ret;
}

/**
 * vbg_session_disconnect() - Disconnect a client of the session.
 * @session:	Session.
 * @client_id:	Client.
 * @status:	Status of the host; when negative the client stays.
 *
 * Context: Process context, sleeps.
 * Return: 0 with @status, -EINVAL for a client that is not the session's, or an
 * error of vbg_client_disconnect().
 */
int vbg_session_disconnect(struct vbg_session *session, u32 client_id, int *status)
{
	struct vbg_client *client = NULL;
	int ret, slot;

	mutex_lock(&session->lock);
	slot = vbg_session_find(session, client_id);
	if (slot >= 0) {
		client = session->clients[slot];
		session->clients[slot] = VBG_CLIENT_BUSY;
	}
	mutex_unlock(&session->lock);
	if (slot < 0)
		return slot;

	ret = vbg_client_disconnect(client, session->requestor, status);
	if (ret || *status >= 0)
		client = NULL;
	mutex_lock(&session->lock);
	session->clients[slot] = client;
	mutex_unlock(&session->lock);
	return ret;
}

/**
 * vbg_session_owns() - Is this a client of the session?
 * @session:	Session.
 * @client_id:	Client.
 *
 * Context: Process context.
 * Return: true if it is.
 */
bool vbg_session_owns(struct vbg_session *session, u32 client_id)
{
	bool owns;

	mutex_lock(&session->lock);
	owns = vbg_session_find(session, client_id) >= 0;
	mutex_unlock(&session->lock);
	return owns;
}

/* Events all sessions want, with @filter in place of what @session has. */
static u32 vbg_filter_union(struct vbg_session *session, u32 filter)
{
	struct vbg_session *other;

	list_for_each_entry(other, &session->gdev->sessions, node) {
		if (other != session)
			filter |= other->filter;
	}
	return filter;
}

/**
 * vbg_session_filter() - Change which events a session wants.
 * @session:	Session.
 * @or_mask:	Events to add.
 * @not_mask:	Events to drop.
 *
 * Context: Process context. Needs no memory.
 * Return: VirtualBox status; when negative nothing has changed.
 */
int vbg_session_filter(struct vbg_session *session, u32 or_mask, u32 not_mask)
{
	struct vbg_dev *gdev = session->gdev;
	u32 filter, before, now;
	int rc;

	mutex_lock(&gdev->ctl_lock);
	before = vbg_filter_union(session, session->filter);
	filter = (session->filter | or_mask) & ~not_mask;
	now = vbg_filter_union(session, filter);
	rc = vbg_filter_sync(gdev, now);
	if (rc >= 0)
		WRITE_ONCE(session->filter, filter);
	mutex_unlock(&gdev->ctl_lock);

	if (rc < 0)
		return rc;
	/* The last program that saw to statistics has gone, or the first has come. */
	if ((before ^ now) & VBG_EVENT_STATISTICS_INTERVAL)
		vbg_stats_start(gdev);
	/* Events that waited for the filter may be what a poll() of this session waits for. */
	if (or_mask)
		vbg_events_wake(gdev);
	return rc;
}

/**
 * vbg_session_set_mouse() - Set a session's mouse features.
 * @session:	Session.
 * @features:	VBG_MOUSE_* bits that are the guest's.
 *
 * Context: Process context. Needs no memory.
 * Return: VirtualBox status; when negative nothing has changed.
 */
int vbg_session_set_mouse(struct vbg_session *session, u32 features)
{
	struct vbg_dev *gdev = session->gdev;
	struct vbg_session *other;
	u32 all = features;
	int rc;

	mutex_lock(&gdev->ctl_lock);
	list_for_each_entry(other, &gdev->sessions, node) {
		if (other != session)
			all |= other->mouse_features;
	}
	rc = vbg_mouse_report(gdev, all | gdev->input_features);
	if (rc >= 0)
		WRITE_ONCE(session->mouse_features, features);
	mutex_unlock(&gdev->ctl_lock);
	return rc;
}

/**
 * vbg_caps_report() - Tell the host what the guest is capable of.
 * @gdev:	Device.
 * @caps:	Capabilities of all sessions.
 *
 * Context: vbg_dev.ctl_lock held.
 * Return: VirtualBox status.
 */
int vbg_caps_report(struct vbg_dev *gdev, u32 caps)
{
	struct vbg_req_mask *req = gdev->ctl_req;
	int rc;

	lockdep_assert_held(&gdev->ctl_lock);
	vbg_req_prepare(req, sizeof(*req), VMMDEVREQ_SET_GUEST_CAPABILITIES, VBG_REQUESTOR_DRIVER);
	req->or_mask = caps;
	req->not_mask = ~caps;
	rc = vbg_req_submit(gdev, req);
	if (rc >= 0)
		gdev->host_caps = caps;
	return rc;
}

/* Capabilities of all sessions but @session. */
static void vbg_caps_others(struct vbg_session *session, u32 *set, u32 *acquired)
{
	struct vbg_session *other;

	*set = 0;
	*acquired = 0;
	list_for_each_entry(other, &session->gdev->sessions, node) {
		if (other == session)
			continue;
		*set |= other->set_caps;
		*acquired |= other->acquired_caps;
	}
}

static int vbg_caps_sync(struct vbg_dev *gdev, u32 caps)
{
	return caps == gdev->host_caps ? VINF_SUCCESS : vbg_caps_report(gdev, caps);
}

/**
 * vbg_session_acquire_caps() - Acquire and release capabilities.
 * @session:	Session.
 * @or_mask:	Capabilities to acquire.
 * @not_mask:	Capabilities to release.
 * @only_mode:	Switch @or_mask to acquire mode and leave it at that.
 *
 * Context: Process context. Needs no memory.
 * Return: 0, -EINVAL (a capability is in use in set mode), -EBUSY (owned by
 * another session), or what vbg_status_code_to_errno() makes of the host's answer.
 */
int vbg_session_acquire_caps(struct vbg_session *session, u32 or_mask, u32 not_mask,
			     bool only_mode)
{
	struct vbg_dev *gdev = session->gdev;
	u32 set, owned, caps, old;
	int ret = 0;

	mutex_lock(&gdev->ctl_lock);
	vbg_caps_others(session, &set, &owned);
	set |= session->set_caps;
	if (or_mask & set) {
		ret = -EINVAL;
		goto unlock;
	}
	WRITE_ONCE(gdev->acquire_mode, gdev->acquire_mode | or_mask);
	if (only_mode)
		goto unlock;
	if (or_mask & owned) {
		ret = -EBUSY;
		goto unlock;
	}

	old = session->acquired_caps;
	caps = (old & ~not_mask) | or_mask;
	if (caps == old)
		goto unlock;
	ret = vbg_status_code_to_errno(vbg_caps_sync(gdev, set | owned | caps));
	if (ret)
		goto unlock;

	spin_lock_irq(&gdev->events.lock);
	session->acquired_caps = caps;
	/* The new owner asks for the present mode; make it do so. */
	if (caps & ~old & VBG_CAP_SEAMLESS)
		gdev->events.pending |= VBG_EVENT_SEAMLESS_CHANGE;
	spin_unlock_irq(&gdev->events.lock);
	if (caps & ~old)
		vbg_events_wake(gdev);
unlock:
	mutex_unlock(&gdev->ctl_lock);
	return ret;
}

/**
 * vbg_session_set_caps() - Change capabilities that are in set mode.
 * @session:	Session.
 * @or_mask:	Capabilities to set.
 * @not_mask:	Capabilities to clear.
 * @session_caps: What the session has afterwards, or NULL.
 * @global_caps: What all sessions have afterwards, or NULL.
 *
 * Context: Process context. Needs no memory.
 * Return: 0, -EBUSY (a capability is in acquire mode), or what
 * vbg_status_code_to_errno() makes of the host's answer.
 */
int vbg_session_set_caps(struct vbg_session *session, u32 or_mask, u32 not_mask,
			 u32 *session_caps, u32 *global_caps)
{
	struct vbg_dev *gdev = session->gdev;
	u32 set, acquired, caps;
	int ret = 0;

	mutex_lock(&gdev->ctl_lock);
	if (or_mask & gdev->acquire_mode) {
		ret = -EBUSY;
		goto unlock;
	}
	vbg_caps_others(session, &set, &acquired);
	acquired |= session->acquired_caps;
	caps = (session->set_caps | or_mask) & ~not_mask;
	ret = vbg_status_code_to_errno(vbg_caps_sync(gdev, set | acquired | caps));
	if (ret)
		goto unlock;
	session->set_caps = caps;
	if (session_caps)
		*session_caps = caps;
	if (global_caps)
		*global_caps = gdev->host_caps;
unlock:
	mutex_unlock(&gdev->ctl_lock);
	return ret;
}

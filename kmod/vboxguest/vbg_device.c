// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a device: its structure, what is said to the host when the driver
 * comes and goes, and sleeping in between. How the device is found and how its
 * interrupt arrives is vbg_pci.c's business.
 */
#include <linux/io.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <openhgcm/vmmdev_ext.h>

#include "vbg_core.h"

static void vbg_dev_restored(struct work_struct *work);

static void vbg_dev_idle(struct percpu_ref *ref)
{
	struct vbg_dev *gdev = container_of(ref, struct vbg_dev, active);

	complete(&gdev->idle);
}

/* The requests that must exist when there is no memory. */
static int vbg_dev_alloc_requests(struct vbg_dev *gdev)
{
	gdev->ack_req = vbg_req_alloc(gdev, sizeof(*gdev->ack_req), VMMDEVREQ_ACKNOWLEDGE_EVENTS,
				      VBG_REQUESTOR_DRIVER);
	gdev->ctl_req = vbg_block_alloc(gdev, sizeof(*gdev->ctl_req));
	return gdev->ack_req && gdev->ctl_req ? 0 : -ENOMEM;
}

static void vbg_dev_free_requests(struct vbg_dev *gdev)
{
	if (gdev->ack_req)
		vbg_req_free(gdev, gdev->ack_req, sizeof(*gdev->ack_req), VINF_SUCCESS);
	if (gdev->ctl_req)
		vbg_req_free(gdev, gdev->ctl_req, sizeof(*gdev->ctl_req), gdev->ctl_req->hdr.rc);
}

/**
 * vbg_dev_create() - Allocate a device and all it needs before talking to it.
 * @pdev:	PCI device.
 * @wide:	Its request register takes 64-bit addresses.
 *
 * Context: Probe.
 * Return: The device with one reference, or an ERR_PTR with -ENOMEM.
 */
struct vbg_dev *vbg_dev_create(struct pci_dev *pdev, bool wide)
{
	struct vbg_dev *gdev = kzalloc(sizeof(*gdev), GFP_KERNEL);

	if (!gdev)
		return ERR_PTR(-ENOMEM);
	kref_init(&gdev->ref);
	init_completion(&gdev->idle);
	mutex_init(&gdev->ctl_lock);
	INIT_LIST_HEAD(&gdev->sessions);
	gdev->pdev = pdev;
	gdev->wide = wide;
	INIT_WORK(&gdev->restore_work, vbg_dev_restored);
	vbg_events_init(gdev);
	spin_lock_init(&gdev->ring.lock);

	gdev->counters = alloc_percpu(struct vbg_counters);
	if (!gdev->counters)
		goto free_dev;
	if (percpu_ref_init(&gdev->active, vbg_dev_idle, 0, GFP_KERNEL))
		goto free_counters;
	if (vbg_dev_alloc_requests(gdev))
		goto free_requests;
	if (vbg_hgcm_init(gdev))
		goto free_requests;
	if (vbg_heartbeat_init(gdev))
		goto exit_hgcm;
	if (vbg_balloon_init(gdev))
		goto exit_heartbeat;
	if (vbg_stats_init(gdev))
		goto exit_balloon;
	if (vbg_mouse_init(gdev))
		goto exit_stats;
	return gdev;

exit_stats:
	vbg_stats_exit(gdev);
exit_balloon:
	vbg_balloon_exit(gdev);
exit_heartbeat:
	vbg_heartbeat_exit(gdev);
exit_hgcm:
	vbg_hgcm_exit(gdev);
free_requests:
	vbg_dev_free_requests(gdev);
	percpu_ref_exit(&gdev->active);
free_counters:
	free_percpu(gdev->counters);
free_dev:
	kfree(gdev);
	return ERR_PTR(-ENOMEM);
}

/**
 * vbg_dev_destroy() - Free what vbg_dev_create() allocated, but the structure.
 * @gdev:	Device that nobody uses and the host has been told to forget.
 *
 * Open files may still refer to the structure.
 *
 * Context: Probe failure and removal.
 */
void vbg_dev_destroy(struct vbg_dev *gdev)
{
	cancel_work_sync(&gdev->restore_work);
	vbg_mouse_exit(gdev);
	vbg_stats_exit(gdev);
	vbg_balloon_exit(gdev);
	vbg_heartbeat_exit(gdev);
	vbg_hgcm_exit(gdev);
	vbg_dev_free_requests(gdev);
	gdev->pdev = NULL;
	vbg_dev_put(gdev);
}

/**
 * vbg_dev_get() - Keep the structure.
 * @gdev:	Device.
 *
 * Context: Any.
 */
void vbg_dev_get(struct vbg_dev *gdev)
{
	kref_get(&gdev->ref);
}

static void vbg_dev_release(struct kref *ref)
{
	struct vbg_dev *gdev = container_of(ref, struct vbg_dev, ref);

	percpu_ref_exit(&gdev->active);
	free_percpu(gdev->counters);
	kfree(gdev);
}

/**
 * vbg_dev_put() - Undo vbg_dev_get().
 * @gdev:	Device.
 *
 * Context: Process context.
 */
void vbg_dev_put(struct vbg_dev *gdev)
{
	kref_put(&gdev->ref, vbg_dev_release);
}

/* Submit a request that was made for this and free it. */
static int vbg_dev_tell(struct vbg_dev *gdev, void *req, u32 size)
{
	int rc = vbg_req_submit(gdev, req);

	vbg_req_free(gdev, req, size, rc);
	return rc;
}

static int vbg_dev_query_host(struct vbg_dev *gdev)
{
	struct vbg_req_host_version *req;
	int rc;

	req = vbg_req_alloc(gdev, sizeof(*req), VMMDEVREQ_GET_HOST_VERSION, VBG_REQUESTOR_DRIVER);
	if (!req)
		return -ENOMEM;
	rc = vbg_req_submit(gdev, req);
	if (rc >= 0) {
		snprintf(gdev->host_version, sizeof(gdev->host_version), "%u.%u.%ur%u",
			 req->major, req->minor, req->build, req->revision);
		gdev->host_features = req->features & gdev->feature_mask;
	}
	vbg_req_free(gdev, req, sizeof(*req), rc);
	if (rc < 0)
		return vbg_status_code_to_errno(rc);
	if (!(gdev->host_features & VBG_HVF_PAGE_LIST)) {
		pr_err("vboxguest: host %s is too old: it has no page lists\n",
		       gdev->host_version);
		return -ENODEV;
	}
	return 0;
}

static int vbg_dev_report_info2(struct vbg_dev *gdev)
{
	struct vbg_req_guest_info2 *req;

	req = vbg_req_alloc(gdev, sizeof(*req), VMMDEVREQ_REPORT_GUEST_INFO2, VBG_REQUESTOR_DRIVER);
	if (!req)
		return VERR_NO_MEMORY;
	req->major = VBG_ADDITIONS_MAJOR;
	req->minor = VBG_ADDITIONS_MINOR;
	req->build = VBG_ADDITIONS_BUILD;
	req->revision = VBG_ADDITIONS_REVISION;
	req->features = VBG_INFO2_REQUESTOR_VALID;
	strscpy(req->name, VBG_ADDITIONS_NAME, sizeof(req->name));
	return vbg_dev_tell(gdev, req, sizeof(*req));
}

static int vbg_dev_report_info(struct vbg_dev *gdev)
{
	struct vbg_req_guest_info *req;

	req = vbg_req_alloc(gdev, sizeof(*req), VMMDEVREQ_REPORT_GUEST_INFO, VBG_REQUESTOR_DRIVER);
	if (!req)
		return VERR_NO_MEMORY;
	req->interface_version = VBG_IFACE_VERSION;
	req->os_type = VBG_OS_LINUX26;
	if (IS_ENABLED(CONFIG_64BIT))
		req->os_type |= VBG_OS_X64;
	return vbg_dev_tell(gdev, req, sizeof(*req));
}

/* Introduce the guest, which unlocks the device. */
static int vbg_dev_introduce(struct vbg_dev *gdev)
{
	int rc2, rc;

	rc2 = vbg_dev_report_info2(gdev);
	rc = vbg_dev_report_info(gdev);
	/* Old hosts want it the other way round, or know only the first. */
	if (rc >= 0 && rc2 == VERR_NOT_SUPPORTED)
		rc2 = vbg_dev_report_info2(gdev);
	if (rc2 == VERR_NOT_IMPLEMENTED)
		rc2 = VINF_SUCCESS;
	return vbg_status_code_to_errno(rc < 0 ? rc : rc2);
}

static void vbg_dev_report_status(struct vbg_dev *gdev, u32 status)
{
	struct vbg_req_guest_status *req;
	int rc;

	req = vbg_req_alloc(gdev, sizeof(*req), VMMDEVREQ_REPORT_GUEST_STATUS,
			    VBG_REQUESTOR_DRIVER);
	if (!req)
		return;
	req->facility = VBG_FACILITY_DRIVER;
	req->status = status;
	rc = vbg_dev_tell(gdev, req, sizeof(*req));
	if (rc < 0 && rc != VERR_NOT_IMPLEMENTED && rc != VBG_RC_UNANSWERED)
		pr_warn("vboxguest: the host refused the driver's status: %d\n", rc);
}

/* Returns the status; the id is 0 for hosts that have none. */
static int vbg_dev_query_session_id(struct vbg_dev *gdev, u64 *id)
{
	struct vbg_req_session_id *req;
	int rc;

	*id = 0;
	req = vbg_req_alloc(gdev, sizeof(*req), VMMDEVREQ_GET_SESSION_ID, VBG_REQUESTOR_DRIVER);
	if (!req)
		return VERR_NO_MEMORY;
	rc = vbg_req_submit(gdev, req);
	if (rc >= 0)
		*id = req->id;
	vbg_req_free(gdev, req, sizeof(*req), rc);
	return rc;
}

/* Events, capabilities and mouse features of all sessions, whatever the host believes. */
static int vbg_dev_sync_masks(struct vbg_dev *gdev)
{
	struct vbg_session *session;
	u32 filter = 0, caps = 0, mouse;
	int rc;

	mutex_lock(&gdev->ctl_lock);
	mouse = gdev->input_features;
	list_for_each_entry(session, &gdev->sessions, node) {
		filter |= session->filter;
		mouse |= session->mouse_features;
		caps |= session->set_caps | session->acquired_caps;
	}
	gdev->host_filter = 0;
	rc = vbg_filter_sync(gdev, filter);
	if (rc >= 0)
		rc = vbg_caps_report(gdev, caps);
	gdev->host_mouse = U32_MAX;
	if (rc >= 0)
		rc = vbg_mouse_report(gdev, mouse);
	mutex_unlock(&gdev->ctl_lock);
	return vbg_status_code_to_errno(rc);
}

/**
 * vbg_dev_greet() - First words with the host: what it can do, who we are.
 * @gdev:	Device whose registers are mapped. Interrupts are not expected yet.
 *
 * Context: Probe and resume.
 * Return: 0, -ENODEV for a host that is too old, or another error.
 */
int vbg_dev_greet(struct vbg_dev *gdev)
{
	int ret;

	ret = vbg_dev_query_host(gdev);
	if (ret)
		return ret;
	ret = vbg_dev_introduce(gdev);
	if (ret)
		return ret;
	/* Hosts without session ids are old, not broken. */
	vbg_dev_query_session_id(gdev, &gdev->session_id);
	return 0;
}

static void vbg_dev_use_extensions(struct vbg_dev *gdev, bool use)
{
	u32 features = VMMDEV_EXT_F_EVENT_WORD;

	if (gdev->irq_mode != VBG_IRQ_EVENT_WORD)
		return;
	if (gdev->ring.usable) {
		features |= VMMDEV_EXT_F_RING;
		if (use)
			vbg_ring_start(gdev);
	}
	WRITE_ONCE(gdev->ext[VMMDEV_EXT_OFF_DRIVER_FEATURES / sizeof(u32)], use ? features : 0);
}

/**
 * vbg_dev_start() - Let events come.
 * @gdev:	Device, greeted, with its interrupt handler installed.
 *
 * Context: Probe and resume.
 * Return: 0 or an error.
 */
int vbg_dev_start(struct vbg_dev *gdev)
{
	int ret;

	vbg_dev_use_extensions(gdev, true);
	ret = vbg_dev_sync_masks(gdev);
	if (ret) {
		vbg_dev_use_extensions(gdev, false);
		return ret;
	}
	vbg_events_collect(gdev);
	vbg_heartbeat_start(gdev);
	vbg_dev_report_status(gdev, VBG_STATUS_ACTIVE);
	vbg_balloon_start(gdev);
	vbg_stats_start(gdev);
	return 0;
}

/*
 * The host has restored the machine from a saved state: the device and the
 * clients are as they were when it was saved. What the host side keeps outside of
 * the state (timers, wishes) is gone through once more.
 */
static void vbg_dev_restored(struct work_struct *work)
{
	struct vbg_dev *gdev = container_of(work, struct vbg_dev, restore_work);
	u64 id;

	if (!vbg_dev_enter(gdev))
		return;
	if (vbg_dev_query_session_id(gdev, &id) >= 0)
		gdev->session_id = id;
	pr_info_ratelimited("vboxguest: the host has restored the machine from a saved state\n");
	vbg_dev_sync_masks(gdev);
	vbg_hgcm_scan(gdev);
	vbg_heartbeat_stop(gdev);
	vbg_heartbeat_start(gdev);
	vbg_balloon_start(gdev);
	vbg_stats_start(gdev);
	vbg_dev_leave(gdev);
}

/* Back to how the host knew us before vbg_dev_start(). Needs no memory but for the status. */
static void vbg_dev_quiesce(struct vbg_dev *gdev)
{
	struct vbg_req_mask *req = gdev->ctl_req;

	vbg_stats_stop(gdev);
	vbg_heartbeat_stop(gdev);
	vbg_dev_report_status(gdev, VBG_STATUS_INACTIVE);

	mutex_lock(&gdev->ctl_lock);
	vbg_caps_report(gdev, 0);
	vbg_req_prepare(req, sizeof(*req), VMMDEVREQ_CTL_GUEST_FILTER_MASK, VBG_REQUESTOR_DRIVER);
	req->or_mask = 0;
	req->not_mask = U32_MAX;
	vbg_req_submit(gdev, req);
	gdev->host_filter = 0;
	mutex_unlock(&gdev->ctl_lock);
}

/**
 * vbg_dev_stop() - End all use of the device.
 * @gdev:	Device that nobody new finds any more. Its interrupt still works.
 *
 * Context: Removal, sleeps.
 */
void vbg_dev_stop(struct vbg_dev *gdev)
{
	struct vbg_session *session;

	percpu_ref_kill(&gdev->active);
	vbg_hgcm_abort_waiters(gdev);
	vbg_events_wake(gdev);
	wait_for_completion(&gdev->idle);
	cancel_work_sync(&gdev->restore_work);

	/* Files that are still open lose their clients here and notice later. */
	mutex_lock(&gdev->ctl_lock);
	list_for_each_entry(session, &gdev->sessions, node)
		vbg_session_drop_clients(session, false);
	mutex_unlock(&gdev->ctl_lock);
	vbg_hgcm_abort_detached(gdev);

	vbg_dev_quiesce(gdev);
	vbg_balloon_stop(gdev);
	vbg_dev_use_extensions(gdev, false);
	vbg_events_collect(gdev);
}

/**
 * vbg_dev_suspend() - Prepare for sleep.
 * @gdev:	Device; user programs are frozen.
 *
 * Context: Suspend.
 */
void vbg_dev_suspend(struct vbg_dev *gdev)
{
	cancel_work_sync(&gdev->restore_work);
	cancel_delayed_work_sync(&gdev->balloon_work);
	vbg_stats_stop(gdev);
	vbg_heartbeat_stop(gdev);
}

/**
 * vbg_dev_resume() - Continue, with a device that may have been reset.
 * @gdev:	Device.
 * @new_kernel:	Another kernel has run in between (hibernation), and may have
 *		introduced itself to the device.
 *
 * A device that is locked has been reset, and the host has forgotten everything:
 * calls in flight end, and clients of before are gone. A new session id alone
 * does not tell: a machine restored from a saved state has one, too.
 *
 * Context: Resume; the interrupt works.
 * Return: 0 or an error.
 */
int vbg_dev_resume(struct vbg_dev *gdev, bool new_kernel)
{
	struct vbg_session *session;
	u64 id;
	bool reset;
	int ret;

	reset = vbg_dev_query_session_id(gdev, &id) == VERR_NOT_SUPPORTED ||
		(new_kernel && id != gdev->session_id);
	ret = vbg_dev_greet(gdev);
	if (ret)
		return ret;
	if (reset) {
		pr_info("vboxguest: the host was reset; HGCM clients have to connect again\n");
		vbg_hgcm_host_reset(gdev);
		mutex_lock(&gdev->ctl_lock);
		list_for_each_entry(session, &gdev->sessions, node) {
			mutex_lock(&session->lock);
			vbg_session_drop_clients(session, true);
			mutex_unlock(&session->lock);
		}
		mutex_unlock(&gdev->ctl_lock);
	}
	return vbg_dev_start(gdev);
}

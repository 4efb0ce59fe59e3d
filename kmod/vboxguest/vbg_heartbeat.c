// SPDX-License-Identifier: GPL-2.0-only
/*
 * Heartbeat: tells a host that asked for it, at the interval it asked for, that
 * the guest is alive. Nothing runs when the host did not ask.
 */
#include <linux/jiffies.h>
#include <linux/math64.h>

#include "vbg_core.h"

#define VBG_HEARTBEAT_MIN_MS	50
#define VBG_HEARTBEAT_MAX_MS	(3600 * 1000)

static void vbg_heartbeat_work(struct work_struct *work)
{
	struct vbg_dev *gdev = container_of(to_delayed_work(work), struct vbg_dev, heartbeat_work);

	if (!READ_ONCE(gdev->silent)) {
		vbg_req_prepare(gdev->heartbeat_req, sizeof(*gdev->heartbeat_req),
				VMMDEVREQ_GUEST_HEARTBEAT, VBG_REQUESTOR_DRIVER);
		vbg_req_submit(gdev, gdev->heartbeat_req);
	}
	schedule_delayed_work(&gdev->heartbeat_work, gdev->heartbeat_jiffies);
}

/**
 * vbg_heartbeat_init() - Prepare.
 * @gdev:	Device.
 *
 * Context: Probe.
 * Return: 0 or -ENOMEM.
 */
int vbg_heartbeat_init(struct vbg_dev *gdev)
{
	INIT_DELAYED_WORK(&gdev->heartbeat_work, vbg_heartbeat_work);
	gdev->heartbeat_req = vbg_block_alloc(gdev, sizeof(*gdev->heartbeat_req));
	return gdev->heartbeat_req ? 0 : -ENOMEM;
}

/* Turn the host's timer on or off. Returns the status and the interval. */
static int vbg_heartbeat_configure(struct vbg_dev *gdev, bool enable, u64 *interval_ns)
{
	struct vbg_req_heartbeat *req;
	int rc;

	req = vbg_req_alloc(gdev, sizeof(*req), VMMDEVREQ_HEARTBEAT_CONFIGURE,
			    VBG_REQUESTOR_DRIVER);
	if (!req)
		return VERR_NO_MEMORY;
	req->enabled = enable;
	rc = vbg_req_submit(gdev, req);
	*interval_ns = req->interval_ns;
	vbg_req_free(gdev, req, sizeof(*req), rc);
	return rc;
}

/**
 * vbg_heartbeat_start() - Start if the host wants it.
 * @gdev:	Device, greeted.
 *
 * The host acts on a change only, and remembers the setting across a reset that
 * stopped its timer: so off comes before on.
 *
 * Context: Process context.
 */
void vbg_heartbeat_start(struct vbg_dev *gdev)
{
	u64 interval_ns, ms;

	if (vbg_heartbeat_configure(gdev, false, &interval_ns) < 0 ||
	    vbg_heartbeat_configure(gdev, true, &interval_ns) < 0)
		return;
	ms = clamp_t(u64, div_u64(interval_ns, NSEC_PER_MSEC), VBG_HEARTBEAT_MIN_MS,
		     VBG_HEARTBEAT_MAX_MS);
	gdev->heartbeat_jiffies = msecs_to_jiffies(ms);
	schedule_delayed_work(&gdev->heartbeat_work, gdev->heartbeat_jiffies);
}

/**
 * vbg_heartbeat_stop() - Stop.
 * @gdev:	Device.
 *
 * Context: Process context, sleeps.
 */
void vbg_heartbeat_stop(struct vbg_dev *gdev)
{
	u64 interval_ns;

	cancel_delayed_work_sync(&gdev->heartbeat_work);
	if (gdev->heartbeat_jiffies)
		vbg_heartbeat_configure(gdev, false, &interval_ns);
	gdev->heartbeat_jiffies = 0;
}

/**
 * vbg_heartbeat_exit() - Undo vbg_heartbeat_init().
 * @gdev:	Device; stopped.
 *
 * Context: Removal.
 */
void vbg_heartbeat_exit(struct vbg_dev *gdev)
{
	vbg_req_free(gdev, gdev->heartbeat_req, sizeof(*gdev->heartbeat_req),
		     gdev->heartbeat_req->rc);
}

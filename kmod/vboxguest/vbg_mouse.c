// SPDX-License-Identifier: GPL-2.0-only
/*
 * Absolute pointer position as an input device. Buttons and wheel come through
 * the machine's other pointing device.
 */
#include <linux/input.h>
#include <linux/pci.h>

#include "vbg_core.h"

#define VBG_MOUSE_MAX	0xffff

/* Submit a mouse request. Called with the lock held. Returns the status. */
static int vbg_mouse_request(struct vbg_dev *gdev, u32 type, u32 features)
{
	struct vbg_req_mouse *req = gdev->mouse_req;

	lockdep_assert_held(&gdev->mouse_lock);
	vbg_req_prepare(req, sizeof(*req), type, VBG_REQUESTOR_DRIVER);
	req->features = features;
	req->x = 0;
	req->y = 0;
	return vbg_req_submit(gdev, req);
}

static void vbg_mouse_work(struct work_struct *work)
{
	struct vbg_dev *gdev = container_of(work, struct vbg_dev, mouse_work);
	struct vbg_req_mouse *req = gdev->mouse_req;

	mutex_lock(&gdev->mouse_lock);
	if (gdev->input && vbg_mouse_request(gdev, VMMDEVREQ_GET_MOUSE_STATUS, 0) >= 0) {
		input_report_abs(gdev->input, ABS_X, clamp(READ_ONCE(req->x), 0, VBG_MOUSE_MAX));
		input_report_abs(gdev->input, ABS_Y, clamp(READ_ONCE(req->y), 0, VBG_MOUSE_MAX));
		input_sync(gdev->input);
	}
	mutex_unlock(&gdev->mouse_lock);
}

/**
 * vbg_mouse_report() - Tell the host what the guest does with positions.
 * @gdev:	Device.
 * @features:	Features of the input device and of all sessions.
 *
 * Context: vbg_dev.ctl_lock held.
 * Return: VirtualBox status.
 */
int vbg_mouse_report(struct vbg_dev *gdev, u32 features)
{
	int rc;

	lockdep_assert_held(&gdev->ctl_lock);
	if (features == gdev->host_mouse)
		return VINF_SUCCESS;
	mutex_lock(&gdev->mouse_lock);
	rc = vbg_mouse_request(gdev, VMMDEVREQ_SET_MOUSE_STATUS, features);
	mutex_unlock(&gdev->mouse_lock);
	if (rc >= 0)
		gdev->host_mouse = features;
	return rc;
}

/* The input device's own share of the features. */
static int vbg_mouse_set(struct vbg_dev *gdev, u32 features)
{
	struct vbg_session *session;
	u32 all = features;
	int rc;

	mutex_lock(&gdev->ctl_lock);
	list_for_each_entry(session, &gdev->sessions, node)
		all |= session->mouse_features;
	rc = vbg_mouse_report(gdev, all);
	if (rc >= 0)
		gdev->input_features = features;
	mutex_unlock(&gdev->ctl_lock);
	return vbg_status_code_to_errno(rc);
}

static int vbg_mouse_open(struct input_dev *input)
{
	return vbg_mouse_set(input_get_drvdata(input),
			     VBG_MOUSE_CAN_ABSOLUTE | VBG_MOUSE_NEW_PROTOCOL);
}

static void vbg_mouse_close(struct input_dev *input)
{
	vbg_mouse_set(input_get_drvdata(input), 0);
}

/**
 * vbg_mouse_init() - Prepare.
 * @gdev:	Device.
 *
 * Context: Probe.
 * Return: 0 or -ENOMEM.
 */
int vbg_mouse_init(struct vbg_dev *gdev)
{
	mutex_init(&gdev->mouse_lock);
	INIT_WORK(&gdev->mouse_work, vbg_mouse_work);
	gdev->mouse_req = vbg_block_alloc(gdev, sizeof(*gdev->mouse_req));
	return gdev->mouse_req ? 0 : -ENOMEM;
}

/**
 * vbg_mouse_register() - Register the input device.
 * @gdev:	Device, started.
 *
 * Context: Probe.
 * Return: 0 or an error.
 */
int vbg_mouse_register(struct vbg_dev *gdev)
{
	struct input_dev *input = input_allocate_device();
	int ret;

	if (!input)
		return -ENOMEM;
	input->name = "VirtualBox mouse integration";
	input->id.bustype = BUS_PCI;
	input->id.vendor = gdev->pdev->vendor;
	input->id.product = gdev->pdev->device;
	input->open = vbg_mouse_open;
	input->close = vbg_mouse_close;
	input->dev.parent = &gdev->pdev->dev;
	/* Without a button nobody takes it for a pointing device. */
	input_set_capability(input, EV_KEY, BTN_MOUSE);
	input_set_abs_params(input, ABS_X, 0, VBG_MOUSE_MAX, 0, 0);
	input_set_abs_params(input, ABS_Y, 0, VBG_MOUSE_MAX, 0, 0);
	input_set_drvdata(input, gdev);

	ret = input_register_device(input);
	if (ret) {
		input_free_device(input);
		return ret;
	}
	mutex_lock(&gdev->mouse_lock);
	gdev->input = input;
	mutex_unlock(&gdev->mouse_lock);
	return 0;
}

/**
 * vbg_mouse_unregister() - Undo vbg_mouse_register().
 * @gdev:	Device.
 *
 * Context: Removal, sleeps.
 */
void vbg_mouse_unregister(struct vbg_dev *gdev)
{
	struct input_dev *input;

	mutex_lock(&gdev->mouse_lock);
	input = gdev->input;
	gdev->input = NULL;
	mutex_unlock(&gdev->mouse_lock);
	input_unregister_device(input);
}

/**
 * vbg_mouse_exit() - Undo vbg_mouse_init().
 * @gdev:	Device that raises no more events.
 *
 * Context: Removal.
 */
void vbg_mouse_exit(struct vbg_dev *gdev)
{
	cancel_work_sync(&gdev->mouse_work);
	vbg_req_free(gdev, gdev->mouse_req, sizeof(*gdev->mouse_req), gdev->mouse_req->hdr.rc);
}

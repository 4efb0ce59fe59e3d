// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMMDEV_REQUEST: device requests of user programs. Which ones are let through
 * is what the stock driver lets through, with its slips put right: the requestor
 * word is the session's and not the caller's choice; the check of the facility is
 * made where a facility is reported (request 59); and requests that would change
 * what belongs to all sessions (2, 41, 42, 55) act on the session's share of it.
 * Queries of newer hosts (82, 223, 224) pass like their older forms.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "vbg_ioctl.h"

enum vbg_allow {
	VBG_ALLOW_NONE,
	VBG_ALLOW_TRUSTED,	/* through /dev/vboxguest only */
	VBG_ALLOW_ALL,
};

static enum vbg_allow vbg_facility_allowed(u32 facility)
{
	switch (facility) {
	case VBG_FACILITY_DRIVER:
	case VBG_FACILITY_ALL:
		return VBG_ALLOW_NONE;
	case VBG_FACILITY_SERVICE:
		return VBG_ALLOW_TRUSTED;
	default:
		return VBG_ALLOW_ALL;
	}
}

static enum vbg_allow vbg_request_allowed(u32 type)
{
	switch (type) {
	case VMMDEVREQ_GET_MOUSE_STATUS:
	case VMMDEVREQ_SET_MOUSE_STATUS:
	case VMMDEVREQ_SET_POINTER_SHAPE:
	case VMMDEVREQ_GET_HOST_VERSION:
	case VMMDEVREQ_IDLE:
	case VMMDEVREQ_GET_HOST_TIME:
	case VMMDEVREQ_SET_POWER_STATUS:
	case VMMDEVREQ_ACKNOWLEDGE_EVENTS:
	case VMMDEVREQ_CTL_GUEST_FILTER_MASK:
	case VMMDEVREQ_REPORT_GUEST_STATUS:
	case VMMDEVREQ_REPORT_GUEST_CAPABILITIES:
	case VMMDEVREQ_GET_DISPLAY_CHANGE_REQ:
	case VMMDEVREQ_VIDEMODE_SUPPORTED:
	case VMMDEVREQ_GET_HEIGHT_REDUCTION:
	case VMMDEVREQ_GET_DISPLAY_CHANGE_REQ2:
	case VMMDEVREQ_VIDEMODE_SUPPORTED2:
	case VMMDEVREQ_VIDEO_ACCEL_ENABLE:
	case VMMDEVREQ_VIDEO_ACCEL_FLUSH:
	case VMMDEVREQ_VIDEO_SET_VISIBLE_REGION:
	case VMMDEVREQ_VIDEO_UPDATE_MONITOR_POSITIONS:
	case VMMDEVREQ_GET_DISPLAY_CHANGE_REQEX:
	case VMMDEVREQ_GET_DISPLAY_CHANGE_REQ_MULTI:
	case VMMDEVREQ_GET_SEAMLESS_CHANGE_REQ:
	case VMMDEVREQ_GET_VRDPCHANGE_REQ:
	case VMMDEVREQ_LOG_STRING:
	case VMMDEVREQ_GET_SESSION_ID:
	case VBG_REQ_DISPLAY_CHANGE_MULTI2:
	case VBG_REQ_MOUSE_STATUS_EX:
	case VBG_REQ_HOST_GRAPHICS:
		return VBG_ALLOW_ALL;

	case VMMDEVREQ_REPORT_GUEST_USER_STATE:
	case VMMDEVREQ_QUERY_CREDENTIALS:
	case VMMDEVREQ_REPORT_CREDENTIALS_JUDGEMENT:
	case VMMDEVREQ_REPORT_GUEST_STATS:
	case VMMDEVREQ_GET_STATISTICS_CHANGE_REQ:
	case VMMDEVREQ_GET_CPU_HOTPLUG_REQ:
	case VMMDEVREQ_SET_CPU_HOTPLUG_STATUS:
	case VMMDEVREQ_REGISTER_SHARED_MODULE:
	case VMMDEVREQ_UNREGISTER_SHARED_MODULE:
	case VMMDEVREQ_CHECK_SHARED_MODULES:
	case VMMDEVREQ_GET_PAGE_SHARING_STATUS:
	case VMMDEVREQ_DEBUG_IS_PAGE_SHARED:
	case VMMDEVREQ_WRITE_COREDUMP:
		return VBG_ALLOW_TRUSTED;

	/* All others are the driver's own, or unknown. */
	default:
		return VBG_ALLOW_NONE;
	}
}

/* May the session make this request? Also checks that what is looked at is there. */
static int vbg_request_check(const struct vbg_session *session, const struct vbg_req_hdr *hdr)
{
	enum vbg_allow allow = vbg_request_allowed(hdr->request_type);
	u32 needed = sizeof(*hdr);

	switch (hdr->request_type) {
	case VMMDEVREQ_REPORT_GUEST_STATUS:
		needed = sizeof(struct vbg_req_guest_status);
		break;
	case VMMDEVREQ_SET_MOUSE_STATUS:
		needed = sizeof(struct vbg_req_mouse);
		break;
	case VMMDEVREQ_ACKNOWLEDGE_EVENTS:
	case VMMDEVREQ_REPORT_GUEST_CAPABILITIES:
		needed = sizeof(struct vbg_req_word);
		break;
	case VMMDEVREQ_CTL_GUEST_FILTER_MASK:
		needed = sizeof(struct vbg_req_mask);
		break;
	}
	if (allow != VBG_ALLOW_NONE && hdr->size < needed)
		return -EINVAL;
	if (hdr->request_type == VMMDEVREQ_REPORT_GUEST_STATUS)
		allow = vbg_facility_allowed(((struct vbg_req_guest_status *)hdr)->facility);

	if (allow == VBG_ALLOW_NONE || (allow == VBG_ALLOW_TRUSTED && session->user_device))
		return -EPERM;
	return 0;
}

/* Request 42: the session's filter, in terms of which the host's is computed. */
static int vbg_request_filter(struct vbg_session *session, const struct vbg_req_mask *req)
{
	return vbg_session_filter(session, req->or_mask & VBG_EVENT_VALID_MASK,
				  req->not_mask & ~req->or_mask);
}

/* Request 55 replaces the capabilities, and means graphics always. */
static int vbg_request_caps(struct vbg_session *session, const struct vbg_req_word *req)
{
	u32 caps = (req->value & VBG_CAP_VALID_MASK) | VBG_CAP_GRAPHICS;
	int ret = vbg_session_set_caps(session, caps, VBG_CAP_VALID_MASK & ~caps, NULL, NULL);

	if (!ret)
		return VINF_SUCCESS;
	return ret == -EBUSY ? VERR_RESOURCE_BUSY : VERR_NOT_SUPPORTED;
}

/* Carry out a request that passed the check. Returns the status. */
static int vbg_request_perform(struct vbg_session *session, struct vbg_req_hdr *req)
{
	struct vbg_dev *gdev = session->gdev;
	int rc;

	switch (req->request_type) {
	case VMMDEVREQ_SET_MOUSE_STATUS:
		return vbg_session_set_mouse(session, ((struct vbg_req_mouse *)req)->features &
							      VBG_MOUSE_GUEST_MASK);
	case VMMDEVREQ_CTL_GUEST_FILTER_MASK:
		return vbg_request_filter(session, (struct vbg_req_mask *)req);
	case VMMDEVREQ_REPORT_GUEST_CAPABILITIES:
		return vbg_request_caps(session, (struct vbg_req_word *)req);
	case VMMDEVREQ_IDLE:
		/* Would halt the processor and leave the status alone; the scheduler does that. */
		return VINF_SUCCESS;
	}

	req->reserved1 = 0;
	req->requestor = session->requestor;
	rc = vbg_req_submit(gdev, req);
	/* Events taken this way are still everybody's. */
	if (rc >= 0 && req->request_type == VMMDEVREQ_ACKNOWLEDGE_EVENTS)
		vbg_events_dispatch(gdev, ((struct vbg_req_word *)req)->value);
	return rc;
}

/**
 * vbg_ioctl_request() - VMMDEV_REQUEST and VMMDEV_REQUEST_BIG.
 * @session:	Session.
 * @hdr:	Checked header; it is that of the request, too.
 * @user:	The user's structure.
 *
 * Context: Process context, sleeps.
 * Return: 0 or an error.
 */
int vbg_ioctl_request(struct vbg_session *session, struct vbg_ioctl_hdr *hdr, void __user *user)
{
	u32 size = hdr->size_in;
	struct vbg_req_hdr *req;
	int ret, rc = VINF_SUCCESS;

	if (hdr->size_out != size)
		return -EINVAL;
	if (size > VBG_REQ_MAX_SIZE)
		return -E2BIG;
	if (hdr->type == VBG_IOCTL_HDR_TYPE_DEFAULT)
		return -EINVAL;
	if (!vbg_host_answers(session->gdev))
		return -EIO;

	req = vbg_req_alloc(session->gdev, size, hdr->type, session->requestor);
	if (!req)
		return -ENOMEM;
	ret = -EFAULT;
	if (copy_from_user(req + 1, user + sizeof(*hdr), size - sizeof(*hdr)))
		goto free;
	ret = vbg_request_check(session, req);
	if (ret)
		goto free;

	rc = vbg_request_perform(session, req);
	if (rc == VBG_RC_UNANSWERED) {
		ret = -EIO;
		goto free;
	}
	/* The host has written the header; the user gets back what the ioctl defines. */
	hdr->rc = rc;
	if (copy_to_user(user, hdr, sizeof(*hdr)) ||
	    copy_to_user(user + sizeof(*hdr), req + 1, size - sizeof(*hdr)))
		ret = -EFAULT;
free:
	vbg_req_free(session->gdev, req, size, rc);
	return ret;
}

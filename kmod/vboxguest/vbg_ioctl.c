// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ioctls of both nodes, with the numbers, structures, checks and errors of
 * the stock driver. The user's structure is read once: the header first, then
 * what follows it; everything after that works on the copy, and the copy goes
 * back. HGCM calls are in vbg_ioctl_call.c, device requests in
 * vbg_ioctl_request.c.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "vbg_ioctl.h"

/* Largest structure the stock driver takes. */
#define VBG_IOCTL_MAX	(16u * 1024 * 1024)

#define VBG_LOG_MAX	127u

/* Room for any of the structures of fixed size. */
union vbg_ioctl_fixed {
	struct vbg_ioctl_hdr hdr;
	struct vbg_ioctl_driver_version_info version;
	struct vbg_ioctl_hgcm_connect connect;
	struct vbg_ioctl_hgcm_disconnect disconnect;
	struct vbg_ioctl_wait_for_events wait;
	struct vbg_ioctl_change_filter filter;
	struct vbg_ioctl_acquire_guest_caps acquire;
	struct vbg_ioctl_set_guest_caps caps;
	struct vbg_ioctl_check_balloon balloon;
	struct vbg_ioctl_write_coredump coredump;
	struct vbg_ioctl_set_mouse_status mouse;
};

static int vbg_do_version(struct vbg_session *session, union vbg_ioctl_fixed *arg)
{
	struct vbg_ioctl_driver_version_info *info = &arg->version;
	const u32 major_mask = 0xffff0000;
	u32 requested = info->u.in.req_version;
	u32 minimum = info->u.in.min_version;
	bool compatible;

	if (minimum > requested || (minimum & major_mask) != (requested & major_mask))
		return -EINVAL;

	compatible = minimum <= VBG_IOC_VERSION &&
		     (minimum & major_mask) == (VBG_IOC_VERSION & major_mask);
	memset(&info->u, 0, sizeof(info->u));
	info->u.out.session_version = compatible ? VBG_IOC_VERSION : U32_MAX;
	info->u.out.driver_version = VBG_IOC_VERSION;
	info->hdr.rc = compatible ? VINF_SUCCESS : VERR_VERSION_MISMATCH;
	return 0;
}

static int vbg_do_connect(struct vbg_session *session, union vbg_ioctl_fixed *arg)
{
	struct vmmdev_hgcm_service_location loc = arg->connect.u.in.loc;

	arg->connect.u.out.client_id = 0;
	return vbg_session_connect(session, &loc, &arg->connect.u.out.client_id, &arg->hdr.rc);
}

static int vbg_do_disconnect(struct vbg_session *session, union vbg_ioctl_fixed *arg)
{
	return vbg_session_disconnect(session, arg->disconnect.u.in.client_id, &arg->hdr.rc);
}

static int vbg_do_wait(struct vbg_session *session, union vbg_ioctl_fixed *arg)
{
	return vbg_events_wait(session, arg->wait.u.in.events, arg->wait.u.in.timeout_ms,
			       &arg->wait.u.out.events);
}

static int vbg_do_interrupt_waits(struct vbg_session *session, union vbg_ioctl_fixed *arg)
{
	struct vbg_dev *gdev = session->gdev;

	/* For the rest of the session, as the kernel's interface documents it. */
	spin_lock_irq(&gdev->events.lock);
	session->interrupted = true;
	spin_unlock_irq(&gdev->events.lock);
	vbg_events_wake(gdev);
	return 0;
}

static int vbg_do_filter(struct vbg_session *session, union vbg_ioctl_fixed *arg)
{
	u32 or_mask = arg->filter.u.in.or_mask;
	u32 not_mask = arg->filter.u.in.not_mask;

	if ((or_mask | not_mask) & ~VBG_EVENT_VALID_MASK)
		return -EINVAL;
	return vbg_status_code_to_errno(vbg_session_filter(session, or_mask, not_mask));
}

static int vbg_do_acquire_caps(struct vbg_session *session, union vbg_ioctl_fixed *arg)
{
	u32 flags = arg->acquire.u.in.flags;
	u32 or_mask = arg->acquire.u.in.or_mask;
	u32 not_mask = arg->acquire.u.in.not_mask;

	if (flags & ~VBGL_IOC_AGC_FLAGS_VALID_MASK ||
	    (or_mask | not_mask) & ~VBG_CAP_VALID_MASK)
		return -EINVAL;
	return vbg_session_acquire_caps(session, or_mask, not_mask,
					flags & VBGL_IOC_AGC_FLAGS_CONFIG_ACQUIRE_MODE);
}

static int vbg_do_change_caps(struct vbg_session *session, union vbg_ioctl_fixed *arg)
{
	u32 or_mask = arg->caps.u.in.or_mask;
	u32 not_mask = arg->caps.u.in.not_mask;

	if ((or_mask | not_mask) & ~VBG_CAP_VALID_MASK)
		return -EINVAL;
	return vbg_session_set_caps(session, or_mask, not_mask, &arg->caps.u.out.session_caps,
				    &arg->caps.u.out.global_caps);
}

static int vbg_do_check_balloon(struct vbg_session *session, union vbg_ioctl_fixed *arg)
{
	arg->balloon.u.out.balloon_chunks = READ_ONCE(session->gdev->balloon_chunks);
	/* The driver does it all: programs need not allocate memory for it. */
	arg->balloon.u.out.handle_in_r3 = 0;
	return 0;
}

static int vbg_do_mouse_status(struct vbg_session *session, union vbg_ioctl_fixed *arg)
{
	u32 features = arg->mouse.u.in.features;

	if (features & ~VBG_MOUSE_GUEST_MASK)
		return -EINVAL;
	return vbg_status_code_to_errno(vbg_session_set_mouse(session, features));
}

static int vbg_do_core_dump(struct vbg_session *session, union vbg_ioctl_fixed *arg)
{
	struct vbg_dev *gdev = session->gdev;
	struct vbg_req_word *req;
	int rc;

	if (!vbg_host_answers(gdev))
		return -EIO;
	req = vbg_req_alloc(gdev, sizeof(*req), VMMDEVREQ_WRITE_COREDUMP, session->requestor);
	if (!req)
		return -ENOMEM;
	req->value = arg->coredump.u.in.flags;
	rc = vbg_req_submit(gdev, req);
	vbg_req_free(gdev, req, sizeof(*req), rc);
	if (rc == VBG_RC_UNANSWERED)
		return -EIO;
	arg->hdr.rc = rc;
	return 0;
}

struct vbg_ioctl_desc {
	unsigned int cmd;
	u32 size_in;
	u32 size_out;
	int (*handler)(struct vbg_session *session, union vbg_ioctl_fixed *arg);
};

#define VBG_SIZE_TO(type, member) offsetofend(struct type, member)

static const struct vbg_ioctl_desc vbg_ioctls[] = {
	{ VBG_IOCTL_DRIVER_VERSION_INFO,
	  VBG_SIZE_TO(vbg_ioctl_driver_version_info, u.in),
	  VBG_SIZE_TO(vbg_ioctl_driver_version_info, u.out), vbg_do_version },
	{ VBG_IOCTL_HGCM_CONNECT,
	  VBG_SIZE_TO(vbg_ioctl_hgcm_connect, u.in),
	  VBG_SIZE_TO(vbg_ioctl_hgcm_connect, u.out), vbg_do_connect },
	{ VBG_IOCTL_HGCM_DISCONNECT,
	  VBG_SIZE_TO(vbg_ioctl_hgcm_disconnect, u.in),
	  VBG_SIZE_TO(vbg_ioctl_hgcm_disconnect, hdr), vbg_do_disconnect },
	{ VBG_IOCTL_WAIT_FOR_EVENTS,
	  VBG_SIZE_TO(vbg_ioctl_wait_for_events, u.in),
	  VBG_SIZE_TO(vbg_ioctl_wait_for_events, u.out), vbg_do_wait },
	{ VBG_IOCTL_INTERRUPT_ALL_WAIT_FOR_EVENTS,
	  sizeof(struct vbg_ioctl_hdr),
	  sizeof(struct vbg_ioctl_hdr), vbg_do_interrupt_waits },
	{ VBG_IOCTL_CHANGE_FILTER_MASK,
	  VBG_SIZE_TO(vbg_ioctl_change_filter, u.in),
	  VBG_SIZE_TO(vbg_ioctl_change_filter, hdr), vbg_do_filter },
	{ VBG_IOCTL_ACQUIRE_GUEST_CAPABILITIES,
	  VBG_SIZE_TO(vbg_ioctl_acquire_guest_caps, u.in),
	  VBG_SIZE_TO(vbg_ioctl_acquire_guest_caps, hdr), vbg_do_acquire_caps },
	{ VBG_IOCTL_CHANGE_GUEST_CAPABILITIES,
	  VBG_SIZE_TO(vbg_ioctl_set_guest_caps, u.in),
	  VBG_SIZE_TO(vbg_ioctl_set_guest_caps, u.out), vbg_do_change_caps },
	{ VBG_IOCTL_CHECK_BALLOON,
	  VBG_SIZE_TO(vbg_ioctl_check_balloon, hdr),
	  VBG_SIZE_TO(vbg_ioctl_check_balloon, u.out), vbg_do_check_balloon },
	{ VBG_IOCTL_WRITE_CORE_DUMP,
	  VBG_SIZE_TO(vbg_ioctl_write_coredump, u.in),
	  VBG_SIZE_TO(vbg_ioctl_write_coredump, hdr), vbg_do_core_dump },
	{ VBG_IOCTL_SET_MOUSE_STATUS,
	  VBG_SIZE_TO(vbg_ioctl_set_mouse_status, u.in),
	  VBG_SIZE_TO(vbg_ioctl_set_mouse_status, hdr), vbg_do_mouse_status },
};

static int vbg_ioctl_fixed(struct vbg_session *session, const struct vbg_ioctl_desc *desc,
			   const struct vbg_ioctl_hdr *hdr, void __user *user)
{
	union vbg_ioctl_fixed arg = {};
	int ret;

	if (hdr->size_in != desc->size_in || hdr->size_out != desc->size_out)
		return -EINVAL;
	arg.hdr = *hdr;
	if (copy_from_user((void *)&arg + sizeof(*hdr), user + sizeof(*hdr),
			   desc->size_in - sizeof(*hdr)))
		return -EFAULT;
	ret = desc->handler(session, &arg);
	if (ret)
		return ret;
	return copy_to_user(user, &arg, desc->size_out) ? -EFAULT : 0;
}

static int vbg_ioctl_log(struct vbg_ioctl_hdr *hdr, void __user *user)
{
	char text[VBG_LOG_MAX];
	u32 length;

	if (hdr->size_out != sizeof(*hdr))
		return -EINVAL;
	length = min_t(u32, hdr->size_in - sizeof(*hdr), VBG_LOG_MAX);
	if (copy_from_user(text, user + sizeof(*hdr), length))
		return -EFAULT;
	vbg_log_user(text, length);
	return copy_to_user(user, hdr, sizeof(*hdr)) ? -EFAULT : 0;
}

/**
 * vbg_ioctl() - Handle an ioctl of either node.
 * @session:	Session of the file.
 * @cmd:	Number.
 * @user:	The user's structure.
 *
 * Context: Process context, sleeps.
 * Return: 0, then the structure's header holds the status of the operation; or an
 * error, then nothing was copied back.
 */
long vbg_ioctl(struct vbg_session *session, unsigned int cmd, void __user *user)
{
	unsigned int bare = cmd & ~(_IOC_SIZEMASK << _IOC_SIZESHIFT);
	struct vbg_ioctl_hdr hdr;
	size_t i;
	u32 size;

	if (copy_from_user(&hdr, user, sizeof(hdr)))
		return -EFAULT;
	if (hdr.version != VBG_IOCTL_HDR_VERSION)
		return -EINVAL;
	if (hdr.size_in < sizeof(hdr) || (hdr.size_out && hdr.size_out < sizeof(hdr)))
		return -EINVAL;
	size = max(hdr.size_in, hdr.size_out);
	if (_IOC_SIZE(cmd) && _IOC_SIZE(cmd) != size)
		return -EINVAL;
	if (size > VBG_IOCTL_MAX)
		return -E2BIG;
	hdr.rc = VINF_SUCCESS;
	if (!hdr.size_out)
		hdr.size_out = hdr.size_in;

	if (bare == VBG_IOCTL_VMMDEV_REQUEST(0) || cmd == VBG_IOCTL_VMMDEV_REQUEST_BIG ||
	    cmd == VBG_IOCTL_VMMDEV_REQUEST_BIG_RW)
		return vbg_ioctl_request(session, &hdr, user);

	if (hdr.type != VBG_IOCTL_HDR_TYPE_DEFAULT)
		return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(vbg_ioctls); i++) {
		if (vbg_ioctls[i].cmd == cmd)
			return vbg_ioctl_fixed(session, &vbg_ioctls[i], &hdr, user);
	}

	switch (bare) {
	case VBG_IOCTL_HGCM_CALL_32(0):
		return vbg_ioctl_call32(session, &hdr, user);
	case VBG_IOCTL_HGCM_CALL_64(0):
		return vbg_ioctl_call64(session, &hdr, user);
	case VBG_IOCTL_LOG(0):
	case VBG_IOCTL_LOG_RW:
		return vbg_ioctl_log(&hdr, user);
	}
	pr_debug_ratelimited("vboxguest: unknown ioctl %#x\n", cmd);
	return -ENOTTY;
}

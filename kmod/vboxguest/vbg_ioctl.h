/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between the files that handle ioctls.
 */
#ifndef VBG_IOCTL_H
#define VBG_IOCTL_H

#include "vbg_core.h"

/* Forms of numbers that VirtualBox's own programs use. */
#define VBG_IOCTL_VMMDEV_REQUEST_BIG_RW	_IOC(_IOC_READ | _IOC_WRITE, 'V', 3, 0)
#define VBG_IOCTL_LOG_RW		_IOC(_IOC_READ | _IOC_WRITE, 'V', 9, 0)

/* VirtualBox's own driver has this one, the kernel's has not. */
struct vbg_ioctl_set_mouse_status {
	struct vbg_ioctl_hdr hdr;
	union {
		struct {
			u32 features;
		} in;
	} u;
};

#define VBG_IOCTL_SET_MOUSE_STATUS \
	_IOC(_IOC_READ | _IOC_WRITE, 'V', 15, sizeof(struct vbg_ioctl_set_mouse_status))

int vbg_ioctl_request(struct vbg_session *session, struct vbg_ioctl_hdr *hdr, void __user *user);
int vbg_ioctl_call32(struct vbg_session *session, struct vbg_ioctl_hdr *hdr, void __user *user);
int vbg_ioctl_call64(struct vbg_session *session, struct vbg_ioctl_hdr *hdr, void __user *user);

#endif

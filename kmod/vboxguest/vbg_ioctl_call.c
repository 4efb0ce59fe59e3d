// SPDX-License-Identifier: GPL-2.0-only
/*
 * HGCM_CALL_32 and HGCM_CALL_64. On a 64-bit kernel both are for every process,
 * whatever its own width; parameters of the narrow form are widened, and the
 * values go back into the copy of what the caller gave.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "vbg_ioctl.h"

/* The narrow form is of use to 32-bit programs. */
#define VBG_CALL32	(!IS_ENABLED(CONFIG_64BIT) || IS_ENABLED(CONFIG_COMPAT))
#define VBG_CALL64	IS_ENABLED(CONFIG_64BIT)

/*
 * Read the call, once. @parm_size is the size of one parameter; parameters are
 * stored at @parms. Fills in the size of the answer.
 */
static int vbg_call_copy_in(struct vbg_session *session, const struct vbg_ioctl_hdr *hdr,
			    void __user *user, u32 parm_size, struct vbg_ioctl_hgcm_call *call,
			    void **parms)
{
	u32 size;

	if (hdr->size_in < sizeof(*call) || hdr->size_in != hdr->size_out)
		return -EINVAL;
	call->hdr = *hdr;
	if (copy_from_user((void *)call + sizeof(*hdr), user + sizeof(*hdr),
			   sizeof(*call) - sizeof(*hdr)))
		return -EFAULT;
	if (call->parm_count > VBG_HGCM_MAX_PARMS)
		return -E2BIG;
	size = sizeof(*call) + call->parm_count * parm_size;
	if (hdr->size_in < size || !vbg_session_owns(session, call->client_id))
		return -EINVAL;
	call->hdr.size_out = size;

	*parms = NULL;
	if (!call->parm_count)
		return 0;
	*parms = memdup_user(user + sizeof(*call), call->parm_count * parm_size);
	return PTR_ERR_OR_ZERO(*parms);
}

/* Do the call. A buffer that is too large is reported as a status. */
static int vbg_call_do(struct vbg_session *session, struct vbg_ioctl_hgcm_call *call,
		       struct vmmdev_hgcm_function_parameter *parms)
{
	int ret;

	ret = vbg_call_sync(session->gdev, session->requestor, call->client_id, call->function,
			    call->timeout_ms, VBG_WAIT_SIGNAL, true, parms, call->parm_count,
			    NULL, &call->hdr.rc);
	if (ret == -E2BIG) {
		call->hdr.rc = VERR_OUT_OF_RANGE;
		ret = 0;
	}
	return ret;
}

/* Write the answer: what was read, with status, size and values updated. */
static int vbg_call_copy_out(void __user *user, const struct vbg_ioctl_hgcm_call *call,
			     const void *parms)
{
	if (copy_to_user(user, call, sizeof(*call)) ||
	    (parms && copy_to_user(user + sizeof(*call), parms,
				   call->hdr.size_out - sizeof(*call))))
		return -EFAULT;
	return 0;
}

/* Is the native form of parameters the one with @parm_size? */
static bool vbg_parms_are_native(size_t parm_size)
{
	return parm_size == sizeof(struct vmmdev_hgcm_function_parameter);
}

static int vbg_call_native(struct vbg_session *session, struct vbg_ioctl_hdr *hdr,
			   void __user *user)
{
	struct vbg_ioctl_hgcm_call call;
	void *parms;
	int ret;

	ret = vbg_call_copy_in(session, hdr, user, sizeof(struct vmmdev_hgcm_function_parameter),
			       &call, &parms);
	if (ret)
		return ret;
	ret = vbg_call_do(session, &call, parms);
	if (!ret)
		ret = vbg_call_copy_out(user, &call, parms);
	kfree(parms);
	return ret;
}

static void vbg_parm_widen(struct vmmdev_hgcm_function_parameter *to,
			   const struct vmmdev_hgcm_function_parameter32 *from)
{
	to->type = from->type;
	switch (from->type) {
	case VMMDEV_HGCM_PARM_TYPE_32BIT:
		to->u.value32 = from->u.value32;
		break;
	case VMMDEV_HGCM_PARM_TYPE_64BIT:
		to->u.value64 = from->u.value64;
		break;
	default:
		to->u.pointer.size = from->u.pointer.size;
		to->u.pointer.u.linear_addr = from->u.pointer.u.linear_addr;
		break;
	}
}

/* Values only: types, sizes and addresses come back as they were given. */
static void vbg_parm_narrow(struct vmmdev_hgcm_function_parameter32 *to,
			    const struct vmmdev_hgcm_function_parameter *from)
{
	if (to->type == VMMDEV_HGCM_PARM_TYPE_32BIT)
		to->u.value32 = from->u.value32;
	else if (to->type == VMMDEV_HGCM_PARM_TYPE_64BIT)
		to->u.value64 = from->u.value64;
}

static int vbg_call_widened(struct vbg_session *session, struct vbg_ioctl_hdr *hdr,
			    void __user *user)
{
	struct vmmdev_hgcm_function_parameter *wide = NULL;
	struct vmmdev_hgcm_function_parameter32 *narrow;
	struct vbg_ioctl_hgcm_call call;
	void *parms;
	int ret;
	u32 i;

	ret = vbg_call_copy_in(session, hdr, user, sizeof(*narrow), &call, &parms);
	if (ret)
		return ret;
	narrow = parms;
	if (call.parm_count) {
		wide = kcalloc(call.parm_count, sizeof(*wide), GFP_KERNEL);
		if (!wide) {
			ret = -ENOMEM;
			goto free;
		}
	}
	for (i = 0; i < call.parm_count; i++)
		vbg_parm_widen(&wide[i], &narrow[i]);

	ret = vbg_call_do(session, &call, wide);
	if (ret)
		goto free;
	for (i = 0; i < call.parm_count; i++)
		vbg_parm_narrow(&narrow[i], &wide[i]);
	ret = vbg_call_copy_out(user, &call, narrow);
free:
	kfree(wide);
	kfree(parms);
	return ret;
}

/**
 * vbg_ioctl_call32() - HGCM_CALL_32.
 * @session:	Session.
 * @hdr:	Checked header.
 * @user:	The user's structure.
 *
 * Context: Process context, sleeps.
 * Return: 0 or an error.
 */
int vbg_ioctl_call32(struct vbg_session *session, struct vbg_ioctl_hdr *hdr, void __user *user)
{
	if (!VBG_CALL32)
		return -ENOTTY;
	if (vbg_parms_are_native(sizeof(struct vmmdev_hgcm_function_parameter32)))
		return vbg_call_native(session, hdr, user);
	return vbg_call_widened(session, hdr, user);
}

/**
 * vbg_ioctl_call64() - HGCM_CALL_64.
 * @session:	Session.
 * @hdr:	Checked header.
 * @user:	The user's structure.
 *
 * Context: Process context, sleeps.
 * Return: 0 or an error.
 */
int vbg_ioctl_call64(struct vbg_session *session, struct vbg_ioctl_hdr *hdr, void __user *user)
{
	if (!VBG_CALL64)
		return -ENOTTY;
	return vbg_call_native(session, hdr, user);
}

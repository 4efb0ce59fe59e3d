// SPDX-License-Identifier: GPL-2.0-only
/*
 * The interface other kernel drivers use, as the kernel's <linux/vbox_utils.h>
 * declares it, and the one device that is published through it. A reference
 * keeps the device usable and locks nobody out: calls of different threads run
 * side by side. Removal makes calls in flight fail and waits for the references.
 */
#include <linux/err.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <openhgcm/vboxguest.h>

#include "vbg_core.h"

/* Written under the mutex, read under RCU. */
static DEFINE_MUTEX(vbg_published_lock);
static struct vbg_dev __rcu *vbg_published;

/**
 * vbg_api_publish() - Make a device the one other drivers get.
 * @gdev:	Device, ready for use.
 *
 * Context: Probe.
 * Return: 0, or -EBUSY if there is one already.
 */
int vbg_api_publish(struct vbg_dev *gdev)
{
	int ret = 0;

	mutex_lock(&vbg_published_lock);
	if (rcu_access_pointer(vbg_published))
		ret = -EBUSY;
	else
		rcu_assign_pointer(vbg_published, gdev);
	mutex_unlock(&vbg_published_lock);
	return ret;
}

/**
 * vbg_api_unpublish() - Undo vbg_api_publish().
 * @gdev:	Device.
 *
 * Context: Removal, sleeps. Afterwards nobody new finds the device.
 */
void vbg_api_unpublish(struct vbg_dev *gdev)
{
	mutex_lock(&vbg_published_lock);
	if (rcu_access_pointer(vbg_published) == gdev)
		RCU_INIT_POINTER(vbg_published, NULL);
	mutex_unlock(&vbg_published_lock);
	synchronize_rcu();
}

/**
 * vbg_get_gdev() - Get the device.
 *
 * Context: Any; does not sleep. Holding the reference delays the removal of the
 * device, so hold it for a call and not for longer.
 * Return: The device, to be returned by vbg_put_gdev(), or ERR_PTR(-ENODEV).
 */
struct vbg_dev *vbg_get_gdev(void)
{
	struct vbg_dev *gdev;

	rcu_read_lock();
	gdev = rcu_dereference(vbg_published);
	if (gdev && !vbg_dev_enter(gdev))
		gdev = NULL;
	rcu_read_unlock();
	return gdev ?: ERR_PTR(-ENODEV);
}
EXPORT_SYMBOL(vbg_get_gdev);

/**
 * vbg_put_gdev() - Return a device of vbg_get_gdev().
 * @gdev:	Device.
 *
 * Context: Any.
 */
void vbg_put_gdev(struct vbg_dev *gdev)
{
	vbg_dev_leave(gdev);
}
EXPORT_SYMBOL(vbg_put_gdev);

/**
 * vbg_hgcm_connect() - Connect to a service.
 * @gdev:	Device, from vbg_get_gdev().
 * @requestor:	VMMDEV_REQUESTOR_* word.
 * @loc:	Service.
 * @client_id:	Id, valid if @vbox_status >= 0. The caller disconnects it.
 * @vbox_status: Status of the host; valid after a return of 0.
 *
 * Context: Process context. Waits without limit, but killable.
 * Return: 0, -ENOMEM, -EINTR (killed), -EIO (host is silent) or -ENODEV.
 */
int vbg_hgcm_connect(struct vbg_dev *gdev, u32 requestor,
		     struct vmmdev_hgcm_service_location *loc, u32 *client_id, int *vbox_status)
{
	struct vbg_client *client;
	int ret;

	*client_id = 0;
	ret = vbg_client_connect(gdev, requestor, loc, &client, vbox_status);
	if (client) {
		*client_id = vbg_client_id(client);
		vbg_client_forget(client);
	}
	return ret;
}
EXPORT_SYMBOL(vbg_hgcm_connect);

/**
 * vbg_hgcm_disconnect() - Disconnect a client of vbg_hgcm_connect().
 * @gdev:	Device, from vbg_get_gdev().
 * @requestor:	VMMDEV_REQUESTOR_* word.
 * @client_id:	Client.
 * @vbox_status: Status of the host; valid after a return of 0.
 *
 * Context: Process context. Waits some seconds at most, killable.
 * Return: 0, -ENOMEM, -EINTR (killed), -ETIMEDOUT or -EIO (host is silent).
 */
int vbg_hgcm_disconnect(struct vbg_dev *gdev, u32 requestor, u32 client_id, int *vbox_status)
{
	return vbg_client_disconnect_id(gdev, requestor, client_id, vbox_status);
}
EXPORT_SYMBOL(vbg_hgcm_disconnect);

/**
 * vbg_hgcm_call() - Call a service and wait for the answer.
 * @gdev:	Device, from vbg_get_gdev().
 * @requestor:	VMMDEV_REQUESTOR_* word. With USERMODE any signal ends the wait,
 *		otherwise only a fatal one does.
 * @client_id:	Client.
 * @function:	Function of the service.
 * @timeout_ms:	Milliseconds to wait, or U32_MAX.
 * @parms:	Parameters of types 1, 2, 4 to 6 (memory of the current process) and
 *		7 to 9 (kernel memory); values are updated.
 * @parm_count:	Number of parameters, 32 at most.
 * @vbox_status: Status of the host; valid after a return of 0.
 *
 * Context: Process context, sleeps.
 * Return: 0, -EINVAL (type), -E2BIG, -ENOMEM, -EFAULT, -ETIMEDOUT, -EINTR, -EIO
 * (host is silent) or -ENODEV.
 */
int vbg_hgcm_call(struct vbg_dev *gdev, u32 requestor, u32 client_id, u32 function,
		  u32 timeout_ms, struct vmmdev_hgcm_function_parameter *parms, u32 parm_count,
		  int *vbox_status)
{
	enum vbg_wait how = requestor & VMMDEV_REQUESTOR_USERMODE ? VBG_WAIT_SIGNAL : VBG_WAIT_KILL;

	return vbg_call_sync(gdev, requestor, client_id, function, timeout_ms, how, false,
			     parms, parm_count, NULL, vbox_status);
}
EXPORT_SYMBOL(vbg_hgcm_call);

int vbg_hgcm_call_or_leave(struct vbg_dev *gdev, u32 requestor, u32 client_id, u32 function,
			   struct vmmdev_hgcm_function_parameter *parms, u32 parm_count,
			   struct vbg_hgcm_async *call, int *vbox_status)
{
	return vbg_call_sync(gdev, requestor, client_id, function, VBG_WAIT_FOREVER, VBG_WAIT_KILL,
			     false, parms, parm_count, call, vbox_status);
}
EXPORT_SYMBOL_GPL(vbg_hgcm_call_or_leave);

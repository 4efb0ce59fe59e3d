// SPDX-License-Identifier: GPL-2.0-only
/*
 * The two nodes of user programs: /dev/vboxguest for trusted ones, /dev/vboxuser
 * for all. They differ in the requestor word of their sessions and in which
 * device requests they let through; who may open them is up to the system.
 */
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/uaccess.h>

#include "vbg_core.h"

/*
 * Who opens the node, for the host. Root is the root of the machine, not that of
 * a container. Membership in the group of the node counts for the unprivileged
 * node only, and not when that group is root's: as in VirtualBox's own driver.
 */
static u32 vbg_requestor(const struct inode *inode, bool user_device)
{
	u32 requestor = VMMDEV_REQUESTOR_USERMODE | VMMDEV_REQUESTOR_CON_DONT_KNOW |
			VMMDEV_REQUESTOR_TRUST_NOT_GIVEN;

	requestor |= uid_eq(current_uid(), GLOBAL_ROOT_UID) ? VMMDEV_REQUESTOR_USR_ROOT :
							      VMMDEV_REQUESTOR_USR_USER;
	if (user_device) {
		requestor |= VMMDEV_REQUESTOR_USER_DEVICE;
		if (!gid_eq(inode->i_gid, GLOBAL_ROOT_GID) && in_group_p(inode->i_gid))
			requestor |= VMMDEV_REQUESTOR_GRP_VBOX;
	}
	return requestor;
}

static int vbg_open(struct vbg_dev *gdev, struct inode *inode, struct file *file, bool user_device)
{
	struct vbg_session *session;

	session = vbg_session_create(gdev, vbg_requestor(inode, user_device), user_device);
	if (IS_ERR(session))
		return PTR_ERR(session);
	file->private_data = session;
	return nonseekable_open(inode, file);
}

/* The device cannot go away here: deregistration waits for open(). */
static int vbg_open_guest(struct inode *inode, struct file *file)
{
	struct miscdevice *misc = file->private_data;

	return vbg_open(container_of(misc, struct vbg_dev, misc_guest), inode, file, false);
}

static int vbg_open_user(struct inode *inode, struct file *file)
{
	struct miscdevice *misc = file->private_data;

	return vbg_open(container_of(misc, struct vbg_dev, misc_user), inode, file, true);
}

static int vbg_release(struct inode *inode, struct file *file)
{
	vbg_session_destroy(file->private_data);
	return 0;
}

/*
 * What VirtualBox's own driver offers to programs that follow the mouse: one byte
 * after it has moved, else nothing. It never blocks; poll() tells when.
 */
static ssize_t vbg_read(struct file *file, char __user *buffer, size_t size, loff_t *offset)
{
	struct vbg_session *session = file->private_data;

	if (READ_ONCE(session->gdev->hgcm.dying))
		return -ENODEV;
	if (!size || !vbg_events_mouse_moved(session))
		return 0;
	return put_user(0, buffer) ? -EFAULT : 1;
}

static __poll_t vbg_poll(struct file *file, struct poll_table_struct *table)
{
	struct vbg_session *session = file->private_data;

	poll_wait(file, &session->gdev->events.wait, table);
	return vbg_events_poll(session);
}

static int vbg_fasync(int fd, struct file *file, int on)
{
	struct vbg_session *session = file->private_data;

	return fasync_helper(fd, file, on, &session->gdev->events.fasync);
}

static long vbg_unlocked_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vbg_session *session = file->private_data;
	long ret;

	if (!vbg_dev_enter(session->gdev))
		return -ENODEV;
	ret = vbg_ioctl(session, cmd, (void __user *)arg);
	vbg_dev_leave(session->gdev);
	return ret;
}

static const struct file_operations vbg_guest_fops = {
	.owner = THIS_MODULE,
	.open = vbg_open_guest,
	.release = vbg_release,
	.read = vbg_read,
	.poll = vbg_poll,
	.fasync = vbg_fasync,
	.unlocked_ioctl = vbg_unlocked_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static const struct file_operations vbg_user_fops = {
	.owner = THIS_MODULE,
	.open = vbg_open_user,
	.release = vbg_release,
	.read = vbg_read,
	.poll = vbg_poll,
	.fasync = vbg_fasync,
	.unlocked_ioctl = vbg_unlocked_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

/**
 * vbg_chardev_register() - Create the nodes.
 * @gdev:	Device, ready for use.
 *
 * Context: Probe.
 * Return: 0 or an error.
 */
int vbg_chardev_register(struct vbg_dev *gdev)
{
	int ret;

	gdev->misc_guest.minor = MISC_DYNAMIC_MINOR;
	gdev->misc_guest.name = "vboxguest";
	gdev->misc_guest.fops = &vbg_guest_fops;
	gdev->misc_guest.parent = &gdev->pdev->dev;
	ret = misc_register(&gdev->misc_guest);
	if (ret)
		return ret;

	gdev->misc_user.minor = MISC_DYNAMIC_MINOR;
	gdev->misc_user.name = "vboxuser";
	gdev->misc_user.fops = &vbg_user_fops;
	gdev->misc_user.parent = &gdev->pdev->dev;
	ret = misc_register(&gdev->misc_user);
	if (ret)
		misc_deregister(&gdev->misc_guest);
	return ret;
}

/**
 * vbg_chardev_unregister() - Remove the nodes.
 * @gdev:	Device.
 *
 * Context: Removal. Files that are open stay so; their ioctls get -ENODEV.
 */
void vbg_chardev_unregister(struct vbg_dev *gdev)
{
	misc_deregister(&gdev->misc_user);
	misc_deregister(&gdev->misc_guest);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attributes of the PCI device: what the host is and can do, and what of that is
 * in use.
 */
#include <linux/device.h>
#include <linux/sysfs.h>

#include "vbg_core.h"

static ssize_t host_version_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct vbg_dev *gdev = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%s\n", gdev->host_version);
}

static ssize_t host_features_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct vbg_dev *gdev = dev_get_drvdata(dev);

	return sysfs_emit(buf, "0x%x\n", gdev->host_features);
}

static ssize_t features_in_use_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	static const char * const acknowledge[] = {
		[VBG_IRQ_REQUEST] = "ack-request",
		[VBG_IRQ_FAST_ACK] = "fast-irq-ack",
		[VBG_IRQ_EVENT_WORD] = "event-word",
	};
	struct vbg_dev *gdev = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%s %s page-list%s%s%s%s%s\n", gdev->irq_shared ? "intx" : "msi",
			  acknowledge[gdev->irq_mode],
			  gdev->host_features & VBG_HVF_EMBEDDED ? " embedded" : "",
			  gdev->host_features & VBG_HVF_CONTIGUOUS ? " contiguous" : "",
			  gdev->regs ? " mmio-requests" : "",
			  gdev->ring.usable ? " ring" : "",
			  gdev->heartbeat_jiffies ? " heartbeat" : "");
}

static DEVICE_ATTR_RO(host_version);
static DEVICE_ATTR_RO(host_features);
static DEVICE_ATTR_RO(features_in_use);

static struct attribute *vbg_attrs[] = {
	&dev_attr_host_version.attr,
	&dev_attr_host_features.attr,
	&dev_attr_features_in_use.attr,
	NULL,
};

static const struct attribute_group vbg_group = {
	.attrs = vbg_attrs,
};

const struct attribute_group *vbg_groups[] = {
	&vbg_group,
	NULL,
};

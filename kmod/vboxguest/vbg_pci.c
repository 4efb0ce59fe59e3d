// SPDX-License-Identifier: GPL-2.0-only
/*
 * vboxguest: driver of the VMMDev PCI device, the way between a guest and its
 * host in VirtualBox and under OpenHGCM's device. This file finds the device,
 * maps its registers, chooses how interrupts arrive and are acknowledged, and
 * brings the parts up and down. It follows the device's behaviour as VirtualBox
 * 7 shows it; what it adds is in openhgcm/vmmdev_ext.h.
 */
#include <linux/io.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <openhgcm/version.h>
#include <openhgcm/vmmdev_ext.h>

#include "vbg_compat.h"
#include "vbg_core.h"

#define VBG_BAR_PORTS	0
#define VBG_BAR_MEMORY	1
#define VBG_BAR_REGS	3

static bool vbg_use_msi = true;
module_param_named(msi, vbg_use_msi, bool, 0444);
MODULE_PARM_DESC(msi, "Use message signalled interrupts where offered (default: yes)");

static bool vbg_use_event_word = true;
module_param_named(event_word, vbg_use_event_word, bool, 0444);
MODULE_PARM_DESC(event_word, "Use the device's mapped event word where offered (default: yes)");

static bool vbg_use_regs = true;
module_param_named(mmio, vbg_use_regs, bool, 0444);
MODULE_PARM_DESC(mmio, "Use request registers in memory where offered (default: yes)");

static bool vbg_use_ring = true;
module_param_named(ring, vbg_use_ring, bool, 0444);
MODULE_PARM_DESC(ring, "Submit calls through shared memory where offered (default: yes)");

static uint vbg_feature_mask = U32_MAX;
module_param_named(host_features, vbg_feature_mask, uint, 0444);
MODULE_PARM_DESC(host_features, "Mask of host features that may be used (default: all)");

/* There is one device; bit 0 is set while it has a driver. */
static unsigned long vbg_bound;

static u32 vbg_ext_read(const u32 *ext, unsigned int offset)
{
	return READ_ONCE(ext[offset / sizeof(u32)]);
}

/*
 * Map the extension block, if there is one. It is shared memory and not
 * registers, so it is mapped cached: the event word is exchanged atomically.
 */
static u32 *vbg_map_ext(struct pci_dev *pdev)
{
	resource_size_t start = pci_resource_start(pdev, VBG_BAR_MEMORY);
	u32 *ext;

	if (pci_resource_len(pdev, VBG_BAR_MEMORY) < VMMDEV_EXT_OFFSET + VMMDEV_EXT_SIZE)
		return NULL;
	ext = memremap(start + VMMDEV_EXT_OFFSET, VMMDEV_EXT_SIZE, MEMREMAP_WB);
	if (!ext)
		return NULL;
	if (vbg_ext_read(ext, VMMDEV_EXT_OFF_MAGIC) != VMMDEV_EXT_MAGIC ||
	    vbg_ext_read(ext, VMMDEV_EXT_OFF_VERSION) < VMMDEV_EXT_VERSION ||
	    vbg_ext_read(ext, VMMDEV_EXT_OFF_SIZE) < VMMDEV_EXT_SIZE ||
	    !(vbg_ext_read(ext, VMMDEV_EXT_OFF_DEVICE_FEATURES) & VMMDEV_EXT_F_EVENT_WORD)) {
		memunmap(ext);
		return NULL;
	}
	return ext;
}

static void vbg_unmap_regs(struct vbg_dev *gdev)
{
	if (gdev->regs)
		pci_iounmap(gdev->pdev, gdev->regs);
	gdev->regs = NULL;
}

static int vbg_map(struct vbg_dev *gdev, int bars)
{
	struct pci_dev *pdev = gdev->pdev;
	resource_size_t length = pci_resource_len(pdev, VBG_BAR_MEMORY);
	u32 size;

	if (bars & BIT(VBG_BAR_PORTS))
		gdev->port = pci_resource_start(pdev, VBG_BAR_PORTS);
	if (bars & BIT(VBG_BAR_REGS)) {
		gdev->regs = pci_iomap(pdev, VBG_BAR_REGS, VBG_REG_SIZE);
		if (!gdev->regs)
			return -ENOMEM;
	}
	gdev->mem = pci_iomap(pdev, VBG_BAR_MEMORY, PAGE_SIZE);
	if (!gdev->mem) {
		vbg_unmap_regs(gdev);
		return -ENOMEM;
	}
	size = readl(gdev->mem + VBG_MEM_SIZE);
	if (readl(gdev->mem + VBG_MEM_VERSION) != VBG_MEMORY_VERSION ||
	    size < VBG_MEMORY_MIN_SIZE || size > length) {
		dev_err(&pdev->dev, "device memory of unknown version or size\n");
		pci_iounmap(pdev, gdev->mem);
		vbg_unmap_regs(gdev);
		return -ENODEV;
	}
	gdev->ext = vbg_use_event_word ? vbg_map_ext(pdev) : NULL;
	return 0;
}

static void vbg_unmap(struct vbg_dev *gdev)
{
	if (gdev->ext)
		memunmap(gdev->ext);
	pci_iounmap(gdev->pdev, gdev->mem);
	vbg_unmap_regs(gdev);
}

/*
 * The BARs to use, as a mask. The device's memory is a must; requests go through
 * registers in memory where there are some (newer hosts, those of ARM guests
 * above all), else through ports. 0 if something is missing.
 */
static int vbg_bars(struct pci_dev *pdev)
{
	int bars = pci_select_bars(pdev, IORESOURCE_MEM) & BIT(VBG_BAR_MEMORY);

	if (!bars)
		return 0;
	if (IS_ENABLED(CONFIG_HAS_IOPORT) || IS_ENABLED(CONFIG_X86))
		bars |= pci_select_bars(pdev, IORESOURCE_IO) & BIT(VBG_BAR_PORTS);
	if (vbg_use_regs && pci_resource_len(pdev, VBG_BAR_REGS) >= VBG_REG_SIZE)
		bars |= pci_select_bars(pdev, IORESOURCE_MEM) & BIT(VBG_BAR_REGS);
	return bars & ~BIT(VBG_BAR_MEMORY) ? bars : 0;
}

static int vbg_request_irq(struct vbg_dev *gdev)
{
	struct pci_dev *pdev = gdev->pdev;
	int ret;

	ret = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_INTX | (vbg_use_msi ? PCI_IRQ_MSI : 0));
	if (ret < 0)
		return ret;
	gdev->irq = pci_irq_vector(pdev, 0);
	gdev->irq_shared = !pdev->msi_enabled;

	if (pdev->msi_enabled && gdev->ext) {
		gdev->irq_mode = VBG_IRQ_EVENT_WORD;
		gdev->ring.usable = vbg_use_ring &&
				    vbg_ext_read(gdev->ext, VMMDEV_EXT_OFF_DEVICE_FEATURES) &
					    VMMDEV_EXT_F_RING;
	} else if (gdev->host_features & VBG_HVF_FAST_IRQ_ACK) {
		gdev->irq_mode = VBG_IRQ_FAST_ACK;
	} else {
		gdev->irq_mode = VBG_IRQ_REQUEST;
	}

	ret = request_irq(gdev->irq, vbg_irq, gdev->irq_shared ? IRQF_SHARED : 0, "vboxguest",
			  gdev);
	if (ret)
		pci_free_irq_vectors(pdev);
	return ret;
}

static void vbg_release_irq(struct vbg_dev *gdev)
{
	free_irq(gdev->irq, gdev);
	pci_free_irq_vectors(gdev->pdev);
}

static int vbg_pci_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int bars = vbg_bars(pdev);
	struct vbg_dev *gdev;
	int ret;

	if (test_and_set_bit(0, &vbg_bound))
		return -EBUSY;

	ret = pci_enable_device(pdev);
	if (ret)
		goto unbind;

	ret = -ENODEV;
	if (!bars) {
		dev_err(&pdev->dev, "the device lacks registers or memory\n");
		goto disable;
	}
	ret = pci_request_selected_regions(pdev, bars, "vboxguest");
	if (ret)
		goto disable;
	/* Messages are writes to memory. */
	pci_set_master(pdev);

	gdev = vbg_dev_create(pdev, IS_ENABLED(CONFIG_64BIT) && bars & BIT(VBG_BAR_REGS));
	if (IS_ERR(gdev)) {
		ret = PTR_ERR(gdev);
		goto release_regions;
	}
	gdev->bars = bars;
	gdev->feature_mask = vbg_feature_mask | VBG_HVF_PAGE_LIST;
	ret = vbg_map(gdev, bars);
	if (ret)
		goto destroy;
	ret = vbg_dev_greet(gdev);
	if (ret)
		goto unmap;
	ret = vbg_request_irq(gdev);
	if (ret)
		goto unmap;
	ret = vbg_dev_start(gdev);
	if (ret)
		goto release_irq;
	vbg_log_attach(gdev);
	ret = vbg_mouse_register(gdev);
	if (ret)
		goto stop;
	ret = vbg_chardev_register(gdev);
	if (ret)
		goto unregister_mouse;
	pci_set_drvdata(pdev, gdev);
	vbg_debugfs_create(gdev);
	vbg_api_publish(gdev);
	dev_info(&pdev->dev, "host %s, features %#x, interrupts by %s%s\n", gdev->host_version,
		 gdev->host_features, gdev->irq_shared ? "line" : "message",
		 gdev->irq_mode == VBG_IRQ_EVENT_WORD ? " and event word" : "");
	return 0;

unregister_mouse:
	vbg_mouse_unregister(gdev);
stop:
	vbg_log_detach(gdev);
	vbg_dev_stop(gdev);
release_irq:
	vbg_release_irq(gdev);
unmap:
	vbg_unmap(gdev);
destroy:
	vbg_dev_destroy(gdev);
release_regions:
	pci_release_selected_regions(pdev, bars);
disable:
	pci_disable_device(pdev);
unbind:
	clear_bit(0, &vbg_bound);
	return ret;
}

/* Nobody uses the device after this, the host least of all. */
static void vbg_pci_down(struct vbg_dev *gdev)
{
	vbg_api_unpublish(gdev);
	vbg_debugfs_remove(gdev);
	vbg_chardev_unregister(gdev);
	vbg_mouse_unregister(gdev);
	vbg_log_detach(gdev);
	vbg_dev_stop(gdev);
	vbg_release_irq(gdev);
}

static void vbg_pci_remove(struct pci_dev *pdev)
{
	struct vbg_dev *gdev = pci_get_drvdata(pdev);
	int bars = gdev->bars;

	vbg_pci_down(gdev);
	vbg_unmap(gdev);
	vbg_dev_destroy(gdev);
	pci_release_selected_regions(pdev, bars);
	pci_disable_device(pdev);
	clear_bit(0, &vbg_bound);
}

/* The host must not write to memory of the next kernel. */
static void vbg_pci_shutdown(struct pci_dev *pdev)
{
	vbg_pci_down(pci_get_drvdata(pdev));
}

static int vbg_pci_suspend(struct device *dev)
{
	vbg_dev_suspend(dev_get_drvdata(dev));
	return 0;
}

static int vbg_pci_resume(struct device *dev)
{
	return vbg_dev_resume(dev_get_drvdata(dev), false);
}

static int vbg_pci_restore(struct device *dev)
{
	return vbg_dev_resume(dev_get_drvdata(dev), true);
}

static const struct dev_pm_ops vbg_pm_ops = {
	.suspend = pm_sleep_ptr(vbg_pci_suspend),
	.resume = pm_sleep_ptr(vbg_pci_resume),
	.freeze = pm_sleep_ptr(vbg_pci_suspend),
	.thaw = pm_sleep_ptr(vbg_pci_resume),
	.poweroff = pm_sleep_ptr(vbg_pci_suspend),
	.restore = pm_sleep_ptr(vbg_pci_restore),
};

static const struct pci_device_id vbg_pci_ids[] = {
	{ PCI_DEVICE(VBG_PCI_VENDOR, VBG_PCI_DEVICE) },
	{ }
};
MODULE_DEVICE_TABLE(pci, vbg_pci_ids);

static struct pci_driver vbg_pci_driver = {
	.name = "vboxguest",
	.id_table = vbg_pci_ids,
	.probe = vbg_pci_probe,
	.remove = vbg_pci_remove,
	.shutdown = vbg_pci_shutdown,
	.dev_groups = vbg_groups,
	.driver.pm = pm_sleep_ptr(&vbg_pm_ops),
};

module_pci_driver(vbg_pci_driver);

MODULE_DESCRIPTION("VMMDev guest driver of OpenHGCM");
MODULE_AUTHOR("The OpenHGCM authors");
MODULE_VERSION(OPENHGCM_VERSION);
MODULE_LICENSE("GPL");
/* What it can use where the device offers it; sysfs and debugfs show what it does use. */
MODULE_INFO(supports, "intx msi event-word fast-irq-ack ack-request ports mmio-requests");
MODULE_INFO(supports, "page-list embedded contiguous requestor-info heartbeat balloon statistics");

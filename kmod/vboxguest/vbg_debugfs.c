// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files in debugfs, below /sys/kernel/debug/vboxguest. counters has one "name
 * value" a line, for what costs: accesses that leave the virtual machine,
 * interrupts, bytes copied and bytes handed over. features says what the device
 * offers and what of that is in use, and state what sessions and host agreed on.
 */
#include <linux/debugfs.h>
#include <linux/pci.h>
#include <linux/seq_file.h>
#include <openhgcm/vmmdev_ext.h>

#include "vbg_core.h"

static const char * const vbg_counter_names[VBG_CNT_COUNT] = {
	[VBG_CNT_REQUESTS] = "requests",
	[VBG_CNT_PORT_WRITES] = "port_writes",
	[VBG_CNT_PORT_READS] = "port_reads",
	[VBG_CNT_INTERRUPTS] = "interrupts",
	[VBG_CNT_INTERRUPTS_SPURIOUS] = "interrupts_without_events",
	[VBG_CNT_CALLS] = "calls",
	[VBG_CNT_CALLS_INLINE] = "completed_inline",
	[VBG_CNT_CALLS_RING] = "calls_by_ring",
	[VBG_CNT_CALLS_WATCHED] = "completed_watched",
	[VBG_CNT_CALLS_ASYNC] = "calls_async",
	[VBG_CNT_CALLS_CANCELLED] = "cancelled",
	[VBG_CNT_CALLS_ORPHANED] = "orphaned",
	[VBG_CNT_CALLS_RECLAIMED] = "reclaimed",
	[VBG_CNT_UNANSWERED] = "unanswered",
	[VBG_CNT_LEAKED] = "leaked",
	[VBG_CNT_BYTES_INLINE] = "bytes_inline",
	[VBG_CNT_BYTES_PINNED] = "bytes_pinned",
	[VBG_CNT_BYTES_MAPPED] = "bytes_mapped",
	[VBG_CNT_BYTES_BOUNCED] = "bytes_bounced",
	[VBG_CNT_BLOCKS_POOLED] = "blocks_from_pool",
	[VBG_CNT_BLOCKS_ALLOCATED] = "blocks_allocated",
};

static int counters_show(struct seq_file *file, void *unused)
{
	struct vbg_dev *gdev = file->private;
	u64 sum;
	int cpu, i;

	for (i = 0; i < VBG_CNT_COUNT; i++) {
		sum = 0;
		for_each_possible_cpu(cpu)
			sum += per_cpu_ptr(gdev->counters, cpu)->value[i];
		seq_printf(file, "%s %llu\n", vbg_counter_names[i], sum);
	}
	seq_printf(file, "pinned_pages %ld\n", atomic_long_read(&gdev->hgcm.pinned_pages));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(counters);

static void vbg_show_feature(struct seq_file *file, const char *name, bool offered, bool used)
{
	seq_printf(file, "%-14s %s %s\n", name, offered ? "offered" : "absent",
		   used ? "used" : "unused");
}

static int features_show(struct seq_file *file, void *unused)
{
	struct vbg_dev *gdev = file->private;
	bool fast_ack = gdev->host_features & VBG_HVF_FAST_IRQ_ACK;

	vbg_show_feature(file, "intx", true, gdev->irq_shared);
	vbg_show_feature(file, "msi", gdev->pdev->msi_cap, !gdev->irq_shared);
	vbg_show_feature(file, "event-word", gdev->ext, gdev->irq_mode == VBG_IRQ_EVENT_WORD);
	vbg_show_feature(file, "ring",
			 gdev->ext && gdev->ext[VMMDEV_EXT_OFF_DEVICE_FEATURES / sizeof(u32)] &
					      VMMDEV_EXT_F_RING,
			 gdev->ring.usable);
	vbg_show_feature(file, "fast-irq-ack", fast_ack, gdev->irq_mode == VBG_IRQ_FAST_ACK);
	vbg_show_feature(file, "ports", gdev->port, !gdev->regs);
	vbg_show_feature(file, "mmio-requests", gdev->regs, gdev->regs);
	vbg_show_feature(file, "page-list", true, true);
	vbg_show_feature(file, "embedded", gdev->host_features & VBG_HVF_EMBEDDED,
			 gdev->host_features & VBG_HVF_EMBEDDED);
	vbg_show_feature(file, "contiguous", gdev->host_features & VBG_HVF_CONTIGUOUS,
			 gdev->host_features & VBG_HVF_CONTIGUOUS);
	vbg_show_feature(file, "no-bounce", gdev->host_features & VBG_HVF_NO_BOUNCE, false);
	vbg_show_feature(file, "heartbeat", gdev->heartbeat_jiffies, gdev->heartbeat_jiffies);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(features);

static int state_show(struct seq_file *file, void *unused)
{
	struct vbg_dev *gdev = file->private;
	struct vbg_session *session;

	mutex_lock(&gdev->ctl_lock);
	seq_printf(file, "filter %#x\n", gdev->host_filter);
	seq_printf(file, "capabilities %#x\n", gdev->host_caps);
	seq_printf(file, "acquire_mode %#x\n", gdev->acquire_mode);
	seq_printf(file, "mouse %#x\n", gdev->host_mouse);
	seq_printf(file, "pending %#x\n", READ_ONCE(gdev->events.pending));
	seq_printf(file, "balloon_mib %u\n", READ_ONCE(gdev->balloon_chunks));
	seq_printf(file, "silent %d\n", READ_ONCE(gdev->silent));
	list_for_each_entry(session, &gdev->sessions, node)
		seq_printf(file, "session requestor=%#x filter=%#x set=%#x acquired=%#x mouse=%#x\n",
			   session->requestor, session->filter, session->set_caps,
			   session->acquired_caps, session->mouse_features);
	mutex_unlock(&gdev->ctl_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(state);

/**
 * vbg_debugfs_create() - Create the files.
 * @gdev:	Device.
 *
 * Context: Probe. The driver works without them.
 */
void vbg_debugfs_create(struct vbg_dev *gdev)
{
	gdev->debugfs = debugfs_create_dir("vboxguest", NULL);
	debugfs_create_file("counters", 0400, gdev->debugfs, gdev, &counters_fops);
	debugfs_create_file("features", 0400, gdev->debugfs, gdev, &features_fops);
	debugfs_create_file("state", 0400, gdev->debugfs, gdev, &state_fops);
}

/**
 * vbg_debugfs_remove() - Remove the files.
 * @gdev:	Device.
 *
 * Context: Removal.
 */
void vbg_debugfs_remove(struct vbg_dev *gdev)
{
	debugfs_remove_recursive(gdev->debugfs);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counters in debugfs: /sys/kernel/debug/vboxguest/counters, one "name value" a
 * line. They count what costs: accesses that leave the virtual machine,
 * interrupts, bytes copied and bytes handed over.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "vbg_core.h"

static const char * const vbg_counter_names[VBG_CNT_COUNT] = {
	[VBG_CNT_REQUESTS] = "requests",
	[VBG_CNT_PORT_WRITES] = "port_writes",
	[VBG_CNT_PORT_READS] = "port_reads",
	[VBG_CNT_INTERRUPTS] = "interrupts",
	[VBG_CNT_INTERRUPTS_SPURIOUS] = "interrupts_without_events",
	[VBG_CNT_CALLS] = "calls",
	[VBG_CNT_CALLS_INLINE] = "completed_inline",
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

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest statistics: reports load and memory at the interval the host asks for,
 * so that it gets them without a program in the guest. While a session has the
 * event of the interval in its filter (as VirtualBox's service does) reporting is
 * that program's business. Numbers of processes, threads and handles are not
 * reported: modules have no way to learn them.
 */
#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/kernel_stat.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/vmstat.h>

#include "vbg_core.h"

/* Seconds; a host that asks for more often or less often than this gets the nearest. */
#define VBG_STATS_MIN_SECONDS	1
#define VBG_STATS_MAX_SECONDS	3600

/* Times since boot, of all processors together. */
static void vbg_stats_busy(struct vbg_stats_busy *busy)
{
	unsigned int cpu;

	busy->user = 0;
	busy->kernel = 0;
	for_each_online_cpu(cpu) {
		const u64 *times = kcpustat_cpu(cpu).cpustat;

		busy->user += times[CPUTIME_USER] + times[CPUTIME_NICE];
		busy->kernel += times[CPUTIME_SYSTEM] + times[CPUTIME_IRQ] + times[CPUTIME_SOFTIRQ];
	}
	busy->elapsed = ktime_get_ns() * num_online_cpus();
}

static u32 vbg_stats_percent(u64 now, u64 before, u64 elapsed)
{
	if (now <= before || !elapsed)
		return 0;
	return min_t(u64, div64_u64((now - before) * 100, elapsed), 100);
}

/* Pages of the kernel in pages of the protocol. */
static u32 vbg_stats_pages(unsigned long pages)
{
	return min_t(u64, (u64)pages << (PAGE_SHIFT - VBG_WIRE_PAGE_SHIFT), U32_MAX);
}

static void vbg_stats_fill(struct vbg_dev *gdev, struct vbg_req_stats *req)
{
	struct vbg_stats_busy now, *before = &gdev->stats_busy;
	unsigned long total, available;
	struct sysinfo info;
	u64 elapsed;

	vbg_stats_busy(&now);
	elapsed = now.elapsed > before->elapsed ? now.elapsed - before->elapsed : 0;
	req->stat_caps = VBG_STAT_MEMORY_LOAD | VBG_STAT_PHYS_TOTAL | VBG_STAT_PHYS_AVAILABLE |
			 VBG_STAT_PHYS_BALLOON | VBG_STAT_COMMITTED | VBG_STAT_KERNEL_TOTAL |
			 VBG_STAT_SYSTEM_CACHE;
	/* The first report has nothing to compare with. */
	if (before->elapsed) {
		req->cpu_load_user = vbg_stats_percent(now.user, before->user, elapsed);
		req->cpu_load_kernel = min(vbg_stats_percent(now.kernel, before->kernel, elapsed),
					   100 - req->cpu_load_user);
		req->cpu_load_idle = 100 - req->cpu_load_user - req->cpu_load_kernel;
		req->stat_caps |= VBG_STAT_CPU_IDLE | VBG_STAT_CPU_KERNEL | VBG_STAT_CPU_USER;
	}
	*before = now;

	si_meminfo(&info);
	total = max(info.totalram, 1UL);
	available = clamp(si_mem_available(), 0L, (long)total);
	req->page_size = VBG_WIRE_PAGE_SIZE;
	req->memory_load = (total - available) * 100 / total;
	req->phys_mem_total = vbg_stats_pages(total);
	req->phys_mem_available = vbg_stats_pages(available);
	req->phys_mem_balloon = READ_ONCE(gdev->balloon_chunks) * VBG_BALLOON_CHUNK_PAGES;
	req->mem_committed = vbg_stats_pages(vm_memory_committed());
	req->mem_kernel_total =
		vbg_stats_pages(global_node_page_state_pages(NR_SLAB_RECLAIMABLE_B) +
				global_node_page_state_pages(NR_SLAB_UNRECLAIMABLE_B));
	req->mem_system_cache = vbg_stats_pages(global_node_page_state(NR_FILE_PAGES));
}

/* Seconds between reports; 0 for none. */
static u32 vbg_stats_interval(struct vbg_dev *gdev)
{
	struct vbg_req_stats_interval *req = gdev->stats_interval;
	u32 seconds;

	memset(req, 0, sizeof(*req));
	vbg_req_prepare(req, sizeof(*req), VMMDEVREQ_GET_STATISTICS_CHANGE_REQ,
			VBG_REQUESTOR_DRIVER);
	req->event_ack = VBG_EVENT_STATISTICS_INTERVAL;
	if (vbg_req_submit(gdev, req) < 0)
		return 0;
	seconds = READ_ONCE(req->interval);
	return seconds ? clamp_t(u32, seconds, VBG_STATS_MIN_SECONDS, VBG_STATS_MAX_SECONDS) : 0;
}

static void vbg_stats_work(struct work_struct *work)
{
	struct vbg_dev *gdev = container_of(to_delayed_work(work), struct vbg_dev, stats_work);
	struct vbg_req_stats *req = gdev->stats_report;
	u32 seconds = 0;

	if (!(READ_ONCE(gdev->user_filter) & VBG_EVENT_STATISTICS_INTERVAL))
		seconds = vbg_stats_interval(gdev);
	if (!seconds) {
		memset(&gdev->stats_busy, 0, sizeof(gdev->stats_busy));
		return;
	}
	memset(req, 0, sizeof(*req));
	vbg_req_prepare(req, sizeof(*req), VMMDEVREQ_REPORT_GUEST_STATS, VBG_REQUESTOR_DRIVER);
	vbg_stats_fill(gdev, req);
	/* A host that asks for reports and refuses them will not take the next one either. */
	if (vbg_req_submit(gdev, req) >= 0)
		schedule_delayed_work(&gdev->stats_work, seconds * HZ);
}

/**
 * vbg_stats_init() - Prepare.
 * @gdev:	Device.
 *
 * Context: Probe.
 * Return: 0 or -ENOMEM; then nothing is left behind.
 */
int vbg_stats_init(struct vbg_dev *gdev)
{
	INIT_DELAYED_WORK(&gdev->stats_work, vbg_stats_work);
	gdev->stats_interval = vbg_block_alloc(gdev, sizeof(*gdev->stats_interval));
	if (!gdev->stats_interval)
		return -ENOMEM;
	gdev->stats_report = vbg_block_alloc(gdev, sizeof(*gdev->stats_report));
	if (!gdev->stats_report) {
		vbg_block_free(gdev->stats_interval, sizeof(*gdev->stats_interval));
		return -ENOMEM;
	}
	return 0;
}

/**
 * vbg_stats_start() - Look whether the host wants reports, and begin if so.
 * @gdev:	Device, started.
 *
 * Context: Any.
 */
void vbg_stats_start(struct vbg_dev *gdev)
{
	mod_delayed_work(system_wq, &gdev->stats_work, 0);
}

/**
 * vbg_stats_stop() - Stop.
 * @gdev:	Device.
 *
 * Context: Suspend and removal, sleeps.
 */
void vbg_stats_stop(struct vbg_dev *gdev)
{
	cancel_delayed_work_sync(&gdev->stats_work);
}

/**
 * vbg_stats_exit() - Undo vbg_stats_init().
 * @gdev:	Device that raises no more events.
 *
 * Context: Removal.
 */
void vbg_stats_exit(struct vbg_dev *gdev)
{
	vbg_stats_stop(gdev);
	vbg_req_free(gdev, gdev->stats_report, sizeof(*gdev->stats_report),
		     gdev->stats_report->hdr.rc);
	vbg_req_free(gdev, gdev->stats_interval, sizeof(*gdev->stats_interval),
		     gdev->stats_interval->hdr.rc);
}

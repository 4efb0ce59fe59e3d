// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory balloon: gives pages to the host when it asks, in chunks of 1 MiB, and
 * takes them back when it asks, when the guest would kill a process for memory,
 * and when the driver goes. Pages in the balloon are not part of the guest's
 * memory as the kernel counts it, and are marked offline: crash dumps and
 * hibernation leave them out. A page the host did not give back is not freed.
 *
 * The host's wish is pursued for as long as it stands: what cannot be given now
 * is tried again later. Two rules keep the guest alive meanwhile: it keeps a
 * quarter of its memory whatever the host wants, and inflating stops while less
 * than a reserve is available.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/oom.h>
#include <linux/slab.h>
#include <linux/vmstat.h>

#include "vbg_core.h"

/* Of the guest's memory, the part that the host may have. */
#define VBG_BALLOON_SHARE(amount)	((amount) / 4 * 3)
/* Of the guest's memory, the part that stays available to it. */
#define VBG_BALLOON_RESERVE(amount)	((amount) / 16)

/* What one protocol page list entry gives away must be a page of ours. */
#define VBG_BALLOON_USABLE		(PAGE_SIZE == VBG_WIRE_PAGE_SIZE)

/* How soon to try again what could not be given. */
#define VBG_BALLOON_RETRY		(5 * HZ)
/* After memory was so short that a process would have died. */
#define VBG_BALLOON_REST		(30 * HZ)
/* How much to give back then, at once. */
#define VBG_BALLOON_OOM_CHUNKS		16

struct vbg_balloon_chunk {
	struct list_head node;
	struct page *pages[VBG_BALLOON_CHUNK_PAGES];
};

static void vbg_balloon_account(bool inflate)
{
#ifdef CONFIG_MEMORY_BALLOON
	count_vm_events(inflate ? BALLOON_INFLATE : BALLOON_DEFLATE, VBG_BALLOON_CHUNK_PAGES);
#endif
}

static void vbg_balloon_free_chunk(struct vbg_balloon_chunk *chunk)
{
	int i;

	for (i = 0; i < VBG_BALLOON_CHUNK_PAGES && chunk->pages[i]; i++)
		__free_page(chunk->pages[i]);
	kfree(chunk);
}

/* Tell the host about a chunk. Returns the status. */
static int vbg_balloon_change(struct vbg_dev *gdev, struct vbg_balloon_chunk *chunk, bool inflate)
{
	struct vbg_req_balloon_change *req = gdev->balloon_change;
	int i;

	vbg_req_prepare(req, sizeof(*req), VMMDEVREQ_CHANGE_MEMBALLOON, VBG_REQUESTOR_DRIVER);
	req->pages = VBG_BALLOON_CHUNK_PAGES;
	req->inflate = inflate;
	for (i = 0; i < VBG_BALLOON_CHUNK_PAGES; i++)
		req->addr[i] = page_to_phys(chunk->pages[i]);
	return vbg_req_submit(gdev, req);
}

static bool vbg_balloon_room(struct vbg_dev *gdev)
{
	return si_mem_available() > (long)VBG_BALLOON_RESERVE(totalram_pages()) &&
	       time_after_eq(jiffies, READ_ONCE(gdev->balloon_rest_until));
}

static bool vbg_balloon_inflate(struct vbg_dev *gdev)
{
	struct vbg_balloon_chunk *chunk;
	int i, rc;

	if (!vbg_balloon_room(gdev))
		return false;
	chunk = kzalloc(sizeof(*chunk), GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
	if (!chunk)
		return false;
	for (i = 0; i < VBG_BALLOON_CHUNK_PAGES; i++) {
		chunk->pages[i] = alloc_page(GFP_HIGHUSER | __GFP_NORETRY | __GFP_NOMEMALLOC |
					     __GFP_NOWARN);
		if (!chunk->pages[i])
			goto free;
	}
	rc = vbg_balloon_change(gdev, chunk, true);
	if (rc == VBG_RC_UNANSWERED) {
		vbg_count(gdev, VBG_CNT_LEAKED, 1);
		kfree(chunk);
		return false;
	}
	if (rc < 0)
		goto free;

	for (i = 0; i < VBG_BALLOON_CHUNK_PAGES; i++) {
		__SetPageOffline(chunk->pages[i]);
		adjust_managed_page_count(chunk->pages[i], -1);
	}
	vbg_balloon_account(true);
	list_add(&chunk->node, &gdev->balloon);
	WRITE_ONCE(gdev->balloon_chunks, gdev->balloon_chunks + 1);
	return true;

free:
	vbg_balloon_free_chunk(chunk);
	return false;
}

static bool vbg_balloon_deflate(struct vbg_dev *gdev)
{
	struct vbg_balloon_chunk *chunk = list_first_entry(&gdev->balloon,
							   struct vbg_balloon_chunk, node);
	int i;

	if (vbg_balloon_change(gdev, chunk, false) < 0)
		return false;
	list_del(&chunk->node);
	WRITE_ONCE(gdev->balloon_chunks, gdev->balloon_chunks - 1);
	for (i = 0; i < VBG_BALLOON_CHUNK_PAGES; i++) {
		__ClearPageOffline(chunk->pages[i]);
		adjust_managed_page_count(chunk->pages[i], 1);
	}
	vbg_balloon_account(false);
	vbg_balloon_free_chunk(chunk);
	return true;
}

static void vbg_balloon_resize(struct vbg_dev *gdev, u32 wanted)
{
	lockdep_assert_held(&gdev->balloon_lock);
	while (gdev->balloon_chunks < wanted && !READ_ONCE(gdev->balloon_stopped) &&
	       vbg_balloon_inflate(gdev))
		cond_resched();
	while (gdev->balloon_chunks > wanted && vbg_balloon_deflate(gdev))
		cond_resched();
}

/* What the host wants and can have, in chunks. */
static u32 vbg_balloon_target(struct vbg_dev *gdev, u32 wanted)
{
	unsigned long memory = totalram_pages() / VBG_BALLOON_CHUNK_PAGES + gdev->balloon_chunks;
	u32 limit = VBG_BALLOON_USABLE ? VBG_BALLOON_SHARE(memory) : 0;

	if (wanted > limit) {
		pr_warn_ratelimited("vboxguest: the host wants %u MiB, it can have %u\n", wanted,
				    limit);
		return limit;
	}
	return wanted;
}

static void vbg_balloon_work(struct work_struct *work)
{
	struct vbg_dev *gdev = container_of(to_delayed_work(work), struct vbg_dev, balloon_work);
	struct vbg_req_balloon_info *req = gdev->balloon_info;
	u32 target;

	mutex_lock(&gdev->balloon_lock);
	if (gdev->balloon_stopped)
		goto unlock;
	memset(req, 0, sizeof(*req));
	vbg_req_prepare(req, sizeof(*req), VMMDEVREQ_GET_MEMBALLOON_CHANGE_REQ,
			VBG_REQUESTOR_DRIVER);
	req->event_ack = VBG_EVENT_BALLOON_CHANGE;
	if (vbg_req_submit(gdev, req) < 0)
		goto unlock;
	target = vbg_balloon_target(gdev, READ_ONCE(req->balloon_chunks));
	vbg_balloon_resize(gdev, target);
	if (gdev->balloon_chunks != target)
		schedule_delayed_work(&gdev->balloon_work, VBG_BALLOON_RETRY);
unlock:
	mutex_unlock(&gdev->balloon_lock);
}

/*
 * The guest is about to kill a process. The lock is only tried: whoever has it
 * may be the one that asks for memory here.
 */
static int vbg_balloon_oom(struct notifier_block *nb, unsigned long unused, void *freed)
{
	struct vbg_dev *gdev = container_of(nb, struct vbg_dev, balloon_oom);
	int i;

	if (!mutex_trylock(&gdev->balloon_lock))
		return NOTIFY_OK;
	WRITE_ONCE(gdev->balloon_rest_until, jiffies + VBG_BALLOON_REST);
	for (i = 0; i < VBG_BALLOON_OOM_CHUNKS && gdev->balloon_chunks; i++) {
		if (!vbg_balloon_deflate(gdev))
			break;
		*(unsigned long *)freed += VBG_BALLOON_CHUNK_PAGES;
	}
	if (i && !gdev->balloon_stopped)
		mod_delayed_work(system_wq, &gdev->balloon_work, VBG_BALLOON_REST);
	mutex_unlock(&gdev->balloon_lock);
	return NOTIFY_OK;
}

/**
 * vbg_balloon_init() - Prepare.
 * @gdev:	Device.
 *
 * Context: Probe.
 * Return: 0 or -ENOMEM; then nothing is left behind.
 */
int vbg_balloon_init(struct vbg_dev *gdev)
{
	mutex_init(&gdev->balloon_lock);
	INIT_DELAYED_WORK(&gdev->balloon_work, vbg_balloon_work);
	INIT_LIST_HEAD(&gdev->balloon);
	gdev->balloon_rest_until = jiffies;
	gdev->balloon_info = vbg_block_alloc(gdev, sizeof(*gdev->balloon_info));
	if (!gdev->balloon_info)
		return -ENOMEM;
	gdev->balloon_change = vbg_block_alloc(gdev, sizeof(*gdev->balloon_change));
	if (!gdev->balloon_change) {
		vbg_block_free(gdev->balloon_info, sizeof(*gdev->balloon_info));
		return -ENOMEM;
	}
	gdev->balloon_oom.notifier_call = vbg_balloon_oom;
	register_oom_notifier(&gdev->balloon_oom);
	return 0;
}

/**
 * vbg_balloon_start() - Look what the host wants, now.
 * @gdev:	Device, greeted.
 *
 * Context: Any.
 */
void vbg_balloon_start(struct vbg_dev *gdev)
{
	mod_delayed_work(system_wq, &gdev->balloon_work, 0);
}

/**
 * vbg_balloon_stop() - Take the memory back, for good.
 * @gdev:	Device that is going away.
 *
 * Context: Removal, sleeps.
 */
void vbg_balloon_stop(struct vbg_dev *gdev)
{
	WRITE_ONCE(gdev->balloon_stopped, true);
	cancel_delayed_work_sync(&gdev->balloon_work);
	mutex_lock(&gdev->balloon_lock);
	vbg_balloon_resize(gdev, 0);
	if (gdev->balloon_chunks)
		pr_warn("vboxguest: the host keeps %u MiB of memory\n", gdev->balloon_chunks);
	mutex_unlock(&gdev->balloon_lock);
}

/* The host has not given these back: the pages stay lost, what describes them does not. */
static void vbg_balloon_abandon(struct vbg_dev *gdev)
{
	struct vbg_balloon_chunk *chunk, *next;

	list_for_each_entry_safe(chunk, next, &gdev->balloon, node)
		kfree(chunk);
}

/**
 * vbg_balloon_exit() - Undo vbg_balloon_init().
 * @gdev:	Device.
 *
 * Context: Removal.
 */
void vbg_balloon_exit(struct vbg_dev *gdev)
{
	WRITE_ONCE(gdev->balloon_stopped, true);
	unregister_oom_notifier(&gdev->balloon_oom);
	cancel_delayed_work_sync(&gdev->balloon_work);
	vbg_balloon_abandon(gdev);
	vbg_req_free(gdev, gdev->balloon_change, sizeof(*gdev->balloon_change),
		     gdev->balloon_change->hdr.rc);
	vbg_req_free(gdev, gdev->balloon_info, sizeof(*gdev->balloon_info),
		     gdev->balloon_info->hdr.rc);
}

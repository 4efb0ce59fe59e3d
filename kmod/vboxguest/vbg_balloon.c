// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory balloon: gives pages to the host when it asks, in chunks of 1 MiB, and
 * takes them back when it asks, or when the driver goes. A page the host did not
 * give back is not freed.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "vbg_core.h"

/* Memory the host may have; the guest keeps at least a quarter. */
#define VBG_BALLOON_SHARE(pages)	((pages) / 4 * 3)

/* What one protocol page list entry gives away must be a page of ours. */
#define VBG_BALLOON_USABLE		(PAGE_SIZE == VBG_WIRE_PAGE_SIZE)

struct vbg_balloon_chunk {
	struct list_head node;
	struct page *pages[VBG_BALLOON_CHUNK_PAGES];
};

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

static bool vbg_balloon_inflate(struct vbg_dev *gdev)
{
	struct vbg_balloon_chunk *chunk;
	int i, rc;

	chunk = kzalloc(sizeof(*chunk), GFP_KERNEL | __GFP_NOWARN);
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
		return false;
	}
	if (rc < 0)
		goto free;
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

	if (vbg_balloon_change(gdev, chunk, false) < 0)
		return false;
	list_del(&chunk->node);
	WRITE_ONCE(gdev->balloon_chunks, gdev->balloon_chunks - 1);
	vbg_balloon_free_chunk(chunk);
	return true;
}

static void vbg_balloon_resize(struct vbg_dev *gdev, u32 wanted)
{
	lockdep_assert_held(&gdev->balloon_lock);
	while (gdev->balloon_chunks < wanted && vbg_balloon_inflate(gdev))
		cond_resched();
	while (gdev->balloon_chunks > wanted && vbg_balloon_deflate(gdev))
		cond_resched();
}

static void vbg_balloon_work(struct work_struct *work)
{
	struct vbg_dev *gdev = container_of(work, struct vbg_dev, balloon_work);
	struct vbg_req_balloon_info *req = gdev->balloon_info;
	u32 wanted, limit;

	mutex_lock(&gdev->balloon_lock);
	memset(req, 0, sizeof(*req));
	vbg_req_prepare(req, sizeof(*req), VMMDEVREQ_GET_MEMBALLOON_CHANGE_REQ,
			VBG_REQUESTOR_DRIVER);
	req->event_ack = VBG_EVENT_BALLOON_CHANGE;
	if (vbg_req_submit(gdev, req) < 0)
		goto unlock;
	wanted = READ_ONCE(req->balloon_chunks);
	limit = VBG_BALLOON_SHARE(totalram_pages() / VBG_BALLOON_CHUNK_PAGES);
	if (wanted > limit) {
		pr_warn_ratelimited("vboxguest: the host wants %u MiB, it can have %u\n",
				    wanted, limit);
		goto unlock;
	}
	if (VBG_BALLOON_USABLE)
		vbg_balloon_resize(gdev, wanted);
unlock:
	mutex_unlock(&gdev->balloon_lock);
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
	INIT_WORK(&gdev->balloon_work, vbg_balloon_work);
	INIT_LIST_HEAD(&gdev->balloon);
	gdev->balloon_info = vbg_block_alloc(sizeof(*gdev->balloon_info));
	if (!gdev->balloon_info)
		return -ENOMEM;
	gdev->balloon_change = vbg_block_alloc(sizeof(*gdev->balloon_change));
	if (!gdev->balloon_change) {
		vbg_block_free(gdev->balloon_info, sizeof(*gdev->balloon_info));
		return -ENOMEM;
	}
	return 0;
}

/**
 * vbg_balloon_stop() - Take the memory back.
 * @gdev:	Device that raises no more balloon events.
 *
 * Context: Removal, sleeps.
 */
void vbg_balloon_stop(struct vbg_dev *gdev)
{
	cancel_work_sync(&gdev->balloon_work);
	mutex_lock(&gdev->balloon_lock);
	vbg_balloon_resize(gdev, 0);
	if (gdev->balloon_chunks)
		pr_warn("vboxguest: the host keeps %u MiB of memory\n", gdev->balloon_chunks);
	mutex_unlock(&gdev->balloon_lock);
}

/**
 * vbg_balloon_exit() - Undo vbg_balloon_init().
 * @gdev:	Device.
 *
 * Context: Removal.
 */
void vbg_balloon_exit(struct vbg_dev *gdev)
{
	cancel_work_sync(&gdev->balloon_work);
	vbg_req_free(gdev, gdev->balloon_change, sizeof(*gdev->balloon_change),
		     gdev->balloon_change->hdr.rc);
	vbg_req_free(gdev, gdev->balloon_info, sizeof(*gdev->balloon_info),
		     gdev->balloon_info->hdr.rc);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of VMMDev requests and their submission. A request is one physically
 * contiguous block below 4 GiB (the request port takes 32-bit addresses); the
 * host has answered a synchronous one when the port write returns. Nothing here
 * knows what a request says.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>

#include "vbg_core.h"

/**
 * vbg_block_alloc() - Allocate memory a request can be submitted from.
 * @size:	Bytes, 1 MiB at most.
 *
 * Whole pages, also for small requests: a page that has to be left to the host
 * concerns nobody else, a slab object would keep its cache from being destroyed.
 *
 * Context: Process context, may sleep.
 * Return: Zeroed memory, or NULL.
 */
void *vbg_block_alloc(size_t size)
{
	void *block;

	if (size > VBG_REQ_MAX_SIZE)
		return NULL;
	block = alloc_pages_exact(size, GFP_KERNEL_ACCOUNT | GFP_DMA32 | __GFP_ZERO | __GFP_NOWARN);
	if (!block)
		return NULL;
	if (upper_32_bits(virt_to_phys(block) + size - 1)) {
		vbg_block_free(block, size);
		return NULL;
	}
	return block;
}

/**
 * vbg_block_free() - Free memory of vbg_block_alloc().
 * @block:	The memory or NULL. The host must not own it.
 * @size:	As allocated.
 *
 * Context: Any but hard interrupt.
 */
void vbg_block_free(void *block, size_t size)
{
	if (block)
		free_pages_exact(block, size);
}

/**
 * vbg_req_prepare() - Fill in the header of a request.
 * @req:	The request; starts with a struct vbg_req_hdr.
 * @size:	Bytes of the request.
 * @type:	VMMDEVREQ_*.
 * @requestor:	VMMDEV_REQUESTOR_* word.
 *
 * Context: Any.
 */
void vbg_req_prepare(void *req, u32 size, u32 type, u32 requestor)
{
	struct vbg_req_hdr *hdr = req;

	hdr->size = size;
	hdr->version = VBG_REQ_VERSION;
	hdr->request_type = type;
	hdr->rc = VBG_RC_UNANSWERED;
	hdr->reserved1 = 0;
	hdr->requestor = requestor;
}

/**
 * vbg_req_alloc() - Allocate and prepare a request.
 * @size:	Bytes of the request.
 * @type:	VMMDEVREQ_*.
 * @requestor:	VMMDEV_REQUESTOR_* word.
 *
 * Context: Process context, may sleep.
 * Return: A request whose body is zero, or NULL.
 */
void *vbg_req_alloc(u32 size, u32 type, u32 requestor)
{
	void *req = vbg_block_alloc(size);

	if (req)
		vbg_req_prepare(req, size, type, requestor);
	return req;
}

/**
 * vbg_req_free() - Free a synchronous request.
 * @gdev:	Device.
 * @req:	The request or NULL.
 * @size:	As allocated.
 * @rc:		What vbg_req_submit() returned for it. A request the host did not
 *		look at may still be looked at later: such memory is given up.
 *
 * Context: Any but hard interrupt.
 */
void vbg_req_free(struct vbg_dev *gdev, void *req, u32 size, int rc)
{
	if (rc == VBG_RC_UNANSWERED) {
		vbg_count(gdev, VBG_CNT_LEAKED, 1);
		return;
	}
	vbg_block_free(req, size);
}

/**
 * vbg_req_submit() - Hand a request to the host.
 * @gdev:	Device.
 * @req:	Prepared request.
 *
 * Any number of processors may submit at once. A synchronous request is
 * complete when this returns.
 *
 * Context: Any.
 * Return: The request's status, or VBG_RC_UNANSWERED if the host left it alone.
 */
int vbg_req_submit(struct vbg_dev *gdev, void *req)
{
	struct vbg_req_hdr *hdr = req;
	int rc;

	hdr->rc = VBG_RC_UNANSWERED;
	/* The request must be in memory before the host is told of it ... */
	mb();
	outl((u32)virt_to_phys(req), gdev->port + VBG_PORT_REQUEST);
	/* ... and nothing of the answer may be read before the port was written. */
	mb();
	rc = READ_ONCE(hdr->rc);

	vbg_count(gdev, VBG_CNT_REQUESTS, 1);
	vbg_count(gdev, VBG_CNT_PORT_WRITES, 1);
	if (unlikely(rc == VBG_RC_UNANSWERED)) {
		vbg_count(gdev, VBG_CNT_UNANSWERED, 1);
		if (!READ_ONCE(gdev->silent)) {
			WRITE_ONCE(gdev->silent, true);
			pr_err("vboxguest: the host does not answer requests\n");
		}
	}
	return rc;
}

/**
 * vbg_host_answers() - Check that a host which was silent is there again.
 * @gdev:	Device.
 *
 * While the host is silent each submission may cost memory that cannot be
 * freed, so requests on behalf of others are held back until one preallocated
 * request has been answered.
 *
 * Context: Process context, may sleep.
 * Return: false if the host is silent.
 */
bool vbg_host_answers(struct vbg_dev *gdev)
{
	struct vbg_hgcm_state *hgcm = &gdev->hgcm;
	bool answers;

	if (likely(!READ_ONCE(gdev->silent)))
		return true;

	mutex_lock(&hgcm->probe_lock);
	vbg_req_prepare(hgcm->probe_req, sizeof(*hgcm->probe_req), VMMDEVREQ_GET_HOST_VERSION,
			VBG_REQUESTOR_DRIVER);
	answers = vbg_req_submit(gdev, hgcm->probe_req) != VBG_RC_UNANSWERED;
	if (answers && READ_ONCE(gdev->silent)) {
		WRITE_ONCE(gdev->silent, false);
		pr_info("vboxguest: the host answers requests again\n");
	}
	mutex_unlock(&hgcm->probe_lock);
	return answers;
}

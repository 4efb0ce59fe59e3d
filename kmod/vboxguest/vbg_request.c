// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of VMMDev requests and their submission. A request is one physically
 * contiguous block, below 4 GiB unless the device has request registers in
 * memory, which take 64-bit addresses. The host has answered a synchronous one
 * when the write to the register returns. Nothing here knows what a request says.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>

#include "vbg_core.h"

/**
 * vbg_block_reachable() - Can the device be given this address?
 * @gdev:	Device.
 * @block:	Memory of the kernel's linear map.
 * @size:	Bytes of @block.
 *
 * Context: Any.
 * Return: true if it can.
 */
bool vbg_block_reachable(const struct vbg_dev *gdev, const void *block, size_t size)
{
	return gdev->wide || !upper_32_bits(virt_to_phys((void *)block) + size - 1);
}

/**
 * vbg_block_alloc() - Allocate memory a request can be submitted from.
 * @gdev:	Device.
 * @size:	Bytes, 1 MiB at most.
 *
 * Whole pages, also for small requests: a page that has to be left to the host
 * concerns nobody else, a slab object would keep its cache from being destroyed.
 *
 * Context: Process context, may sleep.
 * Return: Zeroed memory, or NULL.
 */
void *vbg_block_alloc(struct vbg_dev *gdev, size_t size)
{
	gfp_t gfp = GFP_KERNEL_ACCOUNT | vbg_block_zone(gdev);
	void *block;

	if (size > VBG_REQ_MAX_SIZE)
		return NULL;
	block = alloc_pages_exact(size, gfp | __GFP_ZERO | __GFP_NOWARN);
	if (!block)
		return NULL;
	if (!vbg_block_reachable(gdev, block, size)) {
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
 * @gdev:	Device.
 * @size:	Bytes of the request.
 * @type:	VMMDEVREQ_*.
 * @requestor:	VMMDEV_REQUESTOR_* word.
 *
 * Context: Process context, may sleep.
 * Return: A request whose body is zero, or NULL.
 */
void *vbg_req_alloc(struct vbg_dev *gdev, u32 size, u32 type, u32 requestor)
{
	void *req = vbg_block_alloc(gdev, size);

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

/* The one access per request that leaves the virtual machine. */
static void vbg_req_doorbell(const struct vbg_dev *gdev, phys_addr_t address)
{
	if (!gdev->regs)
		outl((u32)address, gdev->port + VBG_REG_REQUEST);
#ifdef CONFIG_64BIT
	else
		writeq(address, gdev->regs + VBG_REG_REQUEST);
#else
	else
		writel(address, gdev->regs + VBG_REG_REQUEST);
#endif
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

	hdr->rc = VBG_RC_UNANSWERED;
	/* The request must be in memory before the host is told of it ... */
	mb();
	vbg_req_doorbell(gdev, virt_to_phys(req));
	/* ... and nothing of the answer may be read before that. */
	mb();
	vbg_count(gdev, VBG_CNT_PORT_WRITES, 1);
	return vbg_req_answer(gdev, req);
}

/**
 * vbg_req_kick() - Make the device look at the ring.
 * @gdev:	Device whose ring is in use.
 *
 * It has looked when this returns.
 *
 * Context: Any.
 */
void vbg_req_kick(struct vbg_dev *gdev)
{
	/* As in vbg_req_submit(): what is in the ring before, the answer after. */
	mb();
	vbg_req_doorbell(gdev, 0);
	/* See above. */
	mb();
	vbg_count(gdev, VBG_CNT_PORT_WRITES, 1);
}

/**
 * vbg_req_answer() - What the host says to a request that it was handed.
 * @gdev:	Device.
 * @req:	The request; the host has had its time.
 *
 * Context: Any.
 * Return: The request's status, or VBG_RC_UNANSWERED if the host left it alone.
 */
int vbg_req_answer(struct vbg_dev *gdev, const void *req)
{
	const struct vbg_req_hdr *hdr = req;
	int rc = READ_ONCE(hdr->rc);

	vbg_count(gdev, VBG_CNT_REQUESTS, 1);
	if (unlikely(rc == VBG_RC_UNANSWERED)) {
		vbg_count(gdev, VBG_CNT_UNANSWERED, 1);
		if (!READ_ONCE(gdev->silent)) {
			WRITE_ONCE(gdev->silent, true);
			pr_err_ratelimited("vboxguest: the host does not answer requests\n");
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
		pr_info_ratelimited("vboxguest: the host answers requests again\n");
	}
	mutex_unlock(&hgcm->probe_lock);
	return answers;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls to HGCM services, synchronous and asynchronous: from parameters to a
 * request in flight to the answer. How operations are waited for and cancelled
 * is vbg_hgcm.c's business, what parameters look like vbg_parms.c's.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/ktime.h>
#include <linux/slab.h>
#include <openhgcm/vboxguest.h>

#include "vbg_call.h"
#include "vbg_trace.h"

/* Idle calls kept: filled to the first at probe, grown up to the second by use. */
#define VBG_POOL_RESERVE	8
#define VBG_POOL_MAX		64

static void vbg_call_free(struct vbg_call *call)
{
	free_page((unsigned long)call->page);
	kfree(call);
}

static struct vbg_call *vbg_call_alloc(struct vbg_dev *gdev)
{
	struct vbg_call *call = kzalloc(sizeof(*call), GFP_KERNEL);

	if (!call)
		return NULL;
	call->page = (void *)__get_free_page(GFP_KERNEL | vbg_block_zone(gdev));
	if (!call->page || !vbg_block_reachable(gdev, call->page, PAGE_SIZE)) {
		vbg_call_free(call);
		return NULL;
	}
	call->block = call->page;
	return call;
}

/* A call from the pool, or a new one. */
static struct vbg_call *vbg_call_get(struct vbg_dev *gdev)
{
	struct vbg_hgcm_state *hgcm = &gdev->hgcm;
	struct vbg_call *call;

	spin_lock(&hgcm->pool_lock);
	call = list_first_entry_or_null(&hgcm->pool, struct vbg_call, pool_node);
	if (call) {
		list_del(&call->pool_node);
		hgcm->pool_count--;
	}
	spin_unlock(&hgcm->pool_lock);

	if (call) {
		vbg_count(gdev, VBG_CNT_BLOCKS_POOLED, 1);
	} else {
		call = vbg_call_alloc(gdev);
		vbg_count(gdev, VBG_CNT_BLOCKS_ALLOCATED, 1);
	}
	if (call)
		call->op.gdev = gdev;
	return call;
}

/* Release all a call holds, and the call to the pool. The host must not own any of it. */
static void vbg_call_put(struct vbg_call *call, bool host_wrote)
{
	struct vbg_hgcm_state *hgcm = &call->op.gdev->hgcm;
	bool keep;

	vbg_parms_release(call, host_wrote);
	if (call->block != call->page) {
		vbg_count(call->op.gdev, VBG_CNT_BLOCKS_ALLOCATED, 1);
		vbg_block_free(call->block, call->block_size);
		call->block = call->page;
	}

	spin_lock(&hgcm->pool_lock);
	keep = hgcm->pool_count < VBG_POOL_MAX;
	if (keep) {
		list_add(&call->pool_node, &hgcm->pool);
		hgcm->pool_count++;
	}
	spin_unlock(&hgcm->pool_lock);
	if (!keep)
		vbg_call_free(call);
}

/**
 * vbg_call_pool_fill() - Allocate the reserve of calls.
 * @gdev:	Device.
 *
 * Context: Probe.
 * Return: 0 or -ENOMEM; then vbg_call_pool_drain() is still due.
 */
int vbg_call_pool_fill(struct vbg_dev *gdev)
{
	struct vbg_hgcm_state *hgcm = &gdev->hgcm;
	struct vbg_call *call;

	while (hgcm->pool_count < VBG_POOL_RESERVE) {
		call = vbg_call_alloc(gdev);
		if (!call)
			return -ENOMEM;
		list_add(&call->pool_node, &hgcm->pool);
		hgcm->pool_count++;
	}
	return 0;
}

/**
 * vbg_call_pool_drain() - Free all idle calls.
 * @gdev:	Device.
 *
 * Context: Probe failure and removal.
 */
void vbg_call_pool_drain(struct vbg_dev *gdev)
{
	struct vbg_call *call, *next;

	list_for_each_entry_safe(call, next, &gdev->hgcm.pool, pool_node)
		vbg_call_free(call);
	INIT_LIST_HEAD(&gdev->hgcm.pool);
	gdev->hgcm.pool_count = 0;
}

static void vbg_call_trace_done(const struct vbg_call *call, int error, int status)
{
	if (trace_vbg_hgcm_call_done_enabled())
		trace_vbg_hgcm_call_done(call->client_id, call->function, error, status,
					 call->start_ns ? ktime_get_ns() - call->start_ns : 0);
}

/* The end of a call nobody waits for: of an asynchronous one, or of one given up. */
static void vbg_call_finish(struct vbg_op *op, enum vbg_end end)
{
	struct vbg_call *call = container_of(op, struct vbg_call, op);
	struct vbg_hgcm_async *async = op->async;
	struct vbg_dev *gdev = op->gdev;

	if (async) {
		async->error = READ_ONCE(gdev->hgcm.dying) ? -ENODEV : -ECANCELED;
		if (end == VBG_END_DONE) {
			async->error = vbg_parms_read(call, call->parms);
			async->vbox_status = READ_ONCE(op->hdr->result);
		}
		async->pages_lost = vbg_parms_pages_used(call, end);
		op->async = NULL;
		vbg_call_trace_done(call, async->error, async->vbox_status);
	} else if (end == VBG_END_DONE) {
		vbg_count(gdev, VBG_CNT_CALLS_RECLAIMED, 1);
	}

	if (end != VBG_END_LOST)
		vbg_call_put(call, end == VBG_END_DONE);
	if (async) {
		async->done(async);
		vbg_dev_leave(gdev);
	}
}

/* Make a call of parameters and submit it. */
static struct vbg_call *vbg_call_start(struct vbg_dev *gdev, u32 requestor, u32 client_id,
				       u32 function, enum vbg_origin origin,
				       struct vmmdev_hgcm_function_parameter *parms,
				       u32 parm_count, bool watch, int *rc)
{
	struct vbg_hgcm_req_call *req;
	struct vbg_call *call;
	int ret;

	call = vbg_call_get(gdev);
	if (!call)
		return ERR_PTR(-ENOMEM);
	call->client_id = client_id;
	call->function = function;

	ret = vbg_parms_prepare(call, parms, parm_count, origin);
	if (!ret)
		ret = vbg_parms_write(call, parms);
	if (ret) {
		vbg_call_put(call, false);
		return ERR_PTR(ret);
	}

	req = call->block;
	vbg_req_prepare(req, req->hdr.hdr.size, VMMDEVREQ_HGCM_CALL, requestor);
	req->client_id = client_id;
	req->function = function;
	vbg_op_init(&call->op, gdev, req, vbg_call_finish);

	vbg_count(gdev, VBG_CNT_CALLS, 1);
	if (trace_vbg_hgcm_call_start_enabled())
		trace_vbg_hgcm_call_start(client_id, function, parm_count, req->hdr.hdr.size);
	call->start_ns = trace_vbg_hgcm_call_done_enabled() ? ktime_get_ns() : 0;

	*rc = vbg_op_submit_call(&call->op, watch);
	if (*rc == VBG_RC_UNANSWERED || *rc == VBG_RC_NOT_SENT) {
		vbg_call_trace_done(call, -EIO, 0);
		if (*rc == VBG_RC_UNANSWERED)
			vbg_give_up(gdev, call);
		else
			vbg_call_put(call, false);
		return ERR_PTR(-EIO);
	}
	return call;
}

/* Who waited for a call does so no more, but wants to be told. The caller holds the device. */
static void vbg_call_leave(struct vbg_call *call, struct vmmdev_hgcm_function_parameter *parms,
			   struct vbg_hgcm_async *async)
{
	struct vbg_dev *gdev = call->op.gdev;

	async->error = 0;
	async->vbox_status = 0;
	async->pages_lost = false;
	async->leave(async);
	call->parms = parms;
	call->op.async = async;
	if (!vbg_op_detach(&call->op))
		vbg_call_finish(&call->op, VBG_END_DONE);
	else if (READ_ONCE(gdev->hgcm.dying))
		/* Removal may have ended what was detached before this was. */
		vbg_hgcm_cancel_async(gdev, async);
}

/**
 * vbg_call_sync() - Call a service and wait for the answer.
 * @gdev:	Device.
 * @requestor:	VMMDEV_REQUESTOR_* word.
 * @client_id:	Client.
 * @function:	Function of the service.
 * @timeout_ms:	Milliseconds to wait, or VBG_WAIT_FOREVER.
 * @how:	Which signals end the wait.
 * @user:	A user program gave the parameters.
 * @parms:	Parameters in kernel memory; values are updated.
 * @parm_count:	Number of parameters.
 * @left:	What the call becomes if the caller is killed, or NULL: it is cancelled.
 * @status:	Status of the host; valid after a return of 0.
 *
 * Context: Process context, sleeps.
 * Return: 0 with @status, or -EINVAL (type), -E2BIG, -ENOMEM, -EFAULT,
 * -ETIMEDOUT, -EINTR, -EIO (host is silent), -ENODEV.
 */
int vbg_call_sync(struct vbg_dev *gdev, u32 requestor, u32 client_id, u32 function,
		  u32 timeout_ms, enum vbg_wait how, bool user,
		  struct vmmdev_hgcm_function_parameter *parms, u32 parm_count,
		  struct vbg_hgcm_async *left, int *status)
{
	struct vbg_call *call;
	enum vbg_end end;
	int ret, rc;

	call = vbg_call_start(gdev, requestor, client_id, function,
			      user ? VBG_FROM_USER : VBG_FROM_KERNEL, parms, parm_count, true, &rc);
	if (IS_ERR(call))
		return PTR_ERR(call);
	if (rc < 0) {
		*status = rc;
		vbg_call_trace_done(call, 0, rc);
		vbg_call_put(call, false);
		return 0;
	}

	ret = vbg_op_wait(&call->op, how, timeout_ms);
	if (ret == -EINTR && left && vbg_dev_enter(gdev)) {
		vbg_call_leave(call, parms, left);
		return ret;
	}
	if (ret) {
		end = vbg_op_cancel(&call->op);
		if (end != VBG_END_DONE) {
			trace_vbg_hgcm_call_done(client_id, function, ret, 0, 0);
			if (end == VBG_END_CANCELLED)
				vbg_call_put(call, true);
			return ret;
		}
	}

	ret = vbg_parms_read(call, parms);
	*status = READ_ONCE(call->op.hdr->result);
	vbg_call_trace_done(call, ret, *status);
	vbg_call_put(call, true);
	return ret;
}

int vbg_hgcm_call_async(struct vbg_dev *gdev, u32 requestor, u32 client_id, u32 function,
			struct vmmdev_hgcm_function_parameter *parms, u32 parm_count,
			struct vbg_hgcm_async *async)
{
	struct vbg_call *call;
	u32 i;
	int rc;

	if (parm_count > VBG_HGCM_MAX_PARMS)
		return -E2BIG;
	for (i = 0; i < parm_count; i++) {
		/* The answer arrives outside of the process that a user address is of. */
		if (parms[i].type >= VMMDEV_HGCM_PARM_TYPE_LINADDR &&
		    parms[i].type <= VMMDEV_HGCM_PARM_TYPE_LINADDR_OUT && parms[i].u.pointer.size)
			return -EINVAL;
	}

	if (!vbg_dev_enter(gdev))
		return -ENODEV;
	async->error = 0;
	async->vbox_status = 0;
	async->pages_lost = false;
	call = vbg_call_start(gdev, requestor, client_id, function, VBG_FROM_KERNEL_ASYNC, parms,
			      parm_count, async->soon, &rc);
	if (IS_ERR(call)) {
		/* Nothing is known of a request that was not looked at. */
		async->pages_lost = call == ERR_PTR(-EIO);
		vbg_dev_leave(gdev);
		return PTR_ERR(call);
	}
	vbg_count(gdev, VBG_CNT_CALLS_ASYNC, 1);

	if (rc < 0) {
		async->vbox_status = rc;
		vbg_call_trace_done(call, 0, rc);
		vbg_call_put(call, false);
		async->done(async);
		vbg_dev_leave(gdev);
		return 0;
	}

	call->parms = parms;
	call->op.async = async;
	if (vbg_op_start_detached(&call->op))
		vbg_op_revoke(&call->op);
	return 0;
}
EXPORT_SYMBOL_GPL(vbg_hgcm_call_async);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * HGCM operations in flight: submission, waiting, cancelling, and what happens
 * to those nobody waits for any more.
 *
 * The host completes a request by setting DONE in its memory and raising the
 * HGCM event; often before the port write that submitted it returns. So DONE is
 * looked at first, and only an operation that is not done goes on the list that
 * the interrupt handler walks. Each operation has its own wait queue: an event
 * wakes the threads whose requests are done and nobody else.
 *
 * The rule all of this keeps: memory the host may still write is not freed. A
 * waiter that gives up asks the host to forget the request; if the host does not
 * confirm, the operation stays on the list, detached, and is freed when DONE
 * appears after all. What is left at removal is leaked, counted and logged.
 *
 * What a request says is none of this file's business (vbg_call.c, vbg_client.c).
 */
#include <linux/freezer.h>
#include <linux/io.h>
#include <linux/iopoll.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <openhgcm/vboxguest.h>

#include "vbg_core.h"

/* How long DONE may take once the host said that completion is under way. */
#define VBG_COMPLETING_MS	500
/* How long to wait for DONE when the host could not cancel for another reason. */
#define VBG_CANCEL_FAILED_MS	2000

/**
 * vbg_op_done() - Has the host completed the request?
 * @op:		Operation.
 *
 * What the host wrote before DONE is visible after a return of true.
 *
 * Context: Any.
 * Return: true if DONE is set.
 */
bool vbg_op_done(const struct vbg_op *op)
{
	/* Pairs with the host, which sets DONE after all else it writes. */
	return virt_load_acquire(&op->hdr->flags) & VBG_HGCM_DONE;
}

static void vbg_op_work(struct work_struct *work)
{
	struct vbg_op *op = container_of(work, struct vbg_op, work);

	op->finish(op, VBG_END_DONE);
}

/**
 * vbg_op_init() - Make an operation of a prepared request.
 * @op:		Operation to initialise.
 * @gdev:	Device.
 * @hdr:	Request; starts with a struct vbg_hgcm_hdr.
 * @finish:	Called in process context when a detached operation has come to
 *		an end; with VBG_END_LOST it must leave @op and the request alone.
 *
 * Context: Any.
 */
void vbg_op_init(struct vbg_op *op, struct vbg_dev *gdev, void *hdr,
		 void (*finish)(struct vbg_op *op, enum vbg_end end))
{
	op->gdev = gdev;
	INIT_LIST_HEAD(&op->node);
	init_waitqueue_head(&op->wait);
	op->hdr = hdr;
	op->detached = false;
	op->completed = false;
	INIT_WORK(&op->work, vbg_op_work);
	op->finish = finish;
	op->async = NULL;
	op->hope = NULL;
}

/* Called with the lock held, for an operation that is on the list and done. */
static void vbg_op_complete(struct vbg_op *op)
{
	list_del_init(&op->node);
	WRITE_ONCE(op->completed, true);
	if (op->detached)
		queue_work(op->gdev->hgcm.wq, &op->work);
	else
		wake_up(&op->wait);
}

/**
 * vbg_hgcm_scan() - Complete the operations the host is done with.
 * @gdev:	Device.
 *
 * Context: Any, including hard interrupt.
 */
void vbg_hgcm_scan(struct vbg_dev *gdev)
{
	struct vbg_hgcm_state *hgcm = &gdev->hgcm;
	struct vbg_op *op, *next;
	unsigned long flags;

	spin_lock_irqsave(&hgcm->lock, flags);
	list_for_each_entry_safe(op, next, &hgcm->inflight, node) {
		if (vbg_op_done(op))
			vbg_op_complete(op);
	}
	spin_unlock_irqrestore(&hgcm->lock, flags);
}

/*
 * Put an operation on the list. The event may have come before it was there, so
 * DONE is looked at once more; a completion seen here is handled like one found
 * by the interrupt handler. Called with the lock held.
 */
static void vbg_op_enlist(struct vbg_op *op)
{
	list_add_tail(&op->node, &op->gdev->hgcm.inflight);
	/* Order the list against DONE: pairs with the handler's walk after the event. */
	smp_mb();
	if (vbg_op_done(op))
		vbg_op_complete(op);
}

static bool vbg_op_ready(struct vbg_op *op)
{
	op->hdr->flags = 0;
	op->hdr->result = 0;
	op->completed = false;
	op->detached = false;
	return vbg_host_answers(op->gdev);
}

/**
 * vbg_op_submit() - Hand an operation's request to the host.
 * @op:		Operation.
 *
 * Context: Process context, may sleep.
 * Return: 0 if the host accepted it; a VirtualBox status if it refused (there
 * will be no DONE); VBG_RC_NOT_SENT if the host is silent and was not bothered;
 * VBG_RC_UNANSWERED if it turned out to be silent, and may own the memory.
 */
int vbg_op_submit(struct vbg_op *op)
{
	int rc;

	if (!vbg_op_ready(op))
		return VBG_RC_NOT_SENT;
	rc = vbg_req_submit(op->gdev, op->hdr);
	return rc < 0 ? rc : 0;
}

/**
 * vbg_op_submit_call() - The same for a call, which may go through the ring.
 * @op:		Operation whose request is a call.
 * @watch:	vbg_op_wait() is next, or vbg_op_start_detached() of a short call.
 *
 * Context: Process context, may sleep.
 * Return: As vbg_op_submit().
 */
int vbg_op_submit_call(struct vbg_op *op, bool watch)
{
	struct vbg_dev *gdev = op->gdev;
	struct vbg_hgcm_req_call *req = (void *)op->hdr;
	int rc;

	if (!gdev->ring.usable)
		return vbg_op_submit(op);
	if (!vbg_op_ready(op))
		return VBG_RC_NOT_SENT;

	/*
	 * Who is going to wait, and does not hope to see the end, is better off in a register
	 * write, where the device waits for it. Others do not wait: the ring saves them the write.
	 */
	op->hope = watch ? vbg_ring_hope(gdev, req->client_id, req->function) : NULL;
	if ((op->hope || !watch) && vbg_ring_submit(op)) {
		rc = vbg_req_answer(gdev, op->hdr);
	} else {
		/* The device waits for the end of the call itself, within the port write. */
		op->hope = NULL;
		rc = vbg_req_submit(gdev, op->hdr);
	}
	return rc < 0 ? rc : 0;
}

/* Has the wait of @op ended, one way or the other? */
static bool vbg_op_wait_over(struct vbg_op *op, enum vbg_wait how)
{
	return READ_ONCE(op->completed) ||
	       (how != VBG_WAIT_CLOSE && READ_ONCE(op->gdev->hgcm.dying));
}

static unsigned long vbg_timeout(u32 timeout_ms)
{
	return timeout_ms == VBG_WAIT_FOREVER ? MAX_SCHEDULE_TIMEOUT :
						msecs_to_jiffies(timeout_ms);
}

/**
 * vbg_op_wait() - Wait for an accepted request.
 * @op:		Operation.
 * @how:	What ends the wait. VBG_WAIT_CLOSE is for waits with a limit.
 * @timeout_ms:	Milliseconds, or VBG_WAIT_FOREVER.
 *
 * Context: Process context, sleeps.
 * Return: 0 if the host is done. Otherwise the operation is still in flight and
 * the caller goes on with vbg_op_cancel() or vbg_op_detach(): -ETIMEDOUT, -EINTR
 * or -ENODEV (the device is being removed).
 */
int vbg_op_wait(struct vbg_op *op, enum vbg_wait how, u32 timeout_ms)
{
	struct vbg_hgcm_state *hgcm = &op->gdev->hgcm;
	unsigned long timeout = vbg_timeout(timeout_ms);
	bool completed;
	long left;

	if (vbg_op_done(op)) {
		vbg_count(op->gdev, VBG_CNT_CALLS_INLINE, 1);
		op->completed = true;
		return 0;
	}
	if (op->hope && vbg_ring_watch(op)) {
		op->completed = true;
		return 0;
	}

	spin_lock_irq(&hgcm->lock);
	vbg_op_enlist(op);
	spin_unlock_irq(&hgcm->lock);

	if (how == VBG_WAIT_SIGNAL)
		left = wait_event_freezable_timeout(op->wait, vbg_op_wait_over(op, how), timeout);
	else
		left = wait_event_killable_timeout(op->wait, vbg_op_wait_over(op, how), timeout);

	/*
	 * Also when the wait was satisfied: whoever completed the operation did
	 * so under the lock, and is through with it when the lock is free.
	 */
	spin_lock_irq(&hgcm->lock);
	if (!op->completed && vbg_op_done(op))
		vbg_op_complete(op);
	completed = op->completed;
	spin_unlock_irq(&hgcm->lock);

	if (completed)
		return 0;
	if (left < 0)
		return -EINTR;
	return left == 0 ? -ETIMEDOUT : -ENODEV;
}

/* Ask the host to forget a request. Returns the host's status. */
static int vbg_cancel_request(struct vbg_dev *gdev, void *req)
{
	struct vbg_hgcm_state *hgcm = &gdev->hgcm;
	struct vbg_hgcm_req_cancel2 *cancel = hgcm->cancel_req;
	u64 address = virt_to_phys(req);
	int rc;

	mutex_lock(&hgcm->cancel_lock);
	vbg_req_prepare(cancel, upper_32_bits(address) ? sizeof(*cancel) : VBG_CANCEL2_SIZE32,
			VMMDEVREQ_HGCM_CANCEL2, VBG_REQUESTOR_DRIVER);
	cancel->address_lo = lower_32_bits(address);
	cancel->address_hi = upper_32_bits(address);
	rc = vbg_req_submit(gdev, cancel);
	mutex_unlock(&hgcm->cancel_lock);
	return rc;
}

/* Take an operation off the list unless it has completed. */
static bool vbg_op_unlink(struct vbg_op *op)
{
	struct vbg_hgcm_state *hgcm = &op->gdev->hgcm;
	bool completed;

	spin_lock_irq(&hgcm->lock);
	completed = op->completed;
	list_del_init(&op->node);
	spin_unlock_irq(&hgcm->lock);
	return !completed;
}

/**
 * vbg_op_cancel() - Give up on an operation whose wait failed.
 * @op:		Operation; vbg_op_wait() returned an error for it.
 *
 * Context: Process context. Sleeps up to two seconds, uninterruptibly, when the
 * host neither cancels nor completes.
 * Return: VBG_END_DONE if the host completed the request after all,
 * VBG_END_CANCELLED if it will not touch the memory again, VBG_END_LOST if that
 * is unknown. In the last case the operation is detached and owns itself.
 */
enum vbg_end vbg_op_cancel(struct vbg_op *op)
{
	struct vbg_dev *gdev = op->gdev;
	u32 patience;
	int rc;

	rc = vbg_cancel_request(gdev, op->hdr);
	if (rc >= 0) {
		vbg_count(gdev, VBG_CNT_CALLS_CANCELLED, 1);
		/* The host keeps its hands off now; DONE may still have been first. */
		return vbg_op_unlink(op) ? VBG_END_CANCELLED : VBG_END_DONE;
	}

	if (rc != VBG_RC_UNANSWERED) {
		patience = rc == VERR_NOT_FOUND || rc == VERR_SEM_DESTROYED ?
				   VBG_COMPLETING_MS : VBG_CANCEL_FAILED_MS;
		wait_event_timeout(op->wait, READ_ONCE(op->completed),
				   msecs_to_jiffies(patience));
	}
	return vbg_op_detach(op) ? VBG_END_LOST : VBG_END_DONE;
}

/**
 * vbg_op_detach() - Leave an operation to complete on its own.
 * @op:		Operation; vbg_op_wait() returned an error for it.
 *
 * Context: Process context.
 * Return: true if detached: its finish function will own it. false if it has
 * completed and is the caller's.
 */
bool vbg_op_detach(struct vbg_op *op)
{
	struct vbg_dev *gdev = op->gdev;
	struct vbg_hgcm_state *hgcm = &gdev->hgcm;
	bool detached;

	spin_lock_irq(&hgcm->lock);
	if (!op->completed && vbg_op_done(op))
		vbg_op_complete(op);
	detached = !op->completed;
	op->detached = detached;
	spin_unlock_irq(&hgcm->lock);

	/* It may have completed, and be gone, as soon as the lock is free. */
	if (detached)
		vbg_count(gdev, VBG_CNT_CALLS_ORPHANED, 1);
	return detached;
}

/**
 * vbg_op_start_detached() - Let an accepted operation run without a waiter.
 * @op:		Operation, just submitted; not to be touched after a return of 0.
 *
 * Context: Process context.
 * Return: 0 if the operation owns itself from now on and its finish function
 * has been or will be called; -ENODEV if the device is being removed: @op is
 * the caller's, who passes it to vbg_op_revoke().
 */
int vbg_op_start_detached(struct vbg_op *op)
{
	struct vbg_hgcm_state *hgcm = &op->gdev->hgcm;
	int ret = 0;

	if (vbg_op_done(op)) {
		vbg_count(op->gdev, VBG_CNT_CALLS_INLINE, 1);
		op->finish(op, VBG_END_DONE);
		return 0;
	}
	if (op->hope && vbg_ring_watch(op)) {
		op->finish(op, VBG_END_DONE);
		return 0;
	}

	op->detached = true;
	spin_lock_irq(&hgcm->lock);
	if (hgcm->dying)
		ret = -ENODEV;
	else
		vbg_op_enlist(op);
	spin_unlock_irq(&hgcm->lock);
	return ret;
}

/* Take a detached operation off the list: the one of @async, or any. */
static struct vbg_op *vbg_op_claim(struct vbg_dev *gdev, struct vbg_hgcm_async *async)
{
	struct vbg_hgcm_state *hgcm = &gdev->hgcm;
	struct vbg_op *op, *found = NULL;

	spin_lock_irq(&hgcm->lock);
	list_for_each_entry(op, &hgcm->inflight, node) {
		if (op->detached && (!async || op->async == async)) {
			list_del_init(&op->node);
			found = op;
			break;
		}
	}
	spin_unlock_irq(&hgcm->lock);
	return found;
}

/* Put a claimed operation back, unless the device is being removed. */
static bool vbg_op_put_back(struct vbg_op *op)
{
	struct vbg_hgcm_state *hgcm = &op->gdev->hgcm;
	bool dying;

	spin_lock_irq(&hgcm->lock);
	dying = hgcm->dying;
	if (!dying)
		vbg_op_enlist(op);
	spin_unlock_irq(&hgcm->lock);
	return !dying;
}

/**
 * vbg_op_revoke() - Cancel an operation nobody waits for.
 * @op:		Detached operation that is not on the list.
 *
 * While the device is being removed this waits a moment for a completion that
 * is under way; at other times the operation goes back on the list for that.
 *
 * Context: Process context, sleeps.
 * Return: true if the operation came to an end without completing.
 */
bool vbg_op_revoke(struct vbg_op *op)
{
	struct vbg_dev *gdev = op->gdev;
	bool done;
	int rc;

	rc = vbg_cancel_request(gdev, op->hdr);
	if (rc >= 0) {
		vbg_count(gdev, VBG_CNT_CALLS_CANCELLED, 1);
		op->finish(op, VBG_END_CANCELLED);
		return true;
	}

	if (rc == VERR_NOT_FOUND || rc == VERR_SEM_DESTROYED) {
		if (vbg_op_put_back(op))
			return false;
		read_poll_timeout(vbg_op_done, done, done, USEC_PER_MSEC,
				  VBG_COMPLETING_MS * USEC_PER_MSEC, false, op);
	}
	if (vbg_op_done(op)) {
		op->finish(op, VBG_END_DONE);
		return false;
	}

	op->finish(op, VBG_END_LOST);
	if (!vbg_op_put_back(op)) {
		/* The first member of what it is part of. */
		vbg_give_up(gdev, op);
		pr_warn_ratelimited("vboxguest: the host keeps a request; its memory is given up\n");
	}
	return true;
}

/**
 * vbg_hgcm_abort_waiters() - Make everybody give up: the device is going away.
 * @gdev:	Device.
 *
 * Threads that wait wake up and cancel their requests themselves; asynchronous
 * calls are cancelled here.
 *
 * Context: Process context, sleeps.
 */
void vbg_hgcm_abort_waiters(struct vbg_dev *gdev)
{
	struct vbg_hgcm_state *hgcm = &gdev->hgcm;
	struct vbg_op *op;

	spin_lock_irq(&hgcm->lock);
	WRITE_ONCE(hgcm->dying, true);
	list_for_each_entry(op, &hgcm->inflight, node)
		wake_up(&op->wait);
	spin_unlock_irq(&hgcm->lock);

	vbg_hgcm_abort_detached(gdev);
}

/**
 * vbg_hgcm_abort_detached() - End all operations that nobody waits for.
 * @gdev:	Device that is being removed.
 *
 * Context: Process context, sleeps.
 */
void vbg_hgcm_abort_detached(struct vbg_dev *gdev)
{
	struct vbg_op *op;

	while ((op = vbg_op_claim(gdev, NULL)))
		vbg_op_revoke(op);
	flush_workqueue(gdev->hgcm.wq);
}

/**
 * vbg_hgcm_host_reset() - Complete everything: the host has lost its memory.
 * @gdev:	Device that was reset; nothing may be submitted meanwhile.
 *
 * Requests in flight are ours again. They end as calls of a client that is gone.
 *
 * Context: Resume.
 */
void vbg_hgcm_host_reset(struct vbg_dev *gdev)
{
	struct vbg_hgcm_state *hgcm = &gdev->hgcm;
	struct vbg_op *op;

	spin_lock_irq(&hgcm->lock);
	list_for_each_entry(op, &hgcm->inflight, node) {
		op->hdr->result = VBG_VERR_HGCM_INVALID_CLIENT_ID;
		op->hdr->flags |= VBG_HGCM_DONE;
	}
	spin_unlock_irq(&hgcm->lock);
	vbg_hgcm_scan(gdev);
}

bool vbg_hgcm_cancel_async(struct vbg_dev *gdev, struct vbg_hgcm_async *call)
{
	struct vbg_op *op = vbg_op_claim(gdev, call);

	return op && vbg_op_revoke(op);
}
EXPORT_SYMBOL_GPL(vbg_hgcm_cancel_async);

/**
 * vbg_hgcm_init() - Prepare for operations.
 * @gdev:	Device.
 *
 * Context: Probe.
 * Return: 0 or -ENOMEM, then nothing is left behind.
 */
int vbg_hgcm_init(struct vbg_dev *gdev)
{
	struct vbg_hgcm_state *hgcm = &gdev->hgcm;

	spin_lock_init(&hgcm->lock);
	INIT_LIST_HEAD(&hgcm->inflight);
	mutex_init(&hgcm->cancel_lock);
	mutex_init(&hgcm->probe_lock);
	spin_lock_init(&hgcm->pool_lock);
	INIT_LIST_HEAD(&hgcm->pool);
	hgcm->pinned_limit = totalram_pages() / 4;

	hgcm->cancel_req = vbg_block_alloc(gdev, sizeof(*hgcm->cancel_req));
	if (!hgcm->cancel_req)
		return -ENOMEM;
	hgcm->probe_req = vbg_block_alloc(gdev, sizeof(*hgcm->probe_req));
	if (!hgcm->probe_req)
		goto free_cancel;
	hgcm->wq = alloc_workqueue("vboxguest", WQ_UNBOUND | WQ_MEM_RECLAIM | WQ_HIGHPRI, 0);
	if (!hgcm->wq)
		goto free_probe;
	if (vbg_call_pool_fill(gdev))
		goto destroy_wq;
	return 0;

destroy_wq:
	vbg_call_pool_drain(gdev);
	destroy_workqueue(hgcm->wq);
free_probe:
	vbg_block_free(hgcm->probe_req, sizeof(*hgcm->probe_req));
free_cancel:
	vbg_block_free(hgcm->cancel_req, sizeof(*hgcm->cancel_req));
	return -ENOMEM;
}

/**
 * vbg_hgcm_exit() - Undo vbg_hgcm_init().
 * @gdev:	Device; no operation is in flight.
 *
 * Context: Probe failure and removal.
 */
void vbg_hgcm_exit(struct vbg_dev *gdev)
{
	struct vbg_hgcm_state *hgcm = &gdev->hgcm;

	destroy_workqueue(hgcm->wq);
	vbg_call_pool_drain(gdev);
	vbg_req_free(gdev, hgcm->probe_req, sizeof(*hgcm->probe_req), hgcm->probe_req->hdr.rc);
	vbg_req_free(gdev, hgcm->cancel_req, sizeof(*hgcm->cancel_req), hgcm->cancel_req->hdr.rc);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What OpenHGCM's vboxguest offers other kernel drivers beyond <linux/vbox_utils.h>: calls that do
 * not block their caller. Connect, disconnect, synchronous calls and the reference to the device
 * (vbg_get_gdev, vbg_put_gdev) are those of the kernel's header; with this driver they run side by
 * side, and a reference does not lock anybody out.
 */
#ifndef OPENHGCM_VBOXGUEST_H
#define OPENHGCM_VBOXGUEST_H

#include <linux/types.h>
#include <linux/vbox_utils.h>

/*
 * Parameter types of vbg_hgcm_call_async() besides those of the kernel's header: a buffer given by
 * its pages. The pointer's size is that of the buffer, its linear address that of a struct
 * vbg_hgcm_pages. The host works on the pages themselves where it can; nothing is copied then.
 */
#define VBG_HGCM_PARM_PAGES_IN	0x101	/* read by the host */
#define VBG_HGCM_PARM_PAGES_OUT	0x102	/* written by the host */

/**
 * struct vbg_hgcm_pages - A buffer made of pages.
 * @pages:	Pages, each used to its end but the last. The caller holds references, until
 *		vbg_hgcm_async.done or longer. The array is not looked at after the submission.
 * @offset:	Where the buffer starts in the first page.
 */
struct vbg_hgcm_pages {
	struct page **pages;
	u32 offset;
};

/**
 * struct vbg_hgcm_async - One asynchronous call; part of the caller's own structure.
 * @leave:		Set by the caller, for vbg_hgcm_call_or_leave() only. Called when the wait
 *			is given up, on the thread that waited; @done comes after it.
 * @done:		Set by the caller. Called once for each call that vbg_hgcm_call_async()
 *			accepted, in process context, without locks; it may sleep, free the
 *			structure and start other calls. It may run before
 *			vbg_hgcm_call_async() returns, on the submitting thread: take no lock
 *			around the submission that @done takes.
 * @soon:		Set by the caller. It is going to wait for the end, or the call is a short
 *			one: where the device looks at the ring, the end is watched for a moment
 *			before the submission returns, which saves an interrupt.
 * @error:		0 when the host answered, then @vbox_status holds its answer. -ECANCELED
 *			after vbg_hgcm_cancel_async(), -ENODEV when the device went away.
 * @vbox_status:	VirtualBox status of the call; valid when @error is 0.
 * @pages_lost:	The host may still use buffers given by pages: their references must never
 *		be dropped. Valid in @done, where it is never so with an @error of 0, and
 *			when vbg_hgcm_call_async() returned -EIO. Other buffers are taken care of.
 */
struct vbg_hgcm_async {
	void (*leave)(struct vbg_hgcm_async *call);
	void (*done)(struct vbg_hgcm_async *call);
	bool soon;
	int error;
	int vbox_status;
	bool pages_lost;
};

/**
 * vbg_hgcm_call_async() - Start a call and return.
 * @gdev:		Device, from vbg_get_gdev(). The call holds a reference of its own.
 * @requestor:		VMMDEV_REQUESTOR_* word of the caller.
 * @client_id:		Client of vbg_hgcm_connect().
 * @function:		Function of the service.
 * @parms:		Parameters of types 1, 2 and 7 to 9 (kernel memory), and those by pages.
 *			Array and buffers stay valid until @call->done; values are updated
 *			before it.
 * @parm_count:		Number of parameters, 32 at most.
 * @call:		Identity of the call; stays valid until @call->done.
 *
 * Context: Process context; allocates memory, so use memalloc_nofs_save() where that matters.
 * Return: 0 if @call->done has been or will be called; -EINVAL, -E2BIG, -ENOMEM, -EIO (host does
 * not answer) or -ENODEV without it.
 */
int vbg_hgcm_call_async(struct vbg_dev *gdev, u32 requestor, u32 client_id, u32 function,
			struct vmmdev_hgcm_function_parameter *parms, u32 parm_count,
			struct vbg_hgcm_async *call);

/**
 * vbg_hgcm_call_or_leave() - Call a service and wait, but have the answer even when killed.
 * @gdev:		Device, from vbg_get_gdev().
 * @requestor:		VMMDEV_REQUESTOR_* word of the caller.
 * @client_id:		Client of vbg_hgcm_connect().
 * @function:		Function of the service.
 * @parms:		Parameters of types 1, 2 and 7 to 9 (kernel memory). Array and buffers stay
 *			valid until this returns or, if @call->leave was called, until @call->done.
 * @parm_count:		Number of parameters, 32 at most.
 * @call:		The call, should it be left; then as of vbg_hgcm_call_async().
 * @vbox_status:	Status of the host; valid after a return of 0.
 *
 * For calls whose answer has to be acted upon, for instance because it has a handle. What waits is
 * killed as soon as with vbg_hgcm_call(); the host is not asked to forget the call.
 *
 * Context: Process context, sleeps; killable.
 * Return: As vbg_hgcm_call(); -EINTR if @call->leave was called. @call->done has been or will be
 * called then, and in no other case.
 */
int vbg_hgcm_call_or_leave(struct vbg_dev *gdev, u32 requestor, u32 client_id, u32 function,
			   struct vmmdev_hgcm_function_parameter *parms, u32 parm_count,
			   struct vbg_hgcm_async *call, int *vbox_status);

/**
 * vbg_hgcm_cancel_async() - Ask the host to forget a call.
 * @gdev:		Device the call was submitted to.
 * @call:		The call; its @done must not have freed it.
 *
 * After a return of true the call is over and @call->done has been called. After false the call
 * had completed already; @call->done has run, or will at once. Memory the host did not give back
 * stays pinned, so buffers may be freed in either case; of pages see @call->pages_lost.
 *
 * Context: Process context, may sleep.
 * Return: true if the call was cancelled.
 */
bool vbg_hgcm_cancel_async(struct vbg_dev *gdev, struct vbg_hgcm_async *call);

#endif

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Submission of calls through memory shared with the device, and watching for
 * their completion: what makes a call to a device that is awake cost no register
 * access and no interrupt. The protocol is in openhgcm/vmmdev_ext.h; devices
 * without it (VirtualBox's) are given all requests through the port.
 */
#include <linux/hash.h>
#include <linux/io.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <openhgcm/vmmdev_ext.h>

#include "vbg_core.h"

/* How long a polling device may take to look at a submission before it is kicked. */
#define VBG_RING_PICKUP_NS	(20 * NSEC_PER_USEC)
/* How long DONE is watched for: about what sleeping, an interrupt and waking up would cost. */
#define VBG_RING_WATCH_NS	(100 * NSEC_PER_USEC)
/* Reads of memory between two looks at the clock. */
#define VBG_RING_READS		16

/* A function's hope that watching pays: full after a success, halved by a failure. */
#define VBG_RING_HOPE_FULL	8
/* Of one that was not tried yet: once is enough to know better. */
#define VBG_RING_HOPE_NEW	1
/*
 * Without hope one call in so many of those is watched that find the device looking. A prime: where
 * functions take turns each of them gets its chance.
 */
#define VBG_RING_RETRY		17

static u32 vbg_ring_read(struct vbg_dev *gdev, unsigned int offset)
{
	return READ_ONCE(gdev->ext[offset / sizeof(u32)]);
}

/**
 * vbg_ring_start() - Continue where the device is.
 * @gdev:	Device whose ring is about to be used.
 *
 * Context: Probe and resume; nothing is submitted meanwhile.
 */
void vbg_ring_start(struct vbg_dev *gdev)
{
	memset(gdev->ring.hope, VBG_RING_HOPE_NEW, sizeof(gdev->ring.hope));
	gdev->ring.head = vbg_ring_read(gdev, VMMDEV_EXT_OFF_RING_TAIL);
	WRITE_ONCE(gdev->ext[VMMDEV_EXT_OFF_RING_HEAD / sizeof(u32)], gdev->ring.head);
}

/* Is the device looking at the ring? */
static bool vbg_ring_polled(struct vbg_dev *gdev)
{
	return vbg_ring_read(gdev, VMMDEV_EXT_OFF_RING_POLLING);
}

static bool vbg_ring_put(struct vbg_dev *gdev, u32 address)
{
	struct vbg_ring *ring = &gdev->ring;
	unsigned long flags;
	bool room;

	spin_lock_irqsave(&ring->lock, flags);
	/* A tail that makes no sense leaves no room either. */
	room = ring->head - vbg_ring_read(gdev, VMMDEV_EXT_OFF_RING_TAIL) < VMMDEV_EXT_RING_SIZE;
	if (room) {
		u32 entry = ring->head % VMMDEV_EXT_RING_SIZE;

		WRITE_ONCE(gdev->ext[VMMDEV_EXT_OFF_RING_ENTRIES / sizeof(u32) + entry], address);
		/* The request and its entry come before the head that announces them. */
		virt_store_release(&gdev->ext[VMMDEV_EXT_OFF_RING_HEAD / sizeof(u32)],
				   ++ring->head);
	}
	spin_unlock_irqrestore(&ring->lock, flags);
	return room;
}

static bool vbg_ring_answered(const struct vbg_op *op)
{
	return READ_ONCE(op->hdr->hdr.rc) != VBG_RC_UNANSWERED;
}

/* Wait in place until memory that the device writes says so. */
static __always_inline bool vbg_ring_spin(bool (*met)(const struct vbg_op *op),
					  const struct vbg_op *op, u64 limit_ns)
{
	u64 end = local_clock() + limit_ns;
	unsigned int reads;

	for (reads = 1; !met(op); reads++) {
		cpu_relax();
		if (reads % VBG_RING_READS == 0 && (local_clock() >= end || need_resched()))
			return met(op);
	}
	return true;
}

/**
 * vbg_ring_submit() - Submit a call through the ring, if the device looks at it.
 * @op:		Operation of a device whose ring is usable. Its request is a prepared
 *		call with the rc VBG_RC_UNANSWERED; its hope is the result of
 *		vbg_ring_hope() if the caller is going to wait, else NULL.
 *
 * Context: Process context.
 * Return: false if it has to be submitted through the port. true if the request
 * went this way; its rc is the answer, as after a port write.
 */
bool vbg_ring_submit(struct vbg_op *op)
{
	struct vbg_dev *gdev = op->gdev;
	phys_addr_t address = virt_to_phys(op->hdr);

	if (upper_32_bits(address) || !vbg_ring_polled(gdev))
		return false;
	op->hdr->hdr.reserved1 = op->hope ? VMMDEV_EXT_WATCHED : 0;
	if (!vbg_ring_put(gdev, (u32)address))
		return false;
	vbg_count(gdev, VBG_CNT_CALLS_RING, 1);

	/* Pairs with the device, which looks once more after it has cleared the flag. */
	virt_mb();
	if (vbg_ring_polled(gdev) && vbg_ring_spin(vbg_ring_answered, op, VBG_RING_PICKUP_NS))
		return true;

	/* It fell asleep, or has no time for us. */
	vbg_req_kick(gdev);
	return true;
}

/**
 * vbg_ring_hope() - Decide whether to watch for a call's end.
 * @gdev:	Device.
 * @client_id:	Client of the call.
 * @function:	Its function.
 *
 * Context: Any.
 * Return: For vbg_op.hope: where the decision is kept, or NULL if calls like
 * this have been slow.
 */
u8 *vbg_ring_hope(struct vbg_dev *gdev, u32 client_id, u32 function)
{
	struct vbg_ring *ring = &gdev->ring;
	u8 *hope = &ring->hope[hash_32(client_id * 31 + function, VBG_RING_HOPE_BITS)];

	if (READ_ONCE(*hope))
		return hope;
	/* A device that is not looking has no hope either: not to be tried then, nor counted. */
	if (vbg_ring_polled(gdev) && atomic_inc_return(&ring->hopeless) % VBG_RING_RETRY == 0)
		return hope;
	return NULL;
}

/**
 * vbg_ring_watch() - Watch for a call's end.
 * @op:		Operation that was accepted and whose request says it is watched.
 *
 * Context: Process context.
 * Return: true if the call is done. After false an event tells, unless DONE has
 * been set meanwhile.
 */
bool vbg_ring_watch(struct vbg_op *op)
{
	if (vbg_ring_spin(vbg_op_done, op, VBG_RING_WATCH_NS)) {
		WRITE_ONCE(*op->hope, VBG_RING_HOPE_FULL);
		vbg_count(op->gdev, VBG_CNT_CALLS_WATCHED, 1);
		return true;
	}
	WRITE_ONCE(*op->hope, READ_ONCE(*op->hope) / 2);
	WRITE_ONCE(op->hdr->hdr.reserved1, 0);
	/* Pairs with the device, which reads the word after it has stored DONE. */
	virt_mb();
	return vbg_op_done(op);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events from the host: acknowledging the interrupt in the cheapest way the
 * device offers, handing events to those inside the kernel that want them, and
 * keeping the others for user programs.
 */
#include <linux/fs.h>
#include <linux/freezer.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/jiffies.h>
#include <linux/sched/signal.h>
#include <openhgcm/vmmdev_ext.h>

#include "vbg_core.h"

/* The fast port answers this while the device is locked. */
#define VBG_FAST_ACK_LOCKED	U32_MAX

/**
 * vbg_events_init() - Prepare for events.
 * @gdev:	Device.
 *
 * Context: Probe.
 */
void vbg_events_init(struct vbg_dev *gdev)
{
	spin_lock_init(&gdev->events.lock);
	init_waitqueue_head(&gdev->events.wait);
	spin_lock_init(&gdev->ack_lock);
}

/* Take the events and lower the line, by a register access. */
static u32 vbg_events_acknowledge(struct vbg_dev *gdev)
{
	struct vbg_req_word *req = gdev->ack_req;
	unsigned long flags;
	u32 events;
	int rc;

	if (gdev->host_features & VBG_HVF_FAST_IRQ_ACK) {
		events = gdev->regs ? readl(gdev->regs + VBG_REG_FAST) :
				      inl(gdev->port + VBG_REG_FAST);
		vbg_count(gdev, VBG_CNT_PORT_READS, 1);
		return events == VBG_FAST_ACK_LOCKED ? 0 : events;
	}

	spin_lock_irqsave(&gdev->ack_lock, flags);
	req->value = 0;
	rc = vbg_req_submit(gdev, req);
	events = rc < 0 ? 0 : READ_ONCE(req->value);
	spin_unlock_irqrestore(&gdev->ack_lock, flags);
	return events;
}

static u32 vbg_events_take_word(struct vbg_dev *gdev)
{
	return xchg(&gdev->ext[VMMDEV_EXT_OFF_EVENTS / sizeof(u32)], 0);
}

/**
 * vbg_irq() - Interrupt handler.
 * @irq:	Interrupt number.
 * @data:	The device.
 *
 * With the event word this touches no register. A line that may be shared is
 * asked for only when the device's memory says that it has something.
 *
 * Context: Hard interrupt.
 * Return: IRQ_NONE if a shared line was raised by another device.
 */
irqreturn_t vbg_irq(int irq, void *data)
{
	struct vbg_dev *gdev = data;
	u32 events;

	if (gdev->irq_shared && !readb(gdev->mem + VBG_MEM_HAVE_EVENTS))
		return IRQ_NONE;
	events = gdev->irq_mode == VBG_IRQ_EVENT_WORD ? vbg_events_take_word(gdev) :
							vbg_events_acknowledge(gdev);

	vbg_count(gdev, VBG_CNT_INTERRUPTS, 1);
	if (!events) {
		vbg_count(gdev, VBG_CNT_INTERRUPTS_SPURIOUS, 1);
		return gdev->irq_shared ? IRQ_NONE : IRQ_HANDLED;
	}
	vbg_events_dispatch(gdev, events);
	return IRQ_HANDLED;
}

/**
 * vbg_events_collect() - Take events that no interrupt announced.
 * @gdev:	Device with its interrupt handler installed.
 *
 * Reporting guest information lowers the line, and turning the event word on
 * leaves behind what the level had signalled: whatever arrived meanwhile is
 * looked for once, in all the places where it may be.
 *
 * Context: Process context.
 */
void vbg_events_collect(struct vbg_dev *gdev)
{
	u32 events = vbg_events_acknowledge(gdev);

	if (gdev->ext)
		events |= vbg_events_take_word(gdev);
	vbg_events_dispatch(gdev, events);
}

/**
 * vbg_events_dispatch() - Hand out events that were taken from the host.
 * @gdev:	Device.
 * @events:	The events.
 *
 * Context: Any, including hard interrupt.
 */
void vbg_events_dispatch(struct vbg_dev *gdev, u32 events)
{
	bool moved = events & VBG_EVENT_MOUSE_POSITION;
	unsigned long flags;

	if (events & VBG_EVENT_HGCM)
		vbg_hgcm_scan(gdev);
	if (moved)
		schedule_work(&gdev->mouse_work);
	if (events & VBG_EVENT_BALLOON_CHANGE)
		vbg_balloon_start(gdev);
	if (events & VBG_EVENT_STATISTICS_INTERVAL)
		vbg_stats_start(gdev);
	if (events & VBG_EVENT_RESTORED)
		schedule_work(&gdev->restore_work);

	events &= VBG_EVENT_VALID_MASK & ~VBG_KERNEL_EVENTS;
	/* These come whether or not a program asked for them. */
	events &= ~VBG_SHARED_EVENTS | READ_ONCE(gdev->user_filter);
	if (!events && !moved)
		return;
	spin_lock_irqsave(&gdev->events.lock, flags);
	gdev->events.pending |= events;
	gdev->events.mouse_moves += moved;
	spin_unlock_irqrestore(&gdev->events.lock, flags);
	wake_up(&gdev->events.wait);
	kill_fasync(&gdev->events.fasync, SIGIO, POLL_IN);
}

/**
 * vbg_events_wake() - Let threads that wait look again.
 * @gdev:	Device.
 *
 * Context: Any.
 */
void vbg_events_wake(struct vbg_dev *gdev)
{
	wake_up_all(&gdev->events.wait);
	kill_fasync(&gdev->events.fasync, SIGIO, POLL_IN);
}

/* Those of @wanted that are pending and that the session may see. Called with the lock held. */
static u32 vbg_events_visible(const struct vbg_session *session, u32 wanted)
{
	struct vbg_dev *gdev = session->gdev;
	u32 foreign = READ_ONCE(gdev->acquire_mode) & ~session->acquired_caps;

	if (foreign & VBG_CAP_GRAPHICS)
		wanted &= ~VBG_EVENT_DISPLAY_CHANGE;
	if (foreign & VBG_CAP_SEAMLESS)
		wanted &= ~VBG_EVENT_SEAMLESS_CHANGE;
	return gdev->events.pending & wanted;
}

/* Take the wanted events the session may see. True if the wait is over. */
static bool vbg_events_take(struct vbg_session *session, u32 wanted, u32 *taken)
{
	struct vbg_dev *gdev = session->gdev;
	struct vbg_events_state *state = &gdev->events;
	bool over;

	spin_lock_irq(&state->lock);
	*taken = session->interrupted ? 0 : vbg_events_visible(session, wanted);
	state->pending &= ~*taken;
	over = *taken || session->interrupted || READ_ONCE(gdev->hgcm.dying);
	spin_unlock_irq(&state->lock);
	return over;
}

/* Does the session care about positions? Called with the lock held. */
static bool vbg_events_mouse_news(const struct vbg_session *session)
{
	return session->mouse_moves != session->gdev->events.mouse_moves &&
	       (READ_ONCE(session->mouse_features) ||
		READ_ONCE(session->filter) & VBG_EVENT_MOUSE_POSITION);
}

/**
 * vbg_events_poll() - Is there something for the session?
 * @session:	Session.
 *
 * That is an event of its filter which it may take, or a new position of the
 * mouse since its last read() if it has set mouse features or has that event in
 * its filter.
 *
 * Context: Process context.
 * Return: EPOLLIN | EPOLLRDNORM, 0, or EPOLLERR | EPOLLHUP when the device is gone.
 */
__poll_t vbg_events_poll(struct vbg_session *session)
{
	struct vbg_dev *gdev = session->gdev;
	bool ready;

	if (READ_ONCE(gdev->hgcm.dying))
		return EPOLLERR | EPOLLHUP;
	spin_lock_irq(&gdev->events.lock);
	ready = vbg_events_visible(session, READ_ONCE(session->filter)) ||
		vbg_events_mouse_news(session);
	spin_unlock_irq(&gdev->events.lock);
	return ready ? EPOLLIN | EPOLLRDNORM : 0;
}

/**
 * vbg_events_mouse_moved() - Has the mouse moved since the last call?
 * @session:	Session.
 *
 * Context: Process context.
 * Return: true if it has, and the session wants to know.
 */
bool vbg_events_mouse_moved(struct vbg_session *session)
{
	struct vbg_dev *gdev = session->gdev;
	bool moved;

	spin_lock_irq(&gdev->events.lock);
	moved = vbg_events_mouse_news(session);
	session->mouse_moves = gdev->events.mouse_moves;
	spin_unlock_irq(&gdev->events.lock);
	return moved;
}

/**
 * vbg_events_wait() - Wait for one of some events.
 * @session:	Session.
 * @wanted:	Events.
 * @timeout_ms:	Milliseconds, 0 to poll, or VBG_WAIT_FOREVER.
 * @events:	Events that were taken.
 *
 * Context: Process context, sleeps.
 * Return: 0 if @events is not empty; -ETIMEDOUT, -EINTR (also after
 * INTERRUPT_ALL_WAIT_FOR_EVENTS), or -ENODEV.
 */
int vbg_events_wait(struct vbg_session *session, u32 wanted, u32 timeout_ms, u32 *events)
{
	struct vbg_dev *gdev = session->gdev;
	unsigned long timeout = timeout_ms == VBG_WAIT_FOREVER ? MAX_SCHEDULE_TIMEOUT :
								 msecs_to_jiffies(timeout_ms);
	long left;

	*events = 0;
	left = wait_event_freezable_timeout(gdev->events.wait,
					    vbg_events_take(session, wanted, events), timeout);
	if (*events)
		return 0;
	if (left < 0 || READ_ONCE(session->interrupted))
		return -EINTR;
	return left == 0 ? -ETIMEDOUT : -ENODEV;
}

/**
 * vbg_filter_sync() - Tell the host which events to let through.
 * @gdev:	Device.
 * @wanted:	Events sessions want; those the kernel needs are added.
 *
 * Context: vbg_dev.ctl_lock held.
 * Return: VirtualBox status.
 */
int vbg_filter_sync(struct vbg_dev *gdev, u32 wanted)
{
	struct vbg_req_mask *req = gdev->ctl_req;
	u32 before = gdev->user_filter;
	int rc;

	lockdep_assert_held(&gdev->ctl_lock);
	/* Ahead of the host: the first event may come before the request returns. */
	WRITE_ONCE(gdev->user_filter, wanted);
	wanted |= VBG_FIXED_EVENTS;
	if (wanted == gdev->host_filter)
		return VINF_SUCCESS;

	vbg_req_prepare(req, sizeof(*req), VMMDEVREQ_CTL_GUEST_FILTER_MASK, VBG_REQUESTOR_DRIVER);
	req->or_mask = wanted;
	req->not_mask = ~wanted;
	rc = vbg_req_submit(gdev, req);
	if (rc >= 0)
		gdev->host_filter = wanted;
	else
		WRITE_ONCE(gdev->user_filter, before);
	return rc;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside of the vboxguest driver: the device, sessions, and what each file
 * offers the others. Wire formats are in vbg_proto.h.
 */
#ifndef VBG_CORE_H
#define VBG_CORE_H

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/gfp.h>
#include <linux/interrupt.h>
#include <linux/kmemleak.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/percpu-refcount.h>
#include <linux/percpu.h>
#include <linux/poll.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/vbox_err.h>
#include <linux/vbox_utils.h>
#include <linux/vboxguest.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "vbg_proto.h"

struct dentry;
struct device;
struct input_dev;
struct pci_dev;
struct vbg_hgcm_async;
struct vbg_session;

/* What the driver reports as the version of the guest additions. */
#define VBG_ADDITIONS_MAJOR	7
#define VBG_ADDITIONS_MINOR	2
#define VBG_ADDITIONS_BUILD	2
#define VBG_ADDITIONS_REVISION	170484
#define VBG_ADDITIONS_NAME	"7.2.2_OpenHGCM"

/* Events for the kernel alone. */
#define VBG_KERNEL_EVENTS	(VBG_EVENT_HGCM | VBG_EVENT_MOUSE_POSITION | \
				 VBG_EVENT_BALLOON_CHANGE)
/* Events for the kernel and for the programs that ask for them. */
#define VBG_SHARED_EVENTS	(VBG_EVENT_RESTORED | VBG_EVENT_STATISTICS_INTERVAL)
/* Events the kernel itself needs, whatever sessions ask for. */
#define VBG_FIXED_EVENTS	(VBG_KERNEL_EVENTS | VBG_SHARED_EVENTS)

/*
 * Preset of a request's status. No host returns it, so when it is still there
 * after submission the host did not look at the request at all.
 */
#define VBG_RC_UNANSWERED	S32_MIN
/* The request was not submitted because the host is silent. */
#define VBG_RC_NOT_SENT		(S32_MIN + 1)

#define VBG_REQUESTOR_DRIVER	(VMMDEV_REQUESTOR_USR_DRV | VMMDEV_REQUESTOR_KERNEL)

#define VBG_SESSION_CLIENTS	64

/* How interrupts are acknowledged; chosen by what the device offers. */
enum vbg_irq_mode {
	VBG_IRQ_REQUEST,	/* request 41 */
	VBG_IRQ_FAST_ACK,	/* a read of the fast port */
	VBG_IRQ_EVENT_WORD,	/* an exchange on the mapped event word */
};

enum vbg_counter {
	VBG_CNT_REQUESTS,
	VBG_CNT_PORT_WRITES,
	VBG_CNT_PORT_READS,
	VBG_CNT_INTERRUPTS,
	VBG_CNT_INTERRUPTS_SPURIOUS,
	VBG_CNT_CALLS,
	VBG_CNT_CALLS_INLINE,
	VBG_CNT_CALLS_RING,
	VBG_CNT_CALLS_WATCHED,
	VBG_CNT_CALLS_ASYNC,
	VBG_CNT_CALLS_CANCELLED,
	VBG_CNT_CALLS_ORPHANED,
	VBG_CNT_CALLS_RECLAIMED,
	VBG_CNT_UNANSWERED,
	VBG_CNT_LEAKED,
	VBG_CNT_BYTES_INLINE,
	VBG_CNT_BYTES_PINNED,
	VBG_CNT_BYTES_MAPPED,
	VBG_CNT_BYTES_BOUNCED,
	VBG_CNT_BLOCKS_POOLED,
	VBG_CNT_BLOCKS_ALLOCATED,
	VBG_CNT_COUNT
};

struct vbg_counters {
	u64 value[VBG_CNT_COUNT];
};

/**
 * struct vbg_hgcm_state - Calls in flight.
 * @lock:	Taken in the interrupt handler. Protects @inflight, the state of
 *		the operations on it, and @dying.
 * @inflight:	Operations that were submitted and did not complete with the
 *		submission.
 * @dying:	Set once by removal: nothing new is added to @inflight by
 *		waiters, and those that wait give up.
 * @cancel_lock: Protects @cancel_req; sleeping.
 * @cancel_req:	Preallocated, so that cancelling cannot fail for memory.
 * @probe_lock:	Protects @probe_req; sleeping.
 * @probe_req:	Preallocated request that asks a silent host for a sign of life.
 * @wq:		Completions of asynchronous calls and late completions.
 * @pool_lock:	Protects @pool and @pool_count.
 * @pool:	Idle call blocks, kept so that a call need not allocate.
 * @pool_count:	Number of blocks in @pool.
 * @pinned_pages: Pages pinned or copied for users' calls; bounded by @pinned_limit.
 * @pinned_limit: Constant after probe.
 */
struct vbg_hgcm_state {
	spinlock_t lock;		/* @inflight, @dying */
	struct list_head inflight;
	bool dying;
	struct mutex cancel_lock;	/* @cancel_req */
	struct vbg_hgcm_req_cancel2 *cancel_req;
	struct mutex probe_lock;	/* @probe_req */
	struct vbg_req_host_version *probe_req;
	struct workqueue_struct *wq;
	spinlock_t pool_lock;		/* @pool, @pool_count */
	struct list_head pool;
	unsigned int pool_count;
	atomic_long_t pinned_pages;
	unsigned long pinned_limit;
};

#define VBG_RING_HOPE_BITS	8

/**
 * struct vbg_ring - Submission through shared memory.
 * @usable:	The device has a ring and its messages work. Constant once the
 *		interrupt handler runs.
 * @lock:	Protects @head and the ring's driver side.
 * @head:	What the ring's head was set to.
 * @hopeless:	Counts calls that are not worth watching.
 * @hope:	By hash of client and function: how much watching may pay.
 */
struct vbg_ring {
	bool usable;
	spinlock_t lock;		/* @head */
	u32 head;
	atomic_t hopeless;
	u8 hope[1 << VBG_RING_HOPE_BITS];
};

/**
 * struct vbg_events_state - Events for user programs.
 * @lock:	Taken in the interrupt handler. Protects @pending and the
 *		acquired capabilities of sessions as waiters see them.
 * @pending:	Events that arrived and that nobody took yet.
 * @mouse_moves: Number of positions that were announced; wraps.
 * @wait:	Threads in WAIT_FOR_EVENTS and poll().
 * @fasync:	Files whose owners want SIGIO.
 */
struct vbg_events_state {
	spinlock_t lock;		/* @pending */
	u32 pending;
	u32 mouse_moves;
	wait_queue_head_t wait;
	struct fasync_struct *fasync;
};

/**
 * struct vbg_dev - One VMMDev device.
 * @ref:	Keeps the structure; held by the driver and by open files.
 * @active:	Keeps the device usable; held for the time of an ioctl or an
 *		in-kernel use, killed by removal.
 * @idle:	Completed when @active dropped to zero.
 * @pdev:	The PCI device.
 * @bars:	BARs in use, as a mask.
 * @port:	First port of BAR0; 0 if the device has none.
 * @regs:	Registers of BAR3, used in place of the ports, or NULL.
 * @wide:	The request register takes 64-bit addresses. Constant.
 * @mem:	First page of BAR1.
 * @ext:	Extension block of BAR1 or NULL (openhgcm/vmmdev_ext.h).
 * @irq_mode:	How interrupts are acknowledged. Constant once the handler runs.
 * @irq:	Linux interrupt number.
 * @irq_shared:	The interrupt is a line that others may use too.
 * @feature_mask: Features of the host that may be used.
 * @host_features: Features of request 4, masked. Constant after probe.
 * @host_version: Version of request 4, as text.
 * @session_id:	Changes when the device was reset.
 * @silent:	The last submission was not looked at; see vbg_hgcm_state.
 * @ack_req:	For the interrupt handler only.
 * @ack_lock:	Protects @ack_req against the few other users.
 * @ctl_lock:	Protects @ctl_req, @host_filter, @user_filter, @host_caps,
 *		@host_mouse, @acquire_mode, @sessions and each session's filter,
 *		capabilities and mouse features. Sleeping.
 * @ctl_req:	Preallocated request for filter and capabilities.
 * @host_filter: What was reported to the host.
 * @user_filter: What sessions want of it; read by the interrupt handler.
 * @host_caps:	What was reported to the host.
 * @host_mouse:	What was reported to the host.
 * @acquire_mode: Capabilities that one session at a time owns.
 * @sessions:	Open files.
 * @hgcm:	Calls in flight.
 * @ring:	Submission of calls without a register access.
 * @events:	Events for user programs.
 * @heartbeat_work: Sends the heartbeat; runs only while the host wants one.
 * @heartbeat_req: For @heartbeat_work.
 * @heartbeat_jiffies: Interval, 0 when there is no heartbeat.
 * @balloon_lock: Protects the other members of the balloon. Sleeping.
 * @balloon_work: Brings the balloon to the size the host wants.
 * @balloon_info: Preallocated request for the wanted size.
 * @balloon_change: Preallocated request for one chunk.
 * @balloon:	Chunks the host has.
 * @balloon_chunks: Number of chunks in @balloon.
 * @balloon_stopped: The device is going away: no more inflating.
 * @balloon_oom: Gives memory back before a process is killed for it.
 * @balloon_rest_until: In jiffies: no inflating before, after memory was short.
 * @stats_work:	Reports statistics; runs only while the host wants them.
 * @stats_interval: Preallocated request for the interval.
 * @stats_report: Preallocated request for the report.
 * @stats_busy:	Busy time and real time at the last report, in nanoseconds.
 * @restore_work: Greets a host that restored the machine from a saved state.
 * @input:	Absolute pointer; NULL unless registered. Under @mouse_lock.
 * @input_features: Mouse features for it; vbg_dev.ctl_lock.
 * @mouse_work:	Fetches and reports the position.
 * @mouse_lock:	Protects @mouse_req and @input. Sleeping.
 * @mouse_req:	Preallocated request for the mouse.
 * @misc_guest:	/dev/vboxguest.
 * @misc_user:	/dev/vboxuser.
 * @debugfs:	Directory of the counters.
 * @counters:	Per CPU statistics.
 */
struct vbg_dev {
	struct kref ref;
	struct percpu_ref active;
	struct completion idle;

	struct pci_dev *pdev;
	int bars;
	unsigned long port;
	void __iomem *regs;
	bool wide;
	void __iomem *mem;
	u32 *ext;
	enum vbg_irq_mode irq_mode;
	bool irq_shared;
	int irq;
	u32 feature_mask;
	u32 host_features;
	char host_version[48];
	u64 session_id;
	bool silent;

	spinlock_t ack_lock;		/* @ack_req */
	struct vbg_req_word *ack_req;

	struct mutex ctl_lock;		/* masks and sessions */
	struct vbg_req_mask *ctl_req;
	u32 host_filter;
	u32 user_filter;
	u32 host_caps;
	u32 host_mouse;
	u32 acquire_mode;
	struct list_head sessions;

	struct vbg_hgcm_state hgcm;
	struct vbg_ring ring;
	struct vbg_events_state events;

	struct delayed_work heartbeat_work;
	struct vbg_req_hdr *heartbeat_req;
	unsigned long heartbeat_jiffies;

	struct mutex balloon_lock;	/* the balloon */
	struct delayed_work balloon_work;
	struct vbg_req_balloon_info *balloon_info;
	struct vbg_req_balloon_change *balloon_change;
	struct list_head balloon;
	u32 balloon_chunks;
	bool balloon_stopped;
	struct notifier_block balloon_oom;
	unsigned long balloon_rest_until;

	struct delayed_work stats_work;
	struct vbg_req_stats_interval *stats_interval;
	struct vbg_req_stats *stats_report;
	struct vbg_stats_busy {
		u64 user, kernel, elapsed;
	} stats_busy;

	struct work_struct restore_work;

	struct input_dev *input;
	u32 input_features;
	struct work_struct mouse_work;
	struct mutex mouse_lock;		/* @mouse_req, @input */
	struct vbg_req_mouse *mouse_req;

	struct miscdevice misc_guest;
	struct miscdevice misc_user;
	struct dentry *debugfs;
	struct vbg_counters __percpu *counters;
};

static inline void vbg_count(struct vbg_dev *gdev, enum vbg_counter which, u64 amount)
{
	this_cpu_add(gdev->counters->value[which], amount);
}

/*
 * Memory the host may still own cannot be freed; nor is what describes it, an object of the heap:
 * it would be all that is left to tell. kmemleak need not report it.
 */
static inline void vbg_give_up(struct vbg_dev *gdev, const void *object)
{
	kmemleak_not_leak(object);
	vbg_count(gdev, VBG_CNT_LEAKED, 1);
}

/* vbg_device.c: life of the device structure, talking to the host at start and end. */
struct vbg_dev *vbg_dev_create(struct pci_dev *pdev, bool wide);
void vbg_dev_get(struct vbg_dev *gdev);
void vbg_dev_put(struct vbg_dev *gdev);
void vbg_dev_destroy(struct vbg_dev *gdev);
int vbg_dev_greet(struct vbg_dev *gdev);
int vbg_dev_start(struct vbg_dev *gdev);
void vbg_dev_stop(struct vbg_dev *gdev);
void vbg_dev_suspend(struct vbg_dev *gdev);
int vbg_dev_resume(struct vbg_dev *gdev, bool new_kernel);

/* Use of the device by a thread; false when it is going away. */
static inline bool vbg_dev_enter(struct vbg_dev *gdev)
{
	return percpu_ref_tryget_live(&gdev->active);
}

static inline void vbg_dev_leave(struct vbg_dev *gdev)
{
	percpu_ref_put(&gdev->active);
}

/* vbg_request.c: memory of requests, and submission. */
static inline gfp_t vbg_block_zone(const struct vbg_dev *gdev)
{
	return gdev->wide ? 0 : GFP_DMA32;
}

bool vbg_block_reachable(const struct vbg_dev *gdev, const void *block, size_t size);
void *vbg_block_alloc(struct vbg_dev *gdev, size_t size);
void vbg_block_free(void *block, size_t size);
void vbg_req_prepare(void *req, u32 size, u32 type, u32 requestor);
void *vbg_req_alloc(struct vbg_dev *gdev, u32 size, u32 type, u32 requestor);
void vbg_req_free(struct vbg_dev *gdev, void *req, u32 size, int rc);
int vbg_req_submit(struct vbg_dev *gdev, void *req);
void vbg_req_kick(struct vbg_dev *gdev);
int vbg_req_answer(struct vbg_dev *gdev, const void *req);
bool vbg_host_answers(struct vbg_dev *gdev);

/* vbg_events.c: events, and the filter that lets them through. */
void vbg_events_init(struct vbg_dev *gdev);
irqreturn_t vbg_irq(int irq, void *data);
void vbg_events_collect(struct vbg_dev *gdev);
void vbg_events_dispatch(struct vbg_dev *gdev, u32 events);
void vbg_events_wake(struct vbg_dev *gdev);
__poll_t vbg_events_poll(struct vbg_session *session);
bool vbg_events_mouse_moved(struct vbg_session *session);
int vbg_events_wait(struct vbg_session *session, u32 wanted, u32 timeout_ms, u32 *events);
int vbg_filter_sync(struct vbg_dev *gdev, u32 wanted);

/* vbg_hgcm.c: operations in flight. */
#define VBG_WAIT_FOREVER	U32_MAX

enum vbg_wait {
	VBG_WAIT_SIGNAL,	/* any signal ends the wait */
	VBG_WAIT_KILL,		/* only a fatal one does */
	VBG_WAIT_CLOSE,		/* the same, and removal of the device does not */
};

/* How an operation came to its end. */
enum vbg_end {
	VBG_END_DONE,		/* answered, memory is ours */
	VBG_END_CANCELLED,	/* given back by the host without an answer */
	VBG_END_LOST,		/* the host may still own the memory */
};

/**
 * struct vbg_op - An HGCM request the host works on.
 * @gdev:	Device.
 * @node:	In vbg_hgcm_state.inflight; protected by its lock.
 * @wait:	The thread that waits, if any.
 * @hdr:	The request.
 * @detached:	Nobody waits: @work is queued at completion. Set under the lock.
 * @completed:	DONE was seen. Set under the lock while on the list.
 * @work:	Runs @finish.
 * @finish:	What to do with a detached operation that came to its end.
 * @async:	Identity of an asynchronous call, or NULL.
 * @hope:	Not NULL if the submitter watches for DONE before it sleeps.
 */
struct vbg_op {
	struct vbg_dev *gdev;
	struct list_head node;
	wait_queue_head_t wait;
	struct vbg_hgcm_hdr *hdr;
	bool detached;
	bool completed;
	struct work_struct work;
	void (*finish)(struct vbg_op *op, enum vbg_end end);
	struct vbg_hgcm_async *async;
	u8 *hope;
};

int vbg_hgcm_init(struct vbg_dev *gdev);
void vbg_hgcm_exit(struct vbg_dev *gdev);
void vbg_hgcm_scan(struct vbg_dev *gdev);
void vbg_hgcm_abort_waiters(struct vbg_dev *gdev);
void vbg_hgcm_abort_detached(struct vbg_dev *gdev);
void vbg_hgcm_host_reset(struct vbg_dev *gdev);
void vbg_op_init(struct vbg_op *op, struct vbg_dev *gdev, void *hdr,
		 void (*finish)(struct vbg_op *op, enum vbg_end end));
int vbg_op_submit(struct vbg_op *op);
int vbg_op_submit_call(struct vbg_op *op, bool watch);
bool vbg_op_done(const struct vbg_op *op);
int vbg_op_wait(struct vbg_op *op, enum vbg_wait how, u32 timeout_ms);
enum vbg_end vbg_op_cancel(struct vbg_op *op);
bool vbg_op_detach(struct vbg_op *op);
int vbg_op_start_detached(struct vbg_op *op);
bool vbg_op_revoke(struct vbg_op *op);

/* vbg_ring.c: submission through shared memory. */
void vbg_ring_start(struct vbg_dev *gdev);
bool vbg_ring_submit(struct vbg_op *op);
u8 *vbg_ring_hope(struct vbg_dev *gdev, u32 client_id, u32 function);
bool vbg_ring_watch(struct vbg_op *op);

/* vbg_client.c: connect and disconnect. */
struct vbg_client;
int vbg_client_connect(struct vbg_dev *gdev, u32 requestor,
		       const struct vmmdev_hgcm_service_location *loc,
		       struct vbg_client **client, int *status);
int vbg_client_disconnect(struct vbg_client *client, u32 requestor, int *status);
u32 vbg_client_id(const struct vbg_client *client);
void vbg_client_forget(struct vbg_client *client);
int vbg_client_disconnect_id(struct vbg_dev *gdev, u32 requestor, u32 id, int *status);

/* vbg_call.c: calls; parameters are vbg_parms.c. */
int vbg_call_sync(struct vbg_dev *gdev, u32 requestor, u32 client_id, u32 function,
		  u32 timeout_ms, enum vbg_wait how, bool user,
		  struct vmmdev_hgcm_function_parameter *parms, u32 parm_count,
		  struct vbg_hgcm_async *left, int *status);
int vbg_call_pool_fill(struct vbg_dev *gdev);
void vbg_call_pool_drain(struct vbg_dev *gdev);

/* vbg_session.c: what belongs to an open file. */

/**
 * struct vbg_session - An open file.
 * @gdev:	The device; referenced.
 * @node:	In vbg_dev.sessions, protected by vbg_dev.ctl_lock.
 * @requestor:	VMMDEV_REQUESTOR_* word, computed at open.
 * @user_device: Opened through the unprivileged node.
 * @filter:	Events wanted; vbg_dev.ctl_lock.
 * @mouse_features: Mouse features set; vbg_dev.ctl_lock.
 * @mouse_moves: Of vbg_events_state, at the last read(); the event lock.
 * @set_caps:	Capabilities in set mode; vbg_dev.ctl_lock.
 * @acquired_caps: Capabilities owned; vbg_dev.ctl_lock and, for writing, the
 *		event lock.
 * @interrupted: INTERRUPT_ALL was called. Set under the event lock.
 * @lock:	Protects @clients; not held while the host is asked.
 * @clients:	HGCM clients; a slot that is being connected or disconnected
 *		holds an error pointer.
 */
struct vbg_session {
	struct vbg_dev *gdev;
	struct list_head node;
	u32 requestor;
	bool user_device;
	u32 filter;
	u32 mouse_features;
	u32 mouse_moves;
	u32 set_caps;
	u32 acquired_caps;
	bool interrupted;
	struct mutex lock;		/* @clients */
	struct vbg_client *clients[VBG_SESSION_CLIENTS];
};

struct vbg_session *vbg_session_create(struct vbg_dev *gdev, u32 requestor, bool user_device);
void vbg_session_destroy(struct vbg_session *session);
void vbg_session_drop_clients(struct vbg_session *session, bool host_forgot);
int vbg_session_connect(struct vbg_session *session,
			const struct vmmdev_hgcm_service_location *loc,
			u32 *client_id, int *status);
int vbg_session_disconnect(struct vbg_session *session, u32 client_id, int *status);
bool vbg_session_owns(struct vbg_session *session, u32 client_id);
int vbg_session_filter(struct vbg_session *session, u32 or_mask, u32 not_mask);
int vbg_session_acquire_caps(struct vbg_session *session, u32 or_mask, u32 not_mask,
			     bool only_mode);
int vbg_session_set_caps(struct vbg_session *session, u32 or_mask, u32 not_mask,
			 u32 *session_caps, u32 *global_caps);
int vbg_session_set_mouse(struct vbg_session *session, u32 features);
int vbg_caps_report(struct vbg_dev *gdev, u32 caps);

/* vbg_chardev.c: the nodes. */
int vbg_chardev_register(struct vbg_dev *gdev);
void vbg_chardev_unregister(struct vbg_dev *gdev);

/* vbg_ioctl.c */
long vbg_ioctl(struct vbg_session *session, unsigned int cmd, void __user *arg);

/* vbg_api.c: the published device. */
int vbg_api_publish(struct vbg_dev *gdev);
void vbg_api_unpublish(struct vbg_dev *gdev);

/* vbg_log.c */
void vbg_log_attach(struct vbg_dev *gdev);
void vbg_log_detach(struct vbg_dev *gdev);
void vbg_log_user(const char *text, size_t length);

/* vbg_heartbeat.c */
int vbg_heartbeat_init(struct vbg_dev *gdev);
void vbg_heartbeat_start(struct vbg_dev *gdev);
void vbg_heartbeat_stop(struct vbg_dev *gdev);
void vbg_heartbeat_exit(struct vbg_dev *gdev);

/* vbg_balloon.c */
int vbg_balloon_init(struct vbg_dev *gdev);
void vbg_balloon_start(struct vbg_dev *gdev);
void vbg_balloon_stop(struct vbg_dev *gdev);
void vbg_balloon_exit(struct vbg_dev *gdev);

/* vbg_stats.c */
int vbg_stats_init(struct vbg_dev *gdev);
void vbg_stats_start(struct vbg_dev *gdev);
void vbg_stats_stop(struct vbg_dev *gdev);
void vbg_stats_exit(struct vbg_dev *gdev);

/* vbg_mouse.c */
int vbg_mouse_init(struct vbg_dev *gdev);
int vbg_mouse_report(struct vbg_dev *gdev, u32 features);
int vbg_mouse_register(struct vbg_dev *gdev);
void vbg_mouse_unregister(struct vbg_dev *gdev);
void vbg_mouse_exit(struct vbg_dev *gdev);

/* vbg_sysfs.c, vbg_debugfs.c */
extern const struct attribute_group *vbg_groups[];
void vbg_debugfs_create(struct vbg_dev *gdev);
void vbg_debugfs_remove(struct vbg_dev *gdev);

#endif

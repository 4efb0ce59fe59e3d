// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages: to the kernel log and to the host's. The host gets a line by one
 * request; hosts that do not take that request (VirtualBox) have a text port
 * instead, which is written with one string instruction. What has to be logged
 * in interrupts of this driver goes to the kernel log only, by pr_*().
 */
#include <linux/ctype.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "vbg_core.h"

#define VBG_LOG_TEXT	128

enum vbg_log_way {
	VBG_LOG_REQUEST,
	VBG_LOG_PORT,
};

static struct {
	spinlock_t lock;		/* all of this; callers may have interrupts off */
	struct vbg_dev *gdev;
	struct vbg_req_log *req;	/* preallocated; NULL while there is no device */
	enum vbg_log_way way;
} vbg_log = { .lock = __SPIN_LOCK_UNLOCKED(vbg_log.lock) };

#define VBG_LOG_BLOCK	(sizeof(struct vbg_req_log) + VBG_LOG_TEXT)

/**
 * vbg_log_attach() - Start to log to the host.
 * @gdev:	Device, greeted.
 *
 * Context: Probe. Without memory the host gets no messages.
 */
void vbg_log_attach(struct vbg_dev *gdev)
{
	struct vbg_req_log *req = vbg_block_alloc(gdev, VBG_LOG_BLOCK);

	spin_lock_irq(&vbg_log.lock);
	vbg_log.gdev = gdev;
	vbg_log.req = req;
	vbg_log.way = VBG_LOG_REQUEST;
	spin_unlock_irq(&vbg_log.lock);
}

/**
 * vbg_log_detach() - Stop logging to the host.
 * @gdev:	Device.
 *
 * Context: Removal.
 */
void vbg_log_detach(struct vbg_dev *gdev)
{
	struct vbg_req_log *req;

	spin_lock_irq(&vbg_log.lock);
	req = vbg_log.req;
	vbg_log.req = NULL;
	vbg_log.gdev = NULL;
	spin_unlock_irq(&vbg_log.lock);
	if (req)
		vbg_req_free(gdev, req, VBG_LOG_BLOCK, req->hdr.rc);
}

/* Ports outside of the device's exist where VirtualBox emulates a PC. */
static void vbg_log_to_port(const char *text, size_t length)
{
	if (IS_ENABLED(CONFIG_X86)) {
		outsb(VBG_PORT_HOST_LOG, text, length);
		outb('\n', VBG_PORT_HOST_LOG);
	}
}

/* Send one line of up to VBG_LOG_TEXT - 1 bytes without line end to the host. */
static void vbg_log_to_host(const char *text, size_t length)
{
	struct vbg_req_log *req;
	unsigned long flags;

	spin_lock_irqsave(&vbg_log.lock, flags);
	req = vbg_log.req;
	if (!req || READ_ONCE(vbg_log.gdev->silent))
		goto unlock;
	if (vbg_log.way == VBG_LOG_REQUEST) {
		vbg_req_prepare(req, max_t(size_t, sizeof(*req) + length + 1, 28),
				VMMDEVREQ_LOG_STRING, VBG_REQUESTOR_DRIVER);
		memset(req->text, 0, VBG_LOG_TEXT);
		memcpy(req->text, text, length);
		if (vbg_req_submit(vbg_log.gdev, req) < 0)
			vbg_log.way = VBG_LOG_PORT;
	}
	if (vbg_log.way == VBG_LOG_PORT)
		vbg_log_to_port(text, length);
unlock:
	spin_unlock_irqrestore(&vbg_log.lock, flags);
}

/**
 * vbg_log_user() - Log a text of a user program.
 * @text:	Text; need not be terminated, may have line ends.
 * @length:	Bytes of @text.
 *
 * Context: Process context.
 */
void vbg_log_user(const char *text, size_t length)
{
	char line[VBG_LOG_TEXT];
	size_t i;

	length = strnlen(text, min_t(size_t, length, VBG_LOG_TEXT - 1));
	while (length && text[length - 1] == '\n')
		length--;
	/* One call is one line: a program cannot imitate messages of others. */
	for (i = 0; i < length; i++)
		line[i] = iscntrl(text[i]) ? ' ' : text[i];
	if (!length)
		return;
	vbg_log_to_host(line, length);
	pr_info_ratelimited("vboxguest: %.*s\n", (int)length, line);
}

/* Format a message and send it to the host. Returns its length without line ends. */
static __printf(2, 0) int vbg_log_format(char *text, const char *fmt, va_list args)
{
	int length = vscnprintf(text, VBG_LOG_TEXT, fmt, args);

	while (length && text[length - 1] == '\n')
		length--;
	vbg_log_to_host(text, length);
	return length;
}

/**
 * vbg_info() - Log a message to the kernel and the host.
 * @fmt:	Format; one line of up to 127 characters.
 *
 * Context: Any.
 */
void vbg_info(const char *fmt, ...)
{
	char text[VBG_LOG_TEXT];
	va_list args;
	int length;

	va_start(args, fmt);
	length = vbg_log_format(text, fmt, args);
	va_end(args);
	pr_info("%.*s\n", length, text);
}
EXPORT_SYMBOL(vbg_info);

/**
 * vbg_warn() - Log a warning to the kernel and the host.
 * @fmt:	Format; one line of up to 127 characters.
 *
 * Context: Any.
 */
void vbg_warn(const char *fmt, ...)
{
	char text[VBG_LOG_TEXT];
	va_list args;
	int length;

	va_start(args, fmt);
	length = vbg_log_format(text, fmt, args);
	va_end(args);
	pr_warn("%.*s\n", length, text);
}
EXPORT_SYMBOL(vbg_warn);

/**
 * vbg_err() - Log an error to the kernel and the host.
 * @fmt:	Format; one line of up to 127 characters.
 *
 * Context: Any.
 */
void vbg_err(const char *fmt, ...)
{
	char text[VBG_LOG_TEXT];
	va_list args;
	int length;

	va_start(args, fmt);
	length = vbg_log_format(text, fmt, args);
	va_end(args);
	pr_err("%.*s\n", length, text);
}
EXPORT_SYMBOL(vbg_err);

/**
 * vbg_err_ratelimited() - Log an error, not too often, to the kernel and the host.
 * @fmt:	Format; one line of up to 127 characters.
 *
 * Context: Any.
 */
void vbg_err_ratelimited(const char *fmt, ...)
{
	static DEFINE_RATELIMIT_STATE(limit, DEFAULT_RATELIMIT_INTERVAL, DEFAULT_RATELIMIT_BURST);
	char text[VBG_LOG_TEXT];
	va_list args;
	int length;

	if (!__ratelimit(&limit))
		return;
	va_start(args, fmt);
	length = vbg_log_format(text, fmt, args);
	va_end(args);
	pr_err("%.*s\n", length, text);
}
EXPORT_SYMBOL(vbg_err_ratelimited);

#if defined(DEBUG) && !defined(CONFIG_DYNAMIC_DEBUG)
/**
 * vbg_debug() - Log a message of debug builds to the kernel and the host.
 * @fmt:	Format; one line of up to 127 characters.
 *
 * Context: Any.
 */
void vbg_debug(const char *fmt, ...)
{
	char text[VBG_LOG_TEXT];
	va_list args;
	int length;

	va_start(args, fmt);
	length = vbg_log_format(text, fmt, args);
	va_end(args);
	pr_debug("%.*s\n", length, text);
}
EXPORT_SYMBOL(vbg_debug);
#endif

/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * OpenHGCM's extensions of the VMMDev memory (BAR1): an event word, so that an interrupt costs no
 * register access, and a submission ring, so that an HGCM call to a device that is awake costs none
 * either. Shared by the kernel driver and the device model.
 *
 * The block lies in the last 512 bytes of the 4 MiB BAR, behind everything that VirtualBox's
 * VMMDev memory declares; there a VirtualBox device reads as zero, so the magic tells the two
 * apart. A driver uses it only with message signalled interrupts.
 *
 * Protocol of the event word:
 *  - The device fills magic, version, size and device_features at power on and reset, and zeroes
 *    driver_features and events.
 *  - The driver turns MSI on, then stores the features it uses in driver_features.
 *  - With EVENT_WORD in use and MSI enabled the device delivers the events (pending & filter) by an
 *    atomic OR into `events`, and sends a message when the word was 0 before, or when it did not
 *    use the word for the delivery before this one. They leave the device's own pending set by
 *    that. If the level was up for events of before, it goes down and have_events becomes 0.
 *  - The driver takes all events with one atomic exchange with 0. There is no acknowledge request.
 *  - Enabling or disabling takes effect at the next time the device delivers events. A driver that
 *    stops using the word (driver_features = 0) takes what is in it once more afterwards.
 *
 * Protocol of the submission ring (needs the event word):
 *  - The driver submits an HGCM call (requests 62 and 63, nothing else) by storing the address of
 *    the request in entry ring_head % 32 and then adding 1 to ring_head. It never lets ring_head
 *    get more than 32 ahead of ring_tail.
 *  - The device looks at the ring on its own only while ring_polling is not 0. After the store the
 *    driver reads ring_polling (with a full barrier in between); when it is 0, or when the device
 *    does not answer soon, the driver writes 0 to a request register. Whatever is written there,
 *    the device first takes what is in the ring. A write of 0 that brings a call which is watched
 *    (below) may last until that is done, for a moment.
 *  - The device answers a submission by storing the header's rc once: VINF_HGCM_ASYNC_EXECUTE if it
 *    accepted the call, which then completes like any other, or the reason of its refusal. Of a
 *    refused request it writes nothing else. The driver does not touch the request until rc has
 *    changed from what it stored there before.
 *  - A driver that watches DONE itself for a while stores VMMDEV_EXT_WATCHED in the header's
 *    reserved1 before it submits. The device reads it after it has stored DONE, with a full
 *    barrier in between, and then raises no event. A driver that stops watching stores 0 and looks
 *    at DONE once more, with a full barrier in between.
 *  - At start the driver takes ring_tail for its ring_head. The device ignores a ring whose
 *    ring_head is more than 32 ahead, up to that ring_head.
 *
 * All fields are 32-bit little-endian. Everything the other side writes is untrusted: the device
 * reads driver_features once per delivery and uses `events` only as described.
 */
#ifndef OPENHGCM_VMMDEV_EXT_H
#define OPENHGCM_VMMDEV_EXT_H

#define VMMDEV_EXT_OFFSET		0x3ffe00u
#define VMMDEV_EXT_MAGIC		0x4d434748u	/* "HGCM" */
#define VMMDEV_EXT_VERSION		1u

/* Feature bits of device_features and driver_features. */
#define VMMDEV_EXT_F_EVENT_WORD		0x00000001u
#define VMMDEV_EXT_F_RING		0x00000002u

/* In reserved1 of a request in the ring: its submitter watches for DONE. */
#define VMMDEV_EXT_WATCHED		0x57415443u	/* "CTAW" */

/* Offsets from VMMDEV_EXT_OFFSET; each side keeps to its own cache line. */
#define VMMDEV_EXT_OFF_MAGIC		0x00u
#define VMMDEV_EXT_OFF_VERSION		0x04u
#define VMMDEV_EXT_OFF_SIZE		0x08u	/* bytes of this block: 0x200 */
#define VMMDEV_EXT_OFF_DEVICE_FEATURES	0x0cu
#define VMMDEV_EXT_OFF_DRIVER_FEATURES	0x40u	/* written by the driver */
#define VMMDEV_EXT_OFF_EVENTS		0x80u	/* written by both, atomically */
#define VMMDEV_EXT_OFF_RING_POLLING	0xc0u	/* written by the device, as ring_tail */
#define VMMDEV_EXT_OFF_RING_TAIL	0xc4u
#define VMMDEV_EXT_OFF_RING_HEAD	0x100u	/* written by the driver, as the entries */
#define VMMDEV_EXT_OFF_RING_ENTRIES	0x180u
#define VMMDEV_EXT_RING_SIZE		32u	/* entries, 32 bit each */
#define VMMDEV_EXT_SIZE			0x200u

#endif

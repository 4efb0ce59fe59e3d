/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * OpenHGCM's extension of the VMMDev memory (BAR1): an event word shared by device and driver, so
 * that an interrupt costs no register access. Shared by the kernel driver and the device model.
 *
 * The block lies in the last 512 bytes of the 4 MiB BAR, behind everything that VirtualBox's
 * VMMDev memory declares; there a VirtualBox device reads as zero, so the magic tells the two
 * apart. A driver uses it only with message signalled interrupts.
 *
 * Protocol:
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

/* Offsets from VMMDEV_EXT_OFFSET; each side keeps to its own cache line. */
#define VMMDEV_EXT_OFF_MAGIC		0x00u
#define VMMDEV_EXT_OFF_VERSION		0x04u
#define VMMDEV_EXT_OFF_SIZE		0x08u	/* bytes of this block: 0x200 */
#define VMMDEV_EXT_OFF_DEVICE_FEATURES	0x0cu
#define VMMDEV_EXT_OFF_DRIVER_FEATURES	0x40u	/* written by the driver */
#define VMMDEV_EXT_OFF_EVENTS		0x80u	/* written by both, atomically */
#define VMMDEV_EXT_SIZE			0x200u

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The VMMDev requests this driver sends, as they lie in memory: little-endian
 * (as are all guests this device exists for), offsets as given by the device.
 * Numbers and structures that are part of the kernel's user interface come from
 * there; this header adds what the kernel does not export. It declares nothing
 * of the driver itself.
 */
#ifndef VBG_PROTO_H
#define VBG_PROTO_H

#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/types.h>
#include <linux/vbox_vmmdev_types.h>

#define VBG_PCI_VENDOR			0x80ee
#define VBG_PCI_DEVICE			0xcafe

/* Offsets of the registers in BAR0 (ports) and, where there is one, BAR3 (memory). */
#define VBG_REG_REQUEST			0
#define VBG_REG_FAST			8
#define VBG_REG_SIZE			16

/* A port outside of the device: text for the host's log, byte by byte. */
#define VBG_PORT_HOST_LOG		0x504

#define VBG_REQ_VERSION			0x00010001u
#define VBG_REQ_MAX_SIZE		(1024u * 1024)
#define VBG_IFACE_VERSION		0x00010004u
#define VBG_MEMORY_VERSION		1u
#define VBG_MEMORY_MIN_SIZE		32u

/* BAR1, offsets. */
#define VBG_MEM_SIZE			0
#define VBG_MEM_VERSION			4
#define VBG_MEM_HAVE_EVENTS		8

/* Pages of the protocol are 4 KiB whatever the guest's are. */
#define VBG_WIRE_PAGE_SHIFT		12
#define VBG_WIRE_PAGE_SIZE		4096u

#define VBG_EVENT_MOUSE_CAPS		0x001u
#define VBG_EVENT_HGCM			0x002u
#define VBG_EVENT_DISPLAY_CHANGE	0x004u
#define VBG_EVENT_RESTORED		0x010u
#define VBG_EVENT_SEAMLESS_CHANGE	0x020u
#define VBG_EVENT_BALLOON_CHANGE	0x040u
#define VBG_EVENT_STATISTICS_INTERVAL	0x080u
#define VBG_EVENT_MOUSE_POSITION	0x200u
#define VBG_EVENT_VALID_MASK		0x7ffu

#define VBG_CAP_SEAMLESS		0x1u
#define VBG_CAP_GRAPHICS		0x4u
#define VBG_CAP_VALID_MASK		0x7u

/* Features in the reply to "get host version". */
#define VBG_HVF_PAGE_LIST		0x00000001u
#define VBG_HVF_EMBEDDED		0x00000002u
#define VBG_HVF_CONTIGUOUS		0x00000004u
#define VBG_HVF_NO_BOUNCE		0x00000008u
#define VBG_HVF_FAST_IRQ_ACK		0x80000000u

#define VBG_INFO2_REQUESTOR_VALID	0x1u

#define VBG_OS_LINUX26			0x53000u
#define VBG_OS_X64			0x00100u

#define VBG_FACILITY_DRIVER		20u
#define VBG_FACILITY_SERVICE		100u
#define VBG_FACILITY_ALL		0x7ffffffeu
#define VBG_STATUS_INACTIVE		0u
#define VBG_STATUS_ACTIVE		50u

#define VBG_MOUSE_CAN_ABSOLUTE		0x01u
#define VBG_MOUSE_NEW_PROTOCOL		0x10u
/* Features that are the guest's to set. */
#define VBG_MOUSE_GUEST_MASK		0x95u

/* Queries the kernel's header has no name for: newer hosts answer them. */
#define VBG_REQ_DISPLAY_CHANGE_MULTI2	82u
#define VBG_REQ_MOUSE_STATUS_EX		223u
#define VBG_REQ_HOST_GRAPHICS		224u

/* Fields of a statistics report that are valid. */
#define VBG_STAT_CPU_IDLE		BIT(0)
#define VBG_STAT_CPU_KERNEL		BIT(1)
#define VBG_STAT_CPU_USER		BIT(2)
#define VBG_STAT_MEMORY_LOAD		BIT(6)
#define VBG_STAT_PHYS_TOTAL		BIT(7)
#define VBG_STAT_PHYS_AVAILABLE		BIT(8)
#define VBG_STAT_PHYS_BALLOON		BIT(9)
#define VBG_STAT_COMMITTED		BIT(10)
#define VBG_STAT_KERNEL_TOTAL		BIT(11)
#define VBG_STAT_SYSTEM_CACHE		BIT(14)

#define VBG_BALLOON_CHUNK_PAGES		256

/* Status codes the kernel's vbox_err.h has no name for. */
#define VBG_VERR_HGCM_INVALID_CLIENT_ID	(-2905)

/* Types of call parameters beyond those of the kernel's header. */
#define VBG_PARM_EMBEDDED		11
#define VBG_PARM_CONTIGUOUS		12
#define VBG_PARM_NO_BOUNCE		13

#define VBG_HGCM_DONE			0x1u

#define VBG_HGCM_MAX_PARMS		32
#define VBG_HGCM_MAX_BUFFER		(128u * 1024 * 1024)

struct vbg_req_hdr {
	u32 size;
	u32 version;
	u32 request_type;
	s32 rc;
	u32 reserved1;
	u32 requestor;
};

static_assert(sizeof(struct vbg_req_hdr) == 24);

struct vbg_req_host_version {
	struct vbg_req_hdr hdr;
	u16 major;
	u16 minor;
	u32 build;
	u32 revision;
	u32 features;
};

static_assert(sizeof(struct vbg_req_host_version) == 40);

struct vbg_req_guest_info {
	struct vbg_req_hdr hdr;
	u32 interface_version;
	u32 os_type;
};

static_assert(sizeof(struct vbg_req_guest_info) == 32);

struct vbg_req_guest_info2 {
	struct vbg_req_hdr hdr;
	u16 major;
	u16 minor;
	u32 build;
	u32 revision;
	u32 features;
	char name[128];
};

static_assert(sizeof(struct vbg_req_guest_info2) == 168);

struct vbg_req_guest_status {
	struct vbg_req_hdr hdr;
	u32 facility;
	u32 status;
	u32 flags;
};

static_assert(sizeof(struct vbg_req_guest_status) == 36);

/* Requests 42 (event filter) and 56 (capabilities). */
struct vbg_req_mask {
	struct vbg_req_hdr hdr;
	u32 or_mask;
	u32 not_mask;
};

static_assert(sizeof(struct vbg_req_mask) == 32);

/* Requests with one 32-bit field: 41 (events), 55 (capabilities), 218 (flags). */
struct vbg_req_word {
	struct vbg_req_hdr hdr;
	u32 value;
};

static_assert(sizeof(struct vbg_req_word) == 28);

struct vbg_req_session_id {
	struct vbg_req_hdr hdr;
	u64 id;
};

static_assert(sizeof(struct vbg_req_session_id) == 32);

struct vbg_req_mouse {
	struct vbg_req_hdr hdr;
	u32 features;
	s32 x;
	s32 y;
};

static_assert(sizeof(struct vbg_req_mouse) == 36);

struct vbg_req_heartbeat {
	struct vbg_req_hdr hdr;
	u64 interval_ns;
	u8 enabled;
	u8 padding[3];
} __packed;

static_assert(sizeof(struct vbg_req_heartbeat) == 36);

struct vbg_req_balloon_info {
	struct vbg_req_hdr hdr;
	u32 balloon_chunks;
	u32 phys_chunks;
	u32 event_ack;
};

static_assert(sizeof(struct vbg_req_balloon_info) == 36);

struct vbg_req_balloon_change {
	struct vbg_req_hdr hdr;
	u32 pages;
	u32 inflate;
	u64 addr[VBG_BALLOON_CHUNK_PAGES];
};

static_assert(sizeof(struct vbg_req_balloon_change) == 2080);

struct vbg_req_stats_interval {
	struct vbg_req_hdr hdr;
	u32 interval;
	u32 event_ack;
};

static_assert(sizeof(struct vbg_req_stats_interval) == 32);

/* Loads in percent, memory in pages of page_size. */
struct vbg_req_stats {
	struct vbg_req_hdr hdr;
	u32 cpu_id;
	u32 stat_caps;
	u32 cpu_load_idle;
	u32 cpu_load_kernel;
	u32 cpu_load_user;
	u32 threads;
	u32 processes;
	u32 handles;
	u32 memory_load;
	u32 page_size;
	u32 phys_mem_total;
	u32 phys_mem_available;
	u32 phys_mem_balloon;
	u32 mem_committed;
	u32 mem_kernel_total;
	u32 mem_kernel_paged;
	u32 mem_kernel_nonpaged;
	u32 mem_system_cache;
	u32 page_file_size;
};

static_assert(sizeof(struct vbg_req_stats) == 100);

struct vbg_req_log {
	struct vbg_req_hdr hdr;
	char text[];
};

struct vbg_hgcm_hdr {
	struct vbg_req_hdr hdr;
	u32 flags;
	s32 result;
};

static_assert(sizeof(struct vbg_hgcm_hdr) == 32);

struct vbg_hgcm_req_connect {
	struct vbg_hgcm_hdr hdr;
	struct vmmdev_hgcm_service_location loc;
	u32 client_id;
};

static_assert(sizeof(struct vbg_hgcm_req_connect) == 168);

struct vbg_hgcm_req_disconnect {
	struct vbg_hgcm_hdr hdr;
	u32 client_id;
};

static_assert(sizeof(struct vbg_hgcm_req_disconnect) == 36);

struct vbg_hgcm_req_cancel2 {
	struct vbg_req_hdr hdr;
	u32 address_lo;
	u32 address_hi;
};

static_assert(sizeof(struct vbg_hgcm_req_cancel2) == 32);

#define VBG_CANCEL2_SIZE32		28u

/* Followed by the parameters, then page lists and embedded data. */
struct vbg_hgcm_req_call {
	struct vbg_hgcm_hdr hdr;
	u32 client_id;
	u32 function;
	u32 parm_count;
	struct vmmdev_hgcm_function_parameter parms[];
} __packed;

static_assert(sizeof(struct vbg_hgcm_req_call) == 44);

/* What a parameter of type "embedded" holds after its type. */
struct vbg_hgcm_embedded {
	u32 type;
	u32 offset_and_flags;
	u32 size;
} __packed;
#define VBG_EMBEDDED_OFFSET_SHIFT	8

struct vbg_hgcm_page_list {
	u32 flags;
	u16 offset_first_page;
	u16 page_count;
	u64 pages[];
} __packed;

static_assert(sizeof(struct vbg_hgcm_page_list) == 8);
/* The device wants room for at least one entry. */
#define VBG_PAGE_LIST_MIN		16u

#endif

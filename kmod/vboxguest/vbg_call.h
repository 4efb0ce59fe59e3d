/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A call to an HGCM service and the memory it carries. Shared by vbg_call.c
 * (life of a call) and vbg_parms.c (its parameters), and nobody else.
 */
#ifndef VBG_CALL_H
#define VBG_CALL_H

#include "vbg_core.h"

/* Page pointers kept in the call itself; more are allocated. */
#define VBG_CALL_PAGE_SLOTS	64

/* How the content of a buffer reaches the host. */
enum vbg_carrier {
	VBG_CARRY_NOTHING,	/* not a buffer, or an empty one */
	VBG_CARRY_INLINE,	/* copied; lies in the block of the request */
	VBG_CARRY_PINNED,	/* pages of the user, pinned */
	VBG_CARRY_MAPPED,	/* pages of the kernel, referenced */
	VBG_CARRY_BOUNCED,	/* copied; in memory of its own */
	VBG_CARRY_GIVEN,	/* pages of the kernel, which the caller looks after */
};

/* Who gave the parameters of a call. */
enum vbg_origin {
	VBG_FROM_USER,		/* no kernel addresses */
	VBG_FROM_KERNEL,
	VBG_FROM_KERNEL_ASYNC,	/* pages, too */
};

/**
 * struct vbg_buffer - A parameter that is a buffer.
 * @carrier:	How it is carried.
 * @user:	@address is one of the current process.
 * @direction:	VMMDEV_HGCM_F_PARM_DIRECTION_*.
 * @size:	Bytes, as the caller gave it.
 * @address:	Of the caller.
 * @offset:	Of the data in the block, when inline.
 * @pages:	Pages of the buffer, when pinned or mapped; when given, only until
 *		the request is written.
 * @page_count:	Number of @pages.
 * @bounce:	Copy of the buffer, when bounced.
 * @entries:	Length of the page list, 0 when there is none.
 * @contiguous:	One entry describes all of it.
 * @no_bounce:	The host works on the pages of the list.
 */
struct vbg_buffer {
	enum vbg_carrier carrier;
	bool user;
	u8 direction;
	bool contiguous;
	bool no_bounce;
	u32 size;
	unsigned long address;
	u32 offset;
	u32 entries;
	struct page **pages;
	unsigned int page_count;
	void *bounce;
};

/**
 * struct vbg_call - A call.
 * @op:		The operation in flight.
 * @pool_node:	In vbg_hgcm_state.pool.
 * @page:	A page for the request; belongs to the structure.
 * @block:	Memory of the request: @page, or larger and allocated.
 * @block_size:	Bytes of @block.
 * @client_id:	For the trace.
 * @function:	For the trace.
 * @start_ns:	For the trace.
 * @parms:	Parameters of an asynchronous caller, updated at completion.
 * @parm_count:	Number of parameters.
 * @slots_used:	Number of @slots in use.
 * @slots:	Page pointers for small buffers.
 * @buffers:	One for each parameter; only the first @parm_count are valid.
 */
struct vbg_call {
	struct vbg_op op;
	struct list_head pool_node;
	void *page;
	void *block;
	size_t block_size;
	u32 client_id;
	u32 function;
	u64 start_ns;
	struct vmmdev_hgcm_function_parameter *parms;
	u32 parm_count;
	unsigned int slots_used;
	struct page *slots[VBG_CALL_PAGE_SLOTS];
	struct vbg_buffer buffers[VBG_HGCM_MAX_PARMS];
};

int vbg_parms_prepare(struct vbg_call *call, const struct vmmdev_hgcm_function_parameter *parms,
		      u32 parm_count, enum vbg_origin origin);
int vbg_parms_write(struct vbg_call *call, const struct vmmdev_hgcm_function_parameter *parms);
int vbg_parms_read(struct vbg_call *call, struct vmmdev_hgcm_function_parameter *parms);
void vbg_parms_release(struct vbg_call *call, bool host_wrote);
bool vbg_parms_pages_used(const struct vbg_call *call, enum vbg_end end);

#endif

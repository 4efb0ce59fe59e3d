// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parameters of a call: from what the caller gave to what the host reads, and
 * back. Small buffers are copied into the block of the request, where the host
 * has them at hand; for large ones the host gets the pages themselves. Only
 * memory that cannot be handed over (slab objects, device memory of a user) is
 * bounced.
 *
 * Nothing the host writes is used as a size, count or offset here, except the
 * size of an embedded buffer, which is read once and clamped to the original.
 *
 * No-bounce page lists (type 13) are used for nothing but pages that another
 * driver gives and looks after, in calls that are not cancelled while all is
 * well: the host goes on using such pages after it has confirmed a cancel.
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <openhgcm/vboxguest.h>

#include "vbg_call.h"

/*
 * All inline data of a call. Together with the longest table of parameters it
 * leaves the request within one page, the form that is cheapest for the host.
 */
#define VBG_INLINE_TOTAL	3072u
#define VBG_INLINE_ALIGN	8u

static bool vbg_from_host(const struct vbg_buffer *buf)
{
	return buf->direction & VMMDEV_HGCM_F_PARM_DIRECTION_FROM_HOST;
}

static bool vbg_to_host(const struct vbg_buffer *buf)
{
	return buf->direction & VMMDEV_HGCM_F_PARM_DIRECTION_TO_HOST;
}

/* Direction of a buffer type, 0 if @type is not one. */
static u8 vbg_parm_direction(u32 type)
{
	switch (type) {
	case VMMDEV_HGCM_PARM_TYPE_LINADDR:
	case VMMDEV_HGCM_PARM_TYPE_LINADDR_KERNEL:
		return VMMDEV_HGCM_F_PARM_DIRECTION_BOTH;
	case VMMDEV_HGCM_PARM_TYPE_LINADDR_IN:
	case VMMDEV_HGCM_PARM_TYPE_LINADDR_KERNEL_IN:
	case VBG_HGCM_PARM_PAGES_IN:
		return VMMDEV_HGCM_F_PARM_DIRECTION_TO_HOST;
	case VMMDEV_HGCM_PARM_TYPE_LINADDR_OUT:
	case VMMDEV_HGCM_PARM_TYPE_LINADDR_KERNEL_OUT:
	case VBG_HGCM_PARM_PAGES_OUT:
		return VMMDEV_HGCM_F_PARM_DIRECTION_FROM_HOST;
	default:
		return 0;
	}
}

static bool vbg_parm_is_user(u32 type)
{
	return type >= VMMDEV_HGCM_PARM_TYPE_LINADDR && type <= VMMDEV_HGCM_PARM_TYPE_LINADDR_OUT;
}

static bool vbg_parm_is_pages(u32 type)
{
	return type == VBG_HGCM_PARM_PAGES_IN || type == VBG_HGCM_PARM_PAGES_OUT;
}

static bool vbg_parm_allowed(u32 type, enum vbg_origin origin)
{
	if (type == VMMDEV_HGCM_PARM_TYPE_32BIT || type == VMMDEV_HGCM_PARM_TYPE_64BIT)
		return true;
	if (vbg_parm_is_pages(type))
		return origin == VBG_FROM_KERNEL_ASYNC;
	return vbg_parm_is_user(type) || (origin != VBG_FROM_USER && vbg_parm_direction(type));
}

/* Room for pointers to the pages of a buffer. */
static struct page **vbg_pages_alloc(struct vbg_call *call, unsigned int count)
{
	if (count <= VBG_CALL_PAGE_SLOTS - call->slots_used) {
		struct page **pages = &call->slots[call->slots_used];

		call->slots_used += count;
		return pages;
	}
	return kvmalloc_array(count, sizeof(struct page *), GFP_KERNEL_ACCOUNT);
}

static void vbg_pages_free(struct vbg_call *call, struct page **pages)
{
	if (pages < call->slots || pages >= call->slots + VBG_CALL_PAGE_SLOTS)
		kvfree(pages);
}

/* Address of the memory the page list of @buf describes. */
static unsigned long vbg_buffer_start(const struct vbg_buffer *buf)
{
	return buf->carrier == VBG_CARRY_BOUNCED ? (unsigned long)buf->bounce : buf->address;
}

/* Physical address of the @i-th page of the protocol that @buf touches. */
static u64 vbg_buffer_wire_page(const struct vbg_buffer *buf, unsigned int i)
{
	unsigned long pos = (offset_in_page(vbg_buffer_start(buf)) & ~(VBG_WIRE_PAGE_SIZE - 1ul)) +
			    ((unsigned long)i << VBG_WIRE_PAGE_SHIFT);

	return page_to_phys(buf->pages[pos >> PAGE_SHIFT]) + offset_in_page(pos);
}

/* The pages are known: how long will the list be? */
static void vbg_buffer_measure(struct vbg_dev *gdev, struct vbg_buffer *buf)
{
	unsigned long start = vbg_buffer_start(buf) & (VBG_WIRE_PAGE_SIZE - 1);
	unsigned int i;

	buf->entries = DIV_ROUND_UP(start + buf->size, VBG_WIRE_PAGE_SIZE);
	buf->contiguous = false;
	if (!(gdev->host_features & VBG_HVF_CONTIGUOUS) || buf->entries == 1)
		return;
	for (i = 1; i < buf->entries; i++) {
		if (vbg_buffer_wire_page(buf, i) !=
		    vbg_buffer_wire_page(buf, i - 1) + VBG_WIRE_PAGE_SIZE)
			return;
	}
	buf->contiguous = true;
	buf->entries = 1;
}

static unsigned int vbg_span(unsigned long address, u32 size)
{
	return DIV_ROUND_UP(offset_in_page(address) + size, PAGE_SIZE);
}

/* Count pages that are kept for a user's buffer, as far as all users may have some. */
static bool vbg_pages_charge(struct vbg_dev *gdev, unsigned int count)
{
	struct vbg_hgcm_state *hgcm = &gdev->hgcm;

	if (atomic_long_add_return(count, &hgcm->pinned_pages) <= (long)hgcm->pinned_limit)
		return true;
	atomic_long_sub(count, &hgcm->pinned_pages);
	return false;
}

static void vbg_pages_uncharge(struct vbg_dev *gdev, unsigned int count)
{
	atomic_long_sub(count, &gdev->hgcm.pinned_pages);
}

static bool vbg_user_readable(unsigned long address)
{
	u8 byte;

	return !get_user(byte, (u8 __user *)address);
}

/*
 * Pin the pages of a user's buffer. Returns 0, -ENOTBLK if it has to be bounced
 * (mappings of device memory cannot be pinned, but can be copied), or another
 * error.
 */
static int vbg_buffer_pin(struct vbg_call *call, struct vbg_buffer *buf)
{
	unsigned int count = vbg_span(buf->address, buf->size);
	unsigned int pinned = 0;
	unsigned long next;
	int got;

	if (buf->address + buf->size < buf->address)
		return -EFAULT;
	if (!vbg_pages_charge(call->op.gdev, count))
		return -ENOMEM;
	buf->pages = vbg_pages_alloc(call, count);
	if (!buf->pages) {
		got = -ENOMEM;
		goto uncharge;
	}

	while (pinned < count) {
		next = buf->address + ((unsigned long)pinned << PAGE_SHIFT);
		got = pin_user_pages_fast(next, count - pinned,
					  vbg_from_host(buf) ? FOLL_WRITE : 0,
					  buf->pages + pinned);
		if (got <= 0)
			goto unpin;
		pinned += got;
		if (pinned < count && fatal_signal_pending(current)) {
			got = -EINTR;
			goto unpin;
		}
	}
	buf->page_count = count;
	buf->carrier = VBG_CARRY_PINNED;
	return 0;

unpin:
	unpin_user_pages(buf->pages, pinned);
	vbg_pages_free(call, buf->pages);
	buf->pages = NULL;
	/* Copying takes memory and time, so it is not even begun where nothing is. */
	if (!got || got == -EFAULT)
		got = vbg_user_readable(next) ? -ENOTBLK : -EFAULT;
uncharge:
	vbg_pages_uncharge(call->op.gdev, count);
	return got;
}

/* Page at a kernel address, or NULL. */
static struct page *vbg_kernel_page(unsigned long address)
{
	void *p = (void *)address;

	if (virt_addr_valid(p))
		return virt_to_page(p);
	return vmalloc_to_page(p);
}

/*
 * Look up the pages of kernel memory. With @hold they are referenced, so that
 * even a host that does not give up a cancelled request writes to pages that
 * nobody else was given since; that is not possible for slab objects.
 *
 * Returns 0, -ENOTBLK if the memory has to be bounced, or another error.
 */
static int vbg_buffer_lookup(struct vbg_call *call, struct vbg_buffer *buf, unsigned long start,
			     bool hold)
{
	unsigned int count = vbg_span(start, buf->size);
	struct page *page;
	unsigned int i;
	int ret;

	if (start + buf->size < start)
		return -EFAULT;
	buf->pages = vbg_pages_alloc(call, count);
	if (!buf->pages)
		return -ENOMEM;

	for (i = 0; i < count; i++) {
		page = vbg_kernel_page((start & PAGE_MASK) + ((unsigned long)i << PAGE_SHIFT));
		if (!page) {
			ret = -EFAULT;
			goto release;
		}
		if (hold) {
			if (PageSlab(page) || !page_count(page)) {
				ret = -ENOTBLK;
				goto release;
			}
			get_page(page);
		}
		buf->pages[i] = page;
	}
	buf->page_count = count;
	return 0;

release:
	while (hold && i--)
		put_page(buf->pages[i]);
	vbg_pages_free(call, buf->pages);
	buf->pages = NULL;
	return ret;
}

static int vbg_buffer_copy_in(const struct vbg_buffer *buf, void *to)
{
	if (!buf->user)
		memcpy(to, (void *)buf->address, buf->size);
	else if (copy_from_user(to, (void __user *)buf->address, buf->size))
		return -EFAULT;
	return 0;
}

static int vbg_buffer_copy_out(const struct vbg_buffer *buf, const void *from, u32 size)
{
	if (!buf->user)
		memcpy((void *)buf->address, from, size);
	else if (copy_to_user((void __user *)buf->address, from, size))
		return -EFAULT;
	return 0;
}

/* Copy a buffer to memory of its own. */
static int vbg_buffer_bounce(struct vbg_call *call, struct vbg_buffer *buf)
{
	unsigned int charged = buf->user ? vbg_span(0, buf->size) : 0;
	int ret;

	if (charged && !vbg_pages_charge(call->op.gdev, charged))
		return -ENOMEM;
	ret = -ENOMEM;
	buf->bounce = kvzalloc(buf->size, GFP_KERNEL_ACCOUNT);
	if (!buf->bounce)
		goto uncharge;
	ret = vbg_to_host(buf) ? vbg_buffer_copy_in(buf, buf->bounce) : 0;
	if (!ret)
		ret = vbg_buffer_lookup(call, buf, (unsigned long)buf->bounce, false);
	if (ret)
		goto free;
	buf->carrier = VBG_CARRY_BOUNCED;
	return 0;

free:
	kvfree(buf->bounce);
	buf->bounce = NULL;
uncharge:
	vbg_pages_uncharge(call->op.gdev, charged);
	return ret;
}

/* Pages of another driver: nothing to look up, nothing to hold. */
static int vbg_buffer_give(struct vbg_call *call, struct vbg_buffer *buf,
			   const struct vmmdev_hgcm_function_parameter *parm)
{
	const struct vbg_hgcm_pages *given = (void *)(unsigned long)parm->u.pointer.u.linear_addr;

	if (given->offset >= PAGE_SIZE)
		return -EINVAL;
	buf->carrier = VBG_CARRY_GIVEN;
	buf->size = parm->u.pointer.size;
	buf->address = given->offset;
	buf->pages = given->pages;
	buf->entries = DIV_ROUND_UP((given->offset & (VBG_WIRE_PAGE_SIZE - 1)) + buf->size,
				    VBG_WIRE_PAGE_SIZE);
	buf->no_bounce = call->op.gdev->host_features & VBG_HVF_NO_BOUNCE;
	vbg_count(call->op.gdev, VBG_CNT_BYTES_MAPPED, buf->size);
	return 0;
}

/* Get hold of the memory of a buffer that is not carried inline. */
static int vbg_buffer_prepare(struct vbg_call *call, struct vbg_buffer *buf)
{
	struct vbg_dev *gdev = call->op.gdev;
	int ret;

	if (buf->user) {
		ret = vbg_buffer_pin(call, buf);
	} else {
		ret = vbg_buffer_lookup(call, buf, buf->address, true);
		if (!ret)
			buf->carrier = VBG_CARRY_MAPPED;
	}
	if (ret == -ENOTBLK)
		ret = vbg_buffer_bounce(call, buf);
	if (ret)
		return ret;

	vbg_buffer_measure(gdev, buf);
	if (buf->carrier == VBG_CARRY_BOUNCED)
		vbg_count(gdev, VBG_CNT_BYTES_BOUNCED, buf->size);
	else if (buf->carrier == VBG_CARRY_PINNED)
		vbg_count(gdev, VBG_CNT_BYTES_PINNED, buf->size);
	else
		vbg_count(gdev, VBG_CNT_BYTES_MAPPED, buf->size);
	return 0;
}

/**
 * vbg_parms_prepare() - Check parameters and take hold of their memory.
 * @call:	Call without parameters.
 * @parms:	Parameters; kernel memory, used here and by vbg_parms_write().
 * @parm_count:	Number of parameters.
 * @origin:	Who gave them; decides which types are allowed.
 *
 * Context: Process context of the process that user addresses belong to.
 * Return: 0, or -EINVAL (type), -E2BIG (count or size), -EFAULT, -ENOMEM, -EINTR;
 * then vbg_parms_release() is still due.
 */
int vbg_parms_prepare(struct vbg_call *call, const struct vmmdev_hgcm_function_parameter *parms,
		      u32 parm_count, enum vbg_origin origin)
{
	u32 inline_total = 0;
	struct vbg_buffer *buf;
	u32 i, type;
	int ret;

	call->parm_count = 0;
	call->slots_used = 0;
	if (parm_count > VBG_HGCM_MAX_PARMS)
		return -E2BIG;

	for (i = 0; i < parm_count; i++) {
		type = parms[i].type;
		if (!vbg_parm_allowed(type, origin))
			return -EINVAL;
		if (vbg_parm_direction(type) && parms[i].u.pointer.size > VBG_HGCM_MAX_BUFFER)
			return -E2BIG;
	}

	for (i = 0; i < parm_count; i++) {
		type = parms[i].type;
		buf = &call->buffers[i];
		memset(buf, 0, sizeof(*buf));
		call->parm_count = i + 1;
		buf->direction = vbg_parm_direction(type);
		if (!buf->direction || !parms[i].u.pointer.size)
			continue;

		if (vbg_parm_is_pages(type)) {
			ret = vbg_buffer_give(call, buf, &parms[i]);
			if (ret)
				return ret;
			continue;
		}

		buf->user = vbg_parm_is_user(type);
		buf->size = parms[i].u.pointer.size;
		buf->address = parms[i].u.pointer.u.linear_addr;
		if (buf->address != parms[i].u.pointer.u.linear_addr)
			return -EFAULT;

		if (buf->size <= VBG_INLINE_TOTAL - inline_total) {
			inline_total += round_up(buf->size, VBG_INLINE_ALIGN);
			inline_total = min(inline_total, VBG_INLINE_TOTAL);
			buf->carrier = VBG_CARRY_INLINE;
			vbg_count(call->op.gdev, VBG_CNT_BYTES_INLINE, buf->size);
			continue;
		}
		ret = vbg_buffer_prepare(call, buf);
		if (ret)
			return ret;
	}
	return 0;
}

static struct vbg_hgcm_req_call *vbg_call_request(const struct vbg_call *call)
{
	return call->block;
}

/* Bytes of a page list with @entries entries. */
static u32 vbg_list_size(u32 entries)
{
	u32 size = sizeof(struct vbg_hgcm_page_list) + entries * sizeof(u64);

	return max(size, VBG_PAGE_LIST_MIN);
}

/* Write the page list of @buf; of inline data without embedding, too. */
static void vbg_write_list(struct vbg_call *call, const struct vbg_buffer *buf, u32 offset)
{
	struct vbg_hgcm_page_list *list = call->block + offset;
	u32 i;

	list->flags = buf->direction;
	if (buf->carrier == VBG_CARRY_INLINE) {
		u64 address = virt_to_phys(call->block + buf->offset);
		u64 first = address & ~(u64)(VBG_WIRE_PAGE_SIZE - 1);

		list->offset_first_page = address - first;
		list->page_count = buf->entries;
		for (i = 0; i < buf->entries; i++)
			list->pages[i] = first + (u64)i * VBG_WIRE_PAGE_SIZE;
		return;
	}

	list->offset_first_page = vbg_buffer_start(buf) & (VBG_WIRE_PAGE_SIZE - 1);
	list->page_count = buf->entries;
	for (i = 0; i < buf->entries; i++)
		list->pages[i] = vbg_buffer_wire_page(buf, i);
}

static void vbg_write_parm(struct vbg_call *call, u32 i, u32 type, u32 *list_offset)
{
	struct vmmdev_hgcm_function_parameter *wire = &vbg_call_request(call)->parms[i];
	const struct vbg_buffer *buf = &call->buffers[i];

	if (buf->carrier == VBG_CARRY_INLINE && !buf->entries) {
		struct vbg_hgcm_embedded *embedded = (void *)wire;

		embedded->type = VBG_PARM_EMBEDDED;
		embedded->offset_and_flags = buf->offset << VBG_EMBEDDED_OFFSET_SHIFT |
					     buf->direction;
		embedded->size = buf->size;
		return;
	}
	if (buf->carrier == VBG_CARRY_NOTHING) {
		/* An empty buffer: the only form the host takes has no address. */
		if (vbg_parm_is_pages(type))
			type = buf->direction == VMMDEV_HGCM_F_PARM_DIRECTION_TO_HOST ?
				       VMMDEV_HGCM_PARM_TYPE_LINADDR_IN :
				       VMMDEV_HGCM_PARM_TYPE_LINADDR_OUT;
		wire->type = vbg_parm_is_user(type) ? type : type -
			     VMMDEV_HGCM_PARM_TYPE_LINADDR_KERNEL + VMMDEV_HGCM_PARM_TYPE_LINADDR;
		return;
	}

	if (buf->no_bounce)
		wire->type = VBG_PARM_NO_BOUNCE;
	else
		wire->type = buf->contiguous ? VBG_PARM_CONTIGUOUS : VMMDEV_HGCM_PARM_TYPE_PAGELIST;
	wire->u.page_list.size = buf->size;
	wire->u.page_list.offset = *list_offset;
	vbg_write_list(call, buf, *list_offset);
	*list_offset += vbg_list_size(buf->entries);
}

/*
 * Place everything: header, parameters, page lists, inline data. Data that the
 * host takes embedded is part of the request; without that feature it lies
 * behind the request in the same block, described by a page list.
 */
static int vbg_call_layout(struct vbg_call *call, u32 *lists, u32 *req_size, u32 *block_size)
{
	bool embed = call->op.gdev->host_features & VBG_HVF_EMBEDDED;
	struct vbg_buffer *buf;
	u32 i, offset, lists_end;

	*lists = sizeof(struct vbg_hgcm_req_call) +
		 call->parm_count * sizeof(struct vmmdev_hgcm_function_parameter);
	lists_end = *lists;
	for (i = 0; i < call->parm_count; i++) {
		buf = &call->buffers[i];
		/* Inline data may straddle a page of the protocol, not more. */
		if (buf->carrier == VBG_CARRY_INLINE && !embed)
			buf->entries = 2;
		if (buf->entries)
			lists_end += vbg_list_size(buf->entries);
		if (lists_end > VBG_REQ_MAX_SIZE)
			return -E2BIG;
	}

	offset = lists_end;
	for (i = 0; i < call->parm_count; i++) {
		buf = &call->buffers[i];
		if (buf->carrier != VBG_CARRY_INLINE)
			continue;
		offset = round_up(offset, VBG_INLINE_ALIGN);
		buf->offset = offset;
		offset += buf->size;
	}
	if (offset > VBG_REQ_MAX_SIZE)
		return -E2BIG;
	*req_size = embed ? offset : lists_end;
	*block_size = offset;
	return 0;
}

/**
 * vbg_parms_write() - Write the request of a call.
 * @call:	Call with prepared parameters.
 * @parms:	The parameters given to vbg_parms_prepare().
 *
 * Fills in everything but what the header says; @call->block is set and holds
 * nothing but this request.
 *
 * Context: Process context of the process that user addresses belong to.
 * Return: 0, -E2BIG (the request would be too long), -ENOMEM or -EFAULT.
 */
int vbg_parms_write(struct vbg_call *call, const struct vmmdev_hgcm_function_parameter *parms)
{
	u32 i, lists, req_size, block_size;
	struct vbg_hgcm_req_call *req;
	int ret;

	ret = vbg_call_layout(call, &lists, &req_size, &block_size);
	if (ret)
		return ret;

	if (block_size <= PAGE_SIZE) {
		call->block = call->page;
		memset(call->block, 0, block_size);
	} else {
		call->block = vbg_block_alloc(call->op.gdev, block_size);
		if (!call->block) {
			call->block = call->page;
			return -ENOMEM;
		}
		call->block_size = block_size;
	}

	req = vbg_call_request(call);
	req->hdr.hdr.size = req_size;
	req->parm_count = call->parm_count;
	for (i = 0; i < call->parm_count; i++) {
		struct vbg_buffer *buf = &call->buffers[i];

		if (!buf->direction) {
			req->parms[i] = parms[i];
			continue;
		}
		if (buf->carrier == VBG_CARRY_INLINE && buf->entries)
			buf->entries = DIV_ROUND_UP((virt_to_phys(call->block) + buf->offset) %
						    VBG_WIRE_PAGE_SIZE + buf->size,
						    VBG_WIRE_PAGE_SIZE);
		vbg_write_parm(call, i, parms[i].type, &lists);
		if (buf->carrier == VBG_CARRY_INLINE && vbg_to_host(buf)) {
			ret = vbg_buffer_copy_in(buf, call->block + buf->offset);
			if (ret)
				return ret;
		}
	}
	return 0;
}

/**
 * vbg_parms_read() - Take over what the host answered.
 * @call:	Call the host has completed.
 * @parms:	The parameters given to vbg_parms_prepare(). Values are updated;
 *		types, addresses and sizes stay as they are, whatever way a buffer
 *		was carried.
 *
 * Context: Process context of the process that user addresses belong to.
 * Return: 0 or -EFAULT.
 */
int vbg_parms_read(struct vbg_call *call, struct vmmdev_hgcm_function_parameter *parms)
{
	const struct vbg_hgcm_req_call *req = vbg_call_request(call);
	int ret = 0;
	u32 i, size;

	for (i = 0; i < call->parm_count; i++) {
		const struct vbg_buffer *buf = &call->buffers[i];

		if (!buf->direction) {
			if (parms[i].type == VMMDEV_HGCM_PARM_TYPE_32BIT)
				parms[i].u.value32 = req->parms[i].u.value32;
			else
				parms[i].u.value64 = req->parms[i].u.value64;
			continue;
		}
		if (!vbg_from_host(buf))
			continue;

		if (buf->carrier == VBG_CARRY_INLINE) {
			size = buf->size;
			if (!buf->entries) {
				const struct vbg_hgcm_embedded *embedded = (void *)&req->parms[i];

				size = min(READ_ONCE(embedded->size), buf->size);
			}
			if (vbg_buffer_copy_out(buf, call->block + buf->offset, size))
				ret = -EFAULT;
		} else if (buf->carrier == VBG_CARRY_BOUNCED) {
			if (vbg_buffer_copy_out(buf, buf->bounce, buf->size))
				ret = -EFAULT;
		}
	}
	return ret;
}

/**
 * vbg_parms_release() - Let go of the memory of parameters.
 * @call:	Call; the host must not own its memory.
 * @host_wrote:	The host may have written to buffers.
 *
 * Context: Process context; not necessarily of the caller's process.
 */
void vbg_parms_release(struct vbg_call *call, bool host_wrote)
{
	u32 i, j;

	for (i = 0; i < call->parm_count; i++) {
		struct vbg_buffer *buf = &call->buffers[i];

		switch (buf->carrier) {
		case VBG_CARRY_PINNED:
			unpin_user_pages_dirty_lock(buf->pages, buf->page_count,
						    host_wrote && vbg_from_host(buf));
			vbg_pages_uncharge(call->op.gdev, buf->page_count);
			break;
		case VBG_CARRY_MAPPED:
			for (j = 0; j < buf->page_count; j++)
				put_page(buf->pages[j]);
			break;
		case VBG_CARRY_BOUNCED:
			kvfree(buf->bounce);
			if (buf->user)
				vbg_pages_uncharge(call->op.gdev, vbg_span(0, buf->size));
			break;
		default:
			continue;
		}
		vbg_pages_free(call, buf->pages);
		buf->carrier = VBG_CARRY_NOTHING;
	}
	call->parm_count = 0;
}

/**
 * vbg_parms_pages_used() - May the host still use pages another driver gave?
 * @call:	Call that came to an end.
 * @end:	How it did.
 *
 * Context: Any.
 * Return: true if their owner must not give them to anybody else.
 */
bool vbg_parms_pages_used(const struct vbg_call *call, enum vbg_end end)
{
	u32 i;

	if (end == VBG_END_DONE)
		return false;
	for (i = 0; i < call->parm_count; i++) {
		if (call->buffers[i].carrier == VBG_CARRY_GIVEN &&
		    (end == VBG_END_LOST || call->buffers[i].no_bounce))
			return true;
	}
	return false;
}

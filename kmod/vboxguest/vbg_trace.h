/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints of vboxguest: where an HGCM call starts and how it ends.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vboxguest

#if !defined(VBG_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define VBG_TRACE_H

#include <linux/tracepoint.h>

TRACE_EVENT(vbg_hgcm_call_start,
	TP_PROTO(u32 client_id, u32 function, u32 parm_count, u32 size),
	TP_ARGS(client_id, function, parm_count, size),
	TP_STRUCT__entry(
		__field(u32, client_id)
		__field(u32, function)
		__field(u32, parm_count)
		__field(u32, size)
	),
	TP_fast_assign(
		__entry->client_id = client_id;
		__entry->function = function;
		__entry->parm_count = parm_count;
		__entry->size = size;
	),
	TP_printk("client=%u function=%u parms=%u request_bytes=%u",
		  __entry->client_id, __entry->function, __entry->parm_count, __entry->size)
);

TRACE_EVENT(vbg_hgcm_call_done,
	TP_PROTO(u32 client_id, u32 function, int error, int status, u64 ns),
	TP_ARGS(client_id, function, error, status, ns),
	TP_STRUCT__entry(
		__field(u32, client_id)
		__field(u32, function)
		__field(int, error)
		__field(int, status)
		__field(u64, ns)
	),
	TP_fast_assign(
		__entry->client_id = client_id;
		__entry->function = function;
		__entry->error = error;
		__entry->status = status;
		__entry->ns = ns;
	),
	TP_printk("client=%u function=%u error=%d status=%d ns=%llu",
		  __entry->client_id, __entry->function, __entry->error, __entry->status,
		  __entry->ns)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE vbg_trace
#include <trace/define_trace.h>

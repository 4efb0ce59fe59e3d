// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bodies of the tracepoints declared in vbg_trace.h.
 */
#include <linux/types.h>

#define CREATE_TRACE_POINTS
#include "vbg_trace.h"

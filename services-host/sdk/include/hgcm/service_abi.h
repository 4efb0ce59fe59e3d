/* SPDX-License-Identifier: MIT */
/*
 * The binary interface between an HGCM service (a shared object) and its host, as VirtualBox 7.2
 * has it on x86-64 Linux: interface version 11.1, function table of 0x88 bytes.
 *
 * Written from the published layout facts; self-contained, C11 and C++20. Every offset and size is
 * asserted below, because both sides are compiled apart and meet only at run time. This header is
 * the ABI alone: the C++ way to write a service is <hgcm/service.hpp>.
 *
 * Threads: the host calls every entry point of one service, including load and unload, on that
 * service's own thread, one at a time, in the order of arrival. Only the helpers marked "any
 * thread" may be called from elsewhere.
 *
 * Status: int32_t, negative = failure, >= 0 = success; see <hgcm/vbox_status.h>.
 */
#ifndef HGCM_SERVICE_ABI_H
#define HGCM_SERVICE_ABI_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#define HGCM_ABI_ASSERT(cond, text) static_assert(cond, text)
#else
#define HGCM_ABI_ASSERT(cond, text) _Static_assert(cond, text)
#endif

/* Major in the high half, minor in the low one; covers both tables. */
#define HGCM_SVC_VERSION 0x000b0001u
#define HGCM_SVC_TABLE_SIZE 0x88u
/* The one symbol a service exports: hgcm_svc_load_fn. */
#define HGCM_SVC_LOAD_NAME "VBoxHGCMSvcLoad"

/* Parameters of one call at most. */
#define HGCM_SVC_MAX_PARMS 32u

/* One call, opaque to the service. Never NULL. Dead once the completion helper has returned. */
typedef struct hgcm_svc_call* hgcm_svc_call_handle;

enum hgcm_svc_parm_type {
  HGCM_SVC_PARM_INVALID = 0,
  HGCM_SVC_PARM_32BIT = 1,
  HGCM_SVC_PARM_64BIT = 2,
  HGCM_SVC_PARM_PTR = 3,
  HGCM_SVC_PARM_PAGES = 4
};

/*
 * A parameter. The host owns the array and what it points to; a service may write values, buffer
 * contents and sizes (never the type) until it completes the call.
 */
struct hgcm_svc_parm {
  uint32_t type; /* enum hgcm_svc_parm_type */
  uint32_t padding;
  union {
    uint32_t u32; /* the other half of the union is undefined */
    uint64_t u64;
    struct {
      uint32_t size; /* bytes */
      uint32_t padding;
      void* addr; /* may be NULL when size is 0 */
    } ptr;
    struct {
      uint32_t size; /* bytes over all pages */
      uint16_t count;
      uint16_t padding;
      /*
       * Host addresses of guest pages of 4096 bytes; the first already includes the offset into
       * its page. The guest can change the contents at any time: read once.
       */
      void** pages;
    } pages;
  } u;
};

/* Who runs a client, fixed at connect; index of the limit arrays. */
enum hgcm_svc_category {
  HGCM_SVC_CATEGORY_KERNEL = 0,
  HGCM_SVC_CATEGORY_ROOT = 1,
  HGCM_SVC_CATEGORY_USER = 2,
  HGCM_SVC_CATEGORY_COUNT = 3
};

/* The requestor word; LEGACY when the guest's driver reports none. */
#define HGCM_REQUESTOR_USER_MASK 0x00000007u
#define HGCM_REQUESTOR_USER_NOT_GIVEN 0x00000000u
#define HGCM_REQUESTOR_USER_DRIVER 0x00000001u
#define HGCM_REQUESTOR_USER_OTHER_DRIVER 0x00000002u
#define HGCM_REQUESTOR_USER_ROOT 0x00000003u
#define HGCM_REQUESTOR_USER_SYSTEM 0x00000004u
#define HGCM_REQUESTOR_USER_USER 0x00000006u
#define HGCM_REQUESTOR_USER_GUEST 0x00000007u
#define HGCM_REQUESTOR_USERMODE 0x00000008u
#define HGCM_REQUESTOR_CONSOLE_MASK 0x00000030u
#define HGCM_REQUESTOR_GROUP_VBOX 0x00000080u
#define HGCM_REQUESTOR_GROUP_WHEEL 0x00000100u
#define HGCM_REQUESTOR_TRUST_MASK 0x00007000u
#define HGCM_REQUESTOR_USER_DEVICE 0x00008000u
#define HGCM_REQUESTOR_NO_USER_DEVICE 0x00010000u
#define HGCM_REQUESTOR_LEGACY 0xffffffffu
#define HGCM_REQUESTOR_LOWEST 0x0000901fu

enum hgcm_svc_event {
  HGCM_SVC_EVENT_INVALID = 0,
  HGCM_SVC_EVENT_POWER_ON = 1,
  HGCM_SVC_EVENT_RESUME = 2,
  HGCM_SVC_EVENT_SUSPEND = 3,
  HGCM_SVC_EVENT_RESET = 4,
  HGCM_SVC_EVENT_POWER_OFF = 5
};

/* Statistics helpers take VirtualBox's numbers; only these are named here. */
enum hgcm_svc_stat_type {
  HGCM_SVC_STAT_COUNTER = 1, /* one uint64_t */
  HGCM_SVC_STAT_PROFILE = 2, /* four uint64_t: periods, ticks, max ticks, min ticks */
  HGCM_SVC_STAT_U32 = 15,
  HGCM_SVC_STAT_U64 = 19
};

/* Handed to an info handler for its output. */
struct hgcm_svc_info_output {
  void (*print)(const struct hgcm_svc_info_output* out, const char* format, ...);
  void (*print_v)(const struct hgcm_svc_info_output* out, const char* format, va_list args);
  void* getopt_error;
};
typedef void (*hgcm_svc_info_fn)(void* user, const struct hgcm_svc_info_output* out,
                                 const char* args);

/*
 * What the host offers a service; valid from load to unload. `instance` equals the address of this
 * table: shipped VirtualBox services pass either one.
 */
struct hgcm_svc_helpers {
  /*
   * Any thread. Completes a guest call exactly once. Returns >= 0 when the guest will get the
   * result, VERR_CANCELLED (-70) when the guest had cancelled the call, VERR_ALREADY_RESET (-359)
   * when the machine is being reset. The handle and the parameters are dead after any return.
   */
  int32_t (*call_complete)(hgcm_svc_call_handle call, int32_t status);
  void* instance;
  /* Service thread, inside connect or disconnect only: drops another client of this service. */
  int32_t (*disconnect_client)(void* instance, uint32_t client_id);
  bool (*is_call_restored)(hgcm_svc_call_handle call);
  /* Any thread. */
  bool (*is_call_cancelled)(hgcm_svc_call_handle call);
  int32_t (*stat_register_v)(void* instance, void* sample, int type, int visibility, int unit,
                             const char* description, const char* name_format, va_list args);
  int32_t (*stat_deregister_v)(void* instance, const char* pattern_format, va_list args);
  int32_t (*info_register)(void* instance, const char* name, const char* description,
                           hgcm_svc_info_fn handler, void* user);
  int32_t (*info_deregister)(void* instance, const char* name);
  /* Any thread. */
  uint32_t (*get_requestor)(hgcm_svc_call_handle call);
  /* Any thread. A new value at each start, reset and restore of the machine. */
  uint64_t (*get_session_id)(void* instance);
};

/*
 * A host component that a service calls back; function numbers and data are private to each
 * service. Registered and unregistered (NULL, NULL) through the table below.
 */
typedef int32_t (*hgcm_svc_extension_fn)(void* extension, uint32_t function, void* data,
                                         uint32_t size);

/*
 * Opaque save-state stream, and the host's function table for it: HGCM_SVC_VMM_SIZE bytes that
 * start with HGCM_SVC_VMM_MAGIC. Functions are found at the offsets below; each takes the stream
 * first and returns a status: int32_t f(struct hgcm_svc_ssm *, ...).
 */
struct hgcm_svc_ssm;
struct hgcm_svc_vmm;

#define HGCM_SVC_VMM_MAGIC UINT64_C(0x0007000019900525)
#define HGCM_SVC_VMM_SIZE 0x12c0u

enum hgcm_svc_vmm_offset {
  HGCM_SVC_VMM_PUT_BOOL = 0x5d0,      /* (bool) */
  HGCM_SVC_VMM_PUT_U8 = 0x5d8,        /* (uint8_t) */
  HGCM_SVC_VMM_PUT_U16 = 0x5e8,       /* (uint16_t) */
  HGCM_SVC_VMM_PUT_U32 = 0x5f8,       /* (uint32_t) */
  HGCM_SVC_VMM_PUT_U64 = 0x608,       /* (uint64_t) */
  HGCM_SVC_VMM_PUT_MEM = 0x688,       /* (const void *, size_t) */
  HGCM_SVC_VMM_PUT_STRZ = 0x690,      /* (const char *) */
  HGCM_SVC_VMM_GET_BOOL = 0x6a8,      /* (bool *) */
  HGCM_SVC_VMM_GET_U8 = 0x6b8,        /* (uint8_t *) */
  HGCM_SVC_VMM_GET_U32 = 0x6f8,       /* (uint32_t *) */
  HGCM_SVC_VMM_GET_U64 = 0x718,       /* (uint64_t *) */
  HGCM_SVC_VMM_GET_MEM = 0x7d0,       /* (void *, size_t) */
  HGCM_SVC_VMM_GET_STRZ = 0x7d8,      /* (char *, size_t) */
  HGCM_SVC_VMM_SKIP = 0x7e8,          /* (size_t) */
  HGCM_SVC_VMM_SET_LOAD_ERROR = 0x7f8 /* (int, file, line, function, format, ...) */
};

/*
 * The function table. The host zeroes it, fills the first three fields and the limits, and calls
 * the load entry, which fills the rest. unload, connect, disconnect and call are mandatory.
 */
struct hgcm_svc_table {
  uint32_t size;
  uint32_t version;
  struct hgcm_svc_helpers* helpers;
  uint32_t client_size; /* bytes of zeroed per-client memory that the host allocates */
  uint32_t max_clients[HGCM_SVC_CATEGORY_COUNT];
  uint32_t max_calls_per_client[HGCM_SVC_CATEGORY_COUNT]; /* this many minus one in flight */
  uint32_t legacy_category;
  int32_t (*unload)(void* service);
  int32_t (*connect)(void* service, uint32_t client_id, void* client, uint32_t requestor,
                     bool restoring);
  int32_t (*disconnect)(void* service, uint32_t client_id, void* client);
  void (*call)(void* service, hgcm_svc_call_handle call, uint32_t client_id, void* client,
               uint32_t function, uint32_t parm_count, struct hgcm_svc_parm* parms,
               uint64_t arrival_tsc);
  void (*cancelled)(void* service, uint32_t client_id, void* client);
  int32_t (*host_call)(void* service, uint32_t function, uint32_t parm_count,
                       struct hgcm_svc_parm* parms);
  int32_t (*save_state)(void* service, uint32_t client_id, void* client, struct hgcm_svc_ssm* ssm,
                        const struct hgcm_svc_vmm* vmm);
  int32_t (*load_state)(void* service, uint32_t client_id, void* client, struct hgcm_svc_ssm* ssm,
                        const struct hgcm_svc_vmm* vmm, uint32_t version);
  int32_t (*register_extension)(void* service, hgcm_svc_extension_fn extension, void* user);
  void (*notify)(void* service, int event);
  void* service;
};

typedef int32_t (*hgcm_svc_load_fn)(struct hgcm_svc_table* table);

HGCM_ABI_ASSERT(sizeof(void*) == 8, "the ABI is described for 64-bit hosts");

HGCM_ABI_ASSERT(sizeof(struct hgcm_svc_parm) == 24, "parameter size");
HGCM_ABI_ASSERT(offsetof(struct hgcm_svc_parm, type) == 0x00, "parm type");
HGCM_ABI_ASSERT(offsetof(struct hgcm_svc_parm, u.u32) == 0x08, "parm u32");
HGCM_ABI_ASSERT(offsetof(struct hgcm_svc_parm, u.u64) == 0x08, "parm u64");
HGCM_ABI_ASSERT(offsetof(struct hgcm_svc_parm, u.ptr.size) == 0x08, "parm ptr.size");
HGCM_ABI_ASSERT(offsetof(struct hgcm_svc_parm, u.ptr.addr) == 0x10, "parm ptr.addr");
HGCM_ABI_ASSERT(offsetof(struct hgcm_svc_parm, u.pages.size) == 0x08, "parm pages.size");
HGCM_ABI_ASSERT(offsetof(struct hgcm_svc_parm, u.pages.count) == 0x0c, "parm pages.count");
HGCM_ABI_ASSERT(offsetof(struct hgcm_svc_parm, u.pages.pages) == 0x10, "parm pages.pages");

HGCM_ABI_ASSERT(sizeof(struct hgcm_svc_helpers) == 0x58, "helpers size");
HGCM_ABI_ASSERT(offsetof(struct hgcm_svc_helpers, call_complete) == 0x00, "call_complete");
HGCM_ABI_ASSERT(offsetof(struct hgcm_svc_helpers, instance) == 0x08, "instance");
HGCM_ABI_ASSERT(offsetof(struct hgcm_svc_helpers, disconnect_client) == 0x10, "disconnect_client");
HGCM_ABI_ASSERT(offsetof(struct hgcm_svc_helpers, is_call_restored) == 0x18, "is_call_restored");
HGCM_ABI_ASSERT(offsetof(struct hgcm_svc_helpers, is_call_cancelled) == 0x20, "is_call_cancelled");
HGCM_ABI_ASSERT(offsetof(struct hgcm_svc_helpers, stat_register_v) == 0x28, "stat_register_v");
HGCM_ABI_ASSERT(offsetof(struct hgcm_svc_helpers, stat_deregister_v) == 0x30, "stat_deregister_v");
HGCM_ABI_ASSERT(offsetof(struct hgcm_svc_helpers, info_register) == 0x38, "info_register");
HGCM_ABI_ASSERT(offsetof(struct hgcm_svc_helpers, info_deregister) == 0x40, "info_deregister");
HGCM_ABI_ASSERT(offsetof(struct hgcm_svc_helpers, get_requestor) == 0x48, "get_requestor");
HGCM_ABI_ASSERT(offsetof(struct hgcm_svc_helpers, get_session_id) == 0x50, "get_session_id");

HGCM_ABI_ASSERT(sizeof(struct hgcm_svc_table) == HGCM_SVC_TABLE_SIZE, "table size");
HGCM_ABI_ASSERT(offsetof(struct hgcm_svc_table, size) == 0x00, "size");
HGCM_ABI_ASSERT(offsetof(struct hgcm_svc_table, version) == 0x04, "version");
HGCM_ABI_ASSERT(offsetof(struct hgcm_svc_table, helpers) == 0x08, "helpers");
HGCM_ABI_ASSERT(offsetof(struct hgcm_svc_table, client_size) == 0x10, "client_size");
HGCM_ABI_ASSERT(offsetof(struct hgcm_svc_table, max_clients) == 0x14, "max_clients");
HGCM_ABI_ASSERT(offsetof(struct hgcm_svc_table, max_calls_per_client) == 0x20, "max_calls");
HGCM_ABI_ASSERT(offsetof(struct hgcm_svc_table, legacy_category) == 0x2c, "legacy_category");
HGCM_ABI_ASSERT(offsetof(struct hgcm_svc_table, unload) == 0x30, "unload");
HGCM_ABI_ASSERT(offsetof(struct hgcm_svc_table, connect) == 0x38, "connect");
HGCM_ABI_ASSERT(offsetof(struct hgcm_svc_table, disconnect) == 0x40, "disconnect");
HGCM_ABI_ASSERT(offsetof(struct hgcm_svc_table, call) == 0x48, "call");
HGCM_ABI_ASSERT(offsetof(struct hgcm_svc_table, cancelled) == 0x50, "cancelled");
HGCM_ABI_ASSERT(offsetof(struct hgcm_svc_table, host_call) == 0x58, "host_call");
HGCM_ABI_ASSERT(offsetof(struct hgcm_svc_table, save_state) == 0x60, "save_state");
HGCM_ABI_ASSERT(offsetof(struct hgcm_svc_table, load_state) == 0x68, "load_state");
HGCM_ABI_ASSERT(offsetof(struct hgcm_svc_table, register_extension) == 0x70, "register_extension");
HGCM_ABI_ASSERT(offsetof(struct hgcm_svc_table, notify) == 0x78, "notify");
HGCM_ABI_ASSERT(offsetof(struct hgcm_svc_table, service) == 0x80, "service");

#ifdef __cplusplus
}
#endif

#endif

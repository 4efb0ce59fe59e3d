/* SPDX-License-Identifier: MIT */
/*
 * HgcmCEchoSvc: the smallest service there can be, in plain C11, to prove that the ABI header works
 * from C. Function 1 (u32 in out) adds one; everything else is VERR_NOT_IMPLEMENTED.
 */
#include <hgcm/service_abi.h>
#include <hgcm/vbox_status.h>

static struct hgcm_svc_helpers *helpers;

static int32_t echo_unload(void *service) {
  (void)service;
  return HGCM_INF_SUCCESS;
}

static int32_t echo_connect(void *service, uint32_t id, void *client, uint32_t requestor,
                            bool restoring) {
  (void)service, (void)id, (void)client, (void)requestor, (void)restoring;
  return HGCM_INF_SUCCESS;
}

static int32_t echo_disconnect(void *service, uint32_t id, void *client) {
  (void)service, (void)id, (void)client;
  return HGCM_INF_SUCCESS;
}

static void echo_call(void *service, hgcm_svc_call_handle call, uint32_t id, void *client,
                      uint32_t function, uint32_t count, struct hgcm_svc_parm *parms,
                      uint64_t arrival) {
  int32_t status = HGCM_ERR_NOT_IMPLEMENTED;

  (void)service, (void)id, (void)client, (void)arrival;
  if (function == 1) {
    status = HGCM_ERR_INVALID_PARAMETER;
    if (count == 1 && parms[0].type == HGCM_SVC_PARM_32BIT) {
      parms[0].u.u32 += 1;
      status = HGCM_INF_SUCCESS;
    }
  }
  helpers->call_complete(call, status);
}

__attribute__((visibility("default"))) int32_t VBoxHGCMSvcLoad(struct hgcm_svc_table *table);

int32_t VBoxHGCMSvcLoad(struct hgcm_svc_table *table) {
  if (!table)
    return HGCM_ERR_INVALID_PARAMETER;
  if (table->size != HGCM_SVC_TABLE_SIZE || table->version != HGCM_SVC_VERSION)
    return HGCM_ERR_VERSION_MISMATCH;
  helpers = table->helpers;
  table->unload = echo_unload;
  table->connect = echo_connect;
  table->disconnect = echo_disconnect;
  table->call = echo_call;
  return HGCM_INF_SUCCESS;
}

/* SPDX-License-Identifier: MIT */
/*
 * A service in plain C11, with no header of the project but the ABI's: shows that the header stands
 * on its own. abi_test.cpp loads it.
 */
#include <hgcm/service_abi.h>

static struct hgcm_svc_helpers *helpers;

static int32_t c_unload(void *service)
{
  (void)service;
  return 0;
}

static int32_t c_connect(void *service, uint32_t client_id, void *client, uint32_t requestor,
                         bool restoring)
{
  (void)service, (void)client, (void)requestor, (void)restoring;
  return client_id == 0 ? -2 : 0;
}

static int32_t c_disconnect(void *service, uint32_t client_id, void *client)
{
  (void)service, (void)client_id, (void)client;
  return 0;
}

static void c_call(void *service, hgcm_svc_call_handle call, uint32_t client_id, void *client,
                   uint32_t function, uint32_t parm_count, struct hgcm_svc_parm *parms,
                   uint64_t arrival_tsc)
{
  (void)service, (void)client_id, (void)client, (void)arrival_tsc;
  if (function == 1 && parm_count == 1 && parms[0].type == HGCM_SVC_PARM_32BIT) {
    parms[0].u.u32 += 1;
    helpers->call_complete(call, 0);
  } else {
    helpers->call_complete(call, -12);
  }
}

__attribute__((visibility("default"))) int32_t VBoxHGCMSvcLoad(struct hgcm_svc_table *table);

int32_t VBoxHGCMSvcLoad(struct hgcm_svc_table *table)
{
  if (!table)
    return -2;
  if (table->size != HGCM_SVC_TABLE_SIZE || table->version != HGCM_SVC_VERSION)
    return -11;
  helpers = table->helpers;
  table->unload = c_unload;
  table->connect = c_connect;
  table->disconnect = c_disconnect;
  table->call = c_call;
  return 0;
}

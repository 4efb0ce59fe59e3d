// SPDX-License-Identifier: MIT
//
// HgcmOldSvc: a service built for another interface version, which refuses to load.
#include <hgcm/service_abi.h>
#include <hgcm/vbox_status.h>

extern "C" __attribute__((visibility("default"))) int32_t VBoxHGCMSvcLoad(hgcm_svc_table* table) {
  return table->version == 0x000a0001 ? HGCM_INF_SUCCESS : HGCM_ERR_VERSION_MISMATCH;
}

// SPDX-License-Identifier: MIT
//
// HgcmHangSvc: a service whose calls and whose unloading block its thread for good.
#include <hgcm/service_abi.h>
#include <hgcm/vbox_status.h>

#include <unistd.h>

#include <cstdint>

extern "C" __attribute__((visibility("default"))) std::int32_t VBoxHGCMSvcLoad(
    hgcm_svc_table* table) {
  table->unload = [](void*) -> std::int32_t {
    for (;;) pause();
  };
  table->connect = [](void*, std::uint32_t, void*, std::uint32_t, bool) -> std::int32_t {
    return HGCM_INF_SUCCESS;
  };
  table->disconnect = [](void*, std::uint32_t, void*) -> std::int32_t { return HGCM_INF_SUCCESS; };
  table->call = [](void*, hgcm_svc_call_handle, std::uint32_t, void*, std::uint32_t, std::uint32_t,
                   hgcm_svc_parm*, std::uint64_t) {
    for (;;) pause();
  };
  return HGCM_INF_SUCCESS;
}

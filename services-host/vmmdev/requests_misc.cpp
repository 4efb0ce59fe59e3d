// SPDX-License-Identifier: MIT
//
// Requests that stock drivers send and that need no state: hypervisor window 20, 21, balloon 111,
// log 200, core dump 218 (protocol sections 3.5, 3.8).
#include "vmmdev/device_core.h"
#include "vmmdev/wire.h"

#include <array>
#include <string_view>

namespace hgcm::vmmdev {
namespace {

Outcome get_hypervisor_info(DeviceCore& /*device*/, Request& request) {
  // Nothing to map into the guest.
  request.set<std::uint32_t>(wire::hypervisor_info::kStart, 0);
  request.set<std::uint32_t>(wire::hypervisor_info::kSize, 0);
  return HGCM_INF_SUCCESS;
}

Outcome set_hypervisor_info(DeviceCore& /*device*/, Request& request) {
  const bool nothing = request.get<std::uint32_t>(wire::hypervisor_info::kStart) == 0 ||
                       request.get<std::uint32_t>(wire::hypervisor_info::kSize) == 0;
  return nothing ? HGCM_INF_SUCCESS : HGCM_ERR_TRY_AGAIN;
}

Outcome get_balloon_change(DeviceCore& device, Request& request) {
  namespace layout = wire::balloon;
  request.set<std::uint32_t>(layout::kBalloonChunks, 0);
  request.set(layout::kMemoryChunks,
              static_cast<std::uint32_t>(device.memory.size() / layout::kChunkBytes));
  return HGCM_INF_SUCCESS;
}

Outcome log_string(DeviceCore& device, Request& request) {
  const auto text = request.bytes().subspan(wire::log_string::kText);
  if (text.back() != std::byte{0}) return HGCM_ERR_INVALID_PARAMETER;
  const std::string_view all(reinterpret_cast<const char*>(text.data()), text.size());
  device.guest_log.write(all.substr(0, all.find('\0')));
  return HGCM_INF_SUCCESS;
}

// A locked device processes this one too, so it needs its entry to be told apart.
Outcome write_core_dump(DeviceCore& /*device*/, Request& /*request*/) {
  return HGCM_ERR_NOT_IMPLEMENTED;
}

constexpr std::array kRequests = {
    RequestHandler{wire::kGetHypervisorInfo, exactly(wire::hypervisor_info::kBytes), Locked::refuse,
                   get_hypervisor_info},
    RequestHandler{wire::kSetHypervisorInfo, exactly(wire::hypervisor_info::kBytes), Locked::refuse,
                   set_hypervisor_info},
    RequestHandler{wire::kGetBalloonChange, exactly(wire::balloon::kBytes), Locked::refuse,
                   get_balloon_change},
    RequestHandler{wire::kLogString, at_least(wire::log_string::kMinBytes), Locked::refuse,
                   log_string},
    RequestHandler{wire::kWriteCoreDump, exactly(wire::write_core_dump::kBytes), Locked::process,
                   write_core_dump},
};

}  // namespace

std::span<const RequestHandler> misc_requests() noexcept {
  return kRequests;
}

}  // namespace hgcm::vmmdev

// SPDX-License-Identifier: MIT
//
// Requests that need no state: idle 5, hypervisor window 20, 21, power 30, log 200, core dump 218,
// crash of a Windows guest 221 (protocol section 3.8).
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

Outcome set_power_status(DeviceCore& device, Request& request) {
  namespace layout = wire::power_status;
  switch (request.get<std::uint32_t>(layout::kState)) {
    case layout::kPause:
      return device.observer().power(PowerRequest::kPause);
    case layout::kOff:
      return device.observer().power(PowerRequest::kOff);
    case layout::kSave:
      return device.observer().power(PowerRequest::kSave);
    default:
      return HGCM_ERR_INVALID_PARAMETER;
  }
}

// Only the machine could park the processor that waits for this very access; it goes on at once.
Outcome idle(DeviceCore& /*device*/, Request& /*request*/) {
  return Outcome(HGCM_INF_SUCCESS, WriteBack::nothing);
}

Outcome log_string(DeviceCore& device, Request& request) {
  const auto text = request.bytes().subspan(wire::log_string::kText);
  if (text.back() != std::byte{0}) return HGCM_ERR_INVALID_PARAMETER;
  const std::string_view all(reinterpret_cast<const char*>(text.data()), text.size());
  device.guest_log.write(all.substr(0, all.find('\0')));
  return HGCM_INF_SUCCESS;
}

Outcome write_core_dump(DeviceCore& device, Request& /*request*/) {
  return device.observer().core_dump();
}

Outcome nt_bug_check(DeviceCore& device, Request& request) {
  namespace layout = wire::bug_check;
  if (request.size() == wire::header::kBytes) {
    device.observer().bug_check(std::nullopt);
    return HGCM_INF_SUCCESS;
  }
  if (request.size() != layout::kBytes) return HGCM_ERR_INVALID_PARAMETER;
  std::array<std::uint64_t, layout::kValues> values{};
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = request.get<std::uint64_t>(layout::kData + i * sizeof values[i]);
  }
  device.observer().bug_check(values);
  return HGCM_INF_SUCCESS;
}

constexpr std::array kRequests = {
    RequestHandler{wire::kGetHypervisorInfo, exactly(wire::hypervisor_info::kBytes), Locked::refuse,
                   get_hypervisor_info},
    RequestHandler{wire::kSetHypervisorInfo, exactly(wire::hypervisor_info::kBytes), Locked::refuse,
                   set_hypervisor_info},
    RequestHandler{wire::kSetPowerStatus, exactly(wire::power_status::kBytes), Locked::refuse,
                   set_power_status},
    RequestHandler{wire::kIdle, at_least(wire::header::kBytes), Locked::refuse, idle},
    RequestHandler{wire::kLogString, at_least(wire::log_string::kMinBytes), Locked::refuse,
                   log_string},
    RequestHandler{wire::kWriteCoreDump, exactly(wire::write_core_dump::kBytes), Locked::process,
                   write_core_dump},
    RequestHandler{wire::kNtBugCheck, at_least(wire::header::kBytes), Locked::refuse, nt_bug_check},
};

}  // namespace

std::span<const RequestHandler> misc_requests() noexcept {
  return kRequests;
}

}  // namespace hgcm::vmmdev

// SPDX-License-Identifier: MIT
//
// Requests that keep state of the guest: capabilities 55, 56, facilities 59, heartbeat 219, 220
// (protocol sections 3.1, 3.8).
#include "vmmdev/device_core.h"
#include "vmmdev/wire.h"

#include <array>

namespace hgcm::vmmdev {
namespace {

// Tells the host's side when something has changed.
void change_capabilities(DeviceCore& device, std::uint32_t or_mask, std::uint32_t not_mask) {
  std::uint32_t before = 0;
  std::uint32_t after = 0;
  {
    const std::lock_guard lock(device.mutex);
    before = device.guest.capabilities;
    after = device.guest.capabilities = (before | or_mask) & ~not_mask;
  }
  if (before != after) device.observer().capabilities(after);
}

Outcome report_guest_capabilities(DeviceCore& device, Request& request) {
  const auto all =
      request.get<std::uint32_t>(wire::capabilities::kCapabilities) | wire::capabilities::kGraphics;
  change_capabilities(device, all, ~all);
  return HGCM_INF_SUCCESS;
}

Outcome set_guest_capabilities(DeviceCore& device, Request& request) {
  change_capabilities(device, request.get<std::uint32_t>(wire::masks::kOr),
                      request.get<std::uint32_t>(wire::masks::kNot));
  return HGCM_INF_SUCCESS;
}

Outcome report_guest_status(DeviceCore& device, Request& request) {
  namespace layout = wire::guest_status;
  const FacilityStatus report{.facility = request.get<std::uint32_t>(layout::kFacility),
                              .status = request.get<std::uint32_t>(layout::kStatus),
                              .flags = request.get<std::uint32_t>(layout::kFlags),
                              .time = std::chrono::system_clock::now()};
  {
    const std::lock_guard lock(device.mutex);
    const Status status =
        device.guest.facilities.report(report.facility, report.status, report.flags);
    if (status.failed()) return status;
  }
  device.observer().facility(report);
  return HGCM_INF_SUCCESS;
}

Outcome heartbeat(DeviceCore& device, Request& /*request*/) {
  const std::lock_guard lock(device.mutex);
  if (device.guest.last_heartbeat) {
    device.guest.last_heartbeat = std::chrono::steady_clock::now();
  }
  return HGCM_INF_SUCCESS;
}

Outcome configure_heartbeat(DeviceCore& device, Request& request) {
  namespace layout = wire::heartbeat;
  const bool enable = request.get<std::uint8_t>(layout::kEnabled) != 0;
  request.set(layout::kInterval,
              static_cast<std::uint64_t>(device.config.heartbeat_interval.count()));
  // A refusal keeps stock Linux drivers from sending one request per timer tick.
  if (enable && !device.config.heartbeat) return HGCM_ERR_NOT_SUPPORTED;

  const std::lock_guard lock(device.mutex);
  GuestState& guest = device.guest;
  if (guest.heartbeat_active != enable) {
    guest.heartbeat_active = enable;
    guest.last_heartbeat.reset();
    if (enable) guest.last_heartbeat = std::chrono::steady_clock::now();
  }
  return HGCM_INF_SUCCESS;
}

constexpr std::array kRequests = {
    RequestHandler{wire::kReportGuestCapabilities, exactly(wire::capabilities::kBytes),
                   Locked::refuse, report_guest_capabilities},
    RequestHandler{wire::kSetGuestCapabilities, exactly(wire::masks::kBytes), Locked::refuse,
                   set_guest_capabilities},
    RequestHandler{wire::kReportGuestStatus, exactly(wire::guest_status::kBytes), Locked::refuse,
                   report_guest_status},
    RequestHandler{wire::kHeartbeat, at_least(wire::header::kBytes), Locked::refuse, heartbeat},
    RequestHandler{wire::kConfigureHeartbeat, exactly(wire::heartbeat::kBytes), Locked::refuse,
                   configure_heartbeat},
};

}  // namespace

std::span<const RequestHandler> guest_state_requests() noexcept {
  return kRequests;
}

}  // namespace hgcm::vmmdev

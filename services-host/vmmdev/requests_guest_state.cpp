// SPDX-License-Identifier: MIT
//
// Requests that keep state of the guest: mouse 1, 2, capabilities 55, 56, facilities 59, heartbeat
// 219, 220 (protocol sections 3.1, 3.2, 3.8).
#include "vmmdev/device_core.h"
#include "vmmdev/wire.h"

#include <array>

namespace hgcm::vmmdev {
namespace {

// There is no source of positions yet: the pointer stays where it was at power on.
constexpr std::int32_t kPointerHome = 0;

Outcome get_mouse_status(DeviceCore& device, Request& request) {
  std::uint32_t features = wire::mouse::kHostRechecksCursor;
  {
    const std::lock_guard lock(device.mutex);
    features |= device.guest.mouse_features;
  }
  request.set(wire::mouse::kFeatures, features & wire::mouse::kAllFeatures);
  request.set(wire::mouse::kX, kPointerHome);
  request.set(wire::mouse::kY, kPointerHome);
  return HGCM_INF_SUCCESS;
}

Outcome set_mouse_status(DeviceCore& device, Request& request) {
  const std::lock_guard lock(device.mutex);
  device.guest.mouse_features =
      request.get<std::uint32_t>(wire::mouse::kFeatures) & wire::mouse::kGuestFeatures;
  return HGCM_INF_SUCCESS;
}

Outcome report_guest_capabilities(DeviceCore& device, Request& request) {
  const std::lock_guard lock(device.mutex);
  device.guest.capabilities =
      request.get<std::uint32_t>(wire::capabilities::kCapabilities) | wire::capabilities::kGraphics;
  return HGCM_INF_SUCCESS;
}

Outcome set_guest_capabilities(DeviceCore& device, Request& request) {
  const std::lock_guard lock(device.mutex);
  device.guest.capabilities =
      (device.guest.capabilities | request.get<std::uint32_t>(wire::masks::kOr)) &
      ~request.get<std::uint32_t>(wire::masks::kNot);
  return HGCM_INF_SUCCESS;
}

Outcome report_guest_status(DeviceCore& device, Request& request) {
  namespace layout = wire::guest_status;
  const std::lock_guard lock(device.mutex);
  return device.guest.facilities.report(request.get<std::uint32_t>(layout::kFacility),
                                        request.get<std::uint32_t>(layout::kStatus),
                                        request.get<std::uint32_t>(layout::kFlags));
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
    RequestHandler{wire::kGetMouseStatus, exactly(wire::mouse::kBytes), Locked::refuse,
                   get_mouse_status},
    RequestHandler{wire::kSetMouseStatus, exactly(wire::mouse::kBytes), Locked::refuse,
                   set_mouse_status},
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

// SPDX-License-Identifier: MIT
//
// Requests about the mouse: 1, 2, 3, 223 (protocol section 3.2).
#include "vmmdev/device_core.h"
#include "vmmdev/wire.h"

#include <array>

namespace hgcm::vmmdev {
namespace {

namespace layout = wire::mouse;

MouseReport fill_status(DeviceCore& device, Request& request) {
  const MouseReport report = device.pointer.state().report;
  request.set(layout::kFeatures, device.pointer.features());
  request.set(layout::kX, report.x);
  request.set(layout::kY, report.y);
  return report;
}

Outcome get_mouse_status(DeviceCore& device, Request& request) {
  fill_status(device, request);
  return HGCM_INF_SUCCESS;
}

Outcome get_mouse_status_ex(DeviceCore& device, Request& request) {
  const MouseReport report = fill_status(device, request);
  request.set(layout::kWheel, report.wheel);
  request.set(layout::kHorizontalWheel, report.horizontal_wheel);
  request.set(layout::kButtons, report.buttons);
  return HGCM_INF_SUCCESS;
}

Outcome set_mouse_status(DeviceCore& device, Request& request) {
  if (device.pointer.set_guest_features(request.get<std::uint32_t>(layout::kFeatures))) {
    device.observer().mouse_features(device.pointer.state().guest_features);
  }
  return HGCM_INF_SUCCESS;
}

Outcome set_pointer_shape(DeviceCore& device, Request& request) {
  const auto shape = PointerShape::parse(request.bytes());
  if (!shape) return shape.error();
  device.pointer.set_shape(*shape);
  device.observer().pointer_shape(*shape);
  return HGCM_INF_SUCCESS;
}

constexpr std::array kRequests = {
    RequestHandler{wire::kGetMouseStatus, exactly(layout::kBytes), Locked::refuse,
                   get_mouse_status},
    RequestHandler{wire::kSetMouseStatus, exactly(layout::kBytes), Locked::refuse,
                   set_mouse_status},
    RequestHandler{wire::kGetMouseStatusEx, exactly(layout::kBytesEx), Locked::refuse,
                   get_mouse_status_ex},
    RequestHandler{wire::kSetPointerShape, at_least(wire::pointer_shape::kMinBytes), Locked::refuse,
                   set_pointer_shape},
};

}  // namespace

std::span<const RequestHandler> pointer_requests() noexcept {
  return kRequests;
}

}  // namespace hgcm::vmmdev

// SPDX-License-Identifier: MIT
//
// Requests about events: 41, 42 (protocol section 3.3).
#include "vmmdev/device_core.h"
#include "vmmdev/wire.h"

#include <array>

namespace hgcm::vmmdev {
namespace {

Outcome acknowledge_events(DeviceCore& device, Request& request) {
  request.set(wire::acknowledge::kEvents, device.events.acknowledge());
  return HGCM_INF_SUCCESS;
}

Outcome control_filter_mask(DeviceCore& device, Request& request) {
  device.events.change_filter(request.get<std::uint32_t>(wire::masks::kOr),
                              request.get<std::uint32_t>(wire::masks::kNot));
  return HGCM_INF_SUCCESS;
}

constexpr std::array kRequests = {
    RequestHandler{wire::kAcknowledgeEvents, exactly(wire::acknowledge::kBytes), Locked::refuse,
                   acknowledge_events},
    RequestHandler{wire::kControlFilterMask, exactly(wire::masks::kBytes), Locked::refuse,
                   control_filter_mask},
};

}  // namespace

std::span<const RequestHandler> event_requests() noexcept {
  return kRequests;
}

}  // namespace hgcm::vmmdev

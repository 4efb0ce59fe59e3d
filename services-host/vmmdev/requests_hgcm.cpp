// SPDX-License-Identifier: MIT
//
// HGCM requests 60..65 (protocol section 5): the entry to HgcmTransport.
#include "vmmdev/device_core.h"
#include "vmmdev/wire.h"

#include <array>
#include <limits>

namespace hgcm::vmmdev {
namespace {

// A guest that uses HGCM wants its event, whether or not it has said so.
void enable_hgcm_event(DeviceCore& device) {
  if (device.hgcm_event_enabled.load(std::memory_order_relaxed)) return;
  if (!device.hgcm_event_enabled.exchange(true)) device.events.change_filter(wire::kEventHgcm, 0);
}

Outcome connect(DeviceCore& device, Request& request) {
  enable_hgcm_event(device);
  return device.hgcm->connect(request, device.requestor(request));
}

Outcome disconnect(DeviceCore& device, Request& request) {
  enable_hgcm_event(device);
  return device.hgcm->disconnect(request);
}

template <std::size_t kParameterBytes>
Outcome call(DeviceCore& device, Request& request) {
  enable_hgcm_event(device);
  return device.hgcm->call(request, device.requestor(request), kParameterBytes);
}

// The pending request has been submitted again with another type: it is found by its address.
Outcome cancel(DeviceCore& device, Request& request) {
  return device.hgcm->cancel(request.address());
}

Outcome cancel2(DeviceCore& device, Request& request) {
  constexpr GuestAddress kOnes32 = std::numeric_limits<std::uint32_t>::max();
  constexpr GuestAddress kOnes64 = std::numeric_limits<std::uint64_t>::max();
  GuestAddress address = 0;
  if (request.size() == wire::hgcm::kCancel2Bytes32) {
    address = request.get<std::uint32_t>(wire::hgcm::kCancelAddress);
  } else if (request.size() >= wire::hgcm::kCancel2Bytes64) {
    address = request.get<std::uint64_t>(wire::hgcm::kCancelAddress);
  }
  if (address == 0 || address == kOnes32 || address == kOnes64) return HGCM_ERR_INVALID_PARAMETER;
  return device.hgcm->cancel(address);
}

constexpr std::array kRequests = {
    RequestHandler{wire::kHgcmConnect, at_least(wire::hgcm::kConnectBytes), Locked::refuse,
                   connect},
    RequestHandler{wire::kHgcmDisconnect, at_least(wire::hgcm::kDisconnectBytes), Locked::refuse,
                   disconnect},
    RequestHandler{wire::kHgcmCall32, at_least(wire::hgcm::kCallParameters), Locked::refuse,
                   call<wire::hgcm::kParameterBytes32>},
    RequestHandler{wire::kHgcmCall64, at_least(wire::hgcm::kCallParameters), Locked::refuse,
                   call<wire::hgcm::kParameterBytes64>},
    RequestHandler{wire::kHgcmCancel, at_least(wire::hgcm::kHeaderBytes), Locked::refuse, cancel},
    RequestHandler{wire::kHgcmCancel2, at_least(wire::hgcm::kCancel2Bytes32), Locked::refuse,
                   cancel2},
};

}  // namespace

std::span<const RequestHandler> hgcm_requests() noexcept {
  return kRequests;
}

}  // namespace hgcm::vmmdev

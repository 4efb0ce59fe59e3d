// SPDX-License-Identifier: MIT
//
// See dispatch.h.
#include "vmmdev/dispatch.h"

#include "vmmdev/device.h"

#include <array>

namespace hgcm::vmmdev {
namespace {

constexpr std::array kGroups = {identity_requests, event_requests,   guest_state_requests,
                                pointer_requests,  display_requests, resource_requests,
                                logon_requests,    misc_requests,    hgcm_requests};

}  // namespace

Dispatcher::Dispatcher() {
  for (const auto group : kGroups) {
    for (const RequestHandler& handler : group()) entries_.at(handler.type).handler = &handler;
  }
}

const RequestHandler* Dispatcher::find(std::uint32_t type) noexcept {
  const bool known = type < entries_.size() && entries_[type].handler != nullptr;
  Entry& entry = entries_[known ? type : 0];
  entry.count.fetch_add(1, std::memory_order_relaxed);
  return entry.handler;
}

std::vector<RequestCount> Dispatcher::counts() const {
  std::vector<RequestCount> result;
  for (std::uint32_t type = 0; type < entries_.size(); ++type) {
    const std::uint64_t count = entries_[type].count.load(std::memory_order_relaxed);
    if (count > 0) result.push_back({.type = type, .count = count});
  }
  return result;
}

}  // namespace hgcm::vmmdev

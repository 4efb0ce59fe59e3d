// SPDX-License-Identifier: MIT
//
// See call_order.h.
#include "shared-folders/call_order.h"

#include <algorithm>
#include <utility>

namespace hgcm::shfl {

bool CallOrder::enter(const Extent& extent, Ticket& ticket, std::function<void()> ready) {
  const std::lock_guard lock(mutex_);
  const bool free = std::ranges::none_of(
      entries_, [&](const Entry& earlier) { return earlier.extent.conflicts(extent); });
  entries_.push_back({extent, free ? nullptr : std::move(ready)});
  ticket = std::prev(entries_.end());
  return free;
}

void CallOrder::leave(Ticket ticket) {
  std::vector<std::function<void()>> released;
  {
    const std::lock_guard lock(mutex_);
    entries_.erase(ticket);
    for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
      if (entry->ready && std::none_of(entries_.begin(), entry, [&](const Entry& earlier) {
            return earlier.extent.conflicts(entry->extent);
          })) {
        released.push_back(std::exchange(entry->ready, nullptr));
      }
    }
  }
  for (const auto& ready : released) {
    ready();
  }
}

}  // namespace hgcm::shfl

// SPDX-License-Identifier: MIT
//
// WantedValue: a number that the host wants of the guest (size of the balloon, seamless mode,
// interval of statistics). Its event is raised when it differs from what the guest has last seen;
// the guest sees it with a request that carries the event as its acknowledgement (protocol section
// 4.2).
#ifndef HGCM_VMMDEV_WANTED_VALUE_H
#define HGCM_VMMDEV_WANTED_VALUE_H

#include "vmmdev/events.h"

#include <cstdint>
#include <mutex>

namespace hgcm::vmmdev {

/// Thread-safe.
class WantedValue {
 public:
  struct State {
    std::uint32_t wanted = 0;
    std::uint32_t seen = 0;
  };

  WantedValue(Events& events, std::uint32_t event) noexcept : events_(events), event_(event) {}

  /// The host wants this from now on.
  void want(std::uint32_t value) noexcept {
    const std::lock_guard lock(mutex_);
    state_.wanted = value;
    tell();
  }
  /// The guest asks; `acknowledged` is the event mask in its request.
  std::uint32_t ask(std::uint32_t acknowledged) noexcept {
    const std::lock_guard lock(mutex_);
    if (acknowledged == event_) state_.seen = state_.wanted;
    return state_.wanted;
  }
  /// The guest has forgotten; it is told again.
  void reset() noexcept {
    const std::lock_guard lock(mutex_);
    state_.seen = 0;
    tell();
  }

  [[nodiscard]] State state() const noexcept {
    const std::lock_guard lock(mutex_);
    return state_;
  }
  void restore(const State& state) noexcept {
    const std::lock_guard lock(mutex_);
    state_ = state;
  }

 private:
  void tell() const noexcept {
    if (state_.wanted != state_.seen) events_.signal(event_);
  }

  Events& events_;
  const std::uint32_t event_;
  mutable std::mutex mutex_;  // protects state_
  State state_;
};

}  // namespace hgcm::vmmdev

#endif

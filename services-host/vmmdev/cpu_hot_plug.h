// SPDX-License-Identifier: MIT
//
// CpuHotPlug: one request of the host to use or to stop using a processor, and whether the guest
// wants to hear of them (requests 210 and 211, protocol section 3.7). The processor itself is the
// machine's affair.
#ifndef HGCM_VMMDEV_CPU_HOT_PLUG_H
#define HGCM_VMMDEV_CPU_HOT_PLUG_H

#include "vmmdev/events.h"
#include "vmmdev/wire.h"

#include <hgcm/status.h>

#include <cstdint>
#include <mutex>
#include <utility>

namespace hgcm::vmmdev {

/// Thread-safe.
class CpuHotPlug {
 public:
  enum Event : std::uint32_t { kNone = 1, kPlug = 2, kUnplug = 3 };
  static constexpr std::uint32_t kNoId = 0xffffffff;

  struct Change {
    std::uint32_t event = kNone;
    std::uint32_t core = kNoId;
    std::uint32_t package = kNoId;
  };
  struct State {
    bool enabled = false;
    Change change;
  };

  explicit CpuHotPlug(Events& events) noexcept : events_(events) {}

  /// HGCM_ERR_NOT_SUPPORTED: no program in the guest listens.
  Status announce(Event event, std::uint32_t core, std::uint32_t package) noexcept {
    const std::lock_guard lock(mutex_);
    if (!state_.enabled) return HGCM_ERR_NOT_SUPPORTED;
    state_.change = {.event = event, .core = core, .package = package};
    events_.signal(wire::kEventCpuHotPlug);
    return HGCM_INF_SUCCESS;
  }
  /// Request 210.
  Change take() noexcept {
    const std::lock_guard lock(mutex_);
    return std::exchange(state_.change, {});
  }
  /// Request 211.
  void enable(bool enabled) noexcept {
    const std::lock_guard lock(mutex_);
    state_.enabled = enabled;
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
  Events& events_;
  mutable std::mutex mutex_;  // protects state_
  State state_;
};

}  // namespace hgcm::vmmdev

#endif

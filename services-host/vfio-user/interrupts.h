// SPDX-License-Identifier: MIT
//
// Interrupts: turns the device's interrupt level and messages into writes to the client's eventfds,
// with VFIO's rules: INTx is masked by being signalled and stays so until the client unmasks it;
// MSI is an edge. No socket, no message parsing.
//
// The INTx rule. A client cannot see the guest's end of interrupt: QEMU unmasks after any BAR
// access, so usually before the handler has acknowledged anything. The level may then still be high
// for the old reason (signalling again would only cause a spurious interrupt), or for a new one
// (not signalling would lose it). So:
//  - a rise while unmasked signals at once;
//  - a rise while masked is remembered, and the unmasking signals it at once: the guest has
//    acknowledged since, so it cannot know;
//  - an unmasking when no BAR access has begun since the signal belongs to an older access: the
//    client took the signal back before the guest could act on it (it does that when the device
//    raises the level during an access). It is signalled again at once;
//  - otherwise the level is merely still high: the handler is at work. It is looked at again after
//  a
//    while, and signalled if it has stayed high. That time doubles with each repetition up to 64
//    times, and starts anew when the level has fallen.
#ifndef HGCM_VFIO_USER_INTERRUPTS_H
#define HGCM_VFIO_USER_INTERRUPTS_H

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>

#include "vfio-user/unique_fd.h"
#include "vmmdev/interrupt_line.h"

namespace hgcm::vfio_user {

/// Thread-safe. No member blocks: eventfds are made non-blocking, and one whose counter is full has
/// a reader that is about to wake anyway.
class Interrupts final : public vmmdev::InterruptLine {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Interrupts(std::chrono::microseconds recheck) noexcept;

  void set_level(bool asserted) noexcept override;
  bool send_message() noexcept override;

  /// Checks that `fd` is an eventfd and makes it non-blocking. 0 or an errno value.
  [[nodiscard]] static int prepare_eventfd(const UniqueFd& fd) noexcept;

  /// Binds the eventfds; an empty one unbinds. Binding or unbinding INTx also unmasks it and drops
  /// the unmask eventfd.
  void set_intx_trigger(UniqueFd fd) noexcept;
  void set_intx_unmask(UniqueFd fd) noexcept;
  void set_msi_trigger(UniqueFd fd) noexcept;

  /// The guest's access to a BAR begins.
  void on_bar_access() noexcept { accessed_.store(true, std::memory_order_relaxed); }

  void mask_intx() noexcept;
  void unmask_intx(Clock::time_point now) noexcept;
  /// Signals as if the device had asked for it. False: nothing is bound.
  bool loopback_intx() noexcept;
  bool loopback_msi() noexcept;

  /// What the guest wrote to configuration space.
  void set_controls(bool intx_disabled, bool msi_enabled) noexcept;

  /// The device asserts INTx: the interrupt status bit.
  [[nodiscard]] bool intx_asserted() const noexcept;

  /// The eventfd by which the client unmasks INTx, or -1. Stays open until the next set_intx_*() or
  /// clear(), which are called on the thread that polls it.
  [[nodiscard]] int intx_unmask_fd() const noexcept;
  /// That eventfd is readable.
  void on_intx_unmask_fd(Clock::time_point now) noexcept;

  /// When to call run_timer() next.
  [[nodiscard]] std::optional<Clock::time_point> deadline() const noexcept;
  void run_timer(Clock::time_point now) noexcept;

  /// The client has gone: all eventfds are closed. The level is the device's, and kept.
  void clear() noexcept;

  struct Counters {
    std::uint64_t intx_signalled = 0;
    std::uint64_t intx_resignalled = 0;
    std::uint64_t intx_unmasked = 0;
    std::uint64_t msi_signalled = 0;
  };
  [[nodiscard]] Counters counters() const noexcept;

 private:
  [[nodiscard]] bool msi_active() const noexcept { return msi_enabled_ && msi_trigger_; }
  [[nodiscard]] bool intx_ready() const noexcept;
  void signal_intx() noexcept;
  void signal_msi() noexcept;
  void end_recheck() noexcept;
  void on_route_change(bool msi_was_active, bool intx_was_ready) noexcept;
  void unmask_locked(Clock::time_point now) noexcept;

  const std::chrono::nanoseconds first_delay_;
  std::atomic<bool> accessed_{false};  // a BAR access has begun since INTx was last signalled

  mutable std::mutex mutex_;  // protects all below
  UniqueFd intx_trigger_;
  UniqueFd intx_unmask_;
  UniqueFd msi_trigger_;
  bool level_ = false;
  bool unseen_ = false;  // the level has risen since INTx was last signalled
  bool masked_ = false;
  bool intx_disabled_ = false;
  bool msi_enabled_ = false;
  std::optional<Clock::time_point> deadline_;
  std::chrono::nanoseconds delay_;
  Counters counters_;
};

}  // namespace hgcm::vfio_user

#endif

// SPDX-License-Identifier: MIT
//
// Events: which events are pending, which the guest wants, and how they reach it: by the level of
// the interrupt (VMMDev interface 1.04, and 1.03), or by the event word of
// openhgcm/vmmdev_ext.h and a message.
#ifndef HGCM_VMMDEV_EVENTS_H
#define HGCM_VMMDEV_EVENTS_H

#include "vmmdev/counters.h"
#include "vmmdev/interrupt_line.h"
#include "vmmdev/memory_bar.h"

#include <cstdint>
#include <mutex>
#include <optional>

namespace hgcm::vmmdev {

/// Thread-safe; calls nothing but the InterruptLine, and that under its own lock, so that levels
/// reach it in order.
class Events {
 public:
  Events(InterruptLine& line, MemoryBar& bar, Counters& counters, bool offer_event_word) noexcept;

  /// Back to power-on state, line down. Of the pending events only a display change survives.
  /// BAR1 must be initialised by the caller afterwards.
  void reset() noexcept;

  /// Request 50 accepted: events may be delivered from now on. Lowers the line.
  void accept(std::uint32_t interface_version) noexcept;
  /// Request 58: lowers the line, changes nothing else.
  void lower_line() noexcept;

  void signal(std::uint32_t events) noexcept;
  /// Request 42. The HGCM bit cannot be cleared.
  void change_filter(std::uint32_t or_mask, std::uint32_t not_mask) noexcept;
  /// Request 41: takes and returns the deliverable events.
  std::uint32_t acknowledge() noexcept;
  /// The fast register; all ones where it is not available.
  std::uint32_t fast_acknowledge() noexcept;

  struct State {
    bool accepted = false;
    std::uint32_t interface_version = 0;
    std::uint32_t pending = 0;  ///< also those that the guest has not fetched from BAR1
    std::uint32_t filter = 0;
    bool deferred = false;
    std::uint32_t deferred_filter = 0;
    std::uint32_t driver_features = 0;  ///< of the extension block
    std::uint32_t event_mask = 0;       ///< interface 1.03
  };
  [[nodiscard]] State state() const noexcept;
  /// BAR1 has been initialised. Delivers what is pending.
  void restore(const State& state) noexcept;

  /// Whether the last delivery went through the event word.
  [[nodiscard]] bool word_in_use() const noexcept;

 private:
  // All of these with mutex_ held.
  [[nodiscard]] bool legacy() const noexcept;
  [[nodiscard]] std::uint32_t deliverable() const noexcept;
  void deliver() noexcept;
  bool deliver_by_word(std::uint32_t events) noexcept;
  void raise() noexcept;
  void lower() noexcept;
  std::uint32_t take() noexcept;

  InterruptLine& line_;
  MemoryBar& bar_;
  Counters& counters_;
  const bool offer_event_word_;

  mutable std::mutex mutex_;  // protects all below, and the order of calls of line_
  bool accepted_ = false;
  std::uint32_t interface_version_ = 0;
  std::uint32_t pending_ = 0;
  std::uint32_t filter_ = 0;
  std::optional<std::uint32_t> deferred_filter_;
  std::uint32_t reported_103_ = 0;  // in host_events of BAR1, not yet acknowledged
  bool level_ = false;
  bool word_in_use_ = false;
};

}  // namespace hgcm::vmmdev

#endif

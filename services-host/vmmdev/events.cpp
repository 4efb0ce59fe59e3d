// SPDX-License-Identifier: MIT
//
// See events.h. Invariant of the level path: the line goes up when an event becomes deliverable
// while it is down, and down only on acknowledge, on requests 50 and 58, at reset, or when the
// event word has taken over everything that was deliverable.
#include "vmmdev/events.h"

#include "vmmdev/wire.h"

namespace hgcm::vmmdev {

Events::Events(InterruptLine& line, MemoryBar& bar, Counters& counters,
               bool offer_event_word) noexcept
    : line_(line), bar_(bar), counters_(counters), offer_event_word_(offer_event_word) {}

void Events::reset() noexcept {
  const std::lock_guard lock(mutex_);
  accepted_ = false;
  interface_version_ = 0;
  pending_ &= wire::kEventDisplayChange;
  filter_ = 0;
  deferred_filter_.reset();
  reported_103_ = 0;
  word_in_use_ = false;
  // Unconditionally: nobody knows the level at power on.
  level_ = false;
  line_.set_level(false);
}

void Events::accept(std::uint32_t interface_version) noexcept {
  const std::lock_guard lock(mutex_);
  if (interface_version != interface_version_) {
    // What 1.03 had moved to BAR1 but was not acknowledged belongs to the new interface.
    pending_ |= reported_103_;
    reported_103_ = 0;
  }
  accepted_ = true;
  interface_version_ = interface_version;
  lower();
}

void Events::lower_line() noexcept {
  const std::lock_guard lock(mutex_);
  lower();
}

void Events::signal(std::uint32_t events) noexcept {
  const std::lock_guard lock(mutex_);
  pending_ |= events;
  deliver();
}

void Events::change_filter(std::uint32_t or_mask, std::uint32_t not_mask) noexcept {
  const std::lock_guard lock(mutex_);
  const auto changed = [&](std::uint32_t filter) {
    return (filter | or_mask) & ~(not_mask & ~std::uint32_t{wire::kEventHgcm});
  };
  if ((pending_ & filter_) != 0) {
    deferred_filter_ = changed(deferred_filter_.value_or(filter_));
    return;
  }
  filter_ = changed(filter_);
  deliver();
}

std::uint32_t Events::acknowledge() noexcept {
  const std::lock_guard lock(mutex_);
  return take();
}

std::uint32_t Events::fast_acknowledge() noexcept {
  const std::lock_guard lock(mutex_);
  if (!accepted_ || legacy()) return ~std::uint32_t{0};
  return take();
}

Events::State Events::state() const noexcept {
  const std::lock_guard lock(mutex_);
  return {.accepted = accepted_,
          .interface_version = interface_version_,
          .pending = pending_ | reported_103_ | (word_in_use_ ? bar_.word_events() : 0),
          .filter = filter_,
          .deferred = deferred_filter_.has_value(),
          .deferred_filter = deferred_filter_.value_or(0),
          .driver_features = bar_.driver_features(),
          .event_mask = legacy() ? bar_.guest_event_mask() : 0};
}

void Events::restore(const State& state) noexcept {
  const std::lock_guard lock(mutex_);
  level_ = false;
  line_.set_level(false);
  accepted_ = state.accepted;
  interface_version_ = state.interface_version;
  pending_ = state.pending;
  filter_ = state.filter;
  deferred_filter_.reset();
  if (state.deferred) deferred_filter_ = state.deferred_filter;
  reported_103_ = 0;
  word_in_use_ = false;
  bar_.restore_guest_words(state.driver_features, state.event_mask);
  deliver();
}

bool Events::word_in_use() const noexcept {
  const std::lock_guard lock(mutex_);
  return word_in_use_;
}

bool Events::legacy() const noexcept {
  return interface_version_ == wire::guest_info::kInterface103;
}

std::uint32_t Events::deliverable() const noexcept {
  if (!accepted_) return 0;
  return pending_ & (legacy() ? bar_.guest_event_mask() : filter_);
}

void Events::deliver() noexcept {
  std::uint32_t events = deliverable();
  if (events == 0) return;
  if (legacy()) {
    pending_ &= ~events;
    reported_103_ |= events;
    bar_.set_host_events(reported_103_);
    raise();
    return;
  }
  if (deliver_by_word(events)) return;
  if (deliverable() == 0) return;
  // Also when the line is up: the guest may have written over the byte.
  bar_.set_have_events(true);
  raise();
}

bool Events::deliver_by_word(std::uint32_t events) noexcept {
  if (!offer_event_word_ || (bar_.driver_features() & VMMDEV_EXT_F_EVENT_WORD) == 0) {
    word_in_use_ = false;
    return false;
  }
  const std::uint32_t before = bar_.add_word_events(events);
  // When the driver has just begun to use the word, what it may hold from earlier has not been
  // announced.
  if (before == 0 || !word_in_use_) {
    if (!line_.send_message()) {
      // No MSI: back to the level path with all events the driver has not taken meanwhile.
      const std::uint32_t left = bar_.remove_word_events(events);
      pending_ &= ~(events & ~left);
      word_in_use_ = false;
      return false;
    }
    counters_.interrupts_message.add();
  }
  word_in_use_ = true;
  pending_ &= ~events;
  // The level may be up for events that were raised before the driver changed over. They are in
  // the word now; a level that stayed up would swallow the edge if the driver changes back.
  if (level_) {
    bar_.set_have_events(false);
    lower();
  }
  return true;
}

void Events::raise() noexcept {
  if (level_) return;
  level_ = true;
  counters_.interrupts_level.add();
  line_.set_level(true);
}

void Events::lower() noexcept {
  if (!level_) return;
  level_ = false;
  line_.set_level(false);
}

std::uint32_t Events::take() noexcept {
  if (deferred_filter_) {
    filter_ = *deferred_filter_;
    deferred_filter_.reset();
  }
  if (legacy()) {
    const std::uint32_t events = reported_103_;
    reported_103_ = 0;
    bar_.set_host_events(0);
    lower();
    deliver();
    return events;
  }
  const std::uint32_t events = deliverable();
  pending_ &= ~events;
  bar_.set_have_events(false);
  lower();
  return events;
}

}  // namespace hgcm::vmmdev

// SPDX-License-Identifier: MIT
//
// See displays.h.
#include "vmmdev/displays.h"

#include "vmmdev/wire.h"

#include <algorithm>

namespace hgcm::vmmdev {

namespace flags = wire::display_flags;

Displays::Displays(Events& events) noexcept : events_(events) {
  std::uint32_t id = 0;
  for (Display& display : state_.displays) {
    display.current = {.flags = id == 0 ? flags::kPrimary : flags::kDisabled, .id = id};
    display.last_read = {.flags = flags::kDisabled, .id = id};
    ++id;
  }
}

Status Displays::hint(std::span<const DisplayDefinition> wanted, bool force) {
  for (const DisplayDefinition& definition : wanted) {
    if (definition.id >= kMaxDisplays || (definition.flags & ~flags::kAll) != 0) {
      return HGCM_ERR_INVALID_PARAMETER;
    }
  }
  const std::lock_guard lock(mutex_);
  bool news = false;
  for (const DisplayDefinition& definition : wanted) {
    Display& display = state_.displays.at(definition.id);
    display.current = definition;
    // Back to what the guest has read already: there is nothing to tell any more.
    display.pending = force || definition != display.last_read;
    news = news || display.pending;
  }
  if (news) events_.signal(wire::kEventDisplayChange);
  return HGCM_INF_SUCCESS;
}

void Displays::set_limit(std::uint32_t width, std::uint32_t height) noexcept {
  const std::lock_guard lock(mutex_);
  state_.max_width = width;
  state_.max_height = height;
}

Displays::State Displays::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

const DisplayDefinition& Displays::seen(const Display& display) const noexcept {
  return state_.acknowledged ? display.last_read : display.current;
}

void Displays::consumed(Display& display) noexcept {
  display.last_read = display.current;
  display.pending = false;
  display.read = true;
  state_.acknowledged = true;
}

DisplayDefinition Displays::first(bool consume) noexcept {
  const std::lock_guard lock(mutex_);
  Display& display = state_.displays.front();
  if (consume) consumed(display);
  return seen(display);
}

DisplayDefinition Displays::next(bool consume) noexcept {
  const std::lock_guard lock(mutex_);
  if (consume) {
    const auto pending = std::ranges::find(state_.displays, true, &Display::pending);
    if (pending != state_.displays.end()) {
      state_.reported = pending->current.id;
      consumed(*pending);
      if (std::ranges::any_of(state_.displays, &Display::pending)) {
        events_.signal(wire::kEventDisplayChange);
      }
    }
  }
  return seen(state_.displays.at(state_.reported));
}

Displays::All Displays::all(bool consume, std::uint32_t capacity, bool mark_acknowledged) {
  All result;
  result.displays.reserve(capacity);
  const std::lock_guard lock(mutex_);
  for (Display& display : state_.displays) {
    if (consume) {
      if (!display.pending) continue;
      ++result.count;
      consumed(display);
    }
    if (result.displays.size() == capacity) continue;
    DisplayDefinition definition = seen(display);
    if (!consume && mark_acknowledged && display.read) definition.flags |= flags::kAcknowledged;
    result.displays.push_back(definition);
  }
  return result;
}

bool Displays::supports(std::uint32_t width, std::uint32_t height) const noexcept {
  const std::lock_guard lock(mutex_);
  return (state_.max_width == 0 || width <= state_.max_width) &&
         (state_.max_height == 0 || height <= state_.max_height);
}

std::uint32_t Displays::count() const noexcept {
  const std::lock_guard lock(mutex_);
  const auto enabled = std::ranges::count_if(state_.displays, [](const Display& display) {
    return (display.current.flags & flags::kDisabled) == 0;
  });
  return std::max(1U, static_cast<std::uint32_t>(enabled));
}

void Displays::reset() noexcept {
  const std::lock_guard lock(mutex_);
  std::uint32_t id = 0;
  for (Display& display : state_.displays) {
    display.last_read = {.flags = flags::kDisabled, .id = id++};
    display.read = false;
  }
  state_.reported = 0;
  state_.acknowledged = false;
}

void Displays::restore(const State& state) noexcept {
  const std::lock_guard lock(mutex_);
  state_ = state;
}

}  // namespace hgcm::vmmdev

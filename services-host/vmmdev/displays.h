// SPDX-License-Identifier: MIT
//
// Displays: what the host wants the guest's displays to be, and what the guest has been told of it
// (protocol section 3.4). Nothing is drawn here: outside VirtualBox the display is QEMU's, and a
// wish is for the guest's own tools to carry out.
#ifndef HGCM_VMMDEV_DISPLAYS_H
#define HGCM_VMMDEV_DISPLAYS_H

#include "vmmdev/events.h"

#include <hgcm/status.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

namespace hgcm::vmmdev {

inline constexpr std::uint32_t kMaxDisplays = 64;

/// As requests 81 and 82 carry it; `flags` (wire::display_flags) says what is valid.
struct DisplayDefinition {
  std::uint32_t flags = 0;
  std::uint32_t id = 0;
  std::int32_t x = 0;
  std::int32_t y = 0;
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::uint32_t bits_per_pixel = 0;

  bool operator==(const DisplayDefinition&) const = default;
};

/// Thread-safe.
class Displays {
 public:
  struct Display {
    DisplayDefinition current;
    DisplayDefinition last_read;
    bool pending = false;
    bool read = false;  ///< acknowledged since the last reset
  };
  struct State {
    std::array<Display, kMaxDisplays> displays;
    std::uint32_t reported = 0;  ///< the display that 54 or 80 reported last
    bool acknowledged = false;   ///< the guest has consumed a change since the last reset
    std::uint32_t max_width = 0;
    std::uint32_t max_height = 0;
  };

  explicit Displays(Events& events) noexcept;

  /// --- The host's side. ---

  /// Wants the displays to become so. Raises the event for those that differ from what the guest
  /// has read, or for all with `force`. HGCM_ERR_INVALID_PARAMETER: an id over 63, an unknown flag.
  Status hint(std::span<const DisplayDefinition> wanted, bool force);
  /// The largest mode that the guest may use (requests 52, 57); 0 is no limit.
  void set_limit(std::uint32_t width, std::uint32_t height) noexcept;
  [[nodiscard]] State state() const;

  /// --- The guest's side. ---

  /// Request 51: display 0.
  DisplayDefinition first(bool consume) noexcept;
  /// Requests 54 and 80: the lowest pending display, with `consume`, or the last one reported.
  DisplayDefinition next(bool consume) noexcept;
  struct All {
    std::uint32_t count = 0;  ///< consuming: pending ones, also those that did not fit
    std::vector<DisplayDefinition> displays;
  };
  /// Requests 81 and 82: consuming, the pending displays; else the first `capacity` ones.
  All all(bool consume, std::uint32_t capacity, bool mark_acknowledged);
  [[nodiscard]] bool supports(std::uint32_t width, std::uint32_t height) const noexcept;
  /// Displays that are wanted on, at least one.
  [[nodiscard]] std::uint32_t count() const noexcept;

  void reset() noexcept;
  void restore(const State& state) noexcept;

 private:
  [[nodiscard]] const DisplayDefinition& seen(const Display& display) const noexcept;
  void consumed(Display& display) noexcept;

  Events& events_;
  mutable std::mutex mutex_;  // protects state_
  State state_;
};

}  // namespace hgcm::vmmdev

#endif

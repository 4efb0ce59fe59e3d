// SPDX-License-Identifier: MIT
//
// Pointer: mouse integration, requests 1, 2, 3 and 223 (protocol section 3.2): what guest and host
// can do, the latest report of the host's mouse, the guest's cursor.
#ifndef HGCM_VMMDEV_POINTER_H
#define HGCM_VMMDEV_POINTER_H

#include "vmmdev/events.h"

#include <hgcm/status.h>

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

namespace hgcm::vmmdev {

/// A guest's cursor (request 3).
struct PointerShape {
  bool visible = false;
  bool alpha = false;      ///< the fourth byte of a pixel is its opacity
  bool has_image = false;  ///< without one only `visible` counts
  std::uint32_t x_hot = 0;
  std::uint32_t y_hot = 0;
  std::uint32_t width = 0;             ///< pixels, at most 8192
  std::uint32_t height = 0;            ///< likewise
  std::vector<std::byte> mask = {};    ///< AND mask, one bit each, lines padded to bytes
  std::vector<std::byte> pixels = {};  ///< B, G, R and 0 or opacity

  /// Checks a request and takes it apart. HGCM_ERR_INVALID_PARAMETER.
  static Result<PointerShape> parse(std::span<const std::byte> request);
  /// The image as R, G, B, opacity. A cursor without alpha that inverts what is below shows as its
  /// XOR colour.
  [[nodiscard]] std::vector<std::byte> rgba() const;
};

/// One report of the host's mouse.
struct MouseReport {
  std::int32_t x = 0;  ///< 0..0xffff across the guest's desktop
  std::int32_t y = 0;
  std::int32_t wheel = 0;
  std::int32_t horizontal_wheel = 0;
  std::uint32_t buttons = 0;  ///< 1 left, 2 right, 4 middle, 8 and 16 the others
};

/// Thread-safe.
class Pointer {
 public:
  struct State {
    std::uint32_t guest_features = 0;
    std::uint32_t host_features = 0;
    MouseReport report;
  };

  explicit Pointer(Events& events) noexcept;

  /// --- The host's side. ---

  /// Whether the host wants to send absolute positions; tells the guest when that changes.
  void want_absolute(bool wanted) noexcept;
  /// Sends a report, which implies want_absolute(true). HGCM_ERR_OUT_OF_RANGE.
  Status report(const MouseReport& report) noexcept;
  /// The guest's latest cursor.
  [[nodiscard]] std::optional<PointerShape> shape() const;
  [[nodiscard]] State state() const noexcept;

  /// --- The guest's side. ---

  /// All feature bits as the guest sees them.
  [[nodiscard]] std::uint32_t features() const noexcept;
  /// Request 2. True: a bit changed that the host side acts on.
  bool set_guest_features(std::uint32_t features) noexcept;
  void set_shape(const PointerShape& shape);
  /// True: the guest had announced something.
  bool reset() noexcept;
  void restore(const State& state) noexcept;

 private:
  Events& events_;
  mutable std::mutex mutex_;  // protects all below
  State state_;
  std::optional<PointerShape> shape_;
};

}  // namespace hgcm::vmmdev

#endif

// SPDX-License-Identifier: MIT
//
// See display_text.h.
#include "vmmdevd/commands/display_text.h"

#include "vmmdev/wire.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>

namespace hgcm::control {
namespace {

namespace flags = vmmdev::wire::display_flags;

constexpr std::uint32_t kMaxExtent = 65535;
constexpr std::uint32_t kMaxBitsPerPixel = 64;

class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  bool take(std::string_view expected) {
    if (!text_.starts_with(expected)) return false;
    text_.remove_prefix(expected.size());
    return true;
  }
  /// False also when the number is too large.
  template <typename Number>
  bool number(Number& value, Number maximum) {
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    if (error != std::errc() || value > maximum) return false;
    text_.remove_prefix(static_cast<std::size_t>(end - text_.data()));
    return true;
  }
  [[nodiscard]] bool at_end() const { return text_.empty(); }

 private:
  std::string_view text_;
};

}  // namespace

std::optional<vmmdev::DisplayDefinition> parse_display(std::string_view text) {
  Cursor in(text);
  vmmdev::DisplayDefinition display;
  const bool off = in.take("off");
  if (off) {
    display.flags = flags::kDisabled;
  } else {
    display.flags = flags::kWidth | flags::kHeight;
    if (!in.number(display.width, kMaxExtent) || !in.take("x") ||
        !in.number(display.height, kMaxExtent) || display.width == 0 || display.height == 0) {
      return std::nullopt;
    }
    if (in.take("x")) {
      if (!in.number(display.bits_per_pixel, kMaxBitsPerPixel)) return std::nullopt;
      display.flags |= flags::kBitsPerPixel;
    }
  }
  if (in.take("@") && !in.number(display.id, vmmdev::kMaxDisplays - 1)) return std::nullopt;
  if (!off && in.take("+")) {
    constexpr std::int32_t kFarthest = 1 << 20;
    if (!in.number(display.x, kFarthest) || display.x < -kFarthest || !in.take("+") ||
        !in.number(display.y, kFarthest) || display.y < -kFarthest) {
      return std::nullopt;
    }
    display.flags |= flags::kOrigin;
  }
  if (!in.at_end()) return std::nullopt;
  if (display.id == 0 && !off) display.flags |= flags::kPrimary;
  return display;
}

std::string display_text(const vmmdev::DisplayDefinition& display) {
  if ((display.flags & flags::kDisabled) != 0) return fmt::format("off@{}", display.id);
  std::string text = "unchanged";
  if ((display.flags & (flags::kWidth | flags::kHeight)) != 0) {
    text = fmt::format("{}x{}", display.width, display.height);
    if ((display.flags & flags::kBitsPerPixel) != 0) {
      text += fmt::format("x{}", display.bits_per_pixel);
    }
  }
  text += fmt::format("@{}", display.id);
  if ((display.flags & flags::kOrigin) != 0) text += fmt::format("+{}+{}", display.x, display.y);
  return text;
}

}  // namespace hgcm::control

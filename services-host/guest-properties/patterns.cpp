// SPDX-License-Identifier: MIT
//
// A name has at most 63 bytes, so the set of positions in it that a pattern's beginning can have
// reached fits one 64-bit word: bit i stands for "matches the first i bytes". Each character of the
// pattern moves the whole set at once, and there is nothing to backtrack.
#include "guest-properties/patterns.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "guest-properties/protocol.h"

namespace hgcm::guestprop {
namespace {

static_assert(kMaxNameLength < 64, "a set of positions is one word");

class Matcher {
 public:
  explicit Matcher(std::string_view name) noexcept : end_(std::uint64_t{1} << name.size()) {
    for (std::size_t i = 0; i < name.size(); ++i) {
      const auto byte = static_cast<unsigned char>(name[i]);
      const std::uint64_t bit = std::uint64_t{1} << i;
      occurs_[byte] |= bit;
      any_ |= bit;
      if ((byte & 0xc0) == 0x80) {
        continuation_ |= bit;
      }
    }
  }

  [[nodiscard]] bool matches(std::string_view pattern) const noexcept {
    std::uint64_t reached = 1;
    for (const char c : pattern) {
      if (c == '*') {
        // Everything from the first position on.
        reached |= ~(reached - 1) & (end_ | (end_ - 1));
      } else if (c == '?') {
        reached = (reached & any_ & ~continuation_) << 1;
        // To the end of the character: three continuation bytes at most.
        for (int i = 0; i < 3; ++i) {
          const std::uint64_t inside = reached & continuation_;
          reached = (reached & ~inside) | (inside << 1);
        }
      } else {
        reached = (reached & occurs_[static_cast<unsigned char>(c)]) << 1;
      }
      if (reached == 0) {
        return false;
      }
    }
    return (reached & end_) != 0;
  }

 private:
  /// By byte: the positions where the name has it.
  std::array<std::uint64_t, 256> occurs_{};
  std::uint64_t any_ = 0;
  std::uint64_t continuation_ = 0;
  std::uint64_t end_;
};

}  // namespace

bool matches_any(std::string_view patterns, std::string_view name) noexcept {
  if (patterns.empty()) {
    return true;
  }
  if (name.empty() || name.size() > kMaxNameLength) {
    return false;
  }
  const Matcher matcher(name);
  while (true) {
    const auto* const end =
        std::ranges::find_if(patterns, [](char c) { return c == '|' || c == '\0'; });
    const auto length = static_cast<std::size_t>(end - patterns.begin());
    if (length > 0 && matcher.matches(patterns.substr(0, length))) {
      return true;
    }
    if (length == patterns.size()) {
      return false;
    }
    patterns.remove_prefix(length + 1);
  }
}

}  // namespace hgcm::guestprop

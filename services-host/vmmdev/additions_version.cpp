// SPDX-License-Identifier: MIT
//
// See additions_version.h.
#include "vmmdev/additions_version.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <system_error>
#include <tuple>

namespace hgcm::vmmdev {
namespace {

constexpr std::uint32_t kOldestMajor = 3;

bool is_letter_or_digit(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

// RC, BETA or ALPHA, and perhaps a number of 8 bits.
bool is_tag(std::string_view word) noexcept {
  for (const std::string_view tag : {"RC", "BETA", "ALPHA"}) {
    if (!word.starts_with(tag)) continue;
    const std::string_view digits = word.substr(tag.size());
    if (digits.empty()) return true;
    std::uint8_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return error == std::errc{} && end == digits.data() + digits.size();
  }
  return false;
}

bool is_publisher(std::string_view word) noexcept {
  constexpr std::string_view kMarks = "()[]{}+-.,";
  return !word.empty() && std::ranges::all_of(word, [&](char c) {
    return is_letter_or_digit(c) || kMarks.find(c) != std::string_view::npos;
  });
}

// Nothing, _TAG, _PUBLISHER or _TAG_PUBLISHER.
bool is_tail(std::string_view tail) noexcept {
  if (tail.empty()) return true;
  if (tail.front() != '_') return false;
  tail.remove_prefix(1);
  const std::size_t second = tail.find('_');
  if (second == std::string_view::npos) return is_tag(tail) || is_publisher(tail);
  return is_tag(tail.substr(0, second)) && is_publisher(tail.substr(second + 1));
}

}  // namespace

Result<std::string> check_additions_version(const AdditionsVersion& version,
                                            std::string_view field) {
  if (version.major < kOldestMajor) return failure(HGCM_ERR_INVALID_PARAMETER);
  constexpr std::uint32_t kMaxByte = std::numeric_limits<std::uint8_t>::max();
  constexpr std::uint32_t kMaxBuild = std::numeric_limits<std::uint16_t>::max();
  if (version.major > kMaxByte || version.minor > kMaxByte || version.build > kMaxBuild) {
    return failure(HGCM_ERR_OUT_OF_RANGE);
  }
  const std::size_t end = field.find('\0');
  if (end == std::string_view::npos) return failure(HGCM_ERR_INVALID_PARAMETER);
  const std::string_view name = field.substr(0, end);

  std::string numbers = std::to_string(version.major) + '.' + std::to_string(version.minor) + '.' +
                        std::to_string(version.build);
  if (!name.starts_with(numbers)) return failure(HGCM_ERR_INVALID_PARAMETER);
  if (is_tail(name.substr(numbers.size()))) return std::string(name);
  const auto rank = std::tuple(version.major, version.minor, version.build);
  if (rank >= std::tuple(4U, 1U, 50U)) return failure(HGCM_ERR_INVALID_PARAMETER);
  return numbers;
}

}  // namespace hgcm::vmmdev

// SPDX-License-Identifier: MIT
//
// Matching property names against lists of wildcard patterns (docs/protocol.md, "Guest
// properties"). Patterns come from guests: the time is linear in their length, whatever they
// contain.
#ifndef HGCM_GUEST_PROPERTIES_PATTERNS_H
#define HGCM_GUEST_PROPERTIES_PATTERNS_H

#include <string_view>

namespace hgcm::guestprop {

/// Whether any of the patterns, separated by '|' or NUL, matches the whole of `name`; an empty list
/// matches every name, an empty pattern among others none. '*' is any run of bytes, '?' one UTF-8
/// character. `name` has 63 bytes at most.
[[nodiscard]] bool matches_any(std::string_view patterns, std::string_view name) noexcept;

}  // namespace hgcm::guestprop

#endif

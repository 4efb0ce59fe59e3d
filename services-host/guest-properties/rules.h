// SPDX-License-Identifier: MIT
//
// The rules for single properties: which names are valid or reserved for the host, and the text
// form of flags (docs/protocol.md, "Guest properties"). Pure functions.
#ifndef HGCM_GUEST_PROPERTIES_RULES_H
#define HGCM_GUEST_PROPERTIES_RULES_H

#include <hgcm/status.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace hgcm::guestprop {

/// 1 to 63 bytes of UTF-8 without NUL, '*', '?' and '|'. HGCM_ERR_INVALID_PARAMETER.
Status check_name(std::string_view name) noexcept;

/// UTF-8 without NUL (HGCM_ERR_INVALID_PARAMETER), of 1023 bytes at most (HGCM_ERR_TOO_MUCH_DATA).
Status check_value(std::string_view value) noexcept;

/// Whether only the host may set properties of this name.
[[nodiscard]] bool is_reserved_name(std::string_view name) noexcept;

/// "transient, RdOnlyGuest": names separated by commas, spaces around them, any case, any order.
/// Returns Flag bits, or HGCM_ERR_PARSE_ERROR.
Result<std::uint32_t> parse_flags(std::string_view text) noexcept;

/// In fixed order; unknown bits are left out.
[[nodiscard]] std::string format_flags(std::uint32_t flags);

}  // namespace hgcm::guestprop

#endif

// SPDX-License-Identifier: MIT
//
// Text of unknown origin, made safe for a log line or a terminal.
#ifndef HGCM_VMMDEVD_TEXT_H
#define HGCM_VMMDEVD_TEXT_H

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hgcm {

enum class Escape {
  kPlain,   ///< one line; quotes and backslashes stay as they are
  kQuoted,  ///< for between double quotes: those and backslashes are escaped too
  kLines,   ///< line ends and tabs stay
};

/// Printable ASCII and valid UTF-8 letters stay. Control characters (C1 and the invisible ones that
/// reorder text, too) and invalid UTF-8 become \n or \xHH. At most `max_bytes` bytes of `text` are
/// looked at; more is marked by three dots.
[[nodiscard]] std::string escape(std::string_view text, Escape how,
                                 std::size_t max_bytes = std::size_t{1} << 20);

/// RFC 4648, with padding.
[[nodiscard]] std::string to_base64(std::span<const std::byte> bytes);
/// Empty: it is not base64.
[[nodiscard]] std::optional<std::vector<std::byte>> from_base64(std::string_view text);

}  // namespace hgcm

#endif

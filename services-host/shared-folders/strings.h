// SPDX-License-Identifier: MIT
//
// Text of the shared folder protocol: counted strings in the client's encoding, UTF-16, comparison
// that ignores case, wildcards of directory listings. Pure functions.
#ifndef HGCM_SHARED_FOLDERS_STRINGS_H
#define HGCM_SHARED_FOLDERS_STRINGS_H

#include <hgcm/status.h>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace hgcm::shfl {

enum class Encoding : bool { kUtf16, kUtf8 };

/// nullopt: surrogates that do not pair.
[[nodiscard]] std::optional<std::string> to_utf8(std::u16string_view text);
/// nullopt: not valid UTF-8.
[[nodiscard]] std::optional<std::u16string> to_utf16(std::string_view text);

/// The text of a counted string that somebody sent, as UTF-8. HGCM_ERR_INVALID_PARAMETER unless
/// size, length, encoding and terminator are as the protocol wants them. May contain NUL.
[[nodiscard]] Result<std::string> read_string(std::span<const std::byte> parameter,
                                              Encoding encoding);

/// Stores `text` as a counted string into a buffer whose header tells how much room there is.
/// HGCM_ERR_INVALID_PARAMETER: no such header; HGCM_ERR_BUFFER_OVERFLOW: too long.
[[nodiscard]] Status write_string(std::span<std::byte> parameter, std::string_view text,
                                  Encoding encoding);

/// A counted string as a host function takes it: UTF-16.
[[nodiscard]] std::string make_string(std::string_view utf8);

/// As file systems that ignore case compare names: character by character, in upper case.
[[nodiscard]] bool equal_ignoring_case(std::string_view a, std::string_view b);

/// Whether `name` matches a pattern of Windows: * and ?, and the forms <, > and " that DOS programs
/// lead to. Ignores case.
[[nodiscard]] bool matches(std::string_view pattern, std::string_view name);
/// Whether every name matches.
[[nodiscard]] bool matches_everything(std::string_view pattern);

}  // namespace hgcm::shfl

#endif

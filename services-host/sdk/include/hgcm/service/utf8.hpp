// SPDX-License-Identifier: MIT
//
// UTF-8 validity, for strings that come from the other side of the service boundary. Follows RFC
// 3629: no overlong forms, no surrogates, nothing above U+10FFFF. It does not convert anything.
#ifndef HGCM_SERVICE_UTF8_HPP
#define HGCM_SERVICE_UTF8_HPP

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hgcm::service {

[[nodiscard]] constexpr bool is_valid_utf8(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  std::size_t i = 0;
  while (i < text.size()) {
    const unsigned char lead = byte(i);
    if (lead < 0x80) {
      ++i;
      continue;
    }
    const std::size_t length = lead >= 0xc2 && lead <= 0xdf   ? 2
                               : lead >= 0xe0 && lead <= 0xef ? 3
                               : lead >= 0xf0 && lead <= 0xf4 ? 4
                                                              : 0;
    if (length == 0 || text.size() - i < length) {
      return false;
    }
    // The second byte's range is narrower after these leads: overlong forms, surrogates, the end.
    const unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    const unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (byte(i + 1) < low || byte(i + 1) > high) {
      return false;
    }
    for (std::size_t k = 2; k < length; ++k) {
      if ((byte(i + k) & 0xc0) != 0x80) {
        return false;
      }
    }
    i += length;
  }
  return true;
}

}  // namespace hgcm::service

#endif

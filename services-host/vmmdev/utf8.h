// SPDX-License-Identifier: MIT
//
// Whether a guest's text is UTF-8: shortest forms only, no surrogates, up to U+10FFFF.
#ifndef HGCM_VMMDEV_UTF8_H
#define HGCM_VMMDEV_UTF8_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hgcm::vmmdev {

[[nodiscard]] constexpr bool is_utf8(std::string_view text) noexcept {
  constexpr std::array<std::uint32_t, 4> kLowest = {0, 0x80, 0x800, 0x10000};
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i++]);
    if (first < 0x80) continue;
    const std::size_t more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    if (first < 0xc0 || first > 0xf4 || text.size() - i < more) return false;
    std::uint32_t character = first & (0x3fU >> more);
    for (std::size_t k = 0; k < more; ++k) {
      const auto next = static_cast<unsigned char>(text[i++]);
      if ((next & 0xc0) != 0x80) return false;
      character = character << 6 | (next & 0x3f);
    }
    if (character < kLowest.at(more) || character > 0x10ffff ||
        (character >= 0xd800 && character <= 0xdfff)) {
      return false;
    }
  }
  return true;
}

}  // namespace hgcm::vmmdev

#endif

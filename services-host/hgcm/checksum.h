// SPDX-License-Identifier: MIT
//
// CRC-32 (IEEE 802.3), for the files of saved states.
#ifndef HGCM_HOST_CHECKSUM_H
#define HGCM_HOST_CHECKSUM_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace hgcm::host {

[[nodiscard]] inline std::uint32_t crc32(std::span<const std::byte> bytes) noexcept {
  static constexpr auto kTable = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < table.size(); ++i) {
      std::uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0xedb88320U : 0);
      table[i] = value;
    }
    return table;
  }();
  std::uint32_t crc = ~0U;
  for (const std::byte byte : bytes) {
    crc = kTable[(crc ^ std::to_integer<std::uint32_t>(byte)) & 0xff] ^ (crc >> 8);
  }
  return ~crc;
}

}  // namespace hgcm::host

#endif

// SPDX-License-Identifier: MIT
//
// The file of a saved state: parts with names, each with its version and checksum. Little endian:
//
//   8 bytes "OHGCMSAV", u32 version (1), u32 number of parts, u32 CRC-32 of the table,
//   table, for each part: 24 bytes name (padded with zeros), u32 version, u32 CRC-32, u64 bytes,
//   the parts' bytes in the order of the table, and nothing else
//
// A file of before there were parts is a device's state alone (vmmdev/device_state.h), and still
// read. What is in the parts is not looked at here.
#ifndef HGCM_VMMDEVD_SAVED_STATE_H
#define HGCM_VMMDEVD_SAVED_STATE_H

#include "vmmdev/device_state.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace hgcm::vmmdevd {

/// Device with all services, everything else, headers.
inline constexpr std::size_t kMaxSavedState = vmmdev::kMaxDeviceState + (std::size_t{32} << 20);
inline constexpr std::size_t kMaxStateParts = 64;
/// Letters, digits and hyphens.
inline constexpr std::size_t kMaxPartName = 23;

inline constexpr std::string_view kDevicePart = "device";
inline constexpr std::string_view kGuestPropertiesPart = "guest-properties";

/// Refers to bytes that are kept elsewhere.
struct StatePart {
  std::string name;
  std::uint32_t version = 1;
  std::span<const std::byte> bytes;
};

/// Names must be right and differ, and there may be kMaxStateParts.
[[nodiscard]] std::vector<std::byte> encode_parts(std::span<const StatePart> parts);
/// The parts refer to `file`. All are whole and undamaged, and their names differ; which there are
/// is the caller's to judge. On failure a line for a person.
[[nodiscard]] tl::expected<std::vector<StatePart>, std::string> decode_parts(
    std::span<const std::byte> file);

}  // namespace hgcm::vmmdevd

#endif

// SPDX-License-Identifier: MIT
//
// Guest properties as text, for a file across runs and for saved machine states, and the file
// itself: read with limits, replaced atomically. Format: JSON,
//   {"format": "openhgcm-guest-properties", "version": 1, "guest_writable": true,
//    "properties": [{"name": ..., "value": ..., "flags": ..., "timestamp": nanoseconds}, ...]}
// Knows nothing of services.
#ifndef HGCM_GUEST_PROPERTIES_PROPERTY_FILE_H
#define HGCM_GUEST_PROPERTIES_PROPERTY_FILE_H

#include <hgcm/status.h>

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "guest-properties/property_manager.h"

namespace hgcm::guestprop {

/// More than a service keeps of its own accord.
inline constexpr std::size_t kMaxStoredProperties = 1024;
/// All of them with every byte escaped fit into half of it.
inline constexpr std::size_t kMaxStoredSize = std::size_t{16} << 20;

struct StoredProperties {
  std::vector<Property> properties;
  std::optional<bool> guest_writable;
};

/// HGCM_ERR_TOO_MUCH_DATA (would not be read back), _INVALID_UTF8_ENCODING.
Result<std::string> format_properties(const StoredProperties& stored);

/// Accepts only what is whole and within the limits of properties. On failure `detail` says what is
/// wrong: HGCM_ERR_PARSE_ERROR, _VERSION_MISMATCH, _TOO_MUCH_DATA.
Result<StoredProperties> parse_properties(std::string_view text, std::string& detail);

/// The contents of a regular file of at most kMaxStoredSize; nullopt if there is none.
Result<std::optional<std::string>> read_property_file(const std::filesystem::path& path,
                                                      std::string& detail);

/// Whoever reads the file at any time, even after a crash, finds the old contents or the new ones.
/// Leaves at worst one temporary file of fixed name behind, which the next call removes.
Status write_property_file(const std::filesystem::path& path, std::string_view text,
                           std::string& detail);

}  // namespace hgcm::guestprop

#endif

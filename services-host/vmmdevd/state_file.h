// SPDX-License-Identifier: MIT
//
// Files of saved states: written whole or not at all, for their owner only (they may hold
// credentials), and read up to a limit.
#ifndef HGCM_VMMDEVD_STATE_FILE_H
#define HGCM_VMMDEVD_STATE_FILE_H

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace hgcm::vmmdevd {

/// Replaces the file. False: `detail` says why, and an older file is as it was.
[[nodiscard]] bool write_state_file(const std::filesystem::path& file,
                                    std::span<const std::byte> state, std::string& detail);
/// Empty: `detail` says why.
[[nodiscard]] std::optional<std::vector<std::byte>> read_state_file(
    const std::filesystem::path& file, std::string& detail);

}  // namespace hgcm::vmmdevd

#endif

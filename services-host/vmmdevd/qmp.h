// SPDX-License-Identifier: MIT
//
// One command to QEMU over its QMP socket: connect, negotiate, execute, hang up. For what only the
// machine can do when its guest asks: stop, quit, dump memory. Not a general client: no events.
#ifndef HGCM_VMMDEVD_QMP_H
#define HGCM_VMMDEVD_QMP_H

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <tl/expected.hpp>

namespace hgcm::vmmdevd {

/// The command's "return", or a line for a person. Blocks, at most for `patience`.
[[nodiscard]] tl::expected<nlohmann::json, std::string> execute_qmp(
    const std::filesystem::path& socket, const nlohmann::json& command,
    std::chrono::milliseconds patience);

}  // namespace hgcm::vmmdevd

#endif

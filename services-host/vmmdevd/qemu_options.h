// SPDX-License-Identifier: MIT
//
// The QEMU options that attach the device, for people and scripts.
#ifndef HGCM_VMMDEVD_QEMU_OPTIONS_H
#define HGCM_VMMDEVD_QEMU_OPTIONS_H

#include <filesystem>
#include <string>
#include <string_view>

namespace hgcm::vmmdevd {

/// One line for a POSIX shell: guest memory of `memory` (QEMU's notation, as in its -m) that can be
/// shared, and the device on `socket`. QEMU 10.1 or newer.
[[nodiscard]] std::string qemu_options(const std::filesystem::path& socket,
                                       std::string_view memory);

}  // namespace hgcm::vmmdevd

#endif

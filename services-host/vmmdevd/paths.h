// SPDX-License-Identifier: MIT
//
// Where things are when nobody says: the run-time directory with the two sockets, and the services
// that belong to this executable. Shared by vmmdevd and vmctl.
#ifndef HGCM_VMMDEVD_PATHS_H
#define HGCM_VMMDEVD_PATHS_H

#include <filesystem>
#include <vector>

namespace hgcm::vmmdevd {

/// $XDG_RUNTIME_DIR/openhgcm, or /run/openhgcm when the variable is unset, empty or relative.
[[nodiscard]] std::filesystem::path runtime_directory();
/// The control socket of the daemon that was started without options: "control" in there.
[[nodiscard]] std::filesystem::path default_control_socket();
[[nodiscard]] std::filesystem::path default_device_socket();

/// Relative to the executable: ../services (build tree), ../lib/openhgcm/services (installed);
/// those that exist.
[[nodiscard]] std::vector<std::filesystem::path> default_service_directories();

/// The program that confined services run in: beside the executable, or ../lib/openhgcm from there;
/// empty: it is in neither.
[[nodiscard]] std::filesystem::path sandbox_program();

}  // namespace hgcm::vmmdevd

#endif

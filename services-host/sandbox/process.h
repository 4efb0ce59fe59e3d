// SPDX-License-Identifier: MIT
//
// Starting vmmdevd-sandbox: a process of an own program, not a copy of the daemon.
#ifndef HGCM_SANDBOX_PROCESS_H
#define HGCM_SANDBOX_PROCESS_H

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>

#include "vfio-user/unique_fd.h"

namespace hgcm::sandbox {

/// Where the program finds its socket.
inline constexpr int kSocketNumber = 3;

struct Process {
  pid_t pid = -1;
  vfio_user::UniqueFd socket;
};

/// `vmmdevd-sandbox WHAT ARGUMENT`. Nothing: `detail` says why. Someone has to wait for the
/// process.
[[nodiscard]] std::optional<Process> start_process(const std::filesystem::path& program,
                                                   const char* what, const std::string& argument,
                                                   std::string& detail);

/// Waits for its end, which the process must be about to come to. What it died of, for a person.
std::string wait_for_end(pid_t pid);

/// The directory as a tree that nothing leads out of (confine.h); waits some seconds at most.
/// Empty: `detail` says why.
[[nodiscard]] vfio_user::UniqueFd open_directory(const std::filesystem::path& program,
                                                 const std::string& path, std::string& detail);

}  // namespace hgcm::sandbox

#endif

// SPDX-License-Identifier: MIT
//
// What a process gives up before it serves a guest. Afterwards it has an empty root directory and
// reaches files only through descriptors it is given; it holds no capabilities but, if it is
// root's, those to read, write and own files; and of the system calls it may make those of the list
// in confine.cpp. Nothing of it can be undone. It needs a kernel that lets the user make a mount
// namespace: as root, or in a user namespace.
#ifndef HGCM_SANDBOX_CONFINE_H
#define HGCM_SANDBOX_CONFINE_H

#include <string>

#include "vfio-user/unique_fd.h"

namespace hgcm::sandbox {

/// Takes everything away. The process must have a single thread. False: `detail` says what the
/// kernel does not allow; the process is then of no use.
[[nodiscard]] bool confine(std::string& detail);

/// Only the system calls of the list from now on, for this thread and those that it starts; others
/// fail with EPERM. confine() includes it.
[[nodiscard]] bool filter_system_calls(std::string& detail);

/// A directory as a tree of its own, that nothing leads out of: with the descriptor the way up ends
/// there. No link in `path`, which is absolute, is followed. Changes the process's namespaces,
/// which therefore must have a single thread and nothing else to do. Empty: `detail` says why.
[[nodiscard]] vfio_user::UniqueFd detached_directory(const char* path, std::string& detail);

}  // namespace hgcm::sandbox

#endif

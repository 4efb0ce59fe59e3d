// SPDX-License-Identifier: MIT
//
// Runner: inside the confined process, loads a service and is its host: what comes over the channel
// becomes calls of its entry points, all on one thread, in order. It lets go of everything first
// (confine.h); code of the service other than the loading of its library runs confined.
#ifndef HGCM_SANDBOX_RUNNER_H
#define HGCM_SANDBOX_RUNNER_H

#include "vfio-user/unique_fd.h"

namespace hgcm::sandbox {

/// Returns the exit code of the process when the daemon has gone or wants no more.
int run_service(const char* library, vfio_user::UniqueFd socket);

}  // namespace hgcm::sandbox

#endif

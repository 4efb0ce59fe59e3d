// SPDX-License-Identifier: MIT
//
// The daemon: service host, device model, vfio-user server and control socket, put together, and
// taken apart again in an order that keeps what each part needs alive.
#ifndef HGCM_VMMDEVD_DAEMON_H
#define HGCM_VMMDEVD_DAEMON_H

#include "vmmdevd/options.h"

namespace hgcm::vmmdevd {

/// Runs until a signal (SIGTERM, SIGINT) or the control command "quit". Returns the exit status.
[[nodiscard]] int run_daemon(const Options& options);

}  // namespace hgcm::vmmdevd

#endif

// SPDX-License-Identifier: MIT
//
// Ends a blocking system call of the calling thread when a stop is requested elsewhere, without
// polling and without a window in which the request could be lost. Internal to the library.
#ifndef HGCM_SRC_INTERRUPTIBLE_H
#define HGCM_SRC_INTERRUPTIBLE_H

#include <hgcm/status.h>

#include <cstdint>
#include <stop_token>

namespace hgcm::detail {

/// Runs call(context), which must make one system call that
///  - ends with EINTR when a signal handler has run, and
///  - takes a relative time-out from `*timeout` when it begins, 0 meaning "do not wait".
///
/// The stopping thread sends a signal to this thread. If the system call has begun, it is
/// interrupted. If not, the handler, which runs on this very thread, sets the time-out to 0, so the
/// system call about to begin does not wait. There is nothing in between: a signal that arrives
/// after the kernel was entered is pending when the kernel comes to the wait.
///
/// When this returns, the signal has been taken: it cannot hit a later system call of the caller.
/// -ECANCELED when stop was requested before, -EBUSY when no signal is free.
int run_interruptible(volatile std::uint32_t* timeout, const std::stop_token& stop,
                      int (*call)(void*), void* context) noexcept;

}  // namespace hgcm::detail

#endif

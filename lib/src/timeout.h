// SPDX-License-Identifier: MIT
//
// Time-outs and ended waits in the driver's terms, shared by all requests that wait. Internal.
#ifndef HGCM_SRC_TIMEOUT_H
#define HGCM_SRC_TIMEOUT_H

#include <hgcm/client.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <limits>
#include <stop_token>

namespace hgcm::detail {

inline constexpr std::uint32_t kNoTimeout = std::numeric_limits<std::uint32_t>::max();

inline std::uint32_t driver_timeout(std::chrono::milliseconds timeout) noexcept {
  if (timeout == kForever) {
    return kNoTimeout;
  }
  return static_cast<std::uint32_t>(
      std::clamp<std::chrono::milliseconds::rep>(timeout.count(), 0, kNoTimeout - 1));
}

/// The status of a stoppable_ioctl() that returned `result` < 0. A stop makes itself felt as a
/// signal or as an expired time-out; the caller is told what it asked for.
inline Status ended_wait_status(int result, const std::stop_token& stop) noexcept {
  const bool ended = result == -EINTR || result == -ETIMEDOUT || result == -ECANCELED;
  return ended && stop.stop_requested() ? Status(HGCM_ERR_CANCELLED) : Status::from_errno(-result);
}

}  // namespace hgcm::detail

#endif

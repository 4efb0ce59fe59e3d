// SPDX-License-Identifier: MIT
//
// LogBudget: keeps what a peer can provoke from filling the log. Twenty lines at once, then one a
// second; the next line that is let through says how many were not.
#ifndef HGCM_VFIO_USER_LOG_BUDGET_H
#define HGCM_VFIO_USER_LOG_BUDGET_H

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace hgcm::vfio_user {

/// Not thread-safe.
class LogBudget {
 public:
  using Clock = std::chrono::steady_clock;

  /// True: write a line, and tell of `dropped` earlier ones.
  [[nodiscard]] bool take(Clock::time_point now, std::uint64_t& dropped) noexcept {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - last_).count();
    if (seconds > 0) {
      left_ = std::min<std::int64_t>(kBurst, left_ + seconds);
      last_ = now;
    }
    if (left_ == 0) {
      ++dropped_;
      return false;
    }
    --left_;
    dropped = dropped_;
    dropped_ = 0;
    return true;
  }

 private:
  static constexpr std::int64_t kBurst = 20;
  std::int64_t left_ = kBurst;
  std::uint64_t dropped_ = 0;
  Clock::time_point last_ = Clock::now();
};

}  // namespace hgcm::vfio_user

#endif

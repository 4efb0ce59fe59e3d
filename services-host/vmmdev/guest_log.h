// SPDX-License-Identifier: MIT
//
// GuestLog: what the guest wants to tell the host's log (request 200), made harmless: printable
// text, short lines, few of them.
#ifndef HGCM_VMMDEV_GUEST_LOG_H
#define HGCM_VMMDEV_GUEST_LOG_H

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string_view>

namespace hgcm::vmmdev {

/// Thread-safe.
class GuestLog {
 public:
  static constexpr std::size_t kMaxLine = 512;   ///< bytes; the rest of a line is cut off
  static constexpr std::size_t kMaxText = 8192;  ///< bytes of one request that are looked at
  static constexpr unsigned kBurst = 200;        ///< lines
  static constexpr std::chrono::milliseconds kRefill{20};  ///< one more line each

  explicit GuestLog(std::function<void(std::string_view)> sink);

  /// Splits `text` into lines and hands them to the sink. Lines over the rate are dropped and
  /// counted; the count is told with the next line that goes through.
  void write(std::string_view text);

 private:
  using Clock = std::chrono::steady_clock;

  void write_line(std::string_view line);
  [[nodiscard]] bool admit() noexcept;

  const std::function<void(std::string_view)> sink_;
  std::mutex mutex_;  // protects the rest
  unsigned tokens_ = kBurst;
  Clock::time_point refilled_;
  std::uint64_t dropped_ = 0;
};

}  // namespace hgcm::vmmdev

#endif

// SPDX-License-Identifier: MIT
//
// See line_file.h.
#include "vmmdevd/line_file.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <ctime>
#include <system_error>
#include <utility>

namespace hgcm::vmmdevd {

LineFile::~LineFile() {
  if (fd_ >= 0) ::close(fd_);
}

bool LineFile::open(std::string& detail) {
  const int made =
      ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
  if (made < 0) {
    detail = path_.string() + ": " + std::generic_category().message(errno);
    return false;
  }
  const std::lock_guard lock(mutex_);
  if (const int old = std::exchange(fd_, made); old >= 0) ::close(old);
  return true;
}

void LineFile::write(std::string_view line) {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm broken_down{};
  ::gmtime_r(&seconds, &broken_down);
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(
                                now.time_since_epoch() % std::chrono::seconds(1))
                                .count();
  const std::string text =
      fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z {}\n", broken_down, milliseconds, line);
  const std::lock_guard lock(mutex_);
  // In one call, so that lines of several writers stay whole.
  [[maybe_unused]] const ssize_t written = ::write(fd_, text.data(), text.size());
}

}  // namespace hgcm::vmmdevd

// SPDX-License-Identifier: MIT
//
// UniqueFd: a file descriptor with one owner; FdList: the descriptors that came with one message.
// Neither allocates nor throws, so no path can lose a descriptor.
#ifndef HGCM_VFIO_USER_UNIQUE_FD_H
#define HGCM_VFIO_USER_UNIQUE_FD_H

#include <unistd.h>

#include <array>
#include <cstddef>
#include <span>
#include <utility>

namespace hgcm::vfio_user {

class UniqueFd {
 public:
  UniqueFd() noexcept = default;
  explicit UniqueFd(int fd) noexcept : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    reset(other.release());
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { reset(); }

  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] explicit operator bool() const noexcept { return fd_ >= 0; }
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
  void reset(int fd = -1) noexcept {
    const int old = std::exchange(fd_, fd);
    if (old >= 0) ::close(old);
  }

 private:
  int fd_ = -1;
};

/// The most descriptors one message may carry, in either direction.
inline constexpr std::size_t kMaxMessageFds = 8;

class FdList {
 public:
  /// False: full; `fd` is then still the caller's.
  [[nodiscard]] bool add(UniqueFd&& fd) noexcept {
    if (count_ == fds_.size()) return false;
    fds_.at(count_) = std::move(fd);
    ++count_;
    return true;
  }
  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  /// The descriptors, to be moved out of.
  [[nodiscard]] std::span<UniqueFd> fds() noexcept { return {fds_.data(), count_}; }
  void clear() noexcept {
    for (UniqueFd& fd : fds()) fd.reset();
    count_ = 0;
  }
  void take(FdList& other) noexcept {
    clear();
    for (UniqueFd& fd : other.fds()) fds_.at(count_++) = std::move(fd);
    other.count_ = 0;
  }

 private:
  std::array<UniqueFd, kMaxMessageFds> fds_;
  std::size_t count_ = 0;
};

}  // namespace hgcm::vfio_user

#endif

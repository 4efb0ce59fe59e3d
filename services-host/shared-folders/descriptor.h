// SPDX-License-Identifier: MIT
//
// Descriptor: a file descriptor with one owner; Sys<T>: what a system call gave, or its errno.
#ifndef HGCM_SHARED_FOLDERS_DESCRIPTOR_H
#define HGCM_SHARED_FOLDERS_DESCRIPTOR_H

#include <unistd.h>

#include <tl/expected.hpp>
#include <utility>

namespace hgcm::shfl {

class Descriptor {
 public:
  Descriptor() noexcept = default;
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }

  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] explicit operator bool() const noexcept { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

/// The error is a positive errno value.
template <typename T>
using Sys = tl::expected<T, int>;

}  // namespace hgcm::shfl

#endif

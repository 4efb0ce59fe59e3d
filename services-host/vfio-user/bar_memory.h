// SPDX-License-Identifier: MIT
//
// BarMemory: the memory behind a BAR, shared with the client by descriptor. It stays at one address
// for its whole life; renew() puts new zeroed pages there, which no earlier client can see.
#ifndef HGCM_VFIO_USER_BAR_MEMORY_H
#define HGCM_VFIO_USER_BAR_MEMORY_H

#include <cstddef>
#include <span>

#include "vfio-user/unique_fd.h"

namespace hgcm::vfio_user {

class BarMemory {
 public:
  BarMemory() noexcept = default;
  ~BarMemory();
  BarMemory(const BarMemory&) = delete;
  BarMemory& operator=(const BarMemory&) = delete;

  /// Makes, or replaces, the memory. The file is sealed against changes of its size. 0 or an errno
  /// value; what was there before is then still there.
  [[nodiscard]] int renew(std::size_t size) noexcept;

  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }
  /// -1 before the first renew().
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

 private:
  std::span<std::byte> bytes_;
  UniqueFd fd_;
};

}  // namespace hgcm::vfio_user

#endif

// SPDX-License-Identifier: MIT
//
// Listener: a listening Unix stream socket with a file of mode 0600, which replaces a stale socket
// file and removes its own, but nobody else's.
#ifndef HGCM_VFIO_USER_LISTENER_H
#define HGCM_VFIO_USER_LISTENER_H

#include <hgcm/status.h>
#include <sys/types.h>

#include <string>

#include "vfio-user/unique_fd.h"

namespace hgcm::vfio_user {

/// Not thread-safe.
class Listener {
 public:
  Listener() noexcept = default;
  /// Closes.
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  /// See Server::start() for the errors.
  [[nodiscard]] Status open(const std::string& path) noexcept;
  /// Removes the socket's file if it is still ours.
  void close() noexcept;

  /// Non-blocking; -1 when closed.
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  /// The next connection (blocking, close-on-exec), or nothing.
  [[nodiscard]] UniqueFd accept() noexcept;

 private:
  UniqueFd fd_;
  std::string path_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace hgcm::vfio_user

#endif

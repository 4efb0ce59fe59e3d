// SPDX-License-Identifier: MIT
//
// Listening Unix stream sockets in the file system: made with mode 0600, never in the place of one
// that a live program listens on, but in the place of one that a dead program left behind.
#ifndef HGCM_VMMDEVD_UNIX_SOCKET_H
#define HGCM_VMMDEVD_UNIX_SOCKET_H

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>

namespace hgcm::vmmdevd {

/// Owns the descriptor and the name. Destruction closes, and removes the file if it is still the
/// one that was made.
class ListeningSocket {
 public:
  /// Empty: `detail` says why, with the path.
  [[nodiscard]] static std::optional<ListeningSocket> create(const std::filesystem::path& path,
                                                             std::string& detail);
  ListeningSocket(ListeningSocket&& other) noexcept;
  ListeningSocket& operator=(ListeningSocket&& other) noexcept;
  ~ListeningSocket();

  [[nodiscard]] int fd() const noexcept { return fd_; }
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  /// Hands the descriptor over; the name is still removed at destruction.
  [[nodiscard]] int release_fd() noexcept;

 private:
  ListeningSocket() = default;
  void remove() noexcept;

  int fd_ = -1;
  std::filesystem::path path_;  // absolute; empty when there is nothing to remove
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace hgcm::vmmdevd

#endif

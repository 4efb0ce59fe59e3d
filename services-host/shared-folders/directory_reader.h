// SPDX-License-Identifier: MIT
//
// DirectoryReader: the entries of a directory, many for each system call, from wherever its
// descriptor stands. Nothing outlives the reader but the descriptor's position.
#ifndef HGCM_SHARED_FOLDERS_DIRECTORY_READER_H
#define HGCM_SHARED_FOLDERS_DIRECTORY_READER_H

#include <dirent.h>
#include <sys/types.h>

#include <array>
#include <cstddef>

namespace hgcm::shfl {

/// Large: its buffer is in it, so that handles of directories need no memory for one.
class DirectoryReader {
 public:
  explicit DirectoryReader(int fd) noexcept : fd_(fd) {}
  DirectoryReader(const DirectoryReader&) = delete;
  DirectoryReader& operator=(const DirectoryReader&) = delete;

  /// Null at the end and on an error. Valid until the next call.
  [[nodiscard]] const dirent64* next() noexcept;
  /// The errno of what ended the reading; 0 at the end of the directory.
  [[nodiscard]] int error() const noexcept { return error_; }
  /// Puts the last entry back: it comes first in what reads the directory next.
  void unread() noexcept;
  /// Sets the descriptor to behind the last entry that was read and not put back.
  void finish() noexcept;

 private:
  static constexpr std::size_t kBuffer = std::size_t{64} << 10;

  int fd_;
  int error_ = 0;
  std::size_t end_ = 0;
  std::size_t next_ = 0;
  std::size_t last_ = 0;        // of the last entry
  off64_t position_ = -1;       // behind the last entry; -1: none was read
  off64_t last_position_ = -1;  // before it
  alignas(dirent64) std::array<char, kBuffer> buffer_;
};

}  // namespace hgcm::shfl

#endif

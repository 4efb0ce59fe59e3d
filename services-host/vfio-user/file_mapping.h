// SPDX-License-Identifier: MIT
//
// FileMapping: a shared mapping of a piece of a file that another process owns, which survives that
// process's shrinking the file.
//
// Sealing cannot be asked for (memory-backend-file cannot seal), and checking the size beforehand
// proves nothing about later. So every mapping is entered in a fixed table, and a SIGBUS handler
// for the whole process replaces a mapping that faults by private zeroed memory as a whole and
// marks it lost; the faulting instruction then goes on with zeros. All other SIGBUS go to the
// handler that was there before. The table is read without locks: an entry for an address that a
// thread is using cannot go away meanwhile, because that thread holds the mapping. The handler is
// installed with the first mapping, and again with a later one if someone has replaced it; until
// then the replacement must pass on what is not its own.
#ifndef HGCM_VFIO_USER_FILE_MAPPING_H
#define HGCM_VFIO_USER_FILE_MAPPING_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "vfio-user/unique_fd.h"

namespace hgcm::vfio_user {

class FileMapping {
 public:
  /// Maps [offset, offset + size) of `fd` shared; keeps a descriptor of its own. On failure `error`
  /// is an errno value: EINVAL (not a regular file, or not page aligned), EFBIG (file too short),
  /// ENOSPC (all kMaxMappings are in use), or the system's.
  [[nodiscard]] static std::shared_ptr<FileMapping> create(int fd, std::uint64_t offset,
                                                           std::uint64_t size, bool writable,
                                                           int& error) noexcept;
  ~FileMapping();
  FileMapping(const FileMapping&) = delete;
  FileMapping& operator=(const FileMapping&) = delete;

  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }
  [[nodiscard]] bool writable() const noexcept { return writable_; }
  /// What is mapped, for whoever wants to map it too.
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] std::uint64_t file_offset() const noexcept { return file_offset_; }
  /// The file has shrunk below what was mapped: the bytes are no longer anyone else's.
  [[nodiscard]] bool lost() const noexcept;

  static constexpr std::size_t kMaxMappings = 2048;

 private:
  FileMapping() noexcept = default;

  std::span<std::byte> bytes_;
  UniqueFd fd_;
  std::uint64_t file_offset_ = 0;
  std::size_t slot_ = kMaxMappings;
  bool writable_ = false;
};

}  // namespace hgcm::vfio_user

#endif

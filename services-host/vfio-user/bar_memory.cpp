// SPDX-License-Identifier: MIT
//
// Sealed memory files for BARs. See bar_memory.h.
#include "vfio-user/bar_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace hgcm::vfio_user {

BarMemory::~BarMemory() {
  if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
}

int BarMemory::renew(std::size_t size) noexcept {
  UniqueFd fd(::memfd_create("hgcm-bar", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return errno;
  if (::ftruncate(fd.get(), static_cast<off_t>(size)) != 0) return errno;
  // A client that could shrink the file could take the pages from under the device.
  if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) return errno;
  const int fixed = bytes_.empty() ? 0 : MAP_FIXED;
  void* const base =
      ::mmap(bytes_.data(), size, PROT_READ | PROT_WRITE, MAP_SHARED | fixed, fd.get(), 0);
  if (base == MAP_FAILED) return errno;
  bytes_ = {static_cast<std::byte*>(base), size};
  fd_ = std::move(fd);
  return 0;
}

}  // namespace hgcm::vfio_user

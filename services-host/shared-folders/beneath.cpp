// SPDX-License-Identifier: MIT
//
// See beneath.h.
#include "shared-folders/beneath.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include <cerrno>
#include <charconv>

#include "shared-folders/path.h"

namespace hgcm::shfl {
namespace {

/// A rename or a mount anywhere on the host can make a walk through ".." (in a link) fail for once.
constexpr int kTries = 32;

constexpr unsigned kStatusMask = STATX_BASIC_STATS | STATX_BTIME;

}  // namespace

Sys<Descriptor> open_beneath(int root, std::string_view path, int flags, unsigned mode,
                             Links links) {
  const std::string text(path.empty() ? "." : path);
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  how.mode = mode;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  if (links == Links::kRefuse) {
    // A last link is opened all the same with O_PATH and O_NOFOLLOW.
    how.resolve |= RESOLVE_NO_SYMLINKS;
  }
  for (int i = 0; i < kTries; ++i) {
    const long fd = ::syscall(SYS_openat2, root, text.c_str(), &how, sizeof how);
    if (fd >= 0) {
      return Descriptor(static_cast<int>(fd));
    }
    if (errno == EXDEV) {
      // A link that leads out, which is nothing about devices.
      return tl::unexpected(EACCES);
    }
    if (errno != EAGAIN && errno != EINTR) {
      return tl::unexpected(errno);
    }
  }
  return tl::unexpected(EAGAIN);
}

Sys<Place> Place::find(int root, std::string_view path, Links links) {
  const SplitPath parts = split(path);
  Place place;
  place.name_ = parts.name;
  if (parts.parent.empty()) {
    place.borrowed_ = root;
    return place;
  }
  auto parent = open_beneath(root, parts.parent, O_PATH | O_DIRECTORY, 0, links);
  if (!parent) {
    return tl::unexpected(parent.error());
  }
  place.owned_ = std::move(*parent);
  return place;
}

Sys<struct statx> status_of(int fd) {
  struct statx status {};
  if (::statx(fd, "", AT_EMPTY_PATH, kStatusMask, &status) != 0) {
    return tl::unexpected(errno);
  }
  return status;
}

Sys<struct statx> remembered_status_of(int fd) {
  struct statx status {};
  if (::statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, kStatusMask, &status) != 0) {
    return tl::unexpected(errno);
  }
  return status;
}

Sys<struct statx> status_of_entry(int directory, const char* name) {
  struct statx status {};
  if (::statx(directory, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC,
              kStatusMask, &status) != 0) {
    return tl::unexpected(errno);
  }
  return status;
}

ProcPath::ProcPath(int fd) noexcept : name_{} {
  std::to_chars(name_, name_ + sizeof name_ - 1, fd);
}

int ProcPath::directory() noexcept {
  // Kept for as long as the service is loaded: the process's own table of descriptors, wherever its
  // root directory is.
  static const Descriptor directory(::open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC));
  return directory.get();
}

Sys<Descriptor> open_object(int path_fd, int flags) {
  const auto status = status_of(path_fd);
  if (!status) {
    return tl::unexpected(status.error());
  }
  if (!S_ISREG(status->stx_mode)) {
    return tl::unexpected(ENXIO);
  }
  // The type of an object never changes, so this cannot open anything but a regular file.
  const int fd = ::openat(ProcPath::directory(), ProcPath(path_fd).name(),
                          (flags & ~O_NOFOLLOW) | O_CLOEXEC | O_NOCTTY);
  return fd >= 0 ? Sys<Descriptor>(Descriptor(fd)) : tl::unexpected(errno);
}

}  // namespace hgcm::shfl

// SPDX-License-Identifier: MIT
//
// See object_info.h.
#include "shared-folders/object_info.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "shared-folders/beneath.h"
#include "shared-folders/errors.h"

namespace hgcm::shfl {
namespace {

constexpr std::int64_t kNanoseconds = 1'000'000'000;
constexpr std::int64_t kBlock = 512;

std::int64_t to_nanoseconds(const statx_timestamp& time) {
  // A file system can hold times that nanoseconds cannot.
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max() / kNanoseconds - 1;
  return std::clamp<std::int64_t>(time.tv_sec, -kMax, kMax) * kNanoseconds +
         static_cast<std::int64_t>(time.tv_nsec);
}

timespec to_timespec(std::int64_t nanoseconds) {
  if (nanoseconds == 0) {
    return {0, UTIME_OMIT};
  }
  std::int64_t seconds = nanoseconds / kNanoseconds;
  std::int64_t rest = nanoseconds % kNanoseconds;
  if (rest < 0) {
    --seconds;
    rest += kNanoseconds;
  }
  return {seconds, rest};
}

std::int64_t to_int64(std::uint64_t value) {
  return static_cast<std::int64_t>(
      std::min<std::uint64_t>(value, std::numeric_limits<std::int64_t>::max()));
}

/// DOS attributes alone carry a mode too.
std::uint32_t permissions_of(std::uint32_t mode) {
  if ((mode & (kModeTypeMask | kModePermissions)) != 0 || (mode & kModeDosMask) == 0) {
    return mode & kModePermissions;
  }
  std::uint32_t result = (mode & kModeDosDirectory) != 0 ? 0777 : 0666;
  if ((mode & kModeDosReadOnly) != 0) {
    result &= ~0222U;
  }
  return result;
}

}  // namespace

ObjectInfo make_info(const struct statx& status, std::string_view name) {
  ObjectInfo info{};
  info.size = to_int64(status.stx_size);
  info.allocated = to_int64(status.stx_blocks) * kBlock;
  info.access_time = to_nanoseconds(status.stx_atime);
  info.modification_time = to_nanoseconds(status.stx_mtime);
  info.change_time = to_nanoseconds(status.stx_ctime);
  info.birth_time =
      (status.stx_mask & STATX_BTIME) != 0 ? to_nanoseconds(status.stx_btime) : info.change_time;
  info.mode = status.stx_mode & (kModeTypeMask | kModePermissions);
  if ((status.stx_mode & 0222U) == 0) {
    info.mode |= kModeDosReadOnly;
  }
  if (S_ISDIR(status.stx_mode)) {
    info.mode |= kModeDosDirectory;
  }
  if (name.starts_with('.') && name != "." && name != "..") {
    info.mode |= kModeDosHidden;
  }
  if ((info.mode & kModeDosMask) == 0) {
    info.mode |= kModeDosNormal;
  }
  info.additional = kAttributesUnix;
  info.uid = status.stx_uid;
  info.gid = status.stx_gid;
  info.links = status.stx_nlink;
  // As stat() numbers devices, in the field's 32 bits.
  info.device =
      static_cast<std::uint32_t>(::gnu_dev_makedev(status.stx_dev_major, status.stx_dev_minor));
  info.inode = status.stx_ino;
  if (S_ISCHR(status.stx_mode) || S_ISBLK(status.stx_mode)) {
    info.special_device =
        static_cast<std::uint32_t>(::gnu_dev_makedev(status.stx_rdev_major, status.stx_rdev_minor));
  }
  return info;
}

unsigned creation_mode(std::uint32_t mode, unsigned fallback) {
  return mode == 0 ? fallback : permissions_of(mode);
}

Status set_attributes(int fd, const ObjectInfo& info, bool directory) {
  Status status;
  if (info.access_time != 0 || info.modification_time != 0) {
    const timespec times[2] = {to_timespec(info.access_time), to_timespec(info.modification_time)};
    if (::utimensat(fd, "", times, AT_EMPTY_PATH) != 0) {
      status = to_status(errno);
    }
  }
  if (info.mode != 0) {
    // The host's user must be able to get at what the guest's user still wants to read.
    const std::uint32_t mode = permissions_of(info.mode) | (directory ? 0500U : 0400U);
    if (::fchmod(fd, mode) != 0 &&
        (errno != EBADF || ::fchmodat(ProcPath::directory(), ProcPath(fd).name(), mode, 0) != 0)) {
      status = to_status(errno);
    }
  }
  return status;
}

Result<VolumeInfo> volume_info(int root, bool writable) {
  struct statvfs status {};
  if (::fstatvfs(root, &status) != 0) {
    return failure(to_status(errno));
  }
  const auto root_status = status_of(root);
  if (!root_status) {
    return failure(to_status(root_status.error()));
  }
  const auto bytes = [&](std::uint64_t blocks) {
    std::uint64_t result = 0;
    return __builtin_mul_overflow(blocks, static_cast<std::uint64_t>(status.f_frsize), &result)
               ? std::numeric_limits<std::int64_t>::max()
               : to_int64(result);
  };
  VolumeInfo info{};
  info.total = bytes(status.f_blocks);
  info.available = bytes(status.f_bavail);
  // Guests divide by it.
  info.allocation_unit = static_cast<std::uint32_t>(std::max(status.f_frsize, 1UL));
  info.sector = 512;
  info.serial = static_cast<std::uint32_t>(
      ::gnu_dev_makedev(root_status->stx_dev_major, root_status->stx_dev_minor));
  info.max_name = static_cast<std::uint32_t>(status.f_namemax);
  info.case_sensitive = 1;
  info.read_only = !writable || (status.f_flag & ST_RDONLY) != 0 ? 1 : 0;
  info.unicode = 1;
  return info;
}

}  // namespace hgcm::shfl

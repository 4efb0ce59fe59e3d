// SPDX-License-Identifier: MIT
//
// See placement.h.
#include "shared-folders/placement.h"

#include <linux/magic.h>
#include <sys/resource.h>
#include <sys/vfs.h>

namespace hgcm::shfl {
namespace {

// Not in <linux/magic.h> of all releases.
constexpr std::uint32_t kXfs = 0x58465342;
constexpr std::uint32_t kZfs = 0x2fc12fc1;
constexpr std::uint32_t kExfat = 0x2011bab0;
constexpr std::uint32_t kNtfs3 = 0x7366746e;
constexpr std::uint32_t kBcachefs = 0xca451a4e;

/// How often this thread has gone to sleep; negative: nobody knows.
long waits() noexcept {
  rusage usage{};
  return ::getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_nvcsw : -1;
}

}  // namespace

void Placement::look_at(int directory) noexcept {
  struct statfs status {};
  Kind kind = Kind::kRemote;
  if (::fstatfs(directory, &status) == 0) {
    switch (static_cast<std::uint32_t>(status.f_type)) {
      case TMPFS_MAGIC:
      case RAMFS_MAGIC:
        kind = Kind::kMemory;
        break;
      case EXT4_SUPER_MAGIC:
      case BTRFS_SUPER_MAGIC:
      case F2FS_SUPER_MAGIC:
      case OVERLAYFS_SUPER_MAGIC:
      case MSDOS_SUPER_MAGIC:
      case SQUASHFS_MAGIC:
      case ISOFS_SUPER_MAGIC:
      case kXfs:
      case kZfs:
      case kExfat:
      case kNtfs3:
      case kBcachefs:
        kind = Kind::kDisk;
        break;
      default:
        break;
    }
  }
  kind_.store(kind, std::memory_order_relaxed);
}

bool Placement::at_once(Clock::time_point now) const noexcept {
  return kind() != Kind::kRemote &&
         now.time_since_epoch().count() >= slow_until_.load(std::memory_order_relaxed);
}

Placement::Begun Placement::begin() noexcept {
  return {.at = Clock::now(), .waits = waits()};
}

void Placement::end(const Begun& begun) noexcept {
  const auto now = Clock::now();
  if (now - begun.at > kSlow && (begun.waits < 0 || waits() != begun.waits)) {
    slow_until_.store((now + kDistrust).time_since_epoch().count(), std::memory_order_relaxed);
  }
}

}  // namespace hgcm::shfl

// SPDX-License-Identifier: MIT
//
// PlainGuestMemory: guest RAM in a plain buffer of this process, for the in-process loopback, tests
// and fuzzers. Not used under QEMU, whose memory comes over vfio-user.
#ifndef HGCM_VMMDEV_PLAIN_GUEST_MEMORY_H
#define HGCM_VMMDEV_PLAIN_GUEST_MEMORY_H

#include "vmmdev/guest_memory.h"

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace hgcm::vmmdev {

struct GuestRange {
  GuestAddress address = 0;
  std::uint64_t size = 0;
};

struct PlainGuestMemoryOptions {
  /// Guest-physical address of the first byte.
  GuestAddress base = 0;
  /// Ranges that are not RAM.
  std::vector<GuestRange> holes = {};
  /// RAM that read() and write() reach but map() does not.
  std::vector<GuestRange> unmappable = {};
};

/// Zero-filled at first. Inaccessible pages around the buffer catch a device that runs over its
/// ends.
class PlainGuestMemory final : public GuestMemory {
 public:
  /// `size` is rounded up to whole pages. Throws std::bad_alloc.
  explicit PlainGuestMemory(std::size_t size, PlainGuestMemoryOptions options = {});
  ~PlainGuestMemory() override;

  [[nodiscard]] bool read(GuestAddress address, std::span<std::byte> out) noexcept override;
  [[nodiscard]] bool write(GuestAddress address, std::span<const std::byte> in) noexcept override;
  [[nodiscard]] bool store_release(GuestAddress address, std::uint32_t value) noexcept override;
  [[nodiscard]] std::optional<GuestMapping> map(GuestAddress address,
                                                std::size_t size) noexcept override;
  bool discard(GuestAddress address, std::size_t size) noexcept override;
  [[nodiscard]] std::uint64_t size() const noexcept override;

  /// The guest's own view of the whole buffer, holes included; valid as long as this object or a
  /// mapping of it lives.
  [[nodiscard]] std::span<std::byte> bytes() noexcept;
  /// The guest's own view of one range, which must lie inside the buffer.
  [[nodiscard]] std::span<std::byte> at(GuestAddress address, std::size_t size) noexcept;

 private:
  class Buffer;

  // The host address of a range of RAM, nullptr when it is not RAM throughout.
  [[nodiscard]] std::byte* find(GuestAddress address, std::uint64_t size) const noexcept;

  const PlainGuestMemoryOptions options_;
  const std::shared_ptr<Buffer> buffer_;
};

}  // namespace hgcm::vmmdev

#endif

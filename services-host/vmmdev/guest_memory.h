// SPDX-License-Identifier: MIT
//
// GuestMemory: the guest's RAM as the device model sees it. The model knows nothing of where it
// comes from: a vfio-user client's memory (services-host/vfio-user) or a plain buffer in tests and
// fuzzers (PlainGuestMemory).
#ifndef HGCM_VMMDEV_GUEST_MEMORY_H
#define HGCM_VMMDEV_GUEST_MEMORY_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

namespace hgcm::vmmdev {

/// Guest-physical address, in bytes.
using GuestAddress = std::uint64_t;

inline constexpr std::size_t kGuestPageSize = 4096;

/// Direct access to a contiguous piece of guest RAM. The memory stays valid (though it may no
/// longer be the guest's) while the mapping lives. The guest can change the bytes at any time: copy
/// first, then look.
struct GuestMapping {
  std::span<std::byte> bytes;
  std::shared_ptr<const void> keep_alive;
};

/// All members may be called from any thread. No access reaches outside the guest's RAM: a range
/// that is not wholly inside RAM (also across its end, or wrapping around) fails as a whole and
/// transfers nothing.
class GuestMemory {
 public:
  GuestMemory() = default;
  GuestMemory(const GuestMemory&) = delete;
  GuestMemory& operator=(const GuestMemory&) = delete;
  virtual ~GuestMemory() = default;

  /// Copies out.size() bytes from the guest. False: not all RAM; `out` is then unspecified.
  [[nodiscard]] virtual bool read(GuestAddress address, std::span<std::byte> out) noexcept = 0;

  /// Copies in.size() bytes to the guest. False: not all writable RAM, nothing written.
  [[nodiscard]] virtual bool write(GuestAddress address,
                                   std::span<const std::byte> in) noexcept = 0;

  /// Stores an aligned 32-bit value so that everything written before is visible to a guest that
  /// reads it (release order). Misaligned addresses are refused.
  [[nodiscard]] virtual bool store_release(GuestAddress address, std::uint32_t value) noexcept = 0;

  /// Maps [address, address + size) for reading and writing. Empty when the range is not RAM, not
  /// writable, or not directly reachable (memory that the client gave without a file descriptor);
  /// the caller then uses read() and write().
  [[nodiscard]] virtual std::optional<GuestMapping> map(GuestAddress address,
                                                        std::size_t size) noexcept = 0;

  /// Lets go of the contents of whole pages, which read as zeros afterwards, and of the host's
  /// memory behind them. False: nothing happened, because that is not possible with this memory.
  virtual bool discard(GuestAddress /*address*/, std::size_t /*size*/) noexcept { return false; }

  /// RAM in bytes, for reports. Changes as the client maps and unmaps.
  [[nodiscard]] virtual std::uint64_t size() const noexcept = 0;
};

}  // namespace hgcm::vmmdev

#endif

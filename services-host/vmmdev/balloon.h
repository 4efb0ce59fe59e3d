// SPDX-License-Identifier: MIT
//
// Balloon: memory that the guest has given to the host, in chunks of 1 MiB (requests 111 and 113,
// protocol section 3.5). The device counts chunks; which pages they are is the guest's to know.
#ifndef HGCM_VMMDEV_BALLOON_H
#define HGCM_VMMDEV_BALLOON_H

#include "vmmdev/guest_memory.h"
#include "vmmdev/wanted_value.h"

#include <hgcm/status.h>

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>

namespace hgcm::vmmdev {

/// Thread-safe.
class Balloon {
 public:
  struct State {
    WantedValue::State target;
    std::uint32_t chunks = 0;
  };

  Balloon(Events& events, GuestMemory& memory) noexcept;

  /// HGCM_ERR_OUT_OF_RANGE: more than the guest's memory.
  Status want(std::uint32_t chunks) noexcept;
  [[nodiscard]] std::uint32_t chunks() const noexcept;
  [[nodiscard]] std::uint32_t memory_chunks() const noexcept;
  [[nodiscard]] State state() const noexcept;

  /// Request 111: the wanted size.
  std::uint32_t ask(std::uint32_t acknowledged) noexcept { return target_.ask(acknowledged); }
  /// Request 113: `addresses` are one chunk's pages. The contents of pages that are inflated are
  /// dropped where the host's memory allows it. HGCM_ERR_INVALID_PARAMETER: an address is not that
  /// of a page of RAM, or more would be inflated than there is.
  Status change(bool inflate, std::span<const std::byte> addresses) noexcept;

  void reset() noexcept;
  void restore(const State& state) noexcept;

 private:
  GuestMemory& memory_;
  WantedValue target_;
  mutable std::mutex mutex_;  // protects chunks_
  std::uint32_t chunks_ = 0;
};

}  // namespace hgcm::vmmdev

#endif

// SPDX-License-Identifier: MIT
//
// See balloon.h.
#include "vmmdev/balloon.h"

#include "vmmdev/request.h"
#include "vmmdev/wire.h"

#include <array>

namespace hgcm::vmmdev {

Balloon::Balloon(Events& events, GuestMemory& memory) noexcept
    : memory_(memory), target_(events, wire::kEventBalloonChange) {}

Status Balloon::want(std::uint32_t chunks) noexcept {
  // Without a machine the size of its memory is not known: it will refuse what it cannot give.
  const std::uint32_t limit = memory_chunks();
  if (limit > 0 && chunks > limit) return HGCM_ERR_OUT_OF_RANGE;
  target_.want(chunks);
  return HGCM_INF_SUCCESS;
}

std::uint32_t Balloon::chunks() const noexcept {
  const std::lock_guard lock(mutex_);
  return chunks_;
}

std::uint32_t Balloon::memory_chunks() const noexcept {
  return static_cast<std::uint32_t>(memory_.size() / wire::balloon::kChunkBytes);
}

Balloon::State Balloon::state() const noexcept {
  return {.target = target_.state(), .chunks = chunks()};
}

Status Balloon::change(bool inflate, std::span<const std::byte> addresses) noexcept {
  const auto address = [&](std::size_t i) {
    return load_field<std::uint64_t>(addresses, i * sizeof(std::uint64_t));
  };
  const std::size_t pages = addresses.size() / sizeof(std::uint64_t);
  for (std::size_t i = 0; i < pages; ++i) {
    std::array<std::byte, sizeof(std::uint64_t)> probe{};
    if (address(i) % kGuestPageSize != 0 || !memory_.read(address(i), probe)) {
      return HGCM_ERR_INVALID_PARAMETER;
    }
  }
  const std::lock_guard lock(mutex_);
  if (!inflate) {
    // A guest may give back more than this device knows of, after a restart of the host's side.
    if (chunks_ > 0) --chunks_;
    return HGCM_INF_SUCCESS;
  }
  if (chunks_ >= memory_chunks()) return HGCM_ERR_INVALID_PARAMETER;
  ++chunks_;
  for (std::size_t i = 0; i < pages; ++i) memory_.discard(address(i), kGuestPageSize);
  return HGCM_INF_SUCCESS;
}

void Balloon::reset() noexcept {
  {
    const std::lock_guard lock(mutex_);
    chunks_ = 0;
  }
  target_.reset();
}

void Balloon::restore(const State& state) noexcept {
  target_.restore(state.target);
  const std::lock_guard lock(mutex_);
  chunks_ = state.chunks;
}

}  // namespace hgcm::vmmdev

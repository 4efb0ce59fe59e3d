// SPDX-License-Identifier: MIT
//
// See memory_bar.h.
#include "vmmdev/memory_bar.h"

#include "vmmdev/guest_copy.h"
#include "vmmdev/wire.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>

namespace hgcm::vmmdev {
namespace {

std::atomic_ref<std::uint32_t> shared(std::uint32_t& word) noexcept {
  return std::atomic_ref(word);
}

}  // namespace

std::uint32_t& MemoryBar::word(std::size_t offset) const noexcept {
  return *reinterpret_cast<std::uint32_t*>(bytes_.data() + offset);
}

void MemoryBar::initialise(std::uint32_t offered_features) noexcept {
  // Only pages that are not zero are written: most of the 4 MiB is never touched by anyone, and
  // need not be allocated. (What a guest writes while its machine is reset may stay or not.)
  static constexpr std::array<std::byte, 4096> kZeroes{};
  for (std::size_t at = 0; at + kZeroes.size() <= bytes_.size(); at += kZeroes.size()) {
    if (std::memcmp(bytes_.data() + at, kZeroes.data(), kZeroes.size()) != 0) {
      copy_to_guest(bytes_.data() + at, kZeroes);
    }
  }
  shared(word(wire::memory::kSize)).store(wire::memory::kSizeValue);
  shared(word(wire::memory::kVersion)).store(wire::memory::kVersionValue);
  const auto ext = [&](std::size_t offset) { return shared(word(VMMDEV_EXT_OFFSET + offset)); };
  ext(VMMDEV_EXT_OFF_VERSION).store(VMMDEV_EXT_VERSION);
  ext(VMMDEV_EXT_OFF_SIZE).store(VMMDEV_EXT_SIZE);
  ext(VMMDEV_EXT_OFF_DEVICE_FEATURES).store(offered_features);
  ext(VMMDEV_EXT_OFF_MAGIC).store(VMMDEV_EXT_MAGIC);
}

void MemoryBar::set_have_events(bool value) noexcept {
  auto& byte = reinterpret_cast<std::uint8_t&>(bytes_[wire::memory::kHaveEvents]);
  std::atomic_ref(byte).store(value ? 1 : 0);
}

void MemoryBar::set_host_events(std::uint32_t events) noexcept {
  shared(word(wire::memory::kHostEvents)).store(events);
}

std::uint32_t MemoryBar::guest_event_mask() const noexcept {
  return shared(word(wire::memory::kGuestEventMask)).load();
}

std::uint32_t MemoryBar::driver_features() const noexcept {
  return shared(word(VMMDEV_EXT_OFFSET + VMMDEV_EXT_OFF_DRIVER_FEATURES)).load();
}

std::uint32_t MemoryBar::add_word_events(std::uint32_t events) noexcept {
  return shared(word(VMMDEV_EXT_OFFSET + VMMDEV_EXT_OFF_EVENTS)).fetch_or(events);
}

std::uint32_t MemoryBar::remove_word_events(std::uint32_t events) noexcept {
  return shared(word(VMMDEV_EXT_OFFSET + VMMDEV_EXT_OFF_EVENTS)).fetch_and(~events);
}

std::uint32_t MemoryBar::ring_head() const noexcept {
  return shared(word(VMMDEV_EXT_OFFSET + VMMDEV_EXT_OFF_RING_HEAD)).load();
}

std::uint32_t MemoryBar::ring_entry(std::uint32_t index) const noexcept {
  const std::size_t offset = index % VMMDEV_EXT_RING_SIZE * sizeof(std::uint32_t);
  return shared(word(VMMDEV_EXT_OFFSET + VMMDEV_EXT_OFF_RING_ENTRIES + offset)).load();
}

void MemoryBar::set_ring_tail(std::uint32_t tail) noexcept {
  shared(word(VMMDEV_EXT_OFFSET + VMMDEV_EXT_OFF_RING_TAIL)).store(tail);
}

void MemoryBar::set_ring_polling(bool value) noexcept {
  shared(word(VMMDEV_EXT_OFFSET + VMMDEV_EXT_OFF_RING_POLLING)).store(value ? 1 : 0);
}

std::uint32_t MemoryBar::word_events() const noexcept {
  return shared(word(VMMDEV_EXT_OFFSET + VMMDEV_EXT_OFF_EVENTS)).load();
}

void MemoryBar::restore_guest_words(std::uint32_t driver_features,
                                    std::uint32_t event_mask) noexcept {
  shared(word(VMMDEV_EXT_OFFSET + VMMDEV_EXT_OFF_DRIVER_FEATURES)).store(driver_features);
  shared(word(wire::memory::kGuestEventMask)).store(event_mask);
}

void MemoryBar::restore_ring(std::uint32_t position) noexcept {
  shared(word(VMMDEV_EXT_OFFSET + VMMDEV_EXT_OFF_RING_HEAD)).store(position);
  set_ring_tail(position);
}

void MemoryBar::read(std::uint64_t offset, std::span<std::byte> out) const noexcept {
  if (offset > bytes_.size() || out.size() > bytes_.size() - offset) {
    std::ranges::fill(out, std::byte{0xff});
    return;
  }
  copy_from_guest(out, bytes_.data() + offset);
}

void MemoryBar::write(std::uint64_t offset, std::span<const std::byte> in) noexcept {
  if (offset > bytes_.size() || in.size() > bytes_.size() - offset) return;
  copy_to_guest(bytes_.data() + offset, in);
}

}  // namespace hgcm::vmmdev

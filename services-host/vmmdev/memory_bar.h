// SPDX-License-Identifier: MIT
//
// MemoryBar: the contents of BAR1, VirtualBox's VMMDev memory plus the extension block of
// openhgcm/vmmdev_ext.h. The guest may have it mapped, so each access is atomic.
#ifndef HGCM_VMMDEV_MEMORY_BAR_H
#define HGCM_VMMDEV_MEMORY_BAR_H

#include <cstddef>
#include <cstdint>
#include <span>

namespace hgcm::vmmdev {

class MemoryBar {
 public:
  /// `bytes` is the whole BAR, aligned to a page.
  explicit MemoryBar(std::span<std::byte> bytes) noexcept : bytes_(bytes) {}

  /// Power-on contents.
  void initialise(std::uint32_t offered_features) noexcept;

  void set_have_events(bool value) noexcept;
  void set_host_events(std::uint32_t events) noexcept;            // interface 1.03
  [[nodiscard]] std::uint32_t guest_event_mask() const noexcept;  // interface 1.03
  [[nodiscard]] std::uint32_t driver_features() const noexcept;
  /// The event word; both return what was in it before.
  std::uint32_t add_word_events(std::uint32_t events) noexcept;
  std::uint32_t remove_word_events(std::uint32_t events) noexcept;
  [[nodiscard]] std::uint32_t word_events() const noexcept;
  /// What the guest had written before its state was saved.
  void restore_guest_words(std::uint32_t driver_features, std::uint32_t event_mask) noexcept;
  /// An empty ring.
  void restore_ring(std::uint32_t position) noexcept;

  /// The submission ring. The order of accesses is that of sequential consistency.
  [[nodiscard]] std::uint32_t ring_head() const noexcept;
  [[nodiscard]] std::uint32_t ring_entry(std::uint32_t index) const noexcept;  // modulo the size
  void set_ring_tail(std::uint32_t tail) noexcept;
  void set_ring_polling(bool value) noexcept;

  /// Trapped accesses of the guest. Beyond the BAR, reads give ones and writes do nothing.
  void read(std::uint64_t offset, std::span<std::byte> out) const noexcept;
  void write(std::uint64_t offset, std::span<const std::byte> in) noexcept;

 private:
  [[nodiscard]] std::uint32_t& word(std::size_t offset) const noexcept;

  const std::span<std::byte> bytes_;
};

}  // namespace hgcm::vmmdev

#endif

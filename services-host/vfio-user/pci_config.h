// SPDX-License-Identifier: MIT
//
// PciConfig: the 256-byte configuration space of one conventional PCI function, header type 0, with
// an optional MSI capability (64-bit addresses, one vector). PCI Local Bus 3.0, registers as named
// in <linux/pci_regs.h>. It decodes nothing: address decoding is done by the client.
#ifndef HGCM_VFIO_USER_PCI_CONFIG_H
#define HGCM_VFIO_USER_PCI_CONFIG_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "vfio-user/server.h"

namespace hgcm::vfio_user {

/// Not thread-safe: belongs to the server's thread.
class PciConfig {
 public:
  static constexpr std::size_t kSize = 256;
  static constexpr std::size_t kMsiOffset = 0x40;

  explicit PciConfig(const Options& options) noexcept;

  /// Power-on values.
  void reset() noexcept;

  /// [offset, offset + size) must lie within kSize. `intx_asserted` is the interrupt status bit.
  void read(std::size_t offset, std::span<std::byte> out, bool intx_asserted) const noexcept;
  /// Changes the writable bits only.
  void write(std::size_t offset, std::span<const std::byte> in) noexcept;

  [[nodiscard]] bool intx_disabled() const noexcept;
  [[nodiscard]] bool msi_enabled() const noexcept;

 private:
  void set(std::size_t offset, unsigned width, std::uint32_t value,
           std::uint32_t writable) noexcept;
  [[nodiscard]] unsigned byte(std::size_t offset) const noexcept;

  std::array<std::byte, kSize> power_on_{};
  std::array<std::byte, kSize> writable_{};
  std::array<std::byte, kSize> now_{};
  bool msi_;
};

}  // namespace hgcm::vfio_user

#endif

// SPDX-License-Identifier: MIT
//
// The configuration space: power-on values and write masks, laid down once. See pci_config.h.
#include "vfio-user/pci_config.h"

#include <linux/pci_regs.h>

#include <cstring>

namespace hgcm::vfio_user {

void PciConfig::set(std::size_t offset, unsigned width, std::uint32_t value,
                    std::uint32_t writable) noexcept {
  for (unsigned i = 0; i < width; ++i) {
    power_on_.at(offset + i) = static_cast<std::byte>(value >> (8 * i));
    writable_.at(offset + i) = static_cast<std::byte>(writable >> (8 * i));
  }
}

PciConfig::PciConfig(const Options& options) noexcept : msi_(options.msi) {
  set(PCI_VENDOR_ID, 2, options.vendor_id, 0);
  set(PCI_DEVICE_ID, 2, options.device_id, 0);
  set(PCI_COMMAND, 2, 0,
      PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_PARITY |
          PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE);
  set(PCI_STATUS, 2, msi_ ? PCI_STATUS_CAP_LIST : 0, 0);
  set(PCI_CLASS_REVISION, 4, options.class_code << 8 | options.revision, 0);
  set(PCI_CACHE_LINE_SIZE, 1, 0, 0xff);
  set(PCI_LATENCY_TIMER, 1, 0, 0xff);
  set(PCI_HEADER_TYPE, 1, PCI_HEADER_TYPE_NORMAL, 0);
  for (unsigned i = 0; i < kBarCount; ++i) {
    const BarConfig& bar = options.bars.at(i);
    if (bar.kind == BarConfig::Kind::kNone) continue;
    const bool ports = bar.kind == BarConfig::Kind::kPorts;
    const std::uint32_t type = ports ? PCI_BASE_ADDRESS_SPACE_IO
                                     : PCI_BASE_ADDRESS_SPACE_MEMORY | PCI_BASE_ADDRESS_MEM_TYPE_32;
    // Sizing works by the low address bits being fixed at zero.
    set(PCI_BASE_ADDRESS_0 + std::size_t{4} * i, 4, type, ~(bar.size - 1));
  }
  set(PCI_SUBSYSTEM_VENDOR_ID, 2, options.subsystem_vendor_id, 0);
  set(PCI_SUBSYSTEM_ID, 2, options.subsystem_id, 0);
  set(PCI_CAPABILITY_LIST, 1, msi_ ? kMsiOffset : 0, 0);
  set(PCI_INTERRUPT_LINE, 1, 0, 0xff);
  set(PCI_INTERRUPT_PIN, 1, 1, 0);
  if (msi_) {
    set(kMsiOffset + PCI_CAP_LIST_ID, 1, PCI_CAP_ID_MSI, 0);
    set(kMsiOffset + PCI_CAP_LIST_NEXT, 1, 0, 0);
    set(kMsiOffset + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_64BIT,
        PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE);
    set(kMsiOffset + PCI_MSI_ADDRESS_LO, 4, 0, 0xfffffffc);
    set(kMsiOffset + PCI_MSI_ADDRESS_HI, 4, 0, 0xffffffff);
    set(kMsiOffset + PCI_MSI_DATA_64, 2, 0, 0xffff);
  }
  reset();
}

void PciConfig::reset() noexcept {
  now_ = power_on_;
}

unsigned PciConfig::byte(std::size_t offset) const noexcept {
  return std::to_integer<unsigned>(now_.at(offset));
}

void PciConfig::read(std::size_t offset, std::span<std::byte> out,
                     bool intx_asserted) const noexcept {
  std::memcpy(out.data(), now_.data() + offset, out.size());
  if (intx_asserted && offset <= PCI_STATUS && PCI_STATUS < offset + out.size()) {
    out[PCI_STATUS - offset] |= std::byte{PCI_STATUS_INTERRUPT};
  }
}

void PciConfig::write(std::size_t offset, std::span<const std::byte> in) noexcept {
  for (std::size_t i = 0; i < in.size(); ++i) {
    const std::byte mask = writable_.at(offset + i);
    std::byte& target = now_.at(offset + i);
    target = (target & ~mask) | (in[i] & mask);
  }
}

bool PciConfig::intx_disabled() const noexcept {
  return (byte(PCI_COMMAND + 1) & (PCI_COMMAND_INTX_DISABLE >> 8)) != 0;
}

bool PciConfig::msi_enabled() const noexcept {
  return msi_ && (byte(kMsiOffset + PCI_MSI_FLAGS) & PCI_MSI_FLAGS_ENABLE) != 0;
}

}  // namespace hgcm::vfio_user

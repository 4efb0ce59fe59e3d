// SPDX-License-Identifier: MIT
//
// Layout: the regions and interrupts of the device as the protocol numbers them, computed once from
// the options. What a message may name is checked against this.
#ifndef HGCM_VFIO_USER_LAYOUT_H
#define HGCM_VFIO_USER_LAYOUT_H

#include <linux/vfio.h>

#include <array>
#include <cstdint>
#include <vector>

#include "vfio-user/pci_config.h"
#include "vfio-user/server.h"

namespace hgcm::vfio_user {

struct RegionLayout {
  std::uint64_t size = 0;   ///< 0: not there
  std::uint32_t flags = 0;  ///< VFIO_REGION_INFO_FLAG_x, without CAPS
  bool ports = false;
  /// Empty where the whole region is mappable or nothing is.
  std::vector<MappableArea> sparse;
};

struct IrqLayout {
  std::uint32_t flags = 0;  ///< VFIO_IRQ_INFO_x
  std::uint32_t count = 0;
};

struct Layout {
  std::array<RegionLayout, VFIO_PCI_NUM_REGIONS> regions;
  std::array<IrqLayout, VFIO_PCI_NUM_IRQS> irqs;

  explicit Layout(const Options& options) {
    for (unsigned i = 0; i < kBarCount; ++i) {
      const BarConfig& bar = options.bars.at(i);
      if (bar.kind == BarConfig::Kind::kNone) continue;
      RegionLayout& region = regions.at(VFIO_PCI_BAR0_REGION_INDEX + i);
      region.size = bar.size;
      region.flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
      region.ports = bar.kind == BarConfig::Kind::kPorts;
      if (bar.mappable.empty()) continue;
      region.flags |= VFIO_REGION_INFO_FLAG_MMAP;
      const bool whole = bar.mappable.size() == 1 && bar.mappable.front().size == bar.size;
      if (!whole) region.sparse = bar.mappable;
    }
    regions.at(VFIO_PCI_CONFIG_REGION_INDEX) = {
        .size = PciConfig::kSize,
        .flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE,
        .ports = false,
        .sparse = {}};
    irqs.at(VFIO_PCI_INTX_IRQ_INDEX) = {
        VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED, 1};
    if (options.msi) {
      irqs.at(VFIO_PCI_MSI_IRQ_INDEX) = {VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE, 1};
    }
  }
};

}  // namespace hgcm::vfio_user

#endif

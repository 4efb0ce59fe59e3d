// SPDX-License-Identifier: MIT
//
// Facilities: the table of guest facility statuses (request 59; protocol sections 3.1 and 4.5).
#ifndef HGCM_VMMDEV_FACILITIES_H
#define HGCM_VMMDEV_FACILITIES_H

#include "vmmdev/device.h"

#include <hgcm/status.h>

#include <cstdint>
#include <vector>

namespace hgcm::vmmdev {

/// Not thread-safe.
class Facilities {
 public:
  Facilities();

  /// One report. HGCM_ERR_INVALID_PARAMETER for a facility number that cannot be,
  /// HGCM_ERR_OUT_OF_RANGE for a status over 16 bits, HGCM_ERR_OUT_OF_RESOURCES when the table is
  /// full of facilities in use.
  Status report(std::uint32_t facility, std::uint32_t status, std::uint32_t flags);

  [[nodiscard]] const std::vector<FacilityStatus>& list() const noexcept { return list_; }
  /// False, and nothing happens: it cannot be the list of such a table.
  bool restore(std::vector<FacilityStatus> list);

 private:
  std::vector<FacilityStatus> list_;  // the fixed ones first
};

}  // namespace hgcm::vmmdev

#endif

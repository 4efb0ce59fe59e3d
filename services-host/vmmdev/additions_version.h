// SPDX-License-Identifier: MIT
//
// The version that guest additions report about themselves (request 58; protocol section 3.1).
#ifndef HGCM_VMMDEV_ADDITIONS_VERSION_H
#define HGCM_VMMDEV_ADDITIONS_VERSION_H

#include <hgcm/status.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace hgcm::vmmdev {

struct AdditionsVersion {
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  std::uint32_t build = 0;
};

/// Checks the numbers and the name, which must repeat them ("7.2.2", "7.2.2_BETA1_Vendor").
/// `field` is the fixed array of the request. Returns the name, for additions before 4.1.50 without
/// a tail that is malformed; or HGCM_ERR_INVALID_PARAMETER, HGCM_ERR_OUT_OF_RANGE.
Result<std::string> check_additions_version(const AdditionsVersion& version,
                                            std::string_view field);

}  // namespace hgcm::vmmdev

#endif

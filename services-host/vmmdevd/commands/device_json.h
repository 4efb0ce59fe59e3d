// SPDX-License-Identifier: MIT
//
// The JSON form of what a guest tells its device; shared by commands and events.
#ifndef HGCM_VMMDEVD_COMMANDS_DEVICE_JSON_H
#define HGCM_VMMDEVD_COMMANDS_DEVICE_JSON_H

#include "vmmdev/device.h"
#include "vmmdevd/control/protocol.h"

#include <cstdint>

namespace hgcm::vmmdev {
struct PointerShape;
}

namespace hgcm::control {

[[nodiscard]] Json mouse_features_json(std::uint32_t guest_features);
[[nodiscard]] Json capabilities_json(std::uint32_t capabilities);
[[nodiscard]] Json facility_json(const vmmdev::FacilityStatus& facility);
/// Without the image.
[[nodiscard]] Json shape_json(const vmmdev::PointerShape& shape);
/// Only what the guest says is valid; memory in bytes.
[[nodiscard]] Json guest_statistics_json(const vmmdev::GuestStatistics& report);

}  // namespace hgcm::control

#endif

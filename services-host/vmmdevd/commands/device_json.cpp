// SPDX-License-Identifier: MIT
//
// See device_json.h.
#include "vmmdevd/commands/device_json.h"

#include "vmmdev/pointer.h"
#include "vmmdevd/protocol_names.h"

#include <array>
#include <chrono>

namespace hgcm::control {

Json mouse_features_json(std::uint32_t guest_features) {
  return {{"features", guest_features},
          {"absolute", (guest_features & 0x01U) != 0},
          {"needs-host-cursor", (guest_features & 0x04U) != 0},
          {"position-events", (guest_features & 0x10U) != 0},
          {"full-state", (guest_features & 0x80U) != 0}};
}

Json capabilities_json(std::uint32_t capabilities) {
  return {{"capabilities", capabilities},
          {"seamless", (capabilities & 1U) != 0},
          {"window-mapping", (capabilities & 2U) != 0},
          {"graphics", (capabilities & 4U) != 0}};
}

Json facility_json(const vmmdev::FacilityStatus& facility) {
  return {{"facility", facility.facility},
          {"name", facility_name(facility.facility)},
          {"status", facility.status},
          {"status-name", facility_status_name(facility.status)}};
}

Json shape_json(const vmmdev::PointerShape& shape) {
  Json json = {{"visible", shape.visible}, {"image", shape.has_image}};
  if (shape.has_image) {
    json.update({{"alpha", shape.alpha},
                 {"x-hot", shape.x_hot},
                 {"y-hot", shape.y_hot},
                 {"width", shape.width},
                 {"height", shape.height}});
  }
  return json;
}

Json guest_statistics_json(const vmmdev::GuestStatistics& report) {
  struct Entry {
    const char* name;
    std::uint64_t value;
  };
  // In the order of their bits.
  const std::array entries = {Entry{"cpu-idle", report.cpu_idle},
                              Entry{"cpu-kernel", report.cpu_kernel},
                              Entry{"cpu-user", report.cpu_user},
                              Entry{"threads", report.threads},
                              Entry{"processes", report.processes},
                              Entry{"handles", report.handles},
                              Entry{"memory-load", report.memory_load},
                              Entry{"memory-total", report.physical_total},
                              Entry{"memory-available", report.physical_available},
                              Entry{"memory-balloon", report.balloon},
                              Entry{"memory-committed", report.committed_total},
                              Entry{"kernel-total", report.kernel_total},
                              Entry{"kernel-paged", report.kernel_paged},
                              Entry{"kernel-nonpaged", report.kernel_nonpaged},
                              Entry{"system-cache", report.system_cache},
                              Entry{"page-file", report.page_file}};
  using std::chrono::milliseconds;
  Json json = {{"cpu", report.cpu},
               {"time-ms",
                std::chrono::duration_cast<milliseconds>(report.time.time_since_epoch()).count()}};
  for (std::size_t bit = 0; bit < entries.size(); ++bit) {
    if ((report.valid >> bit & 1U) != 0) json[entries.at(bit).name] = entries.at(bit).value;
  }
  return json;
}

}  // namespace hgcm::control

// SPDX-License-Identifier: MIT
//
// See facilities.h.
#include "vmmdev/facilities.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <utility>

namespace hgcm::vmmdev {
namespace {

// Driver, service, tray client, seamless, graphics.
constexpr std::array<std::uint32_t, 5> kFixed = {20, 100, 101, 1000, 1100};
constexpr std::size_t kMaxFacilities = 32;
constexpr std::uint32_t kAll = 0x7ffffffe;
constexpr std::uint32_t kInactive = 0;

}  // namespace

Facilities::Facilities() {
  const auto now = std::chrono::system_clock::now();
  for (const std::uint32_t facility : kFixed) {
    list_.push_back({.facility = facility, .status = kInactive, .flags = 0, .time = now});
  }
}

Status Facilities::report(std::uint32_t facility, std::uint32_t status, std::uint32_t flags) {
  if (facility == 0 || facility > kAll) return HGCM_ERR_INVALID_PARAMETER;
  if (status > std::numeric_limits<std::uint16_t>::max()) return HGCM_ERR_OUT_OF_RANGE;

  const auto now = std::chrono::system_clock::now();
  const auto update = [&](FacilityStatus& entry) {
    entry = {.facility = entry.facility, .status = status, .flags = flags, .time = now};
  };
  if (facility == kAll) {
    std::ranges::for_each(list_, update);
    return HGCM_INF_SUCCESS;
  }
  auto entry = std::ranges::find(list_, facility, &FacilityStatus::facility);
  if (entry == list_.end()) {
    if (list_.size() < kMaxFacilities) {
      entry = list_.emplace(list_.end());
    } else {
      entry = std::ranges::find(list_.begin() + kFixed.size(), list_.end(), kInactive,
                                &FacilityStatus::status);
      if (entry == list_.end()) return HGCM_ERR_OUT_OF_RESOURCES;
    }
    entry->facility = facility;
  }
  update(*entry);
  return HGCM_INF_SUCCESS;
}

bool Facilities::restore(std::vector<FacilityStatus> list) {
  if (list.size() < kFixed.size() || list.size() > kMaxFacilities) return false;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const FacilityStatus& entry = list[i];
    if (i < kFixed.size() ? entry.facility != kFixed.at(i)
                          : entry.facility == 0 || entry.facility >= kAll) {
      return false;
    }
    if (entry.status > std::numeric_limits<std::uint16_t>::max()) return false;
  }
  list_ = std::move(list);
  return true;
}

}  // namespace hgcm::vmmdev

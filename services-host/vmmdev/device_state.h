// SPDX-License-Identifier: MIT
//
// DeviceState: everything of a device that a guest can tell, in a file. Little endian:
//
//   8 bytes "VMMDSAVE", u32 version (1), u32 CRC-32 of the payload, u64 bytes of payload, payload:
//     the fields in the order of `fields()` in device_state.cpp, u64 bytes of the services' own
//     state (hgcm/state_container.h), those bytes
//
// Not VirtualBox's format. A file is as little to be trusted as a guest: decode() checks all that
// later code relies on.
#ifndef HGCM_VMMDEV_DEVICE_STATE_H
#define HGCM_VMMDEV_DEVICE_STATE_H

#include "vmmdev/balloon.h"
#include "vmmdev/cpu_hot_plug.h"
#include "vmmdev/credentials.h"
#include "vmmdev/device.h"
#include "vmmdev/displays.h"
#include "vmmdev/events.h"
#include "vmmdev/pointer.h"
#include "vmmdev/wanted_value.h"

#include <hgcm/status.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace hgcm::vmmdev {

inline constexpr std::size_t kMaxDeviceState = 320U << 20;

struct DeviceState {
  bool unlocked = false;
  bool requestor_known = false;
  bool hgcm_event_enabled = false;
  bool heartbeat_active = false;
  bool heartbeat_running = false;
  Events::State events;
  std::uint32_t ring_position = 0;  ///< of the submission ring, which is empty

  std::uint32_t interface_version = 0;
  std::uint32_t os_type = 0;
  std::string additions_version = {};
  std::uint32_t additions_revision = 0;
  std::uint32_t additions_features = 0;
  std::uint32_t capabilities = 0;
  std::vector<FacilityStatus> facilities = {};

  Pointer::State pointer;
  Displays::State displays;
  Credentials::State credentials;
  CpuHotPlug::State cpu_hot_plug;
  Balloon::State balloon;
  WantedValue::State statistics_interval;
  WantedValue::State seamless;
  RemoteDisplay remote_display = {};
  std::int64_t time_offset_ms = 0;

  std::vector<GuestAddress> commands = {};  ///< pending ones, oldest first
  std::vector<std::byte> services = {};
};

[[nodiscard]] std::vector<std::byte> encode_state(const DeviceState& state);
/// HGCM_ERR_SSM_DATA_UNIT_FORMAT_CHANGED for another format or version, _SSM_UNEXPECTED_DATA for a
/// damaged or impossible state. What the services have to say of theirs is not looked at.
[[nodiscard]] Result<DeviceState> decode_state(std::span<const std::byte> bytes);
/// Header and checksum for a payload; for tests that make bad payloads.
[[nodiscard]] std::vector<std::byte> wrap_device_state(std::span<const std::byte> payload);

}  // namespace hgcm::vmmdev

#endif

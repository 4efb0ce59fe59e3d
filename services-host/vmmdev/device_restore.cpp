// SPDX-License-Identifier: MIT
//
// DeviceCore between its parts and a DeviceState, and HGCM commands that are submitted once more
// (protocol section 1.5).
#include "vmmdev/device_core.h"
#include "vmmdev/device_state.h"
#include "vmmdev/wire.h"

#include <new>

namespace hgcm::vmmdev {

DeviceState DeviceCore::state() const {
  DeviceState state{.unlocked = unlocked,
                    .requestor_known = requestor_known,
                    .hgcm_event_enabled = hgcm_event_enabled,
                    .events = events.state(),
                    .ring_position = ring.position(),
                    .pointer = pointer.state(),
                    .displays = displays.state(),
                    .credentials = credentials.state(),
                    .cpu_hot_plug = cpu_hot_plug.state(),
                    .balloon = balloon.state(),
                    .statistics_interval = statistics_interval.state(),
                    .seamless = seamless.state(),
                    .commands = hgcm->commands()};
  const std::lock_guard lock(mutex);
  state.heartbeat_active = guest.heartbeat_active;
  state.heartbeat_running = guest.last_heartbeat.has_value();
  state.interface_version = guest.interface_version;
  state.os_type = guest.os_type;
  state.additions_version = guest.additions_version;
  state.additions_revision = guest.additions_revision;
  state.additions_features = guest.additions_features;
  state.capabilities = guest.capabilities;
  state.facilities = guest.facilities.list();
  state.remote_display = host.remote_display;
  state.time_offset_ms = host.time_offset.count();
  return state;
}

bool DeviceCore::restore(const DeviceState& saved) {
  GuestState restored;
  auto facilities = saved.facilities;
  const auto now = std::chrono::system_clock::now();
  for (FacilityStatus& facility : facilities) facility.time = now;
  if (!restored.facilities.restore(std::move(facilities))) return false;
  restored.interface_version = saved.interface_version;
  restored.os_type = saved.os_type;
  restored.additions_version = saved.additions_version;
  restored.additions_revision = saved.additions_revision;
  restored.additions_features = saved.additions_features;
  restored.capabilities = saved.capabilities;
  restored.heartbeat_active = saved.heartbeat_active;
  // The guest gets a whole period to come back.
  if (saved.heartbeat_running) restored.last_heartbeat = std::chrono::steady_clock::now();

  power_on();  // with a new session id
  {
    const std::lock_guard lock(mutex);
    guest = std::move(restored);
    host.remote_display = saved.remote_display;
    host.time_offset = std::chrono::milliseconds(saved.time_offset_ms);
  }
  pointer.restore(saved.pointer);
  displays.restore(saved.displays);
  credentials.restore(saved.credentials);
  cpu_hot_plug.restore(saved.cpu_hot_plug);
  balloon.restore(saved.balloon);
  statistics_interval.restore(saved.statistics_interval);
  seamless.restore(saved.seamless);
  requestor_known = saved.requestor_known;
  hgcm_event_enabled = saved.hgcm_event_enabled;
  unlocked = saved.unlocked;
  ring.restore(saved.ring_position);
  events.restore(saved.events);
  return true;
}

void DeviceCore::resubmit(GuestAddress address) noexcept {
  Status status = HGCM_ERR_NO_MEMORY;
  try {
    status = try_resubmit(address);
  } catch (const std::bad_alloc&) {
  }
  if (status.failed()) hgcm->fail(address, status);
}

Status DeviceCore::try_resubmit(GuestAddress address) {
  RequestHeader header;
  if (!memory.read(address, header)) return HGCM_ERR_INVALID_POINTER;
  const auto size = load_field<std::uint32_t>(header, wire::header::kSize);
  const auto type = load_field<std::uint32_t>(header, wire::header::kType);
  const RequestHandler* handler = dispatcher.find(type);
  if (load_field<std::uint32_t>(header, wire::header::kVersion) != wire::kHeaderVersion ||
      size > wire::kMaxRequestSize || type < wire::kHgcmConnect || type > wire::kHgcmCall64 ||
      handler == nullptr || !handler->size.accepts(size)) {
    return HGCM_ERR_INVALID_PARAMETER;
  }
  const RequestBlock block{.storage = std::make_shared_for_overwrite<std::byte[]>(size),
                           .size = size};
  std::ranges::copy(header, block.bytes().begin());
  if (!memory.read(address + wire::header::kBytes, block.bytes().subspan(wire::header::kBytes))) {
    return HGCM_ERR_INVALID_POINTER;
  }
  const Request request(address, block, Submission::again);
  if ((request.get<std::uint32_t>(wire::hgcm::kFlags) & wire::hgcm::kDone) != 0) {
    // It was completed after its state had been saved and before the guest's memory was.
    events.signal(wire::kEventHgcm);
    return HGCM_INF_SUCCESS;
  }
  switch (type) {
    case wire::kHgcmConnect:
      return hgcm->connect(request, requestor(request)).status;
    case wire::kHgcmDisconnect:
      return hgcm->disconnect(request).status;
    case wire::kHgcmCall32:
      return hgcm->call(request, requestor(request), wire::hgcm::kParameterBytes32).status;
    default:
      return hgcm->call(request, requestor(request), wire::hgcm::kParameterBytes64).status;
  }
}

}  // namespace hgcm::vmmdev

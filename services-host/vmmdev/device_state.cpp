// SPDX-License-Identifier: MIT
//
// See device_state.h.
#include "vmmdev/device_state.h"

#include "hgcm/checksum.h"
#include "vmmdev/request.h"
#include "vmmdev/wire.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>

namespace hgcm::vmmdev {
namespace {

constexpr std::array<char, 8> kMagic{'V', 'M', 'M', 'D', 'S', 'A', 'V', 'E'};
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kHeaderBytes = 24;
constexpr std::size_t kMaxText = 127;
constexpr std::size_t kMaxFacilities = 32;
constexpr std::size_t kMaxCommands = 1U << 20;

class Writer {
 public:
  template <typename T>
    requires std::is_integral_v<T>
  void operator()(T& value) {
    if constexpr (std::is_same_v<T, bool>) {
      const std::uint8_t byte = value ? 1 : 0;
      raw(&byte, 1);
    } else {
      raw(&value, sizeof value);
    }
  }
  void operator()(Credentials::Text& text) { raw(text.data(), text.size()); }
  void text(std::string& value) {
    count(value, kMaxText);
    raw(value.data(), value.size());
  }
  template <typename Container>
  void count(Container& container, std::size_t /*maximum*/) {
    auto size = static_cast<std::uint32_t>(container.size());
    (*this)(size);
  }

  std::vector<std::byte> bytes;

 private:
  void raw(const void* data, std::size_t size) {
    const auto* from = static_cast<const std::byte*>(data);
    bytes.insert(bytes.end(), from, from + size);
  }
};

/// Reads from the front; once something is missing or wrong everything reads as zero.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  template <typename T>
    requires std::is_integral_v<T>
  void operator()(T& value) {
    if constexpr (std::is_same_v<T, bool>) {
      std::uint8_t byte = 0;
      (*this)(byte);
      check(byte <= 1);
      value = byte == 1;
    } else {
      value = 0;
      const auto from = take(sizeof value);
      if (!from.empty()) std::memcpy(&value, from.data(), sizeof value);
    }
  }
  void operator()(Credentials::Text& text) {
    const auto from = take(text.size());
    if (!from.empty()) std::memcpy(text.data(), from.data(), text.size());
    check(text.back() == '\0');
  }
  void text(std::string& value) {
    std::uint32_t size = 0;
    (*this)(size);
    check(size <= kMaxText);
    const auto from = take(failed_ ? 0 : size);
    value.assign(reinterpret_cast<const char*>(from.data()), from.size());
    check(std::ranges::all_of(value, [](char c) { return c >= ' ' && c <= '~'; }));
  }
  template <typename Container>
  void count(Container& container, std::size_t maximum) {
    std::uint32_t size = 0;
    (*this)(size);
    // Each element has a byte at least: a count does not allocate more than the file is long.
    check(size <= maximum && size <= bytes_.size());
    container.resize(failed_ ? 0 : size);
  }
  std::span<const std::byte> take(std::size_t size) {
    if (failed_ || size > bytes_.size()) {
      failed_ = true;
      return {};
    }
    const auto taken = bytes_.first(size);
    bytes_ = bytes_.subspan(size);
    return taken;
  }
  void check(bool good) { failed_ = failed_ || !good; }
  [[nodiscard]] bool at_end() const { return !failed_ && bytes_.empty(); }

 private:
  std::span<const std::byte> bytes_;
  bool failed_ = false;
};

template <typename Archive>
void fields(Archive& io, DisplayDefinition& display) {
  io(display.flags);
  io(display.id);
  io(display.x);
  io(display.y);
  io(display.width);
  io(display.height);
  io(display.bits_per_pixel);
}

template <typename Archive>
void fields(Archive& io, Credentials::Login& login) {
  io(login.user);
  io(login.password);
  io(login.domain);
}

template <typename Archive>
void fields(Archive& io, WantedValue::State& value) {
  io(value.wanted);
  io(value.seen);
}

template <typename Archive>
void fields(Archive& io, Events::State& events) {
  io(events.accepted);
  io(events.interface_version);
  io(events.pending);
  io(events.filter);
  io(events.deferred);
  io(events.deferred_filter);
  io(events.driver_features);
  io(events.event_mask);
}

template <typename Archive>
void fields(Archive& io, Pointer::State& pointer) {
  io(pointer.guest_features);
  io(pointer.host_features);
  io(pointer.report.x);
  io(pointer.report.y);
  io(pointer.report.wheel);
  io(pointer.report.horizontal_wheel);
  io(pointer.report.buttons);
}

template <typename Archive>
void fields(Archive& io, Displays::State& state) {
  for (Displays::Display& display : state.displays) {
    fields(io, display.current);
    fields(io, display.last_read);
    io(display.pending);
    io(display.read);
  }
  io(state.reported);
  io(state.acknowledged);
  io(state.max_width);
  io(state.max_height);
}

/// The fields of a state, in the order of the file; for writing and for reading.
template <typename Archive>
void fields(Archive& io, DeviceState& state) {
  io(state.unlocked);
  io(state.requestor_known);
  io(state.hgcm_event_enabled);
  io(state.heartbeat_active);
  io(state.heartbeat_running);
  fields(io, state.events);
  io(state.ring_position);
  io(state.interface_version);
  io(state.os_type);
  io.text(state.additions_version);
  io(state.additions_revision);
  io(state.additions_features);
  io(state.capabilities);
  io.count(state.facilities, kMaxFacilities);
  for (FacilityStatus& facility : state.facilities) {
    io(facility.facility);
    io(facility.status);
    io(facility.flags);
  }
  fields(io, state.pointer);
  fields(io, state.displays);
  fields(io, state.credentials.logon);
  io(state.credentials.local_logon);
  fields(io, state.credentials.judge);
  io(state.cpu_hot_plug.enabled);
  io(state.cpu_hot_plug.change.event);
  io(state.cpu_hot_plug.change.core);
  io(state.cpu_hot_plug.change.package);
  fields(io, state.balloon.target);
  io(state.balloon.chunks);
  fields(io, state.statistics_interval);
  fields(io, state.seamless);
  io(state.remote_display.active);
  io(state.remote_display.level);
  io(state.time_offset_ms);
  io.count(state.commands, kMaxCommands);
  for (GuestAddress& address : state.commands) io(address);
}

bool possible(const Pointer::State& pointer) noexcept {
  constexpr std::uint32_t kHost = wire::mouse::kAllFeatures & ~wire::mouse::kGuestFeatures;
  const auto in_range = [](std::int32_t position) {
    return position >= 0 && position <= wire::mouse::kMaxPosition;
  };
  return (pointer.guest_features & ~wire::mouse::kGuestFeatures) == 0 &&
         (pointer.host_features & ~kHost) == 0 && in_range(pointer.report.x) &&
         in_range(pointer.report.y) && (pointer.report.buttons & ~wire::mouse::kAllButtons) == 0;
}

bool possible(const Displays::State& state) noexcept {
  std::uint32_t id = 0;
  for (const Displays::Display& display : state.displays) {
    for (const DisplayDefinition* definition : {&display.current, &display.last_read}) {
      if (definition->id != id || (definition->flags & ~wire::display_flags::kAll) != 0) {
        return false;
      }
    }
    ++id;
  }
  return state.reported < kMaxDisplays;
}

bool possible(const DeviceState& state) noexcept {
  const std::uint32_t version = state.events.interface_version;
  const bool version_known =
      version == 0 || (version >> 16 == 1 && version <= wire::guest_info::kInterface104);
  const CpuHotPlug::Change& cpu = state.cpu_hot_plug.change;
  return version_known && state.unlocked == state.events.accepted &&
         state.interface_version == version && possible(state.pointer) &&
         possible(state.displays) && cpu.event >= CpuHotPlug::kNone &&
         cpu.event <= CpuHotPlug::kUnplug && state.seamless.wanted <= 1 &&
         state.remote_display.level <= wire::remote_display::kMaxLevel;
}

}  // namespace

std::vector<std::byte> wrap_device_state(std::span<const std::byte> payload) {
  std::vector<std::byte> file(kHeaderBytes + payload.size());
  std::memcpy(file.data(), kMagic.data(), kMagic.size());
  store_field(file, 8, kVersion);
  store_field(file, 12, host::crc32(payload));
  store_field(file, 16, std::uint64_t{payload.size()});
  std::ranges::copy(payload, file.begin() + kHeaderBytes);
  return file;
}

std::vector<std::byte> encode_state(const DeviceState& state) {
  Writer out;
  DeviceState copy = state;
  fields(out, copy);
  auto size = std::uint64_t{state.services.size()};
  out(size);
  out.bytes.insert(out.bytes.end(), state.services.begin(), state.services.end());
  auto file = wrap_device_state(out.bytes);
  wipe(out.bytes);
  return file;
}

Result<DeviceState> decode_state(std::span<const std::byte> bytes) {
  if (bytes.size() < kHeaderBytes || std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) != 0 ||
      load_field<std::uint32_t>(bytes, 8) != kVersion) {
    return failure(HGCM_ERR_SSM_DATA_UNIT_FORMAT_CHANGED);
  }
  const auto payload = bytes.subspan(kHeaderBytes);
  if (load_field<std::uint64_t>(bytes, 16) != payload.size() || payload.size() > kMaxDeviceState ||
      load_field<std::uint32_t>(bytes, 12) != host::crc32(payload)) {
    return failure(HGCM_ERR_SSM_UNEXPECTED_DATA);
  }
  Reader in(payload);
  DeviceState state;
  fields(in, state);
  std::uint64_t size = 0;
  in(size);
  const auto services = in.take(static_cast<std::size_t>(size));
  if (!in.at_end() || !possible(state)) return failure(HGCM_ERR_SSM_UNEXPECTED_DATA);
  state.services.assign(services.begin(), services.end());
  return state;
}

}  // namespace hgcm::vmmdev

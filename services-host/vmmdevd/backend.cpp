// SPDX-License-Identifier: MIT
//
// Between the vfio-user server and the device model; see backend.h.
#include "vmmdevd/backend.h"

#include "vmmdevd/log.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <utility>

namespace hgcm::vmmdevd {
namespace {

// Base system peripheral, other.
constexpr std::uint32_t kClassCode = 0x088000;

/// Little-endian value of 1 to 8 bytes, and back; the host is little-endian (see service_abi.h).
std::uint64_t to_value(std::span<const std::byte> bytes) noexcept {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data(), std::min(bytes.size(), sizeof value));
  return value;
}

void from_value(std::uint64_t value, std::span<std::byte> bytes) noexcept {
  std::fill(bytes.begin(), bytes.end(), std::byte{0xff});
  std::memcpy(bytes.data(), &value, std::min(bytes.size(), sizeof value));
}

}  // namespace

vfio_user::Options server_options(const Options& options) {
  using Kind = vfio_user::BarConfig::Kind;
  vfio_user::Options server;
  server.socket_path = options.socket.string();
  server.vendor_id = vmmdev::kPciVendor;
  server.device_id = vmmdev::kPciDevice;
  server.class_code = kClassCode;
  server.msi = options.msi;
  server.bars[kPortBar].kind = Kind::kPorts;
  server.bars[kPortBar].size = vmmdev::kPortBarSize;
  server.bars[kMemoryBar].kind = Kind::kMemory;
  server.bars[kMemoryBar].size = vmmdev::kMemoryBarSize;
  server.bars[kMemoryBar].backed = true;
  server.bars[kMemoryBar].mappable = {{0, vmmdev::kMemoryBarSize}};
  if (options.mmio_requests) {
    server.bars[kRequestBar].kind = Kind::kMemory;
    server.bars[kRequestBar].size = vmmdev::kRequestBarSize;
  }
  return server;
}

Backend::Backend(vmmdev::Device& device, host::ServiceHost& services,
                 std::shared_ptr<control::EventHub> events, std::function<void()> on_reset)
    : device_(device),
      services_(services),
      events_(std::move(events)),
      on_reset_(std::move(on_reset)) {}

void Backend::bar_read(unsigned bar, std::uint64_t offset, std::span<std::byte> out) noexcept {
  const auto width = static_cast<unsigned>(out.size());
  if (bar == kPortBar) {
    from_value(device_.port_read(offset, width), out);
  } else if (bar == kMemoryBar) {
    device_.memory_read(offset, out);
  } else if (bar == kRequestBar && (width == 4 || width == 8)) {
    from_value(device_.request_bar_read(offset, width), out);
  } else {
    std::fill(out.begin(), out.end(), std::byte{0xff});
  }
}

void Backend::bar_write(unsigned bar, std::uint64_t offset,
                        std::span<const std::byte> in) noexcept {
  const auto width = static_cast<unsigned>(in.size());
  if (bar == kPortBar) {
    device_.port_write(offset, width, static_cast<std::uint32_t>(to_value(in)));
  } else if (bar == kMemoryBar) {
    device_.memory_write(offset, in);
  } else if (bar == kRequestBar && (width == 4 || width == 8)) {
    device_.request_bar_write(offset, width, to_value(in));
  }
  if (!guest_ready_) {
    look_for_guest();
  }
}

void Backend::attach() noexcept {
  guest_ready_ = false;
  device_.reset();
  services_.notify(HGCM_SVC_EVENT_POWER_ON);
  log::info("guest connected");
  events_->emit(control::kEventGuestConnected, control::Json::object());
}

void Backend::reset() noexcept {
  guest_ready_ = false;
  device_.reset();
  log::info("machine reset");
  events_->emit(control::kEventReset, control::Json::object());
  on_reset_();
}

void Backend::detach() noexcept {
  guest_ready_ = false;
  device_.detach();
  services_.notify(HGCM_SVC_EVENT_POWER_OFF);
  log::info("guest disconnected");
  events_->emit(control::kEventGuestDisconnected, control::Json::object());
}

/// The device is unlocked by a request, and a request by a register write: so this is looked at
/// after each write until it has happened.
void Backend::look_for_guest() noexcept {
  const vmmdev::Device::GuestInfo info = device_.guest_info();
  if (!info.accepted) {
    return;
  }
  guest_ready_ = true;
  log::info("guest driver ready",
            {{"interface_version", info.interface_version}, {"os_type", info.os_type}});
  events_->emit(control::kEventGuestReady,
                {{"interface-version", info.interface_version}, {"os-type", info.os_type}});
}

}  // namespace hgcm::vmmdevd

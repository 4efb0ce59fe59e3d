// SPDX-License-Identifier: MIT
//
// Requests about displays: changes 51, 54, 80..82, modes 52, 53, 57, seamless windows 72, 73, 222,
// remote display 150, graphics 70, 71, 224 (protocol sections 3.4, 3.8).
#include "vmmdev/device_core.h"
#include "vmmdev/wire.h"

#include <array>
#include <vector>

namespace hgcm::vmmdev {
namespace {

namespace flags = wire::display_flags;

bool consumes(const Request& request, std::size_t offset) noexcept {
  return request.get<std::uint32_t>(offset) == wire::kEventDisplayChange;
}

void fill_change(Request& request, const DisplayDefinition& display) noexcept {
  namespace layout = wire::display_change;
  const auto valid = [&](std::uint32_t flag, std::uint32_t value) {
    return (display.flags & flag) != 0 ? value : 0;
  };
  request.set(layout::kWidth, valid(flags::kWidth, display.width));
  request.set(layout::kHeight, valid(flags::kHeight, display.height));
  request.set(layout::kBitsPerPixel, valid(flags::kBitsPerPixel, display.bits_per_pixel));
}

Outcome get_change(DeviceCore& device, Request& request) {
  const bool consume = consumes(request, wire::display_change::kEventAck);
  fill_change(request, device.displays.first(consume));
  return HGCM_INF_SUCCESS;
}

template <bool kEx>
Outcome get_next_change(DeviceCore& device, Request& request) {
  namespace layout = wire::display_change;
  const DisplayDefinition display =
      device.displays.next(consumes(request, wire::display_change::kEventAck));
  fill_change(request, display);
  request.set(layout::kDisplay, display.id);
  if constexpr (kEx) {
    request.set(layout::kX, display.x);
    request.set(layout::kY, display.y);
    request.set(layout::kChangeOrigin,
                static_cast<std::uint8_t>((display.flags & flags::kOrigin) != 0));
    request.set(layout::kEnabled,
                static_cast<std::uint8_t>((display.flags & flags::kDisabled) == 0));
  }
  return HGCM_INF_SUCCESS;
}

template <bool kMarkAcknowledged>
Outcome get_multi(DeviceCore& device, Request& request) {
  namespace layout = wire::display_multi;
  const auto capacity = request.get<std::uint32_t>(layout::kCount);
  if (capacity == 0 || capacity > kMaxDisplays ||
      request.size() != layout::kDisplays + std::size_t{capacity} * layout::kDisplayBytes) {
    return HGCM_ERR_INVALID_PARAMETER;
  }
  const bool consume = consumes(request, layout::kEventAck);
  const Displays::All all = device.displays.all(consume, capacity, kMarkAcknowledged);
  if (consume) request.set(layout::kCount, all.count);
  std::size_t at = layout::kDisplays;
  for (const DisplayDefinition& display : all.displays) {
    request.set(at + layout::kFlags, display.flags);
    request.set(at + layout::kId, display.id);
    request.set(at + layout::kX, display.x);
    request.set(at + layout::kY, display.y);
    request.set(at + layout::kWidth, display.width);
    request.set(at + layout::kHeight, display.height);
    request.set(at + layout::kBitsPerPixel, display.bits_per_pixel);
    at += layout::kDisplayBytes;
  }
  return HGCM_INF_SUCCESS;
}

template <std::size_t kWidth, std::size_t kHeight, std::size_t kAnswer>
Outcome mode_supported(DeviceCore& device, Request& request) {
  const bool supported = device.displays.supports(request.get<std::uint32_t>(kWidth),
                                                  request.get<std::uint32_t>(kHeight));
  request.set(kAnswer, static_cast<std::uint8_t>(supported));
  return HGCM_INF_SUCCESS;
}

Outcome mode_supported2(DeviceCore& device, Request& request) {
  namespace layout = wire::video_mode;
  if (request.get<std::uint32_t>(layout::kDisplay2) >= kMaxDisplays) {
    request.set<std::uint8_t>(layout::kSupported2, 0);
    return HGCM_INF_SUCCESS;
  }
  return mode_supported<layout::kWidth2, layout::kHeight2, layout::kSupported2>(device, request);
}

Outcome height_reduction(DeviceCore& /*device*/, Request& request) {
  // The host puts nothing of its own on the guest's screen.
  request.set<std::uint32_t>(wire::height_reduction::kReduction, 0);
  return HGCM_INF_SUCCESS;
}

// The ring in BAR1 was for a display of VirtualBox's own; there is none that could read it.
Outcome video_accel(DeviceCore& /*device*/, Request& /*request*/) {
  return HGCM_ERR_NOT_SUPPORTED;
}

template <typename Element, std::size_t kBytes>
std::vector<Element> elements(const Request& request, std::size_t offset, std::uint32_t count) {
  static_assert(sizeof(Element) == kBytes);
  std::vector<Element> all(count);
  if (count > 0) std::memcpy(all.data(), request.bytes().data() + offset, all.size() * kBytes);
  return all;
}

Outcome set_visible_region(DeviceCore& device, Request& request) {
  namespace layout = wire::visible_region;
  const auto count = request.get<std::uint32_t>(layout::kCount);
  if (count > layout::kMaxRectangles ||
      request.size() != layout::kRectangles + std::size_t{count} * layout::kRectangleBytes) {
    return HGCM_ERR_INVALID_PARAMETER;
  }
  device.observer().visible_region(
      elements<Rectangle, layout::kRectangleBytes>(request, layout::kRectangles, count));
  return HGCM_INF_SUCCESS;
}

Outcome update_monitor_positions(DeviceCore& device, Request& request) {
  namespace layout = wire::monitor_positions;
  const auto count = request.get<std::uint32_t>(layout::kCount);
  if (count > wire::kMaxRequestSize ||
      request.size() != layout::kPoints + std::size_t{count} * layout::kPointBytes) {
    return HGCM_ERR_INVALID_PARAMETER;
  }
  device.observer().monitor_positions(
      elements<Position, layout::kPointBytes>(request, layout::kPoints, count));
  return HGCM_INF_SUCCESS;
}

Outcome get_seamless_change(DeviceCore& device, Request& request) {
  namespace layout = wire::seamless;
  request.set(layout::kMode, device.seamless.ask(request.get<std::uint32_t>(layout::kEventAck)));
  return HGCM_INF_SUCCESS;
}

Outcome get_remote_display(DeviceCore& device, Request& request) {
  namespace layout = wire::remote_display;
  const std::lock_guard lock(device.mutex);
  request.set(layout::kActive, static_cast<std::uint8_t>(device.host.remote_display.active));
  request.set(layout::kLevel, device.host.remote_display.level);
  return HGCM_INF_SUCCESS;
}

Outcome get_graphics_capability(DeviceCore& device, Request& request) {
  namespace layout = wire::graphics_capability;
  std::uint32_t value = 0;
  switch (request.get<std::uint32_t>(layout::kIndex)) {
    case layout::kMaxIndex:
      value = layout::kDisplays;
      break;
    case layout::k3D:
      break;
    case layout::kDisplays:
      value = device.displays.count();
      break;
    default:
      return HGCM_ERR_NOT_SUPPORTED;
  }
  request.set(layout::kValue, value);
  return HGCM_INF_SUCCESS;
}

constexpr std::array kRequests = {
    RequestHandler{wire::kGetDisplayChange, exactly(wire::display_change::kBytes), Locked::refuse,
                   get_change},
    RequestHandler{wire::kGetDisplayChange2, exactly(wire::display_change::kBytes2), Locked::refuse,
                   get_next_change<false>},
    RequestHandler{wire::kGetDisplayChangeEx, exactly(wire::display_change::kBytesEx),
                   Locked::refuse, get_next_change<true>},
    RequestHandler{wire::kGetDisplayChangeMulti, at_least(wire::display_multi::kMinBytes),
                   Locked::refuse, get_multi<false>},
    RequestHandler{wire::kGetDisplayChangeMulti2, at_least(wire::display_multi::kMinBytes),
                   Locked::refuse, get_multi<true>},
    RequestHandler{wire::kVideoModeSupported, exactly(wire::video_mode::kBytes), Locked::refuse,
                   mode_supported<wire::video_mode::kWidth, wire::video_mode::kHeight,
                                  wire::video_mode::kSupported>},
    RequestHandler{wire::kVideoModeSupported2, exactly(wire::video_mode::kBytes2), Locked::refuse,
                   mode_supported2},
    RequestHandler{wire::kGetHeightReduction, exactly(wire::height_reduction::kBytes),
                   Locked::refuse, height_reduction},
    RequestHandler{wire::kVideoAccelEnable, at_least(wire::video_accel::kBytes), Locked::refuse,
                   video_accel},
    RequestHandler{wire::kVideoAccelFlush, at_least(wire::header::kBytes), Locked::refuse,
                   video_accel},
    RequestHandler{wire::kSetVisibleRegion, at_least(wire::visible_region::kRectangles),
                   Locked::refuse, set_visible_region},
    RequestHandler{wire::kUpdateMonitorPositions, at_least(wire::monitor_positions::kPoints),
                   Locked::refuse, update_monitor_positions},
    RequestHandler{wire::kGetSeamlessChange, exactly(wire::seamless::kBytes), Locked::refuse,
                   get_seamless_change},
    RequestHandler{wire::kGetRemoteDisplayChange, exactly(wire::remote_display::kBytes),
                   Locked::refuse, get_remote_display},
    RequestHandler{wire::kGetGraphicsCapability, exactly(wire::graphics_capability::kBytes),
                   Locked::refuse, get_graphics_capability},
};

}  // namespace

std::span<const RequestHandler> display_requests() noexcept {
  return kRequests;
}

}  // namespace hgcm::vmmdev

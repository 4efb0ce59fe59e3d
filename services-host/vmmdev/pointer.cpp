// SPDX-License-Identifier: MIT
//
// See pointer.h.
#include "vmmdev/pointer.h"

#include "vmmdev/request.h"
#include "vmmdev/wire.h"

#include <algorithm>
#include <utility>

namespace hgcm::vmmdev {
namespace {

constexpr std::size_t kPixelBytes = 4;

bool in_range(std::int32_t position) noexcept {
  return position >= 0 && position <= wire::mouse::kMaxPosition;
}

}  // namespace

Result<PointerShape> PointerShape::parse(std::span<const std::byte> request) {
  namespace layout = wire::pointer_shape;
  const auto get = [&](std::size_t offset) { return load_field<std::uint32_t>(request, offset); };
  const std::uint32_t flags = get(layout::kFlags);
  PointerShape shape{
      .visible = (flags & layout::kVisible) != 0,
      .alpha = (flags & layout::kAlpha) != 0,
      .has_image = (flags & layout::kShape) != 0 && request.size() != layout::kMinBytes,
      .x_hot = get(layout::kHotX),
      .y_hot = get(layout::kHotY),
      .width = get(layout::kWidth),
      .height = get(layout::kHeight)};
  if (!shape.has_image) {
    shape.x_hot = shape.y_hot = shape.width = shape.height = 0;
    return shape;
  }
  if (shape.width > layout::kMaxExtent || shape.height > layout::kMaxExtent) {
    return failure(HGCM_ERR_INVALID_PARAMETER);
  }
  // 8192 * 8192 pixels at most: no sum here can overflow.
  const std::size_t mask = (std::size_t{shape.width} + 7) / 8 * shape.height;
  const std::size_t pixels = std::size_t{shape.width} * shape.height * kPixelBytes;
  const std::size_t image = layout::kData + (mask + 3) / 4 * 4;
  if (image + pixels > request.size()) return failure(HGCM_ERR_INVALID_PARAMETER);
  const auto copy = [&](std::size_t offset, std::size_t size) {
    const auto part = request.subspan(offset, size);
    return std::vector<std::byte>(part.begin(), part.end());
  };
  shape.mask = copy(layout::kData, mask);
  shape.pixels = copy(image, pixels);
  return shape;
}

std::vector<std::byte> PointerShape::rgba() const {
  std::vector<std::byte> result(pixels.size());
  const std::size_t line = (std::size_t{width} + 7) / 8;
  for (std::size_t i = 0; i * kPixelBytes < pixels.size(); ++i) {
    const std::byte* from = pixels.data() + i * kPixelBytes;
    std::byte* to = result.data() + i * kPixelBytes;
    std::copy_n(std::array{from[2], from[1], from[0]}.begin(), 3, to);
    const std::size_t x = i % width;
    const bool transparent =
        (mask[i / width * line + x / 8] & (std::byte{0x80} >> (x % 8))) != std::byte{0} &&
        std::all_of(from, from + 3, [](std::byte b) { return b == std::byte{0}; });
    to[3] = alpha ? from[3] : transparent ? std::byte{0} : std::byte{0xff};
  }
  return result;
}

Pointer::Pointer(Events& events) noexcept : events_(events) {
  state_.host_features = wire::mouse::kHostRechecksCursor | wire::mouse::kHostFullState;
}

void Pointer::want_absolute(bool wanted) noexcept {
  const std::lock_guard lock(mutex_);
  const std::uint32_t before = state_.host_features;
  state_.host_features =
      wanted ? before | wire::mouse::kHostWantsAbsolute : before & ~wire::mouse::kHostWantsAbsolute;
  if (state_.host_features != before) events_.signal(wire::kEventMouseCapabilities);
}

Status Pointer::report(const MouseReport& report) noexcept {
  if (!in_range(report.x) || !in_range(report.y) ||
      (report.buttons & ~wire::mouse::kAllButtons) != 0) {
    return HGCM_ERR_OUT_OF_RANGE;
  }
  want_absolute(true);
  const std::lock_guard lock(mutex_);
  MouseReport& last = state_.report;
  const bool news = report.x != last.x || report.y != last.y || report.buttons != last.buttons ||
                    report.wheel != 0 || report.horizontal_wheel != 0;
  last = report;
  if (news) events_.signal(wire::kEventMousePosition);
  return HGCM_INF_SUCCESS;
}

std::optional<PointerShape> Pointer::shape() const {
  const std::lock_guard lock(mutex_);
  return shape_;
}

Pointer::State Pointer::state() const noexcept {
  const std::lock_guard lock(mutex_);
  return state_;
}

std::uint32_t Pointer::features() const noexcept {
  const std::lock_guard lock(mutex_);
  return (state_.guest_features | state_.host_features) & wire::mouse::kAllFeatures;
}

bool Pointer::set_guest_features(std::uint32_t features) noexcept {
  const std::lock_guard lock(mutex_);
  const std::uint32_t before =
      std::exchange(state_.guest_features, features & wire::mouse::kGuestFeatures);
  return ((before ^ state_.guest_features) & wire::mouse::kToldToHost) != 0;
}

void Pointer::set_shape(const PointerShape& shape) {
  const std::lock_guard lock(mutex_);
  if (shape.has_image || !shape_) {
    shape_ = shape;
  } else {
    shape_->visible = shape.visible;
  }
}

bool Pointer::reset() noexcept {
  const std::lock_guard lock(mutex_);
  shape_.reset();
  return std::exchange(state_.guest_features, 0) != 0;
}

void Pointer::restore(const State& state) noexcept {
  const std::lock_guard lock(mutex_);
  state_ = state;
  shape_.reset();
}

}  // namespace hgcm::vmmdev

// SPDX-License-Identifier: MIT
//
// DeviceObserver: what the guest tells its host, for whoever runs the machine. The device checks
// and bounds everything before it gets here; texts are UTF-8 without NUL, otherwise the guest's.
#ifndef HGCM_VMMDEV_DEVICE_OBSERVER_H
#define HGCM_VMMDEV_DEVICE_OBSERVER_H

#include <hgcm/status.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace hgcm::vmmdev {

struct FacilityStatus;
struct GuestStatistics;
struct PointerShape;

/// Pixels; right and bottom are exclusive.
struct Rectangle {
  std::int32_t left = 0;
  std::int32_t top = 0;
  std::int32_t right = 0;
  std::int32_t bottom = 0;
};

struct Position {
  std::int32_t x = 0;
  std::int32_t y = 0;
};

/// Request 74.
struct GuestUserState {
  std::uint32_t state = 0;  ///< VBoxGuestUserState: 1 logged in, 2 logged out, 3 locked ...
  std::string_view user;
  std::string_view domain;
  std::string_view details;  ///< of the state; may be binary
};

enum class PowerRequest { kPause, kOff, kSave };
enum class Judgement { kOk, kDenied, kNone };

/// Members are called from any thread, inside the register access that brought the news (reset:
/// inside Device::reset()), with no lock held. They must not block, throw, or call members of the
/// Device that reset, detach, save or restore it.
class DeviceObserver {
 public:
  DeviceObserver() = default;
  DeviceObserver(const DeviceObserver&) = delete;
  DeviceObserver& operator=(const DeviceObserver&) = delete;
  virtual ~DeviceObserver() = default;

  /// Request 2, when a bit changed that the host side acts on; and reset.
  virtual void mouse_features(std::uint32_t /*features*/) {}
  /// Request 3. Without a shape only visibility changed.
  virtual void pointer_shape(const PointerShape& /*shape*/) {}
  /// Requests 55 and 56, and reset.
  virtual void capabilities(std::uint32_t /*capabilities*/) {}
  /// Request 59.
  virtual void facility(const FacilityStatus& /*status*/) {}
  /// Request 74.
  virtual void user_state(const GuestUserState& /*state*/) {}
  /// Request 72. Valid only during the call, as are all spans.
  virtual void visible_region(std::span<const Rectangle> /*rectangles*/) {}
  /// Request 222.
  virtual void monitor_positions(std::span<const Position> /*positions*/) {}
  /// Request 101.
  virtual void judgement(Judgement /*verdict*/) {}
  /// Request 110.
  virtual void statistics(const GuestStatistics& /*report*/) {}
  /// Request 113, after a chunk has changed hands.
  virtual void balloon(std::uint32_t /*chunks*/) {}
  /// Request 30. The status is the guest's answer; nothing happens to the machine by itself.
  virtual Status power(PowerRequest /*request*/) { return HGCM_INF_SUCCESS; }
  /// Request 218, when core dumps are enabled. The status is the guest's answer.
  virtual Status core_dump() { return HGCM_ERR_ACCESS_DENIED; }
  /// Request 221; the values are the code and its four parameters.
  virtual void bug_check(std::optional<std::array<std::uint64_t, 5>> /*values*/) {}
};

}  // namespace hgcm::vmmdev

#endif

// SPDX-License-Identifier: MIT
//
// GuestObserver: turns what the guest tells its device into control events, and carries out what
// it asks of its machine, as far as the operator has allowed it: with a QMP socket, stop and quit;
// with a directory for core dumps too, dumps of its memory.
#ifndef HGCM_VMMDEVD_GUEST_OBSERVER_H
#define HGCM_VMMDEVD_GUEST_OBSERVER_H

#include "vmmdev/device_observer.h"
#include "vmmdevd/control/events.h"
#include "vmmdevd/control/executor.h"

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>

namespace hgcm::vmmdevd {

class GuestObserver final : public vmmdev::DeviceObserver {
 public:
  struct Config {
    std::filesystem::path qmp = {};         ///< empty: QEMU is not told anything
    std::filesystem::path core_dumps = {};  ///< directory; empty: no core dumps
  };
  /// Dumps that are kept: a later one replaces the oldest.
  static constexpr unsigned kCoreDumps = 3;

  /// `executor` must outlive the machine's last request, its jobs this object.
  GuestObserver(Config config, std::shared_ptr<control::EventHub> events,
                control::Executor& executor);

  void mouse_features(std::uint32_t features) override;
  void pointer_shape(const vmmdev::PointerShape& shape) override;
  void capabilities(std::uint32_t capabilities) override;
  void facility(const vmmdev::FacilityStatus& status) override;
  void user_state(const vmmdev::GuestUserState& state) override;
  void visible_region(std::span<const vmmdev::Rectangle> rectangles) override;
  void monitor_positions(std::span<const vmmdev::Position> positions) override;
  void judgement(vmmdev::Judgement verdict) override;
  void statistics(const vmmdev::GuestStatistics& report) override;
  void balloon(std::uint32_t chunks) override;
  Status power(vmmdev::PowerRequest request) override;
  Status core_dump() override;
  void bug_check(std::optional<std::array<std::uint64_t, 5>> values) override;

 private:
  [[nodiscard]] bool ask_qemu(control::Json command);

  const Config config_;
  const std::shared_ptr<control::EventHub> events_;
  control::Executor& executor_;
  std::atomic<bool> asking_{false};
  std::atomic<unsigned> dumps_{0};
};

}  // namespace hgcm::vmmdevd

#endif

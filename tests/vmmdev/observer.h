// SPDX-License-Identifier: MIT
//
// RecordingObserver: keeps what the guest told, as lines of text.
#ifndef HGCM_TESTS_VMMDEV_OBSERVER_H
#define HGCM_TESTS_VMMDEV_OBSERVER_H

#include "fixture.h"
#include "vmmdev/device_observer.h"
#include "vmmdev/pointer.h"

#include <string>
#include <vector>

namespace hgcm::vmmdev::test {

class RecordingObserver final : public DeviceObserver {
 public:
  void mouse_features(std::uint32_t features) override { tell("mouse", features); }
  void pointer_shape(const PointerShape& shape) override {
    tell(shape.visible ? "shape visible" : "shape hidden", shape.width, shape.height);
  }
  void capabilities(std::uint32_t capabilities) override { tell("capabilities", capabilities); }
  void facility(const FacilityStatus& status) override {
    tell("facility", status.facility, status.status);
  }
  void user_state(const GuestUserState& state) override {
    tell("user " + std::string(state.user) + '@' + std::string(state.domain) + ':' +
             std::string(state.details),
         state.state);
  }
  void visible_region(std::span<const Rectangle> rectangles) override {
    tell("region", rectangles.size());
    for (const Rectangle& r : rectangles) tell("rectangle", r.left, r.top, r.right, r.bottom);
  }
  void monitor_positions(std::span<const Position> positions) override {
    tell("positions", positions.size());
    for (const Position& p : positions) tell("position", p.x, p.y);
  }
  void judgement(Judgement verdict) override { tell("judgement", static_cast<int>(verdict)); }
  void statistics(const GuestStatistics& report) override { tell("statistics", report.cpu_idle); }
  void balloon(std::uint32_t chunks) override { tell("balloon", chunks); }
  Status power(PowerRequest request) override {
    tell("power", static_cast<int>(request));
    return answer;
  }
  Status core_dump() override {
    tell("core dump");
    return answer;
  }
  void bug_check(std::optional<std::array<std::uint64_t, 5>> values) override {
    tell("bug check", values ? values->at(4) : 0);
  }

  /// All since the last time, in one line.
  std::string take() {
    std::string all;
    all.swap(told_);
    return all;
  }

  Status answer = HGCM_INF_SUCCESS;

 private:
  template <typename... Numbers>
  void tell(const std::string& what, Numbers... numbers) {
    if (!told_.empty()) told_ += "; ";
    told_ += what;
    ((told_ += ' ' + std::to_string(numbers)), ...);
  }

  std::string told_;
};

struct ObservedFixture {
  static constexpr std::uint32_t kAllEvents = 0x7ff;

  FakeServices fake;
  host::ServiceHost services{{}};
  RecordingObserver observer;
  Machine machine{services, {.config = {.observer = &observer}}};
  Device& device = machine.device;

  ObservedFixture() { machine.change_filter(kAllEvents); }

  /// As the guest's driver after a reset.
  void unlock() {
    machine.unlock();
    machine.change_filter(kAllEvents);
  }

  GuestRequest request(std::uint32_t type, std::uint32_t size) {
    // As stock drivers leave what they do not set.
    std::ranges::fill(machine.memory.at(Machine::kRequest, size), std::byte{0xaa});
    return machine.request(type, size);
  }
  std::int32_t submit(const GuestRequest& request) { return machine.submit(request); }
};

}  // namespace hgcm::vmmdev::test

#endif

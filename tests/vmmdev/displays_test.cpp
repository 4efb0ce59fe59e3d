// SPDX-License-Identifier: MIT
//
// Displays: change requests and who has seen them, modes, seamless windows, remote display
// (protocol section 3.4).
#include "vmmdev/displays.h"
#include "observer.h"

#include <array>

namespace hgcm::vmmdev::test {
namespace {

namespace flags = wire::display_flags;

constexpr std::uint32_t kAck = wire::kEventDisplayChange;

DisplayDefinition size_of(std::uint32_t id, std::uint32_t width, std::uint32_t height) {
  return {.flags = flags::kWidth | flags::kHeight, .id = id, .width = width, .height = height};
}

struct DisplayFixture : ObservedFixture {
  std::uint32_t event() { return machine.acknowledge() & kAck; }
  void hint(const DisplayDefinition& definition, bool force = false) {
    BOOST_REQUIRE(device.displays().hint(std::array{definition}, force).ok());
  }
  GuestRequest get(std::uint32_t type, std::uint32_t size, std::uint32_t ack) {
    auto made = request(type, size);
    made.set(36, ack);
    BOOST_REQUIRE(submit(made) == 0);
    return made;
  }
  GuestRequest multi(std::uint32_t type, std::uint32_t capacity, std::uint32_t ack) {
    auto made = request(type, 32 + 28 * capacity);
    made.set(24, ack).set(28, capacity);
    BOOST_REQUIRE(submit(made) == 0);
    return made;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(displays, DisplayFixture)

BOOST_AUTO_TEST_CASE(nothing_wanted_reads_as_unchanged) {
  const auto change = get(wire::kGetDisplayChangeEx, 56, 0);
  for (const std::size_t offset : std::initializer_list<std::size_t>{24, 28, 32, 40, 44, 48}) {
    BOOST_TEST(change.get<std::uint32_t>(offset) == 0U);
  }
  BOOST_TEST(change.get<std::uint8_t>(52) == 0);
  BOOST_TEST(change.get<std::uint8_t>(53) == 1);
}

BOOST_AUTO_TEST_CASE(hint_is_told_once_and_read) {
  hint(size_of(0, 1024, 768));
  BOOST_TEST(event() == kAck);
  auto change = get(wire::kGetDisplayChange, 40, kAck);
  BOOST_TEST(change.get<std::uint32_t>(24) == 1024U);
  BOOST_TEST(change.get<std::uint32_t>(28) == 768U);
  BOOST_TEST(change.get<std::uint32_t>(32) == 0U);
  hint(size_of(0, 1024, 768));
  BOOST_TEST(event() == 0U);
  hint(size_of(0, 1024, 768), true);
  BOOST_TEST(event() == kAck);
  hint(size_of(0, 1024, 769));
  BOOST_TEST(event() == kAck);
}

BOOST_AUTO_TEST_CASE(hint_taken_back_before_it_was_read_is_not_pending) {
  hint(size_of(0, 800, 600));
  get(wire::kGetDisplayChange2, 44, kAck);
  hint(size_of(0, 1000, 600));
  hint(size_of(0, 800, 600));
  BOOST_TEST(multi(wire::kGetDisplayChangeMulti, 1, kAck).get<std::uint32_t>(28) == 0U);
}

BOOST_AUTO_TEST_CASE(peek_shows_the_current_state_until_the_first_acknowledgement) {
  hint(size_of(0, 800, 600));
  BOOST_TEST(get(wire::kGetDisplayChange2, 44, 0).get<std::uint32_t>(24) == 800U);
  BOOST_TEST(get(wire::kGetDisplayChange2, 44, 5).get<std::uint32_t>(24) == 800U);
  get(wire::kGetDisplayChange2, 44, kAck);
  hint(size_of(0, 900, 700));
  BOOST_TEST(get(wire::kGetDisplayChange2, 44, 0).get<std::uint32_t>(24) == 800U);
  BOOST_TEST(get(wire::kGetDisplayChange2, 44, kAck).get<std::uint32_t>(24) == 900U);
}

BOOST_AUTO_TEST_CASE(displays_come_one_by_one_with_the_event_raised_again) {
  hint(size_of(2, 640, 480));
  hint(size_of(1, 320, 200));
  BOOST_TEST(event() == kAck);
  BOOST_TEST(get(wire::kGetDisplayChange2, 44, kAck).get<std::uint32_t>(40) == 1U);
  BOOST_TEST(event() == kAck);
  const auto second = get(wire::kGetDisplayChange2, 44, kAck);
  BOOST_TEST(second.get<std::uint32_t>(40) == 2U);
  BOOST_TEST(second.get<std::uint32_t>(24) == 640U);
  BOOST_TEST(event() == 0U);
  // Nothing pending: the last one again.
  BOOST_TEST(get(wire::kGetDisplayChange2, 44, kAck).get<std::uint32_t>(40) == 2U);
}

BOOST_AUTO_TEST_CASE(position_and_power_of_a_display_are_told) {
  hint({.flags = flags::kOrigin | flags::kDisabled, .id = 3, .x = -100, .y = 50});
  const auto change = get(wire::kGetDisplayChangeEx, 56, kAck);
  BOOST_TEST(change.get<std::uint32_t>(40) == 3U);
  BOOST_TEST(change.get<std::int32_t>(44) == -100);
  BOOST_TEST(change.get<std::int32_t>(48) == 50);
  BOOST_TEST(change.get<std::uint8_t>(52) == 1);
  BOOST_TEST(change.get<std::uint8_t>(53) == 0);
}

BOOST_AUTO_TEST_CASE(several_displays_are_consumed_at_once_even_those_that_do_not_fit) {
  hint({.flags = flags::kAll & ~flags::kDisabled,
        .id = 5,
        .x = 1,
        .y = -2,
        .width = 3,
        .height = 4,
        .bits_per_pixel = 32});
  hint(size_of(7, 640, 480));
  const auto change = multi(wire::kGetDisplayChangeMulti, 1, kAck);
  BOOST_TEST(change.get<std::uint32_t>(28) == 2U);
  const std::array<std::uint32_t, 7> expected = {0x3d, 5, 1, 0xfffffffe, 3, 4, 32};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    BOOST_TEST(change.get<std::uint32_t>(32 + 4 * i) == expected[i]);
  }
  BOOST_TEST(multi(wire::kGetDisplayChangeMulti, 64, kAck).get<std::uint32_t>(28) == 0U);
}

BOOST_AUTO_TEST_CASE(peek_at_several_shows_them_in_order_and_what_was_acknowledged) {
  hint(size_of(1, 640, 480));
  multi(wire::kGetDisplayChangeMulti2, 1, kAck);
  const auto seen = multi(wire::kGetDisplayChangeMulti2, 3, 0);
  BOOST_TEST(seen.get<std::uint32_t>(28) == 3U);
  BOOST_TEST(seen.get<std::uint32_t>(32 + 4) == 0U);
  BOOST_TEST(seen.get<std::uint32_t>(60) == (0x18U | flags::kAcknowledged));
  BOOST_TEST(seen.get<std::uint32_t>(60 + 4) == 1U);
  BOOST_TEST(seen.get<std::uint32_t>(88) == flags::kDisabled);
  BOOST_TEST(multi(wire::kGetDisplayChangeMulti, 2, 0).get<std::uint32_t>(60) == 0x18U);
}

BOOST_AUTO_TEST_CASE(capacity_out_of_range_is_invalid) {
  for (const std::uint32_t capacity : {0U, 65U, 0x80000001U}) {
    auto made = request(wire::kGetDisplayChangeMulti, 60);
    made.set<std::uint32_t>(24, 0).set(28, capacity);
    BOOST_TEST(submit(made) == HGCM_ERR_INVALID_PARAMETER);
  }
  auto odd = request(wire::kGetDisplayChangeMulti2, 61);
  BOOST_TEST(submit(odd.set<std::uint32_t>(28, 1)) == HGCM_ERR_INVALID_PARAMETER);
}

BOOST_AUTO_TEST_CASE(hints_that_make_no_sense_are_refused) {
  const auto refused = [&](const DisplayDefinition& definition) {
    return device.displays().hint(std::array{definition}, false).code() ==
           HGCM_ERR_INVALID_PARAMETER;
  };
  BOOST_TEST(refused(size_of(64, 1, 1)));
  BOOST_TEST(refused({.flags = 0x40}));
  BOOST_TEST(event() == 0U);
}

BOOST_AUTO_TEST_CASE(reset_keeps_what_is_pending_and_forgets_what_was_read) {
  hint(size_of(1, 640, 480));
  get(wire::kGetDisplayChange2, 44, kAck);
  hint(size_of(2, 800, 600));
  device.reset();
  unlock();
  BOOST_TEST(event() == kAck);
  // Peeks show the current state again.
  BOOST_TEST(multi(wire::kGetDisplayChangeMulti2, 3, 0).get<std::uint32_t>(60) == 0x18U);
  BOOST_TEST(get(wire::kGetDisplayChange2, 44, kAck).get<std::uint32_t>(40) == 2U);
}

BOOST_AUTO_TEST_CASE(modes_are_supported_up_to_the_limit) {
  const auto supported = [&](std::uint32_t width, std::uint32_t height) {
    auto mode = request(wire::kVideoModeSupported, 40);
    mode.set(24, width).set(28, height);
    BOOST_REQUIRE(submit(mode) == 0);
    const bool first = mode.get<std::uint8_t>(36) == 1;
    auto second = request(wire::kVideoModeSupported2, 44);
    second.set<std::uint32_t>(24, 63).set(28, width).set(32, height);
    BOOST_REQUIRE(submit(second) == 0);
    BOOST_TEST(first == (second.get<std::uint8_t>(40) == 1));
    return first;
  };
  BOOST_TEST(supported(100000, 100000));
  device.displays().set_limit(1920, 1080);
  BOOST_TEST(supported(1920, 1080));
  BOOST_TEST(!supported(1921, 1080));
  BOOST_TEST(!supported(1920, 1081));
}

BOOST_AUTO_TEST_CASE(mode_of_a_display_that_cannot_be_is_not_supported) {
  auto mode = request(wire::kVideoModeSupported2, 44);
  BOOST_TEST(submit(mode.set<std::uint32_t>(24, 64)) == 0);
  BOOST_TEST(mode.get<std::uint8_t>(40) == 0);
}

BOOST_AUTO_TEST_CASE(height_is_not_reduced) {
  const auto reduction = request(wire::kGetHeightReduction, 28);
  BOOST_TEST(submit(reduction) == 0);
  BOOST_TEST(reduction.get<std::uint32_t>(24) == 0U);
}

BOOST_AUTO_TEST_CASE(old_acceleration_is_not_supported) {
  auto enable = request(wire::kVideoAccelEnable, 36);
  BOOST_TEST(submit(enable.set<std::uint32_t>(28, 4193280)) == HGCM_ERR_NOT_SUPPORTED);
  BOOST_TEST(submit(request(wire::kVideoAccelEnable, 35)) == HGCM_ERR_INVALID_PARAMETER);
  BOOST_TEST(submit(request(wire::kVideoAccelFlush, 24)) == HGCM_ERR_NOT_SUPPORTED);
}

BOOST_AUTO_TEST_CASE(visible_region_is_told) {
  auto region = request(wire::kSetVisibleRegion, 28 + 32);
  region.set<std::uint32_t>(24, 2);
  for (std::uint32_t i = 0; i < 8; ++i) region.set<std::int32_t>(28 + 4 * i, 3 - int(i));
  BOOST_TEST(submit(region) == 0);
  BOOST_TEST(observer.take() == "region 2; rectangle 3 2 1 0; rectangle -1 -2 -3 -4");
  BOOST_TEST(submit(request(wire::kSetVisibleRegion, 28).set<std::uint32_t>(24, 0)) == 0);
  BOOST_TEST(observer.take() == "region 0");
}

BOOST_AUTO_TEST_CASE(visible_region_of_another_size_than_its_count_is_invalid) {
  for (const std::uint32_t count : {0U, 2U, 0x10000001U, (1U << 20) + 1, 0xffffffffU}) {
    auto region = request(wire::kSetVisibleRegion, 28 + 16);
    BOOST_TEST(submit(region.set(24, count)) == HGCM_ERR_INVALID_PARAMETER);
  }
  BOOST_TEST(observer.take() == "");
}

BOOST_AUTO_TEST_CASE(monitor_positions_are_told) {
  auto positions = request(wire::kUpdateMonitorPositions, 28 + 8);
  positions.set<std::uint32_t>(24, 1).set<std::int32_t>(28, -5).set<std::int32_t>(32, 6);
  BOOST_TEST(submit(positions) == 0);
  BOOST_TEST(observer.take() == "positions 1; position -5 6");
  for (const std::uint32_t count : {0U, 2U, 0x20000001U, 0xffffffffU}) {
    BOOST_TEST(submit(positions.set(24, count)) == HGCM_ERR_INVALID_PARAMETER);
  }
}

BOOST_AUTO_TEST_CASE(seamless_mode_is_wanted_until_acknowledged) {
  auto ask = request(wire::kGetSeamlessChange, 32);
  device.set_seamless(true);
  BOOST_TEST(device.seamless());
  BOOST_TEST(machine.acknowledge() == std::uint32_t{wire::kEventSeamlessChange});
  BOOST_TEST(submit(ask.set<std::uint32_t>(28, 0)) == 0);
  BOOST_TEST(ask.get<std::uint32_t>(24) == 1U);
  device.set_seamless(true);  // not seen yet: told again
  BOOST_TEST(machine.acknowledge() == std::uint32_t{wire::kEventSeamlessChange});
  BOOST_TEST(submit(ask.set<std::uint32_t>(28, wire::kEventSeamlessChange)) == 0);
  device.set_seamless(true);
  BOOST_TEST(machine.acknowledge() == 0U);
  device.reset();
  unlock();
  BOOST_TEST(machine.acknowledge() == std::uint32_t{wire::kEventSeamlessChange});
}

BOOST_AUTO_TEST_CASE(remote_display_is_told_when_it_changes) {
  BOOST_TEST(device.set_remote_display({.active = true, .level = 3}).ok());
  BOOST_TEST(machine.acknowledge() == std::uint32_t{wire::kEventRemoteDisplay});
  const auto ask = request(wire::kGetRemoteDisplayChange, 32);
  BOOST_TEST(submit(ask) == 0);
  BOOST_TEST(ask.get<std::uint8_t>(24) == 1);
  BOOST_TEST(ask.get<std::uint32_t>(28) == 3U);
  BOOST_TEST(device.set_remote_display({.active = true, .level = 3}).ok());
  BOOST_TEST(machine.acknowledge() == 0U);
  BOOST_TEST(device.set_remote_display({.level = 5}).code() == HGCM_ERR_OUT_OF_RANGE);
}

BOOST_AUTO_TEST_CASE(graphics_capabilities_are_told) {
  hint(size_of(4, 640, 480));
  auto ask = request(wire::kGetGraphicsCapability, 32);
  const auto value = [&](std::uint32_t index) {
    BOOST_TEST(submit(ask.set(24, index)) == 0);
    return ask.get<std::uint32_t>(28);
  };
  BOOST_TEST(value(0) == 2U);
  BOOST_TEST(value(1) == 0U);
  BOOST_TEST(value(2) == 2U);
  BOOST_TEST(submit(ask.set<std::uint32_t>(24, 3)) == HGCM_ERR_NOT_SUPPORTED);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace hgcm::vmmdev::test

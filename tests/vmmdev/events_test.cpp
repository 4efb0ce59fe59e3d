// SPDX-License-Identifier: MIT
//
// Events and interrupts (protocol section 4.2), and the event word of openhgcm/vmmdev_ext.h.
#include "fixture.h"

#include <thread>

namespace hgcm::vmmdev::test {
namespace {

constexpr std::uint32_t kMouse = wire::kEventMousePosition;
constexpr std::uint32_t kHgcm = wire::kEventHgcm;
constexpr std::uint32_t kBalloon = wire::kEventBalloonChange;

struct EventsFixture : Fixture {
  bool have_events() { return machine.bar1_value<std::uint8_t>(wire::memory::kHaveEvents) != 0; }
  void signal(std::uint32_t events) { machine.device.signal_events(events); }
};

struct WordFixture : EventsFixture {
  WordFixture() {
    machine.line.msi = true;
    machine.use_event_word(true);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(events, EventsFixture)

BOOST_AUTO_TEST_CASE(memory_bar_has_its_power_on_layout) {
  BOOST_TEST(machine.bar1_value<std::uint32_t>(0) == 4193576U);
  BOOST_TEST(machine.bar1_value<std::uint32_t>(4) == 1U);
  BOOST_TEST(machine.bar1_value<std::uint32_t>(8) == 0U);
  BOOST_TEST(machine.bar1_word(VMMDEV_EXT_OFFSET) == std::uint32_t{VMMDEV_EXT_MAGIC});
  BOOST_TEST(machine.bar1_word(VMMDEV_EXT_OFFSET + 4) == 1U);
  BOOST_TEST(machine.bar1_word(VMMDEV_EXT_OFFSET + 8) == std::uint32_t{VMMDEV_EXT_SIZE});
  BOOST_TEST(machine.bar1_word(VMMDEV_EXT_OFFSET + 12) ==
             (VMMDEV_EXT_F_EVENT_WORD | VMMDEV_EXT_F_RING));
}

BOOST_AUTO_TEST_CASE(reset_rewrites_the_memory_bar) {
  std::ranges::fill(machine.bar1(), std::byte{0x77});
  machine.device.reset();
  BOOST_TEST(machine.bar1_value<std::uint32_t>(0) == 4193576U);
  BOOST_TEST(machine.bar1_value<std::uint32_t>(8) == 0U);
  BOOST_TEST(machine.event_word() == 0U);
  BOOST_TEST(all_are(machine.bar1().subspan(28, 4193280), std::byte{0}));
}

BOOST_AUTO_TEST_CASE(wanted_event_raises_the_line_until_acknowledged) {
  signal(kMouse);
  BOOST_TEST(machine.line.level);
  BOOST_TEST(have_events());
  signal(kHgcm);
  BOOST_TEST(machine.line.raised == 1);
  BOOST_TEST(machine.acknowledge() == (kMouse | kHgcm));
  BOOST_TEST(!machine.line.level);
  BOOST_TEST(!have_events());
  BOOST_TEST(machine.acknowledge() == 0U);
  BOOST_TEST(counters().interrupts_level == 1U);
}

BOOST_AUTO_TEST_CASE(event_outside_the_filter_waits_for_the_filter) {
  signal(kBalloon);
  BOOST_TEST(!machine.line.level);
  BOOST_TEST(machine.acknowledge() == 0U);
  machine.change_filter(kBalloon);
  BOOST_TEST(machine.line.level);
  BOOST_TEST(machine.acknowledge() == kBalloon);
}

BOOST_AUTO_TEST_CASE(filter_change_with_events_unacknowledged_is_deferred) {
  signal(kMouse | kBalloon);
  machine.change_filter(kBalloon);
  machine.change_filter(0, kMouse);
  // Applied first, then the pending events are looked at: mouse is not wanted any more.
  BOOST_TEST(machine.acknowledge() == kBalloon);
  machine.change_filter(kMouse);
  BOOST_TEST(machine.acknowledge() == kMouse);
}

BOOST_AUTO_TEST_CASE(hgcm_event_cannot_be_filtered_out) {
  machine.change_filter(0, 0xffffffff);
  signal(kMouse | kHgcm);
  BOOST_TEST(machine.acknowledge() == kHgcm);
}

BOOST_AUTO_TEST_CASE(first_hgcm_request_puts_its_event_into_the_filter) {
  machine.device.reset();
  machine.report_guest_info();
  signal(kHgcm);
  BOOST_TEST(!machine.line.level);
  machine.submit(machine.disconnect_request(0));
  BOOST_TEST(machine.line.level);
}

BOOST_AUTO_TEST_CASE(event_before_guest_info_is_kept_without_interrupt) {
  machine.device.reset();
  signal(kMouse);
  machine.report_guest_info();
  BOOST_TEST(!machine.line.level);
  machine.change_filter(kMouse);
  BOOST_TEST(machine.line.level);
}

BOOST_AUTO_TEST_CASE(guest_info_lowers_the_line_and_keeps_the_events) {
  signal(kMouse);
  machine.report_guest_info();
  BOOST_TEST(!machine.line.level);
  BOOST_TEST(have_events());
  // The next event raises it again, though the one before was never acknowledged.
  signal(kHgcm);
  BOOST_TEST(machine.line.level);
  machine.report_guest_info2();
  BOOST_TEST(!machine.line.level);
  BOOST_TEST(machine.acknowledge() == (kMouse | kHgcm));
}

BOOST_AUTO_TEST_CASE(reset_keeps_only_a_display_change) {
  signal(kMouse | wire::kEventDisplayChange);
  machine.device.reset();
  BOOST_TEST(!machine.line.level);
  machine.report_guest_info();
  machine.change_filter(0xffffffff);
  BOOST_TEST(machine.acknowledge() == std::uint32_t{wire::kEventDisplayChange});
}

BOOST_AUTO_TEST_CASE(fast_register_acknowledges) {
  signal(kMouse);
  BOOST_TEST(machine.device.port_read(8, 4) == kMouse);
  BOOST_TEST(!machine.line.level);
  BOOST_TEST(machine.device.port_read(8, 4) == 0U);
  signal(kMouse);
  BOOST_TEST(machine.device.request_bar_read(8, 4) == kMouse);
  machine.device.reset();
  BOOST_TEST(machine.device.port_read(8, 4) == 0xffffffffU);
}

BOOST_AUTO_TEST_CASE(interface_1_03_has_events_and_mask_in_memory) {
  machine.device.reset();
  machine.report_guest_info(wire::guest_info::kInterface103);
  machine.bar1_word(wire::memory::kGuestEventMask) = kMouse;
  signal(kMouse | kBalloon);
  BOOST_TEST(machine.line.level);
  BOOST_TEST(machine.bar1_value<std::uint32_t>(wire::memory::kHostEvents) == kMouse);
  BOOST_TEST(machine.device.port_read(8, 4) == 0xffffffffU);
  BOOST_TEST(machine.line.level);
  machine.acknowledge();
  BOOST_TEST(!machine.line.level);
  BOOST_TEST(machine.bar1_value<std::uint32_t>(wire::memory::kHostEvents) == 0U);
  machine.bar1_word(wire::memory::kGuestEventMask) = kMouse | kBalloon;
  signal(kMouse);
  BOOST_TEST(machine.bar1_value<std::uint32_t>(wire::memory::kHostEvents) == (kMouse | kBalloon));
}

BOOST_AUTO_TEST_CASE(change_from_1_03_loses_no_event) {
  machine.device.reset();
  machine.report_guest_info(wire::guest_info::kInterface103);
  machine.bar1_word(wire::memory::kGuestEventMask) = kMouse;
  signal(kMouse);
  machine.report_guest_info(wire::guest_info::kInterface104);
  machine.change_filter(kMouse);
  BOOST_TEST(machine.acknowledge() == kMouse);
}

BOOST_AUTO_TEST_CASE(trapped_accesses_of_the_memory_bar_reach_it) {
  const std::array<std::byte, 4> in = {std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4}};
  machine.device.memory_write(28, in);
  std::array<std::byte, 4> out{};
  machine.device.memory_read(28, out);
  BOOST_TEST(in == out);
  machine.device.memory_write(kMemoryBarSize - 3, in);
  machine.device.memory_write(~0ULL, in);
  BOOST_TEST(counters().memory_writes == 3U);
  BOOST_TEST(counters().memory_reads == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(event_word, WordFixture)

BOOST_AUTO_TEST_CASE(event_goes_to_the_word_with_one_message) {
  signal(kMouse);
  signal(kHgcm);
  BOOST_TEST(machine.event_word().exchange(0) == (kMouse | kHgcm));
  BOOST_TEST(machine.line.messages == 1);
  BOOST_TEST(!machine.line.level);
  BOOST_TEST(!have_events());
  BOOST_TEST(machine.acknowledge() == 0U);
  signal(kMouse);
  BOOST_TEST(machine.line.messages == 2);
  BOOST_TEST(counters().interrupts_message == 2U);
  BOOST_TEST(counters().interrupts_level == 0U);
  BOOST_TEST(machine.device.guest_info().event_word);
}

BOOST_AUTO_TEST_CASE(filter_holds_for_the_word) {
  signal(kBalloon);
  BOOST_TEST(machine.event_word() == 0U);
  machine.change_filter(kBalloon);
  BOOST_TEST(machine.event_word() == kBalloon);
}

BOOST_AUTO_TEST_CASE(without_msi_events_take_the_level) {
  machine.line.msi = false;
  signal(kMouse);
  BOOST_TEST(machine.event_word() == 0U);
  BOOST_TEST(machine.line.level);
  BOOST_TEST(have_events());
  BOOST_TEST(machine.acknowledge() == kMouse);
}

BOOST_AUTO_TEST_CASE(change_to_the_word_takes_what_the_level_had) {
  machine.use_event_word(false);
  signal(kMouse);
  BOOST_TEST(machine.line.level);
  machine.use_event_word(true);
  signal(kHgcm);
  BOOST_TEST(machine.event_word().exchange(0) == (kMouse | kHgcm));
  BOOST_TEST(machine.line.messages == 1);
  BOOST_TEST(!machine.line.level);
  machine.use_event_word(false);
  signal(kMouse);
  BOOST_TEST(machine.line.level);
  BOOST_TEST(machine.line.raised == 2);
}

BOOST_AUTO_TEST_CASE(stale_word_does_not_silence_a_driver_that_begins) {
  machine.event_word() = kBalloon;
  signal(kMouse);
  BOOST_TEST(machine.line.messages == 1);
}

BOOST_AUTO_TEST_CASE(scribbled_word_keeps_the_device_sound) {
  signal(kMouse);
  machine.event_word() = 0xffffffff;
  signal(kHgcm);
  BOOST_TEST(machine.event_word().exchange(0) == 0xffffffffU);
  signal(kHgcm);
  BOOST_TEST(machine.event_word() == kHgcm);
}

BOOST_AUTO_TEST_CASE(every_signal_reaches_a_driver_that_sleeps_until_a_message) {
  // The guest takes events only after a message, as an interrupt handler does, and changes between
  // word and level at will. No event may be left behind.
  constexpr int kSignals = 20000;
  std::atomic<bool> finished{false};
  std::thread host([&] {
    for (int i = 0; i < kSignals; ++i) signal(i % 2 == 0 ? kMouse : kHgcm);
    finished = true;
  });
  int seen_messages = 0;
  std::uint32_t last = 0;
  while (!finished) {
    if (machine.line.messages != seen_messages) {
      seen_messages = machine.line.messages;
      last |= machine.event_word().exchange(0);
    }
  }
  host.join();
  // A last message may have come since; if the word holds events there must have been one.
  const bool announced = machine.line.messages != seen_messages;
  const std::uint32_t left = machine.event_word().exchange(0);
  BOOST_TEST((left == 0 || announced));
  BOOST_TEST((last | left) == (kMouse | kHgcm));
}

BOOST_AUTO_TEST_CASE(driver_that_changes_over_and_back_loses_nothing) {
  constexpr int kRounds = 200;
  std::atomic<int> signalled{0};
  std::atomic<int> received{0};
  std::atomic<bool> stop{false};
  std::thread toggler([&] {
    for (bool use = false; !stop; use = !use, std::this_thread::yield()) {
      machine.use_event_word(use);
      machine.line.msi = use;
    }
  });
  std::thread host([&] {
    for (int i = 0; i < kRounds; ++i) {
      signal(kMouse);
      ++signalled;
      while (received < signalled) std::this_thread::yield();
    }
  });
  // The driver looks at everything it can: the word, and an acknowledge.
  while (received < kRounds) {
    if (received == signalled) {
      std::this_thread::yield();
      continue;
    }
    const std::uint32_t got = machine.event_word().exchange(0) | machine.acknowledge();
    if ((got & kMouse) != 0) received = signalled.load();
  }
  host.join();
  stop = true;
  toggler.join();
  BOOST_TEST(received == kRounds);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(features_left_out, BareFixture)

BOOST_AUTO_TEST_CASE(fast_register_that_is_not_offered_acknowledges_nothing) {
  Machine machine(services, {.config = {.fast_acknowledge = false}});
  const auto version = machine.request(wire::kGetHostVersion, 40);
  machine.submit(version);
  BOOST_TEST(version.get<std::uint32_t>(36) == 0x0000000fU);
  machine.change_filter(kMouse);
  machine.device.signal_events(kMouse);
  BOOST_TEST(machine.device.port_read(8, 4) == 0xffffffffU);
  BOOST_TEST(machine.device.request_bar_read(8, 4) == 0xffffffffU);
  BOOST_TEST(machine.line.level);
  BOOST_TEST(machine.acknowledge() == kMouse);
}

BOOST_AUTO_TEST_CASE(word_that_is_not_offered_is_not_used) {
  Machine machine(services, {.config = {.event_word = false}});
  BOOST_TEST(machine.bar1_word(VMMDEV_EXT_OFFSET + VMMDEV_EXT_OFF_DEVICE_FEATURES) == 0U);
  machine.line.msi = true;
  machine.use_event_word(true);
  machine.device.signal_events(kMouse);
  BOOST_TEST(machine.event_word() == 0U);
  BOOST_TEST(machine.line.level);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace hgcm::vmmdev::test

// SPDX-License-Identifier: MIT
//
// The INTx rule and MSI, step by step, with time given from outside.
#define BOOST_TEST_DYN_LINK
#include <boost/test/unit_test.hpp>
#include <chrono>

#include "support.h"
#include "vfio-user/interrupts.h"

namespace hgcm::vfio_user::test {
namespace {

using std::chrono::microseconds;

struct Line {
  Line() { interrupts.set_intx_trigger(duplicate(intx)); }
  void enable_msi() {
    interrupts.set_msi_trigger(duplicate(msi));
    interrupts.set_controls(false, true);
  }
  /// What QEMU does with an access of the guest: it unmasks afterwards.
  void access_and_unmask() {
    interrupts.on_bar_access();
    interrupts.unmask_intx(now);
  }
  /// Lets time pass and the timer run, as the server's thread would.
  void wait(microseconds time) {
    now += time;
    if (const auto deadline = interrupts.deadline(); deadline && *deadline <= now) {
      interrupts.run_timer(now);
    }
  }
  std::uint64_t signals() { return take_events(intx); }

  UniqueFd intx = event_fd();
  UniqueFd msi = event_fd();
  Interrupts interrupts{microseconds(1000)};
  Interrupts::Clock::time_point now{};
};

BOOST_AUTO_TEST_SUITE(intx)

BOOST_AUTO_TEST_CASE(rise_while_unmasked_signals_once) {
  Line line;
  line.interrupts.set_level(true);
  line.interrupts.set_level(true);
  BOOST_TEST(line.signals() == 1U);
}

BOOST_AUTO_TEST_CASE(nothing_is_signalled_again_before_the_unmask) {
  Line line;
  line.interrupts.set_level(true);
  BOOST_TEST(line.signals() == 1U);
  line.interrupts.set_level(false);
  line.interrupts.set_level(true);
  line.wait(microseconds(1'000'000));
  BOOST_TEST(line.signals() == 0U);
}

// A handler that reads first: unmask, then acknowledge.
BOOST_AUTO_TEST_CASE(unmask_by_the_handlers_read_causes_no_spurious_interrupt) {
  Line line;
  line.interrupts.set_level(true);
  BOOST_TEST(line.signals() == 1U);
  line.access_and_unmask();
  line.wait(microseconds(60));
  line.interrupts.set_level(false);
  line.wait(microseconds(10'000));
  BOOST_TEST(line.signals() == 0U);
  BOOST_TEST(!line.interrupts.deadline().has_value());
}

// The same, and an event comes between the acknowledge and the end of the interrupt.
BOOST_AUTO_TEST_CASE(event_after_the_acknowledge_fires) {
  Line line;
  line.interrupts.set_level(true);
  BOOST_TEST(line.signals() == 1U);
  line.access_and_unmask();
  line.interrupts.set_level(false);
  line.interrupts.set_level(true);
  BOOST_TEST(line.signals() == 1U);
}

// A handler that acknowledges by its first access: the event comes while the line is masked.
BOOST_AUTO_TEST_CASE(event_between_acknowledge_and_unmask_fires_at_the_unmask) {
  Line line;
  line.interrupts.set_level(true);
  BOOST_TEST(line.signals() == 1U);
  line.interrupts.set_level(false);
  line.interrupts.set_level(true);
  BOOST_TEST(line.signals() == 0U);
  line.interrupts.unmask_intx(line.now);
  BOOST_TEST(line.signals() == 1U);
}

// The device raises the level during an access. The client sees the signal, and takes it back when
// that same access ends: the guest saw nothing.
BOOST_AUTO_TEST_CASE(signal_taken_back_by_an_older_access_is_repeated_at_once) {
  Line line;
  line.interrupts.on_bar_access();
  line.interrupts.set_level(true);
  BOOST_TEST(line.signals() == 1U);
  line.interrupts.unmask_intx(line.now);
  BOOST_TEST(line.signals() == 1U);
  BOOST_TEST(line.interrupts.counters().intx_resignalled == 0U);
}

BOOST_AUTO_TEST_CASE(level_still_high_some_time_after_the_handlers_access_is_signalled_again) {
  Line line;
  line.interrupts.set_level(true);
  BOOST_TEST(line.signals() == 1U);
  line.access_and_unmask();
  line.wait(microseconds(999));
  BOOST_TEST(line.signals() == 0U);
  line.wait(microseconds(1));
  BOOST_TEST(line.signals() == 1U);
  BOOST_TEST(line.interrupts.counters().intx_resignalled == 1U);
}

BOOST_AUTO_TEST_CASE(level_that_stays_high_is_signalled_ever_more_rarely) {
  Line line;
  line.interrupts.set_level(true);
  BOOST_TEST(line.signals() == 1U);
  for (const int expected : {1, 2, 4, 8, 16, 32, 64, 64, 64}) {
    line.access_and_unmask();
    line.wait(microseconds(1000 * expected - 1));
    BOOST_TEST(line.signals() == 0U);
    line.wait(microseconds(1));
    BOOST_TEST(line.signals() == 1U);
  }
}

BOOST_AUTO_TEST_CASE(delay_starts_anew_when_the_level_has_fallen) {
  Line line;
  line.interrupts.set_level(true);
  for (int i = 0; i < 4; ++i) {
    line.access_and_unmask();
    line.wait(microseconds(100'000));
  }
  line.interrupts.set_level(false);
  line.access_and_unmask();
  line.interrupts.set_level(true);
  BOOST_TEST(line.signals() > 0U);
  line.access_and_unmask();
  line.wait(microseconds(1000));
  BOOST_TEST(line.signals() == 1U);
}

BOOST_AUTO_TEST_CASE(repeated_unmask_does_not_put_the_recheck_off) {
  Line line;
  line.interrupts.set_level(true);
  BOOST_TEST(line.signals() == 1U);
  for (int i = 0; i < 10; ++i) {
    line.access_and_unmask();
    line.wait(microseconds(100));
  }
  BOOST_TEST(line.signals() == 1U);
}

BOOST_AUTO_TEST_CASE(masked_by_the_client_means_silent_until_unmasked) {
  Line line;
  line.interrupts.mask_intx();
  line.interrupts.set_level(true);
  BOOST_TEST(line.signals() == 0U);
  line.interrupts.unmask_intx(line.now);
  BOOST_TEST(line.signals() == 1U);
}

BOOST_AUTO_TEST_CASE(level_raised_before_binding_is_signalled_at_binding) {
  Interrupts interrupts(microseconds(1000));
  interrupts.set_level(true);
  const UniqueFd event = event_fd();
  interrupts.set_intx_trigger(duplicate(event));
  BOOST_TEST(take_events(event) == 1U);
}

BOOST_AUTO_TEST_CASE(disable_bit_in_the_command_register_holds_intx_back) {
  Line line;
  line.interrupts.set_controls(true, false);
  line.interrupts.set_level(true);
  BOOST_TEST(line.signals() == 0U);
  BOOST_TEST(line.interrupts.intx_asserted());
  line.interrupts.set_controls(false, false);
  BOOST_TEST(line.signals() == 1U);
}

BOOST_AUTO_TEST_CASE(disable_bit_during_the_recheck_loses_nothing) {
  Line line;
  line.interrupts.set_level(true);
  BOOST_TEST(line.signals() == 1U);
  line.access_and_unmask();
  line.interrupts.set_controls(true, false);
  line.wait(microseconds(1000));
  BOOST_TEST(line.signals() == 0U);
  line.interrupts.set_controls(false, false);
  BOOST_TEST(line.signals() == 1U);
}

BOOST_AUTO_TEST_CASE(unmask_eventfd_unmasks) {
  Line line;
  const UniqueFd unmask = event_fd();
  line.interrupts.set_intx_unmask(duplicate(unmask));
  line.interrupts.set_level(true);
  line.interrupts.set_level(false);
  line.interrupts.set_level(true);
  BOOST_TEST(line.signals() == 1U);
  const std::uint64_t one = 1;
  BOOST_TEST(::write(unmask.get(), &one, sizeof one) == 8);
  line.interrupts.on_intx_unmask_fd(line.now);
  BOOST_TEST(line.signals() == 1U);
  line.interrupts.on_intx_unmask_fd(line.now);  // not signalled again: no effect
  BOOST_TEST(line.interrupts.counters().intx_unmasked == 1U);
}

BOOST_AUTO_TEST_CASE(unbinding_closes_the_unmask_eventfd_too) {
  Line line;
  line.interrupts.set_intx_unmask(event_fd());
  BOOST_TEST(line.interrupts.intx_unmask_fd() >= 0);
  line.interrupts.set_intx_trigger({});
  BOOST_TEST(line.interrupts.intx_unmask_fd() == -1);
}

BOOST_AUTO_TEST_CASE(full_eventfd_does_not_block) {
  Interrupts interrupts(microseconds(1000));
  UniqueFd event(::eventfd(0, EFD_CLOEXEC));
  const std::uint64_t full = ~std::uint64_t{0} - 1;
  BOOST_TEST(::write(event.get(), &full, sizeof full) == 8);
  BOOST_TEST(Interrupts::prepare_eventfd(event) == 0);
  interrupts.set_intx_trigger(std::move(event));
  interrupts.set_level(true);
  BOOST_TEST(interrupts.counters().intx_signalled == 1U);
}

BOOST_AUTO_TEST_CASE(level_survives_the_client) {
  Line line;
  line.interrupts.set_level(true);
  BOOST_TEST(line.signals() == 1U);
  line.interrupts.clear();
  line.interrupts.set_intx_trigger(duplicate(line.intx));
  BOOST_TEST(line.signals() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE(msi)

BOOST_AUTO_TEST_CASE(each_rise_sends_one_message_and_no_intx) {
  Line line;
  line.enable_msi();
  for (int i = 0; i < 3; ++i) {
    line.interrupts.set_level(true);
    line.interrupts.set_level(true);
    line.interrupts.set_level(false);
  }
  BOOST_TEST(take_events(line.msi) == 3U);
  BOOST_TEST(line.signals() == 0U);
  BOOST_TEST(!line.interrupts.intx_asserted());
}

BOOST_AUTO_TEST_CASE(message_without_level_is_sent) {
  Line line;
  BOOST_TEST(!line.interrupts.send_message());
  line.enable_msi();
  BOOST_TEST(line.interrupts.send_message());
  BOOST_TEST(line.interrupts.send_message());
  BOOST_TEST(take_events(line.msi) == 2U);
}

BOOST_AUTO_TEST_CASE(level_that_is_high_when_msi_is_enabled_sends_a_message) {
  Line line;
  line.interrupts.set_level(true);
  line.enable_msi();
  BOOST_TEST(take_events(line.msi) == 1U);
  line.interrupts.set_controls(false, true);
  BOOST_TEST(take_events(line.msi) == 0U);
}

BOOST_AUTO_TEST_CASE(level_that_is_high_when_msi_is_disabled_goes_to_intx) {
  Line line;
  line.enable_msi();
  line.interrupts.set_level(true);
  BOOST_TEST(line.signals() == 0U);
  line.interrupts.set_msi_trigger({});
  BOOST_TEST(line.signals() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
}  // namespace
}  // namespace hgcm::vfio_user::test

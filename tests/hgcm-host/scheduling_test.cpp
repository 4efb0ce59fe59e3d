// SPDX-License-Identifier: MIT
//
// What threads tell the kernel's scheduler, as the kernel has it afterwards.
#include "hgcm/scheduling.h"
#include "hgcm/sched_attributes.h"

#include <boost/test/unit_test.hpp>

#include <sched.h>

#include <cstdint>
#include <thread>

using namespace hgcm::host;

namespace {

constexpr std::uint64_t kShort = std::chrono::nanoseconds(kShortTurn).count();

SchedAttributes attributes_now() {
  SchedAttributes attributes;
  BOOST_TEST_REQUIRE(get_attributes(0, attributes));
  return attributes;
}

void change(const SchedAttributes& attributes) {
  BOOST_TEST_REQUIRE(set_attributes(0, attributes));
}

/// Kernels before 6.12 say zero.
bool kernel_knows_turns() {
  return attributes_now().runtime != 0;
}

cpu_set_t processors() {
  cpu_set_t set;
  BOOST_TEST_REQUIRE(sched_getaffinity(0, sizeof set, &set) == 0);
  return set;
}

/// In a thread of its own: what is changed ends with it.
template <typename Test>
void aside(Test test) {
  std::thread(test).join();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(scheduling)

BOOST_AUTO_TEST_CASE(short_turns_are_asked_for_and_inherited) {
  aside([] {
    take_short_turns();
    if (!kernel_knows_turns()) return;
    BOOST_TEST(attributes_now().runtime == kShort);
    aside([] { BOOST_TEST(attributes_now().runtime == kShort); });
  });
}

BOOST_AUTO_TEST_CASE(niceness_stays_what_it_was) {
  aside([] {
    SchedAttributes nicer = attributes_now();
    nicer.nice += 3;
    change(nicer);
    take_short_turns();
    BOOST_TEST(attributes_now().nice == nicer.nice);
  });
}

BOOST_AUTO_TEST_CASE(other_policies_are_left_alone) {
  aside([] {
    SchedAttributes idle = attributes_now();
    idle.policy = SCHED_IDLE;
    change(idle);
    const std::uint64_t before = attributes_now().runtime;
    take_short_turns();
    BOOST_TEST(attributes_now().policy == std::uint32_t{SCHED_IDLE});
    BOOST_TEST(attributes_now().runtime == before);
  });
}

BOOST_AUTO_TEST_CASE(longer_turns_become_short_ones) {
  if (!kernel_knows_turns()) return;
  aside([] {
    SchedAttributes longer = attributes_now();
    longer.runtime = 10 * kShort;
    change(longer);
    take_short_turns();
    BOOST_TEST(attributes_now().runtime == kShort);
  });
}

BOOST_AUTO_TEST_CASE(stepping_aside_changes_the_processor_and_not_the_choice_of_them) {
  if (cpu_set_t all = processors(); CPU_COUNT(&all) < 2) return;
  aside([] {
    const cpu_set_t before = processors();
    int changes = 0;
    for (int i = 0; i < 20; ++i) {
      const int from = sched_getcpu();
      BOOST_TEST(step_aside());
      if (sched_getcpu() != from) ++changes;
    }
    // The kernel may have moved it back at once, but hardly each time.
    BOOST_TEST(changes > 10);
    const cpu_set_t after = processors();
    BOOST_TEST(CPU_EQUAL(&before, &after));
  });
}

BOOST_AUTO_TEST_CASE(nobody_steps_aside_with_a_single_processor) {
  aside([] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<unsigned>(sched_getcpu()), &one);
    BOOST_TEST_REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
    BOOST_TEST(!step_aside());
    const cpu_set_t after = processors();
    BOOST_TEST(CPU_EQUAL(&one, &after));
  });
}

BOOST_AUTO_TEST_SUITE_END()

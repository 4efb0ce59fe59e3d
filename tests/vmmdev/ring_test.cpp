// SPDX-License-Identifier: MIT
//
// The submission ring of openhgcm/vmmdev_ext.h, from the guest's side: what is taken, when, how it
// is answered, when an event is raised; and what a guest that writes nonsense into it gets.
#include "fixture.h"

#include <boost/test/unit_test.hpp>

#include <thread>

using namespace hgcm;
using namespace hgcm::vmmdev;
using namespace hgcm::vmmdev::test;

namespace {

constexpr std::uint32_t kHgcm = wire::kEventHgcm;

struct RingFixture : Fixture {
  explicit RingFixture(Machine::Options options = {}) : Fixture(std::move(options)) {
    machine.line.msi = true;
    use(VMMDEV_EXT_F_EVENT_WORD | VMMDEV_EXT_F_RING);
  }

  void use(std::uint32_t features) { word(VMMDEV_EXT_OFF_DRIVER_FEATURES) = features; }
  std::atomic_ref<std::uint32_t> word(std::size_t offset) {
    return machine.bar1_word(VMMDEV_EXT_OFFSET + offset);
  }
  std::uint32_t tail() { return word(VMMDEV_EXT_OFF_RING_TAIL); }
  void put(std::uint32_t address) {
    const std::uint32_t head = word(VMMDEV_EXT_OFF_RING_HEAD);
    word(VMMDEV_EXT_OFF_RING_ENTRIES + head % VMMDEV_EXT_RING_SIZE * 4) = address;
    word(VMMDEV_EXT_OFF_RING_HEAD) = head + 1;
  }
  void put(const GuestRequest& request) { put(static_cast<std::uint32_t>(request.address)); }
  void kick() { machine.device.port_write(wire::kRequestRegister, 4, 0); }
  /// What a service thread without work does.
  void look() {
    BOOST_TEST_REQUIRE(fake.call_source->begin());
    fake.call_source->look();
    fake.call_source->end();
  }
  GuestRequest call(GuestAddress at = Machine::kRequest) {
    return machine.call_request(1, 7, {Parm::u32(5)}, at);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(ring, RingFixture)

BOOST_AUTO_TEST_CASE(call_in_the_ring_is_taken_by_a_thread_that_looks) {
  const auto request = call();
  put(request);
  look();
  BOOST_TEST(request.status() == HGCM_INF_HGCM_ASYNC_EXECUTE);
  BOOST_TEST(fake.calls.size() == 1U);
  BOOST_TEST(tail() == 1U);
  BOOST_TEST(counters().ring_submissions == 1U);
  BOOST_TEST(machine.device.guest_info().ring);
}

BOOST_AUTO_TEST_CASE(place_in_the_ring_is_free_while_the_call_is_worked_on) {
  std::uint32_t tail_during_call = 0;
  fake.on_call = [&](auto, auto) {
    tail_during_call = tail();
    return Status(HGCM_INF_SUCCESS);
  };
  put(call());
  look();
  BOOST_TEST(tail_during_call == 1U);
}

BOOST_AUTO_TEST_CASE(call_in_the_ring_is_taken_by_a_kick) {
  const auto request = call();
  put(request);
  kick();
  BOOST_TEST(request.status() == HGCM_INF_HGCM_ASYNC_EXECUTE);
}

BOOST_AUTO_TEST_CASE(kick_alone_is_not_a_request) {
  const auto refused = counters().requests_refused;
  kick();
  BOOST_TEST(counters().requests_refused == refused);
}

BOOST_AUTO_TEST_CASE(call_that_arrives_while_polling_ends_is_taken) {
  BOOST_TEST_REQUIRE(fake.call_source->begin());
  BOOST_TEST(word(VMMDEV_EXT_OFF_RING_POLLING) == 1U);
  const auto request = call();
  put(request);
  fake.call_source->end();
  BOOST_TEST(word(VMMDEV_EXT_OFF_RING_POLLING) == 0U);
  BOOST_TEST(request.status() == HGCM_INF_HGCM_ASYNC_EXECUTE);
}

BOOST_AUTO_TEST_CASE(unwatched_completion_raises_the_event) {
  const auto request = call();
  put(request);
  look();
  fake.take_call()->complete(HGCM_INF_SUCCESS);
  BOOST_TEST(request.done());
  BOOST_TEST(machine.event_word() == kHgcm);
  BOOST_TEST(machine.line.messages == 1);
}

BOOST_AUTO_TEST_CASE(watched_completion_raises_none) {
  auto request = call();
  request.set(wire::header::kReserved, VMMDEV_EXT_WATCHED);
  put(request);
  look();
  fake.take_call()->complete(HGCM_INF_SUCCESS);
  BOOST_TEST(request.done());
  BOOST_TEST(machine.event_word() == 0U);
  BOOST_TEST(machine.line.messages == 0);
}

BOOST_AUTO_TEST_CASE(completion_after_watching_stopped_raises_the_event) {
  auto request = call();
  request.set(wire::header::kReserved, VMMDEV_EXT_WATCHED);
  put(request);
  look();
  request.set<std::uint32_t>(wire::header::kReserved, 0);
  fake.take_call()->complete(HGCM_INF_SUCCESS);
  BOOST_TEST(machine.event_word() == kHgcm);
}

BOOST_AUTO_TEST_CASE(watching_means_nothing_in_a_request_through_the_port) {
  auto request = call();
  request.set(wire::header::kReserved, VMMDEV_EXT_WATCHED);
  machine.submit(request);
  fake.take_call()->complete(HGCM_INF_SUCCESS);
  BOOST_TEST(machine.event_word() == kHgcm);
}

BOOST_AUTO_TEST_CASE(calls_are_taken_in_order) {
  for (std::uint32_t i = 0; i < VMMDEV_EXT_RING_SIZE; ++i) {
    put(machine.call_request(1, 100 + i, {}, Machine::kRequest + GuestAddress{i} * 256));
  }
  look();
  BOOST_TEST_REQUIRE(fake.calls.size() == VMMDEV_EXT_RING_SIZE);
  for (std::uint32_t i = 0; i < VMMDEV_EXT_RING_SIZE; ++i) {
    BOOST_TEST(fake.calls[i]->function == 100 + i);
  }
}

BOOST_AUTO_TEST_CASE(cancel_finds_a_call_that_nobody_had_taken) {
  const auto request = call();
  put(request);
  BOOST_TEST(machine.cancel2(request.address) == HGCM_INF_SUCCESS);
  BOOST_TEST(fake.cancelled.size() == 1U);
}

BOOST_AUTO_TEST_CASE(refused_call_gets_its_status_and_nothing_else) {
  auto request = call();
  request.set<std::uint32_t>(wire::hgcm::kCallClient, 0);
  const auto reserved = 0x5a5a5a5aU;
  request.set(wire::header::kReserved, reserved);
  put(request);
  look();
  BOOST_TEST(request.status() == HGCM_ERR_INVALID_PARAMETER);
  BOOST_TEST(request.get<std::uint32_t>(wire::header::kReserved) == reserved);
  BOOST_TEST(!request.done());
}

BOOST_AUTO_TEST_CASE(call_the_services_refuse_ends_like_an_accepted_one) {
  fake.on_call = [](host::ClientId, FakeServices::Call) -> Status {
    return HGCM_ERR_HGCM_TOO_MANY_CLIENT_CALLS;
  };
  const auto request = call();
  put(request);
  look();
  BOOST_TEST(request.status() == HGCM_INF_HGCM_ASYNC_EXECUTE);
  BOOST_TEST(request.done());
  BOOST_TEST(request.result() == HGCM_ERR_HGCM_TOO_MANY_CLIENT_CALLS);
  BOOST_TEST(machine.event_word() == kHgcm);
}

BOOST_AUTO_TEST_CASE(other_requests_are_refused) {
  for (const std::uint32_t type : std::initializer_list<std::uint32_t>{
           wire::kHgcmConnect, wire::kHgcmCancel2, wire::kGetHostVersion, 0, 0xffffffff}) {
    const auto request = machine.request(type, 168);
    put(request);
    look();
    BOOST_TEST(request.status() == HGCM_ERR_NOT_SUPPORTED);
  }
}

BOOST_AUTO_TEST_CASE(addresses_outside_of_memory_are_ignored) {
  put(0xfffff000);
  put(Machine::kMemory - 8);
  put(std::uint32_t{0});
  const auto request = call();
  put(request);
  look();
  BOOST_TEST(request.status() == HGCM_INF_HGCM_ASYNC_EXECUTE);
  BOOST_TEST(tail() == 4U);
}

BOOST_AUTO_TEST_CASE(head_that_is_too_far_ahead_is_followed_without_a_submission) {
  const auto before = counters().requests;
  word(VMMDEV_EXT_OFF_RING_HEAD) = VMMDEV_EXT_RING_SIZE + 1;
  look();
  word(VMMDEV_EXT_OFF_RING_HEAD) = 5;
  look();
  BOOST_TEST(counters().requests == before);
  BOOST_TEST(tail() == 5U);
  const auto request = call();
  put(request);
  look();
  BOOST_TEST(request.status() == HGCM_INF_HGCM_ASYNC_EXECUTE);
}

BOOST_AUTO_TEST_CASE(head_may_wrap) {
  word(VMMDEV_EXT_OFF_RING_HEAD) = 0xfffffff0;
  look();
  for (std::uint32_t i = 0; i < 30; ++i) {
    put(machine.call_request(1, i, {}, Machine::kRequest + GuestAddress{i} * 256));
  }
  look();
  BOOST_TEST(fake.calls.size() == 30U);
  BOOST_TEST(tail() == 0xfffffff0 + 30U);
}

BOOST_AUTO_TEST_CASE(ring_that_the_driver_does_not_use_is_not_looked_at) {
  use(VMMDEV_EXT_F_EVENT_WORD);
  const auto request = call();
  put(request);
  BOOST_TEST(!fake.call_source->begin());
  kick();
  BOOST_TEST(request.status() == GuestRequest::kUntouched);
  BOOST_TEST(word(VMMDEV_EXT_OFF_RING_POLLING) == 0U);
}

BOOST_AUTO_TEST_CASE(reset_empties_the_ring_and_forgets_its_use) {
  put(call());
  machine.device.reset();
  BOOST_TEST(!fake.call_source->begin());
  BOOST_TEST(tail() == 0U);
  BOOST_TEST(word(VMMDEV_EXT_OFF_RING_HEAD) == 0U);
  BOOST_TEST(fake.calls.empty());
}

BOOST_AUTO_TEST_CASE(nothing_is_taken_after_detach) {
  machine.device.detach();
  use(VMMDEV_EXT_F_EVENT_WORD | VMMDEV_EXT_F_RING);
  const auto request = call();
  put(request);
  look();
  BOOST_TEST(request.status() == GuestRequest::kUntouched);
}

BOOST_AUTO_TEST_CASE(a_guest_that_keeps_filling_does_not_keep_a_thread) {
  constexpr int kTooMany = 10000;
  int calls = 0;
  fake.on_call = [&](auto, auto) {
    // Another one, as fast as they are taken.
    if (++calls < kTooMany)
      put(call(Machine::kRequest + 0x1000U * static_cast<unsigned>(calls % 4)));
    return Status(HGCM_ERR_NO_MEMORY);
  };
  put(call());
  BOOST_TEST_REQUIRE(fake.call_source->begin());
  fake.call_source->look();
  BOOST_TEST(calls == static_cast<int>(2 * VMMDEV_EXT_RING_SIZE));
}

BOOST_AUTO_TEST_CASE(each_call_is_seen_by_watching_or_by_event) {
  std::atomic<bool> stop = false;
  std::thread service([&] {
    while (!stop) {
      if (!fake.call_source->begin()) continue;
      fake.call_source->look();
      fake.call_source->end();
      FakeServices::Call taken;
      {
        const std::lock_guard lock(fake.mutex);
        if (!fake.calls.empty()) {
          taken = std::move(fake.calls.front());
          fake.calls.erase(fake.calls.begin());
        }
      }
      if (taken) taken->complete(HGCM_INF_SUCCESS);
    }
  });
  for (int i = 0; i < 2000; ++i) {
    // In turns: the device may still look at the block of the call before.
    auto request = call(i % 2 == 0 ? Machine::kRequest : Machine::kSecond);
    request.set<std::uint32_t>(wire::hgcm::kFlags, 0);
    request.set(wire::header::kReserved, VMMDEV_EXT_WATCHED);
    put(request);
    for (int spin = 0; spin < i % 300 && !request.done(); ++spin) {
    }
    if (!request.done()) {
      std::atomic_ref(*reinterpret_cast<std::uint32_t*>(
          guest(request.address + wire::header::kReserved, 4).data())) = 0;
      while (!request.done() && (machine.event_word().load() & kHgcm) == 0)
        std::this_thread::yield();
      machine.wait_done(request);
    }
    machine.event_word() = 0;
  }
  stop = true;
  service.join();
}

BOOST_AUTO_TEST_SUITE_END()

namespace {

/// Waits for the service as long as a test lives.
struct PatientRing : RingFixture {
  PatientRing() : RingFixture({.config = {.max_hold = std::chrono::seconds(60)}}) {}

  GuestRequest watched_call(GuestAddress at = Machine::kRequest) {
    auto request = call(at);
    request.set(wire::header::kReserved, VMMDEV_EXT_WATCHED);
    return request;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(ring_kick, PatientRing)

BOOST_AUTO_TEST_CASE(kick_waits_for_the_call_that_its_driver_watches) {
  std::thread service;
  fake.on_call = [&](auto, FakeServices::Call taken) {
    service = std::thread([taken] {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      taken->complete(HGCM_INF_SUCCESS);
    });
    return Status(HGCM_INF_SUCCESS);
  };
  const auto request = watched_call();
  put(request);
  kick();
  BOOST_TEST(request.done());
  BOOST_TEST(machine.event_word() == 0U);
  BOOST_TEST(counters().hgcm_calls_inline == 1U);
  service.join();
}

BOOST_AUTO_TEST_CASE(kick_does_not_wait_for_a_call_that_nobody_watches) {
  const auto request = call();
  put(request);
  kick();
  BOOST_TEST(!request.done());
  fake.take_call()->complete(HGCM_INF_SUCCESS);
  BOOST_TEST(machine.event_word() == kHgcm);
}

BOOST_AUTO_TEST_CASE(kick_that_waits_lets_others_look_at_the_ring) {
  std::thread service;
  fake.on_call = [&](auto, FakeServices::Call taken) {
    if (taken->function == 7) {
      service = std::thread([&, taken] {
        // Only what comes through the ring now lets it go on.
        put(machine.call_request(1, 8, {}, Machine::kSecond));
        look();
        taken->complete(HGCM_INF_SUCCESS);
      });
    }
    return Status(HGCM_INF_SUCCESS);
  };
  const auto request = watched_call();
  put(request);
  kick();
  BOOST_TEST(request.done());
  service.join();
  BOOST_TEST(counters().ring_submissions == 2U);
}

BOOST_AUTO_TEST_CASE(kick_ends_when_the_call_it_waits_for_is_cancelled) {
  std::thread other;
  const auto request = watched_call();
  fake.on_call = [&](auto, auto) {
    other = std::thread([&] { (void)machine.cancel2(request.address); });
    return Status(HGCM_INF_SUCCESS);
  };
  put(request);
  kick();
  other.join();
  BOOST_TEST(!request.done());
  BOOST_TEST(fake.cancelled.size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(ring_off, BareFixture)

BOOST_AUTO_TEST_CASE(ring_is_not_offered_without_the_event_word) {
  Machine machine(services, {.config = {.event_word = false}});
  BOOST_TEST(machine.bar1_word(VMMDEV_EXT_OFFSET + VMMDEV_EXT_OFF_DEVICE_FEATURES) == 0U);
}

BOOST_AUTO_TEST_CASE(ring_can_be_left_out) {
  Machine machine(services, {.config = {.ring = false}});
  BOOST_TEST(machine.bar1_word(VMMDEV_EXT_OFFSET + VMMDEV_EXT_OFF_DEVICE_FEATURES) ==
             VMMDEV_EXT_F_EVENT_WORD);
}

BOOST_AUTO_TEST_SUITE_END()

// SPDX-License-Identifier: MIT
//
// HGCM commands in time: connect and disconnect, rejection, cancel, holding, reset and detach, and
// races between the threads that meet there (protocol sections 5.6, 5.7).
#include "fixture.h"
#include "vmmdev/hold.h"
#include "vmmdev/hold_policy.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace hgcm::vmmdev::test {

using std::chrono::microseconds;
using std::chrono::nanoseconds;

BOOST_FIXTURE_TEST_SUITE(hgcm_transport, Fixture)

BOOST_AUTO_TEST_CASE(connect_passes_the_name_and_the_failure) {
  std::string name;
  fake.on_connect = [&](std::string service, std::uint32_t, const FakeServices::ConnectDone& done) {
    name = std::move(service);
    done(HGCM_ERR_HGCM_SERVICE_NOT_FOUND, 0);
  };
  auto connect = machine.connect_request(std::string(127, 'n'));
  connect.set<std::uint32_t>(wire::hgcm::kConnectClient, 0xabcd);
  BOOST_TEST(machine.submit(connect) == HGCM_INF_HGCM_ASYNC_EXECUTE);
  BOOST_TEST(connect.done());
  BOOST_TEST(connect.result() == HGCM_ERR_HGCM_SERVICE_NOT_FOUND);
  BOOST_TEST(connect.get<std::uint32_t>(wire::hgcm::kConnectClient) == 0xabcdU);
  BOOST_TEST(name == std::string(127, 'n'));
}

BOOST_AUTO_TEST_CASE(connect_without_a_nul_in_the_name_is_invalid) {
  const auto connect = machine.connect_request(std::string(128, 'n'));
  BOOST_TEST(machine.submit(connect) == HGCM_ERR_INVALID_PARAMETER);
  BOOST_TEST(!connect.done());
}

BOOST_AUTO_TEST_CASE(connect_that_is_cancelled_leaves_no_client_behind) {
  FakeServices::ConnectDone done;
  fake.on_connect = [&](std::string, std::uint32_t, FakeServices::ConnectDone d) {
    done = std::move(d);
  };
  const auto connect = machine.connect_request("Fake");
  machine.submit(connect);
  BOOST_TEST(machine.cancel2(connect.address) == HGCM_INF_SUCCESS);
  done(HGCM_INF_SUCCESS, 9);
  BOOST_TEST(!connect.done());
  BOOST_TEST(fake.disconnected.size() == 1U);
  BOOST_TEST(fake.disconnected.at(0) == 9U);
}

BOOST_AUTO_TEST_CASE(disconnect_returns_the_status_of_the_service) {
  fake.on_disconnect = [](host::ClientId, const FakeServices::DisconnectDone& done) {
    done(HGCM_ERR_HGCM_INVALID_CLIENT_ID);
  };
  const auto disconnect = machine.disconnect_request(5);
  BOOST_TEST(machine.submit(disconnect) == HGCM_INF_HGCM_ASYNC_EXECUTE);
  BOOST_TEST(disconnect.done());
  BOOST_TEST(disconnect.result() == HGCM_ERR_HGCM_INVALID_CLIENT_ID);
  BOOST_TEST(!machine.line.level);
}

BOOST_AUTO_TEST_CASE(call_that_is_refused_has_its_status_in_the_header) {
  for (const auto status : {HGCM_ERR_HGCM_INVALID_CLIENT_ID, HGCM_ERR_HGCM_TOO_MANY_CLIENT_CALLS}) {
    fake.on_call = [=](host::ClientId, const FakeServices::Call&) { return Status(status); };
    auto call = machine.call_request(77, 1, {Parm::u32(5)});
    call.set<std::int32_t>(wire::hgcm::kResult, 1234);
    BOOST_TEST(machine.submit(call) == status);
    BOOST_TEST(!call.done());
    BOOST_TEST(call.result() == 1234);
    BOOST_TEST(machine.cancel2(call.address) == HGCM_ERR_NOT_FOUND);
  }
  BOOST_TEST(!machine.line.level);
}

BOOST_AUTO_TEST_CASE(second_submission_of_a_pending_block_is_busy) {
  const auto call = machine.call_request(1, 1, {});
  machine.submit(call);
  BOOST_TEST(machine.submit(call) == HGCM_ERR_RESOURCE_BUSY);
  BOOST_TEST(fake.calls.size() == 1U);
  fake.take_call()->complete(0);
  BOOST_TEST(call.done());
  // And free again after completion.
  const auto again = machine.call_request(1, 1, {});
  BOOST_TEST(machine.submit(again) == HGCM_INF_HGCM_ASYNC_EXECUTE);
}

BOOST_AUTO_TEST_CASE(call_that_is_cancelled_while_it_is_refused_keeps_its_block) {
  auto call = machine.call_request(1, 1, {Parm::u32(5)});
  fake.on_call = [&](host::ClientId, const FakeServices::Call&) -> Status {
    BOOST_TEST(machine.cancel2(Machine::kRequest) == HGCM_INF_SUCCESS);
    // The guest has its memory back, and uses it for something else.
    call.set<std::int32_t>(wire::header::kStatus, 1234);
    return HGCM_ERR_HGCM_TOO_MANY_CLIENT_CALLS;
  };
  BOOST_TEST(machine.submit(call) == 1234);
  BOOST_TEST(!call.done());
}

BOOST_AUTO_TEST_CASE(cancel2_checks_its_address_and_size) {
  auto wide = machine.request(wire::kHgcmCancel2, 32);
  for (const std::uint64_t address :
       {std::uint64_t{0}, std::uint64_t{0xffffffff}, ~std::uint64_t{0}}) {
    BOOST_TEST(machine.submit(wide.set(24, address)) == HGCM_ERR_INVALID_PARAMETER);
  }
  BOOST_TEST(machine.submit(wide.set<std::uint64_t>(24, 0x5000)) == HGCM_ERR_NOT_FOUND);
  auto narrow = machine.request(wire::kHgcmCancel2, 28);
  BOOST_TEST(machine.submit(narrow.set<std::uint32_t>(24, 0xffffffff)) ==
             HGCM_ERR_INVALID_PARAMETER);
  for (const std::uint32_t size : {29U, 31U}) {
    auto odd = machine.request(wire::kHgcmCancel2, size);
    BOOST_TEST(machine.submit(odd.set<std::uint32_t>(24, 0x5000)) == HGCM_ERR_INVALID_PARAMETER);
  }
}

BOOST_AUTO_TEST_CASE(cancel2_with_32_bits_cancels) {
  const auto call = machine.call_request(1, 1, {}, Machine::kSecond);
  machine.submit(call);
  auto narrow = machine.request(wire::kHgcmCancel2, 28);
  narrow.set(24, static_cast<std::uint32_t>(call.address));
  BOOST_TEST(machine.submit(narrow) == HGCM_INF_SUCCESS);
  BOOST_TEST(fake.calls.at(0)->cancelled);
  BOOST_TEST(counters().hgcm_calls_cancelled == 1U);
}

BOOST_AUTO_TEST_CASE(legacy_cancel_uses_the_block_of_the_call) {
  auto call = machine.call_request(1, 1, {});
  machine.submit(call);
  call.set<std::uint32_t>(wire::header::kType, wire::kHgcmCancel);
  BOOST_TEST(machine.submit(call) == HGCM_INF_SUCCESS);
  BOOST_TEST(machine.submit(call) == HGCM_ERR_NOT_FOUND);
  BOOST_TEST(fake.take_call()->complete(0).code() == HGCM_ERR_CANCELLED);
  BOOST_TEST(!call.done());
}

BOOST_AUTO_TEST_CASE(call_that_turned_into_a_legacy_cancel_is_still_completed) {
  auto call = machine.call_request(1, 1, {Parm::u32(1)});
  machine.submit(call);
  call.set<std::uint32_t>(wire::header::kType, wire::kHgcmCancel);
  const auto pending = fake.take_call();
  pending->parameters[0].u.u32 = 9;
  pending->complete(5);
  BOOST_TEST(call.done());
  BOOST_TEST(call.result() == 5);
  BOOST_TEST(call.get<std::uint32_t>(Machine::parm_offset(0) + 4) == 9U);
}

BOOST_AUTO_TEST_CASE(call_whose_type_was_changed_gets_no_parameters) {
  auto call = machine.call_request(1, 1, {Parm::u32(1)});
  machine.submit(call);
  call.set<std::uint32_t>(wire::header::kType, wire::kGetHostTime);
  const auto pending = fake.take_call();
  pending->parameters[0].u.u32 = 9;
  pending->complete(0);
  BOOST_TEST(call.done());
  BOOST_TEST(call.result() == HGCM_ERR_INVALID_PARAMETER);
  BOOST_TEST(call.get<std::uint32_t>(Machine::parm_offset(0) + 4) == 1U);
}

BOOST_AUTO_TEST_CASE(changes_of_a_pending_block_do_not_matter) {
  auto call = machine.call_request(
      1, 1, {Parm::list(wire::kParmPageList, 64, wire::kFromHost, {Machine::kData})});
  machine.submit(call);
  // Another page, another size, another direction: all too late.
  call.set<std::uint64_t>(Machine::parm_offset(1) + 8, Machine::kSecond);
  call.set<std::uint32_t>(Machine::parm_offset(1), wire::kToHost);
  call.set<std::uint32_t>(wire::hgcm::kCallCount, 31);
  call.set<std::uint32_t>(wire::header::kSize, 0xffffff);
  const auto pending = fake.take_call();
  std::ranges::fill(buffer_of(pending->parameters[0]), std::byte{8});
  pending->complete(0);
  BOOST_TEST(call.done());
  BOOST_TEST(all_are(guest(Machine::kData, 64), std::byte{8}));
  BOOST_TEST(all_are(guest(Machine::kSecond, 64), std::byte{0}));
}

BOOST_AUTO_TEST_CASE(second_completion_is_refused) {
  const auto call = machine.call_request(1, 1, {});
  machine.submit(call);
  const auto pending = fake.take_call();
  BOOST_TEST(pending->complete(1).code() == HGCM_INF_SUCCESS);
  BOOST_TEST(pending->complete(2).code() == HGCM_ERR_INVALID_STATE);
  BOOST_TEST(call.result() == 1);
}

BOOST_AUTO_TEST_CASE(completion_inside_the_access_raises_no_event) {
  fake.on_call = [](host::ClientId, const FakeServices::Call& call) { return call->complete(0); };
  for (int i = 0; i < 10; ++i) {
    const auto call = machine.call_request(1, 1, {});
    machine.submit(call);
    BOOST_TEST(call.done());
  }
  BOOST_TEST(machine.line.raised == 0);
  BOOST_TEST(machine.acknowledge() == 0U);
  BOOST_TEST(counters().hgcm_calls_inline == 10U);
  BOOST_TEST(counters().hgcm_calls == 10U);
}

BOOST_AUTO_TEST_CASE(reset_drops_connects_and_disconnects_too) {
  FakeServices::ConnectDone connected;
  FakeServices::DisconnectDone disconnected;
  fake.on_connect = [&](std::string, std::uint32_t, FakeServices::ConnectDone done) {
    connected = std::move(done);
  };
  fake.on_disconnect = [&](host::ClientId, FakeServices::DisconnectDone done) {
    disconnected = std::move(done);
  };
  const auto connect = machine.connect_request("Fake");
  const auto disconnect = machine.disconnect_request(3, Machine::kSecond);
  machine.submit(connect);
  machine.submit(disconnect);
  machine.device.reset();
  connected(HGCM_INF_SUCCESS, 4);
  disconnected(HGCM_INF_SUCCESS);
  BOOST_TEST(!connect.done());
  BOOST_TEST(!disconnect.done());
  // The service host disconnects its clients at reset by itself.
  BOOST_TEST(fake.disconnected.size() == 1U);
}

BOOST_AUTO_TEST_CASE(dismissed_call_is_dropped) {
  const auto call = machine.call_request(1, 1, {});
  machine.submit(call);
  const auto pending = fake.take_call();
  pending->dismiss(host::GuestCall::Dismissal::kReset);
  BOOST_TEST(!call.done());
  BOOST_TEST(machine.cancel2(call.address) == HGCM_ERR_NOT_FOUND);
  BOOST_TEST(pending->complete(0).code() == HGCM_ERR_ALREADY_RESET);
}

BOOST_AUTO_TEST_CASE(call_completed_into_a_saved_state_stays_pending) {
  const auto call = machine.call_request(1, 1, {});
  machine.submit(call);
  fake.take_call()->dismiss(host::GuestCall::Dismissal::kSaved);
  BOOST_TEST(!call.done());
  BOOST_TEST(machine.cancel2(call.address) == HGCM_INF_SUCCESS);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(hgcm_life, BareFixture)

BOOST_AUTO_TEST_CASE(call_survives_the_device) {
  FakeServices::Call pending;
  FakeServices::Call cancelled;
  {
    Machine machine(services);
    machine.submit(machine.call_request(1, 1, {Parm::u32(1)}));
    pending = fake.take_call();
    machine.submit(machine.call_request(1, 1, {Parm::u32(1)}, Machine::kSecond));
    machine.cancel2(Machine::kSecond);
    cancelled = fake.take_call();
  }
  pending->parameters[0].u.u32 = 5;
  BOOST_TEST(pending->complete(0).code() == HGCM_ERR_ALREADY_RESET);
  BOOST_TEST(cancelled->complete(0).code() == HGCM_ERR_CANCELLED);
}

BOOST_AUTO_TEST_CASE(no_bounce_pages_stay_mapped_until_the_service_is_done) {
  FakeServices::Call pending;
  {
    Machine machine(services);
    machine.submit(
        machine.call_request(1, 1, {Parm::list(wire::kParmNoBounce, 4096, 3, {Machine::kData})}));
    pending = fake.take_call();
  }
  std::memset(pending->parameters[0].u.pages.pages[0], 1, 4096);
  BOOST_TEST(pending->complete(0).code() == HGCM_ERR_ALREADY_RESET);
}

BOOST_AUTO_TEST_CASE(without_hold_the_guest_still_gets_its_event) {
  Machine machine(services, {.config = {.max_hold = microseconds(0)}});
  const auto call = machine.call_request(1, 1, {});
  machine.submit(call);
  fake.take_call()->complete(0);
  BOOST_TEST(call.done());
  BOOST_TEST(machine.line.level);
}

BOOST_AUTO_TEST_CASE(ten_thousand_connects_are_answered) {
  Machine machine(services);
  host::ClientId next = 0;
  fake.on_connect = [&](std::string, std::uint32_t, const FakeServices::ConnectDone& done) {
    ++next;
    done(next <= 2048 ? HGCM_INF_SUCCESS : HGCM_ERR_HGCM_TOO_MANY_CLIENTS, next);
  };
  int accepted = 0;
  for (int i = 0; i < 10'000; ++i) {
    const auto connect = machine.connect_request("Fake");
    machine.submit(connect);
    if (connect.done() && connect.result() == 0) ++accepted;
  }
  BOOST_TEST(accepted == 2048);
}

// A completer thread and a guest: each call is found done after the access, or an event follows.
BOOST_AUTO_TEST_CASE(each_completion_is_seen_inline_or_by_event) {
  Machine machine(services, {.config = {.max_hold = microseconds(50)}});
  std::atomic<bool> stop{false};
  std::thread completer([&] {
    unsigned spread = 0;
    while (!stop) {
      FakeServices::Call call;
      {
        const std::lock_guard lock(fake.mutex);
        if (!fake.calls.empty()) {
          call = fake.calls.front();
          fake.calls.erase(fake.calls.begin());
        }
      }
      if (!call) {
        std::this_thread::yield();
        continue;
      }
      const auto until = std::chrono::steady_clock::now() + microseconds(spread++ % 7 * 15);
      while (std::chrono::steady_clock::now() < until) {
      }
      call->complete(0);
    }
  });
  int by_event = 0;
  for (int i = 0; i < 300; ++i) {
    const auto call = machine.call_request(1, 1, {Parm::u32(1)});
    const auto inline_before = machine.device.counters().hgcm_calls_inline;
    machine.submit(call);
    // Not whether it is done by now: it may have been completed, with an event, just after.
    if (machine.device.counters().hgcm_calls_inline != inline_before) {
      BOOST_REQUIRE(call.done());
      continue;
    }
    // As a sleeping driver: only the interrupt wakes it.
    while (!machine.line.level) std::this_thread::yield();
    ++by_event;
    BOOST_REQUIRE(call.done());
    BOOST_REQUIRE(machine.acknowledge() == wire::kEventHgcm);
  }
  stop = true;
  completer.join();
  const auto counters = machine.device.counters();
  BOOST_TEST(counters.hgcm_calls_inline + static_cast<unsigned>(by_event) == 300U);
  BOOST_TEST(counters.interrupts_level == static_cast<unsigned>(by_event));
}

// Cancel meets completion: whoever wins, a cancelled block is never written to, and a call that
// could not be cancelled becomes done.
BOOST_AUTO_TEST_CASE(cancel_and_completion_exclude_each_other) {
  Machine machine(services, {.config = {.max_hold = microseconds(0)}});
  std::atomic<host::GuestCall*> next{nullptr};
  std::atomic<int> completions{0};
  std::atomic<bool> stop{false};
  std::thread completer([&] {
    while (!stop) {
      host::GuestCall* call = next.exchange(nullptr);
      if (call == nullptr) {
        std::this_thread::yield();
        continue;
      }
      call->complete(77);
      ++completions;
    }
  });
  int cancelled = 0;
  for (int i = 0; i < 500; ++i) {
    auto call = machine.call_request(1, 1, {Parm::u32(1)});
    call.set<std::int32_t>(wire::hgcm::kResult, 1);
    machine.submit(call);
    const auto pending = fake.take_call();
    next = pending.get();
    if (machine.cancel2(call.address) == HGCM_INF_SUCCESS) {
      ++cancelled;
      while (completions <= i) std::this_thread::yield();
      BOOST_REQUIRE(!call.done());
      BOOST_REQUIRE(call.result() == 1);
    } else {
      machine.wait_done(call);
      BOOST_REQUIRE(call.result() == 77);
    }
    while (completions <= i) std::this_thread::yield();
    const std::lock_guard lock(fake.mutex);
    fake.cancelled.clear();
  }
  stop = true;
  completer.join();
  BOOST_TEST(machine.device.counters().hgcm_calls_cancelled == static_cast<unsigned>(cancelled));
}

BOOST_AUTO_TEST_CASE(reset_waits_for_completions_and_lets_none_write_afterwards) {
  Machine machine(services, {.config = {.max_hold = microseconds(0)}});
  for (int i = 0; i < 200; ++i) {
    const auto call = machine.call_request(1, 1, {});
    machine.submit(call);
    std::thread completer([pending = fake.take_call()] { pending->complete(0); });
    machine.device.reset();
    const bool done = call.done();
    const bool level = machine.line.level;
    completer.join();
    BOOST_REQUIRE(call.done() == done);
    BOOST_REQUIRE(!level);
    BOOST_REQUIRE(!machine.line.level);
    machine.unlock();
  }
}

// Several virtual processors, a thread that flips bytes of their requests, and resets.
BOOST_AUTO_TEST_CASE(guest_that_flips_bytes_during_processing_is_survived) {
  Machine machine(services, {.config = {.max_hold = microseconds(10)}});
  fake.on_call = [](host::ClientId, const FakeServices::Call& call) {
    for (std::uint32_t i = 0; i < call->parameter_count; ++i) {
      if (call->parameters[i].type != HGCM_SVC_PARM_PTR) continue;
      std::ranges::fill(buffer_of(call->parameters[i]), std::byte{0x5a});
    }
    call->complete(0);
    return Status(HGCM_INF_SUCCESS);
  };
  const std::vector<Parm> parms = {
      Parm::u32(1),
      Parm::list(wire::kParmPageList, 6000, 3, {Machine::kData, Machine::kData + 4096}),
      Parm::embedded(8, 3, "12345678"),
      Parm::list(wire::kParmNoBounce, 64, 3, {Machine::kData + 8192})};
  const auto lay_out = [&] { return machine.call_request(1, 1, parms); };
  const auto size = lay_out().get<std::uint32_t>(wire::header::kSize);
  const auto block = machine.memory.at(Machine::kRequest, size);
  const std::vector<std::byte> pristine(block.begin(), block.end());

  std::atomic<bool> stop{false};
  std::thread flipper([&] {
    for (unsigned i = 0; !stop; ++i) {
      std::atomic_ref byte(reinterpret_cast<std::uint8_t&>(block[i * 7 % block.size()]));
      byte.store(static_cast<std::uint8_t>(i * 13), std::memory_order_relaxed);
      if (i % 3 != 0) continue;
      for (std::size_t at = 0; at < block.size(); ++at) {
        std::atomic_ref(reinterpret_cast<std::uint8_t&>(block[at]))
            .store(static_cast<std::uint8_t>(pristine[at]), std::memory_order_relaxed);
      }
    }
  });
  std::thread other([&] {
    while (!stop) machine.device.port_write(0, 4, Machine::kRequest);
  });
  // How often an unspoilt request gets through is up to the scheduler: at least once.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  const auto go_on = [&](int round) {
    return round < 3000 || (machine.device.counters().hgcm_calls == 0 &&
                            std::chrono::steady_clock::now() < deadline);
  };
  for (int i = 0; go_on(i); ++i) {
    machine.device.port_write(0, 4, Machine::kRequest);
    if (i % 1000 == 500) {
      machine.device.reset();
      machine.unlock();
    }
  }
  stop = true;
  flipper.join();
  other.join();
  BOOST_TEST(machine.device.counters().hgcm_calls > 0U);
  // And it still works.
  const auto call = machine.call_request(1, 1, {Parm::u32(1)}, Machine::kSecond);
  machine.submit(call);
  machine.wait_done(call);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(hold)

BOOST_AUTO_TEST_CASE(finish_before_wait_is_inline) {
  Hold hold;
  BOOST_TEST(hold.finish());
  BOOST_TEST(hold.wait(nanoseconds(0)));
}

BOOST_AUTO_TEST_CASE(finish_after_a_timeout_is_not_inline) {
  Hold hold;
  BOOST_TEST(!hold.wait(microseconds(20)));
  BOOST_TEST(!hold.finish());
}

BOOST_AUTO_TEST_CASE(finish_wakes_a_sleeping_submitter) {
  Hold hold;
  std::thread completer([&] {
    // Long enough to be asleep mostly; correct either way.
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    hold.finish();
  });
  BOOST_TEST(hold.wait(std::chrono::seconds(30)));
  completer.join();
}

BOOST_AUTO_TEST_CASE(abandon_ends_the_wait) {
  Hold hold;
  std::thread canceller([&] { hold.abandon(); });
  BOOST_TEST(!hold.wait(std::chrono::seconds(30)));
  canceller.join();
}

BOOST_AUTO_TEST_CASE(policy_stops_waiting_for_functions_that_park) {
  HoldPolicy policy(microseconds(200));
  const auto key = HoldPolicy::key(HoldPolicy::service_hash("S"), 1);
  BOOST_TEST((policy.bound(key) > nanoseconds(0)));
  policy.timed_out(key);
  BOOST_TEST((policy.bound(key) == nanoseconds(0)));
  // One quick completion is not enough to trust it again, some are.
  policy.completed(key, microseconds(5));
  BOOST_TEST((policy.bound(key) == nanoseconds(0)));
  for (int i = 0; i < 3; ++i) policy.completed(key, microseconds(5));
  BOOST_TEST((policy.bound(key) > nanoseconds(0)));
}

BOOST_AUTO_TEST_CASE(policy_learns_how_long_a_function_takes) {
  HoldPolicy policy(microseconds(1000));
  const auto key = HoldPolicy::key(HoldPolicy::service_hash("S"), 1);
  for (int i = 0; i < 50; ++i) policy.completed(key, microseconds(10));
  BOOST_TEST((policy.bound(key) < microseconds(100)));
  BOOST_TEST((policy.bound(key) >= microseconds(20)));
  // An exception now and then does not cost a proven function its hold.
  policy.timed_out(key);
  BOOST_TEST((policy.bound(key) > nanoseconds(0)));
}

BOOST_AUTO_TEST_CASE(policy_never_exceeds_its_maximum) {
  HoldPolicy policy(microseconds(100));
  const auto key = HoldPolicy::key(1, 1);
  for (int i = 0; i < 50; ++i) policy.completed(key, microseconds(99));
  BOOST_TEST((policy.bound(key) <= microseconds(100)));
  HoldPolicy never(nanoseconds(0));
  BOOST_TEST((never.bound(key) == nanoseconds(0)));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace hgcm::vmmdev::test

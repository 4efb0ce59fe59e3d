// SPDX-License-Identifier: MIT
//
// The device model with the real service host and HgcmTestSvc: whole calls over threads, services
// that misbehave, and what is left when the machine goes away.
#define BOOST_TEST_DYN_LINK
#include "../vmmdev/machine.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

// The service's load entry: it is linked in.
extern "C" std::int32_t VBoxHGCMSvcLoad(hgcm_svc_table* table);

namespace hgcm::vmmdev::test {
namespace {

constexpr const char* kName = "HgcmTestSvc";

enum Function : std::uint32_t {
  kNoop = 1,
  kEcho = 2,
  kAdd = 3,
  kDelay = 4,
  kPark = 5,
  kRelease = 6,
  kFill = 7,
  kSum = 8,
  kStatus = 9,
  kInOut = 10,
  kNever = 11,
  kTwice = 12,
  kGrow = 13,
  kNonsense = 14,
  kShrink = 15,
  kWhoAmI = 16,
};

struct Fixture {
  host::ServiceHost services{[] {
    host::ServiceHostOptions options;
    options.stop_timeout = std::chrono::milliseconds(2000);
    return options;
  }()};
  const Status loaded = services.load_builtin(kName, VBoxHGCMSvcLoad);
  Machine machine{services};
  const host::ClientId client = machine.connect(kName);

  GuestRequest call(std::uint32_t function, const std::vector<Parm>& parms,
                    GuestAddress at = Machine::kRequest) {
    auto request = machine.call_request(client, function, parms, at);
    BOOST_REQUIRE(machine.submit(request) == HGCM_INF_HGCM_ASYNC_EXECUTE);
    machine.wait_done(request);
    return request;
  }
  static Parm buffer(std::uint32_t type, std::uint32_t size, std::uint32_t direction,
                     GuestAddress at = Machine::kData) {
    std::vector<GuestAddress> pages;
    for (std::uint32_t i = 0; i * kGuestPageSize < size; ++i) {
      pages.push_back(at + i * kGuestPageSize);
    }
    return Parm::list(type, size, direction, std::move(pages));
  }
};

std::byte fill_pattern(std::uint32_t seed, std::size_t i) {
  return static_cast<std::byte>(seed + 7 * i);
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(vmmdev_services, Fixture)

BOOST_AUTO_TEST_CASE(values_travel_both_ways) {
  const auto done = call(kAdd, {Parm::u32(40), Parm::u64(1ULL << 33), Parm::u64(0)});
  BOOST_TEST(done.result() == 0);
  BOOST_TEST(done.get<std::uint64_t>(Machine::parm_offset(2) + 4) == (1ULL << 33) + 40);
  BOOST_TEST(done.get<std::uint32_t>(Machine::parm_offset(0) + 4) == 41U);
}

BOOST_AUTO_TEST_CASE(buffers_of_all_kinds_travel_out) {
  constexpr std::uint32_t kSize = 50'000;
  for (const std::uint32_t type : {10U, 12U, 13U}) {
    auto memory = machine.memory.at(Machine::kData, kSize);
    std::ranges::fill(memory, std::byte{0});
    auto out = buffer(type, kSize, wire::kFromHost);
    if (type == wire::kParmContiguous) out.pages.resize(1);
    BOOST_TEST(call(kFill, {Parm::u32(type), out}).result() == 0);
    for (std::size_t i = 0; i < kSize; ++i) {
      BOOST_REQUIRE((memory[i] == fill_pattern(type, i)));
    }
  }
}

BOOST_AUTO_TEST_CASE(buffers_of_all_kinds_travel_in) {
  constexpr std::uint32_t kSize = 50'000;
  auto memory = machine.memory.at(Machine::kData, kSize);
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kSize; ++i) {
    memory[i] = static_cast<std::byte>(i * 31);
    sum += std::to_integer<std::uint8_t>(memory[i]);
  }
  for (const std::uint32_t type : {10U, 12U, 13U}) {
    auto in = buffer(type, kSize, wire::kToHost);
    if (type == wire::kParmContiguous) in.pages.resize(1);
    const auto done = call(kSum, {in, Parm::u64(0)});
    BOOST_TEST(done.result() == 0);
    BOOST_TEST(done.get<std::uint64_t>(Machine::parm_offset(1) + 4) == sum);
  }
}

BOOST_AUTO_TEST_CASE(one_mebibyte_without_bounce_is_not_copied) {
  constexpr std::uint32_t kSize = 1U << 20;
  const auto before = machine.device.counters();
  BOOST_TEST(call(kInOut, {buffer(wire::kParmNoBounce, kSize, 3)}).result() == 0);
  const auto memory = machine.memory.at(Machine::kData, kSize);
  BOOST_TEST(std::ranges::all_of(memory, [](std::byte b) { return b == std::byte{0xff}; }));
  const auto after = machine.device.counters();
  BOOST_TEST(after.hgcm_copies == before.hgcm_copies);
  BOOST_TEST(after.hgcm_bytes_in - before.hgcm_bytes_in == kSize);
  BOOST_TEST(after.hgcm_bytes_out - before.hgcm_bytes_out == kSize);
}

BOOST_AUTO_TEST_CASE(embedded_echo_returns_its_size) {
  const auto done =
      call(kEcho, {Parm::embedded(5, wire::kToHost, "hello"), Parm::embedded(9, wire::kFromHost)});
  BOOST_TEST(done.result() == 0);
  BOOST_TEST(done.get<std::uint32_t>(Machine::parm_offset(1) + 8) == 5U);
  BOOST_TEST(done.get<char>(Machine::parm_offset(2) + 5) == 'h');
}

BOOST_AUTO_TEST_CASE(requestor_and_client_reach_the_service) {
  auto request = machine.call_request(client, kWhoAmI, {Parm::u32(0), Parm::u32(0)});
  machine.submit(request.set<std::uint32_t>(wire::header::kRequestor, 0x2e));
  machine.wait_done(request);
  BOOST_TEST(request.get<std::uint32_t>(Machine::parm_offset(0) + 4) == 0x2eU);
  BOOST_TEST(request.get<std::uint32_t>(Machine::parm_offset(1) + 4) == client);
}

BOOST_AUTO_TEST_CASE(statuses_are_delivered_as_they_are) {
  for (const std::int32_t status : {0, 41, 2903, -1, -359, -70, -22421}) {
    BOOST_TEST(call(kStatus, {Parm::u32(static_cast<std::uint32_t>(status))}).result() == status);
  }
}

BOOST_AUTO_TEST_CASE(unknown_service_and_client_are_refused) {
  const auto connect = machine.connect_request("NoSuchService");
  machine.submit(connect);
  machine.wait_done(connect);
  BOOST_TEST(connect.result() == HGCM_ERR_HGCM_SERVICE_NOT_FOUND);
  BOOST_TEST(machine.submit(machine.call_request(client + 1000, kNoop, {})) ==
             HGCM_ERR_HGCM_INVALID_CLIENT_ID);
  const auto disconnect = machine.disconnect_request(client + 1000);
  machine.submit(disconnect);
  machine.wait_done(disconnect);
  BOOST_TEST(disconnect.result() == HGCM_ERR_HGCM_INVALID_CLIENT_ID);
}

BOOST_AUTO_TEST_CASE(parked_call_ends_with_its_client) {
  const auto parked = machine.call_request(client, kPark, {Parm::u32(1)}, Machine::kSecond);
  machine.submit(parked);
  call(kNoop, {});  // in order: the service has seen the other one too
  BOOST_TEST(!parked.done());
  const auto disconnect = machine.disconnect_request(client);
  machine.submit(disconnect);
  machine.wait_done(disconnect);
  machine.wait_done(parked);
  BOOST_TEST(disconnect.result() == 0);
  BOOST_TEST(parked.result() == HGCM_ERR_INTERRUPTED);
}

BOOST_AUTO_TEST_CASE(parked_call_is_released_with_an_event) {
  const auto parked = machine.call_request(client, kPark, {Parm::u32(7)}, Machine::kSecond);
  machine.submit(parked);
  BOOST_TEST(call(kRelease, {Parm::u32(7)}).result() == 0);
  machine.wait_done(parked);
  while (!machine.line.level) std::this_thread::yield();
  BOOST_TEST(parked.result() == 0);
  BOOST_TEST(machine.acknowledge() == std::uint32_t{wire::kEventHgcm});
}

BOOST_AUTO_TEST_CASE(parked_call_can_be_cancelled) {
  const auto parked = machine.call_request(client, kPark, {Parm::u32(9)}, Machine::kSecond);
  machine.submit(parked);
  BOOST_TEST(machine.cancel2(parked.address) == HGCM_INF_SUCCESS);
  BOOST_TEST(call(kRelease, {Parm::u32(9)}).result() == 0);
  BOOST_TEST(!parked.done());
}

BOOST_AUTO_TEST_CASE(service_that_completes_twice_completes_once) {
  BOOST_TEST(call(kTwice, {}).result() == 0);
  BOOST_TEST(call(kNoop, {}).result() == 0);
}

BOOST_AUTO_TEST_CASE(service_that_returns_nonsense_is_survived) {
  for (int i = 0; i < 10; ++i) {
    call(kNonsense, {Parm::u32(1), Parm::u64(2), buffer(wire::kParmPageList, 5000, 3),
                     Parm::embedded(4, 3, "abcd"),
                     buffer(wire::kParmNoBounce, 8192, 3, Machine::kData + 0x10000)});
  }
  std::ranges::fill(machine.memory.at(Machine::kData, 8192), std::byte{0x11});
  call(kGrow, {buffer(wire::kParmPageList, 4096, wire::kFromHost)});
  BOOST_TEST((machine.memory.at(Machine::kData + 4096, 1)[0] == std::byte{0x11}));
}

BOOST_AUTO_TEST_CASE(shrunk_buffer_is_written_only_that_far) {
  std::ranges::fill(machine.memory.at(Machine::kData, 64), std::byte{0x11});
  call(kShrink, {buffer(wire::kParmPageList, 64, wire::kFromHost), Parm::u32(10)});
  BOOST_TEST((machine.memory.at(Machine::kData + 10, 1)[0] == std::byte{0x11}));
}

BOOST_AUTO_TEST_CASE(reset_ends_all_clients_and_the_machine_starts_afresh) {
  const auto parked = machine.call_request(client, kPark, {Parm::u32(3)}, Machine::kSecond);
  machine.submit(parked);
  const auto never = machine.call_request(client, kNever, {}, 0x30000);
  machine.submit(never);
  machine.device.reset();
  BOOST_TEST(!parked.done());
  BOOST_TEST(!never.done());
  machine.unlock();
  BOOST_TEST(machine.submit(machine.call_request(client, kNoop, {})) ==
             HGCM_ERR_HGCM_INVALID_CLIENT_ID);
  BOOST_TEST(machine.connect(kName) != 0U);
}

BOOST_AUTO_TEST_CASE(machine_that_goes_away_mid_call_does_not_hang) {
  for (const std::uint32_t function : {kPark, kNever, kDelay}) {
    {
      Machine other(services);
      const auto id = other.connect(kName);
      BOOST_TEST(other.submit(other.call_request(id, function, {Parm::u32(20)})) ==
                 HGCM_INF_HGCM_ASYNC_EXECUTE);
    }
    // What was its, is gone.
    BOOST_TEST(services.statistics().at(0).clients == (std::array<std::uint32_t, 3>{}),
               boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(quick_calls_need_no_interrupt) {
  constexpr int kCalls = 500;
  for (int i = 0; i < kCalls; ++i) {
    const auto request = machine.call_request(client, kNoop, {});
    machine.submit(request);
    machine.wait_done(request);
  }
  const auto counters = machine.device.counters();
  // How many depends on the scheduler; that it works at all does not.
  BOOST_TEST(counters.hgcm_calls_inline > 0U);
  BOOST_TEST(counters.hgcm_calls == static_cast<unsigned>(kCalls));
}

BOOST_AUTO_TEST_CASE(many_processors_call_at_once) {
  constexpr int kThreads = 4;
  constexpr int kCalls = 200;
  std::array<int, kThreads> correct{};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      const GuestAddress at = Machine::kSecond + static_cast<unsigned>(t) * kGuestPageSize;
      for (std::uint32_t i = 0; i < kCalls; ++i) {
        const auto request =
            machine.call_request(client, kAdd, {Parm::u32(i), Parm::u64(1000), Parm::u64(0)}, at);
        machine.submit(request);
        machine.wait_done(request);
        correct[static_cast<std::size_t>(t)] +=
            request.get<std::uint64_t>(Machine::parm_offset(2) + 4) == 1000 + i ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const int count : correct) BOOST_TEST(count == kCalls);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace hgcm::vmmdev::test

// SPDX-License-Identifier: MIT
//
// The request registers in memory (BAR3) as a driver uses them that has no ports, with all of its
// memory above 4 GiB: introduction, calls and their data, cancels, interrupts, the ring's kick,
// saved states. Which accesses are registers at all: request_path_test.cpp.
#include "fixture.h"

#include <array>
#include <string_view>

namespace hgcm::vmmdev::test {
namespace {

constexpr GuestAddress kBase = 5ULL << 30;
constexpr GuestAddress kAt = kBase + Machine::kRequest;
constexpr GuestAddress kCall = kBase + Machine::kSecond;
constexpr GuestAddress kPages = kBase + Machine::kData;

struct HighFixture : BareFixture {
  HighFixture() {
    auto info = request(wire::kReportGuestInfo, wire::guest_info::kBytes);
    info.set<std::uint32_t>(wire::guest_info::kInterfaceVersion, wire::guest_info::kInterface104);
    BOOST_REQUIRE(submit(info.set<std::uint32_t>(wire::guest_info::kOsType, 0x53100)) == 0);
    auto filter = request(wire::kControlFilterMask, wire::masks::kBytes);
    filter.set<std::uint32_t>(wire::masks::kOr, wire::kEventHgcm);
    BOOST_REQUIRE(submit(filter.set<std::uint32_t>(wire::masks::kNot, 0)) == 0);
  }

  GuestRequest request(std::uint32_t type, std::uint32_t size) {
    return machine.request(type, size, kAt);
  }
  std::int32_t submit(const GuestRequest& request, std::uint64_t offset = wire::kRequestRegister) {
    machine.device.request_bar_write(offset, 8, request.address);
    return request.status();
  }
  std::uint32_t acknowledge() {
    return static_cast<std::uint32_t>(machine.device.request_bar_read(wire::kFastRegister, 4));
  }
  GuestRequest call(const std::vector<Parm>& parms) {
    return machine.call_request(1, 5, parms, kCall);
  }
  GuestRequest pending_call() {
    auto made = call({Parm::u32(7)});
    BOOST_REQUIRE(submit(made) == HGCM_INF_HGCM_ASYNC_EXECUTE);
    return made;
  }

  Machine machine{services, {.memory = {.base = kBase}, .unlock = false}};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(request_bar, HighFixture)

BOOST_AUTO_TEST_CASE(guest_is_let_in_and_served_without_ports) {
  BOOST_TEST(machine.device.guest_info().accepted);
  BOOST_TEST(submit(request(wire::kGetSessionId, wire::session_id::kBytes)) == 0);
  const auto counters = machine.device.counters();
  BOOST_TEST(counters.request_bar_writes == 3U);
  BOOST_TEST(counters.port_writes == 0U);
}

BOOST_AUTO_TEST_CASE(narrow_write_reaches_only_the_low_4_gib) {
  const auto version = request(wire::kGetHostVersion, 40);
  machine.device.request_bar_write(wire::kRequestRegister, 4, version.address);
  BOOST_TEST(version.status() == GuestRequest::kUntouched);
}

BOOST_AUTO_TEST_CASE(call_and_its_end_are_above_4_gib) {
  const auto connect = machine.connect_request("Fake", kAt);
  BOOST_TEST(submit(connect) == HGCM_INF_HGCM_ASYNC_EXECUTE);
  BOOST_TEST(connect.done());
  const auto made = pending_call();
  fake.take_call()->complete(HGCM_INF_SUCCESS);
  BOOST_TEST(made.done());
  BOOST_TEST(machine.line.level);
  BOOST_TEST(acknowledge() == std::uint32_t{wire::kEventHgcm});
  BOOST_TEST(!machine.line.level);
  BOOST_TEST(machine.device.counters().request_bar_reads == 1U);
}

BOOST_AUTO_TEST_CASE(pages_above_4_gib_are_read_and_written) {
  machine.memory.at(kPages + 4095, 2)[0] = std::byte{0x11};
  machine.memory.at(kPages + 4095, 2)[1] = std::byte{0x22};
  const auto made = call({Parm::list(wire::kParmPageList, 2, wire::kToHost | wire::kFromHost,
                                     {kPages, kPages + kGuestPageSize}, 4095)});
  BOOST_REQUIRE(submit(made) == HGCM_INF_HGCM_ASYNC_EXECUTE);
  const auto taken = fake.take_call();
  const auto data = buffer_of(taken->parameters.at(0));
  BOOST_REQUIRE(data.size() == 2U);
  BOOST_TEST((data[0] == std::byte{0x11}));
  BOOST_TEST((data[1] == std::byte{0x22}));
  data[1] = std::byte{0x33};
  taken->complete(HGCM_INF_SUCCESS);
  BOOST_TEST((machine.memory.at(kPages + 4096, 1)[0] == std::byte{0x33}));
}

BOOST_AUTO_TEST_CASE(call_above_4_gib_is_cancelled_by_its_whole_address) {
  const auto made = pending_call();
  auto cancel = request(wire::kHgcmCancel2, wire::hgcm::kCancel2Bytes64);
  cancel.set<std::uint64_t>(wire::hgcm::kCancelAddress, made.address & 0xffffffff);
  BOOST_TEST(submit(cancel) == HGCM_ERR_NOT_FOUND);
  cancel.set<std::uint64_t>(wire::hgcm::kCancelAddress, made.address);
  BOOST_TEST(submit(cancel) == HGCM_INF_SUCCESS);
  fake.take_call()->complete(HGCM_INF_SUCCESS);
  BOOST_TEST(!made.done());
}

BOOST_AUTO_TEST_CASE(second_request_at_a_pending_address_is_refused) {
  const auto made = pending_call();
  BOOST_TEST(submit(made, wire::kFastRegister) < 0);
  BOOST_TEST(fake.calls.size() == 1U);
}

BOOST_AUTO_TEST_CASE(kick_takes_what_is_in_the_ring) {
  // Entries of the ring have 32 bits: this guest has memory below as well.
  Machine low(services);
  low.bar1_word(VMMDEV_EXT_OFFSET + VMMDEV_EXT_OFF_DRIVER_FEATURES) =
      VMMDEV_EXT_F_EVENT_WORD | VMMDEV_EXT_F_RING;
  const auto made = low.call_request(1, 7, {});
  low.bar1_word(VMMDEV_EXT_OFFSET + VMMDEV_EXT_OFF_RING_ENTRIES) =
      static_cast<std::uint32_t>(made.address);
  low.bar1_word(VMMDEV_EXT_OFFSET + VMMDEV_EXT_OFF_RING_HEAD) = 1;
  low.device.request_bar_write(wire::kRequestRegister, 4, 0);
  BOOST_TEST(made.status() == HGCM_INF_HGCM_ASYNC_EXECUTE);
}

BOOST_AUTO_TEST_CASE(call_above_4_gib_is_saved_and_submitted_again) {
  const auto made = pending_call();
  const auto state = machine.device.save_state();
  BOOST_REQUIRE(state.has_value());
  BOOST_TEST(machine.device.load_state(*state).ok());
  BOOST_REQUIRE(fake.calls.size() == 2U);
  fake.take_call();
  fake.take_call()->complete(HGCM_INF_SUCCESS);
  BOOST_TEST(made.done());
}

BOOST_AUTO_TEST_CASE(detached_device_ignores_the_registers) {
  machine.device.detach();
  const auto version = request(wire::kGetHostVersion, 40);
  BOOST_TEST(submit(version) == GuestRequest::kUntouched);
  BOOST_TEST(acknowledge() == 0xffffffffU);
  machine.device.reset();
  BOOST_TEST(submit(version) == HGCM_INF_SUCCESS);
}

BOOST_AUTO_TEST_CASE(addresses_that_are_no_memory_are_ignored) {
  const auto refused = machine.device.counters().requests_refused;
  for (const GuestAddress address :
       {GuestAddress{0}, kBase - 1, kBase + Machine::kMemory - 8, ~GuestAddress{0},
        ~GuestAddress{0} - 23, GuestAddress{1} << 63}) {
    machine.device.request_bar_write(wire::kRequestRegister, 8, address);
  }
  BOOST_TEST(machine.device.counters().requests_refused == refused + 6);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace hgcm::vmmdev::test

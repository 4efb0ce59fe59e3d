// SPDX-License-Identifier: MIT
//
// HGCM connect, call and disconnect through the device, with a fake in the place of services.
#include "fixture.h"

namespace hgcm::vmmdev::test {

BOOST_FIXTURE_TEST_SUITE(hgcm_call, Fixture)

BOOST_AUTO_TEST_CASE(connect_to_a_service_gives_the_client_id_inline) {
  const auto connect = machine.connect_request("Fake");
  BOOST_TEST(machine.submit(connect) == HGCM_INF_HGCM_ASYNC_EXECUTE);
  BOOST_TEST(connect.done());
  BOOST_TEST(connect.result() == 0);
  BOOST_TEST(connect.get<std::uint32_t>(wire::hgcm::kConnectClient) == 1U);
  BOOST_TEST(!machine.line.level);
}

BOOST_AUTO_TEST_CASE(call_with_values_and_page_list_travels_both_ways) {
  auto out = guest(Machine::kData, 3 * kGuestPageSize);
  std::ranges::fill(out, std::byte{0x55});
  fake.on_call = [](host::ClientId client, FakeServices::Call call) -> Status {
    BOOST_TEST(client == 1U);
    BOOST_TEST(call->function == 7U);
    BOOST_TEST(call->parameter_count == 3U);
    BOOST_TEST(call->parameters[0].u.u32 == 11U);
    BOOST_TEST(call->parameters[2].u.ptr.size == 5000U);
    call->parameters[0].u.u32 = 12;
    call->parameters[1].u.u64 = 1ULL << 40;
    std::ranges::fill(buffer_of(call->parameters[2]), std::byte{0xaa});
    return call->complete(HGCM_WRN_NOT_FOUND);
  };
  const auto call = machine.call_request(
      1, 7,
      {Parm::u32(11), Parm::u64(22),
       Parm::list(wire::kParmPageList, 5000, wire::kFromHost,
                  {Machine::kData, Machine::kData + 2 * kGuestPageSize}, 0xf00)});
  BOOST_TEST(machine.submit(call) == HGCM_INF_HGCM_ASYNC_EXECUTE);
  BOOST_TEST(call.done());
  BOOST_TEST(call.result() == HGCM_WRN_NOT_FOUND);
  BOOST_TEST(call.get<std::uint32_t>(Machine::parm_offset(0) + 4) == 12U);
  BOOST_TEST(call.get<std::uint64_t>(Machine::parm_offset(1) + 4) == 1ULL << 40);
  // 256 bytes at the end of the first page and one page more: the other 648 have no place.
  BOOST_TEST(std::ranges::count(out.first(kGuestPageSize), std::byte{0xaa}) == 256);
  BOOST_TEST(std::ranges::count(out.subspan(kGuestPageSize, kGuestPageSize), std::byte{0xaa}) == 0);
  BOOST_TEST(std::ranges::count(out.subspan(2 * kGuestPageSize), std::byte{0xaa}) == 4096);
}

BOOST_AUTO_TEST_CASE(call32_has_parameters_of_12_bytes) {
  fake.on_call = [](host::ClientId, FakeServices::Call call) -> Status {
    BOOST_TEST(call->parameters[0].u.u32 == 1U);
    BOOST_TEST(call->parameters[1].u.u64 == 2U);
    call->parameters[1].u.u64 = 3;
    return call->complete(HGCM_INF_SUCCESS);
  };
  const auto call = machine.call_request(1, 1, {Parm::u32(1), Parm::u64(2)}, Machine::kRequest,
                                         wire::kHgcmCall32);
  machine.submit(call);
  BOOST_TEST(call.done());
  BOOST_TEST(call.get<std::uint64_t>(Machine::parm_offset(1, wire::kHgcmCall32) + 4) == 3U);
}

BOOST_AUTO_TEST_CASE(call_that_completes_later_raises_the_event) {
  const auto call = machine.call_request(1, 1, {Parm::u32(1)});
  BOOST_TEST(machine.submit(call) == HGCM_INF_HGCM_ASYNC_EXECUTE);
  BOOST_TEST(!call.done());
  BOOST_TEST(!machine.line.level);
  BOOST_TEST(fake.take_call()->complete(HGCM_INF_SUCCESS).code() == HGCM_INF_SUCCESS);
  BOOST_TEST(call.done());
  BOOST_TEST(machine.line.level);
  BOOST_TEST(machine.acknowledge() == wire::kEventHgcm);
  BOOST_TEST(!machine.line.level);
}

BOOST_AUTO_TEST_CASE(cancel_of_a_pending_call_leaves_the_block_alone) {
  const auto call = machine.call_request(1, 1, {Parm::u32(1)});
  machine.submit(call);
  BOOST_TEST(machine.cancel2(call.address) == HGCM_INF_SUCCESS);
  BOOST_TEST(fake.cancelled.size() == 1U);
  BOOST_TEST(fake.take_call()->complete(HGCM_INF_SUCCESS).code() == HGCM_ERR_CANCELLED);
  BOOST_TEST(!call.done());
  BOOST_TEST(!machine.line.level);
  BOOST_TEST(machine.cancel2(call.address) == HGCM_ERR_NOT_FOUND);
}

BOOST_AUTO_TEST_CASE(reset_drops_pending_calls) {
  const auto call = machine.call_request(1, 1, {Parm::u32(1)});
  machine.submit(call);
  machine.device.reset();
  BOOST_TEST(fake.resets == 1);
  BOOST_TEST(fake.take_call()->complete(HGCM_INF_SUCCESS).code() == HGCM_ERR_ALREADY_RESET);
  BOOST_TEST(!call.done());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace hgcm::vmmdev::test

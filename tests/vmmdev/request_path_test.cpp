// SPDX-License-Identifier: MIT
//
// The path of every request: registers, header checks, the lock, sizes and types (protocol sections
// 1.3 and 2.4).
#include "fixture.h"

#include <array>
#include <cstdint>
#include <vector>

namespace hgcm::vmmdev::test {
namespace {

constexpr std::uint32_t kSize = wire::session_id::kBytes;

GuestRequest session_id_request(Machine& machine, GuestAddress at = Machine::kRequest) {
  return machine.request(wire::kGetSessionId, kSize, at);
}

struct Layout {
  std::uint32_t type;
  std::uint32_t size;
  bool or_more;
};

constexpr Layout kLayouts[] = {
    {1, 36, false},  {2, 36, false},   {4, 40, false},   {10, 32, false}, {20, 32, false},
    {21, 32, false}, {41, 28, false},  {42, 32, false},  {50, 32, false}, {55, 28, false},
    {56, 32, false}, {58, 168, false}, {59, 36, false},  {60, 168, true}, {61, 36, true},
    {62, 44, true},  {63, 44, true},   {64, 32, true},   {65, 28, true},  {111, 36, false},
    {200, 28, true}, {217, 32, false}, {220, 36, false},
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(request_path, Fixture)

BOOST_AUTO_TEST_CASE(valid_request_is_answered_before_the_write_returns) {
  const auto request = session_id_request(machine);
  BOOST_TEST(machine.submit(request) == HGCM_INF_SUCCESS);
  BOOST_TEST(request.get<std::uint64_t>(wire::session_id::kId) == machine.device.session_id());
}

BOOST_AUTO_TEST_CASE(both_registers_of_both_bars_submit) {
  for (const std::uint64_t offset : {0U, 8U}) {
    const auto request = session_id_request(machine);
    machine.device.port_write(offset, 4, Machine::kRequest);
    BOOST_TEST(request.status() == 0);
    const auto again = session_id_request(machine);
    machine.device.request_bar_write(offset, 4, Machine::kRequest | 0xffULL << 32);
    BOOST_TEST(again.status() == 0);
    const auto wide = session_id_request(machine);
    machine.device.request_bar_write(offset, 8, Machine::kRequest);
    BOOST_TEST(wide.status() == 0);
  }
}

BOOST_AUTO_TEST_CASE(other_offsets_and_widths_do_nothing) {
  const auto request = session_id_request(machine);
  for (const std::uint64_t offset : {1U, 4U, 7U, 9U, 12U, 31U, 4096U}) {
    machine.device.port_write(offset, 4, Machine::kRequest);
    machine.device.request_bar_write(offset, 8, Machine::kRequest);
  }
  machine.device.request_bar_write(0, 1, Machine::kRequest);
  machine.device.request_bar_write(0, 2, Machine::kRequest);
  BOOST_TEST(request.status() == GuestRequest::kUntouched);
}

BOOST_AUTO_TEST_CASE(narrow_port_write_is_a_narrow_address) {
  const auto low = session_id_request(machine, 0x1000);
  machine.device.port_write(0, 2, 0x71000);
  BOOST_TEST(low.status() == 0);
}

BOOST_AUTO_TEST_CASE(undecoded_reads_give_ones) {
  Device& device = machine.device;
  BOOST_TEST(device.port_read(0, 4) == 0xffffffffU);
  BOOST_TEST(device.port_read(0, 1) == 0xffU);
  BOOST_TEST(device.port_read(8, 1) == 0xffU);
  BOOST_TEST(device.port_read(8, 2) == 0xffffU);
  BOOST_TEST(device.port_read(12, 4) == 0xffffffffU);
  BOOST_TEST(device.request_bar_read(0, 4) == 0xffffffffU);
  BOOST_TEST(device.request_bar_read(8, 8) == ~std::uint64_t{0});
  std::array<std::byte, 4> out{};
  device.memory_read(kMemoryBarSize - 2, out);
  BOOST_TEST(all_are(out, std::byte{0xff}));
}

BOOST_AUTO_TEST_CASE(size_below_the_header_is_ignored) {
  for (const std::uint32_t size : {0U, 1U, 23U}) {
    const auto request = machine.request(wire::kGetSessionId, size);
    BOOST_TEST(machine.submit(request) == GuestRequest::kUntouched);
  }
}

BOOST_AUTO_TEST_CASE(wrong_version_is_ignored) {
  for (const std::uint32_t version : {0U, 0x10000U, 0x10002U, 0xffffffffU}) {
    auto request = session_id_request(machine);
    request.set(wire::header::kVersion, version);
    BOOST_TEST(machine.submit(request) == GuestRequest::kUntouched);
  }
}

BOOST_AUTO_TEST_CASE(size_above_the_maximum_is_not_supported) {
  auto request = machine.request(wire::kGetSessionId, wire::kMaxRequestSize + 1);
  BOOST_TEST(machine.submit(request) == HGCM_ERR_NOT_SUPPORTED);
  request.set<std::uint32_t>(wire::header::kSize, 0xffffffff);
  BOOST_TEST(machine.submit(request) == HGCM_ERR_NOT_SUPPORTED);
}

BOOST_AUTO_TEST_CASE(largest_request_is_processed) {
  auto request = machine.request(wire::kLogString, wire::kMaxRequestSize, Machine::kData);
  guest(Machine::kData + wire::kMaxRequestSize - 1, 1)[0] = std::byte{0};
  BOOST_TEST(machine.submit(request) == HGCM_INF_SUCCESS);
}

BOOST_AUTO_TEST_CASE(address_outside_ram_is_ignored) {
  for (const std::uint64_t address :
       {std::uint64_t{Machine::kMemory}, std::uint64_t{Machine::kMemory} - 23, ~std::uint64_t{0},
        ~std::uint64_t{0} - 23, std::uint64_t{1} << 63}) {
    machine.device.request_bar_write(0, 8, address);
  }
  BOOST_TEST(counters().requests_refused == 5U);
}

BOOST_AUTO_TEST_CASE(body_across_the_end_of_ram_is_an_invalid_pointer) {
  const auto request = session_id_request(machine, Machine::kMemory - wire::header::kBytes);
  BOOST_TEST(machine.submit(request) == HGCM_ERR_INVALID_POINTER);
}

BOOST_AUTO_TEST_CASE(unaligned_request_is_processed) {
  const auto request = session_id_request(machine, Machine::kRequest + 3);
  BOOST_TEST(machine.submit(request) == HGCM_INF_SUCCESS);
  const auto call = machine.call_request(1, 1, {}, Machine::kRequest + 1);
  fake.on_call = [](host::ClientId, const FakeServices::Call& c) { return c->complete(0); };
  BOOST_TEST(machine.submit(call) == HGCM_INF_HGCM_ASYNC_EXECUTE);
  BOOST_TEST((call.get<std::uint32_t>(wire::hgcm::kFlags) & wire::hgcm::kDone) != 0U);
}

BOOST_AUTO_TEST_CASE(unknown_types_are_not_implemented) {
  for (const std::uint32_t type :
       {0U, 6U, 22U, 40U, 83U, 102U, 114U, 225U, 255U, 256U, 257U, 0x7fffffffU, 0xffffffffU}) {
    BOOST_TEST_CONTEXT("type " << type) {
      BOOST_TEST(machine.submit(machine.request(type, 64)) == HGCM_ERR_NOT_IMPLEMENTED);
    }
  }
}

BOOST_AUTO_TEST_CASE(reserved_word_is_not_checked) {
  auto request = session_id_request(machine);
  request.set<std::uint32_t>(wire::header::kReserved, kSize);
  BOOST_TEST(machine.submit(request) == HGCM_INF_SUCCESS);
}

BOOST_AUTO_TEST_CASE(sizes_just_off_are_invalid) {
  for (const Layout& layout : kLayouts) {
    BOOST_TEST_CONTEXT("type " << layout.type) {
      BOOST_TEST(machine.submit(machine.request(layout.type, layout.size - 1)) ==
                 HGCM_ERR_INVALID_PARAMETER);
      if (layout.or_more) continue;
      BOOST_TEST(machine.submit(machine.request(layout.type, layout.size + 1)) ==
                 HGCM_ERR_INVALID_PARAMETER);
    }
  }
}

BOOST_AUTO_TEST_CASE(requests_are_counted_by_type) {
  machine.device.reset();
  const auto before = counters();
  machine.submit(machine.request(wire::kGetHostVersion, 40));
  machine.submit(machine.request(wire::kGetHostVersion, 41));
  machine.submit(machine.request(999, 40));
  const auto after = counters();
  BOOST_TEST(after.requests - before.requests == 3U);
  BOOST_TEST(after.port_writes - before.port_writes == 3U);
  BOOST_TEST(after.requests_refused - before.requests_refused == 2U);
  std::uint64_t versions = 0;
  std::uint64_t unknown = 0;
  for (const RequestCount& count : machine.device.request_counts()) {
    if (count.type == wire::kGetHostVersion) versions = count.count;
    if (count.type == 0) unknown = count.count;
  }
  BOOST_TEST(versions == 2U);
  BOOST_TEST(unknown == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(request_lock, BareFixture)

BOOST_AUTO_TEST_CASE(locked_device_processes_only_introductions) {
  Machine machine(services, {.unlock = false});
  for (const Layout& layout : kLayouts) {
    if (layout.type == 4 || layout.type == 50 || layout.type == 58) continue;
    BOOST_TEST_CONTEXT("type " << layout.type) {
      BOOST_TEST(machine.submit(machine.request(layout.type, layout.size)) ==
                 HGCM_ERR_NOT_SUPPORTED);
    }
  }
  BOOST_TEST(machine.submit(machine.request(999, 40)) == HGCM_ERR_NOT_SUPPORTED);
  BOOST_TEST(machine.submit(machine.request(218, 28)) == HGCM_ERR_ACCESS_DENIED);
  BOOST_TEST(machine.submit(machine.request(4, 40)) == HGCM_INF_SUCCESS);
  BOOST_TEST(machine.report_guest_info2() == HGCM_INF_SUCCESS);
  BOOST_TEST(machine.submit(machine.request(217, 32)) == HGCM_ERR_NOT_SUPPORTED);
  BOOST_TEST(machine.report_guest_info() == HGCM_INF_SUCCESS);
  BOOST_TEST(machine.submit(machine.request(217, 32)) == HGCM_INF_SUCCESS);
}

BOOST_AUTO_TEST_CASE(reset_locks_again) {
  Machine machine(services);
  const auto session = machine.device.session_id();
  machine.device.reset();
  BOOST_TEST(machine.submit(machine.request(217, 32)) == HGCM_ERR_NOT_SUPPORTED);
  BOOST_TEST(machine.device.session_id() != session);
  BOOST_TEST(!machine.device.guest_info().accepted);
}

BOOST_AUTO_TEST_CASE(detached_device_ignores_accesses_until_reset) {
  Machine machine(services);
  machine.device.detach();
  BOOST_TEST(machine.submit(machine.request(4, 40)) == GuestRequest::kUntouched);
  BOOST_TEST(machine.device.port_read(8, 4) == 0xffffffffU);
  machine.device.reset();
  BOOST_TEST(machine.submit(machine.request(4, 40)) == HGCM_INF_SUCCESS);
}

BOOST_AUTO_TEST_CASE(request_above_4_gib_goes_through_bar3) {
  constexpr GuestAddress kBase = 5ULL << 30;
  Machine machine(services, {.memory = {.base = kBase}, .unlock = false});
  const auto request = machine.request(wire::kGetHostVersion, 40, kBase);
  machine.submit(request);
  BOOST_TEST(request.status() == GuestRequest::kUntouched);
  machine.device.request_bar_write(0, 8, kBase);
  BOOST_TEST(request.status() == HGCM_INF_SUCCESS);
}

BOOST_AUTO_TEST_CASE(hole_in_the_body_is_an_invalid_pointer) {
  Machine machine(services, {.memory = {.holes = {{0x11000, 0x1000}}}});
  const auto request = machine.request(wire::kGetHostVersion, 40, 0x11000 - 24);
  BOOST_TEST(machine.submit(request) == HGCM_ERR_INVALID_POINTER);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace hgcm::vmmdev::test

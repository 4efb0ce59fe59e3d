// SPDX-License-Identifier: MIT
//
// Parameters of HGCM calls: the checks of protocol section 5.4 with their statuses, the limits of
// 5.5, and what is written back (5.6).
#include "fixture.h"

#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace hgcm::vmmdev::test {
namespace {

constexpr GuestAddress kPage0 = Machine::kData;
constexpr GuestAddress kPage1 = Machine::kData + 5 * kGuestPageSize;
constexpr GuestAddress kPage2 = Machine::kData + 6 * kGuestPageSize;
constexpr std::uint32_t kBoth = wire::kToHost | wire::kFromHost;

struct ParameterFixture : Fixture {
  /// Submits one call with one parameter; the synchronous status.
  std::int32_t submit(const Parm& parm) {
    return machine.submit(machine.call_request(1, 1, {parm}));
  }
  void complete_with(std::function<void(host::GuestCall&)> work, Status status = 0) {
    fake.on_call = [=](host::ClientId, const FakeServices::Call& call) {
      work(*call);
      call->complete(status);
      return Status(HGCM_INF_SUCCESS);
    };
  }
};

Parm page_list(std::uint32_t size, std::uint32_t direction, std::vector<GuestAddress> pages,
               std::uint32_t first_offset = 0) {
  return Parm::list(wire::kParmPageList, size, direction, std::move(pages), first_offset);
}

/// Memory in two pieces, as a machine has it below and above its hole: none maps across the seam.
class TwoPieces final : public GuestMemory {
 public:
  TwoPieces(PlainGuestMemory& whole, GuestAddress seam) : whole_(whole), seam_(seam) {}
  bool read(GuestAddress address, std::span<std::byte> out) noexcept override {
    return whole_.read(address, out);
  }
  bool write(GuestAddress address, std::span<const std::byte> in) noexcept override {
    return whole_.write(address, in);
  }
  bool store_release(GuestAddress address, std::uint32_t value) noexcept override {
    return whole_.store_release(address, value);
  }
  std::optional<GuestMapping> map(GuestAddress address, std::size_t size) noexcept override {
    if (address < seam_ && address + size > seam_) return std::nullopt;
    return whole_.map(address, size);
  }
  [[nodiscard]] std::uint64_t size() const noexcept override { return whole_.size(); }

 private:
  PlainGuestMemory& whole_;
  const GuestAddress seam_;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(hgcm_parameters, ParameterFixture)

BOOST_AUTO_TEST_CASE(client_zero_is_invalid) {
  BOOST_TEST(machine.submit(machine.call_request(0, 1, {})) == HGCM_ERR_INVALID_PARAMETER);
  BOOST_TEST(machine.submit(machine.disconnect_request(0)) == HGCM_ERR_INVALID_PARAMETER);
}

BOOST_AUTO_TEST_CASE(parameter_count_is_limited_to_32) {
  BOOST_TEST(machine.submit(machine.call_request(1, 1, std::vector(32, Parm::u32(1)))) ==
             HGCM_INF_HGCM_ASYNC_EXECUTE);
  BOOST_TEST(machine.submit(machine.call_request(1, 1, std::vector(33, Parm::u32(1)),
                                                 Machine::kSecond)) == HGCM_ERR_INVALID_PARAMETER);
  BOOST_TEST(fake.take_call()->parameters.size() == 32U);
}

BOOST_AUTO_TEST_CASE(parameter_count_must_fit_in_the_request) {
  auto call = machine.call_request(1, 1, {Parm::u32(1)});
  for (const std::uint32_t count : {2U, 32U, 0x10000001U, 0xffffffffU}) {
    BOOST_TEST(machine.submit(call.set(wire::hgcm::kCallCount, count)) ==
               HGCM_ERR_INVALID_PARAMETER);
  }
}

BOOST_AUTO_TEST_CASE(services_get_at_least_six_parameters) {
  BOOST_TEST(machine.submit(machine.call_request(1, 1, {})) == HGCM_INF_HGCM_ASYNC_EXECUTE);
  const auto call = fake.take_call();
  BOOST_TEST(call->parameter_count == 0U);
  BOOST_TEST(call->parameters.size() == host::kMinParameterSlots);
  BOOST_TEST(call->parameters[5].type == std::uint32_t{HGCM_SVC_PARM_INVALID});
}

BOOST_AUTO_TEST_CASE(unknown_types_are_invalid) {
  for (const std::uint32_t type : {0U, 3U, 7U, 8U, 9U, 14U, 255U, 0xffffffffU}) {
    BOOST_TEST_CONTEXT("type " << type) {
      BOOST_TEST(submit({.type = type}) == HGCM_ERR_INVALID_PARAMETER);
    }
  }
}

BOOST_AUTO_TEST_CASE(linear_addresses_only_for_empty_buffers) {
  for (const std::uint32_t type : {4U, 5U, 6U}) {
    complete_with([](host::GuestCall& call) {
      BOOST_TEST(call.parameters[0].type == std::uint32_t{HGCM_SVC_PARM_PTR});
      BOOST_TEST(call.parameters[0].u.ptr.size == 0U);
      BOOST_TEST(call.parameters[0].u.ptr.addr == nullptr);
      call.parameters[0].u.ptr.size = 77;
    });
    BOOST_TEST(submit({.type = type}) == HGCM_INF_HGCM_ASYNC_EXECUTE);
    BOOST_TEST(submit({.type = type, .size = 1}) == HGCM_ERR_INVALID_PARAMETER);
  }
}

BOOST_AUTO_TEST_CASE(directions_are_checked) {
  for (const std::uint32_t type : {10U, 11U, 12U, 13U}) {
    for (const std::uint32_t direction : {0U, 4U, 7U, 0x80U}) {
      Parm parm = Parm::list(type, 8, direction, {kPage0});
      BOOST_TEST_CONTEXT("type " << type << " direction " << direction) {
        BOOST_TEST(submit(parm) == HGCM_ERR_INVALID_FLAGS);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(buffers_are_limited_to_128_mib) {
  for (const std::uint32_t type : {10U, 12U, 13U}) {
    BOOST_TEST(submit(Parm::list(type, wire::hgcm::kMaxBuffer + 1, 2, {kPage0})) ==
               HGCM_ERR_INVALID_PARAMETER);
  }
  BOOST_TEST(submit(Parm::embedded(0xffffffff, 2)) == HGCM_ERR_INVALID_PARAMETER);
  complete_with([](host::GuestCall&) {});
  BOOST_TEST(submit(page_list(wire::hgcm::kMaxBuffer, wire::kFromHost, {kPage0})) ==
             HGCM_INF_HGCM_ASYNC_EXECUTE);
}

BOOST_AUTO_TEST_CASE(copies_of_one_call_are_limited_to_128_mib) {
  const Parm half = page_list(64U << 20, wire::kFromHost, {kPage0});
  complete_with([](host::GuestCall&) {});
  BOOST_TEST(machine.submit(machine.call_request(1, 1, {half, half})) ==
             HGCM_INF_HGCM_ASYNC_EXECUTE);
  BOOST_TEST(machine.submit(machine.call_request(
                 1, 1, {half, half, page_list(1, wire::kFromHost, {kPage0})})) ==
             HGCM_ERR_NO_MEMORY);
}

BOOST_AUTO_TEST_CASE(list_offsets_must_lie_behind_the_parameters_and_inside_the_request) {
  for (const std::uint32_t type : {10U, 12U, 13U}) {
    auto call = machine.call_request(1, 1, {Parm::list(type, 8, 2, {kPage0})});
    const auto size = call.get<std::uint32_t>(wire::header::kSize);
    const std::size_t field = Machine::parm_offset(0) + wire::parameter::kListOffset;
    for (const std::uint32_t offset :
         {0U, 59U, size - 15, size, size + 1, 0x80000000U, 0xffffffffU}) {
      BOOST_TEST_CONTEXT("type " << type << " offset " << offset) {
        BOOST_TEST(machine.submit(call.set(field, offset)) == HGCM_ERR_INVALID_PARAMETER);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(embedded_data_must_lie_behind_the_parameters_and_inside_the_request) {
  auto call = machine.call_request(1, 1, {Parm::embedded(8, 2)});
  const auto size = call.get<std::uint32_t>(wire::header::kSize);
  for (const std::uint32_t offset : {0U, 59U, size - 7, size, size + 1, 0xffffffU}) {
    BOOST_TEST(machine.submit(call.set(Machine::parm_offset(0) + 4, offset << 8 | 2)) ==
               HGCM_ERR_INVALID_PARAMETER);
  }
  complete_with([](host::GuestCall&) {});
  BOOST_TEST(machine.submit(call.set(Machine::parm_offset(0) + 4, (size - 8) << 8 | 2)) ==
             HGCM_INF_HGCM_ASYNC_EXECUTE);
}

BOOST_AUTO_TEST_CASE(empty_embedded_buffer_needs_only_an_offset) {
  complete_with([](host::GuestCall& call) { BOOST_TEST(call.parameters[0].u.ptr.size == 0U); });
  BOOST_TEST(submit(Parm::embedded(0, 1)) == HGCM_INF_HGCM_ASYNC_EXECUTE);
}

BOOST_AUTO_TEST_CASE(page_counts_are_checked) {
  for (const std::uint32_t type : {10U, 12U, 13U}) {
    auto call = machine.call_request(1, 1, {Parm::list(type, 8, 2, {kPage0})});
    for (const std::uint16_t count : {std::uint16_t{0}, std::uint16_t{2}, std::uint16_t{0xffff}}) {
      BOOST_TEST(machine.submit(call.set(Machine::parm_offset(1) + 6, count)) ==
                 HGCM_ERR_INVALID_PARAMETER);
    }
  }
  BOOST_TEST(submit(Parm::list(wire::kParmContiguous, 8, 2, {kPage0, kPage1})) ==
             HGCM_ERR_INVALID_PARAMETER);
  BOOST_TEST(submit(Parm::list(wire::kParmNoBounce, 8, 2, {kPage0, kPage1})) ==
             HGCM_ERR_INVALID_PARAMETER);
  BOOST_TEST(submit(Parm::list(wire::kParmNoBounce, 4097, 2, {kPage0})) ==
             HGCM_ERR_INVALID_PARAMETER);
  BOOST_TEST(submit(Parm::list(wire::kParmNoBounce, 4096, 2, {kPage0}, 1)) ==
             HGCM_ERR_INVALID_PARAMETER);
}

BOOST_AUTO_TEST_CASE(first_offset_must_be_inside_a_page) {
  for (const std::uint32_t type : {10U, 12U, 13U}) {
    BOOST_TEST(submit(Parm::list(type, 1, 2, {kPage0}, 4096)) == HGCM_ERR_INVALID_PARAMETER);
    BOOST_TEST(submit(Parm::list(type, 1, 2, {kPage0}, 0xffff)) == HGCM_ERR_INVALID_PARAMETER);
  }
}

BOOST_AUTO_TEST_CASE(no_bounce_pages_must_be_aligned) {
  const auto submit_list = [&](std::vector<GuestAddress> pages, std::uint32_t size) {
    return submit(Parm::list(wire::kParmNoBounce, size, 2, std::move(pages), 0x10));
  };
  BOOST_TEST(submit_list({kPage0 + 1}, 8) == HGCM_ERR_INVALID_POINTER);
  BOOST_TEST(submit_list({kPage0, kPage1 + 8}, 4096) == HGCM_ERR_INVALID_POINTER);
  complete_with([](host::GuestCall&) {});
  BOOST_TEST(submit_list({kPage0 + 0x10}, 8) == HGCM_INF_HGCM_ASYNC_EXECUTE);
}

BOOST_AUTO_TEST_CASE(to_host_pages_outside_ram_are_an_invalid_pointer) {
  for (const std::uint32_t type : {10U, 12U, 13U}) {
    for (const GuestAddress page :
         {GuestAddress{Machine::kMemory}, GuestAddress{1} << 40, ~GuestAddress{0} - 0xfff}) {
      BOOST_TEST_CONTEXT("type " << type << " page " << page) {
        BOOST_TEST(submit(Parm::list(type, 8, 1, {page})) == HGCM_ERR_INVALID_POINTER);
      }
    }
  }
  // Contiguous memory that starts inside and ends outside.
  BOOST_TEST(submit(Parm::list(wire::kParmContiguous, 8192, 1,
                               {Machine::kMemory - kGuestPageSize})) == HGCM_ERR_INVALID_POINTER);
}

BOOST_AUTO_TEST_CASE(from_host_pages_outside_ram_fail_the_result) {
  complete_with([](host::GuestCall&) {});
  const auto call = machine.call_request(1, 1, {page_list(8, wire::kFromHost, {Machine::kMemory})});
  BOOST_TEST(machine.submit(call) == HGCM_INF_HGCM_ASYNC_EXECUTE);
  BOOST_TEST(call.done());
  BOOST_TEST(call.result() == HGCM_ERR_INVALID_POINTER);
}

BOOST_AUTO_TEST_CASE(scattered_pages_arrive_in_order) {
  auto first = guest(kPage0 + 0xffe, 2);
  first[0] = std::byte{1};
  first[1] = std::byte{2};
  std::ranges::fill(guest(kPage2, kGuestPageSize), std::byte{3});
  guest(kPage1, 1)[0] = std::byte{4};
  complete_with([](host::GuestCall& call) {
    const auto buffer = buffer_of(call.parameters[0]);
    BOOST_TEST(buffer.size() == 4099U);
    BOOST_TEST((buffer[0] == std::byte{1} && buffer[1] == std::byte{2}));
    BOOST_TEST(all_are(buffer.subspan(2, 4096), std::byte{3}));
    BOOST_TEST((buffer[4098] == std::byte{4}));
  });
  BOOST_TEST(submit(page_list(4099, wire::kToHost, {kPage0, kPage2, kPage1}, 0xffe)) ==
             HGCM_INF_HGCM_ASYNC_EXECUTE);
  BOOST_TEST(counters().hgcm_bytes_in == 4099U);
  BOOST_TEST(counters().hgcm_copies == 1U);
  BOOST_TEST(counters().hgcm_bytes_out == 0U);
}

BOOST_AUTO_TEST_CASE(list_shorter_than_its_size_is_clamped_to_its_pages) {
  std::ranges::fill(guest(kPage0, 2 * kGuestPageSize), std::byte{9});
  complete_with([](host::GuestCall& call) {
    const auto buffer = buffer_of(call.parameters[0]);
    BOOST_TEST(buffer.size() == 10000U);
    BOOST_TEST(all_are(buffer.first(4096), std::byte{9}));
    BOOST_TEST(all_are(buffer.subspan(4096), std::byte{0}));
    std::ranges::fill(buffer, std::byte{7});
  });
  BOOST_TEST(submit(page_list(10000, kBoth, {kPage0})) == HGCM_INF_HGCM_ASYNC_EXECUTE);
  BOOST_TEST(all_are(guest(kPage0, kGuestPageSize), std::byte{7}));
  BOOST_TEST(all_are(guest(kPage0 + kGuestPageSize, kGuestPageSize), std::byte{9}));
}

BOOST_AUTO_TEST_CASE(from_host_buffers_start_zeroed) {
  std::ranges::fill(guest(kPage0, 64), std::byte{9});
  complete_with([](host::GuestCall& call) {
    BOOST_TEST(all_are(buffer_of(call.parameters[0]), std::byte{0}));
  });
  submit(page_list(64, wire::kFromHost, {kPage0}));
  BOOST_TEST(all_are(guest(kPage0, 64), std::byte{0}));
}

BOOST_AUTO_TEST_CASE(to_host_buffers_are_not_written_back) {
  std::ranges::fill(guest(kPage0, 64), std::byte{9});
  complete_with([](host::GuestCall& call) {
    std::ranges::fill(buffer_of(call.parameters[0]), std::byte{1});
  });
  for (const std::uint32_t type : {10U, 12U}) submit(Parm::list(type, 64, wire::kToHost, {kPage0}));
  BOOST_TEST(all_are(guest(kPage0, 64), std::byte{9}));
  const auto call = machine.call_request(1, 1, {Parm::embedded(3, wire::kToHost, "abc")});
  machine.submit(call);
  BOOST_TEST(call.get<char>(60) == 'a');
}

BOOST_AUTO_TEST_CASE(contiguous_buffer_runs_over_its_page) {
  std::ranges::fill(guest(kPage0, 3 * kGuestPageSize), std::byte{2});
  complete_with([](host::GuestCall& call) {
    BOOST_TEST(all_are(buffer_of(call.parameters[0]), std::byte{2}));
    std::ranges::fill(buffer_of(call.parameters[0]), std::byte{3});
    call.parameters[0].u.ptr.size = 5000;
  });
  const auto call =
      machine.call_request(1, 1, {Parm::list(wire::kParmContiguous, 9000, kBoth, {kPage0}, 100)});
  machine.submit(call);
  BOOST_TEST(all_are(guest(kPage0 + 100, 5000), std::byte{3}));
  BOOST_TEST(all_are(guest(kPage0 + 5100, 4000), std::byte{2}));
  BOOST_TEST(call.get<std::uint32_t>(Machine::parm_offset(0) + 4) == 5000U);
}

BOOST_AUTO_TEST_CASE(embedded_data_travels_in_the_request) {
  complete_with([](host::GuestCall& call) {
    const auto in = buffer_of(call.parameters[0]);
    BOOST_TEST(std::string(reinterpret_cast<const char*>(in.data()), in.size()) == "hello");
    std::ranges::copy(in, buffer_of(call.parameters[1]).begin());
    call.parameters[1].u.ptr.size = 5;
  });
  const auto call = machine.call_request(
      1, 1, {Parm::embedded(5, wire::kToHost, "hello"), Parm::embedded(8, wire::kFromHost)});
  machine.submit(call);
  const std::size_t data = Machine::parm_offset(2) + 5;
  BOOST_TEST(call.get<char>(data) == 'h');
  BOOST_TEST(call.get<char>(data + 4) == 'o');
  BOOST_TEST(call.get<std::uint32_t>(Machine::parm_offset(1) + 8) == 5U);
}

BOOST_AUTO_TEST_CASE(no_bounce_pages_go_to_the_service_as_they_are) {
  complete_with([&](host::GuestCall& call) {
    const hgcm_svc_parm& parm = call.parameters[0];
    BOOST_TEST(parm.type == std::uint32_t{HGCM_SVC_PARM_PAGES});
    BOOST_TEST(parm.u.pages.size == 8000U);
    BOOST_TEST(parm.u.pages.count == 3U);
    BOOST_TEST(parm.u.pages.pages[0] == static_cast<void*>(guest(kPage0 + 0x800, 1).data()));
    BOOST_TEST(parm.u.pages.pages[1] == static_cast<void*>(guest(kPage1, 1).data()));
    BOOST_TEST(parm.u.pages.pages[2] == static_cast<void*>(guest(kPage2, 1).data()));
    *static_cast<std::byte*>(parm.u.pages.pages[2]) = std::byte{0x42};
    call.parameters[0].u.pages.size = 7000;
  });
  const auto call = machine.call_request(
      1, 1, {Parm::list(wire::kParmNoBounce, 8000, kBoth, {kPage0, kPage1, kPage2}, 0x800)});
  machine.submit(call);
  BOOST_TEST(call.done());
  BOOST_TEST((guest(kPage2, 1)[0] == std::byte{0x42}));
  BOOST_TEST(call.get<std::uint32_t>(Machine::parm_offset(0) + 4) == 7000U);
  BOOST_TEST(counters().hgcm_copies == 0U);
  BOOST_TEST(counters().hgcm_bytes_in == 8000U);
  BOOST_TEST(counters().hgcm_bytes_out == 7000U);
}

BOOST_AUTO_TEST_CASE(empty_no_bounce_list_is_an_empty_buffer) {
  complete_with([](host::GuestCall& call) {
    BOOST_TEST(call.parameters[0].type == std::uint32_t{HGCM_SVC_PARM_PTR});
    BOOST_TEST(call.parameters[0].u.ptr.size == 0U);
  });
  BOOST_TEST(submit(Parm::list(wire::kParmNoBounce, 0, 2, {kPage0}, 1)) ==
             HGCM_INF_HGCM_ASYNC_EXECUTE);
}

BOOST_AUTO_TEST_CASE(sizes_that_services_return_are_clamped) {
  std::ranges::fill(guest(kPage0, kGuestPageSize), std::byte{9});
  complete_with([](host::GuestCall& call) {
    std::ranges::fill(buffer_of(call.parameters[0]), std::byte{1});
    call.parameters[0].u.ptr.size = 0xffffffff;
    call.parameters[1].u.ptr.size = 0xfffffffe;
    call.parameters[2].u.ptr.size = 5;
  });
  const auto call = machine.call_request(
      1, 1, {page_list(64, kBoth, {kPage0}), Parm::embedded(4, 2), page_list(64, 2, {kPage1})});
  machine.submit(call);
  BOOST_TEST(call.done());
  BOOST_TEST(all_are(guest(kPage0, 64), std::byte{1}));
  BOOST_TEST(all_are(guest(kPage0 + 64, 64), std::byte{9}));
  BOOST_TEST(call.get<std::uint32_t>(Machine::parm_offset(1) + 8) == 0xfffffffeU);
  // The size of a page list is never changed in the request.
  BOOST_TEST(call.get<std::uint32_t>(Machine::parm_offset(0) + 4) == 64U);
  BOOST_TEST(call.get<std::uint32_t>(Machine::parm_offset(2) + 4) == 64U);
}

BOOST_AUTO_TEST_CASE(service_that_scribbles_over_parameters_harms_nobody) {
  complete_with([](host::GuestCall& call) {
    std::ranges::fill(std::as_writable_bytes(std::span(call.parameters)), std::byte{0xee});
  });
  const auto call = machine.call_request(1, 1,
                                         {Parm::u32(1),
                                          Parm::u64(2),
                                          page_list(64, kBoth, {kPage0}),
                                          Parm::embedded(4, kBoth, "abcd"),
                                          Parm::list(wire::kParmNoBounce, 64, kBoth, {kPage1}),
                                          Parm::list(wire::kParmContiguous, 64, kBoth, {kPage2}),
                                          {.type = wire::kParmLinear}});
  machine.submit(call);
  BOOST_TEST(call.done());
  BOOST_TEST(call.get<std::uint32_t>(Machine::parm_offset(0)) == std::uint32_t{wire::kParm32});
  BOOST_TEST(call.get<std::uint32_t>(Machine::parm_offset(0) + 4) == 0xeeeeeeeeU);
  BOOST_TEST(call.get<std::uint32_t>(Machine::parm_offset(3) + 8) == 0xeeeeeeeeU);
}

BOOST_AUTO_TEST_CASE(results_are_written_also_when_the_call_failed) {
  complete_with([](host::GuestCall& call) { call.parameters[0].u.u32 = 4096; },
                HGCM_ERR_BUFFER_OVERFLOW);
  const auto call = machine.call_request(1, 1, {Parm::u32(0)});
  BOOST_TEST(machine.submit(call) == HGCM_INF_HGCM_ASYNC_EXECUTE);
  BOOST_TEST(call.result() == HGCM_ERR_BUFFER_OVERFLOW);
  BOOST_TEST(call.get<std::uint32_t>(Machine::parm_offset(0) + 4) == 4096U);
  BOOST_TEST(call.status() == HGCM_INF_HGCM_ASYNC_EXECUTE);
}

BOOST_AUTO_TEST_CASE(same_page_in_several_lists_is_allowed) {
  std::ranges::fill(guest(kPage0, 16), std::byte{5});
  complete_with([](host::GuestCall& call) {
    BOOST_TEST(all_are(buffer_of(call.parameters[0]), std::byte{5}));
    std::ranges::fill(buffer_of(call.parameters[1]), std::byte{6});
  });
  machine.submit(machine.call_request(
      1, 1, {page_list(16, wire::kToHost, {kPage0}), page_list(16, wire::kFromHost, {kPage0})}));
  BOOST_TEST(all_are(guest(kPage0, 16), std::byte{6}));
}

BOOST_AUTO_TEST_CASE(buffer_may_be_the_request_itself) {
  complete_with([](host::GuestCall& call) {
    std::ranges::fill(buffer_of(call.parameters[0]), std::byte{0xff});
  });
  const auto call =
      machine.call_request(1, 1, {page_list(4096, wire::kFromHost, {Machine::kRequest})});
  BOOST_TEST(machine.submit(call) == -1);  // as the guest has asked for
  BOOST_TEST(call.done());
  BOOST_TEST(call.result() == 0);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(hgcm_limits, BareFixture)

BOOST_AUTO_TEST_CASE(budget_bounds_pending_calls_of_one_category) {
  Machine machine(services, {.config = {.heap_budget = 1U << 20}});
  const auto submit = [&](GuestAddress at, std::uint32_t requestor) {
    auto call = machine.call_request(1, 1, {page_list(400'000, wire::kFromHost, {kPage0})}, at);
    return machine.submit(call.set(wire::header::kRequestor, requestor));
  };
  BOOST_TEST(submit(0x20000, 1) == HGCM_INF_HGCM_ASYNC_EXECUTE);
  BOOST_TEST(submit(0x21000, 0) == HGCM_INF_HGCM_ASYNC_EXECUTE);
  BOOST_TEST(submit(0x22000, 2) == HGCM_ERR_NO_MEMORY);
  // The others have their own.
  BOOST_TEST(submit(0x23000, 3) == HGCM_INF_HGCM_ASYNC_EXECUTE);
  BOOST_TEST(submit(0x24000, 6) == HGCM_INF_HGCM_ASYNC_EXECUTE);
  // A cancelled call still counts, until the service completes it.
  BOOST_TEST(machine.cancel2(0x20000) == HGCM_INF_SUCCESS);
  BOOST_TEST(submit(0x22000, 2) == HGCM_ERR_NO_MEMORY);
  fake.take_call()->complete(0);
  fake.cancelled.clear();
  BOOST_TEST(submit(0x22000, 2) == HGCM_INF_HGCM_ASYNC_EXECUTE);
}

BOOST_AUTO_TEST_CASE(no_bounce_without_mappable_memory_is_copied) {
  Machine machine(services, {.memory = {.unmappable = {{kPage1, kGuestPageSize}}}});
  fake.on_call = [](host::ClientId, const FakeServices::Call& call) -> Status {
    BOOST_TEST(call->parameters[0].type == std::uint32_t{HGCM_SVC_PARM_PTR});
    std::ranges::fill(buffer_of(call->parameters[0]), std::byte{3});
    call->parameters[0].u.ptr.size = 5000;
    return call->complete(0);
  };
  const auto call = machine.call_request(
      1, 1, {Parm::list(wire::kParmNoBounce, 8192, wire::kFromHost, {kPage0, kPage1})});
  machine.submit(call);
  BOOST_TEST(call.done());
  BOOST_TEST(all_are(machine.memory.at(kPage0, 4096), std::byte{3}));
  BOOST_TEST(all_are(machine.memory.at(kPage1, 904), std::byte{3}));
  BOOST_TEST(all_are(machine.memory.at(kPage1 + 904, 100), std::byte{0}));
  BOOST_TEST(call.get<std::uint32_t>(Machine::parm_offset(0) + 4) == 5000U);
  BOOST_TEST(machine.device.counters().hgcm_copies == 1U);
}

BOOST_AUTO_TEST_CASE(no_bounce_run_across_two_pieces_of_memory_is_not_copied) {
  Machine machine(services);
  TwoPieces memory(machine.memory, kPage2);
  PlainGuestMemory bar(kMemoryBarSize);
  Device device(memory, machine.line, services, bar.bytes(), {});
  const auto submit = [&](const GuestRequest& request) {
    device.port_write(wire::kRequestRegister, 4, static_cast<std::uint32_t>(request.address));
    return request.status();
  };
  auto info = machine.request(wire::kReportGuestInfo, wire::guest_info::kBytes);
  info.set<std::uint32_t>(wire::guest_info::kInterfaceVersion, wire::guest_info::kInterface104);
  BOOST_REQUIRE(submit(info) == 0);

  fake.on_call = [&](host::ClientId, const FakeServices::Call& call) {
    const auto& pages = call->parameters.at(0).u.pages;
    BOOST_TEST((call->parameters.at(0).type == HGCM_SVC_PARM_PAGES && pages.count == 2U &&
                pages.pages[0] == machine.memory.at(kPage1, 1).data() &&
                pages.pages[1] == machine.memory.at(kPage2, 1).data()));
    return call->complete(0);
  };
  // Two pages, one after the other, in one run.
  const auto call =
      machine.call_request(1, 1, {Parm::list(wire::kParmNoBounce, 8192, kBoth, {kPage1, kPage2})});
  BOOST_TEST(submit(call) == HGCM_INF_HGCM_ASYNC_EXECUTE);
  BOOST_TEST(call.done());
  BOOST_TEST(device.counters().hgcm_copies == 0U);
}

BOOST_AUTO_TEST_CASE(requestor_is_legacy_unless_the_guest_knows_it) {
  Machine machine(services);
  std::vector<std::uint32_t> seen;
  fake.on_call = [&](host::ClientId, const FakeServices::Call& call) {
    seen.push_back(call->requestor);
    return call->complete(0);
  };
  fake.on_connect = [&](std::string, std::uint32_t requestor,
                        const FakeServices::ConnectDone& done) {
    seen.push_back(requestor);
    done(0, 1);
  };
  auto call = machine.call_request(1, 1, {});
  machine.submit(call.set<std::uint32_t>(wire::header::kRequestor, 0x2a));
  machine.report_guest_info2(0);
  machine.submit(machine.call_request(1, 1, {}));
  machine.submit(machine.connect_request("x"));
  const std::vector<std::uint32_t> expected = {0x2a, HGCM_REQUESTOR_LEGACY, HGCM_REQUESTOR_LEGACY};
  BOOST_TEST(seen == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace hgcm::vmmdev::test

// SPDX-License-Identifier: MIT
//
// The C++ face of the SDK, seen through the raw ABI: what it does at load, with parameters, with
// calls, with exceptions. Drives HgcmProbeSvc.so (probe_service.cpp).
#include <boost/test/unit_test.hpp>
#include <hgcm/service/utf8.hpp>

#include "mini_host.h"

using hgcm::test::MiniHost;
using hgcm::test::Parm;

namespace {

struct Fixture {
  Fixture() {
    BOOST_REQUIRE_EQUAL(host.load_library("tests/services", "HgcmProbeSvc"), 0);
    BOOST_REQUIRE_EQUAL(host.connect(1), 0);
  }
  ~Fixture() {
    host.unload();
    BOOST_CHECK_EQUAL(host.pending_calls(), 0);
    BOOST_CHECK_EQUAL(host.bad_completions(), 0);
  }
  template <typename... P>
  std::int32_t call(std::uint32_t function, P... parms) {
    last = host.call(1, function, std::move(parms)...);
    return last->wait();
  }
  MiniHost host;
  MiniHost::CallPtr last;
};

std::string_view sv(const char* text, std::size_t size) {
  return {text, size};
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(load_entry, Fixture)

BOOST_AUTO_TEST_CASE(load_with_foreign_table_refused) {
  struct Case {
    std::uint32_t size;
    std::uint32_t version;
  };
  for (const Case& c : {Case{0x80, HGCM_SVC_VERSION}, Case{0x90, HGCM_SVC_VERSION},
                        Case{0x88, 0x000b0000}, Case{0x88, 0x000b0002}, Case{0, 0}}) {
    hgcm_svc_table table{};
    table.size = c.size;
    table.version = c.version;
    table.helpers = host.table.helpers;
    MiniHost other;
    BOOST_CHECK_EQUAL(other.load_with_table("tests/services", "HgcmProbeSvc", &table),
                      HGCM_ERR_VERSION_MISMATCH);
  }
}

BOOST_AUTO_TEST_CASE(load_without_table_refused) {
  MiniHost other;
  BOOST_CHECK_EQUAL(other.load_with_table("tests/services", "HgcmProbeSvc", nullptr),
                    HGCM_ERR_INVALID_PARAMETER);
}

BOOST_AUTO_TEST_CASE(load_sets_limits_and_client_size) {
  const hgcm_svc_table& table = host.table;
  BOOST_CHECK_EQUAL(table.max_clients[0], 1);
  BOOST_CHECK_EQUAL(table.max_clients[1], 2);
  BOOST_CHECK_EQUAL(table.max_clients[2], 3);
  BOOST_CHECK_EQUAL(table.max_calls_per_client[0], 4);
  BOOST_CHECK_EQUAL(table.max_calls_per_client[1], 5);
  BOOST_CHECK_EQUAL(table.max_calls_per_client[2], 6);
  BOOST_CHECK_EQUAL(table.legacy_category, HGCM_SVC_CATEGORY_USER);
  BOOST_CHECK_GT(table.client_size, 0);
  BOOST_CHECK(table.cancelled != nullptr);
  BOOST_CHECK(table.save_state != nullptr);
  BOOST_CHECK(table.load_state != nullptr);
  BOOST_CHECK(table.notify != nullptr);
  BOOST_CHECK(table.register_extension == nullptr);
}

BOOST_AUTO_TEST_CASE(service_without_limits_leaves_the_defaults) {
  MiniHost greeter;
  BOOST_REQUIRE_EQUAL(greeter.load_library("tests/services", "HgcmGreeterSvc"), 0);
  BOOST_CHECK_EQUAL(greeter.table.max_clients[0], 2048);
  BOOST_CHECK_EQUAL(greeter.table.max_calls_per_client[2], 2048);
  BOOST_CHECK_EQUAL(greeter.table.client_size, 0);
  BOOST_CHECK(greeter.table.cancelled == nullptr);
  BOOST_CHECK(greeter.table.save_state == nullptr);
  BOOST_CHECK(greeter.table.load_state == nullptr);
  BOOST_CHECK(greeter.table.notify == nullptr);
  BOOST_CHECK(greeter.table.host_call != nullptr);
  BOOST_CHECK_EQUAL(greeter.host_call(1), HGCM_ERR_NOT_SUPPORTED);
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_FIXTURE_TEST_SUITE(clients, Fixture)

BOOST_AUTO_TEST_CASE(connect_refused_by_hook_destroys_the_state) {
  auto before = Parm::u32(0);
  host.host_call(3, before);
  BOOST_CHECK_EQUAL(host.connect(66), HGCM_ERR_ACCESS_DENIED);
  auto after = Parm::u32(0);
  host.host_call(3, after);
  BOOST_CHECK_EQUAL(after.abi.u.u32, before.abi.u.u32 + 1);
}

BOOST_AUTO_TEST_CASE(connect_that_throws_gives_a_status) {
  BOOST_CHECK_EQUAL(host.connect(67), HGCM_ERR_UNEXPECTED_EXCEPTION);
  BOOST_CHECK_EQUAL(host.connect(2, 0xdead), HGCM_ERR_NO_MEMORY);
}

BOOST_AUTO_TEST_CASE(disconnect_that_throws_still_destroys_the_state) {
  BOOST_REQUIRE_EQUAL(host.connect(99), 0);
  auto before = Parm::u32(0);
  host.host_call(3, before);
  BOOST_CHECK_EQUAL(host.disconnect(99), HGCM_ERR_UNEXPECTED_EXCEPTION);
  auto after = Parm::u32(0);
  host.host_call(3, after);
  BOOST_CHECK_EQUAL(after.abi.u.u32, before.abi.u.u32 + 1);
}

BOOST_AUTO_TEST_CASE(connect_can_drop_another_client) {
  BOOST_REQUIRE_EQUAL(host.connect(68), 0);
  BOOST_CHECK_EQUAL(host.disconnected_by_service.size(), 1);
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_FIXTURE_TEST_SUITE(parameters, Fixture)

BOOST_AUTO_TEST_CASE(numbers_in_and_out) {
  BOOST_CHECK_EQUAL(call(1, Parm::u32(7), Parm::u64(1ULL << 40), Parm::u32(0), Parm::u64(5)), 0);
  BOOST_CHECK_EQUAL(last->u32(2), 8);
  BOOST_CHECK_EQUAL(last->u64(3), (1ULL << 40) + 5);
}

BOOST_AUTO_TEST_CASE(numbers_are_not_widened) {
  BOOST_CHECK_EQUAL(call(1, Parm::u64(7), Parm::u64(1), Parm::u32(0), Parm::u64(5)),
                    HGCM_ERR_WRONG_PARAMETER_TYPE);
  BOOST_CHECK_EQUAL(call(1, Parm::u32(7), Parm::u32(1), Parm::u32(0), Parm::u64(5)),
                    HGCM_ERR_WRONG_PARAMETER_TYPE);
  BOOST_CHECK_EQUAL(call(1, Parm::u32(7), Parm::u64(1), Parm::u64(0), Parm::u64(5)),
                    HGCM_ERR_WRONG_PARAMETER_TYPE);
  BOOST_CHECK_EQUAL(call(1, Parm::u32(7), Parm::u64(1), Parm::u32(0), Parm::buffer(8)),
                    HGCM_ERR_WRONG_PARAMETER_TYPE);
}

BOOST_AUTO_TEST_CASE(wrong_count_wins_over_wrong_type) {
  BOOST_CHECK_EQUAL(call(1), HGCM_ERR_WRONG_PARAMETER_COUNT);
  BOOST_CHECK_EQUAL(call(1, Parm::buffer(1)), HGCM_ERR_WRONG_PARAMETER_COUNT);
  BOOST_CHECK_EQUAL(call(1, Parm::u32(7), Parm::u64(1), Parm::u32(0), Parm::u64(5), Parm::u32(0)),
                    HGCM_ERR_WRONG_PARAMETER_COUNT);
  BOOST_CHECK_EQUAL(call(16, Parm::u32(1)), HGCM_ERR_WRONG_PARAMETER_COUNT);
  BOOST_CHECK_EQUAL(call(16), 0);
}

BOOST_AUTO_TEST_CASE(unknown_types_are_refused) {
  for (const std::uint32_t type : {0U, 5U, 0xffffffffU}) {
    BOOST_CHECK_EQUAL(call(2, Parm::of_type(type), Parm::u32(0)), HGCM_ERR_WRONG_PARAMETER_TYPE);
    BOOST_CHECK_EQUAL(call(6, Parm::of_type(type), Parm::u32(0)), HGCM_ERR_WRONG_PARAMETER_TYPE);
  }
}

BOOST_AUTO_TEST_CASE(string_ends_at_its_nul) {
  BOOST_CHECK_EQUAL(call(2, Parm::string("gr\xc3\xbc\xc3\x9f"), Parm::u32(99)), 0);
  BOOST_CHECK_EQUAL(last->u32(1), 6);
  BOOST_CHECK_EQUAL(call(2, Parm::string(""), Parm::u32(99)), 0);
  BOOST_CHECK_EQUAL(last->u32(1), 0);
  // What follows the NUL is nobody's business, valid or not.
  BOOST_CHECK_EQUAL(call(2, Parm::bytes(sv("ab\0\xff", 4)), Parm::u32(99)), 0);
  BOOST_CHECK_EQUAL(last->u32(1), 2);
}

BOOST_AUTO_TEST_CASE(bad_strings_are_told_apart) {
  BOOST_CHECK_EQUAL(call(2, Parm::bytes("abc"), Parm::u32(0)), HGCM_ERR_BUFFER_OVERFLOW);
  BOOST_CHECK_EQUAL(call(2, Parm::string("\xff"), Parm::u32(0)), HGCM_ERR_INVALID_UTF8_ENCODING);
  BOOST_CHECK_EQUAL(call(2, Parm::buffer(0), Parm::u32(0)), HGCM_ERR_WRONG_PARAMETER_TYPE);
  BOOST_CHECK_EQUAL(call(2, Parm::null_buffer(16), Parm::u32(0)), HGCM_ERR_WRONG_PARAMETER_TYPE);
  BOOST_CHECK_EQUAL(call(2, Parm::pages("abc", 0), Parm::u32(0)), HGCM_ERR_WRONG_PARAMETER_TYPE);
}

BOOST_AUTO_TEST_CASE(byte_parameters_may_be_empty) {
  BOOST_CHECK_EQUAL(call(3, Parm::buffer(0), Parm::u32(9)), 0);
  BOOST_CHECK_EQUAL(last->u32(1), 0);
  BOOST_CHECK_EQUAL(call(3, Parm::null_buffer(0), Parm::u32(9)), 0);
  BOOST_CHECK_EQUAL(last->u32(1), 0);
  // No address: nothing to read, whatever the size claims.
  BOOST_CHECK_EQUAL(call(5, Parm::null_buffer(4096), Parm::u32(9)), 0);
  BOOST_CHECK_EQUAL(last->u32(1), 0);
}

BOOST_AUTO_TEST_CASE(buffer_that_fits_is_filled_and_shortened) {
  BOOST_CHECK_EQUAL(call(4, Parm::buffer(5)), 0);
  BOOST_CHECK_EQUAL(last->contents(0), sv("four\0", 5));
  BOOST_CHECK_EQUAL(call(4, Parm::buffer(100)), 0);
  BOOST_CHECK_EQUAL(last->abi[0].u.ptr.size, 5);
}

BOOST_AUTO_TEST_CASE(buffer_too_small_is_untouched_and_tells_its_need) {
  BOOST_CHECK_EQUAL(call(4, Parm::buffer(4)), HGCM_ERR_BUFFER_OVERFLOW);
  BOOST_CHECK_EQUAL(last->contents(0), sv("\0\0\0\0", 4));
  BOOST_CHECK_EQUAL(last->abi[0].u.ptr.size, 5);
  BOOST_CHECK_EQUAL(call(4, Parm::buffer(0)), HGCM_ERR_WRONG_PARAMETER_TYPE);
}

BOOST_AUTO_TEST_CASE(pages_are_visited_piece_by_piece) {
  std::string text(10000, 'a');
  for (const std::size_t offset : {std::size_t{0}, std::size_t{1}, std::size_t{4095}}) {
    BOOST_CHECK_EQUAL(call(6, Parm::pages(text, offset), Parm::u32(0)), 0);
    BOOST_CHECK_EQUAL(last->u32(1), offset == 4095 ? 4 : 3);
    BOOST_CHECK(last->parms[0].page_contents() == std::string(10000, 'b'));
  }
}

BOOST_AUTO_TEST_CASE(pages_argument_takes_a_pointer_too) {
  BOOST_CHECK_EQUAL(call(6, Parm::bytes("abc"), Parm::u32(0)), 0);
  BOOST_CHECK_EQUAL(last->u32(1), 1);
  BOOST_CHECK_EQUAL(last->contents(0), "bcd");
}

BOOST_AUTO_TEST_CASE(pages_that_contradict_themselves_are_refused) {
  const auto refused = [&](auto spoil) {
    Parm parm = Parm::pages(std::string(5000, 'a'), 100);
    spoil(parm.abi.u.pages);
    return call(6, std::move(parm), Parm::u32(0)) == HGCM_ERR_WRONG_PARAMETER_TYPE;
  };
  BOOST_CHECK(refused([](auto& pages) { pages.size = 2 * 4096 - 100 + 1; }));
  BOOST_CHECK(refused([](auto& pages) { pages.count = 0; }));
  BOOST_CHECK(refused([](auto& pages) { pages.count = 1; }));
  BOOST_CHECK(refused([](auto& pages) { pages.pages = nullptr; }));
  BOOST_CHECK(refused([](auto& pages) { pages.pages[1] = nullptr; }));
  BOOST_CHECK(
      refused([](auto& pages) { pages.pages[1] = static_cast<char*>(pages.pages[1]) + 1; }));
  BOOST_CHECK(!refused([](auto& pages) { pages.size = 2 * 4096 - 100; }));
  BOOST_CHECK(!refused([](auto& pages) { pages.size = 0; }));
}

BOOST_AUTO_TEST_CASE(optional_parameters_may_be_missing_from_the_end) {
  BOOST_CHECK_EQUAL(call(7, Parm::u32(0)), 0);
  BOOST_CHECK_EQUAL(last->u32(0), 0);
  BOOST_CHECK_EQUAL(call(7, Parm::u32(0), Parm::u32(0)), 0);
  BOOST_CHECK_EQUAL(last->u32(0), 1);
  BOOST_CHECK_EQUAL(call(7, Parm::u32(0), Parm::u32(0), Parm::string("x")), 0);
  BOOST_CHECK_EQUAL(last->u32(0), 3);
  BOOST_CHECK_EQUAL(call(7), HGCM_ERR_WRONG_PARAMETER_COUNT);
  BOOST_CHECK_EQUAL(call(7, Parm::u32(0), Parm::string("x")), HGCM_ERR_WRONG_PARAMETER_TYPE);
  BOOST_CHECK_EQUAL(call(7, Parm::u32(0), Parm::u32(0), Parm::string("x"), Parm::u32(0)),
                    HGCM_ERR_WRONG_PARAMETER_COUNT);
}

BOOST_AUTO_TEST_CASE(rest_takes_any_number) {
  BOOST_CHECK_EQUAL(call(8, Parm::u32(0), Parm::u64(0)), 1);
  BOOST_CHECK_EQUAL(call(8, Parm::u32(0), Parm::u64(0), Parm::u32(0), Parm::buffer(1)), 3);
  BOOST_CHECK_EQUAL(call(8), HGCM_ERR_WRONG_PARAMETER_COUNT);
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_FIXTURE_TEST_SUITE(calls, Fixture)

BOOST_AUTO_TEST_CASE(unknown_function_gives_the_declared_refusal) {
  BOOST_CHECK_EQUAL(call(0), HGCM_ERR_INVALID_FUNCTION);
  BOOST_CHECK_EQUAL(call(0xffffffff, Parm::u32(1)), HGCM_ERR_INVALID_FUNCTION);
  BOOST_CHECK_EQUAL(host.host_call(77), HGCM_ERR_OUT_OF_RANGE);
}

BOOST_AUTO_TEST_CASE(exceptions_become_statuses) {
  BOOST_CHECK_EQUAL(call(9, Parm::u32(1)), HGCM_ERR_NO_MEMORY);
  BOOST_CHECK_EQUAL(call(9, Parm::u32(2)), HGCM_ERR_UNEXPECTED_EXCEPTION);
  BOOST_CHECK_EQUAL(call(13), HGCM_ERR_UNEXPECTED_EXCEPTION);
  BOOST_CHECK_EQUAL(host.host_call(2), HGCM_ERR_UNEXPECTED_EXCEPTION);
  host.notify(HGCM_SVC_EVENT_SUSPEND);
}

BOOST_AUTO_TEST_CASE(any_status_reaches_the_guest) {
  BOOST_CHECK_EQUAL(call(9, Parm::u32(2901)), 2901);
  BOOST_CHECK_EQUAL(call(9, Parm::u32(0xffffffff)), -1);
}

BOOST_AUTO_TEST_CASE(forgotten_call_is_completed) {
  BOOST_CHECK_EQUAL(call(12), HGCM_ERR_INTERRUPTED);
}

BOOST_AUTO_TEST_CASE(parked_call_is_completed_later_once) {
  const auto parked = host.call(1, 10, Parm::u32(0));
  BOOST_CHECK(!parked->done());
  BOOST_CHECK_EQUAL(call(11, Parm::u32(0)), 0);
  BOOST_CHECK_EQUAL(last->u32(0), 1);
  BOOST_CHECK_EQUAL(parked->wait(), 0);
}

BOOST_AUTO_TEST_CASE(parked_calls_end_at_disconnect_as_abandoned) {
  BOOST_REQUIRE_EQUAL(host.connect(2), 0);
  const auto plain = host.call(2, 10, Parm::u32(0));
  const auto chosen = host.call(2, 10, Parm::u32(1));
  BOOST_CHECK_EQUAL(host.disconnect(2), 0);
  BOOST_CHECK_EQUAL(plain->wait(), HGCM_ERR_INTERRUPTED);
  BOOST_CHECK_EQUAL(chosen->wait(), HGCM_ERR_CANCELLED);
}

BOOST_AUTO_TEST_CASE(cancelled_call_ends_when_the_service_looks) {
  const auto kept = host.call(1, 10, Parm::u32(0));
  const auto gone = host.call(1, 10, Parm::u32(0));
  host.cancel(1, *gone);
  BOOST_CHECK(gone->done());
  BOOST_CHECK(!kept->done());
}

BOOST_AUTO_TEST_CASE(completion_of_cancelled_call_tells_the_service) {
  const auto parked = host.call(1, 10, Parm::u32(0));
  parked->completion_result = HGCM_ERR_ALREADY_RESET;
  BOOST_CHECK_EQUAL(call(11, Parm::u32(9)), 0);
  BOOST_CHECK_EQUAL(last->u32(0), 0);
}

BOOST_AUTO_TEST_CASE(completion_from_another_thread) {
  BOOST_CHECK_EQUAL(call(14, Parm::u32(0)), 0);
  BOOST_CHECK_EQUAL(last->u32(0), 42);
}

BOOST_AUTO_TEST_CASE(handler_learns_who_calls) {
  BOOST_CHECK_EQUAL(call(15, Parm::u32(0), Parm::u32(0), Parm::u64(0)), 0);
  BOOST_CHECK_EQUAL(last->u32(0), 1);
  BOOST_CHECK_EQUAL(last->u32(1), HGCM_REQUESTOR_LEGACY);
  BOOST_CHECK_EQUAL(last->u64(2), 0x5e551011);
}

BOOST_AUTO_TEST_CASE(host_call_returns_its_values) {
  auto a = Parm::u32(40);
  auto b = Parm::u32(2);
  BOOST_CHECK_EQUAL(host.host_call(1, a, b), 0);
  BOOST_CHECK_EQUAL(a.abi.u.u32, 42);
  BOOST_CHECK_EQUAL(host.host_call(1, a), HGCM_ERR_WRONG_PARAMETER_COUNT);
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_FIXTURE_TEST_SUITE(services_of_the_host, Fixture)

BOOST_AUTO_TEST_CASE(notify_passes_known_events_only) {
  const std::uint64_t* events = host.statistics.at("/Probe/Events");
  for (int event = -1; event < 8; ++event) {
    host.notify(event);
  }
  BOOST_CHECK_EQUAL(*events, 5);
}

BOOST_AUTO_TEST_CASE(info_handler_prints_percent_signs) {
  BOOST_CHECK_EQUAL(host.info("probe").value(), "100% of 0 events\n");
}

BOOST_AUTO_TEST_CASE(unload_takes_counters_and_info_handlers_away) {
  host.unload();
  BOOST_CHECK(host.statistics.empty());
  BOOST_CHECK(!host.info("probe"));
}

BOOST_AUTO_TEST_CASE(saved_state_comes_back) {
  BOOST_CHECK_EQUAL(host.save(1), 0);
  BOOST_CHECK_EQUAL(host.stream.size(), 1 + 1 + 4 + 8 + 4 + 4);
  BOOST_CHECK_EQUAL(host.load_state(1, 3), 0);
  BOOST_CHECK_EQUAL(host.stream_read, host.stream.size());
}

BOOST_AUTO_TEST_CASE(saved_state_cut_short_is_refused) {
  BOOST_REQUIRE_EQUAL(host.save(1), 0);
  const auto whole = host.stream;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    host.stream.assign(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    host.stream_read = 0;
    BOOST_CHECK_LT(host.load_state(1, 3), 0);
  }
}

BOOST_AUTO_TEST_CASE(saved_string_that_is_too_long_is_refused) {
  BOOST_REQUIRE_EQUAL(host.save(1), 0);
  host.stream[14] = std::byte{0xff};  // the low byte of the string's length
  BOOST_CHECK_EQUAL(host.load_state(1, 3), HGCM_ERR_SSM_UNEXPECTED_DATA);
}

BOOST_AUTO_TEST_CASE(save_hook_can_refuse) {
  const auto parked = host.call(1, 10, Parm::u32(0));
  BOOST_CHECK_EQUAL(host.save(1), HGCM_ERR_INVALID_STATE);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_CASE(utf8_validity_follows_the_standard) {
  using hgcm::service::is_valid_utf8;
  for (const char* good :
       {"", "abc", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
        "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    BOOST_CHECK(is_valid_utf8(good));
  }
  for (const char* bad : {"\x80",
                          "\xbf",
                          "\xc0\x80",
                          "\xc1\xbf",
                          "\xc2",
                          "\xc2 ",
                          "\xe0\x9f\xbf",
                          "\xed\xa0\x80",
                          "\xed\xbf\xbf",
                          "\xe1\x80",
                          "\xe1\x80 ",
                          "\xf0\x8f\xbf\xbf",
                          "\xf4\x90\x80\x80",
                          "\xf5\x80\x80\x80",
                          "\xf1\x80\x80",
                          "\xf1\x80\x80 ",
                          "\xf8\x88\x80\x80\x80",
                          "\xfe",
                          "\xff",
                          "a\xe1\x80"}) {
    BOOST_CHECK(!is_valid_utf8(bad));
  }
}

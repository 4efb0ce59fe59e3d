// SPDX-License-Identifier: MIT
//
// The service host with real shared objects: loading them, and every function of HgcmTestSvc as the
// other parts' tests rely on it.
#include "host_fixture.h"

#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <numeric>

using namespace hgcm;
using namespace hgcm::host;
using namespace hgcm::host::testing;

namespace {

constexpr const char* kName = "HgcmTestSvc";

struct LoadedFixture : HostFixture {
  LoadedFixture() {
    std::string detail;
    const Status status = host.load(kName, {}, &detail);
    BOOST_TEST_REQUIRE(status.ok(), detail);
    client = client_of(kName, HGCM_REQUESTOR_USER_ROOT);
    BOOST_TEST_REQUIRE(client != 0U);
  }
  ClientId client = 0;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(test_service, LoadedFixture)

BOOST_AUTO_TEST_CASE(noop_completes_with_any_parameters) {
  BOOST_TEST(run(client, 1) == HGCM_INF_SUCCESS);
  BOOST_TEST(run(client, 1, std::vector<hgcm_svc_parm>(HGCM_SVC_MAX_PARMS, u32(1))) ==
             HGCM_INF_SUCCESS);
}

BOOST_AUTO_TEST_CASE(echo_copies_and_sets_size) {
  std::string in = "hello";
  std::string out(16, '\0');
  const Call call = make_call(2, {buffer(in), buffer(out)});
  BOOST_TEST(run(client, call) == HGCM_INF_SUCCESS);
  BOOST_TEST(call->parameters[1].u.ptr.size == 5U);
  BOOST_TEST(out.substr(0, 5) == in);
}

BOOST_AUTO_TEST_CASE(echo_into_small_buffer_overflows) {
  std::string in = "hello";
  std::string out(4, '\0');
  BOOST_TEST(run(client, 2, {buffer(in), buffer(out)}) == HGCM_ERR_BUFFER_OVERFLOW);
}

BOOST_AUTO_TEST_CASE(add_returns_sum_and_counts_up) {
  const Call call = make_call(3, {u32(2), u64(40), u64(0)});
  BOOST_TEST(run(client, call) == HGCM_INF_SUCCESS);
  BOOST_TEST(call->parameters[2].u.u64 == 42U);
  BOOST_TEST(call->parameters[0].u.u32 == 3U);
}

BOOST_AUTO_TEST_CASE(wrong_parameters_are_refused) {
  BOOST_TEST(run(client, 3, {u32(2), u64(40)}) == HGCM_ERR_INVALID_PARAMETER);
  BOOST_TEST(run(client, 3, {u64(2), u64(40), u64(0)}) == HGCM_ERR_INVALID_PARAMETER);
  BOOST_TEST(run(client, 4) == HGCM_ERR_INVALID_PARAMETER);
  BOOST_TEST(run(client, 4711) == HGCM_ERR_NOT_IMPLEMENTED);
}

BOOST_AUTO_TEST_CASE(delay_completes_later_on_another_thread) {
  BOOST_TEST(run(client, 4, {u32(1)}) == HGCM_INF_SUCCESS);
}

BOOST_AUTO_TEST_CASE(parked_call_completes_when_released_by_guest) {
  const Call parked = make_call(5, {u32(7)});
  BOOST_TEST(host.call(client, parked) == HGCM_INF_SUCCESS);
  BOOST_TEST(run(client, 1) == HGCM_INF_SUCCESS);
  BOOST_TEST(parked->completions() == 0);
  BOOST_TEST(run(client, 6, {u32(7)}) == HGCM_INF_SUCCESS);
  BOOST_TEST(parked->wait().value() == HGCM_INF_SUCCESS);
}

BOOST_AUTO_TEST_CASE(parked_call_completes_when_released_by_host) {
  const Call parked = make_call(5, {u32(7)});
  BOOST_TEST(host.call(client, parked) == HGCM_INF_SUCCESS);
  std::array<hgcm_svc_parm, 1> count{u32(0)};
  BOOST_TEST(host.host_call(kName, 2, count) == HGCM_INF_SUCCESS);
  BOOST_TEST(count[0].u.u32 == 1U);
  std::array<hgcm_svc_parm, 1> key{u32(7)};
  BOOST_TEST(host.host_call(kName, 1, key) == HGCM_INF_SUCCESS);
  BOOST_TEST(parked->wait().value() == HGCM_INF_SUCCESS);
  BOOST_TEST(host.host_call(kName, 3, {}) == HGCM_ERR_NOT_SUPPORTED);
}

BOOST_AUTO_TEST_CASE(parked_call_is_interrupted_by_disconnect) {
  const Call parked = make_call(5, {u32(7)});
  BOOST_TEST(host.call(client, parked) == HGCM_INF_SUCCESS);
  BOOST_TEST(run(client, 1) == HGCM_INF_SUCCESS);
  BOOST_TEST(disconnect(client) == HGCM_INF_SUCCESS);
  BOOST_TEST(parked->wait().value() == HGCM_ERR_INTERRUPTED);
}

BOOST_AUTO_TEST_CASE(parked_call_ends_when_cancelled) {
  const Call parked = make_call(5, {u32(7)});
  BOOST_TEST(host.call(client, parked) == HGCM_INF_SUCCESS);
  host.cancel(client, parked);
  BOOST_TEST(parked->wait().value() == HGCM_ERR_CANCELLED);
  BOOST_TEST(statistics(kName).cancelled_calls == 1U);
}

BOOST_AUTO_TEST_CASE(fill_writes_pattern_into_buffer_and_pages) {
  std::vector<std::uint8_t> bytes(300);
  BOOST_TEST(run(client, 7, {u32(5), buffer(bytes)}) == HGCM_INF_SUCCESS);
  for (std::size_t i = 0; i < bytes.size(); ++i)
    BOOST_TEST_REQUIRE(bytes[i] == static_cast<std::uint8_t>(5 + 7 * i));

  auto* const memory = static_cast<std::uint8_t*>(std::aligned_alloc(4096, 3 * 4096));
  std::fill_n(memory, 3 * 4096, std::uint8_t{0});
  // 5000 bytes from offset 4000 of the last page, then at the start of the first two.
  std::array<void*, 3> pages{memory + 2 * 4096 + 4000, memory, memory + 4096};
  hgcm_svc_parm parm{};
  parm.type = HGCM_SVC_PARM_PAGES;
  parm.u.pages.size = 5000;
  parm.u.pages.count = 3;
  parm.u.pages.pages = pages.data();
  BOOST_TEST(run(client, 7, {u32(1), parm}) == HGCM_INF_SUCCESS);
  BOOST_TEST(memory[2 * 4096 + 4000] == 1);
  BOOST_TEST(memory[0] == static_cast<std::uint8_t>(1 + 7 * 96));
  BOOST_TEST(memory[4096 + 807] == static_cast<std::uint8_t>(1 + 7 * 4999));
  BOOST_TEST(memory[4096 + 808] == 0);

  const Call sum = make_call(8, {parm, u64(0)});
  BOOST_TEST(run(client, sum) == HGCM_INF_SUCCESS);
  const std::uint64_t all = std::accumulate(memory, memory + 3 * 4096, std::uint64_t{0});
  BOOST_TEST(sum->parameters[1].u.u64 == all);
  std::free(memory);
}

BOOST_AUTO_TEST_CASE(status_comes_back_unmodified) {
  BOOST_TEST(run(client, 9, {u32(static_cast<std::uint32_t>(-12345))}) == Status(-12345));
  BOOST_TEST(run(client, 9, {u32(2906)}) == HGCM_INF_HGCM_SAVE_STATE);
}

BOOST_AUTO_TEST_CASE(inout_inverts) {
  std::vector<std::uint8_t> bytes{0x00, 0x0f, 0xff};
  BOOST_TEST(run(client, 10, {buffer(bytes)}) == HGCM_INF_SUCCESS);
  BOOST_TEST((bytes == std::vector<std::uint8_t>{0xff, 0xf0, 0x00}));
}

BOOST_AUTO_TEST_CASE(second_completion_is_counted_and_harmless) {
  const Call call = make_call(12);
  BOOST_TEST(run(client, call) == HGCM_INF_SUCCESS);
  BOOST_TEST(run(client, 1) == HGCM_INF_SUCCESS);
  BOOST_TEST(call->completions() == 1);
  BOOST_TEST(statistics(kName).bad_completions == 1U);
}

BOOST_AUTO_TEST_CASE(garbage_in_parameters_is_harmless) {
  std::string text = "text";
  BOOST_TEST(run(client, 14, {u32(1), buffer(text)}) == HGCM_INF_SUCCESS);
}

BOOST_AUTO_TEST_CASE(size_may_grow_and_shrink) {
  std::string text(10, '\0');
  const Call grow = make_call(13, {buffer(text)});
  BOOST_TEST(run(client, grow) == HGCM_INF_SUCCESS);
  BOOST_TEST(grow->parameters[0].u.ptr.size == 10U * 2 + 4096);
  const Call shrink = make_call(15, {buffer(text), u32(3)});
  BOOST_TEST(run(client, shrink) == HGCM_INF_SUCCESS);
  BOOST_TEST(shrink->parameters[0].u.ptr.size == 3U);
}

BOOST_AUTO_TEST_CASE(whoami_tells_requestor_of_the_call_and_client) {
  const Call call = make_call(16, {u32(0), u32(0)});
  call->requestor = 0x3003;
  BOOST_TEST(run(client, call) == HGCM_INF_SUCCESS);
  BOOST_TEST(call->parameters[0].u.u32 == 0x3003U);
  BOOST_TEST(call->parameters[1].u.u32 == client);
}

BOOST_AUTO_TEST_CASE(call_never_completed_ends_at_unload) {
  const Call call = make_call(11);
  BOOST_TEST(host.call(client, call) == HGCM_INF_SUCCESS);
  BOOST_TEST(run(client, 1) == HGCM_INF_SUCCESS);
  BOOST_TEST(disconnect(client) == HGCM_INF_SUCCESS);
  BOOST_TEST(call->completions() == 0);
  BOOST_TEST(statistics(kName).pending_calls == 1U);
  BOOST_TEST(host.unload(kName) == HGCM_INF_SUCCESS);
  BOOST_TEST(call->wait().value() == HGCM_ERR_INVALID_STATE);
}

BOOST_AUTO_TEST_CASE(statistics_count_calls_by_function) {
  run(client, 1);
  run(client, 1);
  run(client, 4711);
  run(client, 1);  // the one before is counted for sure when this one has begun
  const ServiceStatistics stats = statistics(kName);
  BOOST_TEST(stats.calls == 4U);
  BOOST_TEST(stats.clients[HGCM_SVC_CATEGORY_ROOT] == 1U);
  BOOST_TEST(stats.max_clients[HGCM_SVC_CATEGORY_KERNEL] == 2048U);
  BOOST_TEST(stats.path == (test_service_directory() / "HgcmTestSvc.so").string());
  BOOST_TEST_REQUIRE(stats.functions.size() == 2U);
  BOOST_TEST(stats.functions[0].function == 1U);
  BOOST_TEST(stats.functions[0].calls >= 2U);
  BOOST_TEST(stats.functions[0].failed == 0U);
  BOOST_TEST(stats.functions[0].nanoseconds > 0U);
  BOOST_TEST(stats.functions[1].function == 4711U);
  BOOST_TEST(stats.functions[1].failed == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(loading, HostFixture)

BOOST_AUTO_TEST_CASE(service_in_plain_c_works) {
  BOOST_TEST(host.load("HgcmCEchoSvc") == HGCM_INF_SUCCESS);
  const ClientId client = client_of("HgcmCEchoSvc");
  const Call call = make_call(1, {u32(41)});
  BOOST_TEST(run(client, call) == HGCM_INF_SUCCESS);
  BOOST_TEST(call->parameters[0].u.u32 == 42U);
}

BOOST_AUTO_TEST_CASE(path_gives_a_service_another_name) {
  BOOST_TEST(host.load("Other", test_service_directory() / "HgcmTestSvc.so") == HGCM_INF_SUCCESS);
  BOOST_TEST(host.has_service("Other"));
  BOOST_TEST(!host.has_service(kName));
}

BOOST_AUTO_TEST_CASE(second_load_of_a_name_is_refused) {
  BOOST_TEST(host.load(kName) == HGCM_INF_SUCCESS);
  BOOST_TEST(host.load(kName) == HGCM_ERR_HGCM_SERVICE_EXISTS);
  BOOST_TEST(host.has_service(kName));
}

BOOST_AUTO_TEST_CASE(missing_file_is_told) {
  std::string detail;
  BOOST_TEST(host.load("NoSuchSvc", {}, &detail) == HGCM_ERR_FILE_NOT_FOUND);
  BOOST_TEST(!detail.empty());
  BOOST_TEST(host.load("NoSuchSvc", "/no/such/file.so", &detail) == HGCM_ERR_FILE_NOT_FOUND);
  BOOST_TEST(detail.find("/no/such/file.so") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(file_that_is_no_library_is_told) {
  std::string detail;
  BOOST_TEST(host.load("X", "/proc/self/cmdline", &detail) == HGCM_ERR_BAD_EXE_FORMAT);
  BOOST_TEST(!detail.empty());
}

BOOST_AUTO_TEST_CASE(library_without_entry_is_told) {
  // Any shared object that is no service.
  std::ifstream maps("/proc/self/maps");
  std::string line;
  while (std::getline(maps, line) && line.find("libc.so.6") == std::string::npos) {
  }
  const std::string libc = line.substr(line.find('/'));
  std::string detail;
  BOOST_TEST(host.load("X", libc, &detail) == HGCM_ERR_SYMBOL_NOT_FOUND);
  BOOST_TEST(detail.find(HGCM_SVC_LOAD_NAME) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(bad_names_are_refused) {
  for (const std::string& name :
       {std::string(), std::string("a/b"), std::string("a\0b", 3), std::string(128, 'x')})
    BOOST_TEST(host.load(name) == HGCM_ERR_INVALID_NAME);
}

BOOST_AUTO_TEST_CASE(unloaded_service_is_gone_and_can_be_loaded_again) {
  BOOST_TEST(host.load(kName) == HGCM_INF_SUCCESS);
  const ClientId client = client_of(kName);
  BOOST_TEST(host.unload(kName) == HGCM_INF_SUCCESS);
  BOOST_TEST(host.unload(kName) == HGCM_ERR_HGCM_SERVICE_NOT_FOUND);
  BOOST_TEST(run(client, 1) == HGCM_ERR_HGCM_INVALID_CLIENT_ID);
  BOOST_TEST(connect_to(kName).first == HGCM_ERR_HGCM_SERVICE_NOT_FOUND);
  BOOST_TEST(host.load(kName) == HGCM_INF_SUCCESS);
  BOOST_TEST(run(client_of(kName), 1) == HGCM_INF_SUCCESS);
}

BOOST_AUTO_TEST_CASE(guest_cannot_load_a_service_by_default) {
  BOOST_TEST(connect_to(kName).first == HGCM_ERR_HGCM_SERVICE_NOT_FOUND);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(loading_on_connect)

struct OnConnectFixture : HostFixture {
  static ServiceHostOptions options() {
    ServiceHostOptions result = test_options();
    result.load_on_connect = true;
    return result;
  }
  OnConnectFixture() : HostFixture(options()) {}
};

BOOST_FIXTURE_TEST_CASE(connect_loads_the_service_from_its_directory, OnConnectFixture) {
  const auto [status, client] = connect_to(kName);
  BOOST_TEST(status == HGCM_INF_SUCCESS);
  BOOST_TEST(run(client, 1) == HGCM_INF_SUCCESS);
  BOOST_TEST(host.has_service(kName));
}

BOOST_FIXTURE_TEST_CASE(names_that_could_leave_the_directory_never_load, OnConnectFixture) {
  for (const char* name : {"../services/HgcmTestSvc", "./HgcmTestSvc", "HgcmTestSvc.so", "", "."})
    BOOST_TEST(connect_to(name).first == HGCM_ERR_HGCM_SERVICE_NOT_FOUND);
}

BOOST_FIXTURE_TEST_CASE(service_that_fails_to_load_is_not_tried_again_for_a_guest,
                        OnConnectFixture) {
  std::atomic<int> answered = 0;
  std::atomic<int> refused = 0;
  for (int i = 0; i < 100; ++i) {
    host.connect("HgcmOldSvc", 0, [&](Status status, ClientId) {
      refused += status == HGCM_ERR_HGCM_SERVICE_NOT_FOUND ? 1 : 0;
      ++answered;
    });
  }
  BOOST_TEST(connect_to("HgcmOldSvc").first == HGCM_ERR_HGCM_SERVICE_NOT_FOUND);
  BOOST_TEST(!host.has_service("HgcmOldSvc"));
  // The host's side may try, and learns why.
  std::string detail;
  BOOST_TEST(host.load("HgcmOldSvc", {}, &detail) == HGCM_ERR_VERSION_MISMATCH);
  BOOST_TEST(detail.find("VERR_VERSION_MISMATCH") != std::string::npos);
  BOOST_TEST(answered == 100);
  BOOST_TEST(refused == 100);
}

BOOST_AUTO_TEST_SUITE_END()

// SPDX-License-Identifier: MIT
//
// What the host's side asks of services: host calls, extensions, events, info, registered samples;
// and the formatter behind the helpers that print.
#include "hgcm/iprt_format.h"
#include "hgcm/service_statistics.h"
#include "scripted_service.h"

#include <boost/test/unit_test.hpp>

#include <array>
#include <cstdarg>
#include <limits>

using namespace hgcm;
using namespace hgcm::host;
using namespace hgcm::host::testing;

namespace {

std::int32_t register_sample(hgcm_svc_helpers& helpers, void* sample, int type, const char* format,
                             ...) {
  std::va_list arguments;
  va_start(arguments, format);
  const std::int32_t status = helpers.stat_register_v(helpers.instance, sample, type, 1, 2,
                                                      "what it is", format, arguments);
  va_end(arguments);
  return status;
}

std::int32_t deregister_samples(hgcm_svc_helpers& helpers, const char* format, ...) {
  std::va_list arguments;
  va_start(arguments, format);
  const std::int32_t status = helpers.stat_deregister_v(&helpers, format, arguments);
  va_end(arguments);
  return status;
}

std::string format(const char* text, ...) {
  std::va_list arguments;
  va_start(arguments, text);
  std::string result = format_iprt(text, arguments, 200);
  va_end(arguments);
  return result;
}

std::int32_t no_extension(void*, std::uint32_t, void*, std::uint32_t) {
  return 0;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(host_calls, HostFixture)

BOOST_AUTO_TEST_CASE(results_come_back_in_the_parameters) {
  Script script;
  script.host_call = [](std::uint32_t function, std::uint32_t count, hgcm_svc_parm* parms) {
    parms[0].u.u32 = function + count;
    return 42;
  };
  load_script(host, script);
  std::array<hgcm_svc_parm, 2> parms{u32(0), u32(0)};
  BOOST_TEST(host.host_call("Script", 5, parms) == Status(42));
  BOOST_TEST(parms[0].u.u32 == 7U);
}

BOOST_AUTO_TEST_CASE(service_finds_six_zeroed_elements_whatever_the_count) {
  bool zeroed = false;
  Script script;
  script.host_call = [&](std::uint32_t, std::uint32_t, hgcm_svc_parm* parms) -> std::int32_t {
    zeroed = true;
    for (std::size_t i = 0; i < kMinParameterSlots; ++i)
      zeroed = zeroed && parms[i].type == 0 && parms[i].u.u64 == 0;
    return 0;
  };
  load_script(host, script);
  BOOST_TEST(host.host_call("Script", 1, {}) == HGCM_INF_SUCCESS);
  BOOST_TEST(zeroed);
}

BOOST_AUTO_TEST_CASE(failures_are_told_apart) {
  Script script;
  load_script(host, script);
  BOOST_TEST(host.host_call("Nobody", 1, {}) == HGCM_ERR_HGCM_SERVICE_NOT_FOUND);
  BOOST_TEST(host.host_call("Script", 1, {}) == HGCM_ERR_NOT_SUPPORTED);
  std::vector<hgcm_svc_parm> many(kMaxHostParameters + 1);
  BOOST_TEST(host.host_call("Script", 1, many) == HGCM_ERR_INVALID_PARAMETER);
}

BOOST_AUTO_TEST_CASE(calls_that_would_deadlock_are_refused) {
  std::vector<Status> results;
  Script script;
  script.host_call = [&](std::uint32_t, std::uint32_t, hgcm_svc_parm*) -> std::int32_t {
    results.push_back(host.host_call("Script", 1, {}));
    results.push_back(host.host_call("Other", 1, {}));
    results.push_back(host.load("HgcmTestSvc"));
    results.push_back(host.register_extension("Script", no_extension, nullptr));
    results.push_back(host.unregister_extension("Script"));
    results.push_back(host.save_state().error());
    results.push_back(host.load_state({}));
    results.push_back(host.info("x", "").error());
    results.push_back(host.load_builtin("X", ScriptSlot<0>::entry));
    return 0;
  };
  load_script(host, script);
  BOOST_TEST(host.host_call("Script", 1, {}) == HGCM_INF_SUCCESS);
  BOOST_TEST((results == std::vector<Status>(9, HGCM_ERR_DEADLOCK)));
}

BOOST_AUTO_TEST_CASE(host_calls_are_counted_apart) {
  Script script;
  script.host_call = [](std::uint32_t function, std::uint32_t, hgcm_svc_parm*) -> std::int32_t {
    return function == 1 ? 0 : HGCM_ERR_NOT_SUPPORTED;
  };
  load_script(host, script);
  host.host_call("Script", 1, {});
  host.host_call("Script", 2, {});
  run(client_of("Script"), 1);
  host.host_call("Script", 2, {});
  const auto functions = statistics("Script").functions;
  BOOST_TEST_REQUIRE(functions.size() == 3U);
  BOOST_TEST(!functions[0].host_call);
  BOOST_TEST(functions[1].host_call);
  BOOST_TEST(functions[1].failed == 0U);
  BOOST_TEST(functions[2].function == 2U);
  BOOST_TEST(functions[2].calls == 2U);
  BOOST_TEST(functions[2].failed == 2U);
}

BOOST_AUTO_TEST_CASE(functions_beyond_the_table_are_summed_up) {
  Script script;
  load_script(host, script);
  const ClientId client = client_of("Script");
  for (std::uint32_t i = 0; i < 1000; ++i) host.call(client, make_call(i * 7919));
  host.host_call("Script", 0, {});
  const auto functions = statistics("Script").functions;
  BOOST_TEST(functions.size() <= 256U);
  std::uint64_t all = 0;
  std::uint64_t other = 0;
  for (const auto& one : functions) {
    all += one.calls;
    if (one.function == FunctionStatistics::kOtherFunctions) other = one.calls;
  }
  BOOST_TEST(all >= 1000U);
  BOOST_TEST(other >= 1000U - 255U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(extensions, HostFixture)

BOOST_AUTO_TEST_CASE(one_extension_at_a_time) {
  std::vector<std::pair<hgcm_svc_extension_fn, void*>> seen;
  int user = 0;
  Script script;
  script.extension = [&](hgcm_svc_extension_fn function, void* data) -> std::int32_t {
    seen.emplace_back(function, data);
    return 0;
  };
  load_script(host, script);
  BOOST_TEST(host.unregister_extension("Script") == HGCM_ERR_NOT_FOUND);
  BOOST_TEST(host.register_extension("Script", nullptr, &user) == HGCM_ERR_INVALID_POINTER);
  BOOST_TEST(host.register_extension("Script", no_extension, &user) == HGCM_INF_SUCCESS);
  BOOST_TEST(host.register_extension("Script", no_extension, &user) == HGCM_ERR_NOT_SUPPORTED);
  BOOST_TEST(host.unregister_extension("Script") == HGCM_INF_SUCCESS);
  BOOST_TEST(host.register_extension("Script", no_extension, nullptr) == HGCM_INF_SUCCESS);
  BOOST_TEST_REQUIRE(seen.size() == 3U);
  BOOST_TEST((seen[0] == std::pair<hgcm_svc_extension_fn, void*>(no_extension, &user)));
  BOOST_TEST((seen[1] == std::pair<hgcm_svc_extension_fn, void*>(nullptr, nullptr)));
}

BOOST_AUTO_TEST_CASE(refused_registration_is_not_remembered) {
  std::int32_t answer = HGCM_ERR_NO_MEMORY;
  Script script;
  script.extension = [&](hgcm_svc_extension_fn, void*) { return answer; };
  load_script(host, script);
  BOOST_TEST(host.register_extension("Script", no_extension, nullptr) == HGCM_ERR_NO_MEMORY);
  answer = 0;
  BOOST_TEST(host.register_extension("Script", no_extension, nullptr) == HGCM_INF_SUCCESS);
}

BOOST_AUTO_TEST_CASE(service_without_entry_or_missing_service_is_told) {
  Script script;
  load_script(host, script);
  BOOST_TEST(host.register_extension("Script", no_extension, nullptr) == HGCM_ERR_NOT_SUPPORTED);
  BOOST_TEST(host.register_extension("X", no_extension, nullptr) ==
             HGCM_ERR_HGCM_SERVICE_NOT_FOUND);
  BOOST_TEST(host.unregister_extension("X") == HGCM_ERR_HGCM_SERVICE_NOT_FOUND);
}

BOOST_AUTO_TEST_CASE(events_reach_every_service_in_order) {
  std::vector<int> a_seen;
  std::vector<int> b_seen;
  Script a;
  Script b;
  Script without;
  a.notify = [&](int event) { a_seen.push_back(event); };
  b.notify = [&](int event) { b_seen.push_back(event); };
  load_script(host, a, "A");
  load_script(host, b, "B");
  load_script(host, without, "C");
  host.notify(HGCM_SVC_EVENT_POWER_ON);
  host.notify(HGCM_SVC_EVENT_SUSPEND);
  for (const char* name : {"A", "B", "C"}) host.host_call(name, 0, {});
  BOOST_TEST((a_seen == std::vector<int>{1, 3}));
  BOOST_TEST((b_seen == std::vector<int>{1, 3}));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(registered, HostFixture)

BOOST_AUTO_TEST_CASE(info_handler_prints_to_the_caller) {
  Script script;
  script.load = [](hgcm_svc_table& table) {
    return table.helpers->info_register(
        table.helpers->instance, "things", "lists things",
        [](void*, const hgcm_svc_info_output* out, const char* args) {
          out->print(out, "%u things, args '%s', %RU32 %Rrc\n", 3, args, 7, -78);
        },
        nullptr);
  };
  load_script(host, script);
  BOOST_TEST(host.info("things", "all").value() ==
             "3 things, args 'all', 7 VERR_NOT_FOUND (-78)\n");
  BOOST_TEST(host.info("nothing", "").error() == HGCM_ERR_NOT_FOUND);
  host.unload("Script");
  BOOST_TEST(host.info("things", "").error() == HGCM_ERR_NOT_FOUND);
}

BOOST_AUTO_TEST_CASE(info_names_are_unique_and_can_be_given_back) {
  std::vector<std::int32_t> results;
  Script script;
  const hgcm_svc_info_fn handler = [](void*, const hgcm_svc_info_output*, const char*) {};
  script.load = [&](hgcm_svc_table& table) -> std::int32_t {
    auto& helpers = *table.helpers;
    results.push_back(helpers.info_register(&helpers, "a", nullptr, handler, nullptr));
    results.push_back(helpers.info_register(&helpers, "a", nullptr, handler, nullptr));
    results.push_back(helpers.info_register(&helpers, nullptr, nullptr, handler, nullptr));
    results.push_back(helpers.info_register(&helpers, "b", nullptr, nullptr, nullptr));
    results.push_back(helpers.info_deregister(&helpers, "a"));
    results.push_back(helpers.info_deregister(&helpers, "a"));
    results.push_back(helpers.info_deregister(&helpers, nullptr));
    results.push_back(helpers.info_register(&helpers, "a", nullptr, handler, nullptr));
    return 0;
  };
  script.unload = [&] { return script.helpers->info_deregister(script.helpers, "a"); };
  load_script(host, script);
  BOOST_TEST((results == std::vector<std::int32_t>{
                             HGCM_INF_SUCCESS, HGCM_ERR_ALREADY_EXISTS, HGCM_ERR_INVALID_POINTER,
                             HGCM_ERR_INVALID_POINTER, HGCM_INF_SUCCESS, HGCM_ERR_NOT_FOUND,
                             HGCM_ERR_INVALID_POINTER, HGCM_INF_SUCCESS}));
}

BOOST_AUTO_TEST_CASE(exception_in_an_info_handler_is_told) {
  Script script;
  script.load = [](hgcm_svc_table& table) {
    return table.helpers->info_register(
        table.helpers, "bad", "", [](void*, const hgcm_svc_info_output*, const char*) { throw 1; },
        nullptr);
  };
  load_script(host, script);
  BOOST_TEST(host.info("bad", "").error() == HGCM_ERR_UNEXPECTED_EXCEPTION);
}

BOOST_AUTO_TEST_CASE(samples_are_read_live) {
  std::uint64_t counter = 5;
  std::array<std::uint64_t, 4> profile{1, 2, 3, 4};
  std::uint32_t number = 7;
  std::uint8_t small = 255;
  Script script;
  load_script(host, script);
  auto& helpers = *script.helpers;
  BOOST_TEST(register_sample(helpers, &counter, HGCM_SVC_STAT_COUNTER, "/Svc/%s/%RU32", "n", 1) ==
             HGCM_INF_SUCCESS);
  BOOST_TEST(register_sample(helpers, profile.data(), HGCM_SVC_STAT_PROFILE, "/Svc/profile") ==
             HGCM_INF_SUCCESS);
  BOOST_TEST(register_sample(helpers, &number, HGCM_SVC_STAT_U32, "/Svc/number") ==
             HGCM_INF_SUCCESS);
  BOOST_TEST(register_sample(helpers, &small, 7, "/Svc/small") == HGCM_INF_SUCCESS);
  BOOST_TEST(register_sample(helpers, &small, 6, "/Svc/callback") == HGCM_INF_SUCCESS);
  counter = 6;
  const auto samples = statistics("Script").samples;
  BOOST_TEST_REQUIRE(samples.size() == 5U);
  BOOST_TEST(samples[0].name == "/Svc/n/1");
  BOOST_TEST(samples[0].description == "what it is");
  BOOST_TEST(samples[0].unit == 2);
  BOOST_TEST((samples[0].values == std::vector<std::uint64_t>{6}));
  BOOST_TEST((samples[1].values == std::vector<std::uint64_t>{1, 2, 3, 4}));
  BOOST_TEST((samples[2].values == std::vector<std::uint64_t>{7}));
  BOOST_TEST((samples[3].values == std::vector<std::uint64_t>{255}));
  BOOST_TEST(samples[4].values.empty());
  BOOST_TEST(deregister_samples(helpers, "/Svc/%s", "n/*|/Svc/c*") == HGCM_INF_SUCCESS);
  BOOST_TEST(statistics("Script").samples.size() == 3U);
}

BOOST_AUTO_TEST_CASE(bad_samples_are_refused) {
  alignas(8) std::array<char, 16> memory{};
  Script script;
  load_script(host, script);
  auto& helpers = *script.helpers;
  BOOST_TEST(register_sample(helpers, nullptr, 1, "/a") == HGCM_ERR_INVALID_POINTER);
  BOOST_TEST(register_sample(helpers, &memory[1], 1, "/a") == HGCM_ERR_INVALID_POINTER);
  BOOST_TEST(register_sample(helpers, &memory[0], 1, "%s", "") == HGCM_ERR_INVALID_NAME);
  BOOST_TEST(register_sample(helpers, &memory[0], 1, "/a") == HGCM_INF_SUCCESS);
  BOOST_TEST(register_sample(helpers, &memory[0], 1, "/a") == HGCM_ERR_ALREADY_EXISTS);
  for (int i = 0; i < 1023; ++i)
    BOOST_TEST_REQUIRE(register_sample(helpers, &memory[0], 1, "/b%d", i) == HGCM_INF_SUCCESS);
  BOOST_TEST(register_sample(helpers, &memory[0], 1, "/c") == HGCM_ERR_OUT_OF_RESOURCES);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(formatting)

BOOST_AUTO_TEST_CASE(c_directives_work) {
  BOOST_TEST(format("%d|%5d|%-5d|%05d|%+d|% d|%.3d", -1, 42, 42, 42, 42, 42, 7) ==
             "-1|   42|42   |00042|+42| 42|007");
  BOOST_TEST(format("%u %lu %llu %zu", 1U, 2UL, 3ULL, std::size_t{4}) == "1 2 3 4");
  BOOST_TEST(format("%x %X %#x %#010x %o", 0xabU, 0xabU, 0xabU, 0xabU, 8U) ==
             "ab AB 0xab 0x000000ab 10");
  BOOST_TEST(format("%hhu %hu %hd", 0x101, 0x10001, 0xffff) == "1 1 -1");
  BOOST_TEST(format("%s|%5s|%-5s|%.2s|%*s|%.*s", "a", "b", "c", "def", 3, "g", 1, "hi") ==
             "a|    b|c    |de|  g|h");
  BOOST_TEST(format("%c%%%c", 'a', 'b') == "a%b");
  BOOST_TEST(format("%.1f %g", 1.25, 2.5) == "1.2 2.5");
  BOOST_TEST(format("%s", static_cast<const char*>(nullptr)) == "<NULL>");
  BOOST_TEST(format("%lld", std::numeric_limits<long long>::min()) == "-9223372036854775808");
  BOOST_TEST(format("%p", static_cast<void*>(nullptr)) == "0000000000000000");
}

BOOST_AUTO_TEST_CASE(runtime_directives_work) {
  BOOST_TEST(format("%RU8 %RU16 %RU32 %RU64", 0x1ff, 0x1ffff, 3U, ~0ULL) ==
             "255 65535 3 18446744073709551615");
  BOOST_TEST(format("%RI32 %RI64 %RX32 %#RX64", -1, -2LL, 0xffU, 0xffULL) == "-1 -2 ff 0xff");
  BOOST_TEST(format("%RTbool %RTbool %Rrc", 1, 0, 0) == "true false VINF_SUCCESS (0)");
}

BOOST_AUTO_TEST_CASE(unknown_directive_ends_reading) {
  BOOST_TEST(format("%d %Rhxs %s", 1, 2, 3) == "1 %Rhxs %s");
  BOOST_TEST(format("%n", nullptr) == "%n");
  BOOST_TEST(format("%RU7", 1) == "%RU7");
  BOOST_TEST(format("100%") == "100%");
  BOOST_TEST(format("%-") == "%-");
  BOOST_TEST(format(nullptr) == "");
}

BOOST_AUTO_TEST_CASE(output_is_limited) {
  BOOST_TEST(format("%1000000d|", 1).size() == 200U);
  BOOST_TEST(format("%.1000000d|", 1).size() == 200U);
  BOOST_TEST(format("%s%s", std::string(150, 'a').c_str(), std::string(150, 'b').c_str()).size() ==
             200U);
}

BOOST_AUTO_TEST_CASE(patterns_match_as_file_names_do) {
  BOOST_TEST(matches_pattern("*", ""));
  BOOST_TEST(matches_pattern("/HGCM/*/Msg", "/HGCM/a/b/Msg"));
  BOOST_TEST(matches_pattern("a?c", "abc"));
  BOOST_TEST(!matches_pattern("a?c", "ac"));
  BOOST_TEST(matches_pattern("x|a*b*c", "a__b__b__c"));
  BOOST_TEST(!matches_pattern("a*b", "a__b__"));
  BOOST_TEST(!matches_pattern("", "a"));
}

BOOST_AUTO_TEST_SUITE_END()

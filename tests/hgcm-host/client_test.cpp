// SPDX-License-Identifier: MIT
//
// Clients and guest calls: ids, categories and limits, disconnecting and cancelling with calls
// pending, and completions that come late, twice, or from nowhere.
#include "scripted_service.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <thread>

using namespace hgcm;
using namespace hgcm::host;
using namespace hgcm::host::testing;

namespace {

constexpr std::uint32_t kKernel = HGCM_REQUESTOR_USER_DRIVER;
constexpr std::uint32_t kRoot = HGCM_REQUESTOR_USER_ROOT;
constexpr std::uint32_t kUser = HGCM_REQUESTOR_USER_USER | HGCM_REQUESTOR_USERMODE;

/// Keeps every call pending.
struct Parking {
  void operator()(const Arrived& call) {
    const std::lock_guard lock(mutex);
    calls.push_back(call);
  }
  Arrived last() {
    const std::lock_guard lock(mutex);
    return calls.back();
  }
  std::mutex mutex;
  std::vector<Arrived> calls;
};

/// Runs once everything queued for the service before has been handled.
void settle(ServiceHost& host, std::string_view service) {
  host.host_call(service, 0, {});
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(clients, HostFixture)

BOOST_AUTO_TEST_CASE(ids_grow_over_all_services_and_are_not_used_again) {
  Script a;
  Script b;
  load_script(host, a, "A");
  load_script(host, b, "B");
  BOOST_TEST(client_of("A") == 1U);
  BOOST_TEST(client_of("B") == 2U);
  BOOST_TEST(disconnect(1) == HGCM_INF_SUCCESS);
  BOOST_TEST(disconnect(2) == HGCM_INF_SUCCESS);
  BOOST_TEST(client_of("A") == 3U);
}

BOOST_AUTO_TEST_CASE(many_connects_one_after_another_work) {
  Script script;
  load_script(host, script);
  for (int i = 0; i < 10000; ++i) {
    const ClientId client = client_of("Script");
    BOOST_TEST_REQUIRE(client == static_cast<ClientId>(i + 1));
    BOOST_TEST_REQUIRE(disconnect(client) == HGCM_INF_SUCCESS);
  }
  BOOST_TEST(statistics("Script").clients[0] == 0U);
}

BOOST_AUTO_TEST_CASE(flood_of_connects_is_limited_and_all_are_answered) {
  std::atomic<int> good = 0;
  std::atomic<int> refused = 0;
  Script script;
  load_script(host, script);
  for (int i = 0; i < 10000; ++i) {
    host.connect("Script", kRoot,
                 [&](Status status, ClientId) { ++(status.ok() ? good : refused); });
  }
  settle(host, "Script");
  BOOST_TEST(good == 1024);
  BOOST_TEST(refused == 10000 - 1024);
}

BOOST_AUTO_TEST_CASE(connect_gets_requestor_and_zeroed_memory) {
  std::uint32_t requestor = 0;
  bool zeroed = false;
  bool restoring = true;
  Script script;
  script.load = [](hgcm_svc_table& table) -> std::int32_t {
    table.client_size = 4096;
    return 0;
  };
  script.connect = [&](std::uint32_t, void* data, std::uint32_t who, bool again) -> std::int32_t {
    requestor = who;
    restoring = again;
    const auto* bytes = static_cast<unsigned char*>(data);
    zeroed = std::all_of(bytes, bytes + 4096, [](unsigned char byte) { return byte == 0; });
    std::fill_n(static_cast<unsigned char*>(data), 4096, std::uint8_t{0xff});
    return 0;
  };
  load_script(host, script);
  for (int i = 0; i < 3; ++i) {
    const ClientId client = client_of("Script", 0x3018);
    BOOST_TEST(requestor == 0x3018U);
    BOOST_TEST(zeroed);
    BOOST_TEST(!restoring);
    disconnect(client);
  }
}

BOOST_AUTO_TEST_CASE(calls_see_the_memory_of_their_client) {
  Script script;
  script.load = [](hgcm_svc_table& table) -> std::int32_t {
    table.client_size = sizeof(std::uint32_t);
    return 0;
  };
  script.call = [&](const Arrived& call) {
    call.parms[0].u.u32 = ++*static_cast<std::uint32_t*>(call.data);
    script.complete(call, 0);
  };
  load_script(host, script);
  const ClientId a = client_of("Script");
  const ClientId b = client_of("Script");
  run(a, 1, {u32(0)});
  const Call second = make_call(1, {u32(0)});
  const Call other = make_call(1, {u32(0)});
  run(a, second);
  run(b, other);
  BOOST_TEST(second->parameters[0].u.u32 == 2U);
  BOOST_TEST(other->parameters[0].u.u32 == 1U);
}

BOOST_AUTO_TEST_CASE(client_memory_is_null_when_none_is_wanted) {
  void* seen = &seen;
  Script script;
  script.connect = [&](std::uint32_t, void* data, std::uint32_t, bool) -> std::int32_t {
    seen = data;
    return 0;
  };
  load_script(host, script);
  client_of("Script");
  BOOST_TEST(seen == nullptr);
}

BOOST_AUTO_TEST_CASE(client_memory_of_all_clients_is_limited) {
  Script script;
  script.load = [](hgcm_svc_table& table) -> std::int32_t {
    table.client_size = 1U << 20;
    return 0;
  };
  load_script(host, script);
  Status status;
  int connected = 0;
  while ((status = connect_to("Script").first).ok()) ++connected;
  BOOST_TEST(status == HGCM_ERR_NO_MEMORY);
  BOOST_TEST(connected == 256);
}

BOOST_AUTO_TEST_CASE(rejected_client_does_not_exist) {
  int disconnects = 0;
  Script script;
  script.connect = [](std::uint32_t, void*, std::uint32_t, bool) -> std::int32_t {
    return HGCM_ERR_PERMISSION_DENIED;
  };
  script.disconnect = [&](std::uint32_t, void*) -> std::int32_t { return ++disconnects; };
  load_script(host, script);
  const auto [status, client] = connect_to("Script");
  BOOST_TEST(status == HGCM_ERR_PERMISSION_DENIED);
  BOOST_TEST(client == 0U);
  BOOST_TEST(run(1, 1) == HGCM_ERR_HGCM_INVALID_CLIENT_ID);
  BOOST_TEST(disconnect(1) == HGCM_ERR_HGCM_INVALID_CLIENT_ID);
  BOOST_TEST(statistics("Script").clients[0] == 0U);
  host.unload("Script");
  BOOST_TEST(disconnects == 0);
}

BOOST_AUTO_TEST_CASE(positive_connect_status_is_success) {
  std::int32_t answer = 0;
  Script script;
  script.connect = [&](std::uint32_t, void*, std::uint32_t, bool) { return answer; };
  load_script(host, script);
  for (const std::int32_t given : {1, 2901, 0x7fffffff}) {
    answer = given;
    const auto [status, client] = connect_to("Script");
    BOOST_TEST(status == Status(given));
    BOOST_TEST(run(client, 1) == HGCM_INF_SUCCESS);
  }
  // Internal markers never get out.
  for (const std::int32_t given : {2903, 2906}) {
    answer = given;
    BOOST_TEST(connect_to("Script").first == HGCM_INF_SUCCESS);
  }
}

BOOST_AUTO_TEST_CASE(exception_in_connect_refuses_the_client) {
  Script script;
  script.connect = [](std::uint32_t, void*, std::uint32_t, bool) -> std::int32_t { throw 1; };
  load_script(host, script);
  BOOST_TEST(connect_to("Script").first == HGCM_ERR_UNEXPECTED_EXCEPTION);
}

BOOST_AUTO_TEST_CASE(clients_are_limited_by_category) {
  Script script;
  script.load = [](hgcm_svc_table& table) -> std::int32_t {
    table.max_clients[HGCM_SVC_CATEGORY_KERNEL] = 1;
    table.max_clients[HGCM_SVC_CATEGORY_ROOT] = 2;
    table.max_clients[HGCM_SVC_CATEGORY_USER] = 0;
    table.legacy_category = HGCM_SVC_CATEGORY_ROOT;
    return 0;
  };
  load_script(host, script);
  BOOST_TEST(connect_to("Script", kKernel).first == HGCM_INF_SUCCESS);
  BOOST_TEST(connect_to("Script", 2).first == HGCM_ERR_HGCM_TOO_MANY_CLIENTS);
  BOOST_TEST(connect_to("Script", kRoot).first == HGCM_INF_SUCCESS);
  BOOST_TEST(connect_to("Script", HGCM_REQUESTOR_LEGACY).first == HGCM_INF_SUCCESS);
  BOOST_TEST(connect_to("Script", 4).first == HGCM_ERR_HGCM_TOO_MANY_CLIENTS);
  for (const std::uint32_t user : {0U, 5U, 6U, 7U})
    BOOST_TEST(connect_to("Script", user).first == HGCM_ERR_HGCM_TOO_MANY_CLIENTS);
  const ServiceStatistics stats = statistics("Script");
  BOOST_TEST((stats.clients == std::array<std::uint32_t, 3>{1, 2, 0}));
  BOOST_TEST(stats.too_many_clients == 6U);
}

BOOST_AUTO_TEST_CASE(place_of_a_disconnected_client_is_free_again) {
  Script script;
  script.load = [](hgcm_svc_table& table) -> std::int32_t {
    table.max_clients[HGCM_SVC_CATEGORY_KERNEL] = 1;
    return 0;
  };
  load_script(host, script);
  BOOST_TEST(disconnect(client_of("Script")) == HGCM_INF_SUCCESS);
  BOOST_TEST(connect_to("Script").first == HGCM_INF_SUCCESS);
}

BOOST_AUTO_TEST_CASE(limits_are_read_when_needed_and_legacy_category_may_be_nonsense) {
  Script script;
  script.load = [](hgcm_svc_table& table) -> std::int32_t {
    table.max_clients[HGCM_SVC_CATEGORY_KERNEL] = 0;
    table.legacy_category = 0xffffffff;
    return 0;
  };
  script.host_call = [&](std::uint32_t function, std::uint32_t, hgcm_svc_parm*) -> std::int32_t {
    script.table->max_clients[HGCM_SVC_CATEGORY_KERNEL] = function;
    return 0;
  };
  load_script(host, script);
  BOOST_TEST(connect_to("Script").first == HGCM_ERR_HGCM_TOO_MANY_CLIENTS);
  host.host_call("Script", 0xffffffff, {});
  BOOST_TEST(connect_to("Script").first == HGCM_INF_SUCCESS);
}

BOOST_AUTO_TEST_CASE(disconnect_tells_the_status_of_the_service) {
  Script script;
  script.disconnect = [](std::uint32_t, void*) -> std::int32_t { return HGCM_ERR_INVALID_STATE; };
  load_script(host, script);
  const ClientId client = client_of("Script");
  BOOST_TEST(disconnect(client) == HGCM_ERR_INVALID_STATE);
  BOOST_TEST(disconnect(client) == HGCM_ERR_HGCM_INVALID_CLIENT_ID);
}

BOOST_AUTO_TEST_CASE(entries_that_become_null_are_not_called) {
  Script script;
  script.host_call = [&](std::uint32_t, std::uint32_t, hgcm_svc_parm*) -> std::int32_t {
    script.table->connect = nullptr;
    script.table->disconnect = nullptr;
    script.table->call = nullptr;
    script.table->host_call = nullptr;
    script.table->unload = nullptr;
    return 0;
  };
  load_script(host, script);
  const ClientId client = client_of("Script");
  BOOST_TEST(host.host_call("Script", 1, {}) == HGCM_INF_SUCCESS);
  BOOST_TEST(run(client, 1) == HGCM_ERR_NOT_SUPPORTED);
  BOOST_TEST(connect_to("Script").first == HGCM_ERR_NOT_SUPPORTED);
  BOOST_TEST(host.host_call("Script", 1, {}) == HGCM_ERR_NOT_SUPPORTED);
  BOOST_TEST(disconnect(client) == HGCM_ERR_NOT_SUPPORTED);
  BOOST_TEST(host.unload("Script") == HGCM_INF_SUCCESS);
}

BOOST_AUTO_TEST_CASE(disconnect_client_works_inside_connect_only_and_on_own_clients) {
  std::vector<std::uint32_t> disconnects;
  std::vector<std::int32_t> results;
  Script other;
  Script script;
  script.connect = [&](std::uint32_t id, void*, std::uint32_t, bool) -> std::int32_t {
    auto& helpers = *script.helpers;
    if (id == 3) {
      for (const std::uint32_t victim : {2U, 2U, 1U, 3U, 99U})
        results.push_back(helpers.disconnect_client(helpers.instance, victim));
    }
    return 0;
  };
  script.disconnect = [&](std::uint32_t id, void*) -> std::int32_t {
    disconnects.push_back(id);
    return 0;
  };
  script.host_call = [&](std::uint32_t, std::uint32_t, hgcm_svc_parm*) {
    return script.helpers->disconnect_client(script.helpers, 3);
  };
  load_script<0>(host, other, "Other");
  load_script<1>(host, script);
  BOOST_TEST(client_of("Other") == 1U);
  BOOST_TEST(client_of("Script") == 2U);
  BOOST_TEST(client_of("Script") == 3U);
  BOOST_TEST((results == std::vector<std::int32_t>{HGCM_INF_SUCCESS, HGCM_ERR_NOT_FOUND,
                                                   HGCM_ERR_NOT_FOUND, HGCM_ERR_NOT_FOUND,
                                                   HGCM_ERR_NOT_FOUND}));
  BOOST_TEST(run(2, 1) == HGCM_ERR_HGCM_INVALID_CLIENT_ID);
  BOOST_TEST(disconnects.empty());
  BOOST_TEST(host.host_call("Script", 1, {}) == HGCM_ERR_INVALID_CONTEXT);
  BOOST_TEST(script.helpers->disconnect_client(script.helpers, 3) == HGCM_ERR_INVALID_CONTEXT);
  BOOST_TEST(statistics("Script").clients[0] == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(calls, HostFixture)

BOOST_AUTO_TEST_CASE(bad_calls_are_refused) {
  Script script;
  load_script(host, script);
  const ClientId client = client_of("Script");
  BOOST_TEST(host.call(client, nullptr) == HGCM_ERR_INVALID_PARAMETER);
  BOOST_TEST(run(client, 1, std::vector<hgcm_svc_parm>(33)) == HGCM_ERR_INVALID_PARAMETER);
  const Call short_array = make_call(1);
  short_array->parameters.resize(kMinParameterSlots - 1);
  BOOST_TEST(host.call(client, short_array) == HGCM_ERR_INVALID_PARAMETER);
  for (const ClientId bad : {0U, client + 1, 0x80000000U, 0xffffffffU})
    BOOST_TEST(run(bad, 1) == HGCM_ERR_HGCM_INVALID_CLIENT_ID);
}

BOOST_AUTO_TEST_CASE(one_less_than_the_limit_may_be_pending) {
  Parking parking;
  Script script;
  script.load = [](hgcm_svc_table& table) -> std::int32_t {
    table.max_calls_per_client[HGCM_SVC_CATEGORY_USER] = 4;
    return 0;
  };
  script.call = [&](const Arrived& call) { parking(call); };
  load_script(host, script);
  const ClientId client = client_of("Script", kUser);
  std::vector<Call> pending;
  for (int i = 0; i < 3; ++i) {
    pending.push_back(make_call(1));
    BOOST_TEST(host.call(client, pending.back()) == HGCM_INF_SUCCESS);
  }
  const Call refused = make_call(1);
  BOOST_TEST(host.call(client, refused) == HGCM_ERR_HGCM_TOO_MANY_CLIENT_CALLS);
  BOOST_TEST(refused->completions() == 0);
  BOOST_TEST(host.call(client_of("Script", kUser), make_call(1)) == HGCM_INF_SUCCESS);
  settle(host, "Script");
  BOOST_TEST(statistics("Script").too_many_calls == 1U);
  BOOST_TEST(statistics("Script").pending_calls == 4U);
  BOOST_TEST(script.complete(parking.calls[0], 0) == HGCM_INF_SUCCESS);
  BOOST_TEST(host.call(client, make_call(1)) == HGCM_INF_SUCCESS);
}

BOOST_AUTO_TEST_CASE(limits_of_zero_and_one_admit_no_call) {
  Script script;
  script.load = [](hgcm_svc_table& table) -> std::int32_t {
    table.max_calls_per_client[HGCM_SVC_CATEGORY_USER] = 0;
    table.max_calls_per_client[HGCM_SVC_CATEGORY_ROOT] = 1;
    table.max_calls_per_client[HGCM_SVC_CATEGORY_KERNEL] = 0xffffffff;
    return 0;
  };
  load_script(host, script);
  BOOST_TEST(run(client_of("Script", kUser), 1) == HGCM_ERR_HGCM_TOO_MANY_CLIENT_CALLS);
  BOOST_TEST(run(client_of("Script", kRoot), 1) == HGCM_ERR_HGCM_TOO_MANY_CLIENT_CALLS);
  BOOST_TEST(run(client_of("Script", kKernel), 1) == HGCM_INF_SUCCESS);
}

BOOST_AUTO_TEST_CASE(calls_of_a_client_are_seen_in_order) {
  std::vector<std::uint32_t> order;
  Script script;
  script.call = [&](const Arrived& call) {
    order.push_back(call.function);
    script.complete(call, 0);
  };
  load_script(host, script);
  const ClientId client = client_of("Script");
  for (std::uint32_t i = 0; i < 1000; ++i)
    BOOST_TEST_REQUIRE(host.call(client, make_call(i)) == HGCM_INF_SUCCESS);
  settle(host, "Script");
  BOOST_TEST_REQUIRE(order.size() == 1000U);
  BOOST_TEST(std::is_sorted(order.begin(), order.end()));
  BOOST_TEST(order.back() == 999U);
}

BOOST_AUTO_TEST_CASE(exception_in_a_call_completes_it) {
  Script script;
  script.call = [](const Arrived&) { throw 1; };
  load_script(host, script);
  BOOST_TEST(run(client_of("Script"), 1) == HGCM_ERR_UNEXPECTED_EXCEPTION);
}

BOOST_AUTO_TEST_CASE(parameters_of_a_pending_call_stay_although_the_device_lets_go) {
  Parking parking;
  Script script;
  script.call = [&](const Arrived& call) { parking(call); };
  load_script(host, script);
  const ClientId client = client_of("Script");
  std::weak_ptr<TestCall> weak;
  {
    const Call call = make_call(1, {u32(0)});
    weak = call;
    BOOST_TEST(host.call(client, call) == HGCM_INF_SUCCESS);
  }
  settle(host, "Script");
  disconnect(client);
  BOOST_TEST(!weak.expired());
  const Arrived arrived = parking.last();
  arrived.parms[0].u.u32 = 1;
  arrived.parms[kMinParameterSlots - 1].u.u64 = 1;
  BOOST_TEST(script.complete(arrived, 0) == HGCM_INF_SUCCESS);
  BOOST_TEST(weak.expired());
}

BOOST_AUTO_TEST_CASE(call_the_service_has_not_seen_dies_with_its_client) {
  Gate release;
  Gate inside;
  std::atomic<int> seen = 0;
  Script script;
  script.call = [&](const Arrived& call) {
    ++seen;
    inside.open();
    release.pass();
    script.complete(call, 0);
  };
  load_script(host, script);
  const ClientId client = client_of("Script");
  const Call first = make_call(1);
  const Call second = make_call(1);
  BOOST_TEST(host.call(client, first) == HGCM_INF_SUCCESS);
  BOOST_TEST(host.call(client, second) == HGCM_INF_SUCCESS);
  BOOST_TEST_REQUIRE(inside.pass());
  host.disconnect(client, [](Status) {});
  BOOST_TEST(host.call(client, make_call(1)) == HGCM_ERR_HGCM_INVALID_CLIENT_ID);
  release.open();
  BOOST_TEST(first->wait().value() == HGCM_INF_SUCCESS);
  BOOST_TEST(second->wait().value() == HGCM_ERR_HGCM_INVALID_CLIENT_ID);
  BOOST_TEST(seen == 1);
}

BOOST_AUTO_TEST_CASE(cancel_is_told_and_completion_says_so) {
  std::atomic<std::uint32_t> told = 0;
  Parking parking;
  Script script;
  script.call = [&](const Arrived& call) { parking(call); };
  script.cancelled = [&](std::uint32_t id) { told += id; };
  load_script(host, script);
  const ClientId client = client_of("Script");
  const Call call = make_call(1);
  BOOST_TEST(host.call(client, call) == HGCM_INF_SUCCESS);
  settle(host, "Script");
  const auto handle = parking.last().handle;
  BOOST_TEST(!script.helpers->is_call_cancelled(handle));
  host.cancel(client, call);
  host.cancel(client, call);
  settle(host, "Script");
  BOOST_TEST(told == client);
  BOOST_TEST(script.helpers->is_call_cancelled(handle));
  BOOST_TEST(call->completions() == 0);
  BOOST_TEST(script.complete(parking.last(), 0) == HGCM_ERR_CANCELLED);
  BOOST_TEST(call->completions() == 1);
  BOOST_TEST(statistics("Script").cancelled_calls == 1U);
}

BOOST_AUTO_TEST_CASE(cancel_without_entry_client_or_call_is_harmless) {
  Parking parking;
  Script script;
  script.call = [&](const Arrived& call) { parking(call); };
  load_script(host, script);
  const ClientId client = client_of("Script");
  const Call call = make_call(1);
  BOOST_TEST(host.call(client, call) == HGCM_INF_SUCCESS);
  host.cancel(client, nullptr);
  host.cancel(client, make_call(2));
  settle(host, "Script");
  disconnect(client);
  host.cancel(client, call);
  host.cancel(4711, call);
  BOOST_TEST(call->cancelled.load());
  BOOST_TEST(script.complete(parking.last(), 0) == HGCM_ERR_CANCELLED);
}

BOOST_AUTO_TEST_CASE(helpers_tell_requestor_and_restored) {
  std::uint32_t requestor = 0;
  bool restored = false;
  Script script;
  script.call = [&](const Arrived& call) {
    requestor = script.helpers->get_requestor(call.handle);
    restored = script.helpers->is_call_restored(call.handle);
    script.complete(call, 0);
  };
  load_script(host, script);
  const Call call = make_call(1);
  call->requestor = 0x9013;
  call->restored = true;
  BOOST_TEST(run(client_of("Script"), call) == HGCM_INF_SUCCESS);
  BOOST_TEST(requestor == 0x9013U);
  BOOST_TEST(restored);
  const auto bad = reinterpret_cast<hgcm_svc_call_handle>(std::uintptr_t{0x1234});
  BOOST_TEST(script.helpers->get_requestor(bad) == HGCM_REQUESTOR_LOWEST);
  BOOST_TEST(!script.helpers->is_call_restored(bad));
  BOOST_TEST(!script.helpers->is_call_cancelled(bad));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(bad_completions, HostFixture)

BOOST_AUTO_TEST_CASE(invented_handles_are_refused) {
  std::vector<std::int32_t> results;
  int object = 0;
  Script script;
  script.host_call = [&](std::uint32_t, std::uint32_t, hgcm_svc_parm*) -> std::int32_t {
    for (const std::uintptr_t handle :
         {std::uintptr_t{0}, std::uintptr_t{1}, std::uintptr_t{16}, ~std::uintptr_t{0},
          reinterpret_cast<std::uintptr_t>(&object), std::uintptr_t{1} << 24})
      results.push_back(
          script.helpers->call_complete(reinterpret_cast<hgcm_svc_call_handle>(handle), 0));
    return 0;
  };
  load_script(host, script);
  run(client_of("Script"), 1);
  BOOST_TEST(host.host_call("Script", 1, {}) == HGCM_INF_SUCCESS);
  BOOST_TEST((results == std::vector<std::int32_t>(6, HGCM_ERR_WRONG_TYPE)));
  BOOST_TEST(statistics("Script").bad_completions == 6U);
}

BOOST_AUTO_TEST_CASE(stale_handle_does_not_hit_the_next_call) {
  Parking parking;
  Script script;
  script.call = [&](const Arrived& call) { parking(call); };
  load_script(host, script);
  const ClientId client = client_of("Script");
  BOOST_TEST(host.call(client, make_call(1)) == HGCM_INF_SUCCESS);
  settle(host, "Script");
  const Arrived stale = parking.last();
  script.complete(stale, 0);
  const Call next = make_call(2);
  BOOST_TEST(host.call(client, next) == HGCM_INF_SUCCESS);
  settle(host, "Script");
  // From a thread that is not the service's, and still counted for the right service.
  BOOST_TEST(script.complete(stale, 0) == HGCM_ERR_WRONG_TYPE);
  BOOST_TEST(next->completions() == 0);
  BOOST_TEST(statistics("Script").bad_completions == 1U);
}

BOOST_AUTO_TEST_CASE(of_two_threads_that_complete_one_wins) {
  Parking parking;
  Script script;
  script.call = [&](const Arrived& call) { parking(call); };
  load_script(host, script);
  const ClientId client = client_of("Script");
  for (int i = 0; i < 200; ++i) {
    const Call call = make_call(1);
    BOOST_TEST_REQUIRE(host.call(client, call) == HGCM_INF_SUCCESS);
    settle(host, "Script");
    const Arrived arrived = parking.last();
    std::int32_t other = 0;
    std::thread thread([&] { other = script.complete(arrived, 1); });
    const std::int32_t mine = script.complete(arrived, 2);
    thread.join();
    BOOST_TEST_REQUIRE(call->completions() == 1);
    BOOST_TEST_REQUIRE(call->wait().value() == Status(mine == 0 ? 2 : 1));
    BOOST_TEST_REQUIRE(mine + other == HGCM_ERR_WRONG_TYPE);
  }
}

BOOST_AUTO_TEST_CASE(completion_after_unload_and_after_the_host_is_refused) {
  Parking parking;
  Script script;
  script.call = [&](const Arrived& call) { parking(call); };
  auto other = std::make_unique<HostFixture>();
  load_script(other->host, script);
  const Call unloaded = make_call(1);
  BOOST_TEST(other->host.call(other->client_of("Script"), unloaded) == HGCM_INF_SUCCESS);
  settle(other->host, "Script");
  BOOST_TEST(other->host.unload("Script") == HGCM_INF_SUCCESS);
  BOOST_TEST(unloaded->wait().value() == HGCM_ERR_INVALID_STATE);
  BOOST_TEST(script.complete(parking.last(), 0) == HGCM_ERR_WRONG_TYPE);

  load_script(other->host, script);
  const Call destroyed = make_call(1);
  BOOST_TEST(other->host.call(other->client_of("Script"), destroyed) == HGCM_INF_SUCCESS);
  settle(other->host, "Script");
  hgcm_svc_helpers* const helpers = script.helpers;
  script.host = nullptr;
  other.reset();
  BOOST_TEST(destroyed->wait().value() == HGCM_ERR_INVALID_STATE);
  BOOST_TEST(helpers->call_complete(parking.last().handle, 0) == HGCM_ERR_WRONG_TYPE);
  BOOST_TEST(helpers->get_session_id(helpers) == UINT64_MAX);
  BOOST_TEST(helpers->info_deregister(helpers, "x") == HGCM_ERR_INVALID_PARAMETER);
  BOOST_TEST(unloaded->completions() == 1);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(machine_reset, HostFixture)

BOOST_AUTO_TEST_CASE(clients_go_completions_are_dropped_and_event_follows) {
  std::vector<std::string> order;
  std::int32_t completed = 0;
  Parking parking;
  Script script;
  script.call = [&](const Arrived& call) { parking(call); };
  script.disconnect = [&](std::uint32_t id, void*) -> std::int32_t {
    order.push_back("disconnect " + std::to_string(id));
    completed = script.complete(parking.last(), 0);
    return 0;
  };
  script.notify = [&](int event) { order.push_back("event " + std::to_string(event)); };
  load_script(host, script);
  const ClientId client = client_of("Script");
  const Call call = make_call(1);
  BOOST_TEST(host.call(client, call) == HGCM_INF_SUCCESS);
  settle(host, "Script");
  host.reset();
  settle(host, "Script");
  BOOST_TEST(call->wait_dismissed().has_value());
  BOOST_TEST((call->wait_dismissed() == GuestCall::Dismissal::kReset));
  BOOST_TEST(completed == HGCM_ERR_ALREADY_RESET);
  BOOST_TEST((order == std::vector<std::string>{"disconnect 1", "event 4"}));
  BOOST_TEST(run(client, 1) == HGCM_ERR_HGCM_INVALID_CLIENT_ID);
  BOOST_TEST(client_of("Script") == 2U);
}

BOOST_AUTO_TEST_CASE(completion_after_the_reset_reaches_the_device) {
  Parking parking;
  Script script;
  script.call = [&](const Arrived& call) { parking(call); };
  load_script(host, script);
  const Call call = make_call(1);
  BOOST_TEST(host.call(client_of("Script"), call) == HGCM_INF_SUCCESS);
  settle(host, "Script");
  host.reset();
  BOOST_TEST(call->completions() == 0);
  script.complete(parking.last(), 0);
  BOOST_TEST(call->completions() == 1);
}

BOOST_AUTO_TEST_CASE(device_that_knows_no_dismissal_sees_the_status) {
  struct OldCall : GuestCall {
    Status complete(Status result) noexcept override {
      status = result;
      return result;
    }
    Status status;
  } call;
  call.dismiss(GuestCall::Dismissal::kReset);
  BOOST_TEST(call.status == HGCM_ERR_ALREADY_RESET);
  call.dismiss(GuestCall::Dismissal::kSaved);
  BOOST_TEST(call.status == HGCM_INF_HGCM_SAVE_STATE);
}

BOOST_AUTO_TEST_SUITE_END()

// SPDX-License-Identifier: MIT
//
// Loading and unloading: what a service finds, what it may get wrong, and what happens to a host
// whose service hangs.
#include "scripted_service.h"

#include <boost/test/unit_test.hpp>

#include <pthread.h>

#include <array>
#include <stdexcept>

using namespace hgcm;
using namespace hgcm::host;
using namespace hgcm::host::testing;

BOOST_FIXTURE_TEST_SUITE(load_entry, HostFixture)

BOOST_AUTO_TEST_CASE(table_is_zeroed_and_prefilled) {
  hgcm_svc_table seen{};
  static hgcm_svc_table* found = nullptr;
  found = &seen;
  const hgcm_svc_load_fn entry = [](hgcm_svc_table* table) -> std::int32_t {
    *found = *table;
    return HGCM_ERR_GENERAL_FAILURE;
  };
  BOOST_TEST(host.load_builtin("S", entry) == HGCM_ERR_GENERAL_FAILURE);
  BOOST_TEST(seen.size == 0x88U);
  BOOST_TEST(seen.version == 0x000b0001U);
  BOOST_TEST(seen.helpers->instance == static_cast<void*>(seen.helpers));
  BOOST_TEST(seen.client_size == 0U);
  BOOST_TEST(seen.max_clients[0] == 2048U);
  BOOST_TEST(seen.max_clients[1] == 1024U);
  BOOST_TEST(seen.max_clients[2] == 1024U);
  BOOST_TEST(seen.max_calls_per_client[0] == 8192U);
  BOOST_TEST(seen.max_calls_per_client[1] == 4096U);
  BOOST_TEST(seen.max_calls_per_client[2] == 2048U);
  BOOST_TEST(seen.legacy_category == 0U);
  BOOST_TEST(seen.unload == nullptr);
  BOOST_TEST(seen.notify == nullptr);
  BOOST_TEST(seen.service == nullptr);
}

BOOST_AUTO_TEST_CASE(failure_is_passed_on_and_unload_not_called) {
  int unloads = 0;
  Script script;
  script.load = [](hgcm_svc_table&) -> std::int32_t { return HGCM_ERR_VERSION_MISMATCH; };
  script.unload = [&] { return ++unloads; };
  std::string detail;
  BOOST_TEST(load_script(host, script, "S", &detail) == HGCM_ERR_VERSION_MISMATCH);
  BOOST_TEST(detail.find("VERR_VERSION_MISMATCH") != std::string::npos);
  BOOST_TEST(unloads == 0);
  BOOST_TEST(!host.has_service("S"));
}

BOOST_AUTO_TEST_CASE(failed_name_can_be_loaded_again) {
  Script script;
  script.load = [](hgcm_svc_table&) -> std::int32_t { return HGCM_ERR_NO_MEMORY; };
  BOOST_TEST(load_script(host, script) == HGCM_ERR_NO_MEMORY);
  script.load = nullptr;
  BOOST_TEST(load_script(host, script) == HGCM_INF_SUCCESS);
}

BOOST_AUTO_TEST_CASE(positive_status_is_success) {
  Script script;
  script.load = [](hgcm_svc_table&) -> std::int32_t { return 12345; };
  BOOST_TEST(load_script(host, script) == HGCM_INF_SUCCESS);
  BOOST_TEST(host.has_service("Script"));
}

BOOST_AUTO_TEST_CASE(exception_is_a_failure) {
  Script script;
  script.load = [](hgcm_svc_table&) -> std::int32_t { throw std::runtime_error("no"); };
  BOOST_TEST(load_script(host, script) == HGCM_ERR_UNEXPECTED_EXCEPTION);
}

BOOST_AUTO_TEST_CASE(missing_mandatory_entry_fails_and_unloads) {
  for (int missing = 0; missing < 4; ++missing) {
    int unloads = 0;
    Script script;
    script.unload = [&] { return ++unloads; };
    script.load = [missing](hgcm_svc_table& table) -> std::int32_t {
      if (missing == 0) table.unload = nullptr;
      if (missing == 1) table.connect = nullptr;
      if (missing == 2) table.disconnect = nullptr;
      if (missing == 3) table.call = nullptr;
      return 0;
    };
    BOOST_TEST(load_script(host, script) == HGCM_ERR_INVALID_PARAMETER);
    BOOST_TEST(unloads == (missing == 0 ? 0 : 1));
  }
}

BOOST_AUTO_TEST_CASE(huge_client_memory_fails_with_reason) {
  Script script;
  script.load = [](hgcm_svc_table& table) -> std::int32_t {
    table.client_size = 0x7fffffff;
    return 0;
  };
  std::string detail;
  BOOST_TEST(load_script(host, script, "S", &detail) == HGCM_ERR_INVALID_PARAMETER);
  BOOST_TEST(detail.find("2147483647") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(null_entry_is_refused) {
  BOOST_TEST(host.load_builtin("S", nullptr) == HGCM_ERR_INVALID_POINTER);
}

BOOST_AUTO_TEST_CASE(helpers_work_during_load_with_any_instance_argument) {
  ServiceHostOptions options;
  options.session_id = [] { return std::uint64_t{0x1234567890}; };
  ServiceHost other(std::move(options));
  std::vector<std::uint64_t> ids;
  Script script;
  script.load = [&](hgcm_svc_table& table) -> std::int32_t {
    hgcm_svc_helpers& helpers = *table.helpers;
    ids.push_back(helpers.get_session_id(helpers.instance));
    ids.push_back(helpers.get_session_id(&helpers));
    ids.push_back(helpers.get_session_id(nullptr));
    ids.push_back(helpers.get_session_id(reinterpret_cast<void*>(0xdead)));
    return helpers.disconnect_client(helpers.instance, 1) == HGCM_ERR_INVALID_CONTEXT
               ? 0
               : HGCM_ERR_GENERAL_FAILURE;
  };
  BOOST_TEST(load_script(other, script) == HGCM_INF_SUCCESS);
  BOOST_TEST((ids == std::vector<std::uint64_t>(4, 0x1234567890)));
}

BOOST_AUTO_TEST_CASE(session_id_is_all_ones_without_source) {
  Script script;
  BOOST_TEST(load_script(host, script) == HGCM_INF_SUCCESS);
  BOOST_TEST(script.helpers->get_session_id(script.helpers) == UINT64_MAX);
}

BOOST_AUTO_TEST_CASE(thread_is_named_as_virtualbox_does) {
  for (const auto& [name, expected] :
       {std::pair{"VBoxSharedFolders", "ShFolders"}, std::pair{"VBoxGuestPropSvc", "GuestPropSvc"},
        std::pair{"AVeryLongServiceName", "AVeryLongServic"}, std::pair{"VBox", "VBox"}}) {
    std::string seen;
    Script script;
    script.load = [&](hgcm_svc_table&) -> std::int32_t {
      char text[32] = {};
      pthread_getname_np(pthread_self(), text, sizeof(text));
      seen = text;
      return 0;
    };
    BOOST_TEST(load_script(host, script, name) == HGCM_INF_SUCCESS);
    BOOST_TEST(seen == expected);
    BOOST_TEST(host.unload(name) == HGCM_INF_SUCCESS);
  }
}

BOOST_AUTO_TEST_CASE(log_tells_of_loading_and_failing) {
  std::mutex mutex;
  std::string text;
  ServiceHostOptions options;
  options.log = [&](LogLevel level, std::string_view line) {
    const std::lock_guard lock(mutex);
    text += level == LogLevel::kError ? "E " : "I ";
    text += line;
    text += '\n';
  };
  {
    ServiceHost other(std::move(options));
    Script good;
    Script bad;
    bad.load = [](hgcm_svc_table&) -> std::int32_t { return HGCM_ERR_NO_MEMORY; };
    load_script(other, good, "Good");
    load_script(other, bad, "Bad");
  }
  BOOST_TEST(text.find("I Good: loaded") != std::string::npos);
  BOOST_TEST(text.find("E Bad: not loaded: ") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(unload_entry, HostFixture)

BOOST_AUTO_TEST_CASE(clients_are_disconnected_then_extension_then_unload) {
  std::vector<std::string> order;
  Script script;
  script.disconnect = [&](std::uint32_t id, void*) -> std::int32_t {
    order.push_back("disconnect " + std::to_string(id));
    return 0;
  };
  script.extension = [&](hgcm_svc_extension_fn function, void*) -> std::int32_t {
    if (function == nullptr) order.emplace_back("unregister");
    return 0;
  };
  script.unload = [&]() -> std::int32_t {
    order.emplace_back("unload");
    return HGCM_ERR_GENERAL_FAILURE;  // is ignored
  };
  load_script(host, script);
  client_of("Script");
  client_of("Script");
  const hgcm_svc_extension_fn extension = [](void*, std::uint32_t, void*, std::uint32_t) {
    return 0;
  };
  BOOST_TEST(host.register_extension("Script", extension, nullptr) == HGCM_INF_SUCCESS);
  BOOST_TEST(host.unload("Script") == HGCM_INF_SUCCESS);
  BOOST_TEST(
      (order == std::vector<std::string>{"disconnect 1", "disconnect 2", "unregister", "unload"}));
}

BOOST_AUTO_TEST_CASE(unload_from_a_service_thread_is_refused) {
  Status status;
  Script script;
  script.call = [&](const Arrived& call) {
    status = host.unload("Script");
    host.reset();
    script.complete(call, 0);
  };
  load_script(host, script);
  BOOST_TEST(run(client_of("Script"), 1) == HGCM_INF_SUCCESS);
  BOOST_TEST(status == HGCM_ERR_DEADLOCK);
  BOOST_TEST(host.has_service("Script"));
}

BOOST_AUTO_TEST_SUITE_END()

namespace {

ServiceHostOptions impatient_options() {
  ServiceHostOptions options = test_options();
  options.stop_timeout = std::chrono::milliseconds(30);
  options.work_timeout = std::chrono::milliseconds(30);
  return options;
}

struct ImpatientFixture : HostFixture {
  ImpatientFixture() : HostFixture(impatient_options()) {}
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(hanging, ImpatientFixture)

BOOST_AUTO_TEST_CASE(hanging_load_is_abandoned) {
  auto& script = keep_forever<Script>();
  auto& release = keep_forever<Gate>();
  script.load = [&](hgcm_svc_table&) -> std::int32_t {
    release.pass();
    return 0;
  };
  std::string detail;
  BOOST_TEST(load_script<1>(host, script, "S", &detail) == HGCM_ERR_TIMEOUT);
  BOOST_TEST(!detail.empty());
  BOOST_TEST(!host.has_service("S"));
  release.open();
}

BOOST_AUTO_TEST_CASE(hanging_call_is_abandoned_and_everything_ends) {
  auto& script = keep_forever<Script>();
  auto& inside = keep_forever<Gate>();
  auto& release = keep_forever<Gate>();
  auto& late = keep_forever<std::promise<std::int32_t>>();
  script.call = [&](const Arrived& call) {
    if (call.function != 1) return;
    inside.open();
    release.pass();
    call.parms[0].u.u32 = 7;  // the array must still be there
    late.set_value(script.complete(call, 0));
  };
  load_script<2>(host, script, "S");
  const ClientId client = client_of("S");
  const Call parked = make_call(2);
  const Call hanging = make_call(1, {u32(0)});
  const Call queued = make_call(2);
  BOOST_TEST(host.call(client, parked) == HGCM_INF_SUCCESS);
  BOOST_TEST(host.call(client, hanging) == HGCM_INF_SUCCESS);
  BOOST_TEST_REQUIRE(inside.pass());
  BOOST_TEST(host.call(client, queued) == HGCM_INF_SUCCESS);
  auto connecting = std::make_shared<std::promise<Status>>();
  host.connect("S", 0, [connecting](Status status, ClientId) { connecting->set_value(status); });

  BOOST_TEST(host.unload("S") == HGCM_ERR_TIMEOUT);
  BOOST_TEST(parked->wait().value() == HGCM_ERR_INVALID_STATE);
  BOOST_TEST(hanging->wait().value() == HGCM_ERR_INVALID_STATE);
  BOOST_TEST(queued->wait().value() == HGCM_ERR_HGCM_INVALID_CLIENT_ID);
  BOOST_TEST(connecting->get_future().get().failed());
  BOOST_TEST(!host.has_service("S"));

  const std::weak_ptr<TestCall> weak = hanging;
  auto late_status = late.get_future();
  release.open();
  BOOST_TEST(late_status.get() == HGCM_ERR_WRONG_TYPE);
  BOOST_TEST(hanging->completions() == 1);
}

BOOST_AUTO_TEST_CASE(hanging_unload_is_abandoned_by_the_destructor) {
  auto& script = keep_forever<Script>();
  auto& release = keep_forever<Gate>();
  script.unload = [&]() -> std::int32_t {
    release.pass();
    return 0;
  };
  script.call = [](const Arrived&) {};
  const Call parked = make_call(1);
  {
    HostFixture other(impatient_options());
    load_script<3>(other.host, script, "S");
    BOOST_TEST(other.host.call(other.client_of("S"), parked) == HGCM_INF_SUCCESS);
    other.host.host_call("S", 0, {});  // the service has seen the call
  }
  BOOST_TEST(parked->wait().value() == HGCM_ERR_INVALID_STATE);
  release.open();
}

BOOST_AUTO_TEST_CASE(host_call_into_a_hanging_service_ends_with_its_abandonment) {
  auto& script = keep_forever<Script>();
  auto& inside = keep_forever<Gate>();
  auto& release = keep_forever<Gate>();
  script.host_call = [&](std::uint32_t, std::uint32_t, hgcm_svc_parm* parms) -> std::int32_t {
    inside.open();
    release.pass();
    parms[0].u.u32 = 1;
    return 0;
  };
  load_script<4>(host, script, "S");
  auto waiting = std::async(std::launch::async, [&] {
    std::array<hgcm_svc_parm, 1> parms{u32(0)};
    return host.host_call("S", 1, parms);
  });
  BOOST_TEST_REQUIRE(inside.pass());
  BOOST_TEST(host.unload("S") == HGCM_ERR_TIMEOUT);
  BOOST_TEST(waiting.get() == HGCM_ERR_INVALID_STATE);
  release.open();
}

BOOST_AUTO_TEST_CASE(reset_does_not_wait_forever) {
  auto& script = keep_forever<Script>();
  auto& inside = keep_forever<Gate>();
  auto& release = keep_forever<Gate>();
  script.call = [&](const Arrived& call) {
    inside.open();
    release.pass();
    script.complete(call, 0);
  };
  load_script<5>(host, script, "S");
  const Call call = make_call(1);
  BOOST_TEST(host.call(client_of("S"), call) == HGCM_INF_SUCCESS);
  BOOST_TEST_REQUIRE(inside.pass());
  host.reset();
  release.open();
  BOOST_TEST(call->wait().has_value());
  BOOST_TEST(connect_to("S").first == HGCM_INF_SUCCESS);
}

BOOST_AUTO_TEST_CASE(save_does_not_wait_forever) {
  auto& script = keep_forever<Script>();
  auto& release = keep_forever<Gate>();
  auto& saved = keep_forever<Gate>();
  script.save = [&](std::uint32_t, hgcm_svc_ssm*, const hgcm_svc_vmm*) -> std::int32_t {
    release.pass();
    saved.open();
    return 0;
  };
  load_script<6>(host, script, "S");
  client_of("S");
  const auto state = host.save_state();
  BOOST_TEST_REQUIRE(!state.has_value());
  BOOST_TEST(state.error() == HGCM_ERR_TIMEOUT);
  release.open();
  BOOST_TEST(saved.pass());
}

BOOST_AUTO_TEST_CASE(library_of_an_abandoned_service_is_not_entered_again) {
  BOOST_TEST(host.load("HgcmHangSvc") == HGCM_INF_SUCCESS);
  BOOST_TEST(host.unload("HgcmHangSvc") == HGCM_ERR_TIMEOUT);
  std::string detail;
  BOOST_TEST(host.load("HgcmHangSvc", {}, &detail) == HGCM_ERR_RESOURCE_BUSY);
  BOOST_TEST(detail.find("abandoned") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

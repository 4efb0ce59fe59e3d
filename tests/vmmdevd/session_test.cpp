// SPDX-License-Identifier: MIT
//
// Control commands over a Session, on a real service host and device.
#include "machine.h"

#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <string>

using namespace hgcm;
using namespace hgcm::tests;
using control::Session;

namespace {

struct WithProperties : Machine {
  WithProperties() {
    std::string detail;
    const Status status = services.load("VBoxGuestPropSvc", {}, &detail);
    BOOST_REQUIRE_MESSAGE(status.ok(), status.to_string() << " " << detail);
    BOOST_REQUIRE(properties.attach(detail).ok());
  }
};

/// A service that hangs in an info handler until the FIFO's writer closes.
struct WithStuckService : WithProperties {
  WithStuckService() {
    BOOST_REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    BOOST_REQUIRE(services.load("HgcmStuckSvc").ok());
    context.command_timeout = std::chrono::milliseconds(50);
  }
  ~WithStuckService() { release(); }
  /// Lets the service go, whether it is in its handler already or still to come there.
  void release() {
    if (!std::exchange(released_, true)) {
      std::ofstream open_and_close(fifo);
    }
  }
  TemporaryDirectory directory;
  std::string fifo = (directory.path() / "fifo").string();

 private:
  bool released_ = false;
};

const char* const kName = "/Test/Name";

}  // namespace

BOOST_AUTO_TEST_SUITE(session)

BOOST_FIXTURE_TEST_CASE(greeting_comes_first, Machine) {
  TestClient client(*this);
  BOOST_REQUIRE(client.received.size() == 1U);
  BOOST_TEST(client.received[0]["OpenHGCM"]["protocol"] == control::kProtocolVersion);
}

BOOST_FIXTURE_TEST_CASE(malformed_line_is_answered_and_the_client_stays, Machine) {
  TestClient client(*this);
  client.send("{nonsense\n");
  BOOST_TEST(client.received.back()["error"]["class"] == "InvalidRequest");
  client.send(std::string(control::kMaxLine + 2, 'x') + '\n');
  BOOST_TEST(client.received.back()["error"]["class"] == "InvalidRequest");
  BOOST_TEST(client.ask("version")["return"]["version"] == HGCM_VERSION);
}

BOOST_FIXTURE_TEST_CASE(unknown_command_and_arguments_are_refused, Machine) {
  TestClient client(*this);
  BOOST_TEST(client.ask("fly")["error"]["class"] == "CommandNotFound");
  BOOST_TEST(client.ask("version", {{"x", 1}})["error"]["class"] == "InvalidRequest");
  BOOST_TEST(client.ask("guestproperty-get")["error"]["class"] == "InvalidRequest");
}

BOOST_FIXTURE_TEST_CASE(id_of_any_type_comes_back, Machine) {
  TestClient client(*this);
  for (const Json& id : {Json(nullptr), Json(1.5), Json("x"), Json{{"a", {1, 2}}}}) {
    client.send("version", Json::object(), id);
    BOOST_TEST(client.received.back()["id"] == id);
  }
  client.send("{\"execute\":\"version\"}\n");
  BOOST_TEST(!client.received.back().contains("id"));
}

BOOST_FIXTURE_TEST_CASE(query_commands_lists_every_command, Machine) {
  TestClient client(*this);
  const Json reply = client.ask("query-commands")["return"];
  BOOST_TEST(reply["commands"].size() ==
             control::commands().size() + control::session_commands().size());
  BOOST_TEST(reply["events"].size() == control::kEventNames.size());
}

BOOST_FIXTURE_TEST_CASE(quit_asks_the_daemon_to_end, Machine) {
  TestClient client(*this);
  BOOST_TEST(client.ask("quit").contains("return"));
  BOOST_TEST(quit);
}

BOOST_FIXTURE_TEST_CASE(property_travels, WithProperties) {
  TestClient client(*this);
  BOOST_TEST(client.ask("guestproperty-get", {{"name", kName}})["error"]["class"] == "NotFound");
  BOOST_TEST(client
                 .ask("guestproperty-set",
                      {{"name", kName}, {"value", "v"}, {"flags", "rdonlyguest, transient"}})
                 .contains("return"));
  const Json property = client.ask("guestproperty-get", {{"name", kName}})["return"];
  BOOST_TEST(property["value"] == "v");
  BOOST_TEST(property["flags"] == "TRANSIENT, RDONLYGUEST");
  BOOST_TEST(property["timestamp"].get<std::uint64_t>() > 0U);
  const Json list = client.ask("guestproperty-enumerate", {{"patterns", "/Te?t/*"}})["return"];
  BOOST_REQUIRE(list.size() == 1U);
  BOOST_TEST(list[0]["name"] == kName);
  BOOST_TEST(client.ask("guestproperty-delete", {{"name", kName}}).contains("return"));
  BOOST_TEST(client.ask("guestproperty-get", {{"name", kName}})["error"]["status"] == -78);
}

BOOST_FIXTURE_TEST_CASE(property_errors_have_their_classes, WithProperties) {
  TestClient client(*this);
  const auto set = [&client](const std::string& name, const std::string& value, const char* flags) {
    const Json reply =
        client.ask("guestproperty-set", {{"name", name}, {"value", value}, {"flags", flags}});
    return reply.contains("error") ? reply["error"]["class"].get<std::string>() : "";
  };
  BOOST_TEST(set("", "v", "") == "InvalidRequest");
  BOOST_TEST(set("a*", "v", "") == "InvalidRequest");
  BOOST_TEST(set(std::string(64, 'n'), "v", "") == "InvalidRequest");
  BOOST_TEST(set(std::string(63, 'n'), "v", "") == "");
  BOOST_TEST(set("/v", std::string(1023, 'v'), "") == "");
  BOOST_TEST(set("/v", std::string(1024, 'v'), "") == "InvalidRequest");
  BOOST_TEST(set("/v", "v", "NOSUCHFLAG") == "InvalidRequest");
  BOOST_TEST(set("/mine", "v", "RDONLYHOST") == "");
  BOOST_TEST(set("/mine", "w", "") == "PermissionDenied");
}

BOOST_FIXTURE_TEST_CASE(without_the_service_properties_are_not_found, Machine) {
  TestClient client(*this);
  BOOST_TEST(client.ask("guestproperty-get", {{"name", kName}})["error"]["class"] == "NotFound");
}

BOOST_FIXTURE_TEST_CASE(commands_without_waiting_keep_their_order, WithProperties) {
  TestClient client(*this);
  std::string all;
  for (int i = 0; i < 20; ++i) {
    all += Json{{"execute", "guestproperty-set"},
                {"arguments", {{"name", kName}, {"value", std::to_string(i)}}},
                {"id", "set"}}
               .dump() +
           '\n';
  }
  client.send(all +
              R"({"execute":"guestproperty-get","arguments":{"name":"/Test/Name"},"id":"get"})" +
              '\n');
  BOOST_TEST(!client.session().wants_input());
  BOOST_TEST(client.await("id", "get")["return"]["value"] == "19");
  BOOST_TEST(client.received.size() == 22U);  // and the greeting
  BOOST_TEST(client.session().wants_input());
}

BOOST_FIXTURE_TEST_CASE(wait_does_not_hold_back_other_commands, WithProperties) {
  TestClient client(*this);
  client.send("guestproperty-wait", {{"patterns", "/Test/*"}}, "wait");
  BOOST_TEST(client.ask("version").contains("return"));
  // Whether the wait has begun is not to be seen from outside, so the change is repeated.
  bool done = false;
  for (int i = 0; i < 1000 && !done; ++i) {
    BOOST_REQUIRE(
        client.ask("guestproperty-set", {{"name", kName}, {"value", "v"}}).contains("return"));
    done = client.received.end() !=
           std::find_if(client.received.begin(), client.received.end(),
                        [](const Json& m) { return m.contains("id") && m["id"] == "wait"; });
  }
  const Json change = client.await("id", "wait")["return"];
  BOOST_TEST(change["name"] == kName);
  BOOST_TEST(change["value"] == "v");
  BOOST_TEST(change["deleted"] == false);
}

BOOST_FIXTURE_TEST_CASE(wait_since_a_timestamp_finds_a_later_change, WithProperties) {
  TestClient client(*this);
  client.ask("guestproperty-set", {{"name", kName}, {"value", "1"}});
  const auto since = client.ask("guestproperty-get", {{"name", kName}})["return"]["timestamp"]
                         .get<std::uint64_t>();
  client.ask("guestproperty-set", {{"name", kName}, {"value", "2"}});
  const Json change = client.ask("guestproperty-wait", {{"patterns", kName}, {"since", since}});
  BOOST_TEST(change["return"]["value"] == "2");
}

BOOST_FIXTURE_TEST_CASE(wait_times_out, WithProperties) {
  TestClient client(*this);
  const Json reply = client.ask("guestproperty-wait", {{"patterns", "/none"}, {"timeout", 1}});
  BOOST_TEST(reply["error"]["class"] == "Timeout");
}

BOOST_FIXTURE_TEST_CASE(too_many_waits_are_refused, WithProperties) {
  TestClient client(*this);
  for (std::size_t i = 0; i < Session::kMaxWaits; ++i) {
    client.send("guestproperty-wait", {{"patterns", "/none"}}, i);
  }
  BOOST_TEST(client.ask("guestproperty-wait", {{"patterns", "/none"}})["error"]["class"] == "Busy");
  client.session().end_of_input();
  BOOST_TEST(run_until([&] { return client.session().finished(); }));
  BOOST_TEST(client.await("id", 0)["error"]["class"] == "Cancelled");
}

BOOST_FIXTURE_TEST_CASE(client_that_goes_ends_its_waits, WithProperties) {
  auto client = std::make_unique<TestClient>(*this);
  client->send("guestproperty-wait", {{"patterns", "/none"}}, 1);
  client.reset();
  BOOST_TEST(executor.shutdown(kPatience));
}

BOOST_FIXTURE_TEST_CASE(unloading_the_service_ends_waits, WithProperties) {
  TestClient client(*this);
  client.send("guestproperty-wait", {{"patterns", "/none"}}, "wait");
  BOOST_TEST(client.ask("service-unload", {{"name", "VBoxGuestPropSvc"}}).contains("return"));
  BOOST_TEST(client.await("id", "wait").contains("error"));
  BOOST_TEST(client.ask("guestproperty-get", {{"name", kName}})["error"]["class"] == "NotFound");
  BOOST_TEST(client.ask("service-load", {{"name", "VBoxGuestPropSvc"}}).contains("return"));
  BOOST_TEST(client.ask("guestproperty-set", {{"name", kName}, {"value", "v"}}).contains("return"));
}

BOOST_FIXTURE_TEST_CASE(waits_that_begin_while_the_service_goes_end, WithProperties) {
  TestClient client(*this);
  for (int round = 0; round < 100; ++round) {
    for (int wait = 0; wait < 6; ++wait) {
      if (wait == 3) client.send("service-unload", {{"name", "VBoxGuestPropSvc"}}, "unload");
      client.send("guestproperty-wait", {{"patterns", "/none"}}, wait);
    }
    BOOST_REQUIRE(client.await("id", "unload").contains("return"));
    for (int wait = 0; wait < 6; ++wait) {
      BOOST_REQUIRE(client.await("id", wait).contains("error"));
    }
    client.received.clear();
    BOOST_REQUIRE(client.ask("service-load", {{"name", "VBoxGuestPropSvc"}}).contains("return"));
  }
}

BOOST_FIXTURE_TEST_CASE(subscriber_sees_changes, WithProperties) {
  TestClient client(*this);
  BOOST_TEST(client.ask("subscribe", {{"events", {"GUEST_PROPERTY_CHANGED"}}})["return"]["events"]
                 .size() == 1U);
  client.ask("guestproperty-set", {{"name", kName}, {"value", "v"}, {"flags", "TRANSIENT"}});
  Json event = client.await("event", "GUEST_PROPERTY_CHANGED");
  BOOST_TEST(event["data"]["name"] == kName);
  BOOST_TEST(event["data"]["value"] == "v");
  BOOST_TEST(event["data"]["flags"] == "TRANSIENT");
  BOOST_TEST(event["data"]["deleted"] == false);
  client.received.clear();
  client.ask("guestproperty-delete", {{"name", kName}});
  event = client.await("event", "GUEST_PROPERTY_CHANGED");
  BOOST_TEST(event["data"]["deleted"] == true);
  BOOST_TEST(!event["data"].contains("value"));
}

BOOST_FIXTURE_TEST_CASE(events_go_to_those_who_asked, Machine) {
  TestClient all(*this);
  TestClient some(*this);
  TestClient none(*this);
  all.ask("subscribe");
  some.ask("subscribe", {{"events", {"RESET"}}});
  BOOST_TEST(none.ask("subscribe", {{"events", {"NO_SUCH"}}})["error"]["class"] ==
             "InvalidRequest");
  events->emit(control::kEventGuestReady, Json::object());
  events->emit(control::kEventReset, Json::object());
  BOOST_TEST(all.await("event", "GUEST_READY").contains("timestamp"));
  BOOST_TEST(some.await("event", "RESET").contains("timestamp"));
  BOOST_TEST(some.received.size() == 3U);
  BOOST_TEST(none.received.size() == 2U);
  some.ask("unsubscribe");
  events->emit(control::kEventReset, Json::object());
  all.received.clear();
  BOOST_TEST(all.await("event", "RESET").contains("timestamp"));
  BOOST_TEST(some.received.size() == 4U);
}

BOOST_FIXTURE_TEST_CASE(flood_of_events_costs_old_ones_only, Machine) {
  TestClient client(*this);
  client.ask("subscribe");
  client.received.clear();
  constexpr std::size_t kMore = 10;
  for (std::size_t i = 0; i < control::EventHub::kMaxQueued + kMore; ++i) {
    events->emit(control::kEventReset, {{"number", i}});
  }
  BOOST_TEST(client.await("event", "EVENTS_LOST")["data"]["count"] == kMore);
  BOOST_TEST(client.received.size() == control::EventHub::kMaxQueued + 1);
  BOOST_TEST(client.received[1]["data"]["number"] == kMore);
}

BOOST_FIXTURE_TEST_CASE(services_are_listed_loaded_and_unloaded, Machine) {
  TestClient client(*this);
  BOOST_TEST(client.ask("services")["return"].empty());
  BOOST_TEST(client.ask("service-load", {{"name", "NoSuchSvc"}})["error"]["class"] == "NotFound");
  BOOST_TEST(client.ask("service-load", {{"name", "HgcmTestSvc"}}).contains("return"));
  BOOST_TEST(client.ask("service-load", {{"name", "HgcmTestSvc"}}).contains("error"));
  const Json services_reply = client.ask("services")["return"];
  BOOST_REQUIRE(services_reply.size() == 1U);
  BOOST_TEST(services_reply[0]["name"] == "HgcmTestSvc");
  BOOST_TEST(services_reply[0]["clients"]["root"] == 0);
  BOOST_TEST(client.ask("service-unload", {{"name", "HgcmTestSvc"}}).contains("return"));
  BOOST_TEST(client.ask("service-unload", {{"name", "HgcmTestSvc"}})["error"]["class"] ==
             "NotFound");
}

BOOST_FIXTURE_TEST_CASE(info_handler_prints, WithProperties) {
  TestClient client(*this);
  client.ask("guestproperty-set", {{"name", kName}, {"value", "v"}});
  const Json reply = client.ask("info", {{"name", "guestprops"}});
  BOOST_TEST(reply["return"]["text"].get<std::string>().find(kName) != std::string::npos);
  BOOST_TEST(client.ask("info", {{"name", "nothing"}})["error"]["class"] == "NotFound");
}

BOOST_FIXTURE_TEST_CASE(stats_count_accesses_and_calls, WithProperties) {
  TestClient client(*this);
  device.port_write(0, 4, 0x7fffffff);
  client.ask("guestproperty-set", {{"name", kName}, {"value", "v"}});
  const Json stats = client.ask("stats")["return"];
  BOOST_TEST(stats["device"]["port-writes"] == 1);
  BOOST_TEST(stats["transport"]["clients"] == 0);
  BOOST_REQUIRE(stats["services"].size() == 1U);
  BOOST_TEST(!stats["services"][0]["functions"].empty());
  BOOST_TEST(client.ask("guest-info")["return"]["ready"] == false);
}

BOOST_FIXTURE_TEST_CASE(stuck_service_costs_a_time_out_and_nothing_else, WithStuckService) {
  TestClient client(*this);
  TestClient other(*this);
  const Json reply = client.ask("info", {{"name", "stuck"}, {"arguments", fifo}});
  BOOST_TEST(reply["error"]["class"] == "Timeout");
  context.command_timeout = kPatience;
  BOOST_TEST(other.ask("guestproperty-set", {{"name", kName}, {"value", "v"}}).contains("return"));
  BOOST_TEST(client.ask("guestproperty-get", {{"name", kName}})["return"]["value"] == "v");
  BOOST_TEST(client.ask("stats").contains("return"));
  release();
  BOOST_TEST(client.ask("info", {{"name", "guestprops"}}).contains("return"));
}

BOOST_FIXTURE_TEST_CASE(executor_gives_up_on_a_stuck_job, WithStuckService) {
  TestClient client(*this);
  client.ask("info", {{"name", "stuck"}, {"arguments", fifo}});
  BOOST_TEST(!executor.shutdown(std::chrono::milliseconds(1)));
  BOOST_TEST(client.ask("guestproperty-get", {{"name", kName}})["error"]["class"] == "Busy");
  release();
  BOOST_TEST(executor.shutdown(kPatience));
}

BOOST_FIXTURE_TEST_CASE(end_of_input_is_finished_when_all_is_answered, WithProperties) {
  TestClient client(*this);
  client.send(R"({"execute":"guestproperty-get","arguments":{"name":"/x"},"id":1})"
              "\n"
              R"({"execute":"version","id":2})");
  client.session().end_of_input();
  BOOST_TEST(!client.session().finished());
  BOOST_TEST(run_until([&] { return client.session().finished(); }));
  BOOST_TEST(client.received.size() == 3U);
  BOOST_TEST(client.received.back()["id"] == 2);
}

BOOST_FIXTURE_TEST_CASE(reply_after_the_client_has_gone_is_dropped, WithProperties) {
  auto client = std::make_unique<TestClient>(*this);
  client->send("guestproperty-get", {{"name", kName}}, 1);
  const auto weak = client->weak();
  client.reset();
  BOOST_TEST(weak.expired());
  TestClient next(*this);
  BOOST_TEST(next.ask("guestproperty-get", {{"name", kName}}).contains("error"));
}

BOOST_AUTO_TEST_SUITE_END()

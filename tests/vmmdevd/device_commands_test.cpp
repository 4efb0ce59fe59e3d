// SPDX-License-Identifier: MIT
//
// Control commands about the device itself, and the events of what its guest tells.
#include "machine.h"
#include "vmmdev/balloon.h"
#include "vmmdev/pointer.h"
#include "vmmdevd/commands/display_text.h"
#include "vmmdevd/guest_observer.h"
#include "vmmdevd/text.h"

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

using namespace hgcm;
using namespace hgcm::tests;

namespace {

struct Commands : Machine {
  TestClient client{*this};

  Json ask(std::string_view command, Json arguments = Json::object()) {
    return client.ask(command, std::move(arguments));
  }
  Json result(std::string_view command, Json arguments = Json::object()) {
    const Json reply = ask(command, std::move(arguments));
    BOOST_REQUIRE_MESSAGE(reply.contains("return"), reply.dump());
    return reply["return"];
  }
  std::string error(std::string_view command, Json arguments = Json::object()) {
    const Json reply = ask(command, std::move(arguments));
    BOOST_REQUIRE_MESSAGE(reply.contains("error"), reply.dump());
    return reply["error"]["class"];
  }
};

struct Observed : Commands {
  vmmdevd::GuestObserver observer{{}, events, executor};

  Observed() { result("subscribe"); }
  /// The data of the next event of that name.
  Json event(std::string_view name) {
    const Json found = client.await("event", name);
    BOOST_REQUIRE_MESSAGE(found.contains("data"), "no event " << name);
    client.received.clear();
    return found["data"];
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(device_commands)

BOOST_FIXTURE_TEST_CASE(balloon_is_set_and_shown, Commands) {
  BOOST_TEST(result("balloon-set", {{"mib", 1}}).empty());
  const Json balloon = result("balloon-get");
  BOOST_TEST(balloon["target"] == 1);
  BOOST_TEST(balloon["read"] == 0);
  BOOST_TEST(balloon["actual"] == 0);
  BOOST_TEST(balloon["memory"] == 1);
  BOOST_TEST(error("balloon-set", {{"mib", 2}}) == "GenericError");
  BOOST_TEST(error("balloon-set", {{"mib", std::uint64_t{1} << 32U}}) == "InvalidRequest");
  BOOST_TEST(error("balloon-set") == "InvalidRequest");
}

BOOST_FIXTURE_TEST_CASE(displays_are_hinted_and_shown, Commands) {
  BOOST_TEST(result("displays")["displays"].size() == 1U);
  result("display-hint", {{"displays", {"1024x768x32@1+10+-20", "640x480"}}, {"force", true}});
  const Json displays = result("displays")["displays"];
  BOOST_REQUIRE(displays.size() == 2U);
  BOOST_TEST(displays[0]["wanted"] == "640x480@0");
  BOOST_TEST(displays[1]["wanted"] == "1024x768x32@1+10+-20");
  BOOST_TEST(displays[1]["pending"] == true);
  BOOST_TEST(displays[1]["read"].is_null());
  BOOST_TEST(error("display-hint", {{"displays", {"640x480", "bad"}}}) == "InvalidRequest");
  result("display-limit", {{"width", 800}, {"height", 600}});
  BOOST_TEST(result("displays")["max-width"] == 800);
}

BOOST_AUTO_TEST_CASE(display_texts_are_read) {
  for (const auto* text :
       {"1x1@0", "65535x65535x32@63+0+0", "800x600@1+-1048576+1048576", "off@5"}) {
    const auto display = control::parse_display(text);
    BOOST_REQUIRE_MESSAGE(display.has_value(), text);
    BOOST_TEST(control::display_text(*display) == text);
  }
  for (const auto* text : {"", "x", "800", "800x", "0x600", "800x0", "65536x1", "800x600x65",
                           "8x8@64", "8x8@", "8x8+1", "8x8+1+", "8x8+1048577+0", "8x8+0+-1048577",
                           "off+1+1", "8x8@1 ", "-8x8", "99999999999x1", "offal"}) {
    BOOST_TEST_CONTEXT(text) {
      BOOST_TEST(!control::parse_display(text).has_value());
    }
  }
}

BOOST_FIXTURE_TEST_CASE(mouse_reports_are_sent_and_shown, Commands) {
  BOOST_TEST(result("mouse-status")["host-absolute"] == false);
  result("mouse-move", {{"x", 65535}, {"y", 1}, {"wheel", -3}, {"buttons", 5}});
  const Json mouse = result("mouse-status");
  BOOST_TEST(mouse["x"] == 65535);
  BOOST_TEST(mouse["wheel"] == -3);
  BOOST_TEST(mouse["buttons"] == 5);
  BOOST_TEST(mouse["host-absolute"] == true);
  BOOST_TEST(mouse["guest"]["absolute"] == false);
  result("mouse-absolute", {{"on", false}});
  BOOST_TEST(result("mouse-status")["host-absolute"] == false);
  BOOST_TEST(error("mouse-move", {{"x", 65536}, {"y", 0}}) == "InvalidRequest");
  BOOST_TEST(error("mouse-move", {{"x", 0}, {"y", 0}, {"wheel", -1001}}) == "InvalidRequest");
  BOOST_TEST(error("mouse-move", {{"x", 0}, {"y", 0}, {"wheel", 1001}}) == "InvalidRequest");
  BOOST_TEST(error("mouse-move", {{"x", 0}, {"y", 0}, {"wheel", 0.5}}) == "InvalidRequest");
}

BOOST_FIXTURE_TEST_CASE(cursor_is_shown_as_an_image, Commands) {
  BOOST_TEST(error("mouse-shape") == "NotFound");
  vmmdev::PointerShape shape{.visible = true, .has_image = true, .width = 1, .height = 1};
  shape.mask = {std::byte{0}};
  shape.pixels = {std::byte{1}, std::byte{2}, std::byte{3}, std::byte{0}};
  device.pointer().set_shape(shape);
  const Json shown = result("mouse-shape");
  BOOST_TEST(shown["width"] == 1);
  BOOST_TEST(shown["rgba"] == "AwIB/w==");
}

BOOST_AUTO_TEST_CASE(base64_goes_both_ways) {
  const auto bytes = [](std::string_view text) { return std::as_bytes(std::span(text)); };
  for (const auto& [plain, coded] : std::vector<std::pair<std::string_view, std::string_view>>{
           {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}}) {
    BOOST_TEST(to_base64(bytes(plain)) == coded);
    const auto back = from_base64(coded);
    BOOST_REQUIRE(back.has_value());
    BOOST_TEST(to_base64(*back) == coded);
  }
  for (const auto* bad : {"A", "AB=C", "====", "A===", "Zm9*"}) {
    BOOST_TEST_CONTEXT(bad) {
      BOOST_TEST(!from_base64(bad).has_value());
    }
  }
}

BOOST_FIXTURE_TEST_CASE(seamless_and_remote_display_are_set, Commands) {
  result("seamless", {{"on", true}});
  BOOST_TEST(device.seamless());
  result("seamless", {{"on", false}});
  BOOST_TEST(!device.seamless());
  result("remote-display", {{"active", true}, {"level", 4}});
  BOOST_TEST(error("remote-display", {{"active", true}, {"level", 5}}) == "InvalidRequest");
}

BOOST_FIXTURE_TEST_CASE(statistics_are_wanted_and_none_are_there, Commands) {
  result("statistics-interval", {{"seconds", 7}});
  const Json statistics = result("guest-statistics");
  BOOST_TEST(statistics["interval"] == 7);
  BOOST_TEST(statistics["report"].is_null());
}

BOOST_FIXTURE_TEST_CASE(time_has_its_offset, Commands) {
  result("time-offset", {{"milliseconds", -86'400'000}});
  const Json time = result("time");
  BOOST_TEST(time["offset-ms"] == -86'400'000);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  BOOST_TEST(time["time-ms"].get<std::int64_t>() < now / std::chrono::milliseconds(1) - 86'000'000);
}

BOOST_FIXTURE_TEST_CASE(credentials_are_never_shown, Commands) {
  result("credentials-set", {{"user", "ann"}, {"password", "secret"}, {"domain", "home"}});
  result("credentials-set", {{"user", "ann"}, {"password", "secret"}, {"judge", true}});
  BOOST_TEST(result("credentials-status") == (Json{{"logon", true}, {"judge", true}}));
  for (const Json& message : client.received) {
    BOOST_TEST(message.dump().find("secret") == std::string::npos);
  }
  result("credentials-clear");
  BOOST_TEST(result("credentials-status") == (Json{{"logon", false}, {"judge", false}}));
  BOOST_TEST(error("credentials-set", {{"user", ""}, {"password", ""}}) == "InvalidRequest");
}

BOOST_FIXTURE_TEST_CASE(processors_need_a_listener, Commands) {
  BOOST_TEST(error("cpu", {{"plug", true}, {"core", 1}}) == "GenericError");
}

BOOST_FIXTURE_TEST_CASE(what_the_guest_tells_becomes_events, Observed) {
  observer.mouse_features(0x11);
  BOOST_TEST(event("MOUSE_FEATURES")["absolute"] == true);
  observer.capabilities(4);
  BOOST_TEST(event("GUEST_CAPABILITIES")["graphics"] == true);
  observer.facility({.facility = 100, .status = 50, .flags = 0, .time = {}});
  BOOST_TEST(event("GUEST_FACILITY")["status-name"] == "ACTIVE");
  observer.pointer_shape({.visible = true});
  BOOST_TEST(event("POINTER_SHAPE")["image"] == false);
  observer.balloon(3);
  BOOST_TEST(event("BALLOON_CHANGED")["mib"] == 3);
  observer.judgement(vmmdev::Judgement::kDenied);
  BOOST_TEST(event("CREDENTIALS_JUDGED")["verdict"] == "denied");
}

BOOST_FIXTURE_TEST_CASE(user_states_have_names, Observed) {
  observer.user_state({.state = 1, .user = "ann", .domain = "home", .details = "xy"});
  const Json data = event("GUEST_USER_STATE");
  BOOST_TEST(data["state-name"] == "LOGGED_IN");
  BOOST_TEST(data["user"] == "ann");
  BOOST_TEST(data["details-bytes"] == 2);
}

BOOST_FIXTURE_TEST_CASE(long_lists_are_cut_and_counted, Observed) {
  observer.visible_region(std::vector<vmmdev::Rectangle>(100, {1, 2, 3, 4}));
  const Json region = event("VISIBLE_REGION");
  BOOST_TEST(region["count"] == 100);
  BOOST_TEST(region["rectangles"].size() == 32U);
  BOOST_TEST(region["rectangles"][0] == Json({1, 2, 3, 4}));
  observer.monitor_positions(std::vector<vmmdev::Position>(2, {-1, 5}));
  BOOST_TEST(event("MONITOR_POSITIONS")["positions"][1] == Json({-1, 5}));
}

BOOST_FIXTURE_TEST_CASE(statistics_have_only_what_is_valid, Observed) {
  observer.statistics({.valid = 0x81, .cpu_idle = 90, .physical_total = 4096});
  const Json data = event("GUEST_STATISTICS");
  BOOST_TEST(data["cpu-idle"] == 90);
  BOOST_TEST(data["memory-total"] == 4096);
  BOOST_TEST(!data.contains("cpu-user"));
}

BOOST_FIXTURE_TEST_CASE(crash_tells_its_code, Observed) {
  observer.bug_check(std::array<std::uint64_t, 5>{0xd1, 1, 2, 3, 4});
  const Json data = event("GUEST_BUG_CHECK");
  BOOST_TEST(data["code"] == 0xd1);
  BOOST_TEST(data["parameters"] == Json({1, 2, 3, 4}));
  observer.bug_check(std::nullopt);
  BOOST_TEST(event("GUEST_BUG_CHECK").empty());
}

BOOST_FIXTURE_TEST_CASE(power_request_without_qemu_is_only_told, Observed) {
  BOOST_TEST(observer.power(vmmdev::PowerRequest::kPause).ok());
  BOOST_TEST(event("POWER_REQUEST")["state"] == "pause");
  BOOST_TEST(observer.power(vmmdev::PowerRequest::kOff).ok());
  BOOST_TEST(event("POWER_REQUEST")["state"] == "off");
  BOOST_TEST(observer.power(vmmdev::PowerRequest::kSave).code() == HGCM_ERR_ACCESS_DENIED);
  BOOST_TEST(event("POWER_REQUEST")["state"] == "save");
}

BOOST_FIXTURE_TEST_CASE(core_dump_needs_its_directory, Observed) {
  BOOST_TEST(observer.core_dump().code() == HGCM_ERR_ACCESS_DENIED);
  const TemporaryDirectory directory;
  vmmdevd::GuestObserver missing({.core_dumps = directory.path() / "no"}, events, executor);
  BOOST_TEST(missing.core_dump().code() == HGCM_ERR_PATH_NOT_FOUND);
  vmmdevd::GuestObserver dumping({.core_dumps = directory.path()}, events, executor);
  for (const char* name : {"guest-core.0", "guest-core.1", "guest-core.2", "guest-core.0"}) {
    BOOST_TEST(dumping.core_dump().ok());
    const Json data = event("CORE_DUMP_REQUEST");
    BOOST_TEST(data["file"] == (directory.path() / name).string());
    BOOST_TEST(data["qmp"]["execute"] == "dump-guest-memory");
  }
}

BOOST_AUTO_TEST_SUITE_END()

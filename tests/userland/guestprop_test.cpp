// SPDX-License-Identifier: MIT
//
// guestprop and VBoxControl: command lines, output and exit codes, with the real service behind.
#include <gtest/gtest.h>
#include <hgcm/guest_properties.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "guestprop/commands.h"
#include "tool_fixture.h"

namespace hgcm::tool {
namespace {

using Json = nlohmann::json;

/// Has a connection of its own to prepare and look at properties.
class PropertyToolTest : public ToolTest {
 protected:
  PropertyToolTest(Tool tool, std::string name)
      : ToolTest(tool, std::move(name)), prefix(test::unique_name("/Tool/")) {}

  void SetUp() override {
    device_ = test::open_guest_device();
    ASSERT_NE(device_, nullptr);
    auto connected = GuestProperties::connect(*device_);
    if (!connected && connected.error() == Status(HGCM_ERR_HGCM_SERVICE_NOT_FOUND)) {
      GTEST_SKIP() << "the host does not offer guest properties";
    }
    ASSERT_TRUE(connected.has_value());
    properties.emplace(std::move(*connected));
  }
  void TearDown() override {
    if (properties) {
      const auto left_over = properties->enumerate(prefix + "*");
      ASSERT_TRUE(left_over.has_value());
      for (const Property& property : *left_over) {
        properties->remove(property.name);
      }
    }
  }

  [[nodiscard]] std::string name(const char* last) const { return prefix + "/" + last; }
  std::string stamp(const char* last) {
    return std::to_string(properties->get(name(last))->timestamp);
  }

  const std::string prefix;

 private:
  std::unique_ptr<Device> device_;

 protected:
  std::optional<GuestProperties> properties;
};

// --- the native command line
// -----------------------------------------------------------------------

class Guestprop : public PropertyToolTest {
 protected:
  Guestprop() : PropertyToolTest(guestprop_main, "/usr/bin/guestprop") {}
};

TEST_F(Guestprop, set_then_get_prints_the_value) {
  EXPECT_EQ(run({"set", name("a"), "hello world"}), 0);
  EXPECT_EQ(out.str() + err.str(), "");
  EXPECT_EQ(run({"get", name("a")}), 0);
  EXPECT_EQ(out.str(), "Value: hello world\n");
}

TEST_F(Guestprop, get_verbose_prints_timestamp_and_flags) {
  ASSERT_EQ(run({"set", name("a"), "v", "--flags", "TRANSIENT,RDONLYHOST"}), 0);
  EXPECT_EQ(run({"get", name("a"), "--verbose"}), 0);
  EXPECT_EQ(out.str(),
            "Value: v\nTimestamp: " + stamp("a") + " ns\nFlags: TRANSIENT, RDONLYHOST\n");
}

TEST_F(Guestprop, get_missing_says_so_and_exits_1) {
  EXPECT_EQ(run({"get", name("none")}), 1);
  EXPECT_EQ(out.str(), "No value set!\n");
  EXPECT_EQ(run({"get", name("none"), "--json"}), 1);
  EXPECT_EQ(out.str(), "null\n");
}

TEST_F(Guestprop, get_json_has_everything) {
  ASSERT_EQ(run({"set", name("a"), "v\"\n", "--flags", "TRANSIENT"}), 0);
  ASSERT_EQ(run({"get", name("a"), "--json"}), 0);
  const Json json = Json::parse(out.str());
  EXPECT_EQ(json["name"], name("a"));
  EXPECT_EQ(json["value"], "v\"\n");
  EXPECT_EQ(json["timestamp"], stamp("a"));
  EXPECT_EQ(json["flags"], Json::array({"TRANSIENT"}));
}

TEST_F(Guestprop, value_that_begins_with_a_dash_follows_a_double_dash) {
  EXPECT_EQ(run({"set", name("a"), "--", "-5"}), 0);
  EXPECT_EQ(properties->get(name("a"))->value, "-5");
}

TEST_F(Guestprop, empty_value_is_set_not_deleted) {
  EXPECT_EQ(run({"set", name("a"), ""}), 0);
  EXPECT_EQ(properties->get(name("a"))->value, "");
}

TEST_F(Guestprop, set_without_value_and_delete_and_unset_delete) {
  for (const auto& command : {std::vector<std::string>{"set"}, {"delete"}, {"unset"}}) {
    ASSERT_TRUE(properties->set(name("a"), "1"));
    EXPECT_EQ(run({command[0], name("a")}), 0);
    EXPECT_FALSE(properties->get(name("a")));
  }
}

TEST_F(Guestprop, enumerate_prints_a_line_per_property) {
  ASSERT_TRUE(properties->set(name("a"), "1", "TRANSIENT"));
  EXPECT_EQ(run({"enumerate", prefix + "*"}), 0);
  EXPECT_EQ(out.str(),
            "Name: " + name("a") + ", value: 1, timestamp: " + stamp("a") + ", flags: TRANSIENT\n");
  EXPECT_EQ(run({"enumerate", "--patterns", name("none")}), 0);
  EXPECT_EQ(out.str(), "No properties found.\n");
}

TEST_F(Guestprop, enumerate_takes_several_patterns) {
  ASSERT_TRUE(properties->set(name("a"), "1"));
  ASSERT_TRUE(properties->set(name("b"), "2"));
  ASSERT_TRUE(properties->set(name("c"), "3"));
  ASSERT_EQ(run({"enumerate", name("a"), name("b"), "--json"}), 0);
  EXPECT_EQ(Json::parse(out.str()).size(), 2U);
  ASSERT_EQ(run({"enumerate", name("none"), "--json"}), 0);
  EXPECT_EQ(Json::parse(out.str()), Json::array());
}

TEST_F(Guestprop, wait_prints_the_change) {
  ASSERT_TRUE(properties->set(name("a"), "1"));
  const std::string since = stamp("a");
  ASSERT_TRUE(properties->set(name("b"), "2", "TRANSIENT"));
  EXPECT_EQ(run({"wait", prefix + "*", "--since", since, "--timeout", "60000"}), 0);
  EXPECT_EQ(out.str(), "Name: " + name("b") + "\nValue: 2\nTimestamp: " + stamp("b") +
                           " ns\nFlags: TRANSIENT\n");
}

TEST_F(Guestprop, wait_is_ended_by_a_change_from_elsewhere) {
  ASSERT_TRUE(properties->set(name("a"), "1"));
  const std::string since = stamp("a");
  std::jthread setter([&] { EXPECT_TRUE(properties->set(name("b"), "2")); });
  EXPECT_EQ(run({"wait", name("b"), "--timestamp", since, "--timeout", "60000"}), 0);
}

TEST_F(Guestprop, wait_tells_a_deletion) {
  ASSERT_TRUE(properties->set(name("a"), "1"));
  const std::string since = stamp("a");
  ASSERT_TRUE(properties->remove(name("a")));
  ASSERT_EQ(run({"wait", name("a"), "--since", since, "--timeout", "60000"}), 0);
  EXPECT_NE(out.str().find("Deleted: yes\n"), std::string::npos) << out.str();
  ASSERT_EQ(run({"wait", name("a"), "--since", since, "--timeout", "60000", "--json"}), 0);
  EXPECT_EQ(Json::parse(out.str())["deleted"], true);
}

TEST_F(Guestprop, wait_that_may_have_missed_changes_says_so) {
  ASSERT_TRUE(properties->set(name("a"), "1"));
  EXPECT_EQ(run({"wait", name("a"), "--since", "1", "--timeout", "60000"}), 0);
  EXPECT_NE(err.str().find("may have been missed"), std::string::npos);
  EXPECT_EQ(run({"wait", name("a"), "--since", "1", "--timeout", "60000", "--json"}), 0);
  EXPECT_EQ(Json::parse(out.str())["missed"], true);
}

TEST_F(Guestprop, wait_in_vain_exits_5) {
  EXPECT_EQ(run({"wait", name("a"), "--timeout", "10"}), 5);
  EXPECT_EQ(out.str(), "");
}

TEST_F(Guestprop, denied_exits_4) {
  EXPECT_EQ(run({"set", "/VirtualBox/HostInfo/Forged", "1"}), 4);
  EXPECT_NE(err.str().find("VERR_PERMISSION_DENIED (-10)"), std::string::npos) << err.str();
}

TEST_F(Guestprop, refusal_by_the_service_exits_10) {
  EXPECT_EQ(run({"set", name("a"), "1", "--flags", "BOGUS"}), 10);
  EXPECT_NE(err.str().find("VERR_PARSE_ERROR"), std::string::npos);
}

TEST_F(Guestprop, no_device_exits_3_and_no_access_4) {
  no_device = HGCM_ERR_FILE_NOT_FOUND;
  EXPECT_EQ(run({"get", "/a"}), 3);
  EXPECT_EQ(err.str(), "guestprop: made to fail\n");
  no_device = HGCM_ERR_ACCESS_DENIED;
  EXPECT_EQ(run({"get", "/a"}), 4);
}

TEST_F(Guestprop, node_can_be_chosen) {
  // Which ones there are, and may be opened, is not the question here.
  no_device = HGCM_ERR_FILE_NOT_FOUND;
  run({"get", "/a"});
  run({"get", "/a", "--node", "vboxuser"});
  run({"enumerate", "--node", "vboxguest"});
  EXPECT_EQ(opened, (std::vector{DeviceNode::kAny, DeviceNode::kUser, DeviceNode::kPrivileged}));
}

TEST_F(Guestprop, wrong_usage_exits_2_without_opening_the_device) {
  using Line = std::vector<std::string>;
  for (const auto& line :
       {Line{}, Line{"frobnicate"}, Line{"get"}, Line{"get", "/a", "/b"}, Line{"wait"},
        Line{"set", "/a", "--flags", "TRANSIENT"}, Line{"wait", "/a", "--timeout", "x"},
        Line{"wait", "/a", "--timeout", "-1"}, Line{"get", "/a", "--node", "floppy"},
        Line{"get", "/a", "--bogus"}}) {
    EXPECT_EQ(run(line), 2) << ::testing::PrintToString(line);
    EXPECT_NE(err.str(), "");
  }
  EXPECT_TRUE(opened.empty());
}

TEST_F(Guestprop, help_and_version_succeed_without_a_device) {
  EXPECT_EQ(run({"--help"}), 0);
  EXPECT_NE(out.str().find("Exit codes"), std::string::npos);
  EXPECT_EQ(run({"wait", "--help"}), 0);
  EXPECT_EQ(run({"--version"}), 0);
  EXPECT_TRUE(opened.empty());
}

TEST_F(Guestprop, value_on_a_terminal_has_no_escapes) {
  ASSERT_TRUE(properties->set(name("a"), "\x1b[2J"));
  terminal = true;
  EXPECT_EQ(run({"get", name("a")}), 0);
  EXPECT_EQ(out.str(), "Value: \\x1b[2J\n");
  EXPECT_EQ(run({"get", name("a"), "--json"}), 0);
  EXPECT_EQ(out.str().find('\x1b'), std::string::npos);
}

// --- VirtualBox's command line
// ---------------------------------------------------------------------

class VBoxControl : public PropertyToolTest {
 protected:
  VBoxControl() : PropertyToolTest(guestprop_main, "/usr/bin/VBoxControl") {}

  int quiet(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"-nologo", "guestproperty"});
    return run(std::move(arguments));
  }
};

TEST_F(VBoxControl, banner_unless_told_otherwise) {
  ASSERT_TRUE(properties->set(name("a"), "1"));
  EXPECT_EQ(run({"guestproperty", "get", name("a")}), 0);
  EXPECT_TRUE(out.str().ends_with("\n\nValue: 1\n")) << out.str();
  EXPECT_EQ(run({"--nologo", "guestproperty", "get", name("a")}), 0);
  EXPECT_EQ(out.str(), "Value: 1\n");
  EXPECT_EQ(run({"-nologo", "guestproperty", "get", name("a")}), 0);
  EXPECT_EQ(out.str(), "Value: 1\n");
}

TEST_F(VBoxControl, get_verbose_with_one_dash_or_two) {
  ASSERT_TRUE(properties->set(name("a"), "1"));
  const std::string expected = "Value: 1\nTimestamp: " + stamp("a") + " ns\nFlags: \n";
  EXPECT_EQ(quiet({"get", name("a"), "-verbose"}), 0);
  EXPECT_EQ(out.str(), expected);
  EXPECT_EQ(quiet({"get", name("a"), "--verbose"}), 0);
  EXPECT_EQ(out.str(), expected);
}

TEST_F(VBoxControl, get_missing_exits_1) {
  EXPECT_EQ(quiet({"get", name("none")}), 1);
  EXPECT_EQ(out.str(), "No value set!\n");
}

TEST_F(VBoxControl, set_takes_a_value_that_looks_like_an_option) {
  EXPECT_EQ(quiet({"set", name("a"), "-5", "-flags", "TRANSIENT"}), 0);
  EXPECT_EQ(properties->get(name("a"))->value, "-5");
  EXPECT_EQ(properties->get(name("a"))->flags, "TRANSIENT");
}

TEST_F(VBoxControl, set_without_value_and_delete_and_unset_delete) {
  for (const char* const verb : {"set", "delete", "unset"}) {
    ASSERT_TRUE(properties->set(name("a"), "1"));
    EXPECT_EQ(quiet({verb, name("a")}), 0) << verb;
    EXPECT_FALSE(properties->get(name("a")));
  }
}

TEST_F(VBoxControl, enumerate_with_patterns) {
  ASSERT_TRUE(properties->set(name("a"), "1"));
  EXPECT_EQ(quiet({"enumerate", "-patterns", prefix + "*"}), 0);
  EXPECT_EQ(out.str(),
            "Name: " + name("a") + ", value: 1, timestamp: " + stamp("a") + ", flags: \n");
  EXPECT_EQ(quiet({"enumerate", "--patterns", name("none")}), 0);
  EXPECT_EQ(out.str(), "No properties found.\n");
}

TEST_F(VBoxControl, wait_with_options_in_any_order) {
  ASSERT_TRUE(properties->set(name("a"), "1"));
  const std::string since = stamp("a");
  ASSERT_TRUE(properties->set(name("b"), "2"));
  const std::string expected =
      "Name: " + name("b") + "\nValue: 2\nTimestamp: " + stamp("b") + " ns\nFlags: \n";
  EXPECT_EQ(quiet({"wait", prefix + "*", "-timestamp", since, "-timeout", "60000"}), 0);
  EXPECT_EQ(out.str(), expected);
  EXPECT_EQ(quiet({"wait", prefix + "*", "--timeout", "60000", "--timestamp", since}), 0);
  EXPECT_EQ(out.str(), expected);
  EXPECT_EQ(quiet({"wait", name("c"), "-timeout", "5"}), 5);
}

TEST_F(VBoxControl, wrong_usage_exits_2_without_opening_the_device) {
  using Line = std::vector<std::string>;
  for (const auto& line :
       {Line{}, Line{"sharedfolder"}, Line{"guestproperty"}, Line{"guestproperty", "get"},
        Line{"guestproperty", "get", "/a", "-bogus"}, Line{"guestproperty", "set", "/a", "1", "2"},
        Line{"guestproperty", "set", "/a", "1", "-flags"},
        Line{"guestproperty", "wait", "/a", "-timeout", "soon"},
        Line{"guestproperty", "enumerate", "-patterns"}, Line{"guestproperty", "frob", "/a"}}) {
    EXPECT_EQ(run(line), 2) << ::testing::PrintToString(line);
    EXPECT_NE(err.str().find("Usage"), std::string::npos);
  }
  EXPECT_TRUE(opened.empty());
}

}  // namespace
}  // namespace hgcm::tool

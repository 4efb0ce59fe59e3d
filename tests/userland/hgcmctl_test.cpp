// SPDX-License-Identifier: MIT
//
// hgcmctl with the test service behind.
#include "hgcmctl/hgcmctl.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tool_fixture.h"

namespace hgcm::tool {
namespace {

using Json = nlohmann::json;

class Hgcmctl : public ToolTest {
 protected:
  Hgcmctl() : ToolTest(hgcmctl, "hgcmctl") {}
};

/// Needs the service HgcmTestSvc.
class HgcmctlCall : public Hgcmctl {
 protected:
  void SetUp() override {
    if (run({"call", "HgcmTestSvc", "1"}) == kExitNoService) {
      GTEST_SKIP() << "the host does not offer HgcmTestSvc";
    }
  }
  int call(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"call", "HgcmTestSvc"});
    return run(std::move(arguments));
  }
};

TEST_F(Hgcmctl, version_tells_driver_and_host) {
  EXPECT_EQ(run({"version"}), 0) << err.str();
  EXPECT_NE(out.str().find("Driver interface: 1."), std::string::npos) << out.str();
  EXPECT_NE(out.str().find("Host: "), std::string::npos);
}

TEST_F(Hgcmctl, version_in_json) {
  ASSERT_EQ(run({"version", "--json"}), 0);
  const Json json = Json::parse(out.str());
  EXPECT_TRUE(json["host"]["major"].is_number());
  EXPECT_TRUE(json["driver"]["interface"].is_string());
}

TEST_F(Hgcmctl, services_tells_what_there_is_and_what_not) {
  EXPECT_EQ(run({"services", "NoSuchService"}), 0);
  EXPECT_NE(out.str().find("VBoxGuestPropSvc: "), std::string::npos);
  EXPECT_NE(out.str().find("NoSuchService: not offered by the host\n"), std::string::npos);
}

TEST_F(Hgcmctl, services_in_json) {
  ASSERT_EQ(run({"services", "NoSuchService", "--json"}), 0);
  const Json last = Json::parse(out.str()).back();
  EXPECT_EQ(last["service"], "NoSuchService");
  EXPECT_EQ(last["available"], false);
  EXPECT_EQ(last["status"]["code"], -2900);
}

TEST_F(Hgcmctl, call_of_an_unknown_service_exits_6) {
  EXPECT_EQ(run({"call", "NoSuchService", "1"}), 6);
}

TEST_F(HgcmctlCall, numbers_come_back) {
  EXPECT_EQ(call({"3", "u32:2", "u64:40", "u64:0"}), 0);
  EXPECT_EQ(out.str(),
            "Status: VINF_SUCCESS (0)\n0: u32 3 (0x3)\n1: u64 40 (0x28)\n2: u64 42 (0x2a)\n");
}

TEST_F(HgcmctlCall, out_buffers_are_dumped) {
  EXPECT_EQ(call({"2", "in:hello", "out:6"}), 0);
  EXPECT_EQ(out.str(),
            "Status: VINF_SUCCESS (0)\n0: in 6 bytes\n1: out 6 bytes\n"
            "  00000000  68 65 6c 6c 6f 00                                 |hello.|\n");
}

TEST_F(HgcmctlCall, in_out_buffers_are_dumped_as_they_came_back) {
  ASSERT_EQ(call({"10", "iohex:00ff", "--json"}), 0);
  const Json parameter = Json::parse(out.str())["parameters"][0];
  EXPECT_EQ(parameter["hex"], "ff00");
  EXPECT_EQ(parameter["size"], 2);
}

TEST_F(HgcmctlCall, failed_service_is_printed_with_what_came_back) {
  EXPECT_EQ(call({"9", "u32:0xffffffb2"}), 1) << "-78";
  EXPECT_NE(out.str().find("Status: VERR_NOT_FOUND (-78)"), std::string::npos);
  EXPECT_NE(err.str().find("VERR_NOT_FOUND (-78)"), std::string::npos);
  EXPECT_EQ(call({"999"}), 10);
}

TEST_F(HgcmctlCall, informational_status_is_a_success) {
  EXPECT_EQ(call({"9", "u32:78"}), 0);
  EXPECT_NE(out.str().find("VWRN_NOT_FOUND (78)"), std::string::npos);
}

TEST_F(HgcmctlCall, size_claimed_by_the_service_does_not_dump_beyond_the_buffer) {
  EXPECT_EQ(call({"13", "out:4"}), 0);
  EXPECT_EQ(out.str().find("00000010"), std::string::npos) << out.str();
}

TEST_F(HgcmctlCall, timeout_exits_5) {
  EXPECT_EQ(call({"11", "--timeout", "10"}), 5);
  EXPECT_EQ(out.str(), "") << "nothing came back";
}

TEST_F(Hgcmctl, wrong_usage_exits_2_without_opening_the_device) {
  using Line = std::vector<std::string>;
  std::vector<std::string> too_many{"call", "X", "1"};
  too_many.insert(too_many.end(), 33, "u32:1");
  for (const auto& line : {Line{}, Line{"call"}, Line{"call", "X"}, Line{"call", "X", "one"},
                           Line{"call", "X", "1", "u32:x"}, Line{"call", "X", "1", "5"}, too_many,
                           Line{"call", "X", "1", "--timeout", "-5"}}) {
    EXPECT_EQ(run(line), 2) << ::testing::PrintToString(line);
    EXPECT_NE(err.str(), "");
  }
  EXPECT_TRUE(opened.empty());
}

TEST_F(Hgcmctl, no_device_exits_3) {
  no_device = HGCM_ERR_FILE_NOT_FOUND;
  EXPECT_EQ(run({"version"}), 3);
  EXPECT_EQ(err.str(), "hgcmctl: made to fail\n");
}

}  // namespace
}  // namespace hgcm::tool

// SPDX-License-Identifier: MIT
//
// Runs a tool in-process, on the guest that device tests use or on one that is made to fail.
#ifndef OPENHGCM_TESTS_USERLAND_TOOL_FIXTURE_H
#define OPENHGCM_TESTS_USERLAND_TOOL_FIXTURE_H

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "../lib/guest.h"
#include "common/tool.h"

namespace hgcm::tool {

class ToolTest : public testing::Test {
 protected:
  using Tool = int (*)(const std::vector<std::string>&, Environment&);

  explicit ToolTest(Tool tool, std::string name) : tool_(tool), name_(std::move(name)) {}

  int run(std::vector<std::string> arguments) {
    out.str("");
    err.str("");
    arguments.insert(arguments.begin(), name_);
    Environment environment{
        out, err, terminal, terminal,
        [this](DeviceNode node, std::string* detail) { return open(node, detail); }};
    return tool_(arguments, environment);
  }

  std::ostringstream out;
  std::ostringstream err;
  bool terminal = false;
  /// What opening the device fails with, if anything.
  Status no_device;
  std::vector<DeviceNode> opened;

 private:
  Result<std::unique_ptr<Device>> open(DeviceNode node, std::string* detail) {
    opened.push_back(node);
    if (no_device.failed()) {
      *detail = "made to fail";
      return failure(no_device);
    }
    return test::open_guest_device(node);
  }

  Tool tool_;
  std::string name_;
};

}  // namespace hgcm::tool

#endif

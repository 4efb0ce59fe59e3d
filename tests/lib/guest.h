// SPDX-License-Identifier: MIT
//
// The guest that device tests run in. OPENHGCM_TEST_DEVICE=loopback (the default) is a machine in
// this process; =kernel is the driver of the machine that the test runs on, where the host is out
// of reach: tests that have to act as the host skip there.
#ifndef OPENHGCM_TESTS_LIB_GUEST_H
#define OPENHGCM_TESTS_LIB_GUEST_H

#include <gtest/gtest.h>
#include <hgcm/client.h>
#include <hgcm/device.h>

#include <memory>
#include <optional>
#include <string>

#include "loopback/machine.h"
#include "print_status.h"

namespace hgcm::test {

/// Null in a kernel run. One machine for the whole process.
[[nodiscard]] loopback::Machine* loopback_machine();

/// A session with the driver; null, with a failure recorded, if it cannot be opened.
[[nodiscard]] std::unique_ptr<Device> open_guest_device(DeviceNode node = DeviceNode::kAny);

/// A fixture with one session.
class GuestTest : public testing::Test {
 protected:
  void SetUp() override {
    device = open_guest_device();
    ASSERT_NE(device, nullptr);
  }

  std::unique_ptr<Device> device;
};

/// A fixture with a client of a service; skips where the host does not offer it.
class ServiceTest : public GuestTest {
 protected:
  explicit ServiceTest(const char* service) : service_(service) {}

  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(GuestTest::SetUp());
    auto connected = Client::connect(*device, service_);
    if (!connected && connected.error() == Status(HGCM_ERR_HGCM_SERVICE_NOT_FOUND)) {
      GTEST_SKIP() << "the host does not offer " << service_;
    }
    ASSERT_TRUE(connected.has_value()) << connected.error().to_string();
    client.emplace(std::move(*connected));
  }
  void TearDown() override { client.reset(); }

  std::optional<Client> client;

 private:
  const char* service_;
};

/// Different in every run and test, so that runs on one host do not meet.
[[nodiscard]] std::string unique_name(const char* prefix);

}  // namespace hgcm::test

#endif

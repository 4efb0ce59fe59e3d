// SPDX-License-Identifier: MIT
//
// The driver's requests other than HGCM, against a mock.
#include <gtest/gtest.h>
#include <hgcm/driver.h>

#include "mock_device.h"
#include "print_status.h"

namespace hgcm {
namespace {

using namespace std::chrono_literals;
using test::MockDevice;

TEST(Driver, version_is_negotiated_for_interface_1) {
  MockDevice device;
  device.on_other = [](unsigned long request, void* data) {
    EXPECT_EQ(request, 0xC02C5600UL);
    auto& info = *static_cast<vbg_ioctl_driver_version_info*>(data);
    EXPECT_EQ(info.hdr.size_in, 40U);
    EXPECT_EQ(info.hdr.size_out, 44U);
    EXPECT_EQ(info.u.in.req_version, 0x10000U);
    EXPECT_EQ(info.u.in.min_version, 0x10000U);
    info.u.out.session_version = 0x10000;
    info.u.out.driver_version = 0x10002;
    info.u.out.driver_revision = 5;
    return 0;
  };
  const auto version = driver_version(device);
  ASSERT_TRUE(version.has_value());
  EXPECT_EQ(version->session, 0x10000U);
  EXPECT_EQ(version->driver, 0x10002U);
  EXPECT_EQ(version->revision, 5U);
}

TEST(Driver, version_refused_is_a_mismatch) {
  MockDevice device;
  device.on_other = [](unsigned long, void* data) {
    static_cast<vbg_ioctl_hdr*>(data)->rc = -11;
    return 0;
  };
  EXPECT_EQ(driver_version(device).error(), Status(HGCM_ERR_VERSION_MISMATCH));
}

TEST(Driver, host_version_is_request_4) {
  MockDevice device;
  device.on_other = [](unsigned long request, void* data) {
    EXPECT_EQ(request, 0xC0285602UL);
    auto* const words = static_cast<std::uint32_t*>(data);
    EXPECT_EQ(words[0], 40U);
    EXPECT_EQ(words[2], 4U);
    EXPECT_EQ(words[4], 40U);
    words[3] = 0;
    words[6] = 7 | 2 << 16;
    words[7] = 22;
    words[8] = 170000;
    words[9] = 0x80000001;
    return 0;
  };
  const auto version = host_version(device);
  ASSERT_TRUE(version.has_value());
  EXPECT_EQ(version->major, 7);
  EXPECT_EQ(version->minor, 2);
  EXPECT_EQ(version->build, 22U);
  EXPECT_EQ(version->revision, 170000U);
  EXPECT_EQ(version->features, 0x80000001U);
}

TEST(Driver, host_that_ignores_a_request_is_a_failure) {
  MockDevice device;
  device.on_other = [](unsigned long, void*) { return 0; };
  EXPECT_EQ(host_version(device).error(), Status(HGCM_ERR_GENERAL_FAILURE));
  EXPECT_EQ(session_id(device).error(), Status(HGCM_ERR_GENERAL_FAILURE));
}

TEST(Driver, session_id_is_request_217) {
  MockDevice device;
  device.on_other = [](unsigned long, void* data) {
    auto* const words = static_cast<std::uint32_t*>(data);
    EXPECT_EQ(words[0], 32U);
    EXPECT_EQ(words[2], 217U);
    words[3] = 0;
    words[6] = 0x55667788;
    words[7] = 0x11223344;
    return 0;
  };
  EXPECT_EQ(*session_id(device), 0x1122334455667788ULL);
}

TEST(Driver, log_sends_the_text_and_cuts_it) {
  MockDevice device;
  std::string seen;
  device.on_other = [&](unsigned long request, void* data) {
    EXPECT_EQ(request, 0x00005609UL);
    const auto& header = *static_cast<vbg_ioctl_hdr*>(data);
    EXPECT_EQ(header.size_out, 24U);
    seen.assign(static_cast<char*>(data) + 24, header.size_in - 24);
    return 0;
  };
  EXPECT_TRUE(log(device, "hello").ok());
  EXPECT_EQ(seen, std::string("hello\0", 6));
  EXPECT_TRUE(log(device, std::string(1000, 'x')).ok());
  EXPECT_EQ(seen.size(), 128U);
}

TEST(Driver, events_that_were_not_asked_for_are_dropped) {
  MockDevice device;
  device.on_other = [](unsigned long request, void* data) {
    EXPECT_EQ(request, 0xC020560AUL);
    auto& wait = *static_cast<vbg_ioctl_wait_for_events*>(data);
    EXPECT_EQ(wait.hdr.size_in, 32U);
    EXPECT_EQ(wait.hdr.size_out, 28U);
    EXPECT_EQ(wait.u.in.timeout_ms, 10U);
    wait.u.out.events = 0xffff;
    return 0;
  };
  EXPECT_EQ(*wait_for_events(device, 0x24, {.timeout = 10ms}), 0x24U);
}

TEST(Driver, event_filter_is_sent_as_two_masks) {
  MockDevice device;
  device.on_other = [](unsigned long request, void* data) {
    EXPECT_EQ(request, 0xC020560CUL);
    const auto& filter = *static_cast<vbg_ioctl_change_filter*>(data);
    EXPECT_EQ(filter.u.in.or_mask, 4U);
    EXPECT_EQ(filter.u.in.not_mask, 8U);
    return 0;
  };
  EXPECT_TRUE(change_event_filter(device, 4, 8).ok());
}

}  // namespace
}  // namespace hgcm

// SPDX-License-Identifier: MIT
//
// The driver's ioctl interface itself, with raw structures: what a program that is wrong, or
// hostile, is told (docs/protocol.md, "Character devices"), and the library's requests other than
// HGCM. Runs over the loopback and in real guests: the two must agree.
#include <gtest/gtest.h>
#include <hgcm/driver.h>
#include <linux/vboxguest.h>

#include <cerrno>
#include <cstring>
#include <thread>
#include <vector>

#include "guest.h"

namespace hgcm {
namespace {

using namespace std::chrono_literals;

vbg_ioctl_hdr header(std::size_t in, std::size_t out = 0, std::uint32_t type = 0) {
  vbg_ioctl_hdr result{};
  result.size_in = static_cast<std::uint32_t>(in);
  result.version = VBG_IOCTL_HDR_VERSION;
  result.type = type;
  result.size_out = static_cast<std::uint32_t>(out);
  return result;
}

struct CallBuffer {
  vbg_ioctl_hgcm_call call{};
  vmmdev_hgcm_function_parameter64 parameters[40]{};

  explicit CallBuffer(std::uint32_t client, std::uint16_t count = 0) {
    const std::size_t size = sizeof(call) + count * sizeof(parameters[0]);
    call.hdr = header(size, size);
    call.client_id = client;
    call.function = 1;
    call.timeout_ms = 0xffffffff;
    call.parm_count = count;
    for (auto& parameter : parameters) {
      parameter.type = VMMDEV_HGCM_PARM_TYPE_32BIT;
    }
  }
  int run(Device& device) { return device.ioctl(VBG_IOCTL_HGCM_CALL_64(0), this); }
};

class Ioctl : public test::GuestTest {
 protected:
  std::vector<std::byte> small = std::vector<std::byte>(4096);

  int send(unsigned long request, const vbg_ioctl_hdr& head) {
    std::memcpy(small.data(), &head, sizeof(head));
    return device->ioctl(request, small.data());
  }
};

TEST_F(Ioctl, malformed_header_is_invalid) {
  vbg_ioctl_hdr head = header(44, 44);
  head.version = 0x10000;
  EXPECT_EQ(send(VBG_IOCTL_DRIVER_VERSION_INFO, head), -EINVAL);
  EXPECT_EQ(send(VBG_IOCTL_DRIVER_VERSION_INFO, header(23, 44)), -EINVAL);
  EXPECT_EQ(send(VBG_IOCTL_DRIVER_VERSION_INFO, header(40, 23)), -EINVAL);
}

TEST_F(Ioctl, size_that_contradicts_the_number_is_invalid) {
  EXPECT_EQ(send(VBG_IOCTL_DRIVER_VERSION_INFO, header(40, 48)), -EINVAL);
  EXPECT_EQ(send(VBG_IOCTL_HGCM_CONNECT, header(100, 28)), -EINVAL);
}

TEST_F(Ioctl, type_in_a_request_that_has_none_is_invalid) {
  EXPECT_EQ(send(VBG_IOCTL_DRIVER_VERSION_INFO, header(40, 44, 4)), -EINVAL);
}

TEST_F(Ioctl, more_than_16_megabytes_is_too_big) {
  EXPECT_EQ(send(VBG_IOCTL_HGCM_CALL_64(0), header((16U << 20) + 1, (16U << 20) + 1)), -E2BIG);
}

TEST_F(Ioctl, unknown_number_is_no_such_ioctl) {
  EXPECT_EQ(send(_IOC(_IOC_READ | _IOC_WRITE, 'V', 99, 0), header(24)), -ENOTTY);
  EXPECT_EQ(send(_IOC(_IOC_READ | _IOC_WRITE, 'V', 1, 0), header(24)), -ENOTTY);
}

TEST_F(Ioctl, version_negotiation_refuses_other_majors) {
  vbg_ioctl_driver_version_info info{};
  info.hdr = header(40, 44);
  info.u.in.req_version = 0x00020000;
  info.u.in.min_version = 0x00020000;
  ASSERT_EQ(device->ioctl(VBG_IOCTL_DRIVER_VERSION_INFO, &info), 0);
  EXPECT_EQ(info.hdr.rc, HGCM_ERR_VERSION_MISMATCH);
  EXPECT_EQ(info.u.out.session_version, 0xffffffffU);
}

TEST_F(Ioctl, version_negotiation_refuses_a_minimum_above_the_request) {
  vbg_ioctl_driver_version_info info{};
  info.hdr = header(40, 44);
  info.u.in.req_version = 0x00010000;
  info.u.in.min_version = 0x00010001;
  EXPECT_EQ(device->ioctl(VBG_IOCTL_DRIVER_VERSION_INFO, &info), -EINVAL);
}

// --- calls
// -----------------------------------------------------------------------------------------

class CallIoctl : public test::ServiceTest {
 protected:
  CallIoctl() : ServiceTest("HgcmTestSvc") {}
};

TEST_F(CallIoctl, header_rc_is_the_status_and_zero_is_returned) {
  CallBuffer buffer(client->id(), 1);
  buffer.call.function = 9;
  buffer.parameters[0].u.value32 = static_cast<std::uint32_t>(-78);
  ASSERT_EQ(buffer.run(*device), 0);
  EXPECT_EQ(buffer.call.hdr.rc, -78);
}

TEST_F(CallIoctl, client_of_nobody_or_of_another_session_is_invalid) {
  const auto other_device = test::open_guest_device();
  auto foreign = Client::connect(*other_device, "HgcmTestSvc");
  ASSERT_TRUE(foreign.has_value());
  for (const std::uint32_t id : {0U, 0xffffffffU, 0x7ffffff0U, foreign->id()}) {
    EXPECT_EQ(CallBuffer(id).run(*device), -EINVAL) << id;
  }
}

TEST_F(CallIoctl, disconnect_of_a_foreign_client_is_invalid_and_harmless) {
  const auto other_device = test::open_guest_device();
  auto foreign = Client::connect(*other_device, "HgcmTestSvc");
  ASSERT_TRUE(foreign.has_value());
  vbg_ioctl_hgcm_disconnect request{};
  request.hdr = header(28, 24);
  request.u.in.client_id = foreign->id();
  EXPECT_EQ(device->ioctl(VBG_IOCTL_HGCM_DISCONNECT, &request), -EINVAL);
  EXPECT_TRUE(foreign->call(1));
}

TEST_F(CallIoctl, more_parameters_than_the_protocol_has_is_too_big) {
  EXPECT_EQ(CallBuffer(client->id(), 33).run(*device), -E2BIG);
  EXPECT_EQ(CallBuffer(client->id(), 32).run(*device), 0);
}

TEST_F(CallIoctl, sizes_that_do_not_hold_the_parameters_are_invalid) {
  CallBuffer short_one(client->id(), 2);
  short_one.call.hdr.size_in -= 1;
  short_one.call.hdr.size_out -= 1;
  EXPECT_EQ(short_one.run(*device), -EINVAL);
  CallBuffer uneven(client->id(), 1);
  uneven.call.hdr.size_out += 16;
  EXPECT_EQ(uneven.run(*device), -EINVAL);
  CallBuffer headless(client->id());
  headless.call.hdr.size_in = headless.call.hdr.size_out = 39;
  EXPECT_EQ(headless.run(*device), -EINVAL);
}

class ForbiddenType : public CallIoctl, public testing::WithParamInterface<std::uint32_t> {};

TEST_P(ForbiddenType, is_invalid) {
  CallBuffer buffer(client->id(), 1);
  // Kernel addresses, physical addresses and page lists are not for user programs.
  std::memcpy(&buffer.parameters[0], &GetParam(), sizeof(std::uint32_t));
  EXPECT_EQ(buffer.run(*device), -EINVAL);
}

INSTANTIATE_TEST_SUITE_P(Types, ForbiddenType,
                         testing::Values(0U, 3U, 7U, 8U, 9U, 10U, 11U, 12U, 13U, 14U, 0xffffffffU));

TEST_F(CallIoctl, buffer_that_is_not_mapped_is_a_fault) {
  CallBuffer buffer(client->id(), 1);
  buffer.parameters[0].type = VMMDEV_HGCM_PARM_TYPE_LINADDR_IN;
  buffer.parameters[0].u.pointer.size = 4096;
  buffer.parameters[0].u.pointer.u.linear_addr = 0;
  EXPECT_EQ(buffer.run(*device), -EFAULT);
}

TEST_F(CallIoctl, buffer_above_the_drivers_limit_is_out_of_range) {
  CallBuffer buffer(client->id(), 1);
  buffer.parameters[0].type = VMMDEV_HGCM_PARM_TYPE_LINADDR_IN;
  buffer.parameters[0].u.pointer.size = 0xfffff000;
  buffer.parameters[0].u.pointer.u.linear_addr =
      reinterpret_cast<std::uintptr_t>(&buffer);  // never read: the size is looked at first
  ASSERT_EQ(buffer.run(*device), 0);
  EXPECT_EQ(buffer.call.hdr.rc, HGCM_ERR_OUT_OF_RANGE);
}

TEST_F(CallIoctl, timeout_copies_nothing_back) {
  CallBuffer buffer(client->id(), 1);
  buffer.call.function = 5;
  buffer.call.timeout_ms = 1;
  buffer.call.hdr.rc = 4711;
  EXPECT_EQ(buffer.run(*device), -ETIMEDOUT);
  EXPECT_EQ(buffer.call.hdr.rc, 4711);
}

TEST_F(CallIoctl, call_in_the_32_bit_form_works_for_a_64_bit_program) {
  // The stock driver's copy-back in this form overruns its buffers: not for a run over it.
  if (test::loopback_machine() == nullptr) {
    GTEST_SKIP() << "dangerous with stock drivers; the kernel module has tests of its own";
  }
  struct {
    vbg_ioctl_hgcm_call call;
    vmmdev_hgcm_function_parameter32 parameters[3];
  } buffer{};
  buffer.call.hdr = header(sizeof(buffer), sizeof(buffer));
  buffer.call.client_id = client->id();
  buffer.call.function = 3;
  buffer.call.timeout_ms = 0xffffffff;
  buffer.call.parm_count = 3;
  buffer.parameters[0].type = VMMDEV_HGCM_PARM_TYPE_32BIT;
  buffer.parameters[0].u.value32 = 2;
  buffer.parameters[1].type = VMMDEV_HGCM_PARM_TYPE_64BIT;
  buffer.parameters[1].u.value64 = 1ULL << 40;
  buffer.parameters[2].type = VMMDEV_HGCM_PARM_TYPE_64BIT;
  ASSERT_EQ(device->ioctl(VBG_IOCTL_HGCM_CALL_32(sizeof(buffer)), &buffer), 0);
  EXPECT_EQ(buffer.call.hdr.rc, 0);
  const std::uint32_t counter = buffer.parameters[0].u.value32;
  const std::uint64_t total = buffer.parameters[2].u.value64;
  EXPECT_EQ(counter, 3U);
  EXPECT_EQ(total, (1ULL << 40) + 2);
}

// --- VMMDev requests of user programs
// --------------------------------------------------------------

TEST_F(Ioctl, requests_of_the_driver_alone_are_refused) {
  for (const std::uint32_t type : {50U, 56U, 58U, 60U, 61U, 63U, 65U, 111U, 113U, 220U, 4000U}) {
    EXPECT_EQ(send(VBG_IOCTL_VMMDEV_REQUEST_BIG, header(64, 64, type)), -EPERM) << type;
  }
}

TEST_F(Ioctl, requests_of_trusted_programs_are_refused_through_the_user_device) {
  const auto user = test::open_guest_device(DeviceNode::kUser);
  ASSERT_NE(user, nullptr);
  for (const std::uint32_t type : {74U, 100U, 101U, 110U, 112U, 218U}) {
    vbg_ioctl_hdr head = header(64, 64, type);
    std::memcpy(small.data(), &head, sizeof(head));
    EXPECT_EQ(user->ioctl(VBG_IOCTL_VMMDEV_REQUEST_BIG, small.data()), -EPERM) << type;
  }
}

TEST_F(Ioctl, request_with_uneven_sizes_or_without_type_is_invalid) {
  EXPECT_EQ(send(VBG_IOCTL_VMMDEV_REQUEST_BIG, header(40, 48, 4)), -EINVAL);
  EXPECT_EQ(send(VBG_IOCTL_VMMDEV_REQUEST_BIG, header(40, 40, 0)), -EINVAL);
}

TEST_F(Ioctl, request_above_one_megabyte_is_too_big) {
  std::vector<std::byte> large((1U << 20) + 4096);
  const vbg_ioctl_hdr head = header((1U << 20) + 1, (1U << 20) + 1, 4);
  std::memcpy(large.data(), &head, sizeof(head));
  const int result = device->ioctl(VBG_IOCTL_VMMDEV_REQUEST_BIG, large.data());
  // A kernel whose memory is fragmented may find no room for it first.
  EXPECT_TRUE(result == -E2BIG || result == -ENOMEM) << result;
}

TEST_F(Ioctl, request_of_wrong_size_gets_the_hosts_answer) {
  ASSERT_EQ(send(VBG_IOCTL_VMMDEV_REQUEST_BIG, header(44, 44, 4)), 0);
  vbg_ioctl_hdr head;
  std::memcpy(&head, small.data(), sizeof(head));
  EXPECT_EQ(head.rc, HGCM_ERR_INVALID_PARAMETER);
}

// --- through the library
// ---------------------------------------------------------------------------

TEST_F(Ioctl, driver_speaks_interface_1) {
  const auto version = driver_version(*device);
  ASSERT_TRUE(version.has_value()) << version.error().to_string();
  EXPECT_EQ(version->session >> 16, 1U);
}

TEST_F(Ioctl, host_has_a_version_and_a_session) {
  const auto host = host_version(*device);
  ASSERT_TRUE(host.has_value()) << host.error().to_string();
  EXPECT_GE(host->major, 3);
  EXPECT_NE(host->features & 1, 0U);
  const auto session = session_id(*device);
  ASSERT_TRUE(session.has_value()) << session.error().to_string();
  EXPECT_EQ(*session, *session_id(*device));
}

TEST_F(Ioctl, log_line_is_accepted) {
  EXPECT_TRUE(log(*device, "lib-hgcm: a line of the log test").ok());
  if (test::loopback_machine() != nullptr) {
    EXPECT_EQ(test::loopback_machine()->log_lines().back(), "lib-hgcm: a line of the log test");
  }
}

TEST_F(Ioctl, event_filter_refuses_unknown_events) {
  EXPECT_EQ(change_event_filter(*device, 0x800, 0), Status(HGCM_ERR_INVALID_PARAMETER));
}

TEST_F(Ioctl, wait_for_events_times_out) {
  EXPECT_EQ(wait_for_events(*device, 0x4, {.timeout = 1ms}).error(), Status(HGCM_ERR_TIMEOUT));
}

TEST_F(Ioctl, wait_for_events_ends_on_stop) {
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_EQ(wait_for_events(*device, 0x4, {.stop = stop.get_token()}).error(),
            Status(HGCM_ERR_CANCELLED));
}

TEST_F(Ioctl, event_of_the_host_ends_a_wait) {
  loopback::Machine* const machine = test::loopback_machine();
  if (machine == nullptr) {
    GTEST_SKIP() << "only the host can raise an event";
  }
  constexpr std::uint32_t kDisplayChange = 0x4;
  ASSERT_TRUE(change_event_filter(*device, kDisplayChange, 0).ok());
  std::jthread host([&] { machine->device().signal_events(kDisplayChange); });
  EXPECT_EQ(*wait_for_events(*device, kDisplayChange, {.timeout = 1min}), kDisplayChange);
  EXPECT_TRUE(change_event_filter(*device, 0, kDisplayChange).ok());
}

}  // namespace
}  // namespace hgcm

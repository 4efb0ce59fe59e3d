// SPDX-License-Identifier: MIT
//
// The ioctl ABI itself: header checks in their order, sizes, numbers, and the ioctls that are not
// HGCM. What is expected is what the kernel's own driver does; where ours differs the test says so.
#include "driver.h"

#include <sys/ioctl.h>
#include <sys/mman.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>

namespace kmod_test {
namespace {

constexpr std::size_t kHeader = sizeof(vbg_ioctl_hdr);

class IoctlTest : public testing::Test {
 protected:
  Session session_;
};

TEST_F(IoctlTest, numbers_are_those_of_the_abi) {
  EXPECT_EQ(VBG_IOCTL_DRIVER_VERSION_INFO, 0xC02C5600U);
  EXPECT_EQ(VBG_IOCTL_HGCM_CONNECT, 0xC09C5604U);
  EXPECT_EQ(VBG_IOCTL_HGCM_CALL_64(0), 0xC0005607U);
  EXPECT_EQ(VBG_IOCTL_WAIT_FOR_EVENTS, 0xC020560AU);
}

TEST_F(IoctlTest, unreadable_header_is_a_fault) {
  EXPECT_EQ(session_.control(VBG_IOCTL_DRIVER_VERSION_INFO, nullptr), EFAULT);
}

TEST_F(IoctlTest, wrong_header_version_is_invalid) {
  vbg_ioctl_hdr hdr = header(kHeader, kHeader);
  hdr.version = 0x10002;
  EXPECT_EQ(session_.control(VBG_IOCTL_INTERRUPT_ALL_WAIT_FOR_EVENTS, &hdr), EINVAL);
}

TEST_F(IoctlTest, sizes_below_the_header_are_invalid) {
  for (const std::size_t size : {0U, 1U, 23U}) {
    vbg_ioctl_hdr hdr = header(size, kHeader);
    EXPECT_EQ(session_.control(_IO('V', 3), &hdr), EINVAL) << size;
  }
  for (const std::size_t size : {1U, 23U}) {
    vbg_ioctl_hdr hdr = header(kHeader, size);
    EXPECT_EQ(session_.control(_IO('V', 3), &hdr), EINVAL) << size;
  }
}

TEST_F(IoctlTest, size_of_the_number_and_of_the_header_must_agree) {
  vbg_ioctl_driver_version_info info{};
  info.hdr = header(kHeader + sizeof(info.u.in), kHeader + sizeof(info.u.in));
  EXPECT_EQ(session_.control(VBG_IOCTL_DRIVER_VERSION_INFO, &info), EINVAL);
  info.hdr = header(sizeof(info), sizeof(info));
  EXPECT_EQ(session_.control(VBG_IOCTL_DRIVER_VERSION_INFO, &info), EINVAL);
}

TEST_F(IoctlTest, size_above_16_mib_is_too_big) {
  vbg_ioctl_hdr hdr = header((16U << 20U) + 1, (16U << 20U) + 1);
  EXPECT_EQ(session_.control(_IO('V', 3), &hdr), E2BIG);
}

TEST_F(IoctlTest, type_other_than_default_is_invalid) {
  vbg_ioctl_hdr hdr = header(kHeader, kHeader);
  hdr.type = 1;
  EXPECT_EQ(session_.control(VBG_IOCTL_INTERRUPT_ALL_WAIT_FOR_EVENTS, &hdr), EINVAL);
}

TEST_F(IoctlTest, unknown_numbers_are_not_ioctls) {
  for (const unsigned nr : {1U, 8U, 15U, 16U, 18U, 20U, 61U, 62U, 63U, 255U}) {
    vbg_ioctl_hdr hdr = header(kHeader, kHeader);
    EXPECT_EQ(session_.control(_IOC(_IOC_READ | _IOC_WRITE, 'V', nr, kHeader), &hdr), ENOTTY) << nr;
  }
  vbg_ioctl_hdr hdr = header(kHeader, kHeader);
  EXPECT_EQ(session_.control(_IOC(_IOC_READ | _IOC_WRITE, 'W', 11, kHeader), &hdr), ENOTTY);
}

TEST_F(IoctlTest, version_is_negotiated) {
  vbg_ioctl_driver_version_info info{};
  info.hdr = header(kHeader + sizeof(info.u.in), kHeader + sizeof(info.u.out));
  info.u.in.req_version = VBG_IOC_VERSION;
  info.u.in.min_version = VBG_IOC_VERSION;
  ASSERT_EQ(session_.control(VBG_IOCTL_DRIVER_VERSION_INFO, &info), 0);
  EXPECT_EQ(info.hdr.rc, 0);
  EXPECT_EQ(info.u.out.session_version, VBG_IOC_VERSION);
  EXPECT_EQ(info.u.out.driver_version, VBG_IOC_VERSION);
  EXPECT_EQ(info.u.out.reserved1, 0U);
  EXPECT_EQ(info.u.out.reserved2, 0U);
}

TEST_F(IoctlTest, incompatible_version_is_a_status) {
  vbg_ioctl_driver_version_info info{};
  info.hdr = header(kHeader + sizeof(info.u.in), kHeader + sizeof(info.u.out));
  info.u.in.req_version = 0x00020000;
  info.u.in.min_version = 0x00020000;
  ASSERT_EQ(session_.control(VBG_IOCTL_DRIVER_VERSION_INFO, &info), 0);
  EXPECT_EQ(info.hdr.rc, VERR_VERSION_MISMATCH);
  EXPECT_EQ(info.u.out.session_version, UINT32_MAX);
}

TEST_F(IoctlTest, minimum_above_requested_is_invalid) {
  vbg_ioctl_driver_version_info info{};
  info.hdr = header(kHeader + sizeof(info.u.in), kHeader + sizeof(info.u.out));
  info.u.in.req_version = 0x00010000;
  info.u.in.min_version = 0x00010001;
  EXPECT_EQ(session_.control(VBG_IOCTL_DRIVER_VERSION_INFO, &info), EINVAL);
}

// --- calls: sizes and counts --------------------------------------------------------------------

TEST_F(IoctlTest, call_shorter_than_its_head_is_invalid) {
  std::vector<std::uint8_t> bytes(sizeof(vbg_ioctl_hgcm_call));
  auto* hdr = reinterpret_cast<vbg_ioctl_hdr*>(bytes.data());
  *hdr = header(39, 39);
  EXPECT_EQ(session_.control(VBG_IOCTL_HGCM_CALL_64(39), bytes.data()), EINVAL);
}

TEST_F(IoctlTest, call_with_different_sizes_is_invalid) {
  Call call(session_.test_client(), kNoop);
  call.u32(1);
  call.head().hdr = header(call.bytes().size(), call.bytes().size() - 4);
  EXPECT_EQ(session_.control(VBG_IOCTL_HGCM_CALL_64(call.bytes().size()), call.bytes().data()),
            EINVAL);
}

TEST_F(IoctlTest, call_with_missing_parameters_is_invalid) {
  Call call(session_.test_client(), kNoop);
  call.u32(1);
  call.head().parm_count = 2;
  EXPECT_EQ(call.run(session_), EINVAL);
}

TEST_F(IoctlTest, call_with_too_many_parameters_is_too_big) {
  Call call(session_.test_client(), kNoop);
  for (int i = 0; i < 33; i++) {
    call.u32(1);
  }
  EXPECT_EQ(call.run(session_), E2BIG);
}

TEST_F(IoctlTest, call_number_may_leave_the_size_out) {
  Call call(session_.test_client(), kAdd);
  call.u32(1).u64(2).u64(0);
  call.head().hdr = header(call.bytes().size(), 0);
  ASSERT_EQ(session_.control(VBG_IOCTL_HGCM_CALL_64(0), call.bytes().data()), 0);
  EXPECT_EQ(call.value64(2), 3U);
  EXPECT_EQ(call.head().hdr.size_out, call.bytes().size());
}

TEST_F(IoctlTest, call_with_a_longer_structure_reports_what_was_used) {
  Call call(session_.test_client(), kNoop);
  call.bytes().resize(call.bytes().size() + 100);
  ASSERT_EQ(call.run(session_), 0);
  EXPECT_EQ(call.head().hdr.size_out, sizeof(vbg_ioctl_hgcm_call));
}

TEST_F(IoctlTest, structure_in_read_only_memory_is_a_fault) {
  void* memory = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  Call call(session_.test_client(), kNoop);
  call.head().hdr = header(call.bytes().size(), call.bytes().size());
  std::memcpy(memory, call.bytes().data(), call.bytes().size());
  ASSERT_EQ(mprotect(memory, 4096, PROT_READ), 0);
  EXPECT_EQ(session_.control(VBG_IOCTL_HGCM_CALL_64(call.bytes().size()), memory), EFAULT);
  munmap(memory, 4096);
}

// --- calls with 32-bit parameters ---------------------------------------------------------------

struct Call32 {
  vbg_ioctl_hgcm_call head{};
  vmmdev_hgcm_function_parameter32 parms[4]{};

  int run(const Session& session, std::uint16_t count) {
    const std::size_t size = sizeof(head) + count * sizeof(parms[0]);
    head.hdr = header(size, size);
    head.parm_count = count;
    head.timeout_ms = kForever;
    return session.control(VBG_IOCTL_HGCM_CALL_32(size), this);
  }
};
static_assert(sizeof(Call32) == 40 + 4 * 12);

TEST_F(IoctlTest, narrow_call_without_parameters_succeeds) {
  Call32 call;
  call.head.client_id = session_.test_client();
  call.head.function = kNoop;
  EXPECT_EQ(call.run(session_, 0), 0);
  EXPECT_EQ(call.head.hdr.rc, 0);
}

TEST_F(IoctlTest, narrow_call_brings_all_values_back) {
  if (!driver_is_ours()) {
    GTEST_SKIP() << "the kernel's own driver copies back every other parameter";
  }
  Call32 call;
  call.head.client_id = session_.test_client();
  call.head.function = kAdd;
  call.parms[0].type = VMMDEV_HGCM_PARM_TYPE_32BIT;
  call.parms[0].u.value32 = 7;
  call.parms[1].type = VMMDEV_HGCM_PARM_TYPE_64BIT;
  call.parms[1].u.value64 = 0x200000000ULL;
  call.parms[2].type = VMMDEV_HGCM_PARM_TYPE_64BIT;
  call.parms[3].u.value64 = 0x5555555555555555ULL;
  ASSERT_EQ(call.run(session_, 3), 0);
  EXPECT_EQ(call.head.hdr.rc, 0);
  EXPECT_EQ(call.parms[0].u.value32, 8U);
  EXPECT_EQ(call.parms[1].u.value64, 0x200000000ULL);
  EXPECT_EQ(call.parms[2].u.value64, 0x200000007ULL);
  EXPECT_EQ(call.parms[3].u.value64, 0x5555555555555555ULL) << "behind the parameters";
}

TEST_F(IoctlTest, narrow_call_carries_buffers) {
  if (!driver_is_ours()) {
    GTEST_SKIP() << "the kernel's own driver copies back every other parameter";
  }
  for (const std::size_t size : {100U, 70000U}) {
    // The address of a narrow parameter has 32 bits.
    void* memory = mmap(nullptr, 2 * size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    ASSERT_NE(memory, MAP_FAILED);
    auto* bytes = static_cast<std::uint8_t*>(memory);
    const std::vector<std::uint8_t> sent = pattern(size);
    std::memcpy(bytes, sent.data(), size);
    Call32 call;
    call.head.client_id = session_.test_client();
    call.head.function = kEcho;
    call.parms[0].type = VMMDEV_HGCM_PARM_TYPE_LINADDR_IN;
    call.parms[0].u.pointer.size = static_cast<std::uint32_t>(size);
    call.parms[0].u.pointer.u.linear_addr =
        static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(bytes));
    call.parms[1] = call.parms[0];
    call.parms[1].type = VMMDEV_HGCM_PARM_TYPE_LINADDR_OUT;
    call.parms[1].u.pointer.u.linear_addr += static_cast<std::uint32_t>(size);
    ASSERT_EQ(call.run(session_, 2), 0);
    EXPECT_EQ(call.head.hdr.rc, 0);
    EXPECT_EQ(std::memcmp(bytes + size, sent.data(), size), 0);
    EXPECT_EQ(call.parms[1].u.pointer.size, size);
    munmap(memory, 2 * size);
  }
}

// --- events
// ---------------------------------------------------------------------------------------

int wait_for_events(const Session& session, std::uint32_t events, std::uint32_t timeout) {
  vbg_ioctl_wait_for_events request{};
  request.hdr = header(kHeader + sizeof(request.u.in), kHeader + sizeof(request.u.out));
  request.u.in.timeout_ms = timeout;
  request.u.in.events = events;
  return session.control(VBG_IOCTL_WAIT_FOR_EVENTS, &request);
}

TEST_F(IoctlTest, wait_without_event_times_out) {
  EXPECT_EQ(wait_for_events(session_, 0x100, 0), ETIMEDOUT);
  EXPECT_EQ(wait_for_events(session_, 0x100, 30), ETIMEDOUT);
}

TEST_F(IoctlTest, interrupted_session_does_not_wait_again) {
  std::atomic<int> result = -1;
  std::thread waiter([&] { result = wait_for_events(session_, 0x100, kForever); });
  vbg_ioctl_hdr hdr = header(kHeader, kHeader);
  EXPECT_EQ(session_.control(VBG_IOCTL_INTERRUPT_ALL_WAIT_FOR_EVENTS, &hdr), 0);
  waiter.join();
  EXPECT_EQ(result, EINTR);
  EXPECT_EQ(wait_for_events(session_, 0x100, kForever), EINTR);
  const Session other;
  EXPECT_EQ(wait_for_events(other, 0x100, 0), ETIMEDOUT);
}

int change_filter(const Session& session, std::uint32_t or_mask, std::uint32_t not_mask) {
  vbg_ioctl_change_filter request{};
  request.hdr = header(sizeof(request), kHeader);
  request.u.in.or_mask = or_mask;
  request.u.in.not_mask = not_mask;
  return session.control(VBG_IOCTL_CHANGE_FILTER_MASK, &request);
}

TEST_F(IoctlTest, filter_takes_valid_events_only) {
  EXPECT_EQ(change_filter(session_, 0x7ff, 0), 0);
  EXPECT_EQ(change_filter(session_, 0, 0x7ff), 0);
  EXPECT_EQ(change_filter(session_, 0x800, 0), EINVAL);
  EXPECT_EQ(change_filter(session_, 0, 0x80000000), EINVAL);
}

// --- capabilities
// --------------------------------------------------------------------------------- Bit 2 (host
// window mapping) is used: to switch a bit to acquire mode lasts until the module goes.

int acquire(const Session& session, std::uint32_t flags, std::uint32_t or_mask,
            std::uint32_t not_mask) {
  vbg_ioctl_acquire_guest_caps request{};
  request.hdr = header(sizeof(request), kHeader);
  request.u.in.flags = flags;
  request.u.in.or_mask = or_mask;
  request.u.in.not_mask = not_mask;
  return session.control(VBG_IOCTL_ACQUIRE_GUEST_CAPABILITIES, &request);
}

struct Caps {
  int error = 0;
  std::uint32_t session = 0;
  std::uint32_t global = 0;
};

Caps change_caps(const Session& session, std::uint32_t or_mask, std::uint32_t not_mask) {
  vbg_ioctl_set_guest_caps request{};
  request.hdr = header(sizeof(request), sizeof(request));
  request.u.in.or_mask = or_mask;
  request.u.in.not_mask = not_mask;
  Caps caps;
  caps.error = session.control(VBG_IOCTL_CHANGE_GUEST_CAPABILITIES, &request);
  caps.session = request.u.out.session_caps;
  caps.global = request.u.out.global_caps;
  return caps;
}

TEST_F(IoctlTest, capabilities_are_kept_by_session) {
  const Session other;
  const Caps mine = change_caps(session_, 4, 0);
  EXPECT_EQ(mine.error, 0);
  EXPECT_EQ(mine.session, 4U);
  EXPECT_EQ(mine.global, 4U);
  const Caps both = change_caps(other, 1, 0);
  EXPECT_EQ(both.session, 1U);
  EXPECT_EQ(both.global, 5U);
  EXPECT_EQ(change_caps(session_, 0, 4).global, 1U);
}

TEST_F(IoctlTest, capabilities_are_released_by_close) {
  {
    const Session other;
    EXPECT_EQ(change_caps(other, 4, 0).global, 4U);
  }
  EXPECT_EQ(change_caps(session_, 0, 1).global, 0U);
}

TEST_F(IoctlTest, invalid_capabilities_are_refused) {
  EXPECT_EQ(change_caps(session_, 8, 0).error, EINVAL);
  EXPECT_EQ(acquire(session_, 2, 0, 0), EINVAL);
  EXPECT_EQ(acquire(session_, 0, 8, 0), EINVAL);
  EXPECT_EQ(acquire(session_, 0, 0, 8), EINVAL);
}

TEST_F(IoctlTest, capability_in_set_mode_use_cannot_be_acquired) {
  ASSERT_EQ(change_caps(session_, 1, 0).error, 0);
  const Session other;
  EXPECT_EQ(acquire(other, 0, 1, 0), EINVAL);
  EXPECT_EQ(change_caps(session_, 0, 1).error, 0);
}

TEST_F(IoctlTest, acquired_capability_has_one_owner) {
  const Session other;
  ASSERT_EQ(acquire(session_, 0, 2, 0), 0);
  EXPECT_EQ(acquire(session_, 0, 2, 0), 0);
  EXPECT_EQ(acquire(other, 0, 2, 0), EBUSY);
  EXPECT_EQ(change_caps(other, 2, 0).error, EBUSY);
  EXPECT_EQ(acquire(session_, 0, 0, 2), 0);
  EXPECT_EQ(acquire(other, 0, 2, 0), 0);
}

// --- the rest
// -------------------------------------------------------------------------------------

TEST_F(IoctlTest, log_takes_text_of_any_length) {
  for (const std::size_t length : {0U, 1U, 2U, 126U, 127U, 128U, 1000U}) {
    std::vector<std::uint8_t> bytes(kHeader + length, 'x');
    *reinterpret_cast<vbg_ioctl_hdr*>(bytes.data()) = header(bytes.size(), kHeader);
    EXPECT_EQ(session_.control(VBG_IOCTL_LOG(0), bytes.data()), 0) << length;
  }
}

TEST_F(IoctlTest, log_returns_the_header_only) {
  std::vector<std::uint8_t> bytes(kHeader + 10, 'x');
  *reinterpret_cast<vbg_ioctl_hdr*>(bytes.data()) = header(bytes.size(), bytes.size());
  EXPECT_EQ(session_.control(VBG_IOCTL_LOG(0), bytes.data()), EINVAL);
}

TEST_F(IoctlTest, balloon_is_the_drivers_business) {
  vbg_ioctl_check_balloon request{};
  request.hdr = header(kHeader, sizeof(request));
  ASSERT_EQ(session_.control(VBG_IOCTL_CHECK_BALLOON, &request), 0);
  EXPECT_EQ(request.u.out.handle_in_r3, 0);
}

TEST_F(IoctlTest, core_dump_is_answered_by_the_host) {
  vbg_ioctl_write_coredump request{};
  request.hdr = header(sizeof(request), kHeader);
  EXPECT_EQ(session_.control(VBG_IOCTL_WRITE_CORE_DUMP, &request), 0);
}

}  // namespace
}  // namespace kmod_test

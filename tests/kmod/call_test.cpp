// SPDX-License-Identifier: MIT
//
// HGCM calls of a program: values, buffers of all sizes and directions, what a service that
// misbehaves can do, time-outs, signals.
#include "driver.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <numeric>
#include <thread>

namespace kmod_test {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

class CallTest : public testing::Test {
 protected:
  Session session_;
  std::uint32_t client_ = session_.test_client();
};

TEST_F(CallTest, noop_without_parameters_succeeds) {
  EXPECT_EQ(Call(client_, kNoop).status(session_), 0);
}

TEST_F(CallTest, values_come_back_changed) {
  Call call(client_, kAdd);
  call.u32(41).u64(0x100000000ULL).u64(0);
  ASSERT_EQ(call.status(session_), 0);
  EXPECT_EQ(call.value32(0), 42U);
  EXPECT_EQ(call.value64(1), 0x100000000ULL);
  EXPECT_EQ(call.value64(2), 0x100000029ULL);
}

TEST_F(CallTest, status_of_the_service_is_in_the_header) {
  for (const std::int32_t wanted : {0, 1, 41, -1, -2, -102, -22415, INT32_MAX}) {
    EXPECT_EQ(Call(client_, kStatus).u32(static_cast<std::uint32_t>(wanted)).status(session_),
              wanted);
  }
}

TEST_F(CallTest, unknown_function_is_the_services_answer) {
  EXPECT_EQ(Call(client_, 4711).status(session_), -12);
}

TEST_F(CallTest, maximum_of_parameters_is_accepted) {
  Call call(client_, kNoop);
  for (int i = 0; i < 32; i++) {
    call.u32(static_cast<std::uint32_t>(i));
  }
  EXPECT_EQ(call.status(session_), 0);
}

// Sizes around each place where another way to carry the data takes over, at several offsets.
class BufferSizes : public CallTest, public testing::WithParamInterface<std::size_t> {};

TEST_P(BufferSizes, echo_returns_what_was_sent) {
  for (const std::size_t offset : {0U, 1U, 4095U}) {
    std::vector<std::uint8_t> sent = pattern(GetParam() + offset, 7);
    std::vector<std::uint8_t> back(GetParam() + offset + 16, 0xee);
    const std::span<std::uint8_t> in(sent.data() + offset, GetParam());
    const std::span<std::uint8_t> out(back.data() + offset, GetParam());
    ASSERT_EQ(Call(client_, kEcho).in(in).out(out).status(session_), 0);
    EXPECT_TRUE(std::equal(in.begin(), in.end(), out.begin()));
    EXPECT_TRUE(std::all_of(back.begin(), back.begin() + static_cast<std::ptrdiff_t>(offset),
                            [](std::uint8_t b) { return b == 0xee; }));
    EXPECT_TRUE(std::all_of(back.end() - 16, back.end(), [](std::uint8_t b) { return b == 0xee; }));
  }
}

TEST_P(BufferSizes, inout_is_changed_in_place) {
  const std::vector<std::uint8_t> before = pattern(GetParam(), 9);
  std::vector<std::uint8_t> data = before;
  ASSERT_EQ(Call(client_, kInOut).inout(data).status(session_), 0);
  for (std::size_t i = 0; i < data.size(); i++) {
    ASSERT_EQ(data[i], before[i] ^ 0xffU) << i;
  }
}

TEST_P(BufferSizes, sum_reads_every_byte) {
  const std::vector<std::uint8_t> data = pattern(GetParam(), 3);
  Call call(client_, kSum);
  call.in(data).u64(0);
  ASSERT_EQ(call.status(session_), 0);
  EXPECT_EQ(call.value64(1), std::accumulate(data.begin(), data.end(), std::uint64_t{0}));
}

INSTANTIATE_TEST_SUITE_P(Call, BufferSizes,
                         testing::Values(1, 7, 8, 1023, 1024, 1536, 3071, 3072, 3073, 4095, 4096,
                                         4097, 8192, 65535, 65536, 1048576, 1048577, 4194304));

TEST_F(CallTest, buffer_of_24_mib_is_accepted) {
  std::vector<std::uint8_t> data((24U << 20U) - 4096);
  Call call(client_, kFill);
  call.u32(5).out(data);
  ASSERT_EQ(call.status(session_), 0);
  for (std::size_t i = 0; i < data.size(); i++) {
    ASSERT_EQ(data[i], static_cast<std::uint8_t>(5 + 7 * i)) << i;
  }
}

TEST_F(CallTest, buffer_of_100_mib_is_accepted) {
  if (!driver_is_ours()) {
    GTEST_SKIP() << "the kernel's own driver takes 24 MiB";
  }
  const std::size_t size = 100U << 20U;
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  const std::span<std::uint8_t> data(static_cast<std::uint8_t*>(memory), size);
  Call call(client_, kFill);
  call.u32(9).out(data);
  EXPECT_EQ(call.status(session_), 0);
  for (std::size_t i = 0; i < size; i += 4093) {
    ASSERT_EQ(data[i], static_cast<std::uint8_t>(9 + 7 * i)) << i;
  }
  munmap(memory, size);
  EXPECT_EQ(counter("pinned_pages"), 0U);
}

TEST_F(CallTest, buffer_above_the_limit_is_a_status) {
  std::uint8_t byte = 0;
  const std::size_t limit = driver_is_ours() ? 128U << 20U : 24U << 20U;
  Call call(client_, kFill);
  call.u32(0).buffer(VMMDEV_HGCM_PARM_TYPE_LINADDR_OUT, &byte, limit + 1);
  EXPECT_EQ(call.status(session_), VERR_OUT_OF_RANGE);
  EXPECT_EQ(byte, 0);
}

TEST_F(CallTest, empty_buffers_are_accepted) {
  std::uint8_t byte = 0x5a;
  Call call(client_, kNoop);
  call.buffer(VMMDEV_HGCM_PARM_TYPE_LINADDR, &byte, 0)
      .buffer(VMMDEV_HGCM_PARM_TYPE_LINADDR_IN, nullptr, 0)
      .buffer(VMMDEV_HGCM_PARM_TYPE_LINADDR_OUT, &byte, 0);
  EXPECT_EQ(call.status(session_), 0);
  EXPECT_EQ(byte, 0x5a);
}

TEST_F(CallTest, many_buffers_of_mixed_sizes_arrive) {
  std::vector<std::vector<std::uint8_t>> data;
  Call call(client_, kNoop);
  for (std::size_t i = 0; i < 32; i++) {
    data.push_back(pattern(1 + i * 331, 1));
  }
  for (std::vector<std::uint8_t>& buffer : data) {
    call.inout(buffer);
  }
  EXPECT_EQ(call.status(session_), 0);
  for (std::size_t i = 0; i < data.size(); i++) {
    EXPECT_EQ(data[i], pattern(1 + i * 331, 1)) << i;
  }
}

TEST_F(CallTest, types_addresses_and_sizes_come_back_unchanged) {
  std::vector<std::uint8_t> data(100);
  Call call(client_, kInOut);
  call.inout(data);
  const vmmdev_hgcm_function_parameter64 before = call.parm(0);
  ASSERT_EQ(call.status(session_), 0);
  EXPECT_EQ(call.parm(0).type, before.type);
  EXPECT_EQ(call.parm(0).u.pointer.size, before.u.pointer.size);
  EXPECT_EQ(call.parm(0).u.pointer.u.linear_addr, before.u.pointer.u.linear_addr);
}

// A service that claims more than the buffer holds must not make anybody write behind it.
TEST_F(CallTest, grown_buffer_is_not_written_beyond_its_size) {
  for (const std::size_t size : {64U, 3000U, 5000U, 100000U}) {
    std::vector<std::uint8_t> data(size + 8192, 0xee);
    Call(client_, kGrow).out({data.data(), size}).run(session_);
    EXPECT_TRUE(std::all_of(data.begin() + static_cast<std::ptrdiff_t>(size), data.end(),
                            [](std::uint8_t b) { return b == 0xee; }))
        << size;
  }
}

TEST_F(CallTest, shrunk_buffer_has_the_data) {
  for (const std::size_t size : {64U, 5000U}) {
    std::vector<std::uint8_t> whole(size);
    std::vector<std::uint8_t> data(size);
    ASSERT_EQ(
        Call(client_, kShrink).out(whole).u32(static_cast<std::uint32_t>(size)).status(session_),
        0);
    ASSERT_EQ(Call(client_, kShrink).out(data).u32(10).status(session_), 0);
    EXPECT_TRUE(std::equal(data.begin(), data.begin() + 10, whole.begin()));
  }
}

TEST_F(CallTest, service_that_returns_nonsense_harms_nobody) {
  std::vector<std::uint8_t> data = pattern(500);
  for (int i = 0; i < 20; i++) {
    Call(client_, kNonsense).u32(1).u64(2).inout(data).out(data).run(session_);
  }
  EXPECT_EQ(Call(client_, kNoop).status(session_), 0);
}

TEST_F(CallTest, service_that_completes_twice_harms_nobody) {
  for (int i = 0; i < 20; i++) {
    EXPECT_EQ(Call(client_, kTwice).status(session_), 0);
  }
  EXPECT_EQ(Call(client_, kNoop).status(session_), 0);
}

TEST_F(CallTest, output_that_does_not_fit_is_the_services_status) {
  const std::vector<std::uint8_t> sent = pattern(100);
  std::vector<std::uint8_t> back(50);
  EXPECT_EQ(Call(client_, kEcho).in(sent).out(back).status(session_), kBufferOverflow);
}

TEST_F(CallTest, delayed_call_completes_by_interrupt) {
  const auto start = steady_clock::now();
  EXPECT_EQ(Call(client_, kDelay).u32(100).status(session_), 0);
  EXPECT_GE(steady_clock::now() - start, milliseconds(99));
}

TEST_F(CallTest, timeout_ends_a_call_and_the_next_works) {
  const auto start = steady_clock::now();
  EXPECT_EQ(Call(client_, kNever, 150).run(session_), ETIMEDOUT);
  EXPECT_GE(steady_clock::now() - start, milliseconds(140));
  EXPECT_LT(steady_clock::now() - start, milliseconds(5000));
  EXPECT_EQ(Call(client_, kNoop).status(session_), 0);
}

TEST_F(CallTest, timeout_of_zero_tests_once) {
  EXPECT_EQ(Call(client_, kNever, 0).run(session_), ETIMEDOUT);
}

TEST_F(CallTest, nothing_is_copied_back_after_a_timeout) {
  std::vector<std::uint8_t> data = pattern(2000);
  Call call(client_, kNever, 20);
  call.u32(77).inout(data);
  const std::vector<std::uint8_t> before = call.bytes();
  EXPECT_EQ(call.run(session_), ETIMEDOUT);
  EXPECT_TRUE(std::equal(before.begin() + sizeof(vbg_ioctl_hdr), before.end(),
                         call.bytes().begin() + sizeof(vbg_ioctl_hdr)));
  EXPECT_EQ(data, pattern(2000));
}

TEST_F(CallTest, pinned_buffer_survives_a_cancelled_call) {
  std::vector<std::uint8_t> data = pattern(1U << 20U);
  for (int i = 0; i < 10; i++) {
    EXPECT_EQ(Call(client_, kNever, 5).inout(data).run(session_), ETIMEDOUT);
  }
  EXPECT_EQ(data, pattern(1U << 20U));
  if (driver_is_ours()) {
    EXPECT_EQ(counter("pinned_pages"), 0U);
  }
}

void nothing(int) {}

TEST_F(CallTest, signal_interrupts_a_call) {
  struct sigaction action {};
  action.sa_handler = nothing;
  sigaction(SIGUSR1, &action, nullptr);
  std::atomic<bool> done = false;
  std::atomic<int> result = 0;
  std::thread caller([&] {
    result = Call(client_, kNever).run(session_);
    done = true;
  });
  // The signal may come before the call has begun to wait: until it has ended, more follow.
  while (!done) {
    pthread_kill(caller.native_handle(), SIGUSR1);
    std::this_thread::sleep_for(milliseconds(5));
  }
  caller.join();
  EXPECT_EQ(result, EINTR);
  EXPECT_EQ(Call(client_, kNoop).status(session_), 0);
}

TEST_F(CallTest, parked_call_completes_when_released) {
  std::atomic<bool> done = false;
  std::thread caller([&] {
    EXPECT_EQ(Call(client_, kPark).u32(1001).status(session_), 0);
    done = true;
  });
  while (!done) {
    EXPECT_EQ(Call(client_, kRelease).u32(1001).status(session_), 0);
    std::this_thread::yield();
  }
  caller.join();
}

TEST_F(CallTest, disconnect_ends_a_parked_call) {
  const std::uint32_t other = session_.test_client();
  std::atomic<bool> done = false;
  std::atomic<std::int32_t> status = 0;
  std::thread caller([&] {
    Call call(other, kPark);
    EXPECT_EQ(call.u32(1002).run(session_), 0);
    status = call.head().hdr.rc;
    done = true;
  });
  // Any moment is fine; what must not be is a caller that hangs.
  std::this_thread::sleep_for(milliseconds(50));
  EXPECT_EQ(session_.disconnect(other), 0);
  caller.join();
  EXPECT_LT(status, 0);
}

TEST_F(CallTest, memory_that_is_not_there_is_a_fault) {
  void* hole = mmap(nullptr, 1U << 20U, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(hole, MAP_FAILED);
  for (const std::size_t size : {16U, 5000U, 500000U}) {
    Call in(client_, kSum);
    in.buffer(VMMDEV_HGCM_PARM_TYPE_LINADDR_IN, hole, size).u64(0);
    EXPECT_EQ(in.run(session_), EFAULT) << size;
    Call out(client_, kFill);
    out.u32(1).buffer(VMMDEV_HGCM_PARM_TYPE_LINADDR_OUT, hole, size);
    EXPECT_EQ(out.run(session_), EFAULT) << size;
  }
  munmap(hole, 1U << 20U);
}

TEST_F(CallTest, buffer_that_ends_in_a_hole_is_a_fault) {
  const std::size_t size = 16 * 4096;
  void* memory =
      mmap(nullptr, 2 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  ASSERT_EQ(munmap(static_cast<char*>(memory) + size, size), 0);
  Call call(client_, kSum);
  call.buffer(VMMDEV_HGCM_PARM_TYPE_LINADDR_IN, memory, size + 1).u64(0);
  EXPECT_EQ(call.run(session_), EFAULT);
  munmap(memory, size);
  if (driver_is_ours()) {
    EXPECT_EQ(counter("pinned_pages"), 0U);
  }
}

TEST_F(CallTest, memory_that_cannot_be_pinned_is_copied) {
  // The firmware's ROM: a mapping without pages of the kernel's.
  const int memory = open("/dev/mem", O_RDONLY | O_CLOEXEC);
  if (memory < 0) {
    GTEST_SKIP() << "no /dev/mem for this user";
  }
  constexpr std::size_t kRomSize = 0x10000;
  void* rom = mmap(nullptr, kRomSize, PROT_READ, MAP_SHARED, memory, 0xf0000);
  close(memory);
  if (rom == MAP_FAILED) {
    GTEST_SKIP() << "the kernel does not let it be mapped";
  }
  const std::vector<std::uint8_t> sent(static_cast<std::uint8_t*>(rom),
                                       static_cast<std::uint8_t*>(rom) + kRomSize);
  const std::uint64_t before = driver_is_ours() ? counter("bytes_bounced") : 0;
  std::vector<std::uint8_t> back(kRomSize);
  Call echo(client_, kEcho);
  echo.buffer(VMMDEV_HGCM_PARM_TYPE_LINADDR_IN, rom, kRomSize).out(back);
  EXPECT_EQ(echo.run(session_), 0);
  EXPECT_EQ(back, sent);
  munmap(rom, kRomSize);
  if (driver_is_ours()) {
    EXPECT_EQ(counter("bytes_bounced") - before, kRomSize);
    EXPECT_EQ(counter("pinned_pages"), 0U);
  }
}

TEST_F(CallTest, address_that_wraps_is_a_fault) {
  Call call(client_, kSum);
  call.buffer(VMMDEV_HGCM_PARM_TYPE_LINADDR_IN, reinterpret_cast<void*>(UINTPTR_MAX - 100), 8192)
      .u64(0);
  EXPECT_EQ(call.run(session_), EFAULT);
}

TEST_F(CallTest, kernel_address_is_a_fault) {
  for (const std::size_t size : {64U, 8192U}) {
    Call call(client_, kSum);
    call.buffer(VMMDEV_HGCM_PARM_TYPE_LINADDR_IN, reinterpret_cast<void*>(0xffff888000000000UL),
                size)
        .u64(0);
    EXPECT_EQ(call.run(session_), EFAULT) << size;
  }
}

TEST_F(CallTest, read_only_memory_is_not_written) {
  const std::size_t size = 2 * 4096;
  void* memory = mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  Call call(client_, kFill);
  call.u32(1).buffer(VMMDEV_HGCM_PARM_TYPE_LINADDR_OUT, memory, size);
  EXPECT_EQ(call.run(session_), EFAULT);
  EXPECT_EQ(static_cast<const std::uint8_t*>(memory)[1], 0);
  munmap(memory, size);
}

TEST_F(CallTest, read_only_memory_can_be_sent) {
  const std::size_t size = 3 * 4096;
  void* memory = mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  Call call(client_, kSum);
  call.buffer(VMMDEV_HGCM_PARM_TYPE_LINADDR_IN, memory, size).u64(1);
  EXPECT_EQ(call.status(session_), 0);
  EXPECT_EQ(call.value64(1), 0U);
  munmap(memory, size);
}

TEST_F(CallTest, kernel_and_wire_types_are_refused) {
  std::uint8_t byte = 0;
  for (const int type : {0, 3, 7, 8, 9, 10, 11, 12, 13, 14, 0x7fffffff}) {
    Call call(client_, kNoop);
    call.buffer(static_cast<vmmdev_hgcm_function_parameter_type>(type), &byte, 1);
    EXPECT_EQ(call.run(session_), EINVAL) << type;
  }
}

TEST_F(CallTest, requestor_says_who_called) {
  Call call(client_, kWhoAmI);
  call.u32(0).u32(0);
  ASSERT_EQ(call.status(session_), 0);
  const std::uint32_t requestor = call.value32(0);
  EXPECT_EQ(call.value32(1), client_);
  EXPECT_EQ(requestor & VMMDEV_REQUESTOR_USERMODE, VMMDEV_REQUESTOR_USERMODE);
  EXPECT_EQ(requestor & VMMDEV_REQUESTOR_USER_DEVICE, 0U);
  EXPECT_EQ(requestor & VMMDEV_REQUESTOR_USR_MASK,
            geteuid() == 0 ? VMMDEV_REQUESTOR_USR_ROOT : VMMDEV_REQUESTOR_USR_USER);
}

TEST(Requestor, user_node_is_marked) {
  const Session session(kUser);
  Call call(session.test_client(), kWhoAmI);
  call.u32(0).u32(0);
  ASSERT_EQ(call.status(session), 0);
  EXPECT_EQ(call.value32(0) & VMMDEV_REQUESTOR_USER_DEVICE, VMMDEV_REQUESTOR_USER_DEVICE);
}

}  // namespace
}  // namespace kmod_test

// SPDX-License-Identifier: MIT
//
// The library and a driver with the service HgcmTestSvc at the other end: every kind of parameter,
// sizes around page boundaries, statuses, a service that misbehaves, time-outs, cancellation, many
// calls at once. Runs over the loopback and in real guests.
#include <gtest/gtest.h>
#include <hgcm/async.h>
#include <hgcm/client.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <latch>
#include <numeric>
#include <thread>
#include <vector>

#include "guest.h"

namespace hgcm {
namespace {

using namespace std::chrono_literals;
using u32 = std::uint32_t;
using u64 = std::uint64_t;

constexpr Function<1> kNoop;
constexpr Function<2, In<Bytes>, Out<Bytes>> kEcho;
constexpr Function<3, InOut<u32>, In<u64>, Out<u64>> kAdd;
constexpr Function<4, In<u32>> kDelay;
constexpr Function<5, In<u32>> kPark;
constexpr Function<6, In<u32>> kRelease;
constexpr Function<7, In<u32>, Out<Bytes>> kFill;
constexpr Function<8, In<Bytes>, Out<u64>> kSum;
constexpr Function<9, In<u32>> kStatus;
constexpr Function<10, InOut<Bytes>> kInvert;
constexpr Function<11> kNever;
constexpr Function<12> kTwice;
constexpr Function<16, Out<u32>, Out<u32>> kWhoAmI;
constexpr u32 kGrow = 13;
constexpr u32 kNonsense = 14;
constexpr u32 kShrink = 15;

/// A key for PARK that no other test uses.
u32 new_key() {
  static std::atomic<u32> next{static_cast<u32>(::getpid()) << 12};
  return ++next;
}

std::vector<std::byte> pattern(std::size_t size, unsigned seed = 1) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<std::byte>(seed + i * 31 + (i >> 8));
  }
  return bytes;
}

class TestService : public test::ServiceTest {
 protected:
  TestService() : ServiceTest("HgcmTestSvc") {}
};

TEST_F(TestService, noop_succeeds) {
  EXPECT_EQ(*kNoop(*client), Status(0));
}

TEST_F(TestService, unknown_function_is_not_implemented) {
  EXPECT_EQ(client->call(999).error(), Status(HGCM_ERR_NOT_IMPLEMENTED));
}

TEST_F(TestService, wrong_parameters_are_refused_by_the_service) {
  EXPECT_EQ(client->call(3, in(u32{1})).error(), Status(HGCM_ERR_INVALID_PARAMETER));
  EXPECT_EQ(client->call(9, in(u64{1})).error(), Status(HGCM_ERR_INVALID_PARAMETER));
}

TEST_F(TestService, scalars_travel_in_all_directions) {
  u32 counter = 0xffffffff;
  u64 total = 0;
  ASSERT_TRUE(kAdd(*client, counter, 0x1'0000'0000ULL, total));
  EXPECT_EQ(total, 0x1'ffff'ffffULL);
  EXPECT_EQ(counter, 0U);
}

TEST_F(TestService, service_status_comes_back_whatever_it_is) {
  EXPECT_EQ(*kStatus(*client, 0), Status(0));
  EXPECT_EQ(*kStatus(*client, 78), Status(HGCM_WRN_NOT_FOUND));
  EXPECT_EQ(kStatus(*client, static_cast<u32>(-78)).error(), Status(HGCM_ERR_NOT_FOUND));
  EXPECT_EQ(kStatus(*client, static_cast<u32>(-31337)).error(), Status(-31337));
}

TEST_F(TestService, whoami_tells_a_user_mode_requestor_and_our_id) {
  u32 requestor = 0;
  u32 id = 0;
  ASSERT_TRUE(kWhoAmI(*client, requestor, id));
  EXPECT_EQ(id, client->id());
  EXPECT_NE(requestor & 0x8, 0U) << "user mode";
  // An ordinary user in a guest has only the user device.
  const bool through_user_device = test::loopback_machine() == nullptr && ::geteuid() != 0;
  EXPECT_EQ((requestor & 0x8000) != 0, through_user_device);
}

TEST_F(TestService, whoami_through_the_user_device_says_so) {
  const auto user_device = test::open_guest_device(DeviceNode::kUser);
  ASSERT_NE(user_device, nullptr);
  auto user = Client::connect(*user_device, "HgcmTestSvc");
  ASSERT_TRUE(user.has_value());
  u32 requestor = 0;
  u32 id = 0;
  ASSERT_TRUE(kWhoAmI(*user, requestor, id));
  EXPECT_NE(requestor & 0x8000, 0U);
}

// --- buffers
// ---------------------------------------------------------------------------------------

struct Shape {
  std::size_t size;
  std::size_t offset;  // of the buffers from a page boundary
};

class Buffers : public TestService, public testing::WithParamInterface<Shape> {
 protected:
  /// A buffer of the shape inside a larger one, which is filled with guard bytes.
  struct Guarded {
    explicit Guarded(const Shape& shape) : storage(shape.size + 3 * 4096, std::byte{0x5a}) {
      void* start = storage.data();
      std::size_t room = storage.size();
      std::align(4096, shape.size + shape.offset, start, room);
      bytes = {static_cast<std::byte*>(start) + shape.offset, shape.size};
    }
    [[nodiscard]] bool guards_are_intact() const {
      const auto begin = static_cast<std::size_t>(bytes.data() - storage.data());
      const auto is_guard = [](std::byte byte) { return byte == std::byte{0x5a}; };
      return std::all_of(storage.begin(), storage.begin() + static_cast<std::ptrdiff_t>(begin),
                         is_guard) &&
             std::all_of(storage.begin() + static_cast<std::ptrdiff_t>(begin + bytes.size()),
                         storage.end(), is_guard);
    }
    std::vector<std::byte> storage;
    std::span<std::byte> bytes;
  };
};

TEST_P(Buffers, echo_brings_back_what_was_sent) {
  Guarded sent(GetParam());
  Guarded received(GetParam());
  std::ranges::copy(pattern(GetParam().size), sent.bytes.begin());
  ASSERT_TRUE(kEcho(*client, sent.bytes, received.bytes));
  EXPECT_TRUE(std::ranges::equal(sent.bytes, received.bytes));
  EXPECT_TRUE(sent.guards_are_intact() && received.guards_are_intact());
}

TEST_P(Buffers, fill_writes_every_byte_and_no_other) {
  Guarded received(GetParam());
  ASSERT_TRUE(kFill(*client, 5, received.bytes));
  for (std::size_t i = 0; i < received.bytes.size(); ++i) {
    ASSERT_EQ(received.bytes[i], static_cast<std::byte>(5 + 7 * i)) << i;
  }
  EXPECT_TRUE(received.guards_are_intact());
}

TEST_P(Buffers, sum_reads_every_byte) {
  Guarded sent(GetParam());
  std::ranges::copy(pattern(GetParam().size), sent.bytes.begin());
  u64 expected = 0;
  for (const std::byte byte : sent.bytes) {
    expected += std::to_integer<u64>(byte);
  }
  u64 sum = 1;
  ASSERT_TRUE(kSum(*client, sent.bytes, sum));
  EXPECT_EQ(sum, expected);
}

TEST_P(Buffers, in_out_is_read_and_replaced) {
  Guarded both(GetParam());
  const auto original = pattern(GetParam().size);
  std::ranges::copy(original, both.bytes.begin());
  ASSERT_TRUE(kInvert(*client, both.bytes));
  EXPECT_TRUE(std::ranges::equal(both.bytes, original, {}, [](std::byte b) { return ~b; }));
  EXPECT_TRUE(both.guards_are_intact());
}

INSTANTIATE_TEST_SUITE_P(Shapes, Buffers,
                         testing::Values(Shape{1, 0}, Shape{1, 4095}, Shape{100, 4090},
                                         Shape{4095, 0}, Shape{4096, 0}, Shape{4097, 0},
                                         Shape{4096, 1}, Shape{8192, 4095}, Shape{65536, 17},
                                         Shape{(1U << 20) + 3, 123}),
                         [](const auto& param) {
                           return std::to_string(param.param.size) + "_at_" +
                                  std::to_string(param.param.offset);
                         });

TEST_F(TestService, empty_buffers_are_allowed) {
  ASSERT_TRUE(kEcho(*client, {}, {}));
  u64 sum = 1;
  ASSERT_TRUE(kSum(*client, {}, sum));
  EXPECT_EQ(sum, 0U);
  ASSERT_TRUE(kInvert(*client, {}));
}

TEST_F(TestService, echo_into_a_smaller_buffer_overflows) {
  std::array<std::byte, 10> small{};
  EXPECT_EQ(kEcho(*client, pattern(11), small).error(), Status(HGCM_ERR_BUFFER_OVERFLOW));
}

TEST_F(TestService, large_buffer_of_16_megabytes_travels) {
  const auto sent = pattern(16U << 20);
  std::vector<std::byte> received(sent.size());
  ASSERT_TRUE(kEcho(*client, sent, received));
  EXPECT_EQ(sent, received);
}

TEST_F(TestService, thirty_two_parameters_arrive) {
  std::vector<Parameter> parameters(32, Parameter::u64(7));
  EXPECT_TRUE(client->call(1, parameters));
}

// --- a service that misbehaves
// ---------------------------------------------------------------------

TEST_F(TestService, size_grown_by_the_service_does_not_reach_beyond_the_buffer) {
  std::vector<std::byte> storage(8192, std::byte{0x5a});
  const auto buffer = std::span(storage).first(4096);
  std::size_t received = 0;
  ASSERT_TRUE(client->call(kGrow, out(buffer, received)));
  EXPECT_EQ(received, buffer.size());
  EXPECT_TRUE(std::ranges::all_of(std::span(storage).subspan(4096),
                                  [](std::byte b) { return b == std::byte{0x5a}; }));
}

TEST_F(TestService, shrunk_size_is_within_the_buffer) {
  std::array<std::byte, 100> buffer{};
  std::size_t received = 1000;
  ASSERT_TRUE(client->call(kShrink, out(buffer, received), in(u32{10})));
  // Which of the two depends on how the driver carries the buffer.
  EXPECT_TRUE(received == 10 || received == buffer.size()) << received;
}

TEST_F(TestService, nonsense_in_all_parameters_does_no_harm) {
  std::array<std::byte, 64> buffer{};
  u32 small = 1;
  u64 large = 2;
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(client->call(kNonsense, in_out(small), in_out(large), in_out(buffer), in("text")));
  }
  EXPECT_TRUE(kNoop(*client));
}

TEST_F(TestService, completion_twice_is_seen_once) {
  EXPECT_TRUE(kTwice(*client));
  EXPECT_TRUE(kNoop(*client));
}

// --- waiting
// ---------------------------------------------------------------------------------------

TEST_F(TestService, late_completion_is_waited_for) {
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(kDelay(*client, 30));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 15ms);
}

TEST_F(TestService, completion_before_the_timeout_is_a_success) {
  EXPECT_TRUE(kDelay(*client, {.timeout = 1min}, 5));
}

TEST_F(TestService, call_that_takes_too_long_times_out) {
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(kPark(*client, {.timeout = 50ms}, new_key()).error(), Status(HGCM_ERR_TIMEOUT));
  // Drivers count in timer ticks, and an emulated machine's clocks do not quite agree.
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 20ms);
}

TEST_F(TestService, timeout_zero_ends_at_once) {
  EXPECT_EQ(kPark(*client, {.timeout = 0ms}, new_key()).error(), Status(HGCM_ERR_TIMEOUT));
}

TEST_F(TestService, call_that_is_never_completed_can_be_left) {
  EXPECT_EQ(kNever(*client, {.timeout = 10ms}).error(), Status(HGCM_ERR_TIMEOUT));
  EXPECT_TRUE(kNoop(*client));
}

TEST_F(TestService, stop_ends_a_waiting_call) {
  std::stop_source stop;
  std::latch started(1);
  std::jthread stopper([&] {
    started.wait();
    stop.request_stop();
  });
  started.count_down();
  EXPECT_EQ(kPark(*client, {.stop = stop.get_token()}, new_key()).error(),
            Status(HGCM_ERR_CANCELLED));
}

TEST_F(TestService, stop_at_any_moment_ends_the_call) {
  for (int i = 0; i < 200; ++i) {
    std::stop_source stop;
    std::jthread stopper([&] {
      std::this_thread::yield();
      stop.request_stop();
    });
    ASSERT_EQ(kPark(*client, {.stop = stop.get_token()}, new_key()).error(),
              Status(HGCM_ERR_CANCELLED))
        << i;
  }
  EXPECT_TRUE(kNoop(*client));
}

TEST_F(TestService, stop_racing_completion_gives_one_of_the_two) {
  auto releaser = Client::connect(*device, "HgcmTestSvc");
  ASSERT_TRUE(releaser.has_value());
  for (int i = 0; i < 100; ++i) {
    const u32 key = new_key();
    std::stop_source stop;
    std::jthread completer([&] { EXPECT_TRUE(kRelease(*releaser, key)); });
    std::jthread stopper([&] { stop.request_stop(); });
    // Released before it was parked, it waits for the stop.
    const auto result = kPark(*client, {.stop = stop.get_token()}, key);
    ASSERT_TRUE(result.has_value() || result.error() == Status(HGCM_ERR_CANCELLED));
  }
}

TEST_F(TestService, parked_call_is_released_by_another_client) {
  auto other = Client::connect(*device, "HgcmTestSvc");
  ASSERT_TRUE(other.has_value());
  const u32 key = new_key();
  std::atomic<bool> released{false};
  // Release until it has worked: nobody can see from here when the call is parked.
  std::jthread releaser([&] {
    while (!released) {
      ASSERT_TRUE(kRelease(*other, key));
      std::this_thread::yield();
    }
  });
  EXPECT_TRUE(kPark(*client, key));
  released = true;
}

// --- many at once
// ----------------------------------------------------------------------------------

TEST_F(TestService, calls_of_many_threads_on_one_client_do_not_mix) {
  std::atomic<int> wrong{0};
  {
    std::vector<std::jthread> threads;
    for (unsigned t = 0; t < 8; ++t) {
      threads.emplace_back([&, t] {
        for (unsigned i = 0; i < 50; ++i) {
          const auto sent = pattern(1 + (t * 977 + i * 131) % 9000, t);
          std::vector<std::byte> received(sent.size());
          if (!kEcho(*client, sent, received) || sent != received) {
            ++wrong;
          }
        }
      });
    }
  }
  EXPECT_EQ(wrong, 0);
}

TEST_F(TestService, background_calls_are_in_flight_together) {
  Dispatcher dispatcher(6);
  const u32 key = new_key();
  std::vector<Pending<Status>> parked;
  for (int i = 0; i < 5; ++i) {
    parked.push_back(dispatcher.call(*client, {}, 5, in(key)));
  }
  // The sixth thread is free while five calls wait.
  auto noop = dispatcher.call(*client, {}, 1);
  EXPECT_TRUE(noop.get());
  for (auto& one : parked) {
    EXPECT_FALSE(one.ready());
    one.cancel();
    EXPECT_EQ(one.get().error(), Status(HGCM_ERR_CANCELLED));
  }
}

TEST_F(TestService, session_holds_64_clients) {
  std::vector<Client> clients;
  Status last;
  for (int i = 0; i < 70 && last.ok(); ++i) {
    auto one = Client::connect(*device, "HgcmTestSvc");
    if (one) {
      clients.push_back(std::move(*one));
    } else {
      last = one.error();
    }
  }
  EXPECT_EQ(clients.size(), 63U) << "and the fixture's";
  EXPECT_EQ(last, Status(HGCM_ERR_TOO_MANY_OPEN_FILES));
  clients.clear();
  EXPECT_TRUE(Client::connect(*device, "HgcmTestSvc").has_value());
}

TEST_F(TestService, closing_the_session_disconnects_its_clients) {
  auto other_device = test::open_guest_device();
  u32 id = 0;
  {
    auto other = Client::connect(*other_device, "HgcmTestSvc");
    ASSERT_TRUE(other.has_value());
    id = other->id();
  }
  EXPECT_NE(id, client->id());
  other_device.reset();
  EXPECT_TRUE(kNoop(*client));
}

TEST_F(TestService, nothing_is_left_in_guest_memory_afterwards) {
  if (test::loopback_machine() == nullptr) {
    GTEST_SKIP() << "the pages of a real kernel cannot be counted from here";
  }
  const std::size_t before = test::loopback_machine()->used_pages();
  std::vector<std::byte> buffer(100000);
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(kFill(*client, 1, buffer));
    EXPECT_FALSE(kPark(*client, {.timeout = 0ms}, new_key()));
    EXPECT_FALSE(client->call(999, in(buffer), out(buffer)));
  }
  EXPECT_EQ(test::loopback_machine()->used_pages(), before);
}

using Session = test::GuestTest;

TEST_F(Session, unknown_service_is_not_found) {
  EXPECT_EQ(Client::connect(*device, "NoSuchService").error(),
            Status(HGCM_ERR_HGCM_SERVICE_NOT_FOUND));
}

}  // namespace
}  // namespace hgcm

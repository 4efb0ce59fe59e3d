// SPDX-License-Identifier: MIT
//
// Events as programs see them: who gets which, poll and epoll, and the mouse features of a session.
// Run in a freshly loaded driver (tests/vm/cases/kmod-events): acquiring a capability changes the
// driver for good. Acquiring "seamless" is also the way to an event without the host's help: the
// driver raises the seamless event for the new owner.
#include "driver.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <fstream>
#include <thread>

namespace kmod_test {
namespace {

constexpr std::size_t kHeader = sizeof(vbg_ioctl_hdr);
constexpr std::uint32_t kSeamlessEvent = 0x20;
constexpr std::uint32_t kSeamless = 1;

struct MouseStatus {
  vbg_ioctl_hdr hdr;
  std::uint32_t features;
};

int set_mouse(const Session& session, std::uint32_t features) {
  MouseStatus request{};
  request.hdr = header(sizeof(request), kHeader);
  request.features = features;
  return session.control(_IOC(_IOC_READ | _IOC_WRITE, 'V', 15, sizeof(request)), &request);
}

int change_filter(const Session& session, std::uint32_t or_mask, std::uint32_t not_mask) {
  vbg_ioctl_change_filter request{};
  request.hdr = header(sizeof(request), kHeader);
  request.u.in.or_mask = or_mask;
  request.u.in.not_mask = not_mask;
  return session.control(VBG_IOCTL_CHANGE_FILTER_MASK, &request);
}

int acquire(const Session& session, std::uint32_t or_mask, std::uint32_t not_mask) {
  vbg_ioctl_acquire_guest_caps request{};
  request.hdr = header(sizeof(request), kHeader);
  request.u.in.or_mask = or_mask;
  request.u.in.not_mask = not_mask;
  return session.control(VBG_IOCTL_ACQUIRE_GUEST_CAPABILITIES, &request);
}

/// Acquires "seamless", which raises its event.
void raise(const Session& session) {
  ASSERT_EQ(acquire(session, 0, kSeamless), 0);
  ASSERT_EQ(acquire(session, kSeamless, 0), 0);
}

int wait_for_events(const Session& session, std::uint32_t events, std::uint32_t timeout,
                    std::uint32_t* taken = nullptr) {
  vbg_ioctl_wait_for_events request{};
  request.hdr = header(kHeader + sizeof(request.u.in), kHeader + sizeof(request.u.out));
  request.u.in.timeout_ms = timeout;
  request.u.in.events = events;
  const int error = session.control(VBG_IOCTL_WAIT_FOR_EVENTS, &request);
  if (taken != nullptr && error == 0) {
    *taken = request.u.out.events;
  }
  return error;
}

short ready(const Session& session, int timeout = 0) {
  pollfd entry{session.fd(), POLLIN | POLLPRI, 0};
  EXPECT_GE(poll(&entry, 1, timeout), 0);
  return entry.revents;
}

/// A line of the driver's state in debugfs.
std::string state(const std::string& name) {
  std::ifstream file("/sys/kernel/debug/vboxguest/state");
  std::string found;
  std::string value;
  while (file >> found && std::getline(file, value)) {
    if (found == name) {
      return value.substr(1);
    }
  }
  return "absent";
}

class EventsTest : public testing::Test {
 protected:
  ~EventsTest() override { acquire(session_, 0, kSeamless); }
  Session session_;
};

TEST_F(EventsTest, event_is_taken_once) {
  raise(session_);
  std::uint32_t taken = 0;
  ASSERT_EQ(wait_for_events(session_, kSeamlessEvent | 0x100, 0, &taken), 0);
  EXPECT_EQ(taken, kSeamlessEvent);
  EXPECT_EQ(wait_for_events(session_, kSeamlessEvent, 0), ETIMEDOUT);
}

TEST_F(EventsTest, event_of_an_acquired_capability_is_its_owners) {
  raise(session_);
  const Session other;
  EXPECT_EQ(wait_for_events(other, kSeamlessEvent, 20), ETIMEDOUT);
  EXPECT_EQ(wait_for_events(session_, kSeamlessEvent, 0), 0);
}

TEST_F(EventsTest, each_event_wakes_one_of_several_waiters) {
  ASSERT_EQ(acquire(session_, kSeamless, 0), 0);
  static_cast<void>(wait_for_events(session_, kSeamlessEvent, 0));
  constexpr int kWaiters = 4;
  std::atomic<int> woken = 0;
  std::vector<std::thread> waiters;
  for (int i = 0; i < kWaiters; i++) {
    waiters.emplace_back([&] {
      EXPECT_EQ(wait_for_events(session_, kSeamlessEvent, kForever), 0);
      woken++;
    });
  }
  for (int i = 1; i <= kWaiters; i++) {
    raise(session_);
    while (woken < i) {
      std::this_thread::yield();
    }
    // It was one event, so it is gone.
    EXPECT_EQ(wait_for_events(session_, kSeamlessEvent, 0), ETIMEDOUT);
    EXPECT_EQ(woken, i);
  }
  for (std::thread& waiter : waiters) {
    waiter.join();
  }
}

TEST_F(EventsTest, poll_tells_of_events_in_the_filter) {
  ASSERT_EQ(change_filter(session_, kSeamlessEvent, 0), 0);
  EXPECT_EQ(ready(session_), 0);
  raise(session_);
  EXPECT_EQ(ready(session_), POLLIN);
  EXPECT_EQ(ready(session_), POLLIN) << "until it is taken";
  EXPECT_EQ(wait_for_events(session_, kSeamlessEvent, 0), 0);
  EXPECT_EQ(ready(session_), 0);
}

TEST_F(EventsTest, poll_does_not_tell_of_events_outside_the_filter) {
  raise(session_);
  EXPECT_EQ(ready(session_), 0);
  ASSERT_EQ(change_filter(session_, kSeamlessEvent, 0), 0);
  EXPECT_EQ(ready(session_), POLLIN);
  EXPECT_EQ(wait_for_events(session_, kSeamlessEvent, 0), 0);
}

TEST_F(EventsTest, poll_does_not_tell_of_events_of_others) {
  const Session other;
  ASSERT_EQ(change_filter(other, kSeamlessEvent, 0), 0);
  raise(session_);
  EXPECT_EQ(ready(other), 0);
  EXPECT_EQ(wait_for_events(session_, kSeamlessEvent, 0), 0);
}

TEST_F(EventsTest, poll_waits_for_an_event) {
  ASSERT_EQ(change_filter(session_, kSeamlessEvent, 0), 0);
  std::atomic<short> result = 0;
  std::thread waiter([&] { result = ready(session_, 10000); });
  raise(session_);
  waiter.join();
  EXPECT_EQ(result, POLLIN);
  EXPECT_EQ(wait_for_events(session_, kSeamlessEvent, 0), 0);
}

TEST_F(EventsTest, epoll_tells_each_event_once_when_edge_triggered) {
  ASSERT_EQ(change_filter(session_, kSeamlessEvent, 0), 0);
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  ASSERT_GE(epoll, 0);
  epoll_event wanted{};
  wanted.events = EPOLLIN | EPOLLET;
  ASSERT_EQ(epoll_ctl(epoll, EPOLL_CTL_ADD, session_.fd(), &wanted), 0);
  epoll_event found{};
  EXPECT_EQ(epoll_wait(epoll, &found, 1, 0), 0);
  for (int i = 0; i < 3; i++) {
    raise(session_);
    EXPECT_EQ(epoll_wait(epoll, &found, 1, 1000), 1);
    EXPECT_EQ(found.events, static_cast<std::uint32_t>(EPOLLIN));
    EXPECT_EQ(epoll_wait(epoll, &found, 1, 0), 0);
    EXPECT_EQ(wait_for_events(session_, kSeamlessEvent, 0), 0);
  }
  close(epoll);
}

std::atomic<int> signals = 0;

TEST_F(EventsTest, owner_gets_a_signal_when_it_asked_for_that) {
  struct sigaction action {};
  action.sa_handler = [](int) { signals++; };
  sigaction(SIGIO, &action, nullptr);
  ASSERT_EQ(fcntl(session_.fd(), F_SETOWN, getpid()), 0);
  const int flags = fcntl(session_.fd(), F_GETFL);
  ASSERT_EQ(fcntl(session_.fd(), F_SETFL, flags | O_ASYNC), 0);
  raise(session_);
  EXPECT_GE(signals, 1);
  ASSERT_EQ(fcntl(session_.fd(), F_SETFL, flags), 0);
  EXPECT_EQ(wait_for_events(session_, kSeamlessEvent, 0), 0);
}

TEST_F(EventsTest, read_without_news_returns_nothing) {
  std::array<char, 8> buffer{};
  EXPECT_EQ(read(session_.fd(), buffer.data(), buffer.size()), 0);
  EXPECT_EQ(pread(session_.fd(), buffer.data(), buffer.size(), 1), -1);
  EXPECT_EQ(errno, ESPIPE);
  EXPECT_EQ(write(session_.fd(), buffer.data(), buffer.size()), -1);
  EXPECT_EQ(errno, EINVAL);
}

TEST_F(EventsTest, mouse_features_of_all_sessions_reach_the_host) {
  EXPECT_EQ(state("mouse"), "0x0");
  {
    const Session other(kUser);
    ASSERT_EQ(set_mouse(session_, 0x01), 0);
    ASSERT_EQ(set_mouse(other, 0x14), 0);
    EXPECT_EQ(state("mouse"), "0x15");
  }
  EXPECT_EQ(state("mouse"), "0x1");
  ASSERT_EQ(set_mouse(session_, 0), 0);
  EXPECT_EQ(state("mouse"), "0x0");
}

TEST_F(EventsTest, mouse_features_of_the_host_cannot_be_set) {
  EXPECT_EQ(set_mouse(session_, 0x02), EINVAL);
  EXPECT_EQ(set_mouse(session_, 0x200), EINVAL);
  EXPECT_EQ(state("mouse"), "0x0");
}

}  // namespace
}  // namespace kmod_test

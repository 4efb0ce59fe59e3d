// SPDX-License-Identifier: MIT
//
// The interruption of a blocking system call by a stop token. ppoll() stands in for the driver's
// ioctl: it too ends with EINTR when a handler ran, and takes its time-out from memory when it
// begins, so that the same code is tested without a driver, the windows before and after the wait
// included.
#include "src/interruptible.h"

#include <gtest/gtest.h>
#include <hgcm/device.h>
#include <poll.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <latch>
#include <thread>

#include "print_status.h"

namespace hgcm::detail {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// A wait in the kernel, through a time-out that the kernel reads when it begins.
struct Wait {
  // The low half of tv_sec stands for the driver's 32-bit time-out field.
  timespec timeout{3600, 0};
  std::latch* started = nullptr;

  volatile std::uint32_t* field() { return reinterpret_cast<volatile std::uint32_t*>(&timeout); }

  static int run(void* context) {
    auto* const self = static_cast<Wait*>(context);
    if (self->started != nullptr) {
      self->started->count_down();
    }
    const long result = syscall(SYS_ppoll, nullptr, 0, &self->timeout, nullptr, 0);
    return result == 0 ? -ETIMEDOUT : -errno;
  }
};

bool ended_early(int result) {
  return result == -EINTR || result == -ETIMEDOUT;
}

/// Makes the library choose its signal.
void use_once() {
  std::stop_source stop;
  Wait wait{.timeout = {0, 0}};
  run_interruptible(wait.field(), stop.get_token(), Wait::run, &wait);
}

TEST(Interruptible, without_stop_state_just_calls) {
  Wait wait{.timeout = {0, 0}};
  EXPECT_EQ(run_interruptible(wait.field(), {}, Wait::run, &wait), -ETIMEDOUT);
}

TEST(Interruptible, stop_before_the_call_does_not_call) {
  std::stop_source stop;
  stop.request_stop();
  Wait wait;
  EXPECT_EQ(run_interruptible(wait.field(), stop.get_token(), Wait::run, &wait), -ECANCELED);
}

TEST(Interruptible, stop_during_the_wait_ends_it) {
  std::stop_source stop;
  std::latch started(1);
  Wait wait{.started = &started};
  std::jthread stopper([&] {
    started.wait();
    stop.request_stop();
  });
  const auto begin = Clock::now();
  EXPECT_TRUE(ended_early(run_interruptible(wait.field(), stop.get_token(), Wait::run, &wait)));
  EXPECT_LT(Clock::now() - begin, 60s);
}

TEST(Interruptible, stop_in_the_window_before_the_system_call_is_not_lost) {
  std::stop_source stop;
  struct Window {
    Wait wait;
    std::stop_source* stop;
  } window{{}, &stop};
  const auto begin = Clock::now();
  // The stop comes after everything is armed and before the kernel is entered.
  const int result = run_interruptible(
      window.wait.field(), stop.get_token(),
      [](void* context) {
        auto* const self = static_cast<Window*>(context);
        std::jthread([self] { self->stop->request_stop(); }).join();
        return Wait::run(&self->wait);
      },
      &window);
  EXPECT_TRUE(ended_early(result));
  EXPECT_LT(Clock::now() - begin, 60s);
}

TEST(Interruptible, stop_at_any_moment_ends_the_wait) {
  for (int i = 0; i < 2000; ++i) {
    std::stop_source stop;
    std::latch started(1);
    Wait wait{.started = &started};
    std::jthread stopper([&] {
      started.wait();
      // Vary the moment around the entry into the kernel.
      for (int spin = 0; spin < (i % 50) * 20; ++spin) {
        std::atomic_signal_fence(std::memory_order_seq_cst);
      }
      stop.request_stop();
    });
    ASSERT_TRUE(ended_early(run_interruptible(wait.field(), stop.get_token(), Wait::run, &wait)))
        << i;
  }
}

TEST(Interruptible, stop_after_the_call_does_not_reach_later_system_calls) {
  for (int i = 0; i < 500; ++i) {
    std::stop_source stop;
    Wait wait{.timeout = {0, 0}};
    std::jthread stopper([&] { stop.request_stop(); });
    const int result = run_interruptible(wait.field(), stop.get_token(), Wait::run, &wait);
    ASSERT_TRUE(ended_early(result) || result == -ECANCELED);
    std::stop_source other;
    Wait next{.timeout = {0, 1000}};
    ASSERT_EQ(run_interruptible(next.field(), other.get_token(), Wait::run, &next), -ETIMEDOUT);
  }
}

TEST(Interruptible, stop_wakes_only_the_thread_it_is_for) {
  std::stop_source first;
  std::stop_source second;
  std::latch started(2);
  std::atomic<bool> second_ended{false};
  std::jthread other([&] {
    Wait wait{.started = &started};
    run_interruptible(wait.field(), second.get_token(), Wait::run, &wait);
    second_ended = true;
  });
  std::jthread stopper([&] {
    started.wait();
    first.request_stop();
  });
  Wait wait{.started = &started};
  EXPECT_TRUE(ended_early(run_interruptible(wait.field(), first.get_token(), Wait::run, &wait)));
  EXPECT_FALSE(second_ended);
  second.request_stop();
}

TEST(Interruptible, works_in_a_thread_that_blocks_all_signals_and_restores_its_mask) {
  std::stop_source stop;
  std::latch started(1);
  int result = 0;
  bool blocked_before = false;
  bool blocked_after = false;
  const auto all_blocked = [] {
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    bool all = true;
    for (int i = SIGRTMIN; i <= SIGRTMAX; ++i) {
      all = all && sigismember(&mask, i) == 1;
    }
    return all;
  };
  std::jthread blocked([&] {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, nullptr);
    blocked_before = all_blocked();
    Wait wait{.started = &started};
    result = run_interruptible(wait.field(), stop.get_token(), Wait::run, &wait);
    blocked_after = all_blocked();
  });
  started.wait();
  stop.request_stop();
  blocked.join();
  EXPECT_TRUE(ended_early(result));
  EXPECT_TRUE(blocked_before && blocked_after);
}

TEST(Interruptible, foreign_signal_of_the_same_number_is_ignored) {
  use_once();
  int number = 0;
  for (int i = SIGRTMAX; i >= SIGRTMIN && number == 0; --i) {
    struct sigaction action {};
    sigaction(i, nullptr, &action);
    number = action.sa_handler != SIG_DFL ? i : 0;
  }
  ASSERT_NE(number, 0);
  // The default action would end this process.
  EXPECT_EQ(pthread_kill(pthread_self(), number), 0);
  sigval value{};
  value.sival_ptr = &value;
  EXPECT_EQ(pthread_sigqueue(pthread_self(), number, value), 0);
}

TEST(Interruptible, signal_cannot_be_changed_after_the_first_use) {
  use_once();
  EXPECT_EQ(set_interrupt_signal(SIGRTMIN + 1), Status(HGCM_ERR_WRONG_ORDER));
  EXPECT_EQ(set_interrupt_signal(SIGINT), Status(HGCM_ERR_INVALID_PARAMETER));
}

}  // namespace
}  // namespace hgcm::detail

// SPDX-License-Identifier: MIT
//
// See hold.h. A short spin, then a futex: std::atomic::wait() has no time limit.
#include "vmmdev/hold.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <ctime>
#include <thread>

namespace hgcm::vmmdev {
namespace {

using Clock = std::chrono::steady_clock;

// Longer than a service needs for a trivial call once its thread runs, shorter than two switches of
// context.
constexpr std::chrono::microseconds kSpin{8};

void pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t));

void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t value,
                std::chrono::nanoseconds timeout) noexcept {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(timeout);
  const timespec time{.tv_sec = seconds.count(), .tv_nsec = (timeout - seconds).count()};
  ::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, &time, nullptr, 0);
}

void futex_wake(std::atomic<std::uint32_t>& word) noexcept {
  ::syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

}  // namespace

bool Hold::wait(std::chrono::nanoseconds bound) noexcept {
  if (bound.count() > 0) {
    static const bool several_processors = std::thread::hardware_concurrency() > 1;
    const auto start = Clock::now();
    const auto end = start + bound;
    if (several_processors) {
      const auto spin_end = start + std::min<std::chrono::nanoseconds>(bound, kSpin);
      do {
        for (int i = 0; i < 16 && state_.load(std::memory_order_acquire) == kWaiting; ++i) pause();
      } while (state_.load(std::memory_order_acquire) == kWaiting && Clock::now() < spin_end);
    }
    std::uint32_t state = kWaiting;
    if (state_.compare_exchange_strong(state, kSleeping)) {
      for (auto now = Clock::now();
           now < end && state_.load(std::memory_order_acquire) == kSleeping; now = Clock::now()) {
        futex_wait(state_, kSleeping, end - now);
      }
    }
  }
  std::uint32_t state = state_.load();
  while (state != kFinished && state != kGone && !state_.compare_exchange_weak(state, kGone)) {
  }
  return state == kFinished;
}

bool Hold::finish() noexcept {
  const std::uint32_t before = state_.exchange(kFinished);
  if (before == kSleeping) futex_wake(state_);
  return before != kGone;
}

void Hold::abandon() noexcept {
  if (state_.exchange(kGone) == kSleeping) futex_wake(state_);
}

}  // namespace hgcm::vmmdev

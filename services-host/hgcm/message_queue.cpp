// SPDX-License-Identifier: MIT
//
// The queue of a service thread: see the header.
#include "hgcm/message_queue.h"

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

namespace hgcm::host {
namespace {

using Clock = std::chrono::steady_clock;

// From one call to the next takes a guest that traps and is woken so much longer than one that
// finds somebody looking.
constexpr int kTrapFactor = 4;
// Reads of memory between two looks at the clock.
constexpr int kReads = 8;
// Longer than those whom the consumer looks out for need its processor, once they have it.
constexpr std::chrono::microseconds kCrowded{15};

void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t expected) noexcept {
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, expected, nullptr, nullptr, 0);
}

void futex_wake_one(std::atomic<std::uint32_t>& word) noexcept {
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

Message* reversed(Message* newest) noexcept {
  Message* oldest = nullptr;
  while (newest != nullptr) {
    Message* const next = newest->next;
    newest->next = oldest;
    oldest = newest;
    newest = next;
  }
  return oldest;
}

}  // namespace

MessageQueue::MessageQueue(std::chrono::nanoseconds max_spin) noexcept
    : max_spin_(std::thread::hardware_concurrency() > 1 ? max_spin : std::chrono::nanoseconds(0)) {}

void MessageQueue::Habit::polled(bool success) noexcept {
  if (success) {
    failures_ = 0;
    retry_after_ = kFirstRetry;
    return;
  }
  if (++failures_ < patience_) return;
  failures_ = 0;
  polls_ = false;
  short_waits_ = 0;
  retry_after_ = std::min(retry_after_ * 2, last_retry_);
}

void MessageQueue::Habit::short_wait() noexcept {
  if (++short_waits_ >= retry_after_) polls_ = true;
}

bool MessageQueue::Crowding::crowded() noexcept {
  if (found_ >= kEnough) patience_ = 1;
  found_ = 0;
  if (++crowded_ < patience_) return false;
  crowded_ = 0;
  patience_ = std::min(patience_ * 2, kMostPatience);
  return true;
}

bool MessageQueue::push(Message& message) noexcept {
  producer_cpu_.store(sched_getcpu(), std::memory_order_relaxed);
  Message* head = head_.load(std::memory_order_relaxed);
  do {
    if (head == &closed_) return false;
    message.next = head;
  } while (!head_.compare_exchange_weak(head, &message, std::memory_order_seq_cst,
                                        std::memory_order_relaxed));
  // Sequentially consistent on both sides: either the consumer sees the message before it sleeps,
  // or this thread sees that it sleeps.
  if (asleep_.load(std::memory_order_seq_cst) == 1 && asleep_.exchange(0) == 1)
    futex_wake_one(asleep_);
  return true;
}

Message* MessageQueue::try_take() noexcept {
  Message* head = head_.load(std::memory_order_acquire);
  while (head != nullptr && head != &closed_) {
    if (head_.compare_exchange_weak(head, nullptr, std::memory_order_acquire)) return head;
  }
  return head;
}

// True if there are messages now.
bool MessageQueue::spin(std::chrono::nanoseconds limit) noexcept {
  const auto end = Clock::now() + limit;
  do {
    for (int i = 0; i < kReads; ++i) {
      if (head_.load(std::memory_order_relaxed) != nullptr) return true;
      __builtin_ia32_pause();
    }
  } while (Clock::now() < end);
  return false;
}

// Ends early when there are messages.
MessageQueue::Looked MessageQueue::look(std::chrono::nanoseconds limit, IdleWork& idle) noexcept {
  auto now = Clock::now();
  const auto end = now + limit;
  Looked result;
  do {
    for (int i = 0; i < kReads; ++i) {
      result.found = idle.look() || result.found;
      if (head_.load(std::memory_order_relaxed) != nullptr) return result;
      __builtin_ia32_pause();
    }
    // Whom this thread looks out for may need its processor to get going.
    const auto before = Clock::now();
    sched_yield();
    now = Clock::now();
    result.crowded = result.crowded || now - before > kCrowded;
  } while (now < end);
  return result;
}

// True if there are messages now.
bool MessageQueue::poll(IdleWork* idle, std::chrono::nanoseconds max_look) noexcept {
  if (idle != nullptr && looks_.polls() && idle->begin()) {
    const Looked looked = look(looking_ ? max_look : kTrapFactor * max_look, *idle);
    looking_ = looked.found;
    idle->end();
    looks_.polled(looking_);
    if (looked.found) {
      crowding_.found();
    } else if (looked.crowded && crowding_.crowded()) {
      idle->crowded();
    }
    return head_.load(std::memory_order_relaxed) != nullptr;
  }
  // On the sender's processor polling only keeps the sender from sending.
  if (!spins_.polls() || producer_cpu_.load(std::memory_order_relaxed) == sched_getcpu())
    return false;
  const bool arrived = spin(max_spin_);
  spins_.polled(arrived);
  if (arrived) looks_.short_wait();
  return arrived;
}

void MessageQueue::sleep() noexcept {
  for (;;) {
    asleep_.store(1, std::memory_order_seq_cst);
    if (head_.load(std::memory_order_seq_cst) != nullptr) break;
    futex_wait(asleep_, 1);
    if (head_.load(std::memory_order_relaxed) != nullptr) break;
  }
  asleep_.store(0, std::memory_order_relaxed);
}

Message* MessageQueue::take(IdleWork* idle, std::chrono::nanoseconds max_look) noexcept {
  // On a single processor polling only keeps others from working.
  if (max_spin_.count() == 0) idle = nullptr;
  Message* head = try_take();
  if (head == nullptr) {
    if (!poll(idle, max_look)) {
      const auto since = Clock::now();
      sleep();
      const auto slept = Clock::now() - since;
      if (slept < max_spin_) spins_.short_wait();
      if (slept < kTrapFactor * max_look) looks_.short_wait();
    }
    head = try_take();
  }
  return head == &closed_ ? nullptr : reversed(head);
}

Message* MessageQueue::close() noexcept {
  Message* head = head_.exchange(&closed_, std::memory_order_seq_cst);
  if (asleep_.exchange(0) == 1) futex_wake_one(asleep_);
  return head == &closed_ ? nullptr : reversed(head);
}

}  // namespace hgcm::host

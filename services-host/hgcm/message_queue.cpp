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

// True if there was something to look at. Ends early when there are messages.
bool MessageQueue::look(std::chrono::nanoseconds limit, IdleWork& idle) noexcept {
  const auto end = Clock::now() + limit;
  bool found = false;
  do {
    for (int i = 0; i < kReads; ++i) {
      found = idle.look() || found;
      if (head_.load(std::memory_order_relaxed) != nullptr) return found;
      __builtin_ia32_pause();
    }
    // Whom this thread looks out for may need its processor to get going.
    sched_yield();
  } while (Clock::now() < end);
  return found;
}

// True if there are messages now.
bool MessageQueue::poll(IdleWork* idle, std::chrono::nanoseconds max_look) noexcept {
  if (idle != nullptr && looks_.polls() && idle->begin()) {
    looking_ = look(looking_ ? max_look : kTrapFactor * max_look, *idle);
    idle->end();
    looks_.polled(looking_);
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

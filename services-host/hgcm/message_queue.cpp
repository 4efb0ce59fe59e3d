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

constexpr unsigned kFirstRetry = 8;
constexpr unsigned kLastRetry = 1024;

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
    : max_spin_(std::thread::hardware_concurrency() > 1 ? max_spin : std::chrono::nanoseconds(0)),
      retry_after_(kFirstRetry) {}

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

bool MessageQueue::spin() noexcept {
  const auto end = Clock::now() + max_spin_;
  do {
    for (int i = 0; i < 8; ++i) {
      if (head_.load(std::memory_order_relaxed) != nullptr) return true;
      __builtin_ia32_pause();
    }
  } while (Clock::now() < end);
  return false;
}

bool MessageQueue::spinning_may_pay() const noexcept {
  // On the sender's processor polling only keeps the sender from sending.
  return polls_ && producer_cpu_.load(std::memory_order_relaxed) != sched_getcpu();
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

Message* MessageQueue::take() noexcept {
  Message* head = try_take();
  if (head == nullptr) {
    if (spinning_may_pay()) {
      if (spin()) {
        retry_after_ = kFirstRetry;
      } else {
        polls_ = false;
        short_sleeps_ = 0;
        retry_after_ = std::min(retry_after_ * 2, kLastRetry);
        sleep();
      }
    } else {
      const auto since = Clock::now();
      sleep();
      if (Clock::now() - since < max_spin_ && ++short_sleeps_ >= retry_after_) polls_ = true;
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

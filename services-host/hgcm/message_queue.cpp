// SPDX-License-Identifier: MIT
//
// The queue of a service thread: see the header.
#include "hgcm/message_queue.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <thread>

namespace hgcm::host {
namespace {

using Clock = std::chrono::steady_clock;

/// Polling for less than this costs more in clock reads than it can save.
constexpr std::chrono::microseconds kShortestSpin{2};

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
      spin_(max_spin_) {}

bool MessageQueue::push(Message& message) noexcept {
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
  const auto end = Clock::now() + spin_;
  do {
    for (int i = 0; i < 8; ++i) {
      if (head_.load(std::memory_order_relaxed) != nullptr) return true;
      __builtin_ia32_pause();
    }
  } while (Clock::now() < end);
  return false;
}

Message* MessageQueue::take() noexcept {
  Message* head = try_take();
  if (head == nullptr) {
    const auto idle_since = Clock::now();
    bool arrived = false;
    if (spin_ >= kShortestSpin) {
      arrived = spin();
      spin_ = arrived ? max_spin_ : spin_ / 2;
    }
    while (!arrived) {
      asleep_.store(1, std::memory_order_seq_cst);
      if (head_.load(std::memory_order_seq_cst) != nullptr) {
        asleep_.store(0, std::memory_order_relaxed);
        arrived = true;
      } else {
        futex_wait(asleep_, 1);
        arrived = head_.load(std::memory_order_relaxed) != nullptr;
      }
    }
    // Sleeping, with all its cost, was about as short as the longest spin: polling would have paid.
    if (Clock::now() - idle_since < 2 * max_spin_) spin_ = max_spin_;
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

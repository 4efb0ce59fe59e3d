// SPDX-License-Identifier: MIT
//
// The queue of a service thread: any number of producers, one consumer, first in first out, and no
// memory of its own: messages carry their links. It is a lock-free stack that the consumer takes as
// a whole and turns around. It knows nothing of what a message means.
#ifndef HGCM_HOST_MESSAGE_QUEUE_H
#define HGCM_HOST_MESSAGE_QUEUE_H

#include <atomic>
#include <chrono>
#include <cstdint>

namespace hgcm::host {

struct Message {
  enum class Kind : std::uint8_t { kCall, kTask };
  explicit Message(Kind k) noexcept : kind(k) {}

  Message* next = nullptr;
  Kind kind;
};

class MessageQueue {
 public:
  /// `max_spin` bounds how long take() polls before it sleeps; zero: it never polls.
  explicit MessageQueue(std::chrono::nanoseconds max_spin) noexcept;
  MessageQueue(const MessageQueue&) = delete;
  MessageQueue& operator=(const MessageQueue&) = delete;

  /// Any thread. The message must stay where it is until the consumer has it, or its taker from
  /// close(). False: closed, the message was not queued.
  [[nodiscard]] bool push(Message& message) noexcept;

  /// The consumer. Waits for messages and returns all there are, linked in the order of push();
  /// nullptr once the queue is closed.
  [[nodiscard]] Message* take() noexcept;

  /// Any thread. Refuses further messages; returns those not taken yet, in order.
  [[nodiscard]] Message* close() noexcept;

 private:
  Message* try_take() noexcept;
  bool spin() noexcept;
  bool spinning_may_pay() const noexcept;
  void sleep() noexcept;

  std::atomic<Message*> head_{nullptr};   // newest first; &closed_ when closed
  std::atomic<std::uint32_t> asleep_{0};  // futex: 1 while the consumer sleeps or is about to
  std::atomic<int> producer_cpu_{-1};     // where the last message came from
  Message closed_{Message::Kind::kTask};  // only its address is used
  const std::chrono::nanoseconds max_spin_;

  // Consumer only. Polling pays when messages come close together and their sender runs on another
  // processor; both are found out by trying, and after failures tried ever more rarely.
  bool polls_ = false;
  unsigned short_sleeps_ = 0;  // since polling last failed
  unsigned retry_after_;       // so many of these
};

}  // namespace hgcm::host

#endif

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

/// Something else the consumer may look at while it has nothing to do, and from which it may get
/// messages. Called on the consumer's thread.
class IdleWork {
 public:
  /// False: there is nothing to look at now; the others are not called.
  virtual bool begin() noexcept = 0;
  /// True: there was something.
  virtual bool look() noexcept = 0;
  virtual void end() noexcept = 0;
  /// After end(): nothing was found, and others had the consumer's processor while it looked. Not
  /// each time, if that goes on.
  virtual void crowded() noexcept {}

 protected:
  ~IdleWork() = default;
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
  [[nodiscard]] Message* take() noexcept { return take(nullptr, {}); }
  /// While it polls, for at most `max_look`, it also looks at `idle`.
  [[nodiscard]] Message* take(IdleWork* idle, std::chrono::nanoseconds max_look) noexcept;

  /// Any thread. Refuses further messages; returns those not taken yet, in order.
  [[nodiscard]] Message* close() noexcept;

 private:
  Message* try_take() noexcept;
  bool spin(std::chrono::nanoseconds limit) noexcept;
  struct Looked {
    bool found = false;
    bool crowded = false;
  };
  Looked look(std::chrono::nanoseconds limit, IdleWork& idle) noexcept;
  bool poll(IdleWork* idle, std::chrono::nanoseconds max_look) noexcept;
  void sleep() noexcept;

  std::atomic<Message*> head_{nullptr};   // newest first; &closed_ when closed
  std::atomic<std::uint32_t> asleep_{0};  // futex: 1 while the consumer sleeps or is about to
  std::atomic<int> producer_cpu_{-1};     // where the last message came from
  Message closed_{Message::Kind::kTask};  // only its address is used
  const std::chrono::nanoseconds max_spin_;

  // Consumer only. Polling pays when messages come close together (and, for the queue itself, when
  // their sender runs on another processor); that is found out by trying, and after failures tried
  // ever more rarely.
  class Habit {
   public:
    /// Gives up after `patience` failures in a row, and then lets so many short waits pass at most.
    Habit(unsigned patience, unsigned last_retry) noexcept
        : patience_(patience), last_retry_(last_retry) {}
    [[nodiscard]] bool polls() const noexcept { return polls_; }
    void polled(bool success) noexcept;
    /// A message came soon, though nobody polled in this way.
    void short_wait() noexcept;

   private:
    static constexpr unsigned kFirstRetry = 8;
    const unsigned patience_;
    const unsigned last_retry_;
    bool polls_ = false;
    unsigned failures_ = 0;               // in a row
    unsigned short_waits_ = 0;            // since polling last failed
    unsigned retry_after_ = kFirstRetry;  // so many of these
  };
  Habit spins_{1, 1024};
  // Each success saves somebody else an exit, so this is tried more often. A message that came to
  // the queue meanwhile is none: its sender needed a processor that this thread was keeping busy.
  Habit looks_{8, 64};
  bool looking_ = false;  // the last message was found by looking

  // Consumer only. Where all processors are busy there is no better one: what did not help is done
  // ever more rarely, until looking has paid for a while.
  class Crowding {
   public:
    void found() noexcept { ++found_; }
    /// True: to be told.
    bool crowded() noexcept;

   private:
    static constexpr unsigned kEnough = 64;
    static constexpr unsigned kMostPatience = 64;
    unsigned found_ = 0;     // looks that found something, since one was crowded
    unsigned crowded_ = 0;   // looks that were crowded, since it was told
    unsigned patience_ = 1;  // so many of these
  };
  Crowding crowding_;
};

}  // namespace hgcm::host

#endif

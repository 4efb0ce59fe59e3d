// SPDX-License-Identifier: MIT
//
// Channel: one connection. The server's thread receives client messages and sends replies; any
// thread may reach the client's memory by messages of its own over the same socket.
//
// Whoever waits for something reads the socket: there is one reader at a time, and it gives replies
// to the threads that wait for them and keeps client messages for the server's thread. So a DMA
// message works while the server's thread is busy, while it waits for an access to end, and when it
// is the server's thread itself that sends it from inside a register write.
//
// A client that lets a DMA message time out while a command of its own is being handled is not
// asked again during that command: QEMU cannot answer while it waits for a register access, and
// gives the access up after five seconds.
#ifndef HGCM_VFIO_USER_CHANNEL_H
#define HGCM_VFIO_USER_CHANNEL_H

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "vfio-user/dma_memory.h"
#include "vfio-user/stream_reader.h"
#include "vfio-user/unique_fd.h"
#include "vfio-user/wire.h"

namespace hgcm::vfio_user {

/// Client messages that arrived while nobody could handle them.
inline constexpr std::size_t kMaxQueuedMessages = 256;
inline constexpr std::size_t kMaxQueuedBytes = 4U << 20;

class Channel final : public DmaMessenger {
 public:
  using Clock = std::chrono::steady_clock;

  enum class Event { kMessage, kTimeout, kReadable, kClosed };

  /// A message with its descriptors, in a buffer that is allocated once.
  struct Message {
    std::vector<std::byte> buffer = std::vector<std::byte>(kMaxMessageBytes);
    std::size_t size = 0;
    FdList fds;
    [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
      return std::span(buffer).first(size);
    }
  };

  Channel(UniqueFd socket, std::chrono::milliseconds dma_timeout);

  /// Waits for the next client message (kMessage; it is in `into`), for the deadline, or for
  /// `extra_fd` to become readable. kClosed: the client has gone or cannot be understood. Server's
  /// thread.
  [[nodiscard]] Event receive(Message& into, std::optional<Clock::time_point> deadline,
                              int extra_fd) noexcept;

  /// Sends a whole message. Any thread. On failure the channel is closed.
  bool send(std::span<const std::byte> first, std::span<const std::byte> second, int fd) noexcept;

  [[nodiscard]] bool dma_read(std::uint64_t address, std::span<std::byte> out) noexcept override;
  [[nodiscard]] bool dma_write(std::uint64_t address,
                               std::span<const std::byte> in) noexcept override;

  /// The most data bytes that the client takes in one message.
  void set_peer_limit(std::uint64_t max_data_bytes) noexcept;

  /// A client command is being handled, or no longer. Server's thread.
  void set_handling(bool handling) noexcept;

  /// Ends the connection and wakes everyone who waits. Any thread.
  void close() noexcept;

  [[nodiscard]] std::uint64_t dma_messages() const noexcept;

 private:
  struct Waiter {
    std::uint16_t id = 0;
    wire::Command command{};
    wire::DmaAccess access{};
    std::span<std::byte> out;  // of a read
    bool done = false;
    bool ok = false;
    Waiter* next = nullptr;
  };
  struct Queued {
    std::vector<std::byte> bytes;
    FdList fds;
  };
  enum class Step { kCommand, kReply, kNothing, kClosed };

  [[nodiscard]] Step read_step(bool block, std::span<const std::byte>& message,
                               FdList& fds) noexcept;
  [[nodiscard]] int wait_readable(std::optional<Clock::time_point> deadline, int extra_fd) noexcept;
  void pump(Clock::time_point deadline, const Waiter& self) noexcept;
  void deliver_reply(std::span<const std::byte> message) noexcept;
  [[nodiscard]] bool queue(std::span<const std::byte> message, FdList& fds) noexcept;
  [[nodiscard]] bool transact(Waiter& waiter, std::span<const std::byte> data) noexcept;
  void mark_closed() noexcept;

  const UniqueFd socket_;
  const std::chrono::milliseconds dma_timeout_;
  std::atomic<std::uint64_t> peer_limit_{kMaxDataBytes};
  std::atomic<std::uint64_t> dma_messages_{0};
  std::atomic<bool> handling_{false};
  std::atomic<bool> client_is_silent_{false};

  std::mutex send_mutex_;  // keeps messages whole

  StreamReader reader_;  // belongs to whoever holds the reader's role

  std::mutex mutex_;  // protects all below
  std::condition_variable changed_;
  bool reading_ = false;  // someone holds the reader's role
  bool closed_ = false;
  unsigned sleepers_ = 0;  // threads in changed_
  std::deque<Queued> inbox_;
  std::size_t inbox_bytes_ = 0;
  Waiter* waiters_ = nullptr;
  std::uint16_t next_id_ = 1;
};

}  // namespace hgcm::vfio_user

#endif

// SPDX-License-Identifier: MIT
//
// StreamReader: cuts the byte stream of a Unix socket into messages and gives each the descriptors
// that were sent with it. Knows the message header's size field and nothing else of the protocol.
//
// One recvmsg() takes whatever is there, so a small message costs one system call. The kernel ends
// such a read with the first send that carried descriptors, so they belong to the last message that
// begins in what was read: a client sends a message and its descriptors together.
#ifndef HGCM_VFIO_USER_STREAM_READER_H
#define HGCM_VFIO_USER_STREAM_READER_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "vfio-user/unique_fd.h"

namespace hgcm::vfio_user {

/// Not thread-safe. Allocates its buffer once.
class StreamReader {
 public:
  enum class Status {
    kData,    ///< something was read; look at next()
    kAgain,   ///< interrupted, or nothing there and not allowed to block
    kClosed,  ///< end of stream, or an error of the socket
    kBroken   ///< the stream makes no sense: a size out of bounds, stray or too many descriptors
  };

  explicit StreamReader(int socket);

  /// One recvmsg(). Only when next() has nothing left.
  [[nodiscard]] Status fill(bool block) noexcept;

  /// The next whole message, and its descriptors in `fds`; empty: there is none yet. The bytes stay
  /// in place until fill().
  [[nodiscard]] std::span<const std::byte> next(FdList& fds) noexcept;

 private:
  struct Batch {
    std::uint64_t message = 0;  // stream position of the message's first byte
    FdList fds;
  };

  [[nodiscard]] bool walk(std::uint64_t received_from) noexcept;
  [[nodiscard]] std::uint32_t size_at(std::size_t offset) const noexcept;

  int socket_;
  std::vector<std::byte> buffer_;
  std::size_t head_ = 0;             // first byte not handed out
  std::size_t end_ = 0;              // after the last byte received
  std::uint64_t head_position_ = 0;  // stream position of head_
  std::uint64_t walked_ = 0;         // stream position of the first message of unknown size
  std::uint64_t last_begun_ = 0;     // stream position of the last message that has begun
  FdList received_;
  // When fill() is called at most one message has begun, and fill() adds at most one batch.
  std::array<Batch, 2> batches_;
  std::size_t batch_count_ = 0;
};

}  // namespace hgcm::vfio_user

#endif

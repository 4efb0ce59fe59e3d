// SPDX-License-Identifier: MIT
//
// Channel: messages between a daemon and the process of a confined service, through memory that
// both have mapped (shared_stream.h). Contents are copied out of it before they are looked at, so
// the other side cannot change what is being read. Descriptors, which only the daemon sends, go
// over the socket; and as long as that lives, so does the other side.
#ifndef HGCM_SANDBOX_CHANNEL_H
#define HGCM_SANDBOX_CHANNEL_H

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "sandbox/message.h"
#include "sandbox/shared_stream.h"
#include "vfio-user/unique_fd.h"

namespace hgcm::sandbox {

/// One thread may send while another receives; two that send need a lock of their own.
class Channel {
 public:
  /// The daemon's end: makes the memory, and sends it. `patience`: how long a send may take. Null:
  /// the other end has gone, or there is no memory.
  [[nodiscard]] static std::unique_ptr<Channel> make(vfio_user::UniqueFd socket,
                                                     std::chrono::milliseconds patience);
  /// The process's end. Null: as above.
  [[nodiscard]] static std::unique_ptr<Channel> join(vfio_user::UniqueFd socket);

  /// Blocks while there is no room. False: the other end has gone, or takes nothing.
  bool send(Kind kind, std::uint64_t token, std::span<const std::byte> contents, int fd = -1);

  struct Message {
    Kind kind{};
    std::uint64_t token = 0;
    std::span<const std::byte> contents;  ///< valid until the next receive()
  };
  /// Blocks. Nothing: the channel was shut down, or the other end does not keep to the form.
  std::optional<Message> receive();
  /// The descriptor that was sent with the message that came last; to be called once for each.
  [[nodiscard]] vfio_user::UniqueFd take_descriptor();

  /// Blocks until the other end has gone or shut down.
  void wait_for_hang_up() const noexcept;
  /// Ends this end's receive(), and tells the other. Any thread.
  void shut_down() noexcept;

  [[nodiscard]] const SharedStream& stream() const noexcept { return *stream_; }

 private:
  Channel(vfio_user::UniqueFd socket, std::unique_ptr<SharedStream> stream,
          std::chrono::milliseconds patience)
      : socket_(std::move(socket)), stream_(std::move(stream)), patience_(patience) {}

  bool fill(std::size_t wanted);

  vfio_user::UniqueFd socket_;
  const std::unique_ptr<SharedStream> stream_;
  const std::chrono::milliseconds patience_;  // zero: no end to it
  std::vector<std::byte> buffer_;
  std::size_t begin_ = 0;  // of what has been received and not been looked at
  std::size_t end_ = 0;
};

}  // namespace hgcm::sandbox

#endif

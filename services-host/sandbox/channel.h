// SPDX-License-Identifier: MIT
//
// Channel: messages over a connected Unix stream socket, some with a descriptor. The kernel copies
// them, so neither end can change what the other is looking at; pages of the guest, which are what
// is large, do not travel (parameters.h).
#ifndef HGCM_SANDBOX_CHANNEL_H
#define HGCM_SANDBOX_CHANNEL_H

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "sandbox/message.h"
#include "vfio-user/unique_fd.h"

namespace hgcm::sandbox {

/// One thread may send while another receives; two that send need a lock of their own.
class Channel {
 public:
  enum class Descriptors : bool { kRefuse, kTake };

  /// With kRefuse the kernel drops descriptors that come.
  Channel(vfio_user::UniqueFd socket, Descriptors descriptors)
      : socket_(std::move(socket)), descriptors_(descriptors) {}

  /// Blocks. False: the other end has gone.
  bool send(Kind kind, std::uint64_t token, std::span<const std::byte> contents, int fd = -1);

  struct Message {
    Kind kind{};
    std::uint64_t token = 0;
    std::span<const std::byte> contents;  ///< valid until the next receive()
  };
  /// Blocks. Nothing: the other end has gone, or does not keep to the form.
  std::optional<Message> receive();
  /// The descriptor of the message that came last; each is taken once.
  [[nodiscard]] vfio_user::UniqueFd take_descriptor();

  /// Ends both ends' receive().
  void shut_down() noexcept;

 private:
  bool fill(std::size_t wanted);

  vfio_user::UniqueFd socket_;
  const Descriptors descriptors_;
  std::deque<vfio_user::UniqueFd> received_;
  std::vector<std::byte> buffer_;
  std::size_t begin_ = 0;  // of what has been received and not been looked at
  std::size_t end_ = 0;
};

}  // namespace hgcm::sandbox

#endif

// SPDX-License-Identifier: MIT
//
// See channel.h.
#include "sandbox/channel.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "sandbox/descriptor.h"

namespace hgcm::sandbox {
namespace {

constexpr std::size_t kBuffer = std::size_t{64} << 10;

}  // namespace

std::unique_ptr<Channel> Channel::make(vfio_user::UniqueFd socket,
                                       std::chrono::milliseconds patience) {
  const auto memory = SharedStream::make_memory();
  auto stream = SharedStream::open(memory.get(), SharedStream::Side::kMaker);
  // Nothing is ever taken from the socket; so what is sent into it has nowhere to stay.
  if (stream == nullptr || !send_descriptor(socket.get(), memory.get()) ||
      ::shutdown(socket.get(), SHUT_RD) != 0) {
    return nullptr;
  }
  return std::unique_ptr<Channel>(new Channel(std::move(socket), std::move(stream), patience));
}

std::unique_ptr<Channel> Channel::join(vfio_user::UniqueFd socket) {
  const auto memory = receive_descriptor(socket.get());
  auto stream = SharedStream::open(memory.get(), SharedStream::Side::kOther);
  if (stream == nullptr) return nullptr;
  return std::unique_ptr<Channel>(new Channel(std::move(socket), std::move(stream), {}));
}

bool Channel::send(Kind kind, std::uint64_t token, std::span<const std::byte> contents, int fd) {
  if (contents.size() > kMaxMessage) return false;
  // Before the message, which then finds it there.
  if (fd >= 0 && !send_descriptor(socket_.get(), fd)) return false;
  const Head head{static_cast<std::uint32_t>(contents.size()), kind, token};
  return stream_->write({std::as_bytes(std::span(&head, 1)), contents}, patience_);
}

bool Channel::fill(std::size_t wanted) {
  if (begin_ == end_) begin_ = end_ = 0;
  if (buffer_.size() - begin_ < wanted) {
    std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
              buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
    end_ -= begin_;
    begin_ = 0;
    // One large message does not make the buffer large for good.
    if (buffer_.size() < wanted || (wanted <= kBuffer && buffer_.size() > kBuffer)) {
      buffer_.resize(std::max(wanted, std::max(kBuffer, end_)));
    }
  }
  while (end_ - begin_ < wanted) {
    const std::size_t count = stream_->read(std::span(buffer_).subspan(end_));
    if (count == 0) return false;
    end_ += count;
  }
  return true;
}

std::optional<Channel::Message> Channel::receive() {
  if (!fill(sizeof(Head))) return std::nullopt;
  Head head;
  std::memcpy(&head, buffer_.data() + begin_, sizeof head);
  if (head.size > kMaxMessage || !fill(sizeof head + head.size)) return std::nullopt;
  const auto contents = std::span(buffer_).subspan(begin_ + sizeof head, head.size);
  begin_ += sizeof head + head.size;
  return Message{head.kind, head.token, contents};
}

vfio_user::UniqueFd Channel::take_descriptor() {
  return receive_descriptor(socket_.get());
}

void Channel::wait_for_hang_up() const noexcept {
  pollfd socket{socket_.get(), 0, 0};
  // Of the events, those that need not be asked for.
  while (::poll(&socket, 1, -1) < 0 && errno == EINTR) {
  }
}

void Channel::shut_down() noexcept {
  stream_->close();
  ::shutdown(socket_.get(), SHUT_RDWR);
}

}  // namespace hgcm::sandbox

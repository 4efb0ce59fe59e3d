// SPDX-License-Identifier: MIT
//
// Message framing on a Unix stream socket. See stream_reader.h.
#include "vfio-user/stream_reader.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "vfio-user/wire.h"

namespace hgcm::vfio_user {

namespace {

constexpr std::size_t kSlack = 64U << 10;

}  // namespace

StreamReader::StreamReader(int socket) : socket_(socket), buffer_(kMaxMessageBytes + kSlack) {}

std::uint32_t StreamReader::size_at(std::size_t offset) const noexcept {
  std::uint32_t size = 0;
  std::memcpy(&size, buffer_.data() + offset + offsetof(wire::Header, size), sizeof size);
  return size;
}

StreamReader::Status StreamReader::fill(bool block) noexcept {
  if (head_ != 0) {
    std::memmove(buffer_.data(), buffer_.data() + head_, end_ - head_);
    end_ -= head_;
    head_ = 0;
  }
  iovec data{.iov_base = buffer_.data() + end_, .iov_len = buffer_.size() - end_};
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(kMaxMessageFds * sizeof(int))> control;
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t got = ::recvmsg(socket_, &message, MSG_CMSG_CLOEXEC | (block ? 0 : MSG_DONTWAIT));
  if (got < 0) {
    return errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK ? Status::kAgain
                                                                     : Status::kClosed;
  }
  // Take the descriptors before anything else can go wrong.
  received_.clear();
  bool too_many = (message.msg_flags & MSG_CTRUNC) != 0;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
      too_many = !received_.add(UniqueFd(fd)) || too_many;
    }
  }
  if (got == 0) return Status::kClosed;
  const std::uint64_t received_from = head_position_ + end_;
  end_ += static_cast<std::size_t>(got);
  return !too_many && walk(received_from) ? Status::kData : Status::kBroken;
}

/// Finds the messages that begin in what was received, and gives the descriptors to the last one.
bool StreamReader::walk(std::uint64_t received_from) noexcept {
  const std::uint64_t end_position = head_position_ + end_;
  while (walked_ < end_position) {
    last_begun_ = walked_;
    const auto offset = static_cast<std::size_t>(walked_ - head_position_);
    if (end_ - offset < offsetof(wire::Header, size) + sizeof(std::uint32_t)) break;
    const std::uint32_t size = size_at(offset);
    if (size < sizeof(wire::Header) || size > kMaxMessageBytes) return false;
    if (size > end_ - offset) break;
    walked_ += size;
  }
  if (received_.size() == 0) return true;
  if (last_begun_ < received_from || batch_count_ == batches_.size()) return false;
  Batch& batch = batches_.at(batch_count_++);
  batch.message = last_begun_;
  batch.fds.take(received_);
  return true;
}

std::span<const std::byte> StreamReader::next(FdList& fds) noexcept {
  fds.clear();
  const std::size_t available = end_ - head_;
  if (available < sizeof(wire::Header)) return {};
  const std::uint32_t size = size_at(head_);
  if (size > available) return {};
  if (batch_count_ != 0 && batches_.front().message == head_position_) {
    fds.take(batches_.front().fds);
    batches_.front().message = batches_.back().message;
    batches_.front().fds.take(batches_.back().fds);
    --batch_count_;
  }
  const std::span<const std::byte> message = std::span(buffer_).subspan(head_, size);
  head_ += size;
  head_position_ += size;
  return message;
}

}  // namespace hgcm::vfio_user

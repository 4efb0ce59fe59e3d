// SPDX-License-Identifier: MIT
//
// See channel.h.
#include "sandbox/channel.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace hgcm::sandbox {
namespace {

constexpr std::size_t kBuffer = std::size_t{64} << 10;

/// Room for the control message of one descriptor.
union Control {
  std::array<char, CMSG_SPACE(sizeof(int))> bytes;
  cmsghdr aligned;
};

}  // namespace

bool Channel::send(Kind kind, std::uint64_t token, std::span<const std::byte> contents, int fd) {
  if (contents.size() > kMaxMessage) return false;
  Head head{static_cast<std::uint32_t>(contents.size()), kind, token};
  std::array<iovec, 2> parts = {
      iovec{&head, sizeof head},
      iovec{const_cast<std::byte*>(contents.data()), contents.size()}};  // only read
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  Control control{};
  if (fd >= 0) {
    message.msg_control = &control;
    message.msg_controllen = sizeof control.bytes;
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  }
  while (message.msg_iovlen > 0) {
    const ssize_t sent = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      return false;
    }
    message.msg_control = nullptr;
    message.msg_controllen = 0;
    auto done = static_cast<std::size_t>(sent);
    while (message.msg_iovlen > 0 && done >= message.msg_iov->iov_len) {
      done -= message.msg_iov->iov_len;
      ++message.msg_iov;
      --message.msg_iovlen;
    }
    if (message.msg_iovlen > 0) {
      message.msg_iov->iov_base = static_cast<std::byte*>(message.msg_iov->iov_base) + done;
      message.msg_iov->iov_len -= done;
    }
  }
  return true;
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
    iovec part{buffer_.data() + end_, buffer_.size() - end_};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    Control control{};
    if (descriptors_ == Descriptors::kTake) {
      message.msg_control = &control;
      message.msg_controllen = sizeof control.bytes;
    }
    const ssize_t count = ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    end_ += static_cast<std::size_t>(count);
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
         header = CMSG_NXTHDR(&message, header)) {
      if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
        received_.emplace_back(fd);
      }
    }
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
  if (received_.empty()) return {};
  vfio_user::UniqueFd fd = std::move(received_.front());
  received_.pop_front();
  return fd;
}

void Channel::shut_down() noexcept {
  ::shutdown(socket_.get(), SHUT_RDWR);
}

}  // namespace hgcm::sandbox

// SPDX-License-Identifier: MIT
//
// See descriptor.h.
#include "sandbox/descriptor.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace hgcm::sandbox {
namespace {

/// Room for the control message of one descriptor.
union Control {
  std::array<char, CMSG_SPACE(sizeof(int))> bytes;
  cmsghdr aligned;
};

}  // namespace

bool send_descriptor(int socket, int fd, std::string_view text) {
  if (text.empty()) text = std::string_view("", 1);
  text = text.substr(0, kMaxText);
  iovec part{const_cast<char*>(text.data()), text.size()};  // only read
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
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
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(socket, &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent > 0;
}

vfio_user::UniqueFd receive_descriptor(int socket, std::string* text) {
  // What follows a descriptor is not read together with it.
  std::array<char, kMaxText> bytes{};
  iovec part{bytes.data(), text != nullptr ? bytes.size() : 1};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  Control control{};
  message.msg_control = &control;
  message.msg_controllen = sizeof control.bytes;
  ssize_t count = 0;
  do {
    count = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (count < 0 && errno == EINTR);
  if (text != nullptr) text->assign(bytes.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
  if (count <= 0) return {};
  const cmsghdr* const header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
    return {};
  }
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return vfio_user::UniqueFd(fd);
}

}  // namespace hgcm::sandbox

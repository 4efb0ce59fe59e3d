// SPDX-License-Identifier: MIT
//
// A vfio-user client for tests: sends raw bytes and descriptors, reads whole messages, and plays
// the memory of a guest that was not shared (DMA messages). It never waits longer than ten seconds.
#ifndef HGCM_TESTS_VFIO_USER_CLIENT_H
#define HGCM_TESTS_VFIO_USER_CLIENT_H

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "support.h"

namespace hgcm::vfio_user::test {

struct Incoming {
  Bytes bytes;
  std::vector<UniqueFd> fds;
  [[nodiscard]] wire::Header header() const { return header_of(bytes); }
};

class Client {
 public:
  /// Over a socket that is already connected.
  explicit Client(UniqueFd socket) : socket_(std::move(socket)) {}
  explicit Client(const std::string& path, bool greet = true,
                  std::string_view version = R"({"capabilities":{}})")
      : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
        0) {
      throw std::runtime_error("connect");
    }
    if (greet && call(wire::Command::kVersion, version_payload(version)).header().error != 0) {
      throw std::runtime_error("version refused");
    }
  }

  void send(const Bytes& bytes, const std::vector<int>& fds = {}) {
    iovec data{.iov_base = const_cast<std::byte*>(bytes.data()), .iov_len = bytes.size()};
    std::vector<std::byte> control(CMSG_SPACE(fds.size() * sizeof(int)));
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    if (!fds.empty()) {
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      cmsghdr* const part = CMSG_FIRSTHDR(&message);
      part->cmsg_level = SOL_SOCKET;
      part->cmsg_type = SCM_RIGHTS;
      part->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
      std::memcpy(CMSG_DATA(part), fds.data(), fds.size() * sizeof(int));
    }
    if (::sendmsg(socket_.get(), &message, MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size())) {
      throw std::runtime_error("send");
    }
  }

  /// The next message, or nothing when the server has closed the connection.
  std::optional<Incoming> receive() {
    Incoming incoming;
    incoming.bytes.resize(sizeof(wire::Header));
    if (!fill(incoming, 0)) return std::nullopt;
    const std::uint32_t size = incoming.header().size;
    incoming.bytes.resize(size);
    if (size > sizeof(wire::Header) && !fill(incoming, sizeof(wire::Header))) return std::nullopt;
    return incoming;
  }
  [[nodiscard]] bool closed() {
    try {
      return !receive().has_value();
    } catch (const std::system_error&) {
      return true;  // reset instead of an end
    }
  }

  /// Sends a command and gives its reply; meanwhile answers DMA messages with on_dma.
  Incoming call(wire::Command command, const Bytes& payload, const std::vector<int>& fds = {}) {
    const std::uint16_t id = ++id_;
    send(message(command, payload, id), fds);
    return wait_reply(id);
  }
  Incoming wait_reply(std::uint16_t id) {
    for (;;) {
      auto incoming = receive();
      if (!incoming) throw std::runtime_error("closed while waiting for a reply");
      const wire::Header header = incoming->header();
      if ((header.flags & wire::kTypeMask) == wire::kTypeCommand) {
        answer_dma(*incoming);
      } else if (header.id == id) {
        return std::move(*incoming);
      } else {
        throw std::runtime_error("reply to something else");
      }
    }
  }
  std::uint32_t error_of(wire::Command command, const Bytes& payload,
                         const std::vector<int>& fds = {}) {
    return call(command, payload, fds).header().error;
  }

  void answer_dma(const Incoming& command) {
    const wire::Header header = command.header();
    const auto access = payload_field<wire::DmaAccess>(command.bytes, 0);
    dma.push_back(access);
    Bytes answer = payload_of(access);
    if (access.address > memory.size() || access.count > memory.size() - access.address) {
      throw std::runtime_error("DMA outside the memory");
    }
    const auto at = memory.begin() + static_cast<std::ptrdiff_t>(access.address);
    const auto count = static_cast<std::ptrdiff_t>(access.count);
    if (header.command == static_cast<std::uint16_t>(wire::Command::kDmaRead)) {
      answer.insert(answer.end(), at, at + count);
    } else {
      std::copy_n(command.bytes.begin() + 32, count, at);
    }
    send(message(static_cast<wire::Command>(header.command), answer, header.id, wire::kTypeReply));
  }

  [[nodiscard]] int socket() const { return socket_.get(); }
  void disconnect() { socket_.reset(); }

  /// Guest memory from address 0 for DMA messages, and the accesses that came.
  Bytes memory;
  std::vector<wire::DmaAccess> dma;

 private:
  bool fill(Incoming& incoming, std::size_t from) {
    while (from < incoming.bytes.size()) {
      pollfd polled{.fd = socket_.get(), .events = POLLIN, .revents = 0};
      if (::poll(&polled, 1, 10'000) <= 0) throw std::runtime_error("no answer in time");
      iovec data{.iov_base = incoming.bytes.data() + from, .iov_len = incoming.bytes.size() - from};
      alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(8 * sizeof(int))> control{};
      msghdr message{};
      message.msg_iov = &data;
      message.msg_iovlen = 1;
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      const ssize_t got = ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC);
      if (got < 0) throw std::system_error(errno, std::generic_category(), "recvmsg");
      if (got == 0) return false;
      for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
           part = CMSG_NXTHDR(&message, part)) {
        for (std::size_t i = 0; i < (part->cmsg_len - CMSG_LEN(0)) / sizeof(int); ++i) {
          int fd = -1;
          std::memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
          incoming.fds.emplace_back(fd);
        }
      }
      from += static_cast<std::size_t>(got);
    }
    return true;
  }

  UniqueFd socket_;
  std::uint16_t id_ = 100;
};

}  // namespace hgcm::vfio_user::test

#endif

// SPDX-License-Identifier: MIT
//
// The client side of the control protocol; see client.h.
#include "vmmdevd/vmctl/client.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>
#include <system_error>
#include <utility>

namespace hgcm::vmctl {
namespace {

/// The longest reply that is taken; far above what the daemon sends.
constexpr std::size_t kMaxReply = std::size_t{64} << 20;

Failure no_daemon(std::string description) {
  return {kNoDaemon, std::move(description), Json::object()};
}

std::string message_of(int error) {
  return std::generic_category().message(error);
}

ExitCode exit_code_of(std::string_view error_class) {
  if (error_class == "NotFound") {
    return kNotFound;
  }
  if (error_class == "PermissionDenied") {
    return kDenied;
  }
  return error_class == "Timeout" ? kTimedOut : kFailed;
}

Failure failure_of(const Json& error) {
  Failure failure{kFailed, "the daemon reports a failure", error};
  if (error.is_object()) {
    failure.code = exit_code_of(error.value("class", std::string()));
    failure.description = error.value("desc", failure.description);
  }
  return failure;
}

}  // namespace

tl::expected<Client, Failure> Client::connect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return tl::unexpected(no_daemon(fmt::format("{}: too long for the path of a socket", path)));
  }
  std::memcpy(address.sun_path, path.c_str(), path.size());
  Client client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (client.fd_ < 0 ||
      ::connect(client.fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return tl::unexpected(
        no_daemon(fmt::format("cannot reach vmmdevd at {}: {}", path, message_of(errno))));
  }
  const auto greeting = client.receive(std::chrono::steady_clock::now() + kPatience);
  if (!greeting) {
    return tl::unexpected(greeting.error());
  }
  if (greeting->contains("error")) {
    return tl::unexpected(failure_of((*greeting)["error"]));
  }
  if (!greeting->contains("OpenHGCM")) {
    return tl::unexpected(no_daemon(fmt::format("{}: it is not vmmdevd that listens there", path)));
  }
  return client;
}

Client::Client(Client&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), buffer_(std::move(other.buffer_)) {}

Client::~Client() {
  if (fd_ >= 0) {
    ::close(fd_);
  }
}

tl::expected<Json, Failure> Client::call(std::string_view command, Json arguments,
                                         std::optional<std::chrono::milliseconds> patience) {
  const Json request = {{"execute", command}, {"arguments", std::move(arguments)}, {"id", 1}};
  // Arguments come from a shell, which knows nothing of encodings.
  std::string line = request.dump(-1, ' ', true, Json::error_handler_t::replace) + '\n';
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t sent = ::send(fd_, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EINTR) {
      return tl::unexpected(no_daemon("the connection broke: " + message_of(errno)));
    }
    rest.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(sent, 0)));
  }
  Deadline deadline;
  if (patience) {
    deadline = std::chrono::steady_clock::now() + *patience;
  }
  for (;;) {
    auto message = receive(deadline);
    if (!message) {
      return message;
    }
    if (message->contains("return")) {
      return std::move((*message)["return"]);
    }
    if (message->contains("error")) {
      return tl::unexpected(failure_of((*message)["error"]));
    }
    // An event of an earlier subscription: not what was asked for.
  }
}

tl::expected<Json, Failure> Client::next_event() {
  for (;;) {
    auto message = receive(std::nullopt);
    if (!message || message->contains("event")) {
      return message;
    }
  }
}

tl::expected<Json, Failure> Client::receive(Deadline deadline) {
  std::size_t scanned = 0;
  for (;;) {
    const std::size_t end = buffer_.find('\n', scanned);
    if (end != std::string::npos) {
      Json message = Json::parse(
          buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(end), nullptr, false);
      buffer_.erase(0, end + 1);
      if (!message.is_object()) {
        return tl::unexpected(no_daemon("what answers does not speak the control protocol"));
      }
      return message;
    }
    scanned = buffer_.size();
    if (buffer_.size() > kMaxReply) {
      return tl::unexpected(no_daemon("what answers does not speak the control protocol"));
    }

    int timeout = -1;
    if (deadline) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(
          *deadline - std::chrono::steady_clock::now());
      timeout = static_cast<int>(
          std::clamp<std::int64_t>(left.count(), 0, std::numeric_limits<int>::max()));
    }
    pollfd poll_entry{fd_, POLLIN, 0};
    const int ready = ::poll(&poll_entry, 1, timeout);
    if (ready == 0) {
      return tl::unexpected(Failure{kTimedOut, "the daemon does not answer", Json::object()});
    }
    std::array<char, 16384> chunk{};
    const ssize_t size = ready < 0 ? -1 : ::recv(fd_, chunk.data(), chunk.size(), 0);
    if (size < 0 && errno == EINTR) {
      continue;
    }
    if (size < 0) {
      return tl::unexpected(no_daemon("the connection broke: " + message_of(errno)));
    }
    if (size == 0) {
      return tl::unexpected(no_daemon("the daemon closed the connection"));
    }
    buffer_.append(chunk.data(), static_cast<std::size_t>(size));
  }
}

}  // namespace hgcm::vmctl

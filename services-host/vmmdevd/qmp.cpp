// SPDX-License-Identifier: MIT
//
// See qmp.h.
#include "vmmdevd/qmp.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace hgcm::vmmdevd {
namespace {

using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxLine = std::size_t{1} << 20;

std::string reason(int error) {
  return std::generic_category().message(error);
}

class Connection {
 public:
  Connection(int fd, Clock::time_point deadline) : fd_(fd), deadline_(deadline) {}
  ~Connection() { ::close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  tl::expected<Json, std::string> call(const Json& command) {
    const std::string line = command.dump() + "\r\n";
    if (::send(fd_, line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size())) {
      return tl::unexpected(reason(errno));
    }
    for (;;) {
      auto message = receive();
      if (!message) return message;
      if (const auto error = message->find("error"); error != message->end()) {
        return tl::unexpected(error->is_object() ? error->value("desc", std::string("it refused"))
                                                 : std::string("it refused"));
      }
      if (const auto result = message->find("return"); result != message->end()) {
        return Json(std::move(*result));
      }
    }
  }

  /// The next message of any kind.
  tl::expected<Json, std::string> receive() {
    std::size_t end = 0;
    while ((end = buffer_.find('\n')) == std::string::npos) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now());
      pollfd ready{fd_, POLLIN, 0};
      const int found = left.count() <= 0 ? 0 : ::poll(&ready, 1, static_cast<int>(left.count()));
      if (found < 0 && errno == EINTR) continue;
      if (found <= 0) return tl::unexpected(std::string("it does not answer"));
      std::array<char, 4096> part{};
      const ssize_t size = ::recv(fd_, part.data(), part.size(), 0);
      if (size <= 0 || buffer_.size() > kMaxLine) {
        return tl::unexpected(std::string("it hung up"));
      }
      buffer_.append(part.data(), static_cast<std::size_t>(size));
    }
    Json message = Json::parse(buffer_.substr(0, end), nullptr, false);
    buffer_.erase(0, end + 1);
    if (!message.is_object()) return tl::unexpected(std::string("it does not speak QMP"));
    return message;
  }

 private:
  const int fd_;
  const Clock::time_point deadline_;
  std::string buffer_;
};

}  // namespace

tl::expected<Json, std::string> execute_qmp(const std::filesystem::path& socket,
                                            const Json& command,
                                            std::chrono::milliseconds patience) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.native().size() >= sizeof address.sun_path) {
    return tl::unexpected(reason(ENAMETOOLONG));
  }
  std::memcpy(address.sun_path, socket.c_str(), socket.native().size());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return tl::unexpected(reason(errno));
  Connection connection(fd, Clock::now() + patience);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return tl::unexpected(reason(errno));
  }
  if (const auto greeting = connection.receive(); !greeting || !greeting->contains("QMP")) {
    return tl::unexpected(greeting ? std::string("it does not speak QMP") : greeting.error());
  }
  if (auto ready = connection.call({{"execute", "qmp_capabilities"}}); !ready) return ready;
  return connection.call(command);
}

}  // namespace hgcm::vmmdevd

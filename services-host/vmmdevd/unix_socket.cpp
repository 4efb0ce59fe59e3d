// SPDX-License-Identifier: MIT
//
// Listening Unix stream sockets; see unix_socket.h.
#include "vmmdevd/unix_socket.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace hgcm::vmmdevd {
namespace {

namespace fs = std::filesystem;

constexpr int kBacklog = 16;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

std::string because(const fs::path& path, std::string_view what, int error) {
  return fmt::format("{}: {}: {}", path.string(), what, std::generic_category().message(error));
}

/// Removes a socket that nobody listens on. False, with `detail`, when the name is in use.
bool clear_name(const fs::path& path, const sockaddr_un& address, std::string& detail) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) {
      return true;
    }
    detail = because(path, "cannot look at it", errno);
    return false;
  }
  if (!S_ISSOCK(status.st_mode)) {
    detail = fmt::format("{}: exists and is not a socket", path.string());
    return false;
  }
  const Descriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (probe.get() < 0) {
    detail = because(path, "cannot make a socket", errno);
    return false;
  }
  // A live listener with a full backlog answers EAGAIN: only a refusal proves that nobody is there.
  if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
      errno != ECONNREFUSED) {
    detail = fmt::format("{}: another program listens there", path.string());
    return false;
  }
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    detail = because(path, "cannot remove the stale socket", errno);
    return false;
  }
  return true;
}

}  // namespace

std::optional<ListeningSocket> ListeningSocket::create(const fs::path& path, std::string& detail) {
  std::error_code error;
  const fs::path absolute = fs::absolute(path, error);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (error || path.empty() || path.native().size() >= sizeof address.sun_path) {
    detail = fmt::format("{}: not usable as the name of a socket (at most {} bytes)", path.string(),
                         sizeof address.sun_path - 1);
    return std::nullopt;
  }
  std::memcpy(address.sun_path, path.c_str(), path.native().size());

  // Two daemons that start at once would both find the same stale file, and the slower one would
  // remove the socket of the faster. A lock on the directory lets one pass at a time.
  const fs::path directory = absolute.parent_path();
  const Descriptor lock(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (lock.get() < 0 || ::flock(lock.get(), LOCK_EX) != 0) {
    detail = because(directory, "cannot use the directory", errno);
    return std::nullopt;
  }
  if (!clear_name(path, address, detail)) {
    return std::nullopt;
  }
  Descriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd.get() < 0) {
    detail = because(path, "cannot make a socket", errno);
    return std::nullopt;
  }
  // On Linux a socket file gets the mode of the descriptor, so no umask (which is the whole
  // process's) and no moment of a wider mode.
  if (::fchmod(fd.get(), S_IRUSR | S_IWUSR) != 0 ||
      ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    detail = because(path, "cannot bind", errno);
    return std::nullopt;
  }
  ListeningSocket result;
  result.path_ = absolute;
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0) {
    result.device_ = status.st_dev;
    result.inode_ = status.st_ino;
  }
  if (::listen(fd.get(), kBacklog) != 0) {
    detail = because(path, "cannot listen", errno);
    return std::nullopt;
  }
  result.fd_ = fd.release();
  return result;
}

ListeningSocket::ListeningSocket(ListeningSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      path_(std::exchange(other.path_, {})),
      device_(other.device_),
      inode_(other.inode_) {}

ListeningSocket& ListeningSocket::operator=(ListeningSocket&& other) noexcept {
  if (this != &other) {
    remove();
    fd_ = std::exchange(other.fd_, -1);
    path_ = std::exchange(other.path_, {});
    device_ = other.device_;
    inode_ = other.inode_;
  }
  return *this;
}

ListeningSocket::~ListeningSocket() {
  remove();
}

int ListeningSocket::release_fd() noexcept {
  return std::exchange(fd_, -1);
}

void ListeningSocket::remove() noexcept {
  if (fd_ >= 0) {
    ::close(std::exchange(fd_, -1));
  }
  struct stat status {};
  if (!path_.empty() && ::lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ &&
      status.st_ino == inode_) {
    ::unlink(path_.c_str());
  }
  path_.clear();
}

}  // namespace hgcm::vmmdevd

// SPDX-License-Identifier: MIT
//
// The listening socket and its file. See listener.h.
#include "vfio-user/listener.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <exception>

namespace hgcm::vfio_user {

namespace {

constexpr int kBacklog = 4;

/// True: the path names a socket on which nobody listens, and it has been removed.
bool remove_stale(const sockaddr_un& address) noexcept {
  struct stat info {};
  if (::lstat(address.sun_path, &info) != 0 || !S_ISSOCK(info.st_mode)) return false;
  const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!probe) return false;
  const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
  if (::connect(probe.get(), generic, sizeof address) == 0 || errno != ECONNREFUSED) return false;
  return ::unlink(address.sun_path) == 0;
}

}  // namespace

Listener::~Listener() {
  close();
}

Status Listener::open(const std::string& path) noexcept try {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty()) return HGCM_ERR_INVALID_NAME;
  if (path.size() >= sizeof address.sun_path) return HGCM_ERR_FILENAME_TOO_LONG;
  std::memcpy(address.sun_path, path.data(), path.size());

  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return Status::from_errno(errno);
  // bind() gives the file the mode that the socket has, so it is never open to others.
  if (::fchmod(fd.get(), S_IRUSR | S_IWUSR) != 0) return Status::from_errno(errno);
  const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
  if (::bind(fd.get(), generic, sizeof address) != 0) {
    if (errno != EADDRINUSE) return Status::from_errno(errno);
    if (!remove_stale(address)) return HGCM_ERR_ALREADY_EXISTS;
    if (::bind(fd.get(), generic, sizeof address) != 0) {
      return errno == EADDRINUSE ? Status(HGCM_ERR_ALREADY_EXISTS) : Status::from_errno(errno);
    }
  }
  struct stat info {};
  if (::lstat(address.sun_path, &info) != 0 || ::listen(fd.get(), kBacklog) != 0) {
    const int error = errno;
    ::unlink(address.sun_path);
    return Status::from_errno(error);
  }
  path_ = path;
  device_ = info.st_dev;
  inode_ = info.st_ino;
  fd_ = std::move(fd);
  return {};
} catch (const std::exception&) {
  return HGCM_ERR_NO_MEMORY;
}

void Listener::close() noexcept {
  if (!fd_) return;
  fd_.reset();
  struct stat info {};
  if (::lstat(path_.c_str(), &info) == 0 && info.st_dev == device_ && info.st_ino == inode_) {
    ::unlink(path_.c_str());
  }
}

UniqueFd Listener::accept() noexcept {
  return UniqueFd(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
}

}  // namespace hgcm::vfio_user

// SPDX-License-Identifier: MIT
//
// The process that outlives us by a moment. See connection_keeper.h.
#include "vfio-user/connection_keeper.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstddef>
#include <cstring>

namespace hgcm::vfio_user {

namespace {

void close_between(int first, int last) noexcept {
  if (first <= last) {
    ::close_range(static_cast<unsigned>(first), static_cast<unsigned>(last), 0);
  }
}

/// In the child of a process with threads: system calls only.
[[noreturn]] void keep(int socket, int leash) noexcept {
  ::setsid();
  ::prctl(PR_SET_NAME, "vfio-user-keep");
  const auto [low, high] = std::minmax(socket, leash);
  close_between(0, low - 1);
  close_between(low + 1, high - 1);
  close_between(high + 1, INT_MAX);
  std::byte nothing{};
  while (::read(leash, &nothing, 1) < 0 && errno == EINTR) {
  }
  hang_up(socket);
  ::_exit(0);
}

}  // namespace

void hang_up(int socket) noexcept {
  // The client cannot send after this, so what is read then is all there is.
  ::shutdown(socket, SHUT_RDWR);
  std::array<std::byte, 4096> unread;
  for (;;) {
    const ssize_t count = ::recv(socket, unread.data(), unread.size(), MSG_DONTWAIT);
    if (count == 0 || (count < 0 && errno != EINTR)) return;
  }
}

ConnectionKeeper::ConnectionKeeper(int socket) noexcept {
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    spdlog::warn("vfio-user: the connection has no keeper: {}", std::strerror(errno));
    return;
  }
  UniqueFd theirs(ends[0]);
  leash_.reset(ends[1]);
  // Signals are for us; in the child their handlers would use descriptors that it does not have.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  process_ = ::fork();
  if (process_ == 0) keep(socket, theirs.get());
  const int error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (process_ < 0) {
    spdlog::warn("vfio-user: the connection has no keeper: {}", std::strerror(error));
    leash_.reset();
  }
}

ConnectionKeeper::~ConnectionKeeper() {
  leash_.reset();
  while (process_ > 0 && ::waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace hgcm::vfio_user

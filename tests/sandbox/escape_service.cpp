// SPDX-License-Identifier: MIT
//
// A service that does what a service that a guest has taken over would do, and tells what came of
// it. For sandboxes only: some of it would harm the process it runs in.
#include <fcntl.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <hgcm/service.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "escape_functions.h"

namespace {

using hgcm::Status;
using hgcm::service::Call;
using hgcm::service::Out;
using hgcm::test::Attempt;

/// 0, or the errno value it failed with.
std::uint32_t attempt(Attempt what) {
  errno = 0;
  long result = -1;
  switch (what) {
    case Attempt::kOpenByPath:
      result = ::open("/etc/passwd", O_RDONLY);
      break;
    case Attempt::kOpenAboveDirectory:
      result = ::openat(hgcm::test::kDirectory, "../etc/passwd", O_RDONLY);
      break;
    case Attempt::kOpenFarAboveDirectory:
      result = ::openat(hgcm::test::kDirectory, "../../../../../../../etc/passwd", O_RDONLY);
      break;
    case Attempt::kFollowLinkOut:
      result = ::openat(hgcm::test::kDirectory, "link", O_RDONLY);
      break;
    case Attempt::kOpenOtherProcess:
      result = ::open("/proc/1/status", O_RDONLY);
      break;
    case Attempt::kWriteRoot:
      result = ::openat(AT_FDCWD, "/new", O_WRONLY | O_CREAT, 0600);
      break;
    case Attempt::kSocket:
      result = ::socket(AF_INET, SOCK_STREAM, 0);
      break;
    case Attempt::kUnixSocket:
      result = ::socket(AF_UNIX, SOCK_STREAM, 0);
      break;
    case Attempt::kExecute: {
      char* const arguments[] = {nullptr};
      result = ::execve("/bin/true", arguments, arguments);
      break;
    }
    case Attempt::kTrace:
      result = ::ptrace(PTRACE_ATTACH, ::getppid(), nullptr, nullptr);
      break;
    case Attempt::kFork:
      result = ::syscall(SYS_fork);
      break;
    case Attempt::kCloneProcess:
      result = ::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr);
      break;
    case Attempt::kMount:
      result = ::mount("none", "/", "tmpfs", 0, nullptr);
      break;
    case Attempt::kNamespace:
      result = ::unshare(CLONE_NEWUSER);
      break;
    case Attempt::kKill:
      result = ::kill(::getpid(), 0);
      break;
    case Attempt::kExecutableMemory:
      result = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
                   ? -1
                   : 0;
      break;
    case Attempt::kRing: {
      io_uring_params parameters{};
      result = ::syscall(SYS_io_uring_setup, 1, &parameters);
      break;
    }
    case Attempt::kOpenByHandle:
      result = ::syscall(SYS_open_by_handle_at, hgcm::test::kDirectory, nullptr, 0);
      break;
    case Attempt::kMakeDevice:
      result = ::mknodat(hgcm::test::kDirectory, "device", S_IFCHR | 0600, 0);
      break;
    case Attempt::kRaiseLimit: {
      const rlimit limit{1, 1};
      result = ::setrlimit(RLIMIT_NOFILE, &limit);
      break;
    }
    case Attempt::kOpenInDirectory:
      result = ::openat(hgcm::test::kDirectory, "file", O_RDONLY);
      break;
  }
  return result >= 0 ? 0 : static_cast<std::uint32_t>(errno);
}

class Escape {
 public:
  static constexpr auto guest_functions() {
    using hgcm::service::function;
    return hgcm::service::functions(
        function(hgcm::test::kAttempt, &Escape::try_it), function(hgcm::test::kDie, &Escape::die),
        function(hgcm::test::kHang, &Escape::hang), function(hgcm::test::kWait, &Escape::wait));
  }
  /// As a share is added: the directory has been placed by then.
  static constexpr auto host_functions() {
    return hgcm::service::functions(hgcm::service::function(1, &Escape::add));
  }

 private:
  using Bytes = std::span<const std::byte>;
  Status add(Bytes /*path*/, Bytes /*name*/, std::uint32_t /*flags*/, Bytes /*mount_point*/,
             std::optional<std::uint32_t> /*policy*/) {
    return HGCM_INF_SUCCESS;
  }
  Status try_it(std::uint32_t what, Out<std::uint32_t> error) {
    error = attempt(static_cast<Attempt>(what));
    return HGCM_INF_SUCCESS;
  }
  Status die() { std::abort(); }
  Status hang() {
    while (true) ::pause();
  }
  void wait(Call call) { waiting_.push_back(std::move(call)); }

  std::vector<Call> waiting_;
};

}  // namespace

HGCM_EXPORT_SERVICE(Escape)

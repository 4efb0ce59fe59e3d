// SPDX-License-Identifier: MIT
//
// See process.h.
#include "sandbox/process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "sandbox/descriptor.h"

namespace hgcm::sandbox {
namespace {

/// A directory on a server that does not answer must not stop the service.
constexpr timeval kDirectoryPatience{5, 0};

/// What a new process starts with; the daemon's own signal settings are none of its business.
class Setup {
 public:
  explicit Setup(int socket) {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, socket, kSocketNumber);
    ::posix_spawnattr_init(&attributes);
    sigset_t signals;
    ::sigemptyset(&signals);
    ::posix_spawnattr_setsigmask(&attributes, &signals);
    ::sigfillset(&signals);
    ::posix_spawnattr_setsigdefault(&attributes, &signals);
    // Not of the terminal's foreground: the daemon ends it.
    ::posix_spawnattr_setpgroup(&attributes, 0);
    ::posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  ~Setup() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
  Setup(const Setup&) = delete;
  Setup& operator=(const Setup&) = delete;

  posix_spawn_file_actions_t actions{};
  posix_spawnattr_t attributes{};
};

}  // namespace

std::optional<Process> start_process(const std::filesystem::path& program, const char* what,
                                     const std::string& argument, std::string& detail) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    detail = std::string("no socket: ") + std::strerror(errno);
    return std::nullopt;
  }
  Process process{-1, vfio_user::UniqueFd(ends[0])};
  const vfio_user::UniqueFd theirs(ends[1]);
  const Setup setup(theirs.get());
  std::string name = program.string();
  std::string first = what;
  std::string second = argument;
  std::array<char*, 4> arguments = {name.data(), first.data(), second.data(), nullptr};
  std::array<char*, 1> environment = {nullptr};
  const int error = ::posix_spawn(&process.pid, name.c_str(), &setup.actions, &setup.attributes,
                                  arguments.data(), environment.data());
  if (error != 0) {
    detail = name + ": " + std::strerror(error);
    return std::nullopt;
  }
  return process;
}

std::string wait_for_end(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return "it is nobody's";
  }
  return WIFSIGNALED(status) ? std::string("signal ") + ::strsignal(WTERMSIG(status))
                             : "exit code " + std::to_string(WEXITSTATUS(status));
}

vfio_user::UniqueFd open_directory(const std::filesystem::path& program, const std::string& path,
                                   std::string& detail) {
  auto process = start_process(program, "directory", path, detail);
  if (!process) return {};
  ::setsockopt(process->socket.get(), SOL_SOCKET, SO_RCVTIMEO, &kDirectoryPatience,
               sizeof kDirectoryPatience);
  auto directory = receive_descriptor(process->socket.get(), &detail);
  if (detail.empty()) detail = path + ": no answer";
  ::kill(process->pid, SIGKILL);
  wait_for_end(process->pid);
  return directory;
}

}  // namespace hgcm::sandbox

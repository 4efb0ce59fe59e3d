// SPDX-License-Identifier: MIT
//
// The guest's half of the test harness: process 1, which runs commands for the host over a virtio
// serial port, any number at a time, and hands back what they print and how they end. Frames, both
// ways, little-endian: u32 payload size, u32 channel, u32 kind, payload; a channel is one command.
// The host's half is channel.py. Not a shell and not a security boundary: the host is trusted.

#include <endian.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

enum class Kind : std::uint32_t {
  kRun = 1,         // host: u32 user id, then NUL-terminated arguments
  kInput = 2,       // host: bytes for the command's standard input
  kInputEnd = 3,    // host: no more input
  kSignal = 4,      // host: u32 signal for the command's process group
  kOutput = 16,     // guest: bytes of standard output
  kError = 17,      // guest: bytes of standard error
  kExit = 18,       // guest: u32 exit code, 128 + N for signal N; the channel is closed
  kInputDone = 19,  // guest: u32 bytes of input that the command has taken or will never take
  kHello = 32,      // guest, once: the guest is up; kMagic
};

// Both sides discard everything before this: what a guest left behind when it was reset.
constexpr std::string_view kMagic{"\x01open-hgcm-vm-1\n", 16};
constexpr std::size_t kHeaderSize = 12;
constexpr std::size_t kMaxPayload = 1U << 20;
constexpr std::size_t kChunk = 1U << 16;
constexpr std::size_t kMaxUnsent = 1U << 18;
constexpr int kExitCannotRun = 127;

void append_u32(std::string& out, std::uint32_t value) {
  const std::uint32_t little = htole32(value);
  out.append(reinterpret_cast<const char*>(&little), sizeof little);
}

std::uint32_t read_u32(std::string_view bytes) {
  std::uint32_t little = 0;
  std::memcpy(&little, bytes.data(), sizeof little);
  return le32toh(little);
}

void close_and_forget(int& fd) {
  if (fd >= 0) close(fd);
  fd = -1;
}

struct Command {
  pid_t pid = -1;
  int input = -1;
  int output = -1;
  int error = -1;
  std::string unwritten;
  bool input_ended = false;
};

class Agent {
 public:
  Agent(int port, int child_signals) : port_(port), child_signals_(child_signals) {
    send(Kind::kHello, 0, kMagic);
  }

  // Returns only when the port fails for good.
  void serve() {
    for (;;) {
      std::vector<pollfd> polled;
      polled.push_back({port_, static_cast<short>(POLLIN | (unsent_.empty() ? 0 : POLLOUT)), 0});
      polled.push_back({child_signals_, POLLIN, 0});
      // A host that does not read stops the commands, not this process's memory from being finite.
      const bool room = unsent_.size() < kMaxUnsent;
      for (auto& [channel, command] : commands_) {
        if (room && command.output >= 0) polled.push_back({command.output, POLLIN, 0});
        if (room && command.error >= 0) polled.push_back({command.error, POLLIN, 0});
        if (command.input >= 0 && !command.unwritten.empty()) {
          polled.push_back({command.input, POLLOUT, 0});
        }
      }
      if (poll(polled.data(), polled.size(), -1) < 0 && errno != EINTR) return;
      if ((polled[0].revents & POLLOUT) != 0 && !flush()) return;
      if ((polled[0].revents & (POLLIN | POLLHUP)) != 0 && !receive()) return;
      if ((polled[0].revents & POLLHUP) != 0) usleep(50'000);  // the host has gone; it may return
      for (auto& [channel, command] : commands_) {
        if (room) forward(channel, Kind::kOutput, command.output, false);
        if (room) forward(channel, Kind::kError, command.error, false);
        write_input(channel, command);
      }
      if ((polled[1].revents & POLLIN) != 0) reap();
    }
  }

 private:
  void send(Kind kind, std::uint32_t channel, std::string_view payload) {
    append_u32(unsent_, static_cast<std::uint32_t>(payload.size()));
    append_u32(unsent_, channel);
    append_u32(unsent_, static_cast<std::uint32_t>(kind));
    unsent_.append(payload);
  }

  void send_u32(Kind kind, std::uint32_t channel, std::size_t value) {
    std::string payload;
    append_u32(payload, static_cast<std::uint32_t>(value));
    send(kind, channel, payload);
  }

  bool flush() {
    const ssize_t n = write(port_, unsent_.data(), std::min(unsent_.size(), kChunk));
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    unsent_.erase(0, static_cast<std::size_t>(n));
    return true;
  }

  bool receive() {
    std::array<char, kChunk> buffer{};
    const ssize_t n = read(port_, buffer.data(), buffer.size());
    if (n < 0) return errno == EAGAIN || errno == EINTR || errno == EPIPE;
    received_.append(buffer.data(), static_cast<std::size_t>(n));
    if (!synchronised_) {
      const std::size_t at = received_.find(kMagic);
      if (at == std::string::npos) return true;
      received_.erase(0, at + kMagic.size());
      synchronised_ = true;
    }
    std::size_t done = 0;
    while (received_.size() - done >= kHeaderSize) {
      const std::string_view rest = std::string_view(received_).substr(done);
      const std::size_t size = read_u32(rest);
      if (size > kMaxPayload) return false;
      if (rest.size() < kHeaderSize + size) break;
      handle(static_cast<Kind>(read_u32(rest.substr(8))), read_u32(rest.substr(4)),
             rest.substr(kHeaderSize, size));
      done += kHeaderSize + size;
    }
    received_.erase(0, done);
    return true;
  }

  void handle(Kind kind, std::uint32_t channel, std::string_view payload) {
    if (kind == Kind::kRun) {
      run(channel, payload);
      return;
    }
    const auto found = commands_.find(channel);
    if (found == commands_.end()) {
      // The command ended while this was on its way.
      if (kind == Kind::kInput) send_u32(Kind::kInputDone, channel, payload.size());
      return;
    }
    Command& command = found->second;
    if (kind == Kind::kInput) {
      command.unwritten.append(payload);
    } else if (kind == Kind::kInputEnd) {
      command.input_ended = true;
    } else if (kind == Kind::kSignal && payload.size() == 4) {
      kill(-command.pid, static_cast<int>(read_u32(payload)));
    }
  }

  void run(std::uint32_t channel, std::string_view payload) {
    std::vector<std::string> arguments;
    const std::uint32_t user = payload.size() >= 4 ? read_u32(payload) : 0;
    for (std::size_t at = 4; at < payload.size();) {
      const std::size_t end = std::min(payload.find('\0', at), payload.size());
      arguments.emplace_back(payload.substr(at, end - at));
      at = end + 1;
    }
    std::array<int, 2> in{-1, -1};
    std::array<int, 2> out{-1, -1};
    std::array<int, 2> err{-1, -1};
    pid_t pid = -1;
    if (!arguments.empty() && pipe2(in.data(), O_CLOEXEC) == 0 &&
        pipe2(out.data(), O_CLOEXEC) == 0 && pipe2(err.data(), O_CLOEXEC) == 0) {
      pid = fork();
    }
    if (pid == 0) become(arguments, user, in[0], out[1], err[1]);
    close_and_forget(in[0]);
    close_and_forget(out[1]);
    close_and_forget(err[1]);
    if (pid < 0) {
      send(Kind::kError, channel, "vm-agent: cannot start a process\n");
      send_u32(Kind::kExit, channel, kExitCannotRun);
      for (int* fd : {&in[1], &out[0], &err[0]}) close_and_forget(*fd);
      return;
    }
    for (const int fd : {in[1], out[0], err[0]}) fcntl(fd, F_SETFL, O_NONBLOCK);
    commands_[channel] = Command{pid, in[1], out[0], err[0], {}, false};
  }

  [[noreturn]] static void become(const std::vector<std::string>& arguments, std::uint32_t user,
                                  int in, int out, int err) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    std::signal(SIGPIPE, SIG_DFL);
    setsid();
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    const bool ready =
        user == 0 || (setgroups(0, nullptr) == 0 && setgid(user) == 0 && setuid(user) == 0);
    std::vector<char*> argv;
    for (const std::string& argument : arguments)
      argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    if (ready) execvp(argv[0], argv.data());
    dprintf(STDERR_FILENO, "vm-agent: cannot run %s: %s\n", argv[0], std::strerror(errno));
    _exit(kExitCannotRun);
  }

  // Passes on what the command has printed: one chunk, or all that is there.
  void forward(std::uint32_t channel, Kind kind, int& fd, bool all) {
    std::array<char, kChunk> buffer{};
    while (fd >= 0) {
      const ssize_t n = read(fd, buffer.data(), buffer.size());
      if (n > 0) {
        send(kind, channel, {buffer.data(), static_cast<std::size_t>(n)});
        if (!all) return;
      } else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
      } else {
        close_and_forget(fd);
      }
    }
  }

  void write_input(std::uint32_t channel, Command& command) {
    if (!command.unwritten.empty()) {
      const ssize_t n = command.input < 0 ? -1
                                          : write(command.input, command.unwritten.data(),
                                                  std::min(command.unwritten.size(), kChunk));
      if (n < 0 && command.input >= 0 && (errno == EAGAIN || errno == EINTR)) return;
      if (n < 0) close_and_forget(command.input);  // nobody reads: swallow the rest
      const std::size_t taken = n < 0 ? command.unwritten.size() : static_cast<std::size_t>(n);
      command.unwritten.erase(0, taken);
      send_u32(Kind::kInputDone, channel, taken);
    }
    if (command.input_ended && command.unwritten.empty()) close_and_forget(command.input);
  }

  // Also takes in orphans, which are process 1's to reap.
  void reap() {
    signalfd_siginfo info{};
    while (read(child_signals_, &info, sizeof info) > 0) {
    }
    int status = 0;
    for (pid_t pid = 0; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
      for (auto at = commands_.begin(); at != commands_.end(); ++at) {
        if (at->second.pid != pid) continue;
        finish(at->first, at->second, status);
        commands_.erase(at);
        break;
      }
    }
  }

  // A process that the command left behind may hold the pipes open: what it prints later is lost.
  void finish(std::uint32_t channel, Command& command, int status) {
    forward(channel, Kind::kOutput, command.output, true);
    forward(channel, Kind::kError, command.error, true);
    if (!command.unwritten.empty()) {
      send_u32(Kind::kInputDone, channel, command.unwritten.size());
    }
    for (int* fd : {&command.input, &command.output, &command.error}) close_and_forget(*fd);
    send_u32(Kind::kExit, channel,
             static_cast<std::uint32_t>(WIFEXITED(status) ? WEXITSTATUS(status)
                                                          : 128 + WTERMSIG(status)));
  }

  int port_;
  int child_signals_;
  bool synchronised_ = false;
  std::string received_;
  std::string unsent_;
  std::map<std::uint32_t, Command> commands_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: vm-agent PORT-DEVICE\n");
    return 2;
  }
  const int port = open(argv[1], O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (port < 0) {
    std::fprintf(stderr, "vm-agent: cannot open %s: %s\n", argv[1], std::strerror(errno));
    return 1;
  }
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGCHLD);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  const int child_signals = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
  if (child_signals < 0) return 1;
  Agent(port, child_signals).serve();
  std::fprintf(stderr, "vm-agent: the port failed: %s\n", std::strerror(errno));
  return 1;
}

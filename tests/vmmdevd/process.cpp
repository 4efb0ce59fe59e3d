// SPDX-License-Identifier: MIT
//
// Child processes for tests; see process.h.
#include "process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <stdexcept>
#include <thread>
#include <utility>

namespace hgcm::tests {
namespace {

constexpr std::chrono::seconds kLinePatience{20};
constexpr std::chrono::seconds kEndPatience{30};

std::array<int, 2> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    throw std::runtime_error("pipe2");
  }
  return ends;
}

bool drain(int& fd, std::string& text) {
  std::array<char, 4096> chunk{};
  const ssize_t size = ::read(fd, chunk.data(), chunk.size());
  if (size <= 0) {
    ::close(std::exchange(fd, -1));
    return false;
  }
  text.append(chunk.data(), static_cast<std::size_t>(size));
  return true;
}

}  // namespace

Process::Process(const std::filesystem::path& program, const std::vector<std::string>& arguments,
                 const std::vector<std::string>& environment) {
  const auto out = make_pipe();
  const auto err = make_pipe();
  std::string name = program.string();
  std::vector<char*> argv{name.data()};
  std::vector<std::string> copies = arguments;
  for (std::string& argument : copies) {
    argv.push_back(argument.data());
  }
  argv.push_back(nullptr);
  std::vector<std::string> added = environment;
  std::vector<char*> envp;
  for (std::string& entry : added) {
    envp.push_back(entry.data());
  }
  for (char** entry = environ; *entry != nullptr; ++entry) {
    envp.push_back(*entry);
  }
  envp.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err[1], STDERR_FILENO);
  const int error =
      posix_spawn(&pid_, program.c_str(), &actions, nullptr, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&actions);
  ::close(out[1]);
  ::close(err[1]);
  output_fd_ = out[0];
  errors_fd_ = err[0];
  if (error != 0) {
    throw std::runtime_error("cannot start " + name);
  }
}

Process::~Process() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  for (const int fd : {output_fd_, errors_fd_}) {
    if (fd >= 0) {
      ::close(fd);
    }
  }
}

void Process::signal(int number) const {
  ::kill(pid_, number);
}

bool Process::read_some(std::chrono::steady_clock::time_point deadline) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  if (left.count() <= 0 || (output_fd_ < 0 && errors_fd_ < 0)) {
    return false;
  }
  std::array<pollfd, 2> fds{{{output_fd_, POLLIN, 0}, {errors_fd_, POLLIN, 0}}};
  if (::poll(fds.data(), fds.size(), static_cast<int>(left.count())) <= 0) {
    return false;
  }
  if (fds[0].revents != 0) {
    drain(output_fd_, output);
  }
  if (fds[1].revents != 0) {
    drain(errors_fd_, errors);
  }
  return true;
}

bool Process::wait_for_line(const std::string& line) {
  const auto deadline = std::chrono::steady_clock::now() + kLinePatience;
  const auto seen = [&] { return ("\n" + output).find("\n" + line + "\n") != std::string::npos; };
  while (!seen()) {
    if (output_fd_ < 0 || !read_some(deadline)) {
      return seen();
    }
  }
  return true;
}

std::optional<int> Process::wait() {
  const auto deadline = std::chrono::steady_clock::now() + kEndPatience;
  while (read_some(deadline)) {
  }
  if (output_fd_ >= 0 || errors_fd_ >= 0) {
    return std::nullopt;
  }
  int status = 0;
  if (::waitpid(std::exchange(pid_, -1), &status, 0) < 0) {
    return std::nullopt;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

Finished run(const std::filesystem::path& program, const std::vector<std::string>& arguments,
             const std::vector<std::string>& environment) {
  Process process(program, arguments, environment);
  const auto status = process.wait();
  if (!status) {
    throw std::runtime_error(program.string() + " does not end");
  }
  return {*status, std::move(process.output), std::move(process.errors)};
}

}  // namespace hgcm::tests

// SPDX-License-Identifier: MIT
//
// Child processes for tests of whole programs: arguments in; output, exit status and signals out.
#ifndef HGCM_TESTS_VMMDEVD_PROCESS_H
#define HGCM_TESTS_VMMDEVD_PROCESS_H

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace hgcm::tests {

/// Killed at destruction if it still runs.
class Process {
 public:
  /// `environment`: entries NAME=VALUE on top of this process's own.
  Process(const std::filesystem::path& program, const std::vector<std::string>& arguments,
          const std::vector<std::string>& environment = {});
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();

  [[nodiscard]] pid_t id() const { return pid_; }
  void signal(int number) const;
  /// Reads standard output until this line was there. False: it ended, or 20 s passed.
  bool wait_for_line(const std::string& line);
  /// The exit status, or minus the number of the signal that killed it; empty after 30 s. Reads
  /// both outputs to their end.
  std::optional<int> wait();

  std::string output;
  std::string errors;

 private:
  /// False: nothing more will come, or it did not in time.
  bool read_some(std::chrono::steady_clock::time_point deadline);

  pid_t pid_ = -1;
  int output_fd_ = -1;
  int errors_fd_ = -1;
};

struct Finished {
  int status = 0;
  std::string output;
  std::string errors;
};

/// Runs a program to its end.
[[nodiscard]] Finished run(const std::filesystem::path& program,
                           const std::vector<std::string>& arguments,
                           const std::vector<std::string>& environment = {});

}  // namespace hgcm::tests

#endif

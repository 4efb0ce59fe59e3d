// SPDX-License-Identifier: MIT
//
// A running vmmdevd with its vmctl, in a directory of its own.
#ifndef HGCM_TESTS_VMMDEVD_PROGRAMS_H
#define HGCM_TESTS_VMMDEVD_PROGRAMS_H

#include "process.h"
#include "support.h"

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace hgcm::tests {

using Json = nlohmann::json;

class Programs {
 public:
  TemporaryDirectory directory;
  const std::filesystem::path socket = directory.path() / "device";
  const std::filesystem::path control = directory.path() / "control";
  const std::filesystem::path properties = directory.path() / "properties";
  const std::filesystem::path daemon_program = build_directory() / "bin/vmmdevd";
  const std::filesystem::path vmctl_program = build_directory() / "bin/vmctl";
  std::unique_ptr<Process> daemon;

  [[nodiscard]] std::vector<std::string> arguments(std::vector<std::string> more = {}) const {
    std::vector<std::string> all = {
        "--socket",       socket.string(),           "--control",
        control.string(), "--guest-properties-file", properties.string()};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  void start(const std::vector<std::string>& more = {},
             const std::vector<std::string>& environment = {}) {
    daemon = std::make_unique<Process>(daemon_program, arguments(more), environment);
    if (!daemon->wait_for_line("ready")) {
      daemon->signal(SIGKILL);
      (void)daemon->wait();
      BOOST_FAIL(daemon->errors);
    }
  }

  int end(int signal) const {
    daemon->signal(signal);
    return daemon->wait().value_or(-999);
  }

  [[nodiscard]] Finished vmctl(std::vector<std::string> given,
                               const std::vector<std::string>& environment = {}) const {
    given.insert(given.begin(), {"--control", control.string()});
    return run(vmctl_program, given, environment);
  }
  [[nodiscard]] Json vmctl_json(std::vector<std::string> given) const {
    given.emplace_back("--json");
    return Json::parse(vmctl(std::move(given)).output, nullptr, false);
  }

  /// Whether the file comes to hold the text, within the time that a slow machine may need.
  [[nodiscard]] static bool comes_to_hold(const std::filesystem::path& file,
                                          const std::string& text) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < deadline) {
      std::ifstream stream(file);
      const std::string now{std::istreambuf_iterator<char>(stream), {}};
      if (stream.is_open() && now.find(text) != std::string::npos) {
        return true;
      }
      // The file is watched, not waited for by guess: this only paces the polling.
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  }
};

}  // namespace hgcm::tests

#endif

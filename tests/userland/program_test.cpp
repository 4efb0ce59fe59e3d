// SPDX-License-Identifier: MIT
//
// The programs as they are installed, in processes of their own. What they do with a device is
// tested in-process; here: names, streams, exit codes, and a machine without a device.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string>

namespace {

namespace fs = std::filesystem;

struct Outcome {
  int code = -1;
  std::string output;  // both streams
};

/// The program of this build, or, where only the test was copied to (a guest), the one in the PATH.
/// Empty: neither.
fs::path program(const char* name) {
  const fs::path built = fs::read_symlink("/proc/self/exe").parent_path() / "../bin" / name;
  if (fs::exists(built)) {
    return built;
  }
  std::istringstream directories(std::getenv("PATH"));  // NOLINT(concurrency-mt-unsafe)
  for (std::string directory; std::getline(directories, directory, ':');) {
    if (fs::exists(fs::path(directory) / name)) {
      return fs::path(directory) / name;
    }
  }
  return {};
}

Outcome run(const fs::path& path, const std::string& arguments) {
  Outcome outcome;
  FILE* const pipe = ::popen((path.string() + " " + arguments + " 2>&1").c_str(), "r");
  std::array<char, 4096> chunk;
  while (const std::size_t size = std::fread(chunk.data(), 1, chunk.size(), pipe)) {
    outcome.output.append(chunk.data(), size);
  }
  const int status = ::pclose(pipe);
  outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return outcome;
}

bool machine_has_a_device() {
  return fs::exists("/dev/vboxguest") || fs::exists("/dev/vboxuser");
}

class Program : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (program(GetParam()).empty()) {
      GTEST_SKIP() << "the program is neither beside this test nor in the PATH";
    }
  }
};

TEST_P(Program, without_arguments_is_wrong_usage) {
  EXPECT_EQ(run(program(GetParam()), "").code, 2);
}

TEST_P(Program, help_succeeds) {
  const Outcome outcome = run(program(GetParam()), "--help");
  EXPECT_EQ(outcome.code, 0);
  EXPECT_NE(outcome.output.find("Usage"), std::string::npos);
}

TEST_P(Program, output_that_cannot_be_written_is_a_failure) {
  EXPECT_EQ(run(program(GetParam()), "--help >/dev/full").code, 10);
}

INSTANTIATE_TEST_SUITE_P(All, Program, testing::Values("guestprop", "VBoxControl", "hgcmctl"),
                         [](const auto& param) { return std::string(param.param); });

TEST(ProgramWithoutDevice, says_what_is_missing_and_exits_3) {
  if (machine_has_a_device() || program("guestprop").empty()) {
    GTEST_SKIP() << "this machine has a device, or the programs are not beside this test";
  }
  for (const auto& [name, arguments] : {std::pair{"guestprop", "get /a"},
                                        {"VBoxControl", "guestproperty get /a"},
                                        {"hgcmctl", "version"}}) {
    const Outcome outcome = run(program(name), arguments);
    EXPECT_EQ(outcome.code, 3) << name;
    EXPECT_NE(outcome.output.find("/dev/vboxguest does not exist"), std::string::npos)
        << outcome.output;
  }
}

}  // namespace

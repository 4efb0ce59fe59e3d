// SPDX-License-Identifier: MIT
//
// vmmdevd where `make install` puts it: what it finds beside itself, and what it says and does when
// the process that confines shared folders is not there.
#include "hgcm/sched_attributes.h"
#include "hgcm/scheduling.h"
#include "programs.h"

#include <csignal>
#include <fstream>
#include <vector>

namespace host = hgcm::host;
using namespace hgcm::tests;
namespace fs = std::filesystem;

namespace {

struct Installed : Programs {
  Installed() {
    fs::create_directories(prefix / "bin");
    fs::create_directories(helpers);
    fs::copy_file(daemon_program, program);
    fs::create_directory_symlink(build_directory() / "services", helpers / "services");
  }

  void install_sandbox() const {
    fs::copy_file(build_directory() / "bin/vmmdevd-sandbox", helpers / "vmmdevd-sandbox");
  }
  void start_installed(const std::string& sandbox) {
    daemon = std::make_unique<Process>(program, arguments({"--sandbox", sandbox}));
    if (!daemon->wait_for_line("ready")) {
      (void)daemon->wait();
      BOOST_FAIL(daemon->errors);
    }
  }

  const fs::path prefix = directory.path() / "prefix";
  const fs::path program = prefix / "bin/vmmdevd";
  const fs::path helpers = prefix / "lib/openhgcm";
};

std::vector<pid_t> threads_of(pid_t process) {
  std::vector<pid_t> threads;
  for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(process) + "/task")) {
    threads.push_back(static_cast<pid_t>(std::stol(entry.path().filename())));
  }
  return threads;
}
std::vector<pid_t> children_of(pid_t process) {
  std::vector<pid_t> children;
  for (const pid_t thread : threads_of(process)) {
    std::ifstream list("/proc/" + std::to_string(process) + "/task/" + std::to_string(thread) +
                       "/children");
    for (pid_t child = 0; list >> child;) children.push_back(child);
  }
  return children;
}

bool contains(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(daemon_installed, Installed)

BOOST_AUTO_TEST_CASE(folders_that_must_be_confined_and_cannot_be_end_it) {
  const Finished ended = run(program, arguments({"--sandbox", "on"}));
  BOOST_TEST(ended.status == 1);
  BOOST_TEST(contains(ended.errors, "shared folders cannot be confined"));
  BOOST_TEST(contains(ended.errors, "there is no vmmdevd-sandbox"));
  BOOST_TEST(!fs::exists(socket));
}

BOOST_AUTO_TEST_CASE(folders_that_may_be_confined_and_cannot_be_are_served_with_a_warning) {
  start_installed("auto");
  BOOST_TEST(vmctl({"sharedfolder", "add", "src", directory.path().string()}).status == 0);
  BOOST_TEST(end(SIGTERM) == 0);
  BOOST_TEST(contains(daemon->errors, "served by this process, not by a confined one"));
}

BOOST_AUTO_TEST_CASE(program_that_confines_is_found_in_the_library_directory) {
  install_sandbox();
  start_installed("auto");
  BOOST_TEST(vmctl({"sharedfolder", "add", "src", directory.path().string()}).status == 0);
  BOOST_TEST(end(SIGTERM) == 0);
  // Where the kernel does not let it confine anything, it says so itself.
  BOOST_TEST(!contains(daemon->errors, "there is no vmmdevd-sandbox"));
  BOOST_TEST((contains(daemon->errors, "shared folders are confined") ||
              contains(daemon->errors, "not by a confined one")));
}

BOOST_AUTO_TEST_CASE(all_threads_take_short_turns_and_those_of_the_confined_process_too) {
  install_sandbox();
  start_installed("auto");
  BOOST_TEST(vmctl({"sharedfolder", "add", "src", directory.path().string()}).status == 0);
  std::vector<pid_t> processes = children_of(daemon->id());
  processes.push_back(daemon->id());
  std::size_t looked_at = 0;
  for (const pid_t process : processes) {
    for (const pid_t thread : threads_of(process)) {
      host::SchedAttributes attributes;
      // It may have ended meanwhile.
      if (!host::get_attributes(thread, attributes)) continue;
      // Kernels before 6.12 have no turns of their own for anybody.
      if (attributes.runtime == 0) continue;
      BOOST_TEST(attributes.runtime == std::chrono::nanoseconds(host::kShortTurn).count());
      ++looked_at;
    }
  }
  host::SchedAttributes own;
  BOOST_REQUIRE(host::get_attributes(0, own));
  // Event loop, service threads, the device's; and in the other process at least two.
  if (own.runtime != 0) BOOST_TEST(looked_at > 4U);
  BOOST_TEST(end(SIGTERM) == 0);
  // Where the kernel tells of children.
  if (contains(daemon->errors, "shared folders are confined") &&
      fs::exists("/proc/thread-self/children")) {
    BOOST_TEST(processes.size() > 1U);
  }
}

BOOST_AUTO_TEST_SUITE_END()

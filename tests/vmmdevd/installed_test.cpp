// SPDX-License-Identifier: MIT
//
// vmmdevd where `make install` puts it: what it finds beside itself, and what it says and does when
// the process that confines shared folders is not there.
#include "programs.h"

#include <csignal>

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

BOOST_AUTO_TEST_SUITE_END()

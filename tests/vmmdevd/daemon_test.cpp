// SPDX-License-Identifier: MIT
//
// The real vmmdevd as a process: start, end, sockets, the property file, hostile clients.
#include "programs.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <csignal>
#include <cstring>

using namespace hgcm::tests;
namespace fs = std::filesystem;

namespace {

/// Connects, sends, hangs up.
void throw_at(const fs::path& path, const std::string& bytes) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.native().size());
  BOOST_REQUIRE(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  (void)::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  ::close(fd);
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(daemon_process, Programs)

BOOST_AUTO_TEST_CASE(ready_means_both_sockets_listen_for_the_owner_only) {
  start();
  for (const fs::path& path : {socket, control}) {
    struct stat status {};
    BOOST_REQUIRE(::stat(path.c_str(), &status) == 0);
    BOOST_TEST(S_ISSOCK(status.st_mode));
    BOOST_TEST((status.st_mode & 07777U) == 0600U);
  }
  BOOST_TEST(daemon->output.find("vfio-user-pci") != std::string::npos);
  BOOST_TEST(vmctl({"execute", "version"}).status == 0);
}

BOOST_AUTO_TEST_CASE(each_way_to_end_is_clean) {
  for (const int signal : {SIGTERM, SIGINT}) {
    start();
    BOOST_TEST(end(signal) == 0);
    BOOST_TEST(!fs::exists(socket));
    BOOST_TEST(!fs::exists(control));
  }
  start();
  BOOST_TEST(vmctl({"quit"}).status == 0);
  BOOST_TEST(daemon->wait().value_or(-999) == 0);
  BOOST_TEST(!fs::exists(socket));
}

BOOST_AUTO_TEST_CASE(live_sockets_are_not_taken) {
  start();
  const Finished second = run(daemon_program, arguments());
  BOOST_TEST(second.status == 1);
  BOOST_TEST(second.errors.find("another program") != std::string::npos);
  const Finished third =
      run(daemon_program, {"--socket", socket.string(), "--control", (directory.path() / "c2")});
  BOOST_TEST(third.status == 1);
  BOOST_TEST(vmctl({"services"}).status == 0);
}

BOOST_AUTO_TEST_CASE(stale_sockets_are_replaced) {
  start();
  BOOST_TEST(end(SIGKILL) == -SIGKILL);
  BOOST_REQUIRE(fs::is_socket(socket));
  BOOST_REQUIRE(fs::is_socket(control));
  start();
  BOOST_TEST(vmctl({"services"}).status == 0);
}

BOOST_AUTO_TEST_CASE(properties_survive_a_restart_but_not_transient_ones) {
  start();
  BOOST_TEST(vmctl({"guestproperty", "set", "/Keep", "k", "--flags", "RDONLYGUEST"}).status == 0);
  BOOST_TEST(vmctl({"guestproperty", "set", "/Drop", "d", "--flags", "TRANSIENT"}).status == 0);
  const Json before = vmctl_json({"guestproperty", "get", "/Keep"});
  BOOST_TEST(end(SIGTERM) == 0);
  start();
  BOOST_TEST(vmctl_json({"guestproperty", "get", "/Keep"}) == before);
  BOOST_TEST(vmctl({"guestproperty", "get", "/Drop"}).status == 3);
}

BOOST_AUTO_TEST_CASE(properties_survive_kill) {
  start();
  BOOST_TEST(vmctl({"guestproperty", "set", "/Keep", "before"}).status == 0);
  BOOST_REQUIRE(comes_to_hold(properties, "before"));
  daemon->signal(SIGKILL);
  BOOST_TEST(daemon->wait().value_or(0) == -SIGKILL);
  start();
  BOOST_TEST(vmctl({"guestproperty", "get", "/Keep"}).output == "Value: before\n");
}

BOOST_AUTO_TEST_CASE(kill_during_changes_leaves_a_whole_file) {
  for (int round = 0; round < 5; ++round) {
    start();
    Process changing(vmctl_program, {"--control", control.string(), "guestproperty", "set",
                                     "/Round/" + std::to_string(round), std::string(1000, 'v')});
    daemon->signal(SIGKILL);
    BOOST_TEST(daemon->wait().value_or(0) == -SIGKILL);
    BOOST_TEST(changing.wait().has_value());
  }
  start();  // which refuses a file that is not whole
  BOOST_TEST(vmctl({"guestproperty", "enumerate"}).status == 0);
}

BOOST_AUTO_TEST_CASE(file_that_is_not_ours_is_refused_and_left_alone) {
  std::ofstream(properties) << "not a property file";
  const Finished refused = run(daemon_program, arguments());
  BOOST_TEST(refused.status == 1);
  BOOST_TEST(refused.errors.find("guest properties are not usable") != std::string::npos);
  BOOST_TEST(fs::file_size(properties) == 19U);
}

BOOST_AUTO_TEST_CASE(unknown_service_ends_it_with_a_reason) {
  const Finished refused =
      run(daemon_program, arguments({"--service", "VBoxGuestPropSvc", "--service", "NoSuchSvc"}));
  BOOST_TEST(refused.status == 1);
  BOOST_TEST(refused.errors.find("service=NoSuchSvc") != std::string::npos);
  BOOST_TEST(!fs::exists(control));
}

BOOST_AUTO_TEST_CASE(unusable_log_file_ends_it) {
  BOOST_TEST(run(daemon_program, arguments({"--log-file", "/dev/null/x"})).status == 1);
}

BOOST_AUTO_TEST_CASE(service_manager_is_told) {
  const fs::path notify = directory.path() / "notify";
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, notify.c_str(), notify.native().size());
  BOOST_REQUIRE(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  start({}, {"NOTIFY_SOCKET=" + notify.string()});
  const timeval patience{20, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  char text[64];
  ssize_t size = ::recv(fd, text, sizeof text, 0);
  BOOST_TEST(std::string(text, static_cast<std::size_t>(std::max<ssize_t>(size, 0))) == "READY=1");
  BOOST_TEST(end(SIGTERM) == 0);
  size = ::recv(fd, text, sizeof text, 0);
  BOOST_TEST(std::string(text, static_cast<std::size_t>(std::max<ssize_t>(size, 0))) ==
             "STOPPING=1");
  ::close(fd);
}

BOOST_AUTO_TEST_CASE(broken_pipes_are_survived) {
  start();
  daemon->signal(SIGPIPE);
  BOOST_TEST(vmctl({"services"}).status == 0);
  BOOST_TEST(end(SIGTERM) == 0);
}

BOOST_AUTO_TEST_CASE(garbage_on_either_socket_is_survived) {
  start();
  std::string noise;
  for (unsigned i = 0; i < 20000; ++i) {
    noise += static_cast<char>((i * 7919U) >> 3U);
  }
  for (int i = 0; i < 5; ++i) {
    for (const fs::path& path : {socket, control}) {
      throw_at(path, "");
      throw_at(path, noise.substr(static_cast<std::size_t>(i)));
      throw_at(path, std::string(64, '\0'));
      throw_at(path, std::string(64, '\xff'));
    }
  }
  BOOST_TEST(vmctl({"services"}).status == 0);
  BOOST_TEST(end(SIGTERM) == 0);
}

BOOST_AUTO_TEST_CASE(stuck_service_does_not_keep_it_alive) {
  const fs::path fifo = directory.path() / "fifo";
  BOOST_REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  start({"--service", "VBoxGuestPropSvc", "--service",
         "HgcmStuckSvc=" + (build_directory() / "tests/services/HgcmStuckSvc.so").string()});
  // Opens for writing only once the service is in its handler, which is the moment to end.
  Process asking(vmctl_program, {"--control", control.string(), "info", "stuck", fifo.string()});
  const int fd = ::open(fifo.c_str(), O_WRONLY | O_CLOEXEC);
  BOOST_TEST(vmctl({"guestproperty", "set", "/a", "v"}).status == 0);
  BOOST_TEST(end(SIGTERM) == 1);
  BOOST_TEST(asking.wait().value_or(0) == 6);
  BOOST_TEST(!fs::exists(control));
  ::close(fd);
}

BOOST_AUTO_TEST_CASE(second_signal_ends_it_at_once) {
  const fs::path fifo = directory.path() / "fifo";
  BOOST_REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  start({"--service", "VBoxGuestPropSvc", "--service",
         "HgcmStuckSvc=" + (build_directory() / "tests/services/HgcmStuckSvc.so").string()},
        {});
  Process asking(vmctl_program, {"--control", control.string(), "info", "stuck", fifo.string()});
  const int fd = ::open(fifo.c_str(), O_WRONLY | O_CLOEXEC);
  daemon->signal(SIGTERM);
  // Its client is closed after the first signal has been taken, and before the wait for the
  // service.
  BOOST_TEST(asking.wait().value_or(0) == 6);
  BOOST_TEST(end(SIGTERM) == -SIGTERM);
  ::close(fd);
}

BOOST_AUTO_TEST_CASE(installed_layout_finds_its_services) {
  // The same programs as `make install` puts them: bin/ beside lib/openhgcm/services/.
  const fs::path prefix = directory.path() / "prefix";
  fs::create_directories(prefix / "bin");
  fs::create_directories(prefix / "lib/openhgcm/services");
  fs::copy(daemon_program, prefix / "bin/vmmdevd");
  for (const char* service : {"VBoxGuestPropSvc.so", "VBoxSharedFolders.so"}) {
    fs::copy(build_directory() / "services" / service, prefix / "lib/openhgcm/services");
  }
  Process installed(prefix / "bin/vmmdevd", arguments());
  BOOST_REQUIRE(installed.wait_for_line("ready"));
  BOOST_TEST(vmctl_json({"services"})[0]["path"] ==
             (prefix / "lib/openhgcm/services/VBoxGuestPropSvc.so").string());
  installed.signal(SIGTERM);
  BOOST_TEST(installed.wait().value_or(-999) == 0);
}

BOOST_AUTO_TEST_SUITE_END()

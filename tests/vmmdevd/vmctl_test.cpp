// SPDX-License-Identifier: MIT
//
// vmctl as a process against a real vmmdevd: what it prints, and its exit codes.
#include "programs.h"

#include <atomic>
#include <csignal>

using namespace hgcm::tests;

BOOST_FIXTURE_TEST_SUITE(vmctl_process, Programs)

BOOST_AUTO_TEST_CASE(property_is_set_read_listed_and_deleted) {
  start();
  Finished done = vmctl(
      {"guestproperty", "set", "/Site/Role", "build host", "--flags", "transient,rdonlyguest"});
  BOOST_TEST(done.status == 0);
  BOOST_TEST(done.output == "");
  BOOST_TEST(vmctl({"guestproperty", "get", "/Site/Role"}).output == "Value: build host\n");
  const std::string verbose = vmctl({"guestproperty", "get", "/Site/Role", "--verbose"}).output;
  BOOST_TEST(verbose.starts_with("Value: build host\nTimestamp: "));
  BOOST_TEST(verbose.ends_with(" ns\nFlags: TRANSIENT, RDONLYGUEST\n"));
  const std::string list = vmctl({"guestproperty", "enumerate", "/Site/*", "/None"}).output;
  BOOST_TEST(list.starts_with("Name: /Site/Role, value: build host, timestamp: "));
  BOOST_TEST(list.ends_with(", flags: TRANSIENT, RDONLYGUEST\n"));
  BOOST_TEST(vmctl({"guestproperty", "delete", "/Site/Role"}).status == 0);
  done = vmctl({"guestproperty", "get", "/Site/Role"});
  BOOST_TEST(done.status == 3);
  BOOST_TEST(done.output == "No value set!\n");
}

BOOST_AUTO_TEST_CASE(set_without_a_value_deletes_and_with_an_empty_one_does_not) {
  start();
  BOOST_TEST(vmctl({"guestproperty", "set", "/a", ""}).status == 0);
  BOOST_TEST(vmctl({"guestproperty", "get", "/a"}).output == "Value: \n");
  BOOST_TEST(vmctl({"guestproperty", "set", "/a"}).status == 0);
  BOOST_TEST(vmctl({"guestproperty", "get", "/a"}).status == 3);
}

BOOST_AUTO_TEST_CASE(exit_codes_tell_failures_apart) {
  start();
  BOOST_TEST(vmctl({"guestproperty", "set", "/mine", "v", "--flags", "RDONLYHOST"}).status == 0);
  BOOST_TEST(vmctl({"guestproperty", "set", "bad*name", "v"}).status == 1);
  BOOST_TEST(vmctl({"guestproperty"}).status == 2);
  BOOST_TEST(vmctl({"fly"}).status == 2);
  BOOST_TEST(vmctl({"guestproperty", "get"}).status == 2);
  BOOST_TEST(vmctl({"execute", "version", "[1]"}).status == 2);
  BOOST_TEST(vmctl({"guestproperty", "get", "/none"}).status == 3);
  BOOST_TEST(vmctl({"info", "none"}).status == 3);
  BOOST_TEST(vmctl({"service", "load", "NoSuchSvc"}).status == 3);
  BOOST_TEST(vmctl({"guestproperty", "set", "/mine", "w"}).status == 4);
  BOOST_TEST(vmctl({"guestproperty", "delete", "/mine"}).status == 4);
  BOOST_TEST(vmctl({"guestproperty", "wait", "/none", "--timeout", "1"}).status == 5);
  BOOST_TEST(end(SIGTERM) == 0);
  BOOST_TEST(vmctl({"services"}).status == 6);
}

BOOST_AUTO_TEST_CASE(shares_are_added_listed_and_removed) {
  start();
  const std::string path = directory.path().string();
  BOOST_TEST(vmctl({"sharedfolder", "list"}).output == "No shared folders.\n");
  BOOST_TEST(vmctl({"sharedfolder", "add", "src", path, "--ro", "--auto-mount-point", "/mnt/src",
                    "--symlinks", "subtree"})
                 .status == 0);
  const auto share = vmctl_json({"sharedfolder", "list"})[0];
  BOOST_TEST(share["name"] == "src");
  BOOST_TEST(share["path"] == path);
  BOOST_TEST(share["read-only"] == true);
  BOOST_TEST(share["automount"] == true);
  BOOST_TEST(share["mount-point"] == "/mnt/src");
  BOOST_TEST(share["symlinks"] == "subtree");
  BOOST_TEST(vmctl({"sharedfolder", "list"}).output.find("src") != std::string::npos);
  BOOST_TEST(vmctl({"sharedfolder", "remove", "src"}).status == 0);
  const auto unknown = vmctl({"sharedfolder", "remove", "src"});
  BOOST_TEST(unknown.status == 3);
  BOOST_TEST(unknown.errors.find("cannot remove the share src, there is none") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_share_that_cannot_be_added_is_told) {
  start();
  const std::string path = directory.path().string();
  BOOST_TEST(vmctl({"sharedfolder", "add", "src", path + "/nosuch"}).status == 3);
  BOOST_TEST(vmctl({"sharedfolder", "add", "a/b", path}).status == 1);
  BOOST_TEST(vmctl({"sharedfolder", "add", "src", path, "--symlinks", "some"}).status == 2);
  BOOST_TEST(vmctl({"sharedfolder", "add", "src", path}).status == 0);
  const auto twice = vmctl({"sharedfolder", "add", "SRC", path});
  BOOST_TEST(twice.status == 1);
  BOOST_TEST(twice.errors.find("there is one of that name") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(shares_outlive_the_service) {
  start();
  BOOST_TEST(vmctl({"sharedfolder", "add", "src", directory.path().string()}).status == 0);
  BOOST_TEST(vmctl({"service", "unload", "VBoxSharedFolders"}).status == 0);
  BOOST_TEST(vmctl({"sharedfolder", "add", "other", directory.path().string()}).status == 3);
  BOOST_TEST(vmctl({"service", "load", "VBoxSharedFolders"}).status == 0);
  // The service has it again, so it is taken.
  BOOST_TEST(vmctl({"sharedfolder", "add", "SRC", directory.path().string()}).status == 1);
}

BOOST_AUTO_TEST_CASE(json_is_everywhere) {
  start();
  BOOST_TEST(vmctl_json({"guestproperty", "set", "/a", "v"}).is_object());
  BOOST_TEST(vmctl_json({"guestproperty", "get", "/a"})["value"] == "v");
  BOOST_TEST(vmctl_json({"guestproperty", "enumerate", "/a"})[0]["name"] == "/a");
  BOOST_TEST(vmctl_json({"guestproperty", "get", "/none"})["error"]["class"] == "NotFound");
  BOOST_TEST(vmctl_json({"services"})[0]["name"] == "VBoxGuestPropSvc");
  BOOST_TEST(vmctl_json({"stats"})["device"]["port-writes"] == 0);
  BOOST_TEST(vmctl_json({"guest", "info"})["ready"] == false);
  BOOST_TEST(vmctl_json({"info", "guestprops"})["text"].is_string());
  BOOST_TEST(vmctl_json({"execute", "version"})["version"] == HGCM_VERSION);
}

BOOST_AUTO_TEST_CASE(wait_returns_a_change_since_a_timestamp) {
  start();
  BOOST_TEST(vmctl({"guestproperty", "set", "/a", "1"}).status == 0);
  const std::string since = vmctl_json({"guestproperty", "get", "/a"})["timestamp"].dump();
  BOOST_TEST(vmctl({"guestproperty", "set", "/a", "2"}).status == 0);
  const Finished change =
      vmctl({"guestproperty", "wait", "/a", "--timestamp", since, "--timeout", "20000"});
  BOOST_TEST(change.status == 0);
  BOOST_TEST(change.output == "Name: /a\nValue: 2\n");
}

BOOST_AUTO_TEST_CASE(events_are_followed) {
  start();
  Process following(vmctl_program, {"--control", control.string(), "events", "--event",
                                    "GUEST_PROPERTY_CHANGED", "--count", "1", "--json"});
  // Whether it has subscribed is not to be seen from outside, so the change is repeated.
  std::optional<int> status;
  std::thread waiting([&] { status = following.wait(); });
  std::atomic<bool> ended{false};
  std::thread watching([&] {
    waiting.join();
    ended = true;
  });
  while (!ended) {
    BOOST_TEST(vmctl({"guestproperty", "set", "/a", "v"}).status == 0);
  }
  watching.join();
  BOOST_TEST(status.value_or(-1) == 0);
  BOOST_TEST(Json::parse(following.output, nullptr, false)["data"]["name"] == "/a");
}

BOOST_AUTO_TEST_CASE(services_are_loaded_and_unloaded) {
  start({"--service", "VBoxGuestPropSvc"});
  const std::string path = (build_directory() / "tests/services/HgcmTestSvc.so").string();
  BOOST_TEST(vmctl({"service", "load", "HgcmTestSvc", path}).status == 0);
  BOOST_TEST(vmctl({"services"}).output.find("HgcmTestSvc") != std::string::npos);
  BOOST_TEST(vmctl({"service", "unload", "HgcmTestSvc"}).status == 0);
  BOOST_TEST(vmctl({"services"}).output.find("HgcmTestSvc") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(control_socket_comes_from_the_environment) {
  start();
  const auto with = [this](const std::string& variable) {
    return run(vmctl_program, {"services"}, {variable, "XDG_RUNTIME_DIR=/nonexistent"}).status;
  };
  BOOST_TEST(with("VMCTL_CONTROL=" + control.string()) == 0);
  BOOST_TEST(with("VMCTL_CONTROL=/nonexistent/control") == 6);
}

BOOST_AUTO_TEST_CASE(default_places_match_those_of_the_daemon) {
  const std::string runtime = "XDG_RUNTIME_DIR=" + directory.path().string();
  Process other(daemon_program, {}, {runtime});
  BOOST_REQUIRE(other.wait_for_line("ready"));
  BOOST_TEST(run(vmctl_program, {"quit"}, {runtime, "VMCTL_CONTROL="}).status == 0);
  BOOST_TEST(other.wait().value_or(-1) == 0);
  BOOST_TEST(std::filesystem::is_empty(directory.path() / "openhgcm"));
}

BOOST_AUTO_TEST_CASE(closed_output_is_a_failure) {
  start();
  const Finished done = run("/bin/sh", {"-c", "exec \"$0\" --control \"$1\" stats > /dev/full",
                                        vmctl_program.string(), control.string()});
  BOOST_TEST(done.status == 1);
}

BOOST_AUTO_TEST_SUITE_END()

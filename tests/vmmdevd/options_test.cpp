// SPDX-License-Identifier: MIT
//
// The command line of vmmdevd, and the QEMU options it prints.
#include "vmmdevd/options.h"

#include "vmmdevd/backend.h"
#include "vmmdevd/qemu_options.h"

#include <boost/test/unit_test.hpp>

#include <string>
#include <variant>
#include <vector>

using namespace hgcm::vmmdevd;

namespace {

std::variant<Options, ExitCode> parse(const std::vector<const char*>& arguments) {
  std::vector<const char*> argv{"vmmdevd"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return parse_options(static_cast<int>(argv.size()), argv.data());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(options)

BOOST_AUTO_TEST_CASE(nothing_given_means_all_services_with_everything_on) {
  const auto options = std::get<Options>(parse({}));
  BOOST_REQUIRE(options.services.size() == 2U);
  BOOST_TEST(options.services[0].name == "VBoxGuestPropSvc");
  BOOST_TEST(options.services[0].path.empty());
  BOOST_TEST(options.services[1].name == "VBoxSharedFolders");
  BOOST_TEST(options.shares.empty());
  BOOST_TEST((options.sandbox == SandboxMode::kAuto));
  BOOST_TEST(options.msi);
  BOOST_TEST(options.fast_acknowledge);
  BOOST_TEST(options.event_word);
  BOOST_TEST(!options.mmio_requests);
  BOOST_TEST(!options.heartbeat);
  BOOST_TEST(!options.load_on_connect);
  BOOST_TEST(options.hold.count() == 200);
  BOOST_TEST(options.poll.count() == 50);
  BOOST_TEST(options.make_runtime_directory);
}

BOOST_AUTO_TEST_CASE(shares_are_taken_with_their_options) {
  const auto options =
      std::get<Options>(parse({"--share", "src=/a,,b,ro,automount=/mnt/x,symlinks=relative",
                               "--share", "plain=/c", "--share", "auto=/d,automount"}));
  BOOST_REQUIRE(options.shares.size() == 3U);
  BOOST_TEST(options.shares[0].name == "src");
  BOOST_TEST(options.shares[0].path == "/a,b");
  BOOST_TEST(!options.shares[0].writable);
  BOOST_TEST(options.shares[0].auto_mount);
  BOOST_TEST(options.shares[0].mount_point == "/mnt/x");
  BOOST_TEST((options.shares[0].symlinks == hgcm::shfl::Symlinks::kRelative));
  BOOST_TEST(options.shares[1].writable);
  BOOST_TEST(!options.shares[1].auto_mount);
  BOOST_TEST((options.shares[1].symlinks == hgcm::shfl::Symlinks::kNone));
  BOOST_TEST(options.shares[2].auto_mount);
  BOOST_TEST(options.shares[2].mount_point == "");
}

BOOST_AUTO_TEST_CASE(shares_that_make_no_sense_are_refused) {
  for (const char* share : {"src", "=/a", "src=", "src=/a,rw", "src=/a,automount=",
                            "src=/a,symlinks=some", "src=/a,symlinks", "src=/a,ro=1"}) {
    BOOST_TEST(std::get<ExitCode>(parse({"--share", share})).code == 2, share);
  }
  BOOST_TEST(std::get<ExitCode>(parse({"--share", "a=/a", "--service", "B"})).code == 2);
}

BOOST_AUTO_TEST_CASE(request_registers_in_memory_are_offered_only_when_asked_for) {
  using Kind = hgcm::vfio_user::BarConfig::Kind;
  const auto plain = server_options(std::get<Options>(parse({"--no-msi"})));
  BOOST_TEST((plain.bars[kPortBar].kind == Kind::kPorts));
  BOOST_TEST((plain.bars[kMemoryBar].kind == Kind::kMemory));
  BOOST_TEST((plain.bars[kRequestBar].kind == Kind::kNone));
  BOOST_TEST(!plain.msi);
  const auto newer = server_options(std::get<Options>(parse({"--mmio-requests"})));
  BOOST_TEST((newer.bars[kPortBar].kind == Kind::kPorts));
  BOOST_TEST((newer.bars[kRequestBar].kind == Kind::kMemory));
  BOOST_TEST(newer.bars[kRequestBar].size == hgcm::vmmdev::kRequestBarSize);
  // Writes to them are what the device waits for.
  BOOST_TEST(newer.bars[kRequestBar].mappable.empty());
  BOOST_TEST(newer.msi);
}

BOOST_AUTO_TEST_CASE(everything_given_is_taken) {
  const auto options = std::get<Options>(parse({"--socket",
                                                "/s",
                                                "--control",
                                                "/c",
                                                "--service",
                                                "A",
                                                "--service",
                                                "B=/x/b.so",
                                                "--service-dir",
                                                "/",
                                                "--load-on-connect",
                                                "--sandbox",
                                                "on",
                                                "--no-msi",
                                                "--no-fast-acknowledge",
                                                "--no-event-word",
                                                "--mmio-requests",
                                                "--hold-us",
                                                "0",
                                                "--poll-us",
                                                "7",
                                                "--heartbeat",
                                                "--log-level",
                                                "debug",
                                                "--log-file",
                                                "/l"}));
  BOOST_TEST(options.socket == "/s");
  BOOST_TEST(options.control == "/c");
  BOOST_REQUIRE(options.services.size() == 2U);
  BOOST_TEST(options.services[1].name == "B");
  BOOST_TEST(options.services[1].path == "/x/b.so");
  BOOST_TEST(options.service_directories.size() == 1U);
  BOOST_TEST((options.sandbox == SandboxMode::kOn));
  BOOST_TEST(!options.msi);
  BOOST_TEST(!options.fast_acknowledge);
  BOOST_TEST(!options.event_word);
  BOOST_TEST(options.mmio_requests);
  BOOST_TEST(options.hold.count() == 0);
  BOOST_TEST(options.poll.count() == 7);
  BOOST_TEST(options.heartbeat);
  BOOST_TEST(options.load_on_connect);
  BOOST_TEST((options.log_level == hgcm::log::Level::kDebug));
  BOOST_TEST(!options.make_runtime_directory);
}

BOOST_AUTO_TEST_CASE(wrong_command_lines_end_with_2) {
  const std::vector<std::vector<const char*>> wrong = {
      {"--no-such-option"},
      {"positional"},
      {"--socket"},
      {"--service", ""},
      {"--service", "a/b"},
      {"--service", "../x"},
      {"--service", "=x"},
      {"--service", "A="},
      {"--service-dir", "/no/such/directory"},
      {"--hold-us", "-1"},
      {"--hold-us", "x"},
      {"--log-level", "loud"},
      {"--sandbox", "maybe"},
      {"--socket", "/same", "--control", "/same"},
      {"--service", "A", "--guest-properties-file", "/f"},
      {"--print-qemu-options=big"},
      {"--print-qemu-options=1X"}};
  for (const auto& arguments : wrong) {
    const auto result = parse(arguments);
    BOOST_TEST_CONTEXT(arguments.front()) {
      BOOST_REQUIRE(std::holds_alternative<ExitCode>(result));
      BOOST_TEST(std::get<ExitCode>(result).code == 2);
    }
  }
}

BOOST_AUTO_TEST_CASE(help_and_version_end_with_0) {
  BOOST_TEST(std::get<ExitCode>(parse({"--help"})).code == 0);
  BOOST_TEST(std::get<ExitCode>(parse({"--version"})).code == 0);
}

BOOST_AUTO_TEST_CASE(qemu_options_take_a_size_or_the_default) {
  BOOST_TEST(!std::get<Options>(parse({})).print_qemu_options.has_value());
  BOOST_TEST(std::get<Options>(parse({"--print-qemu-options"})).print_qemu_options.value() == "2G");
  BOOST_TEST(std::get<Options>(parse({"--print-qemu-options=512M"})).print_qemu_options.value() ==
             "512M");
}

BOOST_AUTO_TEST_CASE(qemu_options_are_quoted_for_the_shell) {
  BOOST_TEST(qemu_options("/tmp/it's,here", "1G") ==
             "-object memory-backend-memfd,id=openhgcm-memory,size=1G,share=on "
             "-machine memory-backend=openhgcm-memory -device "
             "'{\"driver\":\"vfio-user-pci\",\"socket\":{\"type\":\"unix\","
             "\"path\":\"/tmp/it'\\''s,here\"}}'");
}

BOOST_AUTO_TEST_SUITE_END()

// SPDX-License-Identifier: MIT
//
// vmctl's verbs about the device as processes against a real vmmdevd to which no machine has
// connected: what is wanted is kept and printed, and what needs a guest says so.
#include "programs.h"

using namespace hgcm::tests;

namespace {

struct Verbs : Programs {
  Verbs() { start(); }

  void does(const std::vector<std::string>& given) const {
    const Finished done = vmctl(given);
    BOOST_TEST(done.status == 0, given[0] << ": " << done.errors);
    BOOST_TEST(done.output == "");
  }
  [[nodiscard]] std::string prints(const std::vector<std::string>& given) const {
    const Finished done = vmctl(given);
    BOOST_TEST(done.status == 0, given[0] << ": " << done.errors);
    return done.output;
  }
  /// The reason that is given.
  [[nodiscard]] std::string fails(const std::vector<std::string>& given, int status) const {
    const Finished done = vmctl(given);
    BOOST_TEST(done.status == status);
    BOOST_TEST(done.output == "");
    return done.errors;
  }
  static bool has(const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(vmctl_device, Verbs)

BOOST_AUTO_TEST_CASE(balloon_is_wanted) {
  does({"balloon", "set", "128"});
  BOOST_TEST(prints({"balloon", "get"}) == "Wanted: 128 MiB\nActual: 0 MiB\nMemory: 0 MiB\n");
  BOOST_TEST(vmctl_json({"balloon", "get"})["target"] == 128);
  BOOST_TEST(vmctl({"balloon", "set", "-1"}).status != 0);
}

BOOST_AUTO_TEST_CASE(displays_are_hinted_and_listed) {
  does({"display", "hint", "1920x1080@0", "640x480x16@2+10+20"});
  does({"display", "limit", "1920", "1200"});
  BOOST_TEST(prints({"display", "list"}) ==
             "Display 0: wanted 1920x1080@0, read -, pending\n"
             "Display 2: wanted 640x480x16@2+10+20, read -, pending\n"
             "Limit: 1920x1200\n");
  BOOST_TEST(has(fails({"display", "hint", "nonsense"}, 1), "WIDTHxHEIGHT"));
}

BOOST_AUTO_TEST_CASE(seamless_and_remote_display_are_switched) {
  does({"seamless", "on"});
  does({"remote-display", "on", "--level", "3"});
  BOOST_TEST(vmctl({"seamless", "maybe"}).status == 2);
  BOOST_TEST(vmctl({"remote-display", "on", "--level", "5"}).status != 0);
}

BOOST_AUTO_TEST_CASE(mouse_is_moved_and_shown) {
  does({"mouse", "move", "5", "6", "--wheel", "-1", "--buttons", "2"});
  const std::string shown = prints({"mouse", "status"});
  BOOST_TEST(has(shown, "Position: 5 6\n"));
  BOOST_TEST(has(shown, "Buttons: 2\n"));
  BOOST_TEST(has(shown, "Host sends absolute positions: yes\n"));
  BOOST_TEST(vmctl_json({"mouse", "status"})["wheel"] == -1);
  does({"mouse", "absolute", "off"});
  BOOST_TEST(has(prints({"mouse", "status"}), "Host sends absolute positions: no\n"));
  BOOST_TEST(has(fails({"mouse", "shape"}, 3), "no cursor"));
}

BOOST_AUTO_TEST_CASE(credentials_come_from_standard_input_and_are_not_printed) {
  const Finished set =
      run("/bin/sh", {"-c", "echo \"$2\" | \"$0\" --control \"$1\" credentials set user",
                      vmctl_program.string(), control.string(), "secret"});
  BOOST_TEST(set.status == 0);
  const std::string shown = prints({"credentials", "status"});
  BOOST_TEST(shown == "Logon: yes\nTo judge: no\n");
  does({"credentials", "clear"});
  BOOST_TEST(vmctl_json({"credentials", "status"})["logon"] == false);
}

BOOST_AUTO_TEST_CASE(processor_is_not_announced_to_nobody) {
  BOOST_TEST(has(fails({"cpu", "plug", "1"}, 1), "no program in the guest"));
  BOOST_TEST(has(fails({"cpu", "unplug", "1", "--package", "1"}, 1), "no program in the guest"));
}

BOOST_AUTO_TEST_CASE(time_is_shifted) {
  BOOST_TEST(has(prints({"time"}), "(offset 0 ms)\n"));
  does({"time", "--offset", "-5000"});
  BOOST_TEST(vmctl_json({"time"})["offset-ms"] == -5000);
}

BOOST_AUTO_TEST_CASE(guest_that_is_not_there_is_shown_as_such) {
  BOOST_TEST(prints({"guest", "info"}) == "Guest driver: not ready\n");
  BOOST_TEST(has(prints({"guest", "status"}), "VBOXGUEST_DRIVER     INACTIVE\n"));
  BOOST_TEST(prints({"guest", "statistics"}) == "Interval: 0 s\nNo report yet.\n");
}

BOOST_AUTO_TEST_CASE(state_is_neither_saved_nor_loaded_without_a_machine) {
  const std::string file = (directory.path() / "state").string();
  BOOST_TEST(has(fails({"savestate", file}, 1), "no machine is connected"));
  BOOST_TEST(!std::filesystem::exists(file));
  BOOST_TEST(has(fails({"loadstate", file}, 1), "cannot read"));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(logs, Programs)

BOOST_AUTO_TEST_CASE(guest_log_is_opened_anew_on_sighup) {
  const auto log = directory.path() / "guest.log";
  start({"--guest-log", log.string()});
  BOOST_REQUIRE(std::filesystem::exists(log));
  std::ofstream(log) << "rotated away";
  std::filesystem::rename(log, directory.path() / "guest.log.1");
  daemon->signal(SIGHUP);
  BOOST_TEST(comes_to_hold(log, ""));
  BOOST_TEST(std::filesystem::file_size(log) == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

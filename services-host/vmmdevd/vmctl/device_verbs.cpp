// SPDX-License-Identifier: MIT
//
// See device_verbs.h.
#include "vmmdevd/vmctl/device_verbs.h"

#include "vmmdevd/text.h"
#include "vmmdevd/vmctl/device_output.h"

#include <string.h>  // explicit_bzero

#include <CLI/CLI.hpp>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <utility>
#include <vector>

namespace hgcm::vmctl {
namespace {

/// What the verbs take; lives as long as their callbacks.
struct Given {
  std::uint64_t number = 0;
  std::uint64_t second = 0;
  std::uint64_t buttons = 0;
  std::int64_t wheel = 0;
  std::int64_t horizontal_wheel = 0;
  std::int64_t offset = 0;
  std::string text;
  std::string domain;
  std::string path;
  std::vector<std::string> texts;
  bool flag = false;
  bool other = false;
};

class Verbs {
 public:
  Verbs(CLI::App& app, VerbHost host) : app_(app), host_(std::move(host)) {}

  static CLI::App* group(CLI::App& app, const char* name, const char* help) {
    CLI::App* made = app.add_subcommand(name, help);
    made->require_subcommand(1);
    return made;
  }

  /// A verb is a command with the arguments that `make` has when it is run.
  void verb(CLI::App* parser, const char* command, std::function<Json()> make,
            std::function<std::string(const Json&)> text = {}) {
    parser->callback([host = host_, command, make = std::move(make), text = std::move(text)] {
      host.verb = [host, command, make, text] { return host.run(command, make(), text); };
    });
  }
  void plain(CLI::App* parser, const char* command,
             std::string (*text)(const Output&, const Json&) = nullptr) {
    std::function<std::string(const Json&)> shown;
    if (text != nullptr) {
      shown = [text, &output = host_.output](const Json& reply) { return text(output, reply); };
    }
    verb(
        parser, command, [] { return Json::object(); }, std::move(shown));
  }
  void on_off(CLI::App* parser, const char* command) {
    parser->add_option("STATE", given_->text)->required()->check(CLI::IsMember({"on", "off"}));
    verb(parser, command, [given = given_] { return Json{{"on", given->text == "on"}}; });
  }

  void add_balloon() {
    CLI::App* balloon = group(app_, "balloon", "Memory that the guest lends to the host");
    CLI::App* set = balloon->add_subcommand("set", "Ask the guest to give up so many MiB");
    set->add_option("MIB", given_->number)->required();
    verb(set, "balloon-set", [given = given_] { return Json{{"mib", given->number}}; });
    plain(balloon->add_subcommand("get", "Print what is wanted, and what the guest has given"),
          "balloon-get", balloon_text);
  }

  void add_display() {
    CLI::App* display = group(app_, "display", "The guest's displays");
    CLI::App* hint = display->add_subcommand("hint", "Tell the guest what they should be");
    hint->add_option("MODE", given_->texts, "WIDTHxHEIGHT[xBPP][@DISPLAY][+X+Y] or off@DISPLAY")
        ->required();
    hint->add_flag("--force", given_->flag, "Tell it again, even if it knows already");
    verb(hint, "display-hint", [given = given_] {
      return Json{{"displays", given->texts}, {"force", given->flag}};
    });
    CLI::App* limit = display->add_subcommand("limit", "The largest mode it may use; 0: no limit");
    limit->add_option("WIDTH", given_->number)->required();
    limit->add_option("HEIGHT", given_->second)->required();
    verb(limit, "display-limit", [given = given_] {
      return Json{{"width", given->number}, {"height", given->second}};
    });
    plain(display->add_subcommand("list", "Print what is wanted, and what the guest has read"),
          "displays", displays_text);
    on_off(app_.add_subcommand("seamless", "Want the guest's windows among the host's"),
           "seamless");
    CLI::App* remote = app_.add_subcommand("remote-display", "Tell the guest of a remote viewer");
    remote->add_option("STATE", given_->text)->required()->check(CLI::IsMember({"on", "off"}));
    remote->add_option("--level", given_->number, "Experience, 0 (least) to 4 (full)");
    verb(remote, "remote-display", [given = given_] {
      return Json{{"active", given->text == "on"}, {"level", given->number}};
    });
  }

  void add_mouse() {
    CLI::App* mouse = group(app_, "mouse", "Mouse integration");
    CLI::App* move = mouse->add_subcommand("move", "Report a position to the guest");
    move->add_option("X", given_->number, "0 to 65535 across the guest's desktop")->required();
    move->add_option("Y", given_->second, "Likewise")->required();
    move->add_option("--wheel", given_->wheel, "Turns");
    move->add_option("--horizontal-wheel", given_->horizontal_wheel, "Turns");
    move->add_option("--buttons", given_->buttons,
                     "Sum of 1 left, 2 right, 4 middle, 8 and 16 the others");
    verb(move, "mouse-move", [given = given_] {
      return Json{{"x", given->number},
                  {"y", given->second},
                  {"wheel", given->wheel},
                  {"horizontal-wheel", given->horizontal_wheel},
                  {"buttons", given->buttons}};
    });
    on_off(mouse->add_subcommand("absolute", "Announce or take back absolute positions"),
           "mouse-absolute");
    plain(mouse->add_subcommand("status", "Print the latest report, and what the guest can do"),
          "mouse-status", mouse_text);
    CLI::App* shape = mouse->add_subcommand("shape", "Print what the guest's cursor is like");
    shape->add_option("--output", given_->path, "Write its image there, in PAM format")
        ->type_name("FILE");
    verb(
        shape, "mouse-shape", [] { return Json::object(); },
        [given = given_, &output = host_.output](const Json& reply) {
          if (!given->path.empty()) {
            write_pam(given->path, reply);
          }
          return shape_text(output, reply);
        });
  }

  void add_credentials() {
    CLI::App* credentials = group(app_, "credentials", "A login for the guest's logon helper");
    CLI::App* set = credentials->add_subcommand(
        "set", "Offer a login; the password is a line of standard input");
    set->add_option("USER", given_->text)->required();
    set->add_option("--domain", given_->domain);
    set->add_flag("--judge", given_->flag, "Only ask whether it is right");
    set->add_flag("--no-local-logon", given_->other, "Nobody else may log in at the guest");
    verb(set, "credentials-set", [given = given_] {
      std::string password;
      std::getline(std::cin, password);
      Json arguments = {{"user", given->text},
                        {"password", password},
                        {"domain", given->domain},
                        {"judge", given->flag},
                        {"no-local-logon", given->other}};
      ::explicit_bzero(password.data(), password.size());
      return arguments;
    });
    plain(credentials->add_subcommand("clear", "Wipe them"), "credentials-clear");
    plain(credentials->add_subcommand("status", "Print whether there are any"),
          "credentials-status", credentials_text);
  }

  void add_machine() {
    CLI::App* cpu = group(app_, "cpu", "Announce processors to the guest");
    for (const bool plug : {true, false}) {
      CLI::App* one = cpu->add_subcommand(plug ? "plug" : "unplug",
                                          plug ? "It may use one more" : "It shall give one up");
      one->add_option("CORE", given_->number)->required();
      one->add_option("--package", given_->second);
      verb(one, "cpu", [given = given_, plug] {
        return Json{{"plug", plug}, {"core", given->number}, {"package", given->second}};
      });
    }
    CLI::App* time = app_.add_subcommand("time", "Print the time that the guest is told");
    CLI::Option* offset =
        time->add_option("--offset", given_->offset, "Tell it so many milliseconds more");
    time->callback([host = host_, given = given_, offset] {
      host.verb = [host, given, set = offset->count() > 0] {
        if (set) {
          return host.run("time-offset", {{"milliseconds", given->offset}}, {});
        }
        return host.run("time", Json::object(), [&output = host.output](const Json& reply) {
          return time_text(output, reply);
        });
      };
    });
  }

  void add_guest() {
    CLI::App* guest = app_.get_subcommand("guest");
    plain(guest->add_subcommand("status", "What the parts of the guest additions report"),
          "guest-info", facilities_text);
    CLI::App* statistics =
        guest->add_subcommand("statistics", "The guest's latest report about its load");
    CLI::Option* interval = statistics->add_option(
        "--interval", given_->number, "Instead, want one every so many seconds; 0: none");
    statistics->callback([host = host_, given = given_, interval] {
      host.verb = [host, given, set = interval->count() > 0] {
        if (set) {
          return host.run("statistics-interval", {{"seconds", given->number}}, {});
        }
        return host.run("guest-statistics", Json::object(),
                        [&output = host.output](const Json& reply) {
                          return guest_statistics_text(output, reply);
                        });
      };
    });
  }

  void add_state() {
    for (const auto& [name, help] :
         {std::pair{"savestate", "Write the state of device and services to a file"},
          {"loadstate", "Go on from such a file, in the machine that it belongs to"}}) {
      CLI::App* state = app_.add_subcommand(name, help);
      state->add_option("FILE", given_->path)->required();
      // The daemon has a working directory of its own.
      verb(state, name, [given = given_] {
        return Json{{"file", std::filesystem::absolute(given->path).string()}};
      });
    }
  }

 private:
  CLI::App& app_;
  const VerbHost host_;
  const std::shared_ptr<Given> given_ = std::make_shared<Given>();
};

}  // namespace

void add_device_verbs(CLI::App& app, const VerbHost& host) {
  Verbs verbs(app, host);
  verbs.add_balloon();
  verbs.add_display();
  verbs.add_mouse();
  verbs.add_credentials();
  verbs.add_machine();
  verbs.add_guest();
  verbs.add_state();
}

}  // namespace hgcm::vmctl

// SPDX-License-Identifier: MIT
//
// vmctl: the command line of the control socket. Each verb is a few lines in add_verbs(): what it
// takes, which control command it becomes, how the reply is printed.
#include "vmmdevd/paths.h"
#include "vmmdevd/vmctl/client.h"
#include "vmmdevd/vmctl/device_verbs.h"
#include "vmmdevd/vmctl/output.h"

#include <unistd.h>
#include <CLI/CLI.hpp>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace hgcm::vmctl {
namespace {

constexpr const char* kExamples = R"text(Examples:
  vmctl guestproperty get /VirtualBox/GuestInfo/OS/Release
  vmctl guestproperty set /Site/Role build-host --flags RDONLYGUEST
  vmctl guestproperty wait '/Boot/*' --timeout 60000
  vmctl sharedfolder add src ~/src --symlinks subtree
  vmctl --control /run/vm1/control stats --json
  vmctl events --event GUEST_PROPERTY_CHANGED
  vmctl balloon set 256
  vmctl display hint 1920x1080@0 1024x768@1+1920+0

The control socket is --control, or $VMCTL_CONTROL, or $XDG_RUNTIME_DIR/openhgcm/control.
Exit status: 0 done, 1 failure, 2 wrong command line, 3 not found, 4 denied, 5 time-out,
6 no daemon. Manual: vmctl(1).)text";

std::string default_control() {
  const char* given = std::getenv("VMCTL_CONTROL");
  return given != nullptr && *given != '\0' ? std::string(given)
                                            : vmmdevd::default_control_socket().string();
}

/// False: the reader has gone.
bool print(const std::string& text) {
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() &&
         std::fflush(stdout) == 0;
}

struct Program {
  std::string control = default_control();
  Output output{false, ::isatty(STDOUT_FILENO) != 0};
  std::function<int()> verb;

  int fail(const Failure& failure) const {
    if (output.json) {
      Json details = failure.details;
      if (!details.is_object() || details.empty()) {
        details = {{"class", failure.code == kNoDaemon ? "NoDaemon" : "Timeout"},
                   {"desc", failure.description}};
      }
      print(json_text({{"error", std::move(details)}}));
    }
    const Output error_output{false, ::isatty(STDERR_FILENO) != 0};
    std::fprintf(stderr, "vmctl: %s\n", error_output.value(failure.description).c_str());
    return failure.code;
  }

  /// Runs a command and prints its reply: as JSON, or as `text` has it (nothing without one).
  int run(const char* command, Json arguments,
          const std::function<std::string(const Json&)>& text = {},
          std::optional<std::chrono::milliseconds> patience = Client::kPatience) const {
    auto client = Client::connect(control);
    if (!client) {
      return fail(client.error());
    }
    const auto reply = client->call(command, std::move(arguments), patience);
    if (!reply) {
      return fail(reply.error());
    }
    std::string result;
    if (output.json) {
      result = json_text(*reply);
    } else if (text) {
      result = text(*reply);
    }
    return print(result) ? kOk : kFailed;
  }

  int get(const std::string& name, bool verbose) const {
    auto client = Client::connect(control);
    if (!client) {
      return fail(client.error());
    }
    const auto reply = client->call("guestproperty-get", {{"name", name}});
    if (!reply) {
      // As scripts know it from VBoxManage; a service that is missing is another matter.
      if (!output.json && reply.error().details.value("status", 0) == -78) {
        print("No value set!\n");
        return kNotFound;
      }
      return fail(reply.error());
    }
    return print(output.json ? json_text(*reply) : property_text(output, *reply, verbose))
               ? kOk
               : kFailed;
  }

  int follow(const std::vector<std::string>& names, std::uint64_t count) const {
    auto client = Client::connect(control);
    if (!client) {
      return fail(client.error());
    }
    Json arguments = Json::object();
    if (!names.empty()) {
      arguments["events"] = names;
    }
    if (const auto reply = client->call("subscribe", std::move(arguments)); !reply) {
      return fail(reply.error());
    }
    for (std::uint64_t seen = 0; count == 0 || seen < count; ++seen) {
      const auto event = client->next_event();
      if (!event) {
        return fail(event.error());
      }
      if (!print(output.json ? event->dump(-1, ' ', true) + '\n' : event_text(output, *event))) {
        return kFailed;
      }
    }
    return kOk;
  }
};

/// What the verbs take; lives as long as the parser.
struct Given {
  std::string name;
  std::string value;
  std::string flags;
  std::string path;
  std::vector<std::string> patterns;
  std::vector<std::string> events;
  std::string symlinks = "none";
  bool read_only = false;
  bool automount = false;
  bool verbose = false;
  std::uint64_t timeout = 0;
  std::uint64_t since = 0;
  std::uint64_t count = 0;
};

std::string joined(const std::vector<std::string>& patterns) {
  std::string all;
  for (const std::string& pattern : patterns) {
    all += (all.empty() ? "" : "|") + pattern;
  }
  return all;
}

void add_guest_property_verbs(CLI::App& app, Program& program, Given& given) {
  CLI::App* group = app.add_subcommand("guestproperty", "Properties shared with the guest");
  group->require_subcommand(1);

  CLI::App* get = group->add_subcommand("get", "Print the value of a property");
  get->add_option("NAME", given.name)->required();
  get->add_flag("-v,--verbose", given.verbose, "Print timestamp and flags too");
  get->callback([&] { program.verb = [&] { return program.get(given.name, given.verbose); }; });

  CLI::App* set = group->add_subcommand("set", "Set a property, or delete it if no value is given");
  set->add_option("NAME", given.name)->required();
  CLI::Option* value = set->add_option("VALUE", given.value);
  CLI::Option* flags =
      set->add_option("--flags", given.flags,
                      "Names separated by commas: TRANSIENT, RDONLYGUEST, RDONLYHOST, READONLY, "
                      "TRANSRESET")
          ->needs(value);
  set->callback([&program, &given, value, flags] {
    program.verb = [&program, &given, value, flags] {
      if (value->count() == 0) {
        return program.run("guestproperty-delete", {{"name", given.name}});
      }
      Json arguments = {{"name", given.name}, {"value", given.value}};
      if (flags->count() > 0) {
        arguments["flags"] = given.flags;
      }
      return program.run("guestproperty-set", std::move(arguments));
    };
  });

  CLI::App* remove = group->add_subcommand("delete", "Delete a property")->alias("unset");
  remove->add_option("NAME", given.name)->required();
  remove->callback([&] {
    program.verb = [&] { return program.run("guestproperty-delete", {{"name", given.name}}); };
  });

  CLI::App* enumerate = group->add_subcommand("enumerate", "List properties");
  enumerate->add_option("PATTERN,--patterns", given.patterns,
                        "Names with * and ?, also several separated by |; all when not given");
  enumerate->callback([&] {
    program.verb = [&] {
      return program.run(
          "guestproperty-enumerate", {{"patterns", joined(given.patterns)}},
          [&](const Json& reply) { return property_list_text(program.output, reply); });
    };
  });

  CLI::App* wait = group->add_subcommand("wait", "Wait for a property to change, and print it");
  wait->add_option("PATTERN", given.patterns, "As for enumerate")->required();
  CLI::Option* timeout =
      wait->add_option("--timeout", given.timeout, "In milliseconds; without one, waits for good")
          ->check(CLI::Range(std::uint64_t{0},
                             std::uint64_t{std::numeric_limits<std::uint32_t>::max()}));
  CLI::Option* since = wait->add_option(
      "--timestamp", given.since, "Of the last change that is known: a later one returns at once");
  wait->add_flag("-v,--verbose", given.verbose, "Print timestamp and flags too");
  wait->callback([&program, &given, timeout, since] {
    program.verb = [&program, &given, timeout, since] {
      Json arguments = {{"patterns", joined(given.patterns)}};
      if (timeout->count() > 0) {
        arguments["timeout"] = given.timeout;
      }
      if (since->count() > 0) {
        arguments["since"] = given.since;
      }
      return program.run(
          "guestproperty-wait", std::move(arguments),
          [&](const Json& reply) { return change_text(program.output, reply, given.verbose); },
          std::nullopt);
    };
  });
}

void add_shared_folder_verbs(CLI::App& app, Program& program, Given& given) {
  CLI::App* group = app.add_subcommand("sharedfolder", "Directories shared with the guest");
  group->require_subcommand(1);

  CLI::App* add = group->add_subcommand("add", "Share a directory");
  add->add_option("NAME", given.name, "What the guest mounts")->required();
  add->add_option("DIR", given.path)->required();
  add->add_flag("--readonly,--ro", given.read_only, "The guest may not write");
  add->add_flag("--automount", given.automount, "The guest's auto-mounter shall take it");
  add->add_option("--auto-mount-point", given.value, "Where the auto-mounter shall put it");
  add->add_option("--symlinks", given.symlinks,
                  "Links the guest may make: none, subtree, relative, any (default: none)")
      ->check(CLI::IsMember({"none", "subtree", "relative", "any"}));
  add->callback([&] {
    program.verb = [&] {
      // The daemon has a working directory of its own.
      Json arguments = {{"name", given.name},
                        {"path", std::filesystem::absolute(given.path).string()},
                        {"read-only", given.read_only},
                        {"automount", given.automount},
                        {"symlinks", given.symlinks}};
      if (!given.value.empty()) {
        arguments["mount-point"] = given.value;
      }
      return program.run("sharedfolder-add", std::move(arguments));
    };
  });

  CLI::App* remove = group->add_subcommand("remove", "Stop sharing a directory");
  remove->add_option("NAME", given.name)->required();
  remove->callback([&] {
    program.verb = [&] {
      return program.run("sharedfolder-remove", {{"name", given.name}}, [](const Json& reply) {
        return std::string(reply.value("was-mapped", false)
                               ? "The guest has it mounted and reaches nothing in it any more.\n"
                               : "");
      });
    };
  });

  group->add_subcommand("list", "List shared directories")->callback([&] {
    program.verb = [&] {
      return program.run("sharedfolder-list", Json::object(),
                         [&](const Json& reply) { return share_list_text(program.output, reply); });
    };
  });
}

void add_verbs(CLI::App& app, Program& program, Given& given) {
  CLI::App* events = app.add_subcommand("events", "Print events as they happen");
  events->add_option("--event", given.events, "Only events of this name; repeatable")
      ->expected(1)
      ->take_all();
  events->add_option("--count", given.count, "End after so many");
  events->callback(
      [&] { program.verb = [&] { return program.follow(given.events, given.count); }; });

  CLI::App* guest = app.add_subcommand("guest", "The guest");
  guest->require_subcommand(1);
  guest->add_subcommand("info", "What the guest's driver told about itself")->callback([&] {
    program.verb = [&] {
      return program.run("guest-info", Json::object(),
                         [&](const Json& reply) { return guest_info_text(program.output, reply); });
    };
  });

  CLI::App* info = app.add_subcommand("info", "Print what a service says about itself");
  info->add_option("NAME", given.name, "For example guestprops")->required();
  info->add_option("ARGUMENTS", given.value, "Handed to the service");
  info->callback([&] {
    program.verb = [&] {
      return program.run("info", {{"name", given.name}, {"arguments", given.value}},
                         [&](const Json& reply) {
                           return program.output.lines(reply.value("text", std::string()));
                         });
    };
  });

  app.add_subcommand("quit", "End the daemon")->callback([&] {
    program.verb = [&] { return program.run("quit", Json::object()); };
  });

  CLI::App* service = app.add_subcommand("service", "Load and unload services");
  service->require_subcommand(1);
  CLI::App* load = service->add_subcommand("load", "Load a service");
  load->add_option("NAME", given.name)->required();
  load->add_option("PATH", given.path, "Shared object; default: in the service directory");
  load->callback([&] {
    program.verb = [&] {
      Json arguments = {{"name", given.name}};
      if (!given.path.empty()) {
        // The daemon has a working directory of its own.
        arguments["path"] = std::filesystem::absolute(given.path).string();
      }
      return program.run("service-load", std::move(arguments));
    };
  });
  CLI::App* unload = service->add_subcommand("unload", "Unload a service");
  unload->add_option("NAME", given.name)->required();
  unload->callback([&] {
    program.verb = [&] { return program.run("service-unload", {{"name", given.name}}); };
  });

  app.add_subcommand("services", "List loaded services")->callback([&] {
    program.verb = [&] {
      return program.run("services", Json::object(),
                         [&](const Json& reply) { return services_text(program.output, reply); });
    };
  });

  app.add_subcommand("stats", "Print counters")->callback([&] {
    program.verb = [&] {
      return program.run("stats", Json::object(),
                         [&](const Json& reply) { return stats_text(program.output, reply); });
    };
  });

  CLI::App* execute =
      app.add_subcommand("execute", "Run any control command, and print its reply as JSON");
  execute->add_option("COMMAND", given.name)->required();
  execute->add_option("ARGUMENTS", given.value, "A JSON object");
  execute->callback([&] {
    Json arguments =
        given.value.empty() ? Json::object() : Json::parse(given.value, nullptr, false);
    if (!arguments.is_object()) {
      throw CLI::ValidationError("ARGUMENTS", "is not a JSON object");
    }
    program.verb = [&program, &given, checked = std::move(arguments)] {
      return program.run(given.name.c_str(), checked, json_text);
    };
  });
}

int run(int argc, char** argv) {
  Program program;
  Given given;
  CLI::App app{"Controls vmmdevd, the host side of the guest additions.", "vmctl"};
  app.footer(kExamples);
  app.set_version_flag("--version", std::string("vmctl ") + HGCM_VERSION);
  app.failure_message(CLI::FailureMessage::simple);
  app.add_option("--control,--socket", program.control, "The daemon's control socket")
      ->type_name("PATH");
  app.add_flag("--json", program.output.json, "Print JSON");
  app.require_subcommand(1);
  app.fallthrough();
  add_verbs(app, program, given);
  add_guest_property_verbs(app, program, given);
  add_shared_folder_verbs(app, program, given);
  add_device_verbs(app, {.run =
                             [&program](const char* command, Json arguments,
                                        const std::function<std::string(const Json&)>& text) {
                               return program.run(command, std::move(arguments), text);
                             },
                         .output = program.output,
                         .verb = program.verb});
  for (CLI::App* verb : app.get_subcommands({})) {
    verb->fallthrough();
    for (CLI::App* inner : verb->get_subcommands({})) {
      inner->fallthrough();
    }
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kOk : kUsage;
  }
  return program.verb();
}

}  // namespace
}  // namespace hgcm::vmctl

int main(int argc, char** argv) {
  try {
    return hgcm::vmctl::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "vmctl: %s\n", error.what());
    return hgcm::vmctl::kFailed;
  }
}

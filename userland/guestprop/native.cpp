// SPDX-License-Identifier: MIT
//
// The command line of guestprop.
#include "guestprop/commands.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <sstream>

namespace hgcm::tool {

int guestprop(const std::vector<std::string>& arguments, Environment& environment) {
  CLI::App app("Read, write and watch the guest properties of this virtual machine.", "guestprop");
  app.set_version_flag("--version", "guestprop " HGCM_VERSION);
  app.require_subcommand(1);
  app.footer(
      "Exit codes: 0 success, 1 no such property, 2 usage, 3 no device, 4 denied,\n"
      "5 time-out, 6 no such service, 7 interrupted, 10 other failure.\n\n"
      "Examples:\n"
      "  guestprop set /myapp/ready 1\n"
      "  guestprop get /myapp/ready --verbose\n"
      "  guestprop wait '/job/*|/stop' --timeout 30000 --json");

  Command command;
  std::string node = "any";
  std::int64_t timeout = -1;
  std::vector<std::string> patterns;

  const auto common = [&](CLI::App* sub) {
    sub->add_option("--node", node, "device node: any, vboxguest or vboxuser")
        ->check(CLI::IsMember({"any", "vboxguest", "vboxuser"}))
        ->capture_default_str();
    sub->fallthrough(false);
  };
  const auto with_output = [&](CLI::App* sub) {
    sub->add_flag("--json", command.json, "print JSON");
    sub->add_flag("-v,--verbose", command.verbose, "print timestamp and flags too");
  };

  CLI::App* const get = app.add_subcommand("get", "print the value of a property");
  get->add_option("NAME", command.name)->required();
  with_output(get);

  CLI::App* const set = app.add_subcommand("set", "set a property; without VALUE, delete it");
  set->add_option("NAME", command.name)->required();
  set->add_option("VALUE", command.value, "text; put -- before one that begins with a dash");
  set->add_option("--flags", command.flags,
                  "TRANSIENT, TRANSRESET, RDONLYGUEST, RDONLYHOST, READONLY; comma-separated");

  CLI::App* const remove = app.add_subcommand("delete", "delete a property");
  remove->alias("unset");
  remove->add_option("NAME", command.name)->required();

  CLI::App* const enumerate = app.add_subcommand("enumerate", "list properties");
  enumerate->alias("list");
  enumerate->add_option("PATTERN,--patterns", patterns,
                        "names with * and ?; several, or separated by |; none: all");
  with_output(enumerate);

  CLI::App* const wait = app.add_subcommand("wait", "wait for a property to be set or deleted");
  wait->add_option("PATTERN", patterns, "names with * and ?; several, or separated by |")
      ->required();
  wait->add_option("--timeout", timeout, "give up after this many milliseconds")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{0xfffffffe}));
  wait->add_option("--timestamp,--since", command.since,
                   "return a change later than this one (ns) even if it is past");
  with_output(wait);

  for (CLI::App* const sub : {get, set, remove, enumerate, wait}) {
    common(sub);
  }

  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  reversed.pop_back();
  try {
    app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    std::ostringstream out;
    std::ostringstream err;
    const bool asked = app.exit(error, out, err) == 0;
    environment.out << out.str();
    environment.err << err.str();
    return asked ? kExitSuccess : kExitUsage;
  }

  command.node = node_from(node);
  for (const std::string& pattern : patterns) {
    command.patterns += (command.patterns.empty() ? "" : "|") + pattern;
  }
  if (timeout >= 0) {
    command.timeout = std::chrono::milliseconds(timeout);
  }
  command.verb = get->parsed()         ? Command::Verb::kGet
                 : set->parsed()       ? Command::Verb::kSet
                 : remove->parsed()    ? Command::Verb::kDelete
                 : enumerate->parsed() ? Command::Verb::kEnumerate
                                       : Command::Verb::kWait;
  if (command.verb == Command::Verb::kSet && command.flags && !command.value) {
    environment.err << "guestprop: --flags needs a VALUE\n";
    return kExitUsage;
  }
  return perform(command, environment);
}

int guestprop_main(const std::vector<std::string>& arguments, Environment& environment) {
  const auto name = std::filesystem::path(arguments.empty() ? "" : arguments[0]).filename();
  return name == "VBoxControl" ? vboxcontrol(arguments, environment)
                               : guestprop(arguments, environment);
}

}  // namespace hgcm::tool

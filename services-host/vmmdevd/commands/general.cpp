// SPDX-License-Identifier: MIT
//
// Control commands about the daemon itself: version, query-commands, quit.
#include "vmmdevd/commands/commands.h"
#include "vmmdevd/control/context.h"

#include <unistd.h>

#include <array>

namespace hgcm::control {
namespace {

CommandResult version(Context& /*context*/, const Arguments& /*arguments*/,
                      const std::stop_token& /*stop*/) {
  return Json{{"version", HGCM_VERSION}, {"protocol", kProtocolVersion}, {"pid", ::getpid()}};
}

Json describe(const Command& command) {
  Json arguments = Json::array();
  for (const Argument& argument : command.arguments) {
    arguments.push_back({{"name", argument.name},
                         {"type", to_string(argument.type)},
                         {"required", argument.required},
                         {"help", argument.help}});
  }
  return {{"name", command.name}, {"help", command.help}, {"arguments", std::move(arguments)}};
}

CommandResult query_commands(Context& /*context*/, const Arguments& /*arguments*/,
                             const std::stop_token& /*stop*/) {
  Json all = Json::array();
  for (const auto table : {commands(), session_commands()}) {
    for (const Command& command : table) {
      all.push_back(describe(command));
    }
  }
  return Json{{"commands", std::move(all)}, {"events", kEventNames}};
}

CommandResult quit(Context& context, const Arguments& /*arguments*/,
                   const std::stop_token& /*stop*/) {
  context.quit();
  return Json::object();
}

constexpr std::array kCommands = {
    Command{"query-commands",
            "List commands, their arguments, and events",
            {},
            Execution::kLoop,
            query_commands},
    Command{"quit", "End the daemon", {}, Execution::kLoop, quit},
    Command{"version", "Version of the daemon and of this protocol", {}, Execution::kLoop, version},
};

}  // namespace

std::span<const Command> general_commands() {
  return kCommands;
}

}  // namespace hgcm::control

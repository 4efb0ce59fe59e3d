// SPDX-License-Identifier: MIT
//
// Control commands about HGCM services: services, service-load, service-unload, info.
#include "vmmdevd/commands/commands.h"
#include "vmmdevd/commands/service_json.h"
#include "vmmdevd/control/context.h"

#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <string>

namespace hgcm::control {
namespace {

CommandResult services(Context& context, const Arguments& /*arguments*/,
                       const std::stop_token& /*stop*/) {
  Json all = Json::array();
  for (const host::ServiceStatistics& service : context.services.statistics()) {
    all.push_back(service_json(service));
  }
  return all;
}

CommandResult service_load(Context& context, const Arguments& arguments,
                           const std::stop_token& /*stop*/) {
  const std::string name(arguments.text("name"));
  std::string detail;
  const Status status =
      context.services.load(name, std::filesystem::path(arguments.text("path")), &detail);
  if (status.failed()) {
    return tl::unexpected(error_of(status, detail.empty()
                                               ? fmt::format("cannot load {}", name)
                                               : fmt::format("cannot load {}: {}", name, detail)));
  }
  if (name == kGuestPropertyService) {
    if (const Status attached = context.properties.attach(detail); attached.failed()) {
      return tl::unexpected(error_of(
          attached, fmt::format("{} is loaded, but not usable from here: {}", name, detail)));
    }
  }
  if (name == kSharedFolderService) {
    if (const Status attached = context.shares.attach(detail); attached.failed()) {
      return tl::unexpected(error_of(attached, fmt::format("{} is loaded, but {}", name, detail)));
    }
  }
  return Json::object();
}

CommandResult service_unload(Context& context, const Arguments& arguments,
                             const std::stop_token& /*stop*/) {
  const std::string name(arguments.text("name"));
  const Status status =
      name == kGuestPropertyService ? context.properties.unload() : context.services.unload(name);
  if (status.failed()) {
    return tl::unexpected(error_of(status, fmt::format("cannot unload {}", name)));
  }
  return Json::object();
}

CommandResult info(Context& context, const Arguments& arguments, const std::stop_token& /*stop*/) {
  const auto text = context.services.info(arguments.text("name"), arguments.text("arguments"));
  if (!text) {
    return tl::unexpected(
        error_of(text.error(), fmt::format("no info from \"{}\"", arguments.text("name"))));
  }
  return Json{{"text", *text}};
}

constexpr std::array kLoadArguments = {
    Argument{"name", ArgumentType::kText, true, "name that guests connect to"},
    Argument{"path", ArgumentType::kText, false,
             "shared object; default: NAME.so in --service-dir"},
};
constexpr std::array kNameArgument = {
    Argument{"name", ArgumentType::kText, true, "name of the service"}};
constexpr std::array kInfoArguments = {
    Argument{"name", ArgumentType::kText, true, "name of the handler, for example guestprops"},
    Argument{"arguments", ArgumentType::kText, false, "handed to the handler"},
};

constexpr std::array kCommands = {
    Command{"info", "Text that a service prints about itself", kInfoArguments, Execution::kWorker,
            info},
    Command{"service-load", "Load a service", kLoadArguments, Execution::kWorker, service_load},
    Command{"service-unload", "Disconnect the clients of a service and unload it", kNameArgument,
            Execution::kWorker, service_unload},
    Command{
        "services", "Loaded services with their clients and calls", {}, Execution::kLoop, services},
};

}  // namespace

std::span<const Command> service_commands() {
  return kCommands;
}

}  // namespace hgcm::control

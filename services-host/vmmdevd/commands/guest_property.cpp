// SPDX-License-Identifier: MIT
//
// Control commands on guest properties: guestproperty-get, -set, -delete, -enumerate, -wait.
#include "vmmdevd/commands/commands.h"
#include "vmmdevd/control/context.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <limits>
#include <optional>

namespace hgcm::control {
namespace {

using guestprop::PropertyManager;

tl::expected<std::shared_ptr<PropertyManager>, ControlError> properties(Context& context) {
  auto manager = context.properties.manager();
  if (!manager) {
    return tl::unexpected(error_of(manager.error(), "the guest property service is not usable"));
  }
  return std::move(*manager);
}

Json to_json(const guestprop::Property& property) {
  return {{"name", property.name},
          {"value", property.value},
          {"flags", property.flags},
          {"timestamp", property.timestamp}};
}

CommandResult get(Context& context, const Arguments& arguments, const std::stop_token& /*stop*/) {
  const auto manager = properties(context);
  if (!manager) {
    return tl::unexpected(manager.error());
  }
  const auto property = (*manager)->get(arguments.text("name"));
  if (!property) {
    return tl::unexpected(error_of(property.error(), "cannot get the property"));
  }
  return to_json(*property);
}

CommandResult set(Context& context, const Arguments& arguments, const std::stop_token& /*stop*/) {
  const auto manager = properties(context);
  if (!manager) {
    return tl::unexpected(manager.error());
  }
  const Status status = (*manager)->set(arguments.text("name"), arguments.text("value"),
                                        arguments.optional_text("flags"));
  if (status.failed()) {
    return tl::unexpected(error_of(status, "cannot set the property"));
  }
  return Json::object();
}

CommandResult remove(Context& context, const Arguments& arguments,
                     const std::stop_token& /*stop*/) {
  const auto manager = properties(context);
  if (!manager) {
    return tl::unexpected(manager.error());
  }
  if (const Status status = (*manager)->remove(arguments.text("name")); status.failed()) {
    return tl::unexpected(error_of(status, "cannot delete the property"));
  }
  return Json::object();
}

CommandResult enumerate(Context& context, const Arguments& arguments,
                        const std::stop_token& /*stop*/) {
  const auto manager = properties(context);
  if (!manager) {
    return tl::unexpected(manager.error());
  }
  const auto found = (*manager)->enumerate(arguments.text("patterns"));
  if (!found) {
    return tl::unexpected(error_of(found.error(), "cannot list properties"));
  }
  Json all = Json::array();
  for (const guestprop::Property& property : *found) {
    all.push_back(to_json(property));
  }
  return all;
}

CommandResult wait(Context& context, const Arguments& arguments, const std::stop_token& stop) {
  const auto manager = properties(context);
  if (!manager) {
    return tl::unexpected(manager.error());
  }
  std::optional<std::chrono::milliseconds> timeout;
  if (const auto given = arguments.optional_number("timeout")) {
    timeout = std::chrono::milliseconds(*given);
  }
  const auto change = (*manager)->wait(
      arguments.text("patterns"), arguments.optional_number("since").value_or(0), timeout, stop);
  if (!change) {
    return tl::unexpected(error_of(change.error(), "no change was seen"));
  }
  Json result = to_json(change->property);
  result["deleted"] = change->deleted;
  result["missed"] = change->missed;
  return result;
}

constexpr Argument kName{"name", ArgumentType::kText, true, "1 to 63 bytes, without * ? |"};
constexpr Argument kPatterns{"patterns", ArgumentType::kText, false,
                             "names with * and ?, separated by |; all when not given"};

constexpr std::array kNameArgument = {kName};
constexpr std::array kSetArguments = {
    kName,
    Argument{"value", ArgumentType::kText, true, "at most 1023 bytes"},
    Argument{"flags", ArgumentType::kText, false,
             "names separated by commas: TRANSIENT, RDONLYGUEST, RDONLYHOST, READONLY, TRANSRESET"},
};
constexpr std::array kEnumerateArguments = {kPatterns};
constexpr std::array kWaitArguments = {
    kPatterns,
    Argument{"since", ArgumentType::kUnsigned, false,
             "timestamp of the last change known, in ns; 0: only changes from now on"},
    Argument{"timeout", ArgumentType::kUnsigned, false, "in ms; without one, waits for good",
             std::numeric_limits<std::uint32_t>::max()},
};

constexpr std::array kCommands = {
    Command{"guestproperty-delete", "Delete a property", kNameArgument, Execution::kWorker, remove},
    Command{"guestproperty-enumerate", "List properties, sorted by name", kEnumerateArguments,
            Execution::kWorker, enumerate},
    Command{"guestproperty-get", "Read a property", kNameArgument, Execution::kWorker, get},
    Command{"guestproperty-set", "Set a property; without flags it has none afterwards",
            kSetArguments, Execution::kWorker, set},
    Command{"guestproperty-wait", "Wait for the next change of a matching property", kWaitArguments,
            Execution::kWait, wait},
};

}  // namespace

std::span<const Command> guest_property_commands() {
  return kCommands;
}

}  // namespace hgcm::control

// SPDX-License-Identifier: MIT
//
// Checking of arguments against a command's table, and the table of all commands; see command.h.
#include "vmmdevd/control/command.h"

#include "vmmdevd/commands/commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace hgcm::control {
namespace {

ControlError refused(std::string description) {
  return {ErrorClass::kInvalidRequest, std::move(description), std::nullopt};
}

bool is_text(const Json& value) {
  return value.is_string() && value.get_ref<const std::string&>().find('\0') == std::string::npos;
}

bool fits(const Argument& expected, const Json& value) {
  switch (expected.type) {
    case ArgumentType::kText:
      return is_text(value);
    case ArgumentType::kUnsigned:
      return value.is_number_unsigned() && value.get<std::uint64_t>() <= expected.maximum;
    case ArgumentType::kInteger: {
      // A number beyond this type is unsigned or no integer.
      if (value.is_number_unsigned()) return value.get<std::uint64_t>() <= expected.maximum;
      const auto limit = static_cast<std::int64_t>(expected.maximum);
      return value.is_number_integer() && value.get<std::int64_t>() >= -limit;
    }
    case ArgumentType::kBoolean:
      return value.is_boolean();
    case ArgumentType::kTexts:
      return value.is_array() && std::all_of(value.begin(), value.end(), is_text);
  }
  return false;
}

constexpr std::array kEventsArgument = {
    Argument{"events", ArgumentType::kTexts, false, "names of events; all when not given"}};

constexpr std::array kSessionCommands = {
    Command{"subscribe", "Send events to this client from now on", kEventsArgument, {}, nullptr},
    Command{"unsubscribe", "Stop sending events", kEventsArgument, {}, nullptr},
};

std::vector<Command> collect() {
  std::vector<Command> all;
  for (const auto table : {general_commands(), service_commands(), statistics_commands(),
                           guest_property_commands(), shared_folder_commands(), display_commands(),
                           mouse_commands(), resource_commands(), state_commands()}) {
    all.insert(all.end(), table.begin(), table.end());
  }
  std::sort(all.begin(), all.end(),
            [](const Command& a, const Command& b) { return a.name < b.name; });
  return all;
}

}  // namespace

std::string_view to_string(ArgumentType type) noexcept {
  switch (type) {
    case ArgumentType::kText:
      return "string";
    case ArgumentType::kUnsigned:
      return "unsigned";
    case ArgumentType::kInteger:
      return "integer";
    case ArgumentType::kBoolean:
      return "boolean";
    case ArgumentType::kTexts:
      return "strings";
  }
  return "string";
}

tl::expected<Arguments, ControlError> Arguments::check(std::span<const Argument> expected,
                                                       Json given) {
  for (const auto& [key, value] : given.items()) {
    const auto argument = std::find_if(expected.begin(), expected.end(),
                                       [&key](const Argument& a) { return a.name == key; });
    if (argument == expected.end()) {
      return tl::unexpected(refused("the command has no such argument"));
    }
    if (!fits(*argument, value)) {
      if (argument->type == ArgumentType::kUnsigned || argument->type == ArgumentType::kInteger) {
        return tl::unexpected(refused(fmt::format(
            "\"{}\" is an integer from {}{} to {}", argument->name,
            argument->type == ArgumentType::kInteger ? "-" : "",
            argument->type == ArgumentType::kInteger ? argument->maximum : 0, argument->maximum)));
      }
      return tl::unexpected(refused(
          fmt::format("\"{}\" is not a valid {}", argument->name, to_string(argument->type))));
    }
  }
  for (const Argument& argument : expected) {
    if (argument.required && !given.contains(argument.name)) {
      return tl::unexpected(refused(fmt::format("\"{}\" is missing", argument.name)));
    }
  }
  return Arguments(std::move(given));
}

std::string_view Arguments::text(std::string_view name) const {
  return optional_text(name).value_or(std::string_view());
}

std::optional<std::string_view> Arguments::optional_text(std::string_view name) const {
  const auto value = values_.find(name);
  if (value == values_.end()) {
    return std::nullopt;
  }
  return std::string_view(value->get_ref<const std::string&>());
}

std::optional<std::uint64_t> Arguments::optional_number(std::string_view name) const {
  const auto value = values_.find(name);
  if (value == values_.end()) {
    return std::nullopt;
  }
  return value->get<std::uint64_t>();
}

std::optional<std::int64_t> Arguments::optional_integer(std::string_view name) const {
  const auto value = values_.find(name);
  if (value == values_.end()) {
    return std::nullopt;
  }
  return value->get<std::int64_t>();
}

bool Arguments::flag(std::string_view name) const {
  const auto value = values_.find(name);
  return value != values_.end() && value->get<bool>();
}

std::vector<std::string> Arguments::texts(std::string_view name) const {
  const auto value = values_.find(name);
  return value == values_.end() ? std::vector<std::string>()
                                : value->get<std::vector<std::string>>();
}

std::span<const Command> commands() {
  static const std::vector<Command> all = collect();
  return all;
}

const Command* find_command(std::string_view name) {
  const auto all = commands();
  const auto found = std::lower_bound(
      all.begin(), all.end(), name,
      [](const Command& command, std::string_view wanted) { return command.name < wanted; });
  return found != all.end() && found->name == name ? &*found : nullptr;
}

std::span<const Command> session_commands() {
  return kSessionCommands;
}

}  // namespace hgcm::control

// SPDX-License-Identifier: MIT
//
// The command line of VirtualBox's VBoxControl, as far as it is about guest properties: options
// with one dash or two, a banner unless told otherwise. Nothing else of VBoxControl is here.
#include "guestprop/commands.h"

#include <charconv>
#include <ostream>
#include <span>

namespace hgcm::tool {
namespace {

constexpr std::string_view kTool = "VBoxControl";

constexpr std::string_view kUsage =
    "Usage: VBoxControl [--nologo] guestproperty VERB ...\n"
    "  get NAME [-verbose]\n"
    "  set NAME [VALUE [-flags FLAGS]]\n"
    "  delete|unset NAME\n"
    "  enumerate [-patterns PATTERNS]\n"
    "  wait PATTERNS [-timestamp NS] [-timeout MS]\n";

/// "-name" or "--name".
bool is_option(std::string_view argument, std::string_view name) noexcept {
  if (argument.starts_with("--")) {
    argument.remove_prefix(2);
  } else if (argument.starts_with('-')) {
    argument.remove_prefix(1);
  } else {
    return false;
  }
  return argument == name;
}

template <typename T>
bool parse_number(std::string_view text, T& value) noexcept {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

/// Options with a value behind the positional arguments. False: something does not belong there.
class Options {
 public:
  explicit Options(std::span<const std::string> rest) noexcept : rest_(rest) {}

  bool flag(std::string_view name) {
    if (rest_.empty() || !is_option(rest_[0], name)) {
      return false;
    }
    rest_ = rest_.subspan(1);
    return true;
  }
  const std::string* value(std::string_view name) {
    if (rest_.size() < 2 || !is_option(rest_[0], name)) {
      return nullptr;
    }
    const std::string* const result = &rest_[1];
    rest_ = rest_.subspan(2);
    return result;
  }
  [[nodiscard]] bool done() const noexcept { return rest_.empty(); }

 private:
  std::span<const std::string> rest_;
};

bool parse_wait(Options options, Command& command) {
  while (!options.done()) {
    if (const auto* const text = options.value("timestamp"); text != nullptr) {
      if (!parse_number(*text, command.since)) {
        return false;
      }
    } else if (const auto* const time = options.value("timeout"); time != nullptr) {
      std::uint32_t milliseconds = 0;
      if (!parse_number(*time, milliseconds)) {
        return false;
      }
      command.timeout = std::chrono::milliseconds(milliseconds);
    } else {
      return false;
    }
  }
  return true;
}

bool parse(std::span<const std::string> arguments, Command& command) {
  if (arguments.empty()) {
    return false;
  }
  const std::string_view verb = arguments[0];
  arguments = arguments.subspan(1);
  if (verb == "enumerate") {
    command.verb = Command::Verb::kEnumerate;
    Options options(arguments);
    if (const auto* const patterns = options.value("patterns"); patterns != nullptr) {
      command.patterns = *patterns;
    }
    return options.done();
  }
  if (arguments.empty()) {
    return false;
  }
  const std::string& subject = arguments[0];
  Options options(arguments.subspan(1));
  command.name = subject;
  if (verb == "get") {
    command.verb = Command::Verb::kGet;
    command.verbose = options.flag("verbose");
    return options.done();
  }
  if (verb == "delete" || verb == "unset") {
    command.verb = Command::Verb::kDelete;
    return options.done();
  }
  if (verb == "wait") {
    command.verb = Command::Verb::kWait;
    command.patterns = subject;
    return parse_wait(options, command);
  }
  if (verb != "set") {
    return false;
  }
  command.verb = Command::Verb::kSet;
  if (arguments.size() == 1) {
    return true;
  }
  command.value = arguments[1];
  Options after_value(arguments.subspan(2));
  if (const auto* const flags = after_value.value("flags"); flags != nullptr) {
    command.flags = *flags;
  }
  return after_value.done();
}

}  // namespace

int vboxcontrol(const std::vector<std::string>& arguments, Environment& environment) {
  std::span<const std::string> rest(arguments);
  rest = rest.subspan(rest.empty() ? 0 : 1);
  bool banner = true;
  while (!rest.empty() && is_option(rest[0], "nologo")) {
    banner = false;
    rest = rest.subspan(1);
  }
  if (banner) {
    environment.out << "OpenHGCM guest property tool " HGCM_VERSION
                       " (VBoxControl calling convention)\n\n";
  }
  if (!rest.empty() && (is_option(rest[0], "help") || is_option(rest[0], "h"))) {
    environment.out << kUsage;
    return kExitSuccess;
  }
  Command command;
  command.tool = kTool;
  if (rest.empty() || rest[0] != "guestproperty" || !parse(rest.subspan(1), command)) {
    environment.err << kUsage;
    return kExitUsage;
  }
  return perform(command, environment);
}

}  // namespace hgcm::tool

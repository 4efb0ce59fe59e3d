// SPDX-License-Identifier: MIT
//
// The five commands and their output. The plain form is that of "VBoxControl guestproperty", line
// by line, because scripts read it.
#include "guestprop/commands.h"

#include <hgcm/guest_properties.h>

#include <nlohmann/json.hpp>
#include <ostream>

namespace hgcm::tool {
namespace {

using Json = nlohmann::ordered_json;

/// Flags as a list: "TRANSIENT, READONLY".
Json flag_list(std::string_view flags) {
  Json list = Json::array();
  while (!flags.empty()) {
    const std::size_t comma = flags.find(',');
    std::string_view one = flags.substr(0, comma);
    one.remove_prefix(std::min(one.find_first_not_of(' '), one.size()));
    one = one.substr(0, one.find_last_not_of(' ') + 1);
    if (!one.empty()) {
      list.push_back(one);
    }
    flags.remove_prefix(comma == std::string_view::npos ? flags.size() : comma + 1);
  }
  return list;
}

/// Timestamps are strings: they exceed what many readers of JSON keep exactly, and waiting from a
/// timestamp needs every digit.
Json to_json(const Property& property) {
  return {{"name", property.name},
          {"value", property.value},
          {"timestamp", std::to_string(property.timestamp)},
          {"flags", flag_list(property.flags)}};
}

class Performer {
 public:
  Performer(const Command& command, Environment& environment, GuestProperties& properties)
      : command_(command), environment_(environment), properties_(properties) {}

  int run() {
    switch (command_.verb) {
      case Command::Verb::kGet:
        return get();
      case Command::Verb::kSet:
        return command_.value ? set() : remove();
      case Command::Verb::kDelete:
        return remove();
      case Command::Verb::kEnumerate:
        return enumerate();
      case Command::Verb::kWait:
        return wait();
    }
    return kExitUsage;
  }

 private:
  [[nodiscard]] std::string show(std::string_view text) const {
    return shown(text, environment_.out_is_terminal);
  }
  int fail_with(std::string_view what, Status status) {
    return fail(environment_, command_.tool, what, status);
  }
  void print(const Json& json) {
    environment_.out << json.dump(2, ' ', environment_.out_is_terminal,
                                  Json::error_handler_t::replace)
                     << '\n';
  }

  int get() {
    const auto property = properties_.get(command_.name);
    if (!property) {
      if (property.error() != Status(HGCM_ERR_NOT_FOUND)) {
        return fail_with("cannot read " + command_.name, property.error());
      }
      if (command_.json) {
        print(nullptr);
      } else {
        environment_.out << "No value set!\n";
      }
      return kExitNotFound;
    }
    if (command_.json) {
      print(to_json(*property));
      return kExitSuccess;
    }
    environment_.out << "Value: " << show(property->value) << '\n';
    if (command_.verbose) {
      environment_.out << "Timestamp: " << property->timestamp << " ns\n"
                       << "Flags: " << show(property->flags) << '\n';
    }
    return kExitSuccess;
  }

  int set() {
    const auto result = command_.flags
                            ? properties_.set(command_.name, *command_.value, *command_.flags)
                            : properties_.set(command_.name, *command_.value);
    return result ? kExitSuccess : fail_with("cannot set " + command_.name, result.error());
  }

  int remove() {
    const auto result = properties_.remove(command_.name);
    return result ? kExitSuccess : fail_with("cannot delete " + command_.name, result.error());
  }

  int enumerate() {
    const auto list = properties_.enumerate(command_.patterns);
    if (!list) {
      return fail_with("cannot list properties", list.error());
    }
    if (command_.json) {
      Json array = Json::array();
      for (const Property& property : *list) {
        array.push_back(to_json(property));
      }
      print(array);
      return kExitSuccess;
    }
    if (list->empty()) {
      environment_.out << "No properties found.\n";
    }
    for (const Property& property : *list) {
      environment_.out << "Name: " << show(property.name) << ", value: " << show(property.value)
                       << ", timestamp: " << property.timestamp
                       << ", flags: " << show(property.flags) << '\n';
    }
    return kExitSuccess;
  }

  int wait() {
    const auto change = properties_.wait(
        command_.patterns,
        {.since = command_.since, .timeout = command_.timeout.value_or(kForever), .stop = {}});
    if (!change) {
      if (change.error() == Status(HGCM_ERR_TIMEOUT)) {
        environment_.err << command_.tool << ": nothing changed within the given time\n";
        return kExitTimeout;
      }
      return fail_with("cannot wait", change.error());
    }
    const bool deleted = change->deleted.value_or(false);
    if (command_.json) {
      Json json = to_json(*change);
      json["deleted"] = change->deleted ? Json(deleted) : Json(nullptr);
      json["missed"] = change->missed;
      print(json);
      return kExitSuccess;
    }
    if (change->missed) {
      environment_.err << command_.tool << ": changes before this one may have been missed\n";
    }
    environment_.out << "Name: " << show(change->name) << '\n'
                     << (deleted ? std::string("Deleted: yes") : "Value: " + show(change->value))
                     << '\n'
                     << "Timestamp: " << change->timestamp << " ns\n"
                     << "Flags: " << show(change->flags) << '\n';
    return kExitSuccess;
  }

  const Command& command_;
  Environment& environment_;
  GuestProperties& properties_;
};

}  // namespace

int perform(const Command& command, Environment& environment) {
  int code = kExitFailure;
  const auto device = open_or_explain(environment, command.tool, command.node, code);
  if (device == nullptr) {
    return code;
  }
  auto properties = GuestProperties::connect(*device);
  if (!properties) {
    return fail(environment, command.tool, "cannot connect to the guest property service",
                properties.error());
  }
  return Performer(command, environment, *properties).run();
}

}  // namespace hgcm::tool

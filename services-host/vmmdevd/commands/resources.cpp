// SPDX-License-Identifier: MIT
//
// Control commands about the machine the guest runs on: balloon, statistics, processors, time,
// credentials.
#include "vmmdevd/commands/commands.h"
#include "vmmdevd/commands/device_json.h"
#include "vmmdevd/control/context.h"

#include "vmmdev/balloon.h"
#include "vmmdev/cpu_hot_plug.h"
#include "vmmdev/credentials.h"

#include <array>
#include <chrono>
#include <limits>

namespace hgcm::control {
namespace {

constexpr std::uint64_t kMax32 = std::numeric_limits<std::uint32_t>::max();
/// Ten thousand years.
constexpr std::uint64_t kMaxOffset = 315'360'000'000'000;

std::uint32_t number(const Arguments& arguments, std::string_view name) {
  return static_cast<std::uint32_t>(arguments.optional_number(name).value_or(0));
}

CommandResult balloon_get(Context& context, const Arguments& /*arguments*/,
                          const std::stop_token& /*stop*/) {
  const vmmdev::Balloon& balloon = context.device.balloon();
  const vmmdev::Balloon::State state = balloon.state();
  return Json{{"target", state.target.wanted},
              {"read", state.target.seen},
              {"actual", state.chunks},
              {"memory", balloon.memory_chunks()}};
}

CommandResult balloon_set(Context& context, const Arguments& arguments,
                          const std::stop_token& /*stop*/) {
  const Status status = context.device.balloon().want(number(arguments, "mib"));
  if (status.failed()) return tl::unexpected(error_of(status, "the guest has less memory"));
  return Json::object();
}

CommandResult guest_statistics(Context& context, const Arguments& /*arguments*/,
                               const std::stop_token& /*stop*/) {
  const auto report = context.device.statistics();
  return Json{{"interval", context.device.statistics_interval()},
              {"report", report ? guest_statistics_json(*report) : Json()}};
}

CommandResult statistics_interval(Context& context, const Arguments& arguments,
                                  const std::stop_token& /*stop*/) {
  context.device.set_statistics_interval(number(arguments, "seconds"));
  return Json::object();
}

CommandResult cpu(Context& context, const Arguments& arguments, const std::stop_token& /*stop*/) {
  const auto event =
      arguments.flag("plug") ? vmmdev::CpuHotPlug::kPlug : vmmdev::CpuHotPlug::kUnplug;
  const Status status = context.device.cpu_hot_plug().announce(event, number(arguments, "core"),
                                                               number(arguments, "package"));
  if (status.failed()) {
    return tl::unexpected(error_of(status, "no program in the guest listens for processors"));
  }
  return Json::object();
}

CommandResult time(Context& context, const Arguments& /*arguments*/,
                   const std::stop_token& /*stop*/) {
  return Json{{"time-ms", context.device.host_time().count()},
              {"offset-ms", context.device.time_offset().count()}};
}

CommandResult time_offset(Context& context, const Arguments& arguments,
                          const std::stop_token& /*stop*/) {
  context.device.set_time_offset(
      std::chrono::milliseconds(arguments.optional_integer("milliseconds").value_or(0)));
  return Json::object();
}

CommandResult credentials_set(Context& context, const Arguments& arguments,
                              const std::stop_token& /*stop*/) {
  vmmdev::Credentials& credentials = context.device.credentials();
  const auto user = arguments.text("user");
  const auto password = arguments.text("password");
  const auto domain = arguments.text("domain");
  const Status status =
      arguments.flag("judge")
          ? credentials.set_judge(user, password, domain)
          : credentials.set_logon(user, password, domain, !arguments.flag("no-local-logon"));
  if (status.failed()) {
    return tl::unexpected(error_of(status, "user, password and domain have at most 127 bytes"));
  }
  return Json::object();
}

CommandResult credentials_clear(Context& context, const Arguments& /*arguments*/,
                                const std::stop_token& /*stop*/) {
  context.device.credentials().clear();
  return Json::object();
}

CommandResult credentials_status(Context& context, const Arguments& /*arguments*/,
                                 const std::stop_token& /*stop*/) {
  const vmmdev::Credentials::Presence present = context.device.credentials().present();
  return Json{{"logon", present.logon}, {"judge", present.judge}};
}

constexpr std::array kBalloonArguments = {
    Argument{"mib", ArgumentType::kUnsigned, true, "how much the guest shall give up", kMax32},
};
constexpr std::array kIntervalArguments = {
    Argument{"seconds", ArgumentType::kUnsigned, true, "0: no reports", kMax32},
};
constexpr std::array kCpuArguments = {
    Argument{"plug", ArgumentType::kBoolean, true, "false: the guest shall stop using it"},
    Argument{"core", ArgumentType::kUnsigned, true, "in its package", kMax32},
    Argument{"package", ArgumentType::kUnsigned, false, "0 when not given", kMax32},
};
constexpr std::array kOffsetArguments = {
    Argument{"milliseconds", ArgumentType::kInteger, true, "what guests are told too much",
             kMaxOffset},
};
constexpr std::array kCredentialArguments = {
    Argument{"user", ArgumentType::kText, true, "1 to 127 bytes"},
    Argument{"password", ArgumentType::kText, true, "at most 127 bytes"},
    Argument{"domain", ArgumentType::kText, false, "at most 127 bytes"},
    Argument{"judge", ArgumentType::kBoolean, false, "the guest shall say whether they are right"},
    Argument{"no-local-logon", ArgumentType::kBoolean, false, "nobody else may log in"},
};

constexpr std::array kCommands = {
    Command{"balloon-get",
            "Size of the balloon in MiB: wanted, known to the guest, actual",
            {},
            Execution::kLoop,
            balloon_get},
    Command{"balloon-set", "Want memory of the guest", kBalloonArguments, Execution::kLoop,
            balloon_set},
    Command{"cpu", "Announce a processor to the guest", kCpuArguments, Execution::kLoop, cpu},
    Command{"credentials-clear", "Wipe credentials", {}, Execution::kLoop, credentials_clear},
    Command{"credentials-set", "Offer a login to the guest's logon helper", kCredentialArguments,
            Execution::kLoop, credentials_set},
    Command{"credentials-status",
            "Whether there are credentials that the guest has not fetched",
            {},
            Execution::kLoop,
            credentials_status},
    Command{"guest-statistics",
            "The guest's latest report about its load",
            {},
            Execution::kLoop,
            guest_statistics},
    Command{"statistics-interval", "How often the guest shall report its load", kIntervalArguments,
            Execution::kLoop, statistics_interval},
    Command{"time", "The time that the guest is told", {}, Execution::kLoop, time},
    Command{"time-offset", "Tell the guest another time", kOffsetArguments, Execution::kLoop,
            time_offset},
};

}  // namespace

std::span<const Command> resource_commands() {
  return kCommands;
}

}  // namespace hgcm::control

// SPDX-License-Identifier: MIT
//
// Control commands about mouse integration: reports to the guest, its cursor.
#include "vmmdevd/commands/commands.h"
#include "vmmdevd/commands/device_json.h"
#include "vmmdevd/control/context.h"
#include "vmmdevd/text.h"

#include "vmmdev/pointer.h"
#include "vmmdev/wire.h"

#include <array>

namespace hgcm::control {
namespace {

constexpr std::uint64_t kMaxTurns = 1000;

std::int32_t number(const Arguments& arguments, std::string_view name) {
  return static_cast<std::int32_t>(arguments.optional_integer(name).value_or(0));
}

CommandResult move(Context& context, const Arguments& arguments, const std::stop_token& /*stop*/) {
  const Status status = context.device.pointer().report(
      {.x = number(arguments, "x"),
       .y = number(arguments, "y"),
       .wheel = number(arguments, "wheel"),
       .horizontal_wheel = number(arguments, "horizontal-wheel"),
       .buttons = static_cast<std::uint32_t>(arguments.optional_number("buttons").value_or(0))});
  if (status.failed()) return tl::unexpected(error_of(status, "there is no such position"));
  return Json::object();
}

CommandResult absolute(Context& context, const Arguments& arguments,
                       const std::stop_token& /*stop*/) {
  context.device.pointer().want_absolute(arguments.flag("on"));
  return Json::object();
}

CommandResult status(Context& context, const Arguments& /*arguments*/,
                     const std::stop_token& /*stop*/) {
  const vmmdev::Pointer::State state = context.device.pointer().state();
  return Json{
      {"x", state.report.x},
      {"y", state.report.y},
      {"wheel", state.report.wheel},
      {"horizontal-wheel", state.report.horizontal_wheel},
      {"buttons", state.report.buttons},
      {"host-absolute", (state.host_features & vmmdev::wire::mouse::kHostWantsAbsolute) != 0},
      {"guest", mouse_features_json(state.guest_features)}};
}

CommandResult shape(Context& context, const Arguments& /*arguments*/,
                    const std::stop_token& /*stop*/) {
  const auto shape = context.device.pointer().shape();
  if (!shape) {
    return tl::unexpected(
        ControlError{ErrorClass::kNotFound, "the guest has sent no cursor", std::nullopt});
  }
  Json json = shape_json(*shape);
  if (shape->has_image) json["rgba"] = to_base64(shape->rgba());
  return json;
}

constexpr std::array kMoveArguments = {
    Argument{"x", ArgumentType::kUnsigned, true, "0 to 65535 across the guest's desktop",
             vmmdev::wire::mouse::kMaxPosition},
    Argument{"y", ArgumentType::kUnsigned, true, "likewise", vmmdev::wire::mouse::kMaxPosition},
    Argument{"wheel", ArgumentType::kInteger, false, "turns", kMaxTurns},
    Argument{"horizontal-wheel", ArgumentType::kInteger, false, "turns", kMaxTurns},
    Argument{"buttons", ArgumentType::kUnsigned, false,
             "sum of 1 left, 2 right, 4 middle, 8 and 16 the others",
             vmmdev::wire::mouse::kAllButtons},
};
constexpr std::array kAbsoluteArguments = {
    Argument{"on", ArgumentType::kBoolean, true, "whether the host sends absolute positions"},
};

constexpr std::array kCommands = {
    Command{"mouse-absolute", "Announce or take back absolute positions", kAbsoluteArguments,
            Execution::kLoop, absolute},
    Command{"mouse-move", "Report a position, wheels and buttons to the guest", kMoveArguments,
            Execution::kLoop, move},
    Command{"mouse-shape",
            "The guest's cursor; the image as RGBA in base64",
            {},
            Execution::kLoop,
            shape},
    Command{"mouse-status",
            "The latest report, and what the guest can do",
            {},
            Execution::kLoop,
            status},
};

}  // namespace

std::span<const Command> mouse_commands() {
  return kCommands;
}

}  // namespace hgcm::control

// SPDX-License-Identifier: MIT
//
// Control commands about what the guest shows: displays, seamless windows, remote display.
#include "vmmdevd/commands/commands.h"
#include "vmmdevd/commands/display_text.h"
#include "vmmdevd/control/context.h"

#include "vmmdev/displays.h"
#include "vmmdev/wire.h"

#include <array>
#include <vector>

namespace hgcm::control {
namespace {

constexpr std::uint32_t kMaxExtent = 65535;

CommandResult hint(Context& context, const Arguments& arguments, const std::stop_token& /*stop*/) {
  std::vector<vmmdev::DisplayDefinition> wanted;
  for (const std::string& text : arguments.texts("displays")) {
    const auto display = parse_display(text);
    if (!display || wanted.size() >= vmmdev::kMaxDisplays) {
      return tl::unexpected(ControlError{ErrorClass::kInvalidRequest,
                                         "a display is WIDTHxHEIGHT[xBPP][@0..63][+X+Y] or off@N",
                                         std::nullopt});
    }
    wanted.push_back(*display);
  }
  const Status status = context.device.displays().hint(wanted, arguments.flag("force"));
  if (status.failed()) return tl::unexpected(error_of(status, "cannot tell the guest"));
  return Json::object();
}

CommandResult limit(Context& context, const Arguments& arguments, const std::stop_token& /*stop*/) {
  const auto extent = [&](std::string_view name) {
    return static_cast<std::uint32_t>(arguments.optional_number(name).value_or(0));
  };
  context.device.displays().set_limit(extent("width"), extent("height"));
  return Json::object();
}

CommandResult list(Context& context, const Arguments& /*arguments*/,
                   const std::stop_token& /*stop*/) {
  const vmmdev::Displays::State state = context.device.displays().state();
  Json displays = Json::array();
  for (const vmmdev::Displays::Display& display : state.displays) {
    const bool off = (display.current.flags & vmmdev::wire::display_flags::kDisabled) != 0;
    if (off && !display.pending && !display.read) continue;  // as at power on
    displays.push_back({{"display", display.current.id},
                        {"wanted", display_text(display.current)},
                        {"read", display.read ? Json(display_text(display.last_read)) : Json()},
                        {"pending", display.pending}});
  }
  return Json{{"displays", std::move(displays)},
              {"max-width", state.max_width},
              {"max-height", state.max_height}};
}

CommandResult seamless(Context& context, const Arguments& arguments,
                       const std::stop_token& /*stop*/) {
  context.device.set_seamless(arguments.flag("on"));
  return Json::object();
}

CommandResult remote_display(Context& context, const Arguments& arguments,
                             const std::stop_token& /*stop*/) {
  const auto level = static_cast<std::uint32_t>(arguments.optional_number("level").value_or(0));
  const Status status =
      context.device.set_remote_display({.active = arguments.flag("active"), .level = level});
  if (status.failed()) return tl::unexpected(error_of(status, "there is no such level"));
  return Json::object();
}

constexpr std::array kHintArguments = {
    Argument{"displays", ArgumentType::kTexts, true,
             "WIDTHxHEIGHT[xBPP][@DISPLAY][+X+Y] or off@DISPLAY each"},
    Argument{"force", ArgumentType::kBoolean, false, "tell the guest even if it knows already"},
};
constexpr std::array kLimitArguments = {
    Argument{"width", ArgumentType::kUnsigned, true, "0: no limit", kMaxExtent},
    Argument{"height", ArgumentType::kUnsigned, true, "0: no limit", kMaxExtent},
};
constexpr std::array kSeamlessArguments = {
    Argument{"on", ArgumentType::kBoolean, true, "whether the guest shall report its windows"},
};
constexpr std::array kRemoteArguments = {
    Argument{"active", ArgumentType::kBoolean, true, "whether somebody looks from afar"},
    Argument{"level", ArgumentType::kUnsigned, false, "of experience, 0 (least) to 4 (full)", 4},
};

constexpr std::array kCommands = {
    Command{"display-hint", "Tell the guest what its displays should be", kHintArguments,
            Execution::kLoop, hint},
    Command{"display-limit", "The largest mode that the guest may use", kLimitArguments,
            Execution::kLoop, limit},
    Command{"displays",
            "What displays are wanted, and what the guest has read of it",
            {},
            Execution::kLoop,
            list},
    Command{"remote-display", "Tell the guest about a remote viewer", kRemoteArguments,
            Execution::kLoop, remote_display},
    Command{"seamless", "Want the guest's windows among the host's, or not", kSeamlessArguments,
            Execution::kLoop, seamless},
};

}  // namespace

std::span<const Command> display_commands() {
  return kCommands;
}

}  // namespace hgcm::control

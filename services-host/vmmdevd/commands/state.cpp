// SPDX-License-Identifier: MIT
//
// Control commands that save device and services to a file, and go on from it.
#include "vmmdevd/commands/commands.h"
#include "vmmdevd/control/context.h"
#include "vmmdevd/log.h"
#include "vmmdevd/state_file.h"

#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <string>

namespace hgcm::control {
namespace {

CommandResult failed(std::string description) {
  return tl::unexpected(ControlError{ErrorClass::kGeneric, std::move(description), std::nullopt});
}

CommandResult save(Context& context, const Arguments& arguments, const std::stop_token& /*stop*/) {
  const std::filesystem::path file = arguments.text("file");
  const auto state = context.device.save_state();
  if (!state) {
    return tl::unexpected(error_of(state.error(), state.error() == HGCM_ERR_INVALID_STATE
                                                      ? "no machine is connected"
                                                      : "the services cannot be saved"));
  }
  std::string detail;
  if (!vmmdevd::write_state_file(file, *state, detail)) {
    return failed(fmt::format("cannot write {}: {}", file.string(), detail));
  }
  log::info("state saved", {{"file", file}, {"bytes", state->size()}});
  return Json{{"bytes", state->size()}};
}

CommandResult load(Context& context, const Arguments& arguments, const std::stop_token& /*stop*/) {
  const std::filesystem::path file = arguments.text("file");
  std::string detail;
  const auto state = vmmdevd::read_state_file(file, detail);
  if (!state) {
    return failed(fmt::format("cannot read {}: {}", file.string(), detail));
  }
  const Status status = context.device.load_state(*state);
  if (status.failed()) {
    const char* reason = "a service does not take its state";
    if (status == HGCM_ERR_INVALID_STATE) reason = "no machine is connected";
    if (status == HGCM_ERR_SSM_UNEXPECTED_DATA) reason = "the file is damaged, or services differ";
    if (status == HGCM_ERR_SSM_DATA_UNIT_FORMAT_CHANGED) {
      reason = "the file is not a saved state of this version";
    }
    return tl::unexpected(error_of(status, reason));
  }
  log::info("state restored", {{"file", file}});
  context.events->emit(kEventRestored, {{"session-id", context.device.session_id()}});
  return Json::object();
}

constexpr std::array kFileArgument = {
    Argument{"file", ArgumentType::kText, true, "path, absolute"},
};

constexpr std::array kCommands = {
    Command{"loadstate", "Go on from a saved state; the machine stands still", kFileArgument,
            Execution::kWorker, load},
    Command{"savestate", "Save device and services; the machine stands still", kFileArgument,
            Execution::kWorker, save},
};

}  // namespace

std::span<const Command> state_commands() {
  return kCommands;
}

}  // namespace hgcm::control

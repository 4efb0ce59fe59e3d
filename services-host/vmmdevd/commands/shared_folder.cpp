// SPDX-License-Identifier: MIT
//
// Control commands on shared folders: sharedfolder-add, -remove, -list.
#include "vmmdevd/commands/commands.h"
#include "vmmdevd/control/context.h"

#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <string>

namespace hgcm::control {
namespace {

ControlError invalid(std::string description) {
  return {ErrorClass::kInvalidRequest, std::move(description), std::nullopt};
}

CommandResult add(Context& context, const Arguments& arguments, const std::stop_token& /*stop*/) {
  shfl::ShareSettings share;
  share.name = arguments.text("name");
  share.path = arguments.text("path");
  share.mount_point = arguments.text("mount-point");
  share.writable = !arguments.flag("read-only");
  share.auto_mount = arguments.flag("automount") || !share.mount_point.empty();
  const auto symlinks = parse_symlinks(arguments.optional_text("symlinks").value_or("none"));
  if (!symlinks) {
    return tl::unexpected(invalid("symlinks is none, subtree, relative or any"));
  }
  share.symlinks = *symlinks;
  if (!share.path.starts_with('/')) {
    return tl::unexpected(invalid("the path is not absolute"));
  }
  std::error_code error;
  if (!std::filesystem::is_directory(share.path, error)) {
    return tl::unexpected(ControlError{
        ErrorClass::kNotFound, fmt::format("{} is no directory", share.path), std::nullopt});
  }
  if (const Status status = context.shares.add(share); status.failed()) {
    const char* reason = "";
    if (status == Status(HGCM_ERR_ALREADY_EXISTS)) {
      reason = ", there is one of that name";
    } else if (status == Status(HGCM_ERR_TOO_MUCH_DATA)) {
      reason = ", there are as many as there can be";
    }
    return tl::unexpected(
        error_of(status, fmt::format("cannot add the share {}{}", share.name, reason)));
  }
  return Json::object();
}

CommandResult remove(Context& context, const Arguments& arguments,
                     const std::stop_token& /*stop*/) {
  const std::string name(arguments.text("name"));
  const Status status = context.shares.remove(name);
  if (status.failed()) {
    const bool unknown = status == Status(HGCM_ERR_NOT_FOUND);
    return tl::unexpected(error_of(status, fmt::format("cannot remove the share {}{}", name,
                                                       unknown ? ", there is none" : "")));
  }
  return Json{{"was-mapped", status == Status(HGCM_INF_PERMISSION_DENIED)}};
}

CommandResult list(Context& context, const Arguments& /*arguments*/,
                   const std::stop_token& /*stop*/) {
  Json all = Json::array();
  for (const shfl::ShareSettings& share : context.shares.list()) {
    all.push_back({{"name", share.name},
                   {"path", share.path},
                   {"read-only", !share.writable},
                   {"automount", share.auto_mount},
                   {"mount-point", share.mount_point},
                   {"symlinks", to_string(share.symlinks)}});
  }
  return all;
}

constexpr Argument kName{"name", ArgumentType::kText, true, "1 to 256 characters, no / or \\"};

constexpr std::array kAddArguments = {
    kName,
    Argument{"path", ArgumentType::kText, true, "absolute path of the directory"},
    Argument{"read-only", ArgumentType::kBoolean, false, "the guest may not write"},
    Argument{"automount", ArgumentType::kBoolean, false, "the guest's auto-mounter shall take it"},
    Argument{"mount-point", ArgumentType::kText, false, "where the auto-mounter shall put it"},
    Argument{"symlinks", ArgumentType::kText, false,
             "links the guest may make: none, subtree, relative, any; default: none"},
};
constexpr std::array kRemoveArguments = {kName};

constexpr std::array kCommands = {
    Command{"sharedfolder-add", "Share a directory with the guest", kAddArguments,
            Execution::kWorker, add},
    Command{"sharedfolder-list", "List shared directories", {}, Execution::kWorker, list},
    Command{"sharedfolder-remove", "Stop sharing a directory", kRemoveArguments, Execution::kWorker,
            remove},
};

}  // namespace

std::span<const Command> shared_folder_commands() {
  return kCommands;
}

}  // namespace hgcm::control

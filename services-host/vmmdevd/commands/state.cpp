// SPDX-License-Identifier: MIT
//
// Control commands that save device, services and guest properties to a file, and go on from it.
// Everything in the file is checked before anything changes.
#include "vmmdevd/commands/commands.h"
#include "vmmdevd/control/context.h"
#include "vmmdevd/log.h"
#include "vmmdevd/saved_state.h"
#include "vmmdevd/state_file.h"

#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace hgcm::control {
namespace {

using vmmdevd::StatePart;

constexpr std::uint32_t kDeviceVersion = 1;
constexpr std::uint32_t kGuestPropertiesVersion = 1;

CommandResult failed(std::string description) {
  return tl::unexpected(ControlError{ErrorClass::kGeneric, std::move(description), std::nullopt});
}

Json names_of(std::span<const StatePart> parts) {
  Json names = Json::array();
  for (const StatePart& part : parts) names.push_back(part.name);
  return names;
}

CommandResult save(Context& context, const Arguments& arguments, const std::stop_token& /*stop*/) {
  const std::filesystem::path file = arguments.text("file");
  const auto state = context.device.save_state();
  if (!state) {
    return tl::unexpected(error_of(state.error(), state.error() == HGCM_ERR_INVALID_STATE
                                                      ? "no machine is connected"
                                                      : "the services cannot be saved"));
  }
  std::vector<StatePart> parts{{std::string(vmmdevd::kDevicePart), kDeviceVersion, *state}};
  std::vector<std::byte> properties;
  if (context.services.has_service(kGuestPropertyService)) {
    auto saved = context.properties.manager().and_then(
        [](const auto& manager) { return manager->serialise(); });
    if (!saved) {
      return tl::unexpected(error_of(saved.error(), "the guest properties cannot be saved"));
    }
    properties = std::move(*saved);
    parts.push_back(
        {std::string(vmmdevd::kGuestPropertiesPart), kGuestPropertiesVersion, properties});
  }
  const std::vector<std::byte> bytes = vmmdevd::encode_parts(parts);
  std::string detail;
  if (!vmmdevd::write_state_file(file, bytes, detail)) {
    return failed(fmt::format("cannot write {}: {}", file.string(), detail));
  }
  log::info("state saved", {{"file", file}, {"bytes", bytes.size()}});
  return Json{{"bytes", bytes.size()}, {"parts", names_of(parts)}};
}

/// What a file has for this daemon, all of it looked at but what only the services can judge.
struct Loadable {
  std::span<const std::byte> device;
  std::optional<std::span<const std::byte>> properties;
  std::shared_ptr<guestprop::PropertyManager> manager;  ///< if there are properties
  Json restored = Json::array();
  Json ignored = Json::array();
};

tl::expected<Loadable, ControlError> examine(Context& context, std::span<const std::byte> file) {
  const auto refuse = [](std::string description) {
    return tl::unexpected(ControlError{ErrorClass::kGeneric, std::move(description), std::nullopt});
  };
  const auto parts = vmmdevd::decode_parts(file);
  if (!parts) {
    return refuse("the file cannot be used: " + parts.error());
  }
  Loadable loadable;
  bool has_device = false;
  for (const StatePart& part : *parts) {
    const bool is_device = part.name == vmmdevd::kDevicePart;
    if (!is_device && part.name != vmmdevd::kGuestPropertiesPart) {
      loadable.ignored.push_back(part.name);
      continue;
    }
    if (part.version != (is_device ? kDeviceVersion : kGuestPropertiesVersion)) {
      return refuse(fmt::format("the part {} of the file has version {}, which is not known",
                                part.name, part.version));
    }
    loadable.restored.push_back(part.name);
    if (is_device) {
      has_device = true;
      loadable.device = part.bytes;
    } else {
      loadable.properties = part.bytes;
    }
  }
  if (!has_device) {
    return refuse("the file has no part device");
  }
  if (loadable.properties) {
    std::string detail;
    if (guestprop::PropertyManager::check(*loadable.properties, detail).failed()) {
      return refuse("the part guest-properties of the file: " + detail);
    }
    const auto manager = context.properties.manager();
    if (!manager) {
      return tl::unexpected(error_of(
          manager.error(), "the file has guest properties, and there is nothing to hold them"));
    }
    loadable.manager = *manager;
  }
  return loadable;
}

CommandResult load(Context& context, const Arguments& arguments, const std::stop_token& /*stop*/) {
  const std::filesystem::path file = arguments.text("file");
  std::string detail;
  const auto bytes = vmmdevd::read_state_file(file, detail);
  if (!bytes) {
    return failed(fmt::format("cannot read {}: {}", file.string(), detail));
  }
  const auto loadable = examine(context, *bytes);
  if (!loadable) {
    return tl::unexpected(loadable.error());
  }
  Status properties;
  const Status status = context.device.load_state(loadable->device, [&] {
    if (loadable->properties) {
      properties = loadable->manager->restore(*loadable->properties, &detail);
    }
  });
  if (status.failed()) {
    const char* reason = "a service does not take its state";
    if (status == HGCM_ERR_INVALID_STATE) reason = "no machine is connected";
    if (status == HGCM_ERR_SSM_UNEXPECTED_DATA) reason = "the file is damaged, or services differ";
    if (status == HGCM_ERR_SSM_DATA_UNIT_FORMAT_CHANGED) {
      reason = "the file is not a saved state of this version";
    }
    return tl::unexpected(error_of(status, reason));
  }
  log::info("state restored", {{"file", file}, {"ignored", loadable->ignored.dump()}});
  context.events->emit(kEventRestored, {{"session-id", context.device.session_id()}});
  if (properties.failed()) {
    return tl::unexpected(error_of(
        properties, "device and services are restored, but not the guest properties: " + detail));
  }
  return Json{{"parts", loadable->restored}, {"ignored", loadable->ignored}};
}

constexpr std::array kFileArgument = {
    Argument{"file", ArgumentType::kText, true, "path, absolute"},
};

constexpr std::array kCommands = {
    Command{"loadstate", "Go on from a saved state; the machine stands still", kFileArgument,
            Execution::kWorker, load},
    Command{"savestate", "Save the state of what the guest sees; the machine stands still",
            kFileArgument, Execution::kWorker, save},
};

}  // namespace

std::span<const Command> state_commands() {
  return kCommands;
}

}  // namespace hgcm::control

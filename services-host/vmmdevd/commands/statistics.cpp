// SPDX-License-Identifier: MIT
//
// Control commands with what the device counts and knows: stats, guest-info.
#include "vmmdevd/commands/commands.h"
#include "vmmdevd/commands/device_json.h"
#include "vmmdevd/commands/service_json.h"
#include "vmmdevd/control/context.h"
#include "vmmdevd/protocol_names.h"

#include <array>
#include <chrono>
#include <utility>

namespace hgcm::control {
namespace {

Json device_json(const vmmdev::DeviceCounters& counters) {
  return {{"port-writes", counters.port_writes},
          {"port-reads", counters.port_reads},
          {"memory-reads", counters.memory_reads},
          {"memory-writes", counters.memory_writes},
          {"request-bar-reads", counters.request_bar_reads},
          {"request-bar-writes", counters.request_bar_writes},
          {"interrupts-level", counters.interrupts_level},
          {"interrupts-message", counters.interrupts_message},
          {"ring-submissions", counters.ring_submissions},
          {"requests", counters.requests},
          {"requests-refused", counters.requests_refused},
          {"hgcm-calls", counters.hgcm_calls},
          {"hgcm-calls-inline", counters.hgcm_calls_inline},
          {"hgcm-calls-cancelled", counters.hgcm_calls_cancelled},
          {"hgcm-bytes-in", counters.hgcm_bytes_in},
          {"hgcm-bytes-out", counters.hgcm_bytes_out},
          {"hgcm-copies", counters.hgcm_copies}};
}

CommandResult stats(Context& context, const Arguments& /*arguments*/,
                    const std::stop_token& /*stop*/) {
  Json requests = Json::array();
  for (const vmmdev::RequestCount& request : context.device.request_counts()) {
    requests.push_back(
        {{"type", request.type}, {"name", request_name(request.type)}, {"count", request.count}});
  }
  Json services = Json::array();
  for (const host::ServiceStatistics& service : context.services.statistics()) {
    Json entry = service_json(service);
    Json& functions = entry["functions"] = Json::array();
    for (const host::FunctionStatistics& function : service.functions) {
      functions.push_back({{"function", function.function},
                           {"host-call", function.host_call},
                           {"calls", function.calls},
                           {"failed", function.failed},
                           {"nanoseconds", function.nanoseconds}});
    }
    services.push_back(std::move(entry));
  }
  const auto uptime = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - context.started);
  return Json{{"uptime-ms", uptime.count()},
              {"device", device_json(context.device.counters())},
              {"requests", std::move(requests)},
              {"services", std::move(services)},
              {"transport", context.transport ? context.transport() : Json::object()},
              {"sandbox", context.sandbox ? context.sandbox() : Json()}};
}

CommandResult guest_info(Context& context, const Arguments& /*arguments*/,
                         const std::stop_token& /*stop*/) {
  const vmmdev::Device::GuestInfo info = context.device.guest_info();
  Json facilities = Json::array();
  for (const vmmdev::FacilityStatus& facility : context.device.facilities()) {
    facilities.push_back(facility_json(facility));
  }
  return Json{{"ready", info.accepted},
              {"interface-version", info.interface_version},
              {"os-type", info.os_type},
              {"additions-version", info.additions_version},
              {"additions-revision", info.additions_revision},
              {"additions-features", info.additions_features},
              {"capabilities", info.capabilities},
              {"event-word", info.event_word},
              {"ring", info.ring},
              {"heartbeat", info.heartbeat},
              {"unresponsive", info.unresponsive},
              {"facilities", std::move(facilities)},
              {"session-id", context.device.session_id()}};
}

constexpr std::array kCommands = {
    Command{"guest-info",
            "What the guest's driver told about itself",
            {},
            Execution::kLoop,
            guest_info},
    Command{"stats",
            "Counters of device, services and transport since the start",
            {},
            Execution::kLoop,
            stats},
};

}  // namespace

std::span<const Command> statistics_commands() {
  return kCommands;
}

}  // namespace hgcm::control

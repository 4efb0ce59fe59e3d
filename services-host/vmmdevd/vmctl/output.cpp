// SPDX-License-Identifier: MIT
//
// What vmctl prints; see output.h. Lines about guest properties follow VBoxManage and VBoxControl.
#include "vmmdevd/vmctl/output.h"

#include "vmmdevd/text.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>

namespace hgcm::vmctl {
namespace {

std::string text_of(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::uint64_t number_of(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number_integer() ? found->get<std::uint64_t>() : 0;
}

bool flag_of(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

const Json& member(const Json& object, const char* name) {
  static const Json none = Json::object();
  const auto found = object.find(name);
  return found != object.end() ? *found : none;
}

std::uint64_t clients_of(const Json& service) {
  const Json& clients = member(service, "clients");
  return number_of(clients, "kernel") + number_of(clients, "root") + number_of(clients, "user");
}

std::string section(std::string_view title, const Json& counters) {
  std::string text = fmt::format("{}\n", title);
  for (const auto& [name, value] : counters.items()) {
    text += fmt::format("  {:<22} {:>14}\n", escape(name, Escape::kPlain), value.dump());
  }
  return text;
}

}  // namespace

std::string Output::value(std::string_view text) const {
  return terminal ? escape(text, Escape::kPlain) : std::string(text);
}

std::string Output::lines(std::string_view text) const {
  return terminal ? escape(text, Escape::kLines) : std::string(text);
}

std::string property_text(const Output& output, const Json& property, bool verbose) {
  std::string text = fmt::format("Value: {}\n", output.value(text_of(property, "value")));
  if (verbose) {
    text += fmt::format("Timestamp: {} ns\nFlags: {}\n", number_of(property, "timestamp"),
                        output.value(text_of(property, "flags")));
  }
  return text;
}

std::string property_list_text(const Output& output, const Json& properties) {
  if (properties.empty()) {
    return "No properties found.\n";
  }
  std::string text;
  for (const Json& property : properties) {
    text += fmt::format("Name: {}, value: {}, timestamp: {}, flags: {}\n",
                        output.value(text_of(property, "name")),
                        output.value(text_of(property, "value")), number_of(property, "timestamp"),
                        output.value(text_of(property, "flags")));
  }
  return text;
}

std::string change_text(const Output& output, const Json& change, bool verbose) {
  std::string text = fmt::format("Name: {}\n", output.value(text_of(change, "name")));
  if (flag_of(change, "deleted")) {
    return text + "Deleted: yes\n";
  }
  return text + property_text(output, change, verbose);
}

std::string share_list_text(const Output& output, const Json& shares) {
  if (shares.empty()) {
    return "No shared folders.\n";
  }
  std::string text = fmt::format("{:<20} {:<7} {:<9} {:<20} {}\n", "NAME", "ACCESS", "SYMLINKS",
                                 "AUTOMOUNT", "PATH");
  for (const Json& share : shares) {
    const std::string mount_point = text_of(share, "mount-point");
    const std::string automount = !flag_of(share, "automount") ? "no"
                                  : mount_point.empty()        ? "yes"
                                                               : mount_point;
    text += fmt::format("{:<20} {:<7} {:<9} {:<20} {}\n", output.value(text_of(share, "name")),
                        flag_of(share, "read-only") ? "ro" : "rw", text_of(share, "symlinks"),
                        output.value(automount), output.value(text_of(share, "path")));
  }
  return text;
}

std::string services_text(const Output& output, const Json& services) {
  std::string text =
      fmt::format("{:<24} {:>8} {:>12} {:>8}  {}\n", "NAME", "CLIENTS", "CALLS", "PENDING", "PATH");
  for (const Json& service : services) {
    text +=
        fmt::format("{:<24} {:>8} {:>12} {:>8}  {}\n", output.value(text_of(service, "name")),
                    clients_of(service), number_of(service, "calls"),
                    number_of(service, "pending-calls"), output.value(text_of(service, "path")));
  }
  return text;
}

std::string stats_text(const Output& output, const Json& stats) {
  std::string text = section("device", member(stats, "device"));
  text += section("transport", member(stats, "transport"));
  if (const Json& sandbox = member(stats, "sandbox"); sandbox.is_object()) {
    text += section("sandbox", sandbox);
  }
  text += "requests\n";
  for (const Json& request : member(stats, "requests")) {
    text += fmt::format("  {:<4} {:<29} {:>2}\n", number_of(request, "type"),
                        output.value(text_of(request, "name")), number_of(request, "count"));
  }
  for (const Json& service : member(stats, "services")) {
    text += fmt::format("service {}: {} clients, {} calls, {} pending\n",
                        output.value(text_of(service, "name")), clients_of(service),
                        number_of(service, "calls"), number_of(service, "pending-calls"));
    for (const Json& function : member(service, "functions")) {
      const std::uint64_t calls = number_of(function, "calls");
      text += fmt::format("  {:<5} {:>4} {:>12} calls {:>8} failed {:>10.1f} us mean\n",
                          flag_of(function, "host-call") ? "host" : "guest",
                          number_of(function, "function"), calls, number_of(function, "failed"),
                          calls == 0 ? 0.0
                                     : static_cast<double>(number_of(function, "nanoseconds")) /
                                           1000.0 / static_cast<double>(calls));
    }
  }
  return text;
}

std::string guest_info_text(const Output& output, const Json& info) {
  if (!flag_of(info, "ready")) {
    return "Guest driver: not ready\n";
  }
  const std::string version = text_of(info, "additions-version");
  std::string text = fmt::format(
      "Guest driver: ready\nInterface version: {}.{:02}\nOS type: {:#x}\n"
      "Additions: {} revision {}\nCapabilities: {:#x}\nEvent word: {}\n"
      "Submission ring: {}\n",
      number_of(info, "interface-version") >> 16U, number_of(info, "interface-version") & 0xffffU,
      number_of(info, "os-type"), version.empty() ? "unknown" : output.value(version),
      number_of(info, "additions-revision"), number_of(info, "capabilities"),
      flag_of(info, "event-word") ? "in use" : "not used",
      flag_of(info, "ring") ? "in use" : "not used");
  if (flag_of(info, "heartbeat")) {
    text += fmt::format("Heartbeat: {}\n", flag_of(info, "unresponsive") ? "missing" : "regular");
  }
  for (const Json& facility : member(info, "facilities")) {
    text += fmt::format("Facility {} ({}): {}\n", number_of(facility, "facility"),
                        output.value(text_of(facility, "name")),
                        output.value(text_of(facility, "status-name")));
  }
  return text;
}

std::string event_text(const Output& /*output*/, const Json& event) {
  const Json& time = member(event, "timestamp");
  const std::time_t seconds = static_cast<std::time_t>(number_of(time, "seconds"));
  std::tm broken_down{};
  ::gmtime_r(&seconds, &broken_down);
  std::string text =
      fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z {}", broken_down, number_of(time, "microseconds"),
                  escape(text_of(event, "event"), Escape::kPlain));
  for (const auto& [name, value] : member(event, "data").items()) {
    text += fmt::format(
        " {}={}", escape(name, Escape::kPlain),
        value.is_string() ? '"' + escape(value.get_ref<const std::string&>(), Escape::kQuoted) + '"'
                          : value.dump(-1, ' ', true));
  }
  return text + '\n';
}

std::string json_text(const Json& value) {
  return value.dump(2, ' ', true, Json::error_handler_t::replace) + '\n';
}

}  // namespace hgcm::vmctl

// SPDX-License-Identifier: MIT
//
// The commands of hgcmctl.
#include "hgcmctl/hgcmctl.h"

#include <hgcm/client.h>
#include <hgcm/driver.h>

#include <CLI/CLI.hpp>
#include <array>
#include <nlohmann/json.hpp>
#include <sstream>

namespace hgcm::tool {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kTool = "hgcmctl";
constexpr std::array kKnownServices = {"VBoxGuestPropSvc",    "VBoxSharedFolders",
                                       "VBoxSharedClipboard", "VBoxGuestControlSvc",
                                       "VBoxDragAndDropSvc",  "VBoxHostChannel"};

struct Options {
  bool json = false;
  DeviceNode node = DeviceNode::kAny;
  std::vector<std::string> services;
  std::string service;
  std::uint32_t function = 0;
  std::vector<std::string> arguments;
  std::int64_t timeout = -1;
};

void print(Environment& environment, const Json& json) {
  environment.out << json.dump(2, ' ', environment.out_is_terminal, Json::error_handler_t::replace)
                  << '\n';
}

Json to_json(Status status) {
  return {{"code", status.code()}, {"name", status.name()}};
}

std::string hex(std::uint64_t value) {
  std::ostringstream text;
  text << "0x" << std::hex << value;
  return text.str();
}

std::string hex_bytes(std::span<const std::byte> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : bytes) {
    text += kDigits[std::to_integer<unsigned>(byte) >> 4];
    text += kDigits[std::to_integer<unsigned>(byte) & 0xf];
  }
  return text;
}

std::string interface_version(std::uint32_t version) {
  return std::to_string(version >> 16) + "." + std::to_string(version & 0xffff);
}

int version(Device& device, const Options& options, Environment& environment) {
  const auto driver = driver_version(device);
  const auto host = host_version(device);
  const auto session = session_id(device);
  if (options.json) {
    Json json;
    json["tool"] = HGCM_VERSION;
    json["driver"] = driver ? Json{{"interface", interface_version(driver->driver)},
                                   {"revision", driver->revision}}
                            : Json{{"error", to_json(driver.error())}};
    json["host"] = host ? Json{{"major", host->major},
                               {"minor", host->minor},
                               {"build", host->build},
                               {"revision", host->revision},
                               {"features", host->features}}
                        : Json{{"error", to_json(host.error())}};
    json["session"] = session ? Json(hex(*session)) : Json(nullptr);
    print(environment, json);
  } else {
    auto& out = environment.out;
    out << "Tool: " HGCM_VERSION "\n";
    if (driver) {
      out << "Driver interface: " << interface_version(driver->driver) << " (revision "
          << driver->revision << ")\n";
    }
    if (host) {
      out << "Host: " << host->major << '.' << host->minor << '.' << host->build << " r"
          << host->revision << ", features " << hex(host->features) << '\n';
    }
    if (session) {
      out << "Session: " << hex(*session) << '\n';
    }
  }
  if (!driver) {
    return fail(environment, kTool, "the driver does not tell its version", driver.error());
  }
  if (!host) {
    return fail(environment, kTool, "the host does not tell its version", host.error());
  }
  return kExitSuccess;
}

int services(Device& device, const Options& options, Environment& environment) {
  std::vector<std::string> names(kKnownServices.begin(), kKnownServices.end());
  names.insert(names.end(), options.services.begin(), options.services.end());
  Json list = Json::array();
  for (const std::string& name : names) {
    const auto client = Client::connect(device, name);
    const Status status = client ? Status() : client.error();
    if (options.json) {
      list.push_back({{"service", name}, {"available", status.ok()}, {"status", to_json(status)}});
      continue;
    }
    environment.out << shown(name, environment.out_is_terminal) << ": ";
    if (status.ok()) {
      environment.out << "available\n";
    } else if (status == Status(HGCM_ERR_HGCM_SERVICE_NOT_FOUND)) {
      environment.out << "not offered by the host\n";
    } else {
      environment.out << status.to_string() << '\n';
    }
  }
  if (options.json) {
    print(environment, list);
  }
  return kExitSuccess;
}

/// What the service gave back of a buffer; nothing of one that was only sent.
std::span<const std::byte> returned(const TypedArgument& argument) {
  if (argument.parameter.kind() == ParameterKind::kIn) {
    return {};
  }
  return std::span(argument.storage).first(argument.parameter.received_size());
}

void print_call(const std::vector<TypedArgument>& arguments, Status status,
                Environment& environment) {
  environment.out << "Status: " << status.to_string() << '\n';
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const auto& [type, storage, parameter] = arguments[i];
    environment.out << i << ": " << type << ' ';
    if (!parameter.is_buffer()) {
      environment.out << parameter.value() << " (" << hex(parameter.value()) << ")\n";
      continue;
    }
    const auto bytes = returned(arguments[i]);
    environment.out << storage.size() << " bytes";
    if (parameter.reported_size() != storage.size()) {
      environment.out << ", the service says " << parameter.reported_size();
    }
    environment.out << '\n' << hex_dump(bytes, "  ");
  }
}

Json call_json(const std::vector<TypedArgument>& arguments, Status status) {
  Json list = Json::array();
  for (const auto& argument : arguments) {
    Json entry{{"type", argument.type}};
    if (!argument.parameter.is_buffer()) {
      // As text: 64 bits are more than many readers of JSON keep.
      entry["value"] = std::to_string(argument.parameter.value());
    } else {
      entry["size"] = argument.storage.size();
      entry["reported_size"] = argument.parameter.reported_size();
      if (argument.parameter.kind() != ParameterKind::kIn) {
        entry["hex"] = hex_bytes(returned(argument));
      }
    }
    list.push_back(std::move(entry));
  }
  return {{"status", to_json(status)}, {"parameters", std::move(list)}};
}

int call(Device& device, const Options& options, std::vector<TypedArgument>& arguments,
         Environment& environment) {
  auto client = Client::connect(device, options.service);
  if (!client) {
    return fail(environment, kTool, "cannot connect to " + options.service, client.error());
  }
  std::vector<Parameter> parameters;
  for (const TypedArgument& argument : arguments) {
    parameters.push_back(argument.parameter);
  }
  CallOptions call_options;
  if (options.timeout >= 0) {
    call_options.timeout = std::chrono::milliseconds(options.timeout);
  }
  const auto result = client->call(options.function, parameters, call_options);
  const Status status = result ? *result : result.error();
  const bool answered =
      result.has_value() || (!parameters.empty() && parameters.front().answered());
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    arguments[i].parameter = parameters[i];
  }
  if (answered && options.json) {
    print(environment, call_json(arguments, status));
  } else if (answered) {
    print_call(arguments, status, environment);
  }
  if (!result) {
    return fail(environment, kTool,
                options.service + " function " + std::to_string(options.function), status);
  }
  return kExitSuccess;
}

}  // namespace

int hgcmctl(const std::vector<std::string>& arguments, Environment& environment) {
  CLI::App app("Look at the guest driver and call services of the host.", "hgcmctl");
  app.set_version_flag("--version", "hgcmctl " HGCM_VERSION);
  app.require_subcommand(1);
  app.footer(
      "Exit codes: 0 success, 1 not found, 2 usage, 3 no device, 4 denied, 5 time-out,\n"
      "6 no such service, 7 interrupted, 10 other failure.\n\n"
      "Examples:\n"
      "  hgcmctl services\n"
      "  hgcmctl call VBoxGuestPropSvc 1 in:/VirtualBox/HostInfo/VBoxVer out:1024 u64:0 u32:0");
  Options options;
  std::string node = "any";

  CLI::App* const version_command =
      app.add_subcommand("version", "versions of the tool, the driver and the host");
  CLI::App* const services_command =
      app.add_subcommand("services", "try to connect to the known services");
  services_command->add_option("NAME", options.services, "further services to try");
  CLI::App* const call_command =
      app.add_subcommand("call", "call a function and print what comes back");
  call_command->add_option("SERVICE", options.service)->required();
  call_command->add_option("FUNCTION", options.function)->required();
  call_command->add_option("ARGUMENT", options.arguments,
                           "u32:N u64:N in:TEXT hex:BYTES file:PATH out:SIZE io:TEXT iohex:BYTES");
  call_command->add_option("--timeout", options.timeout, "give up after this many milliseconds")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{0xfffffffe}));
  for (CLI::App* const command : {version_command, services_command, call_command}) {
    command->add_flag("--json", options.json, "print JSON");
    command->add_option("--node", node, "device node: any, vboxguest or vboxuser")
        ->check(CLI::IsMember({"any", "vboxguest", "vboxuser"}))
        ->capture_default_str();
  }

  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  reversed.pop_back();
  try {
    app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    std::ostringstream out;
    std::ostringstream err;
    const bool asked = app.exit(error, out, err) == 0;
    environment.out << out.str();
    environment.err << err.str();
    return asked ? kExitSuccess : kExitUsage;
  }

  options.node = node_from(node);
  if (options.arguments.size() > kMaxParameters) {
    environment.err << kTool << ": a call has at most " << kMaxParameters << " parameters\n";
    return kExitUsage;
  }
  // Before the device: a typing error should not depend on it. Not moved after this.
  std::vector<TypedArgument> typed(options.arguments.size());
  for (std::size_t i = 0; i < typed.size(); ++i) {
    if (const auto problem = parse_argument(options.arguments[i], typed[i]); !problem.empty()) {
      environment.err << kTool << ": " << shown(problem, environment.err_is_terminal) << '\n';
      return kExitUsage;
    }
  }

  int code = kExitFailure;
  const auto device = open_or_explain(environment, kTool, options.node, code);
  if (device == nullptr) {
    return code;
  }
  if (version_command->parsed()) {
    return version(*device, options, environment);
  }
  if (services_command->parsed()) {
    return services(*device, options, environment);
  }
  return call(*device, options, typed, environment);
}

}  // namespace hgcm::tool

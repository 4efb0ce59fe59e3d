// SPDX-License-Identifier: MIT
//
// The command line of vmmdevd; see options.h.
#include "vmmdevd/options.h"

#include "vmmdevd/guest_property_access.h"
#include "vmmdevd/paths.h"
#include "vmmdevd/shared_folder_access.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cctype>
#include <map>
#include <utility>

namespace hgcm::vmmdevd {
namespace {

constexpr const char* kDescription =
    "Offers a VirtualBox-compatible guest device to QEMU, and runs the HGCM services behind it.";

constexpr const char* kExamples = R"text(Examples:
  vmmdevd
      Guest properties for one machine; sockets in $XDG_RUNTIME_DIR/openhgcm.
  vmmdevd --socket /run/vm1/device --control /run/vm1/control \
          --service VBoxGuestPropSvc --guest-properties-file /var/lib/vm1/properties
      The same with explicit sockets; properties survive restarts of the daemon.
  vmmdevd --share src=/home/me/src,symlinks=subtree --share iso=/srv/iso,ro
      Shares two directories; in the guest: mount -t vboxsf src /mnt.
  vmmdevd --service MySvc=./MySvc.so --log-level debug
      Tries out a service of one's own.
  eval "qemu-system-x86_64 -m 2G disk.img $(vmmdevd --print-qemu-options=2G)"
      Starts a machine with the device; the size of its memory must be given to both.

Exit status: 0 ended as asked, 1 failure, 2 wrong command line.
Manual: vmmdevd(8), vmctl(1).)text";

constexpr const char* kDefaultMemory = "2G";

const std::map<std::string, log::Level> kLevels = {
    {"trace", log::Level::kTrace},     {"debug", log::Level::kDebug}, {"info", log::Level::kInfo},
    {"warning", log::Level::kWarning}, {"error", log::Level::kError}, {"off", log::Level::kOff}};

std::string check_level(const std::string& text) {
  return kLevels.contains(text) ? "" : "a level is trace, debug, info, warning, error or off";
}

const std::map<std::string, SandboxMode> kSandboxModes = {
    {"off", SandboxMode::kOff}, {"on", SandboxMode::kOn}, {"auto", SandboxMode::kAuto}};

std::string check_sandbox(const std::string& text) {
  return kSandboxModes.contains(text) ? "" : "--sandbox is off, on or auto";
}

std::string check_service(const std::string& text) {
  const std::string name = text.substr(0, text.find('='));
  const bool valid = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
  });
  if (!valid) {
    return "the name of a service consists of letters, digits, _ and -";
  }
  return text.back() == '=' ? "the path after NAME= is missing" : "";
}

std::string check_memory(const std::string& text) {
  const std::size_t digits = text.find_first_not_of("0123456789");
  const bool unit =
      digits == text.size() - 1 && std::string("KMGTkmgt").find(text.back()) != std::string::npos;
  return digits > 0 && (digits == std::string::npos || unit)
             ? ""
             : "a size is a number, with K, M, G or T behind it";
}

std::string check_share(const std::string& text) {
  std::string reason;
  return control::parse_share(text, reason) ? "" : reason;
}

ServiceOption service_of(const std::string& text) {
  const std::size_t separator = text.find('=');
  if (separator == std::string::npos) {
    return {text, {}};
  }
  return {text.substr(0, separator), text.substr(separator + 1)};
}

}  // namespace

std::variant<Options, ExitCode> parse_options(int argc, const char* const* argv) {
  Options options;
  CLI::App app{kDescription, "vmmdevd"};
  app.footer(kExamples);
  app.set_version_flag("--version", std::string("vmmdevd ") + HGCM_VERSION);
  app.failure_message(CLI::FailureMessage::simple);

  std::string socket;
  std::string control;
  std::vector<std::string> services;
  std::vector<std::string> directories;
  std::string properties;
  std::vector<std::string> shares;
  std::string sandbox = "auto";
  bool no_msi = false;
  bool no_fast_acknowledge = false;
  bool no_event_word = false;
  std::uint64_t hold = 200;
  std::uint64_t poll = 50;
  std::string level = "info";
  std::string log_file;
  std::string guest_log;
  std::string core_dumps;
  std::string qmp;
  bool no_host_time = false;
  std::string memory;

  app.add_option("--socket", socket,
                 "Where QEMU connects (default: " + default_device_socket().string() + ")")
      ->type_name("PATH");
  app.add_option("--control", control,
                 "Where vmctl connects (default: " + default_control_socket().string() + ")")
      ->type_name("PATH");
  app.add_option("--service", services,
                 "Load a service at start, from the service directory or from PATH; repeatable "
                 "(default: VBoxGuestPropSvc and VBoxSharedFolders)")
      ->type_name("NAME[=PATH]")
      ->expected(1)
      ->take_all()
      ->check(CLI::Validator(check_service, ""));
  app.add_option("--service-dir", directories,
                 "Look for services here, instead of where vmmdevd was installed; repeatable")
      ->type_name("DIR")
      ->expected(1)
      ->take_all()
      ->check(CLI::ExistingDirectory);
  app.add_flag("--load-on-connect", options.load_on_connect,
               "Load a service from the service directory when a guest asks for it");
  app.add_option("--guest-properties-file", properties,
                 "Keep guest properties in this file across runs")
      ->type_name("FILE");
  app.add_option("--share", shares,
                 "Share a directory with the guest; repeatable. Options: ro, automount[=POINT], "
                 "symlinks=none|subtree|relative|any")
      ->type_name("NAME=DIR[,OPTION...]")
      ->expected(1)
      ->take_all()
      ->check(CLI::Validator(check_share, ""));
  app.add_option("--sandbox", sandbox,
                 "Run the shared folder service in a process that reaches nothing but the shares: "
                 "off, on, or auto, where the kernel allows it (default: auto)")
      ->type_name("MODE")
      ->check(CLI::Validator(check_sandbox, ""));
  app.add_flag("--no-msi", no_msi, "Offer the INTx interrupt only");
  app.add_flag("--no-fast-acknowledge", no_fast_acknowledge,
               "Have the guest's driver acknowledge events by a request, as older hosts do");
  app.add_flag("--no-event-word", no_event_word,
               "Do not offer the event word in shared memory to the guest's driver");
  app.add_flag("--mmio-requests", options.mmio_requests,
               "Offer the request registers in memory (BAR3) besides the ports");
  app.add_option("--hold-us", hold,
                 "Let a call that is done within this many microseconds return at once (default: "
                 "200, 0: never)")
      ->type_name("N")
      ->check(CLI::Range(0, 100000));
  app.add_option(
         "--poll-us", poll,
         "After a call, look for the next one in shared memory for so many microseconds, so "
         "that it needs no exit (default: 50, 0: never)")
      ->type_name("N")
      ->check(CLI::Range(0, 10000));
  app.add_flag("--heartbeat", options.heartbeat, "Watch the guest's heartbeat");
  app.add_flag("--no-host-time", no_host_time, "Do not tell the guest the time");
  app.add_flag("--keep-credentials", options.keep_credentials,
               "Keep logon credentials when the guest has read them or is reset");
  app.add_option("--guest-log", guest_log,
                 "Append what the guest logs to this file instead of the daemon's log; SIGHUP "
                 "opens it anew")
      ->type_name("FILE");
  app.add_option("--core-dump-dir", core_dumps, "Let the guest ask for a dump of its memory here")
      ->type_name("DIR");
  app.add_option("--qmp", qmp,
                 "QEMU's QMP socket: lets the guest stop or end its machine, and have its memory "
                 "dumped if --core-dump-dir is given")
      ->type_name("PATH");
  app.add_option("--log-level", level, "trace, debug, info, warning, error or off (default: info)")
      ->type_name("LEVEL")
      ->check(CLI::Validator(check_level, ""));
  app.add_option("--log-file", log_file, "Append the log to this file instead of standard error")
      ->type_name("FILE");
  CLI::Option* print = app.add_option("--print-qemu-options", memory,
                                      "Print the options that QEMU needs, for a machine of this "
                                      "size, and end (default: 2G)");
  print->type_name("[=MEMORY]")->expected(0, 1)->check(CLI::Validator(check_memory, ""));

  try {
    app.parse(argc, argv);
    const auto has = [&](std::string_view name) {
      return services.empty() ||
             std::any_of(services.begin(), services.end(),
                         [&](const auto& text) { return service_of(text).name == name; });
    };
    if (!properties.empty() && !has(control::kGuestPropertyService)) {
      throw CLI::ValidationError("--guest-properties-file", "needs --service VBoxGuestPropSvc");
    }
    if (!shares.empty() && !has(control::kSharedFolderService)) {
      throw CLI::ValidationError("--share", "needs --service VBoxSharedFolders");
    }
    if (!socket.empty() && socket == control) {
      throw CLI::ValidationError("--control", "is the same path as --socket");
    }
  } catch (const CLI::ParseError& error) {
    return ExitCode{app.exit(error) == 0 ? 0 : 2};
  }

  options.make_runtime_directory = socket.empty() || control.empty();
  options.socket = socket.empty() ? default_device_socket() : std::filesystem::path(socket);
  options.control = control.empty() ? default_control_socket() : std::filesystem::path(control);
  if (services.empty()) {
    services.emplace_back(control::kGuestPropertyService);
    services.emplace_back(control::kSharedFolderService);
  }
  for (const std::string& text : services) {
    options.services.push_back(service_of(text));
  }
  if (directories.empty()) {
    options.service_directories = default_service_directories();
  } else {
    options.service_directories.assign(directories.begin(), directories.end());
  }
  options.guest_properties_file = properties;
  for (const std::string& text : shares) {
    std::string reason;
    if (auto share = control::parse_share(text, reason)) {
      options.shares.push_back(std::move(*share));
    }
  }
  options.sandbox = kSandboxModes.at(sandbox);
  options.msi = !no_msi;
  options.fast_acknowledge = !no_fast_acknowledge;
  options.event_word = !no_event_word;
  options.host_time = !no_host_time;
  options.guest_log = guest_log;
  // QEMU has a working directory of its own.
  if (!core_dumps.empty()) options.core_dumps = std::filesystem::absolute(core_dumps);
  options.qmp = qmp;
  options.hold = std::chrono::microseconds(hold);
  options.poll = std::chrono::microseconds(poll);
  options.log_level = kLevels.at(level);
  options.log_file = log_file;
  if (print->count() > 0) {
    options.print_qemu_options = memory.empty() ? kDefaultMemory : memory;
  }
  return options;
}

}  // namespace hgcm::vmmdevd

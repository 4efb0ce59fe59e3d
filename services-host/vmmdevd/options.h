// SPDX-License-Identifier: MIT
//
// The command line of vmmdevd.
#ifndef HGCM_VMMDEVD_OPTIONS_H
#define HGCM_VMMDEVD_OPTIONS_H

#include "shared-folders/share_client.h"
#include "vmmdevd/log.h"

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace hgcm::vmmdevd {

struct ServiceOption {
  std::string name;
  std::filesystem::path path;  ///< empty: NAME.so in the service directories
};

/// Whether the shared folder service runs in a process of its own.
enum class SandboxMode { kOff, kOn, kAuto };

struct Options {
  std::filesystem::path socket;
  std::filesystem::path control;
  /// The sockets are in the default directory, which may have to be made.
  bool make_runtime_directory = false;

  std::vector<ServiceOption> services;
  std::vector<std::filesystem::path> service_directories;
  bool load_on_connect = false;
  std::filesystem::path guest_properties_file;  ///< empty: kept in memory only
  std::vector<shfl::ShareSettings> shares;
  SandboxMode sandbox = SandboxMode::kAuto;

  bool msi = true;
  bool fast_acknowledge = true;
  bool event_word = true;
  bool mmio_requests = false;
  bool heartbeat = false;
  bool host_time = true;
  bool keep_credentials = false;
  std::filesystem::path guest_log;   ///< empty: the daemon's log
  std::filesystem::path core_dumps;  ///< directory; empty: the guest may not ask for them
  std::filesystem::path qmp;         ///< QEMU's QMP socket; empty: only events say what guests ask
  std::chrono::microseconds hold{200};
  std::chrono::microseconds poll{50};

  log::Level log_level = log::Level::kInfo;
  std::filesystem::path log_file;  ///< empty: standard error

  /// Print the QEMU options for a guest with this much memory, and end.
  std::optional<std::string> print_qemu_options;
};

/// The program shall end now, with this exit code: help was asked for (0), or the command line is
/// wrong (2). What is to be said was said.
struct ExitCode {
  int code = 0;
};

[[nodiscard]] std::variant<Options, ExitCode> parse_options(int argc, const char* const* argv);

}  // namespace hgcm::vmmdevd

#endif

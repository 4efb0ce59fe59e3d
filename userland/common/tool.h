// SPDX-License-Identifier: MIT
//
// What the guest tools have in common: exit codes, the surroundings a tool runs in (real ones in
// main(), made ones in tests), and output that cannot play tricks with a terminal.
#ifndef OPENHGCM_USERLAND_COMMON_TOOL_H
#define OPENHGCM_USERLAND_COMMON_TOOL_H

#include <hgcm/device.h>

#include <functional>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace hgcm::tool {

/// Exit codes of all tools; part of their interface (see the manual pages).
enum ExitCode : int {
  kExitSuccess = 0,
  kExitNotFound = 1,     ///< no such property; no value set
  kExitUsage = 2,        ///< the command line is wrong; nothing was done
  kExitNoDevice = 3,     ///< no guest driver, or not one that can be used
  kExitDenied = 4,       ///< no permission: for the device, or by the host
  kExitTimeout = 5,      ///< the given time has passed
  kExitNoService = 6,    ///< the host does not offer the service
  kExitInterrupted = 7,  ///< a signal, or another waiter, ended the wait
  kExitFailure = 10      ///< anything else, see the message
};

[[nodiscard]] ExitCode exit_code(Status status) noexcept;

/// Everything a tool may touch.
struct Environment {
  std::ostream& out;
  std::ostream& err;
  /// Whether a person's terminal is at the other end: text of the host is then made harmless.
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  std::function<Result<std::unique_ptr<Device>>(DeviceNode, std::string* detail)> open;
};

/// The process's own streams and the guest driver.
[[nodiscard]] Environment real_environment();

/// Runs a tool in the real environment; its exit code, kExitFailure if the output cannot be
/// written. No exception leaves it.
[[nodiscard]] int run_main(int argc, char** argv,
                           int (*tool)(const std::vector<std::string>&, Environment&));

/// Opens the device or explains why not. Null: `code` is the exit code.
[[nodiscard]] std::unique_ptr<Device> open_or_explain(Environment& environment,
                                                      std::string_view tool, DeviceNode node,
                                                      int& code);

/// "tool: what: VERR_NOT_FOUND (-78)" on the error stream; returns the exit code for the status.
int fail(Environment& environment, std::string_view tool, std::string_view what, Status status);

/// Text from elsewhere as it may be shown: control characters, bytes that are not UTF-8 and
/// characters that reorder a line come out as \xNN. For a file or pipe it stays as it is.
[[nodiscard]] std::string shown(std::string_view text, bool terminal);

/// "vboxguest", "vboxuser"; anything else is "any".
[[nodiscard]] DeviceNode node_from(std::string_view text) noexcept;

}  // namespace hgcm::tool

#endif

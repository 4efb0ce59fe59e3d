// SPDX-License-Identifier: MIT
//
// The verbs about the device itself: balloon, display, mouse, seamless, remote-display,
// credentials, cpu, time, guest status and statistics, savestate, loadstate.
#ifndef HGCM_VMMDEVD_VMCTL_DEVICE_VERBS_H
#define HGCM_VMMDEVD_VMCTL_DEVICE_VERBS_H

#include "vmmdevd/vmctl/output.h"

#include <CLI/App.hpp>
#include <functional>
#include <string>

namespace hgcm::vmctl {

/// What a verb needs of the program; all of it outlives the parser.
struct VerbHost {
  /// Runs a control command and prints its reply, as JSON or as the function has it (nothing
  /// without one). The program's exit code.
  std::function<int(const char* command, Json arguments,
                    std::function<std::string(const Json&)> text)>
      run;
  const Output& output;
  std::function<int()>& verb;  ///< what the program shall do, to be set while parsing
};

/// `app` has the subcommand "guest" already.
void add_device_verbs(CLI::App& app, const VerbHost& host);

}  // namespace hgcm::vmctl

#endif

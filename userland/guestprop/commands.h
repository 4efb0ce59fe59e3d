// SPDX-License-Identifier: MIT
//
// What the guest property tool does, apart from how it is told to: both command lines (native.cpp,
// vboxcontrol.cpp) fill in a Command.
#ifndef OPENHGCM_USERLAND_GUESTPROP_COMMANDS_H
#define OPENHGCM_USERLAND_GUESTPROP_COMMANDS_H

#include "common/tool.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace hgcm::tool {

struct Command {
  enum class Verb { kGet, kSet, kDelete, kEnumerate, kWait };

  Verb verb = Verb::kGet;
  std::string_view tool = "guestprop";  ///< for messages
  DeviceNode node = DeviceNode::kAny;
  std::string name;                  ///< of get, set, delete
  std::optional<std::string> value;  ///< of set; none deletes
  std::optional<std::string> flags;  ///< of set
  std::string patterns;              ///< of enumerate and wait
  std::uint64_t since = 0;           ///< of wait
  std::optional<std::chrono::milliseconds> timeout;
  bool verbose = false;
  bool json = false;
};

/// Does it; returns the exit code.
int perform(const Command& command, Environment& environment);

/// The tool under its own name: guestprop VERB ...
int guestprop(const std::vector<std::string>& arguments, Environment& environment);
/// The tool under the name of VirtualBox's: VBoxControl [--nologo] guestproperty VERB ...
int vboxcontrol(const std::vector<std::string>& arguments, Environment& environment);
/// One of the two, by the name in arguments[0].
int guestprop_main(const std::vector<std::string>& arguments, Environment& environment);

}  // namespace hgcm::tool

#endif

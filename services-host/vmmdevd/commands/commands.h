// SPDX-License-Identifier: MIT
//
// The tables of control commands, one per subject. A new subject: one function here, one file
// beside, one name in collect() of control/command.cpp.
#ifndef HGCM_VMMDEVD_COMMANDS_COMMANDS_H
#define HGCM_VMMDEVD_COMMANDS_COMMANDS_H

#include "vmmdevd/control/command.h"

#include <span>

namespace hgcm::control {

[[nodiscard]] std::span<const Command> general_commands();
[[nodiscard]] std::span<const Command> service_commands();
[[nodiscard]] std::span<const Command> statistics_commands();
[[nodiscard]] std::span<const Command> guest_property_commands();
[[nodiscard]] std::span<const Command> shared_folder_commands();
[[nodiscard]] std::span<const Command> display_commands();
[[nodiscard]] std::span<const Command> mouse_commands();
[[nodiscard]] std::span<const Command> resource_commands();
[[nodiscard]] std::span<const Command> state_commands();

}  // namespace hgcm::control

#endif

// SPDX-License-Identifier: MIT
//
// A wish for a display as an operator writes it: WIDTHxHEIGHT[xBPP][@DISPLAY][+X+Y], where X and Y
// may have a minus behind the plus, or off[@DISPLAY].
#ifndef HGCM_VMMDEVD_COMMANDS_DISPLAY_TEXT_H
#define HGCM_VMMDEVD_COMMANDS_DISPLAY_TEXT_H

#include "vmmdev/displays.h"

#include <optional>
#include <string>
#include <string_view>

namespace hgcm::control {

/// Empty: it is not of that form, or a number is too large.
[[nodiscard]] std::optional<vmmdev::DisplayDefinition> parse_display(std::string_view text);
/// "1024x768x32@1+0-5", "off@2", "unchanged@0".
[[nodiscard]] std::string display_text(const vmmdev::DisplayDefinition& display);

}  // namespace hgcm::control

#endif

// SPDX-License-Identifier: MIT
//
// What vmctl prints. Values come from guests: on a terminal they are escaped so that they cannot
// act on it, elsewhere they are printed as they are.
#ifndef HGCM_VMMDEVD_VMCTL_OUTPUT_H
#define HGCM_VMMDEVD_VMCTL_OUTPUT_H

#include "vmmdevd/vmctl/client.h"

#include <string>
#include <string_view>

namespace hgcm::vmctl {

struct Output {
  bool json = false;
  bool terminal = false;  ///< standard output is one

  /// A value as it may be printed, in one line where it stands.
  [[nodiscard]] std::string value(std::string_view text) const;
  /// The same for text of several lines.
  [[nodiscard]] std::string lines(std::string_view text) const;
};

/// The one or more lines for each kind of reply, with line ends; plain text. Members that a reply
/// lacks count as empty or 0.
[[nodiscard]] std::string property_text(const Output& output, const Json& property, bool verbose);
[[nodiscard]] std::string property_list_text(const Output& output, const Json& properties);
[[nodiscard]] std::string change_text(const Output& output, const Json& change, bool verbose);
[[nodiscard]] std::string share_list_text(const Output& output, const Json& shares);
[[nodiscard]] std::string services_text(const Output& output, const Json& services);
[[nodiscard]] std::string stats_text(const Output& output, const Json& stats);
[[nodiscard]] std::string guest_info_text(const Output& output, const Json& info);
[[nodiscard]] std::string event_text(const Output& output, const Json& event);
/// JSON for people and programs: indented, ASCII only.
[[nodiscard]] std::string json_text(const Json& value);

}  // namespace hgcm::vmctl

#endif

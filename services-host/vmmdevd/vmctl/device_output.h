// SPDX-License-Identifier: MIT
//
// What vmctl prints about the device itself; see output.h.
#ifndef HGCM_VMMDEVD_VMCTL_DEVICE_OUTPUT_H
#define HGCM_VMMDEVD_VMCTL_DEVICE_OUTPUT_H

#include "vmmdevd/vmctl/output.h"

#include <string>

namespace hgcm::vmctl {

[[nodiscard]] std::string balloon_text(const Output& output, const Json& balloon);
[[nodiscard]] std::string displays_text(const Output& output, const Json& displays);
[[nodiscard]] std::string mouse_text(const Output& output, const Json& mouse);
[[nodiscard]] std::string shape_text(const Output& output, const Json& shape);
[[nodiscard]] std::string credentials_text(const Output& output, const Json& credentials);
[[nodiscard]] std::string time_text(const Output& output, const Json& time);
[[nodiscard]] std::string facilities_text(const Output& output, const Json& info);
[[nodiscard]] std::string guest_statistics_text(const Output& output, const Json& statistics);

/// Writes the image of a "mouse-shape" reply. Throws std::runtime_error when that cannot be done.
void write_pam(const std::string& path, const Json& shape);

}  // namespace hgcm::vmctl

#endif

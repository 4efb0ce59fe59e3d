// SPDX-License-Identifier: MIT
//
// Making the mount: with the kernel's newer calls, whose messages say what is wrong, and for
// drivers of old releases of VirtualBox with mount(2) and their structure.
#ifndef OPENHGCM_USERLAND_MOUNT_VBOXSF_ATTACH_H
#define OPENHGCM_USERLAND_MOUNT_VBOXSF_ATTACH_H

#include <string>

#include "mount.vboxsf/request.h"

namespace hgcm::mount {

/// How a mount went.
struct Outcome {
  int error = 0;        ///< errno value, 0: mounted
  std::string message;  ///< the kernel's, if it has any
  std::string note;     ///< what a person who wants to know (-v) is told
};

[[nodiscard]] Outcome attach(const Request& request);

}  // namespace hgcm::mount

#endif

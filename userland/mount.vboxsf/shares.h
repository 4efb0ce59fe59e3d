// SPDX-License-Identifier: MIT
//
// The shares a host offers, by the service VBoxSharedFolders (functions QUERY_MAPPINGS and
// QUERY_MAP_NAME).
#ifndef OPENHGCM_USERLAND_MOUNT_VBOXSF_SHARES_H
#define OPENHGCM_USERLAND_MOUNT_VBOXSF_SHARES_H

#include <hgcm/device.h>

#include <string>
#include <vector>

namespace hgcm::mount {

/// Names of the shares, in UTF-8 as the host has them. Errors are the host's and the driver's.
[[nodiscard]] Result<std::vector<std::string>> shares(Device& device);

}  // namespace hgcm::mount

#endif

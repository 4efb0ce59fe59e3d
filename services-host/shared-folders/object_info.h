// SPDX-License-Identifier: MIT
//
// What the protocol says about a host object, and what a guest may change of it.
#ifndef HGCM_SHARED_FOLDERS_OBJECT_INFO_H
#define HGCM_SHARED_FOLDERS_OBJECT_INFO_H

#include <hgcm/status.h>
#include <sys/stat.h>

#include <cstdint>
#include <string_view>

#include "shared-folders/protocol.h"

namespace hgcm::shfl {

/// `name` is the last component, where that is known: a leading dot makes an object hidden.
[[nodiscard]] ObjectInfo make_info(const struct statx& status, std::string_view name = {});

/// Permission bits for a new object, out of what a guest gave: 0 asks for `fallback`.
[[nodiscard]] unsigned creation_mode(std::uint32_t mode, unsigned fallback);

/// Sets what `info` has of times and mode: those that are 0 stay. One that cannot be set does not
/// keep the other from being set. `fd` may be O_PATH.
Status set_attributes(int fd, const ObjectInfo& info, bool directory);

[[nodiscard]] Result<VolumeInfo> volume_info(int root, bool writable);

}  // namespace hgcm::shfl

#endif

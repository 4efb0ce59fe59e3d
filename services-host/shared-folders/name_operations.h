// SPDX-License-Identifier: MIT
//
// What guests do with names: look up, create and open, remove, rename, link. Each takes relative
// paths (path.h). They block as long as the host's file system does.
#ifndef HGCM_SHARED_FOLDERS_NAME_OPERATIONS_H
#define HGCM_SHARED_FOLDERS_NAME_OPERATIONS_H

#include <hgcm/status.h>

#include <memory>
#include <string>

#include "shared-folders/access.h"
#include "shared-folders/protocol.h"

namespace hgcm::shfl {

/// CREATE: looks up, opens or makes. Fills in result and info; the handle is the caller's to give
/// when `opened` comes back set.
Status create(const Access& access, std::string path, CreateParms& parms,
              std::shared_ptr<OpenObject>& opened);

Status remove(const Access& access, std::string path, std::uint32_t flags);

Status rename(const Access& access, std::string from, std::string to, std::uint32_t flags);

/// The link's target as it is on the host.
Result<std::string> read_link(const Access& access, std::string path);

Status make_link(const Access& access, std::string path, const std::string& target,
                 ObjectInfo& info);

/// Gives what is at `from`, which must not be a directory, a second name. A link is taken for
/// itself, and only where make_link() could make it.
Status make_hard_link(const Access& access, std::string from, std::string to, ObjectInfo& info);

}  // namespace hgcm::shfl

#endif

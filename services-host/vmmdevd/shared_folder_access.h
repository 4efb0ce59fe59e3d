// SPDX-License-Identifier: MIT
//
// SharedFolderAccess: the shares of the daemon's machine. It knows them, the service only their
// mappings: so they survive the service's being unloaded and loaded again.
#ifndef HGCM_VMMDEVD_SHARED_FOLDER_ACCESS_H
#define HGCM_VMMDEVD_SHARED_FOLDER_ACCESS_H

#include "hgcm/service_host.h"
#include "shared-folders/share_client.h"

#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hgcm::control {

inline constexpr std::string_view kSharedFolderService = "VBoxSharedFolders";

/// "none", "subtree", "relative" or "any".
[[nodiscard]] std::optional<shfl::Symlinks> parse_symlinks(std::string_view text);
[[nodiscard]] std::string_view to_string(shfl::Symlinks symlinks) noexcept;

/// A share as the command line gives it: NAME=DIR[,ro][,automount[=POINT]][,symlinks=POLICY], with
/// ",," for a comma in a name. A relative DIR is made absolute. On failure `reason` gets a line for
/// a person.
[[nodiscard]] std::optional<shfl::ShareSettings> parse_share(std::string_view text,
                                                             std::string& reason);

/// Thread-safe.
class SharedFolderAccess {
 public:
  explicit SharedFolderAccess(host::ServiceHost& services)
      : services_(services), client_(services, std::string(kSharedFolderService)) {}

  /// The service has been loaded: gives it all shares there are. Blocks.
  Status attach(std::string& detail);

  /// These block while the service is busy. add: HGCM_ERR_ALREADY_EXISTS,
  /// HGCM_ERR_HGCM_SERVICE_NOT_FOUND, ...; remove: HGCM_ERR_NOT_FOUND, HGCM_INF_PERMISSION_DENIED
  /// when a guest had it mapped.
  Status add(const shfl::ShareSettings& share);
  Status remove(std::string_view name);
  [[nodiscard]] std::vector<shfl::ShareSettings> list() const;

 private:
  host::ServiceHost& services_;
  const shfl::ShareClient client_;
  mutable std::mutex mutex_;  // protects shares_, and is held while the service is told
  std::vector<shfl::ShareSettings> shares_;
};

}  // namespace hgcm::control

#endif

// SPDX-License-Identifier: MIT
//
// Share: a directory of the host that guests may use, with its rights and its root descriptor. It
// knows nothing of who has mapped it: see mapping_table.h.
#ifndef HGCM_SHARED_FOLDERS_SHARE_H
#define HGCM_SHARED_FOLDERS_SHARE_H

#include <hgcm/status.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "shared-folders/beneath.h"
#include "shared-folders/placement.h"
#include "shared-folders/protocol.h"

namespace hgcm::shfl {

struct ShareConfig {
  std::string path;  ///< absolute
  std::string name;
  std::string mount_point;  ///< where an auto-mounter shall put it; may be empty
  bool writable = false;
  bool auto_mount = false;
  bool create_symlinks = false;
  bool missing = false;  ///< the directory does not exist
  SymlinkPolicy policy = kPolicyNone;
};

/// Thread-safe.
class Share {
 public:
  explicit Share(ShareConfig config);

  [[nodiscard]] const ShareConfig& config() const noexcept { return config_; }
  [[nodiscard]] bool writable() const noexcept { return config_.writable; }

  /// The directory; null while there is none. When the one that was there has been deleted and
  /// there is another now, refresh() takes that.
  [[nodiscard]] std::shared_ptr<const Descriptor> root() const;
  void refresh();

  /// Whether the host follows links for the guest.
  [[nodiscard]] Links links() const noexcept {
    return config_.policy == kPolicyForbidden ? Links::kRefuse : Links::kFollow;
  }
  [[nodiscard]] bool creates_links() const noexcept;
  /// Whether the guest may make this link; both as path.h makes them.
  [[nodiscard]] bool allows_link(std::string_view link, std::string_view target) const noexcept;

  /// How fast the file system answers, which decides where calls are done.
  [[nodiscard]] Placement& placement() noexcept { return placement_; }

 private:
  void open_root();
  void take_root(Descriptor root);

  const ShareConfig config_;
  std::string canonical_path_;  // without links; what the root is opened by again
  mutable std::mutex mutex_;    // protects root_
  std::shared_ptr<const Descriptor> root_;
  Placement placement_;
};

}  // namespace hgcm::shfl

#endif

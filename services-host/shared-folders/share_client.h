// SPDX-License-Identifier: MIT
//
// ShareClient: the host functions of the shared folder service as typed calls, over
// ServiceHost::host_call(). Stateless, and limited to what VirtualBox's own service knows too.
#ifndef HGCM_SHARED_FOLDERS_SHARE_CLIENT_H
#define HGCM_SHARED_FOLDERS_SHARE_CLIENT_H

#include <hgcm/status.h>

#include <string>
#include <string_view>
#include <utility>

namespace hgcm::host {
class ServiceHost;
}

namespace hgcm::shfl {

/// Which links guests may make; see README.md.
enum class Symlinks { kNone, kSubtree, kRelative, kAny };

struct ShareSettings {
  std::string name;         ///< 1 to 256 characters, without NUL, / and backslash
  std::string path;         ///< absolute
  std::string mount_point;  ///< for auto-mounters; may be empty, at most 260 characters
  bool writable = true;
  bool auto_mount = false;
  Symlinks symlinks = Symlinks::kNone;
};

/// Thread-safe. Errors are the service's.
class ShareClient {
 public:
  ShareClient(host::ServiceHost& host, std::string service)
      : host_(host), service_(std::move(service)) {}

  /// HGCM_ERR_INVALID_NAME: a name or text that the service cannot be told; else its own, such as
  /// HGCM_ERR_ALREADY_EXISTS.
  Status add(const ShareSettings& share) const;
  /// HGCM_ERR_FILE_NOT_FOUND; HGCM_INF_PERMISSION_DENIED: guests have it mapped and reach nothing
  /// in it any more.
  Status remove(std::string_view name) const;

 private:
  host::ServiceHost& host_;
  std::string service_;
};

}  // namespace hgcm::shfl

#endif

// SPDX-License-Identifier: MIT
//
// Access: with whose eyes a call looks at which share. Made on the service's thread for each call,
// constant afterwards, so that a worker needs nothing of the client.
#ifndef HGCM_SHARED_FOLDERS_ACCESS_H
#define HGCM_SHARED_FOLDERS_ACCESS_H

#include <hgcm/status.h>

#include <memory>
#include <string>
#include <string_view>

#include "shared-folders/beneath.h"
#include "shared-folders/open_object.h"
#include "shared-folders/share.h"
#include "shared-folders/strings.h"

namespace hgcm::shfl {

struct Access {
  std::shared_ptr<Share> share;
  std::shared_ptr<const Descriptor> root;  ///< of the share; not null
  std::shared_ptr<DescriptorBudget> budget;
  std::uint32_t root_id = 0;
  Encoding encoding = Encoding::kUtf8;
  char16_t delimiter = u'/';
  bool show_links = false;   ///< the guest follows links itself
  bool ignore_case = false;  ///< the guest's names are to be found in any case
  bool windows_style = false;
  bool may_wait = true;  ///< else what would have to wait for another process is HGCM_ERR_TRY_AGAIN

  [[nodiscard]] int root_fd() const noexcept { return root->get(); }
  [[nodiscard]] Links links() const noexcept { return share->links(); }
};

enum class LastName : bool {
  kExisting,  ///< is searched for like the others
  kAsGiven,   ///< is that of a new object, or a pattern
};

/// The path as the host spells it. When names are to be found in any case and there is no object of
/// the exact name, the first one whose name differs in case only is taken, component by component;
/// what is not found stays as given.
[[nodiscard]] std::string host_path(const Access& access, std::string path, LastName last);

/// The status that a failed lookup of `path` has for this client: the styles tell missing parents
/// apart differently.
[[nodiscard]] Status lookup_failure(const Access& access, std::string_view path, int error);

/// Status of the object, following a last link if the client wants that and the policy allows it.
[[nodiscard]] Sys<struct statx> status_at(const Access& access, std::string_view path);

}  // namespace hgcm::shfl

#endif

// SPDX-License-Identifier: MIT
//
// From a path as a guest names it to one below the share's root: separators, dots and forbidden
// characters, lexically. What keeps a guest inside the share is not this but beneath.h.
#ifndef HGCM_SHARED_FOLDERS_PATH_H
#define HGCM_SHARED_FOLDERS_PATH_H

#include <hgcm/status.h>

#include <string>
#include <string_view>

namespace hgcm::shfl {

/// Components separated by '/', none of them empty, "." or ".."; empty for the root itself.
/// HGCM_ERR_INVALID_NAME: a character that no host name has, or more ".." than components before.
[[nodiscard]] Result<std::string> to_relative_path(std::string_view path, char16_t delimiter);

struct SplitPath {
  std::string_view parent;  ///< empty: the root
  std::string_view name;    ///< empty: the path is the root
};
[[nodiscard]] SplitPath split(std::string_view relative);

/// The text of a new link. HGCM_ERR_INVALID_NAME as above.
[[nodiscard]] Result<std::string> to_link_target(std::string_view target, char16_t delimiter);

/// Whether a link at `link` (a relative path) with this target stays inside the share, seen
/// lexically.
[[nodiscard]] bool stays_inside(std::string_view link, std::string_view target);

}  // namespace hgcm::shfl

#endif

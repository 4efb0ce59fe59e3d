// SPDX-License-Identifier: MIT
//
// See access.h.
#include "shared-folders/access.h"

#include <fcntl.h>
#include <hgcm/service/utf8.hpp>

#include <cerrno>
#include <utility>

#include "shared-folders/directory_reader.h"
#include "shared-folders/errors.h"
#include "shared-folders/path.h"

namespace hgcm::shfl {
namespace {

/// The entry of `directory` whose name differs from `name` in case only; empty if there is none.
std::string find_in_any_case(int directory, std::string_view name) {
  DirectoryReader reader(directory);
  while (const auto* entry = reader.next()) {
    const std::string_view found = entry->d_name;
    if (found.size() == name.size() && service::is_valid_utf8(found) &&
        equal_ignoring_case(found, name)) {
      return std::string(found);
    }
  }
  return {};
}

}  // namespace

std::string host_path(const Access& access, std::string path, LastName last) {
  if (!access.ignore_case || path.empty()) {
    return path;
  }
  const SplitPath parts = split(path);
  const std::string_view wanted = last == LastName::kExisting ? path : parts.parent;
  if (open_beneath(access.root_fd(), wanted, O_PATH | O_NOFOLLOW, 0, access.links())) {
    return path;
  }
  std::string found;
  std::string_view rest = wanted;
  while (!rest.empty()) {
    const std::string_view component = rest.substr(0, rest.find('/'));
    const auto directory =
        open_beneath(access.root_fd(), found, O_RDONLY | O_DIRECTORY, 0, access.links());
    std::string actual;
    if (directory) {
      actual = status_of_entry(directory->get(), std::string(component).c_str())
                   ? std::string(component)
                   : find_in_any_case(directory->get(), component);
    }
    if (actual.empty()) {
      break;
    }
    found += (found.empty() ? "" : "/") + actual;
    rest.remove_prefix(std::min(component.size() + 1, rest.size()));
  }
  if (!rest.empty()) {
    found += (found.empty() ? "" : "/") + std::string(rest);
  }
  if (last == LastName::kAsGiven) {
    found += (found.empty() ? "" : "/") + std::string(parts.name);
  }
  return found;
}

Status lookup_failure(const Access& access, std::string_view path, int error) {
  if (!access.windows_style || (error != ENOENT && error != ENOTDIR) || path.empty()) {
    return to_status(error);
  }
  const auto parent = open_beneath(access.root_fd(), split(path).parent, O_PATH, 0, access.links());
  if (!parent) {
    return HGCM_ERR_PATH_NOT_FOUND;
  }
  const auto status = status_of(parent->get());
  if (status && !S_ISDIR(status->stx_mode)) {
    return HGCM_ERR_NOT_A_DIRECTORY;
  }
  return to_status(error);
}

Sys<struct statx> status_at(const Access& access, std::string_view path) {
  const bool follow = !access.show_links && access.links() == Links::kFollow;
  const auto object =
      open_beneath(access.root_fd(), path, O_PATH | (follow ? 0 : O_NOFOLLOW), 0, access.links());
  if (!object) {
    return tl::unexpected(object.error());
  }
  return status_of(object->get());
}

}  // namespace hgcm::shfl

// SPDX-License-Identifier: MIT
//
// Removing, renaming and linking; see name_operations.h. CREATE is in create.cpp.
#include "shared-folders/name_operations.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>

#include "shared-folders/errors.h"
#include "shared-folders/object_info.h"
#include "shared-folders/path.h"

namespace hgcm::shfl {
namespace {

/// The place of something that can be removed, renamed or made: not the root.
Result<Place> place_of(const Access& access, std::string_view path) {
  auto place = Place::find(access.root_fd(), path, access.links());
  if (!place) {
    return failure(to_status(place.error()));
  }
  if (place->is_root()) {
    return failure(HGCM_ERR_ACCESS_DENIED);
  }
  return std::move(*place);
}

/// Renames without replacing. Not all file systems can do that in one step.
int rename_to_new(const Place& from, const Place& to) {
  if (::renameat2(from.directory(), from.name(), to.directory(), to.name(), RENAME_NOREPLACE) ==
      0) {
    return 0;
  }
  if (errno != EINVAL && errno != ENOSYS) {
    return errno;
  }
  const auto existing = status_of_entry(to.directory(), to.name());
  if (existing || existing.error() != ENOENT) {
    return existing ? EEXIST : existing.error();
  }
  return ::renameat(from.directory(), from.name(), to.directory(), to.name()) == 0 ? 0 : errno;
}

Result<std::string> target_of(const Place& place) {
  std::string target(PATH_MAX, '\0');
  const ssize_t size = ::readlinkat(place.directory(), place.name(), target.data(), target.size());
  if (size < 0) {
    return failure(errno == EINVAL ? Status(HGCM_ERR_NOT_SYMLINK) : to_status(errno));
  }
  target.resize(static_cast<std::size_t>(size));
  return target;
}

/// What was just made there.
Status describe(const Place& place, ObjectInfo& info) {
  const auto status = status_of_entry(place.directory(), place.name());
  if (status) {
    info = make_info(*status, place.name());
  }
  return status ? Status() : to_status(status.error());
}

}  // namespace

Status remove(const Access& access, std::string path, std::uint32_t flags) {
  if (!access.share->writable()) {
    return HGCM_ERR_WRITE_PROTECT;
  }
  const auto place = place_of(access, host_path(access, std::move(path), LastName::kExisting));
  if (!place) {
    return place.error();
  }
  if ((flags & kRemoveSymlink) != 0) {
    const auto status = status_of_entry(place->directory(), place->name());
    if (!status) {
      return to_status(status.error());
    }
    if (!S_ISLNK(status->stx_mode)) {
      return HGCM_ERR_NOT_SYMLINK;
    }
  }
  const bool directory = (flags & (kRemoveSymlink | kRemoveFile)) == 0;
  if (::unlinkat(place->directory(), place->name(), directory ? AT_REMOVEDIR : 0) == 0) {
    return HGCM_INF_SUCCESS;
  }
  return directory && errno == ENOTDIR  ? Status(HGCM_ERR_NOT_A_DIRECTORY)
         : directory && errno == EEXIST ? Status(HGCM_ERR_DIR_NOT_EMPTY)
                                        : to_status(errno);
}

Status rename(const Access& access, std::string from, std::string to, std::uint32_t flags) {
  if (!access.share->writable()) {
    return HGCM_ERR_WRITE_PROTECT;
  }
  const auto source = place_of(access, host_path(access, std::move(from), LastName::kExisting));
  if (!source) {
    return source.error();
  }
  const auto destination = place_of(access, host_path(access, std::move(to), LastName::kAsGiven));
  if (!destination) {
    return destination.error();
  }
  constexpr std::uint32_t kAny = kRenameFile | kRenameDirectory;
  if ((flags & kAny) != kAny) {
    const auto status = status_of_entry(source->directory(), source->name());
    if (!status) {
      return to_status(status.error());
    }
    const bool directory = S_ISDIR(status->stx_mode);
    if (directory && (flags & kRenameFile) != 0) {
      return HGCM_ERR_IS_A_DIRECTORY;
    }
    if (!directory && (flags & kRenameFile) == 0) {
      return HGCM_ERR_NOT_A_DIRECTORY;
    }
  }
  int error = 0;
  if ((flags & kRenameReplace) == 0) {
    error = rename_to_new(*source, *destination);
  } else if (::renameat(source->directory(), source->name(), destination->directory(),
                        destination->name()) != 0) {
    error = errno;
  }
  return error == 0 ? Status() : to_status(error);
}

Result<std::string> read_link(const Access& access, std::string path) {
  const auto place = Place::find(
      access.root_fd(), host_path(access, std::move(path), LastName::kExisting), access.links());
  if (!place) {
    return failure(to_status(place.error()));
  }
  if (place->is_root()) {
    return failure(HGCM_ERR_NOT_SYMLINK);
  }
  return target_of(*place);
}

Status make_link(const Access& access, std::string path, const std::string& target,
                 ObjectInfo& info) {
  path = host_path(access, std::move(path), LastName::kAsGiven);
  if (!access.share->writable() || !access.share->allows_link(path, target)) {
    return HGCM_ERR_WRITE_PROTECT;
  }
  const auto place = place_of(access, path);
  if (!place) {
    return place.error();
  }
  if (::symlinkat(target.c_str(), place->directory(), place->name()) != 0) {
    return to_status(errno);
  }
  return describe(*place, info);
}

Status make_hard_link(const Access& access, std::string from, std::string to, ObjectInfo& info) {
  if (!access.share->writable()) {
    return HGCM_ERR_WRITE_PROTECT;
  }
  const auto source = place_of(access, host_path(access, std::move(from), LastName::kExisting));
  if (!source) {
    return source.error();
  }
  to = host_path(access, std::move(to), LastName::kAsGiven);
  const auto destination = place_of(access, to);
  if (!destination) {
    return destination.error();
  }
  const auto status = status_of_entry(source->directory(), source->name());
  if (!status) {
    return to_status(status.error());
  }
  if (S_ISDIR(status->stx_mode)) {
    return HGCM_ERR_IS_A_DIRECTORY;
  }
  if (S_ISLNK(status->stx_mode)) {
    const auto target = target_of(*source);
    if (!target) {
      return target.error();
    }
    if (!access.share->allows_link(to, *target)) {
      return HGCM_ERR_WRITE_PROTECT;
    }
  }
  if (::linkat(source->directory(), source->name(), destination->directory(), destination->name(),
               0) != 0) {
    // A file system without links, one that has as many as it can, or a rule of the host's.
    return errno == EPERM || errno == EMLINK ? Status(HGCM_ERR_NOT_SUPPORTED) : to_status(errno);
  }
  return describe(*destination, info);
}

}  // namespace hgcm::shfl

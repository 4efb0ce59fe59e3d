// SPDX-License-Identifier: MIT
//
// CREATE of the shared folder protocol; see name_operations.h. How flags, result, handle and status
// combine is docs/protocol.md's table; a file that is not there is success with a result that says
// so, a directory that is not there is a failure.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "shared-folders/errors.h"
#include "shared-folders/name_operations.h"
#include "shared-folders/object_info.h"
#include "shared-folders/path.h"

namespace hgcm::shfl {
namespace {

/// Somebody else may make and delete the same name all the time.
constexpr int kTries = 64;
constexpr unsigned kDefaultFileMode = 0600;
constexpr unsigned kDirectoryMode = 0777;
/// What the host needs for opening the directory it has just made.
constexpr unsigned kOwnerMode = 0700;

/// Of one CREATE.
class Creation {
 public:
  Creation(const Access& access, std::string path, CreateParms& parms,
           std::shared_ptr<OpenObject>& opened)
      : access_(access),
        path_(std::move(path)),
        parms_(parms),
        opened_(opened),
        has_mode_(parms.handle != kNoModeHandle && parms.info.mode != 0) {}

  Status run();

 private:
  [[nodiscard]] std::uint32_t if_exists() const { return parms_.flags & kIfExistsMask; }
  [[nodiscard]] bool creates() const { return (parms_.flags & kIfNewMask) == kCreateIfNew; }
  [[nodiscard]] bool truncates() const {
    return if_exists() == kReplaceIfExists || if_exists() == kOverwriteIfExists;
  }
  [[nodiscard]] bool wants_contents() const { return (parms_.flags & kAccessMask) != 0; }

  Status look_up();
  Status check_flags() const;
  Status open_directory(bool exists);
  Status open_target_directory();
  /// nullopt: the name has gone or come meanwhile; try again.
  std::optional<Status> open_existing(Descriptor object, const struct statx& status);
  std::optional<Status> make_file();
  Status missing(int error);
  Status keep(Descriptor fd, CreateResult result, bool directory, bool path_only);
  void give_mode(int fd, unsigned mode) const;
  [[nodiscard]] int open_flags() const;
  void set_info(const struct statx& status) { parms_.info = make_info(status, split(path_).name); }

  const Access& access_;
  const std::string path_;
  CreateParms& parms_;
  std::shared_ptr<OpenObject>& opened_;
  const bool has_mode_;
};

Status Creation::run() {
  parms_.handle = kNilHandle;
  parms_.result = kNoResult;
  if ((parms_.flags & kLookup) != 0) {
    return look_up();
  }
  if (const Status status = check_flags(); status.failed()) {
    return status;
  }
  for (int i = 0; i < kTries; ++i) {
    // An exclusive creation, the first time, needs no look at what is there.
    const bool only_new = creates() && if_exists() == kFailIfExists &&
                          (parms_.flags & (kDirectory | kOpenTargetDirectory)) == 0;
    if (!only_new || i > 0) {
      const bool refuse = access_.links() == Links::kRefuse;
      auto object = open_beneath(access_.root_fd(), path_, O_PATH | (refuse ? O_NOFOLLOW : 0), 0,
                                 access_.links());
      if (object) {
        const auto status = status_of(object->get());
        if (!status) {
          return to_status(status.error());
        }
        if (S_ISDIR(status->stx_mode) || (parms_.flags & kDirectory) != 0) {
          return open_directory(true);
        }
        if (const auto done = open_existing(std::move(*object), *status)) {
          return *done;
        }
        continue;
      }
      if (object.error() != ENOENT) {
        return missing(object.error());
      }
    }
    if ((parms_.flags & kDirectory) != 0) {
      return open_directory(false);
    }
    if (!creates()) {
      return missing(ENOENT);
    }
    if (const auto done = make_file()) {
      return *done;
    }
  }
  return HGCM_ERR_RESOURCE_BUSY;
}

Status Creation::look_up() {
  const auto status = status_at(access_, path_);
  if (status) {
    if (path_.empty() && status->stx_nlink == 0) {
      // The directory was deleted on the host; perhaps there is a new one for the next call.
      access_.share->refresh();
      parms_.result = kFileNotFound;
      return HGCM_INF_SUCCESS;
    }
    set_info(*status);
    parms_.result = kFileExists;
    return HGCM_INF_SUCCESS;
  }
  return missing(status.error());
}

Status Creation::missing(int error) {
  const Status status = lookup_failure(access_, path_, error);
  if (status == Status(HGCM_ERR_FILE_NOT_FOUND)) {
    parms_.result = kFileNotFound;
  } else if (status == Status(HGCM_ERR_PATH_NOT_FOUND) ||
             status == Status(HGCM_ERR_NOT_A_DIRECTORY)) {
    parms_.result = kPathNotFound;
  } else {
    return status;
  }
  return (parms_.flags & (kLookup | kDirectory)) == kDirectory ? status : Status(HGCM_INF_SUCCESS);
}

Status Creation::check_flags() const {
  if (if_exists() > kOverwriteIfExists || (parms_.flags & kIfNewMask) > kFailIfNew ||
      (if_exists() == kFailIfExists && !creates())) {
    return HGCM_ERR_INVALID_PARAMETER;
  }
  if (!access_.share->writable() && (creates() || truncates())) {
    return HGCM_ERR_WRITE_PROTECT;
  }
  return HGCM_INF_SUCCESS;
}

int Creation::open_flags() const {
  const bool reads = (parms_.flags & kAccessRead) != 0;
  const bool writes = (parms_.flags & kAccessWrite) != 0 && access_.share->writable();
  const int mode = !writes ? O_RDONLY : reads ? O_RDWR : O_WRONLY;
  return mode | ((parms_.flags & kAppend) != 0 ? O_APPEND : 0);
}

Status Creation::keep(Descriptor fd, CreateResult result, bool directory, bool path_only) {
  const auto status = status_of(fd.get());
  if (!status) {
    return to_status(status.error());
  }
  auto object = OpenObject::make(access_.budget);
  if (object == nullptr) {
    return HGCM_ERR_TOO_MANY_OPEN_FILES;
  }
  object->share = access_.share;
  object->root = access_.root_id;
  object->path = path_;
  object->fd = std::move(fd);
  object->directory = directory;
  object->path_only = path_only;
  object->writes = !directory && !path_only && (open_flags() & O_ACCMODE) != O_RDONLY;
  object->append = (parms_.flags & kAppend) != 0;
  object->size = status->stx_size;
  opened_ = std::move(object);
  set_info(*status);
  parms_.result = result;
  return HGCM_INF_SUCCESS;
}

/// The mask that counts is that of the guest's program, which has been applied; not the daemon's.
void Creation::give_mode(int fd, unsigned mode) const {
  struct stat status {};
  if (has_mode_ && ::fstat(fd, &status) == 0 && (status.st_mode & kModePermissions) != mode) {
    // As with attributes that are set, the reply tells what has become of them.
    (void)::fchmod(fd, mode);
  }
}

std::optional<Status> Creation::open_existing(Descriptor object, const struct statx& status) {
  if ((parms_.flags & kOpenTargetDirectory) != 0) {
    return open_target_directory();
  }
  if (if_exists() == kFailIfExists) {
    set_info(status);
    parms_.result = kFileExists;
    return HGCM_INF_SUCCESS;
  }
  const bool write_only = (parms_.flags & kAccessMask) == kAccessWrite;
  if (!access_.share->writable() && write_only) {
    return HGCM_ERR_INVALID_PARAMETER;
  }
  int flags = open_flags();
  if (truncates()) {
    if ((flags & O_ACCMODE) == O_RDONLY) {
      return HGCM_ERR_INVALID_PARAMETER;
    }
    flags |= O_TRUNC;
  }
  const std::int64_t size = parms_.info.size;
  auto opened = open_object(object.get(), flags | (access_.may_wait ? 0 : O_NONBLOCK));
  if (!opened) {
    if (wants_contents() || truncates() || opened.error() == EAGAIN) {
      // A device, a FIFO, a socket or a link is shown, but there is nothing in it for a guest.
      return opened.error() == ENXIO ? Status(HGCM_ERR_ACCESS_DENIED) : to_status(opened.error());
    }
    // For attributes alone the object need not be opened.
    return keep(std::move(object), kFileExists, false, true);
  }
  if (truncates() && size > 0 && ::ftruncate(opened->get(), size) != 0) {
    return to_status(errno);
  }
  return keep(std::move(*opened), truncates() ? kFileReplaced : kFileExists, false, false);
}

std::optional<Status> Creation::make_file() {
  const auto place = Place::find(access_.root_fd(), path_, access_.links());
  if (!place) {
    return missing(place.error());
  }
  if (place->is_root()) {
    return HGCM_ERR_IS_A_DIRECTORY;
  }
  // Whoever makes a file is going to fill it, also if he does not say so.
  const unsigned mode =
      has_mode_ ? creation_mode(parms_.info.mode, kDefaultFileMode) : kDefaultFileMode;
  const int fd =
      ::openat(place->directory(), place->name(),
               open_flags() | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, mode);
  if (fd < 0) {
    if (errno == EEXIST) {
      const auto there = status_of_entry(place->directory(), place->name());
      if (there && if_exists() == kFailIfExists) {
        set_info(*there);
        parms_.result = kFileExists;
        return S_ISDIR(there->stx_mode) ? HGCM_ERR_ALREADY_EXISTS : HGCM_INF_SUCCESS;
      }
      // A link to nowhere is neither there nor free.
      return there && S_ISLNK(there->stx_mode) ? std::optional(missing(ENOENT)) : std::nullopt;
    }
    return errno == ENOENT || errno == ENOTDIR ? missing(errno) : to_status(errno);
  }
  Descriptor created(fd);
  give_mode(fd, mode);
  const std::int64_t size = parms_.info.size;
  if (truncates() && size > 0 && ::ftruncate(fd, size) != 0) {
    return to_status(errno);
  }
  return keep(std::move(created), kFileCreated, false, false);
}

Status Creation::open_directory(bool exists) {
  if ((parms_.flags & kOpenTargetDirectory) != 0) {
    return open_target_directory();
  }
  CreateResult result = kFileExists;
  const unsigned mode =
      has_mode_ ? creation_mode(parms_.info.mode, kDirectoryMode) : kDirectoryMode;
  if (exists && if_exists() == kFailIfExists) {
    parms_.result = kFileExists;
    return HGCM_ERR_ALREADY_EXISTS;
  }
  if (truncates()) {
    return exists ? HGCM_ERR_IS_A_DIRECTORY : HGCM_ERR_INVALID_PARAMETER;
  }
  if (!exists) {
    if (!creates()) {
      return missing(ENOENT);
    }
    const auto place = Place::find(access_.root_fd(), path_, access_.links());
    if (!place) {
      return missing(place.error());
    }
    if (place->is_root()) {
      return missing(ENOENT);
    }
    if (::mkdirat(place->directory(), place->name(), mode | kOwnerMode) == 0) {
      result = kFileCreated;
    } else if (errno == ENOENT || errno == ENOTDIR) {
      return missing(errno);
    } else if (errno != EEXIST) {
      return to_status(errno);
    } else if (if_exists() == kFailIfExists) {
      parms_.result = kFileExists;
      return HGCM_ERR_ALREADY_EXISTS;
    }
  }

  auto directory =
      open_beneath(access_.root_fd(), path_, O_RDONLY | O_DIRECTORY, 0, access_.links());
  bool path_only = false;
  if (!directory && directory.error() == EACCES && !wants_contents()) {
    directory = open_beneath(access_.root_fd(), path_, O_PATH | O_DIRECTORY, 0, access_.links());
    path_only = true;
  }
  if (!directory) {
    const Status status = to_status(directory.error());
    if (status == Status(HGCM_ERR_ACCESS_DENIED)) {
      parms_.result = kFileExists;
      return status;
    }
    return missing(directory.error());
  }
  if (result == kFileCreated && !path_only) {
    give_mode(directory->get(), mode);
  }
  return keep(std::move(*directory), result, true, path_only);
}

Status Creation::open_target_directory() {
  const std::string parent(split(path_).parent);
  auto directory =
      open_beneath(access_.root_fd(), parent, O_RDONLY | O_DIRECTORY, 0, access_.links());
  if (!directory) {
    return to_status(directory.error());
  }
  return keep(std::move(*directory), kFileExists, true, false);
}

}  // namespace

Status create(const Access& access, std::string path, CreateParms& parms,
              std::shared_ptr<OpenObject>& opened) {
  std::string found = host_path(access, std::move(path), LastName::kExisting);
  return Creation(access, std::move(found), parms, opened).run();
}

}  // namespace hgcm::shfl

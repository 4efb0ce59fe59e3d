// SPDX-License-Identifier: MIT
//
// Functions of the service about files and directories: checks of what a guest sent, and the work
// as a Job; see service.h. The work itself is in create.cpp, name_operations.h, listing.h and
// transfer.h.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include "shared-folders/errors.h"
#include "shared-folders/listing.h"
#include "shared-folders/name_operations.h"
#include "shared-folders/object_info.h"
#include "shared-folders/path.h"
#include "shared-folders/service.h"
#include "shared-folders/transfer.h"

namespace hgcm::shfl {
namespace {

// Above these a call is a worker's: it would hold up others for longer than an interrupt costs.
constexpr std::uint32_t kLongTransfer = 256U << 10U;
constexpr std::uint64_t kLongListing = 16U << 10U;

/// Of a wildcard pattern, in bytes: no name is half as long.
constexpr std::size_t kMaxPattern = 512;

constexpr std::uint64_t kMaxSize = std::numeric_limits<std::int64_t>::max();
constexpr std::uint64_t kMaxCopy = std::uint64_t{1} << 60U;

/// Of an object whose attributes a client asks for or has set.
Status reply_info(const OpenObject& object, std::span<std::byte> buffer,
                  service::InOut<std::uint32_t> size) {
  const auto status = status_of(object.fd.get());
  if (!status) {
    return to_status(status.error());
  }
  const ObjectInfo info = make_info(*status, split(object.path).name);
  std::memcpy(buffer.data(), &info, sizeof info);
  size = sizeof info;
  return HGCM_INF_SUCCESS;
}

/// For an object that was only looked at so far, a descriptor that can be truncated.
Status set_size(const OpenObject& object, std::uint64_t size) {
  if (size > kMaxSize) {
    return HGCM_ERR_INVALID_PARAMETER;
  }
  if (object.directory) {
    return HGCM_ERR_IS_A_DIRECTORY;
  }
  return ::ftruncate64(object.fd.get(), static_cast<off64_t>(size)) == 0 ? Status()
                                                                         : to_status(errno);
}

}  // namespace

Access SharedFolders::access_of(const Client& client, std::uint32_t root,
                                const MappingTable::Entry& entry) const {
  return {.share = entry.share,
          .root = entry.share->root(),
          .budget = budget_,
          .root_id = root,
          .encoding = client.encoding(),
          .delimiter = client.record.delimiter,
          .show_links = (client.record.flags & kClientSymlinks) != 0,
          .ignore_case = !entry.case_sensitive,
          .windows_style = client.record.error_style == kStyleWindows};
}

Result<Access> SharedFolders::access(const Client& client, std::uint32_t root) const {
  const MappingTable::Entry* entry = mappings_.at(root);
  if (entry == nullptr || entry->share == nullptr || !client.has_mapped(root)) {
    return failure(HGCM_ERR_INVALID_PARAMETER);
  }
  Access result = access_of(client, root, *entry);
  if (!entry->usable() || result.root == nullptr) {
    return failure(HGCM_ERR_NOT_FOUND);
  }
  return result;
}

Result<std::shared_ptr<OpenObject>> SharedFolders::object(const Request& request,
                                                          std::size_t root_parameter,
                                                          std::size_t handle_parameter) const {
  const std::uint32_t root = request.u32(root_parameter);
  auto found = request.client.state->handles.find(request.u64(handle_parameter), root);
  if (!found) {
    return found;
  }
  const MappingTable::Entry* entry = mappings_.at(root);
  // The share has been removed; for its names the answer is the same.
  if (entry == nullptr || !entry->usable() || entry->share != (*found)->share) {
    return failure(HGCM_ERR_NOT_FOUND);
  }
  return found;
}

Job SharedFolders::create(Request& request) {
  const auto buffer = request.buffer(2).bytes();
  auto path = request.path(1);
  CreateParms parms{};
  if (buffer.size() != sizeof parms) {
    return HGCM_ERR_INVALID_PARAMETER;
  }
  std::memcpy(&parms, buffer.data(), sizeof parms);
  const auto store = [buffer](const CreateParms& from) {
    std::memcpy(buffer.data(), &from, sizeof from);
  };
  const auto refused = [&](Status status) {
    parms.handle = kNilHandle;
    parms.result = kNoResult;
    store(parms);
    return Job(status);
  };
  if (!path) {
    return refused(path.error());
  }
  const auto access = this->access(request.client, request.u32(0));
  if (!access) {
    return refused(access.error());
  }
  const auto work = [=, path = *path, access = *access,
                     client = request.client.state](bool may_wait) -> Status {
    Access how = access;
    how.may_wait = may_wait;
    CreateParms result = parms;
    std::shared_ptr<OpenObject> opened;
    Status status = shfl::create(how, path, result, opened);
    if (opened) {
      const auto handle = client->handles.insert(std::move(opened));
      result.handle = handle.value_or(kNilHandle);
      status = handle ? status : handle.error();
    }
    store(result);
    return status;
  };
  Job job(access->share, [work] { return work(true); });
  if (access->share->placement().at_once(Placement::Clock::now())) {
    job.attempt = [work]() -> std::optional<Status> {
      const Status status = work(false);
      return status == Status(HGCM_ERR_TRY_AGAIN) ? std::nullopt : std::optional(status);
    };
  }
  // A file that is only read is not changed by that: what others do to it meanwhile is news.
  const std::uint32_t if_exists = parms.flags & kIfExistsMask;
  const bool may_change = (parms.flags & kAccessWrite) != 0 ||
                          (parms.flags & kIfNewMask) == kCreateIfNew ||
                          if_exists == kReplaceIfExists || if_exists == kOverwriteIfExists;
  if ((parms.flags & kLookup) == 0 && may_change && access->share->writable()) {
    job.changes(request.u32(0), std::move(*path));
  }
  return job;
}

Job SharedFolders::close(Request& request) {
  auto object = request.client.state->handles.remove(request.u64(1), request.u32(0));
  if (!object) {
    return object.error();
  }
  Job job((*object)->share, [object = object->get()] {
    // All earlier calls on it are done, and it has no handle any more.
    object->fd = Descriptor();
    return HGCM_INF_SUCCESS;
  });
  job.uses(*object, Extent::whole(true));
  if ((*object)->writes) {
    job.changes((*object)->root, (*object)->path);
  }
  return job;
}

Result<SharedFolders::Transfer> SharedFolders::transfer(Request& request) const {
  const std::uint32_t wanted = request.u32(3);
  request.out32(3) = 0;
  auto object = this->object(request, 0, 1);
  if (!object) {
    return failure(object.error());
  }
  const auto memory = service::Parameter(request.raw(4)).pages();
  if (!memory) {
    return failure(HGCM_ERR_INVALID_PARAMETER);
  }
  if (wanted > memory->size()) {
    return failure(request.raw(4).type == HGCM_SVC_PARM_PAGES ? HGCM_ERR_OUT_OF_RANGE
                                                              : HGCM_ERR_INVALID_HANDLE);
  }
  return Transfer{std::move(*object), *memory, request.u64(2), wanted};
}

Job SharedFolders::read(Request& request) {
  const auto transfer = this->transfer(request);
  if (!transfer) {
    return transfer.error();
  }
  const auto& [object, memory, offset, wanted] = *transfer;
  const OpenObject& file = *object;
  if (file.directory) {
    return HGCM_ERR_IS_A_DIRECTORY;
  }
  const auto done = request.out32(3);
  const auto finish = [done](const Transferred& result) {
    done = result.bytes;
    return result.status;
  };
  Job job(file.share, [=, &file, memory = memory, offset = offset, wanted = wanted] {
    return finish(read_file(file, offset, wanted, memory));
  });
  job.uses(object, Extent::of(offset, wanted, false)).may_take_long(wanted > kLongTransfer);
  if (wanted <= kLongTransfer && file.share->placement().kind() != Placement::Kind::kMemory) {
    // What the host has in memory is quick, whatever the file system.
    job.attempt = [=, &file, memory = memory, offset = offset,
                   wanted = wanted]() -> std::optional<Status> {
      Transferred result;
      return read_at_once(file, offset, wanted, memory, result) ? std::optional(finish(result))
                                                                : std::nullopt;
    };
  }
  return job;
}

Job SharedFolders::write(Request& request) {
  const auto transfer = this->transfer(request);
  if (!transfer) {
    return transfer.error();
  }
  const auto& [object, memory, offset, wanted] = *transfer;
  const OpenObject& file = *object;
  if (!file.share->writable()) {
    return HGCM_ERR_WRITE_PROTECT;
  }
  if (file.directory) {
    return HGCM_ERR_IS_A_DIRECTORY;
  }
  Job job(file.share, [&file, offset = offset, wanted = wanted, memory = memory,
                       done = request.out32(3), end = request.out64(2)] {
    std::uint64_t behind = offset;
    const Transferred result = write_file(file, behind, wanted, memory);
    done = result.bytes;
    end = behind;
    return result.status;
  });
  job.uses(object, file.append ? Extent::whole(true) : Extent::of(offset, wanted, true))
      .may_take_long(wanted > kLongTransfer)
      .changes(file.root, file.path);
  return job;
}

Job SharedFolders::lock(Request& request) {
  const std::uint32_t flags = request.u32(4);
  if ((flags & ~std::uint32_t{kLockFlags}) != 0 || (flags & kLockEntire) != 0 ||
      (flags & kLockModeMask) == kLockModeMask) {
    return HGCM_ERR_INVALID_PARAMETER;
  }
  const auto object = this->object(request, 0, 1);
  if (!object) {
    return object.error();
  }
  // Locks are the guest's own business: the protocol's are Windows's, and only hosts of that kind
  // keep them.
  return HGCM_INF_SUCCESS;
}

Job SharedFolders::list(Request& request) {
  const std::uint32_t flags = request.u32(2);
  const std::uint32_t room = request.u32(3);
  const auto buffer = request.buffer(5).bytes();
  if ((flags & ~std::uint32_t{kListReturnOne | kListRestart}) != 0 || request.u32(6) != 0 ||
      room < kMinListBuffer || room > buffer.size()) {
    return HGCM_ERR_INVALID_PARAMETER;
  }
  request.out32(3) = 0;
  request.out32(7) = 0;
  std::optional<std::string> filter;
  if (request.buffer(4).size() > 0) {
    auto path = request.path(4);
    if (!path) {
      return path.error();
    }
    if (split(*path).name.size() > kMaxPattern) {
      return HGCM_ERR_FILENAME_TOO_LONG;
    }
    filter = std::move(*path);
  }
  const auto object = this->object(request, 0, 1);
  if (!object) {
    return object.error();
  }
  OpenObject& directory = **object;
  if (!directory.directory) {
    return HGCM_ERR_NOT_A_DIRECTORY;
  }
  Access access = access_of(request.client, directory.root, *mappings_.at(directory.root));
  if (access.root == nullptr) {
    return HGCM_ERR_ACCESS_DENIED;
  }
  const bool has_filter = filter.has_value();
  Job job(directory.share,
          [&directory, flags, filter = std::move(filter), access = std::move(access),
           out = buffer.first(room), bytes = request.out32(3), resume = request.out32(6),
           count = request.out32(7)]() -> Status {
            Listing* listing = directory.filtered_listing.get();
            if (listing == nullptr && filter && !split(*filter).name.empty() &&
                !matches_everything(split(*filter).name)) {
              // A pattern is one of names in any directory, which need not be the one that is open.
              const std::string path = host_path(access, *filter, LastName::kAsGiven);
              const auto [parent, pattern] = split(path);
              auto opened =
                  open_beneath(access.root_fd(), parent, O_RDONLY | O_DIRECTORY, 0, access.links());
              if (!opened) {
                return to_status(opened.error());
              }
              directory.filtered_listing = std::make_unique<Listing>(
                  std::move(*opened), std::string(parent), std::string(pattern));
              listing = directory.filtered_listing.get();
            }
            if (listing == nullptr) {
              if (directory.path_only) {
                return HGCM_ERR_ACCESS_DENIED;
              }
              if (directory.listing == nullptr) {
                directory.listing = std::make_unique<Listing>(directory.fd.get(), directory.path);
              }
              listing = directory.listing.get();
            }
            if ((flags & kListRestart) != 0) {
              listing->restart();
            }
            Listing::Piece piece;
            const Status status = listing->fill(access, out, (flags & kListReturnOne) != 0, piece);
            bytes = static_cast<std::uint32_t>(piece.bytes);
            count = piece.entries;
            resume = piece.more ? 1 : 0;
            return status;
          });
  job.uses(*object, Extent::whole(true)).may_take_long(directory.size > kLongListing || has_filter);
  return job;
}

Job SharedFolders::information(Request& request) {
  const std::uint32_t flags = request.u32(2);
  const std::uint32_t size = request.u32(3);
  if (size > request.buffer(4).size()) {
    return HGCM_ERR_INVALID_PARAMETER;
  }
  if (flags == (kInfoGet | kInfoVolume)) {
    return volume_information(request);
  }
  if (flags != (kInfoGet | kInfoFile) && flags != (kInfoSet | kInfoFile) &&
      flags != (kInfoSet | kInfoSize)) {
    return HGCM_ERR_INVALID_PARAMETER;
  }
  if (size < sizeof(ObjectInfo)) {
    return HGCM_ERR_INVALID_PARAMETER;
  }
  const auto object = this->object(request, 0, 1);
  if (!object) {
    return object.error();
  }
  return (flags & kInfoSet) != 0 ? set_information(request, *object)
                                 : get_information(request, *object);
}

Job SharedFolders::get_information(Request& request, const std::shared_ptr<OpenObject>& object) {
  return Job(object->share, [object = object.get(), buffer = request.buffer(4).bytes(),
                             size = request.out32(3)] { return reply_info(*object, buffer, size); })
      .uses(object, Extent::whole(false));
}

Job SharedFolders::set_information(Request& request, const std::shared_ptr<OpenObject>& object) {
  if (!object->share->writable()) {
    return HGCM_ERR_WRITE_PROTECT;
  }
  const auto buffer = request.buffer(4).bytes();
  ObjectInfo info{};
  std::memcpy(&info, buffer.data(), sizeof info);
  const bool size_only = (request.u32(2) & kInfoSize) != 0;
  return Job(object->share,
             [object = object.get(), info, size_only, buffer, size = request.out32(3)] {
               if (size_only) {
                 const Status status =
                     info.size < 0 ? Status(HGCM_ERR_INVALID_PARAMETER)
                                   : set_size(*object, static_cast<std::uint64_t>(info.size));
                 if (status.failed()) {
                   return status;
                 }
               } else {
                 // As in VirtualBox it is no failure that attributes cannot be set: the guest sees
                 // in the reply what has become of them.
                 (void)set_attributes(object->fd.get(), info, object->directory);
               }
               return reply_info(*object, buffer, size);
             })
      .uses(object, Extent::whole(true))
      .changes(object->root, object->path);
}

Job SharedFolders::volume_information(Request& request) {
  if (request.u32(3) < sizeof(VolumeInfo)) {
    return HGCM_ERR_INVALID_PARAMETER;
  }
  const auto access = this->access(request.client, request.u32(0));
  if (!access) {
    return access.error();
  }
  return {
      access->share,
      [access = *access, buffer = request.buffer(4).bytes(), size = request.out32(3)]() -> Status {
        const auto info = volume_info(access.root_fd(), access.share->writable());
        if (!info) {
          return info.error();
        }
        std::memcpy(buffer.data(), &*info, sizeof *info);
        size = sizeof *info;
        return HGCM_INF_SUCCESS;
      }};
}

Job SharedFolders::remove(Request& request) {
  const std::uint32_t flags = request.u32(2);
  if ((flags & ~std::uint32_t{kRemoveFlags}) != 0) {
    return HGCM_ERR_INVALID_FLAGS;
  }
  auto path = request.path(1);
  if (!path) {
    return path.error();
  }
  auto access = this->access(request.client, request.u32(0));
  if (!access) {
    return access.error();
  }
  Job job(access->share,
          [access = *access, path = *path, flags] { return shfl::remove(access, path, flags); });
  job.changes(request.u32(0), std::move(*path));
  return job;
}

Result<SharedFolders::TwoNames> SharedFolders::two_names(Request& request) const {
  auto from = request.path(1);
  auto to = request.path(2);
  if (!from || !to) {
    return tl::unexpected(from ? to.error() : from.error());
  }
  auto access = this->access(request.client, request.u32(0));
  if (!access) {
    return tl::unexpected(access.error());
  }
  return TwoNames{std::move(*access), std::move(*from), std::move(*to)};
}

Job SharedFolders::rename(Request& request) {
  const std::uint32_t flags = request.u32(3);
  if ((flags & ~std::uint32_t{kRenameFlags}) != 0) {
    return HGCM_ERR_INVALID_PARAMETER;
  }
  auto names = two_names(request);
  if (!names) {
    return names.error();
  }
  Job job(names->access.share, [this, names = *names, flags, client = request.client.id] {
    const Status status = shfl::rename(names.access, names.from, names.to, flags);
    if (status.ok()) {
      changes_.renamed(client, names.access.root_id, names.from, names.to);
    }
    return status;
  });
  job.changes(request.u32(0), std::move(names->from)).changes(request.u32(0), std::move(names->to));
  return job;
}

Job SharedFolders::flush(Request& request) {
  const auto object = this->object(request, 0, 1);
  if (!object) {
    return object.error();
  }
  if (!(*object)->share->writable()) {
    return HGCM_ERR_WRITE_PROTECT;
  }
  return Job((*object)->share,
             [object = object->get()] {
               return ::fsync(object->fd.get()) == 0 ? Status() : to_status(errno);
             })
      .uses(*object, Extent::whole(true))
      .may_take_long((*object)->share->placement().kind() != Placement::Kind::kMemory);
}

Job SharedFolders::read_link(Request& request) {
  auto path = request.path(1);
  if (!path) {
    return path.error();
  }
  auto access = this->access(request.client, request.u32(0));
  if (!access) {
    return access.error();
  }
  return {access->share,
          [access = std::move(*access), path = std::move(*path),
           buffer = request.buffer(2).bytes()]() -> Status {
            auto target = shfl::read_link(access, path);
            if (!target) {
              return target.error();
            }
            if (target->size() >= buffer.size()) {
              return HGCM_ERR_BUFFER_OVERFLOW;
            }
            std::ranges::replace(*target, '/', static_cast<char>(access.delimiter));
            // With its NUL.
            std::memcpy(buffer.data(), target->c_str(), target->size() + 1);
            return HGCM_INF_SUCCESS;
          }};
}

Job SharedFolders::symlink(Request& request) {
  const auto buffer = request.buffer(3).bytes();
  if (buffer.size() != sizeof(ObjectInfo)) {
    return HGCM_ERR_INVALID_PARAMETER;
  }
  if (request.client.encoding() != Encoding::kUtf8) {
    return HGCM_ERR_NOT_IMPLEMENTED;
  }
  auto path = request.path(1);
  const auto text = request.text(2);
  if (!path || !text) {
    return path ? text.error() : path.error();
  }
  auto target = to_link_target(*text, request.client.record.delimiter);
  if (!target) {
    return target.error();
  }
  auto access = this->access(request.client, request.u32(0));
  if (!access) {
    return access.error();
  }
  Job job(access->share, [access = *access, path = *path, target = std::move(*target), buffer] {
    ObjectInfo info{};
    const Status status = make_link(access, path, target, info);
    if (status.ok()) {
      std::memcpy(buffer.data(), &info, sizeof info);
    }
    return status;
  });
  job.changes(request.u32(0), std::move(*path));
  return job;
}

Job SharedFolders::hard_link(Request& request) {
  const auto buffer = request.buffer(3).bytes();
  if (buffer.size() != sizeof(ObjectInfo)) {
    return HGCM_ERR_INVALID_PARAMETER;
  }
  auto names = two_names(request);
  if (!names) {
    return names.error();
  }
  Job job(names->access.share, [names = *names, buffer] {
    ObjectInfo info{};
    const Status status = make_hard_link(names.access, names.from, names.to, info);
    if (status.ok()) {
      std::memcpy(buffer.data(), &info, sizeof info);
    }
    return status;
  });
  job.changes(request.u32(0), std::move(names->from)).changes(request.u32(0), std::move(names->to));
  return job;
}

Job SharedFolders::set_file_size(Request& request) {
  const auto object = this->object(request, 0, 1);
  if (!object) {
    return object.error();
  }
  if (!(*object)->share->writable()) {
    return HGCM_ERR_WRITE_PROTECT;
  }
  return Job((*object)->share,
             [object = object->get(), size = request.u64(2)] { return set_size(*object, size); })
      .uses(*object, Extent::whole(true))
      .changes((*object)->root, (*object)->path);
}

Job SharedFolders::copy_file(Request& request) {
  if (request.u32(4) != 0) {
    return HGCM_ERR_INVALID_FLAGS;
  }
  auto from_path = request.path(1);
  auto to_path = request.path(3);
  if (!from_path || !to_path) {
    return from_path ? to_path.error() : from_path.error();
  }
  auto from = access(request.client, request.u32(0));
  auto to = access(request.client, request.u32(2));
  if (!from || !to) {
    return from ? to.error() : from.error();
  }
  Job job(to->share, [from = *from, from_path = std::move(*from_path), to = *to,
                      to_path = *to_path](const service::Call& call) {
    return shfl::copy_file(from, from_path, to, to_path, [&] { return call.is_cancelled(); });
  });
  job.may_take_long().changes(request.u32(2), std::move(*to_path));
  return job;
}

Job SharedFolders::copy_file_part(Request& request) {
  const std::uint64_t from_offset = request.u64(2);
  const std::uint64_t to_offset = request.u64(5);
  const std::uint64_t size = request.u64(6);
  const auto copied = request.out64(6);
  copied = 0;
  if (request.u32(7) != 0) {
    return HGCM_ERR_INVALID_FLAGS;
  }
  if (from_offset > kMaxSize || to_offset > kMaxSize) {
    return HGCM_ERR_NEGATIVE_SEEK;
  }
  if (size >= kMaxCopy || size > kMaxSize - from_offset || size > kMaxSize - to_offset) {
    return HGCM_ERR_OUT_OF_RANGE;
  }
  const auto from = object(request, 0, 1);
  const auto to = object(request, 3, 4);
  if (!from || !to) {
    return from ? to.error() : from.error();
  }
  if (!(*to)->share->writable()) {
    return HGCM_ERR_WRITE_PROTECT;
  }
  if ((*from)->directory || (*to)->directory) {
    return HGCM_ERR_IS_A_DIRECTORY;
  }
  // Of the two, the order of calls is kept on what is changed.
  Job job((*to)->share, [=, from = *from, to = to->get()](const service::Call& call) {
    const Copied result = copy_range(from->fd.get(), from_offset, to->fd.get(), to_offset, size,
                                     [&] { return call.is_cancelled(); });
    copied = result.bytes;
    return result.bytes > 0 ? Status() : result.status;
  });
  job.uses(*to, Extent::of(to_offset, size, true))
      .may_take_long()
      .changes((*to)->root, (*to)->path);
  return job;
}

Job SharedFolders::close_and_remove(Request& request) {
  const std::uint64_t handle = request.u64(3);
  if (handle == 0) {
    return HGCM_ERR_INVALID_HANDLE;
  }
  if (handle != kNilHandle) {
    const auto object = request.client.state->handles.remove(handle, request.u32(0));
    if (!object) {
      return object.error();
    }
  }
  return remove(request);
}

}  // namespace hgcm::shfl

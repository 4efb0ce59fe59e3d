// SPDX-License-Identifier: MIT
//
// Functions of the service about mappings and about the client itself, and the host's functions;
// see service.h. All of them are done on the service's thread.
#include <algorithm>
#include <bit>
#include <cstring>

#include "shared-folders/service.h"

namespace hgcm::shfl {
namespace {

/// As many as VirtualBox lets wait.
constexpr std::size_t kMaxMappingsWaits = 64;
constexpr std::uint16_t kMaxMapCount = 32768;

// What a call gets that waited when the machine was saved: never a version that exists.
constexpr std::uint32_t kRestoredVersion = 0x55555555;
constexpr std::uint32_t kOtherRestoredVersion = 0x99999999;

}  // namespace

Job SharedFolders::query_mappings(Request& request) {
  const std::uint32_t flags = request.u32(0);
  const std::uint32_t room = request.u32(1);
  const auto buffer = request.buffer(2).bytes();
  if ((flags & ~std::uint32_t{kMappingsFlags}) != 0 || buffer.size() / sizeof(Mapping) != room) {
    return HGCM_ERR_INVALID_PARAMETER;
  }
  if ((flags & kMappingsUtf8) != 0) {
    request.client.record.flags |= kClientUtf8;
  }
  request.client.record.flags |= kClientMappingsQueried;
  std::uint32_t count = 0;
  for (std::uint32_t root = 0; root < kMaxMappings; ++root) {
    const MappingTable::Entry& entry = *mappings_.at(root);
    if (entry.share == nullptr || ((flags & kMappingsAutoMount) != 0 &&
                                   (!entry.share->config().auto_mount || entry.placeholder))) {
      continue;
    }
    if (count < room) {
      const Mapping mapping{kMappingNew, root};
      std::memcpy(buffer.data() + count * sizeof mapping, &mapping, sizeof mapping);
    }
    ++count;
  }
  request.out32(1) = count;
  return count > room ? HGCM_INF_BUFFER_OVERFLOW : HGCM_INF_SUCCESS;
}

Job SharedFolders::query_map_name(Request& request) {
  const MappingTable::Entry* entry = mappings_.at(request.u32(0));
  if (entry == nullptr) {
    return HGCM_ERR_INVALID_PARAMETER;
  }
  if (entry->share == nullptr) {
    return HGCM_ERR_FILE_NOT_FOUND;
  }
  const Encoding encoding = request.client.encoding();
  const Status status =
      write_string(request.buffer(1).bytes(), entry->share->config().name, encoding);
  return status == Status(HGCM_ERR_BUFFER_OVERFLOW) && encoding == Encoding::kUtf16
             ? Status(HGCM_ERR_INVALID_PARAMETER)
             : status;
}

Status SharedFolders::map(Client& client, std::string_view name, std::uint32_t delimiter,
                          bool case_sensitive, service::InOut<std::uint32_t> root) {
  if (delimiter != U'/' && delimiter != U'\\') {
    return HGCM_ERR_INVALID_PARAMETER;
  }
  if (client.record.delimiter != 0 && client.record.delimiter != delimiter) {
    return HGCM_ERR_INVALID_PARAMETER;
  }
  const auto found = mappings_.find(name);
  if (!found) {
    return HGCM_ERR_FILE_NOT_FOUND;
  }
  std::uint16_t& count = client.record.map_counts[*found];
  if (count >= kMaxMapCount) {
    return HGCM_ERR_TOO_MANY_OPENS;
  }
  if (const Status status = mappings_.map(*found, case_sensitive); status.failed()) {
    return status;
  }
  ++count;
  client.record.delimiter = static_cast<std::uint16_t>(delimiter);
  mappings_.at(*found)->share->refresh();
  root = *found;
  return HGCM_INF_SUCCESS;
}

Job SharedFolders::map_folder(Request& request) {
  const auto name = request.text(0);
  return name ? map(request.client, *name, request.u32(2), request.u32(3) != 0, request.out32(1))
              : name.error();
}

Job SharedFolders::map_folder_old(Request& request) {
  const auto name = request.text(0);
  return name ? map(request.client, *name, request.u32(2), false, request.out32(1)) : name.error();
}

Job SharedFolders::unmap_folder(Request& request) {
  const std::uint32_t root = request.u32(0);
  const MappingTable::Entry* entry = mappings_.at(root);
  if (entry == nullptr || entry->share == nullptr) {
    return HGCM_ERR_FILE_NOT_FOUND;
  }
  ClientRecord& record = request.client.record;
  if (!request.client.has_mapped(root)) {
    return HGCM_ERR_INVALID_HANDLE;
  }
  if (record.map_counts[root] > 0) {
    --record.map_counts[root];
  }
  mappings_.unmap(root);
  if (record.map_counts[root] == 0) {
    changes_.drop_mapping(request.client.id, root);
  }
  return HGCM_INF_SUCCESS;
}

Job SharedFolders::set_utf8(Request& request) {
  request.client.record.flags |= kClientUtf8;
  return HGCM_INF_SUCCESS;
}

Job SharedFolders::set_symlinks(Request& request) {
  request.client.record.flags |= kClientSymlinks;
  return HGCM_INF_SUCCESS;
}

Job SharedFolders::query_map_info(Request& request) {
  const MappingTable::Entry* entry = mappings_.at(request.u32(0));
  if (entry == nullptr || (request.u64(3) & ~std::uint64_t{kMapInfoHints}) != 0) {
    return HGCM_ERR_INVALID_PARAMETER;
  }
  if (entry->share == nullptr) {
    return HGCM_ERR_FILE_NOT_FOUND;
  }
  const ShareConfig& config = entry->share->config();
  const Encoding encoding = request.client.encoding();
  Status status = write_string(request.buffer(1).bytes(), config.name, encoding);
  const Status second = write_string(request.buffer(2).bytes(), config.mount_point, encoding);
  if (status.ok()) {
    status = second;
  }
  if (status == Status(HGCM_ERR_INVALID_PARAMETER)) {
    return status;
  }
  // Guests know these bits inverted, from VirtualBox, so that is how they are.
  std::uint64_t flags = kMapInfoHostIgnoresCase;
  const auto add = [&](bool is_set, MapInfoFlag flag) {
    flags |= is_set ? std::uint64_t{flag} : 0;
  };
  add(entry->case_sensitive, kMapInfoGuestIgnoresCase);
  add(config.writable, kMapInfoWritable);
  add(config.auto_mount, kMapInfoAutoMount);
  add(entry->share->creates_links(), kMapInfoSymlinkCreation);
  request.out64(3) = flags;
  request.out32(4) = entry->id_version;
  return status;
}

Job SharedFolders::query_features(Request& request) {
  request.out64(0) = kFeatureWriteUpdatesOffset | SHFL_EXT_FEATURE_CHANGES | SHFL_EXT_FEATURE_LINKS;
  request.out32(1) = kLastFunction;
  return HGCM_INF_SUCCESS;
}

Job SharedFolders::set_error_style(Request& request) {
  const std::uint32_t style = request.u32(0);
  if ((style != kStyleWindows && style != kStyleLinux) || request.u32(1) != 0) {
    return HGCM_ERR_WRONG_PARAMETER_TYPE;
  }
  request.client.record.error_style = static_cast<std::uint8_t>(style);
  return HGCM_INF_SUCCESS;
}

void SharedFolders::wait_for_mappings_changes(service::Call call, Client& client,
                                              service::InOut<std::uint32_t> version) {
  ClientRecord& record = client.record;
  Status status;
  if (call.is_restored()) {
    version = version.get() == kRestoredVersion ? kOtherRestoredVersion : kRestoredVersion;
    status = HGCM_INF_TRY_AGAIN;
  } else if (version.get() != mappings_.version()) {
    version = mappings_.version();
  } else if ((record.flags & kClientCancelNextWait) != 0) {
    record.flags &= ~std::uint32_t{kClientCancelNextWait};
    status = HGCM_ERR_CANCELLED;
  } else if (waits_.size() >= kMaxMappingsWaits) {
    status = HGCM_ERR_OUT_OF_RESOURCES;
  } else {
    waits_.push_back({client.id, std::move(call), version});
    return;
  }
  std::move(call).complete(status);
}

Job SharedFolders::cancel_mappings_changes_waits(Request& request) {
  request.client.record.flags |= kClientCancelNextWait;
  std::erase_if(waits_, [&](MappingsWait& wait) {
    if (wait.client == request.client.id) {
      std::move(wait.call).complete(HGCM_ERR_CANCELLED);
    }
    return !wait.call;
  });
  return HGCM_INF_SUCCESS;
}

void SharedFolders::mappings_changed() {
  // Not success: guests are used to VirtualBox saying this.
  for (MappingsWait& wait : waits_) {
    wait.version = mappings_.version();
    std::move(wait.call).complete(HGCM_ERR_CANCELLED);
  }
  waits_.clear();
}

Status SharedFolders::add_mapping(Bytes path, Bytes name, std::uint32_t flags, Bytes mount_point,
                                  std::optional<std::uint32_t> policy) {
  auto path_text = read_string(path, Encoding::kUtf16);
  auto name_text = read_string(name, Encoding::kUtf16);
  auto mount_text = read_string(mount_point, Encoding::kUtf16);
  if (!path_text || !name_text || !mount_text || !path_text->starts_with('/') ||
      path_text->find('\0') != std::string::npos || name_text->empty() ||
      policy.value_or(kPolicyNone) > kPolicyAny) {
    return HGCM_ERR_INVALID_PARAMETER;
  }
  // A guest must have room for them.
  if (name.size() > (kMaxShareName + 1) * 2 + 4 ||
      mount_point.size() > (kMaxMountPoint + 1) * 2 + 4) {
    return HGCM_ERR_INVALID_PARAMETER;
  }
  const Status status =
      mappings_.add({.path = std::move(*path_text),
                     .name = std::move(*name_text),
                     .mount_point = std::move(*mount_text),
                     .writable = (flags & kAddWritable) != 0,
                     .auto_mount = (flags & kAddAutoMount) != 0,
                     .create_symlinks = (flags & kAddCreateSymlinks) != 0,
                     .missing = (flags & kAddMissing) != 0,
                     .policy = static_cast<SymlinkPolicy>(policy.value_or(kPolicyNone))});
  if (status.ok()) {
    mappings_changed();
  }
  return status;
}

Status SharedFolders::remove_mapping(Bytes name) {
  const auto text = read_string(name, Encoding::kUtf16);
  if (!text) {
    return text.error();
  }
  const auto root = mappings_.find(*text);
  const Status status = mappings_.remove(*text);
  if (status.ok()) {
    changes_.drop_root(*root);
    mappings_changed();
  }
  return status;
}

Status SharedFolders::set_status_led(Bytes led) {
  // There is nothing that would look at it.
  return led.size() == sizeof(void*) ? HGCM_INF_SUCCESS : HGCM_ERR_INVALID_PARAMETER;
}

}  // namespace hgcm::shfl

// SPDX-License-Identifier: MIT
//
// What the service writes for a client when the machine is saved, in VirtualBox's format: section
// version 5, readable from version 2. Handles are not in it: after a restore they are invalid.
#include <algorithm>
#include <array>
#include <cstring>

#include "shared-folders/service.h"

namespace hgcm::shfl {
namespace {

constexpr std::uint32_t kVersion = 5;
constexpr std::uint32_t kOldestVersion = 2;
constexpr std::uint32_t kVersionUtf16Path = 2;
constexpr std::uint32_t kVersionMountPoint = 4;
constexpr std::uint32_t kVersionErrorStyle = 5;
constexpr std::uint32_t kMaxText = 0x10000 + 4;

std::string read_text(service::StateReader& state) {
  const std::string bytes = state.get_string(kMaxText);
  const auto text = read_string(std::as_bytes(std::span(bytes)), Encoding::kUtf16);
  if (!text) {
    state.fail(HGCM_ERR_SSM_UNEXPECTED_DATA);
  }
  return text.value_or(std::string());
}

}  // namespace

Status SharedFolders::save(const Client& client, service::StateWriter& state) {
  state.put_u32(kVersion).put_u32(kMaxMappings).put_u32(sizeof client.record);
  state.put_bytes(std::as_bytes(std::span(&client.record, 1)));
  for (const MappingTable::Entry& entry : mappings_.entries()) {
    state.put_u32(entry.mapped).put_bool(entry.share != nullptr);
    if (entry.share == nullptr) {
      continue;
    }
    const ShareConfig& config = entry.share->config();
    // The length does not count the terminator, which is there all the same.
    state.put_u32(static_cast<std::uint32_t>(config.path.size()));
    state.put_bytes(std::as_bytes(std::span(config.path.c_str(), config.path.size() + 1)));
    state.put_string(make_string(config.name));
    state.put_bool(true).put_bool(entry.case_sensitive);
    state.put_string(make_string(config.mount_point));
  }
  return state.status();
}

Status SharedFolders::load(Client& client, service::StateReader& state) {
  if (state.version() == 0) {
    return HGCM_INF_SUCCESS;
  }
  const std::uint32_t version = state.get_u32();
  if (state.status().ok() && (version < kOldestVersion || version > kVersion)) {
    return HGCM_ERR_SSM_DATA_UNIT_FORMAT_CHANGED;
  }
  const std::uint32_t count = state.get_u32();
  const std::uint32_t size = state.get_u32();
  if (state.status().ok() && (count != kMaxMappings || (size != sizeof(ClientRecord) &&
                                                        size != kClientRecordWithoutCounts))) {
    return HGCM_ERR_SSM_UNEXPECTED_DATA;
  }
  ClientRecord record;
  state.get_bytes(std::as_writable_bytes(std::span(&record, 1)).first(size));
  if (state.status().failed()) {
    return state.status();
  }
  if (size == kClientRecordWithoutCounts) {
    record.has_map_counts = 0;
  }
  if (version < kVersionErrorStyle || (record.error_style != kStyleWindows)) {
    record.error_style = kStyleLinux;
  }
  if (record.delimiter != 0 && record.delimiter != u'/' && record.delimiter != u'\\') {
    return HGCM_ERR_SSM_UNEXPECTED_DATA;
  }

  mappings_.begin_restore();
  for (std::uint32_t root = 0; root < kMaxMappings; ++root) {
    const std::uint32_t mapped = state.get_u32();
    if (!state.get_bool()) {
      continue;
    }
    if (version == kVersionUtf16Path) {
      (void)read_text(state);
    } else {
      // The host path is the operator's to say, not the state's.
      const std::uint32_t length = state.get_u32();
      if (length >= kMaxText) {
        return HGCM_ERR_SSM_UNEXPECTED_DATA;
      }
      std::string path(length + 1, '\0');
      state.get_bytes(std::as_writable_bytes(std::span(path)));
    }
    const std::string name = read_text(state);
    (void)state.get_bool();
    const bool case_sensitive = state.get_bool();
    if (version >= kVersionMountPoint) {
      (void)read_text(state);
    }
    if (state.status().failed()) {
      return state.status();
    }
    if (const Status status = mappings_.bind(root, name, case_sensitive, mapped); status.failed()) {
      return status;
    }
  }
  client.record = record;
  return state.status();
}

}  // namespace hgcm::shfl

// SPDX-License-Identifier: MIT
//
// See mapping_table.h.
#include "shared-folders/mapping_table.h"

#include <algorithm>
#include <utility>

#include "shared-folders/strings.h"

namespace hgcm::shfl {

std::optional<std::uint32_t> MappingTable::free_root() const {
  const auto free =
      std::ranges::find_if(entries_, [](const Entry& entry) { return entry.share == nullptr; });
  return free != entries_.end() ? std::optional(static_cast<std::uint32_t>(free - entries_.begin()))
                                : std::nullopt;
}

std::optional<std::uint32_t> MappingTable::find(std::string_view name) const {
  const auto found = std::ranges::find_if(entries_, [&](const Entry& entry) {
    return entry.usable() && equal_ignoring_case(entry.share->config().name, name);
  });
  return found != entries_.end()
             ? std::optional(static_cast<std::uint32_t>(found - entries_.begin()))
             : std::nullopt;
}

Status MappingTable::add(ShareConfig config) {
  if (find(config.name)) {
    return HGCM_ERR_ALREADY_EXISTS;
  }
  const auto root = free_root();
  if (!root) {
    return HGCM_ERR_TOO_MUCH_DATA;
  }
  Entry& entry = entries_.at(*root);
  entry.share = std::make_shared<Share>(std::move(config));
  ++entry.id_version;
  ++version_;
  return HGCM_INF_SUCCESS;
}

Status MappingTable::remove(std::string_view name) {
  const auto root = find(name);
  if (!root) {
    return HGCM_ERR_FILE_NOT_FOUND;
  }
  ++version_;
  Entry& entry = entries_.at(*root);
  if (entry.mapped > 0) {
    entry.placeholder = true;
    return HGCM_INF_PERMISSION_DENIED;
  }
  release(entry);
  return HGCM_INF_SUCCESS;
}

void MappingTable::release(Entry& entry) {
  const std::uint32_t version = entry.id_version;
  entry = Entry{};
  entry.id_version = version;
}

Status MappingTable::map(std::uint32_t root, bool case_sensitive) {
  Entry& entry = entries_.at(root);
  if (entry.mapped > 0 && entry.case_sensitive != case_sensitive) {
    return HGCM_ERR_INCOMPATIBLE_CONFIG;
  }
  entry.case_sensitive = case_sensitive;
  ++entry.mapped;
  return HGCM_INF_SUCCESS;
}

void MappingTable::unmap(std::uint32_t root, std::uint32_t times) {
  Entry& entry = entries_.at(root);
  entry.mapped -= std::min(times, entry.mapped);
  if (entry.mapped == 0 && entry.placeholder) {
    release(entry);
  }
}

void MappingTable::begin_restore() {
  for (Entry& entry : entries_) {
    entry.mapped = 0;
    if (entry.placeholder) {
      release(entry);
    }
  }
}

Status MappingTable::bind(std::uint32_t root, std::string_view name, bool case_sensitive,
                          std::uint32_t mapped) {
  Entry& wanted = entries_.at(root);
  const auto found = std::ranges::find_if(entries_, [&](const Entry& entry) {
    return entry.usable() && entry.share->config().name == name;
  });
  if (found != entries_.end()) {
    // A restore begins with nobody knowing any root id, so shares may change places.
    std::swap(found->share, wanted.share);
    std::swap(found->placeholder, wanted.placeholder);
    std::swap(found->case_sensitive, wanted.case_sensitive);
    std::swap(found->mapped, wanted.mapped);
  } else if (mapped == 0) {
    return HGCM_INF_SUCCESS;
  } else {
    if (wanted.share != nullptr) {
      const auto free = free_root();
      if (!free) {
        return HGCM_ERR_TOO_MUCH_DATA;
      }
      std::swap(entries_.at(*free), wanted);
    }
    wanted.share = std::make_shared<Share>(
        ShareConfig{.path = {}, .name = std::string(name), .mount_point = {}, .missing = true});
    wanted.placeholder = true;
  }
  wanted.case_sensitive = case_sensitive;
  wanted.mapped = mapped;
  return HGCM_INF_SUCCESS;
}

}  // namespace hgcm::shfl

// SPDX-License-Identifier: MIT
//
// MappingTable: which shares there are, under which root ids guests know them, and how often each
// is mapped. A share that the host removes while it is mapped stays as a placeholder, hidden and
// without contents, until the last client has unmapped it.
#ifndef HGCM_SHARED_FOLDERS_MAPPING_TABLE_H
#define HGCM_SHARED_FOLDERS_MAPPING_TABLE_H

#include <hgcm/status.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "shared-folders/protocol.h"
#include "shared-folders/share.h"

namespace hgcm::shfl {

/// The service thread's own.
class MappingTable {
 public:
  struct Entry {
    std::shared_ptr<Share> share;  ///< null: the root id is free
    bool placeholder = false;
    bool case_sensitive = true;  ///< as the guest that mapped it first wants
    std::uint32_t mapped = 0;    ///< by all clients together
    std::uint32_t id_version = 0;

    /// Whether calls reach anything.
    [[nodiscard]] bool usable() const noexcept { return share != nullptr && !placeholder; }
  };

  /// HGCM_ERR_ALREADY_EXISTS, HGCM_ERR_TOO_MUCH_DATA.
  Status add(ShareConfig config);
  /// HGCM_ERR_FILE_NOT_FOUND; HGCM_INF_PERMISSION_DENIED: is mapped, a placeholder stays.
  Status remove(std::string_view name);

  /// nullopt: no such share. Ignores case.
  [[nodiscard]] std::optional<std::uint32_t> find(std::string_view name) const;
  /// The first mapping decides about case: HGCM_ERR_INCOMPATIBLE_CONFIG for another one.
  Status map(std::uint32_t root, bool case_sensitive);
  void unmap(std::uint32_t root, std::uint32_t times = 1);

  /// Null when out of range.
  [[nodiscard]] const Entry* at(std::uint32_t root) const noexcept {
    return root < entries_.size() ? &entries_.at(root) : nullptr;
  }
  [[nodiscard]] const std::array<Entry, kMaxMappings>& entries() const noexcept { return entries_; }
  /// Changes with each add and remove.
  [[nodiscard]] std::uint32_t version() const noexcept { return version_; }

  /// For a restored state: nothing is mapped. Placeholders go.
  void begin_restore();
  /// Gives the share of exactly this name this root id, as mapped so often; one that there is no
  /// more becomes a placeholder.
  Status bind(std::uint32_t root, std::string_view name, bool case_sensitive, std::uint32_t mapped);

 private:
  [[nodiscard]] std::optional<std::uint32_t> free_root() const;
  void release(Entry& entry);

  std::array<Entry, kMaxMappings> entries_;
  std::uint32_t version_ = 0;
};

}  // namespace hgcm::shfl

#endif

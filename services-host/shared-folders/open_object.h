// SPDX-License-Identifier: MIT
//
// OpenObject: what a handle of a guest stands for. HandleTable: the handles of one client.
#ifndef HGCM_SHARED_FOLDERS_OPEN_OBJECT_H
#define HGCM_SHARED_FOLDERS_OPEN_OBJECT_H

#include <hgcm/status.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "shared-folders/call_order.h"
#include "shared-folders/descriptor.h"
#include "shared-folders/share.h"

namespace hgcm::shfl {

class Listing;

/// Descriptors that all clients together have open. A process that has none left can do nothing any
/// more, so handles leave some. Thread-safe.
class DescriptorBudget {
 public:
  /// As many as the process may have now, but for some.
  DescriptorBudget();
  explicit DescriptorBudget(std::size_t limit) noexcept : limit_(limit) {}
  [[nodiscard]] bool take() noexcept;
  void give_back() noexcept { used_.fetch_sub(1, std::memory_order_relaxed); }

 private:
  std::size_t limit_ = 64;
  std::atomic<std::size_t> used_{0};
};

/// Constant once made, but for what calls in order (see CallOrder) use.
struct OpenObject {
  /// Null when the budget is used up.
  [[nodiscard]] static std::shared_ptr<OpenObject> make(std::shared_ptr<DescriptorBudget> budget);
  /// For make(): the budget has been taken from.
  explicit OpenObject(std::shared_ptr<DescriptorBudget> budget) noexcept;
  ~OpenObject();
  OpenObject(const OpenObject&) = delete;
  OpenObject& operator=(const OpenObject&) = delete;

  std::shared_ptr<Share> share;
  std::uint32_t root = 0;
  std::string path;  ///< when it was opened
  Descriptor fd;
  bool directory = false;
  bool path_only = false;  ///< O_PATH: good for attributes, not for contents
  bool writes = false;     ///< its contents may be changed through it
  bool append = false;
  std::uint64_t size = 0;  ///< when it was opened

  CallOrder order;
  /// Of a directory, once it is listed: all entries, and those that match a filter.
  std::unique_ptr<Listing> listing;
  std::unique_ptr<Listing> filtered_listing;

 private:
  std::shared_ptr<DescriptorBudget> budget_;
};

/// Thread-safe. Handles are never 0 or ~0, not reused soon, and not those of another table: a guest
/// may come with some from before its machine was restored.
class HandleTable {
 public:
  HandleTable();

  static constexpr std::size_t kMaxHandles = 65536;

  /// HGCM_ERR_NO_MEMORY when full.
  Result<std::uint64_t> insert(std::shared_ptr<OpenObject> object);
  /// HGCM_ERR_INVALID_PARAMETER for handle 0; HGCM_ERR_INVALID_HANDLE when it is unknown or of
  /// another root.
  [[nodiscard]] Result<std::shared_ptr<OpenObject>> find(std::uint64_t handle,
                                                         std::uint32_t root) const;
  Result<std::shared_ptr<OpenObject>> remove(std::uint64_t handle, std::uint32_t root);
  void clear();
  [[nodiscard]] std::size_t size() const;

 private:
  struct Slot {
    std::uint32_t generation;
    std::shared_ptr<OpenObject> object;
  };
  [[nodiscard]] Result<std::size_t> locate(std::uint64_t handle, std::uint32_t root) const;

  const std::uint32_t first_generation_;
  mutable std::mutex mutex_;
  std::vector<Slot> slots_;  // under mutex_, as is what follows
  std::vector<std::uint32_t> free_;
};

}  // namespace hgcm::shfl

#endif

// SPDX-License-Identifier: MIT
//
// Allocation of simulated guest RAM for the loopback: contiguous blocks for requests, and single
// pages in a scattered order for buffers, so that a page list never happens to be contiguous.
#ifndef HGCM_LOOPBACK_PAGE_POOL_H
#define HGCM_LOOPBACK_PAGE_POOL_H

#include "vmmdev/guest_memory.h"

#include <cstddef>
#include <mutex>
#include <optional>
#include <vector>

namespace hgcm::loopback {

/// Thread-safe.
class PagePool {
 public:
  /// The first `request_pages` pages from `first` on are for blocks, the `buffer_pages` behind them
  /// for buffers.
  PagePool(vmmdev::GuestAddress first, std::size_t request_pages, std::size_t buffer_pages);

  /// `bytes` > 0 in a row. Empty: none left.
  [[nodiscard]] std::optional<vmmdev::GuestAddress> allocate_block(std::size_t bytes);
  void free_block(vmmdev::GuestAddress address, std::size_t bytes) noexcept;

  /// Empty: not that many left.
  [[nodiscard]] std::optional<std::vector<vmmdev::GuestAddress>> allocate_pages(std::size_t count);
  void free_pages(const std::vector<vmmdev::GuestAddress>& pages);

  /// Pages of both kinds that are in use.
  [[nodiscard]] std::size_t used_pages() const;

 private:
  const vmmdev::GuestAddress first_;
  mutable std::mutex mutex_;
  std::vector<bool> block_pages_;  // true: in use
  std::vector<vmmdev::GuestAddress> free_pages_;
  const std::size_t buffer_pages_;
};

}  // namespace hgcm::loopback

#endif

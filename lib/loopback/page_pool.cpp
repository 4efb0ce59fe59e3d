// SPDX-License-Identifier: MIT
//
// See page_pool.h.
#include "loopback/page_pool.h"

#include <algorithm>

namespace hgcm::loopback {
namespace {

using vmmdev::GuestAddress;
using vmmdev::kGuestPageSize;

constexpr std::size_t pages_of(std::size_t bytes) noexcept {
  return (bytes + kGuestPageSize - 1) / kGuestPageSize;
}

}  // namespace

PagePool::PagePool(GuestAddress first, std::size_t request_pages, std::size_t buffer_pages)
    : first_(first), block_pages_(request_pages), buffer_pages_(buffer_pages) {
  // Every other page, then the rest: neighbours in the list are never neighbours in memory.
  const GuestAddress buffers = first + request_pages * kGuestPageSize;
  free_pages_.reserve(buffer_pages);
  for (const std::size_t start : {std::size_t{1}, std::size_t{0}}) {
    for (std::size_t i = start; i < buffer_pages; i += 2) {
      free_pages_.push_back(buffers + i * kGuestPageSize);
    }
  }
}

std::optional<GuestAddress> PagePool::allocate_block(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  const auto count = static_cast<std::ptrdiff_t>(pages_of(bytes));
  const auto found = std::search_n(block_pages_.begin(), block_pages_.end(), count, false);
  if (found == block_pages_.end()) {
    return std::nullopt;
  }
  std::fill_n(found, count, true);
  return first_ + static_cast<GuestAddress>(found - block_pages_.begin()) * kGuestPageSize;
}

void PagePool::free_block(GuestAddress address, std::size_t bytes) noexcept {
  const std::lock_guard lock(mutex_);
  const auto index = static_cast<std::ptrdiff_t>((address - first_) / kGuestPageSize);
  std::fill_n(block_pages_.begin() + index, pages_of(bytes), false);
}

std::optional<std::vector<GuestAddress>> PagePool::allocate_pages(std::size_t count) {
  const std::lock_guard lock(mutex_);
  if (count > free_pages_.size()) {
    return std::nullopt;
  }
  const auto start = free_pages_.end() - static_cast<std::ptrdiff_t>(count);
  std::vector<GuestAddress> pages(start, free_pages_.end());
  free_pages_.erase(start, free_pages_.end());
  return pages;
}

void PagePool::free_pages(const std::vector<GuestAddress>& pages) {
  const std::lock_guard lock(mutex_);
  free_pages_.insert(free_pages_.end(), pages.begin(), pages.end());
}

std::size_t PagePool::used_pages() const {
  const std::lock_guard lock(mutex_);
  const auto blocks = std::count(block_pages_.begin(), block_pages_.end(), true);
  return static_cast<std::size_t>(blocks) + buffer_pages_ - free_pages_.size();
}

}  // namespace hgcm::loopback

// SPDX-License-Identifier: MIT
//
// The table of DMA regions: an immutable table that is replaced as a whole, so that no lock is held
// while bytes move and an unmap waits only for accesses that began before it. See dma_memory.h.
#include "vfio-user/dma_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

#include "vfio-user/wire.h"

namespace hgcm::vfio_user {

/// Keeps the current table, and everything mapped by it, in place for one access.
class DmaMemory::Pin {
 public:
  explicit Pin(DmaMemory& memory) noexcept : memory_(memory) {
    const std::lock_guard lock(memory_.mutex_);
    table_ = memory_.table_;
    ++table_->users->count;
  }
  ~Pin() {
    const std::lock_guard lock(memory_.mutex_);
    if (--table_->users->count == 0) memory_.idle_.notify_all();
  }
  Pin(const Pin&) = delete;
  Pin& operator=(const Pin&) = delete;

  [[nodiscard]] const Table& table() const noexcept { return *table_; }

 private:
  DmaMemory& memory_;
  std::shared_ptr<const Table> table_;
};

DmaMemory::DmaMemory() {
  auto table = std::make_shared<Table>();
  table->users = std::make_shared<Users>();
  empty_ = std::move(table);
  table_ = empty_;
}

DmaMemory::~DmaMemory() = default;

const DmaMemory::Region* DmaMemory::find(const Table& table, std::uint64_t address) noexcept {
  const auto after = std::ranges::upper_bound(table.regions, address, {},
                                              [](const Region& r) { return r.range.address; });
  if (after == table.regions.begin()) return nullptr;
  const Region& region = *std::prev(after);
  return address - region.range.address < region.range.size ? &region : nullptr;
}

bool DmaMemory::covered(const Table& table, std::uint64_t address, std::uint64_t size,
                        Access access) noexcept {
  if (size == 0) return true;
  if (address > std::numeric_limits<std::uint64_t>::max() - (size - 1)) return false;
  for (;;) {
    const Region* const region = find(table, address);
    if (region == nullptr) return false;
    if (!(access == Access::kRead ? region->range.readable : region->range.writable)) return false;
    if (region->mapping && region->mapping->lost()) return false;
    const std::uint64_t rest = region->range.size - (address - region->range.address);
    if (size <= rest) return true;
    size -= rest;
    address += rest;
  }
}

/// Calls visitor(region, offset in the region, position in the buffer, length) for each piece.
template <typename Visitor>
bool DmaMemory::visit(std::uint64_t address, std::size_t size, Access access,
                      Visitor&& visitor) noexcept {
  const Pin pin(*this);
  if (!covered(pin.table(), address, size, access)) return false;
  std::size_t done = 0;
  while (done < size) {
    const Region& region = *find(pin.table(), address + done);
    const std::uint64_t offset = address + done - region.range.address;
    const auto length =
        static_cast<std::size_t>(std::min<std::uint64_t>(size - done, region.range.size - offset));
    if (!visitor(region, offset, done, length)) return false;
    // Whoever lost the file in the middle of the copy gets told, not zeros.
    if (region.mapping && region.mapping->lost()) return false;
    done += length;
  }
  return true;
}

bool DmaMemory::read(vmmdev::GuestAddress address, std::span<std::byte> out) noexcept {
  return visit(address, out.size(), Access::kRead,
               [&](const Region& region, std::uint64_t offset, std::size_t at, std::size_t length) {
                 if (region.mapping) {
                   std::memcpy(out.data() + at, region.mapping->bytes().data() + offset, length);
                   return true;
                 }
                 DmaMessenger* const messenger = messenger_.load(std::memory_order_acquire);
                 return messenger != nullptr &&
                        messenger->dma_read(region.range.address + offset, out.subspan(at, length));
               });
}

bool DmaMemory::write(vmmdev::GuestAddress address, std::span<const std::byte> in) noexcept {
  return visit(address, in.size(), Access::kWrite,
               [&](const Region& region, std::uint64_t offset, std::size_t at, std::size_t length) {
                 if (region.mapping) {
                   std::memcpy(region.mapping->bytes().data() + offset, in.data() + at, length);
                   return true;
                 }
                 DmaMessenger* const messenger = messenger_.load(std::memory_order_acquire);
                 return messenger != nullptr &&
                        messenger->dma_write(region.range.address + offset, in.subspan(at, length));
               });
}

bool DmaMemory::store_release(vmmdev::GuestAddress address, std::uint32_t value) noexcept {
  if (address % alignof(std::uint32_t) != 0) return false;
  return visit(address, sizeof value, Access::kWrite,
               [&](const Region& region, std::uint64_t offset, std::size_t, std::size_t) {
                 if (region.mapping) {
                   // Regions are page aligned, so an aligned word lies in one, and aligned in it.
                   auto* const word =
                       reinterpret_cast<std::uint32_t*>(region.mapping->bytes().data() + offset);
                   std::atomic_ref(*word).store(value, std::memory_order_release);
                   return true;
                 }
                 DmaMessenger* const messenger = messenger_.load(std::memory_order_acquire);
                 return messenger != nullptr &&
                        messenger->dma_write(region.range.address + offset,
                                             std::as_bytes(std::span(&value, 1)));
               });
}

std::optional<vmmdev::GuestMapping> DmaMemory::map(vmmdev::GuestAddress address,
                                                   std::size_t size) noexcept {
  if (size == 0) return std::nullopt;
  const Pin pin(*this);
  const Region* const region = find(pin.table(), address);
  if (region == nullptr || !region->mapping || !region->range.readable || !region->range.writable ||
      region->mapping->lost()) {
    return std::nullopt;
  }
  const std::uint64_t offset = address - region->range.address;
  if (size > region->range.size - offset) return std::nullopt;
  return vmmdev::GuestMapping{
      region->mapping->bytes().subspan(static_cast<std::size_t>(offset), size), region->mapping};
}

std::shared_ptr<const FileMapping> DmaMemory::mapping_at(const void* address) const noexcept {
  const auto* const at = static_cast<const std::byte*>(address);
  const std::lock_guard lock(mutex_);
  for (const Region& region : table_->regions) {
    if (!region.mapping || !region.range.readable || !region.range.writable) continue;
    const auto bytes = region.mapping->bytes();
    if (at >= bytes.data() && at < bytes.data() + bytes.size()) return region.mapping;
  }
  return nullptr;
}

bool DmaMemory::discard(vmmdev::GuestAddress address, std::size_t size) noexcept {
  const auto mapping = map(address, size);
  return mapping && ::madvise(mapping->bytes.data(), size, MADV_REMOVE) == 0;
}

std::uint64_t DmaMemory::size() const noexcept {
  const std::lock_guard lock(mutex_);
  return table_->bytes;
}

int DmaMemory::add(const DmaRegion& region, const UniqueFd& fd) noexcept try {
  // Only this thread replaces the table, so it can be looked at without the lock.
  const Table& now = *table_;
  const std::uint64_t last = region.address + (region.size - 1);
  const auto after = std::ranges::upper_bound(now.regions, last, {},
                                              [](const Region& r) { return r.range.address; });
  if (after != now.regions.begin()) {
    const DmaRegion& before = std::prev(after)->range;
    if (before.address + (before.size - 1) >= region.address) return EEXIST;
  }
  if (now.regions.size() >= kMaxDmaRegions) return ENOSPC;

  Region added{region, nullptr};
  if (fd) {
    int error = 0;
    added.mapping =
        FileMapping::create(fd.get(), region.file_offset, region.size, region.writable, error);
    if (!added.mapping) return error;
  }
  auto next = std::make_shared<Table>(now);
  // Otherwise the count of users is shared: nothing they use goes away.
  if (now.regions.empty()) next->users = std::make_shared<Users>();
  next->regions.insert(next->regions.begin() + (after - now.regions.begin()), std::move(added));
  next->bytes = region.size > std::numeric_limits<std::uint64_t>::max() - now.bytes
                    ? std::numeric_limits<std::uint64_t>::max()
                    : now.bytes + region.size;
  const std::lock_guard lock(mutex_);
  table_ = std::move(next);
  return 0;
} catch (const std::bad_alloc&) {
  return ENOMEM;
}

int DmaMemory::remove(std::uint64_t address, std::uint64_t size) noexcept try {
  const Table& now = *table_;
  const auto found = std::ranges::lower_bound(now.regions, address, {},
                                              [](const Region& r) { return r.range.address; });
  if (found == now.regions.end() || found->range.address != address || found->range.size != size) {
    return ENOENT;
  }
  auto next = std::make_shared<Table>(now);
  next->regions.erase(next->regions.begin() + (found - now.regions.begin()));
  next->users = std::make_shared<Users>();
  next->bytes = 0;
  for (const Region& region : next->regions) {
    next->bytes = region.range.size > std::numeric_limits<std::uint64_t>::max() - next->bytes
                      ? std::numeric_limits<std::uint64_t>::max()
                      : next->bytes + region.range.size;
  }
  replace(std::move(next));
  return 0;
} catch (const std::bad_alloc&) {
  return ENOMEM;
}

void DmaMemory::clear() noexcept {
  if (table_->regions.empty()) return;
  replace(empty_);
}

void DmaMemory::replace(std::shared_ptr<const Table> next) noexcept {
  std::shared_ptr<const Table> old = std::move(next);
  std::unique_lock lock(mutex_);
  std::swap(table_, old);
  idle_.wait(lock, [&] { return old->users->count == 0; });
}

void DmaMemory::set_messenger(DmaMessenger* messenger) noexcept {
  messenger_.store(messenger, std::memory_order_release);
}

}  // namespace hgcm::vfio_user

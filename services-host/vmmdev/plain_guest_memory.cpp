// SPDX-License-Identifier: MIT
//
// See plain_guest_memory.h.
#include "vmmdev/plain_guest_memory.h"

#include "vmmdev/guest_copy.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <new>
#include <utility>

namespace hgcm::vmmdev {
namespace {

bool overlaps(const std::vector<GuestRange>& ranges, GuestAddress address,
              std::uint64_t size) noexcept {
  // Neither sum wraps: find() has checked `address`, and the subtraction is the other way round.
  return std::ranges::any_of(ranges, [&](const GuestRange& range) {
    return address >= range.address ? address - range.address < range.size
                                    : range.size > 0 && range.address - address < size;
  });
}

}  // namespace

class PlainGuestMemory::Buffer {
 public:
  explicit Buffer(std::size_t size) {
    constexpr std::size_t kSurround = 2 * kGuestPageSize;
    if (size > std::numeric_limits<std::size_t>::max() / 2) throw std::bad_alloc();
    size_ = (size + kGuestPageSize - 1) / kGuestPageSize * kGuestPageSize;
    whole_ = size_ + kSurround;
    map_ = ::mmap(nullptr, whole_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map_ == MAP_FAILED) throw std::bad_alloc();
    if (::mprotect(data(), size_, PROT_READ | PROT_WRITE) != 0) {
      ::munmap(map_, whole_);
      throw std::bad_alloc();
    }
  }
  ~Buffer() { ::munmap(map_, whole_); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  [[nodiscard]] std::byte* data() const noexcept {
    return static_cast<std::byte*>(map_) + kGuestPageSize;
  }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  void* map_ = nullptr;
  std::size_t whole_ = 0;
  std::size_t size_ = 0;
};

PlainGuestMemory::PlainGuestMemory(std::size_t size, PlainGuestMemoryOptions options)
    : options_(std::move(options)), buffer_(std::make_shared<Buffer>(size)) {}

PlainGuestMemory::~PlainGuestMemory() = default;

std::byte* PlainGuestMemory::find(GuestAddress address, std::uint64_t size) const noexcept {
  if (address < options_.base) return nullptr;
  const std::uint64_t offset = address - options_.base;
  if (offset > buffer_->size() || size > buffer_->size() - offset) return nullptr;
  if (overlaps(options_.holes, address, size)) return nullptr;
  return buffer_->data() + offset;
}

bool PlainGuestMemory::read(GuestAddress address, std::span<std::byte> out) noexcept {
  const std::byte* from = find(address, out.size());
  if (from == nullptr) return false;
  copy_from_guest(out, from);
  return true;
}

bool PlainGuestMemory::write(GuestAddress address, std::span<const std::byte> in) noexcept {
  std::byte* to = find(address, in.size());
  if (to == nullptr) return false;
  copy_to_guest(to, in);
  return true;
}

bool PlainGuestMemory::store_release(GuestAddress address, std::uint32_t value) noexcept {
  std::byte* to = find(address, sizeof value);
  if (to == nullptr || address % sizeof value != 0) return false;
  std::atomic_ref(*reinterpret_cast<std::uint32_t*>(to)).store(value, std::memory_order_release);
  return true;
}

std::optional<GuestMapping> PlainGuestMemory::map(GuestAddress address, std::size_t size) noexcept {
  std::byte* to = find(address, size);
  if (to == nullptr || overlaps(options_.unmappable, address, size)) return std::nullopt;
  return GuestMapping{.bytes = {to, size}, .keep_alive = buffer_};
}

bool PlainGuestMemory::discard(GuestAddress address, std::size_t size) noexcept {
  const auto mapping = map(address, size);
  return mapping && ::madvise(mapping->bytes.data(), size, MADV_DONTNEED) == 0;
}

std::uint64_t PlainGuestMemory::size() const noexcept {
  std::uint64_t result = buffer_->size();
  for (const GuestRange& hole : options_.holes) result -= std::min(result, hole.size);
  return result;
}

std::span<std::byte> PlainGuestMemory::bytes() noexcept {
  return {buffer_->data(), buffer_->size()};
}

std::span<std::byte> PlainGuestMemory::at(GuestAddress address, std::size_t size) noexcept {
  return bytes().subspan(address - options_.base, size);
}

}  // namespace hgcm::vmmdev

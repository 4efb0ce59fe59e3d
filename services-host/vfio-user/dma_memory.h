// SPDX-License-Identifier: MIT
//
// DmaMemory: the guest's RAM as the client described it with DMA_MAP. Regions that came with a file
// descriptor are mapped; the others are reached by messages to the client through a DmaMessenger.
// Regions never overlap, and an access may span adjacent ones.
#ifndef HGCM_VFIO_USER_DMA_MEMORY_H
#define HGCM_VFIO_USER_DMA_MEMORY_H

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "vfio-user/file_mapping.h"
#include "vfio-user/unique_fd.h"
#include "vmmdev/guest_memory.h"

namespace hgcm::vfio_user {

/// Reaches memory that the client did not share. Called from any thread; blocks until the client
/// has answered, for a bounded time. False: the client refused, was too slow or has gone.
class DmaMessenger {
 public:
  DmaMessenger() = default;
  DmaMessenger(const DmaMessenger&) = delete;
  DmaMessenger& operator=(const DmaMessenger&) = delete;
  virtual ~DmaMessenger() = default;
  [[nodiscard]] virtual bool dma_read(std::uint64_t address, std::span<std::byte> out) noexcept = 0;
  [[nodiscard]] virtual bool dma_write(std::uint64_t address,
                                       std::span<const std::byte> in) noexcept = 0;
};

struct DmaRegion {
  std::uint64_t address = 0;
  std::uint64_t size = 0;
  std::uint64_t file_offset = 0;
  bool readable = false;
  bool writable = false;
};

/// The GuestMemory members are thread-safe. The others belong to the server's thread.
class DmaMemory final : public vmmdev::GuestMemory {
 public:
  DmaMemory();
  ~DmaMemory() override;

  [[nodiscard]] bool read(vmmdev::GuestAddress address, std::span<std::byte> out) noexcept override;
  /// Nothing is written when part of the range is not writable RAM; when the client fails a message
  /// half-way, what came before stays written.
  [[nodiscard]] bool write(vmmdev::GuestAddress address,
                           std::span<const std::byte> in) noexcept override;
  [[nodiscard]] bool store_release(vmmdev::GuestAddress address,
                                   std::uint32_t value) noexcept override;
  /// Only within one region; a range across two is for read() and write().
  [[nodiscard]] std::optional<vmmdev::GuestMapping> map(vmmdev::GuestAddress address,
                                                        std::size_t size) noexcept override;
  /// The mapped region that this address of ours lies in; null if there is none.
  [[nodiscard]] std::shared_ptr<const FileMapping> mapping_at(const void* address) const noexcept;
  /// Punches a hole into the file, as map().
  bool discard(vmmdev::GuestAddress address, std::size_t size) noexcept override;
  [[nodiscard]] std::uint64_t size() const noexcept override;

  /// Takes a region whose range is valid (page aligned, not empty, not wrapping). `fd` may be
  /// empty. 0 or an errno value: EEXIST (overlaps), ENOSPC (too many), or that of
  /// FileMapping::create().
  [[nodiscard]] int add(const DmaRegion& region, const UniqueFd& fd) noexcept;
  /// Forgets exactly that region, and returns when no read() or write() uses it any more. ENOENT:
  /// there is none.
  [[nodiscard]] int remove(std::uint64_t address, std::uint64_t size) noexcept;
  /// Forgets all regions, likewise.
  void clear() noexcept;

  /// For regions without a descriptor; null: none. Must outlive the regions.
  void set_messenger(DmaMessenger* messenger) noexcept;

 private:
  struct Region {
    DmaRegion range;
    std::shared_ptr<FileMapping> mapping;
  };
  // Accesses in progress on tables that share it; guarded by mutex_.
  struct Users {
    std::uint64_t count = 0;
  };
  struct Table {
    std::vector<Region> regions;  // by address
    std::shared_ptr<Users> users;
    std::uint64_t bytes = 0;
  };
  enum class Access { kRead, kWrite };
  class Pin;

  [[nodiscard]] static const Region* find(const Table& table, std::uint64_t address) noexcept;
  [[nodiscard]] static bool covered(const Table& table, std::uint64_t address, std::uint64_t size,
                                    Access access) noexcept;
  template <typename Visitor>
  [[nodiscard]] bool visit(std::uint64_t address, std::size_t size, Access access,
                           Visitor&& visitor) noexcept;
  void replace(std::shared_ptr<const Table> next) noexcept;

  mutable std::mutex mutex_;
  std::condition_variable idle_;
  std::shared_ptr<const Table> empty_;  // made beforehand, so that clear() needs no memory
  std::shared_ptr<const Table> table_;
  std::atomic<DmaMessenger*> messenger_{nullptr};
};

}  // namespace hgcm::vfio_user

#endif

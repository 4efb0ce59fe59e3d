// SPDX-License-Identifier: MIT
//
// SharedStream: bytes both ways between two processes, through memory that both have mapped. A side
// that waits sleeps in the kernel; one that is busy is not woken, and finds what has come
// meanwhile: then neither side makes a system call. The other side is not trusted: its positions
// are read once and checked, and what it has written is copied before anybody looks at it.
#ifndef HGCM_SANDBOX_SHARED_STREAM_H
#define HGCM_SANDBOX_SHARED_STREAM_H

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>

#include "vfio-user/file_mapping.h"
#include "vfio-user/unique_fd.h"

namespace hgcm::sandbox {

class SharedStream {
 public:
  enum class Side : bool { kMaker, kOther };

  /// Memory for a stream, as a file that cannot change its size; invalid: errno says why.
  [[nodiscard]] static vfio_user::UniqueFd make_memory();
  /// One side of it. Null: `memory` is not what make_memory() made.
  [[nodiscard]] static std::unique_ptr<SharedStream> open(int memory, Side side);
  SharedStream(const SharedStream&) = delete;
  SharedStream& operator=(const SharedStream&) = delete;

  // One thread may write while another reads; any may close.

  /// Blocks while there is no room. The parts become visible together if they fit. False: closed,
  /// or the other side made no room for so long (zero: no limit) or breaks the rules.
  [[nodiscard]] bool write(std::initializer_list<std::span<const std::byte>> parts,
                           std::chrono::milliseconds patience);
  /// Blocks until there is something; returns how much was copied to `into`, which is not empty. 0:
  /// closed with nothing left, or the other side breaks the rules.
  [[nodiscard]] std::size_t read(std::span<std::byte> into);
  /// Ends this side's waits, those to come included; what has arrived can still be read.
  void close() noexcept;

  /// Times the other side had to be woken, and times this side slept.
  [[nodiscard]] std::uint64_t wakes() const noexcept { return wakes_.load(); }
  [[nodiscard]] std::uint64_t sleeps() const noexcept { return sleeps_.load(); }

  static constexpr std::uint32_t kCapacity = 256U << 10;  ///< bytes each way; a power of two

 private:
  /// Somebody who sleeps until the other side has done something.
  struct Sleeper {
    std::atomic<std::uint32_t> asleep;
    std::atomic<std::uint32_t> bell;  // a futex
  };
  /// One direction. Positions count bytes and wrap around.
  struct Shared {
    alignas(64) std::atomic<std::uint32_t> head;  // the writer's
    alignas(64) std::atomic<std::uint32_t> tail;  // the reader's
    alignas(64) Sleeper reader;
    alignas(64) Sleeper writer;
  };
  static_assert(std::atomic<std::uint32_t>::is_always_lock_free);
  static constexpr std::size_t kHeaderBytes = 4096;
  static constexpr std::size_t kBytes = kHeaderBytes + 2 * std::size_t{kCapacity};

  SharedStream(std::shared_ptr<vfio_user::FileMapping> mapping, Side side);

  void put(std::span<const std::byte> bytes, std::uint32_t at) noexcept;
  void wake(Sleeper& who) noexcept;
  /// Sleeps unless `ready` by then. False: the time is over.
  template <typename Ready>
  bool sleep(Sleeper& self, Ready ready, std::chrono::steady_clock::time_point until);

  const std::shared_ptr<vfio_user::FileMapping> mapping_;
  Shared& out_;
  Shared& in_;
  const std::span<std::byte> out_bytes_;
  const std::span<const std::byte> in_bytes_;
  std::uint32_t head_ = 0;  // of out_; what the other side sees of it is not read back
  std::uint32_t tail_ = 0;  // of in_
  std::atomic<bool> closed_{false};
  std::atomic<std::uint64_t> wakes_{0};
  std::atomic<std::uint64_t> sleeps_{0};
};

}  // namespace hgcm::sandbox

#endif

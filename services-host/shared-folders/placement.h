// SPDX-License-Identifier: MIT
//
// Placement: whether a call on a share's file system is done at once on the service's thread, which
// saves the guest an interrupt, or by a worker, so that it holds up nobody. File systems on a
// network or in user space can hang, so their calls always go to the workers; those in memory or on
// a disk are trusted until a call was slow, and again after a while. Slow is one that waited: what
// merely took its time (freeing a large file), or was kept from its processor, does not tell of
// others.
#ifndef HGCM_SHARED_FOLDERS_PLACEMENT_H
#define HGCM_SHARED_FOLDERS_PLACEMENT_H

#include <atomic>
#include <chrono>
#include <cstdint>

namespace hgcm::shfl {

class Placement {
 public:
  using Clock = std::chrono::steady_clock;
  /// What a call that was done at once may take before the file system counts as slow.
  static constexpr std::chrono::microseconds kSlow{2000};
  /// For how long it then does.
  static constexpr std::chrono::seconds kDistrust{5};

  enum class Kind : std::uint8_t { kMemory, kDisk, kRemote };

  /// Takes the kind of the file system that `directory` (O_PATH will do) is on.
  void look_at(int directory) noexcept;
  [[nodiscard]] Kind kind() const noexcept { return kind_.load(std::memory_order_relaxed); }

  /// Whether a short call is done at once. A share may contain mounts of other kinds: those show by
  /// being slow.
  [[nodiscard]] bool at_once(Clock::time_point now) const noexcept;

  struct Begun {
    Clock::time_point at;
    long waits;  ///< of the thread
  };
  /// Around a short call, wherever it is done; both on the thread that does it.
  [[nodiscard]] static Begun begin() noexcept;
  void end(const Begun& begun) noexcept;

 private:
  std::atomic<Kind> kind_{Kind::kRemote};
  std::atomic<Clock::rep> slow_until_{Clock::time_point::min().time_since_epoch().count()};
};

}  // namespace hgcm::shfl

#endif

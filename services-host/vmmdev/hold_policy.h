// SPDX-License-Identifier: MIT
//
// HoldPolicy: how long the submission of an HGCM command may be held for its completion, learned
// per service and function. Functions that complete at once are waited for, so that they cost no
// interrupt; functions that park are soon not waited for at all.
#ifndef HGCM_VMMDEV_HOLD_POLICY_H
#define HGCM_VMMDEV_HOLD_POLICY_H

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hgcm::vmmdev {

/// Thread-safe. Of a fixed size, whatever numbers a guest makes up: functions share a slot when
/// their hashes do, and the later one starts afresh.
class HoldPolicy {
 public:
  using Key = std::uint32_t;

  explicit HoldPolicy(std::chrono::nanoseconds max_hold) noexcept;

  static std::uint32_t service_hash(std::string_view name) noexcept;
  static Key key(std::uint32_t service_hash, std::uint32_t function) noexcept;

  /// How long to hold the next command of this kind; zero: not at all.
  [[nodiscard]] std::chrono::nanoseconds bound(Key key) const noexcept;
  /// A command of this kind has completed, held or not, that long after its submission.
  void completed(Key key, std::chrono::nanoseconds latency) noexcept;
  /// A hold has ended without completion.
  void timed_out(Key key) noexcept;

 private:
  // One slot in one word, so that no lock is needed: the key, a credit (fast completions minus what
  // a slow one costs), and the average latency of fast completions in quarter microseconds. Updates
  // that get lost among threads only delay the learning.
  struct Slot {
    Key key = 0;
    std::uint8_t credit = 0;
    std::uint32_t latency = 0;  // 24 bits
  };
  static constexpr std::size_t kSlots = 512;

  [[nodiscard]] static Slot unpack(std::uint64_t word) noexcept;
  [[nodiscard]] static std::uint64_t pack(const Slot& slot) noexcept;
  [[nodiscard]] Slot load(Key key) const noexcept;
  void store(const Slot& slot) noexcept;

  const std::chrono::nanoseconds max_hold_;
  std::array<std::atomic<std::uint64_t>, kSlots> slots_{};
};

}  // namespace hgcm::vmmdev

#endif

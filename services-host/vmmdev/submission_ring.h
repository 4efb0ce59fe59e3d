// SPDX-License-Identifier: MIT
//
// SubmissionRing: the device's end of the ring of openhgcm/vmmdev_ext.h, in which a driver leaves
// addresses of HGCM calls for a device that is awake. It yields addresses and knows nothing of
// requests.
#ifndef HGCM_VMMDEV_SUBMISSION_RING_H
#define HGCM_VMMDEV_SUBMISSION_RING_H

#include "vmmdev/memory_bar.h"

#include <atomic>
#include <cstdint>
#include <mutex>

namespace hgcm::vmmdev {

/// Thread-safe.
class SubmissionRing {
 public:
  SubmissionRing(MemoryBar& bar, bool offered) noexcept : bar_(bar), offered_(offered) {}

  /// To the contents of a BAR that was just initialised.
  void reset() noexcept {
    const std::lock_guard lock(mutex_);
    tail_.store(0, std::memory_order_relaxed);
  }

  /// Where the ring is, once it has been emptied; and to an empty ring there.
  [[nodiscard]] std::uint32_t position() const noexcept {
    return tail_.load(std::memory_order_relaxed);
  }
  void restore(std::uint32_t position) noexcept {
    const std::lock_guard lock(mutex_);
    bar_.restore_ring(position);
    tail_.store(position, std::memory_order_relaxed);
  }

  [[nodiscard]] bool in_use() const noexcept {
    return offered_ && (bar_.driver_features() & VMMDEV_EXT_F_RING) != 0;
  }
  /// Without a lock: there may be something to take().
  [[nodiscard]] bool waiting() const noexcept {
    return bar_.ring_head() != tail_.load(std::memory_order_relaxed);
  }
  /// Tells the driver whether somebody will look at the ring unasked.
  void set_polling(bool value) noexcept { bar_.set_ring_polling(value); }

  /// Calls `submit(address)` for all that is in the ring, in order, one thread at a time. `submit`
  /// must not come back here. At most two rings full, so that a guest cannot keep a thread.
  template <typename Submit>
  bool take(Submit&& submit) noexcept {
    const std::lock_guard lock(mutex_);
    std::uint32_t tail = tail_.load(std::memory_order_relaxed);
    const std::uint32_t before = tail;
    for (std::uint32_t budget = 2 * VMMDEV_EXT_RING_SIZE; budget > 0; --budget) {
      const std::uint32_t head = bar_.ring_head();
      if (head == tail) break;
      if (head - tail > VMMDEV_EXT_RING_SIZE) {
        tail = head;
        continue;
      }
      const std::uint32_t address = bar_.ring_entry(tail);
      ++tail;
      // The entry is free for the next before the request is worked on.
      publish(tail);
      submit(address);
    }
    if (tail != tail_.load(std::memory_order_relaxed)) publish(tail);
    return tail != before;
  }

 private:
  void publish(std::uint32_t tail) noexcept {
    tail_.store(tail, std::memory_order_relaxed);
    bar_.set_ring_tail(tail);
  }

  MemoryBar& bar_;
  const bool offered_;
  std::mutex mutex_;
  std::atomic<std::uint32_t> tail_{0};  // written under mutex_
};

}  // namespace hgcm::vmmdev

#endif

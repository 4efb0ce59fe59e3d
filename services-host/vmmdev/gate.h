// SPDX-License-Identifier: MIT
//
// Gate: lets register accesses in while the device runs, and lets a reset wait until none is
// inside.
#ifndef HGCM_VMMDEV_GATE_H
#define HGCM_VMMDEV_GATE_H

#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace hgcm::vmmdev {

class Gate {
 public:
  /// Holds the gate open for one access; `inside` tells whether it was let in.
  class Pass {
   public:
    explicit Pass(Gate& gate) noexcept : gate_(gate), inside_(gate.enter()) {}
    ~Pass() {
      if (inside_) gate_.leave();
    }
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;
    explicit operator bool() const noexcept { return inside_; }

   private:
    Gate& gate_;
    const bool inside_;
  };

  /// Turns new accesses away and waits for those inside. Nests.
  void close() noexcept {
    std::unique_lock lock(mutex_);
    ++closed_;
    empty_.wait(lock, [this] { return inside_ == 0; });
  }
  void open() noexcept {
    const std::lock_guard lock(mutex_);
    --closed_;
  }

 private:
  bool enter() noexcept {
    const std::lock_guard lock(mutex_);
    if (closed_ > 0) return false;
    ++inside_;
    return true;
  }
  void leave() noexcept {
    const std::lock_guard lock(mutex_);
    if (--inside_ == 0) empty_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable empty_;
  std::uint32_t inside_ = 0;
  std::uint32_t closed_ = 0;
};

}  // namespace hgcm::vmmdev

#endif

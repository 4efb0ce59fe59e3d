// SPDX-License-Identifier: MIT
//
// Gate: lets register accesses in while the device runs, and lets a reset wait until none is
// inside. Saving and restoring make them wait instead.
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
    enum class Held { wait, give_up };
    /// A service's thread must not wait: the one that holds the gate may wait for that service.
    explicit Pass(Gate& gate, Held held = Held::wait) noexcept
        : gate_(gate), inside_(gate.enter(held)) {}
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

  /// Makes new accesses wait for as long as it lives; waits for those inside.
  class Hold {
   public:
    explicit Hold(Gate& gate) noexcept : gate_(gate) {
      std::unique_lock lock(gate_.mutex_);
      ++gate_.held_;
      gate_.empty_.wait(lock, [this] { return gate_.inside_ == 0; });
    }
    ~Hold() {
      const std::lock_guard lock(gate_.mutex_);
      if (--gate_.held_ == 0) gate_.released_.notify_all();
    }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    Gate& gate_;
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
  bool enter(Pass::Held held) noexcept {
    std::unique_lock lock(mutex_);
    if (held == Pass::Held::give_up && held_ > 0) return false;
    released_.wait(lock, [this] { return held_ == 0; });
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
  std::condition_variable released_;
  std::uint32_t inside_ = 0;
  std::uint32_t closed_ = 0;
  std::uint32_t held_ = 0;
};

}  // namespace hgcm::vmmdev

#endif

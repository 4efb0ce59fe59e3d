// SPDX-License-Identifier: MIT
//
// Liar: a device backend that sits between the transport and the real device model and lies to the
// guest. Most requests reach the model; what the guest then finds has been tampered with, or the
// request never got there: refused with nonsense, not looked at, completed before it was carried
// out, much later, or never. Interrupts and events come when there is no reason. It keeps to one
// rule, without which no guest could survive it: it writes only to memory that the protocol has
// given to the host (request blocks until DONE or a confirmed cancel, registers, the event word).
//
// All decisions follow from the seed and the number of the access, so a failure can be repeated.
#ifndef TESTS_ADVERSARY_LIAR_H
#define TESTS_ADVERSARY_LIAR_H

#include "vfio-user/server.h"
#include "vmmdev/device.h"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <vector>

namespace adversary {

/// Numbers that follow from a seed.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}
  std::uint64_t roll();
  /// 0 to below - 1.
  std::uint64_t below(std::uint64_t limit) { return roll() % limit; }
  /// True `percent` times in a hundred.
  bool chance(unsigned percent) { return below(100) < percent; }
  /// A value of the kind that breaks arithmetic: small, huge, around a power of two, or any.
  std::uint32_t nasty();

 private:
  std::uint64_t state_;
};

/// What it did, for the log.
struct Lies {
  std::atomic<std::uint64_t> requests = 0;
  std::atomic<std::uint64_t> passed = 0;
  std::atomic<std::uint64_t> tampered = 0;
  std::atomic<std::uint64_t> refused = 0;
  std::atomic<std::uint64_t> ignored = 0;
  std::atomic<std::uint64_t> early = 0;
  std::atomic<std::uint64_t> late = 0;
  std::atomic<std::uint64_t> never = 0;
  std::atomic<std::uint64_t> cancels = 0;
  std::atomic<std::uint64_t> interrupts = 0;
};

class Liar final : public hgcm::vfio_user::DeviceBackend {
 public:
  /// `percent`: of the requests after the first `honest` of each power-on that are lied about.
  Liar(hgcm::vmmdev::Device& device, hgcm::vfio_user::Server& server, std::uint64_t seed,
       unsigned percent, unsigned honest)
      : device_(device), server_(server), seed_(seed), percent_(percent), honest_(honest) {}

  void bar_read(unsigned bar, std::uint64_t offset, std::span<std::byte> out) noexcept override;
  void bar_write(unsigned bar, std::uint64_t offset,
                 std::span<const std::byte> in) noexcept override;
  void attach() noexcept override;
  void reset() noexcept override;
  void detach() noexcept override;

  /// To be called often, by another thread: completes what is late, and interrupts for no reason.
  void tick() noexcept;

  [[nodiscard]] const Lies& lies() const { return lies_; }

 private:
  struct Held {
    std::uint32_t size = 0;
    std::chrono::steady_clock::time_point due;
    bool never = false;
  };

  void submit(std::uint64_t address) noexcept;
  void pass(std::uint64_t address) noexcept;
  void lie_about_call(std::uint64_t address, std::uint32_t size, Dice& dice) noexcept;
  void cancel(std::uint64_t address, std::uint32_t size, Dice& dice) noexcept;
  void complete(std::uint64_t address, std::uint32_t size, Dice& dice) noexcept;
  void tamper(std::uint64_t address, std::uint32_t size, std::uint32_t from, Dice& dice) noexcept;
  void set_status(std::uint64_t address, std::uint32_t status) noexcept;
  void raise(std::uint32_t events) noexcept;
  void forget() noexcept;
  Dice dice_for(std::uint64_t what) noexcept;

  hgcm::vmmdev::Device& device_;
  hgcm::vfio_user::Server& server_;
  const std::uint64_t seed_;
  const unsigned percent_;
  const unsigned honest_;
  Lies lies_;

  std::mutex mutex_;  // everything below, and all writes to guest memory
  bool attached_ = false;
  std::uint64_t accesses_ = 0;
  std::uint64_t since_reset_ = 0;
  std::uint64_t ticks_ = 0;
  std::map<std::uint64_t, Held> held_;
};

}  // namespace adversary

#endif

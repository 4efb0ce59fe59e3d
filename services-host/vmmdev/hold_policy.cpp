// SPDX-License-Identifier: MIT
//
// See hold_policy.h.
#include "vmmdev/hold_policy.h"

#include <algorithm>

namespace hgcm::vmmdev {
namespace {

using std::chrono::nanoseconds;

constexpr std::uint8_t kMaxCredit = 8;
constexpr std::uint8_t kUnknownCredit = 4;  // a function that was never seen gets the benefit
constexpr std::uint8_t kHoldCredit = 2;     // at least this much to be held
// A slow completion takes all the credit of a function that has not earned more than average.
constexpr std::uint8_t kSlowCost = 6;

constexpr std::uint32_t kMaxLatency = (1U << 24) - 1;
constexpr nanoseconds kUnit{250};
// Scheduling noise that must not turn a fast function into a slow one.
constexpr std::chrono::microseconds kSlack{40};

constexpr std::uint32_t mix(std::uint32_t value) noexcept {
  value = (value ^ (value >> 16)) * 0x7feb352dU;
  value = (value ^ (value >> 15)) * 0x846ca68bU;
  return value ^ (value >> 16);
}

}  // namespace

HoldPolicy::HoldPolicy(nanoseconds max_hold) noexcept
    : max_hold_(std::max(max_hold, nanoseconds::zero())) {}

std::uint32_t HoldPolicy::service_hash(std::string_view name) noexcept {
  std::uint32_t hash = 0;
  for (const char c : name) hash = mix(hash ^ static_cast<unsigned char>(c)) + 1;
  return hash;
}

HoldPolicy::Key HoldPolicy::key(std::uint32_t service_hash, std::uint32_t function) noexcept {
  return std::max(mix(service_hash + mix(function)), Key{1});  // 0 marks a slot that is free
}

HoldPolicy::Slot HoldPolicy::unpack(std::uint64_t word) noexcept {
  return {.key = static_cast<Key>(word >> 32),
          .credit = static_cast<std::uint8_t>(word >> 24 & 0xff),
          .latency = static_cast<std::uint32_t>(word & kMaxLatency)};
}

std::uint64_t HoldPolicy::pack(const Slot& slot) noexcept {
  return std::uint64_t{slot.key} << 32 | std::uint64_t{slot.credit} << 24 |
         std::min(slot.latency, kMaxLatency);
}

HoldPolicy::Slot HoldPolicy::load(Key key) const noexcept {
  const Slot slot = unpack(slots_[key % kSlots].load(std::memory_order_relaxed));
  if (slot.key == key) return slot;
  return {.key = key,
          .credit = kUnknownCredit,
          .latency = static_cast<std::uint32_t>(
              std::min<std::int64_t>(max_hold_ / kUnit / 2, kMaxLatency))};
}

void HoldPolicy::store(const Slot& slot) noexcept {
  slots_[slot.key % kSlots].store(pack(slot), std::memory_order_relaxed);
}

nanoseconds HoldPolicy::bound(Key key) const noexcept {
  const Slot slot = load(key);
  if (slot.credit < kHoldCredit) return nanoseconds::zero();
  return std::min<nanoseconds>(max_hold_, 2 * slot.latency * kUnit + kSlack);
}

void HoldPolicy::completed(Key key, nanoseconds latency) noexcept {
  if (latency > max_hold_) {
    timed_out(key);
    return;
  }
  Slot slot = load(key);
  const auto sample = static_cast<std::uint32_t>(latency / kUnit);
  slot.latency = static_cast<std::uint32_t>((std::uint64_t{slot.latency} * 7 + sample) / 8);
  slot.credit = static_cast<std::uint8_t>(std::min<int>(slot.credit + 1, kMaxCredit));
  store(slot);
}

void HoldPolicy::timed_out(Key key) noexcept {
  Slot slot = load(key);
  slot.credit = static_cast<std::uint8_t>(std::max(slot.credit - kSlowCost, 0));
  store(slot);
}

}  // namespace hgcm::vmmdev

// SPDX-License-Identifier: MIT
//
// See liar.h.
#include "liar.h"

#include "vmmdev/wire.h"
#include "vmmdevd/backend.h"

#include <openhgcm/vmmdev_ext.h>

#include <algorithm>
#include <atomic>
#include <cstring>

namespace adversary {
namespace {

namespace wire = hgcm::vmmdev::wire;
using hgcm::vmmdevd::kMemoryBar;
using hgcm::vmmdevd::kPortBar;
using hgcm::vmmdevd::kRequestBar;

constexpr std::uint32_t kAccepted = 2903;
constexpr std::uint32_t kFlags = 24;
constexpr std::uint32_t kResult = 28;
constexpr std::uint32_t kHgcmHeader = 32;
constexpr std::uint32_t kDone = 1;
constexpr std::uint32_t kHgcmEvent = 0x002;
constexpr std::uint32_t kAllEvents = 0x7ff;
constexpr std::uint32_t kNotFound = static_cast<std::uint32_t>(-78);
constexpr std::uint32_t kLargestRequest = 1U << 20U;

bool is_call(std::uint32_t type) {
  return type >= wire::kHgcmConnect && type <= wire::kHgcmCall64;
}

/// A guest must believe this much of a device to use it at all.
bool is_greeting(std::uint32_t type) {
  return type == wire::kGetHostVersion || type == wire::kReportGuestInfo ||
         type == wire::kReportGuestInfo2;
}

std::uint64_t value_of(std::span<const std::byte> bytes) {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data(), std::min(bytes.size(), sizeof value));
  return value;
}

void fill(std::span<std::byte> bytes, std::uint64_t value) {
  std::fill(bytes.begin(), bytes.end(), std::byte{0xff});
  std::memcpy(bytes.data(), &value, std::min(bytes.size(), sizeof value));
}

}  // namespace

std::uint64_t Dice::roll() {
  state_ += 0x9e3779b97f4a7c15ULL;
  std::uint64_t mixed = state_;
  mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebULL;
  return mixed ^ (mixed >> 31U);
}

std::uint32_t Dice::nasty() {
  const auto any = static_cast<std::uint32_t>(roll());
  switch (below(5)) {
    case 0:
      return any % 16;
    case 1:
      return UINT32_MAX - any % 16;
    case 2:
      return (1U << (any % 32)) - 1 + static_cast<std::uint32_t>(below(3));
    case 3:
      return 0x80000000U + any % 8;
    default:
      return any;
  }
}

Dice Liar::dice_for(std::uint64_t what) noexcept {
  Dice dice(seed_ ^ (what * 0xd6e8feb86659fd93ULL));
  dice.roll();
  return dice;
}

void Liar::set_status(std::uint64_t address, std::uint32_t status) noexcept {
  static_cast<void>(server_.guest_memory().store_release(address + wire::header::kStatus, status));
}

/// Overwrites some of the 32-bit words of a request, from offset `from` on.
void Liar::tamper(std::uint64_t address, std::uint32_t size, std::uint32_t from,
                  Dice& dice) noexcept {
  if (size < from + 4) {
    return;
  }
  const std::uint64_t words = 1 + dice.below(4);
  for (std::uint64_t i = 0; i < words; i++) {
    // The front, where sizes, counts and types are, more often than the rest.
    const std::uint32_t span = dice.chance(70) ? std::min(size - from, 96U) : size - from;
    const auto offset = static_cast<std::uint32_t>(from + dice.below(span / 4) * 4);
    const std::uint32_t value = dice.nasty();
    static_cast<void>(
        server_.guest_memory().write(address + offset, std::as_bytes(std::span(&value, 1))));
  }
  lies_.tampered++;
}

void Liar::raise(std::uint32_t events) noexcept {
  const std::span<std::byte> memory = server_.bar_memory(kMemoryBar);
  auto* word =
      reinterpret_cast<std::uint32_t*>(memory.data() + VMMDEV_EXT_OFFSET + VMMDEV_EXT_OFF_EVENTS);
  std::atomic_ref<std::uint32_t>(*word).fetch_or(events);
  std::atomic_ref<std::byte>(memory[wire::memory::kHaveEvents]).store(std::byte{1});
  static_cast<void>(server_.interrupt_line().send_message());
  device_.signal_events(events);
  lies_.interrupts++;
}

/// Ends a call that the model never saw. The block is the guest's again afterwards.
void Liar::complete(std::uint64_t address, std::uint32_t size, Dice& dice) noexcept {
  if (dice.chance(80)) {
    tamper(address, size, kHgcmHeader, dice);
  }
  const std::uint32_t result = dice.chance(50) ? 0 : dice.nasty();
  hgcm::vmmdev::GuestMemory& memory = server_.guest_memory();
  static_cast<void>(memory.write(address + kResult, std::as_bytes(std::span(&result, 1))));
  static_cast<void>(memory.store_release(address + kFlags, kDone | (dice.nasty() & ~kDone)));
}

void Liar::lie_about_call(std::uint64_t address, std::uint32_t size, Dice& dice) noexcept {
  switch (dice.below(4)) {
    case 0:  // done before anybody has seen it
      set_status(address, kAccepted);
      complete(address, size, dice);
      lies_.early++;
      return;
    case 1:  // never, until it is cancelled
      set_status(address, kAccepted);
      held_[address] = {.size = size, .due = {}, .never = true};
      lies_.never++;
      return;
    case 2:  // accepted with a status that means nothing
      set_status(address, dice.nasty() & 0x7fffffffU);
      held_[address] = {
          .size = size,
          .due = std::chrono::steady_clock::now() + std::chrono::milliseconds(dice.below(30)),
          .never = false};
      lies_.late++;
      return;
    default:
      set_status(address, kAccepted);
      held_[address] = {
          .size = size,
          .due = std::chrono::steady_clock::now() + std::chrono::milliseconds(dice.below(300)),
          .never = false};
      lies_.late++;
  }
}

/// A request to forget one that the model never saw.
void Liar::cancel(std::uint64_t address, std::uint32_t size, Dice& dice) noexcept {
  std::uint64_t target = 0;
  const std::size_t width = size >= 32 ? 8 : 4;
  std::vector<std::byte> bytes(width);
  if (!server_.guest_memory().read(address + wire::header::kBytes, bytes)) {
    return;
  }
  std::memcpy(&target, bytes.data(), width);
  lies_.cancels++;
  const auto found = held_.find(target);
  if (found == held_.end()) {
    set_status(address, kNotFound);
    return;
  }
  if (dice.chance(85)) {
    held_.erase(found);
    set_status(address, 0);
  } else if (dice.chance(50)) {
    // Refuses, and completes it after all.
    found->second.never = false;
    found->second.due = std::chrono::steady_clock::now();
    set_status(address, kNotFound);
  } else {
    // Refuses, and keeps it for good.
    set_status(address, 0x80000000U | dice.nasty());
  }
}

void Liar::pass(std::uint64_t address) noexcept {
  device_.request_bar_write(wire::kRequestRegister, 8, address);
  lies_.passed++;
}

void Liar::submit(std::uint64_t address) noexcept {
  std::uint32_t head[6];
  lies_.requests++;
  // No request, but a call to look at the ring.
  if (address == 0) {
    device_.request_bar_write(wire::kRequestRegister, 8, 0);
    return;
  }
  if (!server_.guest_memory().read(address, std::as_writable_bytes(std::span(head)))) {
    return;
  }
  const std::uint32_t size = head[0];
  const std::uint32_t type = head[2];
  Dice dice = dice_for(++accesses_);
  const bool sane = size >= wire::header::kBytes && size <= kLargestRequest;

  if (type == wire::kHgcmCancel2 && sane && !held_.empty()) {
    // Of calls in the model's hands it knows; of the liar's own it does not.
    std::uint64_t target = 0;
    static_cast<void>(server_.guest_memory().read(
        address + wire::header::kBytes,
        std::as_writable_bytes(std::span(&target, 1)).first(size >= 32 ? 8 : 4)));
    if (held_.contains(target)) {
      cancel(address, size, dice);
      return;
    }
  }
  since_reset_++;
  if (!sane || since_reset_ <= honest_ || !dice.chance(percent_) || held_.contains(address) ||
      (is_greeting(type) && dice.chance(80))) {
    pass(address);
    return;
  }
  switch (dice.below(is_call(type) ? 8 : 4)) {
    case 0:
      set_status(address, 0x80000000U | dice.nasty());
      lies_.refused++;
      break;
    case 1:
      if (dice.chance(10)) {
        lies_.ignored++;
        break;
      }
      [[fallthrough]];
    case 2:
    case 3:
      pass(address);
      // Of a call that is still under way the block is the model's; of all others it is ours until
      // this access returns.
      if (is_call(type)) {
        std::uint32_t flags = 0;
        if (!server_.guest_memory().read(address + kFlags,
                                         std::as_writable_bytes(std::span(&flags, 1))) ||
            (flags & kDone) == 0) {
          break;
        }
        tamper(address, size, kResult, dice);
      } else {
        tamper(address, size, dice.chance(20) ? 0 : wire::header::kBytes, dice);
      }
      break;
    default:
      lie_about_call(address, size, dice);
  }
}

void Liar::bar_write(unsigned bar, std::uint64_t offset, std::span<const std::byte> in) noexcept {
  const std::lock_guard lock(mutex_);
  if ((bar == kPortBar && in.size() == 4) || (bar == kRequestBar && in.size() >= 4)) {
    if (offset == wire::kRequestRegister || offset == wire::kFastRegister) {
      submit(value_of(in));
    }
  } else if (bar == kMemoryBar) {
    device_.memory_write(offset, in);
  }
}

void Liar::bar_read(unsigned bar, std::uint64_t offset, std::span<std::byte> out) noexcept {
  const std::lock_guard lock(mutex_);
  const auto width = static_cast<unsigned>(out.size());
  std::fill(out.begin(), out.end(), std::byte{0xff});
  if (bar == kMemoryBar) {
    device_.memory_read(offset, out);
    return;
  }
  std::uint64_t value = 0;
  if (bar == kPortBar) {
    value = device_.port_read(offset, width);
  } else if (bar == kRequestBar && (width == 4 || width == 8)) {
    value = device_.request_bar_read(offset, width);
  }
  Dice dice = dice_for(++accesses_);
  if (since_reset_ > honest_ && dice.chance(20)) {
    value = dice.chance(50) ? dice.nasty() : value | (dice.roll() & kAllEvents);
  }
  fill(out, value);
}

void Liar::forget() noexcept {
  held_.clear();
  since_reset_ = 0;
}

void Liar::attach() noexcept {
  device_.reset();
  const std::lock_guard lock(mutex_);
  forget();
  attached_ = true;
}

void Liar::reset() noexcept {
  {
    const std::lock_guard lock(mutex_);
    forget();
  }
  device_.reset();
}

void Liar::detach() noexcept {
  {
    const std::lock_guard lock(mutex_);
    attached_ = false;
    forget();
  }
  device_.detach();
}

void Liar::tick() noexcept {
  const std::lock_guard lock(mutex_);
  if (!attached_) {
    return;
  }
  Dice dice = dice_for(~++ticks_);
  const auto now = std::chrono::steady_clock::now();
  for (auto held = held_.begin(); held != held_.end();) {
    if (held->second.never || held->second.due > now) {
      ++held;
      continue;
    }
    const auto [address, what] = *held;
    held = held_.erase(held);
    complete(address, what.size, dice);
    // Some completions are announced, some are not, and some calls of others get the announcement.
    if (dice.chance(80)) {
      raise(kHgcmEvent);
    }
  }
  if (since_reset_ <= honest_) {
    return;
  }
  // Fields of the submission ring that are the device's: it looks, or does not; it is elsewhere.
  if (dice.chance(10)) {
    const std::size_t field =
        dice.chance(50) ? VMMDEV_EXT_OFF_RING_POLLING : VMMDEV_EXT_OFF_RING_TAIL;
    auto* word = reinterpret_cast<std::uint32_t*>(server_.bar_memory(kMemoryBar).data() +
                                                  VMMDEV_EXT_OFFSET + field);
    std::atomic_ref<std::uint32_t>(*word).store(dice.nasty());
  }
  // A storm now and then, single events often.
  const std::uint64_t count = dice.chance(2) ? 200 : dice.chance(30) ? 1 : 0;
  for (std::uint64_t i = 0; i < count; i++) {
    raise(static_cast<std::uint32_t>(dice.chance(90) ? dice.roll() & kAllEvents : dice.roll()));
  }
}

}  // namespace adversary

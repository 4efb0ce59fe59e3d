// SPDX-License-Identifier: MIT
//
// The INTx and MSI state machine. See interrupts.h for the rule.
#include "vfio-user/interrupts.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <string_view>
#include <utility>

namespace hgcm::vfio_user {

namespace {

constexpr int kMaxDelayFactor = 64;

void write_eventfd(const UniqueFd& fd) noexcept {
  const std::uint64_t one = 1;
  // Fails only when the counter is full, and then the reader has a wake-up coming.
  [[maybe_unused]] const ssize_t written = ::write(fd.get(), &one, sizeof one);
}

}  // namespace

Interrupts::Interrupts(std::chrono::microseconds recheck) noexcept
    : first_delay_(recheck), delay_(first_delay_) {}

int Interrupts::prepare_eventfd(const UniqueFd& fd) noexcept {
  std::array<char, 32> link{};
  std::snprintf(link.data(), link.size(), "/proc/self/fd/%d", fd.get());
  std::array<char, 64> target{};
  const ssize_t length = ::readlink(link.data(), target.data(), target.size());
  if (length < 0) return errno;
  if (std::string_view(target.data(), static_cast<std::size_t>(length)) != "anon_inode:[eventfd]") {
    return EINVAL;
  }
  const int flags = ::fcntl(fd.get(), F_GETFL);
  if (flags < 0) return errno;
  return ::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) == 0 ? 0 : errno;
}

bool Interrupts::intx_ready() const noexcept {
  return intx_trigger_ && !masked_ && !intx_disabled_ && !msi_active();
}

void Interrupts::signal_intx() noexcept {
  accessed_.store(false, std::memory_order_relaxed);
  write_eventfd(intx_trigger_);
  masked_ = true;
  unseen_ = false;
  deadline_.reset();
  ++counters_.intx_signalled;
}

void Interrupts::signal_msi() noexcept {
  write_eventfd(msi_trigger_);
  ++counters_.msi_signalled;
}

void Interrupts::end_recheck() noexcept {
  deadline_.reset();
  delay_ = first_delay_;
}

void Interrupts::set_level(bool asserted) noexcept {
  const std::lock_guard lock(mutex_);
  if (asserted == level_) return;
  level_ = asserted;
  unseen_ = asserted;
  end_recheck();
  if (!asserted) return;
  if (msi_active()) {
    signal_msi();
  } else if (intx_ready()) {
    signal_intx();
  }
}

bool Interrupts::send_message() noexcept {
  const std::lock_guard lock(mutex_);
  if (!msi_active()) return false;
  signal_msi();
  return true;
}

void Interrupts::set_intx_trigger(UniqueFd fd) noexcept {
  const std::lock_guard lock(mutex_);
  intx_trigger_ = std::move(fd);
  intx_unmask_.reset();
  masked_ = false;
  end_recheck();
  if (level_ && intx_ready()) signal_intx();
}

void Interrupts::set_intx_unmask(UniqueFd fd) noexcept {
  const std::lock_guard lock(mutex_);
  intx_unmask_ = std::move(fd);
}

void Interrupts::set_msi_trigger(UniqueFd fd) noexcept {
  const std::lock_guard lock(mutex_);
  const bool was_active = msi_active();
  const bool was_ready = intx_ready();
  msi_trigger_ = std::move(fd);
  on_route_change(was_active, was_ready);
}

void Interrupts::on_route_change(bool msi_was_active, bool intx_was_ready) noexcept {
  // An edge from before the new way was open would be lost otherwise.
  if (!level_) return;
  if (!msi_was_active && msi_active()) {
    signal_msi();
  } else if (!intx_was_ready && intx_ready()) {
    signal_intx();
  }
}

void Interrupts::mask_intx() noexcept {
  const std::lock_guard lock(mutex_);
  masked_ = true;
  end_recheck();
}

void Interrupts::unmask_locked(Clock::time_point now) noexcept {
  ++counters_.intx_unmasked;
  masked_ = false;
  if (!level_ || !intx_ready()) return;
  if (unseen_ || !accessed_.load(std::memory_order_relaxed)) {
    signal_intx();
  } else if (!deadline_) {
    deadline_ = now + delay_;
    delay_ = std::min<std::chrono::nanoseconds>(delay_ * 2, first_delay_ * kMaxDelayFactor);
  }
}

void Interrupts::unmask_intx(Clock::time_point now) noexcept {
  const std::lock_guard lock(mutex_);
  unmask_locked(now);
}

void Interrupts::on_intx_unmask_fd(Clock::time_point now) noexcept {
  const std::lock_guard lock(mutex_);
  std::uint64_t count = 0;
  if (intx_unmask_ && ::read(intx_unmask_.get(), &count, sizeof count) == sizeof count) {
    unmask_locked(now);
  }
}

bool Interrupts::loopback_intx() noexcept {
  const std::lock_guard lock(mutex_);
  if (!intx_trigger_) return false;
  signal_intx();
  return true;
}

bool Interrupts::loopback_msi() noexcept {
  const std::lock_guard lock(mutex_);
  if (!msi_trigger_) return false;
  signal_msi();
  return true;
}

void Interrupts::set_controls(bool intx_disabled, bool msi_enabled) noexcept {
  const std::lock_guard lock(mutex_);
  const bool was_active = msi_active();
  const bool was_ready = intx_ready();
  intx_disabled_ = intx_disabled;
  msi_enabled_ = msi_enabled;
  on_route_change(was_active, was_ready);
}

bool Interrupts::intx_asserted() const noexcept {
  const std::lock_guard lock(mutex_);
  return level_ && !msi_active();
}

int Interrupts::intx_unmask_fd() const noexcept {
  const std::lock_guard lock(mutex_);
  return intx_unmask_.get();
}

std::optional<Interrupts::Clock::time_point> Interrupts::deadline() const noexcept {
  const std::lock_guard lock(mutex_);
  return deadline_;
}

void Interrupts::run_timer(Clock::time_point now) noexcept {
  const std::lock_guard lock(mutex_);
  if (!deadline_ || now < *deadline_) return;
  deadline_.reset();
  if (level_ && intx_ready()) {
    signal_intx();
    ++counters_.intx_resignalled;
  }
}

void Interrupts::clear() noexcept {
  const std::lock_guard lock(mutex_);
  intx_trigger_.reset();
  intx_unmask_.reset();
  msi_trigger_.reset();
  masked_ = false;
  intx_disabled_ = false;
  msi_enabled_ = false;
  unseen_ = level_;
  end_recheck();
}

Interrupts::Counters Interrupts::counters() const noexcept {
  const std::lock_guard lock(mutex_);
  return counters_;
}

}  // namespace hgcm::vfio_user

// SPDX-License-Identifier: MIT
//
// See shared_stream.h.
#include "sandbox/shared_stream.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <ctime>
#include <new>

namespace hgcm::sandbox {
namespace {

using Clock = std::chrono::steady_clock;
using vfio_user::FileMapping;
using vfio_user::UniqueFd;

/// With processors to spare, looking for so long is cheaper than going to sleep and being woken.
constexpr std::chrono::microseconds kLook{10};
/// This side, the other one, the guest and who waits for its call.
constexpr int kProcessorsToSpare = 4;

bool processors_to_spare() noexcept {
  static const bool spare = [] {
    cpu_set_t set;
    return ::sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) >= kProcessorsToSpare;
  }();
  return spare;
}

void futex_wake(std::atomic<std::uint32_t>& word) noexcept {
  ::syscall(SYS_futex, &word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t value,
                Clock::time_point until) noexcept {
  if (until == Clock::time_point::max()) {
    ::syscall(SYS_futex, &word, FUTEX_WAIT, value, nullptr, nullptr, 0);
    return;
  }
  const auto left = std::max<std::chrono::nanoseconds>(until - Clock::now(), {});
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
  const timespec time{.tv_sec = seconds.count(), .tv_nsec = (left - seconds).count()};
  ::syscall(SYS_futex, &word, FUTEX_WAIT, value, &time, nullptr, 0);
}

}  // namespace

UniqueFd SharedStream::make_memory() {
  UniqueFd memory(::memfd_create("sandbox-stream", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  // Whoever could shorten it would end the other side by a signal.
  if (!memory || ::ftruncate(memory.get(), static_cast<off_t>(kBytes)) != 0 ||
      ::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return {};
  }
  return memory;
}

std::unique_ptr<SharedStream> SharedStream::open(int memory, Side side) {
  int error = 0;
  auto mapping = FileMapping::create(memory, 0, kBytes, true, error);
  if (mapping == nullptr) return nullptr;
  return std::unique_ptr<SharedStream>(new SharedStream(std::move(mapping), side));
}

SharedStream::SharedStream(std::shared_ptr<FileMapping> mapping, Side side)
    : mapping_(std::move(mapping)),
      // All zero is a stream that nothing has come through.
      out_(reinterpret_cast<Shared*>(mapping_->bytes().data())[side == Side::kOther]),
      in_(reinterpret_cast<Shared*>(mapping_->bytes().data())[side == Side::kMaker]),
      out_bytes_(mapping_->bytes().subspan(kHeaderBytes + (side == Side::kOther ? kCapacity : 0),
                                           kCapacity)),
      in_bytes_(mapping_->bytes().subspan(kHeaderBytes + (side == Side::kMaker ? kCapacity : 0),
                                          kCapacity)) {
  static_assert(2 * sizeof(Shared) <= kHeaderBytes);
}

void SharedStream::wake(Sleeper& who) noexcept {
  // With the position that was just stored: either it is seen before the other side sleeps, or its
  // going to sleep is seen here.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (who.asleep.load(std::memory_order_relaxed) == 0 || who.asleep.exchange(0) == 0) return;
  who.bell.fetch_add(1);
  futex_wake(who.bell);
  wakes_.fetch_add(1, std::memory_order_relaxed);
}

template <typename Ready>
bool SharedStream::sleep(Sleeper& self, Ready ready, Clock::time_point until) {
  if (processors_to_spare()) {
    const auto end = Clock::now() + kLook;
    do {
      for (int i = 0; i < 32; ++i) {
        if (ready() || closed_.load()) return true;
        __builtin_ia32_pause();
      }
    } while (Clock::now() < end);
  }
  const std::uint32_t bell = self.bell.load();
  self.asleep.store(1);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (!ready() && !closed_.load()) {
    sleeps_.fetch_add(1, std::memory_order_relaxed);
    futex_wait(self.bell, bell, until);
  }
  self.asleep.store(0, std::memory_order_relaxed);
  return until == Clock::time_point::max() || Clock::now() < until;
}

void SharedStream::put(std::span<const std::byte> bytes, std::uint32_t at) noexcept {
  const std::size_t from = at % kCapacity;
  const std::size_t first = std::min<std::size_t>(bytes.size(), kCapacity - from);
  std::memcpy(out_bytes_.data() + from, bytes.data(), first);
  if (first < bytes.size()) {
    std::memcpy(out_bytes_.data(), bytes.data() + first, bytes.size() - first);
  }
}

bool SharedStream::write(std::initializer_list<std::span<const std::byte>> parts,
                         std::chrono::milliseconds patience) {
  std::size_t left = 0;
  for (const auto part : parts) left += part.size();
  const auto until = patience.count() == 0 ? Clock::time_point::max() : Clock::now() + patience;
  // Together as soon as there is room for all, or for half of what there may be.
  const auto wanted = static_cast<std::uint32_t>(std::min<std::size_t>(left, kCapacity / 2));
  std::uint32_t room = 0;
  for (auto part : parts) {
    while (!part.empty()) {
      if (room == 0) {
        const std::uint32_t least = static_cast<std::uint32_t>(std::min<std::size_t>(left, wanted));
        const auto free = [&] { return kCapacity - (head_ - out_.tail.load()); };
        for (room = free(); room < least; room = free()) {
          if (closed_.load() || !sleep(
                                    out_.writer, [&] { return free() >= least; }, until)) {
            return false;
          }
        }
        // It has taken what was never there.
        if (room > kCapacity) return false;
      }
      const std::size_t now = std::min<std::size_t>(part.size(), room);
      put(part.first(now), head_);
      head_ += static_cast<std::uint32_t>(now);
      part = part.subspan(now);
      left -= now;
      room -= static_cast<std::uint32_t>(now);
      if (left == 0 || room == 0) {
        out_.head.store(head_, std::memory_order_release);
        wake(out_.reader);
      }
    }
  }
  return true;
}

std::size_t SharedStream::read(std::span<std::byte> into) {
  const auto arrived = [&] { return in_.head.load(std::memory_order_acquire) - tail_; };
  std::uint32_t count = 0;
  while ((count = arrived()) == 0) {
    if (closed_.load()) {
      // What came before that.
      count = arrived();
      break;
    }
    (void)sleep(
        in_.reader, [&] { return arrived() != 0; }, Clock::time_point::max());
  }
  // More than there is room for.
  if (count == 0 || count > kCapacity) return 0;
  const std::size_t size = std::min<std::size_t>(count, into.size());
  const std::size_t from = tail_ % kCapacity;
  const std::size_t first = std::min<std::size_t>(size, kCapacity - from);
  std::memcpy(into.data(), in_bytes_.data() + from, first);
  if (first < size) std::memcpy(into.data() + first, in_bytes_.data(), size - first);
  tail_ += static_cast<std::uint32_t>(size);
  in_.tail.store(tail_, std::memory_order_release);
  wake(in_.writer);
  return size;
}

void SharedStream::close() noexcept {
  closed_.store(true);
  for (Sleeper* const own : {&in_.reader, &out_.writer}) {
    own->bell.fetch_add(1);
    futex_wake(own->bell);
  }
}

}  // namespace hgcm::sandbox

// SPDX-License-Identifier: MIT
//
// See guest_copy.h. Words where the guest side is aligned, bytes at the ends; the private side may
// have any alignment.
#include "vmmdev/guest_copy.h"

#include <atomic>
#include <cstdint>
#include <cstring>

namespace hgcm::vmmdev {
namespace {

using Word = std::uint64_t;

std::size_t bytes_to_alignment(const std::byte* address) noexcept {
  return -reinterpret_cast<std::uintptr_t>(address) % sizeof(Word);
}

// atomic_ref wants an object that is not const, also to load from it.
template <typename T>
T load(const std::byte* address) noexcept {
  auto* object = reinterpret_cast<T*>(const_cast<std::byte*>(address));
  return std::atomic_ref<T>(*object).load(std::memory_order_relaxed);
}

template <typename T>
void store(std::byte* address, T value) noexcept {
  std::atomic_ref<T>(*reinterpret_cast<T*>(address)).store(value, std::memory_order_relaxed);
}

}  // namespace

void copy_from_guest(std::span<std::byte> out, const std::byte* guest) noexcept {
  std::byte* to = out.data();
  std::byte* const end = to + out.size();
  if (out.size() >= sizeof(Word)) {
    for (std::size_t n = bytes_to_alignment(guest); n > 0; --n) *to++ = load<std::byte>(guest++);
    for (; end - to >= std::ptrdiff_t{sizeof(Word)}; to += sizeof(Word), guest += sizeof(Word)) {
      const Word word = load<Word>(guest);
      std::memcpy(to, &word, sizeof word);
    }
  }
  while (to != end) *to++ = load<std::byte>(guest++);
}

void copy_to_guest(std::byte* guest, std::span<const std::byte> in) noexcept {
  const std::byte* from = in.data();
  const std::byte* const end = from + in.size();
  if (in.size() >= sizeof(Word)) {
    for (std::size_t n = bytes_to_alignment(guest); n > 0; --n) store(guest++, *from++);
    for (; end - from >= std::ptrdiff_t{sizeof(Word)};
         from += sizeof(Word), guest += sizeof(Word)) {
      Word word = 0;
      std::memcpy(&word, from, sizeof word);
      store(guest, word);
    }
  }
  while (from != end) store(guest++, *from++);
}

}  // namespace hgcm::vmmdev

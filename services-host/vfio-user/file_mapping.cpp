// SPDX-License-Identifier: MIT
//
// Mappings of foreign files and the SIGBUS handler that guards them. See file_mapping.h.
#include "vfio-user/file_mapping.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <mutex>
#include <new>

namespace hgcm::vfio_user {

namespace {

struct Slot {
  std::atomic<bool> taken{false};
  std::atomic<std::uintptr_t> base{0};
  std::atomic<std::size_t> size{0};  // 0: not in use; stored last and cleared first
  std::atomic<bool> writable{false};
  std::atomic<bool> lost{false};
};

static_assert(std::atomic<std::uintptr_t>::is_always_lock_free, "used in a signal handler");

// Never destroyed: a mapping may outlive the statics of other files.
std::array<Slot, FileMapping::kMaxMappings> slots;
struct sigaction previous_action {};

bool replace_lost_mapping(std::uintptr_t fault) noexcept {
  for (Slot& slot : slots) {
    const std::size_t size = slot.size.load(std::memory_order_acquire);
    const std::uintptr_t base = slot.base.load(std::memory_order_relaxed);
    if (size == 0 || fault < base || fault - base >= size) continue;
    const int protection =
        slot.writable.load(std::memory_order_relaxed) ? PROT_READ | PROT_WRITE : PROT_READ;
    void* const address = reinterpret_cast<void*>(base);  // NOLINT(performance-no-int-to-ptr)
    if (::mmap(address, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED,
               -1, 0) == MAP_FAILED) {
      return false;
    }
    slot.lost.store(true, std::memory_order_release);
    return true;
  }
  return false;
}

void die_on_return() noexcept {
  // The fault happens again, now fatally and with its own core dump.
  struct sigaction fatal {};
  fatal.sa_handler = SIG_DFL;
  ::sigaction(SIGBUS, &fatal, nullptr);
}

void on_sigbus(int signal, siginfo_t* info, void* context) {
  const int saved_errno = errno;
  const bool ours = info->si_code == BUS_ADRERR &&
                    replace_lost_mapping(reinterpret_cast<std::uintptr_t>(info->si_addr));
  errno = saved_errno;
  if (ours) return;
  // A handler that was installed over this one passes on to it, and this one to that.
  static thread_local volatile std::sig_atomic_t passing_on = 0;
  if (passing_on != 0) return die_on_return();
  passing_on = 1;
  if ((previous_action.sa_flags & SA_SIGINFO) != 0) {
    previous_action.sa_sigaction(signal, info, context);
  } else if (previous_action.sa_handler != SIG_DFL && previous_action.sa_handler != SIG_IGN) {
    previous_action.sa_handler(signal);
  } else {
    die_on_return();
  }
  passing_on = 0;
}

/// Puts the handler in place, again if someone has replaced it since.
void install_handler() noexcept {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  struct sigaction now {};
  ::sigaction(SIGBUS, nullptr, &now);
  if ((now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == on_sigbus) return;
  previous_action = now;
  struct sigaction action {};
  action.sa_sigaction = on_sigbus;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(SIGBUS, &action, nullptr);
}

std::size_t take_slot() noexcept {
  for (std::size_t i = 0; i < slots.size(); ++i) {
    bool expected = false;
    if (slots.at(i).taken.compare_exchange_strong(expected, true)) return i;
  }
  return slots.size();
}

int check_file(int fd, std::uint64_t offset, std::uint64_t size) noexcept {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return errno;
  if (!S_ISREG(info.st_mode)) return EINVAL;
  const auto file_size = static_cast<std::uint64_t>(info.st_size);
  return offset <= file_size && size <= file_size - offset ? 0 : EFBIG;
}

}  // namespace

std::shared_ptr<FileMapping> FileMapping::create(int fd, std::uint64_t offset, std::uint64_t size,
                                                 bool writable, int& error) noexcept {
  error = check_file(fd, offset, size);
  if (error != 0) return nullptr;
  install_handler();

  std::shared_ptr<FileMapping> mapping;
  try {
    mapping = std::shared_ptr<FileMapping>(new FileMapping);
  } catch (const std::bad_alloc&) {
    error = ENOMEM;
    return nullptr;
  }
  mapping->fd_.reset(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!mapping->fd_) {
    error = errno;
    return nullptr;
  }
  mapping->file_offset_ = offset;
  mapping->slot_ = take_slot();
  if (mapping->slot_ == kMaxMappings) {
    error = ENOSPC;
    return nullptr;
  }
  const int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  void* const base =
      ::mmap(nullptr, size, protection, MAP_SHARED | MAP_NORESERVE, fd, static_cast<off_t>(offset));
  if (base == MAP_FAILED) {
    error = errno;
    return nullptr;
  }
  // A core dump of this process is no place for the guest's memory.
  ::madvise(base, size, MADV_DONTDUMP);
  mapping->bytes_ = {static_cast<std::byte*>(base), size};
  mapping->writable_ = writable;
  Slot& slot = slots.at(mapping->slot_);
  slot.base.store(reinterpret_cast<std::uintptr_t>(base), std::memory_order_relaxed);
  slot.writable.store(writable, std::memory_order_relaxed);
  slot.lost.store(false, std::memory_order_relaxed);
  slot.size.store(size, std::memory_order_release);
  return mapping;
}

FileMapping::~FileMapping() {
  if (slot_ == kMaxMappings) return;
  Slot& slot = slots.at(slot_);
  slot.size.store(0, std::memory_order_release);
  if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
  slot.taken.store(false, std::memory_order_release);
}

bool FileMapping::lost() const noexcept {
  return slots.at(slot_).lost.load(std::memory_order_acquire);
}

}  // namespace hgcm::vfio_user

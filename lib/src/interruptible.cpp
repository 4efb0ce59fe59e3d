// SPDX-License-Identifier: MIT
//
// See interruptible.h. The signal is real-time and directed at one thread; its handler does nothing
// unless that thread is inside run_interruptible() and the signal carries the number of this very
// call, so a signal of the same number sent by anybody else is ignored.
#include "src/interruptible.h"

#include <hgcm/device.h>
#include <poll.h>
#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <mutex>

namespace hgcm::detail {
namespace {

struct Scope {
  volatile std::uint32_t* timeout;
  void* token;
  volatile std::sig_atomic_t delivered;
};

// Initial-exec: the handler must not be the first to touch it and allocate.
[[gnu::tls_model("initial-exec")]] constinit thread_local Scope* volatile current = nullptr;

void on_signal(int /*number*/, siginfo_t* info, void* /*context*/) {
  Scope* const scope = current;
  if (scope == nullptr || info->si_code != SI_QUEUE || info->si_value.sival_ptr != scope->token) {
    return;
  }
  *scope->timeout = 0;
  scope->delivered = 1;
}

std::mutex signal_mutex;
int signal_number = 0;  // guarded by signal_mutex

bool is_free(int number) noexcept {
  struct sigaction present {};
  return sigaction(number, nullptr, &present) == 0 && (present.sa_flags & SA_SIGINFO) == 0 &&
         present.sa_handler == SIG_DFL;
}

bool take(int number) noexcept {
  struct sigaction action {};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  return sigaction(number, &action, nullptr) == 0;
}

/// The signal, with our handler installed; 0 when all real-time signals are taken.
int ensure_signal() noexcept {
  static std::atomic<int> ready{0};
  if (const int number = ready.load(std::memory_order_acquire); number != 0) {
    return number;
  }
  const std::lock_guard lock(signal_mutex);
  for (int number = SIGRTMAX; signal_number == 0 && number >= SIGRTMIN; --number) {
    if (is_free(number) && take(number)) {
      signal_number = number;
    }
  }
  ready.store(signal_number, std::memory_order_release);
  return signal_number;
}

/// Queues the signal. The only reason to fail for long is a full queue of this user's signals; then
/// it keeps trying until the call has ended by itself.
bool send(pthread_t thread, int number, void* token, const std::atomic<bool>& finished) noexcept {
  const sigval value{.sival_ptr = token};
  while (pthread_sigqueue(thread, number, value) != 0) {
    if (finished.load(std::memory_order_acquire)) {
      return false;
    }
    ::poll(nullptr, 0, 1);
  }
  return true;
}

}  // namespace

int run_interruptible(volatile std::uint32_t* timeout, const std::stop_token& stop,
                      int (*call)(void*), void* context) noexcept {
  if (!stop.stop_possible()) {
    return call(context);
  }
  if (stop.stop_requested()) {
    return -ECANCELED;
  }
  const int number = ensure_signal();
  if (number == 0) {
    return -EBUSY;
  }

  static std::atomic<std::uintptr_t> last_token{0};
  Scope scope{timeout, nullptr, 0};
  // Not an address, just a number that is carried as one.
  scope.token = reinterpret_cast<void*>(last_token.fetch_add(1, std::memory_order_relaxed) + 1);

  sigset_t ours;
  sigset_t previous;
  sigemptyset(&ours);
  sigaddset(&ours, number);
  pthread_sigmask(SIG_UNBLOCK, &ours, &previous);
  current = &scope;

  const pthread_t self = pthread_self();
  std::atomic<bool> finished{false};
  std::atomic<bool> sent{false};
  int result = 0;
  {
    const std::stop_callback interrupt(
        stop, [&] { sent.store(send(self, number, scope.token, finished)); });
    result = call(context);
    finished.store(true, std::memory_order_release);
  }
  // The callback has ended or will never run. What it sent is queued for this thread, and is taken
  // at the latest when the next system call returns.
  while (sent.load() && scope.delivered == 0) {
    ::poll(nullptr, 0, 0);
  }

  current = nullptr;
  pthread_sigmask(SIG_SETMASK, &previous, nullptr);
  return result;
}

}  // namespace hgcm::detail

namespace hgcm {

Status set_interrupt_signal(int signal_number) noexcept {
  if (signal_number < SIGRTMIN || signal_number > SIGRTMAX) {
    return HGCM_ERR_INVALID_PARAMETER;
  }
  const std::lock_guard lock(detail::signal_mutex);
  if (detail::signal_number != 0) {
    return HGCM_ERR_WRONG_ORDER;
  }
  if (!detail::is_free(signal_number) || !detail::take(signal_number)) {
    return HGCM_ERR_RESOURCE_BUSY;
  }
  detail::signal_number = signal_number;
  return HGCM_INF_SUCCESS;
}

}  // namespace hgcm

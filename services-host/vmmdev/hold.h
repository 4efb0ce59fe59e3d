// SPDX-License-Identifier: MIT
//
// Hold: the meeting of the thread that submits an HGCM command and waits a bounded time for it, and
// the thread that completes it. Exactly one of two things happens: the submitter sees the command
// done (nobody needs to be told), or the completer learns that the submitter has gone and an event
// is due.
#ifndef HGCM_VMMDEV_HOLD_H
#define HGCM_VMMDEV_HOLD_H

#include <atomic>
#include <chrono>
#include <cstdint>

namespace hgcm::vmmdev {

class Hold {
 public:
  /// Submitter, once: waits up to `bound` (0: only looks). True: finish() has been called and
  /// returned, or will return, true.
  bool wait(std::chrono::nanoseconds bound) noexcept;

  /// Completer, once, after the guest can see the result. True: the submitter sees it in time;
  /// false: raise an event.
  bool finish() noexcept;

  /// Ends the wait early: nothing will be written for this command (it was cancelled).
  void abandon() noexcept;

 private:
  enum State : std::uint32_t { kWaiting, kSleeping, kGone, kFinished };

  std::atomic<std::uint32_t> state_{kWaiting};
};

}  // namespace hgcm::vmmdev

#endif

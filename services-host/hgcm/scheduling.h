// SPDX-License-Identifier: MIT
//
// What the kernel's scheduler is told about threads that stand between a guest's processor and its
// answer: each works for some microseconds, while the processor it works for may be a thread that
// never waits (an emulated one).
#ifndef HGCM_HOST_SCHEDULING_H
#define HGCM_HOST_SCHEDULING_H

#include <chrono>

namespace hgcm::host {

/// What take_short_turns() asks for; the least that Linux grants.
constexpr std::chrono::microseconds kShortTurn{100};

/// Asks for short turns for the calling thread, and so for all threads and processes it starts from
/// then on. It is not given more of a processor, but in smaller pieces, and therefore, when it
/// wakes, before a thread that is amid a long one. From Linux 6.12 on; earlier kernels make no
/// difference between threads in this. A policy other than the usual one, and turns that are as
/// short already, are left alone.
void take_short_turns() noexcept;

/// Moves the calling thread to another one of the processors that it may use; which they are stays
/// the same. False: there is no other.
bool step_aside() noexcept;

}  // namespace hgcm::host

#endif

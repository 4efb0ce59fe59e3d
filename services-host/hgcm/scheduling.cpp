// SPDX-License-Identifier: MIT
//
// See scheduling.h.
#include "hgcm/scheduling.h"

#include "hgcm/sched_attributes.h"

#include <sched.h>

#include <cstdint>

namespace hgcm::host {

void take_short_turns() noexcept {
  constexpr std::uint64_t kWanted = std::chrono::nanoseconds(kShortTurn).count();
  // The niceness is set with the rest: it must be what it was.
  SchedAttributes attributes;
  if (!get_attributes(0, attributes)) return;
  if (attributes.policy != SCHED_OTHER && attributes.policy != SCHED_BATCH) return;
  if (attributes.runtime != 0 && attributes.runtime <= kWanted) return;
  attributes.runtime = kWanted;
  static_cast<void>(set_attributes(0, attributes));
}

bool step_aside() noexcept {
  cpu_set_t allowed;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return false;
  cpu_set_t others = allowed;
  CPU_CLR(static_cast<unsigned>(::sched_getcpu()), &others);
  if (CPU_COUNT(&others) == 0 || ::sched_setaffinity(0, sizeof others, &others) != 0) return false;
  static_cast<void>(::sched_setaffinity(0, sizeof allowed, &allowed));
  return true;
}

}  // namespace hgcm::host

// SPDX-License-Identifier: MIT
//
// sched_getattr(2) and sched_setattr(2), which the C library got late (glibc 2.41), and whose
// structure in the kernel's header cannot be had beside <sched.h> before.
#ifndef HGCM_HOST_SCHED_ATTRIBUTES_H
#define HGCM_HOST_SCHED_ATTRIBUTES_H

#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <cstdint>

namespace hgcm::host {

/// The kernel's, in its first version.
struct SchedAttributes {
  std::uint32_t size = 48;  ///< bytes of this structure
  std::uint32_t policy = 0;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime = 0;  ///< ns; of the usual policy: length of a turn; 0: the kernel has none
  std::uint64_t deadline = 0;
  std::uint64_t period = 0;
};
static_assert(sizeof(SchedAttributes) == 48);

/// `thread`: 0 for the calling one. False: errno says why.
inline bool get_attributes(pid_t thread, SchedAttributes& attributes) noexcept {
  return ::syscall(SYS_sched_getattr, thread, &attributes, sizeof attributes, 0) == 0;
}
inline bool set_attributes(pid_t thread, const SchedAttributes& attributes) noexcept {
  return ::syscall(SYS_sched_setattr, thread, &attributes, 0) == 0;
}

}  // namespace hgcm::host

#endif

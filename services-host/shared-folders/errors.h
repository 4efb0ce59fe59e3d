// SPDX-License-Identifier: MIT
//
// What a failed system call on a host file is to the guest. The table is that of VirtualBox's
// runtime for file operations; Status::from_errno() is the one for ioctls.
#ifndef HGCM_SHARED_FOLDERS_ERRORS_H
#define HGCM_SHARED_FOLDERS_ERRORS_H

#include <hgcm/status.h>

namespace hgcm::shfl {

/// `error` is a positive errno value.
[[nodiscard]] Status to_status(int error) noexcept;

}  // namespace hgcm::shfl

#endif

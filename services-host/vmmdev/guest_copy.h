// SPDX-License-Identifier: MIT
//
// Copies to and from memory that a guest changes at the same time. Each byte is accessed once, with
// relaxed atomic operations, so that the race is defined behaviour (and silent under
// ThreadSanitizer) whatever the guest does. No order is implied: GuestMemory::store_release() is
// for that.
#ifndef HGCM_VMMDEV_GUEST_COPY_H
#define HGCM_VMMDEV_GUEST_COPY_H

#include <cstddef>
#include <span>

namespace hgcm::vmmdev {

/// Copies out.size() bytes from `guest`, which must be mapped.
void copy_from_guest(std::span<std::byte> out, const std::byte* guest) noexcept;

/// Copies `in` to `guest`, which must be mapped writable and must not overlap `in`.
void copy_to_guest(std::byte* guest, std::span<const std::byte> in) noexcept;

}  // namespace hgcm::vmmdev

#endif

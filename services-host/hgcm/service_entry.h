// SPDX-License-Identifier: MIT
//
// Calling into a service's code. The function table is live, so an entry is looked at only now; and
// a C++ service may let an exception escape, which must not pass the C boundary unnoticed.
#ifndef HGCM_HOST_SERVICE_ENTRY_H
#define HGCM_HOST_SERVICE_ENTRY_H

#include <hgcm/status.h>

#include <type_traits>

namespace hgcm::host {

/// HGCM_ERR_NOT_SUPPORTED for a null entry, HGCM_ERR_UNEXPECTED_EXCEPTION for one that throws.
template <typename Entry, typename... Arguments>
Status enter(Entry entry, Arguments... arguments) noexcept {
  if constexpr (std::is_pointer_v<Entry>) {
    if (entry == nullptr) return HGCM_ERR_NOT_SUPPORTED;
  }
  try {
    if constexpr (std::is_void_v<decltype(entry(arguments...))>) {
      entry(arguments...);
      return HGCM_INF_SUCCESS;
    } else {
      return entry(arguments...);
    }
  } catch (...) {
    return HGCM_ERR_UNEXPECTED_EXCEPTION;
  }
}

}  // namespace hgcm::host

#endif

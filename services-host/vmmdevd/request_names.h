// SPDX-License-Identifier: MIT
//
// Names of VMMDev request types, for people.
#ifndef HGCM_VMMDEVD_REQUEST_NAMES_H
#define HGCM_VMMDEVD_REQUEST_NAMES_H

#include <cstdint>
#include <string_view>

namespace hgcm::control {

/// "HGCM_CALL64"; "UNKNOWN" for a type that the protocol does not have.
[[nodiscard]] std::string_view request_name(std::uint32_t type) noexcept;

}  // namespace hgcm::control

#endif

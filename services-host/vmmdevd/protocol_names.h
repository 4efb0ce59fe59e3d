// SPDX-License-Identifier: MIT
//
// Names of the numbers that guests send: request types, facilities and their status. For people.
#ifndef HGCM_VMMDEVD_PROTOCOL_NAMES_H
#define HGCM_VMMDEVD_PROTOCOL_NAMES_H

#include <cstdint>
#include <string_view>

namespace hgcm::control {

/// "HGCM_CALL64"; "UNKNOWN" for a type that the protocol does not have.
[[nodiscard]] std::string_view request_name(std::uint32_t type) noexcept;
/// "VBOXGUEST_DRIVER" and "ACTIVE"; "UNKNOWN" likewise.
[[nodiscard]] std::string_view facility_name(std::uint32_t facility) noexcept;
[[nodiscard]] std::string_view facility_status_name(std::uint32_t status) noexcept;
/// "LOGGED_IN" of request 74.
[[nodiscard]] std::string_view user_state_name(std::uint32_t state) noexcept;

}  // namespace hgcm::control

#endif

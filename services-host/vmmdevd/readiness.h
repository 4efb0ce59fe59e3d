// SPDX-License-Identifier: MIT
//
// Tells a service manager how far the daemon is, by the datagram protocol of sd_notify(3).
#ifndef HGCM_VMMDEVD_READINESS_H
#define HGCM_VMMDEVD_READINESS_H

#include <string_view>

namespace hgcm::vmmdevd {

/// Sends `state` ("READY=1", "STOPPING=1") to $NOTIFY_SOCKET. False: there is none, or it does not
/// take it; nothing depends on that.
bool notify_manager(std::string_view state) noexcept;

}  // namespace hgcm::vmmdevd

#endif

// SPDX-License-Identifier: MIT
//
// What the guest driver offers besides HGCM, as plain functions on a Device: versions, the
// machine's session id, the host's log, events. All are thread-safe.
#ifndef HGCM_DRIVER_H
#define HGCM_DRIVER_H

#include <hgcm/client.h>

#include <cstdint>
#include <string_view>

namespace hgcm {

/// Version of the ioctl interface: major in the high half, minor in the low one.
struct DriverVersion {
  std::uint32_t session = 0;   ///< what this session speaks
  std::uint32_t driver = 0;    ///< the newest the driver speaks
  std::uint32_t revision = 0;  ///< of the driver's source, 0 with Linux drivers
};

/// Asks for interface 1.0. VERSION_MISMATCH: the driver speaks another one only.
[[nodiscard]] HGCM_API Result<DriverVersion> driver_version(Device& device);

struct HostVersion {
  std::uint16_t major = 0;
  std::uint16_t minor = 0;
  std::uint32_t build = 0;
  std::uint32_t revision = 0;
  std::uint32_t features = 0;  ///< VMMDEV_HVF_ bits, docs/protocol.md
};

[[nodiscard]] HGCM_API Result<HostVersion> host_version(Device& device);

/// A number that changes whenever the machine was started, reset or restored.
[[nodiscard]] HGCM_API Result<std::uint64_t> session_id(Device& device);

/// Writes a line to the kernel's and the host's log; the driver cuts it at about 127 bytes.
HGCM_API Status log(Device& device, std::string_view line);

/// Waits until one of `events` (VMMDEV_EVENT_ bits) has come and takes it. Only events that the
/// session's filter lets through come at all: change_event_filter(). TIMEOUT, CANCELLED and
/// INTERRUPTED as for a call.
[[nodiscard]] HGCM_API Result<std::uint32_t> wait_for_events(Device& device, std::uint32_t events,
                                                             const CallOptions& options = {});
HGCM_API Status change_event_filter(Device& device, std::uint32_t add, std::uint32_t remove);

}  // namespace hgcm

#endif

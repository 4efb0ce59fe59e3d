// SPDX-License-Identifier: MIT
//
// The driver's requests other than HGCM, by the layouts of <linux/vboxguest.h>; the two VMMDev
// requests used here are laid out in docs/protocol.md ("Requests").
#include <hgcm/driver.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <vector>

#include "src/ioctl_abi.h"
#include "src/timeout.h"

namespace hgcm {
namespace {

/// A VMMDev request whose header doubles as the ioctl's.
template <typename Body>
struct DeviceRequest {
  vbg_ioctl_hdr header;
  Body body;
};

template <typename Body>
Result<Body> device_request(Device& device, std::uint32_t type) {
  DeviceRequest<Body> request{};
  static_assert(sizeof(request) == sizeof(request.header) + sizeof(Body));
  request.header = detail::make_header(sizeof(request), sizeof(request), type);
  // The driver, or a host that does not answer, must not look like success.
  request.header.rc = HGCM_ERR_GENERAL_FAILURE;
  const int result = device.ioctl(VBG_IOCTL_VMMDEV_REQUEST(sizeof(request)), &request);
  if (result != 0) {
    return failure(Status::from_errno(-result));
  }
  if (const Status status = request.header.rc; status.failed()) {
    return failure(status);
  }
  return request.body;
}

}  // namespace

Result<DriverVersion> driver_version(Device& device) {
  vbg_ioctl_driver_version_info request{};
  request.hdr = detail::make_header(sizeof(request.hdr) + sizeof(request.u.in),
                                    sizeof(request.hdr) + sizeof(request.u.out));
  request.u.in.req_version = VBG_IOC_VERSION;
  request.u.in.min_version = VBG_IOC_VERSION & 0xffff0000U;
  if (const int result = device.ioctl(VBG_IOCTL_DRIVER_VERSION_INFO, &request); result != 0) {
    return failure(Status::from_errno(-result));
  }
  if (const Status status = request.hdr.rc; status.failed()) {
    return failure(status);
  }
  return DriverVersion{request.u.out.session_version, request.u.out.driver_version,
                       request.u.out.driver_revision};
}

Result<HostVersion> host_version(Device& device) {
  struct Body {
    std::uint16_t major;
    std::uint16_t minor;
    std::uint32_t build;
    std::uint32_t revision;
    std::uint32_t features;
  };
  return device_request<Body>(device, VMMDEVREQ_GET_HOST_VERSION).map([](const Body& body) {
    return HostVersion{body.major, body.minor, body.build, body.revision, body.features};
  });
}

Result<std::uint64_t> session_id(Device& device) {
  return device_request<std::uint64_t>(device, VMMDEVREQ_GET_SESSION_ID);
}

Status log(Device& device, std::string_view line) {
  constexpr std::size_t kMaxLine = 127;
  line = line.substr(0, kMaxLine);
  struct {
    vbg_ioctl_hdr header;
    char text[kMaxLine + 1];
  } request{};
  // Without text there would be nothing to see; the NUL keeps the size above the header's.
  const std::size_t size = sizeof(request.header) + line.size() + 1;
  request.header = detail::make_header(size, sizeof(request.header));
  std::memcpy(request.text, line.data(), line.size());
  const int result = device.ioctl(VBG_IOCTL_LOG(size), &request);
  return result != 0 ? Status::from_errno(-result) : Status(request.header.rc);
}

Result<std::uint32_t> wait_for_events(Device& device, std::uint32_t events,
                                      const CallOptions& options) {
  vbg_ioctl_wait_for_events request{};
  request.hdr = detail::make_header(sizeof(request.hdr) + sizeof(request.u.in),
                                    sizeof(request.hdr) + sizeof(request.u.out));
  request.u.in.timeout_ms = detail::driver_timeout(options.timeout);
  request.u.in.events = events;
  const int result = device.stoppable_ioctl(VBG_IOCTL_WAIT_FOR_EVENTS, &request, options.stop);
  if (result != 0) {
    return failure(detail::ended_wait_status(result, options.stop));
  }
  if (const Status status = request.hdr.rc; status.failed()) {
    return failure(status);
  }
  return request.u.out.events & events;
}

Status change_event_filter(Device& device, std::uint32_t add, std::uint32_t remove) {
  vbg_ioctl_change_filter request{};
  request.hdr = detail::make_header(sizeof(request), sizeof(request.hdr));
  request.u.in.or_mask = add;
  request.u.in.not_mask = remove;
  const int result = device.ioctl(VBG_IOCTL_CHANGE_FILTER_MASK, &request);
  return result != 0 ? Status::from_errno(-result) : Status(request.hdr.rc);
}

}  // namespace hgcm

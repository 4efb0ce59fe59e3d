// SPDX-License-Identifier: MIT
//
// Requests that tell who the host and the guest are: 4, 10, 50, 58, 217 (protocol section 3.1).
#include "vmmdev/additions_version.h"
#include "vmmdev/device_core.h"
#include "vmmdev/wire.h"

#include <algorithm>
#include <limits>
#include <string_view>

namespace hgcm::vmmdev {
namespace {

Outcome get_host_version(DeviceCore& device, Request& request) {
  namespace layout = wire::host_version;
  request.set(layout::kMajor, device.config.version_major);
  request.set(layout::kMinor, device.config.version_minor);
  request.set(layout::kBuild, device.config.version_build);
  request.set(layout::kRevision, device.config.version_revision);
  std::uint32_t features = layout::kHgcmPageLists | layout::kHgcmEmbedded |
                           layout::kHgcmContiguous | layout::kHgcmNoBounce;
  if (device.config.fast_acknowledge) features |= layout::kFastAcknowledge;
  request.set(layout::kFeatures, features);
  return HGCM_INF_SUCCESS;
}

Outcome get_host_time(DeviceCore& device, Request& request) {
  if (!device.config.host_time) return HGCM_ERR_NOT_SUPPORTED;
  request.set(wire::host_time::kMilliseconds,
              static_cast<std::uint64_t>(device.host_time().count()));
  return HGCM_INF_SUCCESS;
}

Outcome report_guest_info(DeviceCore& device, Request& request) {
  const auto version = request.get<std::uint32_t>(wire::guest_info::kInterfaceVersion);
  if (version >> 16 != wire::guest_info::kInterface104 >> 16 ||
      version > wire::guest_info::kInterface104) {
    return HGCM_ERR_VERSION_MISMATCH;
  }
  {
    const std::lock_guard lock(device.mutex);
    device.guest.interface_version = version;
    device.guest.os_type = request.get<std::uint32_t>(wire::guest_info::kOsType);
  }
  device.events.accept(version);
  device.unlocked = true;
  return HGCM_INF_SUCCESS;
}

Outcome report_guest_info2(DeviceCore& device, Request& request) {
  namespace layout = wire::guest_info2;
  const AdditionsVersion version{
      .major = request.get<std::uint16_t>(layout::kMajor),
      .minor = request.get<std::uint16_t>(layout::kMinor),
      .build = request.get<std::uint32_t>(layout::kBuild),
  };
  const auto field = request.bytes().subspan(layout::kName, layout::kNameBytes);
  const auto name =
      check_additions_version(version, {reinterpret_cast<const char*>(field.data()), field.size()});
  if (!name) return name.error();
  const auto features = request.get<std::uint32_t>(layout::kFeatures);
  {
    const std::lock_guard lock(device.mutex);
    device.guest.additions_version = *name;
    device.guest.additions_revision = request.get<std::uint32_t>(layout::kRevision);
    device.guest.additions_features = features;
  }
  device.requestor_known = (features & layout::kRequestorInfo) != 0;
  device.events.lower_line();
  return HGCM_INF_SUCCESS;
}

Outcome get_session_id(DeviceCore& device, Request& request) {
  request.set(wire::session_id::kId, device.session_id.load());
  return HGCM_INF_SUCCESS;
}

constexpr std::array kRequests = {
    RequestHandler{wire::kGetHostVersion, exactly(wire::host_version::kBytes), Locked::process,
                   get_host_version},
    RequestHandler{wire::kGetHostTime, exactly(wire::host_time::kBytes), Locked::refuse,
                   get_host_time},
    RequestHandler{wire::kReportGuestInfo, exactly(wire::guest_info::kBytes), Locked::process,
                   report_guest_info},
    RequestHandler{wire::kReportGuestInfo2, exactly(wire::guest_info2::kBytes), Locked::process,
                   report_guest_info2},
    RequestHandler{wire::kGetSessionId, exactly(wire::session_id::kBytes), Locked::refuse,
                   get_session_id},
};

}  // namespace

std::span<const RequestHandler> identity_requests() noexcept {
  return kRequests;
}

}  // namespace hgcm::vmmdev

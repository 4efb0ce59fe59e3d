// SPDX-License-Identifier: MIT
//
// Names of numbers that guests send; request types are those of the kernel's UAPI header. See
// protocol_names.h.
#include "vmmdevd/protocol_names.h"

#include <linux/vbox_vmmdev_types.h>

#include <array>

namespace hgcm::control {

std::string_view request_name(std::uint32_t type) noexcept {
  switch (type) {
    case VMMDEVREQ_GET_MOUSE_STATUS:
      return "GET_MOUSE_STATUS";
    case VMMDEVREQ_SET_MOUSE_STATUS:
      return "SET_MOUSE_STATUS";
    case VMMDEVREQ_SET_POINTER_SHAPE:
      return "SET_POINTER_SHAPE";
    case VMMDEVREQ_GET_HOST_VERSION:
      return "GET_HOST_VERSION";
    case VMMDEVREQ_IDLE:
      return "IDLE";
    case VMMDEVREQ_GET_HOST_TIME:
      return "GET_HOST_TIME";
    case VMMDEVREQ_GET_HYPERVISOR_INFO:
      return "GET_HYPERVISOR_INFO";
    case VMMDEVREQ_SET_HYPERVISOR_INFO:
      return "SET_HYPERVISOR_INFO";
    case VMMDEVREQ_REGISTER_PATCH_MEMORY:
      return "REGISTER_PATCH_MEMORY";
    case VMMDEVREQ_DEREGISTER_PATCH_MEMORY:
      return "DEREGISTER_PATCH_MEMORY";
    case VMMDEVREQ_SET_POWER_STATUS:
      return "SET_POWER_STATUS";
    case VMMDEVREQ_ACKNOWLEDGE_EVENTS:
      return "ACKNOWLEDGE_EVENTS";
    case VMMDEVREQ_CTL_GUEST_FILTER_MASK:
      return "CTL_GUEST_FILTER_MASK";
    case VMMDEVREQ_REPORT_GUEST_INFO:
      return "REPORT_GUEST_INFO";
    case VMMDEVREQ_REPORT_GUEST_INFO2:
      return "REPORT_GUEST_INFO2";
    case VMMDEVREQ_REPORT_GUEST_STATUS:
      return "REPORT_GUEST_STATUS";
    case VMMDEVREQ_REPORT_GUEST_USER_STATE:
      return "REPORT_GUEST_USER_STATE";
    case VMMDEVREQ_GET_DISPLAY_CHANGE_REQ:
      return "GET_DISPLAY_CHANGE_REQ";
    case VMMDEVREQ_VIDEMODE_SUPPORTED:
      return "VIDEMODE_SUPPORTED";
    case VMMDEVREQ_GET_HEIGHT_REDUCTION:
      return "GET_HEIGHT_REDUCTION";
    case VMMDEVREQ_GET_DISPLAY_CHANGE_REQ2:
      return "GET_DISPLAY_CHANGE_REQ2";
    case VMMDEVREQ_REPORT_GUEST_CAPABILITIES:
      return "REPORT_GUEST_CAPABILITIES";
    case VMMDEVREQ_SET_GUEST_CAPABILITIES:
      return "SET_GUEST_CAPABILITIES";
    case VMMDEVREQ_VIDEMODE_SUPPORTED2:
      return "VIDEMODE_SUPPORTED2";
    case VMMDEVREQ_GET_DISPLAY_CHANGE_REQEX:
      return "GET_DISPLAY_CHANGE_REQEX";
    case VMMDEVREQ_GET_DISPLAY_CHANGE_REQ_MULTI:
      return "GET_DISPLAY_CHANGE_REQ_MULTI";
    case VMMDEVREQ_HGCM_CONNECT:
      return "HGCM_CONNECT";
    case VMMDEVREQ_HGCM_DISCONNECT:
      return "HGCM_DISCONNECT";
    case VMMDEVREQ_HGCM_CALL32:
      return "HGCM_CALL32";
    case VMMDEVREQ_HGCM_CALL64:
      return "HGCM_CALL64";
    case VMMDEVREQ_HGCM_CANCEL:
      return "HGCM_CANCEL";
    case VMMDEVREQ_HGCM_CANCEL2:
      return "HGCM_CANCEL2";
    case VMMDEVREQ_VIDEO_ACCEL_ENABLE:
      return "VIDEO_ACCEL_ENABLE";
    case VMMDEVREQ_VIDEO_ACCEL_FLUSH:
      return "VIDEO_ACCEL_FLUSH";
    case VMMDEVREQ_VIDEO_SET_VISIBLE_REGION:
      return "VIDEO_SET_VISIBLE_REGION";
    case VMMDEVREQ_GET_SEAMLESS_CHANGE_REQ:
      return "GET_SEAMLESS_CHANGE_REQ";
    case VMMDEVREQ_QUERY_CREDENTIALS:
      return "QUERY_CREDENTIALS";
    case VMMDEVREQ_REPORT_CREDENTIALS_JUDGEMENT:
      return "REPORT_CREDENTIALS_JUDGEMENT";
    case VMMDEVREQ_REPORT_GUEST_STATS:
      return "REPORT_GUEST_STATS";
    case VMMDEVREQ_GET_MEMBALLOON_CHANGE_REQ:
      return "GET_MEMBALLOON_CHANGE_REQ";
    case VMMDEVREQ_GET_STATISTICS_CHANGE_REQ:
      return "GET_STATISTICS_CHANGE_REQ";
    case VMMDEVREQ_CHANGE_MEMBALLOON:
      return "CHANGE_MEMBALLOON";
    case VMMDEVREQ_GET_VRDPCHANGE_REQ:
      return "GET_VRDPCHANGE_REQ";
    case VMMDEVREQ_LOG_STRING:
      return "LOG_STRING";
    case VMMDEVREQ_GET_CPU_HOTPLUG_REQ:
      return "GET_CPU_HOTPLUG_REQ";
    case VMMDEVREQ_SET_CPU_HOTPLUG_STATUS:
      return "SET_CPU_HOTPLUG_STATUS";
    case VMMDEVREQ_REGISTER_SHARED_MODULE:
      return "REGISTER_SHARED_MODULE";
    case VMMDEVREQ_UNREGISTER_SHARED_MODULE:
      return "UNREGISTER_SHARED_MODULE";
    case VMMDEVREQ_CHECK_SHARED_MODULES:
      return "CHECK_SHARED_MODULES";
    case VMMDEVREQ_GET_PAGE_SHARING_STATUS:
      return "GET_PAGE_SHARING_STATUS";
    case VMMDEVREQ_DEBUG_IS_PAGE_SHARED:
      return "DEBUG_IS_PAGE_SHARED";
    case VMMDEVREQ_GET_SESSION_ID:
      return "GET_SESSION_ID";
    case VMMDEVREQ_WRITE_COREDUMP:
      return "WRITE_COREDUMP";
    case VMMDEVREQ_GUEST_HEARTBEAT:
      return "GUEST_HEARTBEAT";
    case VMMDEVREQ_HEARTBEAT_CONFIGURE:
      return "HEARTBEAT_CONFIGURE";
    case VMMDEVREQ_NT_BUG_CHECK:
      return "NT_BUG_CHECK";
    case VMMDEVREQ_VIDEO_UPDATE_MONITOR_POSITIONS:
      return "VIDEO_UPDATE_MONITOR_POSITIONS";
    case 82:  // these are not in the kernel's header
      return "GET_DISPLAY_CHANGE_REQ_MULTI2";
    case 223:
      return "GET_MOUSE_STATUS_EX";
    case 224:
      return "GET_HOST_GRAPHICS_CAPABILITY";
    default:
      return "UNKNOWN";
  }
}

std::string_view facility_name(std::uint32_t facility) noexcept {
  switch (facility) {
    case 20:
      return "VBOXGUEST_DRIVER";
    case 90:
      return "AUTO_LOGON";
    case 100:
      return "VBOX_SERVICE";
    case 101:
      return "VBOX_TRAY_CLIENT";
    case 1000:
      return "SEAMLESS";
    case 1100:
      return "GRAPHICS";
    case 1101:
      return "MONITOR_ATTACH";
    default:
      return "UNKNOWN";
  }
}

std::string_view facility_status_name(std::uint32_t status) noexcept {
  switch (status) {
    case 0:
      return "INACTIVE";
    case 1:
      return "PAUSED";
    case 20:
      return "PRE_INIT";
    case 30:
      return "INIT";
    case 50:
      return "ACTIVE";
    case 100:
      return "TERMINATING";
    case 101:
      return "TERMINATED";
    case 800:
      return "FAILED";
    default:
      return "UNKNOWN";
  }
}

std::string_view user_state_name(std::uint32_t state) noexcept {
  static constexpr std::array<std::string_view, 16> kNames = {
      "UNKNOWN",      "LOGGED_IN",       "LOGGED_OUT",
      "LOCKED",       "UNLOCKED",        "DISABLED",
      "IDLE",         "IN_USE",          "CREATED",
      "DELETED",      "SESSION_CHANGED", "CREDENTIALS_CHANGED",
      "ROLE_CHANGED", "GROUP_ADDED",     "GROUP_REMOVED",
      "ELEVATED"};
  return state < kNames.size() ? kNames.at(state) : kNames.front();
}

}  // namespace hgcm::control

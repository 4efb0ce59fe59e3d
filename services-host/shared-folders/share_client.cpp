// SPDX-License-Identifier: MIT
//
// See share_client.h.
#include "shared-folders/share_client.h"

#include <array>
#include <cstdint>

#include "hgcm/service_host.h"
#include "shared-folders/protocol.h"
#include "shared-folders/strings.h"

namespace hgcm::shfl {
namespace {

/// HGCM_ERR_INVALID_NAME unless it is text of at most so many UTF-16 units.
Status check_text(std::string_view text, std::size_t max_units) {
  const auto wide = to_utf16(text);
  return !wide || wide->size() > max_units || text.find('\0') != std::string_view::npos
             ? Status(HGCM_ERR_INVALID_NAME)
             : Status();
}

Status check_name(std::string_view name) {
  return name.empty() || name.find_first_of("/\\") != std::string_view::npos
             ? Status(HGCM_ERR_INVALID_NAME)
             : check_text(name, kMaxShareName);
}

hgcm_svc_parm pointer(std::string& bytes) {
  hgcm_svc_parm parm{};
  parm.type = HGCM_SVC_PARM_PTR;
  parm.u.ptr.size = static_cast<std::uint32_t>(bytes.size());
  parm.u.ptr.addr = bytes.data();
  return parm;
}

hgcm_svc_parm number(std::uint32_t value) {
  hgcm_svc_parm parm{};
  parm.type = HGCM_SVC_PARM_32BIT;
  parm.u.u32 = value;
  return parm;
}

SymlinkPolicy policy_of(Symlinks symlinks) {
  switch (symlinks) {
    case Symlinks::kSubtree:
      return kPolicySubtree;
    case Symlinks::kRelative:
      return kPolicyRelative;
    case Symlinks::kAny:
      return kPolicyAny;
    case Symlinks::kNone:
      break;
  }
  return kPolicyForbidden;
}

}  // namespace

Status ShareClient::add(const ShareSettings& share) const {
  constexpr std::size_t kMaxPath = 4096;
  if (const Status status = check_name(share.name); status.failed()) {
    return status;
  }
  for (const Status status :
       {check_text(share.path, kMaxPath), check_text(share.mount_point, kMaxMountPoint)}) {
    if (status.failed()) {
      return status;
    }
  }
  std::uint32_t flags = 0;
  flags |= share.writable ? std::uint32_t{kAddWritable} : 0;
  flags |= share.auto_mount ? std::uint32_t{kAddAutoMount} : 0;
  flags |= share.symlinks != Symlinks::kNone ? std::uint32_t{kAddCreateSymlinks} : 0;
  std::string path = make_string(share.path);
  std::string name = make_string(share.name);
  std::string mount_point = make_string(share.mount_point);
  std::array parms{pointer(path), pointer(name), number(flags), pointer(mount_point),
                   number(policy_of(share.symlinks))};
  Status status = host_.host_call(service_, kAddMapping, parms);
  if (status == Status(HGCM_ERR_INVALID_PARAMETER)) {
    // Services of before 7.1 take no policy.
    status = host_.host_call(service_, kAddMapping, std::span(parms).first(4));
  }
  return status;
}

Status ShareClient::remove(std::string_view name) const {
  if (const Status status = check_name(name); status.failed()) {
    return status;
  }
  std::string text = make_string(name);
  std::array parms{pointer(text)};
  return host_.host_call(service_, kRemoveMapping, parms);
}

}  // namespace hgcm::shfl

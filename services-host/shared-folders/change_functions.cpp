// SPDX-License-Identifier: MIT
//
// Functions of the extension for change notification, kmod/include/openhgcm/shfl_ext.h: checks of
// what a guest sent; the rest is changes.h.
#include <utility>

#include "shared-folders/service.h"

namespace hgcm::shfl {

Job SharedFolders::watch(Request& request) {
  request.out32(3) = 0;
  if (request.client.encoding() != Encoding::kUtf8) {
    return HGCM_ERR_NOT_SUPPORTED;
  }
  auto path = request.path(1);
  if (!path) {
    return path.error();
  }
  auto access = this->access(request.client, request.u32(0));
  if (!access) {
    return access.error();
  }
  return {
      access->share,
      [this, client = request.client.id, state = request.client.state, access = std::move(*access),
       path = std::move(*path), mask = request.u32(2), out = request.out32(3)]() -> Status {
        const auto id = changes_.watch(client, access, path, mask);
        if (!id) {
          return id.error();
        }
        if (state->gone()) {
          // It did not wait for this call.
          changes_.drop_client(client);
          return HGCM_ERR_INTERRUPTED;
        }
        out = *id;
        return HGCM_INF_SUCCESS;
      }};
}

Job SharedFolders::unwatch(Request& request) {
  return changes_.unwatch(request.client.id, request.u32(0), request.u32(1));
}

Job SharedFolders::cancel_wait(Request& request) {
  changes_.cancel_wait(request.client.id, request.u32(0));
  return HGCM_INF_SUCCESS;
}

void SharedFolders::wait_for_changes(service::Call call, const Client& client,
                                     std::span<hgcm_svc_parm> parameters) {
  const std::uint32_t root = parameters[0].u.u32;
  const service::InOut<std::uint32_t> size(parameters[2]);
  size = 0;
  if (const auto access = this->access(client, root); !access) {
    std::move(call).complete(access.error());
    return;
  }
  changes_.wait(client.id, root, std::move(call), service::Buffer(parameters[1]), size);
}

}  // namespace hgcm::shfl

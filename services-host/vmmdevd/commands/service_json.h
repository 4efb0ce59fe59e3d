// SPDX-License-Identifier: MIT
//
// The JSON form of what the service host counts per service; shared by `services` and `stats`.
#ifndef HGCM_VMMDEVD_COMMANDS_SERVICE_JSON_H
#define HGCM_VMMDEVD_COMMANDS_SERVICE_JSON_H

#include "hgcm/service_host.h"
#include "vmmdevd/control/protocol.h"

namespace hgcm::control {

[[nodiscard]] inline Json by_category(
    const std::array<std::uint32_t, HGCM_SVC_CATEGORY_COUNT>& values) {
  return {{"kernel", values[HGCM_SVC_CATEGORY_KERNEL]},
          {"root", values[HGCM_SVC_CATEGORY_ROOT]},
          {"user", values[HGCM_SVC_CATEGORY_USER]}};
}

[[nodiscard]] inline Json service_json(const host::ServiceStatistics& service) {
  return {{"name", service.name},
          {"path", service.path},
          {"clients", by_category(service.clients)},
          {"max-clients", by_category(service.max_clients)},
          {"calls", service.calls},
          {"pending-calls", service.pending_calls},
          {"cancelled-calls", service.cancelled_calls},
          {"refused-clients", service.too_many_clients},
          {"refused-calls", service.too_many_calls},
          {"bad-completions", service.bad_completions}};
}

}  // namespace hgcm::control

#endif

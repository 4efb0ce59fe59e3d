// SPDX-License-Identifier: MIT
//
// What a service sees of its host: the helper table, with the function table behind it. The
// helpers' instance argument is the address of the helper table itself, because shipped VirtualBox
// services pass one or the other. An instance stays in memory long after its service is gone, since
// a service's own threads may call helpers late; no helper follows a pointer it did not find in the
// registry first.
#ifndef HGCM_HOST_SERVICE_INSTANCE_H
#define HGCM_HOST_SERVICE_INSTANCE_H

#include <hgcm/service_abi.h>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace hgcm::host {

class Service;

struct ServiceInstance {
  hgcm_svc_helpers helpers{};  // first: its address is the instance
  hgcm_svc_table table{};      // live: the service may change it at any time
};
static_assert(offsetof(ServiceInstance, helpers) == 0);

/// Makes an instance with helpers and a pre-filled table, known to the helpers as `service`.
ServiceInstance& create_instance(const std::shared_ptr<Service>& service);
/// From here on helpers called with the instance find no service. The memory stays for long.
void retire_instance(ServiceInstance& instance) noexcept;

/// A live service by its serial number, or null.
std::shared_ptr<Service> find_service(std::uint32_t serial) noexcept;

}  // namespace hgcm::host

#endif

// SPDX-License-Identifier: MIT
//
// ServiceClient: the host functions of the guest property service as typed calls, over
// ServiceHost::host_call(). Stateless; the manager's building block.
#ifndef HGCM_GUEST_PROPERTIES_SERVICE_CLIENT_H
#define HGCM_GUEST_PROPERTIES_SERVICE_CLIENT_H

#include <hgcm/status.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "guest-properties/property_manager.h"

namespace hgcm::guestprop {

/// Thread-safe. Errors are the service's.
class ServiceClient {
 public:
  ServiceClient(host::ServiceHost& host, std::string service)
      : host_(host), service_(std::move(service)) {}

  Result<Property> get(std::string_view name) const;
  Status set(std::string_view name, std::string_view value,
             std::optional<std::string_view> flags) const;
  Status remove(std::string_view name) const;
  Result<std::vector<Property>> enumerate(std::string_view patterns) const;
  Status set_global_flags(std::uint32_t flags) const;

  /// Stores all of them as they are, unconditionally and without a notification.
  Status load(std::span<const Property> properties) const;
  /// remove(), even if the host must not write the property.
  Status remove_by_force(const Property& property) const;

  [[nodiscard]] host::ServiceHost& host() const noexcept { return host_; }
  [[nodiscard]] const std::string& service() const noexcept { return service_; }

 private:
  host::ServiceHost& host_;
  std::string service_;
};

}  // namespace hgcm::guestprop

#endif

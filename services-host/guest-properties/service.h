// SPDX-License-Identifier: MIT
//
// GuestProperties: the service "VBoxGuestPropSvc", key/value properties that guest and host share,
// as VirtualBox 7.2 has it (docs/protocol.md, "Guest properties"). It keeps the properties in
// memory; a file and saved states are the manager's business (property_manager.h).
#ifndef HGCM_GUEST_PROPERTIES_SERVICE_H
#define HGCM_GUEST_PROPERTIES_SERVICE_H

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <hgcm/service.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "guest-properties/notifier.h"
#include "guest-properties/protocol.h"

namespace hgcm::guestprop {

class GuestProperties {
 public:
  explicit GuestProperties(service::Host host);

  static constexpr service::Limits kLimits{.calls = {{16, 16, 16}}};

  static constexpr auto guest_functions() {
    using service::function;
    return service::functions(function(kGuestGetProperty, &GuestProperties::guest_get),
                              function(kGuestSetProperty, &GuestProperties::guest_set),
                              function(kGuestSetPropertyValue, &GuestProperties::guest_set),
                              function(kGuestDeleteProperty, &GuestProperties::guest_delete),
                              function(kGuestEnumerate, &GuestProperties::guest_enumerate),
                              function(kGuestGetNotification, &GuestProperties::get_notification));
  }
  static constexpr auto host_functions() {
    using service::function;
    return service::functions(function(kHostSetProperties, &GuestProperties::set_properties),
                              function(kHostGetProperty, &GuestProperties::get),
                              function(kHostSetProperty, &GuestProperties::host_set),
                              function(kHostSetPropertyValue, &GuestProperties::host_set),
                              function(kHostDeleteProperty, &GuestProperties::host_delete),
                              function(kHostEnumerate, &GuestProperties::enumerate),
                              function(kHostSetGlobalFlags, &GuestProperties::set_global_flags));
  }

  void disconnect(std::uint32_t client);
  Status register_extension(service::Extension extension);
  void notify(hgcm_svc_event event);

 private:
  using String = std::string_view;
  using Strings = service::AnyBuffer;
  using Flags = std::optional<std::string_view>;
  using OutU32 = service::Out<std::uint32_t>;
  using OutU64 = service::Out<std::uint64_t>;

  struct Property {
    std::string value;
    std::uint32_t flags = 0;
    std::uint64_t timestamp = 0;
  };

  /// A GET_NOTIFICATION that waits. Buffer and numbers are valid as long as the call is.
  struct Wait {
    service::Call call;
    std::string patterns;
    service::InOut<std::uint64_t> timestamp;
    service::Buffer buffer;
    OutU32 size;
    Status final_status;
  };

  enum class Side { kGuest, kHost };

  Status guest_get(const service::CallInfo& info, String name, service::Buffer buffer,
                   OutU64 timestamp, OutU32 size);
  Status guest_set(const service::CallInfo& info, String name, String value, Flags flags);
  Status guest_delete(const service::CallInfo& info, String name);
  Status guest_enumerate(const service::CallInfo& info, service::Buffer patterns,
                         service::Buffer buffer, OutU32 size);
  void get_notification(service::Call call, const service::CallInfo& info, String patterns,
                        service::InOut<std::uint64_t> timestamp, service::Buffer buffer,
                        OutU32 size);

  Status set_properties(Strings names, Strings values, Strings timestamps, Strings flags);
  Status host_set(String name, String value, Flags flags);
  Status host_delete(String name);
  Status set_global_flags(std::uint32_t flags);

  Status get(String name, service::Buffer buffer, OutU64 timestamp, OutU32 size);
  Status enumerate(service::Buffer patterns, service::Buffer buffer, OutU32 size);
  Status set(Side side, String name, String value, Flags flags);
  Status remove(Side side, String name);

  [[nodiscard]] Status check_permission(Side side, const Property* existing) const noexcept;
  [[nodiscard]] Property* find(String name);
  /// Changes the property for good, records and announces that.
  void store(String name, String value, std::uint32_t flags);
  void set_host_version();
  void count_up(String name);

  [[nodiscard]] std::uint64_t next_timestamp() noexcept;
  void record(Event event);
  /// Fills in the results and completes the call.
  void answer(Wait& wait, const Event& event, Status status);
  /// Completes the waits of `client` that the guest has given up.
  void drop_cancelled(std::uint32_t client);
  void print(const service::InfoOutput& output) const;

  /// Only the service thread changes the properties; the lock is for the info handler, which reads
  /// them on another one.
  mutable std::mutex mutex_;
  std::map<std::string, Property, std::less<>> properties_;
  std::deque<Event> history_;  ///< oldest first
  std::uint64_t last_timestamp_ = 0;
  std::uint64_t lost_notifications_ = 0;
  std::uint32_t global_flags_ = 0;
  std::map<std::uint32_t, std::vector<Wait>> waits_;  ///< by client, oldest first
  bool version_refreshed_ = false;
  std::unique_ptr<Notifier> notifier_;
  service::InfoHandler info_handler_;  ///< last: reads the others until it is gone
};

}  // namespace hgcm::guestprop

#endif

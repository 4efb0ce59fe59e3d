// SPDX-License-Identifier: MIT
//
// GuestPropertyAccess: the daemon's hold on the PropertyManager, which exists only while the guest
// property service is loaded; the service can come and go by control commands or a guest's connect.
// It turns changes into control events. It is not the manager: see property_manager.h.
#ifndef HGCM_VMMDEVD_GUEST_PROPERTY_ACCESS_H
#define HGCM_VMMDEVD_GUEST_PROPERTY_ACCESS_H

#include "guest-properties/property_manager.h"
#include "hgcm/service_host.h"
#include "vmmdevd/control/events.h"

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace hgcm::control {

inline constexpr std::string_view kGuestPropertyService = "VBoxGuestPropSvc";

/// Thread-safe.
class GuestPropertyAccess {
 public:
  /// `file`: where properties are kept across runs; empty: nowhere.
  GuestPropertyAccess(host::ServiceHost& services, std::shared_ptr<EventHub> events,
                      std::filesystem::path file);
  ~GuestPropertyAccess();
  GuestPropertyAccess(const GuestPropertyAccess&) = delete;
  GuestPropertyAccess& operator=(const GuestPropertyAccess&) = delete;

  /// Attaches to the service; does nothing when attached already. Blocks. On failure `detail` gets
  /// a line for a person.
  Status attach(std::string& detail);
  /// Ends all waits and writes the file. Whoever asks for the manager attaches again. Blocks.
  void detach();
  /// As detach(), and unloads the service. Nobody attaches to it between the two, to wait for what
  /// a service that is gone never tells. Errors of ServiceHost::unload().
  Status unload();

  /// Attaches when the service has appeared meanwhile. HGCM_ERR_HGCM_SERVICE_NOT_FOUND. The
  /// manager stays valid while held, but knows no more of the service after unload().
  Result<std::shared_ptr<guestprop::PropertyManager>> manager();

  /// The machine was reset. Blocks.
  void on_reset();
  /// Writes what is outstanding. Blocks.
  Status flush(std::string& detail);

 private:
  Status attach_locked(std::string& detail);
  void detach_locked();

  host::ServiceHost& services_;
  const std::shared_ptr<EventHub> events_;
  const std::filesystem::path file_;

  std::mutex mutex_;  // protects manager_; held across attach and unload
  std::shared_ptr<guestprop::PropertyManager> manager_;
};

}  // namespace hgcm::control

#endif

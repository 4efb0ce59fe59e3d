// SPDX-License-Identifier: MIT
//
// The daemon's hold on the guest property service; see guest_property_access.h.
#include "vmmdevd/guest_property_access.h"

#include <utility>

namespace hgcm::control {

GuestPropertyAccess::GuestPropertyAccess(host::ServiceHost& services,
                                         std::shared_ptr<EventHub> events,
                                         std::filesystem::path file)
    : services_(services), events_(std::move(events)), file_(std::move(file)) {}

GuestPropertyAccess::~GuestPropertyAccess() {
  detach();
}

void GuestPropertyAccess::detach() {
  const std::lock_guard lock(mutex_);
  detach_locked();
}

Status GuestPropertyAccess::attach(std::string& detail) {
  const std::lock_guard lock(mutex_);
  return attach_locked(detail);
}

Status GuestPropertyAccess::attach_locked(std::string& detail) {
  if (manager_) {
    return {};
  }
  if (!services_.has_service(kGuestPropertyService)) {
    detail = "the service is not loaded";
    return HGCM_ERR_HGCM_SERVICE_NOT_FOUND;
  }
  auto manager =
      std::make_shared<guestprop::PropertyManager>(services_, std::string(kGuestPropertyService));
  if (const Status status = manager->attach(); status.failed()) {
    detail = "cannot attach to the service: " + status.to_string();
    return status;
  }
  if (!file_.empty()) {
    if (const Status status = manager->use_file(file_, &detail); status.failed()) {
      return status;
    }
  }
  manager->add_listener([events = events_](const guestprop::Change& change) {
    Json data = {{"name", change.property.name},
                 {"timestamp", change.property.timestamp},
                 {"deleted", change.deleted}};
    if (!change.deleted) {
      data["value"] = change.property.value;
      data["flags"] = change.property.flags;
    }
    if (change.missed) {
      data["missed"] = true;
    }
    events->emit(kEventPropertyChanged, std::move(data));
  });
  manager_ = std::move(manager);
  return {};
}

Status GuestPropertyAccess::unload() {
  const std::lock_guard lock(mutex_);
  detach_locked();
  return services_.unload(kGuestPropertyService);
}

void GuestPropertyAccess::detach_locked() {
  if (manager_) {
    manager_->detach();
    manager_.reset();
  }
}

Result<std::shared_ptr<guestprop::PropertyManager>> GuestPropertyAccess::manager() {
  const std::lock_guard lock(mutex_);
  std::string detail;
  if (const Status status = attach_locked(detail); status.failed()) {
    return failure(status);
  }
  return manager_;
}

void GuestPropertyAccess::on_reset() {
  std::shared_ptr<guestprop::PropertyManager> manager;
  {
    const std::lock_guard lock(mutex_);
    manager = manager_;
  }
  if (manager) {
    (void)manager->on_reset();
  }
}

Status GuestPropertyAccess::flush(std::string& detail) {
  std::shared_ptr<guestprop::PropertyManager> manager;
  {
    const std::lock_guard lock(mutex_);
    manager = manager_;
  }
  return manager ? manager->flush(&detail) : Status();
}

}  // namespace hgcm::control

// SPDX-License-Identifier: MIT
//
// See machine.h.
#include "loopback/machine.h"

#include <linux/vbox_vmmdev_types.h>

#include "loopback/session.h"

namespace hgcm::loopback {

class Machine::Impl {
 public:
  explicit Impl(const MachineOptions& options)
      : memory(options.memory),
        bar1(vmmdev::kMemoryBarSize),
        driver(memory),
        services(host::ServiceHostOptions{}),
        device(memory, driver.line(), services, bar1.bytes(), options.device),
        registry(driver) {}

  // Destroyed from the end: the device goes before what it uses.
  vmmdev::PlainGuestMemory memory;
  vmmdev::PlainGuestMemory bar1;
  GuestDriver driver;
  host::ServiceHost services;
  vmmdev::Device device;
  SessionRegistry registry;
};

Machine::Machine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Machine::~Machine() {
  impl_->device.detach();
}

Result<std::unique_ptr<Machine>> Machine::start(const MachineOptions& options,
                                                std::string* detail) {
  auto impl = std::make_unique<Impl>(options);
  for (const LoadedService& service : options.services) {
    if (const Status status = impl->services.load(service.name, service.path, detail);
        status.failed()) {
      return failure(status);
    }
  }
  if (const Status status = impl->driver.attach(impl->device); status.failed()) {
    if (detail != nullptr) {
      *detail = "the device refused the driver";
    }
    return failure(status);
  }
  return std::unique_ptr<Machine>(new Machine(std::move(impl)));
}

std::unique_ptr<Device> Machine::open(DeviceNode node, bool root) {
  const std::uint32_t requestor = VMMDEV_REQUESTOR_USERMODE |
                                  (root ? VMMDEV_REQUESTOR_USR_ROOT : VMMDEV_REQUESTOR_USR_USER) |
                                  (node == DeviceNode::kUser ? VMMDEV_REQUESTOR_USER_DEVICE : 0);
  return std::make_unique<Session>(impl_->driver, impl_->registry, requestor);
}

host::ServiceHost& Machine::services() noexcept {
  return impl_->services;
}
vmmdev::Device& Machine::device() noexcept {
  return impl_->device;
}
std::size_t Machine::used_pages() const {
  return impl_->driver.pages().used_pages();
}
std::vector<std::string> Machine::log_lines() const {
  return impl_->registry.log_lines();
}

}  // namespace hgcm::loopback

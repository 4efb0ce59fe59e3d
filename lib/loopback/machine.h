// SPDX-License-Identifier: MIT
//
// Machine: a guest machine in this process: RAM, the real VMMDev device model, the real service
// host with services loaded from shared objects, and a guest driver that opens as a Device. Tests
// run the same code over it as over a kernel's character device, in milliseconds and under
// sanitizers. It emulates a driver's ioctls, errno values and statuses (docs/protocol.md,
// "Character devices"); it does not emulate a processor, and holds no secrets from its user.
#ifndef HGCM_LOOPBACK_MACHINE_H
#define HGCM_LOOPBACK_MACHINE_H

#include "hgcm/service_host.h"
#include "vmmdev/device.h"

#include <hgcm/device.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace hgcm::loopback {

struct LoadedService {
  std::string name;
  std::filesystem::path path;
};

struct MachineOptions {
  std::vector<LoadedService> services;
  /// Guest RAM in bytes, at least 16 MiB; pages come into being when they are used.
  std::size_t memory = 128U << 20;
  vmmdev::DeviceConfig device{};
};

/// Thread-safe. Devices must be closed before their machine is destroyed.
class Machine {
 public:
  /// Loads the services and lets the driver initialise the device. `detail` is for a person.
  [[nodiscard]] static Result<std::unique_ptr<Machine>> start(const MachineOptions& options,
                                                              std::string* detail = nullptr);
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  /// Opens the driver like the node of that name. `root`: as a process of root.
  [[nodiscard]] std::unique_ptr<Device> open(DeviceNode node = DeviceNode::kPrivileged,
                                             bool root = true);

  [[nodiscard]] host::ServiceHost& services() noexcept;
  [[nodiscard]] vmmdev::Device& device() noexcept;
  /// Guest pages in use: the same before and after anything that does not leak.
  [[nodiscard]] std::size_t used_pages() const;
  /// What was written with the log ioctl.
  [[nodiscard]] std::vector<std::string> log_lines() const;

 private:
  class Impl;
  explicit Machine(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace hgcm::loopback

#endif

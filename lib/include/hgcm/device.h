// SPDX-License-Identifier: MIT
//
// Device: the boundary to the guest driver, one ioctl at a time, with the structures and numbers of
// <linux/vboxguest.h>. Everything else in the library is written against this interface, so that it
// runs over the kernel's character device as well as over a test's stand-in. It is not a place for
// policy: what a number means is known to the callers (hgcm/client.h, hgcm/driver.h).
#ifndef HGCM_DEVICE_H
#define HGCM_DEVICE_H

#include <hgcm/status.h>

#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>

namespace hgcm {

/// One open session with the guest driver. HGCM clients belong to the session they were connected
/// through and vanish with it. Both calls may be used from any number of threads at once.
class HGCM_API Device {
 public:
  Device() = default;
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;
  virtual ~Device();

  /// Performs one request on `data`, whose layout belongs to the number. Returns 0 when the driver
  /// dealt with it (the status of the operation is then in the header, and may be a failure) or
  /// -errno when it could not; then nothing in `data` has been changed. Never touches errno.
  virtual int ioctl(unsigned long request, void* data) noexcept = 0;

  /// As ioctl(), for the requests that wait with a time-out (HGCM call, wait for events): once
  /// `stop` is requested the wait ends promptly with a negative errno (-EINTR, -ETIMEDOUT or
  /// -ECANCELED). Requests that the driver does not let anybody interrupt run to their end.
  /// This default asks only before the request begins; devices that can do better override it.
  virtual int stoppable_ioctl(unsigned long request, void* data,
                              const std::stop_token& stop) noexcept;
};

/// Which character device to open.
enum class DeviceNode {
  kAny,         ///< /dev/vboxguest, and /dev/vboxuser where that one is missing or refused
  kPrivileged,  ///< /dev/vboxguest only
  kUser         ///< /dev/vboxuser only
};

struct OpenOptions {
  DeviceNode node = DeviceNode::kAny;
  /// Where the nodes are; and where to look for the reason when there are none.
  std::filesystem::path device_directory = "/dev";
  std::filesystem::path sysfs_directory = "/sys";
};

/// Opens the guest driver. Failures: FILE_NOT_FOUND (no such node), ACCESS_DENIED, NOT_SUPPORTED (a
/// node that is no driver, or a driver of another interface version), others as
/// Status::from_errno() has them. `detail`, if given, is then set to one or two sentences for a
/// person: what is missing and what to do about it.
[[nodiscard]] HGCM_API Result<std::unique_ptr<Device>> open_device(const OpenOptions& options = {},
                                                                   std::string* detail = nullptr);

/// A stop request reaches a thread that waits in the kernel as a real-time signal sent to just that
/// thread. The library takes, at the first call with a stop token, the highest real-time signal
/// whose action is still the default. This chooses another one; it must be called before that
/// first call and fails afterwards with WRONG_ORDER, with INVALID_PARAMETER for a number that is
/// no real-time signal, with RESOURCE_BUSY for a signal that already has a handler.
HGCM_API Status set_interrupt_signal(int signal_number) noexcept;

}  // namespace hgcm

#endif

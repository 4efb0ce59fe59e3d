// SPDX-License-Identifier: MIT
//
// Backend: joins the vfio-user server to the device model, register window by register window, and
// reports the guest's coming and going as control events. It holds no device state of its own.
#ifndef HGCM_VMMDEVD_BACKEND_H
#define HGCM_VMMDEVD_BACKEND_H

#include "hgcm/service_host.h"
#include "vfio-user/server.h"
#include "vmmdev/device.h"
#include "vmmdevd/control/events.h"
#include "vmmdevd/options.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

namespace hgcm::vmmdevd {

inline constexpr unsigned kPortBar = 0;
inline constexpr unsigned kMemoryBar = 1;
inline constexpr unsigned kRequestBar = 3;

/// The PCI function that the server offers, as `options` want it.
[[nodiscard]] vfio_user::Options server_options(const Options& options);

/// All members run on the server's thread; references must outlive the server.
class Backend final : public vfio_user::DeviceBackend {
 public:
  /// `on_reset` runs on the server's thread after each reset of the machine and must not block.
  Backend(vmmdev::Device& device, host::ServiceHost& services,
          std::shared_ptr<control::EventHub> events, std::function<void()> on_reset);

  void bar_read(unsigned bar, std::uint64_t offset, std::span<std::byte> out) noexcept override;
  void bar_write(unsigned bar, std::uint64_t offset,
                 std::span<const std::byte> in) noexcept override;
  void attach() noexcept override;
  void reset() noexcept override;
  void detach() noexcept override;

 private:
  void look_for_guest() noexcept;

  vmmdev::Device& device_;
  host::ServiceHost& services_;
  const std::shared_ptr<control::EventHub> events_;
  const std::function<void()> on_reset_;
  bool guest_ready_ = false;
};

}  // namespace hgcm::vmmdevd

#endif

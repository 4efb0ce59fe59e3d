// SPDX-License-Identifier: MIT
//
// InterruptLine: how the device model interrupts the guest, whatever carries it (INTx or MSI).
#ifndef HGCM_VMMDEV_INTERRUPT_LINE_H
#define HGCM_VMMDEV_INTERRUPT_LINE_H

namespace hgcm::vmmdev {

/// All members may be called from any thread and never block on the guest.
class InterruptLine {
 public:
  InterruptLine() = default;
  InterruptLine(const InterruptLine&) = delete;
  InterruptLine& operator=(const InterruptLine&) = delete;
  virtual ~InterruptLine() = default;

  /// Drives the level of the device's interrupt. With INTx the guest sees the level until it is
  /// lowered; where the guest enabled MSI, each low-to-high change sends one message.
  virtual void set_level(bool asserted) noexcept = 0;

  /// Sends one message irrespective of the level. False: MSI is not enabled, nothing was sent.
  virtual bool send_message() noexcept = 0;
};

}  // namespace hgcm::vmmdev

#endif

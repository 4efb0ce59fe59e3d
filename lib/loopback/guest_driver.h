// SPDX-License-Identifier: MIT
//
// GuestDriver: the part of a guest's VMMDev driver that talks to the device: it initialises it,
// submits requests, waits for HGCM completions, cancels, acknowledges events. It follows the
// protocol as docs/protocol.md tells it, over a simulated guest memory. It knows no ioctls; those
// are the loopback session's (session.h).
#ifndef HGCM_LOOPBACK_GUEST_DRIVER_H
#define HGCM_LOOPBACK_GUEST_DRIVER_H

#include "loopback/page_pool.h"
#include "vmmdev/device.h"
#include "vmmdev/plain_guest_memory.h"

#include <hgcm/status.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

namespace hgcm::loopback {

/// One parameter of a call on its way to the device. Buffers are bounced through guest pages as the
/// stock driver does it.
struct CallParameter {
  std::uint32_t type = 0;           ///< VMMDEV_HGCM_PARM_TYPE_: 1, 2, 4, 5 or 6
  std::uint64_t value = 0;          ///< of types 1 and 2
  std::span<std::byte> buffer{};    ///< of the others
  std::uint32_t reported_size = 0;  ///< what the request says about the buffer afterwards
};

struct WaitLimit {
  /// Empty: no limit.
  std::optional<std::chrono::milliseconds> timeout;
  std::stop_token stop;
};

/// Thread-safe.
class GuestDriver final : private vmmdev::InterruptLine {
 public:
  /// `memory` must outlive the driver. The device is attached afterwards: it needs the line first.
  explicit GuestDriver(vmmdev::PlainGuestMemory& memory);

  [[nodiscard]] vmmdev::InterruptLine& line() noexcept { return *this; }
  /// The probe sequence of a driver; the failed request's status.
  Status attach(vmmdev::Device& device);

  /// Submits a synchronous request: a whole VMMDev request, header included, updated in place.
  /// -ENOMEM, or 0 whatever the request's status is.
  int submit(std::span<std::byte> request);

  /// `status` gets the host's result. 0 or -ENOMEM. Neither can be interrupted.
  int connect(std::span<const char, 128> service, std::uint32_t requestor, std::uint32_t& client_id,
              Status& status);
  int disconnect(std::uint32_t client_id, std::uint32_t requestor, Status& status);

  /// 0 and `status`, with parameters updated; -ETIMEDOUT or -EINTR after a successful cancel, with
  /// nothing updated; -ENOMEM.
  int call(std::uint32_t client_id, std::uint32_t function, std::uint32_t requestor,
           std::span<CallParameter> parameters, const WaitLimit& limit, Status& status);

  /// Waits for any of `events`, and takes what there is. 0, -ETIMEDOUT or -EINTR.
  int wait_for_events(std::uint32_t events, const WaitLimit& limit, std::uint32_t& taken);
  /// The union of the sessions' wishes; the driver's own events are added.
  void set_event_filter(std::uint32_t events);

  [[nodiscard]] const PagePool& pages() const noexcept { return pages_; }

 private:
  class Block;
  enum class WaitEnd { kReady, kTimeout, kStopped };

  void set_level(bool asserted) noexcept override;
  bool send_message() noexcept override { return false; }

  void write_register(const Block& block) noexcept;
  void prepare(Block& block, std::uint32_t type, std::uint32_t requestor) const noexcept;
  /// Waits until ready() holds, which is asked under the lock, and serves interrupts meanwhile.
  template <typename Ready>
  WaitEnd wait_until(Ready ready, const WaitLimit& limit);
  bool cancel(const Block& block, Status& status);
  int perform(Block& block, std::uint32_t type, std::uint32_t requestor, const WaitLimit& limit,
              Status& status);

  vmmdev::PlainGuestMemory& memory_;
  PagePool pages_;
  vmmdev::Device* device_ = nullptr;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool level_ = false;                // guarded by mutex_
  std::uint32_t pending_events_ = 0;  // guarded by mutex_
};

}  // namespace hgcm::loopback

#endif

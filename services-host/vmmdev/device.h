// SPDX-License-Identifier: MIT
//
// The VMMDev device model: requests, events and HGCM transport of VirtualBox's VMMDev PCI device,
// behind three register windows (BAR0 ports, BAR1 memory, BAR3 request registers). It knows a
// GuestMemory, an InterruptLine and a ServiceHost, not where they come from, so the same model runs
// under QEMU and, in tests and fuzzers, in-process on a plain buffer.
#ifndef HGCM_VMMDEV_DEVICE_H
#define HGCM_VMMDEV_DEVICE_H

#include "hgcm/service_host.h"
#include "vmmdev/guest_memory.h"
#include "vmmdev/interrupt_line.h"

#include <hgcm/status.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hgcm::vmmdev {

class Balloon;
class CpuHotPlug;
class Credentials;
class DeviceObserver;
class Displays;
class Pointer;

inline constexpr std::uint16_t kPciVendor = 0x80ee;
inline constexpr std::uint16_t kPciDevice = 0xcafe;
inline constexpr std::size_t kPortBarSize = 0x20;        // BAR0
inline constexpr std::size_t kMemoryBarSize = 0x400000;  // BAR1
inline constexpr std::size_t kRequestBarSize = 0x1000;   // BAR3

struct DeviceConfig {
  /// Reported by request 4.
  std::uint16_t version_major = 7;
  std::uint16_t version_minor = 2;
  std::uint32_t version_build = 2;
  std::uint32_t version_revision = 170484;

  /// How long a submission of an HGCM call may wait for its completion before the register write
  /// returns; zero means never. The actual time adapts to how fast each function has been.
  std::chrono::microseconds max_hold{200};
  /// Offer to acknowledge events by a register read (host feature bit 31).
  bool fast_acknowledge = true;
  /// Offer the event word (openhgcm/vmmdev_ext.h).
  bool event_word = true;
  /// Offer the submission ring (same place), which needs the event word.
  bool ring = true;
  /// Host memory for pending calls, per client category, in bytes.
  std::size_t heap_budget = 256U << 20;
  std::chrono::nanoseconds heartbeat_interval{std::chrono::seconds(2)};
  /// Stock Linux drivers send a heartbeat at each timer tick when this is on.
  bool heartbeat = false;

  /// Answer request 10, and let the guest follow the host's clock.
  bool host_time = true;
  /// Logon credentials stay when the guest has read them or is reset.
  bool keep_credentials = false;
  /// Hears what the guest tells; must outlive the device. None: nobody listens.
  DeviceObserver* observer = nullptr;

  /// Guest log lines (request 200); `line` has no line end and only printable text. Any thread.
  std::function<void(std::string_view line)> guest_log = {};
};

/// Exact counts since power on. Every number is one trapped access, message or call.
struct DeviceCounters {
  std::uint64_t port_writes = 0;
  std::uint64_t port_reads = 0;
  std::uint64_t memory_reads = 0;  ///< trapped reads of BAR1; mapped ones are not seen
  std::uint64_t memory_writes = 0;
  std::uint64_t request_bar_reads = 0;
  std::uint64_t request_bar_writes = 0;
  std::uint64_t interrupts_level = 0;    ///< low-to-high changes of the level
  std::uint64_t interrupts_message = 0;  ///< messages sent for the event word
  std::uint64_t ring_submissions = 0;    ///< calls that came without a trapped access
  std::uint64_t requests = 0;
  std::uint64_t requests_refused = 0;   ///< ignored, or answered with a failure status
  std::uint64_t hgcm_calls = 0;         ///< accepted by a service's queue
  std::uint64_t hgcm_calls_inline = 0;  ///< done before the submitting access returned
  std::uint64_t hgcm_calls_cancelled = 0;
  std::uint64_t hgcm_bytes_in = 0;  ///< guest to host, buffers only
  std::uint64_t hgcm_bytes_out = 0;
  std::uint64_t hgcm_copies = 0;  ///< buffers copied, in either direction
};

struct RequestCount {
  std::uint32_t type = 0;
  std::uint64_t count = 0;
};

/// What a part of the guest additions last reported about itself (request 59).
struct FacilityStatus {
  std::uint32_t facility = 0;  ///< VBoxGuestFacilityType
  std::uint32_t status = 0;    ///< VBoxGuestFacilityStatus; 0 inactive, 50 active
  std::uint32_t flags = 0;
  std::chrono::system_clock::time_point time = {};
};

/// A guest's report about its load (request 110). A number is valid when its bit of `valid` is set;
/// memory is in bytes, loads in percent.
struct GuestStatistics {
  std::uint32_t cpu = 0;  ///< 0 also for the whole machine
  std::uint32_t valid = 0;
  std::uint32_t cpu_idle = 0;    ///< bit 0
  std::uint32_t cpu_kernel = 0;  ///< bit 1
  std::uint32_t cpu_user = 0;    ///< bit 2, and so on
  std::uint32_t threads = 0;
  std::uint32_t processes = 0;
  std::uint32_t handles = 0;
  std::uint32_t memory_load = 0;
  std::uint64_t physical_total = 0;
  std::uint64_t physical_available = 0;
  std::uint64_t balloon = 0;
  std::uint64_t committed_total = 0;
  std::uint64_t kernel_total = 0;
  std::uint64_t kernel_paged = 0;
  std::uint64_t kernel_nonpaged = 0;
  std::uint64_t system_cache = 0;
  std::uint64_t page_file = 0;
  std::chrono::system_clock::time_point time = {};
};

struct RemoteDisplay {
  bool active = false;
  std::uint32_t level = 0;  ///< of experience: 0 (least) to 4 (full)
};

/// Thread-safe. Register accesses may come from any number of threads at once.
class Device {
 public:
  /// `bar1` is the backing of BAR1 (kMemoryBarSize bytes, page aligned, shared with the guest); all
  /// references must outlive the device. The device is in its power-on state afterwards.
  Device(GuestMemory& memory, InterruptLine& interrupt, host::ServiceHost& services,
         std::span<std::byte> bar1, DeviceConfig config);
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  /// BAR0. `width` is 1, 2 or 4 bytes.
  [[nodiscard]] std::uint32_t port_read(std::uint64_t offset, unsigned width) noexcept;
  void port_write(std::uint64_t offset, unsigned width, std::uint32_t value) noexcept;
  /// BAR1, trapped accesses; any width within the BAR.
  void memory_read(std::uint64_t offset, std::span<std::byte> out) noexcept;
  void memory_write(std::uint64_t offset, std::span<const std::byte> in) noexcept;
  /// BAR3. `width` is 4 or 8; others are ignored and read as ones.
  [[nodiscard]] std::uint64_t request_bar_read(std::uint64_t offset, unsigned width) noexcept;
  void request_bar_write(std::uint64_t offset, unsigned width, std::uint64_t value) noexcept;

  /// Machine reset: everything but the configuration returns to its power-on state; pending calls
  /// are dropped without a further write to guest memory. Register accesses that come meanwhile do
  /// nothing and read as ones. Waits for accesses and completions that are under way, and for
  /// ServiceHost::reset() (bounded): the caller holds no lock that GuestMemory or InterruptLine
  /// need. After detach() this attaches again.
  void reset();

  /// Guest memory is about to go away (client disconnected): as reset, and register accesses do
  /// nothing from now on. When this returns the device touches neither guest memory nor the
  /// interrupt until reset(), whatever services complete later.
  void detach();

  /// Everything of the device and its services that the guest can tell, for load_state(). The
  /// machine should stand still; register accesses wait meanwhile, and calls that services end for
  /// the sake of their state are submitted again. HGCM_ERR_INVALID_STATE: detached.
  Result<std::vector<std::byte>> save_state();
  /// Goes on from a saved state: pending calls are submitted again from guest memory, which must be
  /// what it was then, the session id is new, and the guest gets VMMDEV_EVENT_RESTORED. Nothing
  /// changes when the state is malformed; when a service refuses its part, its clients are gone.
  /// HGCM_ERR_INVALID_STATE: detached, or there is no guest memory. `before_calls` is called when
  /// services and device are restored, and no call of then is there again: for what the host keeps
  /// besides and calls may wait for. Not if this fails; it must not call the device.
  Status load_state(std::span<const std::byte> state,
                    const std::function<void()>& before_calls = {});

  /// Raises events (VMMDEV_EVENT_x bits) towards the guest. While the guest has not introduced
  /// itself they are kept; those outside its filter are kept too.
  void signal_events(std::uint32_t events) noexcept;

  [[nodiscard]] std::uint64_t session_id() const noexcept;
  [[nodiscard]] DeviceCounters counters() const noexcept;
  [[nodiscard]] std::vector<RequestCount> request_counts() const;

  struct GuestInfo {
    bool accepted = false;  ///< request 50 was accepted: the device is unlocked
    std::uint32_t interface_version = 0;
    std::uint32_t os_type = 0;
    std::string additions_version;  ///< name of request 58; empty when never reported
    std::uint32_t additions_revision = 0;
    std::uint32_t additions_features = 0;
    std::uint32_t capabilities = 0;
    bool event_word = false;           ///< the driver uses the event word
    bool ring = false;                 ///< the driver uses the submission ring
    std::uint32_t mouse_features = 0;  ///< guest-owned bits of request 2
    bool heartbeat = false;            ///< the guest sends heartbeats
    bool unresponsive = false;         ///< none came for two intervals
  };
  [[nodiscard]] GuestInfo guest_info() const;
  [[nodiscard]] std::vector<FacilityStatus> facilities() const;

  /// --- What the host can want of the guest. The guest is told by an event. ---

  [[nodiscard]] Pointer& pointer() noexcept;
  [[nodiscard]] Displays& displays() noexcept;
  [[nodiscard]] Credentials& credentials() noexcept;
  [[nodiscard]] CpuHotPlug& cpu_hot_plug() noexcept;
  [[nodiscard]] Balloon& balloon() noexcept;

  /// Windows of the guest between those of the host: the guest shall report its visible region.
  void set_seamless(bool on) noexcept;
  [[nodiscard]] bool seamless() const noexcept;
  /// Seconds between reports of the guest's load; 0: none.
  void set_statistics_interval(std::uint32_t seconds) noexcept;
  [[nodiscard]] std::uint32_t statistics_interval() const noexcept;
  /// The latest report since the last reset.
  [[nodiscard]] std::optional<GuestStatistics> statistics() const;
  /// HGCM_ERR_OUT_OF_RANGE: there is no such level.
  Status set_remote_display(RemoteDisplay state) noexcept;
  /// Difference of the time that guests are told from the host's own.
  void set_time_offset(std::chrono::milliseconds offset) noexcept;
  [[nodiscard]] std::chrono::milliseconds time_offset() const noexcept;
  /// Since 1970 UTC, with the offset.
  [[nodiscard]] std::chrono::milliseconds host_time() const;

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace hgcm::vmmdev

#endif

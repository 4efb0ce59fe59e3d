// SPDX-License-Identifier: MIT
//
// DeviceCore: what the request handlers work on. The parts that have a life of their own (events,
// HGCM transport) are classes with their own locks; plain state of the guest is GuestState.
#ifndef HGCM_VMMDEV_DEVICE_CORE_H
#define HGCM_VMMDEV_DEVICE_CORE_H

#include "vmmdev/balloon.h"
#include "vmmdev/counters.h"
#include "vmmdev/cpu_hot_plug.h"
#include "vmmdev/credentials.h"
#include "vmmdev/device.h"
#include "vmmdev/device_observer.h"
#include "vmmdev/dispatch.h"
#include "vmmdev/displays.h"
#include "vmmdev/events.h"
#include "vmmdev/facilities.h"
#include "vmmdev/guest_log.h"
#include "vmmdev/hgcm_transport.h"
#include "vmmdev/memory_bar.h"
#include "vmmdev/pointer.h"
#include "vmmdev/submission_ring.h"
#include "vmmdev/wanted_value.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

namespace hgcm::vmmdev {

/// What the guest has told about itself.
struct GuestState {
  std::uint32_t interface_version = 0;
  std::uint32_t os_type = 0;
  std::string additions_version;
  std::uint32_t additions_revision = 0;
  std::uint32_t additions_features = 0;
  std::uint32_t capabilities = 0;
  Facilities facilities;
  std::optional<GuestStatistics> statistics;
  /// Heartbeat as the guest wants it; survives a reset, unlike the timer.
  bool heartbeat_active = false;
  /// The timer: unset while it is stopped.
  std::optional<std::chrono::steady_clock::time_point> last_heartbeat;
};

/// What the host's side has said and the guest only reads.
struct HostState {
  RemoteDisplay remote_display;
  std::chrono::milliseconds time_offset{0};
};

struct DeviceState;

struct DeviceCore {
  DeviceCore(GuestMemory& guest_memory, InterruptLine& line, host::ServiceHost& services,
             std::span<std::byte> bar1, DeviceConfig device_config);

  /// Power-on state of everything but the configuration and the counters. No request may run.
  void power_on();
  /// A write to the request register.
  void submit_trapped(GuestAddress address) noexcept;
  /// Submits what is in the ring.
  /// True: there was something in it.
  bool take_ring(Submission how = Submission::ring) noexcept;
  /// Submits a pending HGCM command once more, from guest memory. One that turns out to be done
  /// already, or that cannot be submitted, is announced to the guest.
  void resubmit(GuestAddress address) noexcept;

  [[nodiscard]] DeviceState state() const;
  /// Everything but the pending commands and the services. No request may run. False, and nothing
  /// happens: the state is impossible.
  bool restore(const DeviceState& saved);

  [[nodiscard]] DeviceObserver& observer() const noexcept;
  /// What request 10 answers.
  [[nodiscard]] std::chrono::milliseconds host_time() const;

  /// The requestor word of a request as services may see it (protocol section 2.3).
  [[nodiscard]] std::uint32_t requestor(const Request& request) const noexcept;

  const DeviceConfig config;
  GuestMemory& memory;
  MemoryBar bar;
  SubmissionRing ring;
  Counters counters;
  Events events;
  Dispatcher dispatcher;
  GuestLog guest_log;
  Pointer pointer;
  Displays displays;
  Credentials credentials;
  CpuHotPlug cpu_hot_plug;
  Balloon balloon;
  WantedValue statistics_interval;
  WantedValue seamless;
  const std::shared_ptr<HgcmTransport> hgcm;

  std::atomic<std::uint64_t> session_id{0};
  /// Request 50 was accepted: all requests are processed.
  std::atomic<bool> unlocked{false};
  /// Request 58 said that requestor words are valid.
  std::atomic<bool> requestor_known{false};
  /// The HGCM bit has been put into the filter since reset.
  std::atomic<bool> hgcm_event_enabled{false};

  mutable std::mutex mutex;  // protects `guest` and `host`
  GuestState guest;
  HostState host;

 private:
  void submit(GuestAddress address, Submission submission) noexcept;
  void process(GuestAddress address, const RequestHeader& header, Submission submission) noexcept;
  [[nodiscard]] Status try_resubmit(GuestAddress address);
  Outcome dispatch(GuestAddress address, const RequestHeader& header, RequestBlock& block,
                   Submission submission);
};

}  // namespace hgcm::vmmdev

#endif

// SPDX-License-Identifier: MIT
//
// Context: what control commands act on. Filled by the daemon, or by a test.
#ifndef HGCM_VMMDEVD_CONTROL_CONTEXT_H
#define HGCM_VMMDEVD_CONTROL_CONTEXT_H

#include "hgcm/service_host.h"
#include "vmmdev/device.h"
#include "vmmdevd/control/events.h"
#include "vmmdevd/control/executor.h"
#include "vmmdevd/guest_property_access.h"
#include "vmmdevd/shared_folder_access.h"

#include <asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>

namespace hgcm::control {

/// All references must outlive every session and every job of the executor.
struct Context {
  asio::io_context& loop;
  Executor& executor;
  std::shared_ptr<EventHub> events;
  host::ServiceHost& services;
  vmmdev::Device& device;
  GuestPropertyAccess& properties;
  SharedFolderAccess& shares;
  /// Counters of what carries the device, as JSON; any thread.
  std::function<Json()> transport;
  /// Asks the daemon to end; any thread.
  std::function<void()> quit;
  /// What is known of the process that shared folders are confined to; null: there is none. Any
  /// thread.
  std::function<Json()> sandbox{};
  std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();
  /// After this a client of a worker command gets an error.
  std::chrono::milliseconds command_timeout{10'000};
};

}  // namespace hgcm::control

#endif

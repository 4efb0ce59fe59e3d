// SPDX-License-Identifier: MIT
//
// What all services of one host share: the clients, what phase the machine is in, and the functions
// of the host's owner, which services can still ask for when the owner is gone.
#ifndef HGCM_HOST_CORE_H
#define HGCM_HOST_CORE_H

#include "hgcm/client_table.h"
#include "hgcm/service_host.h"

#include <atomic>
#include <mutex>
#include <shared_mutex>
#include <string_view>

namespace hgcm::host {

/// Thread-safe.
class Core {
 public:
  explicit Core(ServiceHostOptions host_options) : options(std::move(host_options)) {}

  ClientTable clients;
  std::atomic<bool> resetting{false};
  std::atomic<bool> saving{false};
  const ServiceHostOptions options;

  void log(LogLevel level, std::string_view line) noexcept {
    const std::shared_lock lock(owner_mutex_);
    if (!owner_present_ || !options.log) return;
    try {
      options.log(level, line);
    } catch (...) {
      // There is nobody left to tell.
    }
  }

  [[nodiscard]] std::uint64_t session_id() noexcept {
    const std::shared_lock lock(owner_mutex_);
    if (!owner_present_ || !options.session_id) return UINT64_MAX;
    try {
      return options.session_id();
    } catch (...) {
      return UINT64_MAX;
    }
  }

  // Whoever holds `looking` may use `source`.
  std::mutex looking;
  CallSource* source = nullptr;

  /// The owner goes away: waits until none of its functions is running, then calls none any more.
  void forget_owner() noexcept {
    const std::lock_guard lock(owner_mutex_);
    owner_present_ = false;
  }

 private:
  std::shared_mutex owner_mutex_;
  bool owner_present_ = true;  // under owner_mutex_
};

}  // namespace hgcm::host

#endif

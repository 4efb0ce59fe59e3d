// SPDX-License-Identifier: MIT
//
// ConfinedFolders: has the shared folder service run in a process of its own, as --sandbox says
// (services-host/sandbox).
#ifndef HGCM_VMMDEVD_CONFINED_FOLDERS_H
#define HGCM_VMMDEVD_CONFINED_FOLDERS_H

#include "hgcm/service_host.h"
#include "sandbox/sandbox.h"
#include "vfio-user/server.h"
#include "vmmdevd/control/protocol.h"
#include "vmmdevd/options.h"

#include <filesystem>
#include <memory>
#include <mutex>
#include <string_view>

namespace hgcm::vmmdevd {

/// Thread-safe, but for use_memory_of().
class ConfinedFolders {
 public:
  explicit ConfinedFolders(const Options& options) : options_(options) {}

  /// Before the first guest: whose memory calls refer to. It must outlive all services.
  void use_memory_of(const vfio_user::Server& server) { server_ = &server; }

  /// For ServiceHostOptions::entry_for.
  host::LoadEntry entry_for(std::string_view name, const std::filesystem::path& library);

  /// What the sandbox has done; null without one.
  [[nodiscard]] control::Json statistics() const;

 private:
  [[nodiscard]] bool applies_to(std::string_view name, const std::filesystem::path& library) const;

  const Options& options_;
  const vfio_user::Server* server_ = nullptr;
  mutable std::mutex mutex_;
  std::weak_ptr<sandbox::Sandbox> current_;  // under mutex_
};

}  // namespace hgcm::vmmdevd

#endif

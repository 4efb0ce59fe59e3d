// SPDX-License-Identifier: MIT
//
// The shared object of a service: finding it, mapping it, its one symbol. Libraries of abandoned
// services stay mapped and are remembered, so that nothing enters them a second time.
#ifndef HGCM_HOST_SERVICE_LIBRARY_H
#define HGCM_HOST_SERVICE_LIBRARY_H

#include <hgcm/service_abi.h>
#include <hgcm/status.h>

#include <atomic>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace hgcm::host {

/// 1..127 bytes, no NUL, no slash.
[[nodiscard]] bool is_service_name(std::string_view name) noexcept;
/// A name that a guest may have loaded: [A-Za-z0-9_-] only.
[[nodiscard]] bool is_plain_service_name(std::string_view name) noexcept;

/// NAME.so in the first of the directories that has it; empty when none does.
[[nodiscard]] std::filesystem::path find_service_library(
    std::string_view name, std::span<const std::filesystem::path> directories);

/// One thread at a time, except for abandon(): the thread that opens may hang in the loader.
class ServiceLibrary {
 public:
  ServiceLibrary() = default;
  ServiceLibrary(const ServiceLibrary&) = delete;
  ServiceLibrary& operator=(const ServiceLibrary&) = delete;
  ~ServiceLibrary() { close(); }

  /// HGCM_ERR_FILE_NOT_FOUND, _BAD_EXE_FORMAT, _SYMBOL_NOT_FOUND, or _RESOURCE_BUSY for a library
  /// that was abandoned; `detail` says why.
  Status open(const std::filesystem::path& path, std::string& detail);
  [[nodiscard]] hgcm_svc_load_fn entry() const noexcept { return entry_; }

  void close() noexcept;
  /// Leaves the library mapped for good.
  void abandon() noexcept;

 private:
  std::atomic<void*> handle_{nullptr};
  hgcm_svc_load_fn entry_ = nullptr;
};

}  // namespace hgcm::host

#endif

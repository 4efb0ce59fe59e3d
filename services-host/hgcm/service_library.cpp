// SPDX-License-Identifier: MIT
//
// The shared object of a service: see the header.
#include "hgcm/service_library.h"

#include <dlfcn.h>

#include <algorithm>
#include <mutex>
#include <system_error>
#include <vector>

namespace hgcm::host {
namespace {

/// The guest's field for a name is 128 bytes including the end.
constexpr std::size_t kMaxNameLength = 127;

struct AbandonedLibraries {
  std::mutex mutex;
  std::vector<void*> handles;
};

AbandonedLibraries& abandoned() {
  static auto& libraries = *new AbandonedLibraries;
  return libraries;
}

bool is_abandoned(void* handle) {
  const std::lock_guard lock(abandoned().mutex);
  const auto& handles = abandoned().handles;
  return std::find(handles.begin(), handles.end(), handle) != handles.end();
}

}  // namespace

bool is_service_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= kMaxNameLength &&
         name.find_first_of(std::string_view("/\0", 2)) == std::string_view::npos;
}

bool is_plain_service_name(std::string_view name) noexcept {
  return is_service_name(name) && std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-';
         });
}

std::filesystem::path find_service_library(std::string_view name,
                                           std::span<const std::filesystem::path> directories) {
  for (const auto& directory : directories) {
    std::filesystem::path candidate = directory / (std::string(name) + ".so");
    std::error_code error;
    if (std::filesystem::is_regular_file(candidate, error)) return candidate;
  }
  return {};
}

Status ServiceLibrary::open(const std::filesystem::path& path, std::string& detail) {
  // A path without a slash would make the loader search its own directories.
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  if (error || !std::filesystem::is_regular_file(absolute, error)) {
    detail = "no such file: " + path.string();
    return HGCM_ERR_FILE_NOT_FOUND;
  }
  void* const handle = dlopen(absolute.c_str(), RTLD_NOW | RTLD_LOCAL);
  handle_.store(handle);
  if (handle == nullptr) {
    const char* const text = dlerror();
    detail = text != nullptr ? text : "cannot be loaded: " + path.string();
    return HGCM_ERR_BAD_EXE_FORMAT;
  }
  if (is_abandoned(handle)) {
    close();
    detail = path.string() + " still runs in a service thread that had to be abandoned";
    return HGCM_ERR_RESOURCE_BUSY;
  }
  entry_ = reinterpret_cast<hgcm_svc_load_fn>(dlsym(handle, HGCM_SVC_LOAD_NAME));
  if (entry_ == nullptr) {
    close();
    detail = path.string() + " has no symbol " HGCM_SVC_LOAD_NAME;
    return HGCM_ERR_SYMBOL_NOT_FOUND;
  }
  return HGCM_INF_SUCCESS;
}

void ServiceLibrary::close() noexcept {
  entry_ = nullptr;
  if (void* const handle = handle_.exchange(nullptr); handle != nullptr) dlclose(handle);
}

void ServiceLibrary::abandon() noexcept {
  void* const handle = handle_.exchange(nullptr);
  if (handle == nullptr) return;
  try {
    const std::lock_guard lock(abandoned().mutex);
    abandoned().handles.push_back(handle);
  } catch (const std::exception&) {
    // Not remembered, but still mapped: a second load would run beside the hung thread.
  }
}

}  // namespace hgcm::host

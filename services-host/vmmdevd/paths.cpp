// SPDX-License-Identifier: MIT
//
// Default places; see paths.h.
#include "vmmdevd/paths.h"

#include <cstdlib>
#include <system_error>

namespace hgcm::vmmdevd {

namespace fs = std::filesystem;

fs::path runtime_directory() {
  const char* base = std::getenv("XDG_RUNTIME_DIR");
  if (base != nullptr && *base == '/') {
    return fs::path(base) / "openhgcm";
  }
  return "/run/openhgcm";
}

fs::path default_control_socket() {
  return runtime_directory() / "control";
}

fs::path default_device_socket() {
  return runtime_directory() / "device";
}

std::vector<fs::path> default_service_directories() {
  std::error_code error;
  const fs::path executable = fs::read_symlink("/proc/self/exe", error);
  std::vector<fs::path> found;
  if (error) {
    return found;
  }
  const fs::path prefix = executable.parent_path().parent_path();
  for (const char* candidate : {"services", "lib/openhgcm/services"}) {
    if (fs::path directory = prefix / candidate; fs::is_directory(directory, error)) {
      found.push_back(std::move(directory));
    }
  }
  return found;
}

fs::path sandbox_program() {
  std::error_code error;
  const fs::path directory = fs::read_symlink("/proc/self/exe", error).parent_path();
  for (const fs::path& candidate :
       {directory / "vmmdevd-sandbox", directory.parent_path() / "lib/openhgcm/vmmdevd-sandbox"}) {
    if (!error && fs::is_regular_file(candidate, error)) {
      return candidate;
    }
    error.clear();
  }
  return {};
}

}  // namespace hgcm::vmmdevd

// SPDX-License-Identifier: MIT
//
// Sandboxes for tests: programs and services of the build that the running test belongs to.
#ifndef HGCM_TESTS_SANDBOX_SUPPORT_H
#define HGCM_TESTS_SANDBOX_SUPPORT_H

#include <filesystem>
#include <string>
#include <string_view>

#include "../sdk/mini_host.h"
#include "sandbox/sandbox.h"
#include "shared-folders/protocol.h"

namespace hgcm::sandbox::test {

inline std::filesystem::path of_build(std::string_view path) {
  // build/[variant/]tests/NAME
  return std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path() / path;
}

inline GuestFile shared_pages(const void* address) {
  const auto pages = hgcm::test::SharedPages::find(address);
  return pages == nullptr ? GuestFile{} : GuestFile{pages, pages->fd, 0, pages->bytes};
}

inline SandboxOptions options_for(std::string_view library) {
  SandboxOptions options;
  options.program = of_build("bin/vmmdevd-sandbox");
  options.library = of_build(library);
  options.guest_file = shared_pages;
  return options;
}

/// As vmmdevd has it.
inline SandboxOptions folders() {
  SandboxOptions options = options_for("services/VBoxSharedFolders.so");
  options.shares = true;
  options.remembered = {shfl::kQueryMappings, shfl::kMapFolder, shfl::kUnmapFolder, shfl::kSetUtf8,
                        shfl::kSetSymlinks};
  return options;
}

}  // namespace hgcm::sandbox::test

#endif

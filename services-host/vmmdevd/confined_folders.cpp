// SPDX-License-Identifier: MIT
//
// See confined_folders.h.
#include "vmmdevd/confined_folders.h"

#include "shared-folders/protocol.h"
#include "vmmdevd/log.h"
#include "vmmdevd/paths.h"
#include "vmmdevd/shared_folder_access.h"

#include <algorithm>
#include <string>
#include <utility>

namespace hgcm::vmmdevd {
namespace {

using sandbox::Sandbox;
using sandbox::SandboxOptions;

void log_line(SandboxOptions::LogLevel level, const std::string& line) {
  log::write(level == SandboxOptions::LogLevel::kError ? log::Level::kError : log::Level::kInfo,
             "shared folders", {{"message", line}});
}

}  // namespace

/// A library that is not ours may want more of its process than we leave it.
bool ConfinedFolders::applies_to(std::string_view name,
                                 const std::filesystem::path& library) const {
  if (options_.sandbox == SandboxMode::kOff || name != control::kSharedFolderService) {
    return false;
  }
  return options_.sandbox == SandboxMode::kOn ||
         std::ranges::find(options_.service_directories, library.parent_path()) !=
             options_.service_directories.end();
}

host::LoadEntry ConfinedFolders::entry_for(std::string_view name,
                                           const std::filesystem::path& library) {
  if (!applies_to(name, library)) {
    return {};
  }
  SandboxOptions options;
  options.program = sandbox_program();
  options.library = std::filesystem::absolute(library);
  options.shares = true;
  options.remembered = {shfl::kQueryMappings, shfl::kMapFolderOld, shfl::kUnmapFolder,
                        shfl::kSetUtf8,       shfl::kMapFolder,    shfl::kSetSymlinks,
                        shfl::kSetErrorStyle};
  options.log = log_line;
  options.guest_file = [server = server_](const void* address) -> sandbox::GuestFile {
    auto mapping = server->guest_file(address);
    if (mapping == nullptr) {
      return {};
    }
    const int fd = mapping->fd();
    const std::uint64_t offset = mapping->file_offset();
    const auto bytes = mapping->bytes();
    return {std::move(mapping), fd, offset, bytes};
  };
  std::string detail = "there is no vmmdevd-sandbox";
  std::shared_ptr<Sandbox> sandbox;
  if (!options.program.empty()) {
    sandbox = Sandbox::start(std::move(options), detail);
  }
  if (sandbox == nullptr) {
    if (options_.sandbox == SandboxMode::kOn) {
      log::error("shared folders cannot be confined", {{"reason", detail}});
      return [](hgcm_svc_table* /*table*/) -> std::int32_t { return HGCM_ERR_PERMISSION_DENIED; };
    }
    log::warning("shared folders are served by this process, not by a confined one",
                 {{"reason", detail}});
    return {};
  }
  {
    const std::lock_guard lock(mutex_);
    current_ = sandbox;
  }
  log::info("shared folders are confined", {{"process", sandbox->process()}});
  return [sandbox](hgcm_svc_table* table) { return sandbox->load(table); };
}

control::Json ConfinedFolders::statistics() const {
  std::shared_ptr<Sandbox> sandbox;
  {
    const std::lock_guard lock(mutex_);
    sandbox = current_.lock();
  }
  if (sandbox == nullptr) {
    return nullptr;
  }
  const sandbox::SandboxCounters counters = sandbox->counters();
  return {
      {"process", sandbox->process()},           {"processes-started", counters.processes},
      {"messages-sent", counters.messages_sent}, {"messages-received", counters.messages_received},
      {"bytes-sent", counters.bytes_sent},       {"bytes-received", counters.bytes_received}};
}

}  // namespace hgcm::vmmdevd

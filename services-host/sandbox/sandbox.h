// SPDX-License-Identifier: MIT
//
// Sandbox: a service that runs in a process of its own (runner.h), and that looks to its host like
// any other. Entry points send a message; those that have an answer wait for it. Calls are
// completed by a thread that reads what the process sends. Of guest pages the process is told the
// places.
//
// When the process dies, calls that are under way end with HGCM_ERR_DEV_IO_ERROR. The next entry
// starts another one, at most one a second, and tells it what it has to know: shares, clients, and
// of these what the process last said it would save. So clients stay, and find their handles gone.
#ifndef HGCM_SANDBOX_SANDBOX_H
#define HGCM_SANDBOX_SANDBOX_H

#include <hgcm/service_abi.h>
#include <hgcm/status.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "sandbox/channel.h"
#include "sandbox/directories.h"
#include "sandbox/message.h"
#include "sandbox/parameters.h"
#include "sandbox/process.h"

namespace hgcm::sandbox {

/// Memory of the guest: a piece of a file that this process has mapped.
struct GuestFile {
  std::shared_ptr<const void> mapping;  ///< one for each mapping; while it lives, so does the rest
  int fd = -1;
  std::uint64_t offset = 0;  ///< of the mapping in the file
  std::span<const std::byte> bytes;
};

struct SandboxOptions {
  std::filesystem::path program;  ///< vmmdevd-sandbox
  std::filesystem::path library;  ///< the service
  /// The guest memory that an address of this process lies in; an empty mapping if there is none.
  /// Service thread.
  std::function<GuestFile(const void* address)> guest_file;
  /// Its host functions are those of shared folders.
  bool shares = false;
  /// Functions after which a client's state is other than before.
  std::vector<std::uint32_t> remembered;
  enum class LogLevel { kInfo, kError };
  std::function<void(LogLevel, const std::string&)> log;
  /// For the process to answer, or to take a message; then it is killed.
  std::chrono::milliseconds patience{15000};
};

struct SandboxCounters {
  std::uint64_t processes = 0;  ///< started
  std::uint64_t messages_sent = 0;
  std::uint64_t messages_received = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_received = 0;
};

class Sandbox {
 public:
  /// Starts the process and loads the service in it. Null: `detail` says why.
  static std::shared_ptr<Sandbox> start(SandboxOptions options, std::string& detail);
  explicit Sandbox(SandboxOptions options);
  ~Sandbox();
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;

  /// As the load entry of a service. This object must stay until its unload entry has returned.
  std::int32_t load(hgcm_svc_table* table);

  /// Any thread.
  [[nodiscard]] SandboxCounters counters() const noexcept;
  /// Of the process there is now; -1: none.
  [[nodiscard]] pid_t process() const noexcept { return pid_.load(); }

 private:
  struct PendingCall {
    hgcm_svc_call_handle handle = nullptr;
    std::uint32_t client = 0;
    hgcm_svc_parm* parameters = nullptr;
    std::vector<hgcm_svc_parm> given;
  };
  struct Client {
    std::uint32_t requestor = 0;
    bool known = false;             // to the process there is now
    std::vector<std::byte> record;  // what it would save; empty: nothing yet
  };
  struct Region {
    std::uint32_t id = 0;
    std::weak_ptr<const void> mapping;
    std::span<const std::byte> bytes;
  };
  struct Answer {
    Status status;
    std::vector<std::byte> contents;
  };
  struct Limits {
    std::array<std::uint32_t, HGCM_SVC_CATEGORY_COUNT> clients{};
    std::array<std::uint32_t, HGCM_SVC_CATEGORY_COUNT> calls{};
    std::uint32_t legacy_category = 0;
  };

  bool launch(std::string& detail);
  void end_process() noexcept;
  bool alive();
  bool restore_all();
  bool restore_client(std::uint32_t id, Client& client);

  bool send(Kind kind, std::uint64_t token, const Writer& contents, int fd = -1);
  std::optional<Answer> ask(Kind kind, const Writer& contents);
  std::optional<Answer> wait(std::uint64_t token);
  void receive_all();
  void watch(pid_t pid);
  void take_done(const Channel::Message& message);
  void fail_pending();
  void complete(const PendingCall& call, Status status) noexcept;
  void log(SandboxOptions::LogLevel level, const std::string& line) const;

  std::optional<Place> locate(const void* address, std::uint32_t bytes);
  void drop_regions();

  // The service's entry points.
  Status unload();
  Status connect(std::uint32_t client, std::uint32_t requestor, bool restoring);
  Status disconnect(std::uint32_t client);
  void call(hgcm_svc_call_handle handle, std::uint32_t client, std::uint32_t function,
            std::span<hgcm_svc_parm> parameters, std::uint64_t arrival);
  void cancelled(std::uint32_t client);
  Status host_call(std::uint32_t function, std::span<hgcm_svc_parm> parameters);
  Status forward_host_call(std::uint32_t function, std::span<hgcm_svc_parm> parameters);
  Status save(std::uint32_t client, hgcm_svc_ssm* stream);
  Status load_client(std::uint32_t client, hgcm_svc_ssm* stream, std::uint32_t version);
  void notify(int event);
  struct Entries;

  const SandboxOptions options_;
  hgcm_svc_helpers* helpers_ = nullptr;

  // The thread that starts it, then the service thread.
  std::unique_ptr<Channel> channel_;
  std::thread receiver_;
  std::uint64_t next_token_ = 1;
  std::chrono::steady_clock::time_point launched_{};
  Limits limits_;
  std::uint32_t next_region_ = 1;
  std::vector<Region> regions_;  // that the process knows
  Directories directories_;
  std::atomic<bool> unloaded_{false};

  std::atomic<pid_t> pid_{-1};

  std::mutex mutex_;
  std::condition_variable changed_;
  bool gone_ = true;                                        // under mutex_
  std::optional<std::pair<std::uint64_t, Answer>> answer_;  // under mutex_
  std::unordered_map<std::uint64_t, PendingCall> calls_;    // under mutex_
  std::map<std::uint32_t, Client> clients_;                 // under mutex_

  std::atomic<std::uint64_t> processes_{0};
  std::atomic<std::uint64_t> messages_sent_{0};
  std::atomic<std::uint64_t> messages_received_{0};
  std::atomic<std::uint64_t> bytes_sent_{0};
  std::atomic<std::uint64_t> bytes_received_{0};
};

}  // namespace hgcm::sandbox

#endif

// SPDX-License-Identifier: MIT
//
// Changes: tells guests what others change below a share; the service's side of the extension in
// kmod/include/openhgcm/shfl_ext.h, by one inotify instance for all clients. What a client changes
// by its own calls is kept from it: those calls announce the paths they touch, and for a moment
// (kOwnChange) nothing about these paths is reported to that client. So a change that somebody else
// makes to the very same object within that moment goes unreported too, and one's own is reported
// if the host takes longer than that to tell of it, or when somebody has renamed a directory on the
// way to it since it was watched.
#ifndef HGCM_SHARED_FOLDERS_CHANGES_H
#define HGCM_SHARED_FOLDERS_CHANGES_H

#include <hgcm/service.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "shared-folders/access.h"
#include "shared-folders/descriptor.h"

struct inotify_event;

namespace hgcm::shfl {

/// Thread-safe. Waits are completed on a thread of its own, or on that of the caller who ends them.
class Changes {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::size_t kMaxWatches = 16384;                  ///< for each client
  static constexpr std::size_t kMaxQueued = std::size_t{256} << 10;  ///< bytes of records
  static constexpr std::size_t kMinBuffer = 4096;
  static constexpr std::chrono::milliseconds kOwnChange{500};

  Changes() = default;
  ~Changes();
  Changes(const Changes&) = delete;
  Changes& operator=(const Changes&) = delete;

  /// The id of the watch. HGCM_ERR_OUT_OF_RESOURCES, or what a lookup fails with.
  Result<std::uint32_t> watch(std::uint32_t client, const Access& access, std::string path,
                              std::uint32_t mask);
  /// HGCM_ERR_INVALID_HANDLE: no such watch.
  Status unwatch(std::uint32_t client, std::uint32_t root, std::uint32_t id);
  /// Completes `call` when there are records. HGCM_ERR_INVALID_STATE: one waits already.
  void wait(std::uint32_t client, std::uint32_t root, service::Call call, service::Buffer buffer,
            service::InOut<std::uint32_t> size);
  void cancel_wait(std::uint32_t client, std::uint32_t root);
  /// Ends the waits that the guest has given up.
  void drop_cancelled();
  /// Forgets all of a client's watches, or those of everybody in a share; ends their waits.
  void drop_client(std::uint32_t client);
  void drop_mapping(std::uint32_t client, std::uint32_t root);
  void drop_root(std::uint32_t root);

  /// A call of the client that changes the object of this path, while it lives and for a moment
  /// longer.
  class Own {
   public:
    Own() = default;
    Own(Own&& other) noexcept
        : changes_(std::exchange(other.changes_, nullptr)),
          key_(other.key_),
          path_(std::move(other.path_)) {}
    Own& operator=(Own&&) = delete;
    ~Own() {
      if (changes_ != nullptr) {
        changes_->end_own(key_, path_);
      }
    }

   private:
    friend class Changes;
    Changes* changes_ = nullptr;
    std::pair<std::uint32_t, std::uint32_t> key_{};
    std::string path_;
  };
  [[nodiscard]] Own begin_own(std::uint32_t client, std::uint32_t root, std::string_view path);
  /// The client has renamed: its watches below go on under their new paths.
  void renamed(std::uint32_t client, std::uint32_t root, std::string_view from,
               std::string_view to);

 private:
  /// Client and root.
  using Key = std::pair<std::uint32_t, std::uint32_t>;

  struct Watch {
    int descriptor;  ///< inotify's
    std::uint32_t mask;
    std::string path;
  };
  struct Waiting {
    service::Call call;
    service::Buffer buffer;
    service::InOut<std::uint32_t> size;
  };
  struct OwnChange {
    std::size_t running = 0;
    Clock::time_point until;  ///< once none runs
  };
  struct Mapping {
    std::map<std::uint32_t, Watch> watches;             // by id
    std::map<int, std::uint32_t> ids;                   // by inotify's descriptor
    std::map<std::string, OwnChange, std::less<>> own;  // by path
    std::deque<std::string> records;
    std::size_t queued = 0;  ///< bytes in them
    bool overflow = false;
    std::optional<Waiting> waiting;
  };
  /// A call to complete when the lock is no longer held.
  struct Completion {
    service::Call call;
    Status status;
  };
  using Completions = std::vector<Completion>;

  Status start();
  void run();
  void read_events(Completions& done);
  void take_event(const inotify_event& event, std::string_view name);
  bool is_own(Mapping& mapping, std::string_view path, Clock::time_point now);
  void report(Mapping& mapping, std::uint32_t id, std::uint32_t mask, std::uint32_t cookie,
              std::string_view name);
  void overflow(Mapping& mapping);
  /// Hands records to a wait, if there are both.
  void deliver(Mapping& mapping, Completions& done);
  void forget(const Key& key, Mapping& mapping, std::uint32_t id);
  void drop(std::map<Key, Mapping>::iterator mapping, Completions& done);
  void end_own(const Key& key, const std::string& path);
  static void complete(Completions done);

  /// Watches of all; own changes are only kept track of when there are any.
  std::atomic<std::size_t> watch_count_{0};
  std::mutex mutex_;
  // Under mutex_, all that follows.
  std::map<Key, Mapping> mappings_;
  std::map<int, std::set<Key>> watchers_;        // by inotify's descriptor
  std::map<std::uint32_t, std::size_t> counts_;  // watches, by client
  std::uint32_t last_id_ = 0;
  Descriptor inotify_;
  Descriptor stop_;
  std::thread thread_;
};

}  // namespace hgcm::shfl

#endif

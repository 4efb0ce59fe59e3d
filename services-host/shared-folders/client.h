// SPDX-License-Identifier: MIT
//
// A client of the service: what the protocol remembers of it, and what its calls share, which can
// outlive it for as long as a call of it is under way.
#ifndef HGCM_SHARED_FOLDERS_CLIENT_H
#define HGCM_SHARED_FOLDERS_CLIENT_H

#include <hgcm/service.hpp>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

#include "shared-folders/open_object.h"
#include "shared-folders/protocol.h"
#include "shared-folders/strings.h"

namespace hgcm::shfl {

/// Thread-safe.
class ClientState {
 public:
  HandleTable handles;

  void begin_call() {
    const std::lock_guard lock(mutex_);
    ++calls_;
  }
  void end_call() {
    const std::lock_guard lock(mutex_);
    --calls_;
    changed_.notify_all();
  }
  /// Calls that have not started do nothing any more.
  void leave() {
    const std::lock_guard lock(mutex_);
    gone_ = true;
  }
  [[nodiscard]] bool gone() const {
    const std::lock_guard lock(mutex_);
    return gone_;
  }
  /// False: after this time some were still under way.
  bool wait_for_calls(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, [&] { return calls_ == 0; });
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t calls_ = 0;  // under mutex_
  bool gone_ = false;      // under mutex_
};

/// The service thread's own.
struct Client {
  explicit Client(const service::ClientInfo& info)
      : id(info.id), state(std::make_shared<ClientState>()) {}

  [[nodiscard]] Encoding encoding() const noexcept {
    return (record.flags & kClientUtf8) != 0 ? Encoding::kUtf8 : Encoding::kUtf16;
  }
  /// Whether it may use this root id. Clients of old saved states did not count.
  [[nodiscard]] bool has_mapped(std::uint32_t root) const noexcept {
    return record.has_map_counts == 0 || (root < kMaxMappings && record.map_counts[root] > 0);
  }

  std::uint32_t id;
  ClientRecord record;
  std::shared_ptr<ClientState> state;
};

}  // namespace hgcm::shfl

#endif

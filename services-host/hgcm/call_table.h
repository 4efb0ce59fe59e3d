// SPDX-License-Identifier: MIT
//
// Pending guest calls of all services of the process. What a service holds as its call handle is
// not an address but a token: a place in this table and a number drawn for this one call. So a
// handle that is stale, used twice or made up is noticed, from any thread and at any time, even
// after the service and its host are gone. A place also is the call's message in the service's
// queue, so that a call needs no allocation here.
#ifndef HGCM_HOST_CALL_TABLE_H
#define HGCM_HOST_CALL_TABLE_H

#include "hgcm/client_table.h"
#include "hgcm/message_queue.h"
#include "hgcm/service_host.h"

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace hgcm::host {

/// Never 0 for a call.
using CallToken = std::uint64_t;

/// All members belong to the table, under its lock.
struct CallSlot : Message {
  CallSlot() noexcept : Message(Kind::kCall) {}

  CallToken token = 0;          // 0: nobody may complete it any more
  std::uint32_t position = 0;   // shard and index
  std::uint8_t users = 0;       // the token, the queue
  std::uint32_t service = 0;    // serial number; outlives the call, to tell whose handle went bad
  std::int64_t started_ns = 0;  // steady clock
  std::shared_ptr<GuestCall> call;
  std::shared_ptr<Client> client;
};

/// A call that whoever holds this must complete.
struct ClaimedCall {
  std::shared_ptr<GuestCall> call;
  std::shared_ptr<Client> client;
  std::int64_t started_ns = 0;
};

/// Thread-safe.
class CallTable {
 public:
  /// The one of the process; lives forever, because services may call at any time.
  static CallTable& instance();

  CallTable();

  struct Entry {
    CallSlot* slot = nullptr;  ///< null: out of memory or places
    CallToken token = 0;
  };
  /// The queue's use of the slot ends with release(), the token's with claim().
  Entry add(std::shared_ptr<GuestCall> call, std::shared_ptr<Client> client) noexcept;

  /// What a dispatcher needs of a call that is still pending: valid until the service gets to know
  /// the token.
  struct Pending {
    CallToken token = 0;  ///< 0: somebody has completed it
    GuestCall* call = nullptr;
    Client* client = nullptr;
  };
  Pending pending(const CallSlot& slot) noexcept;
  void release(CallSlot& slot) noexcept;

  /// Takes the call away from its token. Exactly one caller gets it; it has to call
  /// Service::finish(), which the service counts on from here.
  std::optional<ClaimedCall> claim(CallToken token) noexcept;

  struct View {
    std::uint32_t requestor = HGCM_REQUESTOR_LOWEST;
    bool restored = false;
    bool cancelled = false;
  };
  std::optional<View> view(CallToken token) noexcept;

  /// The serial number of the service a bad handle once belonged to; 0 when it says nothing.
  std::uint32_t service_of(CallToken token) noexcept;

  /// Of all pending calls of a service.
  std::vector<CallToken> tokens_of(std::uint32_t service);

 private:
  static constexpr std::uint32_t kShardBits = 4;
  static constexpr std::uint32_t kIndexBits = 20;
  static constexpr std::uint32_t kPositionBits = kShardBits + kIndexBits;

  struct alignas(64) Shard {
    std::mutex mutex;
    std::deque<CallSlot> slots;
    std::vector<CallSlot*> free;  // capacity is kept >= slots.size(), so giving back cannot fail
    std::uint64_t random[2] = {};
  };

  Shard& shard_of(std::uint32_t position) noexcept;
  static CallSlot* find(Shard& shard, CallToken token) noexcept;
  static void drop_user(Shard& shard, CallSlot& slot) noexcept;

  std::array<Shard, 1U << kShardBits> shards_;
};

}  // namespace hgcm::host

#endif

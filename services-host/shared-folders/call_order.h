// SPDX-License-Identifier: MIT
//
// CallOrder: which calls on one open object may run at the same time. A guest sees the results as
// if the object's calls had been done one after the other, as they arrived; calls that cannot tell
// (reads; reads and writes of different bytes) overlap all the same.
#ifndef HGCM_SHARED_FOLDERS_CALL_ORDER_H
#define HGCM_SHARED_FOLDERS_CALL_ORDER_H

#include <cstdint>
#include <functional>
#include <limits>
#include <list>
#include <mutex>
#include <vector>

namespace hgcm::shfl {

/// What of an object a call reads or changes.
struct Extent {
  std::uint64_t begin = 0;
  std::uint64_t end = std::numeric_limits<std::uint64_t>::max();  ///< not included
  bool changes = true;

  [[nodiscard]] static Extent whole(bool changes) { return {.changes = changes}; }
  [[nodiscard]] static Extent of(std::uint64_t offset, std::uint64_t size, bool changes) {
    const std::uint64_t room = std::numeric_limits<std::uint64_t>::max() - offset;
    return {offset, offset + (size < room ? size : room), changes};
  }
  [[nodiscard]] bool conflicts(const Extent& other) const noexcept {
    return (changes || other.changes) && begin < other.end && other.begin < end;
  }
};

/// Thread-safe.
class CallOrder {
 public:
  struct Entry {
    Extent extent;
    std::function<void()> ready;  ///< empty: runs
  };
  using Ticket = std::list<Entry>::iterator;

  /// Takes a place. True: the call may run at once. False: `ready` is called when it may, on the
  /// thread that ended the last call in its way, and must not block.
  bool enter(const Extent& extent, Ticket& ticket, std::function<void()> ready);
  /// The call has ended.
  void leave(Ticket ticket);

 private:
  std::mutex mutex_;
  std::list<Entry> entries_;  // under mutex_; oldest first
};

}  // namespace hgcm::shfl

#endif

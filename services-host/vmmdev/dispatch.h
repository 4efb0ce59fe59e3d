// SPDX-License-Identifier: MIT
//
// The table of requests. Each group of requests is one source file with one constexpr table of
// RequestHandler and one function here that returns it; a new group is added to kGroups in
// dispatch.cpp.
#ifndef HGCM_VMMDEV_DISPATCH_H
#define HGCM_VMMDEV_DISPATCH_H

#include "vmmdev/request.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace hgcm::vmmdev {

struct DeviceCore;
struct RequestCount;

/// Size of the whole request. A request of another size gets HGCM_ERR_INVALID_PARAMETER and its
/// handler is not called.
struct SizeRule {
  std::size_t bytes;
  bool or_more;

  [[nodiscard]] constexpr bool accepts(std::size_t size) const noexcept {
    return or_more ? size >= bytes : size == bytes;
  }
};

constexpr SizeRule exactly(std::size_t bytes) noexcept {
  return {bytes, false};
}
constexpr SizeRule at_least(std::size_t bytes) noexcept {
  return {bytes, true};
}

enum class Locked {
  refuse,   ///< HGCM_ERR_NOT_SUPPORTED until request 50 was accepted
  process,  ///< accepted by a locked device too
};

struct RequestHandler {
  std::uint32_t type;
  SizeRule size;
  Locked locked;
  /// May be called from several threads at once. May throw std::bad_alloc.
  Outcome (*handle)(DeviceCore& device, Request& request);
};

std::span<const RequestHandler> identity_requests() noexcept;
std::span<const RequestHandler> event_requests() noexcept;
std::span<const RequestHandler> guest_state_requests() noexcept;
std::span<const RequestHandler> pointer_requests() noexcept;
std::span<const RequestHandler> display_requests() noexcept;
std::span<const RequestHandler> resource_requests() noexcept;
std::span<const RequestHandler> logon_requests() noexcept;
std::span<const RequestHandler> misc_requests() noexcept;
std::span<const RequestHandler> hgcm_requests() noexcept;

/// Finds handlers by type and counts requests by type.
class Dispatcher {
 public:
  Dispatcher();

  /// Counts one request of this type. nullptr: not implemented.
  const RequestHandler* find(std::uint32_t type) noexcept;
  /// Types that occurred, in order; those that are not implemented count as type 0.
  [[nodiscard]] std::vector<RequestCount> counts() const;

 private:
  struct Entry {
    const RequestHandler* handler = nullptr;
    std::atomic<std::uint64_t> count{0};
  };
  static constexpr std::size_t kTypes = 256;

  std::vector<Entry> entries_{kTypes};
};

}  // namespace hgcm::vmmdev

#endif

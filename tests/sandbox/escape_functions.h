// SPDX-License-Identifier: MIT
//
// What HgcmEscapeSvc does on demand.
#ifndef HGCM_TESTS_SANDBOX_ESCAPE_FUNCTIONS_H
#define HGCM_TESTS_SANDBOX_ESCAPE_FUNCTIONS_H

#include <cstdint>

namespace hgcm::test {

enum EscapeFunction : std::uint32_t {
  kAttempt = 1,  ///< what, errno out
  kDie = 2,
  kHang = 3,
  kWait = 4,  ///< is never completed
};

/// The number that directories begin with.
inline constexpr int kDirectory = 16;

enum class Attempt : std::uint32_t {
  kOpenByPath,
  kOpenAboveDirectory,
  kOpenFarAboveDirectory,
  kFollowLinkOut,
  kOpenOtherProcess,
  kWriteRoot,
  kSocket,
  kUnixSocket,
  kExecute,
  kTrace,
  kFork,
  kCloneProcess,
  kMount,
  kNamespace,
  kKill,
  kExecutableMemory,
  kRing,
  kOpenByHandle,
  kMakeDevice,
  kRaiseLimit,
  kOpenInDirectory,
};

}  // namespace hgcm::test

#endif

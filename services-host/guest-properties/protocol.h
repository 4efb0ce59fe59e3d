// SPDX-License-Identifier: MIT
//
// Numbers and layouts of the guest property protocol of VirtualBox 7.2 (docs/protocol.md, "Guest
// properties"), for the service and for the host-side manager. Declarations only.
#ifndef HGCM_GUEST_PROPERTIES_PROTOCOL_H
#define HGCM_GUEST_PROPERTIES_PROTOCOL_H

#include <cstddef>
#include <cstdint>

namespace hgcm::guestprop {

enum GuestFunction : std::uint32_t {
  kGuestGetProperty = 1,
  kGuestSetProperty = 2,
  kGuestSetPropertyValue = 3,
  kGuestDeleteProperty = 4,
  kGuestEnumerate = 5,
  kGuestGetNotification = 6,
};

enum HostFunction : std::uint32_t {
  kHostSetProperties = 1,
  kHostGetProperty = 2,
  kHostSetProperty = 3,
  kHostSetPropertyValue = 4,
  kHostDeleteProperty = 5,
  kHostEnumerate = 6,
  kHostSetGlobalFlags = 7,
};

// Lengths are in bytes, without the NUL.
inline constexpr std::size_t kMaxNameLength = 63;
inline constexpr std::size_t kMaxValueLength = 1023;
inline constexpr std::size_t kMaxFlagsLength = 34;
inline constexpr std::size_t kMaxProperties = 256;
inline constexpr std::size_t kMaxHistory = 256;
inline constexpr std::size_t kMaxWaitsPerClient = 16;
/// Of an enumeration, with its NUL bytes.
inline constexpr std::size_t kMaxEnumeratePatterns = 1024;
/// Of a wait, without the NUL. The protocol has no limit here; this one keeps the cost of a change
/// bounded, however many guest processes wait.
inline constexpr std::size_t kMaxWaitPatterns = 8192;

/// Bits of a property's flags, and of the global flags.
enum Flag : std::uint32_t {
  kTransient = 0x02,
  kReadOnlyGuest = 0x04,
  kReadOnlyHost = 0x08,
  kReadOnly = kReadOnlyGuest | kReadOnlyHost,
  kTransientReset = 0x10,
};

/// What the service hands to its extension for each change, as data of function 0. The strings are
/// valid during the call.
struct ExtensionChange {
  std::uint32_t magic;
  std::uint32_t padding;
  const char* name;
  const char* value;  ///< null when deleted
  std::uint64_t timestamp;
  const char* flags;  ///< empty when deleted
};
inline constexpr std::uint32_t kExtensionFunction = 0;
inline constexpr std::uint32_t kExtensionMagic = 0x69c87a78;

static_assert(sizeof(ExtensionChange) == 40);
static_assert(offsetof(ExtensionChange, magic) == 0x00);
static_assert(offsetof(ExtensionChange, name) == 0x08);
static_assert(offsetof(ExtensionChange, value) == 0x10);
static_assert(offsetof(ExtensionChange, timestamp) == 0x18);
static_assert(offsetof(ExtensionChange, flags) == 0x20);

}  // namespace hgcm::guestprop

#endif

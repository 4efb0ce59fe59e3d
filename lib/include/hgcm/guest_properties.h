// SPDX-License-Identifier: MIT
//
// GuestProperties: the guest's side of the key/value service VBoxGuestPropSvc (docs/protocol.md,
// "Guest properties"). Names and values are UTF-8; what the host sends is checked for form, but
// its text is handed on as it came.
#ifndef HGCM_GUEST_PROPERTIES_H
#define HGCM_GUEST_PROPERTIES_H

#include <hgcm/client.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hgcm {

struct Property {
  std::string name;
  std::string value;
  std::uint64_t timestamp = 0;  ///< ns since 1970-01-01 UTC on the host
  std::string flags;            ///< for example "TRANSIENT, RDONLYGUEST"; empty = none
};

struct PropertyChange : Property {
  /// Whether the property is gone; empty if the host is too old to say. `value` is empty then.
  std::optional<bool> deleted;
  /// The host no longer remembers all changes since the given time: some may have been missed.
  bool missed = false;
};

struct WaitOptions {
  /// The timestamp of the last change seen; a later one that has happened already is returned at
  /// once. 0: only what happens from now on.
  std::uint64_t since = 0;
  std::chrono::milliseconds timeout = kForever;
  std::stop_token stop = {};
};

/// A connection to the property service. Thread-safe like Client, with one reservation of the
/// service: of two waits for the same patterns through one connection the older ends with
/// INTERRUPTED. Threads that wait for the same thing connect each for itself.
class GuestProperties {
 public:
  static constexpr std::size_t kMaxName = 63;        ///< bytes
  static constexpr std::size_t kMaxValue = 1023;     ///< bytes
  static constexpr std::size_t kMaxPatterns = 1023;  ///< bytes

  /// As Client::connect().
  [[nodiscard]] HGCM_API static Result<GuestProperties> connect(Device& device);

  /// NOT_FOUND: no such property.
  [[nodiscard]] HGCM_API Result<Property> get(std::string_view name);

  /// Creates or replaces; without flags the property has none afterwards. PERMISSION_DENIED: it is
  /// read-only for guests, its name is reserved for the host, or guests may not change anything.
  /// TOO_MUCH_DATA: value too long or too many properties. INVALID_PARAMETER: bad name.
  /// PARSE_ERROR: bad flags.
  HGCM_API Result<Status> set(std::string_view name, std::string_view value);
  HGCM_API Result<Status> set(std::string_view name, std::string_view value,
                              std::string_view flags);

  /// Success also when there is no such property. PERMISSION_DENIED as for set().
  HGCM_API Result<Status> remove(std::string_view name);

  /// All properties whose name matches one of the patterns, separated by '|'; '*' stands for any
  /// run of characters, '?' for one. Empty: all. In no particular order.
  /// TOO_MUCH_DATA: the host claims more than 4 MiB, or a size that never suffices.
  [[nodiscard]] HGCM_API Result<std::vector<Property>> enumerate(std::string_view patterns = {});

  /// Waits for a property that matches to be set or deleted, by anyone. TIMEOUT, CANCELLED,
  /// INTERRUPTED: see CallOptions.
  [[nodiscard]] HGCM_API Result<PropertyChange> wait(std::string_view patterns,
                                                     const WaitOptions& options = {});

 private:
  explicit GuestProperties(Client client) noexcept : client_(std::move(client)) {}

  Client client_;
};

}  // namespace hgcm

#endif

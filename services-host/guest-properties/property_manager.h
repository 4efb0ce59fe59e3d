// SPDX-License-Identifier: MIT
//
// PropertyManager: the host's side of guest properties for a program that runs a ServiceHost: get,
// set, list, observe and wait for properties, keep them in a file, carry them through saved states.
// It speaks to the service through host calls and the extension only (docs/protocol.md, "Guest
// properties"), so any service with VirtualBox's protocol will do. It is not the store: that is the
// service itself, see service.cpp.
#ifndef HGCM_GUEST_PROPERTIES_PROPERTY_MANAGER_H
#define HGCM_GUEST_PROPERTIES_PROPERTY_MANAGER_H

#include <hgcm/status.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace hgcm::host {
class ServiceHost;
}

namespace hgcm::guestprop {

struct Property {
  std::string name;
  std::string value;
  std::string flags;            ///< as printed: "TRANSIENT, RDONLYGUEST"
  std::uint64_t timestamp = 0;  ///< of the last change, nanoseconds since the Unix epoch

  friend bool operator==(const Property&, const Property&) = default;
};

struct Change {
  Property property;  ///< of a deletion only name and timestamp are set
  bool deleted = false;
  bool missed = false;  ///< changes between the previous one (or `since`) and this one were lost

  friend bool operator==(const Change&, const Change&) = default;
};

using ListenerId = std::uint64_t;

/// Thread-safe, except that attach(), detach(), use_file() and destruction are for one thread at a
/// time. All but wait() block until the service has answered. The ServiceHost must outlive the
/// manager, and the service must be loaded from attach() to detach().
///
/// `patterns`: names separated by '|', in which '*' stands for any run of bytes and '?' for one
/// character; empty means all.
class PropertyManager {
 public:
  using Listener = std::function<void(const Change&)>;

  explicit PropertyManager(host::ServiceHost& host, std::string service = "VBoxGuestPropSvc");
  /// detach()es.
  ~PropertyManager();
  PropertyManager(const PropertyManager&) = delete;
  PropertyManager& operator=(const PropertyManager&) = delete;

  /// Registers as the service's extension: from now on changes are seen by listeners, waits and the
  /// file. HGCM_ERR_HGCM_SERVICE_NOT_FOUND, _NOT_SUPPORTED (another extension is registered),
  /// _INVALID_STATE (attached already).
  Status attach();
  /// Ends all waits with HGCM_ERR_INVALID_STATE, delivers what listeners have not seen yet, writes
  /// the file a last time and lets go of it. Does nothing if not attached.
  void detach();

  /// HGCM_ERR_NOT_FOUND, _INVALID_PARAMETER (not a valid name).
  Result<Property> get(std::string_view name);
  /// Without `flags` the property has none afterwards. HGCM_ERR_INVALID_PARAMETER (name, encoding),
  /// _TOO_MUCH_DATA (value too long, too many properties), _PARSE_ERROR (flags),
  /// _PERMISSION_DENIED (RDONLYHOST).
  Status set(std::string_view name, std::string_view value,
             std::optional<std::string_view> flags = std::nullopt);
  /// Success also if there is no such property. HGCM_ERR_PERMISSION_DENIED (RDONLYHOST).
  Status remove(std::string_view name);
  /// Sorted by name. HGCM_ERR_TOO_MUCH_DATA (patterns longer than 1023 bytes).
  Result<std::vector<Property>> enumerate(std::string_view patterns = {});

  /// The next change of a matching property. `since` 0: the first one that the manager hears of
  /// from now on; notifications are asynchronous, so it may have been made a moment ago. Otherwise
  /// the first one after that timestamp, which may be one of the latest 256 changes that the
  /// manager remembers; `missed` tells when older ones that may have matched are gone. Without a
  /// `timeout` waits for good. HGCM_ERR_TIMEOUT, _CANCELLED (stop requested), _INVALID_STATE (not
  /// attached, or detached meanwhile), _INVALID_PARAMETER (patterns longer than 1023 bytes).
  Result<Change> wait(std::string_view patterns, std::uint64_t since,
                      std::optional<std::chrono::milliseconds> timeout, std::stop_token stop = {});

  /// Listeners run on a thread of the manager, one at a time, in the order of the changes; they may
  /// call any member but attach(), detach() and use_file(), and must not throw. One that lags by
  /// more than 4096 changes loses the oldest of them and sees `missed`.
  ListenerId add_listener(Listener listener);
  /// When this returns the listener is not running and will not run again, unless it is itself the
  /// caller. Unknown ids are ignored.
  void remove_listener(ListenerId id);

  /// Whether guests may change properties at all (the service's global flag).
  Status set_guest_writable(bool writable);

  /// Loads the file, if it exists, into the service, and keeps it up to date from then on: written
  /// shortly after changes, many changes at once, replaced atomically so that it is whole at any
  /// time. TRANSIENT and TRANSRESET properties are left out. Needs attach(). A file that cannot be
  /// read, is not one of ours or has contents out of limits is an error (`detail` gets one line for
  /// a person), changes nothing and is never overwritten. HGCM_ERR_PARSE_ERROR,
  /// _VERSION_MISMATCH (written by a newer program), _TOO_MUCH_DATA, _INVALID_STATE (not attached,
  /// or a file is in use), _ACCESS_DENIED ...
  Status use_file(const std::filesystem::path& path, std::string* detail = nullptr);
  /// Called when writing the file failed, on a thread of the manager; it is tried again after
  /// some seconds. Set it before use_file().
  void set_write_error_handler(std::function<void(Status, const std::string& detail)> handler);
  /// Writes the file now if it is not up to date. Success if no file is used.
  Status flush(std::string* detail = nullptr);

  /// All properties, transient ones too, and the setting of set_guest_writable(), for a saved
  /// machine state: versioned text.
  Result<std::vector<std::byte>> serialise();
  /// The reverse: afterwards the service has exactly the saved properties, with their timestamps.
  /// Checked as a whole before anything changes; errors as for use_file(). When the service refuses
  /// them, it has what it had; when one that is not in the state cannot be removed, all others are
  /// right. Listeners, and waits that began before, see what differs as changes, with the restored
  /// timestamps; what they have not seen of earlier changes is dropped. A later wait with a `since`
  /// of before is told that it `missed` some.
  Status restore(std::span<const std::byte> state, std::string* detail = nullptr);
  /// Whether restore() could make something of it. `detail` as there.
  static Status check(std::span<const std::byte> state, std::string& detail);
  /// To be called when the machine was reset: removes the TRANSRESET properties.
  Status on_reset();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hgcm::guestprop

#endif

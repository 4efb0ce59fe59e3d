// SPDX-License-Identifier: MIT
//
// Credentials: a login that the host hands to the guest's logon helper, and one that the helper
// shall judge (requests 100 and 101, protocol section 3.6). They are in memory no longer than
// needed, and overwritten when they go.
#ifndef HGCM_VMMDEV_CREDENTIALS_H
#define HGCM_VMMDEV_CREDENTIALS_H

#include "vmmdev/events.h"
#include "vmmdev/wire.h"

#include <hgcm/status.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <string_view>

namespace hgcm::vmmdev {

/// Overwrites memory in a way that the compiler does not leave out.
void wipe(std::span<std::byte> bytes) noexcept;

/// Thread-safe.
class Credentials {
 public:
  using Text = std::array<char, wire::credentials::kStringBytes>;  // with a NUL

  /// Wiped at its end.
  struct Login {
    Login() = default;
    Login(const Login&) = default;
    Login& operator=(const Login&) = default;
    ~Login() { clear(); }
    void clear() noexcept;
    [[nodiscard]] bool present() const noexcept { return user[0] != '\0'; }

    Text user{};
    Text password{};
    Text domain{};
  };
  struct State {
    Login logon;
    bool local_logon = true;  ///< interactive logon is allowed
    Login judge;
  };

  /// `keep`: a guest that asks for it, or a reset, does not wipe the logon credentials.
  Credentials(Events& events, bool keep) noexcept : events_(events), keep_(keep) {}

  /// --- The host's side. ---

  /// HGCM_ERR_BUFFER_OVERFLOW: over 127 bytes; HGCM_ERR_INVALID_PARAMETER: no user, or a NUL.
  Status set_logon(std::string_view user, std::string_view password, std::string_view domain,
                   bool local_logon);
  /// Asks the guest to judge a login; its verdict comes to the DeviceObserver.
  Status set_judge(std::string_view user, std::string_view password, std::string_view domain);
  void clear() noexcept;
  struct Presence {
    bool logon = false;
    bool judge = false;
  };
  [[nodiscard]] Presence present() const noexcept;

  /// --- The guest's side. ---

  /// Request 100, in place.
  void query(std::span<std::byte> request) noexcept;
  void reset() noexcept;
  [[nodiscard]] State state() const;
  void restore(const State& state) noexcept;

 private:
  Events& events_;
  const bool keep_;
  mutable std::mutex mutex_;  // protects state_
  State state_;
};

}  // namespace hgcm::vmmdev

#endif

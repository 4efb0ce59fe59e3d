// SPDX-License-Identifier: MIT
//
// ControlServer: the control socket. Accepts clients, moves bytes between them and their Session,
// and drops those that do not read what they asked for.
#ifndef HGCM_VMMDEVD_CONTROL_SERVER_H
#define HGCM_VMMDEVD_CONTROL_SERVER_H

#include "vmmdevd/control/context.h"

#include <cstddef>
#include <memory>

namespace hgcm::control {

/// All members are called on the loop, or while it does not run.
class ControlServer {
 public:
  /// Clients at a time; one more is told so and closed.
  static constexpr std::size_t kMaxClients = 32;
  /// Bytes that a client may leave unread before it is dropped. A full listing fits in; only events
  /// can get there, because commands wait until a client has read what it asked for.
  static constexpr std::size_t kMaxBacklog = std::size_t{4} << 20;

  explicit ControlServer(Context& context);
  /// As stop().
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  /// Takes ownership of a listening Unix stream socket.
  void start(int listening_fd);
  /// Accepts no more clients and closes those there are, after a last attempt to hand them what
  /// they have not read yet.
  void stop();

  [[nodiscard]] std::size_t clients() const noexcept;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace hgcm::control

#endif

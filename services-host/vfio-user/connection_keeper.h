// SPDX-License-Identifier: MIT
//
// ConnectionKeeper: sees to it that a client's connection ends as an end of file, whatever becomes
// of this process. When a Unix socket is closed while something in it has not been read, its peer
// gets ECONNRESET in place of the end of file; QEMU (11.1) aborts itself over that, and takes the
// guest along. So a small process holds the socket, too: it waits for this one to let go or to die,
// reads what is left, and closes. It does nothing else, and has no other descriptor.
#ifndef HGCM_VFIO_USER_CONNECTION_KEEPER_H
#define HGCM_VFIO_USER_CONNECTION_KEEPER_H

#include <sys/types.h>

#include "vfio-user/unique_fd.h"

namespace hgcm::vfio_user {

/// Ends a connection so that the peer reads an end of file. The socket remains to be closed.
void hang_up(int socket) noexcept;

class ConnectionKeeper {
 public:
  /// Starts the process. Where that fails the connection has no keeper, which is logged.
  explicit ConnectionKeeper(int socket) noexcept;
  /// Ends the connection, and waits for the process to end.
  ~ConnectionKeeper();
  ConnectionKeeper(const ConnectionKeeper&) = delete;
  ConnectionKeeper& operator=(const ConnectionKeeper&) = delete;

 private:
  UniqueFd leash_;  // its other end tells the process that we have gone
  pid_t process_ = -1;
};

}  // namespace hgcm::vfio_user

#endif

// SPDX-License-Identifier: MIT
//
// A descriptor and some text, sent over a connected Unix stream socket.
#ifndef HGCM_SANDBOX_DESCRIPTOR_H
#define HGCM_SANDBOX_DESCRIPTOR_H

#include <string>
#include <string_view>

#include "vfio-user/unique_fd.h"

namespace hgcm::sandbox {

/// At most so much of a text is sent.
inline constexpr std::size_t kMaxText = 4096;

/// `fd` may be -1, for text alone. Of an empty text one byte is sent. False: the other end has
/// gone.
[[nodiscard]] bool send_descriptor(int socket, int fd, std::string_view text = {});

/// Blocks as long as the socket does. Empty: none came; `text`, where given, says what did.
[[nodiscard]] vfio_user::UniqueFd receive_descriptor(int socket, std::string* text = nullptr);

}  // namespace hgcm::sandbox

#endif

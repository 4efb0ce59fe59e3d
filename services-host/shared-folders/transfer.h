// SPDX-License-Identifier: MIT
//
// Contents: reading, writing, copying. Each blocks as long as the host's file system does.
#ifndef HGCM_SHARED_FOLDERS_TRANSFER_H
#define HGCM_SHARED_FOLDERS_TRANSFER_H

#include <hgcm/service.hpp>

#include <cstdint>
#include <functional>
#include <string>

#include "shared-folders/access.h"
#include "shared-folders/open_object.h"

namespace hgcm::shfl {

struct Transferred {
  std::uint32_t bytes = 0;
  Status status;
};

/// Fewer bytes than wanted: the end of the file.
Transferred read_file(const OpenObject& object, std::uint64_t offset, std::uint32_t size,
                      const service::Pages& memory);
/// As read_file(), as long as that need not wait for a disk. False: it would; nothing was done.
bool read_at_once(const OpenObject& object, std::uint64_t offset, std::uint32_t size,
                  const service::Pages& memory, Transferred& result);

/// `offset` comes back as what follows the bytes written; for an object opened to append that is
/// where they really went.
Transferred write_file(const OpenObject& object, std::uint64_t& offset, std::uint32_t size,
                       const service::Pages& memory);

/// Asked from time to time during what takes long; true ends it.
using Stop = std::function<bool()>;

/// The status is that of what ended it early, also after some bytes.
struct Copied {
  std::uint64_t bytes = 0;
  Status status;
};
Copied copy_range(int from, std::uint64_t from_offset, int to, std::uint64_t to_offset,
                  std::uint64_t size, const Stop& stop);

/// COPY_FILE: contents alone, into a new file.
Status copy_file(const Access& from, std::string from_path, const Access& to, std::string to_path,
                 const Stop& stop);

}  // namespace hgcm::shfl

#endif

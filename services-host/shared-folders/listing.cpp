// SPDX-License-Identifier: MIT
//
// See listing.h.
#include "shared-folders/listing.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <hgcm/service/utf8.hpp>

#include <cerrno>
#include <cstring>

#include "shared-folders/directory_reader.h"
#include "shared-folders/errors.h"
#include "shared-folders/object_info.h"
#include "shared-folders/path.h"

namespace hgcm::shfl {
namespace {

/// The name as the client sees it, without a terminator. False: it has no such form.
bool encode(std::string_view name, Encoding encoding, std::string& text) {
  if (encoding == Encoding::kUtf8) {
    text.assign(name);
    return service::is_valid_utf8(name);
  }
  const auto wide = to_utf16(name);
  if (!wide) {
    return false;
  }
  text.assign(reinterpret_cast<const char*>(wide->data()), wide->size() * 2);
  return true;
}

/// What is left to say of an entry whose attributes nobody may see.
ObjectInfo unknown_info(unsigned char type) {
  ObjectInfo info{};
  info.mode = static_cast<std::uint32_t>(DTTOIF(type)) & kModeTypeMask;
  info.additional = kAttributesUnix;
  return info;
}

}  // namespace

void Listing::restart() noexcept {
  ::lseek64(fd_, 0, SEEK_SET);
}

Sys<struct statx> Listing::entry_status(const Access& access, const char* name,
                                        unsigned char type) const {
  const std::string_view text(name);
  if (text == "..") {
    // What is above the share is nobody's business: its root is its own parent.
    const auto parent =
        open_beneath(access.root_fd(), split(path_).parent, O_PATH | O_NOFOLLOW, 0, access.links());
    return status_of(parent ? parent->get() : fd_);
  }
  const auto status = status_of_entry(fd_, name);
  if (access.show_links || access.links() == Links::kRefuse ||
      (status ? !S_ISLNK(status->stx_mode) : type != DT_LNK)) {
    return status;
  }
  const auto target = status_at(access, path_.empty() ? std::string(text) : path_ + '/' + name);
  return target ? target : status;
}

Status Listing::fill(const Access& access, std::span<std::byte> buffer, bool one_entry,
                     Piece& piece) {
  DirectoryReader reader(fd_);
  std::string name;
  bool full = false;
  while (const auto* entry = reader.next()) {
    if (one_entry && piece.entries > 0) {
      reader.unread();
      full = true;
      break;
    }
    if (!encode(entry->d_name, access.encoding, name) ||
        (!filter_.empty() && !matches(filter_, entry->d_name))) {
      continue;
    }
    const std::size_t terminator = access.encoding == Encoding::kUtf8 ? 1 : 2;
    const std::size_t size = sizeof(EntryHeader) + name.size() + terminator;
    if (size > buffer.size() - piece.bytes) {
      reader.unread();
      full = true;
      break;
    }
    EntryHeader header{};
    const auto status = entry_status(access, entry->d_name, entry->d_type);
    if (status) {
      header.info = make_info(*status, entry->d_name);
    } else if (status.error() == ENOENT) {
      continue;  // was deleted meanwhile
    } else {
      header.info = unknown_info(entry->d_type);
    }
    header.name_length = static_cast<std::uint16_t>(name.size());
    header.name_size = static_cast<std::uint16_t>(name.size() + terminator);
    std::byte* record = buffer.data() + piece.bytes;
    std::memcpy(record, &header, sizeof header);
    std::memcpy(record + sizeof header, name.data(), name.size());
    std::memset(record + sizeof header + name.size(), 0, terminator);
    piece.bytes += size;
    ++piece.entries;
  }
  reader.finish();
  if (piece.entries == 0) {
    return full                  ? Status(HGCM_INF_BUFFER_OVERFLOW)
           : reader.error() != 0 ? to_status(reader.error())
                                 : Status(HGCM_ERR_NO_MORE_FILES);
  }
  piece.more = full || reader.error() != 0;
  return HGCM_INF_SUCCESS;
}

}  // namespace hgcm::shfl

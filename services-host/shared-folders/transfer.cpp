// SPDX-License-Identifier: MIT
//
// See transfer.h. Guest pages are read and written by the kernel directly, as many as one system
// call takes; pages that lie side by side on the host are one piece.
#include "shared-folders/transfer.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <vector>

#include "shared-folders/errors.h"
#include "shared-folders/path.h"

namespace hgcm::shfl {
namespace {

constexpr std::size_t kPieces = 1024;  // IOV_MAX
constexpr std::size_t kCopyChunk = std::size_t{8} << 20;
constexpr std::size_t kCopyBuffer = std::size_t{256} << 10;
constexpr std::uint64_t kMaxOffset = std::numeric_limits<off64_t>::max();

/// The memory of one transfer, piece by piece.
class Pieces {
 public:
  explicit Pieces(const service::Pages& memory) noexcept : memory_(memory) {}

  /// What one system call takes of [offset, offset + size).
  std::span<const iovec> take(std::size_t offset, std::size_t size) {
    count_ = 0;
    // Each piece but the first and the last is at least a page.
    const std::size_t most = (kPieces - 1) * service::Pages::kPageSize;
    memory_.for_each(offset, std::min(size, most), [&](std::span<std::byte> piece) {
      if (count_ > 0) {
        iovec& last = pieces_[count_ - 1];
        if (static_cast<std::byte*>(last.iov_base) + last.iov_len == piece.data()) {
          last.iov_len += piece.size();
          return;
        }
      }
      pieces_[count_++] = {piece.data(), piece.size()};
    });
    return {pieces_.data(), count_};
  }

 private:
  const service::Pages& memory_;
  std::size_t count_ = 0;
  std::array<iovec, kPieces> pieces_;
};

/// Calls `transfer(pieces, done)` until all is done, it returns 0 or fails. A failure after some
/// bytes is left for the next call to see.
template <typename Transfer>
Transferred transfer_all(std::uint32_t size, const service::Pages& memory, Transfer transfer) {
  Pieces pieces(memory);
  Transferred result;
  while (result.bytes < size) {
    const auto list = pieces.take(result.bytes, size - result.bytes);
    const ssize_t n = transfer(list, std::uint64_t{result.bytes});
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0 && result.bytes == 0) {
      result.status = to_status(errno);
    }
    if (n <= 0) {
      break;
    }
    result.bytes += static_cast<std::uint32_t>(n);
  }
  return result;
}

/// Offsets are signed on the host.
bool fits(std::uint64_t offset, std::uint64_t size) {
  return offset <= kMaxOffset && size <= kMaxOffset - offset;
}

}  // namespace

Transferred read_file(const OpenObject& object, std::uint64_t offset, std::uint32_t size,
                      const service::Pages& memory) {
  if (!fits(offset, size)) {
    return {0, HGCM_ERR_INVALID_PARAMETER};
  }
  return transfer_all(size, memory, [&](std::span<const iovec> list, std::uint64_t done) {
    return ::preadv64(object.fd.get(), list.data(), static_cast<int>(list.size()),
                      static_cast<off64_t>(offset + done));
  });
}

bool read_at_once(const OpenObject& object, std::uint64_t offset, std::uint32_t size,
                  const service::Pages& memory, Transferred& result) {
  if (!fits(offset, size)) {
    result = {0, HGCM_ERR_INVALID_PARAMETER};
    return true;
  }
  bool waits = false;
  result = transfer_all(size, memory, [&](std::span<const iovec> list, std::uint64_t done) {
    const ssize_t n = ::preadv64v2(object.fd.get(), list.data(), static_cast<int>(list.size()),
                                   static_cast<off64_t>(offset + done), RWF_NOWAIT);
    waits = n < 0 && (errno == EAGAIN || errno == EOPNOTSUPP);
    return n;
  });
  return !waits;
}

Transferred write_file(const OpenObject& object, std::uint64_t& offset, std::uint32_t size,
                       const service::Pages& memory) {
  const int fd = object.fd.get();
  if (object.append) {
    // Not at an offset: only so the descriptor's position tells where the bytes went.
    const Transferred result =
        transfer_all(size, memory, [&](std::span<const iovec> list, std::uint64_t) {
          return ::writev(fd, list.data(), static_cast<int>(list.size()));
        });
    const off64_t end = result.bytes > 0 ? ::lseek64(fd, 0, SEEK_CUR) : -1;
    if (end >= 0) {
      offset = static_cast<std::uint64_t>(end);
    }
    return result;
  }
  if (!fits(offset, size)) {
    return {0, HGCM_ERR_FILE_TOO_BIG};
  }
  const Transferred result =
      transfer_all(size, memory, [&](std::span<const iovec> list, std::uint64_t done) {
        return ::pwritev64(fd, list.data(), static_cast<int>(list.size()),
                           static_cast<off64_t>(offset + done));
      });
  offset += result.bytes;
  return result;
}

Copied copy_range(int from, std::uint64_t from_offset, int to, std::uint64_t to_offset,
                  std::uint64_t size, const Stop& stop) {
  Copied result;
  std::vector<char> buffer;
  while (result.bytes < size && !stop()) {
    const std::size_t chunk = std::min<std::uint64_t>(size - result.bytes, kCopyChunk);
    auto source = static_cast<off64_t>(from_offset + result.bytes);
    auto target = static_cast<off64_t>(to_offset + result.bytes);
    ssize_t n = -1;
    if (buffer.empty()) {
      n = ::copy_file_range(from, &source, to, &target, chunk, 0);
      if (n < 0 && (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP || errno == ENOSYS)) {
        buffer.resize(kCopyBuffer);
      }
    }
    if (!buffer.empty()) {
      n = ::pread64(from, buffer.data(), std::min(chunk, buffer.size()), source);
      if (n > 0) {
        n = ::pwrite64(to, buffer.data(), static_cast<std::size_t>(n), target);
      }
    }
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      result.status = to_status(errno);
    }
    if (n <= 0) {
      break;
    }
    result.bytes += static_cast<std::uint64_t>(n);
  }
  return result;
}

Status copy_file(const Access& from, std::string from_path, const Access& to, std::string to_path,
                 const Stop& stop) {
  if (!to.share->writable()) {
    return HGCM_ERR_WRITE_PROTECT;
  }
  const auto object =
      open_beneath(from.root_fd(), host_path(from, std::move(from_path), LastName::kExisting),
                   O_PATH | (from.links() == Links::kRefuse ? O_NOFOLLOW : 0), 0, from.links());
  if (!object) {
    return to_status(object.error());
  }
  const auto source = open_object(object->get(), O_RDONLY);
  if (!source) {
    const auto status = status_of(object->get());
    return status && S_ISDIR(status->stx_mode) ? Status(HGCM_ERR_IS_A_DIRECTORY)
           : source.error() == ENXIO           ? Status(HGCM_ERR_ACCESS_DENIED)
                                               : to_status(source.error());
  }
  const auto place =
      Place::find(to.root_fd(), host_path(to, std::move(to_path), LastName::kExisting), to.links());
  if (!place) {
    return to_status(place.error());
  }
  if (place->is_root()) {
    return HGCM_ERR_ALREADY_EXISTS;
  }
  const Descriptor target(::openat(place->directory(), place->name(),
                                   O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!target) {
    return to_status(errno);
  }
  if (::ioctl(target.get(), FICLONE, source->get()) == 0) {
    return HGCM_INF_SUCCESS;
  }
  const Copied copied = copy_range(source->get(), 0, target.get(), 0, kMaxOffset, stop);
  Status status = copied.status;
  if (status.ok()) {
    const auto wanted = status_of(source->get());
    if (wanted && copied.bytes < wanted->stx_size && stop()) {
      status = HGCM_ERR_CANCELLED;
    }
  }
  if (status.failed()) {
    (void)::unlinkat(place->directory(), place->name(), 0);
  }
  return status;
}

}  // namespace hgcm::shfl

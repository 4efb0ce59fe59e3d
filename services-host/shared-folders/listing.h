// SPDX-License-Identifier: MIT
//
// Listing: an enumeration of a directory under way, as LIST hands it out piece by piece.
#ifndef HGCM_SHARED_FOLDERS_LISTING_H
#define HGCM_SHARED_FOLDERS_LISTING_H

#include <hgcm/status.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "shared-folders/access.h"
#include "shared-folders/descriptor.h"

namespace hgcm::shfl {

/// One thread at a time.
class Listing {
 public:
  /// Reads a directory whose path is `path`; the descriptor stays the caller's, but for its
  /// position.
  Listing(int directory, std::string path) : fd_(directory), path_(std::move(path)) {}
  /// The same with a descriptor of its own, and only names that match `filter`.
  Listing(Descriptor directory, std::string path, std::string filter)
      : owned_(std::move(directory)),
        fd_(owned_.get()),
        path_(std::move(path)),
        filter_(std::move(filter)) {}

  struct Piece {
    std::size_t bytes = 0;
    std::uint32_t entries = 0;
    bool more = false;  ///< there may be
  };

  /// Fills `buffer` with records. HGCM_ERR_NO_MORE_FILES: none left; HGCM_INF_BUFFER_OVERFLOW: the
  /// next one does not fit.
  Status fill(const Access& access, std::span<std::byte> buffer, bool one_entry, Piece& piece);
  void restart() noexcept;

 private:
  [[nodiscard]] Sys<struct statx> entry_status(const Access& access, const char* name,
                                               unsigned char type) const;

  Descriptor owned_;
  int fd_;
  std::string path_;
  std::string filter_;
};

}  // namespace hgcm::shfl

#endif

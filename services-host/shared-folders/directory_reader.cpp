// SPDX-License-Identifier: MIT
//
// See directory_reader.h.
#include "shared-folders/directory_reader.h"

#include <unistd.h>

#include <cerrno>

namespace hgcm::shfl {

const dirent64* DirectoryReader::next() noexcept {
  if (next_ == end_) {
    if (position_ == -1) {
      position_ = ::lseek64(fd_, 0, SEEK_CUR);
    }
    const ssize_t size = ::getdents64(fd_, buffer_.data(), buffer_.size());
    if (size <= 0) {
      error_ = size < 0 ? errno : 0;
      return nullptr;
    }
    end_ = static_cast<std::size_t>(size);
    next_ = 0;
  }
  const auto* entry = reinterpret_cast<const dirent64*>(buffer_.data() + next_);
  last_ = next_;
  last_position_ = position_;
  next_ += entry->d_reclen;
  position_ = entry->d_off;
  return entry;
}

void DirectoryReader::unread() noexcept {
  next_ = last_;
  position_ = last_position_;
}

void DirectoryReader::finish() noexcept {
  if (next_ != end_) {
    ::lseek64(fd_, position_, SEEK_SET);
    next_ = end_;
  }
}

}  // namespace hgcm::shfl

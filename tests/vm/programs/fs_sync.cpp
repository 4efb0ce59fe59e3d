// SPDX-License-Identifier: MIT
//
// fs-exercise: each way in which a program asks for its data to be on disk when the call returns.
#include <sys/mman.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "fs_support.h"

namespace {

constexpr std::size_t kSize = 256U << 10U;
constexpr int kNew = O_RDWR | O_CREAT | O_TRUNC;

void by_mapping(int file, const Bytes& data) {
  CHECK(ftruncate(file, static_cast<off_t>(data.size())) == 0);
  void* memory = mmap(nullptr, data.size(), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  CHECK(memory != MAP_FAILED);
  std::copy(data.begin(), data.end(), static_cast<std::uint8_t*>(memory));
  CHECK(msync(memory, data.size(), MS_SYNC) == 0);
  CHECK(munmap(memory, data.size()) == 0);
}

}  // namespace

void sync_by(const std::string& path, std::string_view how) {
  if (how == "later") {
    CHECK(fsync(File(path, O_RDONLY)) == 0);
    return;
  }
  const Bytes data = pattern(kSize, how.size());
  const int flags = how == "o-sync" ? O_SYNC : how == "o-dsync" ? O_DSYNC : 0;
  const File file(path, kNew | flags);
  if (how == "msync") {
    by_mapping(file, data);
    return;
  }
  write_all(file, data, 0);
  if (how == "fsync")
    CHECK(fsync(file) == 0);
  else if (how == "fdatasync")
    CHECK(fdatasync(file) == 0);
  else if (how == "other-descriptor")
    CHECK(fsync(File(path, O_RDONLY)) == 0);
  else if (flags == 0 && how != "nothing")
    fail("no such way: %.*s", static_cast<int>(how.size()), how.data());
}

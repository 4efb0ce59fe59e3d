// SPDX-License-Identifier: MIT
//
// fs-exercise: what programs are told when the host's disk is full. Whatever a program wrote is
// either with the host or was refused with ENOSPC, by write, msync, fsync or close; what fits is
// right; and when there is room again writing goes on. Wants a small file system of its own.
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "fs_support.h"

namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kBlock = 65536;
constexpr std::size_t kLargest = 16U << 20U;

// Writes blocks that follow from the seed until that fails or so much is written.
std::size_t fill(int file, std::size_t size, std::uint64_t seed) {
  std::size_t written = 0;
  while (written < size) {
    const Bytes data = pattern(kBlock, seed + written / kBlock);
    const std::size_t skip = written % kBlock;
    const ssize_t put = write(file, data.data() + skip, std::min(kBlock - skip, size - written));
    if (put < 0) {
      CHECK(errno == ENOSPC);
      break;
    }
    CHECK(put > 0);
    written += static_cast<std::size_t>(put);
  }
  return written;
}

// What of the file is what fill() wrote; all else must be zeros.
std::size_t right_bytes(const Bytes& found, std::uint64_t seed) {
  const Bytes zeros(kPage, 0);
  std::size_t right = 0;
  for (std::size_t at = 0; at < found.size(); at += kPage) {
    const std::size_t length = std::min(kPage, found.size() - at);
    const Bytes wanted = pattern(kBlock, seed + at / kBlock);
    if (std::equal(found.begin() + static_cast<std::ptrdiff_t>(at),
                   found.begin() + static_cast<std::ptrdiff_t>(at + length),
                   wanted.begin() + static_cast<std::ptrdiff_t>(at % kBlock)))
      right += length;
    else if (!std::equal(zeros.begin(), zeros.begin() + static_cast<std::ptrdiff_t>(length),
                         found.begin() + static_cast<std::ptrdiff_t>(at)))
      fail("neither what was written nor zeros at %zu", at);
  }
  return right;
}

Bytes host_view(const std::string& path) {
  return read_some(File(path, O_RDONLY | O_DIRECT), kLargest, 0);
}

bool told(int result) {
  CHECK(result == 0 || errno == ENOSPC);
  return result != 0;
}

// More than there is room for. Leaves the disk full.
void written(const std::string& path, std::size_t room) {
  File file(path, O_RDWR | O_CREAT | O_TRUNC);
  const std::size_t wanted = 2 * room;
  const bool by_write = fill(file, wanted, 1) < wanted;
  const bool by_fsync = told(fsync(file));
  if (!by_write && !by_fsync) fail("%zu bytes written where %zu fit, and no error", wanted, room);
  const Bytes found = host_view(path);
  const std::size_t right = right_bytes(found, 1);
  if (right < room / 10 * 9) fail("only %zu bytes of %zu are there", right, room);
  // Who opens it sees what the host has, not what could not be stored.
  if (read_some(File(path, O_RDONLY), kLargest, 0) != found) fail("the cache shows something else");
  CHECK(size_of(file) == static_cast<off_t>(found.size()));
  // Told once; the file can be used further.
  CHECK(fsync(file) == 0);
}

void names_need_no_room(const std::string& directory) {
  const std::string path = directory + "/filled";
  CHECK(rename(path.c_str(), (path + ".2").c_str()) == 0);
  CHECK(rename((path + ".2").c_str(), path.c_str()) == 0);
  File file(path, O_RDWR);
  CHECK(fallocate(file, 0, static_cast<off_t>(kLargest), 1 << 20) != 0 &&
        (errno == ENOSPC || errno == EOPNOTSUPP));
  struct stat info {};
  CHECK(fstat(file, &info) == 0 && info.st_size < static_cast<off_t>(kLargest));
}

// What has its place already can be written.
void overwritten(const std::string& path) {
  {
    File file(path, O_RDWR);
    CHECK(size_of(file) == 256 << 10U);
    CHECK(fill(file, 256U << 10U, 100) == 256U << 10U);
    CHECK(fsync(file) == 0);
  }
  CHECK(right_bytes(host_view(path), 100) == 256U << 10U);
}

// Without the cache: what is not written is refused at once.
void refused_at_once(const std::string& path) {
  for (const int flags : {O_DIRECT, O_SYNC, O_APPEND | O_SYNC}) {
    File file(path, O_RDWR | O_CREAT | O_TRUNC | flags);
    const std::size_t size = fill(file, 1U << 20U, 200);
    CHECK(size < 1U << 20U);
    struct stat info {};
    CHECK(stat(path.c_str(), &info) == 0 && info.st_size == static_cast<off_t>(size));
    CHECK(right_bytes(host_view(path), 200) == size);
  }
  File from(path + ".from", O_RDWR | O_CREAT);
  File to(path, O_RDWR | O_TRUNC);
  CHECK(ftruncate(from, 1 << 20) == 0);
  const ssize_t moved = copy_file_range(from, nullptr, to, nullptr, 1U << 20U, 0);
  CHECK(moved < 0 ? errno == ENOSPC : moved <= 1 << 20);
}

// By a mapping of a file with holes. A file system that allocates at once says so with SIGBUS.
void mapped(const std::string& path, std::size_t room) {
  const std::size_t size = 2 * room / kPage * kPage;
  const pid_t child = fork();
  if (child == 0) {
    File file(path, O_RDWR | O_CREAT | O_TRUNC);
    CHECK(ftruncate(file, static_cast<off_t>(size)) == 0);
    auto* memory = static_cast<std::uint8_t*>(
        mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0));
    CHECK(memory != MAP_FAILED);
    for (std::size_t at = 0; at < size; at += kBlock) {
      const Bytes data = pattern(kBlock, 300 + at / kBlock);
      std::copy_n(data.begin(), std::min(kBlock, size - at), memory + at);
    }
    if (!told(msync(memory, size, MS_SYNC)))
      fail("%zu bytes mapped where %zu fit, and no error", size, room);
    std::_Exit(0);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status) ? WTERMSIG(status) == SIGBUS : WEXITSTATUS(status) == 0);
  const std::size_t right = right_bytes(host_view(path), 300);
  if (right < room / 10 * 9) fail("only %zu mapped bytes of %zu are there", right, room);
}

// Several files that do not all fit: who was told of no error has all of it.
void shared_out(const std::string& directory, std::size_t room) {
  const std::size_t each = room / 4 / kBlock * kBlock;
  std::vector<std::string> paths;
  unsigned losers = 0;
  for (unsigned i = 0; i < 8; ++i) paths.push_back(directory + "/part" + std::to_string(i));
  {
    std::vector<int> files;
    std::vector<bool> failed;
    for (std::size_t i = 0; i < paths.size(); ++i) {
      files.push_back(open(paths[i].c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
      CHECK(files[i] >= 0);
      failed.push_back(fill(files[i], each, 1000 * (i + 1)) < each);
    }
    for (std::size_t i = 0; i < paths.size(); ++i) {
      if (told(fsync(files[i]))) failed[i] = true;
      close(files[i]);
      if (failed[i])
        ++losers;
      else if (right_bytes(host_view(paths[i]), 1000 * (i + 1)) != each)
        fail("part %zu was not stored, and nobody was told", i);
    }
  }
  CHECK(losers >= 3 && losers < 8);
  for (const auto& path : paths) CHECK(unlink(path.c_str()) == 0);
}

// Closing tells what nobody asked for before; or, where it does not wait, fsync by another
// descriptor.
void closed(const std::string& path, bool close_tells) {
  File other(path, O_RDWR | O_CREAT | O_TRUNC);
  const int file = open(path.c_str(), O_RDWR | O_CLOEXEC);
  CHECK(file >= 0);
  const std::size_t size = 1U << 20U;
  const bool by_write = fill(file, size, 400) < size;
  const bool by_close = told(close(file));
  if (!by_write && !by_close && (close_tells || !told(fsync(other))))
    fail("nobody was told of what did not fit");
}

// Names need room, too, where a file system has so many at most.
void too_many(const std::string& directory) {
  int made = 0;
  const auto name = [&](int i) { return directory + "/name" + std::to_string(i); };
  while (made < 1000) {
    const int file = open(name(made).c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (file < 0) break;
    CHECK(close(file) == 0);
    ++made;
  }
  CHECK(made > 10 && made < 1000 && errno == ENOSPC);
  CHECK(mkdir((directory + "/directory").c_str(), 0755) != 0 && errno == ENOSPC);
  CHECK(symlink("target", (directory + "/link").c_str()) != 0 && errno == ENOSPC);
  CHECK(access((directory + "/directory").c_str(), F_OK) != 0 && errno == ENOENT);
  CHECK(rename(name(0).c_str(), (directory + "/renamed").c_str()) == 0);
  CHECK(unlink((directory + "/renamed").c_str()) == 0);
  CHECK(mkdir(name(0).c_str(), 0755) == 0 && rmdir(name(0).c_str()) == 0);
  for (int i = 1; i < made; ++i) CHECK(unlink(name(i).c_str()) == 0);
}

void works(const std::string& path) {
  const std::size_t size = 1U << 20U;
  {
    File file(path, O_RDWR | O_CREAT | O_TRUNC);
    CHECK(fill(file, size, 500) == size && fsync(file) == 0);
  }
  CHECK(right_bytes(host_view(path), 500) == size);
}

}  // namespace

void full(const std::string& directory, bool close_tells, std::size_t room) {
  constexpr std::size_t kKept = 256U << 10U;
  const std::string filled = directory + "/filled", kept = directory + "/kept";
  {
    File file(kept, O_RDWR | O_CREAT | O_TRUNC);
    CHECK(fill(file, kKept, 99) == kKept && fsync(file) == 0);
  }
  CHECK(room > 3U << 20U && room < kLargest / 2);
  room -= kKept;
  written(filled, room);
  names_need_no_room(directory);
  overwritten(kept);
  refused_at_once(directory + "/refused");
  closed(directory + "/closed", close_tells);
  {
    // The file that an error was told of: cut off and written anew.
    File file(filled, O_RDWR);
    CHECK(ftruncate(file, 0) == 0);
    CHECK(fill(file, 1U << 20U, 600) == 1U << 20U && fsync(file) == 0);
    CHECK(right_bytes(host_view(filled), 600) == 1U << 20U);
  }
  for (const char* name : {"/filled", "/refused", "/refused.from", "/closed"})
    CHECK(unlink((directory + name).c_str()) == 0);
  works(filled);
  CHECK(unlink(filled.c_str()) == 0);
  mapped(directory + "/mapped", room);
  CHECK(unlink((directory + "/mapped").c_str()) == 0);
  shared_out(directory, room);
  too_many(directory);
  works(filled);
  CHECK(unlink(filled.c_str()) == 0 && unlink(kept.c_str()) == 0);
}

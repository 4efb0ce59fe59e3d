// SPDX-License-Identifier: MIT
//
// What the parts of fs-exercise share; see fs_support.h.
#include "fs_support.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

void fail(const char* format, ...) {
  const int error = errno;
  va_list arguments;
  va_start(arguments, format);
  std::fputs("fs-exercise: ", stderr);
  std::vfprintf(stderr, format, arguments);
  va_end(arguments);
  std::fprintf(stderr, " (errno %d: %s)\n", error, std::strerror(error));
  std::exit(1);
}

off_t size_of(int descriptor) {
  struct stat info {};
  CHECK(fstat(descriptor, &info) == 0);
  return info.st_size;
}

void write_all(int descriptor, const Bytes& data, off_t at) {
  if (pwrite(descriptor, data.data(), data.size(), at) != static_cast<ssize_t>(data.size()))
    fail("write of %zu at %jd", data.size(), static_cast<intmax_t>(at));
}

Bytes read_some(int descriptor, std::size_t size, off_t at) {
  Bytes data(size);
  const ssize_t got = pread(descriptor, data.data(), size, at);
  if (got < 0) fail("read of %zu at %jd", size, static_cast<intmax_t>(at));
  data.resize(static_cast<std::size_t>(got));
  return data;
}

Bytes pattern(std::size_t size, std::uint64_t seed) {
  Bytes data(size);
  for (std::size_t at = 0; at < size; at += 8) {
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    const std::uint64_t word = seed ^ (seed >> 29U);
    std::memcpy(data.data() + at, &word, std::min<std::size_t>(8, size - at));
  }
  return data;
}

std::uint64_t checksum(const Bytes& data) {
  std::uint64_t sum = data.size();
  for (const std::uint8_t byte : data) sum = (sum ^ byte) * 1099511628211ULL;
  return sum;
}

void wait_for_all() {
  int status = 0;
  bool good = true;
  while (wait(&status) > 0) good &= WIFEXITED(status) && WEXITSTATUS(status) == 0;
  if (!good) fail("a process failed");
}

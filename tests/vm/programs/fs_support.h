// SPDX-License-Identifier: MIT
//
// What the parts of fs-exercise share: checks that end the program, files that close themselves,
// and contents that follow from a number, so that two sides can make the same without sending it.
#ifndef HGCM_TESTS_VM_PROGRAMS_FS_SUPPORT_H
#define HGCM_TESTS_VM_PROGRAMS_FS_SUPPORT_H

#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// Says what is wrong, and errno, and ends the program with 1.
[[noreturn]] __attribute__((format(printf, 1, 2))) void fail(const char* format, ...);

#define CHECK(condition) \
  ((condition) ? (void)0 : fail("%s, line %d: %s", __FILE__, __LINE__, #condition))

using Bytes = std::vector<std::uint8_t>;

class File {
 public:
  File(const std::string& path, int flags, mode_t mode = 0644)
      : descriptor_(open(path.c_str(), flags | O_CLOEXEC, mode)) {
    if (descriptor_ < 0) fail("open %s, flags %#o", path.c_str(), static_cast<unsigned>(flags));
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { close(descriptor_); }
  operator int() const { return descriptor_; }  // NOLINT(google-explicit-constructor)

 private:
  int descriptor_;
};

off_t size_of(int descriptor);
void write_all(int descriptor, const Bytes& data, off_t at);

// What there is of so many bytes.
Bytes read_some(int descriptor, std::size_t size, off_t at);

// Contents that follow from the seed.
Bytes pattern(std::size_t size, std::uint64_t seed);

std::uint64_t checksum(const Bytes& data);

// Waits for all children; fails if one did.
void wait_for_all();

// fs_model.cpp
void model(const std::string& path, unsigned operations, unsigned seed);
void two_view(const std::string& path, unsigned operations, unsigned seed);
void partner(const std::string& path);

// fs_stress.cpp
void stress(const std::string& directory, unsigned processes, unsigned operations, unsigned seed);
void churn(const std::string& directory, int seconds);
void tree(const std::string& directory);

// fs_full.cpp
void full(const std::string& directory, bool close_tells, std::size_t room);

// fs_crowd.cpp
void crowd_fill(const std::string& directory, unsigned count);
void crowd_churn(const std::string& directory, int seconds, const std::string& who);
void crowd(const std::string& path, unsigned count, int seconds);

// fs_sync.cpp
void sync_by(const std::string& path, std::string_view how);

// fs_paths.cpp
void paths(const std::string& top);

#endif

// SPDX-License-Identifier: MIT
//
// See state_file.h.
#include "vmmdevd/state_file.h"

#include "vmmdevd/saved_state.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

namespace hgcm::vmmdevd {
namespace {

std::string reason(int error) {
  return std::generic_category().message(error);
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  const int fd_;
};

bool write_all(int fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

bool write_state_file(const std::filesystem::path& file, std::span<const std::byte> state,
                      std::string& detail) {
  std::string temporary = file.string() + ".XXXXXX";
  const Descriptor out(::mkostemp(temporary.data(), O_CLOEXEC));  // mode 0600
  if (out.get() < 0) {
    detail = reason(errno);
    return false;
  }
  if (!write_all(out.get(), state) || ::fsync(out.get()) != 0 ||
      ::rename(temporary.c_str(), file.c_str()) != 0) {
    detail = reason(errno);
    ::unlink(temporary.c_str());
    return false;
  }
  return true;
}

std::optional<std::vector<std::byte>> read_state_file(const std::filesystem::path& file,
                                                      std::string& detail) {
  // Not waiting for a writer, should it be a FIFO.
  const Descriptor in(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat status {};
  if (in.get() < 0 || ::fstat(in.get(), &status) != 0) {
    detail = reason(errno);
    return std::nullopt;
  }
  if (!S_ISREG(status.st_mode)) {
    detail = "not a regular file";
    return std::nullopt;
  }
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size > kMaxSavedState) {
    detail = "too large";
    return std::nullopt;
  }
  std::vector<std::byte> state(static_cast<std::size_t>(size));
  std::size_t at = 0;
  while (at < state.size()) {
    const ssize_t got = ::read(in.get(), state.data() + at, state.size() - at);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      detail = got < 0 ? reason(errno) : "it shrinks while it is read";
      return std::nullopt;
    }
    at += static_cast<std::size_t>(got);
  }
  return state;
}

}  // namespace hgcm::vmmdevd

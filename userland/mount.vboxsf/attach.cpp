// SPDX-License-Identifier: MIT
//
// Making the mount. See attach.h.
#include "mount.vboxsf/attach.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace hgcm::mount {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (value_ >= 0) close(value_);
  }
  [[nodiscard]] int get() const { return value_; }

 private:
  int value_;
};

// The kernel's messages for a mount, one a line; each begins with its weight ("e ", "w ", "i ").
std::string messages(int context) {
  std::string text;
  std::array<char, 1024> buffer{};
  for (;;) {
    const ssize_t got = read(context, buffer.data(), buffer.size());
    if (got <= 2) return text;
    if (!text.empty()) text += '\n';
    std::string line(buffer.data() + 2, static_cast<std::size_t>(got - 2));
    while (!line.empty() && line.back() == '\n') line.pop_back();
    text += line;
  }
}

unsigned int attributes(unsigned long flags) {
  unsigned int result = 0;
  if (flags & MS_NODEV) result |= MOUNT_ATTR_NODEV;
  if (flags & MS_NOEXEC) result |= MOUNT_ATTR_NOEXEC;
  if (flags & MS_NOSUID) result |= MOUNT_ATTR_NOSUID;
  if (flags & MS_NOATIME) result |= MOUNT_ATTR_NOATIME;
  if (flags & MS_STRICTATIME) result |= MOUNT_ATTR_STRICTATIME;
  if (flags & MS_NODIRATIME) result |= MOUNT_ATTR_NODIRATIME;
  return result;
}

using Options = std::vector<std::pair<std::string, std::string>>;

Outcome attach_new(const Request& request, const Options& options) {
  const Descriptor context(fsopen("vboxsf", FSOPEN_CLOEXEC));
  if (context.get() < 0) return {errno, {}, "fsopen"};
  const auto failed = [&](const char* what) {
    const int error = errno;
    return Outcome{error, messages(context.get()), what};
  };
  const auto set = [&](const char* key, const std::string& value) {
    return fsconfig(context.get(), FSCONFIG_SET_STRING, key, value.c_str(), 0) == 0;
  };
  if (!set("source", request.share)) return failed("source");
  for (const auto& [key, value] : options) {
    if (!set(key.c_str(), value)) return failed("options");
  }
  const auto set_flag = [&](const char* key) {
    return fsconfig(context.get(), FSCONFIG_SET_FLAG, key, nullptr, 0) == 0;
  };
  if (request.read_only && !set_flag("ro")) return failed("options");
  if (request.flags & MS_SYNCHRONOUS && !set_flag("sync")) return failed("options");
  if (request.flags & MS_DIRSYNC && !set_flag("dirsync")) return failed("options");
  if (fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0)
    return failed("create");
  std::string said = messages(context.get());
  unsigned int attribute = attributes(request.flags);
  if (request.read_only) attribute |= MOUNT_ATTR_RDONLY;
  const Descriptor mount(fsmount(context.get(), FSMOUNT_CLOEXEC, attribute));
  if (mount.get() < 0) return failed("fsmount");
  if (move_mount(mount.get(), "", AT_FDCWD, request.directory.c_str(), MOVE_MOUNT_F_EMPTY_PATH) !=
      0)
    return {errno, request.directory + ": " + std::strerror(errno), "move_mount"};
  return {0, said, "mounted"};
}

unsigned long old_flags(const Request& request) {
  unsigned long flags = request.flags;
  if (request.read_only) flags |= MS_RDONLY;
  if (request.remount) flags |= MS_REMOUNT;
  return flags;
}

Outcome attach_old(const Request& request, const void* data, const char* how) {
  if (::mount(request.share.c_str(), request.directory.c_str(), "vboxsf", old_flags(request),
              data) != 0)
    return {errno, {}, how};
  return {0, {}, how};
}

// What helpers of old releases passed.
struct BinaryOptions {
  std::array<std::uint8_t, 4> signature{0, 0xff, 0xfe, 0xfd};
  std::int32_t length = 0;
  std::array<char, 256> name{};
  std::array<char, 32> nls{};
  std::int32_t uid = 0, gid = 0, ttl = -1, dmode = ~0, fmode = ~0, dmask = 0, fmask = 0;
  std::array<char, 32> tag{};
  std::uint32_t io_pages = 0, directory_buffer = 0;
  std::int32_t entry_ttl = -1, attribute_ttl = -1, cache = 0;
};
static_assert(sizeof(BinaryOptions) == 376);

Outcome attach_binary(const Request& request) {
  // mount(2) copies a page.
  struct {
    BinaryOptions options;
    std::array<char, 4096 - sizeof(BinaryOptions)> rest{};
  } page;
  BinaryOptions& binary = page.options;
  binary.length = sizeof binary;
  if (request.share.size() >= binary.name.size()) return {ENAMETOOLONG, {}, "binary data"};
  std::memcpy(binary.name.data(), request.share.data(), request.share.size());
  for (const auto& [key, value] : request.options) {
    const auto number = static_cast<std::int32_t>(std::strtol(value.c_str(), nullptr, 10));
    const auto mode = static_cast<std::int32_t>(std::strtol(value.c_str(), nullptr, 8));
    if (key == "uid") binary.uid = number;
    if (key == "gid") binary.gid = number;
    if (key == "ttl") binary.ttl = number;
    if (key == "dmode") binary.dmode = mode;
    if (key == "fmode") binary.fmode = mode;
    if (key == "dmask" || key == "umask") binary.dmask = mode;
    if (key == "fmask" || key == "umask") binary.fmask = mode;
    if (key == "maxiopages") binary.io_pages = static_cast<std::uint32_t>(number);
    if (key == "dirbuf") binary.directory_buffer = static_cast<std::uint32_t>(number);
    if ((key == "nls" || key == "iocharset") && value.size() < binary.nls.size())
      std::memcpy(binary.nls.data(), value.data(), value.size());
    if (key == "tag" && value.size() < binary.tag.size())
      std::memcpy(binary.tag.data(), value.data(), value.size());
  }
  return attach_old(request, &page, "binary data");
}

}  // namespace

Outcome attach(const Request& request) {
  if (request.remount) return attach_old(request, joined(request.options).c_str(), "remount");
  Outcome outcome = attach_new(request, request.options);
  if (outcome.error == ENOSYS)
    outcome = attach_old(request, joined(request.options).c_str(), "mount(2)");
  // The kernel's own driver knows fewer options; one of an old VirtualBox no strings at all.
  const bool unknown =
      outcome.message.empty() || outcome.message.find("Unknown parameter") != std::string::npos;
  if (outcome.error == EINVAL && unknown) {
    const Options fewer = for_stock(request.options);
    if (fewer != request.options) {
      Outcome second = attach_new(request, fewer);
      if (second.error == 0) second.note = "without the options that this kernel's driver lacks";
      if (second.error != EINVAL) return second;
    }
  }
  if ((outcome.error == EINVAL || outcome.error == EPROTO) && outcome.message.empty()) {
    const Outcome third = attach_binary(request);
    if (third.error == 0) return third;
  }
  return outcome;
}

}  // namespace hgcm::mount

// SPDX-License-Identifier: MIT
//
// Plain VMMDev requests, events and the mouse of a guest, for cases: each step on the command line
// is done in order, in one session of /dev/vboxguest, and prints what came of it.
//
//   request TYPE SIZE [OFFSET=VALUE...]   32-bit fields; prints "rc N", then "OFFSET VALUE" for
//   each text OFFSET                           a text in the last request filter MASK events wanted
//   from now on wait MASK MILLISECONDS                prints "events 0xMASK" fill OFFSET TEXT puts
//   a text into the next request coredump                              the ioctl mouse MILLISECONDS
//   prints "ready", then the first position of the input
//                                         device as "x X y Y"
#include <dirent.h>
#include <fcntl.h>
#include <linux/input.h>
#include <linux/vboxguest.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace {

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "%s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(1);
}

class Steps {
 public:
  Steps(int count, char** arguments) : words_(arguments, arguments + count) {}

  void run() {
    fd_ = ::open("/dev/vboxguest", O_RDWR | O_CLOEXEC);
    if (fd_ < 0) die("/dev/vboxguest");
    while (at_ < words_.size()) {
      const std::string_view step = words_[at_++];
      if (step == "request") {
        request();
      } else if (step == "text") {
        const std::size_t offset = number();
        std::printf("text %s\n", last_.c_str() + offset);
      } else if (step == "fill") {
        const std::size_t offset = number();
        fill_[offset] = word();
      } else if (step == "filter") {
        filter();
      } else if (step == "wait") {
        wait();
      } else if (step == "coredump") {
        core_dump();
      } else if (step == "mouse") {
        mouse();
      } else {
        errno = EINVAL;
        die(std::string(step));
      }
      std::fflush(stdout);
    }
  }

 private:
  std::string word() {
    if (at_ >= words_.size()) {
      errno = EINVAL;
      die("too few words");
    }
    return std::string(words_[at_++]);
  }
  std::uint32_t number() { return to_number(word()); }
  static std::uint32_t to_number(const std::string& text) {
    return static_cast<std::uint32_t>(std::strtoul(text.c_str(), nullptr, 0));
  }
  template <typename Body>
  int control(unsigned long code, Body& body) {
    const int result = ::ioctl(fd_, code, &body);
    return result < 0 ? -errno : result;
  }

  void request() {
    const std::uint32_t type = number();
    const std::uint32_t size = number();
    std::string bytes(std::max(size, std::uint32_t{sizeof(vbg_ioctl_hdr)}), '\0');
    const auto put = [&](std::size_t offset, std::uint32_t value) {
      std::memcpy(bytes.data() + offset, &value, sizeof value);
    };
    put(0, size);
    put(4, VBG_IOCTL_HDR_VERSION);
    put(8, type);
    put(16, size);
    for (const auto& [offset, text] : fill_) text.copy(bytes.data() + offset, text.size());
    fill_.clear();
    while (at_ < words_.size() && words_[at_].find('=') != std::string_view::npos) {
      const std::string field = word();
      put(to_number(field), to_number(field.substr(field.find('=') + 1)));
    }
    const int error = control(VBG_IOCTL_VMMDEV_REQUEST(size), *bytes.data());
    std::int32_t status = 0;
    std::memcpy(&status, bytes.data() + 12, sizeof status);
    std::printf("rc %d\n", error < 0 ? error : status);
    for (std::size_t offset = 24; offset + 4 <= std::min<std::size_t>(size, 100); offset += 4) {
      std::uint32_t value = 0;
      std::memcpy(&value, bytes.data() + offset, sizeof value);
      std::printf("%zu %u\n", offset, value);
    }
    last_ = bytes;
  }

  void filter() {
    vbg_ioctl_change_filter body{};
    body.hdr = {sizeof body, VBG_IOCTL_HDR_VERSION, VBG_IOCTL_HDR_TYPE_DEFAULT,
                0,           sizeof body.hdr,       0};
    body.u.in.or_mask = number();
    if (const int error = control(VBG_IOCTL_CHANGE_FILTER_MASK, body); error != 0) {
      errno = -error;
      die("filter");
    }
  }

  void wait() {
    vbg_ioctl_wait_for_events body{};
    body.hdr = {sizeof body,
                VBG_IOCTL_HDR_VERSION,
                VBG_IOCTL_HDR_TYPE_DEFAULT,
                0,
                sizeof body.hdr + sizeof body.u.out,
                0};
    body.u.in.events = number();
    body.u.in.timeout_ms = number();
    std::printf("waiting\n");
    std::fflush(stdout);
    const int error = control(VBG_IOCTL_WAIT_FOR_EVENTS, body);
    if (error != 0) {
      std::printf("error %d\n", error);
    } else {
      std::printf("events 0x%x\n", body.u.out.events);
    }
  }

  void core_dump() {
    vbg_ioctl_write_coredump body{};
    body.hdr = {sizeof body, VBG_IOCTL_HDR_VERSION, VBG_IOCTL_HDR_TYPE_DEFAULT,
                0,           sizeof body.hdr,       0};
    const int error = control(VBG_IOCTL_WRITE_CORE_DUMP, body);
    std::printf("rc %d\n", error < 0 ? error : body.hdr.rc);
  }

  static int open_mouse() {
    DIR* const directory = ::opendir("/dev/input");
    if (directory == nullptr) die("/dev/input");
    while (const dirent* entry = ::readdir(directory)) {
      const std::string path = std::string("/dev/input/") + entry->d_name;
      const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
      char name[128] = {};
      if (fd >= 0 && ::ioctl(fd, EVIOCGNAME(sizeof name - 1), name) > 0 &&
          std::string_view(name) == "VirtualBox mouse integration") {
        ::closedir(directory);
        return fd;
      }
      if (fd >= 0) ::close(fd);
    }
    errno = ENODEV;
    die("the mouse's input device");
  }

  void mouse() {
    const int timeout = static_cast<int>(number());
    const int fd = open_mouse();
    std::printf("ready\n");
    std::fflush(stdout);
    int x = -1;
    int y = -1;
    for (pollfd ready{fd, POLLIN, 0}; ::poll(&ready, 1, timeout) == 1;) {
      input_event event{};
      if (::read(fd, &event, sizeof event) != sizeof event) break;
      if (event.type == EV_ABS && event.code == ABS_X) x = event.value;
      if (event.type == EV_ABS && event.code == ABS_Y) y = event.value;
      if (event.type == EV_SYN && event.code == SYN_REPORT) break;
    }
    ::close(fd);
    std::printf("x %d y %d\n", x, y);
  }

  std::vector<std::string_view> words_;
  std::size_t at_ = 0;
  int fd_ = -1;
  std::string last_;
  std::map<std::size_t, std::string> fill_;
};

}  // namespace

int main(int argc, char** argv) {
  Steps(argc - 1, argv + 1).run();
  return 0;
}

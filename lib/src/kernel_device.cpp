// SPDX-License-Identifier: MIT
//
// The real Device: /dev/vboxguest or /dev/vboxuser, with the ioctl interface of
// <linux/vboxguest.h>, and the search for the reason when neither can be opened.
#include <fcntl.h>
#include <grp.h>
#include <hgcm/driver.h>
#include <linux/vboxguest.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>
#include <vector>

#include "src/interruptible.h"
#include "src/ioctl_abi.h"

namespace hgcm {
namespace {

class KernelDevice final : public Device {
 public:
  explicit KernelDevice(int descriptor) noexcept : descriptor_(descriptor) {}
  ~KernelDevice() override { ::close(descriptor_); }

  int ioctl(unsigned long request, void* data) noexcept override {
    Call call{descriptor_, request, data};
    return perform(&call);
  }

  int stoppable_ioctl(unsigned long request, void* data,
                      const std::stop_token& stop) noexcept override {
    volatile std::uint32_t* const timeout = detail::timeout_of(request, data);
    if (timeout == nullptr) {
      return Device::stoppable_ioctl(request, data, stop);
    }
    Call call{descriptor_, request, data};
    return detail::run_interruptible(timeout, stop, perform, &call);
  }

 private:
  struct Call {
    int descriptor;
    unsigned long request;
    void* data;
  };

  static int perform(void* context) {
    const Call& call = *static_cast<const Call*>(context);
    const int saved = errno;
    const int result = ::ioctl(call.descriptor, call.request, call.data) < 0 ? -errno : 0;
    errno = saved;
    return result;
  }

  int descriptor_;
};

/// First line of a small file, empty if there is none.
std::string first_line(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

/// PCI address of the VMMDev device, empty if the machine has none.
std::string find_pci_device(const std::filesystem::path& sysfs) {
  std::error_code error;
  std::filesystem::directory_iterator entries(sysfs / "bus/pci/devices", error);
  for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    const auto& path = entries->path();
    if (first_line(path / "vendor") == "0x80ee" && first_line(path / "device") == "0xcafe") {
      return path.filename();
    }
  }
  return {};
}

std::string explain_missing(const std::filesystem::path& node, const OpenOptions& options) {
  const std::string pci = find_pci_device(options.sysfs_directory);
  if (pci.empty()) {
    return node.string() +
           " does not exist, and this machine has no VMMDev PCI device (80ee:cafe): it is not a "
           "VirtualBox guest, nor a QEMU guest that has one attached by vmmdevd.";
  }
  std::error_code error;
  if (std::filesystem::exists(options.sysfs_directory / "bus/pci/devices" / pci / "driver",
                              error)) {
    return node.string() + " does not exist, but PCI device " + pci +
           " has a driver: look whether udev (or devtmpfs) provides the node.";
  }
  return node.string() + " does not exist: the VMMDev PCI device " + pci +
         " is there, but no driver is bound to it. Load the kernel module: modprobe vboxguest.";
}

std::string group_name(gid_t group) {
  std::vector<char> buffer(16384);
  struct group entry {};
  struct group* found = nullptr;
  if (getgrgid_r(group, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) {
    return found->gr_name;
  }
  return std::to_string(group);
}

std::string explain_refused(const std::filesystem::path& node) {
  struct stat status {};
  std::string text = "No permission to open " + node.string() + ". ";
  if (::stat(node.c_str(), &status) == 0 && (status.st_mode & S_IWGRP) != 0 &&
      (status.st_mode & S_IRGRP) != 0) {
    return text + "It is open to root and to the group \"" + group_name(status.st_gid) +
           "\": become root, or have your user added to that group and log in again.";
  }
  return text +
         "It is open to root only: become root, or have a udev rule give access (programs "
         "of ordinary users are meant to use /dev/vboxuser with mode 0666).";
}

struct Attempt {
  std::unique_ptr<Device> device;
  int error = 0;
  std::string detail;
};

Attempt open_node(const std::filesystem::path& node, const OpenOptions& options) {
  const int descriptor = ::open(node.c_str(), O_RDWR | O_CLOEXEC);
  if (descriptor < 0) {
    const int error = errno;
    std::string detail;
    if (error == ENOENT) {
      detail = explain_missing(node, options);
    } else if (error == EACCES || error == EPERM) {
      detail = explain_refused(node);
    } else {
      detail = "Cannot open " + node.string() + ": " + std::generic_category().message(error) + ".";
    }
    return {nullptr, error, std::move(detail)};
  }
  struct stat status {};
  if (::fstat(descriptor, &status) != 0 || !S_ISCHR(status.st_mode)) {
    ::close(descriptor);
    return {nullptr, ENODEV, node.string() + " is not a character device."};
  }
  auto device = std::make_unique<KernelDevice>(descriptor);
  if (const auto version = driver_version(*device); !version) {
    return {nullptr, ENODEV,
            node.string() + " does not speak version 1 of the vboxguest interface (" +
                version.error().to_string() + ")."};
  }
  return {std::move(device), 0, {}};
}

}  // namespace

Device::~Device() = default;

int Device::stoppable_ioctl(unsigned long request, void* data,
                            const std::stop_token& stop) noexcept {
  return stop.stop_requested() ? -ECANCELED : ioctl(request, data);
}

Result<std::unique_ptr<Device>> open_device(const OpenOptions& options, std::string* detail) {
  Attempt attempt;
  if (options.node != DeviceNode::kUser) {
    attempt = open_node(options.device_directory / "vboxguest", options);
  }
  const bool fall_back =
      options.node == DeviceNode::kAny &&
      (attempt.error == ENOENT || attempt.error == EACCES || attempt.error == EPERM);
  if (options.node == DeviceNode::kUser || fall_back) {
    Attempt second = open_node(options.device_directory / "vboxuser", options);
    // Where both fail, a refusal says more than a missing node.
    if (second.error != ENOENT || options.node == DeviceNode::kUser) {
      attempt = std::move(second);
    }
  }
  if (attempt.device == nullptr) {
    if (detail != nullptr) {
      *detail = std::move(attempt.detail);
    }
    return failure(Status::from_errno(attempt.error));
  }
  return std::move(attempt.device);
}

}  // namespace hgcm

// SPDX-License-Identifier: MIT
//
// What the tests of the vboxguest module share: an open node, the ioctls in their raw form, and a
// builder for calls. Deliberately not libhgcm: these tests are about the bytes of the ABI, as
// <linux/vboxguest.h> has them, and run against the kernel's own module too.
#ifndef TESTS_KMOD_DRIVER_H
#define TESTS_KMOD_DRIVER_H

#include <gtest/gtest.h>
#include <linux/vboxguest.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace kmod_test {

inline constexpr const char* kTrusted = "/dev/vboxguest";
inline constexpr const char* kUser = "/dev/vboxuser";
inline constexpr const char* kTestService = "HgcmTestSvc";
inline constexpr std::uint32_t kForever = UINT32_MAX;
inline constexpr std::int32_t kBufferOverflow = -41;
inline constexpr std::int32_t kServiceNotFound = -2900;
inline constexpr std::int32_t kInvalidClient = -2905;

/// Functions of HgcmTestSvc.
enum Function : std::uint32_t {
  kNoop = 1,
  kEcho = 2,
  kAdd = 3,
  kDelay = 4,
  kPark = 5,
  kRelease = 6,
  kFill = 7,
  kSum = 8,
  kStatus = 9,
  kInOut = 10,
  kNever = 11,
  kTwice = 12,
  kGrow = 13,
  kNonsense = 14,
  kShrink = 15,
  kWhoAmI = 16,
};

/// Is this the module of this project? It shows what the kernel's own does not have.
bool driver_is_ours();

/// The directory of the PCI device's attributes.
std::string device_directory();

/// A value from /sys/kernel/debug/vboxguest/counters; needs our module.
std::uint64_t counter(const std::string& name);

/// An open node: one session.
class Session {
 public:
  explicit Session(const char* path = kTrusted);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  [[nodiscard]] int fd() const { return fd_; }
  /// 0, or the errno of the ioctl.
  int control(unsigned long number, void* argument) const;
  int close();

  struct Connected {
    int error = 0;
    std::int32_t status = 0;
    std::uint32_t client = 0;
  };
  [[nodiscard]] Connected connect(const std::string& service) const;
  [[nodiscard]] int disconnect(std::uint32_t client, std::int32_t* status = nullptr) const;
  /// Connects to the test service; fails the test otherwise.
  [[nodiscard]] std::uint32_t test_client() const;

 private:
  int fd_;
};

vbg_ioctl_hdr header(std::size_t in, std::size_t out);

/// A call with 64-bit parameters; the bytes are kept as the driver gets them.
class Call {
 public:
  Call(std::uint32_t client, std::uint32_t function, std::uint32_t timeout = kForever);
  Call& u32(std::uint32_t value);
  Call& u64(std::uint64_t value);
  Call& buffer(vmmdev_hgcm_function_parameter_type type, void* data, std::size_t size);
  Call& in(std::span<const std::uint8_t> data);
  Call& out(std::span<std::uint8_t> data);
  Call& inout(std::span<std::uint8_t> data);

  /// 0, or the errno of the ioctl.
  int run(const Session& session);
  /// Runs the call; the errno must be 0. Returns the status.
  std::int32_t status(const Session& session);

  [[nodiscard]] vbg_ioctl_hgcm_call& head();
  [[nodiscard]] vmmdev_hgcm_function_parameter64& parm(std::size_t index);
  [[nodiscard]] std::uint32_t value32(std::size_t index) { return parm(index).u.value32; }
  [[nodiscard]] std::uint64_t value64(std::size_t index) { return parm(index).u.value64; }
  [[nodiscard]] std::vector<std::uint8_t>& bytes() { return bytes_; }

 private:
  vmmdev_hgcm_function_parameter64& add(vmmdev_hgcm_function_parameter_type type);

  std::vector<std::uint8_t> bytes_;
};

/// Bytes that differ from place to place.
std::vector<std::uint8_t> pattern(std::size_t size, std::uint32_t seed = 1);

}  // namespace kmod_test

#endif

// SPDX-License-Identifier: MIT
//
// See driver.h.
#include "driver.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <memory>

namespace kmod_test {

std::string device_directory() {
  const std::string drivers = "/sys/bus/pci/drivers/vboxguest/";
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(opendir(drivers.c_str()), closedir);
  if (listing) {
    while (const dirent* entry = readdir(listing.get())) {
      if (std::strchr(entry->d_name, ':') != nullptr) {
        return drivers + entry->d_name;
      }
    }
  }
  return {};
}

bool driver_is_ours() {
  return access((device_directory() + "/features_in_use").c_str(), F_OK) == 0;
}

std::uint64_t counter(const std::string& name) {
  std::ifstream file("/sys/kernel/debug/vboxguest/counters");
  std::string found;
  std::uint64_t value = 0;
  while (file >> found >> value) {
    if (found == name) {
      return value;
    }
  }
  ADD_FAILURE() << "no counter " << name;
  return 0;
}

Session::Session(const char* path) : fd_(open(path, O_RDWR | O_CLOEXEC)) {
  EXPECT_GE(fd_, 0) << path << ": " << std::strerror(errno);
}

Session::~Session() {
  close();
}

int Session::close() {
  const int result = fd_ >= 0 ? ::close(fd_) : 0;
  fd_ = -1;
  return result;
}

int Session::control(unsigned long number, void* argument) const {
  return ioctl(fd_, number, argument) == 0 ? 0 : errno;
}

vbg_ioctl_hdr header(std::size_t in, std::size_t out) {
  vbg_ioctl_hdr hdr{};
  hdr.size_in = static_cast<std::uint32_t>(in);
  hdr.version = VBG_IOCTL_HDR_VERSION;
  hdr.type = VBG_IOCTL_HDR_TYPE_DEFAULT;
  hdr.size_out = static_cast<std::uint32_t>(out);
  return hdr;
}

Session::Connected Session::connect(const std::string& service) const {
  vbg_ioctl_hgcm_connect request{};
  request.hdr = header(sizeof(request), sizeof(request.hdr) + sizeof(request.u.out));
  request.u.in.loc.type = VMMDEV_HGCM_LOC_LOCALHOST_EXISTING;
  service.copy(request.u.in.loc.u.localhost.service_name,
               sizeof(request.u.in.loc.u.localhost.service_name) - 1);
  Connected result;
  result.error = control(VBG_IOCTL_HGCM_CONNECT, &request);
  if (result.error == 0) {
    result.status = request.hdr.rc;
    result.client = request.u.out.client_id;
  }
  return result;
}

int Session::disconnect(std::uint32_t client, std::int32_t* status) const {
  vbg_ioctl_hgcm_disconnect request{};
  request.hdr = header(sizeof(request), sizeof(request.hdr));
  request.u.in.client_id = client;
  const int error = control(VBG_IOCTL_HGCM_DISCONNECT, &request);
  if (status != nullptr) {
    *status = request.hdr.rc;
  }
  return error;
}

std::uint32_t Session::test_client() const {
  const Connected result = connect(kTestService);
  EXPECT_EQ(result.error, 0);
  EXPECT_EQ(result.status, 0);
  EXPECT_NE(result.client, 0U);
  return result.client;
}

Call::Call(std::uint32_t client, std::uint32_t function, std::uint32_t timeout)
    : bytes_(sizeof(vbg_ioctl_hgcm_call)) {
  head().client_id = client;
  head().function = function;
  head().timeout_ms = timeout;
}

vbg_ioctl_hgcm_call& Call::head() {
  return *reinterpret_cast<vbg_ioctl_hgcm_call*>(bytes_.data());
}

vmmdev_hgcm_function_parameter64& Call::parm(std::size_t index) {
  return reinterpret_cast<vmmdev_hgcm_function_parameter64*>(bytes_.data() +
                                                             sizeof(vbg_ioctl_hgcm_call))[index];
}

vmmdev_hgcm_function_parameter64& Call::add(vmmdev_hgcm_function_parameter_type type) {
  bytes_.resize(bytes_.size() + sizeof(vmmdev_hgcm_function_parameter64));
  vmmdev_hgcm_function_parameter64& added = parm(head().parm_count++);
  added.type = type;
  return added;
}

Call& Call::u32(std::uint32_t value) {
  add(VMMDEV_HGCM_PARM_TYPE_32BIT).u.value32 = value;
  return *this;
}

Call& Call::u64(std::uint64_t value) {
  add(VMMDEV_HGCM_PARM_TYPE_64BIT).u.value64 = value;
  return *this;
}

Call& Call::buffer(vmmdev_hgcm_function_parameter_type type, void* data, std::size_t size) {
  vmmdev_hgcm_function_parameter64& added = add(type);
  added.u.pointer.size = static_cast<std::uint32_t>(size);
  added.u.pointer.u.linear_addr = reinterpret_cast<std::uintptr_t>(data);
  return *this;
}

Call& Call::in(std::span<const std::uint8_t> data) {
  return buffer(VMMDEV_HGCM_PARM_TYPE_LINADDR_IN, const_cast<std::uint8_t*>(data.data()),
                data.size());
}

Call& Call::out(std::span<std::uint8_t> data) {
  return buffer(VMMDEV_HGCM_PARM_TYPE_LINADDR_OUT, data.data(), data.size());
}

Call& Call::inout(std::span<std::uint8_t> data) {
  return buffer(VMMDEV_HGCM_PARM_TYPE_LINADDR, data.data(), data.size());
}

int Call::run(const Session& session) {
  head().hdr = header(bytes_.size(), bytes_.size());
  return session.control(VBG_IOCTL_HGCM_CALL_64(bytes_.size()), bytes_.data());
}

std::int32_t Call::status(const Session& session) {
  EXPECT_EQ(run(session), 0);
  return head().hdr.rc;
}

std::vector<std::uint8_t> pattern(std::size_t size, std::uint32_t seed) {
  std::vector<std::uint8_t> bytes(size);
  std::uint32_t state = seed;
  for (std::uint8_t& byte : bytes) {
    state = state * 1664525U + 1013904223U;
    byte = static_cast<std::uint8_t>(state >> 24U);
  }
  return bytes;
}

}  // namespace kmod_test

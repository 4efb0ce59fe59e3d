// SPDX-License-Identifier: MIT
//
// MockDevice: a guest driver whose answers a test writes. It takes HGCM requests apart by the
// layouts of <linux/vboxguest.h>, independently of the library's own code, and records them.
#ifndef OPENHGCM_TESTS_LIB_MOCK_DEVICE_H
#define OPENHGCM_TESTS_LIB_MOCK_DEVICE_H

#include <hgcm/device.h>
#include <linux/vboxguest.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hgcm::test {

using WireParameter = vmmdev_hgcm_function_parameter64;

/// One HGCM call as the driver sees it. A handler changes `parameters` and `rc`, and returns what
/// the ioctl shall return.
struct WireCall {
  unsigned long request = 0;
  vbg_ioctl_hgcm_call head{};
  std::vector<WireParameter> parameters;
  std::int32_t rc = 0;

  [[nodiscard]] std::uint32_t type(std::size_t i) const { return parameters[i].type; }
  [[nodiscard]] std::uint32_t size(std::size_t i) const { return parameters[i].u.pointer.size; }
  [[nodiscard]] std::uint64_t address(std::size_t i) const {
    return parameters[i].u.pointer.u.linear_addr;
  }
  [[nodiscard]] std::uint32_t value32(std::size_t i) const { return parameters[i].u.value32; }
  [[nodiscard]] std::uint64_t value64(std::size_t i) const { return parameters[i].u.value64; }
  [[nodiscard]] std::span<char> buffer(std::size_t i) const {
    return {reinterpret_cast<char*>(address(i)), size(i)};
  }
  [[nodiscard]] std::string text(std::size_t i) const {
    const auto bytes = buffer(i);
    return {bytes.data(), bytes.size()};
  }
  /// Fills the front of a buffer, as much as fits.
  void put(std::size_t i, std::string_view bytes) const {
    const auto target = buffer(i);
    std::memcpy(target.data(), bytes.data(), std::min(bytes.size(), target.size()));
  }
};

class MockDevice final : public Device {
 public:
  /// Answers calls; the default succeeds without changing anything.
  std::function<int(WireCall&)> on_call;
  /// Answers everything that is not an HGCM request.
  std::function<int(unsigned long, void*)> on_other;
  int connect_result = 0;
  std::int32_t connect_rc = 0;
  std::uint32_t client_id = 7;

  std::vector<std::string> connected;
  std::vector<std::uint32_t> disconnected;
  std::vector<WireCall> calls;
  std::vector<vbg_ioctl_hdr> headers;

  int ioctl(unsigned long request, void* data) noexcept override {
    const std::lock_guard lock(mutex_);
    headers.push_back(*static_cast<vbg_ioctl_hdr*>(data));
    if (request == VBG_IOCTL_HGCM_CONNECT) {
      return connect(*static_cast<vbg_ioctl_hgcm_connect*>(data));
    }
    if (request == VBG_IOCTL_HGCM_DISCONNECT) {
      disconnected.push_back(static_cast<vbg_ioctl_hgcm_disconnect*>(data)->u.in.client_id);
      return 0;
    }
    if ((request & ~(0x3fffUL << 16)) == VBG_IOCTL_HGCM_CALL_64(0)) {
      return call(request, data);
    }
    return on_other ? on_other(request, data) : -ENOTTY;
  }

 private:
  int connect(vbg_ioctl_hgcm_connect& request) {
    connected.emplace_back(request.u.in.loc.u.localhost.service_name);
    if (connect_result != 0) {
      return connect_result;
    }
    request.hdr.rc = connect_rc;
    request.u.out.client_id = connect_rc < 0 ? 0 : client_id;
    return 0;
  }

  int call(unsigned long request, void* data) {
    WireCall wire;
    wire.request = request;
    std::memcpy(&wire.head, data, sizeof(wire.head));
    wire.parameters.resize(wire.head.parm_count);
    auto* const first = static_cast<char*>(data) + sizeof(wire.head);
    const std::size_t size = wire.parameters.size() * sizeof(WireParameter);
    if (size != 0) {
      std::memcpy(wire.parameters.data(), first, size);
    }
    calls.push_back(wire);
    const int result = on_call ? on_call(wire) : 0;
    if (result == 0) {
      if (size != 0) {
        std::memcpy(first, wire.parameters.data(), size);
      }
      static_cast<vbg_ioctl_hdr*>(data)->rc = wire.rc;
    }
    return result;
  }

  std::mutex mutex_;
};

}  // namespace hgcm::test

#endif

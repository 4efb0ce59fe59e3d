// SPDX-License-Identifier: MIT
//
// Saved states: what a service writes for one client when the machine is saved, and reads back when
// it is restored. Wraps the host's saved-state functions of <hgcm/service_abi.h>. The stream has no
// record lengths: read exactly what was written, and begin with a version of your own.
#ifndef HGCM_SERVICE_STATE_HPP
#define HGCM_SERVICE_STATE_HPP

#include <hgcm/service_abi.h>
#include <hgcm/status.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <string_view>

namespace hgcm::service {

namespace detail {

/// Calls the function at `offset` of the host's table.
template <typename... Args>
Status call_vmm(const hgcm_svc_vmm* vmm, hgcm_svc_vmm_offset offset, hgcm_svc_ssm* stream,
                Args... args) {
  int32_t (*function)(hgcm_svc_ssm*, Args...) = nullptr;
  if (vmm == nullptr) {
    return HGCM_ERR_NOT_SUPPORTED;
  }
  std::memcpy(&function, reinterpret_cast<const std::byte*>(vmm) + offset, sizeof function);
  return function != nullptr ? Status(function(stream, args...)) : Status(HGCM_ERR_NOT_SUPPORTED);
}

}  // namespace detail

/// Remembers the first failure; later writes do nothing. Valid inside the save() hook only.
class StateWriter {
 public:
  StateWriter(hgcm_svc_ssm* stream, const hgcm_svc_vmm* vmm) noexcept
      : stream_(stream), vmm_(vmm) {}

  StateWriter& put_bool(bool value) { return put(HGCM_SVC_VMM_PUT_BOOL, value); }
  StateWriter& put_u8(std::uint8_t value) { return put(HGCM_SVC_VMM_PUT_U8, value); }
  StateWriter& put_u32(std::uint32_t value) { return put(HGCM_SVC_VMM_PUT_U32, value); }
  StateWriter& put_u64(std::uint64_t value) { return put(HGCM_SVC_VMM_PUT_U64, value); }
  /// Only the bytes: the reader must know how many.
  StateWriter& put_bytes(std::span<const std::byte> bytes) {
    return put(HGCM_SVC_VMM_PUT_MEM, static_cast<const void*>(bytes.data()), bytes.size());
  }
  /// Length and bytes.
  StateWriter& put_string(std::string_view text) {
    if (text.size() > std::numeric_limits<std::uint32_t>::max() && status_.ok()) {
      status_ = HGCM_ERR_TOO_MUCH_DATA;
    }
    return put_u32(static_cast<std::uint32_t>(text.size()))
        .put_bytes(std::as_bytes(std::span(text)));
  }

  [[nodiscard]] Status status() const noexcept { return status_; }

 private:
  template <typename... Args>
  StateWriter& put(hgcm_svc_vmm_offset offset, Args... args) {
    if (status_.ok()) {
      status_ = detail::call_vmm(vmm_, offset, stream_, args...);
    }
    return *this;
  }

  hgcm_svc_ssm* stream_;
  const hgcm_svc_vmm* vmm_;
  Status status_;
};

/// Remembers the first failure; values read after it are zero or empty, so a hook can read
/// everything and look at status() once. Valid inside the load() hook only.
class StateReader {
 public:
  StateReader(hgcm_svc_ssm* stream, const hgcm_svc_vmm* vmm, std::uint32_t version) noexcept
      : stream_(stream), vmm_(vmm), version_(version) {}

  /// Version of the host's saved state; 0 when nothing was saved for this client, and then there is
  /// nothing to read.
  [[nodiscard]] std::uint32_t version() const noexcept { return version_; }

  bool get_bool() { return get<bool>(HGCM_SVC_VMM_GET_BOOL); }
  std::uint8_t get_u8() { return get<std::uint8_t>(HGCM_SVC_VMM_GET_U8); }
  std::uint32_t get_u32() { return get<std::uint32_t>(HGCM_SVC_VMM_GET_U32); }
  std::uint64_t get_u64() { return get<std::uint64_t>(HGCM_SVC_VMM_GET_U64); }
  void get_bytes(std::span<std::byte> bytes) {
    if (status_.ok()) {
      status_ = detail::call_vmm(vmm_, HGCM_SVC_VMM_GET_MEM, stream_,
                                 static_cast<void*>(bytes.data()), bytes.size());
    }
    if (status_.failed()) {
      std::ranges::fill(bytes, std::byte{0});
    }
  }
  /// What put_string() wrote. Longer than `max_size`: HGCM_ERR_SSM_UNEXPECTED_DATA.
  std::string get_string(std::size_t max_size) {
    const std::uint32_t size = get_u32();
    if (size > max_size) {
      fail(HGCM_ERR_SSM_UNEXPECTED_DATA);
      return {};
    }
    std::string text(size, '\0');
    get_bytes(std::as_writable_bytes(std::span(text)));
    return status_.ok() ? text : std::string();
  }

  /// For a service that does not like what it read.
  void fail(Status status) noexcept {
    if (status_.ok()) {
      status_ = status;
    }
  }
  [[nodiscard]] Status status() const noexcept { return status_; }

 private:
  template <typename T>
  T get(hgcm_svc_vmm_offset offset) {
    T value{};
    if (status_.ok()) {
      status_ = detail::call_vmm(vmm_, offset, stream_, &value);
    }
    return status_.ok() ? value : T{};
  }

  hgcm_svc_ssm* stream_;
  const hgcm_svc_vmm* vmm_;
  std::uint32_t version_;
  Status status_;
};

}  // namespace hgcm::service

#endif

// SPDX-License-Identifier: MIT
//
// The ioctl numbers and buffers of <linux/vboxguest.h> in the form the library uses them. Internal;
// the public headers do not pull in kernel headers.
#ifndef HGCM_SRC_IOCTL_ABI_H
#define HGCM_SRC_IOCTL_ABI_H

#include <linux/vboxguest.h>

#include <cstddef>
#include <cstdint>

namespace hgcm::detail {

/// The part of an ioctl number that remains when the encoded size is taken out.
constexpr unsigned long without_size(unsigned long request) noexcept {
  return request & ~(static_cast<unsigned long>(_IOC_SIZEMASK) << _IOC_SIZESHIFT);
}

/// Number of a variable-size request. What does not fit the 14 bits is encoded as 0: the driver
/// then goes by the header alone.
constexpr unsigned long sized_request(unsigned number, std::size_t size) noexcept {
  const std::size_t encoded = size <= _IOC_SIZEMASK ? size : 0;
  return _IOC(_IOC_READ | _IOC_WRITE, static_cast<unsigned>('V'), number, encoded);
}

inline constexpr unsigned kCall32Number = 6;
inline constexpr unsigned kCall64Number = 7;

constexpr unsigned long call_request(std::size_t size) noexcept {
  return sized_request(sizeof(void*) == 8 ? kCall64Number : kCall32Number, size);
}

/// Where the buffer of a waiting request keeps its time-out; null for requests that have none.
inline volatile std::uint32_t* timeout_of(unsigned long request, void* data) noexcept {
  switch (without_size(request)) {
    case sized_request(kCall32Number, 0):
    case sized_request(kCall64Number, 0):
      return &static_cast<vbg_ioctl_hgcm_call*>(data)->timeout_ms;
    case without_size(VBG_IOCTL_WAIT_FOR_EVENTS):
      return &static_cast<vbg_ioctl_wait_for_events*>(data)->u.in.timeout_ms;
    default:
      return nullptr;
  }
}

/// A header for `size_in` bytes of input and `size_out` of output, both with the header.
constexpr vbg_ioctl_hdr make_header(std::size_t size_in, std::size_t size_out,
                                    std::uint32_t type = VBG_IOCTL_HDR_TYPE_DEFAULT) noexcept {
  vbg_ioctl_hdr header{};
  header.size_in = static_cast<std::uint32_t>(size_in);
  header.version = VBG_IOCTL_HDR_VERSION;
  header.type = type;
  header.size_out = static_cast<std::uint32_t>(size_out);
  return header;
}

}  // namespace hgcm::detail

#endif

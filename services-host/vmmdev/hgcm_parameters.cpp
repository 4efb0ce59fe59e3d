// SPDX-License-Identifier: MIT
//
// See hgcm_parameters.h. All buffers but NoBounce ones are copied: a service may read its input
// more than once, and the guest could change it in between.
#include "vmmdev/hgcm_parameters.h"

#include "vmmdev/wire.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>

namespace hgcm::vmmdev {
namespace {

constexpr std::uint64_t kPageMask = kGuestPageSize - 1;
// What the device keeps for each page of a mapped list: host address and keep-alive.
constexpr std::size_t kBytesPerMappedPage = sizeof(void*) + sizeof(std::shared_ptr<const void>);

Status check_direction(std::uint32_t flags) noexcept {
  const bool valid = flags != 0 && (flags & ~(wire::kToHost | wire::kFromHost)) == 0;
  return valid ? HGCM_INF_SUCCESS : HGCM_ERR_INVALID_FLAGS;
}

}  // namespace

// Bytes that the listed guest memory holds, at most `size`.
std::size_t HgcmParameters::Parameter::capacity() const noexcept {
  if (type != wire::kParmPageList && type != wire::kParmNoBounce) return size;
  return std::min(std::size_t{size}, page_count * kGuestPageSize - first_offset);
}

Result<HgcmParameters> HgcmParameters::parse(const RequestBlock& block,
                                             std::size_t parameter_bytes) {
  const auto bytes = block.bytes();
  const auto count = load_field<std::uint32_t>(bytes, wire::hgcm::kCallCount);
  if (count > wire::hgcm::kMaxParameters) return failure(HGCM_ERR_INVALID_PARAMETER);
  // Page lists and embedded data lie at or after this.
  const std::size_t extra = wire::hgcm::kCallParameters + count * parameter_bytes;
  if (extra > bytes.size()) return failure(HGCM_ERR_INVALID_PARAMETER);

  HgcmParameters result(block, parameter_bytes);
  result.parameters_.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    Parameter& parameter = result.parameters_[i];
    parameter.offset = wire::hgcm::kCallParameters + i * parameter_bytes;
    parameter.type = load_field<std::uint32_t>(bytes, parameter.offset + wire::parameter::kType);
    if (const Status status = result.parse_one(parameter, extra); status.failed()) {
      return failure(status);
    }
  }
  return result;
}

Status HgcmParameters::parse_one(Parameter& parameter, std::size_t extra) {
  switch (parameter.type) {
    case wire::kParm32:
    case wire::kParm64:
      return HGCM_INF_SUCCESS;
    case wire::kParmLinear:
    case wire::kParmLinearIn:
    case wire::kParmLinearOut:
      // A guest-virtual address means something only in the page tables of a virtual processor,
      // which a device on the bus cannot see. Drivers send empty buffers this way.
      return load_field<std::uint32_t>(block_.bytes(),
                                       parameter.offset + wire::parameter::kLinearSize) == 0
                 ? HGCM_INF_SUCCESS
                 : HGCM_ERR_INVALID_PARAMETER;
    case wire::kParmPageList:
    case wire::kParmContiguous:
    case wire::kParmNoBounce:
      return parse_page_list(parameter, extra);
    case wire::kParmEmbedded:
      return parse_embedded(parameter, extra);
    default:
      return HGCM_ERR_INVALID_PARAMETER;
  }
}

Status HgcmParameters::parse_page_list(Parameter& parameter, std::size_t extra) {
  const auto bytes = block_.bytes();
  const auto field = [&](std::size_t offset) {
    return load_field<std::uint32_t>(bytes, parameter.offset + offset);
  };
  parameter.size = field(wire::parameter::kListSize);
  const std::size_t list = field(wire::parameter::kListOffset);
  if (parameter.size > wire::hgcm::kMaxBuffer || list < extra || list > bytes.size() ||
      bytes.size() - list < wire::page_list::kMinBytes) {
    return HGCM_ERR_INVALID_PARAMETER;
  }
  parameter.direction = load_field<std::uint32_t>(bytes, list + wire::page_list::kFlags);
  parameter.first_offset = load_field<std::uint16_t>(bytes, list + wire::page_list::kFirstOffset);
  parameter.page_count = load_field<std::uint16_t>(bytes, list + wire::page_list::kCount);
  parameter.data = list + wire::page_list::kPages;
  if (const Status status = check_direction(parameter.direction); status.failed()) return status;
  if (parameter.first_offset >= kGuestPageSize || parameter.page_count == 0 ||
      parameter.page_count > (bytes.size() - parameter.data) / sizeof(GuestAddress)) {
    return HGCM_ERR_INVALID_PARAMETER;
  }
  if (parameter.type == wire::kParmContiguous && parameter.page_count != 1) {
    return HGCM_ERR_INVALID_PARAMETER;
  }
  if (parameter.type == wire::kParmNoBounce) {
    const std::size_t covered =
        (parameter.first_offset + std::size_t{parameter.size} + kPageMask) / kGuestPageSize;
    if (covered != parameter.page_count) return HGCM_ERR_INVALID_PARAMETER;
  }
  return check_pages(parameter);
}

Status HgcmParameters::check_pages(const Parameter& parameter) const {
  for (std::uint32_t i = 0; i < parameter.page_count; ++i) {
    if (const auto address = page_address(parameter, i); !address) return address.error();
  }
  return HGCM_INF_SUCCESS;
}

Status HgcmParameters::parse_embedded(Parameter& parameter, std::size_t extra) {
  const auto bytes = block_.bytes();
  const auto where =
      load_field<std::uint32_t>(bytes, parameter.offset + wire::parameter::kEmbeddedWhere);
  parameter.size =
      load_field<std::uint32_t>(bytes, parameter.offset + wire::parameter::kEmbeddedSize);
  parameter.direction = where & 0xff;
  parameter.data = where >> 8;
  if (parameter.size > wire::hgcm::kMaxBuffer || parameter.data < extra ||
      parameter.data > bytes.size() || parameter.size > bytes.size() - parameter.data) {
    return HGCM_ERR_INVALID_PARAMETER;
  }
  return check_direction(parameter.direction);
}

// Where the data of a listed page starts.
Result<GuestAddress> HgcmParameters::page_address(const Parameter& parameter,
                                                  std::uint32_t index) const noexcept {
  auto address =
      load_field<GuestAddress>(block_.bytes(), parameter.data + index * sizeof(GuestAddress));
  const std::uint32_t offset = index == 0 ? parameter.first_offset : 0;
  if (parameter.type == wire::kParmNoBounce) {
    // The offset may be in the low bits of the first entry too.
    const std::uint64_t low = address & kPageMask;
    if (low != 0 && low != offset) return failure(HGCM_ERR_INVALID_POINTER);
    address -= low;
  }
  if (address > std::numeric_limits<GuestAddress>::max() - kGuestPageSize - offset) {
    return failure(HGCM_ERR_INVALID_POINTER);
  }
  return address + offset;
}

// Calls function(address, bytes) -> bool for each piece of consecutive guest memory, in order.
template <typename Function>
Status HgcmParameters::for_each_run(const Parameter& parameter, std::size_t bytes,
                                    Function function) const {
  std::size_t left = std::min(bytes, parameter.capacity());
  GuestAddress run = 0;
  std::size_t length = 0;
  for (std::uint32_t i = 0; left > 0; ++i) {
    const auto address = page_address(parameter, i);
    if (!address) return address.error();
    const std::size_t room = i == 0 ? kGuestPageSize - parameter.first_offset : kGuestPageSize;
    // One entry of a contiguous list stands for all of it.
    const std::size_t part = parameter.type == wire::kParmContiguous ? left : std::min(left, room);
    if (length > 0 && run + length != *address) {
      if (!function(run, length)) return HGCM_ERR_INVALID_POINTER;
      length = 0;
    }
    if (length == 0) run = *address;
    length += part;
    left -= part;
  }
  if (length > 0 && !function(run, length)) return HGCM_ERR_INVALID_POINTER;
  return HGCM_INF_SUCCESS;
}

// False: not all of it can be mapped; nothing is kept then.
bool HgcmParameters::map_pages(GuestMemory& memory, Parameter& parameter) const {
  std::vector<void*> pages;
  std::vector<std::shared_ptr<const void>> mapping;
  pages.reserve(parameter.page_count);
  const auto map_run = [&](GuestAddress address, std::size_t length) {
    auto mapped = memory.map(address, length);
    if (!mapped) return false;
    mapping.push_back(std::move(mapped->keep_alive));
    // Only the first page of the buffer starts inside its page.
    for (std::size_t at = 0; at < length;) {
      pages.push_back(mapped->bytes.data() + at);
      at += kGuestPageSize - ((address + at) & kPageMask);
    }
    return true;
  };
  const auto map_each = [&](GuestAddress address, std::size_t length) {
    while (length > 0) {
      const std::size_t part =
          std::min<std::size_t>(length, kGuestPageSize - (address & kPageMask));
      if (!map_run(address, part)) return false;
      address += part;
      length -= part;
    }
    return true;
  };
  // A run may cross from one mappable piece of RAM to another.
  const Status status =
      for_each_run(parameter, parameter.size, [&](GuestAddress address, std::size_t length) {
        return map_run(address, length) || map_each(address, length);
      });
  if (status.failed()) return false;
  parameter.pages = std::move(pages);
  parameter.mapping = std::move(mapping);
  return true;
}

Status HgcmParameters::fetch(GuestMemory& memory, BudgetCharge& charge, Counters& counters,
                             std::span<hgcm_svc_parm> out) {
  std::size_t copied = 0;
  for (Parameter& parameter : parameters_) {
    if (parameter.type == wire::kParmNoBounce) {
      if (!charge.add(parameter.page_count * kBytesPerMappedPage)) return HGCM_ERR_NO_MEMORY;
      if (map_pages(memory, parameter)) continue;
    }
    copied += parameter.size;
  }
  if (copied > wire::hgcm::kMaxBuffer || !charge.add(copied)) return HGCM_ERR_NO_MEMORY;

  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    Parameter& parameter = parameters_[i];
    hgcm_svc_parm& value = out[i];
    if (parameter.type == wire::kParm32) {
      value.type = HGCM_SVC_PARM_32BIT;
      value.u.u32 =
          load_field<std::uint32_t>(block_.bytes(), parameter.offset + wire::parameter::kValue);
    } else if (parameter.type == wire::kParm64) {
      value.type = HGCM_SVC_PARM_64BIT;
      value.u.u64 =
          load_field<std::uint64_t>(block_.bytes(), parameter.offset + wire::parameter::kValue);
    } else if (parameter.mapped()) {
      if ((parameter.direction & wire::kToHost) != 0) counters.hgcm_bytes_in.add(parameter.size);
      value.type = HGCM_SVC_PARM_PAGES;
      value.u.pages.size = parameter.size;
      value.u.pages.count = static_cast<std::uint16_t>(parameter.page_count);
      value.u.pages.pages = parameter.pages.data();
    } else {
      const Status status = copy_in(memory, parameter, counters);
      if (status.failed()) return status;
      value.type = HGCM_SVC_PARM_PTR;
      value.u.ptr.size = parameter.size;
      value.u.ptr.addr = parameter.buffer.get();
    }
  }
  return HGCM_INF_SUCCESS;
}

Status HgcmParameters::copy_in(GuestMemory& memory, Parameter& parameter,
                               Counters& counters) const {
  if (parameter.size == 0) return HGCM_INF_SUCCESS;
  const bool to_host = (parameter.direction & wire::kToHost) != 0;
  // Zeroed where the guest gives nothing: its answer must not carry old host memory.
  parameter.buffer.reset(static_cast<std::byte*>(to_host ? std::malloc(parameter.size)
                                                         : std::calloc(parameter.size, 1)));
  if (parameter.buffer == nullptr) return HGCM_ERR_NO_MEMORY;
  if (!to_host) return HGCM_INF_SUCCESS;

  std::span<std::byte> rest(parameter.buffer.get(), parameter.size);
  counters.hgcm_copies.add();
  counters.hgcm_bytes_in.add(parameter.capacity());
  if (parameter.type == wire::kParmEmbedded) {
    std::ranges::copy(block_.bytes().subspan(parameter.data, parameter.size), rest.begin());
    return HGCM_INF_SUCCESS;
  }
  const Status status =
      for_each_run(parameter, parameter.size, [&](GuestAddress address, std::size_t length) {
        const auto part = rest.first(length);
        rest = rest.subspan(length);
        return memory.read(address, part);
      });
  std::ranges::fill(rest, std::byte{0});
  return status;
}

Status HgcmParameters::write_back(GuestMemory& memory, GuestAddress address, Counters& counters,
                                  std::span<const hgcm_svc_parm> values) {
  // Our own copy of the parameters with the new values goes back in one piece. Types, pointers and
  // whatever else the service has left in `values` do not matter, only values and sizes.
  Status result = HGCM_INF_SUCCESS;
  const auto bytes = block_.bytes();
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const Parameter& parameter = parameters_[i];
    const hgcm_svc_parm& value = values[i];
    switch (parameter.type) {
      case wire::kParm32:
        store_field(bytes, parameter.offset + wire::parameter::kValue, value.u.u32);
        break;
      case wire::kParm64:
        store_field(bytes, parameter.offset + wire::parameter::kValue, value.u.u64);
        break;
      case wire::kParmPageList:
      case wire::kParmContiguous:
      case wire::kParmNoBounce:
      case wire::kParmEmbedded: {
        const std::uint32_t size = parameter.mapped() ? value.u.pages.size : value.u.ptr.size;
        const Status status = copy_out(memory, address, parameter, size, counters);
        if (status.failed()) result = status;
        if (parameter.type == wire::kParmEmbedded) {
          store_field(bytes, parameter.offset + wire::parameter::kEmbeddedSize, size);
        } else if (parameter.type != wire::kParmPageList) {
          store_field(bytes, parameter.offset + wire::parameter::kListSize, size);
        }
        break;
      }
      default:  // empty linear buffers
        break;
    }
  }
  const auto all = bytes.subspan(wire::hgcm::kCallParameters, count() * parameter_bytes_);
  if (!all.empty() && !memory.write(address + wire::hgcm::kCallParameters, all)) {
    result = HGCM_ERR_INVALID_POINTER;
  }
  return result;
}

Status HgcmParameters::copy_out(GuestMemory& memory, GuestAddress address,
                                const Parameter& parameter, std::uint32_t size,
                                Counters& counters) const {
  if ((parameter.direction & wire::kFromHost) == 0) return HGCM_INF_SUCCESS;
  const std::size_t bytes = std::min<std::size_t>(size, parameter.capacity());
  if (bytes == 0) return HGCM_INF_SUCCESS;
  counters.hgcm_bytes_out.add(bytes);
  if (parameter.mapped()) return HGCM_INF_SUCCESS;  // the service has written there itself

  counters.hgcm_copies.add();
  std::span<const std::byte> rest(parameter.buffer.get(), bytes);
  if (parameter.type == wire::kParmEmbedded) {
    return memory.write(address + parameter.data, rest) ? HGCM_INF_SUCCESS
                                                        : HGCM_ERR_INVALID_POINTER;
  }
  return for_each_run(parameter, bytes, [&](GuestAddress run, std::size_t length) {
    const auto part = rest.first(length);
    rest = rest.subspan(length);
    return memory.write(run, part);
  });
}

}  // namespace hgcm::vmmdev

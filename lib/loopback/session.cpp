// SPDX-License-Identifier: MIT
//
// See session.h.
#include "loopback/session.h"

#include <linux/vboxguest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <new>

namespace hgcm::loopback {
namespace {

constexpr std::size_t kMaxIoctlSize = 16U << 20;
constexpr std::size_t kMaxRequestSize = 1U << 20;
constexpr std::size_t kMaxUserBuffer = 24U << 20;
constexpr std::size_t kMaxClients = 64;
constexpr std::size_t kMaxParameters = 32;
constexpr std::uint32_t kValidEvents = 0x7ff;
constexpr std::uint32_t kForever = 0xffffffff;
constexpr std::uint32_t kNoClient = 0xffffffff;

constexpr unsigned long without_size(unsigned long request) noexcept {
  return request & ~(static_cast<unsigned long>(_IOC_SIZEMASK) << _IOC_SIZESHIFT);
}

// Drivers accept these two also with a direction in the number.
constexpr unsigned long kBigRequestAlternate = _IOC(_IOC_READ | _IOC_WRITE, 'V', 3, 0);
constexpr unsigned long kLogAlternate = _IOC(_IOC_READ | _IOC_WRITE, 'V', 9, 0);

template <typename T>
T& as(std::span<std::byte> buffer) noexcept {
  return *reinterpret_cast<T*>(buffer.data());
}

/// Requests of user programs by who may send them.
bool is_permitted(std::uint32_t type, std::span<const std::byte> buffer, bool user_node) {
  constexpr std::array kAnyone = {1u,  2u,  3u,  4u,   5u,   10u,  30u, 41u, 42u,
                                  51u, 52u, 53u, 54u,  57u,  59u,  70u, 71u, 72u,
                                  73u, 80u, 81u, 150u, 200u, 217u, 222u};
  constexpr std::array kTrusted = {74u,  100u, 101u, 110u, 112u, 210u, 211u,
                                   212u, 213u, 214u, 215u, 216u, 218u};
  if (type == VMMDEVREQ_REPORT_GUEST_CAPABILITIES && buffer.size() >= 28) {
    std::uint32_t facility;
    std::memcpy(&facility, buffer.data() + 24, sizeof(facility));
    const bool reserved = facility == 20 || facility == 0x7ffffffe;
    return !reserved && (facility != 100 || !user_node);
  }
  return std::ranges::find(kAnyone, type) != kAnyone.end() ||
         (!user_node && std::ranges::find(kTrusted, type) != kTrusted.end());
}

WaitLimit make_limit(std::uint32_t timeout, const std::stop_token& stop) {
  if (timeout == kForever) {
    return {std::nullopt, stop};
  }
  return {std::chrono::milliseconds(timeout), stop};
}

/// Exact sizes of a fixed-size request.
bool has_sizes(std::span<std::byte> buffer, std::size_t in, std::size_t out) noexcept {
  const auto& header = as<vbg_ioctl_hdr>(buffer);
  return header.size_in == in && header.size_out == out;
}

}  // namespace

void SessionRegistry::set_filter(const void* session, std::uint32_t events) {
  const std::lock_guard lock(mutex_);
  const auto join = [this] {
    std::uint32_t all = 0;
    for (const auto& entry : filters_) {
      all |= entry.second;
    }
    return all;
  };
  const std::uint32_t before = join();
  std::erase_if(filters_, [&](const auto& entry) { return entry.first == session; });
  if (events != 0) {
    filters_.emplace_back(session, events);
  }
  if (const std::uint32_t after = join(); after != before) {
    driver_.set_event_filter(after);
  }
}

void SessionRegistry::log(std::string_view line) {
  const std::lock_guard lock(mutex_);
  log_lines_.emplace_back(line);
}

std::vector<std::string> SessionRegistry::log_lines() const {
  const std::lock_guard lock(mutex_);
  return log_lines_;
}

Session::~Session() {
  registry_.set_filter(this, 0);
  for (const std::uint32_t client : clients_) {
    Status status;
    driver_.disconnect(client, VMMDEV_REQUESTOR_USR_DRV, status);
  }
}

int Session::ioctl(unsigned long request, void* data) noexcept {
  return stoppable_ioctl(request, data, {});
}

int Session::stoppable_ioctl(unsigned long request, void* data,
                             const std::stop_token& stop) noexcept {
  if (stop.stop_requested()) {
    return -ECANCELED;
  }
  try {
    return dispatch(request, data, stop);
  } catch (const std::bad_alloc&) {
    return -ENOMEM;
  }
}

int Session::dispatch(unsigned long request, void* data, const std::stop_token& stop) {
  vbg_ioctl_hdr header;
  std::memcpy(&header, data, sizeof(header));
  if (header.version != VBG_IOCTL_HDR_VERSION || header.size_in < sizeof(header) ||
      (header.size_out != 0 && header.size_out < sizeof(header))) {
    return -EINVAL;
  }
  const std::size_t size = std::max(header.size_in, header.size_out);
  const std::size_t encoded = _IOC_SIZE(request);
  if (encoded != 0 && encoded != size) {
    return -EINVAL;
  }
  if (size > kMaxIoctlSize) {
    return -E2BIG;
  }
  // In words, for the alignment of the structures.
  std::vector<std::uint64_t> words((size + 7) / 8);
  const auto buffer = std::as_writable_bytes(std::span(words)).first(size);
  std::memcpy(buffer.data(), data, header.size_in);
  auto& copied = as<vbg_ioctl_hdr>(buffer);
  copied.rc = 0;
  if (copied.size_out == 0) {
    copied.size_out = copied.size_in;
  }

  int result = -ENOTTY;
  const unsigned long base = without_size(request);
  if (base == VBG_IOCTL_VMMDEV_REQUEST(0) || request == VBG_IOCTL_VMMDEV_REQUEST_BIG ||
      base == kBigRequestAlternate) {
    result = device_request(buffer);
  } else if (header.type != VBG_IOCTL_HDR_TYPE_DEFAULT) {
    return -EINVAL;
  } else if (request == VBG_IOCTL_DRIVER_VERSION_INFO) {
    result = version_info(buffer);
  } else if (request == VBG_IOCTL_HGCM_CONNECT) {
    result = hgcm_connect(buffer);
  } else if (request == VBG_IOCTL_HGCM_DISCONNECT) {
    result = hgcm_disconnect(buffer);
  } else if (base == VBG_IOCTL_HGCM_CALL_64(0) || base == VBG_IOCTL_HGCM_CALL_32(0)) {
    result = hgcm_call(buffer, base == VBG_IOCTL_HGCM_CALL_32(0), stop);
  } else if (base == VBG_IOCTL_LOG(0) || base == kLogAlternate) {
    result = log_text(buffer);
  } else if (request == VBG_IOCTL_WAIT_FOR_EVENTS) {
    result = wait_for_events(buffer, stop);
  } else if (request == VBG_IOCTL_CHANGE_FILTER_MASK) {
    result = change_filter(buffer);
  }
  if (result == 0) {
    std::memcpy(data, buffer.data(), std::min<std::size_t>(copied.size_out, size));
  }
  return result;
}

int Session::device_request(std::span<std::byte> buffer) {
  auto& header = as<vbg_ioctl_hdr>(buffer);
  if (header.size_in != header.size_out || header.type == VBG_IOCTL_HDR_TYPE_DEFAULT) {
    return -EINVAL;
  }
  if (buffer.size() > kMaxRequestSize) {
    return -E2BIG;
  }
  if (!is_permitted(header.type, buffer, (requestor_ & VMMDEV_REQUESTOR_USER_DEVICE) != 0)) {
    return -EPERM;
  }
  // The host must learn who asks from the driver, not from the program.
  const vbg_ioctl_hdr original = header;
  header.rc = HGCM_ERR_GENERAL_FAILURE;
  header.size_out = 0;
  header.reserved = requestor_;
  const int result = driver_.submit(buffer);
  header.size_out = original.size_out;
  header.reserved = original.reserved;
  return result;
}

int Session::version_info(std::span<std::byte> buffer) {
  if (!has_sizes(buffer, 40, 44)) {
    return -EINVAL;
  }
  auto& info = as<vbg_ioctl_driver_version_info>(buffer);
  const std::uint32_t wanted = info.u.in.req_version;
  const std::uint32_t minimum = info.u.in.min_version;
  if (minimum > wanted || (minimum >> 16) != (wanted >> 16)) {
    return -EINVAL;
  }
  const bool compatible = minimum <= VBG_IOC_VERSION && (minimum >> 16) == (VBG_IOC_VERSION >> 16);
  info.hdr.rc = compatible ? HGCM_INF_SUCCESS : HGCM_ERR_VERSION_MISMATCH;
  info.u.out = {};
  info.u.out.session_version = compatible ? VBG_IOC_VERSION : 0xffffffff;
  info.u.out.driver_version = VBG_IOC_VERSION;
  return 0;
}

int Session::hgcm_connect(std::span<std::byte> buffer) {
  if (!has_sizes(buffer, 156, 28)) {
    return -EINVAL;
  }
  {
    const std::lock_guard lock(mutex_);
    if (clients_.size() + connecting_ >= kMaxClients) {
      return -EMFILE;
    }
    ++connecting_;
  }
  auto& request = as<vbg_ioctl_hgcm_connect>(buffer);
  std::array<char, 128> name;
  std::memcpy(name.data(), request.u.in.loc.u.localhost.service_name, name.size());
  std::uint32_t client = 0;
  Status status;
  const int result = driver_.connect(name, requestor_, client, status);
  const std::lock_guard lock(mutex_);
  --connecting_;
  if (result != 0) {
    return result;
  }
  request.hdr.rc = status.code();
  request.u.out.client_id = client;
  if (client != 0) {
    clients_.insert(client);
  }
  return 0;
}

bool Session::owns(std::uint32_t client) const {
  const std::lock_guard lock(mutex_);
  return client != 0 && client != kNoClient && clients_.contains(client);
}

int Session::hgcm_disconnect(std::span<std::byte> buffer) {
  if (!has_sizes(buffer, 28, 24)) {
    return -EINVAL;
  }
  auto& request = as<vbg_ioctl_hgcm_disconnect>(buffer);
  const std::uint32_t client = request.u.in.client_id;
  {
    // Out of the table first: two threads cannot disconnect the same client.
    const std::lock_guard lock(mutex_);
    if (clients_.erase(client) == 0) {
      return -EINVAL;
    }
  }
  Status status;
  const int result = driver_.disconnect(client, requestor_, status);
  if (result != 0 || status.failed()) {
    const std::lock_guard lock(mutex_);
    clients_.insert(client);
  }
  request.hdr.rc = status.code();
  return result;
}

int Session::hgcm_call(std::span<std::byte> buffer, bool narrow, const std::stop_token& stop) {
  using Narrow = vmmdev_hgcm_function_parameter32;
  using Wide = vmmdev_hgcm_function_parameter64;
  auto& head = as<vbg_ioctl_hgcm_call>(buffer);
  if (head.hdr.size_in < sizeof(head) || head.hdr.size_in != head.hdr.size_out) {
    return -EINVAL;
  }
  const std::size_t count = head.parm_count;
  if (count > kMaxParameters) {
    return -E2BIG;
  }
  const std::size_t size = sizeof(head) + count * (narrow ? sizeof(Narrow) : sizeof(Wide));
  if (head.hdr.size_in < size || !owns(head.client_id)) {
    return -EINVAL;
  }
  head.hdr.size_out = static_cast<std::uint32_t>(size);

  std::array<CallParameter, kMaxParameters> parameters;
  auto* const first = buffer.data() + sizeof(head);
  for (std::size_t i = 0; i < count; ++i) {
    Wide wire{};
    // The type is the program's: a number, which need not be a value of the header's enumeration.
    std::uint32_t type = 0;
    std::memcpy(&type, first + i * (narrow ? sizeof(Narrow) : sizeof(Wide)), sizeof(type));
    if (narrow) {
      Narrow small;
      std::memcpy(&small, first + i * sizeof(small), sizeof(small));
      if (type == VMMDEV_HGCM_PARM_TYPE_32BIT || type == VMMDEV_HGCM_PARM_TYPE_64BIT) {
        wire.u.value64 = small.u.value64;
      } else {
        wire.u.pointer.size = small.u.pointer.size;
        wire.u.pointer.u.linear_addr = small.u.pointer.u.linear_addr;
      }
    } else {
      std::memcpy(&wire, first + i * sizeof(wire), sizeof(wire));
    }
    CallParameter& parameter = parameters[i];
    parameter.type = type;
    switch (type) {
      case VMMDEV_HGCM_PARM_TYPE_32BIT:
        parameter.value = wire.u.value32;
        break;
      case VMMDEV_HGCM_PARM_TYPE_64BIT:
        parameter.value = wire.u.value64;
        break;
      case VMMDEV_HGCM_PARM_TYPE_LINADDR:
      case VMMDEV_HGCM_PARM_TYPE_LINADDR_IN:
      case VMMDEV_HGCM_PARM_TYPE_LINADDR_OUT: {
        if (wire.u.pointer.size > kMaxUserBuffer) {
          head.hdr.rc = HGCM_ERR_OUT_OF_RANGE;
          return 0;
        }
        const std::uint64_t address = wire.u.pointer.u.linear_addr;
        if (address == 0 && wire.u.pointer.size != 0) {
          return -EFAULT;
        }
        parameter.buffer = {reinterpret_cast<std::byte*>(address), wire.u.pointer.size};
        break;
      }
      default:
        return -EINVAL;
    }
  }

  Status status;
  const int result =
      driver_.call(head.client_id, head.function, requestor_, std::span(parameters).first(count),
                   make_limit(head.timeout_ms, stop), status);
  if (result != 0) {
    return result;
  }
  head.hdr.rc = status.code();
  for (std::size_t i = 0; i < count; ++i) {
    // Behind the type, both forms begin with the same value or size.
    auto* const target = first + i * (narrow ? sizeof(Narrow) : sizeof(Wide)) + 4;
    switch (parameters[i].type) {
      case VMMDEV_HGCM_PARM_TYPE_64BIT:
        std::memcpy(target, &parameters[i].value, sizeof(std::uint64_t));
        break;
      case VMMDEV_HGCM_PARM_TYPE_32BIT:
        std::memcpy(target, &parameters[i].value, sizeof(std::uint32_t));
        break;
      default:
        std::memcpy(target, &parameters[i].reported_size, sizeof(std::uint32_t));
        break;
    }
  }
  return 0;
}

int Session::log_text(std::span<std::byte> buffer) {
  const auto& header = as<vbg_ioctl_hdr>(buffer);
  if (header.size_out != sizeof(header)) {
    return -EINVAL;
  }
  constexpr std::size_t kDriverBuffer = 128;
  const std::string_view text(reinterpret_cast<const char*>(buffer.data()) + sizeof(header),
                              header.size_in - sizeof(header));
  registry_.log(text.substr(0, std::min(text.find('\0'), kDriverBuffer - 1)));
  return 0;
}

int Session::wait_for_events(std::span<std::byte> buffer, const std::stop_token& stop) {
  if (!has_sizes(buffer, 32, 28)) {
    return -EINVAL;
  }
  auto& wait = as<vbg_ioctl_wait_for_events>(buffer);
  std::uint32_t taken = 0;
  const int result =
      driver_.wait_for_events(wait.u.in.events, make_limit(wait.u.in.timeout_ms, stop), taken);
  wait.u.out.events = taken;
  return result;
}

int Session::change_filter(std::span<std::byte> buffer) {
  if (!has_sizes(buffer, 32, 24)) {
    return -EINVAL;
  }
  const auto& change = as<vbg_ioctl_change_filter>(buffer);
  if (((change.u.in.or_mask | change.u.in.not_mask) & ~kValidEvents) != 0) {
    return -EINVAL;
  }
  const std::lock_guard lock(mutex_);
  filter_ = (filter_ | change.u.in.or_mask) & ~change.u.in.not_mask;
  registry_.set_filter(this, filter_);
  return 0;
}

}  // namespace hgcm::loopback

// SPDX-License-Identifier: MIT
//
// See service_client.h. What comes back is checked like anything from outside: the service may be
// another implementation.
#include "guest-properties/service_client.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "guest-properties/protocol.h"
#include "guest-properties/rules.h"
#include "hgcm/service_host.h"

namespace hgcm::guestprop {
namespace {

constexpr std::size_t kFirstEnumerateSize = std::size_t{16} << 10;
constexpr std::size_t kMaxEnumerateSize = std::size_t{4} << 20;
/// Others may add properties between two tries.
constexpr int kEnumerateTries = 10;

hgcm_svc_parm pointer(void* address, std::size_t size) {
  hgcm_svc_parm parm{};
  parm.type = HGCM_SVC_PARM_PTR;
  parm.u.ptr.size = static_cast<std::uint32_t>(size);
  parm.u.ptr.addr = address;
  return parm;
}
/// With the NUL.
hgcm_svc_parm string(std::string& text) {
  return pointer(text.data(), text.size() + 1);
}
hgcm_svc_parm number32(std::uint32_t value) {
  hgcm_svc_parm parm{};
  parm.type = HGCM_SVC_PARM_32BIT;
  parm.u.u32 = value;
  return parm;
}
hgcm_svc_parm number64(std::uint64_t value) {
  hgcm_svc_parm parm{};
  parm.type = HGCM_SVC_PARM_64BIT;
  parm.u.u64 = value;
  return parm;
}

/// A NUL inside would cut the string unseen.
bool has_nul(std::string_view text) {
  return text.find('\0') != std::string_view::npos;
}

/// Takes a NUL-terminated string off the front of `text`.
std::optional<std::string_view> take(std::string_view& text) {
  const std::size_t end = text.find('\0');
  if (end == std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end + 1);
  return part;
}

std::optional<std::vector<Property>> parse_enumeration(std::string_view text) {
  std::vector<Property> properties;
  while (true) {
    const auto name = take(text);
    if (!name) {
      return std::nullopt;
    }
    if (name->empty()) {
      return properties;
    }
    const auto value = take(text);
    const auto timestamp = take(text);
    const auto flags = take(text);
    if (!value || !timestamp || !flags) {
      return std::nullopt;
    }
    Property property{std::string(*name), std::string(*value), std::string(*flags), 0};
    const char* end = timestamp->data() + timestamp->size();
    if (std::from_chars(timestamp->data(), end, property.timestamp).ptr != end) {
      return std::nullopt;
    }
    properties.push_back(std::move(property));
  }
}

}  // namespace

Result<Property> ServiceClient::get(std::string_view name) const {
  if (has_nul(name)) {
    return failure(HGCM_ERR_INVALID_PARAMETER);
  }
  Property property{std::string(name), {}, {}, 0};
  std::vector<char> buffer(kMaxValueLength + kMaxFlagsLength + 2);
  std::array parms{string(property.name), pointer(buffer.data(), buffer.size()), number64(0),
                   number32(0)};
  if (const Status status = host_.host_call(service_, kHostGetProperty, parms); status.failed()) {
    return failure(status);
  }
  std::string_view text(buffer.data(), buffer.size());
  const auto value = take(text);
  const auto flags = take(text);
  if (!value || !flags) {
    return failure(HGCM_ERR_INTERNAL_ERROR);
  }
  property.value = *value;
  property.flags = *flags;
  property.timestamp = parms[2].u.u64;
  return property;
}

Status ServiceClient::set(std::string_view name, std::string_view value,
                          std::optional<std::string_view> flags) const {
  if (has_nul(name) || has_nul(value) || has_nul(flags.value_or(std::string_view{}))) {
    return HGCM_ERR_INVALID_PARAMETER;
  }
  // Before the service is asked: a parameter's size has 32 bits.
  if (name.size() > kMaxNameLength) {
    return HGCM_ERR_INVALID_PARAMETER;
  }
  if (value.size() > kMaxValueLength) {
    return HGCM_ERR_TOO_MUCH_DATA;
  }
  if (flags && !parse_flags(*flags)) {
    return HGCM_ERR_PARSE_ERROR;
  }
  std::string name_text(name);
  std::string value_text(value);
  std::string flags_text(flags.value_or(std::string_view{}));
  std::array parms{string(name_text), string(value_text), string(flags_text)};
  return host_.host_call(service_, flags ? kHostSetProperty : kHostSetPropertyValue,
                         std::span(parms).first(flags ? 3 : 2));
}

Status ServiceClient::remove(std::string_view name) const {
  if (has_nul(name)) {
    return HGCM_ERR_INVALID_PARAMETER;
  }
  std::string text(name);
  std::array parms{string(text)};
  return host_.host_call(service_, kHostDeleteProperty, parms);
}

Result<std::vector<Property>> ServiceClient::enumerate(std::string_view patterns) const {
  if (has_nul(patterns)) {
    return failure(HGCM_ERR_INVALID_PARAMETER);
  }
  if (patterns.size() >= kMaxEnumeratePatterns) {
    return failure(HGCM_ERR_TOO_MUCH_DATA);
  }
  std::string list(patterns);
  std::vector<char> buffer(kFirstEnumerateSize);
  Status status;
  for (int i = 0; i < kEnumerateTries; ++i) {
    std::array parms{string(list), pointer(buffer.data(), buffer.size()), number32(0)};
    status = host_.host_call(service_, kHostEnumerate, parms);
    if (status != Status(HGCM_ERR_BUFFER_OVERFLOW)) {
      break;
    }
    const std::size_t needed = parms[2].u.u32;
    if (needed > kMaxEnumerateSize) {
      return failure(HGCM_ERR_TOO_MUCH_DATA);
    }
    buffer.assign(std::max(needed, buffer.size()) + 1024, '\0');
  }
  if (status.failed()) {
    return failure(status);
  }
  auto properties = parse_enumeration(std::string_view(buffer.data(), buffer.size()));
  if (!properties) {
    return failure(HGCM_ERR_INTERNAL_ERROR);
  }
  std::ranges::sort(*properties, {}, &Property::name);
  return std::move(*properties);
}

Status ServiceClient::set_global_flags(std::uint32_t flags) const {
  std::array parms{number32(flags)};
  return host_.host_call(service_, kHostSetGlobalFlags, parms);
}

Status ServiceClient::load(std::span<const Property> properties) const {
  std::vector<const char*> names;
  std::vector<const char*> values;
  std::vector<std::uint64_t> timestamps;
  std::vector<const char*> flags;
  for (const Property& property : properties) {
    names.push_back(property.name.c_str());
    values.push_back(property.value.c_str());
    timestamps.push_back(property.timestamp);
    flags.push_back(property.flags.c_str());
  }
  // The names' end; the others get one too, so that no array is empty.
  names.push_back(nullptr);
  values.push_back(nullptr);
  timestamps.push_back(0);
  flags.push_back(nullptr);
  const auto array = [](auto& items) {
    return pointer(items.data(), items.size() * sizeof items.front());
  };
  std::array parms{array(names), array(values), array(timestamps), array(flags)};
  return host_.host_call(service_, kHostSetProperties, parms);
}

Status ServiceClient::remove_by_force(const Property& property) const {
  const Status status = remove(property.name);
  if (status != Status(HGCM_ERR_PERMISSION_DENIED)) {
    return status;
  }
  // Loading is the one way past RDONLYHOST.
  Property writable = property;
  writable.flags.clear();
  if (const Status loaded = load(std::span(&writable, 1)); loaded.failed()) {
    return loaded;
  }
  return remove(property.name);
}

}  // namespace hgcm::guestprop

// SPDX-License-Identifier: MIT
//
// See service.h. Parameter counts, types and encodings are checked by the SDK before a handler
// runs; what a handler checks itself is in the order that the protocol gives.
#include "guest-properties/service.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <ctime>
#include <utility>

#include "guest-properties/patterns.h"
#include "guest-properties/rules.h"

namespace hgcm::guestprop {
namespace {

using service::Buffer;
using service::Call;
using service::CallInfo;
using service::InOut;

// The product that guests see: the one whose interfaces are implemented. The device reports the
// same version.
constexpr std::string_view kHostVersion = "7.2.2";
constexpr std::string_view kHostVersionExtended = "7.2.2_OpenHGCM";
constexpr std::string_view kHostRevision = "170484";

constexpr std::string_view kVersionName = "/VirtualBox/HostInfo/VBoxVer";
constexpr std::string_view kVersionExtendedName = "/VirtualBox/HostInfo/VBoxVerExt";
constexpr std::string_view kRevisionName = "/VirtualBox/HostInfo/VBoxRev";
constexpr std::string_view kResumeCounterName = "/VirtualBox/VMInfo/ResumeCounter";
constexpr std::string_view kResetCounterName = "/VirtualBox/VMInfo/ResetCounter";
constexpr std::string_view kSysprepExecName = "/VirtualBox/HostGuest/SysprepExec";
constexpr std::string_view kSysprepArgsName = "/VirtualBox/HostGuest/SysprepArgs";

constexpr std::uint32_t kBuiltInFlags = kTransient | kReadOnlyGuest;

void append(std::string& text, std::string_view part) {
  text += part;
  text += '\0';
}

/// Copies `text` if it fits, and tells its size in any case.
Status reply(Buffer buffer, service::Out<std::uint32_t> size, std::string_view text) {
  size = static_cast<std::uint32_t>(text.size());
  if (text.size() > buffer.size()) {
    return HGCM_ERR_BUFFER_OVERFLOW;
  }
  std::ranges::copy(std::as_bytes(std::span(text)), buffer.bytes().begin());
  return HGCM_INF_SUCCESS;
}

/// A C string out of an array that the host passed; an overlong one is cut to one byte more than
/// allowed, so that the checks see it.
std::string_view bounded(const char* text, std::size_t max_length) {
  return {text, strnlen(text, max_length + 1)};
}

}  // namespace

GuestProperties::GuestProperties(service::Host host)
    : info_handler_(
          host, "guestprops", "The guest properties and who waits for them.",
          [this](const service::InfoOutput& output, std::string_view) { print(output); }) {
  set_host_version();
  store(kSysprepExecName, "", kBuiltInFlags);
  store(kSysprepArgsName, "", kBuiltInFlags);
  store(kResumeCounterName, "0", kBuiltInFlags);
  store(kResetCounterName, "0", kBuiltInFlags);
}

void GuestProperties::disconnect(std::uint32_t client) {
  decltype(waits_)::node_type ended;
  {
    const std::lock_guard lock(mutex_);
    ended = waits_.extract(client);
  }
  // What waited ends with HGCM_ERR_INTERRUPTED.
}

Status GuestProperties::register_extension(service::Extension extension) {
  notifier_.reset();
  if (extension) {
    notifier_ = std::make_unique<Notifier>(extension);
  }
  return HGCM_INF_SUCCESS;
}

void GuestProperties::notify(hgcm_svc_event event) {
  if ((event == HGCM_SVC_EVENT_RESUME || event == HGCM_SVC_EVENT_POWER_ON) && !version_refreshed_) {
    // Properties of an earlier run, loaded meanwhile, may have brought other values.
    version_refreshed_ = true;
    set_host_version();
  }
  if (event == HGCM_SVC_EVENT_RESUME) {
    count_up(kResumeCounterName);
  } else if (event == HGCM_SVC_EVENT_RESET) {
    count_up(kResetCounterName);
  }
}

Status GuestProperties::guest_get(const CallInfo& info, String name, Buffer buffer,
                                  OutU64 timestamp, OutU32 size) {
  drop_cancelled(info.client);
  return get(name, buffer, timestamp, size);
}

Status GuestProperties::guest_set(const CallInfo& info, String name, String value, Flags flags) {
  drop_cancelled(info.client);
  return set(Side::kGuest, name, value, flags);
}

Status GuestProperties::guest_delete(const CallInfo& info, String name) {
  drop_cancelled(info.client);
  return remove(Side::kGuest, name);
}

Status GuestProperties::guest_enumerate(const CallInfo& info, Buffer patterns, Buffer buffer,
                                        OutU32 size) {
  drop_cancelled(info.client);
  return enumerate(patterns, buffer, size);
}

void GuestProperties::get_notification(Call call, const CallInfo& info, String patterns,
                                       InOut<std::uint64_t> timestamp, Buffer buffer, OutU32 size) {
  drop_cancelled(info.client);
  if (patterns.size() > kMaxWaitPatterns) {
    std::move(call).complete(HGCM_ERR_TOO_MUCH_DATA);
    return;
  }
  Wait wait{std::move(call), std::string(patterns), timestamp, buffer, size, HGCM_INF_SUCCESS};

  if (timestamp.get() != 0) {
    const auto seen = std::find_if(history_.rbegin(), history_.rend(), [&](const Event& event) {
      return event.timestamp == timestamp.get();
    });
    // After the one seen, or from the oldest if that is not known (any more).
    const auto first = seen != history_.rend() ? seen.base() : history_.begin();
    if (seen == history_.rend()) {
      wait.final_status = HGCM_WRN_NOT_FOUND;
    }
    const auto next = std::find_if(first, history_.end(), [&](const Event& event) {
      return matches_any(patterns, event.name);
    });
    if (next != history_.end()) {
      answer(wait, *next, wait.final_status);
      return;
    }
  }

  std::optional<Wait> replaced;
  Status refused;
  {
    const std::lock_guard lock(mutex_);
    std::vector<Wait>& waits = waits_[info.client];
    const auto same = std::ranges::find(waits, wait.patterns, &Wait::patterns);
    if (same != waits.end()) {
      // The guest asks again, so it no longer listens to the older one.
      replaced = std::move(*same);
      waits.erase(same);
    }
    if (waits.size() < kMaxWaitsPerClient) {
      waits.push_back(std::move(wait));
    } else {
      refused = HGCM_ERR_OUT_OF_RESOURCES;
    }
  }
  if (refused.failed()) {
    std::move(wait.call).complete(refused);
  }
  if (replaced) {
    std::move(replaced->call).complete(HGCM_ERR_INTERRUPTED);
  }
}

Status GuestProperties::set_properties(Strings names, Strings values, Strings timestamps,
                                       Strings flags) {
  // The sizes say nothing: the names end with a null pointer, the others are as long.
  const auto* name = reinterpret_cast<const char* const*>(names.bytes().data());
  const auto* value = reinterpret_cast<const char* const*>(values.bytes().data());
  const auto* timestamp = reinterpret_cast<const std::uint64_t*>(timestamps.bytes().data());
  const auto* flag = reinterpret_cast<const char* const*>(flags.bytes().data());
  if (name == nullptr || value == nullptr || timestamp == nullptr || flag == nullptr) {
    return HGCM_ERR_INVALID_PARAMETER;
  }

  std::vector<std::pair<std::string, Property>> loaded;
  for (; *name != nullptr; ++name, ++value, ++timestamp, ++flag) {
    if (*value == nullptr || *flag == nullptr) {
      return HGCM_ERR_INVALID_PARAMETER;
    }
    const std::string_view name_text = bounded(*name, kMaxNameLength);
    const std::string_view value_text = bounded(*value, kMaxValueLength);
    // Longer than any list of known names that somebody would write.
    const auto bits = parse_flags(bounded(*flag, 255));
    if (const Status status = check_name(name_text); status.failed()) {
      return status;
    }
    if (const Status status = check_value(value_text); status.failed()) {
      return status;
    }
    if (!bits) {
      return bits.error();
    }
    loaded.emplace_back(name_text, Property{std::string(value_text), *bits, *timestamp});
  }

  const std::lock_guard lock(mutex_);
  for (auto& [key, property] : loaded) {
    // Where the machine goes on from an earlier state, later changes have not happened.
    std::erase_if(history_, [&key = key, since = property.timestamp](const Event& event) {
      return event.name == key && event.timestamp > since;
    });
    properties_.insert_or_assign(std::move(key), std::move(property));
  }
  return HGCM_INF_SUCCESS;
}

Status GuestProperties::host_set(String name, String value, Flags flags) {
  return set(Side::kHost, name, value, flags);
}

Status GuestProperties::host_delete(String name) {
  return remove(Side::kHost, name);
}

Status GuestProperties::set_global_flags(std::uint32_t flags) {
  const std::lock_guard lock(mutex_);
  global_flags_ = flags;
  return HGCM_INF_SUCCESS;
}

Status GuestProperties::get(String name, Buffer buffer, OutU64 timestamp, OutU32 size) {
  if (const Status status = check_name(name); status.failed()) {
    return status;
  }
  const Property* property = find(name);
  if (property == nullptr) {
    return HGCM_ERR_NOT_FOUND;
  }
  std::string text;
  append(text, property->value);
  append(text, format_flags(property->flags));
  const Status status = reply(buffer, size, text);
  if (status.ok()) {
    timestamp = property->timestamp;
  }
  return status;
}

Status GuestProperties::enumerate(Buffer patterns, Buffer buffer, OutU32 size) {
  if (patterns.size() > kMaxEnumeratePatterns) {
    return HGCM_ERR_TOO_MUCH_DATA;
  }
  // Several strings, each with its NUL, so this is no string parameter.
  std::string_view list(reinterpret_cast<const char*>(patterns.bytes().data()), patterns.size());
  if (list.find('\0') == std::string_view::npos || !service::is_valid_utf8(list)) {
    return HGCM_ERR_INVALID_PARAMETER;
  }
  if (list.ends_with('\0')) {
    list.remove_suffix(1);
  }

  std::string text;
  for (const auto& [name, property] : properties_) {
    if (matches_any(list, name)) {
      append(text, name);
      append(text, property.value);
      append(text, std::to_string(property.timestamp));
      append(text, format_flags(property.flags));
    }
  }
  text.append(4, '\0');
  return reply(buffer, size, text);
}

Status GuestProperties::set(Side side, String name, String value, Flags flags) {
  if (const Status status = check_name(name); status.failed()) {
    return status;
  }
  if (const Status status = check_value(value); status.failed()) {
    return status;
  }
  auto bits = parse_flags(flags.value_or(std::string_view{}));
  if (!bits) {
    return bits.error();
  }
  const Property* existing = find(name);
  if (const Status status = check_permission(side, existing); status != Status()) {
    return status;
  }
  if (is_reserved_name(name)) {
    if (side == Side::kGuest) {
      return HGCM_ERR_PERMISSION_DENIED;
    }
    *bits |= kReadOnlyGuest;
  }
  if (existing == nullptr && properties_.size() >= kMaxProperties) {
    return HGCM_ERR_TOO_MUCH_DATA;
  }
  store(name, value, *bits);
  return HGCM_INF_SUCCESS;
}

Status GuestProperties::remove(Side side, String name) {
  if (const Status status = check_name(name); status.failed()) {
    return status;
  }
  const auto it = properties_.find(name);
  const bool exists = it != properties_.end();
  if (const Status status = check_permission(side, exists ? &it->second : nullptr);
      status != Status()) {
    return status;
  }
  if (exists) {
    Event event{it->first, {}, 0, next_timestamp(), true};
    {
      const std::lock_guard lock(mutex_);
      properties_.erase(it);
    }
    record(std::move(event));
  }
  return HGCM_INF_SUCCESS;
}

Status GuestProperties::check_permission(Side side, const Property* existing) const noexcept {
  const std::uint32_t forbidding = side == Side::kGuest ? kReadOnlyGuest : kReadOnlyHost;
  if (existing != nullptr && (existing->flags & forbidding) != 0) {
    return HGCM_ERR_PERMISSION_DENIED;
  }
  if (side == Side::kGuest && (global_flags_ & kReadOnlyGuest) != 0) {
    // Guests' services publish what they know without being asked: for them it is no failure.
    return HGCM_INF_PERMISSION_DENIED;
  }
  return HGCM_INF_SUCCESS;
}

GuestProperties::Property* GuestProperties::find(String name) {
  const auto it = properties_.find(name);
  return it != properties_.end() ? &it->second : nullptr;
}

void GuestProperties::store(String name, String value, std::uint32_t flags) {
  Event event{std::string(name), std::string(value), flags, next_timestamp(), false};
  {
    const std::lock_guard lock(mutex_);
    properties_.insert_or_assign(event.name, Property{event.value, flags, event.timestamp});
  }
  record(std::move(event));
}

void GuestProperties::set_host_version() {
  store(kVersionName, kHostVersion, kBuiltInFlags);
  store(kVersionExtendedName, kHostVersionExtended, kBuiltInFlags);
  store(kRevisionName, kHostRevision, kBuiltInFlags);
}

void GuestProperties::count_up(String name) {
  // From the property, because a restored one goes on where it was.
  std::uint64_t count = 0;
  if (const Property* property = find(name)) {
    std::from_chars(property->value.data(), property->value.data() + property->value.size(), count);
  }
  store(name, std::to_string(count + 1), kBuiltInFlags);
}

std::uint64_t GuestProperties::next_timestamp() noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  const std::uint64_t wanted = static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U +
                               static_cast<std::uint64_t>(now.tv_nsec);
  // The clock may stand still between two changes, or be set back.
  last_timestamp_ = std::max(wanted, last_timestamp_ + 1);
  return last_timestamp_;
}

void GuestProperties::record(Event event) {
  if (history_.size() >= kMaxHistory) {
    history_.pop_front();
  }
  history_.push_back(event);

  std::vector<Wait> matching;
  std::vector<Wait> cancelled;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [client, waits] : waits_) {
      std::erase_if(waits, [&](Wait& wait) {
        const bool gone = wait.call.is_cancelled();
        if (!gone && !matches_any(wait.patterns, event.name)) {
          return false;
        }
        (gone ? cancelled : matching).push_back(std::move(wait));
        return true;
      });
    }
  }
  for (Wait& wait : matching) {
    answer(wait, event, wait.final_status);
  }

  if (notifier_) {
    const std::size_t lost = notifier_->post(std::move(event));
    const std::lock_guard lock(mutex_);
    lost_notifications_ += lost;
  }
}

void GuestProperties::answer(Wait& wait, const Event& event, Status status) {
  std::string text;
  append(text, event.name);
  append(text, event.value);
  append(text, event.deleted ? std::string() : format_flags(event.flags));
  // Whether it exists now, which differs from the event's own kind when an old one is replayed.
  append(text, find(event.name) == nullptr ? "1" : "0");
  wait.timestamp = event.timestamp;
  if (const Status fits = reply(wait.buffer, wait.size, text); fits.failed()) {
    status = fits;
  }
  std::move(wait.call).complete(status);
}

void GuestProperties::drop_cancelled(std::uint32_t client) {
  const auto it = waits_.find(client);
  if (it == waits_.end()) {
    return;
  }
  std::vector<Wait> ended;
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(it->second, [&](Wait& wait) {
      if (!wait.call.is_cancelled()) {
        return false;
      }
      ended.push_back(std::move(wait));
      return true;
    });
  }
  // They end with HGCM_ERR_INTERRUPTED, which reaches nobody: what counts is that the host gets its
  // memory back.
}

void GuestProperties::print(const service::InfoOutput& output) const {
  const auto printable = [](std::string text) {
    std::ranges::replace_if(
        text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
    return text;
  };
  const std::lock_guard lock(mutex_);
  for (const auto& [name, property] : properties_) {
    output.print(printable(name) + " = '" + printable(property.value) + "' @ " +
                 std::to_string(property.timestamp) + " [" + format_flags(property.flags) + "]\n");
  }
  std::size_t waiting = 0;
  for (const auto& [client, waits] : waits_) {
    waiting += waits.size();
  }
  output.print(
      std::to_string(properties_.size()) + " properties, " + std::to_string(waiting) + " waits, " +
      std::to_string(lost_notifications_) + " notifications lost, " +
      ((global_flags_ & kReadOnlyGuest) != 0 ? "guests may not write\n" : "guests may write\n"));
}

}  // namespace hgcm::guestprop

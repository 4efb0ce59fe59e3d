// SPDX-License-Identifier: MIT
//
// Functions of VBoxGuestPropSvc, and the parsing of its answers. The host is not trusted: sizes are
// clamped to the buffers, growing is bounded, and text ends where the received bytes end.
#include <hgcm/guest_properties.h>

#include <algorithm>
#include <charconv>

namespace hgcm {
namespace {

using u32 = std::uint32_t;
using u64 = std::uint64_t;

constexpr Function<1, In<Text>, Out<Bytes>, Out<u64>, Out<u32>> kGet;
constexpr Function<2, In<Text>, In<Text>> kSet;
constexpr Function<2, In<Text>, In<Text>, In<Text>> kSetWithFlags;
constexpr Function<4, In<Text>> kDelete;
constexpr Function<5, In<Bytes>, Out<Bytes>, Out<u32>> kEnumerate;
constexpr Function<6, In<Text>, InOut<u64>, Out<Bytes>, Out<u32>> kGetNotification;

// Enough for every host that keeps to the limits, so that the first try is the only one.
constexpr std::size_t kSmallBuffer = 4096;
constexpr std::size_t kMaxSmallBuffer = 64U << 10;
// Listings change while they are read: each retry has some room to spare.
constexpr std::size_t kListBuffer = 4096;
constexpr std::size_t kListSpare = 1024;
constexpr std::size_t kMaxListBuffer = 4U << 20;
constexpr int kMaxAttempts = 10;

/// Takes NUL-terminated strings off the front of received bytes.
class StringReader {
 public:
  explicit StringReader(std::string_view bytes) noexcept : rest_(bytes) {}

  [[nodiscard]] bool at_end() const noexcept { return rest_.empty(); }

  /// Empty when no terminator follows.
  std::optional<std::string_view> next() noexcept {
    const std::size_t end = rest_.find('\0');
    if (end == std::string_view::npos) {
      return std::nullopt;
    }
    const std::string_view text = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return text;
  }

 private:
  std::string_view rest_;
};

/// Calls `attempt(buffer, needed)` with growing buffers while the service says BUFFER_OVERFLOW.
/// The result is the received bytes, no more than the service says there are.
template <typename Attempt>
Result<Status> call_growing(std::string& buffer, std::size_t first, std::size_t spare,
                            std::size_t limit, Attempt attempt) {
  std::size_t size = first;
  for (int i = 0; i < kMaxAttempts; ++i) {
    buffer.assign(size, '\0');
    u32 needed = 0;
    Result<Status> result = attempt(std::as_writable_bytes(std::span(buffer)), needed);
    if (result) {
      buffer.resize(std::min<std::size_t>(needed, buffer.size()));
      return result;
    }
    if (result.error() != Status(HGCM_ERR_BUFFER_OVERFLOW)) {
      return result;
    }
    // A size that would have fitted is a lie; growing anyway keeps the loop finite and useful.
    const std::size_t wanted = std::max<std::size_t>(needed, size) + spare;
    if (wanted > limit) {
      break;
    }
    size = wanted;
  }
  return failure(HGCM_ERR_TOO_MUCH_DATA);
}

Status check_name(std::string_view name) noexcept {
  return name.empty() || name.size() > GuestProperties::kMaxName ||
                 name.find_first_of(std::string_view("*?|\0", 4)) != std::string_view::npos
             ? Status(HGCM_ERR_INVALID_PARAMETER)
             : Status();
}

/// A host that forbids guests all changes reports that as a success in which nothing happened.
Result<Status> refuse_silent_denial(Result<Status> result) {
  if (result && *result == Status(HGCM_INF_PERMISSION_DENIED)) {
    return failure(HGCM_ERR_PERMISSION_DENIED);
  }
  return result;
}

std::optional<u64> parse_timestamp(std::string_view text) noexcept {
  u64 value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

Result<std::vector<Property>> parse_listing(std::string_view bytes) {
  std::vector<Property> properties;
  StringReader reader(bytes);
  while (!reader.at_end()) {
    const auto name = reader.next();
    const auto value = reader.next();
    const auto timestamp = reader.next();
    const auto flags = reader.next();
    if (!flags) {
      return failure(HGCM_ERR_NO_STRING_TERMINATOR);
    }
    if (name->empty()) {
      break;
    }
    const auto time = parse_timestamp(*timestamp);
    if (!time) {
      return failure(HGCM_ERR_PARSE_ERROR);
    }
    properties.push_back({std::string(*name), std::string(*value), *time, std::string(*flags)});
  }
  return properties;
}

}  // namespace

Result<GuestProperties> GuestProperties::connect(Device& device) {
  auto client = Client::connect(device, "VBoxGuestPropSvc");
  if (!client) {
    return failure(client.error());
  }
  return GuestProperties(std::move(*client));
}

Result<Property> GuestProperties::get(std::string_view name) {
  if (const Status status = check_name(name); status.failed()) {
    return failure(status);
  }
  u64 timestamp = 0;
  std::string buffer;
  const auto result = call_growing(
      buffer, kSmallBuffer, 0, kMaxSmallBuffer,
      [&](auto bytes, u32& needed) { return kGet(client_, name, bytes, timestamp, needed); });
  if (!result) {
    return failure(result.error());
  }
  StringReader reader(buffer);
  const auto value = reader.next();
  const auto flags = reader.next();
  if (!flags) {
    return failure(HGCM_ERR_NO_STRING_TERMINATOR);
  }
  return Property{std::string(name), std::string(*value), timestamp, std::string(*flags)};
}

Result<Status> GuestProperties::set(std::string_view name, std::string_view value) {
  if (const Status status = check_name(name); status.failed()) {
    return failure(status);
  }
  return refuse_silent_denial(kSet(client_, name, value));
}

Result<Status> GuestProperties::set(std::string_view name, std::string_view value,
                                    std::string_view flags) {
  if (const Status status = check_name(name); status.failed()) {
    return failure(status);
  }
  return refuse_silent_denial(kSetWithFlags(client_, name, value, flags));
}

Result<Status> GuestProperties::remove(std::string_view name) {
  if (const Status status = check_name(name); status.failed()) {
    return failure(status);
  }
  return refuse_silent_denial(kDelete(client_, name));
}

Result<std::vector<Property>> GuestProperties::enumerate(std::string_view patterns) {
  if (patterns.size() > kMaxPatterns) {
    return failure(HGCM_ERR_TOO_MUCH_DATA);
  }
  if (patterns.find('\0') != std::string_view::npos) {
    return failure(HGCM_ERR_INVALID_PARAMETER);
  }
  // The terminated list ends with a string of its own that is empty. A list of nothing is one NUL.
  std::string list(patterns);
  list.append(list.empty() ? 1 : 2, '\0');
  if (list.size() > kMaxPatterns + 1) {
    list.pop_back();
  }
  std::string buffer;
  const auto result =
      call_growing(buffer, kListBuffer, kListSpare, kMaxListBuffer, [&](auto bytes, u32& needed) {
        return kEnumerate(client_, std::as_bytes(std::span(list)), bytes, needed);
      });
  if (!result) {
    return failure(result.error());
  }
  return parse_listing(buffer);
}

Result<PropertyChange> GuestProperties::wait(std::string_view patterns,
                                             const WaitOptions& options) {
  const auto deadline = options.timeout == kForever
                            ? std::chrono::steady_clock::time_point::max()
                            : std::chrono::steady_clock::now() + options.timeout;
  CallOptions call{options.timeout, options.stop};
  u64 timestamp = 0;
  bool retried = false;
  std::string buffer;
  const auto result =
      call_growing(buffer, kSmallBuffer, 0, kMaxSmallBuffer, [&](auto bytes, u32& needed) {
        if (std::exchange(retried, true) && options.timeout != kForever) {
          call.timeout = std::chrono::ceil<std::chrono::milliseconds>(
              deadline - std::chrono::steady_clock::now());
        }
        timestamp = options.since;
        return kGetNotification(client_, call, patterns, timestamp, bytes, needed);
      });
  if (!result) {
    return failure(result.error());
  }
  StringReader reader(buffer);
  const auto name = reader.next();
  const auto value = reader.next();
  const auto flags = reader.next();
  if (!flags) {
    return failure(HGCM_ERR_NO_STRING_TERMINATOR);
  }
  const auto deleted = reader.next();
  PropertyChange change;
  change.name = *name;
  change.value = *value;
  change.flags = *flags;
  change.timestamp = timestamp;
  if (deleted) {
    change.deleted = *deleted == "1";
  }
  change.missed = *result == Status(HGCM_WRN_NOT_FOUND);
  return change;
}

}  // namespace hgcm

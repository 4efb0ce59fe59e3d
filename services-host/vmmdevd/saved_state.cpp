// SPDX-License-Identifier: MIT
//
// See saved_state.h.
#include "vmmdevd/saved_state.h"

#include "hgcm/checksum.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <type_traits>

namespace hgcm::vmmdevd {
namespace {

constexpr std::string_view kMagic = "OHGCMSAV";
constexpr std::string_view kDeviceMagic = "VMMDSAVE";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kNameBytes = kMaxPartName + 1;
constexpr std::size_t kHeaderBytes = 20;
constexpr std::size_t kEntryBytes = kNameBytes + 16;

template <typename T>
void put(std::vector<std::byte>& out, T value) {
  static_assert(std::is_unsigned_v<T>);
  const auto bytes = std::as_bytes(std::span(&value, 1));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

/// `at` and what follows must be there.
template <typename T>
T get(std::span<const std::byte> bytes, std::size_t at) {
  T value = 0;
  std::memcpy(&value, bytes.subspan(at, sizeof value).data(), sizeof value);
  return value;
}

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::optional<std::string> part_name(std::string_view padded) {
  const std::string_view name = padded.substr(0, padded.find('\0'));
  const bool good = !name.empty() && name.size() < padded.size() &&
                    padded.find_first_not_of('\0', name.size()) == std::string_view::npos &&
                    std::ranges::all_of(name, [](char c) {
                      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
                    });
  return good ? std::optional<std::string>(name) : std::nullopt;
}

tl::unexpected<std::string> wrong(std::string what) {
  return tl::unexpected(std::move(what));
}

}  // namespace

std::vector<std::byte> encode_parts(std::span<const StatePart> parts) {
  std::vector<std::byte> table;
  for (const StatePart& part : parts) {
    std::array<char, kNameBytes> name{};
    std::ranges::copy(std::string_view(part.name).substr(0, kMaxPartName), name.begin());
    const auto bytes = std::as_bytes(std::span(name));
    table.insert(table.end(), bytes.begin(), bytes.end());
    put(table, part.version);
    put(table, host::crc32(part.bytes));
    put(table, static_cast<std::uint64_t>(part.bytes.size()));
  }
  const auto magic = std::as_bytes(std::span(kMagic));
  std::vector<std::byte> file(magic.begin(), magic.end());
  put(file, kVersion);
  put(file, static_cast<std::uint32_t>(parts.size()));
  put(file, host::crc32(table));
  file.insert(file.end(), table.begin(), table.end());
  for (const StatePart& part : parts) {
    file.insert(file.end(), part.bytes.begin(), part.bytes.end());
  }
  return file;
}

tl::expected<std::vector<StatePart>, std::string> decode_parts(std::span<const std::byte> file) {
  if (as_text(file).starts_with(kDeviceMagic)) {
    return std::vector{StatePart{std::string(kDevicePart), 1, file}};
  }
  if (!as_text(file).starts_with(kMagic) || file.size() < kHeaderBytes) {
    return wrong("not a saved state");
  }
  if (const auto version = get<std::uint32_t>(file, 8); version != kVersion) {
    return wrong(fmt::format("its format has version {}, not {}", version, kVersion));
  }
  const auto count = get<std::uint32_t>(file, 12);
  if (count > kMaxStateParts || count * kEntryBytes > file.size() - kHeaderBytes) {
    return wrong("its table is damaged");
  }
  const auto table = file.subspan(kHeaderBytes, count * kEntryBytes);
  if (host::crc32(table) != get<std::uint32_t>(file, 16)) {
    return wrong("its table is damaged");
  }
  std::vector<StatePart> parts;
  auto rest = file.subspan(kHeaderBytes + table.size());
  for (std::size_t at = 0; at < table.size(); at += kEntryBytes) {
    const auto name = part_name(as_text(table.subspan(at, kNameBytes)));
    if (!name || std::ranges::find(parts, *name, &StatePart::name) != parts.end()) {
      return wrong("a part has no name of its own");
    }
    const auto size = get<std::uint64_t>(table, at + kNameBytes + 8);
    if (size > rest.size()) {
      return wrong(fmt::format("the part {} is cut off", *name));
    }
    const auto bytes = rest.first(static_cast<std::size_t>(size));
    if (host::crc32(bytes) != get<std::uint32_t>(table, at + kNameBytes + 4)) {
      return wrong(fmt::format("the part {} is damaged", *name));
    }
    parts.push_back({*name, get<std::uint32_t>(table, at + kNameBytes), bytes});
    rest = rest.subspan(bytes.size());
  }
  if (!rest.empty()) {
    return wrong("there is more in it than its parts");
  }
  return parts;
}

}  // namespace hgcm::vmmdevd

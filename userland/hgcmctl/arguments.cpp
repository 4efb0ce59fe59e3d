// SPDX-License-Identifier: MIT
//
// Typed arguments of "hgcmctl call", and the dump of buffers.
#include "hgcmctl/hgcmctl.h"

#include <charconv>
#include <cstring>
#include <fstream>
#include <limits>
#include <optional>

namespace hgcm::tool {
namespace {

// What HGCM takes in one buffer.
constexpr std::uint64_t kMaxBuffer = 128U << 20;

std::optional<std::uint64_t> parse_number(std::string_view text) noexcept {
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    text.remove_prefix(2);
    base = 16;
  }
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

std::optional<std::vector<std::byte>> parse_hex(std::string_view text) {
  std::vector<std::byte> bytes;
  if (text.size() % 2 != 0) {
    return std::nullopt;
  }
  for (; !text.empty(); text.remove_prefix(2)) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + 2, value, 16);
    if (error != std::errc{} || end != text.data() + 2) {
      return std::nullopt;
    }
    bytes.push_back(static_cast<std::byte>(value));
  }
  return bytes;
}

std::vector<std::byte> with_nul(std::string_view text) {
  std::vector<std::byte> bytes(text.size() + 1);
  std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

std::string read_file(const std::string& path, std::vector<std::byte>& bytes) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return "cannot open " + path;
  }
  std::vector<char> chunk(64U << 10);
  while (file.read(chunk.data(), static_cast<std::streamsize>(chunk.size())) || file.gcount() > 0) {
    const auto part =
        std::as_bytes(std::span(chunk)).first(static_cast<std::size_t>(file.gcount()));
    bytes.insert(bytes.end(), part.begin(), part.end());
    if (bytes.size() > kMaxBuffer) {
      return path + " is larger than 128 MiB";
    }
  }
  return file.bad() ? "cannot read " + path : "";
}

}  // namespace

std::string parse_argument(std::string_view text, TypedArgument& argument) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    return "'" + std::string(text) + "' has no type: write for example u32:1 or in:text";
  }
  argument.type = text.substr(0, colon);
  const std::string_view value = text.substr(colon + 1);
  const std::string& type = argument.type;

  if (type == "u32" || type == "u64") {
    const auto number = parse_number(value);
    const std::uint64_t limit = type == "u32" ? std::numeric_limits<std::uint32_t>::max()
                                              : std::numeric_limits<std::uint64_t>::max();
    if (!number || *number > limit) {
      return "'" + std::string(value) + "' is no number that fits " + type;
    }
    argument.parameter = type == "u32" ? Parameter::u32(static_cast<std::uint32_t>(*number))
                                       : Parameter::u64(*number);
    return {};
  }
  if (type == "out") {
    const auto size = parse_number(value);
    if (!size || *size > kMaxBuffer) {
      return "'" + std::string(value) + "' is no size up to 128 MiB";
    }
    argument.storage.resize(*size);
    argument.parameter = Parameter::out(argument.storage);
    return {};
  }
  const bool both_ways = type == "io" || type == "iohex" || type == "inout";
  if (type == "in" || type == "io" || type == "inout") {
    argument.storage = with_nul(value);
  } else if (type == "hex" || type == "iohex") {
    auto bytes = parse_hex(value);
    if (!bytes) {
      return "'" + std::string(value) + "' is not an even number of hexadecimal digits";
    }
    argument.storage = std::move(*bytes);
  } else if (type == "file") {
    if (std::string problem = read_file(std::string(value), argument.storage); !problem.empty()) {
      return problem;
    }
  } else {
    return "unknown type '" + type + "'; there are u32 u64 in hex file out io iohex";
  }
  argument.parameter =
      both_ways ? Parameter::in_out(argument.storage) : Parameter::in(argument.storage);
  return {};
}

std::string hex_dump(std::span<const std::byte> bytes, std::string_view indent) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  constexpr std::size_t kPerLine = 16;
  std::string result;
  for (std::size_t offset = 0; offset < bytes.size(); offset += kPerLine) {
    const auto line = bytes.subspan(offset, std::min(kPerLine, bytes.size() - offset));
    result += indent;
    for (int shift = 28; shift >= 0; shift -= 4) {
      result += kDigits[offset >> shift & 0xf];
    }
    std::string text;
    for (std::size_t i = 0; i < kPerLine; ++i) {
      result += i % 8 == 0 ? "  " : " ";
      if (i >= line.size()) {
        result += "  ";
        continue;
      }
      const auto byte = std::to_integer<unsigned>(line[i]);
      result += kDigits[byte >> 4];
      result += kDigits[byte & 0xf];
      text += byte >= 0x20 && byte < 0x7f ? static_cast<char>(byte) : '.';
    }
    result += "  |" + text + "|\n";
  }
  return result;
}

}  // namespace hgcm::tool

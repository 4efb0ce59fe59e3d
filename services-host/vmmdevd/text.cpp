// SPDX-License-Identifier: MIT
//
// Escaping of untrusted text; see text.h.
#include "vmmdevd/text.h"

#include <fmt/format.h>

#include <cstdint>

namespace hgcm {
namespace {

/// Length of the valid UTF-8 sequence that `text` starts with; 0: none. C1 controls and line
/// separators count as invalid here: terminals and log readers may act on them.
std::size_t printable_sequence(std::string_view text) {
  const auto byte = [&text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  const std::size_t length = first >= 0xc2 && first <= 0xdf   ? 2
                             : first >= 0xe0 && first <= 0xef ? 3
                             : first >= 0xf0 && first <= 0xf4 ? 4
                                                              : 0;
  if (length == 0 || text.size() < length) {
    return 0;
  }
  std::uint32_t point = first & (0xffU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0U) != 0x80U) {
      return 0;
    }
    point = (point << 6U) | (byte(i) & 0x3fU);
  }
  const bool overlong = (length == 3 && point < 0x800) || (length == 4 && point < 0x10000);
  const bool surrogate = point >= 0xd800 && point <= 0xdfff;
  const bool c1 = point < 0xa0;
  // Line separators, and the controls that reorder what is shown.
  const bool layout = (point >= 0x200b && point <= 0x200f) ||
                      (point >= 0x2028 && point <= 0x202e) ||
                      (point >= 0x2060 && point <= 0x206f) || point == 0xfeff;
  return overlong || surrogate || c1 || layout || point > 0x10ffff ? 0 : length;
}

}  // namespace

std::string escape(std::string_view text, Escape how, std::size_t max_bytes) {
  const bool cut = text.size() > max_bytes;
  text = text.substr(0, max_bytes);
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const char c = text.front();
    std::size_t used = 1;
    if (how == Escape::kQuoted && (c == '"' || c == '\\')) {
      result += '\\';
      result += c;
    } else if (how == Escape::kLines && (c == '\n' || c == '\t')) {
      result += c;
    } else if (c == '\n') {
      result += "\\n";
    } else if (c >= 0x20 && c < 0x7f) {
      result += c;
    } else if (const std::size_t length = printable_sequence(text); length > 0) {
      result.append(text.substr(0, length));
      used = length;
    } else {
      result += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
    text.remove_prefix(used);
  }
  if (cut) {
    result += "...";
  }
  return result;
}

namespace {

constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string to_base64(std::span<const std::byte> bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto at = [&](std::size_t k) {
      return i + k < bytes.size() ? std::to_integer<unsigned>(bytes[i + k]) : 0U;
    };
    const unsigned group = at(0) << 16U | at(1) << 8U | at(2);
    for (unsigned k = 0; k < 4; ++k) {
      const bool padding = i + k > bytes.size();
      text += padding ? '=' : kBase64[group >> (18U - 6 * k) & 63U];
    }
  }
  return text;
}

std::optional<std::vector<std::byte>> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) {
    return std::nullopt;
  }
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  std::vector<std::byte> bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (std::size_t i = 0; i < text.size(); i += 4) {
    unsigned group = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      const bool pad = i + k >= text.size() - padding;
      const std::size_t value = pad ? 0 : kBase64.find(text[i + k]);
      if (value == std::string_view::npos) {
        return std::nullopt;
      }
      group = group << 6U | static_cast<unsigned>(value);
    }
    for (const unsigned shift : {16U, 8U, 0U}) {
      bytes.push_back(static_cast<std::byte>(group >> shift & 255U));
    }
  }
  bytes.resize(bytes.size() - padding);
  return bytes;
}

}  // namespace hgcm

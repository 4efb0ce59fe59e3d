// SPDX-License-Identifier: MIT
//
// See strings.h.
#include "shared-folders/strings.h"

#include <hgcm/service/utf8.hpp>

#include <algorithm>
#include <clocale>
#include <cstdint>
#include <cstring>
#include <cwctype>
#include <vector>

namespace hgcm::shfl {
namespace {

constexpr std::size_t kHeader = 4;

struct Header {
  std::uint16_t size;
  std::uint16_t length;
};

std::optional<Header> read_header(std::span<const std::byte> parameter) {
  if (parameter.size() <= kHeader) {
    return std::nullopt;
  }
  Header header{};
  std::memcpy(&header, parameter.data(), sizeof header);
  if (header.size + kHeader > parameter.size()) {
    return std::nullopt;
  }
  return header;
}

/// Upper case beyond ASCII, whatever the locale of the program is.
class Locale {
 public:
  Locale() noexcept : locale_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)) {}
  Locale(const Locale&) = delete;
  Locale& operator=(const Locale&) = delete;
  ~Locale() {
    if (locale_ != nullptr) {
      ::freelocale(locale_);
    }
  }
  [[nodiscard]] char32_t upper(char32_t c) const noexcept {
    return locale_ != nullptr
               ? static_cast<char32_t>(::towupper_l(static_cast<std::wint_t>(c), locale_))
               : c;
  }

 private:
  const locale_t locale_;
};

/// Not made when it is needed: a confined service does not find the files for it then.
const Locale locale;

char32_t upper(char32_t c) {
  if (c < 0x80) {
    return c >= U'a' && c <= U'z' ? c - (U'a' - U'A') : c;
  }
  return locale.upper(c);
}

/// Takes one character off the front of valid UTF-8.
char32_t take(std::string_view& text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  const std::size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  char32_t c = length == 1 ? lead : lead & (0xffU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    c = c << 6U | (byte(i) & 0x3fU);
  }
  text.remove_prefix(length);
  return c;
}

void append(std::string& text, char32_t c) {
  const auto put = [&](char32_t byte) { text += static_cast<char>(byte); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xc0U | c >> 6U);
    put(0x80U | (c & 0x3fU));
  } else if (c < 0x10000) {
    put(0xe0U | c >> 12U);
    put(0x80U | (c >> 6U & 0x3fU));
    put(0x80U | (c & 0x3fU));
  } else {
    put(0xf0U | c >> 18U);
    put(0x80U | (c >> 12U & 0x3fU));
    put(0x80U | (c >> 6U & 0x3fU));
    put(0x80U | (c & 0x3fU));
  }
}

std::u32string folded(std::string_view text) {
  std::u32string result;
  result.reserve(text.size());
  while (!text.empty()) {
    result += upper(take(text));
  }
  return result;
}

}  // namespace

std::optional<std::string> to_utf8(std::u16string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char32_t c = text[i];
    if (c >= 0xd800 && c < 0xe000) {
      if (c >= 0xdc00 || i + 1 == text.size() || text[i + 1] < 0xdc00 || text[i + 1] >= 0xe000) {
        return std::nullopt;
      }
      c = 0x10000 + ((c - 0xd800) << 10U) + (text[++i] - 0xdc00U);
    }
    append(result, c);
  }
  return result;
}

std::optional<std::u16string> to_utf16(std::string_view text) {
  if (!service::is_valid_utf8(text)) {
    return std::nullopt;
  }
  std::u16string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const char32_t c = take(text);
    if (c < 0x10000) {
      result += static_cast<char16_t>(c);
    } else {
      result += static_cast<char16_t>(0xd800 + ((c - 0x10000) >> 10U));
      result += static_cast<char16_t>(0xdc00 + ((c - 0x10000) & 0x3ffU));
    }
  }
  return result;
}

Result<std::string> read_string(std::span<const std::byte> parameter, Encoding encoding) {
  const auto header = read_header(parameter);
  if (!header) {
    return failure(HGCM_ERR_INVALID_PARAMETER);
  }
  const auto text = parameter.subspan(kHeader, header->size);
  if (encoding == Encoding::kUtf8) {
    if (header->length >= header->size || text[header->length] != std::byte{0}) {
      return failure(HGCM_ERR_INVALID_PARAMETER);
    }
    std::string result(reinterpret_cast<const char*>(text.data()), header->length);
    if (!service::is_valid_utf8(result)) {
      return failure(HGCM_ERR_INVALID_PARAMETER);
    }
    return result;
  }
  if (header->size % 2 != 0 || header->length % 2 != 0 || header->length + 2 > header->size) {
    return failure(HGCM_ERR_INVALID_PARAMETER);
  }
  std::u16string wide(header->length / 2 + 1, u'\0');
  std::memcpy(wide.data(), text.data(), header->length + 2U);
  if (wide.back() != 0) {
    return failure(HGCM_ERR_INVALID_PARAMETER);
  }
  wide.pop_back();
  auto result = to_utf8(wide);
  if (!result) {
    return failure(HGCM_ERR_INVALID_PARAMETER);
  }
  return std::move(*result);
}

Status write_string(std::span<std::byte> parameter, std::string_view text, Encoding encoding) {
  const auto header = read_header(parameter);
  if (!header) {
    return HGCM_ERR_INVALID_PARAMETER;
  }
  // The header says how much of the buffer is meant for text, terminator included.
  std::u16string wide;
  std::span<const std::byte> bytes = std::as_bytes(std::span(text));
  std::size_t terminator = 1;
  if (encoding == Encoding::kUtf16) {
    auto converted = to_utf16(text);
    if (!converted) {
      return HGCM_ERR_NO_TRANSLATION;
    }
    wide = std::move(*converted);
    bytes = std::as_bytes(std::span(wide));
    terminator = 2;
  }
  if (bytes.size() + terminator > header->size) {
    return HGCM_ERR_BUFFER_OVERFLOW;
  }
  const auto length = static_cast<std::uint16_t>(bytes.size());
  std::memcpy(parameter.data() + 2, &length, sizeof length);
  const auto room = parameter.subspan(kHeader, header->size);
  std::ranges::copy(bytes, room.begin());
  std::memset(room.data() + bytes.size(), 0, terminator);
  return HGCM_INF_SUCCESS;
}

std::string make_string(std::string_view utf8) {
  const std::u16string wide = to_utf16(utf8).value_or(std::u16string());
  const std::size_t length = std::min<std::size_t>(wide.size() * 2, 0xfffc);
  const Header header{static_cast<std::uint16_t>(length + 2), static_cast<std::uint16_t>(length)};
  std::string result(kHeader + length + 2, '\0');
  std::memcpy(result.data(), &header, sizeof header);
  std::memcpy(result.data() + kHeader, wide.data(), length);
  return result;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  while (!a.empty() && !b.empty()) {
    if (upper(take(a)) != upper(take(b))) {
      return false;
    }
  }
  return a.empty() && b.empty();
}

bool matches_everything(std::string_view pattern) {
  return pattern == "*" || pattern == "*.*" || pattern == "<" || pattern == "<\"<" ||
         pattern == "<.<" || pattern == "<\">" || pattern == "*\"*";
}

bool matches(std::string_view pattern_text, std::string_view name_text) {
  if (matches_everything(pattern_text)) {
    return true;
  }
  const std::u32string pattern = folded(pattern_text);
  const std::u32string name = folded(name_text);
  const std::size_t last_dot = name.rfind(U'.');

  // reached[i]: what is before name[i] matches the pattern so far. Linear in the pattern, whatever
  // stars it has.
  std::vector<bool> reached(name.size() + 1);
  reached[0] = true;
  for (const char32_t p : pattern) {
    std::vector<bool> next(name.size() + 1);
    for (std::size_t i = 0; i <= name.size(); ++i) {
      if (!reached[i]) {
        continue;
      }
      const bool at_end = i == name.size();
      switch (p) {
        case U'*':
          for (std::size_t k = i; k <= name.size(); ++k) {
            next[k] = true;
          }
          i = name.size();
          break;
        case U'<':
          // Any characters, but not past the last dot.
          for (std::size_t k = i; k <= name.size(); ++k) {
            next[k] = true;
            if (k == last_dot) {
              break;
            }
          }
          break;
        case U'?':
          if (!at_end) {
            next[i + 1] = true;
          }
          break;
        case U'>':
          // One character, or none before a dot and at the end.
          if (at_end || name[i] == U'.') {
            next[i] = true;
          } else {
            next[i + 1] = true;
          }
          break;
        case U'"':
          if (at_end) {
            next[i] = true;
          } else if (name[i] == U'.') {
            next[i + 1] = true;
          }
          break;
        default:
          if (!at_end && name[i] == p) {
            next[i + 1] = true;
          }
          break;
      }
    }
    reached = std::move(next);
  }
  return reached[name.size()];
}

}  // namespace hgcm::shfl

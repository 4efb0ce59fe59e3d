// SPDX-License-Identifier: MIT
//
// printf for text from services: see the header.
#include "hgcm/iprt_format.h"

#include <hgcm/status.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string_view>

namespace hgcm::host {
namespace {

constexpr int kMaxWidth = 1024;

/// Flags, width and precision of one directive.
struct Layout {
  bool left = false;
  bool plus = false;
  bool space = false;
  bool alternative = false;
  bool zero = false;
  int width = 0;
  int precision = -1;
};

enum class Size { kInt, kChar, kShort, kLong };

class Formatter {
 public:
  Formatter(const char* format, std::va_list arguments, std::size_t max_size)
      : next_(format), max_size_(max_size) {
    va_copy(arguments_, arguments);
  }
  Formatter(const Formatter&) = delete;
  Formatter& operator=(const Formatter&) = delete;
  ~Formatter() { va_end(arguments_); }

  std::string run() {
    while (*next_ != '\0' && out_.size() < max_size_) {
      if (*next_ != '%') {
        out_ += *next_++;
        continue;
      }
      const char* const start = next_++;
      if (!directive()) {
        append(start);
        break;
      }
    }
    out_.resize(std::min(out_.size(), max_size_));
    return std::move(out_);
  }

 private:
  void append(std::string_view text) {
    out_ += text.substr(0, max_size_ - std::min(max_size_, out_.size()));
  }

  void pad(std::string_view text, const Layout& layout) {
    const std::size_t width = static_cast<std::size_t>(layout.width);
    const std::size_t fill = width > text.size() ? width - text.size() : 0;
    if (!layout.left) out_.append(fill, ' ');
    append(text);
    if (layout.left) out_.append(fill, ' ');
  }

  int number_or_star() {
    if (*next_ == '*') {
      ++next_;
      return std::clamp(va_arg(arguments_, int), -kMaxWidth, kMaxWidth);
    }
    int value = 0;
    for (; *next_ >= '0' && *next_ <= '9'; ++next_)
      value = std::min(value * 10 + (*next_ - '0'), kMaxWidth);
    return value;
  }

  Layout layout() {
    Layout result;
    for (;; ++next_) {
      if (*next_ == '-') {
        result.left = true;
      } else if (*next_ == '+') {
        result.plus = true;
      } else if (*next_ == ' ') {
        result.space = true;
      } else if (*next_ == '#') {
        result.alternative = true;
      } else if (*next_ == '0') {
        result.zero = true;
      } else if (*next_ != '\'') {  // digit grouping is accepted and not done
        break;
      }
    }
    result.width = number_or_star();
    if (result.width < 0) {
      result.left = true;
      result.width = -result.width;
    }
    if (*next_ == '.') {
      ++next_;
      result.precision = number_or_star();
    }
    return result;
  }

  Size size() {
    Size result = Size::kInt;
    for (;; ++next_) {
      switch (*next_) {
        case 'h':
          result = result == Size::kShort ? Size::kChar : Size::kShort;
          break;
        case 'l':
        case 'q':
        case 'j':
        case 'z':
        case 't':
          result = Size::kLong;
          break;
        default:
          return result;
      }
    }
  }

  void unsigned_number(std::uint64_t value, unsigned base, bool upper, const Layout& layout) {
    const char* const digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    std::string text;
    for (; value != 0; value /= base) text += digits[value % base];
    const bool nonzero = !text.empty();
    const auto shortest = static_cast<std::size_t>(layout.precision < 0 ? 1 : layout.precision);
    if (text.size() < shortest) text.append(shortest - text.size(), '0');
    std::string prefix = sign_;
    if (layout.alternative && nonzero && base == 16) prefix += upper ? "0X" : "0x";
    if (layout.alternative && nonzero && base == 8) prefix += '0';
    const auto width = static_cast<std::size_t>(layout.width);
    if (layout.zero && !layout.left && layout.precision < 0 && prefix.size() + text.size() < width)
      text.append(width - prefix.size() - text.size(), '0');
    std::reverse(text.begin(), text.end());
    pad(prefix + text, layout);
    sign_.clear();
  }

  void signed_number(std::int64_t value, const Layout& layout) {
    const auto bits = static_cast<std::uint64_t>(value);
    sign_ = value < 0 ? "-" : layout.plus ? "+" : layout.space ? " " : "";
    unsigned_number(value < 0 ? 0 - bits : bits, 10, false, layout);
  }

  std::int64_t signed_argument(Size size) {
    if (size == Size::kLong) return va_arg(arguments_, long);
    const int value = va_arg(arguments_, int);
    if (size == Size::kChar) return static_cast<signed char>(value);
    return size == Size::kShort ? static_cast<short>(value) : value;
  }

  std::uint64_t unsigned_argument(Size size) {
    if (size == Size::kLong) return va_arg(arguments_, unsigned long);
    const unsigned value = va_arg(arguments_, unsigned);
    if (size == Size::kChar) return static_cast<unsigned char>(value);
    return size == Size::kShort ? static_cast<unsigned short>(value) : value;
  }

  void string(const Layout& layout) {
    const char* const text = va_arg(arguments_, const char*);
    if (text == nullptr) {
      pad("<NULL>", layout);
      return;
    }
    const std::size_t limit =
        layout.precision < 0 ? max_size_ : static_cast<std::size_t>(layout.precision);
    pad({text, strnlen(text, limit)}, layout);
  }

  void floating(char conversion, const Layout& layout) {
    const std::array<char, 6> format{'%', '.', '*', conversion, '\0'};
    std::array<char, 512> text{};
    const int precision = layout.precision < 0 ? 6 : std::min(layout.precision, 64);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    std::snprintf(text.data(), text.size(), format.data(), precision, va_arg(arguments_, double));
#pragma GCC diagnostic pop
    pad(text.data(), layout);
  }

  bool directive() {
    const Layout parsed = layout();
    const Size argument = size();
    const char conversion = *next_;
    if (conversion == '\0') return false;
    ++next_;
    switch (conversion) {
      case '%':
        append("%");
        return true;
      case 'd':
      case 'i':
        signed_number(signed_argument(argument), parsed);
        return true;
      case 'u':
        unsigned_number(unsigned_argument(argument), 10, false, parsed);
        return true;
      case 'x':
      case 'X':
        unsigned_number(unsigned_argument(argument), 16, conversion == 'X', parsed);
        return true;
      case 'o':
        unsigned_number(unsigned_argument(argument), 8, false, parsed);
        return true;
      case 'c': {
        const char character = static_cast<char>(va_arg(arguments_, int));
        pad({&character, 1}, parsed);
        return true;
      }
      case 's':
        if (argument == Size::kLong) return false;  // wide characters
        string(parsed);
        return true;
      case 'p': {
        Layout pointer = parsed;
        pointer.precision = 16;
        unsigned_number(reinterpret_cast<std::uintptr_t>(va_arg(arguments_, void*)), 16, false,
                        pointer);
        return true;
      }
      case 'f':
      case 'e':
      case 'g':
        floating(conversion, parsed);
        return true;
      case 'R':
        return runtime_type(parsed);
      default:
        return false;
    }
  }

  bool skip(std::string_view word) {
    if (std::strncmp(next_, word.data(), word.size()) != 0) return false;
    next_ += word.size();
    return true;
  }

  /// The width of %RU32 and its like: 8, 16, 32 or 64; 0 for none of these.
  unsigned bits() {
    for (const auto& [word, count] :
         {std::pair{"8", 8U}, std::pair{"16", 16U}, std::pair{"32", 32U}, std::pair{"64", 64U}}) {
      if (skip(word)) return count;
    }
    return 0;
  }

  bool runtime_type(const Layout& layout) {
    if (skip("Tbool")) {
      pad(va_arg(arguments_, int) != 0 ? "true" : "false", layout);
      return true;
    }
    for (const auto word : {"rc", "rs", "ra", "rf"}) {
      if (skip(word)) {
        pad(Status(va_arg(arguments_, int)).to_string(), layout);
        return true;
      }
    }
    const char kind = *next_;
    if (kind != 'U' && kind != 'I' && kind != 'X') return false;
    ++next_;
    const unsigned width = bits();
    const Size size = width == 8    ? Size::kChar
                      : width == 16 ? Size::kShort
                      : width == 32 ? Size::kInt
                                    : Size::kLong;
    if (width == 0) return false;
    if (kind == 'I') {
      signed_number(signed_argument(size), layout);
    } else {
      unsigned_number(unsigned_argument(size), kind == 'X' ? 16 : 10, false, layout);
    }
    return true;
  }

  const char* next_;
  std::va_list arguments_;
  const std::size_t max_size_;
  std::string sign_;
  std::string out_;
};

}  // namespace

std::string format_iprt(const char* format, std::va_list arguments, std::size_t max_size) {
  if (format == nullptr) return {};
  return Formatter(format, arguments, max_size).run();
}

}  // namespace hgcm::host

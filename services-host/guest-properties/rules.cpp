// SPDX-License-Identifier: MIT
//
// See rules.h.
#include "guest-properties/rules.h"

#include <algorithm>
#include <array>
#include <hgcm/service/utf8.hpp>

#include "guest-properties/protocol.h"

namespace hgcm::guestprop {
namespace {

using namespace std::string_view_literals;

constexpr std::array kReservedPrefixes{
    "/VirtualBox/GuestAdd/VBoxService/"sv,
    "/VirtualBox/GuestAdd/PAM/"sv,
    "/VirtualBox/GuestAdd/Greeter/"sv,
    "/VirtualBox/GuestAdd/SharedFolders/"sv,
    "/VirtualBox/HostInfo/"sv,
    "/VirtualBox/VMInfo/"sv,
};

struct FlagName {
  std::string_view name;
  std::uint32_t bits;
};
constexpr std::array kFlagNames{
    FlagName{"TRANSIENT", kTransient},       FlagName{"RDONLYGUEST", kReadOnlyGuest},
    FlagName{"RDONLYHOST", kReadOnlyHost},   FlagName{"READONLY", kReadOnly},
    FlagName{"TRANSRESET", kTransientReset},
};

/// Independent of the locale.
constexpr char to_upper(char c) noexcept {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

constexpr std::string_view trim(std::string_view text) noexcept {
  const std::size_t first = text.find_first_not_of(' ');
  return first == std::string_view::npos
             ? std::string_view{}
             : text.substr(first, text.find_last_not_of(' ') - first + 1);
}

}  // namespace

Status check_name(std::string_view name) noexcept {
  const bool valid = !name.empty() && name.size() <= kMaxNameLength &&
                     name.find_first_of("*?|\0"sv) == std::string_view::npos &&
                     service::is_valid_utf8(name);
  return valid ? HGCM_INF_SUCCESS : HGCM_ERR_INVALID_PARAMETER;
}

Status check_value(std::string_view value) noexcept {
  if (value.size() > kMaxValueLength) {
    return HGCM_ERR_TOO_MUCH_DATA;
  }
  const bool valid = value.find('\0') == std::string_view::npos && service::is_valid_utf8(value);
  return valid ? HGCM_INF_SUCCESS : HGCM_ERR_INVALID_PARAMETER;
}

bool is_reserved_name(std::string_view name) noexcept {
  return std::ranges::any_of(kReservedPrefixes,
                             [&](std::string_view prefix) { return name.starts_with(prefix); });
}

Result<std::uint32_t> parse_flags(std::string_view text) noexcept {
  std::uint32_t flags = 0;
  while (!trim(text).empty()) {
    const std::size_t comma = text.find(',');
    const std::string_view word = trim(text.substr(0, comma));
    const auto* const it = std::ranges::find_if(kFlagNames, [&](const FlagName& flag) {
      return std::ranges::equal(flag.name, word, {}, {}, to_upper);
    });
    if (it == kFlagNames.end()) {
      return failure(HGCM_ERR_PARSE_ERROR);
    }
    flags |= it->bits;
    text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
  }
  return flags;
}

std::string format_flags(std::uint32_t flags) {
  std::string text;
  const auto add = [&](std::string_view name) {
    text += text.empty() ? "" : ", ";
    text += name;
  };
  if ((flags & (kTransient | kTransientReset)) != 0) {
    add("TRANSIENT");
  }
  if ((flags & kReadOnly) == kReadOnly) {
    add("READONLY");
  } else if ((flags & kReadOnlyGuest) != 0) {
    add("RDONLYGUEST");
  } else if ((flags & kReadOnlyHost) != 0) {
    add("RDONLYHOST");
  }
  if ((flags & kTransientReset) != 0) {
    add("TRANSRESET");
  }
  return text;
}

}  // namespace hgcm::guestprop

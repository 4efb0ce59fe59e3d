// SPDX-License-Identifier: MIT
//
// The command line of mount.vboxsf. See request.h.
#include "mount.vboxsf/request.h"

#include <grp.h>
#include <pwd.h>
#include <sys/mount.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace hgcm::mount {
namespace {

struct Flag {
  std::string_view name;
  unsigned long set;
  unsigned long clear;
};

constexpr std::array kFlags = {
    Flag{"dev", 0, MS_NODEV},
    Flag{"nodev", MS_NODEV, 0},
    Flag{"exec", 0, MS_NOEXEC},
    Flag{"noexec", MS_NOEXEC, 0},
    Flag{"suid", 0, MS_NOSUID},
    Flag{"nosuid", MS_NOSUID, 0},
    Flag{"sync", MS_SYNCHRONOUS, 0},
    Flag{"async", 0, MS_SYNCHRONOUS},
    Flag{"dirsync", MS_DIRSYNC, 0},
    Flag{"noatime", MS_NOATIME, 0},
    Flag{"atime", 0, MS_NOATIME},
    Flag{"nodiratime", MS_NODIRATIME, 0},
    Flag{"relatime", MS_RELATIME, 0},
    Flag{"norelatime", 0, MS_RELATIME},
    Flag{"strictatime", MS_STRICTATIME, 0},
    Flag{"defaults", 0, 0},
};

// Words of fstab that are for others.
constexpr std::array<std::string_view, 10> kForOthers = {
    "auto", "noauto", "user", "nouser", "users", "owner", "group", "_netdev", "nofail", "noowner"};

constexpr std::array<std::string_view, 7> kNumbers = {
    "ttl", "dcachettl", "inodettl", "dirbuf", "maxiopages", "uid", "gid"};
constexpr std::array<std::string_view, 5> kModes = {"dmode", "fmode", "dmask", "fmask", "umask"};
constexpr std::array<std::string_view, 4> kTexts = {"nls", "iocharset", "cache", "tag"};

template <typename List>
bool contains(const List& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

bool is_number(std::string_view text, int base) {
  long long value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return !text.empty() && error == std::errc{} && end == text.data() + text.size();
}

// A user or group by number or name.
std::optional<std::string> id_of(std::string_view key, const std::string& value) {
  if (is_number(value, 10)) return value;
  if (key == "uid") {
    const passwd* user = getpwnam(value.c_str());
    return user != nullptr ? std::optional(std::to_string(user->pw_uid)) : std::nullopt;
  }
  const group* found = getgrnam(value.c_str());
  return found != nullptr ? std::optional(std::to_string(found->gr_gid)) : std::nullopt;
}

bool refuse(Refusal& refusal, std::string message) {
  refusal.message = std::move(message);
  return false;
}

bool take_valued(Request& request, const std::string& key, const std::string& value,
                 Refusal& refusal) {
  if (value.empty()) return refuse(refusal, "the option '" + key + "' needs a value");
  if (key == "convertcp") {
    request.convert_from = value;
    return true;
  }
  std::string text = value;
  if (key == "uid" || key == "gid") {
    const auto id = id_of(key, value);
    if (!id) {
      return refuse(refusal,
                    (key == "uid" ? "there is no user '" : "there is no group '") + value + "'");
    }
    text = *id;
  } else if (contains(kNumbers, key) && !is_number(value, 10)) {
    return refuse(refusal, key + "=" + value + " is not a number");
  } else if (contains(kModes, key) && !is_number(value, 8)) {
    return refuse(refusal, key + "=" + value + " is not an octal number");
  }
  request.options.emplace_back(key, text);
  return true;
}

bool take_option(Request& request, const std::string& option, Refusal& refusal) {
  const std::size_t equals = option.find('=');
  const std::string key = option.substr(0, equals);
  const std::string value = equals == std::string::npos ? "" : option.substr(equals + 1);
  if (contains(kNumbers, key) || contains(kModes, key) || contains(kTexts, key) ||
      key == "convertcp")
    return take_valued(request, key, value, refusal);
  const auto* flag =
      std::find_if(kFlags.begin(), kFlags.end(), [&](const Flag& f) { return f.name == option; });
  if (flag != kFlags.end()) {
    request.flags = (request.flags & ~flag->clear) | flag->set;
  } else if (option == "ro") {
    request.read_only = true;
  } else if (option == "rw") {
    request.read_only = false;
  } else if (option == "remount") {
    request.remount = true;
  } else if (!contains(kForOthers, option) && !option.starts_with("x-") &&
             !option.starts_with("comment=") && !option.empty() && !request.sloppy) {
    return refuse(refusal, "the option '" + option + "' is not known (-s leaves such options out)");
  }
  return true;
}

// Commas separate; there is no way to quote one, as in mount(8).
std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t comma = std::min(list.find(',', at), list.size());
    parts.push_back(list.substr(at, comma - at));
    at = comma + 1;
  }
  return parts;
}

}  // namespace

std::optional<Request> parse(const std::vector<std::string>& arguments, Refusal& refusal) {
  Request request;
  request.flags = MS_NODEV;
  std::vector<std::string> names, lists;
  bool only_names = false;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (only_names || word.size() < 2 || word[0] != '-') {
      names.push_back(word);
    } else if (word == "--") {
      only_names = true;
    } else if (word == "--help") {
      request.help = true;
    } else {
      for (std::size_t c = 1; c < word.size(); ++c) {
        const char letter = word[c];
        if (letter == 'o' || letter == 'N' || letter == 't') {
          std::string value = word.substr(c + 1);
          if (value.empty()) {
            if (++i == arguments.size()) {
              refusal.message.assign({'-', letter}).append(" needs a value");
              return std::nullopt;
            }
            value = arguments[i];
          }
          if (letter == 'o') lists.push_back(value);
          break;
        }
        switch (letter) {
          case 'w':
            request.read_only = false;
            break;
          case 'r':
            request.read_only = true;
            break;
          case 's':
            request.sloppy = true;
            break;
          case 'v':
            request.verbose = true;
            break;
          case 'f':
            request.fake = true;
            break;
          case 'h':
            request.help = true;
            break;
          case 'n':
            break;  // mtab is the kernel's table
          default:
            refusal.message = std::string("-") + letter + " is not known";
            return std::nullopt;
        }
      }
    }
  }
  if (request.help) return request;
  if (names.size() != 2) {
    refusal.message = names.size() < 2 ? "the share and the directory to mount it on are needed"
                                       : "more than a share and a directory: '" + names[2] + "'";
    return std::nullopt;
  }
  request.share = names[0];
  request.directory = names[1];
  for (const auto& list : lists) {
    for (const auto& option : split(list)) {
      if (!take_option(request, option, refusal)) return std::nullopt;
    }
  }
  return request;
}

std::string joined(const std::vector<std::pair<std::string, std::string>>& options) {
  std::string text;
  for (const auto& [key, value] : options) text += (text.empty() ? "" : ",") + key + "=" + value;
  return text;
}

std::vector<std::pair<std::string, std::string>> for_stock(
    const std::vector<std::pair<std::string, std::string>>& options) {
  std::vector<std::pair<std::string, std::string>> result;
  for (const auto& [key, value] : options) {
    if (key == "iocharset") {
      result.emplace_back("nls", value);
    } else if (key == "umask") {
      result.emplace_back("dmask", value);
      result.emplace_back("fmask", value);
    } else if (key == "nls" || key == "uid" || key == "gid" || (key == "ttl" && value[0] != '-') ||
               (contains(kModes, key))) {
      result.emplace_back(key, value);
    }
  }
  return result;
}

}  // namespace hgcm::mount

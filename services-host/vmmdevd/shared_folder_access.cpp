// SPDX-License-Identifier: MIT
//
// See shared_folder_access.h.
#include "vmmdevd/shared_folder_access.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

namespace hgcm::control {
namespace {

constexpr std::array<std::pair<std::string_view, shfl::Symlinks>, 4> kSymlinks = {{
    {"none", shfl::Symlinks::kNone},
    {"subtree", shfl::Symlinks::kSubtree},
    {"relative", shfl::Symlinks::kRelative},
    {"any", shfl::Symlinks::kAny},
}};

/// At single commas; a double one stands for itself.
std::vector<std::string> split_at_commas(std::string_view text) {
  std::vector<std::string> parts(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != ',') {
      parts.back() += text[i];
    } else if (i + 1 < text.size() && text[i + 1] == ',') {
      parts.back() += text[i++];
    } else {
      parts.emplace_back();
    }
  }
  return parts;
}

bool set_option(shfl::ShareSettings& share, std::string_view option, std::string& reason) {
  const std::string_view name = option.substr(0, option.find('='));
  const bool has_value = name.size() < option.size();
  const std::string_view value = has_value ? option.substr(name.size() + 1) : std::string_view();
  if (option == "ro") {
    share.writable = false;
  } else if (name == "automount" && (!has_value || !value.empty())) {
    share.auto_mount = true;
    share.mount_point = value;
  } else if (name == "symlinks") {
    const auto policy = parse_symlinks(value);
    if (!policy) {
      reason = "symlinks is none, subtree, relative or any";
      return false;
    }
    share.symlinks = *policy;
  } else {
    reason = "an option is ro, automount, automount=POINT or symlinks=POLICY, not \"" +
             std::string(option) + '"';
    return false;
  }
  return true;
}

}  // namespace

std::optional<shfl::Symlinks> parse_symlinks(std::string_view text) {
  const auto* const found =
      std::ranges::find(kSymlinks, text, [](const auto& p) { return p.first; });
  return found != kSymlinks.end() ? std::optional(found->second) : std::nullopt;
}

std::string_view to_string(shfl::Symlinks symlinks) noexcept {
  const auto* const found =
      std::ranges::find(kSymlinks, symlinks, [](const auto& p) { return p.second; });
  return found != kSymlinks.end() ? found->first : std::string_view();
}

std::optional<shfl::ShareSettings> parse_share(std::string_view text, std::string& reason) {
  const std::vector<std::string> parts = split_at_commas(text);
  const std::size_t separator = parts[0].find('=');
  if (separator == std::string::npos || separator == 0 || separator + 1 == parts[0].size()) {
    reason = "a share is NAME=DIR with options behind it";
    return std::nullopt;
  }
  shfl::ShareSettings share;
  share.name = parts[0].substr(0, separator);
  std::error_code error;
  share.path = std::filesystem::absolute(parts[0].substr(separator + 1), error).string();
  if (error) {
    reason = error.message();
    return std::nullopt;
  }
  for (std::size_t i = 1; i < parts.size(); ++i) {
    if (!set_option(share, parts[i], reason)) {
      return std::nullopt;
    }
  }
  return share;
}

Status SharedFolderAccess::attach(std::string& detail) {
  const std::lock_guard lock(mutex_);
  for (const shfl::ShareSettings& share : shares_) {
    if (const Status status = client_.add(share); status.failed()) {
      detail = "cannot add the share " + share.name + ": " + status.to_string();
      return status;
    }
  }
  return {};
}

Status SharedFolderAccess::add(const shfl::ShareSettings& share) {
  const std::lock_guard lock(mutex_);
  if (!services_.has_service(kSharedFolderService)) {
    return HGCM_ERR_HGCM_SERVICE_NOT_FOUND;
  }
  shares_.reserve(shares_.size() + 1);
  shfl::ShareSettings kept = share;
  const Status status = client_.add(share);
  if (status.ok()) {
    shares_.push_back(std::move(kept));
  }
  return status;
}

Status SharedFolderAccess::remove(std::string_view name) {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(shares_, name, &shfl::ShareSettings::name);
  if (found == shares_.end()) {
    return HGCM_ERR_NOT_FOUND;
  }
  const Status status =
      services_.has_service(kSharedFolderService) ? client_.remove(name) : Status();
  if (status.ok()) {
    shares_.erase(found);
  }
  return status;
}

std::vector<shfl::ShareSettings> SharedFolderAccess::list() const {
  const std::lock_guard lock(mutex_);
  return shares_;
}

}  // namespace hgcm::control

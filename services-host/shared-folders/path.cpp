// SPDX-License-Identifier: MIT
//
// See path.h.
#include "shared-folders/path.h"

#include <algorithm>

namespace hgcm::shfl {
namespace {

/// With '/' as separator, whatever the guest's is.
Result<std::string> with_slashes(std::string_view text, char16_t delimiter) {
  std::string result(text);
  for (char& c : result) {
    if (c == '\0' || (c == '/' && delimiter != u'/')) {
      return failure(HGCM_ERR_INVALID_NAME);
    }
    if (static_cast<unsigned char>(c) == delimiter) {
      c = '/';
    }
  }
  return result;
}

/// Calls `visit` for each component that is not empty.
template <typename Visitor>
void for_each_component(std::string_view path, Visitor visit) {
  while (!path.empty()) {
    const std::string_view component = path.substr(0, path.find('/'));
    if (!component.empty()) {
      visit(component);
    }
    path.remove_prefix(std::min(component.size() + 1, path.size()));
  }
}

}  // namespace

Result<std::string> to_relative_path(std::string_view path, char16_t delimiter) {
  const auto text = with_slashes(path, delimiter);
  if (!text) {
    return text;
  }
  std::string result;
  result.reserve(text->size());
  bool outside = false;
  for_each_component(*text, [&](std::string_view component) {
    if (component == "..") {
      outside = outside || result.empty();
      const std::size_t end = result.rfind('/');
      result.resize(end == std::string::npos ? 0 : end);
    } else if (component != ".") {
      result += result.empty() ? "" : "/";
      result += component;
    }
  });
  if (outside) {
    return failure(HGCM_ERR_INVALID_NAME);
  }
  return result;
}

SplitPath split(std::string_view relative) {
  const std::size_t end = relative.rfind('/');
  return end == std::string_view::npos
             ? SplitPath{{}, relative}
             : SplitPath{relative.substr(0, end), relative.substr(end + 1)};
}

Result<std::string> to_link_target(std::string_view target, char16_t delimiter) {
  return with_slashes(target, delimiter);
}

bool stays_inside(std::string_view link, std::string_view target) {
  if (target.starts_with('/')) {
    return false;
  }
  std::size_t depth = static_cast<std::size_t>(std::ranges::count(link, '/'));
  bool inside = true;
  for_each_component(target, [&](std::string_view component) {
    if (component == "..") {
      inside = inside && depth > 0;
      depth -= depth > 0 ? 1 : 0;
    } else if (component != ".") {
      ++depth;
    }
  });
  return inside;
}

}  // namespace hgcm::shfl

// SPDX-License-Identifier: MIT
//
// See share.h.
#include "shared-folders/share.h"

#include <fcntl.h>

#include <cstdlib>
#include <utility>

#include "shared-folders/path.h"

namespace hgcm::shfl {
namespace {

/// Whoever runs the service confined (services-host/sandbox) gives it directories as descriptors,
/// and may put another directory behind the number later.
constexpr std::string_view kDescriptorPath = "/proc/self/fd/";

}  // namespace

Share::Share(ShareConfig config) : config_(std::move(config)) {
  if (!config_.missing) {
    open_root();
  }
}

std::shared_ptr<const Descriptor> Share::root() const {
  const std::lock_guard lock(mutex_);
  return root_;
}

void Share::open_root() {
  if (config_.path.starts_with(kDescriptorPath)) {
    Descriptor root(::open(config_.path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (root) {
      take_root(std::move(root));
    }
    return;
  }
  if (canonical_path_.empty()) {
    // Links in the path are the operator's, and followed once.
    const std::unique_ptr<char, void (*)(void*)> path(::realpath(config_.path.c_str(), nullptr),
                                                      &std::free);
    if (path == nullptr) {
      return;
    }
    canonical_path_ = path.get();
  }
  // From now on there are none in it: a guest that can write above this share, through another one,
  // gains nothing by replacing the directory with a link.
  const Descriptor top(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!top) {
    return;
  }
  auto root = open_beneath(top.get(), std::string_view(canonical_path_).substr(1),
                           O_PATH | O_DIRECTORY, 0, Links::kRefuse);
  if (!root) {
    return;
  }
  take_root(std::move(*root));
}

void Share::take_root(Descriptor root) {
  placement_.look_at(root.get());
  root_ = std::make_shared<const Descriptor>(std::move(root));
}

void Share::refresh() {
  const std::lock_guard lock(mutex_);
  if (config_.missing) {
    return;
  }
  if (root_) {
    // Done on the service's thread, so not by way of a server that may be gone.
    const auto status = remembered_status_of(root_->get());
    if (status && status->stx_nlink > 0) {
      return;
    }
  }
  open_root();
}

bool Share::creates_links() const noexcept {
  return config_.create_symlinks && config_.policy != kPolicyForbidden;
}

bool Share::allows_link(std::string_view link, std::string_view target) const noexcept {
  if (!creates_links()) {
    return false;
  }
  switch (config_.policy) {
    case kPolicySubtree:
      return stays_inside(link, target);
    case kPolicyRelative:
      return !target.starts_with('/');
    default:
      return true;
  }
}

}  // namespace hgcm::shfl

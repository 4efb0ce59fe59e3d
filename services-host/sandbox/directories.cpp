// SPDX-License-Identifier: MIT
//
// See directories.h.
#include "sandbox/directories.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "sandbox/message.h"
#include "sandbox/process.h"
#include "shared-folders/strings.h"

namespace hgcm::sandbox {
namespace {

constexpr std::chrono::seconds kLookInterval{1};

std::optional<std::string> text_of(std::span<const hgcm_svc_parm> parameters, std::size_t index) {
  if (index >= parameters.size() || parameters[index].type != HGCM_SVC_PARM_PTR) {
    return std::nullopt;
  }
  const auto& pointer = parameters[index].u.ptr;
  const auto text = shfl::read_string({static_cast<const std::byte*>(pointer.addr), pointer.size},
                                      shfl::Encoding::kUtf16);
  return text ? std::optional(*text) : std::nullopt;
}

}  // namespace

Directories::HostCall::HostCall(std::span<const hgcm_svc_parm> parameters)
    : parameters_(parameters.begin(), parameters.end()), buffers_(parameters.size()) {
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    if (parameters_[i].type == HGCM_SVC_PARM_PTR) {
      const auto& pointer = parameters_[i].u.ptr;
      replace(i, std::string(static_cast<const char*>(pointer.addr), pointer.size));
    }
  }
}

void Directories::HostCall::replace(std::size_t index, std::string bytes) {
  buffers_[index] = std::move(bytes);
  parameters_[index].u.ptr.addr = buffers_[index].data();
  parameters_[index].u.ptr.size = static_cast<std::uint32_t>(buffers_[index].size());
}

int Directories::free_number() const {
  for (int number = kFirstDirectory; number < kFirstDirectory + kDirectories; ++number) {
    if (std::ranges::none_of(shares_, [&](const Share& s) { return s.number == number; })) {
      return number;
    }
  }
  return -1;
}

void Directories::place(Share& share) {
  if (share.canonical.empty()) {
    // Links in the path are the operator's, and followed once.
    const std::unique_ptr<char, void (*)(void*)> path(::realpath(share.path.c_str(), nullptr),
                                                      &std::free);
    if (path == nullptr) return;
    share.canonical = path.get();
  }
  std::string detail;
  const auto directory = open_directory(program_, share.canonical, detail);
  struct stat status {};
  if (!directory || ::fstat(directory.get(), &status) != 0) {
    log_("the share " + share.name + " cannot be reached: " + detail);
    return;
  }
  share.present = true;
  share.device = status.st_dev;
  share.inode = status.st_ino;
  place_(share.number, directory.get());
}

std::optional<Directories::HostCall> Directories::add(std::span<const hgcm_svc_parm> parameters) {
  auto path = text_of(parameters, 0);
  auto name = text_of(parameters, 1);
  const int number = free_number();
  if (!path || !path->starts_with('/') || !name || number < 0) return std::nullopt;
  HostCall call(parameters);
  call.replace(0, shfl::make_string("/proc/self/fd/" + std::to_string(number)));
  shares_.push_back(
      {std::move(*name), std::move(*path), number, HostCall(call.parameters()), false, 0, 0, {}});
  place(shares_.back());
  return call;
}

void Directories::added(bool success) {
  if (success) return;
  forget(shares_.back());
  shares_.pop_back();
}

void Directories::removed(std::span<const hgcm_svc_parm> parameters) {
  const auto name = text_of(parameters, 0);
  const auto found = std::ranges::find_if(
      shares_, [&](const Share& s) { return name && shfl::equal_ignoring_case(s.name, *name); });
  if (found == shares_.end()) return;
  forget(*found);
  shares_.erase(found);
}

void Directories::forget(const Share& share) {
  const vfio_user::UniqueFd nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (nothing) place_(share.number, nothing.get());
}

void Directories::look_again() {
  const auto now = std::chrono::steady_clock::now();
  if (now - looked_ < kLookInterval) return;
  looked_ = now;
  for (Share& share : shares_) {
    struct stat status {};
    const std::string& path = share.canonical.empty() ? share.path : share.canonical;
    if (::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode) &&
        (!share.present || status.st_dev != share.device || status.st_ino != share.inode)) {
      place(share);
    }
  }
}

std::vector<Directories::HostCall> Directories::all_again() {
  std::vector<HostCall> calls;
  for (Share& share : shares_) {
    share.present = false;
    place(share);
    calls.emplace_back(share.call.parameters());
  }
  return calls;
}

}  // namespace hgcm::sandbox

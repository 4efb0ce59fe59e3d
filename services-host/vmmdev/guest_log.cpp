// SPDX-License-Identifier: MIT
//
// See guest_log.h.
#include "vmmdev/guest_log.h"

#include <algorithm>
#include <string>
#include <utility>

namespace hgcm::vmmdev {
namespace {

// Printable ASCII stays; everything else could drive a terminal or forge a line.
char printable(char c) noexcept {
  return c >= ' ' && c <= '~' ? c : '?';
}

}  // namespace

GuestLog::GuestLog(std::function<void(std::string_view)> sink)
    : sink_(std::move(sink)), refilled_(Clock::now()) {}

void GuestLog::write(std::string_view text) {
  if (!sink_) return;
  text = text.substr(0, kMaxText);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of("\r\n"), text.size());
    if (end > 0) write_line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

void GuestLog::write_line(std::string_view line) {
  std::uint64_t dropped = 0;
  {
    const std::lock_guard lock(mutex_);
    if (!admit()) {
      ++dropped_;
      return;
    }
    dropped = std::exchange(dropped_, 0);
  }
  if (dropped > 0) sink_("(" + std::to_string(dropped) + " guest log lines dropped)");
  std::string text(line.substr(0, kMaxLine));
  std::ranges::transform(text, text.begin(), printable);
  sink_(text);
}

bool GuestLog::admit() noexcept {
  const auto now = Clock::now();
  const auto earned = (now - refilled_) / kRefill;
  if (earned > 0) {
    tokens_ = static_cast<unsigned>(std::min<std::int64_t>(kBurst, tokens_ + earned));
    refilled_ = now;
  }
  if (tokens_ == 0) return false;
  --tokens_;
  return true;
}

}  // namespace hgcm::vmmdev

// SPDX-License-Identifier: MIT
//
// What a service host counts per service: see the header.
#include "hgcm/service_statistics.h"

#include <algorithm>

namespace hgcm::host {
namespace {

constexpr std::size_t kMaxSamples = 1024;

/// How many numbers of which size a sample holds. VirtualBox's type numbers come in runs: from 7
/// on, four for each integer size (decimal, hexadecimal, each with a variant that is reset on
/// reading).
struct SampleShape {
  unsigned count = 0;
  unsigned bytes = 0;
};

SampleShape shape_of(int type) noexcept {
  if (type == HGCM_SVC_STAT_COUNTER) return {1, 8};
  if (type == HGCM_SVC_STAT_PROFILE || type == 3) return {4, 8};
  if (type == 4 || type == 5) return {2, 4};
  if (type >= 7 && type <= 22) return {1, 1U << ((type - 7) / 4)};
  if (type == 23 || type == 24) return {1, 1};
  return {};
}

template <typename Number>
std::uint64_t read_number(const void* memory, unsigned index) noexcept {
  return __atomic_load_n(static_cast<const Number*>(memory) + index, __ATOMIC_RELAXED);
}

std::uint64_t read_number(const void* memory, unsigned index, unsigned bytes) noexcept {
  switch (bytes) {
    case 1:
      return read_number<std::uint8_t>(memory, index);
    case 2:
      return read_number<std::uint16_t>(memory, index);
    case 4:
      return read_number<std::uint32_t>(memory, index);
    default:
      return read_number<std::uint64_t>(memory, index);
  }
}

bool matches_one(std::string_view pattern, std::string_view text) noexcept {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t star_text = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_text = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

}  // namespace

bool matches_pattern(std::string_view pattern, std::string_view text) noexcept {
  for (;;) {
    const std::size_t bar = pattern.find('|');
    if (matches_one(pattern.substr(0, bar), text)) return true;
    if (bar == std::string_view::npos) return false;
    pattern.remove_prefix(bar + 1);
  }
}

FunctionTable::Entry& FunctionTable::entry(std::uint64_t key) noexcept {
  const std::size_t start = (key * 0x9e3779b97f4a7c15ULL) >> 56;
  for (std::size_t i = 0; i < kEntries; ++i) {
    const std::size_t index = (start + i) % kEntries;
    if (index == kEntries - 1) continue;
    Entry& candidate = entries_[index];
    std::uint64_t found = candidate.key.load(std::memory_order_relaxed);
    if (found == 0 && candidate.key.compare_exchange_strong(found, key)) return candidate;
    if (found == key) return candidate;
  }
  return entries_[kEntries - 1];
}

void FunctionTable::count(std::uint32_t function, bool host_call, bool failed,
                          std::uint64_t ns) noexcept {
  Entry& found = entry(function | kUsed | (host_call ? kHost : 0));
  found.calls.fetch_add(1, std::memory_order_relaxed);
  if (failed) found.failed.fetch_add(1, std::memory_order_relaxed);
  found.nanoseconds.fetch_add(ns, std::memory_order_relaxed);
}

std::vector<FunctionStatistics> FunctionTable::read() const {
  std::vector<FunctionStatistics> result;
  for (const Entry& entry : entries_) {
    FunctionStatistics one;
    one.calls = entry.calls.load(std::memory_order_relaxed);
    if (one.calls == 0) continue;
    const std::uint64_t key = entry.key.load(std::memory_order_relaxed);
    one.function = key == 0 ? FunctionStatistics::kOtherFunctions : static_cast<std::uint32_t>(key);
    one.host_call = (key & kHost) != 0;
    one.failed = entry.failed.load(std::memory_order_relaxed);
    one.nanoseconds = entry.nanoseconds.load(std::memory_order_relaxed);
    result.push_back(one);
  }
  std::sort(result.begin(), result.end(), [](const auto& a, const auto& b) {
    return a.host_call != b.host_call ? b.host_call : a.function < b.function;
  });
  return result;
}

Status SampleList::add(std::string name, std::string description, int type, int unit,
                       void* sample) {
  const SampleShape shape = shape_of(type);
  if (shape.bytes > 1 && reinterpret_cast<std::uintptr_t>(sample) % shape.bytes != 0)
    return HGCM_ERR_INVALID_POINTER;
  const std::lock_guard lock(mutex_);
  if (samples_.size() >= kMaxSamples) return HGCM_ERR_OUT_OF_RESOURCES;
  if (std::any_of(samples_.begin(), samples_.end(),
                  [&](const Sample& other) { return other.face.name == name; }))
    return HGCM_ERR_ALREADY_EXISTS;
  samples_.push_back({{std::move(name), std::move(description), type, unit, {}}, sample});
  return HGCM_INF_SUCCESS;
}

void SampleList::remove(std::string_view pattern) {
  const std::lock_guard lock(mutex_);
  std::erase_if(samples_, [&](const Sample& s) { return matches_pattern(pattern, s.face.name); });
}

void SampleList::clear() {
  const std::lock_guard lock(mutex_);
  samples_.clear();
}

std::vector<ServiceSample> SampleList::read() const {
  const std::lock_guard lock(mutex_);
  std::vector<ServiceSample> result;
  result.reserve(samples_.size());
  for (const Sample& sample : samples_) {
    ServiceSample one = sample.face;
    const SampleShape shape = shape_of(one.type);
    for (unsigned i = 0; i < shape.count; ++i)
      one.values.push_back(read_number(sample.memory, i, shape.bytes));
    result.push_back(std::move(one));
  }
  return result;
}

}  // namespace hgcm::host

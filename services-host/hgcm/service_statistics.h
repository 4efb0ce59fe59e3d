// SPDX-License-Identifier: MIT
//
// What a service host counts per service: calls by function, lock-free, since they end on any
// thread; and the samples and info handlers that a service registered itself.
#ifndef HGCM_HOST_SERVICE_STATISTICS_H
#define HGCM_HOST_SERVICE_STATISTICS_H

#include "hgcm/service_host.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace hgcm::host {

/// Thread-safe, never allocates when counting.
class FunctionTable {
 public:
  void count(std::uint32_t function, bool host_call, bool failed, std::uint64_t ns) noexcept;
  [[nodiscard]] std::vector<FunctionStatistics> read() const;

 private:
  struct Entry {
    std::atomic<std::uint64_t> key{0};  // 0: free; else kUsed, kHost and the function
    std::atomic<std::uint64_t> calls{0};
    std::atomic<std::uint64_t> failed{0};
    std::atomic<std::uint64_t> nanoseconds{0};
  };
  static constexpr std::uint64_t kUsed = 1ULL << 32;
  static constexpr std::uint64_t kHost = 1ULL << 33;
  static constexpr std::size_t kEntries = 256;  // the last one takes what fits nowhere

  Entry& entry(std::uint64_t key) noexcept;

  std::array<Entry, kEntries> entries_;
};

/// Samples of one service. Thread-safe: a sample is never read once its removal has returned.
class SampleList {
 public:
  /// HGCM_ERR_ALREADY_EXISTS for a name in use, _OUT_OF_RESOURCES for too many,
  /// _INVALID_POINTER for a misaligned sample.
  Status add(std::string name, std::string description, int type, int unit, void* sample);
  /// Removes those whose name matches; `pattern` knows * and ?, and | between alternatives.
  void remove(std::string_view pattern);
  void clear();
  [[nodiscard]] std::vector<ServiceSample> read() const;

 private:
  struct Sample {
    ServiceSample face;  // without values
    void* memory;
  };
  mutable std::mutex mutex_;
  std::vector<Sample> samples_;  // under mutex_
};

/// * and ? as in file names; | separates alternatives.
[[nodiscard]] bool matches_pattern(std::string_view pattern, std::string_view text) noexcept;

}  // namespace hgcm::host

#endif

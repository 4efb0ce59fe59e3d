// SPDX-License-Identifier: MIT
//
// The device's counters as relaxed atomics: exact, and no order between them.
#ifndef HGCM_VMMDEV_COUNTERS_H
#define HGCM_VMMDEV_COUNTERS_H

#include "vmmdev/device.h"

#include <atomic>
#include <cstdint>

namespace hgcm::vmmdev {

class Counter {
 public:
  void add(std::uint64_t amount = 1) noexcept {
    value_.fetch_add(amount, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t get() const noexcept {
    return value_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// Same members as DeviceCounters.
struct Counters {
  Counter port_writes;
  Counter port_reads;
  Counter memory_reads;
  Counter memory_writes;
  Counter request_bar_reads;
  Counter request_bar_writes;
  Counter interrupts_level;
  Counter interrupts_message;
  Counter ring_submissions;
  Counter requests;
  Counter requests_refused;
  Counter hgcm_calls;
  Counter hgcm_calls_inline;
  Counter hgcm_calls_cancelled;
  Counter hgcm_bytes_in;
  Counter hgcm_bytes_out;
  Counter hgcm_copies;

  [[nodiscard]] DeviceCounters snapshot() const noexcept {
    return {
        .port_writes = port_writes.get(),
        .port_reads = port_reads.get(),
        .memory_reads = memory_reads.get(),
        .memory_writes = memory_writes.get(),
        .request_bar_reads = request_bar_reads.get(),
        .request_bar_writes = request_bar_writes.get(),
        .interrupts_level = interrupts_level.get(),
        .interrupts_message = interrupts_message.get(),
        .ring_submissions = ring_submissions.get(),
        .requests = requests.get(),
        .requests_refused = requests_refused.get(),
        .hgcm_calls = hgcm_calls.get(),
        .hgcm_calls_inline = hgcm_calls_inline.get(),
        .hgcm_calls_cancelled = hgcm_calls_cancelled.get(),
        .hgcm_bytes_in = hgcm_bytes_in.get(),
        .hgcm_bytes_out = hgcm_bytes_out.get(),
        .hgcm_copies = hgcm_copies.get(),
    };
  }
};

}  // namespace hgcm::vmmdev

#endif

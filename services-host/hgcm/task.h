// SPDX-License-Identifier: MIT
//
// A piece of work for a service thread other than a guest call, and the ways to learn its outcome
// exactly once although the thread may hang in it.
#ifndef HGCM_HOST_TASK_H
#define HGCM_HOST_TASK_H

#include "hgcm/message_queue.h"

#include <hgcm/status.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace hgcm::host {

using Deadline = std::chrono::steady_clock::time_point;

/// `run` is called on the service thread, `drop` instead when it will not run or is given up while
/// it runs. So both may be called, at the same time: they share a Once or an Outcome. What `run`
/// refers to must be its own, because the one who posted it may be gone.
struct Task : Message {
  Task(std::function<void()> to_run, std::function<void()> to_drop)
      : Message(Kind::kTask), run(std::move(to_run)), drop(std::move(to_drop)) {}

  std::function<void()> run;
  std::function<void()> drop;
  std::uint64_t number = 0;
};

/// A function that is called by the first of several.
template <typename... Arguments>
class Once {
 public:
  explicit Once(std::function<void(Arguments...)> function) : function_(std::move(function)) {}

  void operator()(Arguments... arguments) noexcept {
    if (used_.exchange(true) || !function_) return;
    try {
      function_(arguments...);
    } catch (...) {
      // The function is the device's; what it throws has nowhere to go.
    }
  }

 private:
  std::atomic<bool> used_{false};
  std::function<void(Arguments...)> function_;
};

/// What a thread waits for. The first value stays.
class Outcome {
 public:
  void set(std::optional<Status> status) {
    {
      const std::lock_guard lock(mutex_);
      if (known_) return;
      known_ = true;
      status_ = status;
    }
    changed_.notify_all();
  }

  /// Nothing when the work was dropped, or when the deadline passed.
  std::optional<Status> wait(std::optional<Deadline> deadline) {
    std::unique_lock lock(mutex_);
    if (deadline) {
      changed_.wait_until(lock, *deadline, [this] { return known_; });
    } else {
      changed_.wait(lock, [this] { return known_; });
    }
    return status_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool known_ = false;            // under mutex_
  std::optional<Status> status_;  // under mutex_
};

}  // namespace hgcm::host

#endif

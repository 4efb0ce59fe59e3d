// SPDX-License-Identifier: MIT
//
// Worker threads for blocking control commands; see executor.h.
#include "vmmdevd/control/executor.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace hgcm::control {

// Owned by the executor and by each thread, so that a thread that outlives the executor is safe.
struct ThreadExecutor::Shared {
  explicit Shared(Limits l) : limits(l) {}

  const Limits limits;
  std::mutex mutex;  // protects all below
  std::condition_variable work;
  std::condition_variable ended;
  std::deque<Job> queue;
  std::size_t workers = 0;
  std::size_t idle = 0;
  std::size_t waits = 0;
  bool stopping = false;
};

ThreadExecutor::ThreadExecutor(Limits limits) : shared_(std::make_shared<Shared>(limits)) {}

ThreadExecutor::~ThreadExecutor() {
  (void)shutdown(std::chrono::milliseconds(0));
}

bool ThreadExecutor::run(Job job) {
  const std::lock_guard lock(shared_->mutex);
  if (shared_->stopping || shared_->queue.size() >= shared_->limits.queued) {
    return false;
  }
  shared_->queue.push_back(std::move(job));
  if (shared_->idle >= shared_->queue.size() || shared_->workers >= shared_->limits.workers) {
    shared_->work.notify_one();
    return true;
  }
  try {
    std::thread([shared = shared_] {
      std::unique_lock guard(shared->mutex);
      for (;;) {
        ++shared->idle;
        shared->work.wait(guard, [&] { return shared->stopping || !shared->queue.empty(); });
        --shared->idle;
        if (shared->stopping) {
          break;
        }
        Job next = std::move(shared->queue.front());
        shared->queue.pop_front();
        guard.unlock();
        next();
        next = nullptr;
        guard.lock();
      }
      --shared->workers;
      shared->ended.notify_all();
    }).detach();
    ++shared_->workers;
  } catch (const std::system_error&) {
    if (shared_->workers == 0) {
      shared_->queue.pop_back();
      return false;
    }
  }
  return true;
}

bool ThreadExecutor::run_wait(Job job) {
  const std::lock_guard lock(shared_->mutex);
  if (shared_->stopping || shared_->waits >= shared_->limits.waits) {
    return false;
  }
  try {
    std::thread([shared = shared_, work = std::move(job)]() mutable {
      work();
      work = nullptr;
      const std::lock_guard guard(shared->mutex);
      --shared->waits;
      shared->ended.notify_all();
    }).detach();
    ++shared_->waits;
  } catch (const std::system_error&) {
    return false;
  }
  return true;
}

bool ThreadExecutor::shutdown(std::chrono::milliseconds patience) {
  std::deque<Job> dropped;
  std::unique_lock lock(shared_->mutex);
  shared_->stopping = true;
  dropped.swap(shared_->queue);
  shared_->work.notify_all();
  const auto all_ended = [this] { return shared_->workers == 0 && shared_->waits == 0; };
  return shared_->ended.wait_for(lock, patience, all_ended);
}

}  // namespace hgcm::control

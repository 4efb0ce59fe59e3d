// SPDX-License-Identifier: MIT
//
// See worker_pool.h.
#include "shared-folders/worker_pool.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

namespace hgcm::shfl {

WorkerPool::~WorkerPool() {
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    threads.swap(threads_);
  }
  changed_.notify_all();
  for (std::thread& thread : threads) {
    thread.join();
  }
}

void WorkerPool::post(const void* group, Job job) {
  const std::lock_guard lock(mutex_);
  queue_.push_back({group, std::move(job)});
  // A thread that was woken for an earlier job still counts as idle until it has taken that.
  if (queue_.size() > idle_ && threads_.size() < kMaxThreads) {
    try {
      threads_.emplace_back([this] { run(); });
    } catch (...) {
      if (threads_.empty()) {
        queue_.pop_back();
        throw;
      }
    }
  }
  changed_.notify_one();
}

std::deque<WorkerPool::Queued>::iterator WorkerPool::startable() {
  return std::ranges::find_if(queue_, [&](const Queued& queued) {
    const auto running = running_.find(queued.group);
    return running == running_.end() || running->second < kMaxThreadsPerGroup;
  });
}

void WorkerPool::run() {
  ::pthread_setname_np(::pthread_self(), "ShFoldersWorker");
  std::unique_lock lock(mutex_);
  while (true) {
    auto next = startable();
    if (next == queue_.end()) {
      if (ending_ && queue_.empty()) {
        return;
      }
      ++idle_;
      changed_.wait(lock);
      --idle_;
      continue;
    }
    Queued queued = std::move(*next);
    queue_.erase(next);
    const auto running = running_.try_emplace(queued.group, 0).first;
    ++running->second;
    lock.unlock();
    queued.job();
    queued.job = nullptr;
    lock.lock();
    if (--running->second == 0) {
      running_.erase(running);
    }
    if (!queue_.empty()) {
      // Jobs of this group may have waited for this.
      changed_.notify_one();
    } else if (ending_) {
      changed_.notify_all();
    }
  }
}

}  // namespace hgcm::shfl

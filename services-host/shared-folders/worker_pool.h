// SPDX-License-Identifier: MIT
//
// WorkerPool: threads for calls that may take long. Threads are made as they are needed; the jobs
// of one group (a share) never take all of them, so that a file system that hangs holds up its own
// calls alone.
#ifndef HGCM_SHARED_FOLDERS_WORKER_POOL_H
#define HGCM_SHARED_FOLDERS_WORKER_POOL_H

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

namespace hgcm::shfl {

/// Thread-safe.
class WorkerPool {
 public:
  static constexpr std::size_t kMaxThreads = 32;
  static constexpr std::size_t kMaxThreadsPerGroup = 16;

  using Job = std::function<void()>;

  WorkerPool() = default;
  /// Runs what is queued, then ends.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// `group` is only compared; it need not point to anything. `job` must not throw.
  void post(const void* group, Job job);

 private:
  struct Queued {
    const void* group;
    Job job;
  };
  void run();
  /// A job that may start; end() if there is none. Under mutex_.
  std::deque<Queued>::iterator startable();

  std::mutex mutex_;
  std::condition_variable changed_;
  // Under mutex_, all that follows.
  std::deque<Queued> queue_;
  std::map<const void*, std::size_t> running_;
  std::vector<std::thread> threads_;
  std::size_t idle_ = 0;
  bool ending_ = false;
};

}  // namespace hgcm::shfl

#endif

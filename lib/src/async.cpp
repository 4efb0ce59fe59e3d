// SPDX-License-Identifier: MIT
//
// The dispatcher's queue and threads.
#include <hgcm/async.h>

#include <algorithm>
#include <deque>
#include <thread>
#include <vector>

namespace hgcm {

class Dispatcher::Impl {
 public:
  explicit Impl(unsigned max_threads) : max_threads_(std::max(1U, max_threads)) {}

  ~Impl() {
    std::deque<std::unique_ptr<JobBase>> queued;
    std::vector<std::stop_source> running;
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
      queued.swap(queue_);
      for (const Running& entry : running_) {
        running.push_back(entry.stop);
      }
    }
    work_.notify_all();
    // Without the lock: a stop runs callbacks of the owner.
    for (const auto& job : queued) {
      job->stop_source().request_stop();
    }
    for (std::stop_source& stop : running) {
      stop.request_stop();
    }
    for (std::thread& thread : threads_) {
      thread.join();
    }
  }

  void enqueue(std::unique_ptr<JobBase> job) {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(job));
    if (idle_ < queue_.size() && threads_.size() < max_threads_) {
      threads_.emplace_back([this] { run(); });
    }
    work_.notify_one();
  }

 private:
  struct Running {
    JobBase* job;
    std::stop_source stop;
  };

  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      ++idle_;
      work_.wait(lock, [this] { return closing_ || !queue_.empty(); });
      --idle_;
      if (queue_.empty()) {
        return;
      }
      std::unique_ptr<JobBase> job = std::move(queue_.front());
      queue_.pop_front();
      running_.push_back({job.get(), job->stop_source()});
      lock.unlock();
      job->run();
      lock.lock();
      std::erase_if(running_, [&](const Running& entry) { return entry.job == job.get(); });
      lock.unlock();
      job.reset();
      lock.lock();
    }
  }

  const std::size_t max_threads_;
  std::mutex mutex_;  // for all that follows
  std::condition_variable work_;
  std::deque<std::unique_ptr<JobBase>> queue_;
  std::vector<Running> running_;
  bool closing_ = false;
  std::size_t idle_ = 0;
  std::vector<std::thread> threads_;
};

Dispatcher::Dispatcher(unsigned max_threads) : impl_(std::make_unique<Impl>(max_threads)) {}
Dispatcher::~Dispatcher() = default;

void Dispatcher::enqueue(std::unique_ptr<JobBase> job) {
  impl_->enqueue(std::move(job));
}

}  // namespace hgcm

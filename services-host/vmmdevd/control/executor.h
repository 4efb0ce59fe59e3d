// SPDX-License-Identifier: MIT
//
// Threads for control commands that block: a service behind a host call may hang for good, which
// must stall neither the event loop nor the other commands. Bounded, and able to end without the
// threads that never come back.
#ifndef HGCM_VMMDEVD_CONTROL_EXECUTOR_H
#define HGCM_VMMDEVD_CONTROL_EXECUTOR_H

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

namespace hgcm::control {

/// Thread-safe.
class Executor {
 public:
  using Job = std::function<void()>;

  Executor() = default;
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;
  virtual ~Executor() = default;

  /// Runs the job on one of a few threads. False: too much is pending, the job will not run.
  [[nodiscard]] virtual bool run(Job job) = 0;
  /// Runs the job on a thread of its own. False: too many of them are running.
  [[nodiscard]] virtual bool run_wait(Job job) = 0;
};

class ThreadExecutor final : public Executor {
 public:
  struct Limits {
    std::size_t workers = 16;  ///< threads; made when needed
    std::size_t queued = 64;   ///< jobs that no thread has taken yet
    std::size_t waits = 64;    ///< threads of run_wait()
  };

  ThreadExecutor() : ThreadExecutor(Limits{}) {}
  explicit ThreadExecutor(Limits limits);
  /// As shutdown() with no time to wait.
  ~ThreadExecutor() override;

  bool run(Job job) override;
  bool run_wait(Job job) override;

  /// Takes no more jobs, drops those not begun, and waits for the running ones. False: some did not
  /// end in time; their threads live on and still use what the jobs refer to.
  [[nodiscard]] bool shutdown(std::chrono::milliseconds patience);

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace hgcm::control

#endif

// SPDX-License-Identifier: MIT
//
// Dispatcher and Pending: calls in the background, on a bounded number of threads. HGCM calls block
// in the driver, and some (waits for events of the host) do so for hours, so each one in flight
// needs a thread; the bound says how many there may be.
#ifndef HGCM_ASYNC_H
#define HGCM_ASYNC_H

#include <hgcm/client.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <tuple>
#include <type_traits>

namespace hgcm {

namespace detail {

/// Shared by Pending, the queue and the thread that runs the call.
template <typename T>
class PendingState {
 public:
  using Completion = std::function<void(const Result<T>&)>;

  explicit PendingState(Completion completion) : completion_(std::move(completion)) {}

  /// The one right to produce the result: taken by whoever runs the call, or by a stop that comes
  /// while it is still queued.
  [[nodiscard]] bool claim() noexcept {
    const std::lock_guard lock(mutex_);
    return !std::exchange(claimed_, true);
  }

  void finish(Result<T> result) noexcept {
    if (completion_) {
      std::exchange(completion_, nullptr)(result);
    }
    const std::lock_guard lock(mutex_);
    result_.emplace(std::move(result));
    changed_.notify_all();
  }

  void cancel_if_queued() noexcept {
    if (claim()) {
      finish(failure(HGCM_ERR_CANCELLED));
    }
  }

  [[nodiscard]] bool ready() const {
    const std::lock_guard lock(mutex_);
    return result_.has_value();
  }
  template <typename Duration>
  bool wait_for(Duration duration) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, duration, [this] { return result_.has_value(); });
  }
  void wait() const {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return result_.has_value(); });
  }
  Result<T> take() {
    wait();
    const std::lock_guard lock(mutex_);
    return std::move(*result_);
  }

  std::stop_source stop;

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  bool claimed_ = false;
  std::optional<Result<T>> result_;
  Completion completion_;
};

}  // namespace detail

/// The result of a call that may not have finished yet. Move-only. Destroying it cancels the call
/// and waits for it, so that borrowed buffers may be declared before it and die after it. Not
/// thread-safe, except for cancel(). It may outlive its dispatcher.
template <typename T>
class [[nodiscard]] Pending {
 public:
  explicit Pending(std::shared_ptr<detail::PendingState<T>> state) : state_(std::move(state)) {}
  Pending(Pending&&) noexcept = default;
  Pending& operator=(Pending&& other) noexcept {
    if (this != &other) {
      abandon();
      state_ = std::move(other.state_);
    }
    return *this;
  }
  Pending(const Pending&) = delete;
  Pending& operator=(const Pending&) = delete;
  ~Pending() { abandon(); }

  /// Asks the call to end; its result is CANCELLED unless it was faster. Any thread.
  void cancel() { state_->stop.request_stop(); }

  [[nodiscard]] bool ready() const { return state_->ready(); }
  void wait() const { state_->wait(); }
  /// Whether the result is there after at most `duration`.
  template <typename Duration>
  bool wait_for(Duration duration) const {
    return state_->wait_for(duration);
  }

  /// Waits, and gives the result away. The object is empty afterwards.
  [[nodiscard]] Result<T> get() { return std::exchange(state_, nullptr)->take(); }

  /// Lets the call go on without an owner (its completion function still runs). Everything it
  /// borrowed must stay alive until then.
  void detach() { state_.reset(); }

 private:
  void abandon() noexcept {
    if (state_ != nullptr) {
      state_->stop.request_stop();
      state_->wait();
    }
  }

  std::shared_ptr<detail::PendingState<T>> state_;
};

/// Runs calls on up to `max_threads` threads of its own, started when there is work for them; idle
/// ones sleep without waking up. What exceeds them waits in line, in order; a call that is
/// cancelled in line ends at once. Thread-safe. The destructor cancels everything, in line or in
/// flight, and waits for the threads.
///
/// Completion functions run on the thread that finished the call (or cancelled it while in line),
/// before the Pending becomes ready. They must not throw, nor destroy the dispatcher.
class Dispatcher {
 public:
  HGCM_API explicit Dispatcher(unsigned max_threads = 4);
  HGCM_API ~Dispatcher();
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  using Completion = std::function<void(const Result<Status>&)>;

  /// Client::call() in the background, with parameters made at run time, which are borrowed.
  Pending<Status> call(Client& client, std::uint32_t function, std::span<Parameter> parameters,
                       const CallOptions& options = {}, Completion completion = {}) {
    return submit(
        [&client, function, parameters, timeout = options.timeout](const std::stop_token& stop) {
          return client.call(function, parameters, CallOptions{timeout, stop});
        },
        options.stop, std::move(completion));
  }

  /// The same with in(), out() and in_out().
  template <Argument... Arguments>
  Pending<Status> call(Client& client, const CallOptions& options, std::uint32_t function,
                       Arguments... arguments) {
    return submit(
        [&client, function, timeout = options.timeout,
         kept = std::make_tuple(std::move(arguments)...)](const std::stop_token& stop) {
          return std::apply(
              [&](const auto&... values) {
                return client.call(CallOptions{timeout, stop}, function, values...);
              },
              kept);
        },
        options.stop);
  }

  /// Any other work that is done in one go and honours a stop token, for example
  ///     dispatcher.submit([&](const std::stop_token& stop) {
  ///       return properties.wait("/job/*", {.stop = stop}); });
  /// `work` returns a Result<T>; `stop` is one more way to cancel it.
  template <typename Work, typename R = std::invoke_result_t<Work&, const std::stop_token&>,
            typename T = typename R::value_type>
  Pending<T> submit(Work work, std::stop_token stop = {},
                    std::type_identity_t<std::function<void(const R&)>> completion = {}) {
    auto state = std::make_shared<detail::PendingState<T>>(std::move(completion));
    enqueue(std::make_unique<Job<T, Work>>(state, std::move(work), std::move(stop)));
    return Pending<T>(std::move(state));
  }

 private:
  struct JobBase {
    JobBase() = default;
    JobBase(const JobBase&) = delete;
    JobBase& operator=(const JobBase&) = delete;
    virtual ~JobBase() = default;
    virtual void run() noexcept = 0;
    virtual std::stop_source stop_source() noexcept = 0;
  };

  template <typename T, typename Work>
  struct Job final : JobBase {
    Job(std::shared_ptr<detail::PendingState<T>> pending, Work function, std::stop_token token)
        : state(std::move(pending)),
          work(std::move(function)),
          forward(std::move(token), Forward{state}),
          on_stop(state->stop.get_token(), EndInLine{state.get()}) {}

    void run() noexcept override {
      if (state->claim()) {
        state->finish(work(state->stop.get_token()));
      }
    }
    std::stop_source stop_source() noexcept override { return state->stop; }

    struct Forward {
      std::shared_ptr<detail::PendingState<T>> state;
      void operator()() const { state->stop.request_stop(); }
    };
    struct EndInLine {
      detail::PendingState<T>* state;
      void operator()() const { state->cancel_if_queued(); }
    };

    std::shared_ptr<detail::PendingState<T>> state;
    Work work;
    std::stop_callback<Forward> forward;
    std::stop_callback<EndInLine> on_stop;
  };

  HGCM_API void enqueue(std::unique_ptr<JobBase> job);

  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hgcm

#endif

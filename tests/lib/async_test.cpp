// SPDX-License-Identifier: MIT
//
// Dispatcher and Pending: results, order, bounds, cancellation in line and in flight, destruction.
#include <gtest/gtest.h>
#include <hgcm/async.h>

#include <atomic>
#include <latch>
#include <numeric>
#include <set>
#include <thread>
#include <vector>

#include "mock_device.h"
#include "print_status.h"

namespace hgcm {
namespace {

using test::MockDevice;
using test::WireCall;

/// Work that ends only when it is stopped, and says when it has begun.
struct UntilStopped {
  std::latch* started;
  Result<Status> operator()(const std::stop_token& stop) const {
    std::mutex mutex;
    std::condition_variable_any changed;
    started->count_down();
    std::unique_lock lock(mutex);
    changed.wait(lock, stop, [] { return false; });
    return failure(HGCM_ERR_CANCELLED);
  }
};

Result<Status> succeed(const std::stop_token&) {
  return Status();
}

TEST(Dispatcher, typed_call_delivers_result_and_outputs) {
  MockDevice device;
  device.on_call = [](WireCall& call) {
    EXPECT_EQ(call.text(0), std::string("key\0", 4));
    call.parameters[1].u.value64 = 99;
    call.rc = HGCM_WRN_NOT_FOUND;
    return 0;
  };
  auto client = Client::connect(device, "s");
  std::uint64_t value = 0;
  Dispatcher dispatcher;
  auto pending = dispatcher.call(*client, {}, 1, in("key"), out(value));
  EXPECT_EQ(*pending.get(), Status(HGCM_WRN_NOT_FOUND));
  EXPECT_EQ(value, 99U);
}

TEST(Dispatcher, untyped_call_runs_its_completion_before_it_is_ready) {
  MockDevice device;
  device.on_call = [](WireCall& call) {
    call.rc = HGCM_ERR_NOT_FOUND;
    return 0;
  };
  auto client = Client::connect(device, "s");
  std::vector<Parameter> parameters{Parameter::u32(1)};
  std::atomic<int> status{0};
  Dispatcher dispatcher;
  auto pending = dispatcher.call(*client, 1, parameters, {},
                                 [&](const auto& result) { status = result.error().code(); });
  pending.wait();
  EXPECT_EQ(status, -78);
  EXPECT_TRUE(parameters[0].answered());
}

TEST(Dispatcher, work_may_return_any_result) {
  Dispatcher dispatcher;
  auto pending = dispatcher.submit(
      [](const std::stop_token&) -> Result<std::string> { return std::string("done"); });
  EXPECT_EQ(*pending.get(), "done");
}

TEST(Dispatcher, one_thread_runs_in_order) {
  Dispatcher dispatcher(1);
  std::vector<int> order;
  std::vector<Pending<Status>> pending;
  for (int i = 0; i < 50; ++i) {
    pending.push_back(dispatcher.submit([&order, i](const std::stop_token&) -> Result<Status> {
      order.push_back(i);
      return Status();
    }));
  }
  for (auto& one : pending) {
    one.wait();
  }
  std::vector<int> expected(50);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(order, expected);
}

TEST(Dispatcher, never_uses_more_threads_than_allowed) {
  std::mutex mutex;
  std::set<std::thread::id> threads;
  {
    Dispatcher dispatcher(3);
    std::vector<Pending<Status>> pending;
    for (int i = 0; i < 100; ++i) {
      pending.push_back(dispatcher.submit([&](const std::stop_token&) -> Result<Status> {
        const std::lock_guard lock(mutex);
        threads.insert(std::this_thread::get_id());
        return Status();
      }));
    }
    for (auto& one : pending) {
      one.wait();
    }
  }
  EXPECT_LE(threads.size(), 3U);
  EXPECT_FALSE(threads.contains(std::this_thread::get_id()));
}

TEST(Dispatcher, blocked_calls_run_side_by_side_up_to_the_bound) {
  Dispatcher dispatcher(3);
  std::latch started(3);
  auto a = dispatcher.submit(UntilStopped{&started});
  auto b = dispatcher.submit(UntilStopped{&started});
  auto c = dispatcher.submit(UntilStopped{&started});
  started.wait();  // hangs if they were not all in flight
  EXPECT_FALSE(a.ready());
  b.cancel();
  EXPECT_EQ(b.get().error(), Status(HGCM_ERR_CANCELLED));
  EXPECT_FALSE(c.wait_for(std::chrono::milliseconds(0)));
}

TEST(Dispatcher, cancel_in_line_ends_at_once_while_all_threads_are_busy) {
  Dispatcher dispatcher(1);
  std::latch started(1);
  auto busy = dispatcher.submit(UntilStopped{&started});
  started.wait();
  bool ran = false;
  auto queued = dispatcher.submit([&](const std::stop_token&) -> Result<Status> {
    ran = true;
    return Status();
  });
  queued.cancel();
  EXPECT_EQ(queued.get().error(), Status(HGCM_ERR_CANCELLED));
  EXPECT_FALSE(busy.ready());
  busy.cancel();
  busy.wait();
  EXPECT_FALSE(ran);
}

TEST(Dispatcher, callers_stop_token_cancels_in_line_and_in_flight) {
  Dispatcher dispatcher(1);
  std::latch started(1);
  std::latch never(1);
  std::stop_source stop;
  auto running = dispatcher.submit(UntilStopped{&started}, stop.get_token());
  auto queued = dispatcher.submit(UntilStopped{&never}, stop.get_token());
  started.wait();
  stop.request_stop();
  EXPECT_EQ(running.get().error(), Status(HGCM_ERR_CANCELLED));
  EXPECT_EQ(queued.get().error(), Status(HGCM_ERR_CANCELLED));
}

TEST(Dispatcher, token_stopped_before_submission_never_runs_the_work) {
  Dispatcher dispatcher(1);
  std::stop_source stop;
  stop.request_stop();
  bool ran = false;
  auto pending = dispatcher.submit(
      [&](const std::stop_token&) -> Result<Status> {
        ran = true;
        return Status();
      },
      stop.get_token());
  EXPECT_EQ(pending.get().error(), Status(HGCM_ERR_CANCELLED));
  EXPECT_FALSE(ran);
}

TEST(Dispatcher, destroying_a_pending_cancels_and_waits) {
  Dispatcher dispatcher(1);
  std::latch started(1);
  std::atomic<bool> ended{false};
  {
    auto pending = dispatcher.submit([&](const std::stop_token& stop) {
      auto result = UntilStopped{&started}(stop);
      ended = true;
      return result;
    });
    started.wait();
  }
  EXPECT_TRUE(ended);
}

TEST(Dispatcher, destructor_cancels_what_is_in_flight_and_in_line) {
  std::latch started(1);
  std::latch never(1);
  std::optional<Dispatcher> dispatcher(std::in_place, 1U);
  auto running = dispatcher->submit(UntilStopped{&started});
  auto queued = dispatcher->submit(UntilStopped{&never});
  started.wait();
  dispatcher.reset();
  EXPECT_EQ(running.get().error(), Status(HGCM_ERR_CANCELLED));
  EXPECT_EQ(queued.get().error(), Status(HGCM_ERR_CANCELLED));
}

TEST(Dispatcher, detached_call_still_completes) {
  std::atomic<int> completions{0};
  {
    Dispatcher dispatcher(2);
    for (int i = 0; i < 10; ++i) {
      dispatcher.submit(succeed, {}, [&](const Result<Status>&) { ++completions; }).detach();
    }
  }
  EXPECT_EQ(completions, 10);
}

TEST(Dispatcher, racing_cancels_complete_each_call_once) {
  std::atomic<int> completions{0};
  {
    Dispatcher dispatcher(2);
    for (int i = 0; i < 300; ++i) {
      auto pending = dispatcher.submit(succeed, {}, [&](const Result<Status>&) { ++completions; });
      pending.cancel();
    }
  }
  EXPECT_EQ(completions, 300);
}

}  // namespace
}  // namespace hgcm

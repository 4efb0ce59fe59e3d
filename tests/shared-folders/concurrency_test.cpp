// SPDX-License-Identifier: MIT
//
// Calls at the same time: slow ones hold up nobody, those on one object keep their order, and they
// end when their client does. What is slow is the opening of a file that another process (this one)
// holds a lease on: the kernel makes the opener wait until the lease is given up.
#include <fcntl.h>
#include <csignal>

#include <atomic>
#include <thread>

#include "fixture.h"
#include "shared-folders/call_order.h"
#include "shared-folders/open_object.h"
#include "shared-folders/placement.h"
#include "shared-folders/worker_pool.h"

namespace hgcm::shfl::test {
namespace {

/// A lease that keeps others from opening the file.
class Lease {
 public:
  explicit Lease(const fs::path& path) : fd_(::open(path.c_str(), O_RDWR | O_CLOEXEC)) {
    BOOST_REQUIRE(fd_);
    // The signal for "somebody wants it" is one that does nothing.
    BOOST_REQUIRE_EQUAL(::fcntl(fd_.get(), F_SETSIG, SIGURG), 0);
    BOOST_REQUIRE_EQUAL(::fcntl(fd_.get(), F_SETLEASE, F_WRLCK), 0);
  }
  /// Any thread, unlike Boost.Test's checks.
  void give_up() {
    if (::fcntl(fd_.get(), F_SETLEASE, F_UNLCK) != 0) std::abort();
  }

 private:
  Descriptor fd_;
};

struct Leased : Service {
  Leased() {
    write_text(dir / "slow", "slow");
    write_text(dir / "quick", "quick");
    lease.emplace(dir / "slow");
  }
  std::optional<Lease> lease;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(concurrency)

BOOST_FIXTURE_TEST_CASE(a_slow_call_holds_up_no_other, Leased) {
  const CallPtr slow = start_create("/slow", kFailIfNew | kAccessRead);
  BOOST_CHECK(!slow->done());
  const std::uint64_t handle = open("/quick", kAccessRead);
  BOOST_CHECK_EQUAL(read(handle, 0, 10), "quick");
  BOOST_CHECK_EQUAL(names("/").size(), 4);
  BOOST_CHECK(!slow->done());
  lease->give_up();
  const Created opened = created(slow);
  BOOST_CHECK_EQUAL(opened.status, 0);
  BOOST_CHECK_EQUAL(read(opened.handle, 0, 10), "slow");
}

BOOST_FIXTURE_TEST_CASE(many_slow_calls_hold_up_no_other_share, Leased) {
  fs::create_directory(temporary.path() / "other");
  write_text(temporary.path() / "other" / "file", std::string(1'000'000, 'x'));
  BOOST_REQUIRE_EQUAL(add("other", (temporary.path() / "other").string()), 0);
  std::vector<CallPtr> slow;
  for (int i = 0; i < 40; ++i) {
    slow.push_back(start_create("/slow", kFailIfNew | kAccessRead));
  }
  const std::uint32_t share = std::exchange(root, map("other"));
  // Large enough to be a worker's.
  const std::uint64_t handle = open("/file", kAccessRead);
  BOOST_CHECK_EQUAL(read(handle, 0, 1'000'000).size(), 1'000'000);
  for (const CallPtr& call : slow) {
    BOOST_CHECK(!call->done());
  }
  lease->give_up();
  for (const CallPtr& call : slow) {
    BOOST_CHECK_EQUAL(created(call).status, 0);
  }
  root = share;
}

BOOST_FIXTURE_TEST_CASE(a_cancelled_call_that_has_not_begun_does_nothing, Leased) {
  std::vector<CallPtr> slow;
  for (std::size_t i = 0; i < WorkerPool::kMaxThreadsPerGroup; ++i) {
    slow.push_back(start_create("/slow", kFailIfNew | kAccessRead));
  }
  const CallPtr late = start_create("/slow", kOverwriteIfExists | kReadWrite);
  host.cancel(kClient, *late);
  // The service has seen that when it has answered this.
  (void)map("share");
  lease->give_up();
  for (const CallPtr& call : slow) {
    BOOST_CHECK_EQUAL(created(call).status, 0);
  }
  BOOST_CHECK_EQUAL(late->wait(), HGCM_ERR_CANCELLED);
  BOOST_CHECK_EQUAL(read_text(dir / "slow"), "slow");
}

BOOST_FIXTURE_TEST_CASE(a_disconnect_waits_for_calls_under_way, Leased) {
  const CallPtr slow = start_create("/slow", kFailIfNew | kAccessRead);
  std::thread releasing([&] { lease->give_up(); });
  BOOST_CHECK_EQUAL(host.disconnect(kClient), 0);
  releasing.join();
  BOOST_CHECK(slow->done());
}

BOOST_AUTO_TEST_CASE(calls_that_cannot_tell_overlap) {
  CallOrder order;
  CallOrder::Ticket a;
  CallOrder::Ticket b;
  CallOrder::Ticket c;
  BOOST_CHECK(order.enter(Extent::of(0, 10, true), a, {}));
  BOOST_CHECK(order.enter(Extent::of(10, 10, true), b, {}));
  BOOST_CHECK(order.enter(Extent::of(20, 10, false), c, {}));
  order.leave(b);
  BOOST_CHECK(order.enter(Extent::of(15, 10, false), b, {}));
  order.leave(a);
  order.leave(b);
  order.leave(c);
}

BOOST_AUTO_TEST_CASE(calls_that_can_tell_run_in_their_order) {
  CallOrder order;
  CallOrder::Ticket a;
  CallOrder::Ticket b;
  CallOrder::Ticket c;
  std::vector<char> ran;
  BOOST_CHECK(order.enter(Extent::of(0, 10, true), a, {}));
  BOOST_CHECK(!order.enter(Extent::whole(false), b, [&] { ran.push_back('b'); }));
  // Could run beside the first, but not before the second.
  BOOST_CHECK(!order.enter(Extent::of(50, 1, true), c, [&] { ran.push_back('c'); }));
  order.leave(a);
  BOOST_TEST(ran == std::vector<char>{'b'});
  order.leave(b);
  BOOST_TEST(ran == (std::vector<char>{'b', 'c'}));
  order.leave(c);
}

BOOST_AUTO_TEST_CASE(extents_do_not_wrap_around) {
  const Extent end = Extent::of(~std::uint64_t{0} - 5, 100, true);
  BOOST_CHECK(!end.conflicts(Extent::of(0, 100, true)));
  BOOST_CHECK(end.conflicts(Extent::whole(false)));
}

BOOST_FIXTURE_TEST_CASE(writes_and_reads_of_one_handle_keep_their_order, Service) {
  const std::uint64_t handle = make("/file");
  const std::string large(2'000'000, 'l');
  for (int i = 0; i < 20; ++i) {
    // A worker's, then one for the service's thread, then a worker's again.
    const CallPtr first = start_write(handle, 0, large);
    const CallPtr second = start_write(handle, 1000, std::string(10, 's'));
    const CallPtr third = start_read(handle, 0, 2'000'000);
    BOOST_REQUIRE_EQUAL(third->wait(), 0);
    BOOST_REQUIRE_EQUAL(third->contents(4).substr(998, 14), "llssssssssssll");
    BOOST_REQUIRE_EQUAL(first->wait(), 0);
    BOOST_REQUIRE_EQUAL(second->wait(), 0);
  }
}

BOOST_FIXTURE_TEST_CASE(a_close_comes_after_what_is_under_way, Service) {
  const std::string large(3'000'000, 'l');
  for (int i = 0; i < 20; ++i) {
    const std::string name = "/file" + std::to_string(i);
    const std::uint64_t handle = make(name);
    const CallPtr writing = start_write(handle, 0, large);
    BOOST_REQUIRE_EQUAL(close(handle), 0);
    BOOST_REQUIRE_EQUAL(writing->wait(), 0);
    BOOST_REQUIRE_EQUAL(look_up(name).info.size, 3'000'000);
  }
}

BOOST_FIXTURE_TEST_CASE(appends_of_several_handles_lose_nothing, Service) {
  std::vector<std::uint64_t> handles{make("/file")};
  for (int i = 0; i < 4; ++i) {
    handles.push_back(open("/file", kReadWrite | kAppend));
  }
  std::vector<CallPtr> calls;
  for (int i = 0; i < 100; ++i) {
    for (std::size_t k = 1; k < handles.size(); ++k) {
      calls.push_back(start_write(handles[k], 0, "12345678"));
    }
  }
  for (const CallPtr& call : calls) {
    BOOST_REQUIRE_EQUAL(call->wait(), 0);
    BOOST_REQUIRE_EQUAL(call->u64(2) % 8, 0);
  }
  BOOST_CHECK_EQUAL(fs::file_size(dir / "file"), 3200);
}

BOOST_AUTO_TEST_CASE(jobs_of_one_group_leave_threads_for_others) {
  std::atomic<int> blocked = 0;
  std::atomic<bool> release = false;
  std::atomic<int> after = 0;
  {
    WorkerPool pool;
    const int group = 0;
    const int other = 0;
    for (std::size_t i = 0; i < WorkerPool::kMaxThreads; ++i) {
      pool.post(&group, [&] {
        ++blocked;
        release.wait(false);
      });
    }
    std::atomic<bool> reached = false;
    pool.post(&other, [&] {
      reached = true;
      reached.notify_all();
    });
    reached.wait(false);
    BOOST_CHECK_LE(blocked.load(), static_cast<int>(WorkerPool::kMaxThreadsPerGroup));
    pool.post(&group, [&] { ++after; });
    release = true;
    release.notify_all();
  }
  BOOST_CHECK_EQUAL(blocked.load(), static_cast<int>(WorkerPool::kMaxThreads));
  BOOST_CHECK_EQUAL(after.load(), 1);
}

BOOST_AUTO_TEST_CASE(a_file_system_that_makes_calls_wait_is_distrusted_for_a_while) {
  constexpr auto kLong = 2 * Placement::kSlow;
  Placement placement;
  BOOST_CHECK(!placement.at_once(Placement::Clock::now()));
  const Descriptor root(::open("/dev/shm", O_PATH | O_DIRECTORY | O_CLOEXEC));
  placement.look_at(root.get());
  placement.end(Placement::begin());
  BOOST_CHECK(placement.at_once(Placement::Clock::now()));
  // Long, but at work.
  auto begun = Placement::begin();
  while (Placement::Clock::now() - begun.at < kLong) {
  }
  placement.end(begun);
  BOOST_CHECK(placement.at_once(Placement::Clock::now()));
  begun = Placement::begin();
  std::this_thread::sleep_for(kLong);
  placement.end(begun);
  const auto after = Placement::Clock::now();
  BOOST_CHECK(!placement.at_once(after));
  BOOST_CHECK(placement.at_once(after + Placement::kDistrust));
}

BOOST_AUTO_TEST_CASE(handles_are_limited_and_never_the_same_again) {
  HandleTable handles;
  const auto budget = std::make_shared<DescriptorBudget>(HandleTable::kMaxHandles + 1);
  const auto object = OpenObject::make(budget);
  std::uint64_t last = 0;
  for (std::size_t i = 0; i < HandleTable::kMaxHandles; ++i) {
    last = handles.insert(object).value_or(0);
    BOOST_REQUIRE_NE(last, 0);
  }
  BOOST_CHECK_EQUAL(handles.insert(object).error().code(), HGCM_ERR_NO_MEMORY);
  BOOST_CHECK(handles.remove(last, 0).has_value());
  BOOST_CHECK_EQUAL(handles.find(last, 0).error().code(), HGCM_ERR_INVALID_HANDLE);
  const std::uint64_t again = handles.insert(object).value_or(0);
  BOOST_CHECK_NE(again, last);
  BOOST_CHECK_EQUAL(handles.find(last, 0).error().code(), HGCM_ERR_INVALID_HANDLE);
  BOOST_CHECK_EQUAL(handles.find(again, 1).error().code(), HGCM_ERR_INVALID_HANDLE);
  BOOST_CHECK_EQUAL(handles.size(), HandleTable::kMaxHandles);
}

BOOST_AUTO_TEST_CASE(descriptors_have_a_budget) {
  const auto budget = std::make_shared<DescriptorBudget>(2);
  auto one = OpenObject::make(budget);
  const auto two = OpenObject::make(budget);
  BOOST_CHECK(OpenObject::make(budget) == nullptr);
  one.reset();
  BOOST_CHECK(OpenObject::make(budget) != nullptr);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace hgcm::shfl::test

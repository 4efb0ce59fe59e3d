// SPDX-License-Identifier: MIT
//
// PropertyManager: properties, listeners, waits, saved states and resets, on a real ServiceHost.
#include <thread>

#include "manager_fixture.h"

using namespace hgcm::guestprop::test;  // NOLINT(google-build-using-namespace)
using namespace hgcm::guestprop;        // NOLINT(google-build-using-namespace)
using namespace std::chrono_literals;
using hgcm::Status;

BOOST_FIXTURE_TEST_SUITE(property_manager, Managed)

BOOST_AUTO_TEST_CASE(attach_twice_is_refused) {
  BOOST_CHECK(manager.attach() == HGCM_ERR_INVALID_STATE);
  PropertyManager second(host);
  BOOST_CHECK(second.attach() == HGCM_ERR_NOT_SUPPORTED);
  manager.detach();
  BOOST_CHECK(second.attach().ok());
}

BOOST_AUTO_TEST_CASE(attach_without_the_service_is_refused) {
  PropertyManager other(host, "NoSuchService");
  BOOST_CHECK(other.attach() == HGCM_ERR_HGCM_SERVICE_NOT_FOUND);
  BOOST_CHECK(other.get("/a").error() == HGCM_ERR_HGCM_SERVICE_NOT_FOUND);
}

BOOST_AUTO_TEST_CASE(set_get_remove) {
  BOOST_CHECK(manager.set("/a", "value", "rdonlyguest").ok());
  const auto property = manager.get("/a");
  BOOST_REQUIRE(property.has_value());
  BOOST_CHECK_EQUAL(property->name, "/a");
  BOOST_CHECK_EQUAL(property->value, "value");
  BOOST_CHECK_EQUAL(property->flags, "RDONLYGUEST");
  BOOST_CHECK_GT(property->timestamp, 0);
  BOOST_CHECK(manager.set("/a", "other").ok());
  BOOST_CHECK_EQUAL(manager.get("/a")->flags, "");
  BOOST_CHECK(manager.remove("/a").ok());
  BOOST_CHECK(manager.get("/a").error() == HGCM_ERR_NOT_FOUND);
  BOOST_CHECK(manager.remove("/a").ok());
}

BOOST_AUTO_TEST_CASE(longest_property_comes_through) {
  const std::string name(63, 'n');
  const std::string value(1023, 'v');
  BOOST_CHECK(manager.set(name, value, "TRANSIENT, READONLY, TRANSRESET").ok());
  BOOST_CHECK_EQUAL(manager.get(name)->value, value);
  BOOST_CHECK_EQUAL(manager.get(name)->flags, "TRANSIENT, READONLY, TRANSRESET");
}

BOOST_AUTO_TEST_CASE(bad_arguments_have_their_statuses) {
  const std::string nul("a\0b", 3);
  BOOST_CHECK(manager.set("*", "x") == HGCM_ERR_INVALID_PARAMETER);
  BOOST_CHECK(manager.set("", "x") == HGCM_ERR_INVALID_PARAMETER);
  BOOST_CHECK(manager.set(nul, "x") == HGCM_ERR_INVALID_PARAMETER);
  BOOST_CHECK(manager.set("/a", nul) == HGCM_ERR_INVALID_PARAMETER);
  BOOST_CHECK(manager.set("/a", "\xff") == HGCM_ERR_INVALID_PARAMETER);
  BOOST_CHECK(manager.set("/a", std::string(1024, 'x')) == HGCM_ERR_TOO_MUCH_DATA);
  BOOST_CHECK(manager.set("/a", "x", "nonsense") == HGCM_ERR_PARSE_ERROR);
  BOOST_CHECK(manager.set("/a", "x", nul) == HGCM_ERR_INVALID_PARAMETER);
  BOOST_CHECK(manager.get(nul).error() == HGCM_ERR_INVALID_PARAMETER);
  BOOST_CHECK(manager.remove(nul) == HGCM_ERR_INVALID_PARAMETER);
  BOOST_CHECK(manager.enumerate(nul).error() == HGCM_ERR_INVALID_PARAMETER);
  BOOST_CHECK(manager.enumerate(std::string(1024, '*')).error() == HGCM_ERR_TOO_MUCH_DATA);
  BOOST_CHECK(manager.set("/h", "x", "RDONLYHOST").ok());
  BOOST_CHECK(manager.set("/h", "y") == HGCM_ERR_PERMISSION_DENIED);
  BOOST_CHECK(manager.remove("/h") == HGCM_ERR_PERMISSION_DENIED);
}

BOOST_AUTO_TEST_CASE(enumerate_is_sorted_and_filtered) {
  manager.set("/b", "2", "TRANSIENT");
  manager.set("/a", "1");
  const auto all = manager.enumerate();
  BOOST_REQUIRE(all.has_value());
  BOOST_CHECK_EQUAL(all->size(), 9);
  const auto some = manager.enumerate("/a|/?");
  BOOST_REQUIRE(some.has_value());
  BOOST_REQUIRE_EQUAL(some->size(), 2);
  BOOST_CHECK((*some)[0] == *manager.get("/a"));
  BOOST_CHECK((*some)[1] == *manager.get("/b"));
}

BOOST_AUTO_TEST_CASE(enumerate_of_a_full_table_grows_its_buffer) {
  for (int i = 0; manager.set("/" + std::to_string(i), std::string(1023, 'x')).ok(); ++i) {
  }
  const auto all = manager.enumerate();
  BOOST_REQUIRE(all.has_value());
  BOOST_CHECK_EQUAL(all->size(), 256);
}

BOOST_AUTO_TEST_CASE(listener_hears_of_guest_and_host) {
  Recorder recorder;
  const ListenerId id = manager.add_listener([&](const Change& change) { recorder.add(change); });
  BOOST_CHECK(guest_set("/a", "guest", "TRANSIENT").ok());
  manager.set("/a", "host");
  manager.remove("/a");
  const auto changes = recorder.wait_for(3);
  BOOST_CHECK_EQUAL(changes[0].property.value, "guest");
  BOOST_CHECK_EQUAL(changes[0].property.flags, "TRANSIENT");
  BOOST_CHECK(!changes[0].deleted);
  BOOST_CHECK_EQUAL(changes[1].property.value, "host");
  BOOST_CHECK(changes[2].deleted);
  BOOST_CHECK_EQUAL(changes[2].property.value, "");
  BOOST_CHECK_LT(changes[1].property.timestamp, changes[2].property.timestamp);
  manager.remove_listener(id);
  manager.set("/a", "unheard");
  manager.detach();
  BOOST_CHECK_EQUAL(recorder.count(), 3);
}

BOOST_AUTO_TEST_CASE(listener_may_use_the_manager) {
  Recorder recorder;
  ListenerId id = 0;
  std::promise<void> ready;
  auto is_ready = ready.get_future().share();
  id = manager.add_listener([&](const Change& change) {
    is_ready.wait();
    if (change.property.name == "/ask") {
      manager.set("/answer", *manager.get("/ask").map([](auto p) { return p.value; }));
      manager.add_listener([&](const Change& other) { recorder.add(other); });
      manager.remove_listener(id);
    }
  });
  ready.set_value();
  manager.set("/ask", "42");
  recorder.wait_for(1);
  BOOST_CHECK_EQUAL(manager.get("/answer")->value, "42");
  manager.detach();  // the recorder goes before the manager
}

BOOST_AUTO_TEST_CASE(removed_listener_is_not_running) {
  for (int round = 0; round < 50; ++round) {
    auto alive = std::make_unique<int>(1);
    std::atomic<int> heard = 0;
    const ListenerId id = manager.add_listener([&](const Change&) { heard += *alive; });
    manager.set("/a", "");
    manager.remove_listener(id);
    alive.reset();
  }
  manager.remove_listener(999999);
}

BOOST_AUTO_TEST_CASE(slow_listener_loses_the_oldest_and_is_told) {
  Recorder recorder;
  std::promise<void> release;
  std::promise<void> entered;
  auto released = release.get_future().share();
  std::once_flag once;
  manager.add_listener([&](const Change& change) {
    std::call_once(once, [&] {
      entered.set_value();
      released.wait();
    });
    recorder.add(change);
  });
  manager.set("/first", "");
  entered.get_future().wait();
  for (int i = 0; i < 4096 + 5; ++i) {
    manager.set("/a", std::to_string(i));
  }
  // All of them are in the manager's hands before the listener goes on.
  const std::uint64_t last = manager.get("/a")->timestamp;
  BOOST_REQUIRE_EQUAL(manager.wait("/a", last - 1, 10s)->property.timestamp, last);
  release.set_value();
  const auto changes = recorder.wait_for(4097);
  manager.detach();
  BOOST_CHECK(!changes[0].missed);
  BOOST_CHECK(changes[1].missed);
  BOOST_CHECK(!changes[2].missed);
}

BOOST_AUTO_TEST_CASE(wait_returns_the_next_change) {
  auto waiting = std::async(std::launch::async, [&] { return manager.wait("/a|/b", 0, 10s); });
  // Until the wait has begun its change may be missed: repeat.
  while (waiting.wait_for(1ms) != std::future_status::ready) {
    manager.set("/other", "");
    guest_set("/b", "x", "TRANSIENT");
  }
  const auto change = waiting.get();
  BOOST_REQUIRE(change.has_value());
  BOOST_CHECK_EQUAL(change->property.name, "/b");
  BOOST_CHECK_EQUAL(change->property.flags, "TRANSIENT");
  BOOST_CHECK(!change->missed);
}

BOOST_AUTO_TEST_CASE(wait_since_a_timestamp_returns_what_came_after) {
  manager.set("/a", "1");
  const std::uint64_t first = manager.get("/a")->timestamp;
  manager.set("/a", "2");
  manager.set("/a", "3");
  auto change = manager.wait("/a", first, 10s);
  BOOST_REQUIRE(change.has_value());
  BOOST_CHECK_EQUAL(change->property.value, "2");
  BOOST_CHECK(!change->missed);
  change = manager.wait("/a", change->property.timestamp, 10s);
  BOOST_REQUIRE(change.has_value());
  BOOST_CHECK_EQUAL(change->property.value, "3");
  BOOST_CHECK(manager.wait("/a", change->property.timestamp, 0ms).error() == HGCM_ERR_TIMEOUT);
}

BOOST_AUTO_TEST_CASE(wait_since_a_timestamp_never_returns_what_came_before) {
  // Its notification may still be on the way when the timestamp is known already.
  for (int i = 0; i < 200; ++i) {
    manager.set("/a", std::to_string(i));
    const std::uint64_t now = manager.get("/a")->timestamp;
    BOOST_REQUIRE(manager.wait("/a", now, 0ms).error() == HGCM_ERR_TIMEOUT);
  }
  const std::uint64_t known = manager.get("/a")->timestamp;
  manager.set("/a", "last");
  BOOST_CHECK_EQUAL(manager.wait("/a", known, 10s)->property.value, "last");
}

BOOST_AUTO_TEST_CASE(wait_since_before_attach_says_that_changes_are_gone) {
  manager.set("/a", "1");
  const std::uint64_t first = manager.get("/a")->timestamp;
  manager.set("/a", "2");
  manager.detach();
  BOOST_REQUIRE(manager.attach().ok());
  manager.set("/a", "3");
  const auto change = manager.wait("/a", first, 10s);
  BOOST_REQUIRE(change.has_value());
  BOOST_CHECK_EQUAL(change->property.value, "3");
  BOOST_CHECK(change->missed);
}

BOOST_AUTO_TEST_CASE(wait_since_long_ago_says_that_changes_are_gone) {
  manager.set("/a", "0");
  const std::uint64_t first = manager.get("/a")->timestamp;
  for (int i = 1; i <= 300; ++i) {
    manager.set("/a", std::to_string(i));
  }
  // When the last has arrived, the first ones have made room for it.
  const std::uint64_t last = manager.get("/a")->timestamp;
  BOOST_REQUIRE_EQUAL(manager.wait("/a", last - 1, 10s)->property.timestamp, last);
  const auto change = manager.wait("/a", first, 10s);
  BOOST_REQUIRE(change.has_value());
  BOOST_CHECK_EQUAL(change->property.value, "45");
  BOOST_CHECK(change->missed);
}

BOOST_AUTO_TEST_CASE(wait_ends_with_time_stop_or_detach) {
  BOOST_CHECK(manager.wait("/a", 0, 1ms).error() == HGCM_ERR_TIMEOUT);
  BOOST_CHECK(manager.wait("/a", 0, -1h).error() == HGCM_ERR_TIMEOUT);
  std::stop_source stop;
  auto stopped = std::async(std::launch::async, [&] {
    return manager.wait("/a", 0, std::chrono::milliseconds::max(), stop.get_token());
  });
  stop.request_stop();
  BOOST_CHECK(stopped.get().error() == HGCM_ERR_CANCELLED);
  auto detached =
      std::async(std::launch::async, [&] { return manager.wait("/a", 0, std::nullopt); });
  manager.detach();
  BOOST_CHECK(detached.get().error() == HGCM_ERR_INVALID_STATE);
  BOOST_CHECK(manager.wait("/a", 0, 1h).error() == HGCM_ERR_INVALID_STATE);
}

BOOST_AUTO_TEST_CASE(wait_with_long_patterns_is_invalid) {
  BOOST_CHECK(manager.wait(std::string(1024, '*'), 0, 0ms).error() == HGCM_ERR_INVALID_PARAMETER);
}

BOOST_AUTO_TEST_CASE(guests_can_be_kept_from_writing) {
  BOOST_CHECK(manager.set_guest_writable(false).ok());
  BOOST_CHECK(guest_set("/a", "x") == HGCM_INF_PERMISSION_DENIED);
  BOOST_CHECK(manager.set_guest_writable(true).ok());
  BOOST_CHECK(guest_set("/a", "x") == HGCM_INF_SUCCESS);
}

BOOST_AUTO_TEST_CASE(reset_removes_what_shall_not_outlive_it) {
  manager.set("/keep", "", "TRANSIENT");
  manager.set("/go", "", "TRANSRESET");
  manager.set("/go/too", "", "TRANSRESET, READONLY");
  BOOST_CHECK(manager.on_reset().ok());
  BOOST_CHECK(manager.get("/keep").has_value());
  BOOST_CHECK(manager.get("/go").error() == HGCM_ERR_NOT_FOUND);
  BOOST_CHECK(manager.get("/go/too").error() == HGCM_ERR_NOT_FOUND);
}

BOOST_AUTO_TEST_CASE(saved_state_brings_everything_back) {
  manager.set("/a", "gr\xc3\xbc\xc3\x9f \"quoted\" \\ \n\x01", "TRANSIENT, READONLY");
  manager.set("/b", "");
  manager.set_guest_writable(false);
  const auto before = manager.enumerate();
  const auto state = manager.serialise();
  BOOST_REQUIRE(state.has_value());

  Managed other;
  other.manager.set("/extra", "x", "READONLY");
  other.manager.set("/b", "changed");
  BOOST_REQUIRE(other.manager.restore(*state).ok());
  BOOST_CHECK(*other.manager.enumerate() == *before);
  BOOST_CHECK(other.guest_set("/c", "x") == HGCM_INF_PERMISSION_DENIED);
}

BOOST_AUTO_TEST_CASE(wait_that_goes_on_sees_the_restored_property) {
  manager.set("/a", "old");
  const auto old_state = manager.serialise();
  manager.set("/a", "new");
  const auto new_state = manager.serialise();
  const auto newest = manager.get("/a");
  // Nothing that is restored has a time after that, so it is the restoring that ends the wait. How
  // often it takes depends on when the other thread begins to wait.
  auto waiting =
      std::async(std::launch::async, [&] { return manager.wait("/a", newest->timestamp, 20s); });
  while (waiting.wait_for(1ms) == std::future_status::timeout) {
    BOOST_REQUIRE(manager.restore(*old_state).ok());
    BOOST_REQUIRE(manager.restore(*new_state).ok());
  }
  const auto change = waiting.get();
  BOOST_REQUIRE(change.has_value());
  BOOST_CHECK_EQUAL(change->property.name, "/a");
  BOOST_CHECK_LE(change->property.timestamp, newest->timestamp);
}

BOOST_AUTO_TEST_CASE(restored_property_is_a_change_with_its_old_time) {
  manager.set("/a", "old");
  manager.set("/same", "x");
  const auto state = manager.serialise();
  const auto old = manager.get("/a");
  manager.set("/a", "new");
  BOOST_REQUIRE(manager.wait("/a", old->timestamp, 20s).has_value());
  Recorder recorder(manager);
  BOOST_REQUIRE(manager.restore(*state).ok());
  const auto changes = recorder.wait_for(1);
  BOOST_CHECK(changes[0].property == *old);
  BOOST_CHECK(!changes[0].deleted);
  // What the present had seen did not happen, and whoever asks for it is told so.
  manager.set("/same", "y");
  const auto next = manager.wait("", old->timestamp, 20s);
  BOOST_REQUIRE(next.has_value());
  BOOST_CHECK_EQUAL(next->property.name, "/same");
  BOOST_CHECK(next->missed);
}

BOOST_AUTO_TEST_CASE(restored_file_follows) {
  const TemporaryDirectory directory;
  BOOST_REQUIRE(manager.use_file(directory / "file").ok());
  manager.set("/a", "old");
  const auto state = manager.serialise();
  manager.set("/a", "new");
  BOOST_REQUIRE(manager.flush().ok());
  BOOST_REQUIRE(manager.restore(*state).ok());
  BOOST_REQUIRE(manager.flush().ok());
  BOOST_CHECK(read_file(directory / "file").find("\"old\"") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(state_is_checked_without_a_service) {
  std::string detail;
  BOOST_CHECK(PropertyManager::check(*manager.serialise(), detail).ok());
  BOOST_CHECK(PropertyManager::check({}, detail) == HGCM_ERR_PARSE_ERROR);
  BOOST_CHECK(!detail.empty());
}

BOOST_AUTO_TEST_CASE(saved_state_that_is_damaged_changes_nothing) {
  manager.set("/a", "x");
  const auto state = manager.serialise();
  const auto before = manager.enumerate();
  for (std::size_t size = 0; size + 2 < state->size(); size += 7) {
    std::string detail;
    BOOST_CHECK(manager.restore(std::span(*state).first(size), &detail) == HGCM_ERR_PARSE_ERROR);
    BOOST_CHECK(!detail.empty());
  }
  BOOST_CHECK(*manager.enumerate() == *before);
}

BOOST_AUTO_TEST_CASE(everything_at_once_from_many_threads) {
  Recorder recorder(manager);
  std::vector<std::jthread> threads;
  std::atomic<int> failures = 0;
  constexpr int kRounds = 40;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      const std::string name = "/t/" + std::to_string(t);
      for (int i = 0; i < kRounds; ++i) {
        failures += manager.set(name, std::to_string(i)).failed() ? 1 : 0;
        failures += guest_set(name + "/guest", std::to_string(i)).failed() ? 1 : 0;
        failures += manager.enumerate(name + "*")->size() == 2 ? 0 : 1;
        const ListenerId id = manager.add_listener([](const Change&) {});
        manager.remove_listener(id);
      }
    });
  }
  threads.emplace_back([&] {
    std::uint64_t since = 1;
    for (int i = 0; i < kRounds; ++i) {
      const auto change = manager.wait("/t/*", since, 10s);
      failures += change.has_value() ? 0 : 1;
      since = change ? change->property.timestamp : since;
    }
  });
  threads.clear();
  BOOST_CHECK_EQUAL(failures, 0);
  recorder.wait_for(3 * 2 * kRounds);
}

BOOST_AUTO_TEST_CASE(destruction_in_the_middle_of_changes) {
  std::jthread guest([&](std::stop_token stop) {
    while (!stop.stop_requested()) {
      guest_set("/a", "x");
    }
  });
  for (int i = 0; i < 20; ++i) {
    manager.detach();
    BOOST_REQUIRE(manager.attach().ok());
    PropertyManager second(host);
  }
}

BOOST_AUTO_TEST_SUITE_END()

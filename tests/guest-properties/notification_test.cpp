// SPDX-License-Identifier: MIT
//
// GET_NOTIFICATION and the extension: who is told of which change, when, and with which status.
#include <condition_variable>
#include <mutex>
#include <thread>

#include "fixture.h"

using namespace hgcm::guestprop::test;  // NOLINT(google-build-using-namespace)
using namespace hgcm::guestprop;        // NOLINT(google-build-using-namespace)

BOOST_FIXTURE_TEST_SUITE(guest_property_waits, Service)

BOOST_AUTO_TEST_CASE(wait_ends_with_the_next_matching_change) {
  guest_set("/a/old", "before");
  const auto call = wait_for(1, "/a/*");
  BOOST_CHECK(!call->done());
  guest_set("/b", "other");
  BOOST_CHECK(!call->done());
  guest_set("/a/x", "value", "TRANSIENT");
  BOOST_CHECK_EQUAL(call->wait(), 0);
  BOOST_CHECK((Service::change(call) == Strings{"/a/x", "value", "TRANSIENT", "0"}));
  BOOST_CHECK_EQUAL(call->u64(1), get("/a/x")->timestamp);
}

BOOST_AUTO_TEST_CASE(wait_sees_changes_by_the_host_and_without_difference) {
  host_set("/a", "same");
  const auto first = wait_for(1, "/a");
  host_set("/a", "same");
  BOOST_CHECK_EQUAL(first->wait(), 0);
}

BOOST_AUTO_TEST_CASE(deletion_is_marked_and_has_no_value) {
  guest_set("/a", "value", "TRANSIENT");
  const auto call = wait_for(1, "/a");
  guest_delete("/a");
  BOOST_CHECK_EQUAL(call->wait(), 0);
  BOOST_CHECK((Service::change(call) == Strings{"/a", "", "", "1"}));
}

BOOST_AUTO_TEST_CASE(changes_that_do_not_happen_wake_nobody) {
  guest_set("/r", "x", "READONLY");
  const auto call = wait_for(1, "");
  guest_delete("/missing");
  guest_set("/r", "y");
  guest_set("/bad*", "y");
  set_global_flags(kReadOnlyGuest);
  guest_set("/n", "y");
  set_global_flags(0);
  std::vector<const char*> names{"/l", nullptr};
  std::vector<const char*> texts{"", nullptr};
  std::uint64_t stamp = 1;
  auto n = Parm::raw_pointer(names.data(), 16);
  auto v = Parm::raw_pointer(texts.data(), 16);
  auto t = Parm::raw_pointer(&stamp, 8);
  auto f = Parm::raw_pointer(texts.data(), 16);
  BOOST_REQUIRE_EQUAL(host.host_call(1, n, v, t, f), 0);
  BOOST_CHECK(!call->done());
}

BOOST_AUTO_TEST_CASE(changes_after_a_loaded_one_did_not_happen) {
  guest_set("/a", "1");
  std::uint64_t first = get("/a")->timestamp;
  guest_set("/b", "2");
  guest_set("/a", "3");
  std::vector<const char*> names{"/a", nullptr};
  std::vector<const char*> values{"1", nullptr};
  std::vector<const char*> flags{"", nullptr};
  auto n = Parm::raw_pointer(names.data(), 16);
  auto v = Parm::raw_pointer(values.data(), 16);
  auto t = Parm::raw_pointer(&first, 8);
  auto f = Parm::raw_pointer(flags.data(), 16);
  BOOST_REQUIRE_EQUAL(host.host_call(1, n, v, t, f), 0);
  auto call = wait_for(1, "/a|/b", first);
  BOOST_CHECK((Service::change(call) == Strings{"/b", "2", "", "0"}));
  call = wait_for(1, "/a|/b", call->u64(1));
  BOOST_CHECK(!call->done());
}

BOOST_AUTO_TEST_CASE(set_refused_by_a_full_table_wakes_nobody) {
  fill();
  const auto call = wait_for(1, "");
  BOOST_CHECK_EQUAL(guest_set("/one/more", "x"), HGCM_ERR_TOO_MUCH_DATA);
  BOOST_CHECK(!call->done());
}

BOOST_AUTO_TEST_CASE(known_timestamp_replays_what_came_after_in_order) {
  guest_set("/a", "1");
  const std::uint64_t first = get("/a")->timestamp;
  guest_set("/b", "2");
  guest_set("/a", "3");
  auto call = wait_for(1, "/a|/b", first);
  BOOST_CHECK_EQUAL(call->wait(), 0);
  BOOST_CHECK((Service::change(call) == Strings{"/b", "2", "", "0"}));
  call = wait_for(1, "/a|/b", call->u64(1));
  BOOST_CHECK_EQUAL(call->wait(), 0);
  BOOST_CHECK((Service::change(call) == Strings{"/a", "3", "", "0"}));
  // Nothing more: this one waits, and ends with plain success.
  call = wait_for(1, "/a|/b", call->u64(1));
  BOOST_CHECK(!call->done());
  guest_set("/a", "4");
  BOOST_CHECK_EQUAL(call->wait(), 0);
}

BOOST_AUTO_TEST_CASE(unknown_timestamp_replays_the_oldest_and_says_so) {
  guest_set("/a", "1");
  guest_set("/a", "2");
  auto call = wait_for(1, "/a", 12345);
  BOOST_CHECK_EQUAL(call->wait(), HGCM_WRN_NOT_FOUND);
  BOOST_CHECK((Service::change(call) == Strings{"/a", "1", "", "0"}));
  call = wait_for(1, "/none", 12345);
  BOOST_CHECK(!call->done());
  guest_set("/none", "x");
  BOOST_CHECK_EQUAL(call->wait(), HGCM_WRN_NOT_FOUND);
  BOOST_CHECK((Service::change(call) == Strings{"/none", "x", "", "0"}));
}

BOOST_AUTO_TEST_CASE(replay_tells_whether_the_property_exists_now) {
  guest_set("/mark", "");
  const std::uint64_t mark = get("/mark")->timestamp;
  guest_set("/a", "1");
  guest_delete("/a");
  auto call = wait_for(1, "/a", mark);
  BOOST_CHECK_EQUAL(call->wait(), 0);
  BOOST_CHECK((Service::change(call) == Strings{"/a", "1", "", "1"}));
  guest_set("/a", "2");
  call = wait_for(1, "/a", call->u64(1));
  BOOST_CHECK((Service::change(call) == Strings{"/a", "", "", "0"}));
}

BOOST_AUTO_TEST_CASE(only_256_changes_are_remembered) {
  guest_set("/first", "");
  const std::uint64_t first = get("/first")->timestamp;
  guest_set("/second", "");
  for (int i = 0; i < 254; ++i) {
    guest_set("/x", "");
  }
  BOOST_CHECK_EQUAL(wait_for(1, "", first)->wait(), 0);
  guest_set("/x", "");
  const auto call = wait_for(1, "", first);
  BOOST_CHECK_EQUAL(call->wait(), HGCM_WRN_NOT_FOUND);
  BOOST_CHECK_EQUAL(Service::change(call)[0], "/second");
}

BOOST_AUTO_TEST_CASE(small_buffer_uses_the_wait_up_and_tells_size_and_timestamp) {
  const std::size_t needed = std::string_view("/a_value__0_").size();
  const auto parked = wait_for(1, "/a", 0, needed - 1);
  guest_set("/a", "value");
  BOOST_CHECK_EQUAL(parked->wait(), HGCM_ERR_BUFFER_OVERFLOW);
  BOOST_CHECK_EQUAL(parked->u32(3), needed);
  BOOST_CHECK_EQUAL(parked->u64(1), get("/a")->timestamp);
  const auto replayed = wait_for(1, "/a", 1, needed - 1);
  BOOST_CHECK_EQUAL(replayed->wait(), HGCM_ERR_BUFFER_OVERFLOW);
  BOOST_CHECK_EQUAL(replayed->u32(3), needed);
  const auto fitting = wait_for(1, "/a", 1, needed);
  BOOST_CHECK_EQUAL(fitting->wait(), HGCM_WRN_NOT_FOUND);
}

BOOST_AUTO_TEST_CASE(same_wait_again_ends_the_older_one) {
  const auto older = wait_for(1, "/a");
  const auto other = wait_for(1, "/a|/b");
  const auto newer = wait_for(1, "/a");
  BOOST_CHECK_EQUAL(older->wait(), HGCM_ERR_INTERRUPTED);
  BOOST_CHECK(!other->done());
  BOOST_CHECK(!newer->done());
}

BOOST_AUTO_TEST_CASE(same_wait_of_another_client_is_left_alone) {
  BOOST_REQUIRE_EQUAL(host.connect(2), 0);
  const auto mine = wait_for(1, "/a");
  const auto theirs = wait_for(2, "/a");
  BOOST_CHECK(!mine->done());
  guest_set("/a", "x");
  BOOST_CHECK_EQUAL(mine->wait(), 0);
  BOOST_CHECK_EQUAL(theirs->wait(), 0);
}

BOOST_AUTO_TEST_CASE(seventeenth_wait_of_a_client_is_refused) {
  BOOST_REQUIRE_EQUAL(host.connect(2), 0);
  std::vector<CallPtr> calls;
  for (int i = 0; i < 16; ++i) {
    calls.push_back(wait_for(1, "/" + std::to_string(i)));
    BOOST_CHECK(!calls.back()->done());
  }
  BOOST_CHECK_EQUAL(wait_for(1, "/17")->wait(), HGCM_ERR_OUT_OF_RESOURCES);
  BOOST_CHECK(!wait_for(2, "/17")->done());
  // In place of an equal one there is room.
  BOOST_CHECK(!wait_for(1, "/3")->done());
  BOOST_CHECK_EQUAL(calls[3]->wait(), HGCM_ERR_INTERRUPTED);
}

BOOST_AUTO_TEST_CASE(cancelled_waits_make_room) {
  for (int round = 0; round < 3; ++round) {
    std::vector<CallPtr> calls;
    for (int i = 0; i < 16; ++i) {
      calls.push_back(wait_for(1, "/" + std::to_string(round) + "/" + std::to_string(i)));
      BOOST_REQUIRE(!calls.back()->done());
    }
    for (const auto& call : calls) {
      host.cancel(1, *call);
    }
    guest_set("/unrelated", "");
    for (const auto& call : calls) {
      BOOST_CHECK_EQUAL(call->wait(), HGCM_ERR_INTERRUPTED);
    }
  }
}

BOOST_AUTO_TEST_CASE(cancelled_wait_ends_at_any_call_of_its_client) {
  for (std::uint32_t function = 1; function <= 5; ++function) {
    const auto call = wait_for(1, "/" + std::to_string(function));
    host.cancel(1, *call);
    switch (function) {
      case 1:
        get("/x");
        break;
      case 2:
        guest_set("*", "");
        break;
      case 4:
        guest_delete("/x");
        break;
      case 5:
        enumerate(literal("\0"));
        break;
      default:
        wait_for(1, "/other");
        break;
    }
    if (function == 2) {
      // Refused before it did anything, but the client was there.
      BOOST_CHECK(call->done());
    }
    BOOST_CHECK_EQUAL(call->wait(), HGCM_ERR_INTERRUPTED);
  }
}

BOOST_AUTO_TEST_CASE(cancelled_wait_is_not_served) {
  BOOST_REQUIRE_EQUAL(host.connect(2), 0);
  const auto call = wait_for(2, "/a");
  host.cancel(2, *call);
  guest_set("/a", "x");
  BOOST_CHECK_EQUAL(call->wait(), HGCM_ERR_INTERRUPTED);
}

BOOST_AUTO_TEST_CASE(disconnect_ends_the_waits_of_that_client) {
  BOOST_REQUIRE_EQUAL(host.connect(2), 0);
  const auto mine = wait_for(1, "");
  const auto theirs = wait_for(2, "");
  host.disconnect(2);
  BOOST_CHECK_EQUAL(theirs->wait(), HGCM_ERR_INTERRUPTED);
  BOOST_CHECK(!mine->done());
}

BOOST_AUTO_TEST_CASE(unload_ends_all_waits) {
  const auto call = wait_for(1, "");
  host.unload();
  BOOST_CHECK_EQUAL(call->wait(), HGCM_ERR_INTERRUPTED);
}

BOOST_AUTO_TEST_CASE(patterns_of_a_wait_are_limited) {
  BOOST_CHECK(!wait_for(1, std::string(8192, 'a'))->done());
  BOOST_CHECK_EQUAL(wait_for(1, std::string(8193, 'a'))->wait(), HGCM_ERR_TOO_MUCH_DATA);
}

BOOST_AUTO_TEST_SUITE_END()

namespace {

/// An extension that remembers what it was told, and on which thread.
class Listener {
 public:
  static std::int32_t on_call(void* user, std::uint32_t function, void* data, std::uint32_t size) {
    auto& self = *static_cast<Listener*>(user);
    const auto& change = *static_cast<const ExtensionChange*>(data);
    std::unique_lock lock(self.mutex_);
    self.well_formed_ = self.well_formed_ && function == 0 && size == 40 &&
                        change.magic == 0x69c87a78 && std::this_thread::get_id() != self.owner_;
    self.changes_.push_back(
        {change.name, change.value != nullptr ? change.value : "(null)", change.flags});
    self.timestamps_.push_back(change.timestamp);
    self.changed_.notify_all();
    self.changed_.wait(lock, [&] { return !self.blocked_; });
    return 0;
  }
  std::vector<Strings> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    BOOST_REQUIRE(changed_.wait_for(lock, std::chrono::seconds(10),
                                    [&] { return changes_.size() >= count; }));
    BOOST_CHECK(well_formed_);
    BOOST_CHECK(std::ranges::is_sorted(timestamps_));
    return changes_;
  }
  std::size_t count() {
    const std::lock_guard lock(mutex_);
    return changes_.size();
  }
  void block(bool blocked) {
    const std::lock_guard lock(mutex_);
    blocked_ = blocked;
    changed_.notify_all();
  }

 private:
  const std::thread::id owner_ = std::this_thread::get_id();
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Strings> changes_;
  std::vector<std::uint64_t> timestamps_;
  bool well_formed_ = true;
  bool blocked_ = false;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(guest_property_extension, Service)

BOOST_AUTO_TEST_CASE(extension_hears_of_every_change_in_order) {
  Listener listener;
  BOOST_REQUIRE_EQUAL(host.register_extension(&Listener::on_call, &listener), 0);
  guest_set("/a", "1", "TRANSIENT");
  host_set("/b", "2");
  guest_delete("/a");
  host.notify(HGCM_SVC_EVENT_RESET);
  const auto changes = listener.wait_for(4);
  BOOST_CHECK((changes[0] == Strings{"/a", "1", "TRANSIENT"}));
  BOOST_CHECK((changes[1] == Strings{"/b", "2", ""}));
  BOOST_CHECK((changes[2] == Strings{"/a", "(null)", ""}));
  BOOST_CHECK_EQUAL(changes[3][0], "/VirtualBox/VMInfo/ResetCounter");
  BOOST_REQUIRE_EQUAL(host.register_extension(nullptr, nullptr), 0);
}

BOOST_AUTO_TEST_CASE(slow_extension_holds_nobody_up) {
  Listener listener;
  listener.block(true);
  host.register_extension(&Listener::on_call, &listener);
  for (int i = 0; i < 1000; ++i) {
    BOOST_REQUIRE_EQUAL(guest_set("/a", std::to_string(i)), 0);
  }
  BOOST_CHECK_LE(listener.count(), 1);
  listener.block(false);
  const auto changes = listener.wait_for(1000);
  BOOST_CHECK_EQUAL(changes.back()[1], "999");
}

BOOST_AUTO_TEST_CASE(extension_that_lags_too_much_loses_the_oldest) {
  Listener listener;
  listener.block(true);
  host.register_extension(&Listener::on_call, &listener);
  guest_set("/first", "");
  listener.wait_for(1);  // this one is taken; the rest queues up behind it
  for (int i = 0; i < 4096 + 10; ++i) {
    guest_set("/a", std::to_string(i));
  }
  BOOST_CHECK(host.info("guestprops")->find("10 notifications lost") != std::string::npos);
  listener.block(false);
  const auto changes = listener.wait_for(4097);
  BOOST_CHECK_EQUAL(changes[1][1], "10");
}

BOOST_AUTO_TEST_CASE(unregistering_delivers_the_rest_and_then_nothing) {
  Listener listener;
  host.register_extension(&Listener::on_call, &listener);
  for (int i = 0; i < 100; ++i) {
    guest_set("/a", "");
  }
  BOOST_REQUIRE_EQUAL(host.register_extension(nullptr, nullptr), 0);
  BOOST_CHECK_EQUAL(listener.count(), 100);
  guest_set("/a", "");
  BOOST_REQUIRE_EQUAL(host.register_extension(&Listener::on_call, &listener), 0);
  guest_set("/b", "");
  BOOST_CHECK_EQUAL(listener.wait_for(101).back()[0], "/b");
}

BOOST_AUTO_TEST_CASE(unload_with_an_extension_registered_ends_its_thread) {
  Listener listener;
  host.register_extension(&Listener::on_call, &listener);
  guest_set("/a", "");
  host.unload();
  BOOST_CHECK_EQUAL(listener.count(), 1);
}

BOOST_AUTO_TEST_CASE(waits_and_changes_from_many_threads) {
  Listener listener;
  host.register_extension(&Listener::on_call, &listener);
  constexpr std::uint32_t kThreads = 4;
  constexpr int kRounds = 50;
  for (std::uint32_t id = 2; id < 2 + kThreads; ++id) {
    BOOST_REQUIRE_EQUAL(host.connect(id), 0);
  }
  std::vector<std::thread> threads;
  std::atomic<int> failures = 0;
  for (std::uint32_t id = 2; id < 2 + kThreads; ++id) {
    threads.emplace_back([&, id] {
      const std::string name = "/t/" + std::to_string(id);
      for (int i = 0; i < kRounds; ++i) {
        const auto call =
            host.call(id, 6, Parm::string(name), Parm::u64(0), Parm::buffer(256), Parm::u32(0));
        const auto set = host.call(id, 2, Parm::string(name), Parm::string(std::to_string(i)));
        failures += set->wait() != 0 ? 1 : 0;
        failures += call->wait() != 0 ? 1 : 0;
        failures += call->contents(2).find(std::to_string(i)) == std::string_view::npos ? 1 : 0;
        failures += host.info("guestprops") ? 0 : 1;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  BOOST_CHECK_EQUAL(failures, 0);
  listener.wait_for(kThreads * kRounds);
}

BOOST_AUTO_TEST_SUITE_END()

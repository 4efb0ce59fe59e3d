// SPDX-License-Identifier: MIT
//
// GuestProperties with the real service at the other end. Runs over the loopback and in real
// guests.
#include <gtest/gtest.h>
#include <hgcm/async.h>
#include <hgcm/guest_properties.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>

#include "guest.h"

namespace hgcm {
namespace {

using namespace std::chrono_literals;

class Properties : public test::ServiceTest {
 protected:
  Properties() : ServiceTest("VBoxGuestPropSvc"), prefix(test::unique_name("/Test/")) {}

  void SetUp() override {
    ServiceTest::SetUp();
    if (client) {
      properties.emplace(std::move(*GuestProperties::connect(*device)));
    }
  }
  void TearDown() override {
    if (properties) {
      const auto left_over = properties->enumerate(prefix + "*");
      ASSERT_TRUE(left_over.has_value()) << left_over.error().to_string();
      for (const Property& property : *left_over) {
        properties->remove(property.name);
      }
      properties.reset();
    }
    ServiceTest::TearDown();
  }

  [[nodiscard]] std::string name(const char* last) const { return prefix + "/" + last; }

  /// The time of a change of our own: a point from which nothing can be missed.
  std::uint64_t now() {
    EXPECT_TRUE(properties->set(name("clock"), "tick"));
    return properties->get(name("clock"))->timestamp;
  }

  const std::string prefix;
  std::optional<GuestProperties> properties;
};

TEST_F(Properties, value_flags_and_time_come_back) {
  ASSERT_TRUE(properties->set(name("a"), "väl ue", "TRANSIENT"));
  const auto property = properties->get(name("a"));
  ASSERT_TRUE(property.has_value()) << property.error().to_string();
  EXPECT_EQ(property->value, "väl ue");
  EXPECT_EQ(property->flags, "TRANSIENT");
  EXPECT_GT(property->timestamp, 1'600'000'000'000'000'000ULL);
}

TEST_F(Properties, set_without_flags_clears_them) {
  ASSERT_TRUE(properties->set(name("a"), "1", "TRANSIENT"));
  ASSERT_TRUE(properties->set(name("a"), "2"));
  EXPECT_EQ(properties->get(name("a"))->flags, "");
}

TEST_F(Properties, empty_value_is_a_value) {
  ASSERT_TRUE(properties->set(name("a"), ""));
  EXPECT_EQ(properties->get(name("a"))->value, "");
}

TEST_F(Properties, missing_is_not_found_and_deleting_it_succeeds) {
  EXPECT_EQ(properties->get(name("none")).error(), Status(HGCM_ERR_NOT_FOUND));
  EXPECT_TRUE(properties->remove(name("none")));
}

TEST_F(Properties, deleted_is_gone) {
  ASSERT_TRUE(properties->set(name("a"), "1"));
  ASSERT_TRUE(properties->remove(name("a")));
  EXPECT_EQ(properties->get(name("a")).error(), Status(HGCM_ERR_NOT_FOUND));
}

TEST_F(Properties, value_up_to_1023_bytes) {
  const std::string longest(GuestProperties::kMaxValue, 'x');
  ASSERT_TRUE(properties->set(name("a"), longest));
  EXPECT_EQ(properties->get(name("a"))->value, longest);
  EXPECT_EQ(properties->set(name("a"), longest + "x").error(), Status(HGCM_ERR_TOO_MUCH_DATA));
}

TEST_F(Properties, name_up_to_63_bytes) {
  std::string longest = prefix + "/";
  longest.resize(GuestProperties::kMaxName, 'n');
  EXPECT_TRUE(properties->set(longest, "1"));
  EXPECT_EQ(properties->get(longest)->name, longest);
}

TEST_F(Properties, bad_flags_and_bad_text_are_refused) {
  EXPECT_EQ(properties->set(name("a"), "1", "NOSUCHFLAG").error(), Status(HGCM_ERR_PARSE_ERROR));
  EXPECT_EQ(properties->set(name("a"), "\xff\xfe").error(), Status(HGCM_ERR_INVALID_PARAMETER));
}

TEST_F(Properties, names_of_the_host_are_denied) {
  EXPECT_EQ(properties->set("/VirtualBox/HostInfo/Forged", "1").error(),
            Status(HGCM_ERR_PERMISSION_DENIED));
}

TEST_F(Properties, enumerate_lists_what_matches) {
  ASSERT_TRUE(properties->set(name("a1"), "x", "TRANSIENT"));
  ASSERT_TRUE(properties->set(name("a2"), "y"));
  ASSERT_TRUE(properties->set(name("b"), "z"));
  const auto list = properties->enumerate(prefix + "/a?");
  ASSERT_TRUE(list.has_value());
  ASSERT_EQ(list->size(), 2U);
  const auto first = std::ranges::find(*list, name("a1"), &Property::name);
  ASSERT_NE(first, list->end());
  EXPECT_EQ(first->value, "x");
  EXPECT_EQ(first->flags, "TRANSIENT");
  EXPECT_EQ(first->timestamp, properties->get(name("a1"))->timestamp);
  EXPECT_EQ(properties->enumerate(name("a1") + "|" + name("b"))->size(), 2U);
  EXPECT_TRUE(properties->enumerate(name("nothing"))->empty());
  EXPECT_GE(properties->enumerate()->size(), 3U);
}

TEST_F(Properties, enumerate_of_more_than_the_first_buffer_grows) {
  const std::string value(1000, 'v');
  for (int i = 0; i < 30; ++i) {
    ASSERT_TRUE(properties->set(name("many") + std::to_string(i), value));
  }
  EXPECT_EQ(properties->enumerate(prefix + "/many*")->size(), 30U);
}

TEST_F(Properties, wait_from_a_time_returns_the_next_change_at_once) {
  const std::uint64_t start = now();
  ASSERT_TRUE(properties->set(name("a"), "1", "TRANSIENT"));
  ASSERT_TRUE(properties->set(name("b"), "2"));
  const auto change = properties->wait(prefix + "*", {.since = start, .timeout = 1min});
  ASSERT_TRUE(change.has_value()) << change.error().to_string();
  EXPECT_EQ(change->name, name("a"));
  EXPECT_EQ(change->value, "1");
  EXPECT_EQ(change->flags, "TRANSIENT");
  EXPECT_FALSE(change->missed);
  const auto next = properties->wait(prefix + "*", {.since = change->timestamp, .timeout = 1min});
  ASSERT_TRUE(next.has_value());
  EXPECT_EQ(next->name, name("b"));
}

TEST_F(Properties, wait_is_ended_by_a_change_that_comes_later) {
  const std::uint64_t start = now();
  auto other = GuestProperties::connect(*device);
  ASSERT_TRUE(other.has_value());
  std::jthread setter([&] { EXPECT_TRUE(other->set(name("late"), "now")); });
  const auto change = properties->wait(name("late"), {.since = start, .timeout = 1min});
  ASSERT_TRUE(change.has_value()) << change.error().to_string();
  EXPECT_EQ(change->value, "now");
}

TEST_F(Properties, wait_tells_a_deletion) {
  ASSERT_TRUE(properties->set(name("a"), "1"));
  const std::uint64_t start = properties->get(name("a"))->timestamp;
  ASSERT_TRUE(properties->remove(name("a")));
  const auto change = properties->wait(name("a"), {.since = start, .timeout = 1min});
  ASSERT_TRUE(change.has_value()) << change.error().to_string();
  EXPECT_EQ(change->deleted, true);
  EXPECT_EQ(change->value, "");
}

TEST_F(Properties, wait_from_a_forgotten_time_says_that_changes_may_be_missed) {
  ASSERT_TRUE(properties->set(name("a"), "1"));
  const auto change = properties->wait(name("a"), {.since = 1, .timeout = 1min});
  ASSERT_TRUE(change.has_value()) << change.error().to_string();
  EXPECT_TRUE(change->missed);
}

TEST_F(Properties, wait_without_change_times_out) {
  EXPECT_EQ(properties->wait(name("a"), {.timeout = 20ms}).error(), Status(HGCM_ERR_TIMEOUT));
}

TEST_F(Properties, wait_ends_on_stop) {
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_EQ(properties->wait(name("a"), {.stop = stop.get_token()}).error(),
            Status(HGCM_ERR_CANCELLED));
}

TEST_F(Properties, completion_after_a_cancelled_wait_does_not_touch_its_buffers) {
  constexpr std::uint32_t kGetNotification = 6;
  std::vector<std::byte> buffer(100'000, std::byte{0x33});
  std::uint64_t timestamp = 0;
  std::uint32_t size = 77;
  EXPECT_EQ(client
                ->call({.timeout = 20ms}, kGetNotification, in(name("a")), in_out(timestamp),
                       out(buffer), out(size))
                .error(),
            Status(HGCM_ERR_TIMEOUT));
  std::ranges::fill(buffer, std::byte{0x5a});
  // The service would have answered the wait with this, and has done so when the next call returns.
  ASSERT_TRUE(properties->set(name("a"), "late"));
  ASSERT_TRUE(properties->get(name("a")));
  EXPECT_TRUE(std::ranges::all_of(buffer, [](std::byte b) { return b == std::byte{0x5a}; }));
  EXPECT_EQ(size, 77U);
}

TEST_F(Properties, waits_through_one_connection_run_beside_other_calls) {
  Dispatcher dispatcher(2);
  const std::uint64_t start = now();
  auto pending = dispatcher.submit([&](const std::stop_token& stop) {
    return properties->wait(name("x"), {.since = start, .stop = stop});
  });
  EXPECT_TRUE(properties->set(name("y"), "1"));
  EXPECT_TRUE(properties->set(name("x"), "2"));
  const auto change = pending.get();
  ASSERT_TRUE(change.has_value()) << change.error().to_string();
  EXPECT_EQ(change->value, "2");
}

TEST_F(Properties, many_threads_set_and_read_their_own) {
  std::atomic<int> wrong{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 6; ++t) {
      threads.emplace_back([&, t] {
        const std::string mine = name("thread") + std::to_string(t);
        for (int i = 0; i < 30; ++i) {
          const std::string value = std::to_string(i);
          const bool right = properties->set(mine, value) && properties->get(mine)->value == value;
          wrong += right ? 0 : 1;
        }
      });
    }
  }
  EXPECT_EQ(wrong, 0);
}

TEST_F(Properties, property_of_the_host_that_guests_may_only_read) {
  loopback::Machine* const machine = test::loopback_machine();
  if (machine == nullptr) {
    GTEST_SKIP() << "only the host can create it";
  }
  constexpr std::uint32_t kHostSetProperty = 3;
  const std::string key = name("host");
  const auto text = [](const char* value) {
    hgcm_svc_parm parm{};
    parm.type = HGCM_SVC_PARM_PTR;
    parm.u.ptr.size = static_cast<std::uint32_t>(std::strlen(value)) + 1;
    parm.u.ptr.addr = const_cast<char*>(value);
    return parm;
  };
  std::vector<hgcm_svc_parm> parameters{text(key.c_str()), text("fixed"), text("RDONLYGUEST")};
  parameters.resize(host::kMinParameterSlots);
  ASSERT_TRUE(machine->services()
                  .host_call("VBoxGuestPropSvc", kHostSetProperty, std::span(parameters).first(3))
                  .ok());
  EXPECT_EQ(properties->get(key)->value, "fixed");
  EXPECT_EQ(properties->set(key, "mine").error(), Status(HGCM_ERR_PERMISSION_DENIED));
  EXPECT_EQ(properties->remove(key).error(), Status(HGCM_ERR_PERMISSION_DENIED));
  EXPECT_EQ(properties->get(key)->value, "fixed");
}

}  // namespace
}  // namespace hgcm

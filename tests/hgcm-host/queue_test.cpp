// SPDX-License-Identifier: MIT
//
// The queue of a service thread by itself, with polling and without.
#include "hgcm/message_queue.h"

#include <boost/test/unit_test.hpp>

#include <sched.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <optional>
#include <thread>
#include <vector>

using namespace hgcm::host;

namespace {

struct Numbered : Message {
  Numbered() noexcept : Message(Kind::kTask) {}
  unsigned producer = 0;
  unsigned number = 0;
};

constexpr std::chrono::microseconds kNoSpin{0};
constexpr std::chrono::microseconds kSpin{30};

void check_that_all_arrive_in_order(std::chrono::microseconds spin) {
  constexpr unsigned kProducers = 3;
  constexpr unsigned kMessages = 5000;
  MessageQueue queue{spin};
  std::vector<std::vector<Numbered>> messages(kProducers);
  std::vector<std::thread> producers;
  for (unsigned producer = 0; producer < kProducers; ++producer) {
    messages[producer] = std::vector<Numbered>(kMessages);
    producers.emplace_back([&, producer] {
      for (unsigned i = 0; i < kMessages; ++i) {
        Numbered& message = messages[producer][i];
        message.producer = producer;
        message.number = i;
        if (!queue.push(message)) std::abort();
        if (i % 500 == 0) std::this_thread::yield();
      }
    });
  }
  std::array<unsigned, kProducers> next{};
  unsigned out_of_order = 0;
  for (unsigned taken = 0; taken < kProducers * kMessages;) {
    for (Message* message = queue.take(); message != nullptr; ++taken) {
      const auto& numbered = static_cast<Numbered&>(*message);
      message = message->next;
      if (next[numbered.producer]++ != numbered.number) ++out_of_order;
    }
  }
  for (auto& producer : producers) producer.join();
  BOOST_TEST(out_of_order == 0U);
  BOOST_TEST(queue.close() == nullptr);
}

void check_that_turns_can_be_taken(std::chrono::microseconds spin) {
  MessageQueue there{spin};
  MessageQueue back{spin};
  Numbered ball;
  std::thread partner([&] {
    while (Message* message = there.take()) {
      if (!back.push(*message)) return;
    }
  });
  for (int i = 0; i < 2000; ++i) {
    BOOST_TEST_REQUIRE(there.push(ball));
    BOOST_TEST_REQUIRE(back.take() == &ball);
  }
  BOOST_TEST(there.close() == nullptr);
  partner.join();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(message_queue)

BOOST_AUTO_TEST_CASE(messages_of_each_producer_arrive_once_and_in_order) {
  check_that_all_arrive_in_order(kNoSpin);
  check_that_all_arrive_in_order(kSpin);
}

BOOST_AUTO_TEST_CASE(consumer_and_producer_can_take_turns) {
  check_that_turns_can_be_taken(kNoSpin);
  check_that_turns_can_be_taken(kSpin);
}

BOOST_AUTO_TEST_CASE(closed_queue_refuses_and_gives_back_the_rest_in_order) {
  MessageQueue queue{kNoSpin};
  std::array<Numbered, 3> messages;
  for (auto& message : messages) BOOST_TEST(queue.push(message));
  Message* const rest = queue.close();
  BOOST_TEST_REQUIRE(rest == &messages[0]);
  BOOST_TEST_REQUIRE(rest->next == &messages[1]);
  BOOST_TEST_REQUIRE(rest->next->next == &messages[2]);
  BOOST_TEST(rest->next->next->next == nullptr);
  Numbered late;
  BOOST_TEST(!queue.push(late));
  BOOST_TEST(queue.take() == nullptr);
  BOOST_TEST(queue.close() == nullptr);
}

BOOST_AUTO_TEST_CASE(closing_wakes_a_sleeping_consumer) {
  MessageQueue queue{kNoSpin};
  Message* taken = nullptr;
  std::thread consumer([&] { taken = queue.take(); });
  BOOST_TEST(queue.close() == nullptr);
  consumer.join();
  BOOST_TEST(taken == nullptr);
}

namespace {

/// Brings its message each time it is looked at, if it brings any.
struct Bringer final : IdleWork {
  bool begin() noexcept override {
    ++begun;
    return available;
  }
  bool look() noexcept override { return brings && queue.push(message); }
  void end() noexcept override { ++ended; }
  void crowded() noexcept override { ++crowds; }

  explicit Bringer(MessageQueue& q) : queue(q) {}
  MessageQueue& queue;
  Numbered message;  // the consumer has it before it looks again
  bool brings = true;
  bool available = true;
  int begun = 0;
  int ended = 0;
  int crowds = 0;
};

/// Makes the queue believe that messages come close together: turns with a partner thread, until so
/// many other messages have come. `partners`: the partner's processors, if not the consumer's.
/// Returns how many have.
int learn(MessageQueue& queue, IdleWork& idle, int turns, int wanted,
          std::optional<cpu_set_t> partners = {}) {
  MessageQueue back{kSpin};
  Numbered ball;
  int others = 0;
  std::thread partner([&] {
    if (partners) sched_setaffinity(0, sizeof *partners, &*partners);
    while (queue.push(ball) && back.take() != nullptr) {
      // The consumer is to find nothing in its queue, and have to wait.
      std::this_thread::sleep_for(std::chrono::microseconds(20));
    }
  });
  for (bool last = false; !last;) {
    for (Message* message = queue.take(&idle, std::chrono::seconds(1)); message != nullptr;) {
      Message* const following = message->next;
      if (message != &ball) {
        ++others;
      } else if (--turns <= 0 || others >= wanted) {
        last = true;
      } else {
        BOOST_TEST_REQUIRE(back.push(ball));
      }
      message = following;
    }
  }
  BOOST_TEST(back.close() == nullptr);
  partner.join();
  return others;
}

}  // namespace

BOOST_AUTO_TEST_CASE(idle_work_that_brings_messages_is_looked_at_each_time) {
  if (std::thread::hardware_concurrency() < 2) return;
  MessageQueue queue{kSpin};
  Bringer bringer{queue};
  BOOST_TEST_REQUIRE(learn(queue, bringer, 100'000, 10) >= 10);
  BOOST_TEST(bringer.crowds == 0);
  // Nobody else sends anything now.
  for (int i = 0; i < 100; ++i)
    BOOST_TEST(queue.take(&bringer, std::chrono::seconds(1)) == &bringer.message);
  BOOST_TEST(bringer.begun == bringer.ended);
}

BOOST_AUTO_TEST_CASE(idle_work_that_brings_nothing_is_looked_at_ever_more_rarely) {
  if (std::thread::hardware_concurrency() < 2) return;
  MessageQueue queue{kSpin};
  Bringer bringer{queue};
  bringer.brings = false;
  BOOST_TEST(learn(queue, bringer, 4000, 1) == 0);
  BOOST_TEST(bringer.begun < 4000 / 4);
  BOOST_TEST(bringer.begun == bringer.ended);
}

BOOST_AUTO_TEST_CASE(idle_work_is_told_when_a_busy_thread_kept_it_from_finding_anything) {
  if (std::thread::hardware_concurrency() < 2) return;
  // The consumer, and a neighbour that never waits, on one processor.
  cpu_set_t before;
  cpu_set_t one;
  BOOST_TEST_REQUIRE(sched_getaffinity(0, sizeof before, &before) == 0);
  CPU_ZERO(&one);
  CPU_SET(static_cast<unsigned>(sched_getcpu()), &one);
  BOOST_TEST_REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
  std::atomic<bool> over{false};
  std::thread neighbour([&] {
    while (!over.load(std::memory_order_relaxed)) {
    }
  });
  MessageQueue queue{kSpin};
  Bringer bringer{queue};
  bringer.brings = false;
  learn(queue, bringer, 400, 1, before);
  over = true;
  neighbour.join();
  BOOST_TEST_MESSAGE("looked " << bringer.ended << " times, told " << bringer.crowds << " times");
  BOOST_TEST(bringer.crowds > 0);
  // It goes on: telling does not help, and gets rarer.
  BOOST_TEST_REQUIRE(bringer.ended >= 20);
  BOOST_TEST(bringer.crowds < bringer.ended / 2);
  sched_setaffinity(0, sizeof before, &before);
}

BOOST_AUTO_TEST_CASE(nothing_is_looked_at_before_messages_came_close_together) {
  MessageQueue queue{kSpin};
  Bringer bringer{queue};
  Numbered message;
  BOOST_TEST(queue.push(message));
  BOOST_TEST(queue.take(&bringer, std::chrono::seconds(1)) == &message);
  BOOST_TEST(bringer.begun == 0);
}

BOOST_AUTO_TEST_CASE(idle_work_that_has_no_place_to_look_at_is_left_alone) {
  MessageQueue queue{kSpin};
  Bringer bringer{queue};
  bringer.available = false;
  BOOST_TEST(learn(queue, bringer, 200, 1) == 0);
  BOOST_TEST(bringer.ended == 0);
}

BOOST_AUTO_TEST_SUITE_END()

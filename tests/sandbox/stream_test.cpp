// SPDX-License-Identifier: MIT
//
// Bytes through shared memory: order, room, waiting, and an other side that does not keep to the
// rules.
#include <sys/mman.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstring>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "sandbox/shared_stream.h"

namespace hgcm::sandbox::test {
namespace {

using std::chrono::milliseconds;
using Side = SharedStream::Side;

std::span<const std::byte> bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

/// What a test does to a position of the memory, as the other side could.
constexpr std::size_t kHeadOfOther = 256;  // the second direction's
constexpr std::size_t kTailOfMaker = 64;

struct Streams {
  Streams() {
    BOOST_REQUIRE(maker != nullptr);
    BOOST_REQUIRE(other != nullptr);
  }
  std::string take(SharedStream& from, std::size_t size) {
    std::string all;
    while (all.size() < size) {
      std::array<std::byte, 1000> piece{};
      const std::size_t count = from.read(piece);
      if (count == 0) break;
      all.append(reinterpret_cast<const char*>(piece.data()), count);
    }
    return all;
  }
  void forge(std::size_t offset, std::uint32_t value) const {
    void* const all = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0);
    BOOST_REQUIRE(all != MAP_FAILED);
    std::memcpy(static_cast<char*>(all) + offset, &value, sizeof value);
    ::munmap(all, 4096);
  }

  vfio_user::UniqueFd memory = SharedStream::make_memory();
  std::unique_ptr<SharedStream> maker = SharedStream::open(memory.get(), Side::kMaker);
  std::unique_ptr<SharedStream> other = SharedStream::open(memory.get(), Side::kOther);
};

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 31 >> 3);
  return text;
}

}  // namespace

BOOST_FIXTURE_TEST_CASE(both_directions_are_streams_of_their_own, Streams) {
  BOOST_CHECK(maker->write({bytes("to "), bytes("other")}, {}));
  BOOST_CHECK(other->write({bytes("to maker")}, {}));
  BOOST_CHECK_EQUAL(take(*other, 8), "to other");
  BOOST_CHECK_EQUAL(take(*maker, 8), "to maker");
}

BOOST_FIXTURE_TEST_CASE(more_than_there_is_room_for_arrives_in_order, Streams) {
  const std::string sent = pattern(5 * SharedStream::kCapacity + 77);
  auto written = std::async(std::launch::async, [&] {
    return maker->write({bytes("head"), bytes(sent)}, {});
  });
  const std::string got = take(*other, sent.size() + 4);
  BOOST_CHECK(written.get());
  BOOST_CHECK(got == "head" + sent);
}

BOOST_FIXTURE_TEST_CASE(nobody_is_woken_who_is_awake, Streams) {
  for (int i = 0; i < 100; ++i) {
    BOOST_REQUIRE(maker->write({bytes("message")}, {}));
  }
  BOOST_CHECK_EQUAL(take(*other, 700).size(), 700);
  BOOST_CHECK_EQUAL(maker->wakes() + other->wakes(), 0);
  BOOST_CHECK_EQUAL(maker->sleeps() + other->sleeps(), 0);
}

BOOST_FIXTURE_TEST_CASE(who_waits_is_woken_once, Streams) {
  auto taken = std::async(std::launch::async, [&] { return take(*other, 2); });
  while (other->sleeps() == 0) std::this_thread::yield();
  BOOST_CHECK(maker->write({bytes("a"), bytes("b")}, {}));
  BOOST_CHECK_EQUAL(taken.get(), "ab");
  BOOST_CHECK_LE(maker->wakes(), 1);
}

BOOST_FIXTURE_TEST_CASE(closing_ends_a_read_that_waits, Streams) {
  auto taken = std::async(std::launch::async, [&] { return take(*other, 1); });
  while (other->sleeps() == 0) std::this_thread::yield();
  other->close();
  BOOST_CHECK_EQUAL(taken.get(), "");
}

BOOST_FIXTURE_TEST_CASE(what_came_before_closing_can_be_read, Streams) {
  BOOST_CHECK(maker->write({bytes("last words")}, {}));
  other->close();
  BOOST_CHECK_EQUAL(take(*other, 20), "last words");
}

BOOST_FIXTURE_TEST_CASE(a_write_that_finds_no_room_gives_up, Streams) {
  BOOST_CHECK(maker->write({bytes(pattern(SharedStream::kCapacity))}, {}));
  BOOST_CHECK(!maker->write({bytes("x")}, milliseconds(20)));
}

BOOST_FIXTURE_TEST_CASE(closing_ends_a_write_that_waits, Streams) {
  auto written = std::async(std::launch::async, [&] {
    return maker->write({bytes(pattern(2 * SharedStream::kCapacity))}, {});
  });
  while (maker->sleeps() == 0) std::this_thread::yield();
  maker->close();
  BOOST_CHECK(!written.get());
}

BOOST_FIXTURE_TEST_CASE(a_position_beyond_what_fits_ends_the_reading, Streams) {
  forge(kHeadOfOther, SharedStream::kCapacity + 1);
  std::array<std::byte, 16> piece{};
  BOOST_CHECK_EQUAL(maker->read(piece), 0);
}

BOOST_FIXTURE_TEST_CASE(a_reader_that_took_what_never_came_ends_the_writing, Streams) {
  forge(kTailOfMaker, 1);
  BOOST_CHECK(!maker->write({bytes("x")}, milliseconds(20)));
}

BOOST_AUTO_TEST_CASE(the_memory_cannot_change_its_size) {
  const auto memory = SharedStream::make_memory();
  BOOST_CHECK_NE(::ftruncate(memory.get(), 0), 0);
  BOOST_CHECK_NE(::ftruncate(memory.get(), 1 << 24), 0);
}

BOOST_AUTO_TEST_CASE(memory_of_another_kind_is_no_stream) {
  const vfio_user::UniqueFd small(::memfd_create("small", MFD_CLOEXEC));
  BOOST_CHECK(SharedStream::open(small.get(), Side::kOther) == nullptr);
}

}  // namespace hgcm::sandbox::test

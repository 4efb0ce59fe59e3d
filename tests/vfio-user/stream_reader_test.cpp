// SPDX-License-Identifier: MIT
//
// Framing: how bytes and descriptors of a stream become messages, with every read under control.
#define BOOST_TEST_DYN_LINK
#include <sys/socket.h>

#include <boost/test/unit_test.hpp>

#include "client.h"
#include "support.h"
#include "vfio-user/stream_reader.h"

namespace hgcm::vfio_user::test {
namespace {

using Status = StreamReader::Status;

struct Pair {
  Pair() {
    std::array<int, 2> pair{};
    BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) == 0);
    ours.reset(pair[0]);
    client.emplace(UniqueFd(pair[1]));
    reader.emplace(ours.get());
  }
  UniqueFd ours;
  std::optional<Client> client;
  std::optional<StreamReader> reader;
  FdList fds;
};

const Bytes kShort = message(wire::Command::kDeviceReset, {});
const Bytes kLong = message(wire::Command::kRegionRead, read_payload(0, 0, 4));

BOOST_AUTO_TEST_SUITE(stream_reader)

BOOST_AUTO_TEST_CASE(nothing_there_is_not_an_end) {
  Pair pair;
  BOOST_TEST((pair.reader->fill(false) == Status::kAgain));
  BOOST_TEST(pair.reader->next(pair.fds).empty());
}

BOOST_AUTO_TEST_CASE(end_of_stream_is_seen) {
  Pair pair;
  pair.client.reset();
  BOOST_TEST((pair.reader->fill(true) == Status::kClosed));
}

BOOST_AUTO_TEST_CASE(two_messages_in_one_read_come_out_as_two) {
  Pair pair;
  Bytes both = kLong;
  both.insert(both.end(), kShort.begin(), kShort.end());
  pair.client->send(both);
  BOOST_TEST((pair.reader->fill(true) == Status::kData));
  BOOST_TEST(pair.reader->next(pair.fds).size() == kLong.size());
  BOOST_TEST(pair.reader->next(pair.fds).size() == kShort.size());
  BOOST_TEST(pair.reader->next(pair.fds).empty());
}

BOOST_AUTO_TEST_CASE(message_in_three_reads_comes_out_whole) {
  Pair pair;
  for (const auto& [from, to] : {std::pair{0, 5}, {5, 20}, {20, 32}}) {
    BOOST_TEST(pair.reader->next(pair.fds).empty());
    pair.client->send(Bytes(kLong.begin() + from, kLong.begin() + to));
    BOOST_TEST((pair.reader->fill(true) == Status::kData));
  }
  const auto whole = pair.reader->next(pair.fds);
  BOOST_TEST(std::equal(whole.begin(), whole.end(), kLong.begin(), kLong.end()));
}

BOOST_AUTO_TEST_CASE(descriptors_belong_to_the_message_they_were_sent_with) {
  Pair pair;
  const UniqueFd event = event_fd();
  pair.client->send(kShort);
  pair.client->send(kLong, {event.get(), event.get()});
  pair.client->send(kShort);
  BOOST_TEST((pair.reader->fill(true) == Status::kData));
  BOOST_TEST(pair.reader->next(pair.fds).size() == kShort.size());
  BOOST_TEST(pair.fds.size() == 0U);
  BOOST_TEST(pair.reader->next(pair.fds).size() == kLong.size());
  BOOST_TEST(pair.fds.size() == 2U);
  if (pair.reader->next(pair.fds).empty()) {
    BOOST_TEST((pair.reader->fill(true) == Status::kData));
    BOOST_TEST(pair.reader->next(pair.fds).size() == kShort.size());
  }
  BOOST_TEST(pair.fds.size() == 0U);
}

BOOST_AUTO_TEST_CASE(descriptors_of_a_message_in_parts_come_with_the_whole) {
  Pair pair;
  const UniqueFd event = event_fd();
  pair.client->send(Bytes(kLong.begin(), kLong.begin() + 3), {event.get()});
  BOOST_TEST((pair.reader->fill(true) == Status::kData));
  BOOST_TEST(pair.reader->next(pair.fds).empty());
  BOOST_TEST(pair.fds.size() == 0U);
  pair.client->send(Bytes(kLong.begin() + 3, kLong.end()));
  BOOST_TEST((pair.reader->fill(true) == Status::kData));
  BOOST_TEST(pair.reader->next(pair.fds).size() == kLong.size());
  BOOST_TEST(pair.fds.size() == 1U);
}

BOOST_AUTO_TEST_CASE(descriptors_in_the_middle_of_a_message_break_the_stream) {
  Pair pair;
  const UniqueFd event = event_fd();
  const std::size_t before = open_descriptors();
  pair.client->send(Bytes(kLong.begin(), kLong.begin() + 20));
  BOOST_TEST((pair.reader->fill(true) == Status::kData));
  pair.client->send(Bytes(kLong.begin() + 20, kLong.end()), {event.get()});
  BOOST_TEST((pair.reader->fill(true) == Status::kBroken));
  pair.reader.reset();
  BOOST_TEST(open_descriptors() == before);
}

BOOST_AUTO_TEST_CASE(sizes_out_of_bounds_break_the_stream) {
  for (const std::uint32_t size :
       {0U, 15U, static_cast<std::uint32_t>(kMaxMessageBytes) + 1, ~0U}) {
    Pair pair;
    Bytes bytes = kShort;
    std::memcpy(bytes.data() + 4, &size, sizeof size);
    pair.client->send(bytes);
    BOOST_TEST((pair.reader->fill(true) == Status::kBroken));
  }
}

BOOST_AUTO_TEST_CASE(too_many_descriptors_break_the_stream_and_are_closed) {
  Pair pair;
  const UniqueFd event = event_fd();
  const std::size_t before = open_descriptors();
  pair.client->send(kShort, std::vector<int>(kMaxMessageFds + 1, event.get()));
  BOOST_TEST((pair.reader->fill(true) == Status::kBroken));
  pair.reader.reset();
  BOOST_TEST(open_descriptors() == before);
}

BOOST_AUTO_TEST_CASE(descriptors_nobody_takes_are_closed_with_the_reader) {
  Pair pair;
  const UniqueFd event = event_fd();
  const std::size_t before = open_descriptors();
  pair.client->send(kShort, {event.get()});
  BOOST_TEST((pair.reader->fill(true) == Status::kData));
  BOOST_TEST(open_descriptors() == before + 1);
  pair.reader.reset();
  BOOST_TEST(open_descriptors() == before);
}

BOOST_AUTO_TEST_SUITE_END()
}  // namespace
}  // namespace hgcm::vfio_user::test

// SPDX-License-Identifier: MIT
//
// The SDK's examples, through the raw ABI.
#include <boost/test/unit_test.hpp>

#include "mini_host.h"

using hgcm::test::MiniHost;
using hgcm::test::Parm;

BOOST_AUTO_TEST_CASE(greeter_greets_and_counts) {
  MiniHost host;
  BOOST_REQUIRE_EQUAL(host.load_library("tests/services", "HgcmGreeterSvc"), 0);
  BOOST_REQUIRE_EQUAL(host.connect(1), 0);
  const auto call = host.call(1, 1, Parm::string("Ada"), Parm::buffer(64), Parm::u32(0));
  BOOST_CHECK_EQUAL(call->wait(), 0);
  BOOST_CHECK_EQUAL(call->contents(1).data(), std::string("Hello, Ada!"));
  BOOST_CHECK_EQUAL(call->u32(2), 12);
  const auto small = host.call(1, 1, Parm::string("Ada"), Parm::buffer(11), Parm::u32(0));
  BOOST_CHECK_EQUAL(small->wait(), HGCM_ERR_BUFFER_OVERFLOW);
  BOOST_CHECK_EQUAL(small->u32(2), 12);
  const auto count = host.call(1, 2, Parm::u64(0));
  BOOST_CHECK_EQUAL(count->wait(), 0);
  BOOST_CHECK_EQUAL(count->u64(0), 1);
}

namespace {

struct Mailbox {
  Mailbox() {
    BOOST_REQUIRE_EQUAL(host.load_library("tests/services", "HgcmMailboxSvc"), 0);
    BOOST_REQUIRE_EQUAL(host.connect(1), 0);
    BOOST_REQUIRE_EQUAL(host.connect(2), 0);
  }
  MiniHost::CallPtr receive(std::uint32_t client, std::size_t room = 64) {
    return host.call(client, 2, Parm::buffer(room), Parm::u32(0));
  }
  std::int32_t send(std::uint32_t from, std::uint32_t to, std::string_view letter) {
    return host.call(from, 1, Parm::u32(to), Parm::bytes(letter))->wait();
  }
  MiniHost host;
};

std::int32_t count_letters(void* user, std::uint32_t, void* data, std::uint32_t) {
  static_cast<std::vector<std::uint32_t>*>(user)->push_back(*static_cast<std::uint32_t*>(data));
  return 0;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(mailbox, Mailbox)

BOOST_AUTO_TEST_CASE(letter_reaches_a_waiting_receiver) {
  const auto waiting = receive(2);
  BOOST_CHECK(!waiting->done());
  BOOST_CHECK_EQUAL(send(1, 2, "hello"), 0);
  BOOST_CHECK_EQUAL(waiting->wait(), 0);
  BOOST_CHECK_EQUAL(waiting->u32(1), 5);
  BOOST_CHECK_EQUAL(waiting->contents(0).substr(0, 5), "hello");
}

BOOST_AUTO_TEST_CASE(letter_waits_for_its_receiver) {
  auto to = Parm::u32(2);
  auto letter = Parm::bytes("from the host");
  BOOST_CHECK_EQUAL(host.host_call(1, to, letter), 0);
  const auto received = receive(2);
  BOOST_CHECK_EQUAL(received->wait(), 0);
  BOOST_CHECK_EQUAL(received->u32(1), 13);
}

BOOST_AUTO_TEST_CASE(second_receiver_is_refused) {
  const auto first = receive(2);
  BOOST_CHECK_EQUAL(receive(2)->wait(), HGCM_ERR_RESOURCE_BUSY);
  BOOST_CHECK(!first->done());
}

BOOST_AUTO_TEST_CASE(cancelled_receiver_loses_no_letter) {
  const auto first = receive(2);
  host.cancel(2, *first);
  BOOST_CHECK(first->done());
  BOOST_CHECK_EQUAL(send(1, 2, "x"), 0);
  BOOST_CHECK_EQUAL(receive(2)->wait(), 0);
}

BOOST_AUTO_TEST_CASE(small_buffer_loses_no_letter) {
  BOOST_CHECK_EQUAL(send(1, 2, "hello"), 0);
  const auto small = receive(2, 4);
  BOOST_CHECK_EQUAL(small->wait(), HGCM_ERR_BUFFER_OVERFLOW);
  BOOST_CHECK_EQUAL(small->u32(1), 5);
  BOOST_CHECK_EQUAL(receive(2)->wait(), 0);
}

BOOST_AUTO_TEST_CASE(limits_are_kept) {
  BOOST_CHECK_EQUAL(send(1, 1, "to myself"), HGCM_ERR_INVALID_PARAMETER);
  BOOST_CHECK_EQUAL(send(1, 77, "to nobody"), HGCM_ERR_NOT_FOUND);
  BOOST_CHECK_EQUAL(send(1, 2, std::string(4097, 'x')), HGCM_ERR_TOO_MUCH_DATA);
  for (int i = 0; i < 16; ++i) {
    BOOST_CHECK_EQUAL(send(1, 2, "x"), 0);
  }
  BOOST_CHECK_EQUAL(send(1, 2, "x"), HGCM_ERR_OUT_OF_RESOURCES);
}

BOOST_AUTO_TEST_CASE(disconnect_ends_the_wait) {
  const auto waiting = receive(2);
  host.disconnect(2);
  BOOST_CHECK_EQUAL(waiting->wait(), HGCM_ERR_INTERRUPTED);
}

BOOST_AUTO_TEST_CASE(extension_hears_of_letters_until_it_goes) {
  std::vector<std::uint32_t> heard;
  BOOST_CHECK_EQUAL(host.register_extension(&count_letters, &heard), 0);
  send(1, 2, "x");
  BOOST_CHECK_EQUAL(host.register_extension(nullptr, nullptr), 0);
  send(1, 2, "x");
  BOOST_CHECK(heard == std::vector<std::uint32_t>{2});
}

BOOST_AUTO_TEST_CASE(letters_survive_a_saved_state) {
  send(1, 2, "one");
  send(1, 2, "two");
  BOOST_REQUIRE_EQUAL(host.save(2), 0);
  BOOST_REQUIRE_EQUAL(host.connect(3, HGCM_REQUESTOR_LEGACY, true), 0);
  BOOST_REQUIRE_EQUAL(host.load_state(3, 3), 0);
  BOOST_CHECK_EQUAL(receive(3)->contents(0).substr(0, 3), "one");
  BOOST_CHECK_EQUAL(receive(3)->contents(0).substr(0, 3), "two");
  host.stream[0] = std::byte{9};
  host.stream_read = 0;
  BOOST_CHECK_EQUAL(host.load_state(3, 3), HGCM_ERR_SSM_DATA_UNIT_FORMAT_CHANGED);
  BOOST_CHECK_EQUAL(host.load_state(3, 0), 0);
}

BOOST_AUTO_TEST_SUITE_END()

// SPDX-License-Identifier: MIT
//
// How a connection ends for the client: by an end of file, with and without unread messages, also
// when the process that served it is killed.
#define BOOST_TEST_DYN_LINK
#include "vfio-user/connection_keeper.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <csignal>
#include <optional>

namespace hgcm::vfio_user::test {
namespace {

struct Pair {
  Pair() {
    std::array<int, 2> ends{};
    BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    client.reset(ends[0]);
    server.reset(ends[1]);
  }
  void send_unread() const { BOOST_REQUIRE(::send(client.get(), "message", 7, 0) == 7); }
  /// What the client's next read gives: 0, or an errno. -1: nothing comes.
  [[nodiscard]] int end() const {
    pollfd polled{.fd = client.get(), .events = POLLIN, .revents = 0};
    if (::poll(&polled, 1, 20'000) != 1) return -1;
    char byte = 0;
    return ::recv(client.get(), &byte, 1, MSG_DONTWAIT) == 0 ? 0 : errno;
  }
  UniqueFd client;
  UniqueFd server;
};

/// A process that serves the connection and is killed. Only what its keeper holds outlives it.
void serve_and_be_killed(Pair& pair, bool with_keeper) {
  const pid_t server = ::fork();
  if (server == 0) {
    std::optional<ConnectionKeeper> keeper;
    if (with_keeper) keeper.emplace(pair.server.get());
    ::raise(SIGKILL);
  }
  pair.server.reset();
  int status = 0;
  BOOST_REQUIRE(::waitpid(server, &status, 0) == server);
  BOOST_TEST(WTERMSIG(status) == SIGKILL);
}

BOOST_AUTO_TEST_SUITE(connection_keeper)

BOOST_AUTO_TEST_CASE(killed_server_with_an_unread_message_ends_the_file) {
  Pair pair;
  pair.send_unread();
  serve_and_be_killed(pair, true);
  BOOST_TEST(pair.end() == 0);
}

BOOST_AUTO_TEST_CASE(killed_server_without_a_keeper_resets_the_connection) {
  Pair pair;
  pair.send_unread();
  serve_and_be_killed(pair, false);
  BOOST_TEST(pair.end() == ECONNRESET);  // else all of this is not needed
}

BOOST_AUTO_TEST_CASE(end_of_the_keeper_ends_the_connection) {
  Pair pair;
  {
    const ConnectionKeeper keeper(pair.server.get());
    pair.send_unread();
  }
  pair.server.reset();
  BOOST_TEST(pair.end() == 0);
}

BOOST_AUTO_TEST_CASE(client_can_go_first) {
  Pair pair;
  const ConnectionKeeper keeper(pair.server.get());
  pair.client.reset();
  pair.server.reset();
}

BOOST_AUTO_TEST_CASE(hang_up_takes_what_is_unread) {
  Pair pair;
  pair.send_unread();
  hang_up(pair.server.get());
  pair.server.reset();
  BOOST_TEST(pair.end() == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace hgcm::vfio_user::test

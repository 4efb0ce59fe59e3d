// SPDX-License-Identifier: MIT
//
// The control socket: clients that come, go, talk nonsense and do not listen.
#include "vmmdevd/control/server.h"

#include "machine.h"
#include "vmmdevd/unix_socket.h"
#include "vmmdevd/vmctl/client.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#include <boost/test/unit_test.hpp>
#include <cstring>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace hgcm;
using namespace hgcm::tests;
using control::ControlServer;

namespace {

class RawClient {
 public:
  explicit RawClient(const std::filesystem::path& path)
      : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.native().size());
    const timeval patience{kPatience.count(), 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    BOOST_REQUIRE(::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  RawClient(RawClient&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;
  ~RawClient() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }

  void send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) {
        return;
      }
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  void end_input() { ::shutdown(fd_, SHUT_WR); }

  /// Empty: the connection has ended.
  std::string line() {
    for (;;) {
      const std::size_t end = buffer_.find('\n');
      if (end != std::string::npos) {
        std::string text = buffer_.substr(0, end);
        buffer_.erase(0, end + 1);
        return text;
      }
      char chunk[4096];
      const ssize_t size = ::recv(fd_, chunk, sizeof chunk, 0);
      if (size <= 0) {
        return {};
      }
      buffer_.append(chunk, static_cast<std::size_t>(size));
    }
  }
  Json message() { return Json::parse(line(), nullptr, false); }

 private:
  int fd_;
  std::string buffer_;
};

/// The control server on a loop of its own.
class Served : public Machine {
 public:
  Served() {
    std::string detail;
    BOOST_REQUIRE(services.load("VBoxGuestPropSvc", {}, &detail).ok());
    BOOST_REQUIRE(properties.attach(detail).ok());
    socket_ = vmmdevd::ListeningSocket::create(path, detail);
    BOOST_REQUIRE_MESSAGE(socket_.has_value(), detail);
    server_.emplace(context);
    server_->start(socket_->release_fd());
    thread_ = std::thread([this] {
      const auto work = asio::make_work_guard(loop);
      loop.run();
    });
  }
  ~Served() { stop(); }

  void stop() {
    if (thread_.joinable()) {
      asio::post(loop, [this] {
        server_->stop();
        loop.stop();
      });
      thread_.join();
    }
  }

  std::size_t clients() {
    std::promise<std::size_t> answer;
    asio::post(loop, [&] { answer.set_value(server_->clients()); });
    return answer.get_future().get();
  }

  TemporaryDirectory directory;
  std::filesystem::path path = directory.path() / "control";

 private:
  std::optional<vmmdevd::ListeningSocket> socket_;
  std::optional<ControlServer> server_;
  std::thread thread_;
};

constexpr const char* kVersion = "{\"execute\":\"version\",\"id\":1}\n";

}  // namespace

BOOST_AUTO_TEST_SUITE(control_server)

BOOST_FIXTURE_TEST_CASE(client_is_greeted_and_answered, Served) {
  RawClient client(path);
  BOOST_TEST(client.message().contains("OpenHGCM"));
  client.send(kVersion);
  BOOST_TEST(client.message()["return"]["protocol"] == control::kProtocolVersion);
}

BOOST_FIXTURE_TEST_CASE(nonsense_is_answered_and_the_connection_stays, Served) {
  RawClient client(path);
  client.line();
  client.send(std::string("\0\xff\x1b{{{\n", 7));
  BOOST_TEST(client.message()["error"]["class"] == "InvalidRequest");
  client.send(kVersion);
  BOOST_TEST(client.message().contains("return"));
}

BOOST_FIXTURE_TEST_CASE(endless_line_is_refused_without_growing, Served) {
  RawClient client(path);
  client.line();
  client.send(std::string(control::kMaxLine * 3, 'x'));
  BOOST_TEST(client.message()["error"]["class"] == "InvalidRequest");
  client.send("\n");
  client.send(kVersion);
  BOOST_TEST(client.message().contains("return"));
}

BOOST_FIXTURE_TEST_CASE(half_closed_client_gets_its_answers_and_the_end, Served) {
  RawClient client(path);
  client.line();
  client.send(
      "{\"execute\":\"guestproperty-get\",\"arguments\":{\"name\":\"/x\"},\"id\":1}\n"
      "{\"execute\":\"version\",\"id\":2}");
  client.end_input();
  BOOST_TEST(client.message()["id"] == 1);
  BOOST_TEST(client.message()["id"] == 2);
  BOOST_TEST(client.line().empty());
}

BOOST_FIXTURE_TEST_CASE(client_above_the_limit_is_told_and_closed, Served) {
  std::vector<RawClient> all;
  for (std::size_t i = 0; i < ControlServer::kMaxClients; ++i) {
    all.emplace_back(path);
    BOOST_REQUIRE(all.back().message().contains("OpenHGCM"));
  }
  RawClient surplus(path);
  BOOST_TEST(surplus.message()["error"]["class"] == "Busy");
  BOOST_TEST(surplus.line().empty());
  all[0].send(kVersion);
  BOOST_TEST(all[0].message().contains("return"));
}

BOOST_FIXTURE_TEST_CASE(place_of_a_gone_client_is_free_again, Served) {
  for (std::size_t i = 0; i < ControlServer::kMaxClients * 2; ++i) {
    RawClient client(path);
    client.line();
    client.send("{\"execute\":\"guestproperty-wait\"}\n");
    client.end_input();
    BOOST_TEST(client.message()["error"]["class"] == "Cancelled");
    BOOST_TEST(client.line().empty());
  }
  BOOST_TEST(clients() < ControlServer::kMaxClients);
}

BOOST_FIXTURE_TEST_CASE(client_that_does_not_read_is_dropped, Served) {
  RawClient deaf(path);
  deaf.line();
  deaf.send("{\"execute\":\"subscribe\"}\n");
  BOOST_REQUIRE(deaf.message().contains("return"));
  const std::string filler(4096, 'x');
  for (std::size_t sent = 0; sent <= 2 * ControlServer::kMaxBacklog; sent += filler.size()) {
    events->emit(control::kEventReset, {{"filler", filler}});
  }
  RawClient other(path);
  other.line();
  other.send(kVersion);
  BOOST_TEST(other.message().contains("return"));
  while (!deaf.line().empty()) {
  }
  BOOST_TEST(clients() == 1U);
}

BOOST_FIXTURE_TEST_CASE(client_that_asks_without_reading_gets_everything_when_it_reads, Served) {
  const std::string command = "{\"execute\":\"query-commands\"}\n";
  RawClient hasty(path);
  hasty.line();
  hasty.send(command);
  const std::size_t answer_size = hasty.line().size();
  BOOST_REQUIRE(answer_size > 0U);
  // Half as much again as a client may leave unread.
  const std::size_t commands = ControlServer::kMaxBacklog * 3 / 2 / answer_size;
  std::thread asking([&] {
    for (std::size_t i = 0; i < commands; ++i) {
      hasty.send(command);
    }
  });
  RawClient other(path);
  other.line();
  other.send(kVersion);
  BOOST_TEST(other.message().contains("return"));
  std::size_t answers = 0;
  while (answers < commands && hasty.line().find("\"return\"") != std::string::npos) {
    ++answers;
  }
  asking.join();
  BOOST_TEST(answers == commands);
}

BOOST_FIXTURE_TEST_CASE(stopping_closes_clients, Served) {
  RawClient client(path);
  client.line();
  client.send("{\"execute\":\"guestproperty-wait\",\"id\":1}\n");
  client.send(kVersion);
  BOOST_TEST(client.message().contains("return"));
  stop();
  BOOST_TEST(client.line().empty());
}

BOOST_FIXTURE_TEST_CASE(vmctl_client_speaks_it, Served) {
  auto client = vmctl::Client::connect(path.string());
  BOOST_REQUIRE(client.has_value());
  BOOST_TEST((*client->call("version"))["protocol"] == control::kProtocolVersion);
  const auto missing = client->call("guestproperty-get", {{"name", "/x"}});
  BOOST_REQUIRE(!missing.has_value());
  BOOST_TEST(missing.error().code == vmctl::kNotFound);
  BOOST_TEST(client->call("subscribe").has_value());
  events->emit(control::kEventReset, Json::object());
  BOOST_TEST((*client->next_event())["event"] == "RESET");
  stop();
  BOOST_TEST(client->call("version").error().code == vmctl::kNoDaemon);
}

BOOST_AUTO_TEST_SUITE_END()

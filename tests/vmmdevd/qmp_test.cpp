// SPDX-License-Identifier: MIT
//
// Commands to QEMU: against a scripted peer that speaks QMP, or does not.
#include "vmmdevd/qmp.h"
#include "machine.h"
#include "vmmdevd/guest_observer.h"
#include "vmmdevd/unix_socket.h"

#include <poll.h>
#include <sys/socket.h>

#include <boost/test/unit_test.hpp>
#include <string>
#include <thread>
#include <vector>

using namespace hgcm;
using namespace hgcm::tests;

namespace {

constexpr const char* kGreeting = "{\"QMP\": {\"version\": {}}}\r\n";
constexpr const char* kReady = "{\"return\": {}}\r\n";

/// Sends a line after each that it gets, the first at once; then hangs up.
class Peer {
 public:
  explicit Peer(std::vector<std::string> lines) : lines_(std::move(lines)) {
    std::string detail;
    listening_ = vmmdevd::ListeningSocket::create(path, detail);
    BOOST_REQUIRE_MESSAGE(listening_.has_value(), detail);
    thread_ = std::thread([this] { serve(); });
  }
  ~Peer() { thread_.join(); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  TemporaryDirectory directory;
  const std::filesystem::path path = directory.path() / "qmp";
  std::string received;

 private:
  void serve() {
    pollfd coming{listening_->fd(), POLLIN, 0};  // which does not block by itself
    (void)::poll(&coming, 1, -1);
    const int fd = ::accept(listening_->fd(), nullptr, nullptr);
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      char byte = 0;
      while (i > 0 && ::recv(fd, &byte, 1, 0) == 1 && byte != '\n') received += byte;
      (void)::send(fd, lines_[i].data(), lines_[i].size(), MSG_NOSIGNAL);
    }
    ::close(fd);
  }

  const std::vector<std::string> lines_;
  std::optional<vmmdevd::ListeningSocket> listening_;
  std::thread thread_;
};

tl::expected<Json, std::string> stop(const Peer& peer) {
  return vmmdevd::execute_qmp(peer.path, {{"execute", "stop"}}, kPatience);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(qmp)

BOOST_AUTO_TEST_CASE(command_is_executed_between_events) {
  std::string received;
  {
    Peer peer({kGreeting, kReady, "{\"event\": \"STOP\"}\r\n{\"return\": {\"a\": 1}}\r\n"});
    const auto result = stop(peer);
    BOOST_REQUIRE(result.has_value());
    BOOST_TEST((*result)["a"] == 1);
    received = peer.received;
  }
  BOOST_TEST(received.find("qmp_capabilities") != std::string::npos);
  BOOST_TEST(received.find("\"stop\"") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(error_is_handed_on) {
  const Peer peer({kGreeting, kReady, "{\"error\": {\"desc\": \"no way\"}}\n"});
  BOOST_TEST(stop(peer).error() == "no way");
}

BOOST_AUTO_TEST_CASE(peer_that_is_not_qemu_is_refused) {
  for (const std::string line : {"{}\n", "hello\n", "[]\n"}) {
    const Peer peer({line});
    BOOST_TEST(stop(peer).error() == "it does not speak QMP");
  }
}

BOOST_AUTO_TEST_CASE(peer_that_hangs_up_is_noticed) {
  const Peer peer({kGreeting});
  BOOST_TEST(!stop(peer).has_value());
}

BOOST_AUTO_TEST_CASE(peer_that_says_nothing_is_not_waited_for) {
  const TemporaryDirectory directory;
  std::string detail;
  const auto silent = vmmdevd::ListeningSocket::create(directory.path() / "qmp", detail);
  BOOST_REQUIRE(silent.has_value());
  const auto result =
      vmmdevd::execute_qmp(silent->path(), {{"execute", "stop"}}, std::chrono::milliseconds(10));
  BOOST_TEST(result.error() == "it does not answer");
}

BOOST_AUTO_TEST_CASE(peer_that_is_not_there_is_an_error) {
  BOOST_TEST(!vmmdevd::execute_qmp("/nonexistent/qmp", {}, kPatience).has_value());
  BOOST_TEST(!vmmdevd::execute_qmp(std::string(200, 'x'), {}, kPatience).has_value());
}

BOOST_FIXTURE_TEST_CASE(power_request_stops_qemu, Machine) {
  const Peer peer({kGreeting, kReady, kReady});
  vmmdevd::GuestObserver observer({.qmp = peer.path}, events, executor);
  TestClient client(*this);
  BOOST_TEST(client.ask("subscribe").contains("return"));
  BOOST_TEST(observer.power(vmmdev::PowerRequest::kPause).ok());
  const Json answered = client.await("event", "QEMU_ANSWERED");
  BOOST_TEST(answered["data"]["command"] == "stop");
  BOOST_TEST(answered["data"]["done"] == true);
}

BOOST_FIXTURE_TEST_CASE(qemu_that_is_gone_is_told, Machine) {
  vmmdevd::GuestObserver observer({.qmp = "/nonexistent/qmp"}, events, executor);
  TestClient client(*this);
  BOOST_TEST(client.ask("subscribe").contains("return"));
  BOOST_TEST(observer.power(vmmdev::PowerRequest::kOff).ok());
  const Json answered = client.await("event", "QEMU_ANSWERED");
  BOOST_TEST(answered["data"]["done"] == false);
}

BOOST_AUTO_TEST_SUITE_END()

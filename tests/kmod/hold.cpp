// SPDX-License-Identifier: MIT
//
// Holds the driver in a state for a test of its life: opens a node, does what it is told, and says
// how that ended. Not a test of its own.
//
//   kmod-hold call THREADS BYTES   calls that never complete, each with a buffer of BYTES
//   kmod-hold wait                 waits for an event that does not come
//   kmod-hold mouse                follows the mouse as X's driver does: poll, then read, once
//   kmod-hold idle CLIENTS         an open node with clients; a call after a line on standard input
#include "driver.h"

#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <thread>

namespace {

using namespace kmod_test;

void say(const char* what, int error) {
  std::printf("%s %d\n", what, error);
  std::fflush(stdout);
}

int hold_calls(unsigned long threads, std::size_t size) {
  const Session session;
  const std::uint32_t client = session.test_client();
  std::vector<std::thread> running;
  for (unsigned long i = 0; i < threads; i++) {
    running.emplace_back([&] {
      std::vector<std::uint8_t> data(size, 0x33);
      say("ended", Call(client, kNever).inout(data).run(session));
    });
  }
  say("ready", 0);
  for (std::thread& thread : running) {
    thread.join();
  }
  say("again", Call(client, kNoop).run(session));
  return 0;
}

int hold_wait() {
  const Session session;
  vbg_ioctl_wait_for_events request{};
  request.hdr = header(sizeof(request), sizeof(request.hdr) + sizeof(request.u.out));
  request.u.in.timeout_ms = kForever;
  request.u.in.events = 0x100;
  say("ready", 0);
  say("ended", session.control(VBG_IOCTL_WAIT_FOR_EVENTS, &request));
  return 0;
}

int hold_mouse() {
  const Session session;
  struct {
    vbg_ioctl_hdr hdr;
    std::uint32_t features;
  } request{};
  request.hdr = header(sizeof(request), sizeof(request.hdr));
  request.features = 0x11;  // absolute positions, by the protocol with events
  say("features",
      session.control(_IOC(_IOC_READ | _IOC_WRITE, 'V', 15, sizeof(request)), &request));
  say("ready", 0);
  pollfd entry{session.fd(), POLLIN, 0};
  say("polled", poll(&entry, 1, 20000));
  char buffer[8] = {};
  say("read", static_cast<int>(read(session.fd(), buffer, sizeof(buffer))));
  say("again", static_cast<int>(read(session.fd(), buffer, sizeof(buffer))));
  return 0;
}

int hold_idle(unsigned long clients) {
  const Session session;
  std::uint32_t client = 0;
  for (unsigned long i = 0; i < clients; i++) {
    client = session.test_client();
  }
  say("ready", 0);
  std::getchar();
  say("ended", Call(client, kNoop).run(session));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  const unsigned long first = argc > 2 ? std::strtoul(argv[2], nullptr, 0) : 1;
  if (what == "call") {
    return hold_calls(first, argc > 3 ? std::strtoul(argv[3], nullptr, 0) : 0);
  }
  if (what == "wait") {
    return hold_wait();
  }
  if (what == "mouse") {
    return hold_mouse();
  }
  if (what == "idle") {
    return hold_idle(first);
  }
  std::fprintf(stderr, "usage: kmod-hold call THREADS BYTES | wait | mouse | idle CLIENTS\n");
  return 2;
}

// SPDX-License-Identifier: MIT
//
// Machine: what control commands act on, in-process: a real service host and device on plain
// memory, without a guest. And a client whose lines go to a Session directly.
#ifndef HGCM_TESTS_VMMDEVD_MACHINE_H
#define HGCM_TESTS_VMMDEVD_MACHINE_H

#include "support.h"
#include "vmmdev/plain_guest_memory.h"
#include "vmmdevd/control/context.h"
#include "vmmdevd/control/session.h"

#include <asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace hgcm::tests {

using control::Json;

inline constexpr std::chrono::seconds kPatience{20};

class NoInterrupts final : public vmmdev::InterruptLine {
 public:
  void set_level(bool /*asserted*/) noexcept override {}
  bool send_message() noexcept override { return false; }
};

class Machine {
 public:
  Machine()
      : services(options()),
        bar1_(static_cast<std::byte*>(std::aligned_alloc(4096, vmmdev::kMemoryBarSize)), std::free),
        device(memory, line, services, {bar1_.get(), vmmdev::kMemoryBarSize}, {}) {}
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;
  ~Machine() { (void)executor.shutdown(kPatience); }

  /// Runs the loop until the predicate holds. False: it did not in time.
  template <typename Predicate>
  bool run_until(Predicate predicate) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!predicate()) {
      loop.restart();
      loop.run_one_until(deadline);
      if (std::chrono::steady_clock::now() >= deadline) {
        return predicate();
      }
    }
    return true;
  }

  asio::io_context loop;
  std::shared_ptr<control::EventHub> events = std::make_shared<control::EventHub>(loop);
  host::ServiceHost services;
  control::GuestPropertyAccess properties{services, events, {}};
  control::SharedFolderAccess shares{services};
  vmmdev::PlainGuestMemory memory{1U << 20U};
  NoInterrupts line;

 private:
  static host::ServiceHostOptions options() {
    host::ServiceHostOptions made;
    made.service_directories = {build_directory() / "services",
                                build_directory() / "tests/services"};
    return made;
  }

  std::unique_ptr<std::byte, decltype(&std::free)> bar1_;

 public:
  vmmdev::Device device;
  control::ThreadExecutor executor;
  bool quit = false;
  control::Context context{.loop = loop,
                           .executor = executor,
                           .events = events,
                           .services = services,
                           .device = device,
                           .properties = properties,
                           .shares = shares,
                           .transport =
                               [] {
                                 return Json{{"clients", 0}};
                               },
                           .quit = [this] { quit = true; }};
};

class TestClient {
 public:
  explicit TestClient(Machine& machine)
      : machine_(machine),
        session_(std::make_shared<control::Session>(
            machine.context,
            control::Session::Output{
                [this](std::string line) { received.push_back(Json::parse(line)); }, {}, {}})) {
    session_->start();
  }
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;
  ~TestClient() { session_->close(); }

  void send(const std::string& text) { session_->receive(text); }

  void send(std::string_view command, Json arguments, Json id) {
    send(Json{{"execute", command}, {"arguments", std::move(arguments)}, {"id", std::move(id)}}
             .dump() +
         '\n');
  }

  /// The whole reply; null when none came.
  Json ask(std::string_view command, Json arguments = Json::object()) {
    const unsigned id = ++asked_;
    send(command, std::move(arguments), id);
    return await("id", id);
  }

  /// Runs the loop until there is a message with that member, and returns it; null: none came.
  Json await(const char* member, const Json& value) {
    Json found;
    (void)machine_.run_until([&] {
      for (const Json& message : received) {
        if (message.contains(member) && message[member] == value) {
          found = message;
          return true;
        }
      }
      return false;
    });
    return found;
  }

  control::Session& session() { return *session_; }
  std::weak_ptr<control::Session> weak() { return session_; }
  void drop() { session_.reset(); }

  std::vector<Json> received;

 private:
  Machine& machine_;
  std::shared_ptr<control::Session> session_;
  unsigned asked_ = 1000;
};

}  // namespace hgcm::tests

#endif

// SPDX-License-Identifier: MIT
//
// Guest memory that the client did not share: reached by messages over the server's socket, from
// register accesses and from other threads, with clients that are slow, wrong or dying.
#define BOOST_TEST_DYN_LINK
#include <poll.h>

#include <array>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <future>
#include <thread>
#include <vector>

#include "client.h"
#include "running_server.h"
#include "support.h"

namespace hgcm::vfio_user::test {
namespace {

using namespace std::chrono_literals;

/// `size` bytes from address 0, reached by messages.
void map_unshared(Client& client, std::size_t size) {
  client.memory.resize(size);
  for (std::size_t i = 0; i < size; ++i) client.memory[i] = static_cast<std::byte>(i * 7);
  BOOST_REQUIRE(client.error_of(wire::Command::kDmaMap, dma_map_payload(0, size)) == 0U);
}

BOOST_AUTO_TEST_SUITE(memory_by_messages)

BOOST_AUTO_TEST_CASE(device_reads_and_writes_from_inside_a_register_write) {
  Running running;
  std::array<std::byte, 8> seen{};
  bool read = false;
  bool written = false;
  running.backend.on_write = [&](unsigned, std::uint64_t, std::uint64_t address) {
    read = running.server->guest_memory().read(address, seen);
    written = running.server->guest_memory().write(address + 0x100, seen);
  };
  Client client(running.path());
  map_unshared(client, 0x2000);
  BOOST_TEST(client.error_of(wire::Command::kRegionWrite,
                             write_payload(0, 0, std::uint32_t{0x1004})) == 0U);
  BOOST_TEST(read);
  BOOST_TEST(written);
  BOOST_TEST(std::equal(seen.begin(), seen.end(), client.memory.begin() + 0x1004));
  BOOST_TEST(std::equal(seen.begin(), seen.end(), client.memory.begin() + 0x1104));
  BOOST_TEST(running.server->counters().dma_messages == 2U);
}

BOOST_AUTO_TEST_CASE(commands_that_arrive_during_an_access_are_handled_after_it) {
  Running running;
  bool read = false;
  running.backend.on_write = [&](unsigned bar, std::uint64_t, std::uint64_t) {
    std::array<std::byte, 8> bytes{};
    if (bar == 0) read = running.server->guest_memory().read(0, bytes);
  };
  Client client(running.path());
  map_unshared(client, 0x1000);
  client.send(message(wire::Command::kRegionWrite, write_payload(0, 0, std::uint32_t{1}), 1));
  const auto dma = client.receive();
  BOOST_TEST_REQUIRE(dma.has_value());
  const UniqueFd ram = memory_file(0x1000);
  client.send(message(wire::Command::kDmaMap, dma_map_payload(0x1000, 0x1000), 2), {ram.get()});
  client.send(message(wire::Command::kRegionWrite, write_payload(3, 0, std::uint32_t{2}), 3));
  client.answer_dma(*dma);
  for (std::uint16_t id = 1; id <= 3; ++id) {
    BOOST_TEST(client.wait_reply(id).header().error == 0U);
  }
  BOOST_TEST(read);
  BOOST_TEST(running.server->guest_memory().map(0x1000, 4).has_value());
}

BOOST_AUTO_TEST_CASE(other_threads_reach_the_memory_while_the_servers_thread_waits_for_them) {
  Running running;
  running.backend.on_write = [&](unsigned, std::uint64_t, std::uint64_t) {
    std::vector<std::future<bool>> readers;
    for (int i = 0; i < 4; ++i) {
      readers.push_back(std::async(std::launch::async, [&] {
        std::array<std::byte, 16> bytes{};
        return running.server->guest_memory().read(0x10, bytes) && bytes[0] == std::byte{0x70};
      }));
    }
    for (auto& reader : readers) BOOST_TEST(reader.get());
  };
  Client client(running.path());
  map_unshared(client, 0x1000);
  BOOST_TEST(client.error_of(wire::Command::kRegionWrite, write_payload(0, 0, std::uint32_t{1})) ==
             0U);
  BOOST_TEST(client.dma.size() == 4U);
}

BOOST_AUTO_TEST_CASE(thread_reaches_the_memory_while_the_server_is_idle) {
  Running running;
  Client client(running.path());
  map_unshared(client, 0x1000);
  auto read = std::async(std::launch::async, [&] {
    std::array<std::byte, 16> bytes{};
    return running.server->guest_memory().read(0x20, bytes);
  });
  const auto command = client.receive();
  BOOST_TEST_REQUIRE(command.has_value());
  client.answer_dma(*command);
  BOOST_TEST(read.get());
}

BOOST_AUTO_TEST_CASE(large_access_is_split_to_the_clients_limit) {
  Running running;
  std::vector<std::byte> bytes(0x1800);
  bool done = false;
  running.backend.on_write = [&](unsigned, std::uint64_t, std::uint64_t) {
    vmmdev::GuestMemory& memory = running.server->guest_memory();
    done = memory.read(0x100, bytes) && memory.write(0x2000, bytes);
  };
  Client client(running.path(), true, R"({"capabilities":{"max_data_xfer_size":4096}})");
  map_unshared(client, 0x4000);
  BOOST_TEST(client.error_of(wire::Command::kRegionWrite, write_payload(0, 0, std::uint32_t{1})) ==
             0U);
  BOOST_TEST(done);
  BOOST_TEST(client.dma.size() == 4U);
  BOOST_TEST(client.dma.at(0).count == 4096U);
  BOOST_TEST(client.dma.at(1).count == 2048U);
  BOOST_TEST(std::equal(bytes.begin(), bytes.end(), client.memory.begin() + 0x2000));
}

BOOST_AUTO_TEST_CASE(error_or_nonsense_from_the_client_fails_the_access) {
  Running running;
  std::atomic<int> failures{0};
  running.backend.on_write = [&](unsigned, std::uint64_t, std::uint64_t) {
    std::array<std::byte, 8> bytes{};
    if (!running.server->guest_memory().read(0, bytes)) ++failures;
  };
  Client client(running.path());
  map_unshared(client, 0x1000);
  const wire::DmaAccess access{.address = 0, .count = 8};
  const wire::DmaAccess other_address{.address = 8, .count = 8};
  const wire::DmaAccess other_count{.address = 0, .count = 4};
  const std::uint64_t data = 0;
  struct Answer {
    wire::Command command;
    Bytes payload;
    std::uint32_t flags;
  };
  const std::vector<Answer> answers = {
      {wire::Command::kDmaRead, {}, wire::kTypeReply | wire::kFlagError},
      {wire::Command::kDmaRead, {}, wire::kTypeReply},
      {wire::Command::kDmaRead, payload_of(access), wire::kTypeReply},
      {wire::Command::kDmaRead, payload_of(access, data, data), wire::kTypeReply},
      {wire::Command::kDmaRead, payload_of(other_address, data), wire::kTypeReply},
      {wire::Command::kDmaRead, payload_of(other_count, data), wire::kTypeReply},
      {wire::Command::kDmaWrite, payload_of(access, data), wire::kTypeReply},
  };
  for (const Answer& answer : answers) {
    client.send(message(wire::Command::kRegionWrite, write_payload(0, 0, std::uint32_t{1}), 1));
    const auto dma = client.receive();
    BOOST_TEST_REQUIRE(dma.has_value());
    client.send(message(answer.command, answer.payload, dma->header().id, answer.flags));
    BOOST_TEST(client.wait_reply(1).header().error == 0U);
  }
  BOOST_TEST(failures == static_cast<int>(answers.size()));
}

BOOST_AUTO_TEST_CASE(silent_client_fails_the_access_and_its_late_answer_is_ignored) {
  Options options = device_options();
  options.dma_timeout = 20ms;
  Running running(options);
  std::vector<bool> results;
  running.backend.on_write = [&](unsigned, std::uint64_t, std::uint64_t) {
    std::array<std::byte, 8> bytes{};
    results.push_back(running.server->guest_memory().read(0, bytes));
  };
  Client client(running.path());
  map_unshared(client, 0x1000);
  client.send(message(wire::Command::kRegionWrite, write_payload(0, 0, std::uint32_t{1}), 1));
  const auto late = client.receive();
  BOOST_TEST_REQUIRE(late.has_value());
  BOOST_TEST(client.wait_reply(1).header().error == 0U);
  client.answer_dma(*late);
  BOOST_TEST(client.error_of(wire::Command::kRegionWrite, write_payload(0, 0, std::uint32_t{1})) ==
             0U);
  BOOST_TEST((results == std::vector<bool>{false, true}));
}

BOOST_AUTO_TEST_CASE(silent_client_is_asked_once_in_a_register_access) {
  Options options = device_options();
  options.dma_timeout = 20ms;
  Running running(options);
  int failures = 0;
  running.backend.on_write = [&](unsigned, std::uint64_t, std::uint64_t) {
    std::array<std::byte, 8> bytes{};
    for (int i = 0; i < 1000; ++i)
      failures += running.server->guest_memory().read(0, bytes) ? 0 : 1;
  };
  Client client(running.path());
  map_unshared(client, 0x1000);
  client.send(message(wire::Command::kRegionWrite, write_payload(0, 0, std::uint32_t{1}), 1));
  BOOST_TEST(client.receive().has_value());
  BOOST_TEST(client.wait_reply(1).header().error == 0U);
  BOOST_TEST(failures == 1000);
  BOOST_TEST(running.server->counters().dma_messages == 1U);
}

BOOST_AUTO_TEST_CASE(client_that_dies_during_an_access_fails_it) {
  Running running;
  std::promise<bool> result;
  running.backend.on_write = [&](unsigned, std::uint64_t, std::uint64_t) {
    std::array<std::byte, 8> bytes{};
    result.set_value(running.server->guest_memory().read(0, bytes));
  };
  {
    Client client(running.path());
    map_unshared(client, 0x1000);
    client.send(message(wire::Command::kRegionWrite, write_payload(0, 0, std::uint32_t{1}), 1));
    BOOST_TEST(client.receive().has_value());
  }
  BOOST_TEST(!result.get_future().get());
  running.backend.wait_for_detach(1);
}

BOOST_AUTO_TEST_CASE(unmap_waits_for_an_access_of_another_thread) {
  Running running;
  Client client(running.path());
  map_unshared(client, 0x1000);
  auto read = std::async(std::launch::async, [&] {
    std::array<std::byte, 16> bytes{};
    return running.server->guest_memory().read(0x20, bytes);
  });
  const auto dma = client.receive();
  BOOST_TEST_REQUIRE(dma.has_value());
  client.send(message(wire::Command::kDmaUnmap, dma_unmap_payload(0, 0x1000), 1));
  // The region goes at once for new accesses, the reply waits for the old one.
  while (running.server->guest_memory().size() != 0) std::this_thread::yield();
  pollfd polled{.fd = client.socket(), .events = POLLIN, .revents = 0};
  BOOST_TEST(::poll(&polled, 1, 20) == 0);
  client.answer_dma(*dma);
  BOOST_TEST(client.wait_reply(1).header().error == 0U);
  BOOST_TEST(read.get());
}

BOOST_AUTO_TEST_CASE(flood_during_an_access_ends_the_connection) {
  Running running;
  running.backend.on_write = [&](unsigned, std::uint64_t, std::uint64_t) {
    std::array<std::byte, 8> bytes{};
    static_cast<void>(running.server->guest_memory().read(0, bytes));
  };
  Client client(running.path());
  map_unshared(client, 0x1000);
  client.send(message(wire::Command::kRegionWrite, write_payload(0, 0, std::uint32_t{1})));
  BOOST_TEST(client.receive().has_value());
  Bytes all;
  for (int i = 0; i < 300; ++i) {
    const Bytes one = message(wire::Command::kDeviceReset, {}, 1, wire::kFlagNoReply);
    all.insert(all.end(), one.begin(), one.end());
  }
  client.send(all);
  running.backend.wait_for_detach(1);
  BOOST_TEST(running.backend.resets <= 256);
}

BOOST_AUTO_TEST_CASE(twin_socket_carries_the_servers_commands) {
  Running running;
  std::array<std::byte, 8> seen{};
  bool read = false;
  running.backend.on_write = [&](unsigned, std::uint64_t, std::uint64_t) {
    read = running.server->guest_memory().read(0x10, seen);
  };
  Client client(running.path(), false);
  Incoming version =
      client.call(wire::Command::kVersion,
                  version_payload(R"({"capabilities":{"twin_socket":{"supported":true}}})"));
  BOOST_TEST_REQUIRE(version.fds.size() == 1U);
  Client twin(std::move(version.fds.front()));
  map_unshared(client, 0x1000);
  twin.memory = client.memory;
  client.send(message(wire::Command::kRegionWrite, write_payload(0, 0, std::uint32_t{1}), 1));
  const auto dma = twin.receive();
  BOOST_TEST_REQUIRE(dma.has_value());
  twin.answer_dma(*dma);
  BOOST_TEST(client.wait_reply(1).header().error == 0U);
  BOOST_TEST(read);
  BOOST_TEST(std::equal(seen.begin(), seen.end(), twin.memory.begin() + 0x10));
  BOOST_TEST(running.server->counters().dma_messages == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
}  // namespace
}  // namespace hgcm::vfio_user::test

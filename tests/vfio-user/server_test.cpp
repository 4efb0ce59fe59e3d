// SPDX-License-Identifier: MIT
//
// The server over its real socket: the socket's file, clients that come, go, die and misbehave,
// descriptors, interrupts.
#define BOOST_TEST_DYN_LINK
#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "client.h"
#include "running_server.h"
#include "support.h"

namespace hgcm::vfio_user::test {
namespace {

BOOST_AUTO_TEST_SUITE(options)

BOOST_AUTO_TEST_CASE(bars_that_make_no_sense_are_refused) {
  using Kind = BarConfig::Kind;
  const std::vector<BarConfig> wrong = {
      {Kind::kNone, 16, false, {}},
      {Kind::kPorts, 0, false, {}},
      {Kind::kPorts, 24, false, {}},
      {Kind::kPorts, 512, false, {}},
      {Kind::kPorts, 32, true, {}},
      {Kind::kMemory, 8, false, {}},
      {Kind::kMemory, 0x3000, true, {}},
      {Kind::kMemory, 0x800, true, {}},
      {Kind::kMemory, 0x4000, false, {{0, 0x1000}}},
      {Kind::kMemory, 0x4000, true, {{0, 0}}},
      {Kind::kMemory, 0x4000, true, {{0, 0x100}}},
      {Kind::kMemory, 0x4000, true, {{0x800, 0x1000}}},
      {Kind::kMemory, 0x4000, true, {{0x4000, 0x1000}}},
      {Kind::kMemory, 0x4000, true, {{0x2000, 0x3000}}},
      {Kind::kMemory, 0x4000, true, {{0x2000, 0x1000}, {0x2000, 0x1000}}},
      {Kind::kMemory, 0x4000, true, {{0x1000, ~std::uint64_t{0xfff}}}},
  };
  for (const BarConfig& bar : wrong) {
    Options options;
    options.bars[2] = bar;
    const auto server = Server::create(options);
    BOOST_TEST_REQUIRE(!server.has_value());
    BOOST_TEST(server.error().code() == HGCM_ERR_INVALID_PARAMETER);
  }
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE(socket_file)

BOOST_AUTO_TEST_CASE(socket_is_private_and_removed_at_the_end) {
  std::optional<Running> running(std::in_place);
  const std::string path = running->path();
  struct stat info {};
  BOOST_TEST(::stat(path.c_str(), &info) == 0);
  BOOST_TEST(S_ISSOCK(info.st_mode));
  BOOST_TEST((info.st_mode & 0777) == 0600U);
  running->server->stop();
  BOOST_TEST(!std::filesystem::exists(path));
}

BOOST_AUTO_TEST_CASE(stale_socket_is_replaced_but_a_live_one_is_not) {
  const Directory directory;
  const UniqueFd dead(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  directory.socket().copy(address.sun_path, sizeof address.sun_path - 1);
  BOOST_REQUIRE(::bind(dead.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
                0);

  Options options = device_options();
  options.socket_path = directory.socket();
  RecordingBackend backend;
  const auto first = Server::create(options);
  const auto second = Server::create(options);
  BOOST_TEST((*first)->start(backend).ok());
  BOOST_TEST((*second)->start(backend).code() == HGCM_ERR_ALREADY_EXISTS);
  BOOST_TEST(std::filesystem::exists(directory.socket()));
}

BOOST_AUTO_TEST_CASE(file_that_is_no_socket_is_left_alone) {
  const Directory directory;
  std::ofstream(directory.socket()) << "precious";
  Options options = device_options();
  options.socket_path = directory.socket();
  RecordingBackend backend;
  const auto server = Server::create(options);
  BOOST_TEST((*server)->start(backend).code() == HGCM_ERR_ALREADY_EXISTS);
  (*server)->stop();
  std::string content;
  std::ifstream(directory.socket()) >> content;
  BOOST_TEST(content == "precious");
}

BOOST_AUTO_TEST_CASE(paths_that_cannot_be_sockets_are_refused) {
  const auto start = [](const std::string& path) {
    Options options = device_options();
    options.socket_path = path;
    RecordingBackend backend;
    return Server::create(options).value()->start(backend).code();
  };
  BOOST_TEST(start("/tmp/" + std::string(120, 'x')) == HGCM_ERR_FILENAME_TOO_LONG);
  BOOST_TEST(start("") == HGCM_ERR_INVALID_NAME);
  BOOST_TEST(start("/nonexistent-directory/socket") == HGCM_ERR_FILE_NOT_FOUND);
}

BOOST_AUTO_TEST_CASE(second_start_is_refused) {
  Running running;
  BOOST_TEST(running.server->start(running.backend).code() == HGCM_ERR_INVALID_STATE);
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE(clients)

BOOST_AUTO_TEST_CASE(register_accesses_travel) {
  Running running;
  Client client(running.path());
  BOOST_TEST(running.backend.attached == 1);
  BOOST_TEST(running.server->connected());
  const Incoming reply = client.call(wire::Command::kRegionRead, read_payload(0, 4, 4));
  BOOST_TEST(payload_field<std::uint32_t>(reply.bytes, 16) == 0x17161514U);
  BOOST_TEST(client.error_of(wire::Command::kRegionWrite,
                             write_payload(0, 0, std::uint32_t{0x1234})) == 0U);
  BOOST_TEST(running.backend.writes().at(0).value == 0x1234U);
  const ServerCounters counters = running.server->counters();
  BOOST_TEST(counters.clients == 1U);
  BOOST_TEST(counters.messages == 3U);
  BOOST_TEST(counters.bar_reads == 1U);
  BOOST_TEST(counters.bar_writes == 1U);
}

BOOST_AUTO_TEST_CASE(bar_memory_is_shared_and_cannot_be_resized) {
  Running running;
  Client client(running.path());
  const Incoming reply = client.call(wire::Command::kDeviceGetRegionInfo,
                                     payload_of(vfio_region_info{32, 0, 1, 0, 0, 0}));
  BOOST_TEST_REQUIRE(reply.fds.size() == 1U);
  const UniqueFd& bar = reply.fds.front();
  BOOST_TEST(file_bytes(bar, 0, 1) == "\x42");
  BOOST_TEST(::pwrite(bar.get(), "hello", 5, 0x1000) == 5);
  BOOST_TEST(std::memcmp(running.server->bar_memory(1).data() + 0x1000, "hello", 5) == 0);
  BOOST_TEST(::ftruncate(bar.get(), 0) == -1);
  BOOST_TEST(errno == EPERM);
  BOOST_TEST(running.server->bar_memory(0).empty());
  BOOST_TEST(running.server->bar_memory(9).empty());
}

BOOST_AUTO_TEST_CASE(pipelined_messages_are_answered_in_order) {
  Running running;
  Client client(running.path());
  Bytes all;
  for (std::uint16_t id = 1; id <= 50; ++id) {
    const Bytes one = message(wire::Command::kRegionRead, read_payload(0, 0, 4), id);
    all.insert(all.end(), one.begin(), one.end());
  }
  client.send(all);
  for (std::uint16_t id = 1; id <= 50; ++id) {
    BOOST_TEST(client.wait_reply(id).header().error == 0U);
  }
}

BOOST_AUTO_TEST_CASE(message_that_comes_byte_by_byte_is_understood) {
  Running running;
  Client client(running.path());
  for (const std::byte byte : message(wire::Command::kRegionRead, read_payload(0, 0, 4), 9)) {
    client.send({byte});
  }
  BOOST_TEST(client.wait_reply(9).header().error == 0U);
}

BOOST_AUTO_TEST_CASE(descriptors_stay_with_their_messages_in_a_pipeline) {
  Running running;
  Client client(running.path());
  constexpr std::uint16_t kCount = 20;
  const auto read_id = [](std::uint16_t i) { return static_cast<std::uint16_t>(1000 + 2 * i); };
  const auto map_id = [](std::uint16_t i) { return static_cast<std::uint16_t>(1001 + 2 * i); };
  std::vector<UniqueFd> files;
  for (std::uint16_t i = 0; i < kCount; ++i) {
    files.push_back(memory_file(0x1000));
    BOOST_REQUIRE(::pwrite(files.back().get(), &i, sizeof i, 0) == sizeof i);
    client.send(message(wire::Command::kRegionRead, read_payload(0, 0, 4), read_id(i)));
    client.send(message(wire::Command::kDmaMap, dma_map_payload(i * 0x1000U, 0x1000), map_id(i)),
                {files.back().get()});
  }
  for (std::uint16_t i = 0; i < kCount; ++i) {
    BOOST_TEST(client.wait_reply(read_id(i)).header().error == 0U);
    BOOST_TEST(client.wait_reply(map_id(i)).header().error == 0U);
    std::uint16_t value = 0xffff;
    BOOST_TEST(running.server->guest_memory().read(i * 0x1000U,
                                                   std::as_writable_bytes(std::span(&value, 1))));
    BOOST_TEST(value == i);
  }
}

BOOST_AUTO_TEST_CASE(largest_message_is_taken_and_a_larger_one_ends_the_connection) {
  Running running;
  Client client(running.path());
  Bytes payload = read_payload(1, 0, 0x100000);
  payload.resize(payload.size() + 0x100000);
  BOOST_TEST(client.error_of(wire::Command::kRegionWrite, payload) == 0U);
  Bytes header = message(wire::Command::kRegionWrite, {});
  const std::uint32_t size = kMaxMessageBytes + 1;
  std::memcpy(header.data() + 4, &size, sizeof size);
  client.send(header);
  BOOST_TEST(client.closed());
  running.backend.wait_for_detach(1);
}

BOOST_AUTO_TEST_CASE(size_below_the_header_ends_the_connection) {
  for (const std::uint32_t size : {0U, 8U, 15U, ~0U}) {
    Running running;
    Client client(running.path());
    Bytes header = message(wire::Command::kDeviceReset, {});
    std::memcpy(header.data() + 4, &size, sizeof size);
    client.send(header);
    BOOST_TEST(client.closed());
    running.backend.wait_for_detach(1);
    BOOST_TEST(running.backend.resets == 0);
  }
}

BOOST_AUTO_TEST_CASE(too_many_descriptors_end_the_connection_and_are_closed) {
  Running running;
  const UniqueFd event = event_fd();
  std::optional<Client> client(std::in_place, running.path());
  client->send(message(wire::Command::kDeviceReset, {}), std::vector<int>(9, event.get()));
  BOOST_TEST(client->closed());
  running.backend.wait_for_detach(1);
  client.reset();
  Client next(running.path());
  const std::size_t with_client = open_descriptors();
  next.send(message(wire::Command::kDeviceReset, {}, 1), std::vector<int>(8, event.get()));
  BOOST_TEST(next.wait_reply(1).header().error == static_cast<std::uint32_t>(EINVAL));
  BOOST_TEST(open_descriptors() == with_client);
}

BOOST_AUTO_TEST_CASE(client_that_dies_is_detached_and_the_next_is_served) {
  Running running;
  {
    Client client(running.path());
    const UniqueFd ram = memory_file(0x1000);
    const UniqueFd event = event_fd();
    BOOST_TEST(client.error_of(wire::Command::kDmaMap, dma_map_payload(0, 0x1000), {ram.get()}) ==
               0U);
    BOOST_TEST(client.error_of(wire::Command::kDeviceSetIrqs, irq_payload(0, kBindTriggerFlags),
                               {event.get()}) == 0U);
  }
  running.backend.wait_for_detach(1);
  Client next(running.path());
  BOOST_TEST(running.backend.attached == 2);
  BOOST_TEST(running.server->guest_memory().size() == 0U);
  BOOST_TEST(next.error_of(wire::Command::kRegionRead, read_payload(0, 0, 4)) == 0U);
}

BOOST_AUTO_TEST_CASE(clients_come_and_go_without_a_leak) {
  Running running;
  const UniqueFd ram = memory_file(0x1000);
  const UniqueFd event = event_fd();
  std::vector<std::size_t> open;
  for (int i = 1; i <= 4; ++i) {
    Client client(running.path());
    BOOST_TEST(client.error_of(wire::Command::kDmaMap, dma_map_payload(0, 0x1000), {ram.get()}) ==
               0U);
    BOOST_TEST(client.error_of(wire::Command::kDeviceSetIrqs, irq_payload(0, kBindTriggerFlags),
                               {event.get()}) == 0U);
    open.push_back(open_descriptors());
    client.disconnect();
    running.backend.wait_for_detach(i);
  }
  BOOST_TEST(open == std::vector<std::size_t>(4, open.front()), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(guest_memory_is_there_until_detach_returns) {
  Running running;
  bool readable = false;
  running.backend.on_detach = [&] {
    std::array<std::byte, 1> byte{};
    readable = running.server->guest_memory().read(0, byte);
  };
  {
    Client client(running.path());
    const UniqueFd ram = memory_file(0x1000);
    BOOST_TEST(client.error_of(wire::Command::kDmaMap, dma_map_payload(0, 0x1000), {ram.get()}) ==
               0U);
  }
  running.backend.wait_for_detach(1);
  BOOST_TEST(readable);
}

BOOST_AUTO_TEST_CASE(bar_memory_of_an_earlier_client_is_not_the_next_ones) {
  Running running;
  UniqueFd old_bar;
  {
    Client client(running.path());
    Incoming reply = client.call(wire::Command::kDeviceGetRegionInfo,
                                 payload_of(vfio_region_info{32, 0, 1, 0, 0, 0}));
    old_bar = std::move(reply.fds.at(0));
    BOOST_TEST(::pwrite(old_bar.get(), "old", 3, 0x2000) == 3);
  }
  running.backend.wait_for_detach(1);
  Client next(running.path());
  const std::span<std::byte> bar = running.server->bar_memory(1);
  BOOST_TEST((bar[0] == std::byte{0x42}));
  BOOST_TEST((bar[0x2000] == std::byte{0}));
  BOOST_TEST(::pwrite(old_bar.get(), "evil", 4, 0x2000) == 4);
  BOOST_TEST((bar[0x2000] == std::byte{0}));
}

BOOST_AUTO_TEST_CASE(second_client_is_refused_while_the_first_is_served) {
  Running running;
  Client first(running.path());
  Client second(running.path(), false);
  second.send(message(wire::Command::kVersion, version_payload()));
  BOOST_TEST(second.closed());
  BOOST_TEST(running.server->counters().clients_refused == 1U);
  BOOST_TEST(first.error_of(wire::Command::kRegionRead, read_payload(0, 0, 4)) == 0U);
}

BOOST_AUTO_TEST_CASE(client_that_comes_just_before_the_first_has_gone_is_served) {
  Running running;
  std::optional<Client> first(std::in_place, running.path());
  auto second = std::async(std::launch::async, [&] { return Client(running.path()); });
  first.reset();
  BOOST_TEST(second.get().error_of(wire::Command::kRegionRead, read_payload(0, 0, 4)) == 0U);
}

BOOST_AUTO_TEST_CASE(stop_disconnects_and_detaches) {
  Running running;
  Client client(running.path());
  running.server->stop();
  BOOST_TEST(client.closed());
  BOOST_TEST(running.backend.detached == 1);
  BOOST_TEST(!running.server->connected());
}

BOOST_AUTO_TEST_CASE(client_that_never_reads_does_not_hang_stop) {
  Running running;
  Client client(running.path());
  Bytes all;
  for (int i = 0; i < 4; ++i) {
    const Bytes one = message(wire::Command::kRegionRead, read_payload(1, 0, 0x100000));
    all.insert(all.end(), one.begin(), one.end());
  }
  client.send(all);
  while (running.server->counters().bar_reads == 0) std::this_thread::yield();
  running.server->stop();
  BOOST_TEST(running.backend.detached == 1);
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE(interrupts_over_the_socket)

BOOST_AUTO_TEST_CASE(high_level_is_signalled_again_by_the_servers_timer) {
  Running running;
  Client client(running.path());
  const UniqueFd event(::eventfd(0, EFD_CLOEXEC));
  BOOST_TEST(client.error_of(wire::Command::kDeviceSetIrqs, irq_payload(0, kBindTriggerFlags),
                             {event.get()}) == 0U);
  ::fcntl(event.get(), F_SETFL, 0);  // wait in take_events()
  running.server->interrupt_line().set_level(true);
  BOOST_TEST(take_events(event) == 1U);
  BOOST_TEST(client.error_of(wire::Command::kRegionRead, read_payload(1, 8, 1)) == 0U);
  BOOST_TEST(client.error_of(wire::Command::kDeviceSetIrqs, irq_payload(0, kUnmaskFlags)) == 0U);
  BOOST_TEST(take_events(event) == 1U);
  BOOST_TEST(running.server->counters().intx_resignalled == 1U);
}

BOOST_AUTO_TEST_CASE(unmask_eventfd_is_listened_to) {
  Running running;
  Client client(running.path());
  const UniqueFd event(::eventfd(0, EFD_CLOEXEC));
  const UniqueFd unmask = event_fd();
  BOOST_TEST(client.error_of(wire::Command::kDeviceSetIrqs, irq_payload(0, kBindTriggerFlags),
                             {event.get()}) == 0U);
  BOOST_TEST(client.error_of(wire::Command::kDeviceSetIrqs,
                             irq_payload(0, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_UNMASK),
                             {unmask.get()}) == 0U);
  ::fcntl(event.get(), F_SETFL, 0);
  vmmdev::InterruptLine& line = running.server->interrupt_line();
  line.set_level(true);
  BOOST_TEST(take_events(event) == 1U);
  line.set_level(false);
  line.set_level(true);
  const std::uint64_t one = 1;
  BOOST_TEST(::write(unmask.get(), &one, sizeof one) == 8);
  BOOST_TEST(take_events(event) == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
}  // namespace
}  // namespace hgcm::vfio_user::test

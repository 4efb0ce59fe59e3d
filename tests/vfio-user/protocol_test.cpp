// SPDX-License-Identifier: MIT
//
// The protocol core, one message at a time and without a socket: what each command answers, and
// that wrong ones are refused without effect.
#define BOOST_TEST_DYN_LINK
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <ostream>

#include "support.h"
#include "vfio-user/protocol.h"

namespace hgcm::vfio_user::test {
namespace {

struct Core {
  explicit Core(const Options& options = device_options(), bool greet = true)
      : bar_file(memory_file(0x400000)),
        protocol(
            options, memory, interrupts, backend,
            [this](unsigned bar) { return bar == 1 ? bar_file.get() : -1; },
            [](std::uint64_t) { return UniqueFd(); }) {
    if (greet)
      send(wire::Command::kVersion, version_payload(R"({"capabilities":{"write_multiple":true}})"));
  }

  /// The error number of the reply; 0: success.
  std::uint32_t send_raw(const Bytes& bytes, UniqueFd fd = {}) {
    FdList fds;
    if (fd) BOOST_REQUIRE(fds.add(std::move(fd)));
    const Reply answer = protocol.handle(bytes, fds);
    reply.assign(answer.bytes.begin(), answer.bytes.end());
    reply_fd = answer.fd;
    if (reply.empty()) return 0;
    const wire::Header header = header_of(reply);
    BOOST_TEST(header.size == reply.size());
    BOOST_TEST((header.flags & wire::kTypeMask) == wire::kTypeReply);
    BOOST_TEST(((header.flags & wire::kFlagError) != 0) == (header.error != 0));
    if (header.error != 0) BOOST_TEST(reply.size() == sizeof header);
    return header.error;
  }
  std::uint32_t send(wire::Command command, const Bytes& payload, UniqueFd fd = {}) {
    return send_raw(message(command, payload), std::move(fd));
  }
  std::uint32_t config(std::uint64_t offset, std::uint32_t width = 4) {
    BOOST_TEST(send(wire::Command::kRegionRead,
                    read_payload(VFIO_PCI_CONFIG_REGION_INDEX, offset, width)) == 0U);
    std::uint32_t value = 0;
    std::memcpy(&value, reply.data() + 32, width);
    return value;
  }
  template <typename T>
  void set_config(std::uint64_t offset, T value) {
    BOOST_TEST(send(wire::Command::kRegionWrite,
                    write_payload(VFIO_PCI_CONFIG_REGION_INDEX, offset, value)) == 0U);
  }

  UniqueFd bar_file;
  DmaMemory memory;
  Interrupts interrupts{std::chrono::microseconds(1000)};
  RecordingBackend backend;
  Protocol protocol;
  Bytes reply;
  int reply_fd = -1;
};

BOOST_AUTO_TEST_SUITE(version)

BOOST_AUTO_TEST_CASE(proposal_of_qemu_is_answered_with_our_limits) {
  Core core(device_options(), false);
  const Bytes proposal = version_payload(
      R"({"capabilities":{"max_msg_fds":8,"max_data_xfer_size":1048576,"pgsizes":4096,)"
      R"("max_dma_maps":65535,"migration":{"pgsize":4096,"max_bitmap_size":268435456},)"
      R"("write_multiple":true}})");
  BOOST_TEST(core.send(wire::Command::kVersion, proposal) == 0U);
  BOOST_TEST(payload_field<std::uint16_t>(core.reply, 0) == 0);
  BOOST_TEST(payload_field<std::uint16_t>(core.reply, 2) == 0);
  // QEMU reads the reply into the buffer that its proposal was in.
  BOOST_TEST(core.reply.size() <= sizeof(wire::Header) + proposal.size());
  BOOST_TEST((core.reply.back() == std::byte{0}));
  const auto json = nlohmann::json::parse(reinterpret_cast<const char*>(core.reply.data()) + 20);
  const auto& capabilities = json.at("capabilities");
  BOOST_TEST(capabilities.at("max_msg_fds") == 8);
  BOOST_TEST(capabilities.at("max_data_xfer_size") == 1048576);
  BOOST_TEST(capabilities.at("max_dma_maps") == 1024);
  BOOST_TEST(capabilities.at("pgsizes") == 4096);
  BOOST_TEST(capabilities.at("write_multiple") == true);
  BOOST_TEST(!capabilities.contains("migration"));
}

BOOST_AUTO_TEST_CASE(write_multiple_not_offered_is_not_answered) {
  Core core(device_options(), false);
  BOOST_TEST(core.send(wire::Command::kVersion, version_payload()) == 0U);
  const auto json = nlohmann::json::parse(reinterpret_cast<const char*>(core.reply.data()) + 20);
  BOOST_TEST(!json.at("capabilities").contains("write_multiple"));
  BOOST_TEST(core.send(wire::Command::kRegionWriteMulti, payload_of(std::uint64_t{0})) ==
             static_cast<std::uint32_t>(EOPNOTSUPP));
}

BOOST_AUTO_TEST_CASE(proposal_without_data_gets_the_defaults) {
  Core core(device_options(), false);
  BOOST_TEST(core.send(wire::Command::kVersion, payload_of(wire::Version{0, 9})) == 0U);
  BOOST_TEST(payload_field<std::uint16_t>(core.reply, 2) == 1);
  BOOST_TEST(core.protocol.client().max_data_bytes == kMaxDataBytes);
}

BOOST_AUTO_TEST_CASE(small_transfer_limit_of_the_client_is_kept) {
  Core core(device_options(), false);
  BOOST_TEST(core.send(wire::Command::kVersion,
                       version_payload(R"({"capabilities":{"max_data_xfer_size":64}})")) == 0U);
  BOOST_TEST(core.protocol.client().max_data_bytes == 64U);
}

BOOST_AUTO_TEST_CASE(command_before_version_is_refused) {
  Core core(device_options(), false);
  BOOST_TEST(core.send(wire::Command::kDeviceReset, {}) == static_cast<std::uint32_t>(EINVAL));
  BOOST_TEST(core.backend.resets == 0);
}

BOOST_AUTO_TEST_CASE(second_version_is_refused) {
  Core core;
  BOOST_TEST(core.send(wire::Command::kVersion, version_payload()) ==
             static_cast<std::uint32_t>(EINVAL));
}

const std::vector<Bytes> wrong_versions = {
    {},
    payload_of(std::uint16_t{0}),
    payload_of(wire::Version{1, 0}),
    payload_of(wire::Version{0, 0}, 'x'),
    version_payload(""),
    version_payload("[]"),
    version_payload("{"),
    version_payload(R"({"capabilities":[]})"),
    version_payload(R"({"capabilities":{"max_msg_fds":"8"}})"),
    version_payload(R"({"capabilities":{"max_msg_fds":-1}})"),
    version_payload(R"({"capabilities":{"max_data_xfer_size":0}})"),
    version_payload(R"({"capabilities":{"max_data_xfer_size":1e400}})"),
    version_payload(R"({"capabilities":{"write_multiple":1}})"),
    version_payload(R"({"capabilities":{"twin_socket":true}})"),
    version_payload(std::string(5000, ' ')),
    version_payload(std::string(4000, '[')),
};
BOOST_AUTO_TEST_CASE(wrong_proposals_are_refused) {
  for (const Bytes& payload : wrong_versions) {
    Core core(device_options(), false);
    BOOST_TEST(core.send(wire::Command::kVersion, payload) != 0U);
    // The client may try again.
    BOOST_TEST(core.send(wire::Command::kVersion, version_payload()) == 0U);
  }
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE(framing)

BOOST_AUTO_TEST_CASE(no_reply_flag_is_honoured_for_success_and_error) {
  Core core;
  core.send_raw(message(wire::Command::kDeviceReset, {}, 1, wire::kFlagNoReply));
  BOOST_TEST(core.reply.empty());
  BOOST_TEST(core.backend.resets == 1);
  core.send_raw(message(static_cast<wire::Command>(99), {}, 1, wire::kFlagNoReply));
  BOOST_TEST(core.reply.empty());
  BOOST_TEST(core.protocol.counters().messages_refused == 1U);
}

BOOST_AUTO_TEST_CASE(message_id_and_command_are_echoed) {
  Core core;
  core.send_raw(message(wire::Command::kDeviceReset, {}, 0xbeef));
  BOOST_TEST(header_of(core.reply).id == 0xbeef);
  BOOST_TEST(header_of(core.reply).command == 13);
}

BOOST_AUTO_TEST_CASE(unknown_commands_get_an_error_reply) {
  Core core;
  for (const int command : {0, 19, 99, 0xffff}) {
    BOOST_TEST(core.send(static_cast<wire::Command>(command), {}) ==
               static_cast<std::uint32_t>(ENOSYS));
  }
}

BOOST_AUTO_TEST_CASE(migration_and_dirty_pages_are_refused_as_unsupported) {
  Core core;
  for (const auto command : {wire::Command::kDirtyPages, wire::Command::kDeviceFeature,
                             wire::Command::kMigDataRead, wire::Command::kMigDataWrite}) {
    BOOST_TEST(core.send(command, Bytes(24)) == static_cast<std::uint32_t>(EOPNOTSUPP));
  }
}

BOOST_AUTO_TEST_CASE(server_commands_from_the_client_are_refused) {
  Core core;
  BOOST_TEST(core.send(wire::Command::kDmaRead, Bytes(16)) == static_cast<std::uint32_t>(EINVAL));
  BOOST_TEST(core.send(wire::Command::kDmaWrite, Bytes(24)) == static_cast<std::uint32_t>(EINVAL));
}

BOOST_AUTO_TEST_CASE(wrong_header_flags_are_refused) {
  Core core;
  for (const std::uint32_t flags : {2U, 15U, wire::kFlagError, 1U << 6, 1U << 31}) {
    BOOST_TEST(core.send_raw(message(wire::Command::kDeviceReset, {}, 1, flags)) ==
               static_cast<std::uint32_t>(EINVAL));
  }
  BOOST_TEST(core.backend.resets == 0);
}

BOOST_AUTO_TEST_CASE(stray_reply_is_not_answered) {
  Core core;
  core.send_raw(message(wire::Command::kDeviceReset, {}, 1, wire::kTypeReply));
  BOOST_TEST(core.reply.empty());
  BOOST_TEST(core.backend.resets == 0);
}

BOOST_AUTO_TEST_CASE(unexpected_descriptor_is_refused_and_closed) {
  Core core;
  const std::size_t before = open_descriptors();
  BOOST_TEST(core.send(wire::Command::kDeviceReset, {}, event_fd()) ==
             static_cast<std::uint32_t>(EINVAL));
  BOOST_TEST(core.backend.resets == 0);
  BOOST_TEST(open_descriptors() == before);
}

/// Every command with a payload that is a byte short, a byte long, empty, or huge.
struct Sized {
  wire::Command command;
  Bytes payload;
};
const std::vector<Sized> sized_messages = {
    {wire::Command::kDmaMap, dma_map_payload(0, 0x1000)},
    {wire::Command::kDmaUnmap, dma_unmap_payload(0x1000, 0x1000)},
    {wire::Command::kDeviceGetInfo, payload_of(wire::DeviceInfo{16, 0, 0, 0})},
    {wire::Command::kDeviceGetRegionInfo, payload_of(vfio_region_info{32, 0, 0, 0, 0, 0})},
    {wire::Command::kDeviceGetRegionIoFds, payload_of(wire::RegionIoFds{16, 0, 0, 0})},
    {wire::Command::kDeviceGetIrqInfo, payload_of(vfio_irq_info{16, 0, 0, 0})},
    {wire::Command::kDeviceSetIrqs, irq_payload(0, kUnmaskFlags)},
    {wire::Command::kRegionRead, read_payload(0, 0, 4)},
    {wire::Command::kRegionWrite, write_payload(0, 0, std::uint32_t{1})},
    {wire::Command::kRegionWriteMulti, payload_of(std::uint64_t{1}, wire::MultiWrite{0, 0, 4, 0})},
};
BOOST_AUTO_TEST_CASE(payloads_of_the_wrong_size_are_refused) {
  for (const Sized& sized : sized_messages) {
    Core core;
    Bytes shorter = sized.payload;
    shorter.pop_back();
    Bytes longer = sized.payload;
    longer.push_back(std::byte{0});
    BOOST_TEST(core.send(sized.command, shorter) != 0U);
    BOOST_TEST(core.send(sized.command, longer) != 0U);
    BOOST_TEST(core.send(sized.command, {}) != 0U);
    BOOST_TEST(core.send(sized.command, Bytes(100000)) != 0U);
    BOOST_TEST(core.backend.writes().empty());
    BOOST_TEST(core.memory.size() == 0U);
  }
}

BOOST_AUTO_TEST_CASE(argsz_below_the_structure_is_refused) {
  for (const Sized& sized : sized_messages) {
    if (sized.command == wire::Command::kRegionRead ||
        sized.command == wire::Command::kRegionWrite ||
        sized.command == wire::Command::kRegionWriteMulti) {
      continue;
    }
    Core core;
    Bytes payload = sized.payload;
    payload.at(0) = static_cast<std::byte>(std::to_integer<unsigned>(payload.at(0)) - 1);
    BOOST_TEST(core.send(sized.command, payload) == static_cast<std::uint32_t>(EINVAL));
  }
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE(information)

BOOST_AUTO_TEST_CASE(device_is_a_resettable_pci_device) {
  Core core;
  BOOST_TEST(core.send(wire::Command::kDeviceGetInfo, payload_of(wire::DeviceInfo{16, 0, 0, 0})) ==
             0U);
  BOOST_TEST(core.reply.size() == 32U);
  const auto info = payload_field<wire::DeviceInfo>(core.reply, 0);
  BOOST_TEST(info.argsz == 16U);
  BOOST_TEST(info.flags == (VFIO_DEVICE_FLAGS_RESET | VFIO_DEVICE_FLAGS_PCI));
  BOOST_TEST(info.num_regions == 9U);
  BOOST_TEST(info.num_irqs == 5U);
}

vfio_region_info region_info(Core& core, std::uint32_t index, std::uint32_t argsz = 32) {
  BOOST_TEST(core.send(wire::Command::kDeviceGetRegionInfo,
                       payload_of(vfio_region_info{argsz, 0, index, 0, 0, 0})) == 0U);
  return payload_field<vfio_region_info>(core.reply, 0);
}

BOOST_AUTO_TEST_CASE(regions_have_their_sizes_and_flags) {
  Core core;
  constexpr std::uint32_t kReadWrite = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
  struct Expected {
    std::uint64_t size;
    std::uint32_t flags;
  };
  const std::array<Expected, 9> expected{{{0x20, kReadWrite},
                                          {0x400000, kReadWrite | VFIO_REGION_INFO_FLAG_MMAP},
                                          {0, 0},
                                          {0x1000, kReadWrite},
                                          {0, 0},
                                          {0, 0},
                                          {0, 0},
                                          {256, kReadWrite},
                                          {0, 0}}};
  for (std::uint32_t i = 0; i < expected.size(); ++i) {
    const vfio_region_info info = region_info(core, i);
    BOOST_TEST(info.index == i);
    BOOST_TEST(info.argsz == 32U);
    BOOST_TEST(info.size == expected.at(i).size);
    BOOST_TEST(info.flags == expected.at(i).flags);
    BOOST_TEST(core.reply_fd == (i == 1 ? core.bar_file.get() : -1));
  }
  BOOST_TEST(core.send(wire::Command::kDeviceGetRegionInfo,
                       payload_of(vfio_region_info{32, 0, 9, 0, 0, 0})) ==
             static_cast<std::uint32_t>(EINVAL));
}

BOOST_AUTO_TEST_CASE(partly_mappable_region_lists_its_areas) {
  Options options = device_options();
  options.bars[1].mappable = {{.offset = 0x1000, .size = 0x2000},
                              {.offset = 0x10000, .size = 0x1000}};
  Core core(options);
  const vfio_region_info small = region_info(core, 1);
  BOOST_TEST(small.argsz == 32U + 16U + 2U * 16U);
  BOOST_TEST(small.cap_offset == 0U);
  BOOST_TEST(core.reply.size() == 48U);
  BOOST_TEST(core.reply_fd == -1);

  const vfio_region_info full = region_info(core, 1, small.argsz);
  BOOST_TEST((full.flags & VFIO_REGION_INFO_FLAG_CAPS) != 0U);
  BOOST_TEST(full.cap_offset == 32U);
  BOOST_TEST(payload_field<std::uint16_t>(core.reply, 32) == VFIO_REGION_INFO_CAP_SPARSE_MMAP);
  BOOST_TEST(payload_field<std::uint32_t>(core.reply, 40) == 2U);
  BOOST_TEST(payload_field<std::uint64_t>(core.reply, 48) == 0x1000U);
  BOOST_TEST(payload_field<std::uint64_t>(core.reply, 56) == 0x2000U);
  BOOST_TEST(payload_field<std::uint64_t>(core.reply, 64) == 0x10000U);
  BOOST_TEST(core.reply_fd == core.bar_file.get());
}

BOOST_AUTO_TEST_CASE(region_io_descriptors_are_unsupported) {
  Core core;
  BOOST_TEST(
      core.send(wire::Command::kDeviceGetRegionIoFds, payload_of(wire::RegionIoFds{16, 0, 0, 0})) ==
      static_cast<std::uint32_t>(EOPNOTSUPP));
  BOOST_TEST(
      core.send(wire::Command::kDeviceGetRegionIoFds, payload_of(wire::RegionIoFds{16, 0, 9, 0})) ==
      static_cast<std::uint32_t>(EINVAL));
}

BOOST_AUTO_TEST_CASE(interrupt_indices_have_their_counts) {
  Core core;
  const auto info = [&](std::uint32_t index) {
    return core.send(wire::Command::kDeviceGetIrqInfo, payload_of(vfio_irq_info{16, 0, index, 0}));
  };
  BOOST_TEST(info(VFIO_PCI_INTX_IRQ_INDEX) == 0U);
  BOOST_TEST(payload_field<vfio_irq_info>(core.reply, 0).flags ==
             (VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED));
  BOOST_TEST(payload_field<vfio_irq_info>(core.reply, 0).count == 1U);
  BOOST_TEST(info(VFIO_PCI_MSI_IRQ_INDEX) == 0U);
  BOOST_TEST(payload_field<vfio_irq_info>(core.reply, 0).flags ==
             (VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE));
  BOOST_TEST(payload_field<vfio_irq_info>(core.reply, 0).count == 1U);
  BOOST_TEST(info(VFIO_PCI_MSIX_IRQ_INDEX) == 0U);
  BOOST_TEST(payload_field<vfio_irq_info>(core.reply, 0).count == 0U);
  BOOST_TEST(info(VFIO_PCI_ERR_IRQ_INDEX) == static_cast<std::uint32_t>(EINVAL));
  BOOST_TEST(info(VFIO_PCI_REQ_IRQ_INDEX) == static_cast<std::uint32_t>(EINVAL));
  BOOST_TEST(info(5) == static_cast<std::uint32_t>(EINVAL));
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE(regions)

BOOST_AUTO_TEST_CASE(read_returns_what_the_device_gives) {
  Core core;
  BOOST_TEST(core.send(wire::Command::kRegionRead, read_payload(0, 8, 4)) == 0U);
  BOOST_TEST(core.reply.size() == 16U + 16U + 4U);
  const auto access = payload_field<wire::RegionAccess>(core.reply, 0);
  BOOST_TEST(access.offset == 8U);
  BOOST_TEST(access.region == 0U);
  BOOST_TEST(access.count == 4U);
  BOOST_TEST(payload_field<std::uint32_t>(core.reply, 16) == 0x1b1a1918U);
}

BOOST_AUTO_TEST_CASE(write_reaches_the_device) {
  Core core;
  BOOST_TEST(core.send(wire::Command::kRegionWrite,
                       write_payload(3, 0xff8, std::uint64_t{0x1122334455667788})) == 0U);
  BOOST_TEST(core.reply.size() == 32U);
  const auto writes = core.backend.writes();
  BOOST_TEST_REQUIRE(writes.size() == 1U);
  BOOST_TEST(writes[0].bar == 3U);
  BOOST_TEST(writes[0].offset == 0xff8U);
  BOOST_TEST(writes[0].value == 0x1122334455667788U);
  BOOST_TEST(writes[0].width == 8U);
}

BOOST_AUTO_TEST_CASE(accesses_outside_a_region_are_refused) {
  Core core;
  constexpr std::uint64_t kHuge = ~std::uint64_t{0};
  const std::vector<Bytes> wrong = {
      read_payload(0, 0x20, 1),      read_payload(0, 0x1d, 4),  read_payload(0, kHuge, 4),
      read_payload(0, kHuge - 3, 4), read_payload(0, 0, 0),     read_payload(0, 0, 3),
      read_payload(0, 0, 8),         read_payload(2, 0, 4),     read_payload(6, 0, 4),
      read_payload(8, 0, 4),         read_payload(9, 0, 4),     read_payload(~0U, 0, 4),
      read_payload(7, 0xfe, 4),      read_payload(7, 0x100, 1), read_payload(1, 0x400000, 1),
      read_payload(1, 0, 0x100001),  read_payload(1, 0, ~0U),
  };
  for (const Bytes& payload : wrong) {
    BOOST_TEST(core.send(wire::Command::kRegionRead, payload) ==
               static_cast<std::uint32_t>(EINVAL));
  }
}

BOOST_AUTO_TEST_CASE(largest_read_fits_a_reply) {
  Core core;
  BOOST_TEST(core.send(wire::Command::kRegionRead, read_payload(1, 0, 0x100000)) == 0U);
  BOOST_TEST(core.reply.size() == kMaxMessageBytes);
}

BOOST_AUTO_TEST_CASE(write_whose_count_is_not_its_data_is_refused) {
  Core core;
  Bytes payload = write_payload(1, 0, std::uint32_t{1});
  payload.at(12) = std::byte{8};
  BOOST_TEST(core.send(wire::Command::kRegionWrite, payload) == static_cast<std::uint32_t>(EINVAL));
  payload.at(12) = std::byte{2};
  BOOST_TEST(core.send(wire::Command::kRegionWrite, payload) == static_cast<std::uint32_t>(EINVAL));
  BOOST_TEST(core.backend.writes().empty());
}

BOOST_AUTO_TEST_CASE(several_writes_in_one_message_are_done_in_order) {
  Core core;
  const Bytes payload = payload_of(std::uint64_t{2}, wire::MultiWrite{0, 0, 4, 0xaa},
                                   wire::MultiWrite{8, 3, 8, 0xbb});
  BOOST_TEST(core.send(wire::Command::kRegionWriteMulti, payload) == 0U);
  BOOST_TEST(payload_field<std::uint64_t>(core.reply, 0) == 2U);
  const auto writes = core.backend.writes();
  BOOST_TEST_REQUIRE(writes.size() == 2U);
  BOOST_TEST(writes[0].value == 0xaaU);
  BOOST_TEST(writes[1].value == 0xbbU);
}

BOOST_AUTO_TEST_CASE(one_wrong_write_of_several_stops_them_all) {
  Core core;
  const std::vector<Bytes> wrong = {
      payload_of(std::uint64_t{2}, wire::MultiWrite{0, 0, 4, 0}, wire::MultiWrite{0x20, 0, 4, 0}),
      payload_of(std::uint64_t{1}, wire::MultiWrite{0, 1, 9, 0}),
      payload_of(std::uint64_t{2}, wire::MultiWrite{0, 0, 4, 0}),
      payload_of(~std::uint64_t{0}, wire::MultiWrite{0, 0, 4, 0}),
      payload_of(std::uint64_t{0x0aaaaaaaaaaaaaab}, wire::MultiWrite{0, 0, 4, 0})};
  for (const Bytes& payload : wrong) {
    BOOST_TEST(core.send(wire::Command::kRegionWriteMulti, payload) != 0U);
  }
  BOOST_TEST(core.backend.writes().empty());
}

BOOST_AUTO_TEST_CASE(reset_reaches_the_device_and_the_configuration) {
  Core core;
  core.set_config(0x10, std::uint32_t{0xc000});
  core.set_config(0x04, std::uint16_t{7});
  BOOST_TEST(core.send(wire::Command::kDeviceReset, {}) == 0U);
  BOOST_TEST(core.backend.resets == 1);
  BOOST_TEST(core.config(0x10) == 1U);
  BOOST_TEST(core.config(0x04, 2) == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE(dma)

BOOST_AUTO_TEST_CASE(map_with_a_file_gives_the_memory) {
  Core core;
  const UniqueFd ram = memory_file(0x4000);
  BOOST_TEST(::pwrite(ram.get(), "guest", 5, 0x2000) == 5);
  BOOST_TEST(core.send(wire::Command::kDmaMap, dma_map_payload(0x100000, 0x2000, 0x2000),
                       duplicate(ram)) == 0U);
  BOOST_TEST(core.reply.size() == 16U);
  std::array<std::byte, 5> bytes{};
  BOOST_TEST(core.memory.read(0x100000, bytes));
  BOOST_TEST(std::memcmp(bytes.data(), "guest", 5) == 0);
  BOOST_TEST(core.memory.size() == 0x2000U);
}

BOOST_AUTO_TEST_CASE(map_keeps_one_descriptor_until_unmap) {
  Core core;
  const UniqueFd ram = memory_file(0x1000);
  const std::size_t before = open_descriptors();
  BOOST_TEST(core.send(wire::Command::kDmaMap, dma_map_payload(0, 0x1000), duplicate(ram)) == 0U);
  BOOST_TEST(open_descriptors() == before + 1);
  BOOST_TEST(core.send(wire::Command::kDmaUnmap, dma_unmap_payload(0, 0x1000)) == 0U);
  BOOST_TEST(open_descriptors() == before);
}

BOOST_AUTO_TEST_CASE(wrong_maps_are_refused_without_effect) {
  Core core;
  constexpr std::uint64_t kTop = ~std::uint64_t{0xfff};
  const std::vector<Bytes> wrong = {
      dma_map_payload(0, 0),
      dma_map_payload(1, 0x1000),
      dma_map_payload(0, 0x1001),
      dma_map_payload(0, 0x1000, 1),
      dma_map_payload(kTop, 0x2000),
      dma_map_payload(0, 0x1000, kTop),
      dma_map_payload(0, kTop, 0x1000),
      dma_map_payload(0, 0x1000, 0, 0),
      dma_map_payload(0, 0x1000, 0, 7),
      dma_map_payload(0, 0x1000, 0, 1U << 31),
      dma_map_payload(0, 0x3000),          // the file has 0x2000
      dma_map_payload(0, 0x1000, 0x2000),  // behind its end
      dma_map_payload(0, kTop - 0x1000),
  };
  const UniqueFd ram = memory_file(0x2000);
  const std::size_t before = open_descriptors();
  for (const Bytes& payload : wrong) {
    BOOST_TEST(core.send(wire::Command::kDmaMap, payload, duplicate(ram)) != 0U);
  }
  BOOST_TEST(core.memory.size() == 0U);
  BOOST_TEST(open_descriptors() == before);
}

BOOST_AUTO_TEST_CASE(map_of_something_that_is_no_file_is_refused) {
  Core core;
  BOOST_TEST(core.send(wire::Command::kDmaMap, dma_map_payload(0, 0x1000), event_fd()) ==
             static_cast<std::uint32_t>(EINVAL));
  BOOST_TEST(core.send(wire::Command::kDmaMap, dma_map_payload(0, 0x1000),
                       UniqueFd(::open("/dev/zero", O_RDWR | O_CLOEXEC))) ==
             static_cast<std::uint32_t>(EINVAL));
}

BOOST_AUTO_TEST_CASE(writable_map_of_a_read_only_file_is_refused) {
  Core core;
  const UniqueFd ram = memory_file(0x1000);
  const std::string path = "/proc/self/fd/" + std::to_string(ram.get());
  BOOST_TEST(core.send(wire::Command::kDmaMap, dma_map_payload(0, 0x1000),
                       UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC))) ==
             static_cast<std::uint32_t>(EACCES));
}

BOOST_AUTO_TEST_CASE(overlapping_maps_are_refused) {
  Core core;
  BOOST_TEST(core.send(wire::Command::kDmaMap, dma_map_payload(0x2000, 0x2000)) == 0U);
  for (const auto& [address, size] :
       std::vector<std::pair<std::uint64_t, std::uint64_t>>{{0x2000, 0x2000},
                                                            {0x1000, 0x2000},
                                                            {0x3000, 0x1000},
                                                            {0x3000, 0x2000},
                                                            {0x2000, 0x1000},
                                                            {0, 0x10000}}) {
    BOOST_TEST(core.send(wire::Command::kDmaMap, dma_map_payload(address, size)) ==
               static_cast<std::uint32_t>(EEXIST));
  }
  BOOST_TEST(core.send(wire::Command::kDmaMap, dma_map_payload(0x1000, 0x1000)) == 0U);
  BOOST_TEST(core.send(wire::Command::kDmaMap, dma_map_payload(0x4000, 0x1000)) == 0U);
  BOOST_TEST(core.memory.size() == 0x4000U);
}

BOOST_AUTO_TEST_CASE(map_up_to_the_end_of_the_address_space_works) {
  Core core;
  constexpr std::uint64_t kLastPage = ~std::uint64_t{0xfff};
  const UniqueFd ram = memory_file(0x1000);
  BOOST_TEST(
      core.send(wire::Command::kDmaMap, dma_map_payload(kLastPage, 0x1000), duplicate(ram)) == 0U);
  BOOST_TEST(core.send(wire::Command::kDmaMap, dma_map_payload(kLastPage, 0x1000)) ==
             static_cast<std::uint32_t>(EEXIST));
  std::array<std::byte, 16> bytes{};
  BOOST_TEST(core.memory.read(~std::uint64_t{0} - 15, bytes));
  BOOST_TEST(!core.memory.read(~std::uint64_t{0} - 14, bytes));
  BOOST_TEST(core.send(wire::Command::kDmaUnmap, dma_unmap_payload(kLastPage, 0x1000)) == 0U);
}

BOOST_AUTO_TEST_CASE(region_limit_is_kept) {
  Core core;
  for (std::uint64_t i = 0; i < kMaxDmaRegions; ++i) {
    BOOST_REQUIRE(core.send(wire::Command::kDmaMap, dma_map_payload(i * 0x2000, 0x1000)) == 0U);
  }
  BOOST_TEST(core.send(wire::Command::kDmaMap, dma_map_payload(kMaxDmaRegions * 0x2000, 0x1000)) ==
             static_cast<std::uint32_t>(ENOSPC));
  BOOST_TEST(core.send(wire::Command::kDmaUnmap, dma_unmap_payload(0x4000, 0x1000)) == 0U);
  BOOST_TEST(core.send(wire::Command::kDmaMap, dma_map_payload(kMaxDmaRegions * 0x2000, 0x1000)) ==
             0U);
}

BOOST_AUTO_TEST_CASE(unmap_answers_with_the_region_and_takes_it_away) {
  Core core;
  const UniqueFd ram = memory_file(0x1000);
  BOOST_TEST(core.send(wire::Command::kDmaMap, dma_map_payload(0x1000, 0x1000), duplicate(ram)) ==
             0U);
  BOOST_TEST(core.send(wire::Command::kDmaUnmap, dma_unmap_payload(0x1000, 0x1000)) == 0U);
  BOOST_TEST(core.reply.size() == 40U);
  BOOST_TEST(payload_field<wire::DmaUnmap>(core.reply, 0).address == 0x1000U);
  std::array<std::byte, 1> byte{};
  BOOST_TEST(!core.memory.read(0x1000, byte));
  BOOST_TEST(core.memory.size() == 0U);
}

BOOST_AUTO_TEST_CASE(unmap_of_what_is_not_mapped_exactly_so_is_refused) {
  Core core;
  BOOST_TEST(core.send(wire::Command::kDmaMap, dma_map_payload(0x2000, 0x2000)) == 0U);
  for (const auto& [address, size] : std::vector<std::pair<std::uint64_t, std::uint64_t>>{
           {0x2000, 0x1000}, {0x3000, 0x1000}, {0, 0x10000}, {0x5000, 0x1000}, {0, 0}}) {
    BOOST_TEST(core.send(wire::Command::kDmaUnmap, dma_unmap_payload(address, size)) ==
               static_cast<std::uint32_t>(ENOENT));
  }
  BOOST_TEST(core.memory.size() == 0x2000U);
}

BOOST_AUTO_TEST_CASE(unmap_all_takes_everything_away) {
  Core core;
  BOOST_TEST(core.send(wire::Command::kDmaMap, dma_map_payload(0x2000, 0x2000)) == 0U);
  BOOST_TEST(core.send(wire::Command::kDmaMap, dma_map_payload(0x8000, 0x2000)) == 0U);
  BOOST_TEST(core.send(wire::Command::kDmaUnmap,
                       dma_unmap_payload(0x2000, 0x2000, VFIO_DMA_UNMAP_FLAG_ALL)) ==
             static_cast<std::uint32_t>(EINVAL));
  BOOST_TEST(
      core.send(wire::Command::kDmaUnmap, dma_unmap_payload(0, 0, VFIO_DMA_UNMAP_FLAG_ALL)) == 0U);
  BOOST_TEST(core.memory.size() == 0U);
}

BOOST_AUTO_TEST_CASE(dirty_bitmap_is_unsupported) {
  Core core;
  BOOST_TEST(core.send(wire::Command::kDmaUnmap,
                       dma_unmap_payload(0, 0x1000, VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP)) ==
             static_cast<std::uint32_t>(EOPNOTSUPP));
  BOOST_TEST(core.send(wire::Command::kDmaUnmap, dma_unmap_payload(0, 0x1000, 4)) ==
             static_cast<std::uint32_t>(EINVAL));
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE(irqs)

BOOST_AUTO_TEST_CASE(intx_is_bound_signalled_and_unmasked) {
  Core core;
  const UniqueFd event = event_fd();
  BOOST_TEST(core.send(wire::Command::kDeviceSetIrqs,
                       irq_payload(VFIO_PCI_INTX_IRQ_INDEX, kBindTriggerFlags),
                       duplicate(event)) == 0U);
  core.interrupts.set_level(true);
  BOOST_TEST(take_events(event) == 1U);
  core.interrupts.set_level(false);
  core.interrupts.set_level(true);
  BOOST_TEST(take_events(event) == 0U);
  BOOST_TEST(core.send(wire::Command::kDeviceSetIrqs,
                       irq_payload(VFIO_PCI_INTX_IRQ_INDEX, kUnmaskFlags)) == 0U);
  BOOST_TEST(take_events(event) == 1U);
}

BOOST_AUTO_TEST_CASE(msi_follows_the_enable_bit_and_the_eventfd) {
  Core core;
  const UniqueFd event = event_fd();
  BOOST_TEST(core.send(wire::Command::kDeviceSetIrqs,
                       irq_payload(VFIO_PCI_MSI_IRQ_INDEX, kBindTriggerFlags),
                       duplicate(event)) == 0U);
  BOOST_TEST(!core.interrupts.send_message());
  core.set_config(0x42, std::uint16_t{1});
  BOOST_TEST(core.interrupts.send_message());
  BOOST_TEST(take_events(event) == 1U);
  BOOST_TEST(core.send(wire::Command::kDeviceSetIrqs,
                       irq_payload(VFIO_PCI_MSI_IRQ_INDEX,
                                   VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER, 0, 0)) ==
             0U);
  BOOST_TEST(!core.interrupts.send_message());
}

BOOST_AUTO_TEST_CASE(loopback_trigger_signals) {
  Core core;
  constexpr std::uint32_t kTrigger = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER;
  const UniqueFd event = event_fd();
  BOOST_TEST(
      core.send(wire::Command::kDeviceSetIrqs, irq_payload(VFIO_PCI_MSI_IRQ_INDEX, kTrigger)) ==
      static_cast<std::uint32_t>(EINVAL));
  BOOST_TEST(core.send(wire::Command::kDeviceSetIrqs,
                       irq_payload(VFIO_PCI_MSI_IRQ_INDEX, kBindTriggerFlags),
                       duplicate(event)) == 0U);
  BOOST_TEST(core.send(wire::Command::kDeviceSetIrqs,
                       irq_payload(VFIO_PCI_MSI_IRQ_INDEX, kTrigger)) == 0U);
  BOOST_TEST(take_events(event) == 1U);
}

BOOST_AUTO_TEST_CASE(boolean_list_selects_the_interrupt) {
  Core core;
  const UniqueFd event = event_fd();
  BOOST_TEST(core.send(wire::Command::kDeviceSetIrqs,
                       irq_payload(VFIO_PCI_INTX_IRQ_INDEX, kBindTriggerFlags),
                       duplicate(event)) == 0U);
  const auto mask = [&](std::uint8_t chosen) {
    return core.send(wire::Command::kDeviceSetIrqs,
                     payload_of(wire::IrqSet{21, VFIO_IRQ_SET_DATA_BOOL | VFIO_IRQ_SET_ACTION_MASK,
                                             VFIO_PCI_INTX_IRQ_INDEX, 0, 1},
                                chosen));
  };
  BOOST_TEST(mask(0) == 0U);
  core.interrupts.set_level(true);
  BOOST_TEST(take_events(event) == 1U);
  core.interrupts.set_level(false);
  BOOST_TEST(core.send(wire::Command::kDeviceSetIrqs,
                       irq_payload(VFIO_PCI_INTX_IRQ_INDEX, kUnmaskFlags)) == 0U);
  BOOST_TEST(mask(1) == 0U);
  core.interrupts.set_level(true);
  BOOST_TEST(take_events(event) == 0U);
}

BOOST_AUTO_TEST_CASE(wrong_interrupt_messages_are_refused) {
  Core core;
  constexpr std::uint32_t kTrigger = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER;
  constexpr std::uint32_t kEventfd = VFIO_IRQ_SET_DATA_EVENTFD;
  const std::vector<Bytes> wrong = {
      irq_payload(0, kUnmaskFlags, 0, 2),
      irq_payload(0, kUnmaskFlags, 1, 1),
      irq_payload(0, kUnmaskFlags, ~0U, 1),
      irq_payload(0, kUnmaskFlags, 1, ~0U),
      irq_payload(0, kUnmaskFlags, 0, 0),
      irq_payload(0, kTrigger, 1, 0),
      irq_payload(0, kEventfd | VFIO_IRQ_SET_ACTION_TRIGGER, 0, 0),
      irq_payload(0, kEventfd | VFIO_IRQ_SET_ACTION_MASK),
      irq_payload(0, VFIO_IRQ_SET_DATA_NONE),
      irq_payload(0, VFIO_IRQ_SET_ACTION_MASK),
      irq_payload(0, 0x3f),
      irq_payload(0, kUnmaskFlags | 1U << 6),
      irq_payload(1, kUnmaskFlags),
      irq_payload(1, kEventfd | VFIO_IRQ_SET_ACTION_UNMASK),
      irq_payload(2, kTrigger),
      irq_payload(3, kTrigger),
      irq_payload(4, kTrigger),
      irq_payload(5, kTrigger),
      irq_payload(~0U, kTrigger),
  };
  for (const Bytes& payload : wrong) {
    BOOST_TEST(core.send(wire::Command::kDeviceSetIrqs, payload) != 0U);
  }
}

BOOST_AUTO_TEST_CASE(descriptor_that_is_no_eventfd_is_refused_and_closed) {
  Core core;
  const std::size_t before = open_descriptors();
  BOOST_TEST(core.send(wire::Command::kDeviceSetIrqs, irq_payload(0, kBindTriggerFlags),
                       memory_file(0x1000)) == static_cast<std::uint32_t>(EINVAL));
  BOOST_TEST(core.send(wire::Command::kDeviceSetIrqs, irq_payload(0, kUnmaskFlags), event_fd()) ==
             static_cast<std::uint32_t>(EINVAL));
  BOOST_TEST(open_descriptors() == before);
}

BOOST_AUTO_TEST_CASE(device_without_msi_has_no_such_interrupt) {
  Options options = device_options();
  options.msi = false;
  Core core(options);
  BOOST_TEST(core.send(wire::Command::kDeviceGetIrqInfo,
                       payload_of(vfio_irq_info{16, 0, VFIO_PCI_MSI_IRQ_INDEX, 0})) == 0U);
  BOOST_TEST(payload_field<vfio_irq_info>(core.reply, 0).count == 0U);
  BOOST_TEST(core.send(wire::Command::kDeviceSetIrqs,
                       irq_payload(VFIO_PCI_MSI_IRQ_INDEX, kBindTriggerFlags),
                       event_fd()) == static_cast<std::uint32_t>(EINVAL));
}

BOOST_AUTO_TEST_CASE(forgotten_client_leaves_nothing_behind) {
  Core core;
  const std::size_t before = open_descriptors();
  BOOST_TEST(core.send(wire::Command::kDmaMap, dma_map_payload(0, 0x1000)) == 0U);
  BOOST_TEST(core.send(wire::Command::kDeviceSetIrqs, irq_payload(0, kBindTriggerFlags),
                       event_fd()) == 0U);
  core.set_config(0x10, std::uint32_t{0xc000});
  core.protocol.forget_client();
  BOOST_TEST(open_descriptors() == before);
  BOOST_TEST(core.memory.size() == 0U);
  BOOST_TEST(core.send(wire::Command::kVersion, version_payload()) == 0U);
  BOOST_TEST(core.config(0x10) == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
}  // namespace
}  // namespace hgcm::vfio_user::test

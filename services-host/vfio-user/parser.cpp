// SPDX-License-Identifier: MIT
//
// Validation of every client message: sizes, flags, ranges and descriptor counts. See parser.h.
#include "vfio-user/parser.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

namespace hgcm::vfio_user {

namespace {

using Parsed = tl::expected<ParsedCommand, Refusal>;
using Payload = std::span<const std::byte>;

tl::unexpected<Refusal> refuse(int error, const char* reason) noexcept {
  return tl::unexpected<Refusal>({error, reason});
}

template <typename T>
T load(Payload bytes) noexcept {
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

/// A number of a capability, if it is there. False: there, but not a number.
bool get_number(const nlohmann::json& object, const char* name, std::uint64_t& value) {
  const auto found = object.find(name);
  if (found == object.end()) return true;
  if (!found->is_number_unsigned()) return false;
  value = found->get<std::uint64_t>();
  return true;
}

Parsed parse_capabilities(std::string_view text, VersionCommand command) {
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return refuse(EINVAL, "version data is not a JSON object");
  const auto found = json.find("capabilities");
  if (found == json.end()) return command;
  if (!found->is_object()) return refuse(EINVAL, "capabilities are not an object");

  ClientCapabilities& client = command.client;
  if (!get_number(*found, "max_data_xfer_size", client.max_data_bytes) ||
      !get_number(*found, "max_msg_fds", client.max_fds)) {
    return refuse(EINVAL, "a capability is not a number");
  }
  if (client.max_data_bytes == 0) return refuse(EINVAL, "no data may be transferred");
  client.max_data_bytes = std::min<std::uint64_t>(client.max_data_bytes, kMaxDataBytes);
  if (const auto multi = found->find("write_multiple"); multi != found->end()) {
    if (!multi->is_boolean()) return refuse(EINVAL, "write_multiple is not a boolean");
    client.write_multiple = multi->get<bool>();
  }
  if (const auto twin = found->find("twin_socket"); twin != found->end()) {
    if (!twin->is_object()) return refuse(EINVAL, "twin_socket is not an object");
    const auto supported = twin->find("supported");
    client.twin_socket =
        supported != twin->end() && supported->is_boolean() && supported->get<bool>();
  }
  return command;
}

Parsed parse_version(Payload payload) {
  if (payload.size() < sizeof(wire::Version)) return refuse(EINVAL, "version message too short");
  if (payload.size() > kMaxVersionBytes) return refuse(E2BIG, "version message too long");
  const auto version = load<wire::Version>(payload);
  if (version.major != 0) return refuse(EPROTONOSUPPORT, "major version is not 0");
  VersionCommand command{.minor = version.minor, .client = {}};
  const Payload data = payload.subspan(sizeof version);
  if (data.empty()) return command;
  if (data.back() != std::byte{0}) return refuse(EINVAL, "version data is not terminated");
  return parse_capabilities({reinterpret_cast<const char*>(data.data()), data.size() - 1}, command);
}

Parsed parse_dma_map(Payload payload, FdList& fds) noexcept {
  if (payload.size() != sizeof(wire::DmaMap)) return refuse(EINVAL, "wrong size");
  const auto message = load<wire::DmaMap>(payload);
  if (message.argsz < sizeof message) return refuse(EINVAL, "argsz too small");
  constexpr std::uint32_t kKnown = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;
  if (message.flags == 0 || (message.flags & ~kKnown) != 0) return refuse(EINVAL, "wrong flags");
  if (fds.size() > 1) return refuse(EINVAL, "more than one descriptor");
  if (message.size == 0 || message.size % kDmaPageSize != 0 ||
      message.address % kDmaPageSize != 0 || message.offset % kDmaPageSize != 0) {
    return refuse(EINVAL, "not in whole pages");
  }
  constexpr auto kMax = std::numeric_limits<std::uint64_t>::max();
  if (message.address > kMax - (message.size - 1)) return refuse(EOVERFLOW, "range wraps around");
  if (message.offset > kMax - message.size) return refuse(EOVERFLOW, "file range wraps around");
  DmaMapCommand command{.region = {.address = message.address,
                                   .size = message.size,
                                   .file_offset = message.offset,
                                   .readable = (message.flags & VFIO_DMA_MAP_FLAG_READ) != 0,
                                   .writable = (message.flags & VFIO_DMA_MAP_FLAG_WRITE) != 0},
                        .fd = {}};
  if (fds.size() == 1) command.fd = std::move(fds.fds().front());
  return command;
}

Parsed parse_dma_unmap(Payload payload) noexcept {
  if (payload.size() != sizeof(wire::DmaUnmap)) return refuse(EINVAL, "wrong size");
  const auto message = load<wire::DmaUnmap>(payload);
  if (message.argsz < sizeof message) return refuse(EINVAL, "argsz too small");
  if ((message.flags & VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP) != 0) {
    return refuse(EOPNOTSUPP, "dirty pages are not tracked");
  }
  if ((message.flags & ~std::uint32_t{VFIO_DMA_UNMAP_FLAG_ALL}) != 0) {
    return refuse(EINVAL, "wrong flags");
  }
  const bool all = message.flags == VFIO_DMA_UNMAP_FLAG_ALL;
  if (all && (message.address != 0 || message.size != 0)) {
    return refuse(EINVAL, "a range where all is meant");
  }
  return DmaUnmapCommand{.message = message, .all = all};
}

Parsed parse_device_info(Payload payload) noexcept {
  if (payload.size() != sizeof(wire::DeviceInfo)) return refuse(EINVAL, "wrong size");
  if (load<wire::DeviceInfo>(payload).argsz < sizeof(wire::DeviceInfo)) {
    return refuse(EINVAL, "argsz too small");
  }
  return DeviceInfoCommand{};
}

Parsed parse_region_info(Payload payload) noexcept {
  if (payload.size() != sizeof(vfio_region_info)) return refuse(EINVAL, "wrong size");
  const auto message = load<vfio_region_info>(payload);
  if (message.argsz < sizeof message) return refuse(EINVAL, "argsz too small");
  if (message.index >= VFIO_PCI_NUM_REGIONS) return refuse(EINVAL, "no such region");
  return RegionInfoCommand{.argsz = message.argsz, .index = message.index};
}

Parsed parse_region_io_fds(Payload payload) noexcept {
  if (payload.size() != sizeof(wire::RegionIoFds)) return refuse(EINVAL, "wrong size");
  const auto message = load<wire::RegionIoFds>(payload);
  if (message.argsz < sizeof message || message.flags != 0 || message.count != 0) {
    return refuse(EINVAL, "wrong field");
  }
  if (message.index >= VFIO_PCI_NUM_REGIONS) return refuse(EINVAL, "no such region");
  return refuse(EOPNOTSUPP, "no region has I/O descriptors");
}

Parsed parse_irq_info(const Layout& layout, Payload payload) noexcept {
  if (payload.size() != sizeof(vfio_irq_info)) return refuse(EINVAL, "wrong size");
  const auto message = load<vfio_irq_info>(payload);
  if (message.argsz < sizeof message) return refuse(EINVAL, "argsz too small");
  if (message.index >= layout.irqs.size()) return refuse(EINVAL, "no such interrupt index");
  // As the kernel does it for a conventional PCI device: QEMU takes the refusal for what it is, and
  // warns about a count of 0.
  if (message.index == VFIO_PCI_ERR_IRQ_INDEX || message.index == VFIO_PCI_REQ_IRQ_INDEX) {
    return refuse(EINVAL, "no error or request interrupt");
  }
  return IrqInfoCommand{.index = message.index};
}

Parsed parse_irq_bind(const wire::IrqSet& message, FdList& fds) noexcept {
  const std::uint32_t action = message.flags & VFIO_IRQ_SET_ACTION_TYPE_MASK;
  if (message.count == 0) return refuse(EINVAL, "no interrupt named");
  if (fds.size() > message.count) return refuse(EINVAL, "more descriptors than interrupts");
  SetIrqsCommand command{.index = message.index, .action = IrqAction::kBindTrigger, .fd = {}};
  if (action == VFIO_IRQ_SET_ACTION_UNMASK && message.index == VFIO_PCI_INTX_IRQ_INDEX) {
    command.action = IrqAction::kBindUnmask;
  } else if (action != VFIO_IRQ_SET_ACTION_TRIGGER) {
    return refuse(EOPNOTSUPP, "no descriptor for this action");
  }
  if (fds.size() == 1) command.fd = std::move(fds.fds().front());
  return command;
}

Parsed parse_set_irqs(const Layout& layout, Payload payload, FdList& fds) noexcept {
  if (payload.size() < sizeof(wire::IrqSet)) return refuse(EINVAL, "too short");
  const auto message = load<wire::IrqSet>(payload);
  const Payload data = payload.subspan(sizeof message);
  if (message.argsz < payload.size()) return refuse(EINVAL, "argsz too small");
  const std::uint32_t type = message.flags & VFIO_IRQ_SET_DATA_TYPE_MASK;
  const std::uint32_t action = message.flags & VFIO_IRQ_SET_ACTION_TYPE_MASK;
  if ((message.flags &
       ~std::uint32_t{VFIO_IRQ_SET_DATA_TYPE_MASK | VFIO_IRQ_SET_ACTION_TYPE_MASK}) != 0 ||
      !std::has_single_bit(type) || !std::has_single_bit(action)) {
    return refuse(EINVAL, "wrong flags");
  }
  if (message.index >= layout.irqs.size()) return refuse(EINVAL, "no such interrupt index");
  const std::uint32_t available = layout.irqs.at(message.index).count;
  if (available == 0) return refuse(EINVAL, "no interrupt at this index");
  if (message.start > available || message.count > available - message.start) {
    return refuse(EINVAL, "interrupt range");
  }
  // Every index has at most one interrupt, so from here on count is 0 or 1, and 0 means all.
  if (message.count == 0 && message.start != 0) return refuse(EINVAL, "interrupt range");
  if (type == VFIO_IRQ_SET_DATA_EVENTFD) {
    if (!data.empty()) return refuse(EINVAL, "wrong size");
    return parse_irq_bind(message, fds);
  }
  if (fds.size() != 0) return refuse(EINVAL, "unexpected descriptor");
  if (data.size() != (type == VFIO_IRQ_SET_DATA_BOOL ? message.count : 0)) {
    return refuse(EINVAL, "wrong size");
  }
  SetIrqsCommand command{.index = message.index, .action = IrqAction::kNothing, .fd = {}};
  if (message.count == 0) {
    if (type != VFIO_IRQ_SET_DATA_NONE || action != VFIO_IRQ_SET_ACTION_TRIGGER) {
      return refuse(EINVAL, "no interrupt named");
    }
    command.action = IrqAction::kBindTrigger;
    return command;
  }
  if (action == VFIO_IRQ_SET_ACTION_TRIGGER) {
    command.action = IrqAction::kTrigger;
  } else if (message.index != VFIO_PCI_INTX_IRQ_INDEX) {
    return refuse(EOPNOTSUPP, "not maskable");
  } else {
    command.action = action == VFIO_IRQ_SET_ACTION_MASK ? IrqAction::kMask : IrqAction::kUnmask;
  }
  if (!data.empty() && data.front() == std::byte{0}) command.action = IrqAction::kNothing;
  return command;
}

/// Null: fine.
const char* check_access(const Layout& layout, std::uint32_t region, std::uint64_t offset,
                         std::uint32_t count) noexcept {
  if (region >= layout.regions.size() || layout.regions.at(region).size == 0) {
    return "no such region";
  }
  const RegionLayout& target = layout.regions.at(region);
  if (count == 0) return "nothing to transfer";
  if (count > kMaxDataBytes) return "transfer too large";
  if (offset > target.size || count > target.size - offset) return "outside the region";
  if (target.ports && count != 1 && count != 2 && count != 4) return "width of a port access";
  return nullptr;
}

Parsed parse_region_read(const Layout& layout, Payload payload) noexcept {
  if (payload.size() != sizeof(wire::RegionAccess)) return refuse(EINVAL, "wrong size");
  const auto access = load<wire::RegionAccess>(payload);
  const char* const wrong = check_access(layout, access.region, access.offset, access.count);
  if (wrong != nullptr) return refuse(EINVAL, wrong);
  return RegionReadCommand{.access = access};
}

Parsed parse_region_write(const Layout& layout, Payload payload) noexcept {
  if (payload.size() < sizeof(wire::RegionAccess)) return refuse(EINVAL, "too short");
  const auto access = load<wire::RegionAccess>(payload);
  const Payload data = payload.subspan(sizeof access);
  if (data.size() != access.count) return refuse(EINVAL, "count is not the size of the data");
  const char* const wrong = check_access(layout, access.region, access.offset, access.count);
  if (wrong != nullptr) return refuse(EINVAL, wrong);
  return RegionWriteCommand{.access = access, .data = data};
}

Parsed parse_region_write_multi(const Layout& layout, Payload payload) noexcept {
  if (payload.size() < sizeof(std::uint64_t)) return refuse(EINVAL, "too short");
  const auto count = load<std::uint64_t>(payload);
  const Payload writes = payload.subspan(sizeof count);
  if (count > kMaxMultiWrites) return refuse(E2BIG, "too many writes");
  if (writes.size() != count * sizeof(wire::MultiWrite)) return refuse(EINVAL, "wrong size");
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto write = load<wire::MultiWrite>(writes.subspan(i * sizeof(wire::MultiWrite)));
    if (write.count > sizeof write.data) return refuse(EINVAL, "write of more than 8 bytes");
    const char* const wrong = check_access(layout, write.region, write.offset, write.count);
    if (wrong != nullptr) return refuse(EINVAL, wrong);
  }
  return RegionWriteMultiCommand{.writes = writes, .count = count};
}

bool takes_descriptors(wire::Command command) noexcept {
  return command == wire::Command::kDmaMap || command == wire::Command::kDeviceSetIrqs;
}

Parsed dispatch(const Layout& layout, ParserState state, wire::Command command, Payload payload,
                FdList& fds) {
  switch (command) {
    case wire::Command::kVersion:
      if (state.version_known) return refuse(EINVAL, "version given twice");
      return parse_version(payload);
    case wire::Command::kDmaMap:
      return parse_dma_map(payload, fds);
    case wire::Command::kDmaUnmap:
      return parse_dma_unmap(payload);
    case wire::Command::kDeviceGetInfo:
      return parse_device_info(payload);
    case wire::Command::kDeviceGetRegionInfo:
      return parse_region_info(payload);
    case wire::Command::kDeviceGetRegionIoFds:
      return parse_region_io_fds(payload);
    case wire::Command::kDeviceGetIrqInfo:
      return parse_irq_info(layout, payload);
    case wire::Command::kDeviceSetIrqs:
      return parse_set_irqs(layout, payload, fds);
    case wire::Command::kRegionRead:
      return parse_region_read(layout, payload);
    case wire::Command::kRegionWrite:
      return parse_region_write(layout, payload);
    case wire::Command::kRegionWriteMulti:
      if (!state.write_multiple) return refuse(EOPNOTSUPP, "write_multiple was not negotiated");
      return parse_region_write_multi(layout, payload);
    case wire::Command::kDeviceReset:
      if (!payload.empty()) return refuse(EINVAL, "wrong size");
      return ResetCommand{};
    case wire::Command::kDmaRead:
    case wire::Command::kDmaWrite:
      return refuse(EINVAL, "not a client's command");
    case wire::Command::kDirtyPages:
    case wire::Command::kDeviceFeature:
    case wire::Command::kMigDataRead:
    case wire::Command::kMigDataWrite:
      return refuse(EOPNOTSUPP, "no migration");
  }
  return refuse(ENOSYS, "unknown command");
}

}  // namespace

Parsed parse(const Layout& layout, ParserState state, const wire::Header& header, Payload payload,
             FdList& fds) noexcept try {
  const auto command = static_cast<wire::Command>(header.command);
  if ((header.flags & wire::kTypeMask) != wire::kTypeCommand) {
    return refuse(EINVAL, "not a command");
  }
  if ((header.flags & ~(wire::kTypeMask | wire::kFlagNoReply)) != 0) {
    return refuse(EINVAL, "wrong header flags");
  }
  if (!state.version_known && command != wire::Command::kVersion) {
    return refuse(EINVAL, "no version yet");
  }
  if (fds.size() != 0 && !takes_descriptors(command)) {
    return refuse(EINVAL, "unexpected descriptor");
  }
  return dispatch(layout, state, command, payload, fds);
} catch (const std::exception&) {
  return refuse(ENOMEM, "out of memory");
}

}  // namespace hgcm::vfio_user

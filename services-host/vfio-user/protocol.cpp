// SPDX-License-Identifier: MIT
//
// Carries out valid commands and builds their replies. See protocol.h.
#include "vfio-user/protocol.h"

#include <linux/vfio.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

namespace hgcm::vfio_user {

namespace {

constexpr std::uint16_t kMinorVersion = 1;

template <typename T>
T load(std::span<const std::byte> bytes) noexcept {
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

}  // namespace

Protocol::Protocol(const Options& options, DmaMemory& memory, Interrupts& interrupts,
                   DeviceBackend& backend, BarFd bar_fd, TwinSocket twin_socket)
    : layout_(options),
      config_(options),
      memory_(memory),
      interrupts_(interrupts),
      backend_(backend),
      bar_fd_(std::move(bar_fd)),
      twin_socket_(std::move(twin_socket)),
      reply_(kMaxMessageBytes) {}

std::span<std::byte> Protocol::append_space(std::size_t size) noexcept {
  const std::span<std::byte> space = std::span(reply_).subspan(reply_size_, size);
  reply_size_ += size;
  return space;
}

template <typename T>
void Protocol::append(const T& value) noexcept {
  std::memcpy(append_space(sizeof value).data(), &value, sizeof value);
}

Reply Protocol::handle(std::span<const std::byte> message, FdList& fds) noexcept {
  const auto header = load<wire::Header>(message);
  const std::span<const std::byte> payload = message.subspan(sizeof header);
  const std::size_t fd_count = fds.size();
  counters_.messages.fetch_add(1, std::memory_order_relaxed);
  reply_size_ = sizeof header;
  reply_fd_ = -1;
  twin_fd_.reset();

  Refusal refusal{0, "cannot be done"};
  auto command = parse(layout_, {version_known_, client_.write_multiple}, header, payload, fds);
  if (command) {
    try {
      refusal.error = std::visit([this](auto& c) { return run(c); }, *command);
    } catch (const std::exception&) {
      refusal.error = ENOMEM;
    }
  } else {
    refusal = command.error();
  }
  if (refusal.error != 0) log_refusal(header, fd_count, payload, refusal);

  // A stray reply is not answered: that could go on for ever.
  if ((header.flags & wire::kFlagNoReply) != 0 ||
      (header.flags & wire::kTypeMask) == wire::kTypeReply) {
    return {};
  }
  wire::Header answer{.id = header.id,
                      .command = header.command,
                      .size = static_cast<std::uint32_t>(reply_size_),
                      .flags = wire::kTypeReply,
                      .error = 0};
  if (refusal.error != 0) {
    reply_size_ = sizeof answer;
    reply_fd_ = -1;
    answer.size = sizeof answer;
    answer.flags |= wire::kFlagError;
    answer.error = static_cast<std::uint32_t>(refusal.error);
  }
  std::memcpy(reply_.data(), &answer, sizeof answer);
  return {.bytes = std::span(reply_).first(reply_size_), .fd = reply_fd_};
}

void Protocol::log_refusal(const wire::Header& header, std::size_t fd_count,
                           std::span<const std::byte> payload, const Refusal& refusal) noexcept {
  counters_.messages_refused.fetch_add(1, std::memory_order_relaxed);
  // Clients ask for these to find out whether they exist.
  const auto command = static_cast<wire::Command>(header.command);
  const bool probe = refusal.error == EOPNOTSUPP || command == wire::Command::kDeviceGetIrqInfo;
  const auto level = probe ? spdlog::level::debug : spdlog::level::warn;
  std::uint64_t dropped = 0;
  if (!spdlog::should_log(level) || !log_budget_.take(LogBudget::Clock::now(), dropped)) return;
  // The first 32 bytes hold every fixed field there is, as 32-bit words.
  std::array<std::uint32_t, 8> words{};
  std::memcpy(words.data(), payload.data(), std::min(payload.size(), sizeof words));
  try {
    spdlog::log(level,
                "vfio-user: refused command {} id {} size {} flags {:#x} descriptors {}: {} (errno "
                "{}); payload {:08x} ({} lines dropped)",
                header.command, header.id, header.size, header.flags, fd_count, refusal.reason,
                refusal.error, fmt::join(words, " "), dropped);
  } catch (const std::exception&) {
    // A lost line is all the harm.
    return;
  }
}

void Protocol::forget_client() noexcept {
  version_known_ = false;
  client_ = {};
  twin_fd_.reset();
  memory_.clear();
  interrupts_.clear();
  config_.reset();
}

int Protocol::run(VersionCommand& command) {
  nlohmann::json capabilities = {{"max_msg_fds", kMaxMessageFds},
                                 {"max_data_xfer_size", kMaxDataBytes},
                                 {"max_dma_maps", kMaxDmaRegions},
                                 {"pgsizes", kDmaPageSize}};
  if (command.client.write_multiple) capabilities["write_multiple"] = true;
  if (command.client.twin_socket && command.client.max_fds > 0) {
    twin_fd_ = twin_socket_(command.client.max_data_bytes);
    if (twin_fd_) {
      capabilities["twin_socket"] = {{"supported", true}, {"fd_index", 0}};
      reply_fd_ = twin_fd_.get();
    }
  }
  command.client.twin_socket = static_cast<bool>(twin_fd_);
  const std::string text = nlohmann::json{{"capabilities", std::move(capabilities)}}.dump();
  version_known_ = true;
  client_ = command.client;
  append(wire::Version{.major = 0, .minor = std::min(command.minor, kMinorVersion)});
  const std::span<std::byte> space = append_space(text.size() + 1);
  std::memcpy(space.data(), text.c_str(), space.size());
  return 0;
}

int Protocol::run(DmaMapCommand& command) {
  return memory_.add(command.region, command.fd);
}

int Protocol::run(DmaUnmapCommand& command) {
  if (command.all) {
    memory_.clear();
  } else if (const int error = memory_.remove(command.message.address, command.message.size)) {
    return error;
  }
  command.message.argsz = sizeof command.message;
  append(command.message);
  return 0;
}

int Protocol::run(DeviceInfoCommand& /*command*/) {
  append(wire::DeviceInfo{.argsz = sizeof(wire::DeviceInfo),
                          .flags = VFIO_DEVICE_FLAGS_RESET | VFIO_DEVICE_FLAGS_PCI,
                          .num_regions = VFIO_PCI_NUM_REGIONS,
                          .num_irqs = VFIO_PCI_NUM_IRQS});
  return 0;
}

int Protocol::run(RegionInfoCommand& command) {
  const RegionLayout& region = layout_.regions.at(command.index);
  const std::size_t caps_size =
      region.sparse.empty() ? 0
                            : sizeof(vfio_region_info_cap_sparse_mmap) +
                                  region.sparse.size() * sizeof(vfio_region_sparse_mmap_area);
  vfio_region_info info{};
  info.argsz = static_cast<std::uint32_t>(sizeof info + caps_size);
  info.flags = region.flags;
  info.index = command.index;
  info.size = region.size;
  // Too little room: the client asks again with the size that it finds here.
  const bool complete = command.argsz >= info.argsz;
  if (caps_size != 0) {
    info.flags |= VFIO_REGION_INFO_FLAG_CAPS;
    info.cap_offset = complete ? sizeof info : 0;
  }
  append(info);
  if (!complete) return 0;
  if (caps_size != 0) {
    // Not brace-initialised: it ends in an array without a size.
    vfio_region_info_cap_sparse_mmap sparse;
    std::memset(&sparse, 0, sizeof sparse);
    sparse.header.id = VFIO_REGION_INFO_CAP_SPARSE_MMAP;
    sparse.header.version = 1;
    sparse.nr_areas = static_cast<std::uint32_t>(region.sparse.size());
    append(sparse);
    for (const MappableArea& area : region.sparse) {
      append(vfio_region_sparse_mmap_area{.offset = area.offset, .size = area.size});
    }
  }
  if ((info.flags & VFIO_REGION_INFO_FLAG_MMAP) != 0) {
    reply_fd_ = bar_fd_(command.index - VFIO_PCI_BAR0_REGION_INDEX);
  }
  return 0;
}

int Protocol::run(IrqInfoCommand& command) {
  const IrqLayout& irq = layout_.irqs.at(command.index);
  vfio_irq_info info{};
  info.argsz = sizeof info;
  info.flags = irq.flags;
  info.index = command.index;
  info.count = irq.count;
  append(info);
  return 0;
}

int Protocol::run(SetIrqsCommand& command) {
  if (command.fd) {
    if (const int error = Interrupts::prepare_eventfd(command.fd)) return error;
  }
  return command.index == VFIO_PCI_INTX_IRQ_INDEX ? set_intx(command) : set_msi(command);
}

int Protocol::set_intx(SetIrqsCommand& command) {
  switch (command.action) {
    case IrqAction::kBindTrigger:
      interrupts_.set_intx_trigger(std::move(command.fd));
      return 0;
    case IrqAction::kBindUnmask:
      interrupts_.set_intx_unmask(std::move(command.fd));
      return 0;
    case IrqAction::kTrigger:
      return interrupts_.loopback_intx() ? 0 : EINVAL;
    case IrqAction::kMask:
      interrupts_.mask_intx();
      return 0;
    case IrqAction::kUnmask:
      interrupts_.unmask_intx(Interrupts::Clock::now());
      return 0;
    case IrqAction::kNothing:
      return 0;
  }
  return EINVAL;
}

int Protocol::set_msi(SetIrqsCommand& command) {
  if (command.action == IrqAction::kNothing) return 0;
  if (command.action == IrqAction::kTrigger) return interrupts_.loopback_msi() ? 0 : EINVAL;
  interrupts_.set_msi_trigger(std::move(command.fd));
  return 0;
}

int Protocol::run(RegionReadCommand& command) {
  const wire::RegionAccess& access = command.access;
  append(access);
  const std::span<std::byte> out = append_space(access.count);
  if (access.region == VFIO_PCI_CONFIG_REGION_INDEX) {
    counters_.config_reads.fetch_add(1, std::memory_order_relaxed);
    config_.read(access.offset, out, interrupts_.intx_asserted());
  } else {
    counters_.bar_reads.fetch_add(1, std::memory_order_relaxed);
    interrupts_.on_bar_access();
    backend_.bar_read(access.region - VFIO_PCI_BAR0_REGION_INDEX, access.offset, out);
  }
  return 0;
}

void Protocol::write_region(std::uint32_t region, std::uint64_t offset,
                            std::span<const std::byte> data) {
  if (region == VFIO_PCI_CONFIG_REGION_INDEX) {
    counters_.config_writes.fetch_add(1, std::memory_order_relaxed);
    config_.write(offset, data);
    interrupts_.set_controls(config_.intx_disabled(), config_.msi_enabled());
  } else {
    counters_.bar_writes.fetch_add(1, std::memory_order_relaxed);
    interrupts_.on_bar_access();
    backend_.bar_write(region - VFIO_PCI_BAR0_REGION_INDEX, offset, data);
  }
}

int Protocol::run(RegionWriteCommand& command) {
  write_region(command.access.region, command.access.offset, command.data);
  append(command.access);
  return 0;
}

int Protocol::run(RegionWriteMultiCommand& command) {
  for (std::uint64_t i = 0; i < command.count; ++i) {
    const auto write = load<wire::MultiWrite>(command.writes.subspan(i * sizeof(wire::MultiWrite)));
    write_region(write.region, write.offset,
                 std::as_bytes(std::span(&write.data, 1)).first(write.count));
  }
  append(command.count);
  return 0;
}

int Protocol::run(ResetCommand& /*command*/) {
  backend_.reset();
  config_.reset();
  interrupts_.set_controls(config_.intx_disabled(), config_.msi_enabled());
  return 0;
}

}  // namespace hgcm::vfio_user

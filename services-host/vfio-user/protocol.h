// SPDX-License-Identifier: MIT
//
// Protocol: the server's side of the vfio-user protocol without a socket. It is given whole
// messages with their descriptors and gives back replies; unit tests and the fuzzer drive it
// directly. Validation is in parser.h; here commands that are already valid are carried out.
#ifndef HGCM_VFIO_USER_PROTOCOL_H
#define HGCM_VFIO_USER_PROTOCOL_H

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "vfio-user/dma_memory.h"
#include "vfio-user/interrupts.h"
#include "vfio-user/layout.h"
#include "vfio-user/log_budget.h"
#include "vfio-user/parser.h"
#include "vfio-user/pci_config.h"
#include "vfio-user/server.h"

namespace hgcm::vfio_user {

/// Valid until the next message. Empty bytes: the client wants no reply.
struct Reply {
  std::span<const std::byte> bytes;
  int fd = -1;  ///< to be sent along; stays its owner's
};

struct ProtocolCounters {
  std::atomic<std::uint64_t> messages{0};
  std::atomic<std::uint64_t> messages_refused{0};
  std::atomic<std::uint64_t> bar_reads{0};
  std::atomic<std::uint64_t> bar_writes{0};
  std::atomic<std::uint64_t> config_reads{0};
  std::atomic<std::uint64_t> config_writes{0};
};

/// Belongs to one thread, but for the counters. Allocates its reply buffer once.
class Protocol {
 public:
  /// Makes a second socket for the server's own commands and returns the client's end, or nothing.
  /// `max_data_bytes` is what the client takes in one message.
  using TwinSocket = std::function<UniqueFd(std::uint64_t max_data_bytes)>;
  /// The descriptor behind a BAR, -1 for none.
  using BarFd = std::function<int(unsigned bar)>;

  /// Everything referred to must outlive this object.
  Protocol(const Options& options, DmaMemory& memory, Interrupts& interrupts,
           DeviceBackend& backend, BarFd bar_fd, TwinSocket twin_socket);

  /// `message` is a header and header.size - 16 bytes of payload; the caller has checked that much.
  /// Descriptors left in `fds` afterwards were not used.
  [[nodiscard]] Reply handle(std::span<const std::byte> message, FdList& fds) noexcept;

  /// Forgets the client: its version, its regions, its eventfds, its configuration writes.
  void forget_client() noexcept;

  [[nodiscard]] bool version_known() const noexcept { return version_known_; }
  /// What the client announced; the defaults before it has.
  [[nodiscard]] const ClientCapabilities& client() const noexcept { return client_; }
  [[nodiscard]] const ProtocolCounters& counters() const noexcept { return counters_; }

 private:
  // Each carries out one command, appends the reply's payload, and returns 0 or an errno value.
  int run(VersionCommand& command);
  int run(DmaMapCommand& command);
  int run(DmaUnmapCommand& command);
  int run(DeviceInfoCommand& command);
  int run(RegionInfoCommand& command);
  int run(IrqInfoCommand& command);
  int run(SetIrqsCommand& command);
  int run(RegionReadCommand& command);
  int run(RegionWriteCommand& command);
  int run(RegionWriteMultiCommand& command);
  int run(ResetCommand& command);
  void write_region(std::uint32_t region, std::uint64_t offset, std::span<const std::byte> data);
  int set_intx(SetIrqsCommand& command);
  int set_msi(SetIrqsCommand& command);

  template <typename T>
  void append(const T& value) noexcept;
  [[nodiscard]] std::span<std::byte> append_space(std::size_t size) noexcept;
  void log_refusal(const wire::Header& header, std::size_t fd_count,
                   std::span<const std::byte> payload, const Refusal& refusal) noexcept;

  const Layout layout_;
  PciConfig config_;
  DmaMemory& memory_;
  Interrupts& interrupts_;
  DeviceBackend& backend_;
  BarFd bar_fd_;
  TwinSocket twin_socket_;

  bool version_known_ = false;
  ClientCapabilities client_;
  std::vector<std::byte> reply_;
  std::size_t reply_size_ = 0;
  int reply_fd_ = -1;
  UniqueFd twin_fd_;  // the client's end, until the reply with it has been sent
  LogBudget log_budget_;
  ProtocolCounters counters_;
};

}  // namespace hgcm::vfio_user

#endif

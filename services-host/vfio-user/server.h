// SPDX-License-Identifier: MIT
//
// Server: one PCI function offered on a Unix socket with the vfio-user protocol, for stock QEMU
// 10.1 or newer (`-device '{"driver":"vfio-user-pci","socket":{"type":"unix","path":"..."}}'`). It
// carries configuration space, BARs, interrupts and guest memory; what the registers do is the
// business of a DeviceBackend, and this folder knows nothing of it. Specification: vfio-user
// protocol 0.1 (docs/interop/vfio-user.rst of QEMU) and <linux/vfio.h>. No migration, no MSI-X.
#ifndef HGCM_VFIO_USER_SERVER_H
#define HGCM_VFIO_USER_SERVER_H

#include <hgcm/status.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "vfio-user/file_mapping.h"
#include "vmmdev/guest_memory.h"
#include "vmmdev/interrupt_line.h"

namespace hgcm::vfio_user {

inline constexpr unsigned kBarCount = 6;

/// A part of a BAR that the client may map; offset and size in bytes, multiples of 4096.
struct MappableArea {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

struct BarConfig {
  enum class Kind : std::uint8_t {
    kNone,
    kPorts,
    kMemory
  };  ///< memory is 32-bit, not prefetchable

  Kind kind = Kind::kNone;
  /// Bytes, a power of two: at least 4 and at most 256 for ports, at least 16 for memory.
  std::uint32_t size = 0;
  /// Memory only: the BAR has backing memory (Server::bar_memory()).
  bool backed = false;
  /// Backed memory only: what the client may map, in ascending order. All else is trapped.
  std::vector<MappableArea> mappable;
};

/// The device behind the registers. All members are called on the server's thread, one at a time,
/// and must not throw. They may use guest memory, the interrupt line and the BAR memory.
class DeviceBackend {
 public:
  DeviceBackend() = default;
  DeviceBackend(const DeviceBackend&) = delete;
  DeviceBackend& operator=(const DeviceBackend&) = delete;
  virtual ~DeviceBackend() = default;

  /// A trapped access. It lies wholly inside the BAR; one to ports is 1, 2 or 4 bytes wide, one to
  /// memory of any width from 1 byte up. bar_read() fills all of `out`. The guest's processor waits
  /// meanwhile. Values are little-endian.
  virtual void bar_read(unsigned bar, std::uint64_t offset, std::span<std::byte> out) noexcept = 0;
  virtual void bar_write(unsigned bar, std::uint64_t offset,
                         std::span<const std::byte> in) noexcept = 0;

  /// A client has connected: power on. BAR memory has been zeroed (and is no longer shared with any
  /// earlier client); guest memory is not there yet.
  virtual void attach() noexcept = 0;
  /// The client reset the device.
  virtual void reset() noexcept = 0;
  /// The client has gone, or the server is being stopped. Guest memory goes away when this returns.
  virtual void detach() noexcept = 0;
};

struct Options {
  /// Where to listen. A stale socket left by a dead server is replaced; anything else is not.
  std::string socket_path;

  std::uint16_t vendor_id = 0;
  std::uint16_t device_id = 0;
  std::uint16_t subsystem_vendor_id = 0;
  std::uint16_t subsystem_id = 0;
  std::uint8_t revision = 0;
  std::uint32_t class_code = 0;  ///< 24 bits: base, sub, programming interface
  std::array<BarConfig, kBarCount> bars;
  /// Offer one message signalled interrupt besides INTA.
  bool msi = true;

  /// How long INTx may stay high after the client unmasked it before it is signalled again; doubles
  /// with each time in a row, up to 64 times this.
  std::chrono::microseconds intx_recheck{1000};
  /// How long the client may take to answer one access to memory that it did not share.
  std::chrono::milliseconds dma_timeout{1000};
};

/// Exact counts since create().
struct ServerCounters {
  std::uint64_t clients = 0;
  std::uint64_t clients_refused = 0;
  std::uint64_t messages = 0;          ///< from clients
  std::uint64_t messages_refused = 0;  ///< answered with an error
  std::uint64_t bar_reads = 0;
  std::uint64_t bar_writes = 0;
  std::uint64_t config_reads = 0;
  std::uint64_t config_writes = 0;
  std::uint64_t dma_messages = 0;      ///< sent to reach memory without a file descriptor
  std::uint64_t intx_signalled = 0;    ///< times the INTx eventfd was written
  std::uint64_t intx_resignalled = 0;  ///< of these, after a re-check of a level that stayed high
  std::uint64_t intx_unmasked = 0;
  std::uint64_t msi_signalled = 0;
};

/// Thread-safe, except that start(), stop() and the destructor are called by one thread.
class Server {
 public:
  /// Checks the options and makes the BAR memory. Nothing is seen from outside yet.
  /// VERR_INVALID_PARAMETER: a BAR's size, kind or mappable areas make no sense.
  [[nodiscard]] static Result<std::unique_ptr<Server>> create(Options options) noexcept;
  /// Stops when stop() was not called.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Listens and serves one client after another; a second one at the same time is refused, after
  /// a moment in which the first may still go. `backend` must live until stop() has returned.
  /// VERR_INVALID_STATE: it was started before.
  /// VERR_ALREADY_EXISTS: someone listens there, or the path is not a socket.
  /// VERR_FILENAME_TOO_LONG: longer than a socket's path may be. Others: the system's error.
  [[nodiscard]] Status start(DeviceBackend& backend) noexcept;

  /// Disconnects, calls detach() if a client was there, and removes the socket. Not from a callback
  /// of the backend.
  void stop() noexcept;

  /// These live as long as the server. Without a client there is no guest memory, and interrupts
  /// go nowhere (the level is remembered).
  [[nodiscard]] vmmdev::GuestMemory& guest_memory() noexcept;
  /// The file behind memory that guest_memory() has mapped, by an address of ours; null: none.
  [[nodiscard]] std::shared_ptr<const FileMapping> guest_file(const void* address) const noexcept;
  [[nodiscard]] vmmdev::InterruptLine& interrupt_line() noexcept;
  /// The whole of a backed BAR, shared with the client; stays at one address for the server's life.
  /// Empty for other BARs.
  [[nodiscard]] std::span<std::byte> bar_memory(unsigned bar) noexcept;

  [[nodiscard]] bool connected() const noexcept;
  [[nodiscard]] ServerCounters counters() const noexcept;

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hgcm::vfio_user

#endif

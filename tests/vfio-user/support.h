// SPDX-License-Identifier: MIT
//
// What the vfio-user tests share: a device that records what reaches it, memory files, eventfds and
// a builder of raw messages. The builder can build wrong messages too; it checks nothing.
#ifndef HGCM_TESTS_VFIO_USER_SUPPORT_H
#define HGCM_TESTS_VFIO_USER_SUPPORT_H

#include <fcntl.h>
#include <linux/vfio.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <mutex>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "vfio-user/server.h"
#include "vfio-user/unique_fd.h"
#include "vfio-user/wire.h"

namespace hgcm::vfio_user::test {

/// Ports in BAR0, 4 MiB of mappable memory in BAR1, a trapped page in BAR3.
inline Options device_options() {
  Options options;
  options.vendor_id = 0x80ee;
  options.device_id = 0xcafe;
  options.class_code = 0x088000;
  options.bars[0] = {
      .kind = BarConfig::Kind::kPorts, .size = 0x20, .backed = false, .mappable = {}};
  options.bars[1] = {.kind = BarConfig::Kind::kMemory,
                     .size = 0x400000,
                     .backed = true,
                     .mappable = {{.offset = 0, .size = 0x400000}}};
  options.bars[3] = {
      .kind = BarConfig::Kind::kMemory, .size = 0x1000, .backed = false, .mappable = {}};
  return options;
}

class RecordingBackend final : public DeviceBackend {
 public:
  struct Write {
    unsigned bar;
    std::uint64_t offset;
    std::uint64_t value;
    std::size_t width;
  };

  void bar_read(unsigned bar, std::uint64_t offset, std::span<std::byte> out) noexcept override {
    if (on_read) on_read(bar, offset);
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] = static_cast<std::byte>(0x10 * (bar + 1) + offset + i);
    }
  }
  void bar_write(unsigned bar, std::uint64_t offset,
                 std::span<const std::byte> in) noexcept override {
    std::uint64_t value = 0;
    std::memcpy(&value, in.data(), std::min(in.size(), sizeof value));
    {
      const std::lock_guard lock(mutex_);
      writes_.push_back({bar, offset, value, in.size()});
    }
    if (on_write) on_write(bar, offset, value);
  }
  void attach() noexcept override {
    ++attached;
    if (on_attach) on_attach();
  }
  void reset() noexcept override { ++resets; }
  void detach() noexcept override {
    if (on_detach) on_detach();
    ++detached;
    detached.notify_all();
  }

  [[nodiscard]] std::vector<Write> writes() const {
    const std::lock_guard lock(mutex_);
    return writes_;
  }
  void wait_for_detach(int count) const {
    for (int now = detached; now < count; now = detached) detached.wait(now);
  }

  std::function<void(unsigned, std::uint64_t)> on_read;
  std::function<void(unsigned, std::uint64_t, std::uint64_t)> on_write;
  std::function<void()> on_attach;
  std::function<void()> on_detach;
  std::atomic<int> attached{0};
  std::atomic<int> resets{0};
  std::atomic<int> detached{0};

 private:
  mutable std::mutex mutex_;
  std::vector<Write> writes_;
};

inline UniqueFd memory_file(std::size_t size, unsigned seals = 0) {
  UniqueFd fd(::memfd_create("test-ram", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd || ::ftruncate(fd.get(), static_cast<off_t>(size)) != 0) {
    throw std::runtime_error("memfd");
  }
  if (seals != 0 && ::fcntl(fd.get(), F_ADD_SEALS, seals) != 0) throw std::runtime_error("seal");
  return fd;
}

/// The file's bytes, through file I/O: not a mapping that sanitizers would see races on.
inline std::string file_bytes(const UniqueFd& fd, off_t offset, std::size_t size) {
  std::string bytes(size, '\0');
  if (::pread(fd.get(), bytes.data(), size, offset) != static_cast<ssize_t>(size)) {
    throw std::runtime_error("pread");
  }
  return bytes;
}

inline UniqueFd event_fd() {
  return UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}
inline UniqueFd duplicate(const UniqueFd& fd) {
  return UniqueFd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
}
/// How often it was signalled since the last look.
inline std::uint64_t take_events(const UniqueFd& fd) {
  std::uint64_t count = 0;
  return ::read(fd.get(), &count, sizeof count) == sizeof count ? count : 0;
}

inline std::size_t open_descriptors() {
  std::size_t count = 0;
  for (int fd = 0; fd < 1024; ++fd) {
    if (::fcntl(fd, F_GETFD) != -1) ++count;
  }
  return count;
}

using Bytes = std::vector<std::byte>;

template <typename T>
void append(Bytes& bytes, const T& value) {
  const auto raw = std::as_bytes(std::span(&value, 1));
  bytes.insert(bytes.end(), raw.begin(), raw.end());
}

inline Bytes text_bytes(std::string_view text) {
  const auto raw = std::as_bytes(std::span(text));
  return {raw.begin(), raw.end()};
}

template <typename... Parts>
Bytes payload_of(const Parts&... parts) {
  Bytes bytes;
  (append(bytes, parts), ...);
  return bytes;
}

inline Bytes message(wire::Command command, const Bytes& payload, std::uint16_t id = 7,
                     std::uint32_t flags = wire::kTypeCommand) {
  Bytes bytes;
  append(bytes,
         wire::Header{.id = id,
                      .command = static_cast<std::uint16_t>(command),
                      .size = static_cast<std::uint32_t>(sizeof(wire::Header) + payload.size()),
                      .flags = flags,
                      .error = 0});
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  return bytes;
}

inline Bytes version_payload(std::string_view json = R"({"capabilities":{}})") {
  Bytes bytes = payload_of(wire::Version{.major = 0, .minor = 0});
  const Bytes text = text_bytes(json);
  bytes.insert(bytes.end(), text.begin(), text.end());
  bytes.push_back(std::byte{0});
  return bytes;
}

inline Bytes read_payload(std::uint32_t region, std::uint64_t offset, std::uint32_t count) {
  return payload_of(wire::RegionAccess{.offset = offset, .region = region, .count = count});
}

template <typename T>
Bytes write_payload(std::uint32_t region, std::uint64_t offset, T value) {
  return payload_of(wire::RegionAccess{.offset = offset, .region = region, .count = sizeof value},
                    value);
}

inline Bytes dma_map_payload(std::uint64_t address, std::uint64_t size, std::uint64_t offset = 0,
                             std::uint32_t flags = VFIO_DMA_MAP_FLAG_READ |
                                                   VFIO_DMA_MAP_FLAG_WRITE) {
  return payload_of(wire::DmaMap{.argsz = sizeof(wire::DmaMap),
                                 .flags = flags,
                                 .offset = offset,
                                 .address = address,
                                 .size = size});
}

inline Bytes dma_unmap_payload(std::uint64_t address, std::uint64_t size, std::uint32_t flags = 0) {
  return payload_of(wire::DmaUnmap{
      .argsz = sizeof(wire::DmaUnmap), .flags = flags, .address = address, .size = size});
}

inline Bytes irq_payload(std::uint32_t index, std::uint32_t flags, std::uint32_t start = 0,
                         std::uint32_t count = 1) {
  return payload_of(wire::IrqSet{.argsz = sizeof(wire::IrqSet),
                                 .flags = flags,
                                 .index = index,
                                 .start = start,
                                 .count = count});
}

inline constexpr std::uint32_t kBindTriggerFlags =
    VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
inline constexpr std::uint32_t kUnmaskFlags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_UNMASK;

/// The T at `offset` of a message's payload.
template <typename T>
T payload_field(std::span<const std::byte> reply, std::size_t offset) {
  T value{};
  if (reply.size() < sizeof(wire::Header) + offset + sizeof value) {
    throw std::runtime_error("reply too short");
  }
  std::memcpy(&value, reply.data() + sizeof(wire::Header) + offset, sizeof value);
  return value;
}

inline wire::Header header_of(std::span<const std::byte> reply) {
  wire::Header header{};
  if (reply.size() < sizeof header) throw std::runtime_error("no reply");
  std::memcpy(&header, reply.data(), sizeof header);
  return header;
}

}  // namespace hgcm::vfio_user::test

#endif

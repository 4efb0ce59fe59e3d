// SPDX-License-Identifier: MIT
//
// Machine: a Device in a plain buffer, and the guest's side of it: builders of requests and of HGCM
// calls, and an interrupt line that records. It works with the fake and the real ServiceHost.
#ifndef HGCM_TESTS_VMMDEV_MACHINE_H
#define HGCM_TESTS_VMMDEV_MACHINE_H

#include "vmmdev/device.h"
#include "vmmdev/plain_guest_memory.h"
#include "vmmdev/wire.h"

#include <hgcm/status.h>

#include <atomic>
#include <cstring>
#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

namespace hgcm::vmmdev::test {

class RecordingLine final : public InterruptLine {
 public:
  void set_level(bool asserted) noexcept override {
    level = asserted;
    if (asserted) ++raised;
  }
  bool send_message() noexcept override {
    if (!msi) return false;
    ++messages;
    return true;
  }

  std::atomic<bool> level{false};
  std::atomic<bool> msi{false};
  std::atomic<int> raised{0};
  std::atomic<int> messages{0};
};

/// A request under construction in guest memory: fields go straight there.
class GuestRequest {
 public:
  GuestRequest(PlainGuestMemory& memory, GuestAddress at, std::uint32_t type, std::uint32_t size)
      : memory_(memory), address(at) {
    set<std::uint32_t>(wire::header::kSize, size);
    set<std::uint32_t>(wire::header::kVersion, wire::kHeaderVersion);
    set<std::uint32_t>(wire::header::kType, type);
    set<std::int32_t>(wire::header::kStatus, kUntouched);
    set<std::uint32_t>(wire::header::kReserved, 0);
    set<std::uint32_t>(wire::header::kRequestor, HGCM_REQUESTOR_USER_DRIVER);
  }

  // What the status field holds until the device writes it.
  static constexpr std::int32_t kUntouched = -1;

  template <typename T>
  GuestRequest& set(std::size_t offset, T value) {
    std::memcpy(memory_.at(address + offset, sizeof value).data(), &value, sizeof value);
    return *this;
  }
  template <typename T>
  [[nodiscard]] T get(std::size_t offset) const {
    T value;
    std::memcpy(&value, memory_.at(address + offset, sizeof value).data(), sizeof value);
    return value;
  }
  [[nodiscard]] std::int32_t status() const { return get<std::int32_t>(wire::header::kStatus); }
  /// With acquire order, as a guest driver reads it.
  [[nodiscard]] bool done() const {
    auto* flags = reinterpret_cast<std::uint32_t*>(
        memory_.at(address + wire::hgcm::kFlags, sizeof(std::uint32_t)).data());
    return (std::atomic_ref(*flags).load(std::memory_order_acquire) & wire::hgcm::kDone) != 0;
  }
  [[nodiscard]] std::int32_t result() const { return get<std::int32_t>(wire::hgcm::kResult); }

 private:
  PlainGuestMemory& memory_;

 public:
  const GuestAddress address;
};

/// Parameters of a call, by name of their wire type.
struct Parm {
  std::uint32_t type = 0;
  std::uint64_t value = 0;               // of types 1 and 2
  std::uint32_t size = 0;                // of a buffer
  std::uint32_t direction = 0;           // of page lists and embedded data
  std::uint32_t first_offset = 0;        // of page lists
  std::vector<GuestAddress> pages = {};  // of page lists
  std::string_view data = {};            // of embedded data

  static Parm u32(std::uint32_t v) { return {.type = wire::kParm32, .value = v}; }
  static Parm u64(std::uint64_t v) { return {.type = wire::kParm64, .value = v}; }
  static Parm list(std::uint32_t type, std::uint32_t size, std::uint32_t direction,
                   std::vector<GuestAddress> pages, std::uint32_t first_offset = 0) {
    return {.type = type,
            .size = size,
            .direction = direction,
            .first_offset = first_offset,
            .pages = std::move(pages)};
  }
  static Parm embedded(std::uint32_t size, std::uint32_t direction, std::string_view data = {}) {
    return {.type = wire::kParmEmbedded, .size = size, .direction = direction, .data = data};
  }
};

class Machine {
 public:
  static constexpr std::size_t kMemory = 4U << 20;
  static constexpr GuestAddress kRequest = 0x10000;  // where small requests go
  static constexpr GuestAddress kSecond = 0x20000;   // another place
  static constexpr GuestAddress kData = 0x100000;    // buffers

  struct Options {
    DeviceConfig config = {};
    PlainGuestMemoryOptions memory = {};
    bool unlock = true;  // send requests 58, 50 and 42
  };

  explicit Machine(host::ServiceHost& services) : Machine(services, Options{}) {}
  Machine(host::ServiceHost& services, Options options)
      : memory(kMemory, options.memory), device(memory, line, services, bar1(), options.config) {
    if (options.unlock) unlock();
  }

  std::span<std::byte> bar1() { return bar_.bytes(); }
  template <typename T>
  [[nodiscard]] T bar1_value(std::size_t offset) {
    return std::atomic_ref(*reinterpret_cast<T*>(bar1().data() + offset)).load();
  }
  std::atomic_ref<std::uint32_t> bar1_word(std::size_t offset) {
    return std::atomic_ref(*reinterpret_cast<std::uint32_t*>(bar1().data() + offset));
  }
  std::atomic_ref<std::uint32_t> event_word() {
    return bar1_word(VMMDEV_EXT_OFFSET + VMMDEV_EXT_OFF_EVENTS);
  }
  void use_event_word(bool use) {
    bar1_word(VMMDEV_EXT_OFFSET + VMMDEV_EXT_OFF_DRIVER_FEATURES) =
        use ? VMMDEV_EXT_F_EVENT_WORD : 0;
  }

  GuestRequest request(std::uint32_t type, std::uint32_t size, GuestAddress at = kRequest) {
    return {memory, at, type, size};
  }
  /// Submits through BAR0; returns the status field afterwards.
  std::int32_t submit(const GuestRequest& request) {
    device.port_write(wire::kRequestRegister, 4, static_cast<std::uint32_t>(request.address));
    return request.status();
  }

  std::int32_t report_guest_info(std::uint32_t version = wire::guest_info::kInterface104);
  std::int32_t report_guest_info2(std::uint32_t features = wire::guest_info2::kRequestorInfo);
  std::int32_t change_filter(std::uint32_t or_mask, std::uint32_t not_mask = 0);
  /// Request 41.
  std::uint32_t acknowledge();
  void unlock();

  GuestRequest connect_request(std::string_view service, GuestAddress at = kRequest);
  /// Connects with a wait for the completion; the client id.
  host::ClientId connect(std::string_view service);
  GuestRequest disconnect_request(host::ClientId client, GuestAddress at = kRequest);
  /// Lays out a call with 64-bit parameters (or 32-bit ones): page lists and embedded data follow
  /// the parameters in order.
  GuestRequest call_request(host::ClientId client, std::uint32_t function,
                            const std::vector<Parm>& parms, GuestAddress at = kRequest,
                            std::uint32_t type = wire::kHgcmCall64);
  std::int32_t cancel2(GuestAddress address);
  /// Waits for DONE as a guest driver does that polls.
  void wait_done(const GuestRequest& request);

  /// Where parameter `index` of a call is.
  static std::size_t parm_offset(std::size_t index, std::uint32_t type = wire::kHgcmCall64) {
    return wire::hgcm::kCallParameters + index * (type == wire::kHgcmCall64
                                                      ? wire::hgcm::kParameterBytes64
                                                      : wire::hgcm::kParameterBytes32);
  }

  PlainGuestMemory memory;
  RecordingLine line;

 private:
  PlainGuestMemory bar_{kMemoryBarSize};

 public:
  Device device;
};

}  // namespace hgcm::vmmdev::test

#endif

// SPDX-License-Identifier: MIT
//
// Fuzzes the device model from the guest's side: the input is a program of guest memory writes,
// register accesses and ready-made requests, run against the real service host with HgcmTestSvc.
// What is checked: nothing crashes or hangs, and after a successful cancel the block stays as it
// is.
//
// Each step is one byte (see Step) and its operands. Operands past the end of the input are zero.
#include "hgcm/service_host.h"
#include "vmmdev/device.h"
#include "vmmdev/plain_guest_memory.h"
#include "vmmdev/wire.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

extern "C" std::int32_t VBoxHGCMSvcLoad(hgcm_svc_table* table);

namespace {

using namespace hgcm;
using namespace hgcm::vmmdev;

constexpr std::size_t kMemory = 512 * 1024;
constexpr GuestAddress kDriver = 0x7f000;  // requests of the harness itself
constexpr std::uint32_t kNever = 11;       // completed only when the service host goes

enum Step : std::uint8_t {
  kPoke,        // u16 address / 16, u8 count, bytes
  kSubmit,      // u16 address / 16
  kSubmitWide,  // u64 address
  kSubmitOdd,   // u32 address, u8 offset, u8 width
  kRead,        // u8 offset, u8 width
  kBarWrite,    // u32 offset, u8 count, bytes
  kBarRead,     // u32 offset, u8 count
  kSignal,      // u32 events
  kReset,       //
  kConnect,     // u16 address / 16
  kCall,        // u16 address / 16, u8 type, u8 client, u8 function, u8 count, then per parameter
                // u8 type, u32 size, u8 direction, u16 first offset, u8 pages, u16 page each
  kCancel,      // u16 address / 16, u8 narrow
  kIntroduce,   // u32 interface version, u8 features
  kMessages,    // u8: MSI on or off
  kRing,        // u16 address / 16, u8: kick or not
  kSteps
};

class Input {
 public:
  explicit Input(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  template <typename T>
  T take() {
    T value = 0;
    const std::size_t n = std::min(sizeof value, bytes_.size());
    std::memcpy(&value, bytes_.data(), n);
    bytes_ = bytes_.subspan(n);
    return value;
  }
  GuestAddress address() { return GuestAddress{take<std::uint16_t>()} * 16; }
  std::span<const std::byte> bytes(std::size_t count) {
    const auto part = bytes_.first(std::min(count, bytes_.size()));
    bytes_ = bytes_.subspan(part.size());
    return std::as_bytes(part);
  }

 private:
  std::span<const std::uint8_t> bytes_;
};

class Line final : public InterruptLine {
 public:
  void set_level(bool) noexcept override {}
  bool send_message() noexcept override { return messages; }

  std::atomic<bool> messages{false};
};

std::unique_ptr<host::ServiceHost> make_host() {
  auto services = std::make_unique<host::ServiceHost>(host::ServiceHostOptions{});
  if (services->load_builtin("HgcmTestSvc", VBoxHGCMSvcLoad).failed()) std::abort();
  return services;
}

class Guest {
 public:
  explicit Guest(host::ServiceHost& services)
      : device_(memory_, line_, services, bar_.bytes(),
                {.max_hold = std::chrono::microseconds(500), .heap_budget = 64U << 20}) {}

  void run(Input input) {
    introduce(wire::guest_info::kInterface104, 1);
    // Bounded: an input is no benchmark.
    for (int i = 0; i < 200 && !input.empty(); ++i) step(input);
  }
  [[nodiscard]] int calls_that_never_end() const { return never_; }

 private:
  template <typename T>
  void poke(GuestAddress at, T value) {
    static_cast<void>(memory_.write(at, std::as_bytes(std::span(&value, 1))));
  }
  void header(GuestAddress at, std::uint32_t type, std::uint32_t size) {
    poke(at, std::array{size, wire::kHeaderVersion, type, 0xffffffffU, 0U, 1U});
  }
  void submit(GuestAddress at) { device_.port_write(0, 4, static_cast<std::uint32_t>(at)); }

  void introduce(std::uint32_t version, std::uint8_t features) {
    header(kDriver, wire::kReportGuestInfo, 32);
    poke(kDriver + 24, version);
    submit(kDriver);
    header(kDriver, wire::kReportGuestInfo2, 168);
    poke(kDriver + 24, std::array<std::uint16_t, 2>{6, 0});
    poke(kDriver + 28, std::array<std::uint32_t, 3>{0, 0, features});
    poke(kDriver + 40, std::array<char, 6>{"6.0.0"});
    submit(kDriver);
    header(kDriver, wire::kControlFilterMask, 32);
    poke(kDriver + 24, std::array<std::uint32_t, 2>{0x7ff, 0});
    submit(kDriver);
  }

  void connect(GuestAddress at) {
    header(at, wire::kHgcmConnect, 168);
    poke(at + 24, std::array<std::uint32_t, 3>{0, 0, 2});
    std::array<char, 128> name{};
    std::memcpy(name.data(), "HgcmTestSvc", 11);
    poke(at + 36, name);
    submit(at);
    std::uint32_t client = 0;
    static_cast<void>(memory_.read(at + 164, std::as_writable_bytes(std::span(&client, 1))));
    clients_.push_back(client);
  }

  void call(Input& input) {
    const GuestAddress at = input.address();
    const bool wide = input.take<std::uint8_t>() % 2 == 0;
    const auto client = input.take<std::uint8_t>();
    const auto function = input.take<std::uint8_t>();
    const std::uint32_t count = input.take<std::uint8_t>() % 36;
    const std::uint32_t stride = wide ? 16 : 12;
    std::uint32_t extra = 44 + count * stride;
    poke(at + 24, std::array<std::uint32_t, 5>{
                      0, 0, clients_.empty() ? client : clients_[client % clients_.size()],
                      function, count});
    for (std::uint32_t i = 0; i < count; ++i) {
      const GuestAddress parm = at + 44 + i * stride;
      const std::uint32_t type = input.take<std::uint8_t>() % 16;
      const auto size = input.take<std::uint32_t>();
      const auto direction = input.take<std::uint8_t>();
      const auto first = input.take<std::uint16_t>();
      const auto pages = input.take<std::uint8_t>() % 8;
      poke(parm, type);
      if (type == wire::kParmEmbedded) {
        poke(parm + 4, std::array<std::uint32_t, 2>{extra << 8 | direction, size % 512});
        extra += size % 512;
      } else if (type >= wire::kParmPageList) {
        poke(parm + 4, std::array<std::uint32_t, 2>{size, extra});
        poke(at + extra, std::uint32_t{direction});
        poke(at + extra + 4, std::array<std::uint16_t, 2>{first, std::uint16_t(pages)});
        for (int page = 0; page < pages; ++page) {
          poke(at + extra + 8 + GuestAddress(page) * 8,
               GuestAddress{input.take<std::uint16_t>()} * kGuestPageSize);
        }
        extra += 8 + std::uint32_t(pages) * 8;
      } else {
        poke(parm + 4, size);
      }
    }
    header(at, wide ? wire::kHgcmCall64 : wire::kHgcmCall32, extra);
    submit(at);
    if (function == kNever) ++never_;
  }

  void cancel(GuestAddress at, bool narrow) {
    header(kDriver, wire::kHgcmCancel2, narrow ? 28 : 32);
    poke(kDriver + 24, at);
    submit(kDriver);
    std::int32_t status = -1;
    static_cast<void>(memory_.read(kDriver + 12, std::as_writable_bytes(std::span(&status, 1))));
    if (status != 0) return;
    // The block is the guest's again: a late completion must not write here.
    std::array<std::uint32_t, 2> mark = {0x5aa55aa4, 0x12345678};
    poke(at + 24, mark);
    std::array<std::uint32_t, 2> now{};
    if (memory_.read(at + 24, std::as_writable_bytes(std::span(now))) && now != mark) std::abort();
  }

  void step(Input& input) {
    switch (input.take<std::uint8_t>() % kSteps) {
      case kPoke: {
        const GuestAddress at = input.address();
        static_cast<void>(memory_.write(at, input.bytes(input.take<std::uint8_t>())));
        break;
      }
      case kSubmit:
        submit(input.address());
        break;
      case kSubmitWide:
        device_.request_bar_write(0, 8, input.take<std::uint64_t>());
        break;
      case kSubmitOdd: {
        const auto address = input.take<std::uint32_t>();
        const auto offset = input.take<std::uint8_t>();
        device_.port_write(offset % 32, 1U << input.take<std::uint8_t>() % 3, address);
        break;
      }
      case kRead: {
        const auto offset = input.take<std::uint8_t>();
        const unsigned width = 1U << input.take<std::uint8_t>() % 4;
        static_cast<void>(device_.port_read(offset, std::min(width, 4U)));
        static_cast<void>(device_.request_bar_read(offset, width));
        break;
      }
      case kBarWrite: {
        const auto offset = input.take<std::uint32_t>();
        device_.memory_write(offset, input.bytes(input.take<std::uint8_t>()));
        break;
      }
      case kBarRead: {
        const auto offset = input.take<std::uint32_t>();
        std::vector<std::byte> out(input.take<std::uint8_t>());
        device_.memory_read(offset, out);
        break;
      }
      case kSignal:
        device_.signal_events(input.take<std::uint32_t>());
        break;
      case kReset:
        if (++resets_ > 2) break;
        device_.reset();
        clients_.clear();
        break;
      case kConnect:
        connect(input.address());
        break;
      case kCall:
        call(input);
        break;
      case kCancel: {
        const GuestAddress at = input.address();
        cancel(at, input.take<std::uint8_t>() % 2 != 0);
        break;
      }
      case kIntroduce: {
        const auto version = input.take<std::uint32_t>();
        introduce(version, input.take<std::uint8_t>());
        break;
      }
      case kMessages:
        line_.messages = input.take<std::uint8_t>() % 2 != 0;
        break;
      case kRing:
        put_into_ring(input.address());
        if (input.take<std::uint8_t>() % 2 != 0) submit(0);
        break;
      default:
        break;
    }
  }

  std::uint32_t& ring_word(std::size_t offset) {
    return *reinterpret_cast<std::uint32_t*>(bar_.bytes().data() + VMMDEV_EXT_OFFSET + offset);
  }
  void put_into_ring(GuestAddress at) {
    std::atomic_ref(ring_word(VMMDEV_EXT_OFF_DRIVER_FEATURES)) =
        VMMDEV_EXT_F_EVENT_WORD | VMMDEV_EXT_F_RING;
    const std::atomic_ref head(ring_word(VMMDEV_EXT_OFF_RING_HEAD));
    const std::uint32_t entry = head.load() % VMMDEV_EXT_RING_SIZE;
    std::atomic_ref(ring_word(VMMDEV_EXT_OFF_RING_ENTRIES + entry * 4)) =
        static_cast<std::uint32_t>(at);
    head.fetch_add(1);
  }

  PlainGuestMemory memory_{kMemory,
                           {.holes = {{0x30000, 0x2000}}, .unmappable = {{0x40000, 0x8000}}}};
  PlainGuestMemory bar_{kMemoryBarSize};
  Line line_;
  std::vector<std::uint32_t> clients_;
  int resets_ = 0;
  int never_ = 0;
  Device device_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static std::unique_ptr<host::ServiceHost> services = make_host();
  static int never = 0;
  {
    Guest guest(*services);
    guest.run(Input({data, size}));
    never += guest.calls_that_never_end();
  }
  // Calls that are never completed stay with the service host until it goes.
  if (never > 1000) {
    services.reset();
    services = make_host();
    never = 0;
  }
  return 0;
}

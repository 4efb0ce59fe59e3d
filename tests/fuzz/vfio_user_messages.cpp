// SPDX-License-Identifier: MIT
//
// Fuzzes the vfio-user server with client messages. Two modes, chosen by the first byte:
//  even: a sequence of whole messages for the protocol core. Each is a byte saying which
//  descriptors
//        come with it, a 16-bit length, and that many bytes, whose size field is then made right;
//  odd:  raw bytes for the framing of the stream.
// Between messages guest memory and interrupts are used, as a device would.
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

#include <spdlog/spdlog.h>

#include "vfio-user/protocol.h"
#include "vfio-user/stream_reader.h"

namespace {

using namespace hgcm::vfio_user;

void require(bool condition) {
  if (!condition) std::abort();
}

Options device_options() {
  Options options;
  options.vendor_id = 0x80ee;
  options.device_id = 0xcafe;
  options.bars[0] = {BarConfig::Kind::kPorts, 0x20, false, {}};
  options.bars[1] = {BarConfig::Kind::kMemory, 0x4000, true, {{0x1000, 0x2000}}};
  options.bars[3] = {BarConfig::Kind::kMemory, 0x1000, false, {}};
  return options;
}

/// Holds the protocol to its promise: every access lies inside the BAR.
class CheckingBackend final : public DeviceBackend {
 public:
  void bar_read(unsigned bar, std::uint64_t offset, std::span<std::byte> out) noexcept override {
    check(bar, offset, out.size());
    std::ranges::fill(out, std::byte{0xa5});
  }
  void bar_write(unsigned bar, std::uint64_t offset,
                 std::span<const std::byte> in) noexcept override {
    check(bar, offset, in.size());
    for (const std::byte byte : in) sum += std::to_integer<unsigned>(byte);
  }
  void attach() noexcept override {}
  void reset() noexcept override {}
  void detach() noexcept override {}
  unsigned sum = 0;

 private:
  static void check(unsigned bar, std::uint64_t offset, std::size_t size) {
    const Options options = device_options();
    require(bar < kBarCount && size > 0);
    require(offset < options.bars.at(bar).size && size <= options.bars.at(bar).size - offset);
  }
};

UniqueFd small_file() {
  UniqueFd fd(::memfd_create("fuzz", MFD_CLOEXEC));
  require(::ftruncate(fd.get(), 0x4000) == 0);
  return fd;
}

FdList descriptors(unsigned selector) {
  FdList fds;
  for (unsigned i = 0; i < (selector >> 2) % 4; ++i) {
    UniqueFd fd;
    switch (selector % 4) {
      case 0:
        fd = small_file();
        break;
      case 1:
        fd.reset(::eventfd(0, EFD_CLOEXEC));
        break;
      case 2:
        fd.reset(::open("/dev/null", O_RDWR | O_CLOEXEC));
        break;
      default:
        fd.reset(::eventfd(~0U, EFD_CLOEXEC | EFD_NONBLOCK));
        break;
    }
    require(fds.add(std::move(fd)));
  }
  return fds;
}

void use_device(DmaMemory& memory, Interrupts& interrupts) {
  std::array<std::byte, 48> bytes{};
  for (const std::uint64_t address : {0x0ULL, 0x1000ULL, 0x3ff0ULL, 0xfffffffffffffff0ULL}) {
    if (memory.read(address, bytes)) static_cast<void>(memory.write(address, bytes));
    static_cast<void>(memory.store_release(address, 1));
    if (const auto mapping = memory.map(address, 16)) mapping->bytes[0] = std::byte{1};
  }
  interrupts.set_level(true);
  interrupts.send_message();
  interrupts.on_intx_unmask_fd(Interrupts::Clock::now());
  if (const auto deadline = interrupts.deadline()) interrupts.run_timer(*deadline);
  interrupts.set_level(false);
}

/// One for all runs, because its buffer is large; forget_client() is what makes them independent.
struct Core {
  DmaMemory memory;
  Interrupts interrupts{std::chrono::microseconds(1000)};
  CheckingBackend backend;
  Protocol protocol{device_options(),
                    memory,
                    interrupts,
                    backend,
                    [](unsigned) { return 0; },
                    [](std::uint64_t) { return UniqueFd(); }};
};

void run_core(std::span<const std::uint8_t> data) {
  static Core core;
  while (data.size() > 3) {
    FdList fds = descriptors(data[0]);
    const std::size_t wanted = std::size_t{data[1]} | std::size_t{data[2]} << 8;
    data = data.subspan(3);
    const std::size_t length = std::clamp(wanted, sizeof(wire::Header), kMaxMessageBytes);
    std::vector<std::byte> message(length);
    const std::size_t given = std::min(length, data.size());
    std::memcpy(message.data(), data.data(), given);
    data = data.subspan(given);
    const auto size = static_cast<std::uint32_t>(length);
    std::memcpy(message.data() + offsetof(wire::Header, size), &size, sizeof size);

    const Reply reply = core.protocol.handle(message, fds);
    if (!reply.bytes.empty()) {
      wire::Header header{};
      require(reply.bytes.size() >= sizeof header && reply.bytes.size() <= kMaxMessageBytes);
      std::memcpy(&header, reply.bytes.data(), sizeof header);
      require(header.size == reply.bytes.size());
      require(header.flags == wire::kTypeReply ||
              (header.flags == (wire::kTypeReply | wire::kFlagError) && header.error != 0 &&
               header.size == sizeof header));
    }
    use_device(core.memory, core.interrupts);
  }
  core.protocol.forget_client();
  require(core.memory.size() == 0);
}

void run_stream(std::span<const std::uint8_t> data) {
  std::array<int, 2> pair{};
  require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) == 0);
  const UniqueFd ours(pair[0]);
  const UniqueFd theirs(pair[1]);
  StreamReader reader(ours.get());
  FdList fds;
  while (!data.empty()) {
    const std::size_t part = std::min<std::size_t>(data.size(), 1U + data[0]);
    require(::send(theirs.get(), data.data(), part, MSG_NOSIGNAL) == static_cast<ssize_t>(part));
    data = data.subspan(part);
    if (reader.fill(false) != StreamReader::Status::kData) return;
    for (auto message = reader.next(fds); !message.empty(); message = reader.next(fds)) {
      wire::Header header{};
      require(message.size() >= sizeof header);
      std::memcpy(&header, message.data(), sizeof header);
      require(header.size == message.size());
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  spdlog::set_level(spdlog::level::off);
  if (size == 0 || size > 65536) return 0;
  const std::span<const std::uint8_t> input(data, size);
  if (input[0] % 2 == 0) {
    run_core(input.subspan(1));
  } else {
    run_stream(input.subspan(1));
  }
  return 0;
}

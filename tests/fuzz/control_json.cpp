// SPDX-License-Identifier: MIT
//
// libFuzzer target: what a control client sends, from bytes to replies, through a Session and the
// real commands on a service host with guest properties. Checks that every line sent is one JSON
// object in printable ASCII. Waits are refused, and no service is loaded from a file.
#include "vmmdev/plain_guest_memory.h"
#include "vmmdevd/control/context.h"
#include "vmmdevd/control/session.h"

#include <asio/io_context.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <utility>

using namespace hgcm;

extern "C" std::int32_t VBoxHGCMSvcLoad(hgcm_svc_table* table);

namespace {

class NoInterrupts final : public vmmdev::InterruptLine {
 public:
  void set_level(bool /*asserted*/) noexcept override {}
  bool send_message() noexcept override { return false; }
};

/// Runs jobs at once, so that each input is done when its last byte was taken.
class Inline final : public control::Executor {
 public:
  bool run(Job job) override {
    job();
    return true;
  }
  bool run_wait(Job /*job*/) override { return false; }
};

void check(std::string_view line) {
  if (line.empty() || line.back() != '\n') {
    std::abort();
  }
  line.remove_suffix(1);
  for (const char c : line) {
    if (c < 0x20 || c > 0x7e) {
      std::abort();
    }
  }
  if (!control::Json::parse(line, nullptr, false).is_object()) {
    std::abort();
  }
}

struct Machine {
  asio::io_context loop;
  Inline executor;
  std::shared_ptr<control::EventHub> events = std::make_shared<control::EventHub>(loop);
  host::ServiceHost services{host::ServiceHostOptions{}};
  control::GuestPropertyAccess properties{services, events, {}};
  control::SharedFolderAccess shares{services};
  vmmdev::PlainGuestMemory memory{1U << 16U};
  NoInterrupts line;
  std::byte* bar1 = static_cast<std::byte*>(std::aligned_alloc(4096, vmmdev::kMemoryBarSize));
  vmmdev::Device device{memory, line, services, {bar1, vmmdev::kMemoryBarSize}, {}};
  control::Context context{.loop = loop,
                           .executor = executor,
                           .events = events,
                           .services = services,
                           .device = device,
                           .properties = properties,
                           .shares = shares,
                           .transport = {},
                           .quit = [] {}};

  Machine() {
    if (services.load_builtin("VBoxGuestPropSvc", &VBoxHGCMSvcLoad).failed()) {
      std::abort();
    }
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Never destroyed: it is the daemon that all inputs talk to.
  static Machine& machine = *new Machine;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (bytes.find("service-load") != std::string_view::npos) {
    return 0;  // would open whatever the input names
  }
  auto session = std::make_shared<control::Session>(
      machine.context,
      control::Session::Output{[](const std::string& line) { check(line); }, {}, {}});
  session->start();
  const auto run_loop = [] {
    machine.loop.restart();
    machine.loop.poll();
  };
  // In pieces of changing size: the first byte of each says how long it is.
  while (!bytes.empty()) {
    const std::size_t length = 1 + static_cast<unsigned char>(bytes.front()) * 8U;
    const std::string_view piece = bytes.substr(0, length);
    session->receive(piece);
    bytes.remove_prefix(piece.size());
    run_loop();
  }
  session->end_of_input();
  run_loop();
  if (!session->finished()) {
    std::abort();
  }
  return 0;
}

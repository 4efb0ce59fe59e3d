// SPDX-License-Identifier: MIT
//
// See guest.h. The services are found beside the test program: the layout of the build directory.
#include "guest.h"

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>

namespace hgcm::test {
namespace {

namespace fs = std::filesystem;

bool is_kernel_run() {
  const char* const choice = std::getenv("OPENHGCM_TEST_DEVICE");  // NOLINT(concurrency-mt-unsafe)
  return choice != nullptr && std::string_view(choice) == "kernel";
}

std::unique_ptr<loopback::Machine> start_machine() {
  const fs::path tests = fs::read_symlink("/proc/self/exe").parent_path();
  std::string detail;
  auto machine = loopback::Machine::start(
      {.services = {{"HgcmTestSvc", tests / "services/HgcmTestSvc.so"},
                    {"VBoxGuestPropSvc", tests / "../services/VBoxGuestPropSvc.so"}}},
      &detail);
  if (!machine) {
    ADD_FAILURE() << machine.error().to_string() << ": " << detail;
    return nullptr;
  }
  return std::move(*machine);
}

}  // namespace

loopback::Machine* loopback_machine() {
  static const std::unique_ptr<loopback::Machine> machine =
      is_kernel_run() ? nullptr : start_machine();
  return machine.get();
}

std::unique_ptr<Device> open_guest_device(DeviceNode node) {
  if (!is_kernel_run()) {
    loopback::Machine* const machine = loopback_machine();
    return machine != nullptr ? machine->open(node) : nullptr;
  }
  std::string detail;
  OpenOptions options;
  options.node = node;
  auto device = open_device(options, &detail);
  if (!device) {
    ADD_FAILURE() << detail;
    return nullptr;
  }
  return std::move(*device);
}

std::string unique_name(const char* prefix) {
  static std::atomic<unsigned> counter{0};
  return std::string(prefix) + std::to_string(::getpid()) + "." + std::to_string(++counter);
}

}  // namespace hgcm::test

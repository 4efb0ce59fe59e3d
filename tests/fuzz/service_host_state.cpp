// SPDX-License-Identifier: MIT
//
// Fuzzes ServiceHost::load_state(): the input is the payload of a saved state (header and checksum
// are put in front, else nothing would get past them) or, when its first byte is odd, a whole file.
// The services behind it read their state through the VMM table as the payload tells them to.
#include "hgcm/service_host.h"
#include "hgcm/state_container.h"

#include <cstdint>
#include <cstring>
#include <vector>

namespace {

using namespace hgcm::host;

template <typename... Arguments>
int vmm_call(const hgcm_svc_vmm* vmm, std::size_t offset, hgcm_svc_ssm* ssm,
             Arguments... arguments) {
  void* address = nullptr;
  std::memcpy(&address, reinterpret_cast<const char*>(vmm) + offset, sizeof(address));
  return reinterpret_cast<int (*)(hgcm_svc_ssm*, Arguments...)>(address)(ssm, arguments...);
}

/// Each byte read says what to read next, so the fuzzer chooses the sequence of calls.
std::int32_t read_by_program(hgcm_svc_ssm* ssm, const hgcm_svc_vmm* vmm) {
  for (;;) {
    std::uint8_t step = 0;
    if (vmm_call(vmm, 0x6b8, ssm, &step) < 0) return 0;
    std::uint8_t memory[64];
    std::uint64_t number = 0;
    switch (step % 8) {
      case 0:
        return vmm_call(vmm, 0x568, ssm);
      case 1:
        vmm_call(vmm, 0x7d0, ssm, static_cast<void*>(memory), std::size_t{step} / 8);
        break;
      case 2:
        vmm_call(vmm, 0x7d8, ssm, reinterpret_cast<char*>(memory), sizeof(memory));
        break;
      case 3:
        vmm_call(vmm, 0x7e8, ssm, std::size_t{step});
        break;
      case 4:
        vmm_call(vmm, 0x718, ssm, &number);
        break;
      case 5:
        vmm_call(vmm, 0x7e8, ssm, SIZE_MAX - step);
        break;
      case 6:
        vmm_call(vmm, 0x7f0, ssm);
        break;
      default: {
        struct Field {
          std::uint64_t transformer;
          std::uint32_t offset, size, first_version, padding;
          const char* name;
        };
        const Field fields[] = {{1, step, 8, 0, 0, "x"},
                                {0, UINT32_MAX, UINT32_MAX, UINT32_MAX, 0, nullptr}};
        vmm_call(vmm, 0x6a0, ssm, static_cast<void*>(memory), sizeof(memory), std::uint32_t{0},
                 static_cast<const void*>(fields), static_cast<void*>(nullptr));
        break;
      }
    }
  }
}

std::int32_t load_service(hgcm_svc_table* table) {
  table->client_size = 16;
  table->unload = [](void*) -> std::int32_t { return 0; };
  table->connect = [](void*, std::uint32_t, void*, std::uint32_t requestor, bool) -> std::int32_t {
    return requestor == 13 ? -1 : 0;
  };
  table->disconnect = [](void*, std::uint32_t, void*) -> std::int32_t { return 0; };
  table->call = [](void*, hgcm_svc_call_handle, std::uint32_t, void*, std::uint32_t, std::uint32_t,
                   hgcm_svc_parm*, std::uint64_t) {};
  table->save_state = [](void*, std::uint32_t, void*, hgcm_svc_ssm*,
                         const hgcm_svc_vmm*) -> std::int32_t { return 0; };
  table->load_state = [](void*, std::uint32_t, void*, hgcm_svc_ssm* ssm, const hgcm_svc_vmm* vmm,
                         std::uint32_t version) -> std::int32_t {
    return version == 0 ? 0 : read_by_program(ssm, vmm);
  };
  return 0;
}

std::int32_t load_service_without_state(hgcm_svc_table* table) {
  load_service(table);
  table->load_state = nullptr;
  return 0;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static auto& host = [&]() -> ServiceHost& {
    auto& made = *new ServiceHost({});
    made.load_builtin("A", load_service);
    made.load_builtin("B", load_service_without_state);
    return made;
  }();
  if (size == 0) return 0;
  const auto bytes = std::as_bytes(std::span(data + 1, size - 1));
  if ((data[0] & 1) != 0) {
    host.load_state(bytes);
    return 0;
  }
  const bool good = host.load_state(wrap_state(bytes)).ok();
  // What was accepted can be saved, and what was saved can be loaded.
  const auto saved = host.save_state();
  if (good && !saved) __builtin_trap();
  return 0;
}

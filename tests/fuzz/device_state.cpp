// SPDX-License-Identifier: MIT
//
// Fuzzes the parser of saved device states: the input is a payload, which gets a right header, or a
// whole file. What is accepted is encoded and decoded again, and must be the same.
#include "vmmdev/device_state.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hgcm::vmmdev;
  const auto bytes = std::as_bytes(std::span(data, size));
  const bool whole = size >= 8 && std::memcmp(data, "VMMDSAVE", 8) == 0;
  std::vector<std::byte> wrapped;
  if (!whole) wrapped = wrap_device_state(bytes);
  const auto state = decode_state(whole ? bytes : std::span<const std::byte>(wrapped));
  if (!state) return 0;
  const auto again = encode_state(*state);
  if (!whole && again != wrapped) std::abort();
  if (!decode_state(again)) std::abort();
  return 0;
}

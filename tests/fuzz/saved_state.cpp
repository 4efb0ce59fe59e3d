// SPDX-License-Identifier: MIT
//
// Fuzzes the file of saved states: the input is a file whose checksums are made right as far as it
// has places for them, or, without the magic number, the guest properties in one. What is accepted
// must be the same when it is written again.
#include "vmmdevd/saved_state.h"
#include "guest-properties/property_manager.h"
#include "hgcm/checksum.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

using hgcm::host::crc32;

constexpr std::string_view kMagic = "OHGCMSAV";
constexpr std::size_t kTable = 20;
constexpr std::size_t kEntry = 40;

void mend(std::span<std::byte> file) {
  std::uint32_t count = 0;
  std::memcpy(&count, file.data() + 12, sizeof count);
  if (count > (file.size() - kTable) / kEntry) return;
  std::size_t at = kTable + count * kEntry;
  for (std::size_t i = 0; i < count; ++i) {
    std::byte* const entry = file.data() + kTable + i * kEntry;
    std::uint64_t size = 0;
    std::memcpy(&size, entry + 32, sizeof size);
    const std::size_t there =
        static_cast<std::size_t>(std::min<std::uint64_t>(size, file.size() - at));
    const std::uint32_t crc = crc32(file.subspan(at, there));
    std::memcpy(entry + 28, &crc, sizeof crc);
    at += there;
  }
  const std::uint32_t crc = crc32(file.subspan(kTable, count * kEntry));
  std::memcpy(file.data() + 16, &crc, sizeof crc);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hgcm;
  const auto input = std::as_bytes(std::span(data, size));
  std::string detail;
  if (size < kTable || std::memcmp(data, kMagic.data(), kMagic.size()) != 0) {
    if (guestprop::PropertyManager::check(input, detail).failed() && detail.empty()) std::abort();
    const auto parts = vmmdevd::decode_parts(input);
    if (parts && parts->size() != 1) std::abort();
    return 0;
  }
  std::vector<std::byte> file(input.begin(), input.end());
  mend(file);
  const auto parts = vmmdevd::decode_parts(file);
  if (!parts) {
    if (parts.error().empty()) std::abort();
    return 0;
  }
  if (vmmdevd::encode_parts(*parts) != file) std::abort();
  return 0;
}

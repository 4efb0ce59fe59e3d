// SPDX-License-Identifier: MIT
//
// Asking the host for its shares. See shares.h.
#include "mount.vboxsf/shares.h"

#include <hgcm/client.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

namespace hgcm::mount {
namespace {

constexpr Function<1, In<std::uint32_t>, InOut<std::uint32_t>, Out<Bytes>> query_mappings;
constexpr Function<2, In<std::uint32_t>, InOut<Bytes>> query_map_name;

constexpr std::uint32_t kUtf8 = 1;
constexpr std::size_t kMaxMappings = 64;
constexpr std::size_t kHeader = 4;  // of a string: room, length

struct Mapping {
  std::uint32_t status;
  std::uint32_t root;
};
static_assert(sizeof(Mapping) == 8);

}  // namespace

Result<std::vector<std::string>> shares(Device& device) {
  auto client = Client::connect(device, "VBoxSharedFolders");
  if (!client) return failure(client.error());
  std::array<Mapping, kMaxMappings> mappings{};
  std::uint32_t count = kMaxMappings;
  const auto asked =
      query_mappings(*client, kUtf8, count, std::as_writable_bytes(std::span(mappings)));
  if (!asked) return failure(asked.error());

  std::vector<std::string> names;
  for (std::size_t i = 0; i < std::min<std::size_t>(count, kMaxMappings); ++i) {
    std::array<std::byte, 1024> name{};
    const auto room = static_cast<std::uint16_t>(name.size() - kHeader);
    std::memcpy(name.data(), &room, sizeof room);
    // A share that went away meanwhile has no name any more.
    if (!query_map_name(*client, mappings[i].root, name)) continue;
    std::uint16_t length = 0;
    std::memcpy(&length, name.data() + 2, sizeof length);
    length = std::min<std::uint16_t>(length, room);
    names.emplace_back(reinterpret_cast<const char*>(name.data()) + kHeader, length);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace hgcm::mount

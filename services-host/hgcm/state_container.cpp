// SPDX-License-Identifier: MIT
//
// The file format of a service host's saved state: see the header.
#include "hgcm/state_container.h"

#include "hgcm/checksum.h"
#include "hgcm/client_table.h"
#include "hgcm/service_library.h"

#include <array>
#include <cstring>
#include <unordered_set>

namespace hgcm::host {
namespace {

constexpr std::array<char, 8> kMagic{'H', 'G', 'C', 'M', 'S', 'A', 'V', 'E'};
constexpr std::uint32_t kVersion = 1;
constexpr std::uint32_t kMaxServices = 1024;

void put(std::vector<std::byte>& out, const void* data, std::size_t size) {
  const auto* bytes = static_cast<const std::byte*>(data);
  out.insert(out.end(), bytes, bytes + size);
}

template <typename Number>
void put(std::vector<std::byte>& out, Number number) {
  put(out, &number, sizeof(number));  // the host is little endian: the plugin ABI is x86-64 only
}

/// Reads from the front; once something is missing everything reads as zero.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::span<const std::byte> take(std::size_t size) {
    if (size > bytes_.size()) {
      failed_ = true;
      bytes_ = {};
      return {};
    }
    const auto taken = bytes_.first(size);
    bytes_ = bytes_.subspan(size);
    return taken;
  }

  template <typename Number>
  Number number() {
    Number value = 0;
    const auto bytes = take(sizeof(value));
    if (!bytes.empty()) std::memcpy(&value, bytes.data(), sizeof(value));
    return value;
  }

  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] std::size_t left() const { return bytes_.size(); }

 private:
  std::span<const std::byte> bytes_;
  bool failed_ = false;
};

bool read_client(Reader& in, SavedClient& client) {
  client.id = in.number<std::uint32_t>();
  client.requestor = in.number<std::uint32_t>();
  const auto flag = in.number<std::uint8_t>();
  const auto length = in.number<std::uint32_t>();
  const auto bytes = in.take(length);
  if (in.failed() || flag > 1 || client.id == 0 || client.id > kMaxClientId) return false;
  if (length > kMaxClientStateSize || (flag == 0 && length != 0)) return false;
  client.has_state = flag == 1;
  client.state.assign(bytes.begin(), bytes.end());
  return true;
}

bool read_service(Reader& in, SavedService& service) {
  const auto name = in.take(in.number<std::uint16_t>());
  service.name.assign(reinterpret_cast<const char*>(name.data()), name.size());
  if (in.failed() || !is_service_name(service.name)) return false;
  const auto count = in.number<std::uint32_t>();
  if (count > kMaxClients) return false;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (!read_client(in, service.clients.emplace_back())) return false;
  }
  return !in.failed();
}

}  // namespace

std::vector<std::byte> wrap_state(std::span<const std::byte> payload) {
  std::vector<std::byte> out;
  out.reserve(kStateHeaderSize + payload.size());
  put(out, kMagic.data(), kMagic.size());
  put(out, kVersion);
  put(out, crc32(payload));
  put(out, static_cast<std::uint64_t>(payload.size()));
  put(out, payload.data(), payload.size());
  return out;
}

Result<std::vector<std::byte>> encode_state(const SavedHost& host) {
  std::vector<std::byte> payload;
  put(payload, host.last_id);
  put(payload, static_cast<std::uint32_t>(host.services.size()));
  for (const SavedService& service : host.services) {
    put(payload, static_cast<std::uint16_t>(service.name.size()));
    put(payload, service.name.data(), service.name.size());
    put(payload, static_cast<std::uint32_t>(service.clients.size()));
    for (const SavedClient& client : service.clients) {
      if (client.state.size() > kMaxClientStateSize) return failure(HGCM_ERR_TOO_MUCH_DATA);
      put(payload, client.id);
      put(payload, client.requestor);
      put(payload, static_cast<std::uint8_t>(client.has_state));
      put(payload, static_cast<std::uint32_t>(client.state.size()));
      put(payload, client.state.data(), client.state.size());
      if (payload.size() > kMaxStateSize) return failure(HGCM_ERR_TOO_MUCH_DATA);
    }
  }
  return wrap_state(payload);
}

Result<SavedHost> decode_state(std::span<const std::byte> bytes) {
  Reader in(bytes);
  const auto magic = in.take(kMagic.size());
  const auto version = in.number<std::uint32_t>();
  const auto crc = in.number<std::uint32_t>();
  const auto size = in.number<std::uint64_t>();
  if (in.failed() || std::memcmp(magic.data(), kMagic.data(), kMagic.size()) != 0 ||
      version != kVersion)
    return failure(HGCM_ERR_SSM_DATA_UNIT_FORMAT_CHANGED);
  if (size != in.left() || size > kMaxStateSize || crc != crc32(bytes.subspan(kStateHeaderSize)))
    return failure(HGCM_ERR_SSM_UNEXPECTED_DATA);

  SavedHost host;
  host.last_id = in.number<std::uint32_t>();
  const auto services = in.number<std::uint32_t>();
  if (in.failed() || host.last_id > kMaxClientId || services > kMaxServices)
    return failure(HGCM_ERR_SSM_UNEXPECTED_DATA);
  std::unordered_set<std::string> names;
  std::unordered_set<std::uint32_t> ids;
  for (std::uint32_t i = 0; i < services; ++i) {
    SavedService& service = host.services.emplace_back();
    if (!read_service(in, service) || !names.insert(service.name).second)
      return failure(HGCM_ERR_SSM_UNEXPECTED_DATA);
    for (const SavedClient& client : service.clients) {
      if (!ids.insert(client.id).second) return failure(HGCM_ERR_SSM_UNEXPECTED_DATA);
    }
  }
  if (in.left() != 0) return failure(HGCM_ERR_SSM_UNEXPECTED_DATA);
  return host;
}

}  // namespace hgcm::host

// SPDX-License-Identifier: MIT
//
// The file format of a service host's saved state. Little endian:
//
//   8 bytes "HGCMSAVE", u32 version (1), u32 CRC-32 of the payload, u64 bytes of payload, payload:
//     u32 last client id given out, u32 services; each:
//       u16 length and name, u32 clients; each:
//         u32 id, u32 requestor, u8 1 if the service saved it, u32 length and bytes of the service
//
// Not VirtualBox's format. What a service wrote has a length of its own, so that a service that
// reads too much or too little is noticed and harms nobody else.
#ifndef HGCM_HOST_STATE_CONTAINER_H
#define HGCM_HOST_STATE_CONTAINER_H

#include <hgcm/status.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace hgcm::host {

inline constexpr std::size_t kMaxStateSize = 256U << 20;
inline constexpr std::size_t kMaxClientStateSize = 16U << 20;
inline constexpr std::size_t kStateHeaderSize = 24;

struct SavedClient {
  std::uint32_t id = 0;
  std::uint32_t requestor = 0;
  bool has_state = false;
  std::vector<std::byte> state;
};

struct SavedService {
  std::string name;
  std::vector<SavedClient> clients;
};

struct SavedHost {
  std::uint32_t last_id = 0;
  std::vector<SavedService> services;
};

/// HGCM_ERR_TOO_MUCH_DATA when a limit is exceeded.
Result<std::vector<std::byte>> encode_state(const SavedHost& host);
/// Checks everything that can be checked without services: HGCM_ERR_SSM_DATA_UNIT_FORMAT_CHANGED
/// for another format or version, _SSM_UNEXPECTED_DATA for a damaged or impossible state.
Result<SavedHost> decode_state(std::span<const std::byte> bytes);

/// Header and checksum for a payload; for tests that make bad payloads.
std::vector<std::byte> wrap_state(std::span<const std::byte> payload);

}  // namespace hgcm::host

#endif

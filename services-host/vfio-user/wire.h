// SPDX-License-Identifier: MIT
//
// The vfio-user wire format, protocol 0.1: message header, command numbers and the payloads that
// <linux/vfio.h> does not define. All integers are in the host's byte order. Only layouts; what is
// valid is decided in parser.cpp.
#ifndef HGCM_VFIO_USER_WIRE_H
#define HGCM_VFIO_USER_WIRE_H

#include <cstddef>
#include <cstdint>

namespace hgcm::vfio_user::wire {

enum class Command : std::uint16_t {
  kVersion = 1,
  kDmaMap = 2,
  kDmaUnmap = 3,
  kDeviceGetInfo = 4,
  kDeviceGetRegionInfo = 5,
  kDeviceGetRegionIoFds = 6,
  kDeviceGetIrqInfo = 7,
  kDeviceSetIrqs = 8,
  kRegionRead = 9,
  kRegionWrite = 10,
  kDmaRead = 11,   ///< server to client
  kDmaWrite = 12,  ///< server to client
  kDeviceReset = 13,
  kDirtyPages = 14,  ///< of earlier protocol drafts
  kRegionWriteMulti = 15,
  kDeviceFeature = 16,
  kMigDataRead = 17,
  kMigDataWrite = 18,
};

inline constexpr std::uint32_t kTypeMask = 0xf;
inline constexpr std::uint32_t kTypeCommand = 0;
inline constexpr std::uint32_t kTypeReply = 1;
inline constexpr std::uint32_t kFlagNoReply = 1U << 4;
inline constexpr std::uint32_t kFlagError = 1U << 5;

struct Header {
  std::uint16_t id;
  std::uint16_t command;
  std::uint32_t size;  ///< bytes of the whole message, this header included
  std::uint32_t flags;
  std::uint32_t error;  ///< errno value, in replies with kFlagError
};
static_assert(sizeof(Header) == 16);

struct Version {
  std::uint16_t major;
  std::uint16_t minor;
  // then JSON text with a terminating NUL, optional
};
static_assert(sizeof(Version) == 4);

struct DmaMap {
  std::uint32_t argsz;
  std::uint32_t flags;  ///< VFIO_DMA_MAP_FLAG_READ, _WRITE
  std::uint64_t offset;
  std::uint64_t address;
  std::uint64_t size;
};
static_assert(sizeof(DmaMap) == 32);

struct DmaUnmap {
  std::uint32_t argsz;
  std::uint32_t flags;  ///< VFIO_DMA_UNMAP_FLAG_ALL
  std::uint64_t address;
  std::uint64_t size;
};
static_assert(sizeof(DmaUnmap) == 24);

/// The fixed part of struct vfio_device_info as this protocol has it.
struct DeviceInfo {
  std::uint32_t argsz;
  std::uint32_t flags;
  std::uint32_t num_regions;
  std::uint32_t num_irqs;
};
static_assert(sizeof(DeviceInfo) == 16);

struct RegionIoFds {
  std::uint32_t argsz;
  std::uint32_t flags;
  std::uint32_t index;
  std::uint32_t count;
};
static_assert(sizeof(RegionIoFds) == 16);

/// Of struct vfio_irq_set, without the data.
struct IrqSet {
  std::uint32_t argsz;
  std::uint32_t flags;
  std::uint32_t index;
  std::uint32_t start;
  std::uint32_t count;
};
static_assert(sizeof(IrqSet) == 20);

struct RegionAccess {
  std::uint64_t offset;
  std::uint32_t region;
  std::uint32_t count;
  // then `count` bytes in a write command and in a read reply
};
static_assert(sizeof(RegionAccess) == 16);

struct MultiWrite {
  std::uint64_t offset;
  std::uint32_t region;
  std::uint32_t count;
  std::uint64_t data;
};
static_assert(sizeof(MultiWrite) == 24);

struct DmaAccess {
  std::uint64_t address;
  std::uint64_t count;
  // then `count` bytes in a write command and in a read reply
};
static_assert(sizeof(DmaAccess) == 16);
/// The reply to a DMA write has a narrower count; clients send 12 or 16 bytes.
inline constexpr std::size_t kDmaWriteReplySize = 12;

}  // namespace hgcm::vfio_user::wire

namespace hgcm::vfio_user {

/// Data bytes of one region or DMA message, either way; both sides' default in the protocol.
inline constexpr std::size_t kMaxDataBytes = 1U << 20;
/// The largest message that is accepted; a larger one ends the connection.
inline constexpr std::size_t kMaxMessageBytes =
    sizeof(wire::Header) + sizeof(wire::RegionAccess) + kMaxDataBytes;
inline constexpr std::size_t kMaxDmaRegions = 1024;
inline constexpr std::uint64_t kDmaPageSize = 4096;
inline constexpr std::size_t kMaxVersionBytes = 4096;
inline constexpr std::size_t kMaxMultiWrites = 1024;

}  // namespace hgcm::vfio_user

#endif

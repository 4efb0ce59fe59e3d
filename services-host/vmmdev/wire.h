// SPDX-License-Identifier: MIT
//
// Numbers and layouts of the VMMDev protocol that the device model uses: offsets in bytes from the
// start of a request (or of BAR1), little-endian, written from the protocol facts. Not a guest
// header, and no layout of a request that the model does not implement.
#ifndef HGCM_VMMDEV_WIRE_H
#define HGCM_VMMDEV_WIRE_H

#include <openhgcm/vmmdev_ext.h>

#include <bit>
#include <cstddef>
#include <cstdint>

namespace hgcm::vmmdev::wire {

static_assert(std::endian::native == std::endian::little, "fields are copied without conversion");

// --- registers ---
inline constexpr std::uint64_t kRequestRegister = 0;
inline constexpr std::uint64_t kFastRegister = 8;

// --- BAR1 ---
namespace memory {
inline constexpr std::size_t kSize = 0;
inline constexpr std::size_t kVersion = 4;
inline constexpr std::size_t kHaveEvents = 8;       // u8, interface 1.04
inline constexpr std::size_t kHostEvents = 8;       // u32, interface 1.03
inline constexpr std::size_t kGuestEventMask = 12;  // u32, interface 1.03
inline constexpr std::uint32_t kSizeValue = 4193576;
inline constexpr std::uint32_t kVersionValue = 1;
static_assert(kSizeValue <= VMMDEV_EXT_OFFSET, "the extension block lies behind the structure");
static_assert(VMMDEV_EXT_OFFSET + VMMDEV_EXT_SIZE == 0x400000, "and ends with the BAR");
}  // namespace memory

// --- request header ---
namespace header {
inline constexpr std::size_t kSize = 0;
inline constexpr std::size_t kVersion = 4;
inline constexpr std::size_t kType = 8;
inline constexpr std::size_t kStatus = 12;
inline constexpr std::size_t kReserved = 16;
inline constexpr std::size_t kRequestor = 20;
inline constexpr std::size_t kBytes = 24;
}  // namespace header

inline constexpr std::uint32_t kHeaderVersion = 0x00010001;
inline constexpr std::uint32_t kMaxRequestSize = 1U << 20;

enum RequestType : std::uint32_t {
  kGetMouseStatus = 1,
  kSetMouseStatus = 2,
  kGetHostVersion = 4,
  kGetHostTime = 10,
  kGetHypervisorInfo = 20,
  kSetHypervisorInfo = 21,
  kAcknowledgeEvents = 41,
  kControlFilterMask = 42,
  kReportGuestInfo = 50,
  kReportGuestCapabilities = 55,
  kSetGuestCapabilities = 56,
  kReportGuestInfo2 = 58,
  kReportGuestStatus = 59,
  kHgcmConnect = 60,
  kHgcmDisconnect = 61,
  kHgcmCall32 = 62,
  kHgcmCall64 = 63,
  kHgcmCancel = 64,
  kHgcmCancel2 = 65,
  kGetBalloonChange = 111,
  kLogString = 200,
  kGetSessionId = 217,
  kWriteCoreDump = 218,
  kHeartbeat = 219,
  kConfigureHeartbeat = 220,
};

// --- fixed-size requests ---
namespace mouse {  // 1, 2
inline constexpr std::size_t kFeatures = 24;
inline constexpr std::size_t kX = 28;
inline constexpr std::size_t kY = 32;
inline constexpr std::size_t kBytes = 36;
inline constexpr std::uint32_t kGuestFeatures = 0x095;
inline constexpr std::uint32_t kAllFeatures = 0x1ff;
inline constexpr std::uint32_t kHostRechecksCursor = 0x020;
}  // namespace mouse

namespace host_version {  // 4
inline constexpr std::size_t kMajor = 24;
inline constexpr std::size_t kMinor = 26;
inline constexpr std::size_t kBuild = 28;
inline constexpr std::size_t kRevision = 32;
inline constexpr std::size_t kFeatures = 36;
inline constexpr std::size_t kBytes = 40;
inline constexpr std::uint32_t kHgcmPageLists = 1U << 0;
inline constexpr std::uint32_t kHgcmEmbedded = 1U << 1;
inline constexpr std::uint32_t kHgcmContiguous = 1U << 2;
inline constexpr std::uint32_t kHgcmNoBounce = 1U << 3;
inline constexpr std::uint32_t kFastAcknowledge = 1U << 31;
}  // namespace host_version

namespace host_time {  // 10
inline constexpr std::size_t kMilliseconds = 24;
inline constexpr std::size_t kBytes = 32;
}  // namespace host_time

namespace hypervisor_info {  // 20, 21
inline constexpr std::size_t kStart = 24;
inline constexpr std::size_t kSize = 28;
inline constexpr std::size_t kBytes = 32;
}  // namespace hypervisor_info

namespace acknowledge {  // 41
inline constexpr std::size_t kEvents = 24;
inline constexpr std::size_t kBytes = 28;
}  // namespace acknowledge

namespace masks {  // 42, 56
inline constexpr std::size_t kOr = 24;
inline constexpr std::size_t kNot = 28;
inline constexpr std::size_t kBytes = 32;
}  // namespace masks

namespace guest_info {  // 50
inline constexpr std::size_t kInterfaceVersion = 24;
inline constexpr std::size_t kOsType = 28;
inline constexpr std::size_t kBytes = 32;
inline constexpr std::uint32_t kInterface103 = 0x00010003;
inline constexpr std::uint32_t kInterface104 = 0x00010004;
}  // namespace guest_info

namespace capabilities {  // 55
inline constexpr std::size_t kCapabilities = 24;
inline constexpr std::size_t kBytes = 28;
inline constexpr std::uint32_t kGraphics = 4;
}  // namespace capabilities

namespace guest_info2 {  // 58
inline constexpr std::size_t kMajor = 24;
inline constexpr std::size_t kMinor = 26;
inline constexpr std::size_t kBuild = 28;
inline constexpr std::size_t kRevision = 32;
inline constexpr std::size_t kFeatures = 36;
inline constexpr std::size_t kName = 40;
inline constexpr std::size_t kNameBytes = 128;
inline constexpr std::size_t kBytes = 168;
inline constexpr std::uint32_t kRequestorInfo = 1U << 0;
}  // namespace guest_info2

namespace guest_status {  // 59
inline constexpr std::size_t kFacility = 24;
inline constexpr std::size_t kStatus = 28;
inline constexpr std::size_t kFlags = 32;
inline constexpr std::size_t kBytes = 36;
}  // namespace guest_status

namespace balloon {  // 111
inline constexpr std::size_t kBalloonChunks = 24;
inline constexpr std::size_t kMemoryChunks = 28;
inline constexpr std::size_t kEventAck = 32;
inline constexpr std::size_t kBytes = 36;
inline constexpr std::uint64_t kChunkBytes = 1U << 20;
}  // namespace balloon

namespace log_string {  // 200
inline constexpr std::size_t kText = 24;
inline constexpr std::size_t kMinBytes = 28;
}  // namespace log_string

namespace session_id {  // 217
inline constexpr std::size_t kId = 24;
inline constexpr std::size_t kBytes = 32;
}  // namespace session_id

namespace write_core_dump {  // 218
inline constexpr std::size_t kBytes = 28;
}

namespace heartbeat {  // 220
inline constexpr std::size_t kInterval = 24;
inline constexpr std::size_t kEnabled = 32;
inline constexpr std::size_t kBytes = 36;
}  // namespace heartbeat

// --- HGCM requests (60..65) ---
namespace hgcm {
inline constexpr std::size_t kFlags = 24;
inline constexpr std::size_t kResult = 28;
inline constexpr std::size_t kHeaderBytes = 32;
inline constexpr std::uint32_t kDone = 1U << 0;

inline constexpr std::size_t kConnectName = 36;
inline constexpr std::size_t kConnectNameBytes = 128;
inline constexpr std::size_t kConnectClient = 164;
inline constexpr std::size_t kConnectBytes = 168;
static_assert(kConnectName + kConnectNameBytes == kConnectClient);
static_assert(kConnectClient + sizeof(std::uint32_t) == kConnectBytes);

inline constexpr std::size_t kDisconnectClient = 32;
inline constexpr std::size_t kDisconnectBytes = 36;

inline constexpr std::size_t kCallClient = 32;
inline constexpr std::size_t kCallFunction = 36;
inline constexpr std::size_t kCallCount = 40;
inline constexpr std::size_t kCallParameters = 44;
inline constexpr std::size_t kParameterBytes32 = 12;
inline constexpr std::size_t kParameterBytes64 = 16;
inline constexpr std::uint32_t kMaxParameters = 32;
inline constexpr std::uint32_t kMaxBuffer = 128U << 20;

inline constexpr std::size_t kCancelAddress = 24;
inline constexpr std::size_t kCancel2Bytes32 = 28;
inline constexpr std::size_t kCancel2Bytes64 = 32;
}  // namespace hgcm

// --- one parameter of an HGCM call; offsets from the parameter ---
enum ParameterType : std::uint32_t {
  kParm32 = 1,
  kParm64 = 2,
  kParmLinear = 4,
  kParmLinearIn = 5,
  kParmLinearOut = 6,
  kParmPageList = 10,
  kParmEmbedded = 11,
  kParmContiguous = 12,
  kParmNoBounce = 13,
};

namespace parameter {
inline constexpr std::size_t kType = 0;
inline constexpr std::size_t kValue = 4;
inline constexpr std::size_t kLinearSize = 4;
inline constexpr std::size_t kListSize = 4;
inline constexpr std::size_t kListOffset = 8;
inline constexpr std::size_t kEmbeddedWhere = 4;  // direction 7:0, offset 31:8
inline constexpr std::size_t kEmbeddedSize = 8;
}  // namespace parameter

inline constexpr std::uint32_t kToHost = 1;
inline constexpr std::uint32_t kFromHost = 2;

namespace page_list {  // offsets from the list
inline constexpr std::size_t kFlags = 0;
inline constexpr std::size_t kFirstOffset = 4;
inline constexpr std::size_t kCount = 6;
inline constexpr std::size_t kPages = 8;
inline constexpr std::size_t kMinBytes = 16;
}  // namespace page_list

// --- events ---
enum Event : std::uint32_t {
  kEventMouseCapabilities = 1U << 0,
  kEventHgcm = 1U << 1,
  kEventDisplayChange = 1U << 2,
  kEventRestored = 1U << 4,
  kEventBalloonChange = 1U << 6,
  kEventMousePosition = 1U << 9,
};

}  // namespace hgcm::vmmdev::wire

#endif

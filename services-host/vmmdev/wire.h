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
  kSetPointerShape = 3,
  kGetHostVersion = 4,
  kIdle = 5,
  kGetHostTime = 10,
  kGetHypervisorInfo = 20,
  kSetHypervisorInfo = 21,
  kSetPowerStatus = 30,
  kAcknowledgeEvents = 41,
  kControlFilterMask = 42,
  kReportGuestInfo = 50,
  kGetDisplayChange = 51,
  kVideoModeSupported = 52,
  kGetHeightReduction = 53,
  kGetDisplayChange2 = 54,
  kReportGuestCapabilities = 55,
  kSetGuestCapabilities = 56,
  kVideoModeSupported2 = 57,
  kReportGuestInfo2 = 58,
  kReportGuestStatus = 59,
  kHgcmConnect = 60,
  kHgcmDisconnect = 61,
  kHgcmCall32 = 62,
  kHgcmCall64 = 63,
  kHgcmCancel = 64,
  kHgcmCancel2 = 65,
  kVideoAccelEnable = 70,
  kVideoAccelFlush = 71,
  kSetVisibleRegion = 72,
  kGetSeamlessChange = 73,
  kReportUserState = 74,
  kGetDisplayChangeEx = 80,
  kGetDisplayChangeMulti = 81,
  kGetDisplayChangeMulti2 = 82,
  kQueryCredentials = 100,
  kReportJudgement = 101,
  kReportStatistics = 110,
  kGetBalloonChange = 111,
  kGetStatisticsChange = 112,
  kChangeBalloon = 113,
  kGetRemoteDisplayChange = 150,
  kLogString = 200,
  kGetCpuHotPlug = 210,
  kSetCpuHotPlugStatus = 211,
  kGetSessionId = 217,
  kWriteCoreDump = 218,
  kHeartbeat = 219,
  kConfigureHeartbeat = 220,
  kNtBugCheck = 221,
  kUpdateMonitorPositions = 222,
  kGetMouseStatusEx = 223,
  kGetGraphicsCapability = 224,
};

// --- fixed-size requests ---
namespace mouse {  // 1, 2, 223
inline constexpr std::size_t kFeatures = 24;
inline constexpr std::size_t kX = 28;
inline constexpr std::size_t kY = 32;
inline constexpr std::size_t kBytes = 36;
inline constexpr std::size_t kWheel = 36;
inline constexpr std::size_t kHorizontalWheel = 40;
inline constexpr std::size_t kButtons = 44;
inline constexpr std::size_t kBytesEx = 48;
inline constexpr std::uint32_t kGuestFeatures = 0x095;
inline constexpr std::uint32_t kAllFeatures = 0x1ff;
inline constexpr std::uint32_t kHostWantsAbsolute = 0x002;
inline constexpr std::uint32_t kHostRechecksCursor = 0x020;
inline constexpr std::uint32_t kHostFullState = 0x100;
inline constexpr std::uint32_t kToldToHost = 0x005;  // changes of these
inline constexpr std::int32_t kMaxPosition = 0xffff;
inline constexpr std::uint32_t kAllButtons = 0x1f;
}  // namespace mouse

namespace pointer_shape {  // 3
inline constexpr std::size_t kFlags = 24;
inline constexpr std::size_t kHotX = 28;
inline constexpr std::size_t kHotY = 32;
inline constexpr std::size_t kWidth = 36;
inline constexpr std::size_t kHeight = 40;
inline constexpr std::size_t kData = 44;
inline constexpr std::size_t kMinBytes = 48;
inline constexpr std::uint32_t kVisible = 1U << 0;
inline constexpr std::uint32_t kAlpha = 1U << 1;
inline constexpr std::uint32_t kShape = 1U << 2;
inline constexpr std::uint32_t kMaxExtent = 8192;
}  // namespace pointer_shape

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

namespace power_status {  // 30
inline constexpr std::size_t kState = 24;
inline constexpr std::size_t kBytes = 28;
inline constexpr std::uint32_t kPause = 1;
inline constexpr std::uint32_t kOff = 2;
inline constexpr std::uint32_t kSave = 3;
}  // namespace power_status

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

namespace display_change {  // 51, 54, 80
inline constexpr std::size_t kWidth = 24;
inline constexpr std::size_t kHeight = 28;
inline constexpr std::size_t kBitsPerPixel = 32;
inline constexpr std::size_t kEventAck = 36;
inline constexpr std::size_t kBytes = 40;
inline constexpr std::size_t kDisplay = 40;
inline constexpr std::size_t kBytes2 = 44;
inline constexpr std::size_t kX = 44;
inline constexpr std::size_t kY = 48;
inline constexpr std::size_t kChangeOrigin = 52;  // u8
inline constexpr std::size_t kEnabled = 53;       // u8
inline constexpr std::size_t kBytesEx = 56;
}  // namespace display_change

namespace display_multi {  // 81, 82
inline constexpr std::size_t kEventAck = 24;
inline constexpr std::size_t kCount = 28;
inline constexpr std::size_t kDisplays = 32;
inline constexpr std::size_t kMinBytes = 60;
inline constexpr std::size_t kDisplayBytes = 28;
// Of each display:
inline constexpr std::size_t kFlags = 0;
inline constexpr std::size_t kId = 4;
inline constexpr std::size_t kX = 8;
inline constexpr std::size_t kY = 12;
inline constexpr std::size_t kWidth = 16;
inline constexpr std::size_t kHeight = 20;
inline constexpr std::size_t kBitsPerPixel = 24;
}  // namespace display_multi

namespace display_flags {
inline constexpr std::uint32_t kPrimary = 1U << 0;
inline constexpr std::uint32_t kDisabled = 1U << 1;
inline constexpr std::uint32_t kOrigin = 1U << 2;
inline constexpr std::uint32_t kWidth = 1U << 3;
inline constexpr std::uint32_t kHeight = 1U << 4;
inline constexpr std::uint32_t kBitsPerPixel = 1U << 5;
inline constexpr std::uint32_t kAll = 0x3f;
inline constexpr std::uint32_t kAcknowledged = 1U << 16;
}  // namespace display_flags

namespace video_mode {  // 52; 57 has the display first
inline constexpr std::size_t kWidth = 24;
inline constexpr std::size_t kHeight = 28;
inline constexpr std::size_t kSupported = 36;  // u8
inline constexpr std::size_t kBytes = 40;
inline constexpr std::size_t kDisplay2 = 24;
inline constexpr std::size_t kWidth2 = 28;
inline constexpr std::size_t kHeight2 = 32;
inline constexpr std::size_t kSupported2 = 40;  // u8
inline constexpr std::size_t kBytes2 = 44;
}  // namespace video_mode

namespace height_reduction {  // 53
inline constexpr std::size_t kReduction = 24;
inline constexpr std::size_t kBytes = 28;
}  // namespace height_reduction

namespace video_accel {  // 70, 71
inline constexpr std::size_t kStatus = 32;
inline constexpr std::size_t kBytes = 36;
}  // namespace video_accel

namespace visible_region {  // 72
inline constexpr std::size_t kCount = 24;
inline constexpr std::size_t kRectangles = 28;
inline constexpr std::size_t kRectangleBytes = 16;
inline constexpr std::uint32_t kMaxRectangles = 1U << 20;
}  // namespace visible_region

namespace seamless {  // 73
inline constexpr std::size_t kMode = 24;
inline constexpr std::size_t kEventAck = 28;
inline constexpr std::size_t kBytes = 32;
}  // namespace seamless

namespace user_state {  // 74
inline constexpr std::size_t kState = 24;
inline constexpr std::size_t kUserLength = 28;
inline constexpr std::size_t kDomainLength = 32;
inline constexpr std::size_t kDetailsLength = 36;
inline constexpr std::size_t kData = 40;
inline constexpr std::size_t kMinBytes = 44;
inline constexpr std::size_t kMaxBytes = 2048;
inline constexpr std::uint32_t kMaxName = 256;
inline constexpr std::uint32_t kMaxDetails = 1024;
}  // namespace user_state

namespace credentials {  // 100, 101
inline constexpr std::size_t kFlags = 24;
inline constexpr std::size_t kUser = 28;
inline constexpr std::size_t kPassword = 156;
inline constexpr std::size_t kDomain = 284;
inline constexpr std::size_t kStringBytes = 128;
inline constexpr std::size_t kBytes = 412;
inline constexpr std::uint32_t kQueryPresence = 0x2;
inline constexpr std::uint32_t kRead = 0x4;
inline constexpr std::uint32_t kClear = 0x8;
inline constexpr std::uint32_t kReadJudge = 0x100;
inline constexpr std::uint32_t kClearJudge = 0x200;
inline constexpr std::uint32_t kJudgeOk = 0x400;
inline constexpr std::uint32_t kJudgeDeny = 0x800;
inline constexpr std::uint32_t kNoJudgement = 0x1000;
inline constexpr std::uint32_t kPresent = 0x10000;
inline constexpr std::uint32_t kNoLocalLogon = 0x20000;
static_assert(kUser + kStringBytes == kPassword && kPassword + kStringBytes == kDomain &&
              kDomain + kStringBytes == kBytes);
}  // namespace credentials

namespace statistics {  // 110: u32 each
inline constexpr std::size_t kCpu = 24;
inline constexpr std::size_t kValid = 28;
inline constexpr std::size_t kCpuIdle = 32;
inline constexpr std::size_t kCpuKernel = 36;
inline constexpr std::size_t kCpuUser = 40;
inline constexpr std::size_t kThreads = 44;
inline constexpr std::size_t kProcesses = 48;
inline constexpr std::size_t kHandles = 52;
inline constexpr std::size_t kMemoryLoad = 56;
inline constexpr std::size_t kPageSize = 60;
inline constexpr std::size_t kPhysicalTotal = 64;
inline constexpr std::size_t kPageFile = 96;
inline constexpr std::size_t kBytes = 100;
}  // namespace statistics

namespace statistics_change {  // 112
inline constexpr std::size_t kInterval = 24;
inline constexpr std::size_t kEventAck = 28;
inline constexpr std::size_t kBytes = 32;
}  // namespace statistics_change

namespace change_balloon {  // 113
inline constexpr std::size_t kPages = 24;
inline constexpr std::size_t kInflate = 28;
inline constexpr std::size_t kAddresses = 32;
inline constexpr std::uint32_t kChunkPages = 256;
inline constexpr std::size_t kBytes = 2080;
static_assert(kAddresses + kChunkPages * sizeof(std::uint64_t) == kBytes);
}  // namespace change_balloon

namespace remote_display {                  // 150
inline constexpr std::size_t kActive = 24;  // u8
inline constexpr std::size_t kLevel = 28;
inline constexpr std::size_t kBytes = 32;
inline constexpr std::uint32_t kMaxLevel = 4;
}  // namespace remote_display

namespace cpu_hot_plug {  // 210, 211
inline constexpr std::size_t kEvent = 24;
inline constexpr std::size_t kCore = 28;
inline constexpr std::size_t kPackage = 32;
inline constexpr std::size_t kBytes = 36;
inline constexpr std::size_t kStatus = 24;
inline constexpr std::size_t kStatusBytes = 28;
inline constexpr std::uint32_t kDisable = 1;
inline constexpr std::uint32_t kEnable = 2;
}  // namespace cpu_hot_plug

namespace bug_check {  // 221
inline constexpr std::size_t kData = 24;
inline constexpr std::size_t kValues = 5;
inline constexpr std::size_t kBytes = 64;
}  // namespace bug_check

namespace monitor_positions {  // 222
inline constexpr std::size_t kCount = 24;
inline constexpr std::size_t kPoints = 28;
inline constexpr std::size_t kPointBytes = 8;
}  // namespace monitor_positions

namespace graphics_capability {  // 224
inline constexpr std::size_t kIndex = 24;
inline constexpr std::size_t kValue = 28;
inline constexpr std::size_t kBytes = 32;
inline constexpr std::uint32_t kMaxIndex = 0;
inline constexpr std::uint32_t k3D = 1;
inline constexpr std::uint32_t kDisplays = 2;
}  // namespace graphics_capability

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
inline constexpr std::size_t kFlags = 24;
inline constexpr std::size_t kBytes = 28;
}  // namespace write_core_dump

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
  kEventJudgeCredentials = 1U << 3,
  kEventRestored = 1U << 4,
  kEventSeamlessChange = 1U << 5,
  kEventBalloonChange = 1U << 6,
  kEventStatisticsChange = 1U << 7,
  kEventRemoteDisplay = 1U << 8,
  kEventMousePosition = 1U << 9,
  kEventCpuHotPlug = 1U << 10,
};

}  // namespace hgcm::vmmdev::wire

#endif

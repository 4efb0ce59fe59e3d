// SPDX-License-Identifier: MIT
//
// Numbers and layouts of the shared folder protocol of VirtualBox 7.2 (docs/protocol.md, "Shared
// folders"), for the service and for the host side that configures it. Declarations only. The
// extension for change notification is in kmod/include/openhgcm/shfl_ext.h.
#ifndef HGCM_SHARED_FOLDERS_PROTOCOL_H
#define HGCM_SHARED_FOLDERS_PROTOCOL_H

#include <cstddef>
#include <cstdint>

namespace hgcm::shfl {

enum GuestFunction : std::uint32_t {
  kQueryMappings = 1,
  kQueryMapName = 2,
  kCreate = 3,
  kClose = 4,
  kRead = 5,
  kWrite = 6,
  kLock = 7,
  kList = 8,
  kInformation = 9,
  kRemove = 11,
  kMapFolderOld = 12,
  kUnmapFolder = 13,
  kRename = 14,
  kFlush = 15,
  kSetUtf8 = 16,
  kMapFolder = 17,
  kReadLink = 18,
  kSymlink = 19,
  kSetSymlinks = 20,
  kQueryMapInfo = 21,
  kWaitForMappingsChanges = 22,
  kCancelMappingsChangesWaits = 23,
  kSetFileSize = 24,
  kQueryFeatures = 25,
  kCopyFile = 26,
  kCopyFilePart = 27,
  kCloseAndRemove = 28,
  kSetErrorStyle = 29,
  kLastFunction = kSetErrorStyle,
};

enum HostFunction : std::uint32_t {
  kAddMapping = 1,
  kRemoveMapping = 2,
  kSetStatusLed = 3,
};

inline constexpr std::size_t kMaxMappings = 64;
/// UTF-16 units, without the terminator.
inline constexpr std::size_t kMaxShareName = 256;
inline constexpr std::size_t kMaxMountPoint = 260;

inline constexpr std::uint32_t kNilRoot = 0xffffffffU;
inline constexpr std::uint64_t kNilHandle = ~std::uint64_t{0};
/// What very old additions leave in the handle field of CREATE: their mode field means nothing.
inline constexpr std::uint64_t kNoModeHandle = 0;

enum AddMappingFlag : std::uint32_t {
  kAddWritable = 1,
  kAddAutoMount = 2,
  kAddCreateSymlinks = 4,
  kAddMissing = 8,
};

/// Which links a guest may make. What each means for following: README.md.
enum SymlinkPolicy : std::uint32_t {
  kPolicyNone = 0,  ///< none given: the flag kAddCreateSymlinks alone decides
  kPolicyForbidden = 1,
  kPolicySubtree = 2,
  kPolicyRelative = 3,
  kPolicyAny = 4,
};

enum QueryMappingsFlag : std::uint32_t {
  kMappingsUtf8 = 1,
  kMappingsAutoMount = 0x10,
  kMappingsFlags = kMappingsUtf8 | kMappingsAutoMount,
};

enum MapInfoFlag : std::uint32_t {
  kMapInfoHintDriveLetter = 1,
  kMapInfoHintPath = 2,
  kMapInfoHints = kMapInfoHintDriveLetter | kMapInfoHintPath,
  kMapInfoWritable = 1,
  kMapInfoAutoMount = 2,
  kMapInfoHostIgnoresCase = 4,
  kMapInfoGuestIgnoresCase = 8,
  kMapInfoSymlinkCreation = 0x10,
};

enum Feature : std::uint64_t {
  kFeatureWriteUpdatesOffset = 1,
};

enum ErrorStyle : std::uint8_t {
  kStyleWindows = 1,
  kStyleLinux = 2,
};

enum CreateResult : std::uint32_t {
  kNoResult = 0,
  kPathNotFound = 1,
  kFileNotFound = 2,
  kFileExists = 3,
  kFileCreated = 4,
  kFileReplaced = 5,
};

enum CreateFlag : std::uint32_t {
  kLookup = 0x1,
  kOpenTargetDirectory = 0x2,
  kDirectory = 0x4,
  kIfExistsMask = 0xf0,
  kOpenIfExists = 0x00,
  kFailIfExists = 0x10,
  kReplaceIfExists = 0x20,
  kOverwriteIfExists = 0x30,
  kIfNewMask = 0xf00,
  kCreateIfNew = 0x000,
  kFailIfNew = 0x100,
  kAccessMask = 0x3000,
  kAccessRead = 0x1000,
  kAccessWrite = 0x2000,
  kAppend = 0x40000,
};

enum ListFlag : std::uint32_t {
  kListReturnOne = 1,
  kListRestart = 2,
};

enum InformationFlag : std::uint32_t {
  kInfoGet = 0,
  kInfoSet = 1,
  kInfoName = 2,
  kInfoSize = 4,
  kInfoFile = 8,
  kInfoVolume = 0x10,
};

enum RemoveFlag : std::uint32_t {
  kRemoveFile = 1,
  kRemoveDirectory = 2,
  kRemoveSymlink = 4,
  kRemoveFlags = kRemoveFile | kRemoveDirectory | kRemoveSymlink,
};

enum RenameFlag : std::uint32_t {
  kRenameFile = 1,
  kRenameDirectory = 2,
  kRenameReplace = 4,
  kRenameFlags = kRenameFile | kRenameDirectory | kRenameReplace,
};

enum LockFlag : std::uint32_t {
  kLockModeMask = 3,
  kLockWait = 4,
  kLockEntire = 8,
  kLockFlags = kLockModeMask | kLockWait | kLockEntire,
};

/// Flags of a client, as a saved state has them.
enum ClientFlag : std::uint32_t {
  kClientMappingsQueried = 0x1,
  kClientMappingsChanged = 0x2,
  kClientUtf8 = 0x4,
  kClientSymlinks = 0x8,
  kClientCancelNextWait = 0x10,
};

// The mode word: POSIX bits below, DOS attributes above.
inline constexpr std::uint32_t kModePermissions = 0777;
inline constexpr std::uint32_t kModeTypeMask = 0170000;
inline constexpr std::uint32_t kModeDosReadOnly = 0x1U << 16U;
inline constexpr std::uint32_t kModeDosHidden = 0x2U << 16U;
inline constexpr std::uint32_t kModeDosDirectory = 0x10U << 16U;
inline constexpr std::uint32_t kModeDosNormal = 0x80U << 16U;
inline constexpr std::uint32_t kModeDosMask = 0xffff0000U;
inline constexpr std::uint32_t kAttributesUnix = 2;

struct [[gnu::packed]] ObjectInfo {
  std::int64_t size;
  std::int64_t allocated;
  // Nanoseconds since 1970.
  std::int64_t access_time;
  std::int64_t modification_time;
  std::int64_t change_time;
  std::int64_t birth_time;
  std::uint32_t mode;
  std::uint32_t additional;  ///< which form the rest has: always kAttributesUnix
  std::uint32_t uid;
  std::uint32_t gid;
  std::uint32_t links;
  std::uint32_t device;
  std::uint64_t inode;
  std::uint32_t flags;
  std::uint32_t generation;
  std::uint32_t special_device;
};
static_assert(sizeof(ObjectInfo) == 92);
static_assert(offsetof(ObjectInfo, mode) == 48);
static_assert(offsetof(ObjectInfo, inode) == 72);

struct [[gnu::packed]] CreateParms {
  std::uint64_t handle;
  std::uint32_t result;
  std::uint32_t flags;
  ObjectInfo info;
};
static_assert(sizeof(CreateParms) == 108);

/// What precedes the name in a record of LIST.
struct [[gnu::packed]] EntryHeader {
  ObjectInfo info;
  std::uint16_t short_name_length;
  std::uint16_t short_name[14];
  std::uint16_t name_size;
  std::uint16_t name_length;
};
static_assert(sizeof(EntryHeader) == 126);
/// A LIST buffer below this is refused.
inline constexpr std::uint32_t kMinListBuffer = 128;

struct VolumeInfo {
  std::int64_t total;
  std::int64_t available;
  std::uint32_t allocation_unit;
  std::uint32_t sector;
  std::uint32_t serial;
  std::uint32_t max_name;
  std::uint8_t remote;
  std::uint8_t case_sensitive;
  std::uint8_t read_only;
  std::uint8_t unicode;
  std::uint8_t compressed;
  std::uint8_t file_compression;
  std::uint8_t padding[2];
};
static_assert(sizeof(VolumeInfo) == 40);
static_assert(offsetof(VolumeInfo, max_name) == 28);

struct Mapping {
  std::uint32_t status;
  std::uint32_t root;
};
static_assert(sizeof(Mapping) == 8);
inline constexpr std::uint32_t kMappingNew = 1;

/// Of a client, as a saved state has it. Without the counts in states of old versions.
struct ClientRecord {
  std::uint32_t flags = 0;
  std::uint16_t delimiter = 0;
  std::uint8_t error_style = kStyleLinux;
  std::uint8_t has_map_counts = 1;
  std::uint16_t map_counts[kMaxMappings] = {};
};
static_assert(sizeof(ClientRecord) == 136);
inline constexpr std::size_t kClientRecordWithoutCounts = 8;

}  // namespace hgcm::shfl

#endif

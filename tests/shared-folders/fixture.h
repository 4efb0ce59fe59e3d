// SPDX-License-Identifier: MIT
//
// VBoxSharedFolders.so behind the raw ABI, with directories of its own and short forms of its
// functions, as a guest that speaks UTF-8 uses them.
#ifndef HGCM_TESTS_SHARED_FOLDERS_FIXTURE_H
#define HGCM_TESTS_SHARED_FOLDERS_FIXTURE_H

#include <openhgcm/shfl_ext.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "../sdk/mini_host.h"
#include "shared-folders/protocol.h"
#include "shared-folders/strings.h"

namespace hgcm::shfl::test {

using hgcm::test::MiniHost;
using hgcm::test::Parm;
using CallPtr = MiniHost::CallPtr;
namespace fs = std::filesystem;

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (fs::temp_directory_path() / "shfl-XXXXXX").string();
    BOOST_REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

inline void write_text(const fs::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}
inline std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// A counted string of a UTF-8 client.
inline std::string counted(std::string_view text) {
  std::string result(4, '\0');
  const auto size = static_cast<std::uint16_t>(text.size() + 1);
  const auto length = static_cast<std::uint16_t>(text.size());
  std::memcpy(result.data(), &size, 2);
  std::memcpy(result.data() + 2, &length, 2);
  return result.append(text) + '\0';
}
/// The same of one that speaks UTF-16.
inline std::string counted16(std::string_view text) {
  return make_string(text);
}
/// Room for a counted string of so many bytes.
inline std::string room(std::uint16_t size) {
  std::string result(4U + size, '\0');
  std::memcpy(result.data(), &size, 2);
  return result;
}
inline Parm text_parm(std::string_view text) {
  return Parm::bytes(counted(text));
}
template <typename T>
T as(std::string_view bytes) {
  BOOST_REQUIRE_GE(bytes.size(), sizeof(T));
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}
template <typename T>
std::string_view bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

/// An ObjectInfo whose members can be referred to.
struct PlainInfo {
  PlainInfo() = default;
  PlainInfo(const ObjectInfo& info)  // NOLINT(*-explicit-*)
      : size(info.size),
        allocated(info.allocated),
        access_time(info.access_time),
        modification_time(info.modification_time),
        change_time(info.change_time),
        birth_time(info.birth_time),
        inode(info.inode),
        mode(info.mode),
        additional(info.additional),
        uid(info.uid),
        gid(info.gid),
        links(info.links),
        device(info.device),
        flags(info.flags),
        generation(info.generation),
        special_device(info.special_device) {}
  friend bool operator==(const PlainInfo&, const PlainInfo&) = default;

  std::int64_t size = 0, allocated = 0;
  std::int64_t access_time = 0, modification_time = 0, change_time = 0, birth_time = 0;
  std::uint64_t inode = 0;
  std::uint32_t mode = 0, additional = 0, uid = 0, gid = 0, links = 0, device = 0;
  std::uint32_t flags = 0, generation = 0, special_device = 0;
};

struct Created {
  std::int32_t status = 0;
  std::uint32_t result = 0;
  std::uint64_t handle = 0;
  PlainInfo info;
};

struct Entry {
  std::string name;
  PlainInfo info;
};

struct Listed {
  std::int32_t status = 0;
  std::vector<Entry> entries;
  std::uint32_t more = 0;
  std::uint32_t bytes = 0;

  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const Entry& entry : entries) {
      result.push_back(entry.name);
    }
    std::ranges::sort(result);
    return result;
  }
};

/// The records of a LIST reply; checks that they are whole.
inline std::vector<Entry> parse_entries(std::string_view bytes, bool utf8 = true) {
  std::vector<Entry> entries;
  while (!bytes.empty()) {
    const auto header = as<EntryHeader>(bytes);
    const std::size_t size = header.name_size;
    const std::size_t length = header.name_length;
    BOOST_REQUIRE_GE(bytes.size(), sizeof header + size);
    const std::string_view name = bytes.substr(sizeof header, length);
    if (utf8) {
      BOOST_REQUIRE_EQUAL(size, length + 1);
      entries.push_back({std::string(name), header.info});
    } else {
      BOOST_REQUIRE_EQUAL(size, length + 2);
      std::u16string wide(name.size() / 2, u'\0');
      std::memcpy(wide.data(), name.data(), name.size());
      entries.push_back({to_utf8(wide).value_or("?"), header.info});
    }
    BOOST_REQUIRE_EQUAL(bytes[sizeof header + length], '\0');
    bytes.remove_prefix(sizeof header + size);
  }
  return entries;
}

constexpr std::uint32_t kClient = 1;
constexpr std::uint32_t kReadWrite = kAccessRead | kAccessWrite;

/// VBoxSharedFolders, in this process or, in another test program, in a sandbox.
std::int32_t load_service(MiniHost& host);
bool is_confined();

struct Service {
  explicit Service(std::uint32_t share_flags = kAddWritable | kAddCreateSymlinks,
                   std::uint32_t policy = kPolicySubtree) {
    BOOST_REQUIRE_EQUAL(load_service(host), 0);
    dir = temporary.path() / "share";
    fs::create_directory(dir);
    BOOST_REQUIRE_EQUAL(add("share", dir.string(), share_flags, policy), 0);
    connect(kClient);
    root = map("share");
  }
  ~Service() {
    host.unload();
    BOOST_CHECK_EQUAL(host.pending_calls(), 0);
    BOOST_CHECK_EQUAL(host.bad_completions(), 0);
  }

  std::int32_t add(std::string_view name, std::string_view path, std::uint32_t flags = kAddWritable,
                   std::uint32_t policy = kPolicyNone, std::string_view mount_point = {}) {
    auto p = Parm::bytes(counted16(path));
    auto n = Parm::bytes(counted16(name));
    auto f = Parm::u32(flags);
    auto m = Parm::bytes(counted16(mount_point));
    auto s = Parm::u32(policy);
    return host.host_call(kAddMapping, p, n, f, m, s);
  }
  std::int32_t remove_share(std::string_view name) {
    auto n = Parm::bytes(counted16(name));
    return host.host_call(kRemoveMapping, n);
  }

  /// A client with UTF-8 and links shown, as Linux guests have it.
  void connect(std::uint32_t client) {
    BOOST_REQUIRE_EQUAL(host.connect(client), 0);
    BOOST_REQUIRE_EQUAL(host.call(client, kSetUtf8)->wait(), 0);
    BOOST_REQUIRE_EQUAL(host.call(client, kSetSymlinks)->wait(), 0);
  }
  std::uint32_t map(std::string_view name, std::uint32_t client = kClient,
                    bool case_sensitive = true) {
    const CallPtr call = host.call(client, kMapFolder, text_parm(name), Parm::u32(kNilRoot),
                                   Parm::u32('/'), Parm::u32(case_sensitive ? 1 : 0));
    BOOST_REQUIRE_EQUAL(call->wait(), 0);
    return call->u32(1);
  }

  CallPtr start_create(std::string_view path, std::uint32_t flags, const ObjectInfo& info = {}) {
    const CreateParms parms{kNilHandle, 99, flags, info};
    return host.call(kClient, kCreate, Parm::u32(root), text_parm(path),
                     Parm::bytes(bytes_of(parms)));
  }
  static Created created(const CallPtr& call) {
    Created result;
    result.status = call->wait();
    const auto parms = as<CreateParms>(call->contents(2));
    result.result = parms.result;
    result.handle = parms.handle;
    result.info = parms.info;
    return result;
  }
  Created create(std::string_view path, std::uint32_t flags, std::uint32_t mode = 0100644,
                 std::int64_t size = 0) {
    ObjectInfo info{};
    info.mode = mode;
    info.size = size;
    return created(start_create(path, flags, info));
  }
  Created look_up(std::string_view path) { return create(path, kLookup | kFailIfNew); }
  /// An existing file or directory.
  std::uint64_t open(std::string_view path, std::uint32_t access = kReadWrite) {
    const Created opened = create(path, kFailIfNew | access);
    BOOST_REQUIRE_EQUAL(opened.status, 0);
    BOOST_REQUIRE_EQUAL(opened.result, kFileExists);
    BOOST_REQUIRE_NE(opened.handle, kNilHandle);
    return opened.handle;
  }
  std::uint64_t make(std::string_view path) {
    const Created made = create(path, kFailIfExists | kReadWrite);
    BOOST_REQUIRE_EQUAL(made.status, 0);
    BOOST_REQUIRE_EQUAL(made.result, kFileCreated);
    return made.handle;
  }
  std::int32_t make_directory(std::string_view path) {
    const Created made = create(path, kDirectory | kFailIfExists);
    if (made.handle != kNilHandle) {
      BOOST_CHECK_EQUAL(close(made.handle), 0);
    }
    return made.status;
  }
  std::int32_t close(std::uint64_t handle) {
    return host.call(kClient, kClose, Parm::u32(root), Parm::u64(handle))->wait();
  }

  CallPtr start_read(std::uint64_t handle, std::uint64_t offset, std::uint32_t size) {
    return host.call(kClient, kRead, Parm::u32(root), Parm::u64(handle), Parm::u64(offset),
                     Parm::u32(size), Parm::buffer(size));
  }
  std::string read(std::uint64_t handle, std::uint64_t offset, std::uint32_t size) {
    const CallPtr call = start_read(handle, offset, size);
    BOOST_REQUIRE_EQUAL(call->wait(), 0);
    return std::string(call->contents(4).substr(0, call->u32(3)));
  }
  CallPtr start_write(std::uint64_t handle, std::uint64_t offset, std::string_view text) {
    return host.call(kClient, kWrite, Parm::u32(root), Parm::u64(handle), Parm::u64(offset),
                     Parm::u32(static_cast<std::uint32_t>(text.size())), Parm::bytes(text));
  }
  std::int32_t write(std::uint64_t handle, std::uint64_t offset, std::string_view text) {
    const CallPtr call = start_write(handle, offset, text);
    const std::int32_t status = call->wait();
    BOOST_CHECK_EQUAL(call->u32(3), status == 0 ? text.size() : 0);
    return status;
  }

  Listed list(std::uint64_t handle, std::uint32_t room_bytes = 65536, std::uint32_t flags = 0,
              std::string_view filter = {}) {
    const CallPtr call =
        host.call(kClient, kList, Parm::u32(root), Parm::u64(handle), Parm::u32(flags),
                  Parm::u32(room_bytes), filter.empty() ? Parm::null_buffer(0) : text_parm(filter),
                  Parm::buffer(room_bytes), Parm::u32(0), Parm::u32(77));
    Listed result;
    result.status = call->wait();
    result.bytes = call->u32(3);
    result.more = call->u32(6);
    result.entries = parse_entries(call->contents(5).substr(0, result.bytes));
    BOOST_CHECK_EQUAL(call->u32(7), result.entries.size());
    return result;
  }
  /// All of a directory.
  std::vector<std::string> names(std::string_view path) {
    const std::uint64_t handle = open(path, kAccessRead);
    const Listed listed = list(handle);
    BOOST_CHECK_EQUAL(close(handle), 0);
    return listed.names();
  }

  struct Info {
    std::int32_t status;
    PlainInfo info;
  };
  Info information(std::uint64_t handle, std::uint32_t flags, const ObjectInfo& given = {}) {
    const CallPtr call =
        host.call(kClient, kInformation, Parm::u32(root), Parm::u64(handle), Parm::u32(flags),
                  Parm::u32(sizeof(ObjectInfo)), Parm::bytes(bytes_of(given)));
    const std::int32_t status = call->wait();
    return {status, as<ObjectInfo>(call->contents(4))};
  }

  std::int32_t remove(std::string_view path, std::uint32_t flags = kRemoveFile) {
    return host.call(kClient, kRemove, Parm::u32(root), text_parm(path), Parm::u32(flags))->wait();
  }
  std::int32_t rename(std::string_view from, std::string_view to, std::uint32_t flags) {
    return host
        .call(kClient, kRename, Parm::u32(root), text_parm(from), text_parm(to), Parm::u32(flags))
        ->wait();
  }
  std::int32_t symlink(std::string_view path, std::string_view target) {
    return host
        .call(kClient, kSymlink, Parm::u32(root), text_parm(path), text_parm(target),
              Parm::buffer(sizeof(ObjectInfo)))
        ->wait();
  }
  struct Linked {
    std::int32_t status = 0;
    PlainInfo info;
  };
  Linked hard_link(std::string_view from, std::string_view to) {
    const CallPtr call = host.call(kClient, SHFL_EXT_FN_LINK, Parm::u32(root), text_parm(from),
                                   text_parm(to), Parm::buffer(sizeof(ObjectInfo)));
    const std::int32_t status = call->wait();
    ObjectInfo info;
    std::memcpy(&info, call->contents(3).data(), sizeof info);
    return {status, info};
  }
  /// The target, or "status N".
  std::string read_link(std::string_view path, std::size_t size = 4096) {
    const CallPtr call =
        host.call(kClient, kReadLink, Parm::u32(root), text_parm(path), Parm::buffer(size));
    const std::int32_t status = call->wait();
    return status == 0 ? std::string(call->contents(2).data()) : "status " + std::to_string(status);
  }

  TemporaryDirectory temporary;
  fs::path dir;  ///< the share; beside it is what no guest may reach
  MiniHost host;
  std::uint32_t root = kNilRoot;
};

struct ReadOnlyService : Service {
  ReadOnlyService() : Service(0, kPolicyNone) {}
};

}  // namespace hgcm::shfl::test

#endif

// SPDX-License-Identifier: MIT
//
// Fuzz target: the input is a sequence of guest calls, host calls, cancellations, connects and
// saved states for the shared folder service, well-formed or not, made through the raw ABI on a
// directory of its own. Checked is, besides what the sanitizers see, that every call ends exactly
// once, that only waits may stay open, and that nothing beside the shared directory has been read
// or changed.
#include <openhgcm/shfl_ext.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../sdk/mini_host.h"
#include "shared-folders/protocol.h"
#include "shared-folders/strings.h"

extern "C" std::int32_t VBoxHGCMSvcLoad(hgcm_svc_table* table);

namespace {

namespace fs = std::filesystem;
using hgcm::test::MiniHost;
using hgcm::test::Parm;
using namespace hgcm::shfl;  // NOLINT(google-build-using-namespace)

constexpr std::string_view kSecret = "5ecret-0utside-the-5hare";

constexpr std::string_view kPaths[] = {
    "/",          "",       "/a",          "/a/b",        "/a/b/c",     "/link", "/link/secret",
    "/b",         "/fifo",  "..",          "/../outside", "/a/../../x", "/up",   "/up/secret",
    "/A",         "/*",     "/a/*.txt",    "/x.txt",      "//a//b//",   "/.",    "\\a\\b",
    "../outside", "secret", "/abs/secret", "a/./b/../c"};

[[noreturn]] void fail() {
  std::abort();
}

class Input {
 public:
  explicit Input(std::string_view data) : data_(data) {}
  [[nodiscard]] bool empty() const { return data_.empty(); }
  std::uint8_t byte() {
    if (data_.empty()) {
      return 0;
    }
    const auto value = static_cast<std::uint8_t>(data_.front());
    data_.remove_prefix(1);
    return value;
  }
  std::string_view bytes() {
    const std::string_view part = data_.substr(0, byte());
    data_.remove_prefix(part.size());
    return part;
  }
  std::string path() {
    const std::uint8_t choice = byte();
    if (choice < 0xe0) {
      return std::string(kPaths[choice % std::size(kPaths)]);
    }
    return choice < 0xf8 ? std::string(bytes()) : std::string(std::size_t{byte()} * 20, 'n');
  }
  /// Small, near a power of two, or large.
  std::uint64_t number() {
    const std::uint8_t choice = byte();
    if (choice < 0x80) {
      return choice;
    }
    return (std::uint64_t{1} << (choice % 64U)) + byte() - 128U;
  }

 private:
  std::string_view data_;
};

/// What there is on the host, made once for each run.
class Place {
 public:
  Place() {
    const char* memory = "/dev/shm";
    std::string name =
        (fs::path(::access(memory, W_OK) == 0 ? memory : "/tmp") / "shfl-fuzz-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
      fail();
    }
    top_ = name;
  }
  ~Place() {
    std::error_code ignored;
    fs::remove_all(top_, ignored);
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  void reset() {
    std::error_code ignored;
    for (const char* name : {"share", "outside"}) {
      fs::permissions(top_ / name, fs::perms::owner_all, ignored);
      fs::remove_all(top_ / name, ignored);
    }
    fs::create_directories(top_ / "share" / "a");
    fs::create_directory(top_ / "outside");
    std::ofstream(top_ / "outside" / "secret") << kSecret;
    std::ofstream(top_ / "share" / "a" / "b") << "contents";
    fs::create_symlink("../outside", top_ / "share" / "up");
    fs::create_symlink(top_ / "outside", top_ / "share" / "abs");
    fs::create_symlink("a", top_ / "share" / "link");
    if (::mkfifo((top_ / "share" / "fifo").c_str(), 0600) != 0) {
      fail();
    }
  }
  void check() const {
    std::ifstream file(top_ / "outside" / "secret");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    if (text != kSecret || std::distance(fs::directory_iterator(top_ / "outside"), {}) != 1 ||
        std::distance(fs::directory_iterator(top_), {}) != 2) {
      fail();
    }
  }
  [[nodiscard]] std::string share() const { return (top_ / "share").string(); }

 private:
  fs::path top_;
};

class Run {
 public:
  Run(const Place& place, std::string_view data) : place_(place), input_(data) {
    if (host_.load(&VBoxHGCMSvcLoad) < 0) {
      fail();
    }
    const std::uint8_t flags = input_.byte();
    add_share("share", flags & 7U, (flags >> 3U) % 5U);
    connect(1);
  }

  void go() {
    for (int steps = 0; !input_.empty() && steps < 100; ++steps) {
      step();
    }
    disconnect(1);
    disconnect(2);
    host_.unload();
    if (host_.pending_calls() != 0 || host_.bad_completions() != 0) {
      fail();
    }
    place_.check();
  }

 private:
  void add_share(std::string_view name, std::uint32_t flags, std::uint32_t policy) {
    auto path = Parm::bytes(make_string(place_.share()));
    auto share = Parm::bytes(make_string(name));
    auto f = Parm::u32(flags);
    auto mount = Parm::bytes(make_string(""));
    auto p = Parm::u32(policy);
    (void)host_.host_call(kAddMapping, path, share, f, mount, p);
  }
  void disconnect(std::uint32_t client) {
    if (std::exchange(connected_[client], false)) {
      (void)host_.disconnect(client);
    }
  }
  void connect(std::uint32_t client) {
    disconnect(client);
    if (host_.connect(client) < 0) {
      fail();
    }
    connected_[client] = true;
    const std::uint8_t how = input_.byte();
    utf8_ = (how & 1U) == 0;
    if (utf8_) {
      (void)host_.call(client, kSetUtf8)->wait();
    }
    if ((how & 2U) == 0) {
      (void)host_.call(client, kSetSymlinks)->wait();
    }
    (void)host_.call(client, kMapFolder, text("share"), Parm::u32(0),
                     Parm::u32((how & 4U) == 0 ? '/' : '\\'), Parm::u32(how & 8U));
    client_ = client;
  }

  Parm text(std::string_view utf8) {
    if (!utf8_) {
      return Parm::bytes(make_string(utf8));
    }
    std::string counted(4, '\0');
    const auto size = static_cast<std::uint16_t>(utf8.size() + 1);
    const auto length = static_cast<std::uint16_t>(utf8.size());
    std::memcpy(counted.data(), &size, 2);
    std::memcpy(counted.data() + 2, &length, 2);
    return Parm::bytes(counted.append(utf8) + '\0');
  }
  Parm handle() {
    const std::uint8_t choice = input_.byte();
    return Parm::u64(handles_.empty() || choice >= 0xf0 ? input_.number()
                                                        : handles_[choice % handles_.size()]);
  }
  Parm memory() {
    const std::size_t size = input_.number() % 20000;
    return input_.byte() % 2 == 0 ? Parm::buffer(size)
                                  : Parm::pages(std::string(size, 'p'), input_.byte() * 16U);
  }

  /// A parameter that fits the place, most of the time.
  Parm parameter(char type, std::uint32_t function) {
    if (input_.byte() == 0xff) {
      type = "uUpdx"[input_.byte() % 5];
    }
    switch (type) {
      case 'r':
        return Parm::u32(input_.byte() < 0xf0 ? 0 : static_cast<std::uint32_t>(input_.number()));
      case 'u':
        return Parm::u32(static_cast<std::uint32_t>(input_.number()));
      case 'f':
        return Parm::u32(input_.byte() | static_cast<std::uint32_t>(input_.byte()) << 8U);
      case 'U':
        return Parm::u64(input_.number());
      case 'h':
        return handle();
      case 's':
        return input_.byte() < 0xf0 ? text(input_.path()) : Parm::bytes(input_.bytes());
      case 'd':
        return memory();
      case 'c': {
        CreateParms parms{kNilHandle, 0, 0, {}};
        parms.flags = input_.byte() | static_cast<std::uint32_t>(input_.byte()) << 8U;
        parms.flags |= (input_.byte() & 4U) << 16U;
        parms.info.mode = static_cast<std::uint32_t>(input_.number());
        parms.info.size = static_cast<std::int64_t>(input_.number());
        return Parm::bytes({reinterpret_cast<const char*>(&parms), sizeof parms});
      }
      case 'x':
        return Parm::of_type(input_.byte());
      default:
        return Parm::buffer(function == kSymlink || function == SHFL_EXT_FN_LINK
                                ? sizeof(ObjectInfo)
                                : input_.number() % 5000);
    }
  }

  void guest_call() {
    struct Line {
      std::uint32_t function;
      std::string_view types;
    };
    static constexpr Line kLines[] = {{kQueryMappings, "fup"},
                                      {kQueryMapName, "rp"},
                                      {kCreate, "rsc"},
                                      {kCreate, "rsc"},
                                      {kCreate, "rsc"},
                                      {kClose, "rh"},
                                      {kRead, "rhUud"},
                                      {kWrite, "rhUud"},
                                      {kLock, "rhUUf"},
                                      {kList, "rhfuspuu"},
                                      {kInformation, "rhfup"},
                                      {kRemove, "rsf"},
                                      {kMapFolderOld, "suu"},
                                      {kUnmapFolder, "r"},
                                      {kRename, "rssf"},
                                      {kFlush, "rh"},
                                      {kSetUtf8, ""},
                                      {kMapFolder, "suuu"},
                                      {kReadLink, "rsp"},
                                      {kSymlink, "rssp"},
                                      {kSetSymlinks, ""},
                                      {kQueryMapInfo, "rppUu"},
                                      {kWaitForMappingsChanges, "u"},
                                      {kCancelMappingsChangesWaits, ""},
                                      {kSetFileSize, "rhU"},
                                      {kQueryFeatures, "Uu"},
                                      {kCopyFile, "rsrsf"},
                                      {kCopyFilePart, "rhUrhUUf"},
                                      {kCloseAndRemove, "rsfh"},
                                      {kSetErrorStyle, "fu"},
                                      {SHFL_EXT_FN_WATCH, "rsfu"},
                                      {SHFL_EXT_FN_UNWATCH, "ru"},
                                      {SHFL_EXT_FN_WAIT_CHANGES, "rpu"},
                                      {SHFL_EXT_FN_CANCEL_WAIT, "r"},
                                      {SHFL_EXT_FN_LINK, "rssp"}};
    const Line& line = kLines[input_.byte() % std::size(kLines)];
    std::vector<Parm> parms;
    for (const char type : line.types) {
      parms.push_back(parameter(type, line.function));
    }
    if (input_.byte() == 0xff && !parms.empty()) {
      parms.pop_back();
    }
    const auto call = host_.submit(client_, line.function, std::move(parms));
    if (line.function == kWaitForMappingsChanges || line.function == SHFL_EXT_FN_WAIT_CHANGES) {
      if (!call->done()) {
        host_.cancel(client_, *call);
      }
      return;
    }
    const std::int32_t status = call->wait();
    look_at(line.function, *call, status);
  }

  void look_at(std::uint32_t function, const hgcm::test::GuestCall& call, std::int32_t status) {
    if (function == kCreate && call.parms.size() == 3 &&
        call.parms[2].contents().size() == sizeof(CreateParms)) {
      CreateParms parms{};
      std::memcpy(&parms, call.contents(2).data(), sizeof parms);
      if (status >= 0 && parms.handle != kNilHandle && parms.result != kNoResult) {
        handles_.push_back(parms.handle);
      }
    }
    if (function == kRead && status >= 0 && call.parms.size() == 5 &&
        call.parms[4].abi.type == HGCM_SVC_PARM_PTR &&
        call.contents(4).find(kSecret) != std::string_view::npos) {
      fail();
    }
  }

  /// What was saved, changed: a state may come from anywhere.
  void restore(std::uint32_t client) {
    disconnect(client);
    if (host_.connect(client, HGCM_REQUESTOR_LEGACY, true) < 0) {
      fail();
    }
    connected_[client] = true;
    const std::string_view changes = input_.bytes();
    for (std::size_t i = 0; i + 1 < changes.size() && !host_.stream.empty(); i += 2) {
      host_.stream[static_cast<std::uint8_t>(changes[i]) * 7U % host_.stream.size()] =
          static_cast<std::byte>(changes[i + 1]);
    }
    host_.stream_read = 0;
    if (host_.load_state(client, 3) >= 0) {
      client_ = client;
      handles_.clear();
    }
  }

  void step() {
    switch (input_.byte() % 16) {
      case 0:
        add_share("other", input_.byte() & 15U, input_.byte() % 6U);
        break;
      case 1: {
        auto name = Parm::bytes(make_string(input_.byte() % 2 == 0 ? "share" : "other"));
        (void)host_.host_call(kRemoveMapping, name);
        break;
      }
      case 2:
        host_.stream.clear();
        if (host_.save(client_) >= 0) {
          restore(3 - client_);
        }
        break;
      case 3:
        handles_.clear();
        connect(1 + input_.byte() % 2U);
        break;
      default:
        guest_call();
        break;
    }
  }

  const Place& place_;
  Input input_;
  MiniHost host_;
  bool connected_[3] = {};
  std::uint32_t client_ = 1;
  bool utf8_ = true;
  std::vector<std::uint64_t> handles_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool limited = [] {
    // Sparse files are cheap until somebody copies them.
    const rlimit limit{1U << 20U, 1U << 20U};
    std::signal(SIGXFSZ, SIG_IGN);
    return ::setrlimit(RLIMIT_FSIZE, &limit) == 0;
  }();
  static Place place;
  if (!limited) {
    return 0;
  }
  place.reset();
  Run(place, {reinterpret_cast<const char*>(data), size}).go();
  return 0;
}

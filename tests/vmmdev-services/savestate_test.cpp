// SPDX-License-Identifier: MIT
//
// Saved states of the device with the real service host and all services: what goes on in another
// host, which calls complete there, and what is left when a service does not take its part.
#define BOOST_TEST_DYN_LINK
#include "../vmmdev/machine.h"

#include "guest-properties/protocol.h"
#include "guest-properties/service_client.h"
#include "hgcm/state_container.h"
#include "shared-folders/protocol.h"
#include "shared-folders/share_client.h"
#include "vmmdev/device_state.h"

#include <boost/test/unit_test.hpp>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

extern "C" std::int32_t VBoxHGCMSvcLoad(hgcm_svc_table* table);

namespace hgcm::vmmdev::test {
namespace {

using namespace std::string_view_literals;
namespace fs = std::filesystem;

constexpr const char* kTest = "HgcmTestSvc";
constexpr const char* kProperties = "VBoxGuestPropSvc";
constexpr const char* kFolders = "VBoxSharedFolders";
constexpr std::uint32_t kNoop = 1;
constexpr std::uint32_t kPark = 5;
constexpr std::uint32_t kRelease = 6;
constexpr std::uint32_t kBoth = wire::kToHost | wire::kFromHost;

// Where the pending calls are.
constexpr GuestAddress kParked = 0x30000;
constexpr GuestAddress kNotified = 0x31000;
constexpr GuestAddress kMappings = 0x32000;

class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "savestate-XXXXXX").string();
    BOOST_REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
    std::ofstream(path / "file") << "contents";
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  fs::path path;
};

std::string counted(std::string_view text) {
  std::string result(4, '\0');
  const auto length = static_cast<std::uint16_t>(text.size());
  const auto size = static_cast<std::uint16_t>(length + 1);
  std::memcpy(result.data(), &size, 2);
  std::memcpy(result.data() + 2, &length, 2);
  return result.append(text) + '\0';
}

/// A host with all services and one share; the machine that it belongs to.
struct Host {
  explicit Host(const fs::path& folder) {
    const fs::path here = fs::read_symlink("/proc/self/exe").parent_path().parent_path();
    BOOST_REQUIRE(services.load_builtin(kTest, VBoxHGCMSvcLoad).ok());
    for (const char* name : {kProperties, kFolders}) {
      BOOST_REQUIRE(services.load(name, here / "services" / (std::string(name) + ".so")).ok());
    }
    BOOST_REQUIRE(add_share("share", folder).ok());
  }

  GuestRequest call(host::ClientId client, std::uint32_t function, const std::vector<Parm>& parms) {
    auto request = machine.call_request(client, function, parms, Machine::kSecond);
    request.set<std::int32_t>(wire::hgcm::kResult, 0);
    if (machine.submit(request) == HGCM_INF_HGCM_ASYNC_EXECUTE) machine.wait_done(request);
    return request;
  }
  std::int32_t status(host::ClientId client, std::uint32_t function,
                      const std::vector<Parm>& parms = {}) {
    const auto request = call(client, function, parms);
    return request.status() < 0 ? request.status() : request.result();
  }
  GuestRequest pend(host::ClientId client, std::uint32_t function, const std::vector<Parm>& parms,
                    GuestAddress at) {
    const auto request = machine.call_request(client, function, parms, at);
    BOOST_REQUIRE(machine.submit(request) == HGCM_INF_HGCM_ASYNC_EXECUTE);
    return request;
  }
  /// CREATE of an existing file: its handle.
  std::uint64_t open(host::ClientId client, std::uint32_t root, std::string_view path) {
    shfl::CreateParms parms{};
    parms.handle = shfl::kNilHandle;
    parms.flags = shfl::kFailIfNew | shfl::kAccessRead;
    const std::string name = counted(path);
    const auto request =
        call(client, shfl::kCreate,
             {Parm::u32(root), Parm::embedded(size_of(name), wire::kToHost, name),
              Parm::embedded(sizeof parms, kBoth,
                             {reinterpret_cast<const char*>(&parms), sizeof parms})});
    if (request.result() != 0) return shfl::kNilHandle;
    return request.get<std::uint64_t>(request.get<std::uint32_t>(Machine::parm_offset(2) + 4) >> 8);
  }
  static std::uint32_t size_of(std::string_view text) {
    return static_cast<std::uint32_t>(text.size());
  }
  Status add_share(std::string name, const fs::path& path) {
    shfl::ShareSettings share;
    share.name = std::move(name);
    share.path = path.string();
    return folders.add(share);
  }
  std::uint64_t pending() {
    std::uint64_t count = 0;
    for (const auto& one : services.statistics()) count += one.pending_calls;
    return count;
  }
  std::uint32_t clients() {
    std::uint32_t count = 0;
    for (const auto& one : services.statistics()) {
      for (const std::uint32_t n : one.clients) count += n;
    }
    return count;
  }

  host::ServiceHost services{{}};
  guestprop::ServiceClient properties{services, kProperties};
  shfl::ShareClient folders{services, kFolders};
  Machine machine{services};
};

/// A guest with a client of each service, an open file, and a call pending in each service.
struct Guest {
  explicit Guest(Host& host)
      : test(host.machine.connect(kTest)),
        properties(host.machine.connect(kProperties)),
        folders(host.machine.connect(kFolders)) {
    BOOST_REQUIRE(host.status(folders, shfl::kSetUtf8) == 0);
    const std::string share = counted("share");
    const auto mapped = host.call(folders, shfl::kMapFolder,
                                  {Parm::embedded(Host::size_of(share), wire::kToHost, share),
                                   Parm::u32(shfl::kNilRoot), Parm::u32('/'), Parm::u32(1)});
    BOOST_REQUIRE(mapped.result() == 0);
    root = mapped.get<std::uint32_t>(Machine::parm_offset(1) + 4);
    handle = host.open(folders, root, "/file");
    BOOST_REQUIRE(handle != shfl::kNilHandle);

    host.pend(test, kPark, {Parm::u32(7)}, kParked);
    host.pend(
        properties, guestprop::kGuestGetNotification,
        {Parm::embedded(9, wire::kToHost, "/Saved/*\0"sv), Parm::u64(0),
         Parm::list(wire::kParmPageList, 4096, wire::kFromHost, {Machine::kData}), Parm::u32(0)},
        kNotified);
    // A wait with another version than the service's ends at once and tells that.
    const auto told = host.call(folders, shfl::kWaitForMappingsChanges, {Parm::u32(1000)});
    host.pend(folders, shfl::kWaitForMappingsChanges,
              {Parm::u32(told.get<std::uint32_t>(Machine::parm_offset(0) + 4))}, kMappings);
    BOOST_REQUIRE(host.pending() == 3U);
  }
  host::ClientId test, properties, folders;
  std::uint32_t root = 0;
  std::uint64_t handle = 0;
};

/// A request that is in the guest's memory already.
struct View {
  [[nodiscard]] std::uint32_t word(std::size_t offset) const {
    auto* at = reinterpret_cast<std::uint32_t*>(machine.memory.at(address + offset, 4).data());
    return std::atomic_ref(*at).load();
  }
  [[nodiscard]] bool done() const { return (word(wire::hgcm::kFlags) & wire::hgcm::kDone) != 0; }
  /// The result; kNever when there is none for so long that there will be none.
  [[nodiscard]] std::int32_t wait() const {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done()) {
      if (std::chrono::steady_clock::now() > end) return kNever;
      std::this_thread::yield();
    }
    return static_cast<std::int32_t>(word(wire::hgcm::kResult));
  }
  /// What a second completion would write over.
  void mark() const {
    auto* at = reinterpret_cast<std::uint32_t*>(
        machine.memory.at(address + wire::hgcm::kResult, 4).data());
    std::atomic_ref(*at).store(kMark);
  }
  [[nodiscard]] bool marked() const { return word(wire::hgcm::kResult) == kMark; }

  static constexpr std::int32_t kNever = -99999;
  static constexpr std::uint32_t kMark = 0x5a5a5a5a;
  Machine& machine;
  GuestAddress address;
};

struct Fixture {
  Folder folder;
  std::unique_ptr<Host> first = std::make_unique<Host>(folder.path);
  Guest guest{*first};

  std::vector<std::byte> save() {
    auto state = first->machine.device.save_state();
    BOOST_REQUIRE(state.has_value());
    return std::move(*state);
  }
  /// Another daemon: the guest's memory is in its machine, the first one is gone.
  std::unique_ptr<Host> move() {
    auto second = std::make_unique<Host>(folder.path);
    std::ranges::copy(first->machine.memory.at(0, Machine::kMemory),
                      second->machine.memory.at(0, Machine::kMemory).begin());
    first.reset();
    return second;
  }
  static std::array<View, 3> calls(Host& host) {
    return {View{host.machine, kParked}, View{host.machine, kNotified},
            View{host.machine, kMappings}};
  }
};

/// The state with the version in the shared folder service's part replaced by one to come.
std::vector<std::byte> with_unknown_folders(std::span<const std::byte> bytes) {
  auto device = decode_state(bytes);
  BOOST_REQUIRE(device.has_value());
  auto services = host::decode_state(device->services);
  BOOST_REQUIRE(services.has_value());
  const auto folders = std::ranges::find(services->services, kFolders, &host::SavedService::name);
  BOOST_REQUIRE((folders != services->services.end() && !folders->clients.empty()));
  folders->clients[0].state.at(0) = std::byte{99};
  device->services = host::encode_state(*services).value();
  return encode_state(*device);
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(savestate, Fixture)

BOOST_AUTO_TEST_CASE(pending_calls_complete_once_in_a_fresh_host) {
  const auto state = save();
  BOOST_TEST(first->pending() == 3U);  // saving ended none for good
  const auto second = move();
  BOOST_REQUIRE(second->machine.device.load_state(state).ok());
  const auto [parked, notified, mappings] = calls(*second);
  // A guest that waited for shares looks at them anew.
  BOOST_TEST(mappings.wait() == HGCM_INF_TRY_AGAIN);
  BOOST_TEST(!parked.done());
  BOOST_TEST(!notified.done());
  BOOST_TEST(second->pending() == 2U);

  BOOST_TEST(second->status(guest.test, kRelease, {Parm::u32(7)}) == 0);
  BOOST_TEST(parked.wait() == 0);
  BOOST_TEST(second->properties.set("/Saved/Name", "new", std::nullopt).ok());
  BOOST_TEST(notified.wait() == 0);
  const auto text = second->machine.memory.at(Machine::kData, 16);
  BOOST_TEST(std::string_view(reinterpret_cast<const char*>(text.data()), 16) ==
             "/Saved/Name\0new\0"sv);

  for (const View& call : calls(*second)) call.mark();
  BOOST_TEST(second->status(guest.test, kRelease, {Parm::u32(7)}) == 0);
  BOOST_TEST(second->properties.set("/Saved/Name", "newer", std::nullopt).ok());
  BOOST_TEST(second->add_share("other", folder.path).ok());
  BOOST_TEST(second->status(guest.folders, shfl::kSetUtf8) == 0);
  BOOST_TEST(second->pending() == 0U);
  for (const View& call : calls(*second)) BOOST_TEST(call.marked());
}

BOOST_AUTO_TEST_CASE(clients_mappings_and_handles_in_a_fresh_host) {
  const auto state = save();
  const auto second = move();
  BOOST_REQUIRE(second->machine.device.load_state(state).ok());
  BOOST_TEST(second->clients() == 3U);
  BOOST_TEST(second->status(guest.test, kNoop) == 0);
  // Open files are not in a state, as in VirtualBox's.
  const std::vector<Parm> old = {Parm::u32(guest.root), Parm::u64(guest.handle)};
  BOOST_TEST(second->status(guest.folders, shfl::kClose, old) == HGCM_ERR_INVALID_HANDLE);
  BOOST_TEST(second->open(guest.folders, guest.root, "/file") != shfl::kNilHandle);
  BOOST_TEST(second->status(guest.folders, shfl::kUnmapFolder, {Parm::u32(guest.root)}) == 0);
  // New clients get ids of their own.
  const auto another = second->machine.connect(kTest);
  BOOST_TEST((another != guest.test && another != guest.properties && another != guest.folders));
}

BOOST_AUTO_TEST_CASE(the_host_that_was_saved_goes_on_too) {
  save();
  const auto [parked, notified, mappings] = calls(*first);
  BOOST_TEST(first->status(guest.test, kRelease, {Parm::u32(7)}) == 0);
  BOOST_TEST(parked.wait() == 0);
  BOOST_TEST(first->properties.set("/Saved/Name", "new", std::nullopt).ok());
  BOOST_TEST(notified.wait() == 0);
  BOOST_TEST(first->add_share("other", folder.path).ok());
  BOOST_TEST(mappings.wait() == HGCM_ERR_CANCELLED);  // how the service says so
  BOOST_TEST(first->open(guest.folders, guest.root, "/file") != shfl::kNilHandle);
  BOOST_TEST(first->status(guest.folders, shfl::kClose,
                           {Parm::u32(guest.root), Parm::u64(guest.handle)}) == 0);
}

BOOST_AUTO_TEST_CASE(state_that_one_service_refuses_leaves_the_device_usable) {
  const auto state = with_unknown_folders(save());
  const auto second = move();
  const auto session = second->machine.device.session_id();
  const auto mine = second->machine.connect(kTest);
  BOOST_TEST(second->machine.device.load_state(state).code() ==
             HGCM_ERR_SSM_DATA_UNIT_FORMAT_CHANGED);
  // Those that came before it in the state have nothing of it either.
  BOOST_TEST(second->clients() == 0U);
  BOOST_TEST(second->pending() == 0U);
  BOOST_TEST(second->machine.device.session_id() == session);
  BOOST_TEST((second->machine.acknowledge() & wire::kEventRestored) == 0U);
  for (const View& call : calls(*second)) BOOST_TEST(!call.done());
  BOOST_TEST(second->status(mine, kNoop) == HGCM_ERR_HGCM_INVALID_CLIENT_ID);
  for (const char* name : {kTest, kProperties, kFolders}) {
    BOOST_TEST(second->machine.connect(name) != 0U);
  }
}

BOOST_AUTO_TEST_CASE(refused_state_ends_the_calls_of_now_once) {
  const auto state = with_unknown_folders(save());
  BOOST_TEST(first->machine.device.load_state(state).failed());
  // Their clients are gone, and the guest is told so.
  for (const View& call : calls(*first)) BOOST_TEST(call.wait() == HGCM_ERR_HGCM_INVALID_CLIENT_ID);
  for (const View& call : calls(*first)) call.mark();
  BOOST_TEST(first->pending() == 0U);
  BOOST_TEST(first->properties.set("/Saved/Name", "new", std::nullopt).ok());
  const auto client = first->machine.connect(kTest);
  BOOST_TEST(first->status(client, kRelease, {Parm::u32(7)}) == 0);
  for (const View& call : calls(*first)) BOOST_TEST(call.marked());
}

BOOST_AUTO_TEST_CASE(state_for_a_service_that_is_not_loaded_changes_nothing) {
  const auto state = save();
  BOOST_REQUIRE(first->services.unload(kProperties).ok());
  const auto before = first->clients();
  BOOST_TEST(first->machine.device.load_state(state).code() == HGCM_ERR_SSM_UNEXPECTED_DATA);
  BOOST_TEST(first->clients() == before);
  BOOST_TEST(first->status(guest.test, kRelease, {Parm::u32(7)}) == 0);
  BOOST_TEST((View{first->machine, kParked}.wait()) == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace hgcm::vmmdev::test

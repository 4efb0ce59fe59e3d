// SPDX-License-Identifier: MIT
//
// The process of a confined service: its death and what comes back, its silence, its directories.
#include <signal.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <string>
#include <thread>

#include "escape_functions.h"
#include "hgcm/service_host.h"
#include "sandbox_fixture.h"

namespace hgcm::sandbox::test {
namespace {

using hgcm::test::Parm;
using shfl::test::as;
using shfl::test::counted;
namespace fs = std::filesystem;

struct Escaping : Sandboxed {
  Escaping() : Sandboxed(false, "tests/services/HgcmEscapeSvc.so", false) {
    BOOST_REQUIRE_EQUAL(connect(1), 0);
  }
};

/// Restarts are at most one a second.
template <typename Condition>
bool within_seconds(Condition condition) {
  for (int i = 0; i < 400; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return false;
}

struct Folders : Sandboxed {
  explicit Folders(bool without_rights = false)
      : Sandboxed(without_rights, "services/VBoxSharedFolders.so", true) {
    fs::permissions(temporary.path(), fs::perms(0777));
    fs::create_directory(directory());
    fs::permissions(directory(), fs::perms(0777));
    std::ofstream(directory() / "file") << "contents";
    BOOST_REQUIRE(place(directory()));
    BOOST_REQUIRE_EQUAL(connect(1), 0);
    BOOST_REQUIRE_EQUAL(host.call(1, shfl::kSetUtf8)->wait(), 0);
    const auto mapped = host.call(1, shfl::kMapFolder, Parm::bytes(counted("share")),
                                  Parm::u32(shfl::kNilRoot), Parm::u32('/'), Parm::u32(1));
    BOOST_REQUIRE_EQUAL(mapped->wait(), 0);
    root = mapped->u32(1);
  }
  [[nodiscard]] fs::path directory() const { return temporary.path() / "share"; }

  struct Opened {
    std::int32_t status;
    shfl::CreateParms parms;
  };
  Opened open(std::string_view name,
              std::uint32_t flags = shfl::kFailIfNew | shfl::kAccessRead | shfl::kAccessWrite) {
    const shfl::CreateParms parms{shfl::kNilHandle, 99, flags, {}};
    const auto call = host.call(1, shfl::kCreate, Parm::u32(root), Parm::bytes(counted(name)),
                                Parm::bytes(shfl::test::bytes_of(parms)));
    const std::int32_t status = call->wait();
    return {status, as<shfl::CreateParms>(call->contents(2))};
  }
  [[nodiscard]] bool reaches(std::string_view name) {
    const Opened opened = open(name);
    return opened.status == 0 && opened.parms.result == shfl::kFileExists;
  }
  std::int32_t read(std::uint64_t handle, std::string& contents) {
    const auto call = host.call(1, shfl::kRead, Parm::u32(root), Parm::u64(handle), Parm::u64(0),
                                Parm::u32(100), Parm::pages(std::string(100, '\0'), 4090));
    const std::int32_t status = call->wait();
    contents = call->parms[4].page_contents().substr(0, call->u32(3));
    return status;
  }

  std::uint32_t root = 0;
};

struct FoldersWithoutRights : Folders {
  FoldersWithoutRights() : Folders(can_drop_rights()) {}
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(contents_reach_the_guests_own_pages, Folders) {
  const Opened opened = open("file");
  BOOST_REQUIRE_EQUAL(opened.status, 0);
  const std::uint64_t before = sandbox->counters().bytes_received;
  std::string contents;
  BOOST_CHECK_EQUAL(read(opened.parms.handle, contents), 0);
  BOOST_CHECK_EQUAL(contents, "contents");
  // Not by way of a message.
  BOOST_CHECK_LT(sandbox->counters().bytes_received - before, 60);
}

BOOST_FIXTURE_TEST_CASE(a_call_costs_one_message_each_way, Folders) {
  const Opened opened = open("file");
  std::string contents;
  (void)read(opened.parms.handle, contents);
  const SandboxCounters before = sandbox->counters();
  const auto call = host.call(1, shfl::kClose, Parm::u32(root), Parm::u64(opened.parms.handle));
  BOOST_CHECK_EQUAL(call->wait(), 0);
  BOOST_CHECK_EQUAL(sandbox->counters().messages_sent - before.messages_sent, 1);
  BOOST_CHECK_EQUAL(sandbox->counters().messages_received - before.messages_received, 1);
}

BOOST_FIXTURE_TEST_CASE(a_user_without_rights_has_shares_too, FoldersWithoutRights) {
  const Opened made = open("new", shfl::kFailIfExists | shfl::kAccessWrite);
  BOOST_CHECK_EQUAL(made.status, 0);
  BOOST_CHECK_EQUAL(made.parms.result, shfl::kFileCreated);
  BOOST_CHECK(fs::exists(directory() / "new"));
}

BOOST_FIXTURE_TEST_CASE(a_call_under_way_ends_when_the_process_dies, Escaping) {
  const auto waiting = host.call(1, hgcm::test::kWait);
  BOOST_REQUIRE(!waiting->done());
  ::kill(sandbox->process(), SIGKILL);
  BOOST_CHECK_EQUAL(waiting->wait(), HGCM_ERR_DEV_IO_ERROR);
}

BOOST_FIXTURE_TEST_CASE(a_service_that_dies_of_a_call_fails_that_call, Escaping) {
  BOOST_CHECK_EQUAL(host.call(1, hgcm::test::kDie)->wait(), HGCM_ERR_DEV_IO_ERROR);
  BOOST_CHECK(within_seconds([&] {
    const std::lock_guard lock(log_mutex);
    return log.find("its process has ended: signal Aborted") != std::string::npos;
  }));
}

BOOST_FIXTURE_TEST_CASE(clients_can_be_dropped_while_there_is_no_process, Escaping) {
  BOOST_CHECK_EQUAL(host.call(1, hgcm::test::kDie)->wait(), HGCM_ERR_DEV_IO_ERROR);
  BOOST_CHECK_EQUAL(host.disconnect(1), 0);
}

BOOST_FIXTURE_TEST_CASE(a_process_that_does_not_answer_is_killed, Escaping) {
  const auto hanging = host.call(1, hgcm::test::kHang);
  // This one waits for an answer.
  BOOST_CHECK_EQUAL(host.connect(2), HGCM_ERR_DEV_IO_ERROR);
  BOOST_CHECK_EQUAL(hanging->wait(), HGCM_ERR_DEV_IO_ERROR);
}

BOOST_FIXTURE_TEST_CASE(shares_and_clients_live_on_in_a_new_process, Folders) {
  const Opened opened = open("file");
  BOOST_REQUIRE_EQUAL(opened.status, 0);
  ::kill(sandbox->process(), SIGKILL);
  BOOST_REQUIRE(within_seconds([&] { return reaches("file"); }));
  BOOST_CHECK_EQUAL(sandbox->counters().processes, 2);
  // What was open is not; a guest opens it again.
  std::string contents;
  BOOST_CHECK_EQUAL(read(opened.parms.handle, contents), HGCM_ERR_INVALID_HANDLE);
  BOOST_CHECK_EQUAL(read(open("file").parms.handle, contents), 0);
  BOOST_CHECK_EQUAL(contents, "contents");
}

BOOST_FIXTURE_TEST_CASE(a_directory_that_is_replaced_is_found_again, Folders) {
  fs::remove_all(directory());
  fs::create_directory(directory());
  std::ofstream(directory() / "other") << "x";
  // A guest that looks at the root, as it does when a name is not there, is told of the new one.
  BOOST_CHECK(within_seconds([&] {
    (void)open("", shfl::kLookup | shfl::kFailIfNew);
    return reaches("other");
  }));
}

BOOST_FIXTURE_TEST_CASE(a_share_that_is_removed_is_gone, Folders) {
  auto name = Parm::bytes(shfl::make_string("share"));
  BOOST_CHECK_GE(host.host_call(shfl::kRemoveMapping, name), 0);
  BOOST_CHECK_NE(open("file").status, 0);
}

BOOST_AUTO_TEST_CASE(a_program_that_is_not_there_is_said) {
  SandboxOptions options = folders();
  options.program = "/nowhere/vmmdevd-sandbox";
  std::string detail;
  BOOST_CHECK(Sandbox::start(std::move(options), detail) == nullptr);
  BOOST_CHECK_EQUAL(detail, "/nowhere/vmmdevd-sandbox: No such file or directory");
}

BOOST_AUTO_TEST_CASE(a_service_that_is_not_there_is_said) {
  SandboxOptions options = folders();
  options.library = "/nowhere/Svc.so";
  std::string detail;
  BOOST_CHECK(Sandbox::start(std::move(options), detail) == nullptr);
  BOOST_CHECK_NE(detail.find("/nowhere/Svc.so"), std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_saved_state_is_the_same_with_and_without_a_sandbox) {
  const auto load = [](host::ServiceHost& host) {
    return host.load("VBoxSharedFolders", of_build("services/VBoxSharedFolders.so"));
  };
  host::ServiceHost plain({});
  BOOST_REQUIRE_EQUAL(load(plain).code(), 0);
  host::ServiceHostOptions options;
  options.entry_for = [](std::string_view, const fs::path&) -> host::LoadEntry {
    std::string detail;
    auto sandbox = Sandbox::start(folders(), detail);
    return [sandbox](hgcm_svc_table* table) { return sandbox->load(table); };
  };
  host::ServiceHost confined(std::move(options));
  BOOST_REQUIRE_EQUAL(load(confined).code(), 0);
  std::vector<std::vector<std::byte>> states;
  for (host::ServiceHost* host : {&plain, &confined}) {
    std::promise<Status> connected;
    host->connect("VBoxSharedFolders", HGCM_REQUESTOR_LEGACY,
                  [&](Status status, host::ClientId) { connected.set_value(status); });
    BOOST_REQUIRE_EQUAL(connected.get_future().get().code(), 0);
    auto state = host->save_state();
    BOOST_REQUIRE(state.has_value());
    states.push_back(std::move(*state));
  }
  BOOST_CHECK(states[0] == states[1]);
  BOOST_CHECK_EQUAL(confined.load_state(states[0]).code(), 0);
  BOOST_CHECK_EQUAL(plain.load_state(states[1]).code(), 0);
}

}  // namespace hgcm::sandbox::test

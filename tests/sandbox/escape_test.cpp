// SPDX-License-Identifier: MIT
//
// A service that wants out of its sandbox, and does not get there: as root, and as a user without
// rights, whose sandbox is made another way.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "escape_functions.h"
#include "sandbox_fixture.h"

namespace hgcm::sandbox::test {
namespace {

using hgcm::test::Attempt;
namespace fs = std::filesystem;

struct Case {
  Attempt what;
  int error;
  const char* name;
};
std::ostream& operator<<(std::ostream& out, const Case& one) {
  return out << one.name;
}

constexpr std::array kCases = {
    Case{Attempt::kOpenByPath, ENOENT, "open(/etc/passwd)"},
    Case{Attempt::kOpenAboveDirectory, ENOENT, "openat(directory, ../etc/passwd)"},
    Case{Attempt::kOpenFarAboveDirectory, ENOENT, "openat(directory, ../../../etc/passwd)"},
    Case{Attempt::kFollowLinkOut, ENOENT, "openat(directory, link to /etc/passwd)"},
    Case{Attempt::kOpenOtherProcess, ENOENT, "open(/proc/1/status)"},
    Case{Attempt::kWriteRoot, EROFS, "open(/new, O_CREAT)"},
    Case{Attempt::kSocket, EPERM, "socket(AF_INET)"},
    Case{Attempt::kUnixSocket, EPERM, "socket(AF_UNIX)"},
    Case{Attempt::kExecute, EPERM, "execve"},
    Case{Attempt::kTrace, EPERM, "ptrace"},
    Case{Attempt::kFork, EPERM, "fork"},
    Case{Attempt::kCloneProcess, EPERM, "clone of a process"},
    Case{Attempt::kMount, EPERM, "mount"},
    Case{Attempt::kNamespace, EPERM, "unshare"},
    Case{Attempt::kKill, EPERM, "kill"},
    Case{Attempt::kExecutableMemory, EPERM, "mmap(PROT_EXEC)"},
    Case{Attempt::kRing, EPERM, "io_uring_setup"},
    Case{Attempt::kOpenByHandle, EPERM, "open_by_handle_at"},
    Case{Attempt::kMakeDevice, EPERM, "mknodat"},
    Case{Attempt::kRaiseLimit, EPERM, "setrlimit"},
    // Not an escape: what the others are worth depends on this.
    Case{Attempt::kOpenInDirectory, 0, "openat(directory, file)"},
};

/// A directory with a file and a link, given to the service as share directories are.
struct Escape : Sandboxed {
  explicit Escape(bool without_rights)
      : Sandboxed(without_rights, "tests/services/HgcmEscapeSvc.so", /*shares=*/true) {
    fs::permissions(temporary.path(), fs::perms(0755));
    fs::create_directory(temporary.path() / "share");
    std::ofstream(temporary.path() / "share" / "file") << "contents";
    fs::create_symlink("/etc/passwd", temporary.path() / "share" / "link");
    BOOST_REQUIRE_EQUAL(connect(1), 0);
    BOOST_REQUIRE(place(temporary.path() / "share"));
  }
};

std::uint32_t outcome(Escape& escape, Attempt what) {
  const auto call = escape.host.call(1, hgcm::test::kAttempt,
                                     hgcm::test::Parm::u32(static_cast<std::uint32_t>(what)),
                                     hgcm::test::Parm::u32(9999));
  BOOST_REQUIRE_EQUAL(call->wait(), 0);
  return call->u32(1);
}

BOOST_DATA_TEST_CASE(a_service_does_not_get_out, boost::unit_test::data::make(kCases), one) {
  Escape escape(false);
  BOOST_CHECK_EQUAL(outcome(escape, one.what), one.error);
}

BOOST_DATA_TEST_CASE(nor_does_one_of_a_user_without_rights, boost::unit_test::data::make(kCases),
                     one) {
  if (!can_drop_rights()) {
    BOOST_TEST_MESSAGE("skipped: not root, so the case before this one was that");
    return;
  }
  Escape escape(true);
  BOOST_CHECK_EQUAL(outcome(escape, one.what), one.error);
}

BOOST_AUTO_TEST_CASE(what_a_service_is_refused_is_there_to_be_had_without_a_sandbox) {
  BOOST_CHECK_GE(vfio_user::UniqueFd(::open("/etc/passwd", O_RDONLY)).get(), 0);
}

}  // namespace
}  // namespace hgcm::sandbox::test

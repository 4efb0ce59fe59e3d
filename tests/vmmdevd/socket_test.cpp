// SPDX-License-Identifier: MIT
//
// Listening sockets in the file system.
#include "support.h"
#include "vmmdevd/unix_socket.h"

#include <sys/stat.h>
#include <boost/test/unit_test.hpp>

#include <fstream>
#include <optional>
#include <string>
#include <utility>

using hgcm::tests::TemporaryDirectory;
using hgcm::vmmdevd::ListeningSocket;
namespace fs = std::filesystem;

BOOST_AUTO_TEST_SUITE(listening_socket)

BOOST_AUTO_TEST_CASE(socket_is_for_its_owner_only_and_goes_away) {
  const TemporaryDirectory directory;
  const fs::path path = directory.path() / "s";
  std::string detail;
  auto socket = ListeningSocket::create(path, detail);
  BOOST_REQUIRE_MESSAGE(socket.has_value(), detail);
  struct stat status {};
  BOOST_REQUIRE(::stat(path.c_str(), &status) == 0);
  BOOST_TEST((status.st_mode & 07777U) == 0600U);
  socket.reset();
  BOOST_TEST(!fs::exists(fs::symlink_status(path)));
}

BOOST_AUTO_TEST_CASE(live_socket_is_not_replaced) {
  const TemporaryDirectory directory;
  const fs::path path = directory.path() / "s";
  std::string detail;
  const auto first = ListeningSocket::create(path, detail);
  BOOST_REQUIRE(first.has_value());
  BOOST_TEST(!ListeningSocket::create(path, detail).has_value());
  BOOST_TEST(detail.find("another program") != std::string::npos);
  BOOST_TEST(fs::is_socket(path));
}

BOOST_AUTO_TEST_CASE(stale_socket_is_replaced) {
  const TemporaryDirectory directory;
  const fs::path path = directory.path() / "s";
  std::string detail;
  {
    auto dead = ListeningSocket::create(path, detail);
    BOOST_REQUIRE(dead.has_value());
    // Closed behind its back, as by a crash: the name stays.
    fs::rename(path, directory.path() / "kept");
    dead.reset();
    fs::rename(directory.path() / "kept", path);
  }
  BOOST_REQUIRE(fs::is_socket(path));
  BOOST_TEST(ListeningSocket::create(path, detail).has_value());
}

BOOST_AUTO_TEST_CASE(other_files_are_not_replaced) {
  const TemporaryDirectory directory;
  const fs::path file = directory.path() / "file";
  std::ofstream(file) << "precious";
  const fs::path link = directory.path() / "link";
  fs::create_symlink(directory.path() / "elsewhere", link);
  std::string detail;
  BOOST_TEST(!ListeningSocket::create(file, detail).has_value());
  BOOST_TEST(!ListeningSocket::create(link, detail).has_value());
  BOOST_TEST(!ListeningSocket::create(directory.path(), detail).has_value());
  BOOST_TEST(fs::file_size(file) == 8U);
  BOOST_TEST(fs::is_symlink(link));
}

BOOST_AUTO_TEST_CASE(successor_at_the_same_path_is_not_removed) {
  const TemporaryDirectory directory;
  const fs::path path = directory.path() / "s";
  std::string detail;
  auto first = ListeningSocket::create(path, detail);
  BOOST_REQUIRE(first.has_value());
  fs::rename(path, directory.path() / "moved");
  const auto second = ListeningSocket::create(path, detail);
  BOOST_REQUIRE(second.has_value());
  first.reset();
  BOOST_TEST(fs::is_socket(path));
}

BOOST_AUTO_TEST_CASE(unusable_paths_are_refused) {
  const TemporaryDirectory directory;
  std::string detail;
  BOOST_TEST(!ListeningSocket::create("", detail).has_value());
  BOOST_TEST(
      !ListeningSocket::create(directory.path() / std::string(120, 'x'), detail).has_value());
  BOOST_TEST(!ListeningSocket::create(directory.path() / "missing" / "s", detail).has_value());
  BOOST_TEST(detail.find("missing") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

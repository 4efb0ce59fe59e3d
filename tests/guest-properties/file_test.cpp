// SPDX-License-Identifier: MIT
//
// Properties kept in a file: what is in it, what happens to bad ones, and that a killed program
// never leaves half a file.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "guest-properties/property_file.h"
#include "manager_fixture.h"

using namespace hgcm::guestprop::test;  // NOLINT(google-build-using-namespace)
using namespace hgcm::guestprop;        // NOLINT(google-build-using-namespace)
using namespace std::chrono_literals;

namespace {

struct WithFile : Managed {
  TemporaryDirectory directory;
  std::filesystem::path file = directory / "properties.json";

  std::string stored(const char* name) {
    const auto document = nlohmann::json::parse(read_file(file));
    for (const auto& item : document.at("properties")) {
      if (item.at("name") == name) {
        return item.at("value");
      }
    }
    return "(none)";
  }
};

std::string document(std::string_view properties) {
  return R"({"format": "openhgcm-guest-properties", "version": 1, "properties": [)" +
         std::string(properties) + "]}";
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(property_file, WithFile)

BOOST_AUTO_TEST_CASE(missing_file_is_created_at_once) {
  manager.set("/a", "before");
  BOOST_REQUIRE(manager.use_file(file).ok());
  BOOST_CHECK_EQUAL(stored("/a"), "before");
  struct stat info {};
  BOOST_REQUIRE_EQUAL(::stat(file.c_str(), &info), 0);
  BOOST_CHECK_EQUAL(info.st_mode & 0777, 0600);
}

BOOST_AUTO_TEST_CASE(properties_survive_a_run) {
  BOOST_REQUIRE(manager.use_file(file).ok());
  manager.set("/a", "value \xe2\x82\xac \"\\\n", "RDONLYGUEST");
  guest_set("/g", "from the guest");
  const auto before = manager.get("/a");
  manager.detach();

  Managed next;
  BOOST_REQUIRE(next.manager.use_file(file).ok());
  BOOST_CHECK(*next.manager.get("/a") == *before);
  BOOST_CHECK_EQUAL(next.manager.get("/g")->value, "from the guest");
}

BOOST_AUTO_TEST_CASE(transient_properties_are_not_kept) {
  BOOST_REQUIRE(manager.use_file(file).ok());
  manager.set("/t", "", "TRANSIENT");
  manager.set("/r", "", "TRANSRESET");
  manager.set("/k", "", "READONLY");
  BOOST_REQUIRE(manager.flush().ok());
  const auto document = nlohmann::json::parse(read_file(file));
  BOOST_REQUIRE_EQUAL(document.at("properties").size(), 1);
  BOOST_CHECK_EQUAL(document.at("properties")[0].at("name"), "/k");
}

BOOST_AUTO_TEST_CASE(changes_reach_the_file_without_being_asked) {
  BOOST_REQUIRE(manager.use_file(file).ok());
  guest_set("/a", "x");
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (stored("/a") != "x" && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  BOOST_CHECK_EQUAL(stored("/a"), "x");
}

BOOST_AUTO_TEST_CASE(many_changes_are_few_writes) {
  BOOST_REQUIRE(manager.use_file(file).ok());
  struct stat info {};
  std::set<ino_t> inodes;
  for (int i = 0; i < 500; ++i) {
    manager.set("/a", std::to_string(i));
    ::stat(file.c_str(), &info);
    inodes.insert(info.st_ino);
  }
  BOOST_CHECK_LT(inodes.size(), 100);
  BOOST_REQUIRE(manager.flush().ok());
  BOOST_CHECK_EQUAL(stored("/a"), "499");
}

BOOST_AUTO_TEST_CASE(unchanged_contents_are_not_written_again) {
  BOOST_REQUIRE(manager.use_file(file).ok());
  manager.flush();
  struct stat before {};
  struct stat after {};
  ::stat(file.c_str(), &before);
  manager.set("/t", "", "TRANSIENT");
  BOOST_REQUIRE(manager.flush().ok());
  ::stat(file.c_str(), &after);
  BOOST_CHECK_EQUAL(before.st_ino, after.st_ino);
}

BOOST_AUTO_TEST_CASE(mode_of_the_file_is_kept) {
  write_file(file, document(""));
  ::chmod(file.c_str(), 0640);
  BOOST_REQUIRE(manager.use_file(file).ok());
  manager.set("/a", "x");
  BOOST_REQUIRE(manager.flush().ok());
  struct stat info {};
  ::stat(file.c_str(), &info);
  BOOST_CHECK_EQUAL(info.st_mode & 0777, 0640);
}

BOOST_AUTO_TEST_CASE(symbolic_link_keeps_its_place) {
  write_file(directory / "real", document(""));
  std::filesystem::create_symlink("real", file);
  BOOST_REQUIRE(manager.use_file(file).ok());
  manager.set("/a", "x");
  BOOST_REQUIRE(manager.flush().ok());
  BOOST_CHECK(std::filesystem::is_symlink(file));
  BOOST_CHECK(read_file(directory / "real").find("/a") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(left_over_temporary_file_is_no_obstacle) {
  const auto temporary = directory / ".properties.json.tmp";
  write_file(directory / "victim", "untouched");
  std::filesystem::create_symlink("victim", temporary);
  BOOST_REQUIRE(manager.use_file(file).ok());
  BOOST_CHECK_EQUAL(read_file(directory / "victim"), "untouched");
  BOOST_CHECK(!std::filesystem::exists(std::filesystem::symlink_status(temporary)));
}

BOOST_AUTO_TEST_CASE(bad_files_are_refused_and_left_alone) {
  const std::string good = R"({"name": "/a", "value": "", "flags": "", "timestamp": 1})";
  std::string many = good;
  for (int i = 0; i < 1024; ++i) {
    many +=
        R"(, {"name": "/)" + std::to_string(i) + R"(", "value": "", "flags": "", "timestamp": 1})";
  }
  const std::pair<std::string, std::int32_t> cases[] = {
      {"", HGCM_ERR_PARSE_ERROR},
      {"not JSON", HGCM_ERR_PARSE_ERROR},
      {"[]", HGCM_ERR_PARSE_ERROR},
      {"{}", HGCM_ERR_PARSE_ERROR},
      {document(good).substr(0, 100), HGCM_ERR_PARSE_ERROR},
      {R"({"format": "other", "version": 1, "properties": []})", HGCM_ERR_PARSE_ERROR},
      {R"({"format": "openhgcm-guest-properties", "properties": []})", HGCM_ERR_PARSE_ERROR},
      {R"({"format": "openhgcm-guest-properties", "version": 0, "properties": []})",
       HGCM_ERR_PARSE_ERROR},
      {R"({"format": "openhgcm-guest-properties", "version": 2, "properties": []})",
       HGCM_ERR_VERSION_MISMATCH},
      {R"({"format": "openhgcm-guest-properties", "version": 1, "properties": {}})",
       HGCM_ERR_PARSE_ERROR},
      {document("1"), HGCM_ERR_PARSE_ERROR},
      {document("{}"), HGCM_ERR_PARSE_ERROR},
      {document(good + "," + good), HGCM_ERR_PARSE_ERROR},
      {document(R"({"name": "*", "value": "", "flags": "", "timestamp": 1})"),
       HGCM_ERR_PARSE_ERROR},
      {document(R"({"name": "/a\u0000", "value": "", "flags": "", "timestamp": 1})"),
       HGCM_ERR_PARSE_ERROR},
      {document(R"({"name": "/a", "value": 1, "flags": "", "timestamp": 1})"),
       HGCM_ERR_PARSE_ERROR},
      {document(R"({"name": "/a", "value": "", "flags": "x", "timestamp": 1})"),
       HGCM_ERR_PARSE_ERROR},
      {document(R"({"name": "/a", "value": "", "flags": "", "timestamp": -1})"),
       HGCM_ERR_PARSE_ERROR},
      {document(R"({"name": "/a", "value": "", "flags": "", "timestamp": 1e400})"),
       HGCM_ERR_PARSE_ERROR},
      {document("{\"name\": \"/a\", \"value\": \"\xff\", \"flags\": \"\", \"timestamp\": 1}"),
       HGCM_ERR_PARSE_ERROR},
      {document(R"({"name": "/a", "value": ")" + std::string(1024, 'x') +
                R"(", "flags": "", "timestamp": 1})"),
       HGCM_ERR_TOO_MUCH_DATA},
      {document(many), HGCM_ERR_TOO_MUCH_DATA},
      {std::string(100000, '['), HGCM_ERR_PARSE_ERROR},
      {std::string(kMaxStoredSize + 1, ' '), HGCM_ERR_TOO_MUCH_DATA},
  };
  const auto before = manager.enumerate();
  for (const auto& [text, status] : cases) {
    write_file(file, text);
    std::string detail;
    const hgcm::Status result = manager.use_file(file, &detail);
    BOOST_CHECK_MESSAGE(result == status, text.substr(0, 200) << ": " << result.to_string());
    BOOST_CHECK(!detail.empty());
    BOOST_CHECK(read_file(file) == text);
    manager.set("/x", "x");
    manager.remove("/x");
    BOOST_CHECK(manager.flush().ok());
    BOOST_CHECK(read_file(file) == text);
  }
  BOOST_CHECK(*manager.enumerate() == *before);
}

BOOST_AUTO_TEST_CASE(things_that_are_no_files_are_refused) {
  std::string detail;
  BOOST_CHECK(manager.use_file(directory.path(), &detail) == HGCM_ERR_NOT_A_FILE);
  BOOST_REQUIRE_EQUAL(::mkfifo(file.c_str(), 0600), 0);
  BOOST_CHECK(manager.use_file(file, &detail) == HGCM_ERR_NOT_A_FILE);
  BOOST_CHECK(manager.use_file("/dev/null", &detail) == HGCM_ERR_NOT_A_FILE);
  BOOST_CHECK(manager.use_file(directory / "no/such/folder", &detail) == HGCM_ERR_FILE_NOT_FOUND);
  BOOST_CHECK(detail.find("no/such") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(second_file_or_detached_manager_is_refused) {
  BOOST_REQUIRE(manager.use_file(file).ok());
  BOOST_CHECK(manager.use_file(directory / "other") == HGCM_ERR_INVALID_STATE);
  manager.detach();
  BOOST_CHECK(manager.use_file(file) == HGCM_ERR_INVALID_STATE);
  BOOST_REQUIRE(manager.attach().ok());
  BOOST_CHECK(manager.use_file(file).ok());
}

BOOST_AUTO_TEST_CASE(failing_write_is_reported_and_made_up_for) {
  std::promise<std::string> reported;
  std::once_flag once;
  manager.set_write_error_handler([&](hgcm::Status, const std::string& detail) {
    std::call_once(once, [&] { reported.set_value(detail); });
  });
  BOOST_REQUIRE(manager.use_file(file).ok());
  const auto moved = directory / "moved";
  // The name becomes a directory: nothing can be put in its place, not even by root.
  std::filesystem::rename(file, moved);
  std::filesystem::create_directory(file);
  manager.set("/a", "x");
  BOOST_CHECK(reported.get_future().get().find(file.string()) != std::string::npos);
  BOOST_CHECK(manager.flush().failed());
  std::filesystem::remove(file);
  BOOST_CHECK(manager.flush().ok());
  BOOST_CHECK_EQUAL(stored("/a"), "x");
  manager.detach();
}

BOOST_AUTO_TEST_CASE(restored_state_reaches_the_file) {
  manager.set("/a", "saved");
  const auto state = manager.serialise();
  BOOST_REQUIRE(manager.use_file(file).ok());
  manager.set("/a", "later");
  BOOST_REQUIRE(manager.restore(*state).ok());
  manager.detach();
  BOOST_CHECK_EQUAL(stored("/a"), "saved");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_CASE(killed_writer_leaves_a_whole_file) {
  const TemporaryDirectory directory;
  const auto file = directory / "properties.json";
  for (int round = 0; round < 20; ++round) {
    const pid_t child = ::fork();
    BOOST_REQUIRE_GE(child, 0);
    if (child == 0) {
      // Writes versions of different length as fast as it can, until it is killed.
      std::string detail;
      for (std::size_t i = 0;; ++i) {
        StoredProperties stored;
        for (std::size_t k = 0; k < 20 + i % 200; ++k) {
          stored.properties.push_back(
              {"/p/" + std::to_string(k), std::string(i % 1000, 'x'), "", 1});
        }
        if (write_property_file(file, *format_properties(stored), detail).failed()) {
          ::_exit(1);
        }
      }
    }
    while (!std::filesystem::exists(file)) {
      std::this_thread::yield();
    }
    ::usleep(static_cast<useconds_t>(1000 + 777 * round));  // anywhere inside a write
    BOOST_REQUIRE_EQUAL(::kill(child, SIGKILL), 0);
    int status = 0;
    BOOST_REQUIRE_EQUAL(::waitpid(child, &status, 0), child);
    BOOST_REQUIRE(WIFSIGNALED(status));
    std::string detail;
    const auto text = read_property_file(file, detail);
    BOOST_REQUIRE_MESSAGE(text.has_value() && text->has_value(), detail);
    BOOST_CHECK_MESSAGE(parse_properties(**text, detail).has_value(), detail);
  }
  // One more writer cleans up behind the killed ones.
  std::string detail;
  BOOST_CHECK(write_property_file(file, "{}", detail).ok());
  BOOST_CHECK_EQUAL(std::distance(std::filesystem::directory_iterator(directory.path()), {}), 1);
}

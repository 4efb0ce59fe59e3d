// SPDX-License-Identifier: MIT
//
// The file of a saved state: its format against files that are damaged, cut off or lie, and the
// commands that write and read it, with a real device and services but no guest.
#include "vmmdevd/saved_state.h"
#include "hgcm/checksum.h"
#include "machine.h"
#include "vmmdevd/state_file.h"

#include <boost/test/unit_test.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

using namespace hgcm;
using namespace hgcm::tests;
using vmmdevd::decode_parts;
using vmmdevd::encode_parts;
using vmmdevd::StatePart;

namespace {

using Bytes = std::vector<std::byte>;

constexpr std::size_t kTable = 20;
constexpr std::size_t kEntry = 40;

std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}
std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Bytes two_parts() {
  return encode_parts(
      std::vector<StatePart>{{"device", 1, as_bytes("abc")}, {"more-2", 7, as_bytes("defgh")}});
}

/// With the table's checksum made right, as a liar would.
template <typename T>
Bytes lying(std::size_t at, T value) {
  Bytes file = two_parts();
  std::memcpy(file.data() + at, &value, sizeof value);
  const std::uint32_t crc = host::crc32(std::span(file).subspan(kTable, 2 * kEntry));
  std::memcpy(file.data() + 16, &crc, sizeof crc);
  return file;
}

std::string refusal(std::span<const std::byte> file) {
  const auto parts = decode_parts(file);
  return parts ? "accepted" : parts.error();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(saved_state_format)

BOOST_AUTO_TEST_CASE(parts_come_back) {
  const Bytes file = two_parts();
  const auto parts = decode_parts(file);
  BOOST_REQUIRE(parts.has_value());
  BOOST_REQUIRE(parts->size() == 2U);
  BOOST_TEST(parts->at(0).name == "device");
  BOOST_TEST(as_text(parts->at(0).bytes) == "abc");
  BOOST_TEST(parts->at(1).name == "more-2");
  BOOST_TEST(parts->at(1).version == 7U);
  BOOST_TEST(as_text(parts->at(1).bytes) == "defgh");
}

BOOST_AUTO_TEST_CASE(no_parts_and_empty_parts_are_parts) {
  BOOST_TEST(decode_parts(encode_parts({}))->empty());
  const Bytes file = encode_parts(std::vector<StatePart>{{"device", 1, {}}});
  BOOST_TEST(decode_parts(file)->at(0).bytes.empty());
}

BOOST_AUTO_TEST_CASE(file_of_a_device_alone_is_its_part) {
  const std::string_view old = "VMMDSAVE and so on";
  const auto parts = decode_parts(as_bytes(old));
  BOOST_REQUIRE(parts.has_value());
  BOOST_TEST(parts->size() == 1U);
  BOOST_TEST(parts->at(0).name == "device");
  BOOST_TEST(as_text(parts->at(0).bytes) == old);
}

BOOST_AUTO_TEST_CASE(every_changed_byte_is_noticed) {
  const Bytes file = two_parts();
  for (std::size_t at = 0; at < file.size(); ++at) {
    Bytes changed = file;
    changed[at] ^= std::byte{0x40};
    BOOST_TEST_CONTEXT("byte " << at) {
      BOOST_TEST(!decode_parts(changed).has_value());
    }
  }
}

BOOST_AUTO_TEST_CASE(every_cut_is_noticed) {
  const Bytes file = two_parts();
  for (std::size_t size = 0; size < file.size(); ++size) {
    const Bytes cut(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size));
    BOOST_TEST_CONTEXT("size " << size) {
      BOOST_TEST(!decode_parts(cut).has_value());
    }
  }
  Bytes longer = file;
  longer.push_back(std::byte{0});
  BOOST_TEST(refusal(longer) == "there is more in it than its parts");
}

BOOST_AUTO_TEST_CASE(sizes_that_lie_are_refused) {
  BOOST_TEST(refusal(lying(kTable + 32, std::uint64_t{8})) == "the part device is damaged");
  BOOST_TEST(refusal(lying(kTable + 32, std::uint64_t{1} << 40)) == "the part device is cut off");
  BOOST_TEST(refusal(lying(kTable + kEntry + 32, ~std::uint64_t{0})) ==
             "the part more-2 is cut off");
  BOOST_TEST(refusal(lying(kTable + kEntry + 32, std::uint64_t{4})) ==
             "the part more-2 is damaged");
}

BOOST_AUTO_TEST_CASE(counts_that_lie_are_refused) {
  for (const std::uint32_t count : {3U, 65U, 0x10000000U, 0xffffffffU}) {
    BOOST_TEST(refusal(lying(12, count)) == "its table is damaged");
  }
  BOOST_TEST(refusal(lying(12, std::uint32_t{1})) == "its table is damaged");
}

BOOST_AUTO_TEST_CASE(names_that_lie_are_refused) {
  const std::string wanted = "a part has no name of its own";
  BOOST_TEST(refusal(lying(kTable, '\0')) == wanted);
  BOOST_TEST(refusal(lying(kTable, '/')) == wanted);
  BOOST_TEST(refusal(lying(kTable + 10, 'x')) == wanted);  // behind the end
  std::array<char, 24> name{};
  name.fill('x');
  BOOST_TEST(refusal(lying(kTable, name)) == wanted);  // without an end
  name = {'m', 'o', 'r', 'e', '-', '2'};
  BOOST_TEST(refusal(lying(kTable, name)) == wanted);  // the other one's
}

BOOST_AUTO_TEST_CASE(other_files_and_formats_are_refused) {
  BOOST_TEST(refusal({}) == "not a saved state");
  BOOST_TEST(refusal(as_bytes("OHGCMSAV")) == "not a saved state");
  BOOST_TEST(refusal(as_bytes("no saved state at all, but long")) == "not a saved state");
  BOOST_TEST(refusal(lying(8, std::uint32_t{2})) == "its format has version 2, not 1");
}

BOOST_AUTO_TEST_SUITE_END()

namespace {

constexpr const char* kName = "/Saved/Name";

struct Commands : Machine {
  Commands() { result("service-load", {{"name", "VBoxGuestPropSvc"}}); }

  Json result(std::string_view command, Json arguments = Json::object()) {
    const Json reply = client.ask(command, std::move(arguments));
    BOOST_REQUIRE_MESSAGE(reply.contains("return"), reply.dump());
    return reply["return"];
  }
  std::string error(std::string_view command, Json arguments = Json::object()) {
    const Json reply = client.ask(command, std::move(arguments));
    BOOST_REQUIRE_MESSAGE(reply.contains("error"), reply.dump());
    return reply["error"]["desc"];
  }
  Json property() { return result("guestproperty-get", {{"name", kName}}); }
  void set(std::string_view value) {
    result("guestproperty-set", {{"name", kName}, {"value", value}, {"flags", "TRANSIENT"}});
  }
  Bytes file_bytes() {
    std::string detail;
    return vmmdevd::read_state_file(file, detail).value_or(Bytes());
  }
  void write(std::span<const std::byte> bytes) {
    std::string detail;
    BOOST_REQUIRE(vmmdevd::write_state_file(file, bytes, detail));
  }
  std::vector<StatePart> parts_of(std::span<const std::byte> bytes) {
    auto parts = decode_parts(bytes);
    BOOST_REQUIRE(parts.has_value());
    return std::move(*parts);
  }

  TemporaryDirectory directory;
  const std::filesystem::path file = directory.path() / "state";
  const Json argument = {{"file", file.string()}};
  TestClient client{*this};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(saved_state_commands, Commands)

BOOST_AUTO_TEST_CASE(guest_property_comes_back_with_time_and_flags) {
  set("old");
  const Json before = property();
  BOOST_TEST(result("savestate", argument)["parts"] == Json({"device", "guest-properties"}));
  set("new");
  result("guestproperty-set", {{"name", "/Saved/Later"}, {"value", "x"}});
  const Json loaded = result("loadstate", argument);
  BOOST_TEST(loaded["parts"] == Json({"device", "guest-properties"}));
  BOOST_TEST(loaded["ignored"].empty());
  BOOST_TEST(property() == before);
  BOOST_TEST(error("guestproperty-get", {{"name", "/Saved/Later"}}) != "");
}

BOOST_AUTO_TEST_CASE(device_alone_is_saved_without_the_service) {
  result("service-unload", {{"name", "VBoxGuestPropSvc"}});
  BOOST_TEST(result("savestate", argument)["parts"] == Json({"device"}));
  result("service-load", {{"name", "VBoxGuestPropSvc"}});
  set("kept");
  BOOST_TEST(result("loadstate", argument)["parts"] == Json({"device"}));
  BOOST_TEST(property()["value"] == "kept");
}

BOOST_AUTO_TEST_CASE(properties_without_their_service_are_refused) {
  result("savestate", argument);
  result("service-unload", {{"name", "VBoxGuestPropSvc"}});
  result("time-offset", {{"milliseconds", 5}});
  BOOST_TEST(error("loadstate", argument).find("nothing to hold them") != std::string::npos);
  BOOST_TEST(result("time")["offset-ms"] == 5);
}

BOOST_AUTO_TEST_CASE(older_file_leaves_properties_as_they_are) {
  result("savestate", argument);
  const Bytes bytes = file_bytes();
  write(parts_of(bytes)[0].bytes);
  set("kept");
  result("time-offset", {{"milliseconds", 5}});
  BOOST_TEST(result("loadstate", argument)["parts"] == Json({"device"}));
  BOOST_TEST(property()["value"] == "kept");
  BOOST_TEST(result("time")["offset-ms"] == 0);
}

BOOST_AUTO_TEST_CASE(unknown_part_is_ignored_and_named) {
  result("savestate", argument);
  const Bytes bytes = file_bytes();
  auto parts = parts_of(bytes);
  parts.push_back({"of-the-future", 3, as_bytes("?")});
  write(encode_parts(parts));
  BOOST_TEST(result("loadstate", argument)["ignored"] == Json({"of-the-future"}));
}

BOOST_AUTO_TEST_CASE(bad_part_changes_nothing_and_is_named) {
  set("old");
  result("savestate", argument);
  const Bytes bytes = file_bytes();
  const auto good = parts_of(bytes);
  set("new");
  result("time-offset", {{"milliseconds", 5}});
  const auto refused = [&](std::vector<StatePart> parts, std::string_view part) {
    write(encode_parts(parts));
    const std::string text = error("loadstate", argument);
    BOOST_TEST_CONTEXT(text) {
      BOOST_TEST(text.find(part) != std::string::npos);
      BOOST_TEST(property()["value"] == "new");
      BOOST_TEST(result("time")["offset-ms"] == 5);
    }
  };
  refused({good[0], {"guest-properties", 1, as_bytes("{}")}}, "guest-properties");
  refused({good[0], {"guest-properties", 1, good[1].bytes.first(9)}}, "guest-properties");
  refused({good[0], {"guest-properties", 2, good[1].bytes}}, "guest-properties");
  refused({{"device", 2, good[0].bytes}, good[1]}, "device");
  refused({{"device", 1, good[0].bytes.first(30)}, good[1]}, "damaged");
  refused({{"device", 1, {}}, good[1]}, "not a saved state");
  refused({good[1]}, "no part device");
}

BOOST_AUTO_TEST_CASE(damaged_file_changes_nothing) {
  set("old");
  result("savestate", argument);
  Bytes bytes = file_bytes();
  bytes.back() ^= std::byte{1};
  write(bytes);
  set("new");
  BOOST_TEST(error("loadstate", argument).find("the part guest-properties is damaged") !=
             std::string::npos);
  BOOST_TEST(property()["value"] == "new");
}

BOOST_AUTO_TEST_SUITE_END()

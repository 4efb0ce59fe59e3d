// SPDX-License-Identifier: MIT
//
// Log lines and terminal output of untrusted text.
#include "vmmdevd/text.h"

#include "support.h"
#include "vmmdevd/log.h"
#include "vmmdevd/vmctl/output.h"

#include <boost/test/unit_test.hpp>

#include <fstream>
#include <iterator>
#include <string>

using namespace hgcm;

BOOST_AUTO_TEST_SUITE(text)

BOOST_AUTO_TEST_CASE(ordinary_text_stays) {
  BOOST_TEST(escape("Z\u00fcrich \u4e16 \U0001f600", Escape::kPlain) ==
             "Z\u00fcrich \u4e16 \U0001f600");
}

BOOST_AUTO_TEST_CASE(controls_are_escaped) {
  BOOST_TEST(escape("\x1b[31m\r\n\x7f", Escape::kPlain) == "\\x1b[31m\\x0d\\n\\x7f");
  BOOST_TEST(escape(std::string("a\0b", 3), Escape::kPlain) == "a\\x00b");
}

BOOST_AUTO_TEST_CASE(c1_and_reordering_characters_are_escaped) {
  BOOST_TEST(escape("\u009b", Escape::kPlain) == "\\xc2\\x9b");
  BOOST_TEST(escape("\u202e", Escape::kPlain) == "\\xe2\\x80\\xae");
  BOOST_TEST(escape("\u2028", Escape::kPlain) == "\\xe2\\x80\\xa8");
}

BOOST_AUTO_TEST_CASE(invalid_utf8_is_escaped) {
  BOOST_TEST(escape("\xc0\xaf", Escape::kPlain) == "\\xc0\\xaf");           // overlong
  BOOST_TEST(escape("\xed\xa0\x80", Escape::kPlain) == "\\xed\\xa0\\x80");  // surrogate
  BOOST_TEST(escape("\xe4\xb8", Escape::kPlain) == "\\xe4\\xb8");           // cut off
  BOOST_TEST(escape("\xf4\x90\x80\x80", Escape::kPlain) == "\\xf4\\x90\\x80\\x80");
}

BOOST_AUTO_TEST_CASE(quotes_are_escaped_only_where_they_end_something) {
  BOOST_TEST(escape("a\"b\\c", Escape::kQuoted) == "a\\\"b\\\\c");
  BOOST_TEST(escape("a\"b\\c", Escape::kPlain) == "a\"b\\c");
}

BOOST_AUTO_TEST_CASE(line_ends_stay_where_asked) {
  BOOST_TEST(escape("a\n\tb\x1b", Escape::kLines) == "a\n\tb\\x1b");
}

BOOST_AUTO_TEST_CASE(long_text_is_cut) {
  BOOST_TEST(escape("abcdef", Escape::kPlain, 3) == "abc...");
}

BOOST_AUTO_TEST_CASE(terminal_output_is_escaped_and_a_pipe_gets_the_value) {
  const vmctl::Json property = {{"value", "a\x1b]0;x\x07"}};
  BOOST_TEST(vmctl::property_text({.json = false, .terminal = true}, property, false) ==
             "Value: a\\x1b]0;x\\x07\n");
  BOOST_TEST(vmctl::property_text({.json = false, .terminal = false}, property, false) ==
             "Value: a\x1b]0;x\x07\n");
}

BOOST_AUTO_TEST_CASE(listing_has_the_form_of_vboxmanage) {
  const vmctl::Json list = vmctl::Json::parse(
      R"([{"name":"/a","value":"v","timestamp":12,"flags":"TRANSIENT"},{"name":"/b"}])");
  BOOST_TEST(vmctl::property_list_text({}, list) ==
             "Name: /a, value: v, timestamp: 12, flags: TRANSIENT\n"
             "Name: /b, value: , timestamp: 0, flags: \n");
}

BOOST_AUTO_TEST_CASE(empty_listing_says_so) {
  BOOST_TEST(vmctl::property_list_text({}, vmctl::Json::array()) == "No properties found.\n");
}

BOOST_AUTO_TEST_CASE(deletion_is_told_from_an_empty_value) {
  BOOST_TEST(vmctl::change_text({}, {{"name", "/a"}, {"deleted", true}}, false) ==
             "Name: /a\nDeleted: yes\n");
  BOOST_TEST(vmctl::change_text({}, {{"name", "/a"}, {"value", ""}, {"deleted", false}}, false) ==
             "Name: /a\nValue: \n");
}

BOOST_AUTO_TEST_CASE(verbose_property_has_timestamp_and_flags) {
  const vmctl::Json property = {{"value", "v"}, {"timestamp", 7}, {"flags", "READONLY"}};
  BOOST_TEST(vmctl::property_text({}, property, true) ==
             "Value: v\nTimestamp: 7 ns\nFlags: READONLY\n");
}

BOOST_AUTO_TEST_CASE(guest_info_names_what_the_guest_reported) {
  const vmctl::Json info = vmctl::Json::parse(
      R"({"ready":true,"interface-version":65540,"os-type":340224,"additions-version":"7.2.2",
          "additions-revision":9,"capabilities":5,"event-word":true,"ring":true,"heartbeat":true,
          "unresponsive":true,"facilities":[{"facility":20,"name":"VBOXGUEST_DRIVER","status":50,
          "status-name":"ACTIVE"}]})");
  BOOST_TEST(vmctl::guest_info_text({}, info) ==
             "Guest driver: ready\nInterface version: 1.04\nOS type: 0x53100\n"
             "Additions: 7.2.2 revision 9\nCapabilities: 0x5\nEvent word: in use\n"
             "Submission ring: in use\n"
             "Heartbeat: missing\nFacility 20 (VBOXGUEST_DRIVER): ACTIVE\n");
  BOOST_TEST(vmctl::guest_info_text({}, {{"ready", false}}) == "Guest driver: not ready\n");
}

BOOST_AUTO_TEST_CASE(event_line_is_one_line) {
  const vmctl::Json event = {{"event", "GUEST_PROPERTY_CHANGED"},
                             {"timestamp", {{"seconds", 0}, {"microseconds", 5}}},
                             {"data", {{"name", "/a\nX"}, {"deleted", false}}}};
  BOOST_TEST(vmctl::event_text({}, event) ==
             "1970-01-01T00:00:00.000005Z GUEST_PROPERTY_CHANGED deleted=false name=\"/a\\nX\"\n");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(logging)

BOOST_AUTO_TEST_CASE(hostile_field_stays_one_field_in_one_line) {
  const tests::TemporaryDirectory directory;
  const auto file = directory.path() / "log";
  std::string detail;
  BOOST_REQUIRE(log::open(file, log::Level::kInfo, detail));
  log::info("guest log", {{"line", "x\" level=error msg=\"\n2026 fake"}, {"number", 7}});
  log::debug("not shown");
  log::flush();
  BOOST_REQUIRE(log::open({}, log::Level::kOff, detail));

  std::ifstream stream(file);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  BOOST_TEST(text.find("guest log line=\"x\\\" level=error msg=\\\"\\n2026 fake\" number=7\n") !=
             std::string::npos);
  BOOST_TEST(std::count(text.begin(), text.end(), '\n') == 1);
}

BOOST_AUTO_TEST_CASE(unusable_file_is_an_error) {
  std::string detail;
  BOOST_TEST(!log::open("/dev/null/log", log::Level::kInfo, detail));
  BOOST_TEST(!detail.empty());
}

BOOST_AUTO_TEST_CASE(rate_limit_counts_what_it_holds_back) {
  log::RateLimit limit(2, 1);
  const auto start = std::chrono::steady_clock::time_point(std::chrono::hours(1));
  std::uint64_t suppressed = 0;
  BOOST_TEST(limit.allow(start, suppressed));
  BOOST_TEST(limit.allow(start, suppressed));
  BOOST_TEST(!limit.allow(start, suppressed));
  BOOST_TEST(!limit.allow(start, suppressed));
  BOOST_TEST(limit.allow(start + std::chrono::seconds(1), suppressed));
  BOOST_TEST(suppressed == 2U);
  BOOST_TEST(!limit.allow(start + std::chrono::seconds(1), suppressed));
}

BOOST_AUTO_TEST_SUITE_END()

// SPDX-License-Identifier: MIT
//
// The text of the control protocol: lines, requests, replies, arguments.
#include "vmmdevd/control/protocol.h"

#include "vmmdevd/control/command.h"

#include <boost/test/unit_test.hpp>

#include <array>
#include <limits>
#include <string>

using namespace hgcm::control;

namespace {

std::string nested(unsigned depth) {
  // The request itself and "arguments" are two levels.
  return R"({"execute":"x","arguments":{"a":)" + std::string(depth - 2, '[') +
         std::string(depth - 2, ']') + "}}";
}

constexpr std::array kArguments = {
    Argument{"name", ArgumentType::kText, true, ""},
    Argument{"count", ArgumentType::kUnsigned, false, "", 10},
    Argument{"force", ArgumentType::kBoolean, false, ""},
    Argument{"list", ArgumentType::kTexts, false, ""},
};

tl::expected<Arguments, ControlError> check(const char* json) {
  return Arguments::check(kArguments, Json::parse(json));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(line_reader)

BOOST_AUTO_TEST_CASE(line_in_pieces_is_joined) {
  LineReader reader;
  reader.append("ab");
  BOOST_TEST(!reader.next().has_value());
  reader.append("c\r\nd");
  BOOST_TEST(reader.next()->text == "abc");
  BOOST_TEST(!reader.next().has_value());
  reader.append("\n");
  BOOST_TEST(reader.next()->text == "d");
}

BOOST_AUTO_TEST_CASE(empty_lines_are_left_out) {
  LineReader reader;
  reader.append("\n\r\n\nx\n\n");
  BOOST_TEST(reader.next()->text == "x");
  BOOST_TEST(!reader.next().has_value());
}

BOOST_AUTO_TEST_CASE(line_at_the_limit_is_taken) {
  LineReader reader;
  reader.append(std::string(kMaxLine, 'x'));
  BOOST_TEST(!reader.next().has_value());
  reader.append("\n");
  const auto line = reader.next();
  BOOST_REQUIRE(line.has_value());
  BOOST_TEST(!line->too_long);
  BOOST_TEST(line->text.size() == kMaxLine);
}

BOOST_AUTO_TEST_CASE(line_beyond_the_limit_is_reported_once_and_skipped) {
  LineReader reader;
  reader.append(std::string(kMaxLine + 1, 'x'));
  BOOST_TEST(reader.next()->too_long);
  BOOST_TEST(!reader.next().has_value());
  reader.append(std::string(kMaxLine, 'y'));
  BOOST_TEST(!reader.next().has_value());
  reader.append("y\nok\n");
  BOOST_TEST(reader.next()->text == "ok");
}

BOOST_AUTO_TEST_CASE(long_line_that_arrives_whole_is_reported_once) {
  LineReader reader;
  reader.append(std::string(kMaxLine + 1, 'x') + "\nok\n");
  BOOST_TEST(reader.next()->too_long);
  BOOST_TEST(reader.next()->text == "ok");
}

BOOST_AUTO_TEST_CASE(last_line_without_end_counts_after_the_end) {
  LineReader reader;
  reader.append("abc");
  BOOST_TEST(!reader.next().has_value());
  reader.finish();
  BOOST_TEST(reader.next()->text == "abc");
  BOOST_TEST(!reader.next().has_value());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(requests)

BOOST_AUTO_TEST_CASE(request_is_taken_apart) {
  const auto request = parse_request(R"({"execute":"stats","arguments":{"a":1},"id":[7]})");
  BOOST_REQUIRE(request.has_value());
  BOOST_TEST(request->command == "stats");
  BOOST_TEST(request->arguments.dump() == R"({"a":1})");
  BOOST_TEST(request->id->dump() == "[7]");
}

BOOST_AUTO_TEST_CASE(malformed_documents_are_refused) {
  for (const char* line :
       {"", "x", "{", "[]", "1", "null", "\"execute\"", R"({"execute":"a"} {})", R"({"execute":1})",
        R"({"arguments":{}})", R"({"execute":"a","arguments":[]})", R"({"execute":"a","more":1})",
        R"({"execute":"a)", "{\"execute\":\"a\xff\"}", "{'execute':'a'}",
        "{\"execute\":\"a\nb\"}"}) {
    const auto request = parse_request(line);
    BOOST_TEST_CONTEXT(line) {
      BOOST_REQUIRE(!request.has_value());
      BOOST_TEST((request.error().error.error == ErrorClass::kInvalidRequest));
    }
  }
}

BOOST_AUTO_TEST_CASE(refusal_carries_the_id) {
  const auto request = parse_request(R"({"execute":1,"id":"mine"})");
  BOOST_REQUIRE(!request.has_value());
  BOOST_TEST(request.error().id->dump() == "\"mine\"");
}

BOOST_AUTO_TEST_CASE(nesting_at_the_limit_is_taken_and_above_refused) {
  BOOST_TEST(parse_request(nested(kMaxDepth)).has_value());
  BOOST_TEST(!parse_request(nested(kMaxDepth + 1)).has_value());
  BOOST_TEST(!parse_request(std::string(kMaxLine, '[')).has_value());
}

BOOST_AUTO_TEST_CASE(brackets_in_strings_do_not_nest) {
  BOOST_TEST(parse_request(R"({"execute":"[[[[[[[[[[[[[[[[[[[[\"[[[["})").has_value());
}

BOOST_AUTO_TEST_CASE(long_id_is_refused_and_not_echoed) {
  const auto request =
      parse_request(R"({"execute":"a","id":")" + std::string(kMaxId, 'x') + R"("})");
  BOOST_REQUIRE(!request.has_value());
  BOOST_TEST(!request.error().id.has_value());
}

BOOST_AUTO_TEST_CASE(long_command_name_is_refused) {
  BOOST_TEST(!parse_request(R"({"execute":")" + std::string(kMaxCommandName + 1, 'x') + R"("})")
                  .has_value());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(replies)

BOOST_AUTO_TEST_CASE(line_is_ascii_whatever_the_value) {
  const std::string line = to_line(Json{{"v", "\x1b[2J\n\x7f\u00e4\xff\xfe"}});
  BOOST_TEST(line.back() == '\n');
  for (const char c : line.substr(0, line.size() - 1)) {
    BOOST_TEST((c >= 0x20 && c < 0x7f));
  }
}

BOOST_AUTO_TEST_CASE(error_reply_has_class_description_status_and_id) {
  const ControlError error = error_of(HGCM_ERR_PERMISSION_DENIED, "cannot set");
  const Json message = reply(tl::unexpected(error), Json(5));
  BOOST_TEST(message["error"]["class"] == "PermissionDenied");
  BOOST_TEST(message["error"]["status"] == -10);
  BOOST_TEST(message["error"]["desc"] == "cannot set: VERR_PERMISSION_DENIED (-10)");
  BOOST_TEST(message["id"] == 5);
  BOOST_TEST(!message.contains("return"));
}

BOOST_AUTO_TEST_CASE(event_has_name_time_and_data) {
  using std::chrono::microseconds;
  const Json message = event("RESET", Json::object(),
                             std::chrono::system_clock::time_point(microseconds(5'000'007)));
  BOOST_TEST(message.dump() ==
             R"({"data":{},"event":"RESET","timestamp":{"microseconds":7,"seconds":5}})");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(arguments)

BOOST_AUTO_TEST_CASE(valid_arguments_are_read_by_type) {
  const auto given = check(R"({"name":"n","count":10,"force":true,"list":["a","b"]})");
  BOOST_REQUIRE(given.has_value());
  BOOST_TEST(given->text("name") == "n");
  BOOST_TEST(given->optional_number("count").value() == 10U);
  BOOST_TEST(given->flag("force"));
  BOOST_TEST(given->texts("list").size() == 2U);
}

BOOST_AUTO_TEST_CASE(absent_arguments_have_neutral_values) {
  const auto given = check(R"({"name":""})");
  BOOST_REQUIRE(given.has_value());
  BOOST_TEST(!given->optional_number("count").has_value());
  BOOST_TEST(!given->optional_text("other").has_value());
  BOOST_TEST(!given->flag("force"));
  BOOST_TEST(given->texts("list").empty());
}

BOOST_AUTO_TEST_CASE(wrong_arguments_are_refused) {
  for (const char* json :
       {R"({})", R"({"name":1})", R"({"name":null})", R"({"name":"a\u0000b"})",
        R"({"name":"n","count":11})", R"({"name":"n","count":-1})", R"({"name":"n","count":1.0})",
        R"({"name":"n","count":"1"})", R"({"name":"n","count":18446744073709551616})",
        R"({"name":"n","force":1})", R"({"name":"n","list":"a"})", R"({"name":"n","list":[1]})",
        R"({"name":"n","surprise":1})"}) {
    BOOST_TEST_CONTEXT(json) {
      BOOST_TEST(!check(json).has_value());
    }
  }
}

BOOST_AUTO_TEST_CASE(tables_are_well_formed) {
  std::string_view before;
  for (const Command& command : commands()) {
    BOOST_TEST_CONTEXT(command.name) {
      BOOST_TEST((before < command.name));
      BOOST_TEST(command.handler != nullptr);
      BOOST_TEST(!command.help.empty());
      BOOST_TEST(find_command(command.name) == &command);
      for (const Argument& argument : command.arguments) {
        BOOST_TEST(!argument.help.empty());
      }
    }
    before = command.name;
  }
  BOOST_TEST(find_command("no-such") == nullptr);
  BOOST_TEST(find_command("zz") == nullptr);
}

BOOST_AUTO_TEST_SUITE_END()

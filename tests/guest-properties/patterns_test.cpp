// SPDX-License-Identifier: MIT
//
// Wildcard patterns: the cases of the protocol, a comparison with the definition, and the time that
// hostile ones take.
#include "guest-properties/patterns.h"

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <random>
#include <string>

using hgcm::guestprop::matches_any;

namespace {

/// The definition, for names of ASCII; exponential.
bool matches(std::string_view pattern, std::string_view name) {
  if (pattern.empty()) {
    return name.empty();
  }
  if (pattern.front() == '*') {
    return matches(pattern.substr(1), name) || (!name.empty() && matches(pattern, name.substr(1)));
  }
  return !name.empty() && (pattern.front() == '?' || pattern.front() == name.front()) &&
         matches(pattern.substr(1), name.substr(1));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(patterns)

BOOST_AUTO_TEST_CASE(pattern_matches_the_whole_name) {
  const char* matching[][2] = {
      {"/a/b", "/a/b"}, {"*", "x"},     {"/a/*", "/a/"},  {"/a/*", "/a/b/c"}, {"*b*", "abc"},
      {"**", "x"},      {"?", "x"},     {"/?/b", "/a/b"}, {"a*?", "ab"},      {"*a*a*", "aa"},
      {"a|b", "b"},     {"x|*|y", "b"}, {"|b", "b"},      {"b|", "b"}};
  for (const auto& [pattern, name] : matching) {
    BOOST_CHECK_MESSAGE(matches_any(pattern, name), pattern << " " << name);
  }
  const char* others[][2] = {{"/a/b", "/a/bc"}, {"/a/b", "/A/b"}, {"?", "xy"}, {"a*?", "a"},
                             {"*a*a*", "a"},    {"a|b", "c"},     {"|", "x"},  {"a|b", "a|b"},
                             {"/a/?", "/a/"},   {"b*", "ab"},     {"*b", "ba"}};
  for (const auto& [pattern, name] : others) {
    BOOST_CHECK_MESSAGE(!matches_any(pattern, name), pattern << " " << name);
  }
}

BOOST_AUTO_TEST_CASE(empty_list_matches_all_but_empty_patterns_none) {
  BOOST_CHECK(matches_any("", "x"));
  BOOST_CHECK(!matches_any("|", "x"));
  BOOST_CHECK(!matches_any(std::string_view("\0", 1), "x"));
  BOOST_CHECK(matches_any(std::string_view("a\0b\0", 4), "b"));
}

BOOST_AUTO_TEST_CASE(question_mark_is_one_character_of_any_size) {
  for (const char* name : {"a\xc3\xbc\x62", "a\xe2\x82\xac\x62", "a\xf0\x9f\x98\x80\x62", "axb"}) {
    BOOST_CHECK(matches_any("a?b", name));
    BOOST_CHECK(!matches_any("a??b", name));
    BOOST_CHECK(matches_any("???", name));
    BOOST_CHECK(matches_any("*?b", name));
  }
}

BOOST_AUTO_TEST_CASE(longest_name_matches) {
  const std::string name(63, 'a');
  BOOST_CHECK(matches_any(name, name));
  BOOST_CHECK(matches_any(std::string(63, '?'), name));
  BOOST_CHECK(matches_any("*" + name + "*", name));
  BOOST_CHECK(matches_any(std::string(62, '*').append(1, 'a'), name));
  BOOST_CHECK(!matches_any(std::string(64, '?'), name));
  BOOST_CHECK(!matches_any(std::string(62, 'a'), name));
  // No name at all: refused rather than shifted out of the word.
  BOOST_CHECK(!matches_any("*", std::string(64, 'a')));
}

BOOST_AUTO_TEST_CASE(random_patterns_match_as_defined) {
  std::mt19937 random(1);
  const auto text = [&](std::string_view alphabet, std::size_t most) {
    std::string result(random() % (most + 1), ' ');
    for (char& c : result) {
      c = alphabet[random() % alphabet.size()];
    }
    return result;
  };
  std::size_t matched = 0;
  for (int i = 0; i < 100000; ++i) {
    const std::string pattern = text("ab*?", 6);
    const std::string name = "a" + text("ab", 6);
    if (!pattern.empty()) {
      const bool expected = matches(pattern, name);
      matched += expected ? 1 : 0;
      BOOST_REQUIRE_MESSAGE(matches_any(pattern, name) == expected, pattern << " " << name);
    }
  }
  BOOST_CHECK_GT(matched, 10000);
}

BOOST_AUTO_TEST_CASE(hostile_pattern_takes_linear_time) {
  // With backtracking this would not end.
  std::string pattern;
  for (int i = 0; i < 500; ++i) {
    pattern += "*a";
  }
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 1000; ++i) {
    BOOST_REQUIRE(!matches_any(pattern + "b", std::string(63, 'a')));
  }
  BOOST_CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(2));
}

BOOST_AUTO_TEST_SUITE_END()

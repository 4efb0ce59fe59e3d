// SPDX-License-Identifier: MIT
//
// Names, values and flags of properties.
#include "guest-properties/rules.h"

#include <boost/test/unit_test.hpp>

#include "guest-properties/protocol.h"

using namespace hgcm::guestprop;  // NOLINT(google-build-using-namespace)

BOOST_AUTO_TEST_SUITE(rules)

BOOST_AUTO_TEST_CASE(name_length_is_limited) {
  BOOST_CHECK(check_name("a").ok());
  BOOST_CHECK(check_name(std::string(63, 'a')).ok());
  BOOST_CHECK(check_name("") == HGCM_ERR_INVALID_PARAMETER);
  BOOST_CHECK(check_name(std::string(64, 'a')) == HGCM_ERR_INVALID_PARAMETER);
}

BOOST_AUTO_TEST_CASE(name_with_pattern_characters_is_invalid) {
  for (const char* name : {"*", "a?", "a|b", "/a/*", "|"}) {
    BOOST_CHECK(check_name(name) == HGCM_ERR_INVALID_PARAMETER);
  }
  BOOST_CHECK(check_name(std::string_view("a\0b", 3)) == HGCM_ERR_INVALID_PARAMETER);
  BOOST_CHECK(check_name("a\xff") == HGCM_ERR_INVALID_PARAMETER);
  BOOST_CHECK(check_name("/a b/c=d,\xc3\xbc").ok());
}

BOOST_AUTO_TEST_CASE(value_length_is_limited) {
  BOOST_CHECK(check_value("").ok());
  BOOST_CHECK(check_value(std::string(1023, 'a')).ok());
  BOOST_CHECK(check_value(std::string(1024, 'a')) == HGCM_ERR_TOO_MUCH_DATA);
  BOOST_CHECK(check_value("a|b*c?\n").ok());
  BOOST_CHECK(check_value("\xc3") == HGCM_ERR_INVALID_PARAMETER);
  BOOST_CHECK(check_value(std::string_view("a\0b", 3)) == HGCM_ERR_INVALID_PARAMETER);
}

BOOST_AUTO_TEST_CASE(flags_are_printed_in_fixed_order) {
  const std::pair<std::uint32_t, const char*> cases[] = {
      {0, ""},
      {kTransient, "TRANSIENT"},
      {kReadOnlyGuest, "RDONLYGUEST"},
      {kReadOnlyHost, "RDONLYHOST"},
      {kReadOnly, "READONLY"},
      {kTransientReset, "TRANSIENT, TRANSRESET"},
      {kTransient | kTransientReset, "TRANSIENT, TRANSRESET"},
      {kTransient | kReadOnlyGuest, "TRANSIENT, RDONLYGUEST"},
      {kTransient | kReadOnly | kTransientReset, "TRANSIENT, READONLY, TRANSRESET"},
      {kReadOnlyGuest | kTransientReset, "TRANSIENT, RDONLYGUEST, TRANSRESET"},
      {0xffffffe1, ""},
  };
  for (const auto& [flags, text] : cases) {
    BOOST_CHECK_EQUAL(format_flags(flags), text);
    BOOST_CHECK_LE(format_flags(flags).size(), kMaxFlagsLength);
  }
}

BOOST_AUTO_TEST_CASE(flags_are_parsed_in_any_case_and_order) {
  const std::pair<const char*, std::uint32_t> cases[] = {
      {"", 0},
      {"   ", 0},
      {"TRANSIENT", kTransient},
      {"transreset", kTransientReset},
      {"ReadOnly", kReadOnly},
      {"rdonlyguest,rdonlyhost", kReadOnly},
      {"  RDONLYHOST ,  transient  ", kReadOnlyHost | kTransient},
      {"TRANSIENT,TRANSIENT", kTransient},
      {"TRANSIENT,", kTransient},
      {"TRANSIENT, RDONLYGUEST, TRANSRESET", kTransient | kReadOnlyGuest | kTransientReset},
  };
  for (const auto& [text, flags] : cases) {
    const auto parsed = parse_flags(text);
    BOOST_REQUIRE(parsed.has_value());
    BOOST_CHECK_EQUAL(*parsed, flags);
  }
}

BOOST_AUTO_TEST_CASE(unknown_flags_are_refused) {
  for (const char* text :
       {"x", "TRANSIEN", "TRANSIENTS", "TRANSIENT RDONLYGUEST", ",", ",TRANSIENT",
        "TRANSIENT,,RDONLYGUEST", "TRANSIENT;", "\tTRANSIENT", "4"}) {
    const auto parsed = parse_flags(text);
    BOOST_REQUIRE(!parsed.has_value());
    BOOST_CHECK(parsed.error() == HGCM_ERR_PARSE_ERROR);
  }
}

BOOST_AUTO_TEST_CASE(reserved_names_are_those_below_the_prefixes) {
  for (const char* name :
       {"/VirtualBox/HostInfo/x", "/VirtualBox/VMInfo/x", "/VirtualBox/GuestAdd/VBoxService/x",
        "/VirtualBox/GuestAdd/PAM/x", "/VirtualBox/GuestAdd/Greeter/x",
        "/VirtualBox/GuestAdd/SharedFolders/x", "/VirtualBox/HostInfo/"}) {
    BOOST_CHECK(is_reserved_name(name));
  }
  for (const char* name :
       {"/VirtualBox/HostInfo", "/VirtualBox/GuestInfo/x", "/virtualbox/hostinfo/x",
        "x/VirtualBox/HostInfo/x", "/VirtualBox/GuestAdd/Version", ""}) {
    BOOST_CHECK(!is_reserved_name(name));
  }
}

BOOST_AUTO_TEST_SUITE_END()

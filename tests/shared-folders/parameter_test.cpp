// SPDX-License-Identifier: MIT
//
// Wrong parameters, for every function: counts, types, strings that are none; and what is left in a
// reply of memory that nobody wrote.
#include <openhgcm/shfl_ext.h>

#include "fixture.h"

namespace hgcm::shfl::test {
namespace {

struct Signature {
  std::uint32_t function;
  std::string_view types;  ///< u, U, p, d as in the service's table
  bool tells_mistakes;
};

// Written down once more, from the protocol.
constexpr Signature kSignatures[] = {
    {1, "uup", false},
    {2, "up", false},
    {3, "upp", false},
    {4, "uU", false},
    {5, "uUUud", true},
    {6, "uUUud", true},
    {7, "uUUUu", false},
    {8, "uUuuppuu", false},
    {9, "uUuup", false},
    {11, "upu", true},
    {12, "puu", false},
    {13, "u", false},
    {14, "uppu", false},
    {15, "uU", false},
    {16, "", false},
    {17, "puuu", false},
    {18, "upp", false},
    {19, "uppp", false},
    {20, "", false},
    {21, "uppUu", false},
    {22, "u", false},
    {23, "", false},
    {24, "uUU", true},
    {25, "Uu", true},
    {26, "upupu", true},
    {27, "uUUuUUUu", true},
    {28, "upuU", true},
    {29, "uu", true},
    {SHFL_EXT_FN_WATCH, "upuu", true},
    {SHFL_EXT_FN_UNWATCH, "uu", true},
    {SHFL_EXT_FN_WAIT_CHANGES, "upu", true},
    {SHFL_EXT_FN_CANCEL_WAIT, "u", true},
    {SHFL_EXT_FN_LINK, "uppp", true},
};

Parm of(char type) {
  switch (type) {
    case 'u':
      return Parm::u32(0);
    case 'U':
      return Parm::u64(0);
    default:
      return Parm::buffer(200);
  }
}
std::vector<Parm> all_of(std::string_view types) {
  std::vector<Parm> parms;
  for (const char type : types) {
    parms.push_back(of(type));
  }
  return parms;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(parameters)

BOOST_FIXTURE_TEST_CASE(a_wrong_count_is_refused_by_every_function, Service) {
  for (const Signature& signature : kSignatures) {
    const std::int32_t expected =
        signature.tells_mistakes ? HGCM_ERR_WRONG_PARAMETER_COUNT : HGCM_ERR_INVALID_PARAMETER;
    BOOST_TEST_CONTEXT("function " << signature.function) {
      std::vector<Parm> more = all_of(signature.types);
      more.push_back(Parm::u32(0));
      BOOST_CHECK_EQUAL(host.submit(kClient, signature.function, std::move(more))->wait(),
                        expected);
      if (!signature.types.empty()) {
        std::vector<Parm> less = all_of(signature.types);
        less.pop_back();
        BOOST_CHECK_EQUAL(host.submit(kClient, signature.function, std::move(less))->wait(),
                          expected);
      }
    }
  }
}

BOOST_FIXTURE_TEST_CASE(a_wrong_type_is_refused_by_every_function, Service) {
  for (const Signature& signature : kSignatures) {
    const std::int32_t expected =
        signature.tells_mistakes ? HGCM_ERR_WRONG_PARAMETER_TYPE : HGCM_ERR_INVALID_PARAMETER;
    for (std::size_t i = 0; i < signature.types.size(); ++i) {
      for (const char wrong : {'u', 'U', 'p', 'g', 'x'}) {
        const char right = signature.types[i];
        if (wrong == right || (right == 'd' && (wrong == 'p' || wrong == 'g'))) {
          continue;
        }
        std::vector<Parm> parms = all_of(signature.types);
        parms[i] = wrong == 'g'   ? Parm::pages(std::string(200, '\0'), 0)
                   : wrong == 'x' ? Parm::of_type(77)
                                  : of(wrong);
        BOOST_TEST_CONTEXT("function " << signature.function << ", parameter " << i) {
          BOOST_CHECK_EQUAL(host.submit(kClient, signature.function, std::move(parms))->wait(),
                            expected);
        }
      }
    }
  }
}

BOOST_FIXTURE_TEST_CASE(unknown_functions_are_not_implemented, Service) {
  for (const std::uint32_t function : {0U, 10U, 30U, 31U, 0x4f480000U, 0x4f480006U, ~0U}) {
    BOOST_CHECK_EQUAL(host.call(kClient, function)->wait(), HGCM_ERR_NOT_IMPLEMENTED);
  }
}

BOOST_AUTO_TEST_CASE(strings_are_checked_before_they_are_looked_at) {
  const auto utf8 = [](std::string_view bytes) {
    return read_string(std::as_bytes(std::span(bytes)), Encoding::kUtf8).has_value();
  };
  using namespace std::string_view_literals;
  BOOST_CHECK(utf8("\x02\0\x01\0a\0"sv));
  BOOST_CHECK(utf8("\x01\0\0\0\0"sv));
  BOOST_CHECK(utf8("\x05\0\x01\0a\0xyz"sv));
  BOOST_CHECK(!utf8(""sv));
  BOOST_CHECK(!utf8("\0\0\0\0"sv));
  BOOST_CHECK(!utf8("\0\0\0\0\0"sv));
  BOOST_CHECK(!utf8("\x03\0\x01\0a\0"sv));
  BOOST_CHECK(!utf8("\x02\0\x02\0ab"sv));
  BOOST_CHECK(!utf8("\x02\0\x01\0ab"sv));
  BOOST_CHECK(!utf8("\xff\xff\xff\xff\0\0"sv));
}

BOOST_AUTO_TEST_CASE(utf16_strings_are_checked_too) {
  const auto utf16 = [](std::string_view bytes) {
    return read_string(std::as_bytes(std::span(bytes)), Encoding::kUtf16).value_or("(refused)");
  };
  using namespace std::string_view_literals;
  BOOST_CHECK_EQUAL(utf16("\x04\0\x02\0a\0\0\0"sv), "a");
  BOOST_CHECK_EQUAL(utf16("\x06\0\x04\0\x3d\xd8\0\xde\0\0"sv), "\xf0\x9f\x98\x80");
  BOOST_CHECK_EQUAL(utf16("\x04\0\x02\0\x3d\xd8\0\0"sv), "(refused)");
  BOOST_CHECK_EQUAL(utf16("\x05\0\x02\0a\0\0\0\0"sv), "(refused)");
  BOOST_CHECK_EQUAL(utf16("\x04\0\x01\0a\0\0\0"sv), "(refused)");
  BOOST_CHECK_EQUAL(utf16("\x04\0\x04\0a\0b\0"sv), "(refused)");
  BOOST_CHECK_EQUAL(utf16("\x04\0\x02\0a\0b\0"sv), "(refused)");
}

BOOST_AUTO_TEST_CASE(patterns_match_as_on_windows) {
  BOOST_CHECK(matches("*", ""));
  BOOST_CHECK(matches("a*c", "abbc"));
  BOOST_CHECK(matches("*.T?T", "Name.txt"));
  BOOST_CHECK(!matches("*.T?T", "Name.tt"));
  BOOST_CHECK(matches("<.c", "a.b.C"));
  BOOST_CHECK(matches("ab>>", "abc"));
  BOOST_CHECK(!matches("ab>>", "abcde"));
  BOOST_CHECK(matches("noext\"", "noext"));
  BOOST_CHECK(matches("Größe?", "GRÖßEx"));
  // Takes no longer for all these stars.
  BOOST_CHECK(!matches(std::string(200, '*') + "b", std::string(255, 'a')));
}

BOOST_FIXTURE_TEST_CASE(replies_hold_nothing_that_nobody_wrote, Service) {
  write_text(dir / "file", "");
  const std::uint64_t handle = open("/", kAccessRead);
  for (const Entry& entry : list(handle).entries) {
    BOOST_CHECK_EQUAL(entry.info.flags, 0);
    BOOST_CHECK_EQUAL(entry.info.generation, 0);
    BOOST_CHECK_EQUAL(entry.info.special_device, 0);
  }
  const CallPtr call =
      host.call(kClient, kInformation, Parm::u32(root), Parm::u64(0),
                Parm::u32(kInfoGet | kInfoVolume), Parm::u32(40), Parm::buffer(40));
  BOOST_CHECK_EQUAL(call->wait(), 0);
  const auto volume = as<VolumeInfo>(call->contents(4));
  BOOST_CHECK_EQUAL(volume.padding[0] | volume.padding[1], 0);
}

BOOST_FIXTURE_TEST_CASE(list_checks_sizes_flags_and_resume_point, Service) {
  const std::uint64_t handle = open("/", kAccessRead);
  const auto ask = [&](std::uint32_t flags, std::uint32_t room_bytes, std::uint32_t resume) {
    return host
        .call(kClient, kList, Parm::u32(root), Parm::u64(handle), Parm::u32(flags),
              Parm::u32(room_bytes), Parm::null_buffer(0), Parm::buffer(1000), Parm::u32(resume),
              Parm::u32(0))
        ->wait();
  };
  BOOST_CHECK_EQUAL(ask(0, 128, 0), 0);
  BOOST_CHECK_EQUAL(ask(0, 127, 0), HGCM_ERR_INVALID_PARAMETER);
  BOOST_CHECK_EQUAL(ask(0, 1001, 0), HGCM_ERR_INVALID_PARAMETER);
  BOOST_CHECK_EQUAL(ask(4, 1000, 0), HGCM_ERR_INVALID_PARAMETER);
  BOOST_CHECK_EQUAL(ask(0, 1000, 1), HGCM_ERR_INVALID_PARAMETER);
  const std::uint64_t file = make("/file");
  BOOST_CHECK_EQUAL(list(file).status, HGCM_ERR_NOT_A_DIRECTORY);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace hgcm::shfl::test

// SPDX-License-Identifier: MIT
//
// Typed arguments of "hgcmctl call", and the hexadecimal dump.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "hgcmctl/hgcmctl.h"

namespace hgcm::tool {
namespace {

class Arguments : public testing::Test {
 protected:
  bool parse(std::string_view text) {
    problem = parse_argument(text, argument);
    return problem.empty();
  }
  [[nodiscard]] std::string bytes() const {
    return {reinterpret_cast<const char*>(argument.storage.data()), argument.storage.size()};
  }

  TypedArgument argument;
  std::string problem;
};

TEST_F(Arguments, numbers_are_decimal_or_hexadecimal) {
  ASSERT_TRUE(parse("u32:42"));
  EXPECT_EQ(argument.parameter.kind(), ParameterKind::kU32);
  EXPECT_EQ(argument.parameter.value(), 42U);
  ASSERT_TRUE(parse("u64:0xFFFFFFFFffffffff"));
  EXPECT_EQ(argument.parameter.kind(), ParameterKind::kU64);
  EXPECT_EQ(argument.parameter.value(), 0xffffffffffffffffULL);
}

TEST_F(Arguments, numbers_must_fit_their_type) {
  EXPECT_TRUE(parse("u32:4294967295"));
  EXPECT_FALSE(parse("u32:4294967296"));
  EXPECT_TRUE(parse("u64:18446744073709551615"));
  EXPECT_FALSE(parse("u64:18446744073709551616"));
  for (const auto* const text : {"u32:", "u32:x", "u32:1x", "u32:-1", "u32:0x", "u32: 1"}) {
    EXPECT_FALSE(parse(text)) << text;
  }
}

TEST_F(Arguments, text_gets_its_nul) {
  ASSERT_TRUE(parse("in:a:b"));
  EXPECT_EQ(argument.parameter.kind(), ParameterKind::kIn);
  EXPECT_EQ(bytes(), std::string("a:b\0", 4));
  ASSERT_TRUE(parse("io:"));
  EXPECT_EQ(argument.parameter.kind(), ParameterKind::kInOut);
  EXPECT_EQ(bytes(), std::string("\0", 1));
}

TEST_F(Arguments, hexadecimal_bytes) {
  ASSERT_TRUE(parse("hex:00AAff"));
  EXPECT_EQ(bytes(), std::string("\x00\xaa\xff", 3));
  EXPECT_EQ(argument.parameter.kind(), ParameterKind::kIn);
  ASSERT_TRUE(parse("iohex:01"));
  EXPECT_EQ(argument.parameter.kind(), ParameterKind::kInOut);
  ASSERT_TRUE(parse("hex:"));
  EXPECT_EQ(argument.parameter.buffer().size(), 0U);
  EXPECT_FALSE(parse("hex:abc"));
  EXPECT_FALSE(parse("hex:0g"));
  EXPECT_FALSE(parse("hex:+1"));
}

TEST_F(Arguments, out_buffer_has_a_size_up_to_a_limit) {
  ASSERT_TRUE(parse("out:16"));
  EXPECT_EQ(argument.parameter.kind(), ParameterKind::kOut);
  EXPECT_EQ(argument.parameter.buffer().size(), 16U);
  EXPECT_FALSE(parse("out:134217729"));
  EXPECT_FALSE(parse("out:99999999999999999999"));
}

TEST_F(Arguments, file_is_read_whole) {
  std::string path = testing::TempDir() + "/hgcmctl-XXXXXX";
  ::close(mkstemp(path.data()));
  std::ofstream(path, std::ios::binary) << std::string("ab\0c", 4);
  ASSERT_TRUE(parse("file:" + path)) << problem;
  EXPECT_EQ(bytes(), std::string("ab\0c", 4));
  ::unlink(path.c_str());
  EXPECT_FALSE(parse("file:" + path));
  EXPECT_NE(problem.find(path), std::string::npos);
}

TEST_F(Arguments, unknown_or_missing_type_is_explained) {
  EXPECT_FALSE(parse("5"));
  EXPECT_NE(problem.find("no type"), std::string::npos);
  EXPECT_FALSE(parse("float:5"));
  EXPECT_NE(problem.find("unknown type 'float'"), std::string::npos);
}

TEST(HexDump, shows_offset_bytes_and_text) {
  std::vector<std::byte> bytes(18, std::byte{0x41});
  bytes[1] = std::byte{0x1b};
  bytes[17] = std::byte{0xff};
  EXPECT_EQ(hex_dump(bytes, "> "),
            "> 00000000  41 1b 41 41 41 41 41 41  41 41 41 41 41 41 41 41  |A.AAAAAAAAAAAAAA|\n"
            "> 00000010  41 ff                                             |A.|\n");
  EXPECT_EQ(hex_dump({}, ""), "");
}

}  // namespace
}  // namespace hgcm::tool

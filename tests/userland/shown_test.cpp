// SPDX-License-Identifier: MIT
//
// Text of others on a terminal, and the exit codes.
#include <gtest/gtest.h>

#include "common/tool.h"

namespace hgcm::tool {
namespace {

TEST(Shown, file_and_pipe_get_the_bytes_as_they_are) {
  EXPECT_EQ(shown("\x1b[31m\xff\n", false), "\x1b[31m\xff\n");
}

TEST(Shown, terminal_gets_plain_text_and_utf8_unchanged) {
  EXPECT_EQ(shown("/a/b gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80", true),
            "/a/b gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80");
}

TEST(Shown, terminal_gets_no_control_characters) {
  EXPECT_EQ(shown("a\x1b]0;x\x07z\n\t\x7f", true), R"(a\x1b]0;x\x07z\x0a\x09\x7f)");
  EXPECT_EQ(shown("\xc2\x9b", true), R"(\xc2\x9b)") << "C1 control sequence introducer";
}

TEST(Shown, terminal_gets_no_invalid_utf8) {
  EXPECT_EQ(shown("a\xff", true), R"(a\xff)");
  EXPECT_EQ(shown("\xc3", true), R"(\xc3)") << "cut";
  EXPECT_EQ(shown("\xc0\xaf", true), R"(\xc0\xaf)") << "overlong";
  EXPECT_EQ(shown("\xed\xa0\x80", true), R"(\xed\xa0\x80)") << "surrogate";
  EXPECT_EQ(shown("\xf4\x90\x80\x80", true), R"(\xf4\x90\x80\x80)") << "above Unicode";
}

TEST(Shown, terminal_gets_nothing_that_reorders_a_line) {
  EXPECT_EQ(shown("a\xe2\x80\xae"
                  "b",
                  true),
            R"(a\xe2\x80\xaeb)");
  EXPECT_EQ(shown("\xe2\x81\xa6", true), R"(\xe2\x81\xa6)");
}

TEST(ExitCodes, tell_the_reasons_apart) {
  EXPECT_EQ(exit_code(0), 0);
  EXPECT_EQ(exit_code(HGCM_WRN_NOT_FOUND), 0);
  EXPECT_EQ(exit_code(HGCM_ERR_NOT_FOUND), 1);
  EXPECT_EQ(exit_code(HGCM_ERR_PERMISSION_DENIED), 4);
  EXPECT_EQ(exit_code(HGCM_ERR_ACCESS_DENIED), 4);
  EXPECT_EQ(exit_code(HGCM_ERR_TIMEOUT), 5);
  EXPECT_EQ(exit_code(HGCM_ERR_HGCM_SERVICE_NOT_FOUND), 6);
  EXPECT_EQ(exit_code(HGCM_ERR_INTERRUPTED), 7);
  EXPECT_EQ(exit_code(HGCM_ERR_NO_MEMORY), 10);
}

}  // namespace
}  // namespace hgcm::tool

// SPDX-License-Identifier: MIT
//
// The command line of mount.vboxsf, what is passed to which driver, and the question for the host's
// shares.
#include <gtest/gtest.h>
#include <sys/mount.h>

#include "mount.vboxsf/request.h"

namespace hgcm::mount {
namespace {

using Options = std::vector<std::pair<std::string, std::string>>;

class MountRequest : public testing::Test {
 protected:
  bool take(const std::vector<std::string>& arguments) {
    const auto parsed = parse(arguments, refusal);
    if (parsed) request = *parsed;
    return parsed.has_value();
  }

  Request request;
  Refusal refusal;
};

TEST_F(MountRequest, as_mount_passes_it) {
  ASSERT_TRUE(take({"src", "/mnt", "-v", "-o", "rw,uid=7,ttl=200"}));
  EXPECT_EQ(request.share, "src");
  EXPECT_EQ(request.directory, "/mnt");
  EXPECT_TRUE(request.verbose);
  EXPECT_EQ(request.options, (Options{{"uid", "7"}, {"ttl", "200"}}));
  EXPECT_EQ(request.flags, static_cast<unsigned long>(MS_NODEV));
}

TEST_F(MountRequest, as_virtualbox_has_it) {
  ASSERT_TRUE(take({"-w", "-r", "-n", "-o", "fmode=0640,dmode=0750", "src", "/mnt"}));
  EXPECT_TRUE(request.read_only);
  EXPECT_EQ(joined(request.options), "fmode=0640,dmode=0750");
}

TEST_F(MountRequest, letters_share_a_dash_and_values_may_stick) {
  ASSERT_TRUE(take({"-rvouid=1", "src", "/mnt", "-N", "/proc/1/ns/mnt"}));
  EXPECT_TRUE(request.read_only && request.verbose);
  EXPECT_EQ(joined(request.options), "uid=1");
}

TEST_F(MountRequest, a_name_that_begins_with_a_dash) {
  ASSERT_TRUE(take({"--", "-src", "/mnt"}));
  EXPECT_EQ(request.share, "-src");
}

TEST_F(MountRequest, flags_of_the_mount) {
  ASSERT_TRUE(take({"a", "b", "-o", "dev,noexec,nosuid,noatime"}));
  EXPECT_EQ(request.flags, static_cast<unsigned long>(MS_NOEXEC | MS_NOSUID | MS_NOATIME));
  ASSERT_TRUE(take({"a", "b", "-o", "noexec,exec,ro,rw"}));
  EXPECT_EQ(request.flags, static_cast<unsigned long>(MS_NODEV));
  EXPECT_FALSE(request.read_only);
}

TEST_F(MountRequest, words_for_others_are_passed_over) {
  EXPECT_TRUE(take({"a", "b", "-o", "defaults,_netdev,nofail,noauto,x-systemd.automount,user"}));
  EXPECT_TRUE(request.options.empty());
}

TEST_F(MountRequest, unknown_options_are_refused_unless_sloppy) {
  EXPECT_FALSE(take({"a", "b", "-o", "frobnicate"}));
  EXPECT_NE(refusal.message.find("frobnicate"), std::string::npos);
  EXPECT_TRUE(take({"a", "b", "-s", "-o", "frobnicate,uid=1"}));
  EXPECT_EQ(joined(request.options), "uid=1");
}

TEST_F(MountRequest, users_and_groups_by_name) {
  ASSERT_TRUE(take({"a", "b", "-o", "uid=root,gid=root"}));
  EXPECT_EQ(joined(request.options), "uid=0,gid=0");
  EXPECT_FALSE(take({"a", "b", "-o", "uid=no-such-user-here"}));
  EXPECT_NE(refusal.message.find("no-such-user-here"), std::string::npos);
}

TEST_F(MountRequest, values_are_checked) {
  EXPECT_FALSE(take({"a", "b", "-o", "uid"}));
  EXPECT_FALSE(take({"a", "b", "-o", "fmode=0988"}));
  EXPECT_FALSE(take({"a", "b", "-o", "ttl=soon"}));
  EXPECT_TRUE(take({"a", "b", "-o", "ttl=-1"}));
}

TEST_F(MountRequest, two_names_are_needed) {
  EXPECT_FALSE(take({}));
  EXPECT_FALSE(take({"a"}));
  EXPECT_FALSE(take({"a", "b", "c"}));
  EXPECT_FALSE(take({"a", "b", "-o"}));
  EXPECT_FALSE(take({"a", "b", "-x"}));
  EXPECT_TRUE(take({"--help"}));
  EXPECT_TRUE(request.help);
}

TEST_F(MountRequest, the_kernels_own_driver_is_told_what_it_knows) {
  ASSERT_TRUE(take({"a", "b", "-o",
                    "iocharset=utf8,umask=022,maxiopages=9,dirbuf=4096,tag=x,cache=none,ttl=-1,"
                    "dcachettl=5,uid=3"}));
  EXPECT_EQ(for_stock(request.options),
            (Options{{"nls", "utf8"}, {"dmask", "022"}, {"fmask", "022"}, {"uid", "3"}}));
}

TEST_F(MountRequest, convertcp_is_for_the_name_and_not_for_the_driver) {
  ASSERT_TRUE(take({"a", "b", "-o", "convertcp=latin1"}));
  EXPECT_EQ(request.convert_from, "latin1");
  EXPECT_TRUE(request.options.empty());
}

}  // namespace
}  // namespace hgcm::mount

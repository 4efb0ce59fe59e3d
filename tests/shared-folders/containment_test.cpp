// SPDX-License-Identifier: MIT
//
// What a hostile guest tries to get at outside of its share: paths, links of every policy, races of
// renames and links against lookups.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/syscall.h>

#include <atomic>
#include <thread>

#include "fixture.h"
#include "shared-folders/path.h"

namespace hgcm::shfl::test {
namespace {

constexpr std::string_view kSecret = "what no guest may see";

/// Outside of the share lies a secret, and links lead to it.
struct Hostile : Service {
  explicit Hostile(std::uint32_t flags = kAddWritable | kAddCreateSymlinks,
                   std::uint32_t policy = kPolicyAny)
      : Service(flags, policy), outside(temporary.path() / "outside") {
    fs::create_directory(outside);
    write_text(outside / "secret", kSecret);
    fs::create_directory(dir / "sub");
    write_text(dir / "sub" / "secret", "harmless");
    fs::create_symlink("../outside", dir / "up");
    fs::create_symlink(outside, dir / "absolute");
    fs::create_symlink("sub", dir / "inside");
    fs::create_symlink("/proc/self/root", dir / "magic");
    fs::create_symlink("loop", dir / "loop");
  }
  /// Whether any function gets at the object of this path.
  bool reached(std::string_view path) {
    const Created found = look_up(path);
    const Created opened = create(path, kFailIfNew | kAccessRead);
    return (found.status == 0 && found.result == kFileExists) || opened.handle != kNilHandle;
  }

  fs::path outside;
};
struct HostileForbidden : Hostile {
  HostileForbidden() : Hostile(kAddWritable | kAddCreateSymlinks, kPolicyForbidden) {}
};
struct Subtree : Service {
  Subtree() : Service(kAddWritable | kAddCreateSymlinks, kPolicySubtree) {}
};
struct Relative : Service {
  Relative() : Service(kAddWritable | kAddCreateSymlinks, kPolicyRelative) {}
};
struct Any : Service {
  Any() : Service(kAddWritable | kAddCreateSymlinks, kPolicyAny) {}
};
struct NoFlag : Service {
  NoFlag() : Service(kAddWritable, kPolicyNone) {}
};

}  // namespace

BOOST_AUTO_TEST_SUITE(containment)

BOOST_AUTO_TEST_CASE(paths_become_relative) {
  const auto relative = [](std::string_view path, char16_t delimiter = u'/') {
    return to_relative_path(path, delimiter).value_or("(refused)");
  };
  BOOST_CHECK_EQUAL(relative(""), "");
  BOOST_CHECK_EQUAL(relative("///"), "");
  BOOST_CHECK_EQUAL(relative("/a//b/"), "a/b");
  BOOST_CHECK_EQUAL(relative("a/./b/../c"), "a/c");
  BOOST_CHECK_EQUAL(relative("/a/../.."), "(refused)");
  BOOST_CHECK_EQUAL(relative("../a"), "(refused)");
  BOOST_CHECK_EQUAL(relative("a/../../b/a"), "(refused)");
  BOOST_CHECK_EQUAL(relative("..a/...b/.c"), "..a/...b/.c");
  BOOST_CHECK_EQUAL(relative("\\a\\..\\b", u'\\'), "b");
  BOOST_CHECK_EQUAL(relative("\\a/b", u'\\'), "(refused)");
  BOOST_CHECK_EQUAL(relative("/a\\..\\b"), "a\\..\\b");
  BOOST_CHECK_EQUAL(relative(std::string_view("/a\0b", 4)), "(refused)");
}

BOOST_AUTO_TEST_CASE(targets_that_stay_inside) {
  BOOST_CHECK(stays_inside("link", "a/b"));
  BOOST_CHECK(stays_inside("a/link", "../b"));
  BOOST_CHECK(stays_inside("a/b/link", "../../c/../d"));
  BOOST_CHECK(stays_inside("link", "a..b"));
  BOOST_CHECK(stays_inside("link", "a/.."));
  BOOST_CHECK(!stays_inside("link", ".."));
  BOOST_CHECK(!stays_inside("link", "a/../.."));
  BOOST_CHECK(!stays_inside("a/link", "../../share/b"));
  BOOST_CHECK(!stays_inside("link", "/etc"));
}

BOOST_FIXTURE_TEST_CASE(dots_lead_nowhere_above, Hostile) {
  for (const char* path : {"/../outside/secret", "..", "/sub/../../outside/secret",
                           "/sub/../../share/sub/secret", "/./../outside"}) {
    BOOST_CHECK_EQUAL(look_up(path).status, HGCM_ERR_INVALID_NAME);
    BOOST_CHECK_EQUAL(create(path, kFailIfExists | kReadWrite).status, HGCM_ERR_INVALID_NAME);
    BOOST_CHECK_EQUAL(remove(path), HGCM_ERR_INVALID_NAME);
    BOOST_CHECK_EQUAL(rename("/sub", path, kRenameDirectory), HGCM_ERR_INVALID_NAME);
    BOOST_CHECK_EQUAL(rename(path, "/x", kRenameDirectory), HGCM_ERR_INVALID_NAME);
    BOOST_CHECK_EQUAL(hard_link("/sub/secret", path).status, HGCM_ERR_INVALID_NAME);
    BOOST_CHECK_EQUAL(hard_link(path, "/x").status, HGCM_ERR_INVALID_NAME);
  }
}

BOOST_FIXTURE_TEST_CASE(absolute_paths_begin_at_the_share, Hostile) {
  BOOST_CHECK(!reached(outside.string() + "/secret"));
  BOOST_CHECK(!reached("/etc/passwd"));
}

BOOST_FIXTURE_TEST_CASE(links_lead_nowhere_outside, Hostile) {
  for (const char* path :
       {"/up/secret", "/absolute/secret", "/magic/etc/passwd", "/loop/x", "/sub/../up/secret"}) {
    BOOST_TEST_CONTEXT(path) {
      BOOST_CHECK(!reached(path));
      BOOST_CHECK_NE(remove(path), 0);
      BOOST_CHECK_NE(rename(path, "/taken", kRenameFile), 0);
      BOOST_CHECK_NE(rename("/sub/secret", path, kRenameFile | kRenameReplace), 0);
      BOOST_CHECK_NE(symlink(path, "x"), 0);
      BOOST_CHECK_NE(hard_link(path, "/taken").status, 0);
      BOOST_CHECK_NE(hard_link("/sub/secret", path).status, 0);
      BOOST_CHECK_EQUAL(create(path, kCreateIfNew | kReadWrite).handle, kNilHandle);
    }
  }
  BOOST_CHECK_NE(make_directory("/up/made"), 0);
  BOOST_CHECK_EQUAL(create("/up", kDirectory | kFailIfNew | kAccessRead).handle, kNilHandle);
  BOOST_CHECK_EQUAL(read_text(outside / "secret"), kSecret);
  BOOST_CHECK_EQUAL(std::distance(fs::directory_iterator(outside), fs::directory_iterator()), 1);
}

BOOST_FIXTURE_TEST_CASE(links_that_stay_inside_are_followed_on_the_way, Hostile) {
  BOOST_CHECK(reached("/inside/secret"));
}

BOOST_FIXTURE_TEST_CASE(no_link_is_followed_when_links_are_forbidden, HostileForbidden) {
  BOOST_CHECK(!reached("/inside/secret"));
  BOOST_CHECK_EQUAL(look_up("/inside").info.mode & 0170000U, 0120000U);
  BOOST_CHECK_EQUAL(read_link("/inside"), "sub");
  BOOST_CHECK_EQUAL(symlink("/new", "sub"), HGCM_ERR_WRITE_PROTECT);
  BOOST_CHECK_EQUAL(create("/inside", kFailIfNew | kAccessRead).handle, kNilHandle);
}

BOOST_FIXTURE_TEST_CASE(a_link_that_is_copied_is_not_followed_outside, Hostile) {
  const CallPtr call = host.call(kClient, kCopyFile, Parm::u32(root), text_parm("/up/secret"),
                                 Parm::u32(root), text_parm("/copy"), Parm::u32(0));
  BOOST_CHECK_NE(call->wait(), 0);
  BOOST_CHECK(!fs::exists(dir / "copy"));
}

BOOST_FIXTURE_TEST_CASE(subtree_lets_links_be_made_that_stay_inside, Subtree) {
  BOOST_REQUIRE_EQUAL(make_directory("/a"), 0);
  BOOST_CHECK_EQUAL(symlink("/a/ok", "../b"), 0);
  BOOST_CHECK_EQUAL(symlink("/up", "../x"), HGCM_ERR_WRITE_PROTECT);
  BOOST_CHECK_EQUAL(symlink("/abs", "/etc"), HGCM_ERR_WRITE_PROTECT);
  // Nor by a second name of one that stayed inside where it was.
  BOOST_CHECK_EQUAL(hard_link("/a/ok", "/out").status, HGCM_ERR_WRITE_PROTECT);
  BOOST_CHECK_EQUAL(hard_link("/a/ok", "/a/also").status, 0);
}

BOOST_FIXTURE_TEST_CASE(relative_lets_only_relative_links_be_made, Relative) {
  BOOST_CHECK_EQUAL(symlink("/up", "../x"), 0);
  BOOST_CHECK_EQUAL(symlink("/abs", "/etc"), HGCM_ERR_WRITE_PROTECT);
}

BOOST_FIXTURE_TEST_CASE(any_lets_all_links_be_made, Any) {
  BOOST_CHECK_EQUAL(symlink("/abs", "/etc"), 0);
}

BOOST_FIXTURE_TEST_CASE(without_the_flag_no_link_is_made, NoFlag) {
  BOOST_CHECK_EQUAL(symlink("/link", "x"), HGCM_ERR_WRITE_PROTECT);
}

BOOST_FIXTURE_TEST_CASE(a_name_with_nul_is_no_name, Hostile) {
  const std::string_view path("/sub\0/../../outside", 19);
  BOOST_CHECK_EQUAL(look_up(path).status, HGCM_ERR_INVALID_NAME);
  BOOST_CHECK_EQUAL(remove(path), HGCM_ERR_INVALID_NAME);
  BOOST_CHECK_EQUAL(symlink("/l", std::string_view("a\0b", 3)), HGCM_ERR_INVALID_NAME);
}

BOOST_FIXTURE_TEST_CASE(text_that_is_no_utf8_is_refused, Hostile) {
  for (const char* path : {"/\xff", "/\xc0\xaf..", "/\xed\xa0\x80", "/a\xe2\x82"}) {
    BOOST_CHECK_EQUAL(look_up(path).status, HGCM_ERR_INVALID_PARAMETER);
  }
}

BOOST_FIXTURE_TEST_CASE(a_directory_swapped_for_a_link_gives_nothing, Hostile) {
  // The host (or another client) swaps a directory with a link that leads out, as fast as it can,
  // while a guest reads a file in it by path.
  fs::create_symlink("../outside", dir / "swap");
  std::atomic<bool> stop = false;
  std::thread swapping([&] {
    while (!stop) {
      ::renameat2(AT_FDCWD, (dir / "swap").c_str(), AT_FDCWD, (dir / "sub").c_str(),
                  RENAME_EXCHANGE);
    }
  });
  int harmless = 0;
  for (int i = 0; i < 3000; ++i) {
    const Created opened = create("/sub/secret", kFailIfNew | kAccessRead);
    if (opened.handle != kNilHandle) {
      BOOST_REQUIRE_EQUAL(read(opened.handle, 0, 100), "harmless");
      BOOST_REQUIRE_EQUAL(close(opened.handle), 0);
      ++harmless;
    }
    const Created made = create("/sub/new", kFailIfExists | kReadWrite);
    if (made.handle != kNilHandle) {
      BOOST_REQUIRE_EQUAL(close(made.handle), 0);
    }
    (void)remove("/sub/new");
    BOOST_REQUIRE_NE(look_up("/sub/secret").info.size, std::int64_t{kSecret.size()});
  }
  stop = true;
  swapping.join();
  BOOST_CHECK_GT(harmless, 0);
  BOOST_CHECK_EQUAL(std::distance(fs::directory_iterator(outside), fs::directory_iterator()), 1);
}

BOOST_FIXTURE_TEST_CASE(a_file_swapped_for_a_fifo_stalls_nothing, Hostile) {
  BOOST_REQUIRE_EQUAL(::mkfifo((dir / "fifo").c_str(), 0600), 0);
  write_text(dir / "file", "x");
  std::atomic<bool> stop = false;
  std::thread swapping([&] {
    while (!stop) {
      ::renameat2(AT_FDCWD, (dir / "fifo").c_str(), AT_FDCWD, (dir / "file").c_str(),
                  RENAME_EXCHANGE);
    }
  });
  int opened_files = 0;
  for (int i = 0; i < 3000; ++i) {
    const Created opened = create("/file", kFailIfNew | kAccessRead);
    if (opened.handle != kNilHandle) {
      BOOST_REQUIRE_EQUAL(opened.info.mode & 0170000U, 0100000U);
      BOOST_REQUIRE_EQUAL(close(opened.handle), 0);
      ++opened_files;
    } else {
      BOOST_REQUIRE_EQUAL(opened.status, HGCM_ERR_ACCESS_DENIED);
    }
  }
  stop = true;
  swapping.join();
  BOOST_CHECK_GT(opened_files, 0);
}

BOOST_FIXTURE_TEST_CASE(a_share_inside_another_is_not_moved_out_by_a_link, Hostile) {
  // The outer share's guest replaces the inner one's directory by a link that leads out.
  BOOST_REQUIRE_EQUAL(add("inner", (dir / "sub").string()), 0);
  const std::uint32_t inner = map("inner");
  BOOST_REQUIRE_EQUAL(remove("/sub/secret"), 0);
  BOOST_REQUIRE_EQUAL(remove("/sub", kRemoveDirectory), 0);
  BOOST_REQUIRE_EQUAL(symlink("/sub", outside.string()), 0);
  root = inner;
  (void)look_up("/");
  (void)map("inner");
  BOOST_CHECK(!reached("/secret"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace hgcm::shfl::test

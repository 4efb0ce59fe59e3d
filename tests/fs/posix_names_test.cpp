// SPDX-License-Identifier: MIT
//
// POSIX suite: names. What making, removing and renaming them must do and which errors they must
// give; the operations that the protocol of shared folders allows. Written from POSIX.1-2017 and
// Linux' manual pages; runs on any file system.
#include <sys/statvfs.h>

#include <dirent.h>
#include <climits>
#include <cstdio>
#include <functional>
#include <vector>

#include "posix_support.h"

namespace {

class Names : public Posix {
 protected:
  struct Call {
    const char* name;
    std::function<int(const char*)> run;
  };

  // All calls that take a path and make or use what is there.
  static std::vector<Call> calls() {
    return {
        {"open", [](const char* p) { return open(p, O_RDONLY); }},
        {"create", [](const char* p) { return open(p, O_RDWR | O_CREAT, 0644); }},
        {"mkdir", [](const char* p) { return mkdir(p, 0755); }},
        {"rmdir", [](const char* p) { return rmdir(p); }},
        {"unlink", [](const char* p) { return unlink(p); }},
        {"symlink", [](const char* p) { return symlink("target", p); }},
        {"chmod", [](const char* p) { return chmod(p, 0644); }},
        {"truncate", [](const char* p) { return truncate(p, 1); }},
        {"utimensat", [](const char* p) { return utimensat(AT_FDCWD, p, nullptr, 0); }},
        {"rename", [](const char* p) { return rename(p, p); }},
        {"stat",
         [](const char* p) {
           struct stat info {};
           return stat(p, &info);
         }},
        {"readlink",
         [](const char* p) {
           char target[10];
           return static_cast<int>(readlink(p, target, sizeof target));
         }},
    };
  }

  static void expect_all(int wanted, const std::string& path) {
    for (const auto& call : calls()) {
      errno = 0;
      EXPECT_EQ(-1, call.run(path.c_str())) << call.name;
      EXPECT_EQ(wanted, errno) << call.name;
    }
  }
};

TEST_F(Names, component_that_is_a_file_is_enotdir) {
  make_file(in("file"));
  expect_all(ENOTDIR, in("file/below"));
}

TEST_F(Names, missing_component_is_enoent) {
  expect_all(ENOENT, in("missing/below"));
}

TEST_F(Names, of_256_bytes_is_enametoolong) {
  expect_all(ENAMETOOLONG, in(std::string(256, 'n')));
}

TEST_F(Names, path_of_4096_bytes_is_enametoolong) {
  std::string path = directory_;
  while (path.size() < PATH_MAX) path += "/x";
  expect_all(ENAMETOOLONG, path);
}

TEST_F(Names, loop_of_links_on_the_way_is_eloop) {
  ASSERT_OK(symlink("b", in("a").c_str()));
  ASSERT_OK(symlink("a", in("b").c_str()));
  expect_all(ELOOP, in("a/below"));
}

TEST_F(Names, bad_address_is_efault) {
  const auto* bad = reinterpret_cast<const char*>(1);
  for (const auto& call : calls()) {
    errno = 0;
    EXPECT_EQ(-1, call.run(bad)) << call.name;
    EXPECT_EQ(EFAULT, errno) << call.name;
  }
}

TEST_F(Names, of_255_bytes_can_be_made) {
  const std::string path = in(std::string(255, 'n'));
  make_file(path);
  EXPECT_TRUE(exists(path));
  EXPECT_OK(unlink(path.c_str()));
  EXPECT_OK(mkdir(path.c_str(), 0755));
  EXPECT_OK(rmdir(path.c_str()));
}

TEST_F(Names, are_case_sensitive) {
  make_file(in("name"), "small");
  make_file(in("NAME"), "big");
  EXPECT_EQ("small", content_of(in("name")));
  EXPECT_EQ("big", content_of(in("NAME")));
}

TEST_F(Names, exclusive_create_of_what_exists_is_eexist) {
  make_file(in("file"));
  ASSERT_OK(mkdir(in("dir").c_str(), 0755));
  ASSERT_OK(symlink("nowhere", in("link").c_str()));
  for (const char* name : {"file", "dir", "link"}) {
    SCOPED_TRACE(name);
    EXPECT_ERRNO(EEXIST, open(in(name).c_str(), O_RDWR | O_CREAT | O_EXCL, 0644));
    EXPECT_ERRNO(EEXIST, mkdir(in(name).c_str(), 0755));
    EXPECT_ERRNO(EEXIST, symlink("x", in(name).c_str()));
  }
}

TEST_F(Names, open_of_directory_for_writing_is_eisdir) {
  ASSERT_OK(mkdir(in("dir").c_str(), 0755));
  EXPECT_ERRNO(EISDIR, open(in("dir").c_str(), O_RDWR));
  EXPECT_ERRNO(EISDIR, open(in("dir").c_str(), O_WRONLY | O_TRUNC));
  EXPECT_ERRNO(EISDIR, open(in("dir").c_str(), O_RDWR | O_CREAT, 0644));
}

TEST_F(Names, open_with_o_directory_of_a_file_is_enotdir) {
  make_file(in("file"));
  EXPECT_ERRNO(ENOTDIR, open(in("file").c_str(), O_RDONLY | O_DIRECTORY));
}

TEST_F(Names, open_with_o_nofollow_of_a_link_is_eloop) {
  make_file(in("file"));
  ASSERT_OK(symlink("file", in("link").c_str()));
  EXPECT_ERRNO(ELOOP, open(in("link").c_str(), O_RDONLY | O_NOFOLLOW));
  EXPECT_OK(open(in("link").c_str(), O_RDONLY));
}

TEST_F(Names, create_through_a_dangling_link_makes_its_target) {
  ASSERT_OK(symlink("target", in("link").c_str()));
  const int file = open(in("link").c_str(), O_RDWR | O_CREAT, 0644);
  ASSERT_OK(file);
  close(file);
  EXPECT_TRUE(S_ISREG(status(in("target")).st_mode));
  EXPECT_TRUE(S_ISLNK(status(in("link")).st_mode));
}

TEST_F(Names, trailing_slash_wants_a_directory) {
  make_file(in("file"));
  struct stat info {};
  EXPECT_ERRNO(ENOTDIR, stat(in("file/").c_str(), &info));
  EXPECT_ERRNO(ENOTDIR, unlink(in("file/").c_str()));
  EXPECT_ERRNO(ENOTDIR, open(in("file/").c_str(), O_RDONLY));
  EXPECT_ERRNO(EISDIR, open(in("new/").c_str(), O_RDWR | O_CREAT, 0644));
  EXPECT_OK(mkdir(in("dir/").c_str(), 0755));
  EXPECT_OK(rmdir(in("dir/").c_str()));
}

TEST_F(Names, unlink_of_a_directory_is_eisdir) {
  ASSERT_OK(mkdir(in("dir").c_str(), 0755));
  EXPECT_ERRNO(EISDIR, unlink(in("dir").c_str()));
}

TEST_F(Names, rmdir_of_a_file_or_link_is_enotdir) {
  make_file(in("file"));
  ASSERT_OK(mkdir(in("dir").c_str(), 0755));
  ASSERT_OK(symlink("dir", in("link").c_str()));
  EXPECT_ERRNO(ENOTDIR, rmdir(in("file").c_str()));
  EXPECT_ERRNO(ENOTDIR, rmdir(in("link").c_str()));
}

TEST_F(Names, rmdir_of_a_full_directory_is_enotempty) {
  ASSERT_OK(mkdir(in("dir").c_str(), 0755));
  make_file(in("dir/file"));
  EXPECT_ERRNO(ENOTEMPTY, rmdir(in("dir").c_str()));
  EXPECT_OK(unlink(in("dir/file").c_str()));
  EXPECT_OK(rmdir(in("dir").c_str()));
}

TEST_F(Names, rmdir_of_dot_is_einval_and_of_dot_dot_enotempty) {
  ASSERT_OK(mkdir(in("dir").c_str(), 0755));
  EXPECT_ERRNO(EINVAL, rmdir(in("dir/.").c_str()));
  EXPECT_ERRNO(ENOTEMPTY, rmdir(in("dir/..").c_str()));
}

TEST_F(Names, rmdir_of_the_working_directory_leaves_it_usable_as_such) {
  ASSERT_OK(mkdir(in("dir").c_str(), 0755));
  const int directory = open(in("dir").c_str(), O_RDONLY | O_DIRECTORY);
  ASSERT_OK(directory);
  EXPECT_OK(rmdir(in("dir").c_str()));
  EXPECT_ERRNO(ENOENT, openat(directory, "new", O_RDWR | O_CREAT, 0644));
  EXPECT_ERRNO(ENOENT, mkdirat(directory, "new", 0755));
  close(directory);
}

TEST_F(Names, unlink_of_a_link_leaves_its_target) {
  make_file(in("file"), "content");
  ASSERT_OK(symlink("file", in("link").c_str()));
  EXPECT_EQ("content", content_of(in("link")));
  EXPECT_OK(unlink(in("link").c_str()));
  EXPECT_EQ("content", content_of(in("file")));
}

TEST_F(Names, readlink_gives_the_text_and_cuts_it) {
  const std::string target(1000, 't');
  ASSERT_OK(symlink(target.c_str(), in("link").c_str()));
  std::string found(2000, 0);
  ASSERT_EQ(1000, readlink(in("link").c_str(), found.data(), found.size()));
  EXPECT_EQ(target, found.substr(0, 1000));
  EXPECT_EQ(10, readlink(in("link").c_str(), found.data(), 10));
  EXPECT_EQ(1000, status(in("link")).st_size);
  make_file(in("file"));
  EXPECT_ERRNO(EINVAL, readlink(in("file").c_str(), found.data(), 10));
}

TEST_F(Names, link_may_have_any_text) {
  for (const std::string& text : {std::string("a\\b"), std::string("x\ny"), std::string("./."),
                                  std::string("\xc3\xa4"), std::string(3000, 'l')}) {
    ASSERT_OK(symlink(text.c_str(), in("link").c_str()));
    std::string found(4096, 0);
    const ssize_t got = readlink(in("link").c_str(), found.data(), found.size());
    ASSERT_EQ(static_cast<ssize_t>(text.size()), got);
    EXPECT_EQ(text, found.substr(0, text.size()));
    EXPECT_OK(unlink(in("link").c_str()));
  }
}

TEST_F(Names, rename_keeps_the_object) {
  make_file(in("from"), "content");
  const auto before = status(in("from"));
  EXPECT_OK(rename(in("from").c_str(), in("to").c_str()));
  EXPECT_FALSE(exists(in("from")));
  const auto after = status(in("to"));
  EXPECT_EQ(before.st_ino, after.st_ino);
  EXPECT_EQ(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
  EXPECT_EQ("content", content_of(in("to")));
}

TEST_F(Names, rename_replaces_a_file) {
  make_file(in("from"), "new");
  make_file(in("to"), "old");
  const auto before = status(in("from"));
  EXPECT_OK(rename(in("from").c_str(), in("to").c_str()));
  EXPECT_EQ("new", content_of(in("to")));
  EXPECT_EQ(before.st_ino, status(in("to")).st_ino);
}

TEST_F(Names, rename_to_itself_does_nothing) {
  make_file(in("file"), "content");
  EXPECT_OK(rename(in("file").c_str(), in("file").c_str()));
  EXPECT_EQ("content", content_of(in("file")));
}

TEST_F(Names, rename_moves_a_full_directory_between_directories) {
  ASSERT_OK(mkdir(in("a").c_str(), 0755));
  ASSERT_OK(mkdir(in("b").c_str(), 0755));
  ASSERT_OK(mkdir(in("a/dir").c_str(), 0755));
  make_file(in("a/dir/file"), "content");
  EXPECT_OK(rename(in("a/dir").c_str(), in("b/moved").c_str()));
  EXPECT_EQ("content", content_of(in("b/moved/file")));
  EXPECT_FALSE(exists(in("a/dir")));
  EXPECT_EQ(status(in("b")).st_ino, status(in("b/moved/..")).st_ino);
}

TEST_F(Names, rename_replaces_an_empty_directory_only) {
  ASSERT_OK(mkdir(in("from").c_str(), 0755));
  ASSERT_OK(mkdir(in("to").c_str(), 0755));
  make_file(in("to/file"));
  errno = 0;
  EXPECT_EQ(-1, rename(in("from").c_str(), in("to").c_str()));
  EXPECT_TRUE(errno == ENOTEMPTY || errno == EEXIST) << errno;
  EXPECT_OK(unlink(in("to/file").c_str()));
  make_file(in("from/inside"));
  EXPECT_OK(rename(in("from").c_str(), in("to").c_str()));
  EXPECT_TRUE(exists(in("to/inside")));
}

TEST_F(Names, rename_of_a_directory_over_a_file_is_enotdir_the_other_way_eisdir) {
  ASSERT_OK(mkdir(in("dir").c_str(), 0755));
  make_file(in("file"));
  EXPECT_ERRNO(ENOTDIR, rename(in("dir").c_str(), in("file").c_str()));
  EXPECT_ERRNO(EISDIR, rename(in("file").c_str(), in("dir").c_str()));
}

TEST_F(Names, rename_of_a_directory_into_itself_is_einval) {
  ASSERT_OK(mkdir(in("dir").c_str(), 0755));
  ASSERT_OK(mkdir(in("dir/sub").c_str(), 0755));
  EXPECT_ERRNO(EINVAL, rename(in("dir").c_str(), in("dir/sub/x").c_str()));
}

TEST_F(Names, rename_of_what_is_missing_is_enoent) {
  make_file(in("to"), "kept");
  EXPECT_ERRNO(ENOENT, rename(in("from").c_str(), in("to").c_str()));
  EXPECT_EQ("kept", content_of(in("to")));
}

TEST_F(Names, rename_of_a_link_moves_the_link) {
  make_file(in("file"));
  ASSERT_OK(symlink("file", in("link").c_str()));
  EXPECT_OK(rename(in("link").c_str(), in("moved").c_str()));
  EXPECT_TRUE(S_ISLNK(status(in("moved")).st_mode));
  EXPECT_TRUE(S_ISREG(status(in("file")).st_mode));
}

TEST_F(Names, rename_with_noreplace_of_what_exists_is_eexist) {
  make_file(in("from"), "from");
  make_file(in("to"), "to");
  EXPECT_ERRNO(EEXIST, renameat2(AT_FDCWD, in("from").c_str(), AT_FDCWD, in("to").c_str(),
                                 RENAME_NOREPLACE));
  EXPECT_EQ("to", content_of(in("to")));
  EXPECT_OK(renameat2(AT_FDCWD, in("from").c_str(), AT_FDCWD, in("new").c_str(), RENAME_NOREPLACE));
  EXPECT_EQ("from", content_of(in("new")));
}

TEST_F(Names, rename_changes_the_case_of_a_name) {
  make_file(in("name"), "content");
  EXPECT_OK(rename(in("name").c_str(), in("Name").c_str()));
  EXPECT_FALSE(exists(in("name")));
  EXPECT_EQ("content", content_of(in("Name")));
}

TEST_F(Names, renamed_open_file_stays_open) {
  make_file(in("from"), "content");
  const int file = open(in("from").c_str(), O_RDWR);
  ASSERT_OK(file);
  EXPECT_OK(rename(in("from").c_str(), in("to").c_str()));
  EXPECT_EQ(3, pwrite(file, "new", 3, 0));
  close(file);
  EXPECT_EQ("newtent", content_of(in("to")));
}

TEST_F(Names, file_below_a_renamed_directory_stays_open) {
  ASSERT_OK(mkdir(in("dir").c_str(), 0755));
  make_file(in("dir/file"), "content");
  const int file = open(in("dir/file").c_str(), O_RDWR);
  ASSERT_OK(file);
  EXPECT_OK(rename(in("dir").c_str(), in("moved").c_str()));
  EXPECT_EQ(3, pwrite(file, "new", 3, 0));
  EXPECT_OK(fsync(file));
  struct stat info {};
  EXPECT_OK(fstat(file, &info));
  EXPECT_EQ(7, info.st_size);
  close(file);
  EXPECT_EQ("newtent", content_of(in("moved/file")));
}

TEST_F(Names, unlinked_open_file_stays_usable) {
  make_file(in("file"), "content");
  const int file = open(in("file").c_str(), O_RDWR);
  ASSERT_OK(file);
  EXPECT_OK(unlink(in("file").c_str()));
  EXPECT_FALSE(exists(in("file")));
  EXPECT_EQ(4, pwrite(file, "more", 4, 7));
  char text[20] = {};
  EXPECT_EQ(11, pread(file, text, sizeof text, 0));
  EXPECT_STREQ("contentmore", text);
  struct stat info {};
  EXPECT_OK(fstat(file, &info));
  EXPECT_EQ(11, info.st_size);
  EXPECT_EQ(0U, info.st_nlink);
  EXPECT_OK(ftruncate(file, 2));
  EXPECT_OK(fchmod(file, 0600));
  close(file);
}

TEST_F(Names, made_anew_after_unlink_is_another_file) {
  make_file(in("file"), "old");
  const int old = open(in("file").c_str(), O_RDONLY);
  ASSERT_OK(old);
  EXPECT_OK(unlink(in("file").c_str()));
  make_file(in("file"), "new");
  char text[10] = {};
  EXPECT_EQ(3, pread(old, text, sizeof text, 0));
  EXPECT_STREQ("old", text);
  EXPECT_EQ("new", content_of(in("file")));
  close(old);
}

TEST_F(Names, making_and_removing_dates_the_directory) {
  const auto newer = [&](const char* what) {
    static timespec last{};
    const auto now = status(directory_);
    EXPECT_TRUE(earlier(last, now.st_mtim)) << what;
    EXPECT_TRUE(earlier(last, now.st_ctim) || now.st_ctim.tv_sec > last.tv_sec) << what;
    last = now.st_mtim;
    tick();
  };
  newer("the start");
  make_file(in("file"));
  newer("create");
  EXPECT_OK(mkdir(in("dir").c_str(), 0755));
  newer("mkdir");
  EXPECT_OK(symlink("x", in("link").c_str()));
  newer("symlink");
  EXPECT_OK(rename(in("file").c_str(), in("moved").c_str()));
  newer("rename");
  EXPECT_OK(unlink(in("moved").c_str()));
  newer("unlink");
  EXPECT_OK(rmdir(in("dir").c_str()));
  newer("rmdir");
}

TEST_F(Names, directory_counts_its_subdirectories_as_links) {
  EXPECT_EQ(2U, status(directory_).st_nlink);
  ASSERT_OK(mkdir(in("a").c_str(), 0755));
  ASSERT_OK(mkdir(in("b").c_str(), 0755));
  make_file(in("file"));
  EXPECT_EQ(4U, status(directory_).st_nlink);
  EXPECT_OK(rmdir(in("a").c_str()));
  EXPECT_EQ(3U, status(directory_).st_nlink);
}

TEST_F(Names, hard_link_shares_the_file_or_is_refused_with_a_reason) {
  make_file(in("file"), "content");
  errno = 0;
  if (link(in("file").c_str(), in("other").c_str()) != 0) {
    EXPECT_TRUE(errno == EPERM || errno == EOPNOTSUPP) << errno;
    EXPECT_FALSE(exists(in("other")));
    return;
  }
  EXPECT_EQ(status(in("file")).st_ino, status(in("other")).st_ino);
  EXPECT_EQ(2U, status(in("file")).st_nlink);
}

TEST_F(Names, device_node_is_made_or_refused_with_a_reason) {
  errno = 0;
  if (mknod(in("node").c_str(), S_IFIFO | 0644, 0) != 0) {
    EXPECT_TRUE(errno == EPERM || errno == EOPNOTSUPP) << errno;
    EXPECT_FALSE(exists(in("node")));
    return;
  }
  EXPECT_TRUE(S_ISFIFO(status(in("node")).st_mode));
}

TEST_F(Names, listing_has_each_name_once) {
  for (int i = 0; i < 300; ++i) make_file(in("n" + std::to_string(i)));
  std::vector<int> seen(300);
  int others = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
    const std::string name = entry.path().filename();
    if (name[0] == 'n')
      ++seen[static_cast<std::size_t>(std::stoi(name.substr(1)))];
    else
      ++others;
  }
  EXPECT_EQ(0, others);
  for (const int times : seen) EXPECT_EQ(1, times);
}

TEST_F(Names, listing_can_go_on_while_entries_are_removed) {
  for (int i = 0; i < 300; ++i) make_file(in("n" + std::to_string(i)));
  DIR* directory = opendir(directory_.c_str());
  ASSERT_NE(nullptr, directory);
  while (const dirent* entry = readdir(directory)) {
    if (entry->d_name[0] != '.') {
      EXPECT_OK(unlink(in(entry->d_name).c_str())) << entry->d_name;
    }
  }
  closedir(directory);
  EXPECT_OK(rmdir(directory_.c_str()));
}

TEST_F(Names, listing_can_be_rewound_and_continued_at_a_place) {
  for (int i = 0; i < 50; ++i) make_file(in("n" + std::to_string(i)));
  DIR* directory = opendir(directory_.c_str());
  ASSERT_NE(nullptr, directory);
  std::vector<std::pair<long, std::string>> places;
  for (;;) {
    const long place = telldir(directory);
    const dirent* entry = readdir(directory);
    if (!entry) break;
    places.emplace_back(place, entry->d_name);
  }
  EXPECT_EQ(52U, places.size());
  for (const std::size_t index : {40UL, 3UL, 51UL, 0UL}) {
    seekdir(directory, places[index].first);
    const dirent* entry = readdir(directory);
    ASSERT_NE(nullptr, entry);
    EXPECT_EQ(places[index].second, entry->d_name);
  }
  make_file(in("later"));
  rewinddir(directory);
  bool found = false;
  while (const dirent* entry = readdir(directory)) found |= std::string("later") == entry->d_name;
  EXPECT_TRUE(found);
  closedir(directory);
}

TEST_F(Names, listing_tells_types) {
  make_file(in("file"));
  ASSERT_OK(mkdir(in("dir").c_str(), 0755));
  ASSERT_OK(symlink("x", in("link").c_str()));
  DIR* directory = opendir(directory_.c_str());
  ASSERT_NE(nullptr, directory);
  while (const dirent* entry = readdir(directory)) {
    const std::string name = entry->d_name;
    if (entry->d_type == DT_UNKNOWN) continue;
    EXPECT_EQ(name == "file" ? DT_REG : name == "link" ? DT_LNK : DT_DIR, entry->d_type) << name;
  }
  closedir(directory);
}

TEST_F(Names, statvfs_makes_sense) {
  struct statvfs info {};
  ASSERT_OK(statvfs(directory_.c_str(), &info));
  EXPECT_GE(info.f_blocks, info.f_bfree);
  EXPECT_GE(info.f_bfree, info.f_bavail);
  EXPECT_GE(info.f_namemax, 255U);
  EXPECT_GT(info.f_bsize, 0U);
}

}  // namespace

// SPDX-License-Identifier: MIT
//
// POSIX suite: contents, attributes, permissions and times of files. See posix_names_test.cpp.
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/xattr.h>

#include <array>
#include <csignal>
#include <cstring>

#include "posix_support.h"

namespace {

class Files : public Posix {
 protected:
  void SetUp() override {
    Posix::SetUp();
    make_file(in("file"), "content");
  }

  int open_file(int flags) const { return open(in("file").c_str(), flags); }

  // Does it, and wants change time (and modification time) of the file to have moved, or not.
  template <typename Function>
  void expect_times(bool modified, bool changed, Function function) {
    const auto before = status(in("file"));
    tick();
    function();
    const auto after = status(in("file"));
    EXPECT_EQ(modified, earlier(before.st_mtim, after.st_mtim)) << "modification time";
    EXPECT_EQ(changed, earlier(before.st_ctim, after.st_ctim)) << "change time";
  }
};

TEST_F(Files, mode_of_create_obeys_the_mask) {
  for (const mode_t mask : {0U, 022U, 077U, 0777U}) {
    umask(mask);
    const int file = open(in("new").c_str(), O_RDWR | O_CREAT | O_EXCL, 0666);
    ASSERT_OK(file);
    close(file);
    EXPECT_EQ(0666U & ~mask, status(in("new")).st_mode & 0777U) << mask;
    ASSERT_OK(mkdir(in("dir").c_str(), 0777));
    EXPECT_EQ(0777U & ~mask, status(in("dir")).st_mode & 0777U) << mask;
    EXPECT_OK(rmdir(in("dir").c_str()));
    EXPECT_OK(unlink(in("new").c_str()));
  }
}

TEST_F(Files, chmod_sets_all_permissions) {
  for (const mode_t mode : {0777U, 0644U, 0400U, 0555U, 0711U}) {
    EXPECT_OK(chmod(in("file").c_str(), mode));
    EXPECT_EQ(mode, status(in("file")).st_mode & 0777U);
    EXPECT_OK(chmod(directory_.c_str(), mode | 0700U));
    EXPECT_EQ(mode | 0700U, status(directory_).st_mode & 0777U);
  }
}

TEST_F(Files, fchmod_reaches_the_file_under_its_name) {
  const int file = open_file(O_RDONLY);
  ASSERT_OK(file);
  EXPECT_OK(fchmod(file, 0600));
  EXPECT_EQ(0600U, status(in("file")).st_mode & 0777U);
  close(file);
}

TEST_F(Files, created_read_only_can_be_written_by_who_made_it) {
  const int file = open(in("new").c_str(), O_RDWR | O_CREAT | O_EXCL, 0444);
  ASSERT_OK(file);
  EXPECT_EQ(4, write(file, "text", 4));
  EXPECT_OK(close(file));
  EXPECT_EQ(0444U, status(in("new")).st_mode & 0777U);
  EXPECT_EQ("text", content_of(in("new")));
}

TEST_F(Files, user_without_permission_gets_eacces) {
  EXPECT_OK(chmod(in("file").c_str(), 0600));
  const std::string file = in("file"), other = in("new");
  EXPECT_EQ(EACCES, as_user([&] { return open(file.c_str(), O_RDONLY); }));
  EXPECT_EQ(EACCES, as_user([&] { return open(file.c_str(), O_WRONLY); }));
  EXPECT_EQ(EACCES, as_user([&] { return truncate(file.c_str(), 0); }));
  EXPECT_EQ(EACCES, as_user([&] { return open(other.c_str(), O_RDWR | O_CREAT, 0644); }));
  EXPECT_EQ(EACCES, as_user([&] { return unlink(file.c_str()); }));
  EXPECT_EQ(EACCES, as_user([&] { return rename(file.c_str(), other.c_str()); }));
  EXPECT_EQ(EACCES, as_user([&] { return mkdir(other.c_str(), 0755); }));
  EXPECT_EQ(EPERM, as_user([&] { return chmod(file.c_str(), 0777); }));
  EXPECT_EQ("content", content_of(file));
}

TEST_F(Files, directory_without_search_permission_hides_what_is_below) {
  ASSERT_OK(mkdir(in("dir").c_str(), 0755));
  make_file(in("dir/file"), "content");
  EXPECT_OK(chmod(in("dir").c_str(), 0700));
  const std::string below = in("dir/file");
  struct stat info {};
  EXPECT_EQ(EACCES, as_user([&] { return stat(below.c_str(), &info); }));
  EXPECT_EQ(EACCES, as_user([&] { return open(below.c_str(), O_RDONLY); }));
  EXPECT_OK(chmod(in("dir").c_str(), 0755));
  EXPECT_EQ(0, as_user([&] { return open(below.c_str(), O_RDONLY); }));
}

TEST_F(Files, open_with_truncate_empties) {
  const int file = open_file(O_WRONLY | O_TRUNC);
  ASSERT_OK(file);
  EXPECT_EQ(0, status(in("file")).st_size);
  close(file);
}

TEST_F(Files, truncate_shortens_and_extends_with_zeros) {
  EXPECT_OK(truncate(in("file").c_str(), 3));
  EXPECT_EQ("con", content_of(in("file")));
  EXPECT_OK(truncate(in("file").c_str(), 10000));
  EXPECT_EQ("con" + std::string(9997, '\0'), content_of(in("file")));
  EXPECT_OK(truncate(in("file").c_str(), 0));
  EXPECT_EQ("", content_of(in("file")));
}

TEST_F(Files, truncate_of_nonsense_is_refused) {
  EXPECT_ERRNO(EINVAL, truncate(in("file").c_str(), -1));
  ASSERT_OK(mkdir(in("dir").c_str(), 0755));
  EXPECT_ERRNO(EISDIR, truncate(in("dir").c_str(), 0));
  const int file = open_file(O_RDONLY);
  EXPECT_ERRNO(EINVAL, ftruncate(file, 0));
  close(file);
}

TEST_F(Files, reads_and_writes_want_the_right_access) {
  char text[10];
  int file = open_file(O_RDONLY);
  EXPECT_ERRNO(EBADF, write(file, "x", 1));
  close(file);
  file = open_file(O_WRONLY);
  EXPECT_ERRNO(EBADF, read(file, text, 1));
  close(file);
  const int directory = open(directory_.c_str(), O_RDONLY);
  EXPECT_ERRNO(EISDIR, read(directory, text, 1));
  close(directory);
}

TEST_F(Files, read_at_and_after_the_end_is_nothing) {
  const int file = open_file(O_RDONLY);
  char text[10];
  EXPECT_EQ(0, pread(file, text, 10, 7));
  EXPECT_EQ(0, pread(file, text, 10, 1000000));
  EXPECT_EQ(2, pread(file, text, 10, 5));
  close(file);
}

TEST_F(Files, write_behind_the_end_leaves_zeros) {
  const int file = open_file(O_RDWR);
  EXPECT_EQ(1, pwrite(file, "x", 1, 20000));
  close(file);
  EXPECT_EQ("content" + std::string(19993, '\0') + "x", content_of(in("file")));
}

TEST_F(Files, append_goes_to_the_end_whatever_the_offset) {
  const int first = open_file(O_WRONLY | O_APPEND), second = open_file(O_WRONLY | O_APPEND);
  EXPECT_EQ(1, write(first, "1", 1));
  EXPECT_EQ(1, write(second, "2", 1));
  EXPECT_OK(lseek(first, 0, SEEK_SET));
  EXPECT_EQ(1, write(first, "3", 1));
  EXPECT_EQ(10, lseek(first, 0, SEEK_CUR));
  close(first);
  close(second);
  EXPECT_EQ("content123", content_of(in("file")));
}

TEST_F(Files, vectors_are_read_and_written_in_order) {
  std::array<char, 3> a{};
  std::array<char, 4> b{};
  const int file = open_file(O_RDWR);
  const iovec put[] = {{const_cast<char*>("one"), 3}, {const_cast<char*>("four"), 4}};
  EXPECT_EQ(7, pwritev(file, put, 2, 5));
  const iovec get[] = {{a.data(), 3}, {b.data(), 4}};
  EXPECT_EQ(7, preadv(file, get, 2, 5));
  EXPECT_EQ(0, std::memcmp(a.data(), "one", 3));
  EXPECT_EQ(0, std::memcmp(b.data(), "four", 4));
  close(file);
}

TEST_F(Files, bad_memory_is_efault) {
  const int file = open_file(O_RDWR);
  void* nowhere = mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(MAP_FAILED, nowhere);
  EXPECT_ERRNO(EFAULT, read(file, nowhere, 5));
  EXPECT_ERRNO(EFAULT, write(file, nowhere, 5));
  munmap(nowhere, 4096);
  close(file);
  EXPECT_EQ("content", content_of(in("file")));
}

TEST_F(Files, size_limit_of_the_process_is_efbig) {
  const pid_t child = fork();
  if (child == 0) {
    const rlimit limit{10, 10};
    setrlimit(RLIMIT_FSIZE, &limit);
    std::signal(SIGXFSZ, SIG_IGN);
    const int file = open_file(O_RDWR);
    const bool partly = pwrite(file, "0123456789", 10, 5) == 5;
    const bool refused = pwrite(file, "x", 1, 10) == -1 && errno == EFBIG;
    const bool truncated = ftruncate(file, 11) == -1 && errno == EFBIG;
    std::_Exit(partly && refused && truncated ? 0 : 1);
  }
  int result = 0;
  ASSERT_EQ(child, waitpid(child, &result, 0));
  EXPECT_EQ(0, result);
}

TEST_F(Files, seek_knows_the_end_data_and_holes) {
  const int file = open_file(O_RDONLY);
  EXPECT_EQ(7, lseek(file, 0, SEEK_END));
  EXPECT_EQ(2, lseek(file, 2, SEEK_DATA));
  EXPECT_EQ(7, lseek(file, 2, SEEK_HOLE));
  EXPECT_ERRNO(ENXIO, lseek(file, 7, SEEK_DATA));
  EXPECT_ERRNO(EINVAL, lseek(file, -1, SEEK_SET));
  close(file);
}

TEST_F(Files, program_on_it_runs_and_cannot_be_written_meanwhile) {
  std::error_code error;
  std::filesystem::copy_file("/proc/self/exe", in("program"), error);
  ASSERT_FALSE(error) << error.message();
  ASSERT_OK(chmod(in("program").c_str(), 0755));
  // It has to wait before it can print: the pipe is full. The other pipe closes when it runs.
  int output[2], started[2];
  ASSERT_OK(pipe(output));
  ASSERT_OK(pipe2(started, O_CLOEXEC));
  const int size = fcntl(output[0], F_GETPIPE_SZ);
  const std::string full(static_cast<std::size_t>(size), 'x');
  ASSERT_EQ(size, write(output[1], full.data(), full.size()));
  const pid_t child = fork();
  if (child == 0) {
    dup2(output[1], 1);
    close(output[0]);
    close(output[1]);
    execl(in("program").c_str(), "program", "--help", static_cast<char*>(nullptr));
    std::_Exit(1);
  }
  close(output[1]);
  close(started[1]);
  std::string text(100000, 0);
  EXPECT_EQ(0, read(started[0], text.data(), 1));
  EXPECT_ERRNO(ETXTBSY, open(in("program").c_str(), O_RDWR));
  while (read(output[0], text.data(), text.size()) > 0) {
  }
  close(output[0]);
  close(started[0]);
  int result = 0;
  ASSERT_EQ(child, waitpid(child, &result, 0));
  EXPECT_EQ(0, result);
}

TEST_F(Files, what_changes_content_dates_it) {
  expect_times(true, true, [&] {
    const int file = open_file(O_WRONLY);
    EXPECT_EQ(1, write(file, "x", 1));
    close(file);
  });
  expect_times(true, true, [&] { EXPECT_OK(truncate(in("file").c_str(), 3)); });
  expect_times(true, true, [&] { close(open_file(O_WRONLY | O_TRUNC)); });
}

TEST_F(Files, what_changes_attributes_dates_only_the_change) {
  expect_times(false, true, [&] { EXPECT_OK(chmod(in("file").c_str(), 0600)); });
  expect_times(false, false, [&] { EXPECT_EQ("content", content_of(in("file"))); });
  expect_times(false, true, [&] {
    EXPECT_OK(rename(in("file").c_str(), in("x").c_str()));
    EXPECT_OK(rename(in("x").c_str(), in("file").c_str()));
  });
}

TEST_F(Files, written_through_a_mapping_is_dated) {
  expect_times(true, true, [&] {
    const int file = open_file(O_RDWR);
    auto* memory =
        static_cast<char*>(mmap(nullptr, 7, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0));
    ASSERT_NE(MAP_FAILED, memory);
    memory[0] = 'C';
    EXPECT_OK(msync(memory, 7, MS_SYNC));
    munmap(memory, 7);
    close(file);
  });
  EXPECT_EQ("Content", content_of(in("file")));
}

TEST_F(Files, times_are_set_to_the_nanosecond) {
  const timespec wanted[2] = {{1111111111, 111111111}, {1222222222, 999999999}};
  EXPECT_OK(utimensat(AT_FDCWD, in("file").c_str(), wanted, 0));
  const auto found = status(in("file"));
  EXPECT_EQ(1111111111, found.st_atim.tv_sec);
  EXPECT_EQ(111111111, found.st_atim.tv_nsec);
  EXPECT_EQ(1222222222, found.st_mtim.tv_sec);
  EXPECT_EQ(999999999, found.st_mtim.tv_nsec);
}

TEST_F(Files, times_beyond_32_bits_and_before_1970_are_kept) {
  for (const time_t seconds : {time_t{5000000000}, time_t{-1000}, time_t{0}}) {
    const timespec wanted[2] = {{seconds, 0}, {seconds, 5}};
    EXPECT_OK(utimensat(AT_FDCWD, in("file").c_str(), wanted, 0)) << seconds;
    EXPECT_EQ(seconds, status(in("file")).st_mtim.tv_sec);
    EXPECT_EQ(5, status(in("file")).st_mtim.tv_nsec);
  }
}

TEST_F(Files, times_of_a_directory_are_set) {
  const timespec wanted[2] = {{1000000000, 1}, {1000000001, 2}};
  EXPECT_OK(utimensat(AT_FDCWD, directory_.c_str(), wanted, 0));
  EXPECT_EQ(1000000001, status(directory_).st_mtim.tv_sec);
}

TEST_F(Files, times_now_and_omitted) {
  const timespec old[2] = {{1000000000, 1}, {1000000001, 2}};
  EXPECT_OK(utimensat(AT_FDCWD, in("file").c_str(), old, 0));
  const timespec mixed[2] = {{0, UTIME_OMIT}, {0, UTIME_NOW}};
  EXPECT_OK(utimensat(AT_FDCWD, in("file").c_str(), mixed, 0));
  const auto found = status(in("file"));
  EXPECT_EQ(1000000000, found.st_atim.tv_sec);
  EXPECT_GT(found.st_mtim.tv_sec, 1000000001);
}

TEST_F(Files, times_of_others_cannot_be_set) {
  const timespec wanted[2] = {{1000000000, 1}, {1000000001, 2}};
  const std::string file = in("file");
  EXPECT_EQ(EPERM, as_user([&] { return utimensat(AT_FDCWD, file.c_str(), wanted, 0); }));
  EXPECT_EQ(EACCES, as_user([&] { return utimensat(AT_FDCWD, file.c_str(), nullptr, 0); }));
}

TEST_F(Files, owner_stays_or_changes_but_does_not_lie) {
  const auto before = status(in("file"));
  if (chown(in("file").c_str(), before.st_uid, before.st_gid) != 0) {
    EXPECT_TRUE(errno == EPERM || errno == EOPNOTSUPP) << errno;
  }
  const std::string file = in("file");
  EXPECT_EQ(EPERM, as_user([&] { return chown(file.c_str(), 1000, 1000); }));
  EXPECT_EQ(before.st_uid, status(in("file")).st_uid);
}

TEST_F(Files, extended_attributes_work_or_are_not_supported) {
  if (setxattr(in("file").c_str(), "user.test", "value", 5, 0) != 0) {
    EXPECT_EQ(EOPNOTSUPP, errno);
    EXPECT_EQ(-1, listxattr(in("file").c_str(), nullptr, 0) > 0 ? 1 : -1);
    return;
  }
  char value[10];
  EXPECT_EQ(5, getxattr(in("file").c_str(), "user.test", value, sizeof value));
}

TEST_F(Files, inode_number_is_the_same_by_name_and_by_descriptor) {
  const int file = open_file(O_RDONLY);
  struct stat info {};
  ASSERT_OK(fstat(file, &info));
  EXPECT_EQ(status(in("file")).st_ino, info.st_ino);
  EXPECT_EQ(status(in("file")).st_dev, info.st_dev);
  close(file);
}

TEST_F(Files, allocation_is_told_in_blocks) {
  const int file = open_file(O_RDWR);
  const std::string data(100000, 'd');
  ASSERT_EQ(100000, pwrite(file, data.data(), data.size(), 0));
  EXPECT_OK(fsync(file));
  struct stat info {};
  ASSERT_OK(fstat(file, &info));
  EXPECT_GE(info.st_blocks * 512, 100000);
  EXPECT_LT(info.st_blocks * 512, 300000);
  close(file);
}

TEST_F(Files, fallocate_allocates_or_is_not_supported) {
  const int file = open_file(O_RDWR);
  if (fallocate(file, 0, 0, 50000) != 0)
    EXPECT_EQ(EOPNOTSUPP, errno);
  else
    EXPECT_EQ(50000, status(in("file")).st_size);
  close(file);
}

TEST_F(Files, posix_fallocate_works_everywhere) {
  const int file = open_file(O_RDWR);
  EXPECT_EQ(0, posix_fallocate(file, 0, 50000));
  EXPECT_EQ(50000, status(in("file")).st_size);
  EXPECT_EQ("content", content_of(in("file")).substr(0, 7));
  close(file);
}

TEST_F(Files, mapping_is_coherent_with_reads_and_writes) {
  const int file = open_file(O_RDWR);
  auto* memory = static_cast<char*>(mmap(nullptr, 7, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0));
  ASSERT_NE(MAP_FAILED, memory);
  EXPECT_EQ(1, pwrite(file, "C", 1, 0));
  EXPECT_EQ('C', memory[0]);
  memory[1] = 'O';
  EXPECT_EQ("COntent", content_of(in("file")));
  munmap(memory, 7);
  close(file);
}

TEST_F(Files, mapping_of_the_wrong_access_is_eacces) {
  const int file = open_file(O_RDONLY);
  EXPECT_EQ(MAP_FAILED, mmap(nullptr, 7, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0));
  EXPECT_EQ(EACCES, errno);
  close(file);
}

TEST_F(Files, temporary_file_without_a_name_works_or_is_not_supported) {
  const int file = open(directory_.c_str(), O_TMPFILE | O_RDWR, 0600);
  if (file < 0) {
    EXPECT_EQ(EOPNOTSUPP, errno);
    return;
  }
  EXPECT_EQ(1, write(file, "x", 1));
  close(file);
}

TEST_F(Files, sync_calls_succeed) {
  const int file = open_file(O_RDWR | O_SYNC);
  EXPECT_EQ(1, write(file, "x", 1));
  EXPECT_OK(fsync(file));
  EXPECT_OK(fdatasync(file));
  EXPECT_OK(syncfs(file));
  close(file);
  const int directory = open(directory_.c_str(), O_RDONLY);
  EXPECT_OK(fsync(directory));
  close(directory);
}

}  // namespace

// SPDX-License-Identifier: MIT
//
// Fixture of the POSIX suite: an empty directory on the file system under test, which the variable
// FS_DIRECTORY names, and short ways to say what a call should return.
#ifndef HGCM_TESTS_FS_POSIX_SUPPORT_H
#define HGCM_TESTS_FS_POSIX_SUPPORT_H

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>

// The call must fail with this errno.
#define EXPECT_ERRNO(wanted, call)                                         \
  do {                                                                     \
    errno = 0;                                                             \
    EXPECT_EQ(-1, static_cast<long>(call)) << #call " should have failed"; \
    EXPECT_EQ(wanted, errno) << #call;                                     \
  } while (false)
#define EXPECT_OK(call) EXPECT_NE(-1, static_cast<long>(call)) << #call ", errno " << errno
#define ASSERT_OK(call) ASSERT_NE(-1, static_cast<long>(call)) << #call ", errno " << errno

class Posix : public testing::Test {
 protected:
  void SetUp() override {
    const char* top = std::getenv("FS_DIRECTORY");
    ASSERT_NE(nullptr, top) << "FS_DIRECTORY is not set";
    std::string made = std::string(top) + "/posix-XXXXXX";
    ASSERT_NE(nullptr, mkdtemp(made.data())) << "errno " << errno;
    directory_ = made;
    ASSERT_OK(chmod(made.c_str(), 0755));
    old_mask_ = umask(022);
  }

  void TearDown() override {
    umask(old_mask_);
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  // Paths that calls take as they are; each keeps its text until the test ends.
  std::string in(const std::string& name) const { return directory_ + "/" + name; }

  void make_file(const std::string& path, const std::string& content = "") const {
    const int file = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL, 0644);
    ASSERT_OK(file);
    if (!content.empty()) {
      ASSERT_EQ(static_cast<ssize_t>(content.size()), write(file, content.data(), content.size()));
    }
    ASSERT_OK(close(file));
  }

  static std::string content_of(const std::string& path) {
    std::string text(100000, 0);
    const int file = open(path.c_str(), O_RDONLY);
    if (file < 0) return "cannot be opened";
    const ssize_t got = read(file, text.data(), text.size());
    close(file);
    if (got < 0) return "cannot be read";
    text.resize(static_cast<std::size_t>(got));
    return text;
  }

  static struct stat status(const std::string& path) {
    struct stat info {};
    EXPECT_OK(lstat(path.c_str(), &info)) << path;
    return info;
  }

  static bool exists(const std::string& path) {
    struct stat info {};
    return lstat(path.c_str(), &info) == 0;
  }

  static bool earlier(const timespec& a, const timespec& b) {
    return a.tv_sec < b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec < b.tv_nsec);
  }

  // Clocks of file systems tick in steps of up to 10 ms.
  static void tick() { usleep(30000); }

  // What a function returns to an ordinary user: 0 or an errno value.
  template <typename Function>
  static int as_user(Function function) {
    const pid_t child = fork();
    if (child == 0) {
      if (setgid(1000) != 0 || setuid(1000) != 0) std::_Exit(255);
      errno = 0;
      std::_Exit(function() < 0 ? errno : 0);
    }
    int result = 0;
    if (waitpid(child, &result, 0) != child || !WIFEXITED(result)) return -1;
    return WEXITSTATUS(result);
  }

  std::string directory_;
  mode_t old_mask_ = 0;
};

#endif

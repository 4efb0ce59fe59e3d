// SPDX-License-Identifier: MIT
//
// fs-exercise: paths as long as they may be, in one piece and reached step by step.
#include <sys/stat.h>

#include <cerrno>
#include <climits>
#include <string>

#include "fs_support.h"

namespace {

constexpr std::size_t kLongest = PATH_MAX - 1;
constexpr std::size_t kStep = 251;

}  // namespace

void paths(const std::string& top) {
  CHECK(mkdir(top.c_str(), 0755) == 0);
  std::string path = top;
  while (kLongest - path.size() > NAME_MAX + 1) {
    path += '/' + std::string(std::min(kStep, kLongest - path.size() - 3), 'd');
    CHECK(mkdir(path.c_str(), 0755) == 0);
  }
  const std::string directory = path;
  // Exactly as long as can be told to a system call, and used in all ways that names are.
  path += '/' + std::string(kLongest - path.size() - 1, 'f');
  CHECK(path.size() == kLongest);
  {
    File file(path, O_RDWR | O_CREAT | O_EXCL);
    write_all(file, pattern(5000, 1), 0);
  }
  struct stat info {};
  CHECK(stat(path.c_str(), &info) == 0 && info.st_size == 5000);
  CHECK(read_some(File(path, O_RDONLY), 6000, 0) == pattern(5000, 1));
  const std::string other = path.substr(0, kLongest - 1) + 'g';
  CHECK(rename(path.c_str(), other.c_str()) == 0);
  CHECK(truncate(other.c_str(), 10) == 0 && chmod(other.c_str(), 0600) == 0);
  CHECK(symlink("target", path.c_str()) == 0 || errno == EPERM || errno == EROFS);
  unlink(path.c_str());
  CHECK(mkdir(path.c_str(), 0755) == 0 && rmdir(path.c_str()) == 0);
  CHECK(open((path + 'x').c_str(), O_RDWR | O_CREAT, 0644) < 0 && errno == ENAMETOOLONG);
  CHECK(unlink(other.c_str()) == 0);

  // Step by step there is no limit but the host's; what lies behind it is refused by its name.
  CHECK(chdir(directory.c_str()) == 0);
  const std::string step(200, 'u');
  int depth = 0;
  while (depth < 50 && mkdir(step.c_str(), 0755) == 0) {
    CHECK(chdir(step.c_str()) == 0);
    ++depth;
  }
  if (depth < 50) CHECK(errno == ENAMETOOLONG);
  while (depth-- > 0) CHECK(chdir("..") == 0 && rmdir(step.c_str()) == 0);
  CHECK(chdir("/") == 0);
  for (path = directory; path.size() >= top.size(); path.resize(path.rfind('/')))
    CHECK(rmdir(path.c_str()) == 0);
}

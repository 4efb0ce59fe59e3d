// SPDX-License-Identifier: MIT
//
// fs-exercise: many processes that do random things to one tree. Errors that a lost race explains
// are fine, all others are not. What each process keeps in a file of its own must stay what it is;
// what the tree is afterwards can be compared with what others see of it.
#include <dirent.h>
#include <ftw.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <random>

#include "fs_support.h"

namespace {

class Worker {
 public:
  Worker(std::string directory, unsigned id, unsigned seed)
      : top_(std::move(directory)),
        random_(seed * 1000 + id + 1),
        own_(top_ + "/own" + std::to_string(id)) {
    File(own_, O_RDWR | O_CREAT | O_TRUNC);
  }

  void step() {
    switch (random_() % 20) {
      case 0:
      case 1:
      case 2:
        write_shared();
        break;
      case 3:
        read_shared();
        break;
      case 4:
        lost("mkdir", mkdir(name().c_str(), 0755));
        break;
      case 5:
      case 6:
        lost("rename", rename(name().c_str(), name().c_str()));
        break;
      case 7:
      case 8:
        lost("unlink", unlink(name().c_str()));
        break;
      case 9:
        lost("rmdir", rmdir(name().c_str()));
        break;
      case 10:
        lost("truncate", truncate(name().c_str(), static_cast<off_t>(random_() % 40000)));
        break;
      case 11:
        lost("symlink",
             symlink(("f" + std::to_string(random_() % kNames)).c_str(), name().c_str()));
        break;
      case 12: {
        char target[100];
        lost("readlink", static_cast<int>(readlink(name().c_str(), target, sizeof target)));
        break;
      }
      case 13:
        list();
        break;
      case 14:
        lost("chmod", chmod(name().c_str(), random_() % 2 ? 0644 : 0755));
        break;
      case 15: {
        struct stat info {};
        lost("stat", stat(name().c_str(), &info));
        break;
      }
      case 16:
        map_shared();
        break;
      default:
        use_own();
        break;
    }
  }

  void finish() const {
    const File file(own_, O_RDONLY);
    CHECK(read_some(file, kOwnSize + 1, 0) == kept_);
  }

 private:
  static constexpr unsigned kNames = 6;
  static constexpr std::size_t kOwnSize = 60000;

  // Up to three levels; what is a file for one is a directory for another.
  std::string name() {
    std::string path = top_;
    for (auto depth = random_() % 3; depth > 0; --depth)
      path += "/d" + std::to_string(random_() % 3);
    return path + (random_() % 3 ? "/f" : "/d") + std::to_string(random_() % kNames);
  }

  static void lost(const char* what, int result) {
    if (result >= 0) return;
    switch (errno) {
      case ENOENT:
      case EEXIST:
      case ENOTDIR:
      case EISDIR:
      case ENOTEMPTY:
      case ELOOP:
      case EINVAL:  // not a link; a directory into itself
      case ESTALE:
        return;
      default:
        fail("%s", what);
    }
  }

  void write_shared() {
    const int file = open(name().c_str(), O_RDWR | O_CREAT | (random_() % 3 ? 0 : O_TRUNC), 0644);
    lost("open for writing", file);
    if (file < 0) return;
    write_all(file, pattern(1 + random_() % 20000, random_()),
              static_cast<off_t>(random_() % 30000));
    if (random_() % 4 == 0) CHECK(fsync(file) == 0);
    CHECK(close(file) == 0);
  }

  void read_shared() {
    const int file = open(name().c_str(), O_RDONLY | O_NONBLOCK);
    lost("open for reading", file);
    if (file < 0) return;
    struct stat info {};
    CHECK(fstat(file, &info) == 0);
    if (S_ISREG(info.st_mode)) read_some(file, 60000, 0);
    close(file);
  }

  // Nobody may be hit by the end of a file that another truncates: only what is read at once.
  void map_shared() {
    const int file = open(name().c_str(), O_RDWR);
    lost("open for mapping", file);
    if (file < 0) return;
    void* memory = mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    CHECK(memory != MAP_FAILED);
    CHECK(msync(memory, 8192, MS_SYNC) == 0);
    munmap(memory, 8192);
    close(file);
  }

  void list() {
    DIR* directory = opendir(name().c_str());
    lost("opendir", directory ? 0 : -1);
    if (!directory) return;
    while (readdir(directory)) {
    }
    closedir(directory);
  }

  // All ways to write, nobody else writes.
  void use_own() {
    const std::size_t at = random_() % (kOwnSize - 1);
    const Bytes data = pattern(1 + random_() % (kOwnSize - at), random_());
    const File file(own_, O_RDWR);
    if (kept_.size() < at + data.size()) {
      kept_.resize(at + data.size());
      CHECK(ftruncate(file, static_cast<off_t>(kept_.size())) == 0);
    }
    std::copy(data.begin(), data.end(), kept_.begin() + static_cast<std::ptrdiff_t>(at));
    if (random_() % 2) {
      write_all(file, data, static_cast<off_t>(at));
    } else {
      void* memory = mmap(nullptr, kept_.size(), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
      CHECK(memory != MAP_FAILED);
      std::copy(data.begin(), data.end(), static_cast<std::uint8_t*>(memory) + at);
      munmap(memory, kept_.size());
    }
    CHECK(read_some(file, kOwnSize + 1, 0) == kept_);
  }

  std::string top_;
  std::minstd_rand random_;
  std::string own_;
  Bytes kept_;
};

int print_entry(const char* path, const struct stat* info, int, struct FTW* walk) {
  if (walk->level == 0) return 0;
  std::printf("%s %o %jd", path, info->st_mode,
              S_ISREG(info->st_mode) ? static_cast<intmax_t>(info->st_size) : 0);
  if (S_ISREG(info->st_mode)) {
    const File file(path, O_RDONLY);
    std::printf(" %016jx", static_cast<uintmax_t>(checksum(
                               read_some(file, static_cast<std::size_t>(info->st_size) + 1, 0))));
  }
  std::putchar('\n');
  return 0;
}

}  // namespace

void stress(const std::string& directory, unsigned processes, unsigned operations, unsigned seed) {
  for (unsigned id = 0; id < processes; ++id) {
    if (fork() != 0) continue;
    Worker worker(directory, id, seed);
    for (unsigned i = 0; i < operations; ++i) worker.step();
    worker.finish();
    std::_Exit(0);
  }
  wait_for_all();
}

void churn(const std::string& directory, int seconds) {
  std::minstd_rand random(77);
  const auto name = [&] { return directory + "/f" + std::to_string(random() % 8); };
  const time_t end = time(nullptr) + seconds;
  while (time(nullptr) < end) {
    const int file = open(name().c_str(), O_RDWR | O_CREAT, 0644);
    if (file >= 0) close(file);
    if (rename(name().c_str(), name().c_str()) != 0) unlink(name().c_str());
    if (mkdir(name().c_str(), 0755) == 0) rmdir(name().c_str());
  }
}

void tree(const std::string& directory) {
  CHECK(chdir(directory.c_str()) == 0);
  CHECK(nftw(".", print_entry, 20, FTW_PHYS) == 0);
}

// SPDX-License-Identifier: MIT
//
// Exercises a file system from within a guest: random operations on one file compared with a model
// of it in memory, and short programs for what is easily got wrong. Knows nothing of vboxsf. Each
// check that fails says what differs and ends the program with 1.
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "fs_support.h"

namespace {

constexpr const char* kUsage = R"text(usage: fs-exercise COMMAND
  model FILE OPERATIONS SEED   random reads, writes, mappings, truncations, copies against a model
  two-view FILE OPERATIONS SEED   the same with a partner on the host: its standard output is
                               our input, and the other way round
  partner FILE                 that partner
  stress DIRECTORY PROCESSES OPERATIONS SEED   random operations of many processes on a tree
  churn DIRECTORY SECONDS      creates, renames and removes what the race is about, on the host
  tree DIRECTORY               everything below it, with sums of the contents
  append FILE WRITERS COUNT    that many processes append that many records, none is lost or torn
  flags FILE                   O_EXCL, O_TRUNC, O_APPEND that comes and goes, unlinked open files
  direct FILE                  O_DIRECT: all offsets and sizes, mixed with the cache
  fault FILE                   writes from and reads to memory that ends in the middle
  mapping FILE                 shared mappings: written after close, private ones, past the end
  sparse FILE                  offsets beyond 4 GiB, holes
  copy FROM TO                 sendfile, splice and copy_file_range
  locks FILE                   flock and fcntl locks between processes
  times FILE                   utimensat with nanoseconds, UTIME_OMIT
  names DIRECTORY              names of all legal bytes, of 255 bytes, long paths
  paths DIRECTORY              paths of 4,095 bytes, and deeper
  full DIRECTORY WHEN ROOM     on a disk of so many bytes: what is told when it is full, WHEN a file
                               is closed (at-close) or only then (at-fsync)
  sync FILE HOW                writes it, and is told that it is on disk: nothing, fsync, fdatasync,
                               o-sync, o-dsync, msync, other-descriptor; later: what is there
  crowd-fill DIRECTORY COUNT   makes so many files
  crowd-churn DIRECTORY SECONDS WHO   makes, renames and removes others beside them
  crowd DIRECTORY COUNT SECONDS   lists them meanwhile
  race DIRECTORY SECONDS       processes create, rename, list and remove the same names
  watch PATH SECONDS           prints inotify's events
  hold FILE                    opens, says so, and waits for standard input to end
  mount-data SHARE DIR FILE    mount(2) with the file's content as data
  sum FILE                     sum of a file read with read(2), then with a mapping
  neighbours FILE              reads it, waits like hold, writes its start and, mapped, its middle
)text";

void append(const std::string& path, int writers, int count) {
  constexpr std::size_t kRecord = 100;
  File(path, O_RDWR | O_CREAT | O_TRUNC);
  for (int w = 0; w < writers; ++w) {
    if (fork() != 0) continue;
    File file(path, O_WRONLY | O_APPEND);
    for (int i = 0; i < count; ++i) {
      std::string record(kRecord, static_cast<char>('a' + w));
      const std::string head = std::to_string(1000 + w) + ' ' + std::to_string(1000000 + i) + ' ';
      record.replace(0, head.size(), head);
      record.back() = '\n';
      CHECK(write(file, record.data(), kRecord) == static_cast<ssize_t>(kRecord));
    }
    std::_Exit(0);
  }
  wait_for_all();
  File file(path, O_RDONLY);
  const Bytes all = read_some(file, kRecord * static_cast<std::size_t>(writers * count) + 1, 0);
  CHECK(all.size() == kRecord * static_cast<std::size_t>(writers * count));
  std::vector<int> next(static_cast<std::size_t>(writers));
  for (std::size_t at = 0; at < all.size(); at += kRecord) {
    int writer = -1, number = -1;
    CHECK(std::sscanf(reinterpret_cast<const char*>(&all[at]), "%d %d", &writer, &number) == 2);
    writer -= 1000;
    number -= 1000000;
    CHECK(writer >= 0 && writer < writers);
    CHECK(number == next[static_cast<std::size_t>(writer)]++);
    for (std::size_t i = 13; i < kRecord - 1; ++i) CHECK(all[at + i] == 'a' + writer);
  }
}

void flags(const std::string& path) {
  unlink(path.c_str());
  {
    File file(path, O_RDWR | O_CREAT | O_EXCL);
    write_all(file, pattern(5000, 1), 0);
  }
  CHECK(open(path.c_str(), O_RDWR | O_CREAT | O_EXCL, 0644) < 0 && errno == EEXIST);
  {
    File file(path, O_RDONLY | O_CREAT);
    CHECK(size_of(file) == 5000);
  }
  {
    File other(path, O_RDWR);
    write_all(other, pattern(9000, 2), 0);
    File file(path, O_WRONLY | O_TRUNC);
    CHECK(size_of(file) == 0 && size_of(other) == 0);
    CHECK(read_some(other, 10, 0).empty());
    write_all(file, pattern(100, 3), 50);
    CHECK(size_of(other) == 150);
    CHECK(read_some(other, 1, 0) == Bytes{0});
  }
  CHECK(truncate(path.c_str(), 10) == 0);
  {
    // Appending that comes and goes.
    File file(path, O_RDWR | O_APPEND);
    write_all(file, Bytes(5, 'x'), 0);
    CHECK(size_of(file) == 15);
    CHECK(fcntl(file, F_SETFL, 0) == 0);
    write_all(file, Bytes(5, 'y'), 0);
    CHECK(size_of(file) == 15);
    CHECK(read_some(file, 1, 0) == Bytes{'y'} && read_some(file, 1, 14) == Bytes{'x'});
  }
  {
    // An open file outlives its name, and that of what takes its place.
    File file(path, O_RDWR);
    CHECK(unlink(path.c_str()) == 0);
    CHECK(access(path.c_str(), F_OK) != 0 && errno == ENOENT);
    struct stat info {};
    CHECK(fstat(file, &info) == 0 && info.st_size == 15 && info.st_nlink == 0);
    write_all(file, Bytes(20000, 'z'), 0);
    CHECK(fsync(file) == 0 && read_some(file, 30000, 0) == Bytes(20000, 'z'));
    CHECK(ftruncate(file, 3) == 0 && size_of(file) == 3);
    File next(path, O_RDWR | O_CREAT | O_EXCL);
    write_all(next, Bytes(7, 'n'), 0);
    CHECK(size_of(file) == 3 && size_of(next) == 7);
    CHECK(rename(path.c_str(), (path + ".moved").c_str()) == 0);
    write_all(next, Bytes(9, 'm'), 0);
    CHECK(size_of(next) == 9);
    struct stat moved {};
    CHECK(stat((path + ".moved").c_str(), &moved) == 0 && moved.st_size == 9);
    // Over a file that somebody has open.
    {
      File target(path, O_RDWR | O_CREAT | O_EXCL);
      write_all(target, Bytes(4, 't'), 0);
    }
    File open_target(path, O_RDONLY);
    CHECK(rename((path + ".moved").c_str(), path.c_str()) == 0);
    CHECK(read_some(open_target, 10, 0) == Bytes(4, 't'));
    CHECK(stat(path.c_str(), &moved) == 0 && moved.st_size == 9);
  }
  { File other(path + ".2", O_RDWR | O_CREAT); }
  CHECK(renameat2(AT_FDCWD, path.c_str(), AT_FDCWD, (path + ".2").c_str(), RENAME_NOREPLACE) != 0 &&
        errno == EEXIST);
  CHECK(renameat2(AT_FDCWD, path.c_str(), AT_FDCWD, (path + ".2").c_str(), RENAME_EXCHANGE) != 0 &&
        errno == EINVAL);
  CHECK(unlink((path + ".2").c_str()) == 0 && unlink(path.c_str()) == 0);
}

void direct(const std::string& path) {
  Bytes expected = pattern(1000000, 7);
  {
    File file(path, O_RDWR | O_CREAT | O_TRUNC);
    write_all(file, expected, 0);
  }
  File plain(path, O_RDWR);
  File file(path, O_RDWR | O_DIRECT);
  for (const std::size_t size : {1UL, 511UL, 4096UL, 5000UL, 65536UL, 300001UL, 999999UL}) {
    for (const std::size_t at : {0UL, 1UL, 4095UL, 4096UL, 12345UL, 999990UL}) {
      const std::size_t wanted = std::min(size, expected.size() - at);
      const Bytes found = read_some(file, size, static_cast<off_t>(at));
      CHECK(found.size() == wanted);
      CHECK(std::equal(found.begin(), found.end(),
                       expected.begin() + static_cast<std::ptrdiff_t>(at)));
    }
  }
  CHECK(read_some(file, 10, 1000000).empty());
  // Written directly, seen through the cache; and the other way round.
  for (const std::size_t size : {1UL, 5000UL, 70000UL}) {
    const Bytes data = pattern(size, static_cast<unsigned>(size));
    CHECK(read_some(plain, size, 4000).size() == size);
    write_all(file, data, 4000);
    CHECK(read_some(plain, size, 4000) == data);
    const Bytes more = pattern(size, static_cast<unsigned>(size + 1));
    write_all(plain, more, 8100);
    CHECK(read_some(file, size, 8100) == more);
  }
  write_all(file, Bytes(10, 'e'), 1000000);
  CHECK(size_of(plain) == 1000010);
}

void fault(const std::string& path) {
  auto* memory = static_cast<std::uint8_t*>(
      mmap(nullptr, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  CHECK(memory != MAP_FAILED);
  std::memset(memory, 'f', 2 * 4096);
  CHECK(munmap(memory + 2 * 4096, 4096) == 0);
  for (const int direct : {0, O_DIRECT}) {
    const Bytes before(20000, 'b');
    {
      File file(path, O_RDWR | O_CREAT | O_TRUNC);
      write_all(file, before, 0);
    }
    File file(path, O_RDWR | direct);
    // What was taken is there, and nothing else has changed.
    const ssize_t written = pwrite(file, memory + 100, 3 * 4096, 1000);
    CHECK(written < 0 ? errno == EFAULT : written <= 2 * 4096 - 100);
    const std::size_t taken = written < 0 ? 0 : static_cast<std::size_t>(written);
    const Bytes found = read_some(file, 30000, 0);
    CHECK(found.size() == before.size());
    for (std::size_t i = 0; i < found.size(); ++i)
      CHECK(found[i] == (i >= 1000 && i < 1000 + taken ? 'f' : 'b'));
    const ssize_t got = pread(file, memory, 3 * 4096, 0);
    CHECK(got < 0 ? errno == EFAULT : got <= 2 * 4096);
    std::memset(memory, 'f', 2 * 4096);
  }
  munmap(memory, 2 * 4096);
}

void mapping(const std::string& path) {
  constexpr std::size_t kSize = 50000;
  const Bytes before = pattern(kSize, 1);
  std::uint8_t* memory = nullptr;
  {
    File file(path, O_RDWR | O_CREAT | O_TRUNC);
    write_all(file, before, 0);
    memory = static_cast<std::uint8_t*>(
        mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0));
    CHECK(memory != MAP_FAILED);
  }
  // The last open is gone; what is written now has to find its way.
  CHECK(std::memcmp(memory, before.data(), kSize) == 0);
  std::memset(memory + 10000, 'm', 100);
  {
    File file(path, O_RDONLY);
    CHECK(read_some(file, 100, 10000) == Bytes(100, 'm'));
    CHECK(msync(memory, kSize, MS_SYNC) == 0);
    File direct(path, O_RDONLY | O_DIRECT);
    CHECK(read_some(direct, 100, 10000) == Bytes(100, 'm'));
    // And the other way round.
    File writer(path, O_RDWR);
    write_all(writer, Bytes(100, 'w'), 20000);
    CHECK(std::memcmp(memory + 20000, Bytes(100, 'w').data(), 100) == 0);
    write_all(File(path, O_RDWR | O_DIRECT), Bytes(100, 'd'), 30000);
    CHECK(std::memcmp(memory + 30000, Bytes(100, 'd').data(), 100) == 0);
    auto* own = static_cast<std::uint8_t*>(
        mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0));
    CHECK(own != MAP_FAILED);
    std::memset(own, 'p', kSize);
    CHECK(read_some(file, 100, 20000) == Bytes(100, 'w'));
    munmap(own, kSize);
  }
  std::memset(memory + 40000, 'l', 100);
  munmap(memory, kSize);
  {
    File file(path, O_RDONLY | O_DIRECT);
    CHECK(read_some(file, 100, 40000) == Bytes(100, 'l'));
  }
  // Truncated under a mapping: the rest is gone, an access to it is SIGBUS.
  File file(path, O_RDWR);
  memory =
      static_cast<std::uint8_t*>(mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0));
  CHECK(memory != MAP_FAILED);
  CHECK(memory[kSize - 1] == before[kSize - 1]);
  CHECK(ftruncate(file, 5000) == 0);
  CHECK(memory[4999] == before[4999] && memory[5000] == 0);
  const pid_t child = fork();
  if (child == 0) {
    std::_Exit(*const_cast<volatile std::uint8_t*>(memory + 20000));
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
  munmap(memory, kSize);
}

void sparse(const std::string& path) {
  constexpr off_t kFar = (5LL << 30) + 123;
  File file(path, O_RDWR | O_CREAT | O_TRUNC);
  write_all(file, Bytes(100, 's'), kFar);
  write_all(file, Bytes(100, '0'), 0);
  CHECK(size_of(file) == kFar + 100);
  CHECK(fsync(file) == 0);
  CHECK(posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) == 0);
  CHECK(read_some(file, 200, kFar) == Bytes(100, 's'));
  CHECK(read_some(file, 10, (1LL << 32) - 5) == Bytes(10, 0));
  CHECK(read_some(file, 100, 0) == Bytes(100, '0'));
  struct stat info {};
  CHECK(fstat(file, &info) == 0 && info.st_blocks < 1000);
  CHECK(lseek(file, -50, SEEK_END) == kFar + 50);
  CHECK(ftruncate(file, (1LL << 33)) == 0 && size_of(file) == (1LL << 33));
}

void copy(const std::string& from, const std::string& to) {
  const Bytes data = pattern(2000001, 5);
  {
    File file(from, O_RDWR | O_CREAT | O_TRUNC);
    write_all(file, data, 0);
  }
  const auto check = [&](const char* what) {
    File file(to, O_RDONLY);
    if (read_some(file, data.size() + 1, 0) != data) fail("%s", what);
  };
  {
    File in(from, O_RDONLY);
    File out(to, O_RDWR | O_CREAT | O_TRUNC);
    std::size_t left = data.size();
    while (left > 0) {
      const ssize_t sent = sendfile(out, in, nullptr, left);
      CHECK(sent > 0);
      left -= static_cast<std::size_t>(sent);
    }
  }
  check("sendfile");
  {
    File in(from, O_RDONLY);
    File out(to, O_RDWR | O_CREAT | O_TRUNC);
    int ends[2];
    CHECK(pipe(ends) == 0);
    for (;;) {
      const ssize_t got = splice(in, nullptr, ends[1], nullptr, 60000, 0);
      CHECK(got >= 0);
      if (got == 0) break;
      for (ssize_t put = 0; put < got;) {
        const ssize_t n =
            splice(ends[0], nullptr, out, nullptr, static_cast<std::size_t>(got - put), 0);
        CHECK(n > 0);
        put += n;
      }
    }
    close(ends[0]);
    close(ends[1]);
  }
  check("splice");
  {
    File in(from, O_RDONLY);
    File out(to, O_RDWR | O_CREAT | O_TRUNC);
    std::size_t left = data.size();
    while (left > 0) {
      const ssize_t moved = copy_file_range(in, nullptr, out, nullptr, left, 0);
      CHECK(moved > 0);
      left -= static_cast<std::size_t>(moved);
    }
  }
  check("copy_file_range");
}

// Runs in a process of its own and returns what it returned.
template <typename Function>
int in_child(Function function) {
  const pid_t child = fork();
  if (child == 0) std::_Exit(function());
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
  return WEXITSTATUS(status);
}

void locks(const std::string& path) {
  File file(path, O_RDWR | O_CREAT);
  CHECK(flock(file, LOCK_EX) == 0);
  const auto try_flock = [&] {
    File other(path, O_RDWR);
    return flock(other, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
  };
  CHECK(in_child(try_flock) == EWOULDBLOCK);
  CHECK(flock(file, LOCK_UN) == 0);
  CHECK(in_child(try_flock) == 0);
  struct flock range {};
  range.l_type = F_WRLCK;
  range.l_start = 10;
  range.l_len = 10;
  CHECK(fcntl(file, F_SETLK, &range) == 0);
  const auto try_range = [&](off_t at) {
    return in_child([&] {
      File other(path, O_RDWR);
      struct flock wanted {};
      wanted.l_type = F_WRLCK;
      wanted.l_start = at;
      wanted.l_len = 1;
      return fcntl(other, F_SETLK, &wanted) == 0 ? 0 : errno;
    });
  };
  CHECK(try_range(15) == EAGAIN || try_range(15) == EACCES);
  CHECK(try_range(20) == 0);
}

void times(const std::string& path) {
  File file(path, O_RDWR | O_CREAT | O_TRUNC);
  write_all(file, Bytes(10, 't'), 0);
  timespec set[2] = {{1000000001, 123456789}, {1500000002, 987654321}};
  CHECK(futimens(file, set) == 0);
  struct stat info {};
  CHECK(stat(path.c_str(), &info) == 0);
  CHECK(info.st_atim.tv_sec == 1000000001 && info.st_atim.tv_nsec == 123456789);
  CHECK(info.st_mtim.tv_sec == 1500000002 && info.st_mtim.tv_nsec == 987654321);
  set[0].tv_nsec = UTIME_OMIT;
  set[1] = {1600000003, 5};
  CHECK(utimensat(AT_FDCWD, path.c_str(), set, 0) == 0);
  CHECK(stat(path.c_str(), &info) == 0);
  CHECK(info.st_atim.tv_sec == 1000000001 && info.st_atim.tv_nsec == 123456789);
  CHECK(info.st_mtim.tv_sec == 1600000003 && info.st_mtim.tv_nsec == 5);
  // Written and dated, then closed: the date stays.
  write_all(file, Bytes(10, 'u'), 0);
  set[1] = {1700000004, 6};
  CHECK(futimens(file, set) == 0);
  CHECK(fsync(file) == 0 && stat(path.c_str(), &info) == 0);
  CHECK(info.st_mtim.tv_sec == 1700000004 && info.st_mtim.tv_nsec == 6);
}

void touch(const std::string& path) {
  File(path, O_RDWR | O_CREAT | O_EXCL);
}

std::vector<std::string> list(const std::string& path) {
  std::vector<std::string> found;
  DIR* directory = opendir(path.c_str());
  CHECK(directory != nullptr);
  while (const dirent* entry = readdir(directory)) found.emplace_back(entry->d_name);
  closedir(directory);
  std::sort(found.begin(), found.end());
  return found;
}

void names(const std::string& path) {
  CHECK(mkdir(path.c_str(), 0755) == 0);
  std::vector<std::string> made = {".", ".."};
  for (int byte = 1; byte < 128; ++byte) {
    if (byte == '/') continue;
    made.push_back("n" + std::string(1, static_cast<char>(byte)));
  }
  made.emplace_back("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
  made.emplace_back(255, 'l');
  made.emplace_back("...");
  made.emplace_back(" ");
  for (std::size_t i = 2; i < made.size(); ++i) touch(path + "/" + made[i]);
  std::sort(made.begin(), made.end());
  if (list(path) != made) fail("names differ: %zu, not %zu", list(path).size(), made.size());
  CHECK(open((path + "/" + std::string(256, 'l')).c_str(), O_RDWR | O_CREAT, 0644) < 0 &&
        errno == ENAMETOOLONG);
  // Bytes that are no UTF-8 cannot be told to every host.
  for (const char* bytes : {"\xff", "a\x80", "\xc0\xaf", "\xed\xa0\x80"}) {
    const int file =
        open((path + "/" + bytes).c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (file < 0)
      CHECK(errno == EILSEQ || errno == EINVAL);
    else
      CHECK(close(file) == 0 && unlink((path + "/" + bytes).c_str()) == 0);
  }
  for (const auto& name : made) {
    if (name != "." && name != "..") CHECK(unlink((path + "/" + name).c_str()) == 0);
  }
  // As deep as a path can be, then back.
  CHECK(chdir(path.c_str()) == 0);
  const std::string step(200, 'd');
  int depth = 0;
  while (depth < 19 && mkdir(step.c_str(), 0755) == 0 && chdir(step.c_str()) == 0) ++depth;
  CHECK(depth == 19);
  touch("deep");
  CHECK(list(".").size() == 3 && unlink("deep") == 0);
  while (depth-- > 0) CHECK(chdir("..") == 0 && rmdir(step.c_str()) == 0);
  CHECK(rmdir(path.c_str()) == 0);
}

// Errors of a lost race are fine; anything else, and what is left at the end, is not.
void race(const std::string& path, int seconds) {
  CHECK(mkdir(path.c_str(), 0755) == 0 || errno == EEXIST);
  const time_t end = time(nullptr) + seconds;
  for (unsigned worker = 0; worker < 4; ++worker) {
    if (fork() != 0) continue;
    std::minstd_rand random(worker + 1);
    const auto name = [&] { return path + "/f" + std::to_string(random() % 8); };
    const auto lost = [](int result) {
      return result >= 0 || errno == ENOENT || errno == EEXIST || errno == EISDIR ||
             errno == ENOTDIR || errno == ENOTEMPTY || errno == ESTALE;
    };
    while (time(nullptr) < end) {
      struct stat info {};
      switch (random() % 7) {
        case 0:
        case 1: {
          const int file = open(name().c_str(), O_RDWR | O_CREAT, 0644);
          CHECK(lost(file));
          if (file >= 0) {
            CHECK(write(file, "data", 4) == 4);
            CHECK(close(file) == 0);
          }
          break;
        }
        case 2:
          CHECK(lost(rename(name().c_str(), name().c_str())));
          break;
        case 3:
          CHECK(lost(unlink(name().c_str())));
          break;
        case 4:
          CHECK(lost(stat(name().c_str(), &info)));
          break;
        case 5: {
          const std::string directory = name();
          CHECK(lost(mkdir(directory.c_str(), 0755)));
          CHECK(lost(rmdir(directory.c_str())));
          break;
        }
        default:
          CHECK(list(path).size() <= 10);
          break;
      }
    }
    std::_Exit(0);
  }
  wait_for_all();
  for (const auto& name : list(path)) {
    if (name != "." && name != "..") CHECK(remove((path + "/" + name).c_str()) == 0);
  }
  CHECK(rmdir(path.c_str()) == 0);
}

void watch(const std::string& path, int seconds) {
  static constexpr struct {
    std::uint32_t bit;
    const char* name;
  } kEvents[] = {
      {IN_MODIFY, "modify"},         {IN_ATTRIB, "attrib"},       {IN_CLOSE_WRITE, "close"},
      {IN_MOVED_FROM, "moved-from"}, {IN_MOVED_TO, "moved-to"},   {IN_CREATE, "create"},
      {IN_DELETE, "delete"},         {IN_DELETE_SELF, "gone"},    {IN_MOVE_SELF, "moved"},
      {IN_IGNORED, "ignored"},       {IN_Q_OVERFLOW, "overflow"},
  };
  const int queue = inotify_init1(IN_NONBLOCK);
  CHECK(inotify_add_watch(queue, path.c_str(),
                          IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | IN_MOVE | IN_CREATE | IN_DELETE |
                              IN_DELETE_SELF | IN_MOVE_SELF) > 0);
  std::puts("watching");
  std::fflush(stdout);
  const time_t end = time(nullptr) + seconds;
  while (time(nullptr) < end) {
    pollfd wait{queue, POLLIN, 0};
    if (poll(&wait, 1, 200) <= 0) continue;
    alignas(inotify_event) char buffer[8192];
    const ssize_t got = read(queue, buffer, sizeof buffer);
    for (ssize_t at = 0; at < got;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
      for (const auto& known : kEvents) {
        if (event->mask & known.bit)
          std::printf("%s%s %s\n", known.name, event->mask & IN_ISDIR ? "-dir" : "",
                      event->len ? event->name : ".");
      }
      std::fflush(stdout);
      at += static_cast<ssize_t>(sizeof *event + event->len);
    }
  }
  close(queue);
}

void hold(const std::string& path) {
  File file(path, O_RDWR);
  std::puts("open");
  std::fflush(stdout);
  char byte;
  while (read(0, &byte, 1) > 0) {
  }
  // Still usable after whatever happened to the name meanwhile.
  const Bytes data = read_some(file, 100, 0);
  write_all(file, Bytes(3, '!'), static_cast<off_t>(data.size()));
  CHECK(fsync(file) == 0);
  std::printf("%.*s\n", static_cast<int>(data.size()), reinterpret_cast<const char*>(data.data()));
}

void sum(const std::string& path) {
  File file(path, O_RDONLY);
  const auto size = static_cast<std::size_t>(size_of(file));
  std::uint64_t by_read = 0, by_map = 0;
  for (const std::uint8_t byte : read_some(file, size, 0)) by_read += byte;
  void* memory = mmap(nullptr, size, PROT_READ, MAP_SHARED, file, 0);
  CHECK(memory != MAP_FAILED);
  for (std::size_t i = 0; i < size; ++i) by_map += static_cast<const std::uint8_t*>(memory)[i];
  std::printf("%zu %ju %ju\n", size, static_cast<uintmax_t>(by_read),
              static_cast<uintmax_t>(by_map));
}

/// Reads a file, also by a mapping, waits for the end of input, and writes two places of it.
void neighbours(const std::string& path) {
  File file(path, O_RDWR);
  const auto size = static_cast<std::size_t>(size_of(file));
  // In pieces that are cached.
  for (std::size_t at = 0; at < size; at += 65536) {
    CHECK(read_some(file, 65536, static_cast<off_t>(at)).size() == 65536);
  }
  auto* memory =
      static_cast<std::uint8_t*>(mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0));
  CHECK(memory != MAP_FAILED);
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < size; ++i) sum += memory[i];
  std::printf("open %ju\n", static_cast<uintmax_t>(sum));
  std::fflush(stdout);
  char byte;
  while (read(0, &byte, 1) > 0) {
  }
  write_all(file, Bytes(5, 'g'), 0);
  std::memset(memory + size / 2, 'g', 5);
  munmap(memory, size);
}

void mount_data(const std::string& share, const std::string& directory, const std::string& data) {
  Bytes page = read_some(File(data, O_RDONLY), 4096, 0);
  page.resize(4096);
  if (mount(share.c_str(), directory.c_str(), "vboxsf", 0, page.data()) != 0) fail("mount");
}

int number(const char* text) {
  return std::atoi(text);
}

unsigned unsigned_number(const char* text) {
  return static_cast<unsigned>(number(text));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view command = argc > 2 ? argv[1] : "";
  const std::string path = argc > 2 ? argv[2] : "";
  if (command == "model" && argc == 5)
    model(path, unsigned_number(argv[3]), unsigned_number(argv[4]));
  else if (command == "two-view" && argc == 5)
    two_view(path, unsigned_number(argv[3]), unsigned_number(argv[4]));
  else if (command == "partner")
    partner(path);
  else if (command == "stress" && argc == 6)
    stress(path, unsigned_number(argv[3]), unsigned_number(argv[4]), unsigned_number(argv[5]));
  else if (command == "churn" && argc == 4)
    churn(path, number(argv[3]));
  else if (command == "tree")
    tree(path);
  else if (command == "append" && argc == 5)
    append(path, number(argv[3]), number(argv[4]));
  else if (command == "flags")
    flags(path);
  else if (command == "direct")
    direct(path);
  else if (command == "fault")
    fault(path);
  else if (command == "mapping")
    mapping(path);
  else if (command == "sparse")
    sparse(path);
  else if (command == "copy" && argc == 4)
    copy(path, argv[3]);
  else if (command == "locks")
    locks(path);
  else if (command == "times")
    times(path);
  else if (command == "names")
    names(path);
  else if (command == "paths")
    paths(path);
  else if (command == "full" && argc == 5)
    full(path, std::string_view(argv[3]) == "at-close", unsigned_number(argv[4]));
  else if (command == "sync" && argc == 4)
    sync_by(path, argv[3]);
  else if (command == "crowd-fill" && argc == 4)
    crowd_fill(path, unsigned_number(argv[3]));
  else if (command == "crowd-churn" && argc == 5)
    crowd_churn(path, number(argv[3]), argv[4]);
  else if (command == "crowd" && argc == 5)
    crowd(path, unsigned_number(argv[3]), number(argv[4]));
  else if (command == "race" && argc == 4)
    race(path, number(argv[3]));
  else if (command == "watch" && argc == 4)
    watch(path, number(argv[3]));
  else if (command == "mount-data" && argc == 5)
    mount_data(path, argv[3], argv[4]);
  else if (command == "hold")
    hold(path);
  else if (command == "sum")
    sum(path);
  else if (command == "neighbours")
    neighbours(path);
  else {
    std::fputs(kUsage, stderr);
    return 2;
  }
  return 0;
}

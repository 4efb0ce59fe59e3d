// SPDX-License-Identifier: MIT
//
// fs-exercise: random operations on one file compared with a model of it in memory, also with a
// partner on the host who changes the file in between (the "two view" test).
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>

#include "fs_support.h"

namespace {

// The file and what it should be. Operations are small and overlap pages in all ways.
class Model {
 public:
  Model(std::string path, unsigned seed) : path_(std::move(path)), random_(seed), descriptor_(-1) {
    reopen(O_CREAT | O_TRUNC);
    const int probe = open(path_.c_str(), O_RDWR | O_DIRECT | O_CLOEXEC);
    direct_ = probe >= 0;
    if (!direct_) std::fputs("note: there is no O_DIRECT here\n", stderr);
    close(probe);
  }
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;
  ~Model() { close(descriptor_); }

  // The host does something to the file while nobody here has it open, then either side looks.
  void partner_step(unsigned number) {
    number_ = number;
    if (close(descriptor_) != 0) fail("operation %u: close", number_);
    const std::size_t at = pick(kMost - 1);
    const std::size_t size = 1 + pick(std::min<std::size_t>(kMost - at, 70000));
    const std::uint64_t seed = random_();
    switch (pick(4)) {
      case 0:
        ask("truncate", at, 0, 0);
        model_.resize(at);
        break;
      case 1:
        ask("replace", 0, size, seed);
        model_ = pattern(size, seed);
        break;
      case 2:
        CHECK(ask("sum", 0, 0, 0) == checksum(model_));
        break;
      default:
        ask("write", at, size, seed);
        store(pattern(size, seed), at);
        break;
    }
    descriptor_ = open(path_.c_str(), O_RDWR | O_CLOEXEC);
    if (descriptor_ < 0) fail("operation %u: open", number_);
    stat();
    if (pick(4) == 0) check_all();
  }

  void step(unsigned number) {
    number_ = number;
    switch (pick(17)) {
      case 0:
      case 1:
      case 2:
        write();
        break;
      case 3:
      case 4:
      case 5:
        read();
        break;
      case 6:
      case 7:
        map_write();
        break;
      case 8:
        map_read();
        break;
      case 9:
        truncate();
        break;
      case 10:
        sync();
        break;
      case 11:
        reopen(0);
        break;
      case 12:
        direct();
        break;
      case 13:
        copy();
        break;
      case 14:
        append();
        break;
      case 15:
        grow();
        break;
      default:
        stat();
        break;
    }
  }

  void check_all() {
    const Bytes found = read_some(descriptor_, kMost + 1, 0);
    compare("the whole", found, 0, model_.size());
  }

 private:
  static constexpr std::size_t kMost = 600000;

  std::size_t pick(std::size_t below) { return below == 0 ? 0 : random_() % below; }

  void reopen(int flags) {
    if (descriptor_ >= 0 && close(descriptor_) != 0) fail("operation %u: close", number_);
    descriptor_ = open(path_.c_str(), O_RDWR | flags | O_CLOEXEC, 0644);
    if (descriptor_ < 0) fail("operation %u: open", number_);
  }

  Bytes fresh(std::size_t size) { return pattern(size, random_()); }

  void store(const Bytes& data, std::size_t at) {
    if (data.empty()) return;
    if (model_.size() < at + data.size()) model_.resize(at + data.size());
    std::copy(data.begin(), data.end(), model_.begin() + static_cast<std::ptrdiff_t>(at));
  }

  void compare(const char* what, const Bytes& found, std::size_t at, std::size_t wanted) {
    if (found.size() != wanted)
      fail("operation %u: %s at %zu: %zu bytes, not %zu", number_, what, at, found.size(), wanted);
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (found[i] != model_[at + i])
        fail("operation %u: %s at %zu: byte %zu of %zu is %02x, not %02x", number_, what, at,
             at + i, model_.size(), found[i], model_[at + i]);
    }
  }

  std::uint64_t ask(const char* what, std::size_t at, std::size_t size, std::uint64_t seed) {
    std::printf("%s %zu %zu %ju\n", what, at, size, static_cast<uintmax_t>(seed));
    std::fflush(stdout);
    uintmax_t answer = 0;
    if (std::scanf("%ju", &answer) != 1) fail("operation %u: the partner does not answer", number_);
    return answer;
  }

  void write() {
    const std::size_t at = pick(kMost - 1);
    const Bytes data = fresh(1 + pick(std::min<std::size_t>(kMost - at, 70000)));
    write_all(descriptor_, data, static_cast<off_t>(at));
    store(data, at);
  }

  void append() {
    if (model_.size() > kMost - 5000) return;
    const Bytes data = fresh(1 + pick(5000));
    CHECK(fcntl(descriptor_, F_SETFL, O_APPEND) == 0);
    if (::write(descriptor_, data.data(), data.size()) != static_cast<ssize_t>(data.size()))
      fail("operation %u: append", number_);
    CHECK(fcntl(descriptor_, F_SETFL, 0) == 0);
    store(data, model_.size());
  }

  // In small pieces, one after the other, as programs make large files; with second thoughts.
  void grow() {
    const std::size_t piece = pick(2) == 0 ? 4096 : 1 + pick(9000);
    const std::size_t end = std::min(kMost, model_.size() + pick(200000));
    while (model_.size() < end) {
      const Bytes data = fresh(std::min(piece, end - model_.size()));
      const std::size_t at = model_.size();
      write_all(descriptor_, data, static_cast<off_t>(at));
      store(data, at);
      switch (pick(64)) {
        case 0: {
          const std::size_t back = at - std::min(at, pick(100000));
          const Bytes other = fresh(1 + pick(6000));
          write_all(descriptor_, other, static_cast<off_t>(back));
          store(other, back);
          break;
        }
        case 1:
          read();
          break;
        case 2:
          sync();
          break;
        case 3:
          stat();
          break;
        default:
          break;
      }
    }
  }

  void read() {
    const std::size_t at = pick(kMost), size = 1 + pick(70000);
    const std::size_t wanted = at >= model_.size() ? 0 : std::min(size, model_.size() - at);
    compare("read", read_some(descriptor_, size, static_cast<off_t>(at)), at, wanted);
  }

  void map_read() {
    if (model_.empty()) return;
    const std::size_t at = pick(model_.size()) & ~4095UL;
    const std::size_t size = std::min<std::size_t>(model_.size() - at, 1 + pick(50000));
    void* memory = mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor_, static_cast<off_t>(at));
    if (memory == MAP_FAILED) fail("operation %u: mmap", number_);
    const auto* first = static_cast<const std::uint8_t*>(memory);
    compare("map", Bytes(first, first + size), at, size);
    munmap(memory, size);
  }

  void map_write() {
    const std::size_t at = pick(kMost - 1) & ~4095UL;
    const Bytes data = fresh(1 + pick(std::min<std::size_t>(kMost - at, 50000)));
    if (model_.size() < at + data.size()) {
      CHECK(ftruncate(descriptor_, static_cast<off_t>(at + data.size())) == 0);
      model_.resize(at + data.size());
    }
    void* memory = mmap(nullptr, data.size(), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor_,
                        static_cast<off_t>(at));
    if (memory == MAP_FAILED) fail("operation %u: mmap", number_);
    std::memcpy(memory, data.data(), data.size());
    store(data, at);
    // What is behind the end of the file in its last page must not become part of it.
    if (at + data.size() == model_.size() && data.size() % 4096 != 0)
      std::memset(static_cast<std::uint8_t*>(memory) + data.size(), 0xee,
                  4096 - data.size() % 4096);
    if (pick(3) == 0) CHECK(msync(memory, data.size(), MS_SYNC) == 0);
    munmap(memory, data.size());
  }

  void truncate() {
    const std::size_t size = pick(4) == 0 ? 0 : pick(kMost);
    if (ftruncate(descriptor_, static_cast<off_t>(size)) != 0)
      fail("operation %u: truncate", number_);
    model_.resize(size);
  }

  void sync() {
    if (fsync(descriptor_) != 0) fail("operation %u: fsync", number_);
    if (pick(2) == 0) CHECK(posix_fadvise(descriptor_, 0, 0, POSIX_FADV_DONTNEED) == 0);
  }

  void stat() {
    if (size_of(descriptor_) != static_cast<off_t>(model_.size()))
      fail("operation %u: size %jd, not %zu", number_, static_cast<intmax_t>(size_of(descriptor_)),
           model_.size());
  }

  void direct() {
    void* memory = nullptr;
    const std::size_t size = 4096 * (1 + pick(8)), at = 4096 * pick(60);
    CHECK(posix_memalign(&memory, 4096, size) == 0);
    File file(path_, O_RDWR | (direct_ ? O_DIRECT : 0));
    if (pick(2) == 0) {
      const Bytes data = fresh(size);
      std::memcpy(memory, data.data(), size);
      if (pwrite(file, memory, size, static_cast<off_t>(at)) != static_cast<ssize_t>(size))
        fail("operation %u: direct write", number_);
      store(data, at);
    } else {
      const ssize_t got = pread(file, memory, size, static_cast<off_t>(at));
      if (got < 0) fail("operation %u: direct read", number_);
      const auto* first = static_cast<const std::uint8_t*>(memory);
      compare("direct read", Bytes(first, first + got), at,
              at >= model_.size() ? 0 : std::min(size, model_.size() - at));
    }
    std::free(memory);
  }

  // Through another file, so that the ranges cannot overlap.
  void copy() {
    if (model_.empty()) return;
    const std::size_t from = pick(model_.size()), to = pick(kMost - 20000);
    const std::size_t size = std::min<std::size_t>(model_.size() - from, 1 + pick(20000));
    const std::string other = path_ + ".copy";
    File file(other, O_RDWR | O_CREAT | O_TRUNC);
    off64_t in = static_cast<off64_t>(from), out = 100;
    if (copy_file_range(descriptor_, &in, file, &out, size, 0) != static_cast<ssize_t>(size))
      fail("operation %u: copy of %zu from %zu", number_, size, from);
    compare("copy", read_some(file, size, 100), from, size);
    in = 100;
    out = static_cast<off64_t>(to);
    if (copy_file_range(file, &in, descriptor_, &out, size, 0) != static_cast<ssize_t>(size))
      fail("operation %u: copy of %zu to %zu", number_, size, to);
    store(Bytes(model_.begin() + static_cast<std::ptrdiff_t>(from),
                model_.begin() + static_cast<std::ptrdiff_t>(from + size)),
          to);
  }

  std::string path_;
  std::minstd_rand random_;
  int descriptor_;
  Bytes model_;
  unsigned number_ = 0;
  bool direct_ = false;
};

}  // namespace

void model(const std::string& path, unsigned operations, unsigned seed) {
  Model file(path, seed);
  for (unsigned i = 0; i < operations; ++i) file.step(i);
  file.check_all();
}

void two_view(const std::string& path, unsigned operations, unsigned seed) {
  Model file(path, seed);
  for (unsigned i = 0; i < operations; ++i) {
    if (i % 7 == 0)
      file.partner_step(i);
    else
      file.step(i);
  }
  file.partner_step(operations);
  file.check_all();
}

void partner(const std::string& path) {
  char what[16];
  uintmax_t at = 0, size = 0, seed = 0;
  while (std::scanf("%15s %ju %ju %ju", what, &at, &size, &seed) == 4) {
    const std::string_view command = what;
    std::uint64_t answer = 0;
    if (command == "write") {
      write_all(File(path, O_WRONLY), pattern(size, seed), static_cast<off_t>(at));
    } else if (command == "truncate") {
      CHECK(truncate(path.c_str(), static_cast<off_t>(at)) == 0);
    } else if (command == "replace") {
      write_all(File(path + ".new", O_WRONLY | O_CREAT | O_EXCL), pattern(size, seed), 0);
      CHECK(rename((path + ".new").c_str(), path.c_str()) == 0);
    } else if (command == "sum") {
      File file(path, O_RDONLY);
      answer = checksum(read_some(file, static_cast<std::size_t>(size_of(file)), 0));
    } else {
      fail("no such command: %s", what);
    }
    std::printf("%ju\n", static_cast<uintmax_t>(answer));
    std::fflush(stdout);
  }
}

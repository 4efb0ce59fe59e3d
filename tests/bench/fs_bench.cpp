// SPDX-License-Identifier: MIT
//
// Guest side of the file system part of `make bench`: one measurement on whichever file system a
// path is of. It gets ready, prints "ready", and waits for a line; does what is measured and prints
// one JSON object; and waits for another line (or the end of input) before it lets go of anything,
// so that the host can count calls and processor time of exactly that. See tests/bench/fs_part.py.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <latch>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kPage = 4096;
constexpr unsigned kSeed = 4711;
constexpr std::chrono::milliseconds kRetry{20};

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "fs-bench: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(1);
}

void wait_for_line() {
  for (int c = std::getchar(); c != '\n' && c != EOF; c = std::getchar()) {
  }
}

/// Runs what is measured between the two lines of the host.
template <typename F>
void measure(F&& work) {
  std::puts("ready");
  std::fflush(stdout);
  wait_for_line();
  const auto begin = Clock::now();
  work();
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  std::printf("{\"seconds\": %.6f}\n", seconds);
  std::fflush(stdout);
  wait_for_line();
}

class File {
 public:
  File(const std::string& path, int flags, mode_t mode = 0644)
      : path_(path), fd_(open(path.c_str(), flags | O_CLOEXEC, mode)) {
    if (fd_ < 0) {
      die(path);
    }
  }
  File(File&& other) noexcept : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  File& operator=(File&&) = delete;
  ~File() {
    if (fd_ >= 0 && close(fd_) != 0) {
      die("close " + path_);
    }
  }
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] std::uint64_t size() const {
    struct stat status {};
    if (fstat(fd_, &status) != 0) {
      die("fstat " + path_);
    }
    return static_cast<std::uint64_t>(status.st_size);
  }
  void read_all(std::vector<char>& block) const {
    ssize_t got = 0;
    while ((got = read(fd_, block.data(), block.size())) > 0) {
    }
    if (got < 0) {
      die("read " + path_);
    }
  }
  void put(const char* data, std::size_t size, std::uint64_t at) const {
    if (pwrite(fd_, data, size, static_cast<off_t>(at)) != static_cast<ssize_t>(size)) {
      die("write " + path_);
    }
  }

 private:
  std::string path_;
  int fd_;
};

std::string numbered(const std::string& folder, unsigned i) {
  return folder + "/f" + std::to_string(i);
}

void read_sequentially(const std::string& path, std::size_t block_size) {
  std::vector<char> block(block_size);
  measure([&] { File(path, O_RDONLY).read_all(block); });
}

/// Of a file that has been read before and is still open.
void read_again(const std::string& path, std::size_t block_size) {
  std::vector<char> block(block_size);
  const File file(path, O_RDONLY);
  file.read_all(block);
  if (lseek(file.fd(), 0, SEEK_SET) != 0) {
    die("lseek");
  }
  measure([&] { file.read_all(block); });
}

/// With the close: whoever opens the file afterwards sees all of it.
void write_sequentially(const std::string& path, std::uint64_t bytes, std::size_t block_size) {
  const std::vector<char> block(block_size, 'w');
  measure([&] {
    const File file(path, O_WRONLY | O_CREAT | O_TRUNC);
    for (std::uint64_t at = 0; at < bytes; at += block_size) {
      file.put(block.data(), block_size, at);
    }
  });
}

void at_random(const std::string& path, bool writes, unsigned threads, unsigned count) {
  measure([&] {
    const File file(path, writes ? O_RDWR : O_RDONLY);
    const std::uint64_t pages = file.size() / kPage;
    std::vector<std::thread> workers;
    for (unsigned i = 0; i < threads; ++i) {
      workers.emplace_back([&, i] {
        std::minstd_rand random(kSeed + i);
        std::vector<char> page(kPage, 'r');
        for (unsigned n = 0; n < count / threads; ++n) {
          const std::uint64_t at = random() % pages * kPage;
          if (writes) {
            file.put(page.data(), kPage, at);
          } else if (pread(file.fd(), page.data(), kPage, static_cast<off_t>(at)) !=
                     static_cast<ssize_t>(kPage)) {
            die("pread");
          }
        }
      });
    }
    for (std::thread& worker : workers) {
      worker.join();
    }
  });
}

void read_mapped(const std::string& path) {
  std::uint64_t sum = 0;
  measure([&] {
    const File file(path, O_RDONLY);
    const std::uint64_t size = file.size();
    void* map = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd(), 0);
    if (map == MAP_FAILED) {
      die("mmap");
    }
    for (std::uint64_t at = 0; at < size; at += kPage) {
      sum += static_cast<const volatile unsigned char*>(map)[at];
    }
    munmap(map, size);
  });
  std::fprintf(stderr, "sum %llu\n", static_cast<unsigned long long>(sum));
}

void create_files(const std::string& folder, unsigned count) {
  measure([&] {
    for (unsigned i = 0; i < count; ++i) {
      const File file(numbered(folder, i), O_WRONLY | O_CREAT | O_EXCL);
    }
  });
}

void stat_files(const std::string& folder, unsigned count) {
  measure([&] {
    for (unsigned i = 0; i < count; ++i) {
      struct stat status {};
      if (stat(numbered(folder, i).c_str(), &status) != 0) {
        die("stat");
      }
    }
  });
}

void unlink_files(const std::string& folder, unsigned count) {
  measure([&] {
    for (unsigned i = 0; i < count; ++i) {
      if (unlink(numbered(folder, i).c_str()) != 0) {
        die("unlink");
      }
    }
  });
}

void read_small_files(const std::string& folder, unsigned count) {
  std::vector<char> block(kPage);
  measure([&] {
    for (unsigned i = 0; i < count; ++i) {
      File(numbered(folder, i), O_RDONLY).read_all(block);
    }
  });
}

/// `threads` readers, each opening, reading and closing its own file `count` times, after the first
/// has begun to open `slow`. All begin together. What is printed as seconds is the time of the
/// slowest of all others.
void read_beside(const std::string& folder, const std::string& slow, unsigned threads,
                 unsigned count) {
  std::vector<double> seconds(threads);
  std::puts("ready");
  std::fflush(stdout);
  wait_for_line();
  std::atomic<bool> go{false};
  std::latch there(threads);
  std::vector<std::thread> workers;
  for (unsigned i = 0; i < threads; ++i) {
    workers.emplace_back([&, i] {
      std::vector<char> block(1U << 16U);
      there.arrive_and_wait();
      if (i == 0) {
        go = true;
      }
      if (i == 0 && !slow.empty()) {
        // Some hosts do not wait themselves but let the guest try again.
        int fd = -1;
        while ((fd = open(slow.c_str(), O_RDONLY | O_CLOEXEC)) < 0 && errno == EAGAIN) {
          std::this_thread::sleep_for(kRetry);
        }
        if (fd < 0) {
          die(slow);
        }
        close(fd);
        return;
      }
      while (!go) {
        std::this_thread::yield();
      }
      const auto begin = Clock::now();
      for (unsigned n = 0; n < count; ++n) {
        File(numbered(folder, i), O_RDONLY).read_all(block);
      }
      seconds[i] = std::chrono::duration<double>(Clock::now() - begin).count();
    });
  }
  for (std::thread& worker : workers) {
    worker.join();
  }
  std::printf("{\"seconds\": %.6f}\n", *std::max_element(seconds.begin() + 1, seconds.end()));
  std::fflush(stdout);
  wait_for_line();
}

void open_and_close(const std::string& path, unsigned count) {
  measure([&] {
    for (unsigned i = 0; i < count; ++i) {
      const File file(path, O_RDONLY);
    }
  });
}

/// `count` handles at a time, each of a file of its own.
void hold_open(const std::string& folder, unsigned count) {
  const rlimit limit{count + 64, count + 64};
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    die("setrlimit");
  }
  std::vector<File> files;
  measure([&] {
    for (unsigned i = 0; i < count; ++i) {
      files.emplace_back(numbered(folder, i), O_RDONLY);
    }
  });
}

/// A program; its output is thrown away.
void run(char** arguments) {
  measure([&] {
    const pid_t child = fork();
    if (child == 0) {
      const int null = open("/dev/null", O_RDWR);
      dup2(null, STDIN_FILENO);
      dup2(null, STDOUT_FILENO);
      execvp(arguments[0], arguments);
      die(arguments[0]);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) {
      die("fork");
    }
    if (status != 0) {
      std::fprintf(stderr, "fs-bench: %s: status %#x\n", arguments[0],
                   static_cast<unsigned>(status));
      std::exit(1);
    }
  });
}

std::uint64_t number(const char* text) {
  char* end = nullptr;
  const unsigned long long value = std::strtoull(text, &end, 10);
  if (*end != '\0' || value == 0 || value > 1ULL << 40U) {
    std::fprintf(stderr, "not a number: %s\n", text);
    std::exit(2);
  }
  return value;
}

unsigned count_of(const char* text) {
  return static_cast<unsigned>(std::min<std::uint64_t>(number(text), 1U << 30U));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  const std::string path = argc > 2 ? argv[2] : "";
  if (what == "read" && argc == 4) {
    read_sequentially(path, number(argv[3]));
  } else if (what == "read-again" && argc == 4) {
    read_again(path, number(argv[3]));
  } else if (what == "write" && argc == 5) {
    write_sequentially(path, number(argv[3]), number(argv[4]));
  } else if ((what == "random-read" || what == "random-write") && argc == 5) {
    at_random(path, what == "random-write", count_of(argv[3]), count_of(argv[4]));
  } else if (what == "mmap" && argc == 3) {
    read_mapped(path);
  } else if (what == "create" && argc == 4) {
    create_files(path, count_of(argv[3]));
  } else if (what == "stat" && argc == 4) {
    stat_files(path, count_of(argv[3]));
  } else if (what == "unlink" && argc == 4) {
    unlink_files(path, count_of(argv[3]));
  } else if (what == "small" && argc == 4) {
    read_small_files(path, count_of(argv[3]));
  } else if (what == "readers" && argc == 6) {
    read_beside(path, std::string_view(argv[3]) == "-" ? "" : argv[3], count_of(argv[4]),
                count_of(argv[5]));
  } else if (what == "churn" && argc == 4) {
    open_and_close(path, count_of(argv[3]));
  } else if (what == "hold" && argc == 4) {
    hold_open(path, count_of(argv[3]));
  } else if (what == "run" && argc > 2) {
    run(argv + 2);
  } else {
    std::fprintf(stderr,
                 "usage: fs-bench read|read-again FILE BLOCK | write FILE BYTES BLOCK |\n"
                 "  random-read|random-write FILE THREADS COUNT | mmap FILE |\n"
                 "  create|stat|unlink|small|hold FOLDER COUNT | churn FILE COUNT |\n"
                 "  readers FOLDER SLOW-FILE|- THREADS COUNT | run PROGRAM...\n");
    return 2;
  }
  return 0;
}

// SPDX-License-Identifier: MIT
//
// Random ioctls on both nodes, from several threads of several processes, for some time: numbers of
// all ioctls with arguments that are right, nearly right or nonsense, mixed with open, close, poll,
// read, mmap and signals. What each call returns is only counted; what is tested is that the kernel
// lives, and that every process can be ended. Not a fuzzer that learns.
//
//   ioctl-exerciser [--seconds N] [--seed N] [--processes N] [--threads N] [--patience N]
//   [--fail-nth]
//
// --fail-nth makes the kernel fail one allocation of each ioctl, another one each time
// (/proc/thread-self/fail-nth; needs a kernel with fault injection). --patience is how many seconds
// a killed process may take to end. The counts at the end are of ioctls by number, and of results
// by errno. Exit code 1 if a process did not end; the kernel's stacks of its threads are printed
// then.
#include <fcntl.h>
#include <linux/vboxguest.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <new>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kHeader = sizeof(vbg_ioctl_hdr);
constexpr std::size_t kBuffer = 256 * 1024;
constexpr std::size_t kGuard = 4096;
constexpr auto kLifetime = std::chrono::milliseconds(1500);
constexpr auto kLastWords = std::chrono::seconds(1);
constexpr unsigned kReadWrite = _IOC_READ | _IOC_WRITE;
constexpr const char* kServices[] = {"HgcmTestSvc", "VBoxGuestPropSvc", "VBoxSharedFolders",
                                     "none"};

struct Options {
  unsigned seconds = 10;
  std::uint64_t seed = 1;
  unsigned processes = 4;
  unsigned threads = 3;
  unsigned patience = 60;
  bool fail_nth = false;
};

/// Shared between the processes.
struct Counts {
  std::array<std::atomic<std::uint64_t>, 64> by_number;
  std::array<std::atomic<std::uint64_t>, 256> by_errno;
  std::atomic<std::uint64_t> others;
  std::atomic<std::uint64_t> injected;
};

/// One thread's world: open nodes, clients seen, memory that parameters point to.
class Worker {
 public:
  Worker(std::uint64_t seed, const Options& options, Counts& counts)
      : random_(seed), counts_(counts) {
    // Behind it lies a page that nobody may touch: what services write must not reach the heap.
    void* mapped = mmap(nullptr, kBuffer + kGuard, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED || mprotect(mapped, kBuffer, PROT_READ | PROT_WRITE) != 0) {
      std::perror("mmap");
      std::_Exit(2);
    }
    memory_ = static_cast<std::uint8_t*>(mapped);
    if (options.fail_nth) {
      fail_nth_ = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
    }
    for (int& fd : nodes_) fd = open_node();
  }
  ~Worker() {
    munmap(memory_, kBuffer + kGuard);
    for (const int fd : nodes_) close(fd);
    close(fail_nth_);
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void run(Clock::time_point until) {
    while (Clock::now() < until) step();
  }

 private:
  std::uint32_t below(std::size_t limit) { return static_cast<std::uint32_t>(random_() % limit); }
  bool chance(unsigned percent) { return below(100) < percent; }
  std::uint32_t word() {
    switch (below(6)) {
      case 0:
        return below(16);
      case 1:
        return UINT32_MAX - below(4);
      case 2:
        return 1U << below(32);
      case 3:
        return below(0x800);
      case 4:
        return below(kBuffer);
      default:
        return static_cast<std::uint32_t>(random_());
    }
  }

  int open_node() {
    return open(chance(50) ? "/dev/vboxguest" : "/dev/vboxuser", O_RDWR | O_CLOEXEC);
  }
  int& node() { return nodes_[below(nodes_.size())]; }

  /// A client, mostly with the node it was connected through; else the kernel has to refuse it.
  struct Client {
    std::size_t node = 0;
    std::uint32_t id = 0;
  };
  Client& client() { return clients_[below(clients_.size())]; }
  int node_of(const Client& client) { return chance(92) ? nodes_[client.node] : node(); }

  /// An address for a parameter: usually good, sometimes read-only, unmapped or the kernel's.
  std::uint64_t address() {
    switch (below(12)) {
      case 0:
        return 0;
      case 1:
        return 0xffff888000000000ULL + word();
      case 2:
        return reinterpret_cast<std::uintptr_t>("read-only");
      default:
        return reinterpret_cast<std::uintptr_t>(memory_) + below(kBuffer / 2);
    }
  }

  void control(unsigned long number, void* argument) { control(node(), number, argument); }

  void control(int fd, unsigned long number, void* argument) {
    if (fail_nth_ >= 0) {
      const std::string nth = std::to_string(1 + below(12));
      static_cast<void>(!write(fail_nth_, nth.data(), nth.size()));
    }
    const int error = ioctl(fd, number, argument) == 0 ? 0 : errno;
    if (fail_nth_ >= 0) {
      char left[16] = {};
      if (pread(fail_nth_, left, sizeof(left) - 1, 0) > 0 && left[0] == '0') counts_.injected++;
      static_cast<void>(!write(fail_nth_, "0", 1));
    }
    counts_.by_number[_IOC_NR(number) % counts_.by_number.size()]++;
    counts_.by_errno[static_cast<std::size_t>(error) % counts_.by_errno.size()]++;
  }

  static void prepare(vbg_ioctl_hdr& hdr, std::size_t in, std::size_t out) {
    hdr.size_in = static_cast<std::uint32_t>(in);
    hdr.version = VBG_IOCTL_HDR_VERSION;
    hdr.type = VBG_IOCTL_HDR_TYPE_DEFAULT;
    hdr.size_out = static_cast<std::uint32_t>(out);
  }

  /// Now and then one word of the structure is something else.
  void spoil(void* data, std::size_t size) {
    if (chance(12)) {
      const std::uint32_t value = word();
      std::memcpy(static_cast<std::uint8_t*>(data) + below(size / 4) * 4, &value, sizeof(value));
    }
  }

  /// The same for a call, except for addresses: those would be good ones of what is not ours to
  /// lose, such as this program's heap, and address() has enough that are bad.
  void spoil_call(vbg_ioctl_hgcm_call& head, std::uint8_t* parms, std::uint32_t count,
                  std::size_t each) {
    if (count == 0 || chance(50)) return spoil(&head, sizeof(head));
    spoil(parms + below(count) * each, offsetof(vmmdev_hgcm_function_parameter64, u) + 4);
  }

  template <typename Request>
  void fixed(unsigned long number, Request& request, std::size_t in, std::size_t out) {
    prepare(request.hdr, in, out);
    spoil(&request, sizeof(request));
    control(number, &request);
  }

  void step() {
    switch (below(20)) {
      case 0:
      case 1:
      case 2:
        return connect();
      case 3:
      case 4:
      case 5:
      case 6:
      case 7:
        return call();
      case 8:
      case 9:
        return device_request();
      case 10:
        return wait();
      case 11:
        return filter();
      case 12:
        return capabilities();
      case 13:
        return log();
      case 14:
        return small_ones();
      case 15:
        return raw();
      case 16:
        return chance(30) ? reopen() : disconnect();
      default:
        return call();
    }
  }

  void connect() {
    vbg_ioctl_hgcm_connect request{};
    request.u.in.loc.type = VMMDEV_HGCM_LOC_LOCALHOST_EXISTING;
    std::strcpy(request.u.in.loc.u.localhost.service_name,
                kServices[chance(70) ? 0 : below(std::size(kServices))]);
    const std::size_t through = below(nodes_.size());
    prepare(request.hdr, kHeader + sizeof(request.u.in), kHeader + sizeof(request.u.out));
    spoil(&request, sizeof(request));
    control(nodes_[through], VBG_IOCTL_HGCM_CONNECT, &request);
    client() = {through, request.u.out.client_id};
  }

  void disconnect() {
    const Client& chosen = client();
    vbg_ioctl_hgcm_disconnect request{};
    request.u.in.client_id = chosen.id;
    prepare(request.hdr, sizeof(request), kHeader);
    control(node_of(chosen), VBG_IOCTL_HGCM_DISCONNECT, &request);
  }

  template <typename Parameter>
  void parameter(Parameter& parm) {
    parm.type = static_cast<vmmdev_hgcm_function_parameter_type>(
        chance(90) ? 1 + below(6) + (chance(20) ? 1 : 0) : word());
    if (parm.type == VMMDEV_HGCM_PARM_TYPE_32BIT) {
      parm.u.value32 = word();
    } else if (parm.type == VMMDEV_HGCM_PARM_TYPE_64BIT) {
      parm.u.value64 = random_();
    } else {
      parm.u.pointer.size = chance(90) ? below(chance(70) ? 2000 : 100000) : word();
      parm.u.pointer.u.linear_addr = static_cast<decltype(parm.u.pointer.u.linear_addr)>(address());
    }
  }

  void call() {
    struct {
      vbg_ioctl_hgcm_call head;
      std::uint8_t parms[40 * sizeof(vmmdev_hgcm_function_parameter64)];
    } request{};
    const bool narrow = chance(15);
    const std::size_t each = narrow ? sizeof(vmmdev_hgcm_function_parameter32)
                                    : sizeof(vmmdev_hgcm_function_parameter64);
    const std::uint32_t count = chance(95) ? below(5) : below(40);
    for (std::uint32_t i = 0; i < count; i++) {
      if (narrow) {
        vmmdev_hgcm_function_parameter32 parm{};
        parameter(parm);
        std::memcpy(request.parms + i * each, &parm, each);
      } else {
        vmmdev_hgcm_function_parameter64 parm{};
        parameter(parm);
        std::memcpy(request.parms + i * each, &parm, each);
      }
    }
    const Client& chosen = client();
    request.head.client_id = chosen.id;
    request.head.function = below(18);
    request.head.timeout_ms = chance(3) ? UINT32_MAX : below(30);
    request.head.parm_count = static_cast<std::uint16_t>(count);
    const std::size_t size = sizeof(request.head) + count * each;
    prepare(request.head.hdr, size, size);
    spoil_call(request.head, request.parms, count, each);
    control(node_of(chosen), narrow ? VBG_IOCTL_HGCM_CALL_32(size) : VBG_IOCTL_HGCM_CALL_64(size),
            &request);
  }

  void device_request() {
    static constexpr std::uint32_t kTypes[] = {
        1,  2,  3,   4,   10,  41,  42,  51,  52,  53,  54,  55,  57,  59,  72,  73, 80,
        81, 82, 100, 110, 112, 150, 200, 210, 211, 215, 217, 222, 223, 224, 218, 212};
    static constexpr std::size_t kBodies[] = {0, 4, 8, 12, 16, 20, 32, 36, 76, 388, 2056, 5000};
    std::vector<std::uint8_t> request(kHeader + kBodies[below(std::size(kBodies))]);
    for (std::size_t i = kHeader; i + 4 <= request.size(); i += 4) {
      const std::uint32_t value = chance(50) ? 0 : word();
      std::memcpy(request.data() + i, &value, sizeof(value));
    }
    auto& hdr = *reinterpret_cast<vbg_ioctl_hdr*>(request.data());
    prepare(hdr, request.size(), request.size());
    // Requests that pause the machine or turn it off are let through by design; not here.
    hdr.type = chance(90) ? kTypes[below(std::size(kTypes))] : word();
    if (hdr.type == VMMDEVREQ_SET_POWER_STATUS) return;
    control(chance(70) ? VBG_IOCTL_VMMDEV_REQUEST(request.size()) : VBG_IOCTL_VMMDEV_REQUEST_BIG,
            request.data());
  }

  void wait() {
    vbg_ioctl_wait_for_events request{};
    request.u.in.timeout_ms = below(20);
    request.u.in.events = word();
    fixed(VBG_IOCTL_WAIT_FOR_EVENTS, request, kHeader + sizeof(request.u.in),
          kHeader + sizeof(request.u.out));
  }

  void filter() {
    vbg_ioctl_change_filter request{};
    request.u.in.or_mask = word() & (chance(90) ? 0x7ffU : UINT32_MAX);
    request.u.in.not_mask = word() & (chance(90) ? 0x7ffU : UINT32_MAX);
    fixed(VBG_IOCTL_CHANGE_FILTER_MASK, request, sizeof(request), kHeader);
  }

  void capabilities() {
    if (chance(50)) {
      vbg_ioctl_acquire_guest_caps request{};
      request.u.in.flags = chance(80) ? 0 : below(3);
      request.u.in.or_mask = below(9);
      request.u.in.not_mask = below(9);
      fixed(VBG_IOCTL_ACQUIRE_GUEST_CAPABILITIES, request, sizeof(request), kHeader);
    } else {
      vbg_ioctl_set_guest_caps request{};
      request.u.in.or_mask = below(9);
      request.u.in.not_mask = below(9);
      fixed(VBG_IOCTL_CHANGE_GUEST_CAPABILITIES, request, sizeof(request), sizeof(request));
    }
  }

  void log() {
    // The log has its own limit; what is wanted here is the way to it, not the text.
    struct {
      vbg_ioctl_hdr hdr;
      char text[40];
    } request{};
    fixed(VBG_IOCTL_LOG(0), request, kHeader + below(sizeof(request.text)), kHeader);
  }

  void small_ones() {
    switch (below(6)) {
      case 0: {
        vbg_ioctl_driver_version_info request{};
        request.u.in.req_version = word();
        request.u.in.min_version = word();
        return fixed(VBG_IOCTL_DRIVER_VERSION_INFO, request, kHeader + sizeof(request.u.in),
                     kHeader + sizeof(request.u.out));
      }
      case 1: {
        vbg_ioctl_check_balloon request{};
        return fixed(VBG_IOCTL_CHECK_BALLOON, request, kHeader, sizeof(request));
      }
      case 2: {
        vbg_ioctl_write_coredump request{};
        return fixed(VBG_IOCTL_WRITE_CORE_DUMP, request, sizeof(request), kHeader);
      }
      case 3: {
        struct {
          vbg_ioctl_hdr hdr;
          std::uint32_t features;
        } request{};
        request.features = word() & 0x1ffU;
        return fixed(_IOC(kReadWrite, 'V', 15, sizeof(request)), request, sizeof(request), kHeader);
      }
      case 4: {
        struct {
          vbg_ioctl_hdr hdr;
        } request{};
        if (chance(10)) {
          fixed(VBG_IOCTL_INTERRUPT_ALL_WAIT_FOR_EVENTS, request, kHeader, kHeader);
          close(node());
        }
        return;
      }
      default:
        others();
    }
  }

  /// Any number with any bytes.
  void raw() {
    std::array<std::uint32_t, 64> bytes{};
    for (std::uint32_t& value : bytes) value = word();
    bytes[1] = VBG_IOCTL_HDR_VERSION;
    if (chance(80)) bytes[0] = bytes[4] = below(sizeof(bytes));
    const std::uint32_t size = chance(50) ? bytes[0] : below(sizeof(bytes));
    const unsigned number = below(64);
    if (bytes[2] == VMMDEVREQ_SET_POWER_STATUS) return;
    control(_IOC(chance(80) ? kReadWrite : below(4), 'V', number, size & 0x3fffU), bytes.data());
  }

  void reopen() {
    int& fd = node();
    close(fd);
    fd = open_node();
    counts_.others++;
  }

  void others() {
    pollfd entry{node(), POLLIN, 0};
    poll(&entry, 1, static_cast<int>(below(5)));
    char byte = 0;
    static_cast<void>(!read(node(), &byte, chance(80) ? 1 : 0));
    static_cast<void>(fcntl(node(), F_SETFL, chance(50) ? O_ASYNC : 0));
    void* mapped = mmap(nullptr, 4096, PROT_READ, MAP_SHARED, node(), 0);
    if (mapped != MAP_FAILED) munmap(mapped, 4096);
    counts_.others++;
  }

  std::mt19937_64 random_;
  Counts& counts_;
  std::uint8_t* memory_ = nullptr;
  std::array<int, 3> nodes_{};
  std::array<Client, 8> clients_{};
  int fail_nth_ = -1;
};

[[noreturn]] void child(const Options& options, std::uint64_t seed, Counts& counts) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::signal(SIGIO, SIG_IGN);
  const Clock::time_point until = Clock::now() + std::chrono::seconds(options.seconds);
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < options.threads; i++) {
    threads.emplace_back([&, i] { Worker(seed * 1000 + i, options, counts).run(until); });
  }
  for (std::thread& thread : threads) thread.join();
  std::_Exit(0);
}

/// Processes that were killed, and what is known of how they end. A process may take its time to,
/// as when the host must agree that a call is cancelled: meanwhile the others go on.
class Graves {
 public:
  explicit Graves(std::chrono::seconds patience) : patience_(patience) {}

  void kill(pid_t pid) {
    ::kill(pid, SIGKILL);
    dying_.push_back({pid, Clock::now()});
  }

  /// Looks who has ended. Whoever takes too long counts as stuck; it is said where its threads are.
  void look() {
    const Clock::time_point now = Clock::now();
    std::erase_if(dying_, [&](const Dying& one) {
      const pid_t found = waitpid(one.pid, nullptr, WNOHANG);
      if (found == one.pid || (found < 0 && errno == ECHILD)) {
        longest_ = std::max(longest_, now - one.since);
        return true;
      }
      if (now - one.since < patience_) return false;
      print_stacks(one.pid);
      stuck_++;
      return true;
    });
  }

  [[nodiscard]] bool empty() const { return dying_.empty(); }
  [[nodiscard]] int stuck() const { return stuck_; }
  [[nodiscard]] double longest() const { return std::chrono::duration<double>(longest_).count(); }

 private:
  struct Dying {
    pid_t pid;
    Clock::time_point since;
  };

  static void print_stacks(pid_t pid) {
    std::error_code error;
    const std::string tasks = "/proc/" + std::to_string(pid) + "/task";
    for (const auto& task : std::filesystem::directory_iterator(tasks, error)) {
      std::printf("%s\n", task.path().c_str());
      std::ifstream stack(task.path() / "stack");
      for (std::string line; std::getline(stack, line);) std::printf("  %s\n", line.c_str());
    }
    std::fflush(stdout);
  }

  std::chrono::seconds patience_;
  std::vector<Dying> dying_;
  Clock::duration longest_{};
  int stuck_ = 0;
};

void print(const Counts& counts) {
  std::uint64_t all = 0;
  std::printf("ioctls by number:");
  for (std::size_t i = 0; i < counts.by_number.size(); i++) {
    if (counts.by_number[i] != 0) {
      std::printf(" %zu:%llu", i, static_cast<unsigned long long>(counts.by_number[i]));
    }
    all += counts.by_number[i];
  }
  std::printf("\nby result:");
  for (std::size_t i = 0; i < counts.by_errno.size(); i++) {
    if (counts.by_errno[i] != 0) {
      std::printf(" %s:%llu", i == 0 ? "0" : strerrorname_np(static_cast<int>(i)),
                  static_cast<unsigned long long>(counts.by_errno[i]));
    }
  }
  std::printf("\n%llu ioctls, %llu other calls, %llu allocations failed on purpose\n",
              static_cast<unsigned long long>(all), static_cast<unsigned long long>(counts.others),
              static_cast<unsigned long long>(counts.injected));
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; i++) {
    const std::string_view name = argv[i];
    if (name == "--fail-nth") {
      options.fail_nth = true;
      continue;
    }
    if (i + 1 >= argc) {
      std::fprintf(stderr, "ioctl-exerciser: %s needs a value\n", argv[i]);
      return 2;
    }
    const unsigned long long value = std::strtoull(argv[++i], nullptr, 0);
    if (name == "--seconds") {
      options.seconds = static_cast<unsigned>(value);
    } else if (name == "--seed") {
      options.seed = value;
    } else if (name == "--processes") {
      options.processes = static_cast<unsigned>(value);
    } else if (name == "--threads") {
      options.threads = static_cast<unsigned>(value);
    } else if (name == "--patience") {
      options.patience = static_cast<unsigned>(value);
    } else {
      std::fprintf(stderr, "ioctl-exerciser: unknown option %s\n", argv[i - 1]);
      return 2;
    }
  }
  void* shared =
      mmap(nullptr, sizeof(Counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return 2;
  auto& counts = *new (shared) Counts{};
  std::printf("seed %llu\n", static_cast<unsigned long long>(options.seed));
  std::fflush(stdout);

  // One process after the other is killed in the middle of what it does, and started again.
  const Clock::time_point until = Clock::now() + std::chrono::seconds(options.seconds);
  std::vector<pid_t> children(options.processes);
  std::uint64_t started = 0;
  auto start = [&](pid_t& pid) {
    pid = fork();
    if (pid == 0) child(options, options.seed * 100 + started, counts);
    started++;
  };
  for (pid_t& pid : children) start(pid);
  Graves graves{std::chrono::seconds(options.patience)};
  const auto tick = std::chrono::milliseconds(20);
  Clock::time_point next = Clock::now() + kLifetime;
  for (std::size_t i = 0; Clock::now() < until; std::this_thread::sleep_for(tick)) {
    graves.look();
    if (Clock::now() < next) continue;
    next += kLifetime;
    pid_t& pid = children[i++ % children.size()];
    graves.kill(pid);
    start(pid);
  }
  // The last ones by themselves, or, if they wait for what never comes, by force.
  std::this_thread::sleep_for(kLastWords);
  for (const pid_t pid : children) graves.kill(pid);
  for (; !graves.empty(); std::this_thread::sleep_for(tick)) graves.look();
  print(counts);
  std::printf("%llu processes, %d of them could not be ended; the slowest took %.1f s\n",
              static_cast<unsigned long long>(started), graves.stuck(), graves.longest());
  return graves.stuck() == 0 ? 0 : 1;
}

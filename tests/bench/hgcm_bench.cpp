// SPDX-License-Identifier: MIT
//
// Guest side of `make bench`: times HGCM calls to the test service through the driver's ioctls, the
// same way whichever vboxguest driver is loaded. Uses the kernel's own UAPI headers and not
// libhgcm, so that the numbers are the driver's and the device's. Prints one JSON object per
// measurement; counting exits is the host's part (tests/bench/run).
//
//   hgcm-bench noop COUNT | threads N COUNT | delayed MILLISECONDS COUNT | in BYTES COUNT | out
//   BYTES COUNT
#include <fcntl.h>
#include <linux/vboxguest.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kNoop = 1;
constexpr std::uint32_t kDelay = 4;
constexpr std::uint32_t kFill = 7;
constexpr std::uint32_t kSum = 8;
constexpr std::size_t kMaxParameters = 2;

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

/// One connection to the test service over one open device file.
class Session {
 public:
  Session() : fd_(open("/dev/vboxguest", O_RDWR | O_CLOEXEC)) {
    if (fd_ < 0) {
      die("open /dev/vboxguest");
    }
    vbg_ioctl_hgcm_connect connect{};
    connect.hdr.size_in = sizeof(connect);
    connect.hdr.size_out = sizeof(connect.hdr) + sizeof(connect.u.out);
    connect.hdr.version = VBG_IOCTL_HDR_VERSION;
    connect.u.in.loc.type = VMMDEV_HGCM_LOC_LOCALHOST_EXISTING;
    std::strncpy(connect.u.in.loc.u.localhost.service_name, "HgcmTestSvc",
                 sizeof(connect.u.in.loc.u.localhost.service_name) - 1);
    if (ioctl(fd_, VBG_IOCTL_HGCM_CONNECT, &connect) != 0) {
      die("HGCM_CONNECT");
    }
    if (connect.hdr.rc < 0) {
      std::fprintf(stderr, "connect: status %d\n", connect.hdr.rc);
      std::exit(1);
    }
    client_ = connect.u.out.client_id;
  }
  ~Session() { close(fd_); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void call(std::uint32_t function,
            std::initializer_list<vmmdev_hgcm_function_parameter64> parameters) const {
    struct {
      vbg_ioctl_hgcm_call call;
      vmmdev_hgcm_function_parameter64 parameters[kMaxParameters];
    } request{};
    std::copy(parameters.begin(), parameters.end(), request.parameters);
    const auto size = static_cast<std::uint32_t>(
        sizeof(request.call) + parameters.size() * sizeof(vmmdev_hgcm_function_parameter64));
    request.call.hdr.size_in = size;
    request.call.hdr.size_out = size;
    request.call.hdr.version = VBG_IOCTL_HDR_VERSION;
    request.call.client_id = client_;
    request.call.function = function;
    request.call.timeout_ms = UINT32_MAX;
    request.call.parm_count = static_cast<std::uint16_t>(parameters.size());
    if (ioctl(fd_, VBG_IOCTL_HGCM_CALL_64(size), &request) != 0) {
      die("HGCM_CALL");
    }
    if (request.call.hdr.rc < 0) {
      std::fprintf(stderr, "function %u: status %d\n", function, request.call.hdr.rc);
      std::exit(1);
    }
  }

 private:
  int fd_;
  std::uint32_t client_ = 0;
};

vmmdev_hgcm_function_parameter64 value32(std::uint32_t value) {
  vmmdev_hgcm_function_parameter64 parameter{};
  parameter.type = VMMDEV_HGCM_PARM_TYPE_32BIT;
  parameter.u.value32 = value;
  return parameter;
}

vmmdev_hgcm_function_parameter64 value64() {
  vmmdev_hgcm_function_parameter64 parameter{};
  parameter.type = VMMDEV_HGCM_PARM_TYPE_64BIT;
  return parameter;
}

vmmdev_hgcm_function_parameter64 buffer(vmmdev_hgcm_function_parameter_type type,
                                        std::vector<std::uint8_t>& bytes) {
  vmmdev_hgcm_function_parameter64 parameter{};
  parameter.type = type;
  parameter.u.pointer.size = static_cast<std::uint32_t>(bytes.size());
  parameter.u.pointer.u.linear_addr = reinterpret_cast<std::uintptr_t>(bytes.data());
  return parameter;
}

struct Times {
  double median_us;
  double total_s;
};

template <typename F>
Times measure(unsigned count, F&& once) {
  std::vector<double> samples;
  samples.reserve(count);
  const auto begin = Clock::now();
  for (unsigned i = 0; i < count; ++i) {
    const auto start = Clock::now();
    once();
    samples.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
  }
  const double total = std::chrono::duration<double>(Clock::now() - begin).count();
  std::ranges::nth_element(samples, samples.begin() + count / 2);
  return {samples[count / 2], total};
}

unsigned number(const char* text) {
  char* end = nullptr;
  const unsigned long value = std::strtoul(text, &end, 10);
  if (*end != '\0' || value == 0 || value > 1U << 30) {
    std::fprintf(stderr, "not a count: %s\n", text);
    std::exit(2);
  }
  return static_cast<unsigned>(value);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  if (what == "noop" && argc == 3) {
    const unsigned count = number(argv[2]);
    const Session session;
    const Times t = measure(count, [&] { session.call(kNoop, {}); });
    std::printf("{\"calls\": %u, \"median_us\": %.2f, \"mean_us\": %.2f}\n", count, t.median_us,
                t.total_s * 1e6 / count);
  } else if (what == "delayed" && argc == 4) {
    const unsigned ms = number(argv[2]);
    const unsigned count = number(argv[3]);
    const Session session;
    const Times t = measure(count, [&] { session.call(kDelay, {value32(ms)}); });
    std::printf("{\"calls\": %u, \"median_us\": %.2f, \"mean_us\": %.2f}\n", count, t.median_us,
                t.total_s * 1e6 / count);
  } else if (what == "threads" && argc == 4) {
    const unsigned threads = number(argv[2]);
    const unsigned count = number(argv[3]);
    std::vector<Session> sessions(threads);
    std::atomic<bool> go{false};
    std::vector<std::thread> workers;
    for (unsigned i = 0; i < threads; ++i) {
      workers.emplace_back([&, i] {
        while (!go.load(std::memory_order_acquire)) {
          std::this_thread::yield();
        }
        for (unsigned n = 0; n < count; ++n) {
          sessions[i].call(kNoop, {});
        }
      });
    }
    const auto begin = Clock::now();
    go.store(true, std::memory_order_release);
    for (std::thread& worker : workers) {
      worker.join();
    }
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    std::printf("{\"calls\": %u, \"calls_per_s\": %.0f}\n", threads * count,
                threads * count / seconds);
  } else if ((what == "in" || what == "out") && argc == 4) {
    std::vector<std::uint8_t> bytes(number(argv[2]), 0x5a);
    const unsigned count = number(argv[3]);
    const Session session;
    const Times t = measure(count, [&] {
      if (what == "in") {
        session.call(kSum, {buffer(VMMDEV_HGCM_PARM_TYPE_LINADDR_IN, bytes), value64()});
      } else {
        session.call(kFill, {value32(1), buffer(VMMDEV_HGCM_PARM_TYPE_LINADDR_OUT, bytes)});
      }
    });
    std::printf("{\"calls\": %u, \"median_us\": %.2f, \"mb_per_s\": %.1f}\n", count, t.median_us,
                static_cast<double>(bytes.size()) / t.median_us);
  } else {
    std::fprintf(stderr,
                 "usage: hgcm-bench noop COUNT | threads N COUNT | delayed MS COUNT |\n"
                 "                  in BYTES COUNT | out BYTES COUNT\n");
    return 2;
  }
  return 0;
}

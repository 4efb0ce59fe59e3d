// SPDX-License-Identifier: MIT
//
// Load and trouble for the guest driver, run in a guest by the cases: many connections, many calls,
// calls that stay pending. Talks to the test service HgcmTestSvc. What the library promises is
// tested elsewhere (tests/lib); this is about the driver and the device under it.
#include <hgcm/client.h>
#include <hgcm/device.h>

#include <unistd.h>

#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using hgcm::Client;
using hgcm::Device;
using hgcm::in;
using hgcm::in_out;
using hgcm::out;
using hgcm::Status;

constexpr std::string_view kService = "HgcmTestSvc";
constexpr std::uint32_t kNoop = 1;
constexpr std::uint32_t kAdd = 3;
constexpr std::uint32_t kDelay = 4;
constexpr std::uint32_t kPark = 5;
constexpr std::uint32_t kFill = 7;
constexpr std::uint32_t kSum = 8;
constexpr std::uint32_t kNever = 11;
constexpr std::size_t kClientsPerSession = 60;  // the driver allows 64

constexpr const char* kUsage = R"text(usage: hgcm-load COMMAND
  connects N            connect and disconnect N times
  hold N                N clients at once, until standard input ends
  calls N [THREADS]     N calls that do nothing, in each of THREADS threads
  sums N [THREADS]      N calls that calculate, each result checked
  delays N [THREADS]    N calls of 0 to 3 ms; one that takes 10 s is lost
  buffers BYTES...      a buffer of each size to the host and one from it, contents checked
  park KEY | never      one call that stays pending
  busy THREADS          calls until killed
)text";

bool report(const char* what, Status status) {
  std::fprintf(stderr, "hgcm-load: %s: %s\n", what, status.to_string().c_str());
  return false;
}

std::unique_ptr<Device> open_device() {
  std::string detail;
  auto device = hgcm::open_device({}, &detail);
  if (!device) {
    report(detail.c_str(), device.error());
    return nullptr;
  }
  return std::move(*device);
}

bool connects(std::uint32_t count) {
  const auto device = open_device();
  for (std::uint32_t i = 0; device && i < count; ++i) {
    auto client = Client::connect(*device, kService);
    if (!client) return report("connect", client.error());
    if (const Status status = client->disconnect(); status.failed()) {
      return report("disconnect", status);
    }
  }
  return device != nullptr;
}

bool hold(std::uint32_t count) {
  std::vector<std::unique_ptr<Device>> devices;
  std::vector<Client> clients;
  while (clients.size() < count) {
    if (clients.size() % kClientsPerSession == 0) {
      devices.push_back(open_device());
      if (!devices.back()) return false;
    }
    auto client = Client::connect(*devices.back(), kService);
    if (!client) return report("connect", client.error());
    clients.push_back(std::move(*client));
  }
  std::printf("holding %zu\n", clients.size());
  std::fflush(stdout);
  char byte = 0;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  return true;
}

// Runs `one(client, i)` `count` times in each thread, which have one client each on one device.
template <typename One>
bool repeat(std::uint32_t count, std::uint32_t threads, One one) {
  const auto device = open_device();
  if (!device) return false;
  std::atomic<bool> good = true;
  const auto start = std::chrono::steady_clock::now();
  {
    std::vector<std::jthread> workers;
    for (std::uint32_t t = 0; t < threads; ++t) {
      workers.emplace_back([&, t] {
        auto client = Client::connect(*device, kService);
        if (!client) {
          good = report("connect", client.error());
          return;
        }
        for (std::uint32_t i = 0; good && i < count; ++i) {
          if (!one(*client, t * count + i)) good = false;
        }
      });
    }
  }
  const std::chrono::duration<double, std::micro> elapsed =
      std::chrono::steady_clock::now() - start;
  std::printf("%u calls, %.1f us each\n", count * threads, elapsed.count() / count / threads);
  return good;
}

bool noop(Client& client) {
  const auto result = client.call(kNoop);
  return result ? true : report("call", result.error());
}

bool add(Client& client, std::uint32_t i) {
  std::uint32_t first = i;
  std::uint64_t total = 0;
  const std::uint64_t second = std::uint64_t{i} << 33U;
  const auto result = client.call(kAdd, in_out(first), in(second), out(total));
  if (!result) return report("call", result.error());
  if (total == second + i && first == i + 1) return true;
  std::fprintf(stderr, "hgcm-load: %u + %llu gave %llu\n", i,
               static_cast<unsigned long long>(second), static_cast<unsigned long long>(total));
  return false;
}

bool delay(Client& client, std::uint32_t i) {
  const auto result =
      client.call({.timeout = std::chrono::seconds(10), .stop = {}}, kDelay, in(i % 4));
  return result ? true : report("delayed call", result.error());
}

bool buffers(std::span<const std::uint32_t> sizes) {
  const auto device = open_device();
  if (!device) return false;
  auto client = Client::connect(*device, kService);
  if (!client) return report("connect", client.error());
  for (const std::uint32_t size : sizes) {
    // One byte off, so that no buffer is aligned to a page.
    std::vector<std::byte> memory(std::size_t{size} + 1);
    const std::span<std::byte> buffer = std::span(memory).subspan(1);
    const std::uint32_t seed = size;
    auto result = client->call(kFill, in(seed), out(buffer));
    if (!result) return report("fill", result.error());
    std::uint64_t wanted = 0;
    for (std::size_t i = 0; i < buffer.size(); ++i) {
      const auto value = static_cast<std::byte>((seed + 7 * i) & 0xffU);
      if (buffer[i] != value) {
        std::fprintf(stderr, "hgcm-load: %u bytes from the host differ at %zu\n", size, i);
        return false;
      }
      wanted += std::to_integer<std::uint64_t>(value);
    }
    std::uint64_t sum = 0;
    result = client->call(kSum, in(std::span<const std::byte>(buffer)), out(sum));
    if (!result) return report("sum", result.error());
    if (sum != wanted) {
      std::fprintf(stderr, "hgcm-load: %u bytes arrived differently\n", size);
      return false;
    }
    std::printf("%u bytes\n", size);
  }
  return true;
}

// Prints how the call ended; that it ends at all is then the finding.
bool pending(std::uint32_t function, std::uint32_t key) {
  const auto device = open_device();
  if (!device) return false;
  auto client = Client::connect(*device, kService);
  if (!client) return report("connect", client.error());
  std::printf("calling\n");
  std::fflush(stdout);
  const auto result = function == kNever ? client->call(function) : client->call(function, in(key));
  std::printf("ended: %s\n", (result ? *result : result.error()).to_string().c_str());
  return result.has_value();
}

[[noreturn]] void usage() {
  std::fputs(kUsage, stderr);
  std::exit(2);
}

bool run(std::string_view command, const std::vector<std::uint32_t>& numbers) {
  if (command == "buffers") return buffers(numbers);
  const std::uint32_t first = numbers.empty() ? 1 : numbers[0];
  const std::uint32_t threads = numbers.size() > 1 ? numbers[1] : 1;
  if (first == 0 || threads == 0) usage();
  if (command == "connects") return connects(first);
  if (command == "hold") return hold(first);
  if (command == "calls") {
    return repeat(first, threads, [](Client& client, std::uint32_t) { return noop(client); });
  }
  if (command == "sums") return repeat(first, threads, add);
  if (command == "delays") return repeat(first, threads, delay);
  if (command == "park") return pending(kPark, first);
  if (command == "never") return pending(kNever, 0);
  if (command == "busy") return repeat(UINT32_MAX / first, first, add);
  usage();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) usage();
  std::vector<std::uint32_t> numbers;
  for (int i = 2; i < argc; ++i) {
    const std::string_view text = argv[i];
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) usage();
    numbers.push_back(number);
  }
  return run(argv[1], numbers) ? 0 : 1;
}

// SPDX-License-Identifier: MIT
//
// hgcm-host-bench: how long a guest call takes from ServiceHost::call() to its completion, with the
// no-op function of HgcmTestSvc. One caller that polls for the end (as a device does that holds its
// reply), with and without the service thread's own polling; one that waits between calls; and many
// calls in flight.
#include "../host_fixture.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <thread>

using namespace hgcm;
using namespace hgcm::host;
using namespace hgcm::host::testing;

namespace {

using Clock = std::chrono::steady_clock;

class PolledCall : public GuestCall {
 public:
  PolledCall() {
    function = 1;
    parameters.resize(kMinParameterSlots);
  }
  Status complete(Status) noexcept override {
    done.store(true, std::memory_order_release);
    return {};
  }
  std::atomic<bool> done{false};
};

/// Polls, but lets others run when it takes long: the service thread may be on this processor.
void wait_for(const PolledCall& call) {
  for (unsigned i = 1; !call.done.load(std::memory_order_acquire); ++i) {
    __builtin_ia32_pause();
    if (i % 1024 == 0) std::this_thread::yield();
  }
}

double percentile(std::vector<double>& sorted, double part) {
  return sorted[static_cast<std::size_t>(part * static_cast<double>(sorted.size() - 1))];
}

void one_at_a_time(const char* title, std::chrono::microseconds spin,
                   std::chrono::microseconds pause, int rounds) {
  ServiceHostOptions options = test_options();
  options.max_spin = spin;
  HostFixture fixture(std::move(options));
  fixture.host.load("HgcmTestSvc");
  const ClientId client = fixture.client_of("HgcmTestSvc");
  std::vector<double> times;
  for (int i = 0; i < rounds; ++i) {
    if (pause.count() > 0) std::this_thread::sleep_for(pause);
    auto call = std::make_shared<PolledCall>();
    const auto start = Clock::now();
    fixture.host.call(client, call);
    wait_for(*call);
    times.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
  }
  std::sort(times.begin(), times.end());
  std::printf("%-38s median %7.2f us   90%% %7.2f us   99%% %7.2f us\n", title,
              percentile(times, 0.5), percentile(times, 0.9), percentile(times, 0.99));
}

void many_in_flight(int calls) {
  HostFixture fixture;
  fixture.host.load("HgcmTestSvc");
  const ClientId client = fixture.client_of("HgcmTestSvc");
  std::vector<std::shared_ptr<PolledCall>> batch(64);
  const auto start = Clock::now();
  for (int done = 0; done < calls; done += 64) {
    for (auto& call : batch) {
      call = std::make_shared<PolledCall>();
      fixture.host.call(client, call);
    }
    for (const auto& call : batch) wait_for(*call);
  }
  const std::chrono::duration<double, std::micro> time = Clock::now() - start;
  std::printf("%-38s %.2f us per call\n", "64 calls in flight", time.count() / calls);
}

}  // namespace

int main() {
  one_at_a_time("back to back, polling", std::chrono::microseconds(30), {}, 20000);
  one_at_a_time("back to back, no polling", {}, {}, 20000);
  one_at_a_time("a call every 200 us", std::chrono::microseconds(30),
                std::chrono::microseconds(200), 2000);
  many_in_flight(200000);
  return 0;
}

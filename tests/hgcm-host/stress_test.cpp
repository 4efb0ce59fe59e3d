// SPDX-License-Identifier: MIT
//
// Everything at once: several services, some completing on threads of their own, while clients come
// and go, calls are cancelled and the machine is reset and saved. What must hold at the end: every
// accepted call ended exactly once, every request was answered exactly once. Meant for the thread
// and address sanitizers as much as for itself.
#include "scripted_service.h"

#include <boost/test/unit_test.hpp>

#include <random>
#include <thread>

using namespace hgcm;
using namespace hgcm::host;
using namespace hgcm::host::testing;

namespace {

constexpr auto kDuration = std::chrono::milliseconds(700);

/// A service that hands calls to a thread of its own, which completes them in any order.
class WorkerService {
 public:
  WorkerService() {
    script.load = [this](hgcm_svc_table& table) -> std::int32_t {
      table.client_size = 64;
      const std::lock_guard lock(mutex_);
      stopping_ = false;
      worker_ = std::thread([this] { work(); });
      return 0;
    };
    script.unload = [this]() -> std::int32_t {
      {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
      }
      changed_.notify_all();
      worker_.join();
      return 0;
    };
    script.call = [this](const Arrived& call) {
      static_cast<unsigned char*>(call.data)[0]++;
      const std::lock_guard lock(mutex_);
      calls_.push_back(call);
      changed_.notify_one();
    };
    script.cancelled = [](std::uint32_t) {};
    script.save = [](std::uint32_t, hgcm_svc_ssm*, const hgcm_svc_vmm*) { return 0; };
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      if (calls_.empty()) {
        changed_.wait(lock);
        continue;
      }
      const Arrived call = calls_.back();
      calls_.pop_back();
      lock.unlock();
      call.parms[0].u.u32 = script.helpers->is_call_cancelled(call.handle) ? 1 : 0;
      script.complete(call, 0);
      if (call.function == 2) script.complete(call, 0);
      lock.lock();
    }
    calls_.clear();  // the host ends what is left
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Arrived> calls_;
  bool stopping_ = false;
  std::thread worker_;

 public:
  Script script;  // last: unloads before the rest goes
};

struct Tally {
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> ended{0};
  std::atomic<std::uint64_t> asked{0};
  std::atomic<std::uint64_t> answered{0};
  std::atomic<std::uint64_t> twice{0};
};

class StressCall : public GuestCall {
 public:
  StressCall(Tally& tally, std::uint32_t number) : tally_(tally) {
    function = number;
    parameters.resize(kMinParameterSlots);
  }
  Status complete(Status) noexcept override {
    end();
    return cancelled.load() ? Status(HGCM_ERR_CANCELLED) : Status();
  }
  void dismiss(Dismissal) noexcept override { end(); }

 private:
  void end() noexcept {
    ++tally_.ended;
    if (ended_.exchange(true)) ++tally_.twice;
  }
  Tally& tally_;
  std::atomic<bool> ended_{false};
};

class Guest {
 public:
  Guest(ServiceHost& host, Tally& tally, unsigned seed)
      : host_(host), tally_(tally), random_(seed) {}

  void run(std::chrono::steady_clock::time_point end) {
    while (std::chrono::steady_clock::now() < end) step();
  }

 private:
  void step() {
    const auto dice = random_() % 100;
    if (dice < 4) {
      static constexpr const char* kNames[] = {"W1", "W2", "HgcmTestSvc", "Coming", "Nobody"};
      ++tally_.asked;
      host_.connect(kNames[random_() % 5], HGCM_REQUESTOR_USER_ROOT,
                    [this, ids = ids_](Status status, ClientId id) {
                      if (status.ok()) ids->store(id);
                      ++tally_.answered;
                    });
    } else if (dice < 6) {
      ++tally_.asked;
      host_.disconnect(some_client(), [this](Status) { ++tally_.answered; });
    } else if (dice < 10) {
      if (last_ != nullptr) host_.cancel(some_client(), last_);
    } else {
      const auto function =
          static_cast<std::uint32_t>(random_() % 50 == 0 ? 11 : 1 + random_() % 2);
      auto call = std::make_shared<StressCall>(tally_, function);
      if (host_.call(some_client(), call).ok()) {
        ++tally_.accepted;
        last_ = std::move(call);
      } else if (random_() % 4 == 0) {
        std::this_thread::yield();
      }
    }
  }

  ClientId some_client() {
    const ClientId newest = ids_->load();
    return newest - static_cast<ClientId>(random_() % 4);
  }

  ServiceHost& host_;
  Tally& tally_;
  std::minstd_rand random_;
  std::shared_ptr<std::atomic<ClientId>> ids_ = std::make_shared<std::atomic<ClientId>>(0);
  std::shared_ptr<StressCall> last_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(stress)

BOOST_AUTO_TEST_CASE(everything_at_once_ends_exactly_once) {
  Tally tally;
  std::vector<std::unique_ptr<Guest>> guests;
  auto fixture = std::make_unique<HostFixture>();
  ServiceHost& host = fixture->host;
  {
    WorkerService first;
    WorkerService second;
    WorkerService coming;
    load_script<0>(host, first.script, "W1");
    load_script<1>(host, second.script, "W2");
    host.load("HgcmTestSvc");

    const auto end = std::chrono::steady_clock::now() + kDuration;
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < 3; ++i)
      guests.push_back(std::make_unique<Guest>(host, tally, 1000 + i));
    for (auto& guest : guests) threads.emplace_back([&guest, end] { guest->run(end); });
    threads.emplace_back([&] {
      for (int round = 0; std::chrono::steady_clock::now() < end; ++round) {
        if (round % 5 == 0) host.reset();
        if (round % 7 == 0) static_cast<void>(host.save_state());
        load_script<2>(host, coming.script, "Coming");
        host.notify(HGCM_SVC_EVENT_RESUME);
        static_cast<void>(host.statistics());
        static_cast<void>(host.host_call("W1", 1, {}));
        host.unload("Coming");
      }
    });
    for (auto& thread : threads) thread.join();
    BOOST_TEST(host.unload("HgcmTestSvc") == HGCM_INF_SUCCESS);
  }
  fixture.reset();
  BOOST_TEST(tally.accepted > 100U);
  BOOST_TEST(tally.ended == tally.accepted);
  BOOST_TEST(tally.twice == 0U);
  BOOST_TEST(tally.answered == tally.asked);
}

BOOST_AUTO_TEST_CASE(host_is_destroyed_while_calls_run) {
  for (int round = 0; round < 30; ++round) {
    Tally tally;
    WorkerService worker;
    auto fixture = std::make_unique<HostFixture>();
    load_script<0>(fixture->host, worker.script, "W");
    const ClientId client = fixture->client_of("W");
    for (std::uint32_t i = 0; i < 200; ++i) {
      if (fixture->host.call(client, std::make_shared<StressCall>(tally, 1 + i % 2)).ok())
        ++tally.accepted;
    }
    worker.script.host = nullptr;
    fixture.reset();
    BOOST_TEST_REQUIRE(tally.accepted == 200U);
    BOOST_TEST_REQUIRE(tally.ended == tally.accepted);
    BOOST_TEST_REQUIRE(tally.twice == 0U);
  }
}

BOOST_AUTO_TEST_SUITE_END()

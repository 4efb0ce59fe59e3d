// SPDX-License-Identifier: MIT
//
// What the tests of the service host share: a host over the built test services, a guest call whose
// end can be waited for, and blocking forms of the device's members.
#ifndef HGCM_TESTS_HOST_FIXTURE_H
#define HGCM_TESTS_HOST_FIXTURE_H

#include "hgcm/service_host.h"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

namespace hgcm {

inline std::ostream& operator<<(std::ostream& out, Status status) {
  return out << status.to_string();
}

}  // namespace hgcm

namespace hgcm::host::testing {

/// Long enough for any machine; a test that needs it has failed.
inline constexpr std::chrono::seconds kPatience{30};

inline std::filesystem::path test_service_directory() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "services";
}

inline hgcm_svc_parm u32(std::uint32_t value) {
  hgcm_svc_parm parm{};
  parm.type = HGCM_SVC_PARM_32BIT;
  parm.u.u32 = value;
  return parm;
}

inline hgcm_svc_parm u64(std::uint64_t value) {
  hgcm_svc_parm parm{};
  parm.type = HGCM_SVC_PARM_64BIT;
  parm.u.u64 = value;
  return parm;
}

template <typename Bytes>
hgcm_svc_parm buffer(Bytes& bytes) {
  hgcm_svc_parm parm{};
  parm.type = HGCM_SVC_PARM_PTR;
  parm.u.ptr.size = static_cast<std::uint32_t>(bytes.size());
  parm.u.ptr.addr = bytes.data();
  return parm;
}

class TestCall : public GuestCall {
 public:
  TestCall(std::uint32_t number, std::vector<hgcm_svc_parm> parms) {
    function = number;
    parameter_count = static_cast<std::uint32_t>(parms.size());
    parameters = std::move(parms);
    parameters.resize(std::max<std::size_t>(parameters.size(), kMinParameterSlots));
  }

  Status complete(Status status) noexcept override {
    {
      const std::lock_guard lock(mutex_);
      status_ = status;
      ++completions_;
      changed_.notify_all();
    }
    return cancelled.load() ? Status(HGCM_ERR_CANCELLED) : Status(HGCM_INF_SUCCESS);
  }

  void dismiss(Dismissal reason) noexcept override {
    const std::lock_guard lock(mutex_);
    dismissal_ = reason;
    ++completions_;
    changed_.notify_all();
  }

  /// The status it was completed with; nothing when that took too long or it was dismissed.
  std::optional<Status> wait() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kPatience, [this] { return completions_ > 0; });
    return status_;
  }

  std::optional<Dismissal> wait_dismissed() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kPatience, [this] { return completions_ > 0; });
    return dismissal_;
  }

  int completions() {
    const std::lock_guard lock(mutex_);
    return completions_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Status> status_;
  std::optional<Dismissal> dismissal_;
  int completions_ = 0;
};

using Call = std::shared_ptr<TestCall>;

inline Call make_call(std::uint32_t function, std::vector<hgcm_svc_parm> parms = {}) {
  return std::make_shared<TestCall>(function, std::move(parms));
}

inline ServiceHostOptions test_options() {
  ServiceHostOptions options;
  options.service_directories = {test_service_directory()};
  return options;
}

struct HostFixture {
  explicit HostFixture(ServiceHostOptions options = test_options()) : host(std::move(options)) {}

  std::pair<Status, ClientId> connect_to(std::string_view service,
                                         std::uint32_t requestor = HGCM_REQUESTOR_LEGACY) {
    auto promise = std::make_shared<std::promise<std::pair<Status, ClientId>>>();
    auto result = promise->get_future();
    host.connect(service, requestor, [promise](Status status, ClientId id) {
      promise->set_value({status, id});
    });
    if (result.wait_for(kPatience) != std::future_status::ready) return {HGCM_ERR_TIMEOUT, 0};
    return result.get();
  }

  ClientId client_of(std::string_view service, std::uint32_t requestor = HGCM_REQUESTOR_LEGACY) {
    return connect_to(service, requestor).second;
  }

  Status disconnect(ClientId client) {
    auto promise = std::make_shared<std::promise<Status>>();
    auto result = promise->get_future();
    host.disconnect(client, [promise](Status status) { promise->set_value(status); });
    if (result.wait_for(kPatience) != std::future_status::ready) return HGCM_ERR_TIMEOUT;
    return result.get();
  }

  /// Submits and waits; a refusal is the result.
  Status run(ClientId client, const Call& call) {
    const Status accepted = host.call(client, call);
    if (accepted.failed()) return accepted;
    return call->wait().value_or(HGCM_ERR_TIMEOUT);
  }

  Status run(ClientId client, std::uint32_t function, std::vector<hgcm_svc_parm> parms = {}) {
    return run(client, make_call(function, std::move(parms)));
  }

  ServiceStatistics statistics(std::string_view name) {
    for (auto& one : host.statistics()) {
      if (one.name == name) return std::move(one);
    }
    return {};
  }

  ServiceHost host;
};

}  // namespace hgcm::host::testing

#endif

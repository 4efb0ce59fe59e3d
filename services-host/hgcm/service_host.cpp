// SPDX-License-Identifier: MIT
//
// ServiceHost: the services of a host by name, and the requests that concern more than one.
#include "hgcm/service_host.h"

#include "hgcm/core.h"
#include "hgcm/service.h"
#include "hgcm/service_library.h"
#include "hgcm/state_container.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <utility>

namespace hgcm::host {
namespace {

using ServicePointer = std::shared_ptr<Service>;

/// What a public member may throw is lack of memory.
template <typename Work>
auto guarded(Work work) noexcept -> decltype(work()) {
  try {
    return work();
  } catch (...) {
    if constexpr (std::is_same_v<decltype(work()), Status>) {
      return HGCM_ERR_NO_MEMORY;
    } else {
      return failure(HGCM_ERR_NO_MEMORY);
    }
  }
}

Deadline after(std::chrono::milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}

void set_detail(std::string* detail, std::string text) {
  if (detail != nullptr) *detail = std::move(text);
}

/// A service waiting for itself, or for one that waits for it, would wait forever.
bool would_deadlock() noexcept {
  return Service::current() != nullptr;
}

/// Sets a flag for as long as it lives.
class Phase {
 public:
  explicit Phase(std::atomic<bool>& flag) noexcept : flag_(flag) { flag_.store(true); }
  Phase(const Phase&) = delete;
  Phase& operator=(const Phase&) = delete;
  ~Phase() { flag_.store(false); }

 private:
  std::atomic<bool>& flag_;
};

}  // namespace

class ServiceHost::Impl {
 public:
  explicit Impl(ServiceHostOptions options) : core_(std::make_shared<Core>(std::move(options))) {}

  Core& core() noexcept { return *core_; }

  Status load(std::string_view name, Service::Source source, std::string* detail) {
    const std::lock_guard lock(life_mutex_);
    reap();
    ServicePointer service;
    {
      const std::lock_guard registry_lock(registry_mutex_);
      if (services_.find(name) != services_.end()) {
        set_detail(detail, "a service of this name is loaded already");
        return HGCM_ERR_HGCM_SERVICE_EXISTS;
      }
      service = Service::start(core_, std::string(name), std::move(source));
      services_.emplace(std::string(name), service);
    }
    const Status status = service->wait_loaded(after(core_->options.work_timeout), detail);
    if (status.ok()) return status;
    {
      const std::lock_guard registry_lock(registry_mutex_);
      services_.erase(service->name());
    }
    // It may just have finished loading after all.
    service->begin_unload();
    const bool hangs = status == HGCM_ERR_TIMEOUT && !service->load_returned();
    service->end(hangs ? after({}) : after(core_->options.stop_timeout));
    return status;
  }

  Status unload(std::string_view name) {
    const std::lock_guard lock(life_mutex_);
    reap();
    ServicePointer service;
    {
      const std::lock_guard registry_lock(registry_mutex_);
      const auto it = services_.find(name);
      if (it == services_.end()) return HGCM_ERR_HGCM_SERVICE_NOT_FOUND;
      service = std::move(it->second);
      services_.erase(it);
    }
    service->begin_unload();
    return service->end(after(core_->options.stop_timeout));
  }

  void unload_all() {
    const std::lock_guard lock(life_mutex_);
    std::vector<ServicePointer> all;
    {
      const std::lock_guard registry_lock(registry_mutex_);
      for (auto& [name, service] : services_) all.push_back(std::move(service));
      services_.clear();
    }
    for (const auto& service : all) service->begin_unload();
    const Deadline deadline = after(core_->options.stop_timeout);
    for (const auto& service : all) service->end(deadline);
    reap();
    core_->forget_owner();
  }

  void set_call_source(CallSource* source) {
    const std::lock_guard lock(core_->looking);
    core_->source = source;
  }

  [[nodiscard]] ServicePointer find(std::string_view name) const {
    const std::lock_guard lock(registry_mutex_);
    const auto it = services_.find(name);
    return it == services_.end() ? nullptr : it->second;
  }

  /// For a guest's connect: may start to load the service, which then is loading.
  ServicePointer find_or_load(std::string_view name) {
    const std::lock_guard lock(registry_mutex_);
    if (const auto it = services_.find(name); it != services_.end()) return it->second;
    const ServiceHostOptions& options = core_->options;
    if (!options.load_on_connect || !is_plain_service_name(name)) return nullptr;
    // A guest must not make the host try what is broken again and again.
    if (broken_.find(name) != broken_.end()) return nullptr;
    const auto path = find_service_library(name, options.service_directories);
    if (path.empty()) return nullptr;
    const std::weak_ptr<Impl> weak = self_;
    auto service = Service::start(core_, std::string(name), {path, nullptr},
                                  [weak](const ServicePointer& failed) {
                                    if (const auto impl = weak.lock()) impl->load_failed(failed);
                                  });
    services_.emplace(std::string(name), service);
    return service;
  }

  [[nodiscard]] std::vector<ServicePointer> loaded() const {
    const std::lock_guard lock(registry_mutex_);
    std::vector<ServicePointer> result;
    for (const auto& [name, service] : services_) {
      if (service->loaded()) result.push_back(service);
    }
    return result;
  }

  /// Disconnects every client of every service. False when a service hung.
  bool disconnect_all() {
    core_->clients.close_all();
    std::vector<std::shared_ptr<Outcome>> outcomes;
    for (const auto& service : loaded()) outcomes.push_back(service->disconnect_closing());
    const Deadline deadline = after(core_->options.stop_timeout);
    bool all = true;
    for (const auto& outcome : outcomes) all = outcome->wait(deadline).has_value() && all;
    return all;
  }

  void reset() {
    const std::lock_guard lock(life_mutex_);
    {
      const Phase resetting(core_->resetting);
      if (!disconnect_all())
        core_->log(LogLevel::kWarning, "a service did not disconnect its clients in time");
    }
    for (const auto& service : loaded()) service->notify(HGCM_SVC_EVENT_RESET);
  }

  Result<std::vector<std::byte>> save() {
    const std::lock_guard lock(life_mutex_);
    const Phase saving(core_->saving);
    SavedHost host;
    for (const auto& service : loaded()) {
      auto saved = service->save(after(core_->options.work_timeout));
      if (!saved) return failure(saved.error());
      host.services.push_back(std::move(*saved));
    }
    host.last_id = core_->clients.last_id();
    return encode_state(host);
  }

  Status restore(std::span<const std::byte> bytes, const std::function<void()>& before_change) {
    const auto host = decode_state(bytes);
    if (!host) return host.error();
    const std::lock_guard lock(life_mutex_);
    std::vector<std::pair<ServicePointer, const SavedService*>> work;
    for (const SavedService& saved : host->services) {
      const ServicePointer service = find(saved.name);
      const bool usable = service != nullptr && service->loaded();
      if (!usable && !saved.clients.empty()) {
        core_->log(LogLevel::kError, "the saved state needs the service " + saved.name);
        return HGCM_ERR_SSM_UNEXPECTED_DATA;
      }
      if (usable) work.emplace_back(service, &saved);
    }
    if (before_change) before_change();
    disconnect_all();
    core_->clients.set_last_id(host->last_id);
    for (const auto& [service, saved] : work) {
      const Status status = service->restore(*saved, after(core_->options.work_timeout));
      if (status.ok()) continue;
      disconnect_all();
      return status;
    }
    return HGCM_INF_SUCCESS;
  }

  std::weak_ptr<Impl> self_;

 private:
  /// On the thread of the service.
  void load_failed(const ServicePointer& service) {
    const std::lock_guard lock(registry_mutex_);
    const auto it = services_.find(service->name());
    if (it == services_.end() || it->second != service) return;  // being unloaded
    core_->clients.close_all(service.get());
    broken_.insert(service->name());
    ended_.push_back(service);
    services_.erase(it);
  }

  /// Services that failed to load on a guest's connect: their threads are ending.
  void reap() {
    std::vector<ServicePointer> ended;
    {
      const std::lock_guard lock(registry_mutex_);
      ended.swap(ended_);
    }
    for (const auto& service : ended) service->end(after(core_->options.stop_timeout));
  }

  const std::shared_ptr<Core> core_;
  std::mutex life_mutex_;  // one load, unload, reset, save or restore at a time; may take long
  mutable std::mutex registry_mutex_;
  std::map<std::string, ServicePointer, std::less<>> services_;  // under registry_mutex_
  std::set<std::string, std::less<>> broken_;                    // under registry_mutex_
  std::vector<ServicePointer> ended_;                            // under registry_mutex_
};

ServiceHost::ServiceHost(ServiceHostOptions options)
    : impl_(std::make_shared<Impl>(std::move(options))) {
  impl_->self_ = impl_;
}

ServiceHost::~ServiceHost() {
  impl_->unload_all();
}

Status ServiceHost::load(std::string_view name, const std::filesystem::path& path,
                         std::string* detail) {
  if (would_deadlock()) return HGCM_ERR_DEADLOCK;
  return guarded([&]() -> Status {
    if (!is_service_name(name)) {
      set_detail(detail, "not a service name");
      return HGCM_ERR_INVALID_NAME;
    }
    const auto found =
        path.empty() ? find_service_library(name, impl_->core().options.service_directories) : path;
    if (found.empty()) {
      set_detail(detail, std::string(name) + ".so is in none of the service directories");
      return HGCM_ERR_FILE_NOT_FOUND;
    }
    return impl_->load(name, {found, nullptr}, detail);
  });
}

Status ServiceHost::load_builtin(std::string_view name, hgcm_svc_load_fn entry,
                                 std::string* detail) {
  if (would_deadlock()) return HGCM_ERR_DEADLOCK;
  return guarded([&]() -> Status {
    if (entry == nullptr) return HGCM_ERR_INVALID_POINTER;
    if (!is_service_name(name)) {
      set_detail(detail, "not a service name");
      return HGCM_ERR_INVALID_NAME;
    }
    return impl_->load(name, {{}, entry}, detail);
  });
}

Status ServiceHost::unload(std::string_view name) {
  if (would_deadlock()) return HGCM_ERR_DEADLOCK;
  return guarded([&] { return impl_->unload(name); });
}

void ServiceHost::connect(std::string_view service, std::uint32_t requestor, ConnectDone done) {
  ServicePointer found;
  std::shared_ptr<Client> client;
  Status status = guarded([&]() -> Status {
    found = impl_->find_or_load(service);
    if (found == nullptr) return HGCM_ERR_HGCM_SERVICE_NOT_FOUND;
    client = impl_->core().clients.add(requestor, found);
    return client == nullptr ? HGCM_ERR_HGCM_TOO_MANY_CLIENTS : HGCM_INF_SUCCESS;
  });
  if (status.ok()) {
    status = guarded([&]() -> Status {
      found->connect(client, done);
      return HGCM_INF_SUCCESS;
    });
    if (status.ok()) return;
    impl_->core().clients.remove(client);
  }
  done(status, 0);
}

void ServiceHost::disconnect(ClientId client, DisconnectDone done) {
  const auto removed = impl_->core().clients.remove_connected(client);
  if (removed == nullptr) {
    done(HGCM_ERR_HGCM_INVALID_CLIENT_ID);
    return;
  }
  const Status status = guarded([&]() -> Status {
    removed->service->disconnect(removed, done);
    return HGCM_INF_SUCCESS;
  });
  if (status.failed()) done(status);
}

Status ServiceHost::call(ClientId client, std::shared_ptr<GuestCall> call) {
  if (call == nullptr || call->parameter_count > HGCM_SVC_MAX_PARMS ||
      call->parameters.size() < std::max<std::size_t>(call->parameter_count, kMinParameterSlots))
    return HGCM_ERR_INVALID_PARAMETER;
  const auto found = impl_->core().clients.find(client);
  if (found == nullptr || found->state.load() != Client::State::kConnected)
    return HGCM_ERR_HGCM_INVALID_CLIENT_ID;
  return found->service->submit(found, std::move(call));
}

void ServiceHost::cancel(ClientId client, const std::shared_ptr<GuestCall>& call) {
  if (call == nullptr || call->cancelled.exchange(true)) return;
  const auto found = impl_->core().clients.find(client);
  if (found == nullptr) return;
  found->service->count_cancelled();
  guarded([&]() -> Status {
    found->service->cancelled(found);
    return HGCM_INF_SUCCESS;
  });
}

void ServiceHost::reset() {
  if (would_deadlock()) {
    impl_->core().log(LogLevel::kError, "reset from a service thread refused");
    return;
  }
  guarded([&]() -> Status {
    impl_->reset();
    return HGCM_INF_SUCCESS;
  });
}

Status ServiceHost::host_call(std::string_view service, std::uint32_t function,
                              std::span<hgcm_svc_parm> parameters) {
  if (would_deadlock()) return HGCM_ERR_DEADLOCK;
  if (parameters.size() > kMaxHostParameters) return HGCM_ERR_INVALID_PARAMETER;
  return guarded([&]() -> Status {
    const auto found = impl_->find(service);
    return found == nullptr ? Status(HGCM_ERR_HGCM_SERVICE_NOT_FOUND)
                            : found->host_call(function, parameters);
  });
}

Status ServiceHost::register_extension(std::string_view service, hgcm_svc_extension_fn extension,
                                       void* user) {
  if (would_deadlock()) return HGCM_ERR_DEADLOCK;
  return guarded([&]() -> Status {
    const auto found = impl_->find(service);
    return found == nullptr ? Status(HGCM_ERR_HGCM_SERVICE_NOT_FOUND)
                            : found->register_extension(extension, user);
  });
}

Status ServiceHost::unregister_extension(std::string_view service) {
  if (would_deadlock()) return HGCM_ERR_DEADLOCK;
  return guarded([&]() -> Status {
    const auto found = impl_->find(service);
    return found == nullptr ? Status(HGCM_ERR_HGCM_SERVICE_NOT_FOUND)
                            : found->unregister_extension();
  });
}

void ServiceHost::set_call_source(CallSource* source) {
  impl_->set_call_source(source);
}

void ServiceHost::notify(hgcm_svc_event event) {
  guarded([&]() -> Status {
    for (const auto& service : impl_->loaded()) service->notify(event);
    return HGCM_INF_SUCCESS;
  });
}

Result<std::vector<std::byte>> ServiceHost::save_state() {
  if (would_deadlock()) return failure(HGCM_ERR_DEADLOCK);
  return guarded([&] { return impl_->save(); });
}

Status ServiceHost::load_state(std::span<const std::byte> state,
                               const std::function<void()>& before_change) {
  if (would_deadlock()) return HGCM_ERR_DEADLOCK;
  return guarded([&] { return impl_->restore(state, before_change); });
}

std::vector<ServiceStatistics> ServiceHost::statistics() const {
  return guarded([&]() -> Result<std::vector<ServiceStatistics>> {
           std::vector<ServiceStatistics> result;
           for (const auto& service : impl_->loaded()) result.push_back(service->statistics());
           return result;
         })
      .value_or(std::vector<ServiceStatistics>());
}

Result<std::string> ServiceHost::info(std::string_view name, std::string_view arguments) {
  if (would_deadlock()) return failure(HGCM_ERR_DEADLOCK);
  return guarded([&]() -> Result<std::string> {
    for (const auto& service : impl_->loaded()) {
      if (service->has_info(name)) return service->info(name, arguments);
    }
    return failure(HGCM_ERR_NOT_FOUND);
  });
}

bool ServiceHost::has_service(std::string_view name) const {
  const auto found = impl_->find(name);
  return found != nullptr && found->loaded();
}

}  // namespace hgcm::host

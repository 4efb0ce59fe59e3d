// SPDX-License-Identifier: MIT
//
// The helpers of <hgcm/service_abi.h> and the registry of who may call them: see the header.
#include "hgcm/service_instance.h"

#include "hgcm/call_table.h"
#include "hgcm/iprt_format.h"
#include "hgcm/service.h"

#include <deque>
#include <mutex>
#include <string>
#include <unordered_map>

namespace hgcm::host {
namespace {

/// Retired instances are used again only after this many others, which bounds what a host that
/// loads and unloads for years keeps, and still leaves a stray caller a harmless place to hit.
constexpr std::size_t kRetiredInstances = 1024;
constexpr std::size_t kMaxName = 256;
constexpr std::size_t kMaxDescription = 1024;

struct Registry {
  std::mutex mutex;
  std::unordered_map<const void*, std::weak_ptr<Service>> by_instance;
  std::unordered_map<std::uint32_t, std::weak_ptr<Service>> by_serial;
  std::deque<ServiceInstance*> retired;
};

Registry& registry() {
  static auto& the_registry = *new Registry;
  return the_registry;
}

/// The service that calls a helper: the one its argument names, else the one whose thread this is.
std::shared_ptr<Service> caller(const void* instance) noexcept {
  {
    const std::lock_guard lock(registry().mutex);
    const auto it = registry().by_instance.find(instance);
    if (it != registry().by_instance.end()) return it->second.lock();
  }
  Service* const current = Service::current();
  return current != nullptr ? current->shared_from_this() : nullptr;
}

CallToken token_of(hgcm_svc_call_handle call) noexcept {
  return reinterpret_cast<std::uintptr_t>(call);
}

void count_bad_completion(CallToken token) noexcept {
  if (Service* const current = Service::current(); current != nullptr) {
    current->count_bad_completion();
  } else if (const auto service = find_service(CallTable::instance().service_of(token))) {
    service->count_bad_completion();
  }
}

std::int32_t call_complete(hgcm_svc_call_handle call, std::int32_t status) {
  const CallToken token = token_of(call);
  auto claimed = CallTable::instance().claim(token);
  if (!claimed) {
    count_bad_completion(token);
    return HGCM_ERR_WRONG_TYPE;
  }
  // Not a reference into what `claimed` owns: the service must outlive the finishing of the call.
  const std::shared_ptr<Service> service = claimed->client->service;
  return service->finish(std::move(*claimed), status).code();
}

std::int32_t disconnect_client(void* instance, std::uint32_t client_id) {
  const auto service = caller(instance);
  if (service == nullptr) return HGCM_ERR_INVALID_PARAMETER;
  return service->drop_client(client_id).code();
}

bool is_call_restored(hgcm_svc_call_handle call) {
  const auto view = CallTable::instance().view(token_of(call));
  return view && view->restored;
}

bool is_call_cancelled(hgcm_svc_call_handle call) {
  const auto view = CallTable::instance().view(token_of(call));
  return view && view->cancelled;
}

/// Runs a helper's work; what it may throw is lack of memory.
template <typename Work>
std::int32_t guarded(Work work) noexcept {
  try {
    return Status(work()).code();
  } catch (...) {
    return HGCM_ERR_NO_MEMORY;
  }
}

std::int32_t stat_register_v(void* instance, void* sample, int type, int, int unit,
                             const char* description, const char* name_format, std::va_list args) {
  return guarded([&]() -> Status {
    const auto service = caller(instance);
    if (service == nullptr) return HGCM_ERR_INVALID_PARAMETER;
    if (sample == nullptr || name_format == nullptr) return HGCM_ERR_INVALID_POINTER;
    std::string name = format_iprt(name_format, args, kMaxName);
    if (name.empty()) return HGCM_ERR_INVALID_NAME;
    return service->samples().add(
        std::move(name), std::string(description == nullptr ? "" : description, 0, kMaxDescription),
        type, unit, sample);
  });
}

std::int32_t stat_deregister_v(void* instance, const char* pattern_format, std::va_list args) {
  return guarded([&]() -> Status {
    const auto service = caller(instance);
    if (service == nullptr) return HGCM_ERR_INVALID_PARAMETER;
    service->samples().remove(format_iprt(pattern_format, args, kMaxName));
    return HGCM_INF_SUCCESS;
  });
}

std::int32_t info_register(void* instance, const char* name, const char* description,
                           hgcm_svc_info_fn handler, void* user) {
  return guarded([&]() -> Status {
    const auto service = caller(instance);
    if (service == nullptr) return HGCM_ERR_INVALID_PARAMETER;
    if (name == nullptr || handler == nullptr) return HGCM_ERR_INVALID_POINTER;
    return service->add_info(
        std::string(name, 0, kMaxName),
        std::string(description == nullptr ? "" : description, 0, kMaxDescription), handler, user);
  });
}

std::int32_t info_deregister(void* instance, const char* name) {
  return guarded([&]() -> Status {
    const auto service = caller(instance);
    if (service == nullptr) return HGCM_ERR_INVALID_PARAMETER;
    if (name == nullptr) return HGCM_ERR_INVALID_POINTER;
    return service->remove_info(std::string(name, 0, kMaxName));
  });
}

std::uint32_t get_requestor(hgcm_svc_call_handle call) {
  const auto view = CallTable::instance().view(token_of(call));
  return view ? view->requestor : HGCM_REQUESTOR_LOWEST;
}

std::uint64_t get_session_id(void* instance) {
  const auto service = caller(instance);
  return service == nullptr ? UINT64_MAX : service->session_id();
}

void fill(ServiceInstance& instance) {
  instance.helpers = {};
  instance.helpers.call_complete = call_complete;
  instance.helpers.instance = &instance.helpers;
  instance.helpers.disconnect_client = disconnect_client;
  instance.helpers.is_call_restored = is_call_restored;
  instance.helpers.is_call_cancelled = is_call_cancelled;
  instance.helpers.stat_register_v = stat_register_v;
  instance.helpers.stat_deregister_v = stat_deregister_v;
  instance.helpers.info_register = info_register;
  instance.helpers.info_deregister = info_deregister;
  instance.helpers.get_requestor = get_requestor;
  instance.helpers.get_session_id = get_session_id;

  instance.table = {};
  instance.table.size = HGCM_SVC_TABLE_SIZE;
  instance.table.version = HGCM_SVC_VERSION;
  instance.table.helpers = &instance.helpers;
  instance.table.max_clients[HGCM_SVC_CATEGORY_KERNEL] = 2048;
  instance.table.max_clients[HGCM_SVC_CATEGORY_ROOT] = 1024;
  instance.table.max_clients[HGCM_SVC_CATEGORY_USER] = 1024;
  instance.table.max_calls_per_client[HGCM_SVC_CATEGORY_KERNEL] = 8192;
  instance.table.max_calls_per_client[HGCM_SVC_CATEGORY_ROOT] = 4096;
  instance.table.max_calls_per_client[HGCM_SVC_CATEGORY_USER] = 2048;
}

}  // namespace

ServiceInstance& create_instance(const std::shared_ptr<Service>& service) {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  std::unique_ptr<ServiceInstance> fresh;
  if (all.retired.size() > kRetiredInstances) {
    fresh.reset(all.retired.front());
    all.retired.pop_front();
  } else {
    fresh = std::make_unique<ServiceInstance>();
  }
  fill(*fresh);
  all.by_instance.emplace(&fresh->helpers, service);
  all.by_serial.emplace(service->serial(), service);
  return *fresh.release();
}

void retire_instance(ServiceInstance& instance) noexcept {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  const auto it = all.by_instance.find(&instance.helpers);
  if (it == all.by_instance.end()) return;
  if (const auto service = it->second.lock()) all.by_serial.erase(service->serial());
  all.by_instance.erase(it);
  try {
    all.retired.push_back(&instance);
  } catch (...) {
    // Stays in memory for good, which is harmless.
  }
}

std::shared_ptr<Service> find_service(std::uint32_t serial) noexcept {
  const std::lock_guard lock(registry().mutex);
  const auto it = registry().by_serial.find(serial);
  return it == registry().by_serial.end() ? nullptr : it->second.lock();
}

}  // namespace hgcm::host

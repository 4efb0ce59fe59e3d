// SPDX-License-Identifier: MIT
//
// A service made of functions that a test writes on the spot, loaded with load_builtin(). The load
// entry of the ABI has no argument for the test's object, so there is one entry per script number.
#ifndef HGCM_TESTS_SCRIPTED_SERVICE_H
#define HGCM_TESTS_SCRIPTED_SERVICE_H

#include "host_fixture.h"

#include <hgcm/service_abi.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace hgcm::host::testing {

/// One guest call as a service sees it.
struct Arrived {
  hgcm_svc_call_handle handle = nullptr;
  std::uint32_t client = 0;
  void* data = nullptr;
  std::uint32_t function = 0;
  std::uint32_t count = 0;
  hgcm_svc_parm* parms = nullptr;
};

/// Unset functions succeed and do nothing; an unset `call` completes with success. Unloads its
/// service when it goes, so declare it after what its functions refer to.
struct Script {
  Script() = default;
  Script(const Script&) = delete;
  Script& operator=(const Script&) = delete;
  ~Script() {
    if (host != nullptr) host->unload(name);
  }

  std::function<std::int32_t(hgcm_svc_table&)> load;  ///< after the table was filled
  std::function<std::int32_t()> unload;
  std::function<std::int32_t(std::uint32_t id, void* data, std::uint32_t requestor, bool restoring)>
      connect;
  std::function<std::int32_t(std::uint32_t id, void* data)> disconnect;
  std::function<void(const Arrived&)> call;
  std::function<void(std::uint32_t id)> cancelled;
  std::function<std::int32_t(std::uint32_t function, std::uint32_t count, hgcm_svc_parm*)>
      host_call;
  std::function<std::int32_t(std::uint32_t id, hgcm_svc_ssm*, const hgcm_svc_vmm*)> save;
  std::function<std::int32_t(std::uint32_t id, hgcm_svc_ssm*, const hgcm_svc_vmm*, std::uint32_t)>
      restore;
  std::function<std::int32_t(hgcm_svc_extension_fn, void*)> extension;
  std::function<void(int)> notify;

  ServiceHost* host = nullptr;  ///< set to null when the host goes first
  std::string name;
  hgcm_svc_table* table = nullptr;
  hgcm_svc_helpers* helpers = nullptr;

  std::int32_t complete(const Arrived& call_to_end, std::int32_t status) const {
    return helpers->call_complete(call_to_end.handle, status);
  }

  std::int32_t fill(hgcm_svc_table* to_fill);
};

inline Script& script_of(void* service) {
  return *static_cast<Script*>(service);
}

inline std::int32_t Script::fill(hgcm_svc_table* to_fill) {
  table = to_fill;
  helpers = to_fill->helpers;
  table->service = this;
  table->unload = [](void* s) -> std::int32_t {
    return script_of(s).unload ? script_of(s).unload() : 0;
  };
  table->connect = [](void* s, std::uint32_t id, void* data, std::uint32_t requestor,
                      bool restoring) -> std::int32_t {
    return script_of(s).connect ? script_of(s).connect(id, data, requestor, restoring) : 0;
  };
  table->disconnect = [](void* s, std::uint32_t id, void* data) -> std::int32_t {
    return script_of(s).disconnect ? script_of(s).disconnect(id, data) : 0;
  };
  table->call = [](void* s, hgcm_svc_call_handle handle, std::uint32_t id, void* data,
                   std::uint32_t function, std::uint32_t count, hgcm_svc_parm* parms,
                   std::uint64_t) {
    const Arrived arrived{handle, id, data, function, count, parms};
    if (script_of(s).call) {
      script_of(s).call(arrived);
    } else {
      script_of(s).complete(arrived, 0);
    }
  };
  if (cancelled)
    table->cancelled = [](void* s, std::uint32_t id, void*) { script_of(s).cancelled(id); };
  if (host_call) {
    table->host_call = [](void* s, std::uint32_t function, std::uint32_t count,
                          hgcm_svc_parm* parms) {
      return script_of(s).host_call(function, count, parms);
    };
  }
  if (save) {
    table->save_state = [](void* s, std::uint32_t id, void*, hgcm_svc_ssm* ssm,
                           const hgcm_svc_vmm* vmm) { return script_of(s).save(id, ssm, vmm); };
  }
  if (restore) {
    table->load_state = [](void* s, std::uint32_t id, void*, hgcm_svc_ssm* ssm,
                           const hgcm_svc_vmm* vmm, std::uint32_t version) {
      return script_of(s).restore(id, ssm, vmm, version);
    };
  }
  if (extension) {
    table->register_extension = [](void* s, hgcm_svc_extension_fn function, void* user) {
      return script_of(s).extension(function, user);
    };
  }
  if (notify) table->notify = [](void* s, int event) { script_of(s).notify(event); };
  return load ? load(*table) : 0;
}

template <int Number>
struct ScriptSlot {
  static inline Script* script = nullptr;
  static std::int32_t entry(hgcm_svc_table* table) { return script->fill(table); }
};

/// Loads `script` as service `name`. At most one script with the same number may be loading at a
/// time.
template <int Number = 0>
Status load_script(ServiceHost& host, Script& script, std::string_view name = "Script",
                   std::string* detail = nullptr) {
  ScriptSlot<Number>::script = &script;
  const Status status = host.load_builtin(name, ScriptSlot<Number>::entry, detail);
  script.host = status.ok() ? &host : nullptr;
  script.name = name;
  return status;
}

/// A new object that is never deleted: what a service thread that hangs may still touch has to
/// outlive the test.
template <typename Object>
Object& keep_forever() {
  static auto& kept = *new std::vector<std::unique_ptr<Object>>;
  kept.push_back(std::make_unique<Object>());
  return *kept.back();
}

/// Something one thread waits for and another lets happen.
class Gate {
 public:
  Gate() = default;
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  bool pass() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

}  // namespace hgcm::host::testing

#endif

// SPDX-License-Identifier: MIT
//
// See mini_host.h.
#include "mini_host.h"

#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace hgcm::test {
namespace {

constexpr std::size_t kPageSize = 4096;

/// All calls that wait for a completion, of any host: a handle that is not here is a bad one.
std::mutex pending_mutex;
std::map<void*, MiniHost*> pending;

/// Hosts that have ended a call wrongly are told so even if the call is gone.
MiniHost* last_host = nullptr;

[[noreturn]] void die(const char* what) {
  std::fprintf(stderr, "MiniHost: %s\n", what);
  std::abort();
}

std::vector<std::byte>* writing = nullptr;
MiniHost* reading = nullptr;

template <typename T>
std::int32_t put(hgcm_svc_ssm*, T value) {
  const auto bytes = std::as_bytes(std::span(&value, 1));
  writing->insert(writing->end(), bytes.begin(), bytes.end());
  return HGCM_INF_SUCCESS;
}
std::int32_t put_mem(hgcm_svc_ssm*, const void* data, std::size_t size) {
  const auto* bytes = static_cast<const std::byte*>(data);
  writing->insert(writing->end(), bytes, bytes + size);
  return HGCM_INF_SUCCESS;
}
std::int32_t get_mem(hgcm_svc_ssm*, void* data, std::size_t size) {
  if (reading->stream.size() - reading->stream_read < size) {
    return HGCM_ERR_EOF;
  }
  std::copy_n(reading->stream.begin() + static_cast<std::ptrdiff_t>(reading->stream_read), size,
              static_cast<std::byte*>(data));
  reading->stream_read += size;
  return HGCM_INF_SUCCESS;
}
template <typename T>
std::int32_t get(hgcm_svc_ssm* stream, T* value) {
  return get_mem(stream, value, sizeof *value);
}
/// A byte of a state can be anything, a bool cannot.
template <>
std::int32_t get(hgcm_svc_ssm* stream, bool* value) {
  std::uint8_t byte = 0;
  const std::int32_t status = get_mem(stream, &byte, sizeof byte);
  *value = byte != 0;
  return status;
}

struct VmmTable {
  alignas(8) std::array<std::byte, HGCM_SVC_VMM_SIZE> bytes{};

  VmmTable() {
    set(HGCM_SVC_VMM_PUT_BOOL, &put<bool>);
    set(HGCM_SVC_VMM_PUT_U8, &put<std::uint8_t>);
    set(HGCM_SVC_VMM_PUT_U32, &put<std::uint32_t>);
    set(HGCM_SVC_VMM_PUT_U64, &put<std::uint64_t>);
    set(HGCM_SVC_VMM_PUT_MEM, &put_mem);
    set(HGCM_SVC_VMM_GET_BOOL, &get<bool>);
    set(HGCM_SVC_VMM_GET_U8, &get<std::uint8_t>);
    set(HGCM_SVC_VMM_GET_U32, &get<std::uint32_t>);
    set(HGCM_SVC_VMM_GET_U64, &get<std::uint64_t>);
    set(HGCM_SVC_VMM_GET_MEM, &get_mem);
  }
  template <typename F>
  void set(std::size_t offset, F function) {
    std::memcpy(bytes.data() + offset, &function, sizeof function);
  }
  [[nodiscard]] const hgcm_svc_vmm* table() const {
    return reinterpret_cast<const hgcm_svc_vmm*>(bytes.data());
  }
};

struct Printer {
  hgcm_svc_info_output output;
  std::string text;
};

void print_v(const hgcm_svc_info_output* output, const char* format, va_list args) {
  char line[4096];
  std::vsnprintf(line, sizeof line, format, args);
  const_cast<Printer*>(reinterpret_cast<const Printer*>(output))->text += line;
}
void print(const hgcm_svc_info_output* output, const char* format, ...) {
  va_list args;
  va_start(args, format);
  print_v(output, format, args);
  va_end(args);
}

std::string format(const char* text, va_list args) {
  char line[256];
  std::vsnprintf(line, sizeof line, text, args);
  return line;
}

}  // namespace

Parm Parm::of_type(std::uint32_t type) {
  Parm parm;
  parm.abi.type = type;
  return parm;
}
Parm Parm::u32(std::uint32_t value) {
  Parm parm = of_type(HGCM_SVC_PARM_32BIT);
  parm.abi.u.u32 = value;
  return parm;
}
Parm Parm::u64(std::uint64_t value) {
  Parm parm = of_type(HGCM_SVC_PARM_64BIT);
  parm.abi.u.u64 = value;
  return parm;
}
Parm Parm::bytes(std::string_view bytes) {
  Parm parm = buffer(bytes.size());
  std::ranges::copy(bytes, parm.memory_.get());
  return parm;
}
Parm Parm::string(std::string_view text) {
  Parm parm = buffer(text.size() + 1);
  std::ranges::copy(text, parm.memory_.get());
  return parm;
}
Parm Parm::buffer(std::size_t size) {
  Parm parm;
  parm.memory_ = std::make_unique<char[]>(size);
  parm.size_ = size;
  parm.abi = raw_pointer(parm.memory_.get(), static_cast<std::uint32_t>(size)).abi;
  return parm;
}
Parm Parm::null_buffer(std::uint32_t size) {
  return raw_pointer(nullptr, size);
}
Parm Parm::raw_pointer(void* address, std::uint32_t size) {
  Parm parm = of_type(HGCM_SVC_PARM_PTR);
  parm.abi.u.ptr.size = size;
  parm.abi.u.ptr.addr = address;
  return parm;
}
namespace {

std::atomic<bool> share_pages{false};

struct AllShared {
  std::mutex mutex;
  std::vector<std::weak_ptr<SharedPages>> all;
};
AllShared& all_shared() {
  static AllShared shared;
  return shared;
}

}  // namespace

void SharedPages::enable() noexcept {
  share_pages = true;
}
bool SharedPages::enabled() noexcept {
  return share_pages;
}

std::shared_ptr<SharedPages> SharedPages::make(std::size_t size) {
  std::shared_ptr<SharedPages> made(new SharedPages);
  made->fd = ::memfd_create("pages", MFD_CLOEXEC);
  void* const base = made->fd >= 0 && ::ftruncate(made->fd, static_cast<off_t>(size)) == 0
                         ? ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, made->fd, 0)
                         : MAP_FAILED;
  if (base == MAP_FAILED) {
    die("no shared memory");
  }
  made->bytes = {static_cast<std::byte*>(base), size};
  const std::lock_guard lock(all_shared().mutex);
  std::erase_if(all_shared().all, [](const auto& pages) { return pages.expired(); });
  all_shared().all.push_back(made);
  return made;
}

std::shared_ptr<SharedPages> SharedPages::find(const void* address) {
  const std::lock_guard lock(all_shared().mutex);
  for (const auto& candidate : all_shared().all) {
    const auto pages = candidate.lock();
    if (pages && address >= pages->bytes.data() &&
        address < pages->bytes.data() + pages->bytes.size()) {
      return pages;
    }
  }
  return nullptr;
}

SharedPages::~SharedPages() {
  ::munmap(bytes.data(), bytes.size());
  ::close(fd);
}

Parm Parm::pages(std::string_view bytes, std::size_t offset) {
  Parm parm = of_type(HGCM_SVC_PARM_PAGES);
  const std::size_t count = (offset + bytes.size() + kPageSize - 1) / kPageSize;
  // Aligned by hand, and in reverse order: adjacent parts are not adjacent in memory.
  parm.page_list_ = std::make_unique<void*[]>(count);
  char* base = nullptr;
  if (SharedPages::enabled()) {
    const auto shared = SharedPages::make((count + 1) * kPageSize);
    base = reinterpret_cast<char*>(shared->bytes.data());
    parm.shared_ = shared;
  } else {
    parm.memory_ = std::make_unique<char[]>((count + 1) * kPageSize);
    base = parm.memory_.get();
  }
  base += kPageSize - reinterpret_cast<std::uintptr_t>(base) % kPageSize;
  std::size_t done = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t skip = i == 0 ? offset : 0;
    char* start = base + (count - 1 - i) * kPageSize + skip;
    const std::size_t length = std::min(kPageSize - skip, bytes.size() - done);
    std::copy_n(bytes.data() + done, length, start);
    parm.page_list_[i] = start;
    done += length;
  }
  parm.size_ = bytes.size();
  parm.offset_ = offset;
  parm.abi.u.pages.size = static_cast<std::uint32_t>(bytes.size());
  parm.abi.u.pages.count = static_cast<std::uint16_t>(count);
  parm.abi.u.pages.pages = parm.page_list_.get();
  return parm;
}
std::string_view Parm::contents() const {
  return {memory_.get(), size_};
}
std::string Parm::page_contents() const {
  std::string text;
  for (std::size_t i = 0; text.size() < size_; ++i) {
    const std::size_t room = kPageSize - (i == 0 ? offset_ : 0);
    text.append(static_cast<const char*>(page_list_[i]), std::min(room, size_ - text.size()));
  }
  return text;
}

bool GuestCall::done() const {
  return status().has_value();
}
std::optional<std::int32_t> GuestCall::status() const {
  const std::lock_guard lock(host_->mutex_);
  return status_;
}
std::int32_t GuestCall::wait() {
  std::unique_lock lock(host_->mutex_);
  if (!host_->completed_.wait_for(lock, std::chrono::seconds(10),
                                  [this] { return status_.has_value(); })) {
    die("a call was not completed");
  }
  return *status_;
}

MiniHost::MiniHost() {
  hgcm_svc_helpers& helpers = instance_.helpers;
  instance_.host = this;
  helpers.instance = &instance_;
  helpers.call_complete = &complete;
  helpers.disconnect_client = [](void* instance, std::uint32_t id) -> std::int32_t {
    of(instance).disconnected_by_service.push_back(id);
    return HGCM_INF_SUCCESS;
  };
  helpers.is_call_restored = [](hgcm_svc_call_handle handle) {
    return reinterpret_cast<GuestCall*>(handle)->restored;
  };
  helpers.is_call_cancelled = [](hgcm_svc_call_handle handle) {
    auto* call = reinterpret_cast<GuestCall*>(handle);
    const std::lock_guard lock(call->host_->mutex_);
    return call->cancelled;
  };
  helpers.stat_register_v = [](void* instance, void* sample, int, int, int, const char*,
                               const char* name, va_list args) -> std::int32_t {
    of(instance).statistics[format(name, args)] = static_cast<std::uint64_t*>(sample);
    return HGCM_INF_SUCCESS;
  };
  helpers.stat_deregister_v = [](void* instance, const char* name, va_list args) -> std::int32_t {
    of(instance).statistics.erase(format(name, args));
    return HGCM_INF_SUCCESS;
  };
  helpers.info_register = [](void* instance, const char* name, const char*,
                             hgcm_svc_info_fn function, void* user) -> std::int32_t {
    const std::lock_guard lock(of(instance).mutex_);
    of(instance).info_handlers_[name] = {function, user};
    return HGCM_INF_SUCCESS;
  };
  helpers.info_deregister = [](void* instance, const char* name) -> std::int32_t {
    const std::lock_guard lock(of(instance).mutex_);
    of(instance).info_handlers_.erase(name);
    return HGCM_INF_SUCCESS;
  };
  helpers.get_requestor = [](hgcm_svc_call_handle handle) {
    return reinterpret_cast<GuestCall*>(handle)->requestor;
  };
  helpers.get_session_id = [](void*) { return std::uint64_t{0x5e551011}; };
}

MiniHost::~MiniHost() {
  unload();
  const std::lock_guard lock(pending_mutex);
  std::erase_if(pending, [this](const auto& entry) { return entry.second == this; });
  if (library_ != nullptr) {
    dlclose(library_);
  }
}

MiniHost& MiniHost::of(void* instance) {
  return *static_cast<Instance*>(instance)->host;
}

std::int32_t MiniHost::complete(hgcm_svc_call_handle handle, std::int32_t status) {
  {
    const std::lock_guard lock(pending_mutex);
    if (pending.erase(handle) == 0) {
      const std::lock_guard host_lock(last_host->mutex_);
      ++last_host->bad_completions_;
      return HGCM_ERR_INVALID_HANDLE;
    }
  }
  auto& call = *reinterpret_cast<GuestCall*>(handle);
  MiniHost& host = *call.host_;
  const std::lock_guard lock(host.mutex_);
  call.status_ = status;
  host.completed_.notify_all();
  return call.cancelled ? HGCM_ERR_CANCELLED : call.completion_result;
}

std::int32_t MiniHost::load(hgcm_svc_load_fn entry) {
  table = {};
  table.size = sizeof table;
  table.version = HGCM_SVC_VERSION;
  table.helpers = &instance_.helpers;
  table.max_clients[0] = 2048;
  table.max_clients[1] = table.max_clients[2] = 1024;
  table.max_calls_per_client[0] = 8192;
  table.max_calls_per_client[1] = 4096;
  table.max_calls_per_client[2] = 2048;
  const std::int32_t status = entry(&table);
  loaded_ = status >= 0;
  last_host = this;
  return status;
}

hgcm_svc_load_fn MiniHost::open_library(std::string_view folder, std::string_view name) {
  // The test program is build/[variant/]tests/NAME.
  const auto self = std::filesystem::read_symlink("/proc/self/exe");
  const auto path = self.parent_path().parent_path() / folder / (std::string(name) + ".so");
  library_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library_ == nullptr) {
    die(dlerror());
  }
  const auto entry = reinterpret_cast<hgcm_svc_load_fn>(dlsym(library_, HGCM_SVC_LOAD_NAME));
  if (entry == nullptr) {
    die("no load entry");
  }
  return entry;
}

std::int32_t MiniHost::load_library(std::string_view folder, std::string_view name) {
  return load(open_library(folder, name));
}

std::int32_t MiniHost::load_with_table(std::string_view folder, std::string_view name,
                                       hgcm_svc_table* with) {
  return open_library(folder, name)(with);
}

void MiniHost::unload() {
  if (!loaded_) {
    return;
  }
  while (!clients_.empty()) {
    disconnect(clients_.begin()->first);
  }
  loaded_ = false;
  const std::lock_guard lock(entry_mutex_);
  table.unload(table.service);
}

std::int32_t MiniHost::connect(std::uint32_t id, std::uint32_t requestor, bool restoring) {
  const std::lock_guard lock(entry_mutex_);
  const std::size_t blocks =
      (table.client_size + sizeof(std::max_align_t) - 1) / sizeof(std::max_align_t);
  auto memory = std::make_unique<std::max_align_t[]>(blocks);
  if (blocks > 0) {
    std::memset(memory.get(), 0, blocks * sizeof(std::max_align_t));
  }
  const std::int32_t status =
      table.connect(table.service, id, blocks > 0 ? memory.get() : nullptr, requestor, restoring);
  if (status >= 0) {
    clients_[id] = std::move(memory);
  }
  return status;
}

std::int32_t MiniHost::disconnect(std::uint32_t id) {
  const std::lock_guard lock(entry_mutex_);
  const auto memory = std::move(clients_.at(id));
  clients_.erase(id);
  return table.disconnect(table.service, id, table.client_size > 0 ? memory.get() : nullptr);
}

MiniHost::CallPtr MiniHost::submit(std::uint32_t client, std::uint32_t function,
                                   std::vector<Parm> parms) {
  auto call = std::make_shared<GuestCall>();
  call->host_ = this;
  call->parms = std::move(parms);
  for (const Parm& parm : call->parms) {
    call->abi.push_back(parm.abi);
  }
  call->abi.resize(std::max<std::size_t>(call->abi.size(), 6));
  {
    const std::lock_guard lock(mutex_);
    calls_.push_back(call);
  }
  {
    const std::lock_guard lock(pending_mutex);
    pending.emplace(call.get(), this);
  }
  const std::lock_guard lock(entry_mutex_);
  table.call(table.service, reinterpret_cast<hgcm_svc_call_handle>(call.get()), client,
             table.client_size > 0 ? clients_.at(client).get() : nullptr, function,
             static_cast<std::uint32_t>(call->parms.size()), call->abi.data(), 0);
  return call;
}

void MiniHost::cancel(std::uint32_t client, GuestCall& call) {
  {
    const std::lock_guard lock(mutex_);
    call.cancelled = true;
  }
  if (table.cancelled != nullptr) {
    const std::lock_guard lock(entry_mutex_);
    table.cancelled(table.service, client,
                    table.client_size > 0 ? clients_.at(client).get() : nullptr);
  }
}

std::int32_t MiniHost::host_call_raw(std::uint32_t function, std::span<hgcm_svc_parm> parms) {
  const std::lock_guard lock(entry_mutex_);
  return table.host_call(table.service, function, static_cast<std::uint32_t>(parms.size()),
                         parms.empty() ? nullptr : parms.data());
}

void MiniHost::notify(int event) {
  const std::lock_guard lock(entry_mutex_);
  table.notify(table.service, event);
}

std::int32_t MiniHost::register_extension(hgcm_svc_extension_fn function, void* user) {
  const std::lock_guard lock(entry_mutex_);
  return table.register_extension(table.service, function, user);
}

std::int32_t MiniHost::save(std::uint32_t client) {
  static const VmmTable vmm;
  const std::lock_guard lock(entry_mutex_);
  writing = &stream;
  return table.save_state(table.service, client,
                          table.client_size > 0 ? clients_.at(client).get() : nullptr, nullptr,
                          vmm.table());
}

std::int32_t MiniHost::load_state(std::uint32_t client, std::uint32_t version) {
  static const VmmTable vmm;
  const std::lock_guard lock(entry_mutex_);
  reading = this;
  return table.load_state(table.service, client,
                          table.client_size > 0 ? clients_.at(client).get() : nullptr, nullptr,
                          vmm.table(), version);
}

std::optional<std::string> MiniHost::info(const std::string& name) {
  InfoHandler handler{};
  {
    const std::lock_guard lock(mutex_);
    const auto it = info_handlers_.find(name);
    if (it == info_handlers_.end()) {
      return std::nullopt;
    }
    handler = it->second;
  }
  Printer printer{{&print, &print_v, nullptr}, {}};
  handler.function(handler.user, &printer.output, nullptr);
  return printer.text;
}

std::size_t MiniHost::bad_completions() const {
  const std::lock_guard lock(mutex_);
  return bad_completions_;
}

std::size_t MiniHost::pending_calls() const {
  const std::lock_guard lock(pending_mutex);
  return static_cast<std::size_t>(
      std::ranges::count(pending, this, [](const auto& entry) { return entry.second; }));
}

}  // namespace hgcm::test

// SPDX-License-Identifier: MIT
//
// See runner.h.
#include "sandbox/runner.h"

#include <hgcm/service_abi.h>
#include <hgcm/status.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdarg>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "hgcm/saved_stream.h"
#include "hgcm/service_entry.h"
#include "sandbox/channel.h"
#include "sandbox/confine.h"
#include "sandbox/parameters.h"
#include "vfio-user/file_mapping.h"

namespace hgcm::sandbox {
namespace {

using host::enter;
using vfio_user::FileMapping;
using vfio_user::UniqueFd;

class Runner;

/// What the service has a handle of: its address.
struct Call {
  Runner& runner;
  std::uint64_t token = 0;
  std::uint32_t requestor = 0;
  bool restored = false;
  std::atomic<bool> cancelled{false};
  Parameters parameters;
};

Call& call_of(hgcm_svc_call_handle handle) noexcept {
  return *reinterpret_cast<Call*>(handle);
}

class Runner {
 public:
  explicit Runner(std::unique_ptr<Channel> channel) : channel_(std::move(channel)) {}

  int run(const char* library);
  std::int32_t complete(Call& call, Status status) noexcept;
  [[nodiscard]] std::uint64_t session_id() const noexcept { return session_id_.load(); }

 private:
  struct Client {
    std::unique_ptr<std::byte, void (*)(void*)> data{nullptr, std::free};
  };

  Status prepare(const char* library, std::string& detail);
  void handle(const Channel::Message& message);
  void map(Reader& from);
  void place_directory(Reader& from);
  void connect(std::uint64_t token, Reader& from);
  void disconnect(std::uint64_t token, Reader& from);
  void call(std::uint64_t token, Reader& from);
  void mark_cancelled(Reader& from);
  void host_call(std::uint64_t token, Reader& from);
  void load(std::uint64_t token, Reader& from);
  Result<std::vector<std::byte>> save(std::uint32_t client);

  void send(Kind kind, std::uint64_t token, const Writer& contents) {
    const std::lock_guard lock(send_mutex_);
    // Without a daemon there is nothing to do but to end.
    if (!channel_->send(kind, token, contents.written())) ::_exit(0);
  }
  void reply(std::uint64_t token, Status status, std::span<const std::byte> more = {}) {
    Writer contents;
    contents.put(status.code()).bytes(more);
    send(Kind::kReply, token, contents);
  }
  [[nodiscard]] void* client_data(std::uint32_t id) {
    const auto found = clients_.find(id);
    return found == clients_.end() ? nullptr : found->second.data.get();
  }
  [[nodiscard]] std::byte* resolve(const Place& place) const;

  const std::unique_ptr<Channel> channel_;
  std::mutex send_mutex_;
  hgcm_svc_helpers helpers_{};
  hgcm_svc_table table_{};
  std::atomic<std::uint64_t> session_id_{0};
  std::map<std::uint32_t, Client> clients_;
  std::unordered_map<std::uint32_t, std::shared_ptr<FileMapping>> regions_;
  std::vector<std::uint32_t> remembered_;  // functions
  std::mutex calls_mutex_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Call>> calls_;  // under calls_mutex_
  bool ended_ = false;
};

// What the service may ask of its host. Samples and info handlers would have to be read from the
// outside: they are taken, and not shown.
std::int32_t call_complete(hgcm_svc_call_handle handle, std::int32_t status) {
  return call_of(handle).runner.complete(call_of(handle), status);
}
std::int32_t disconnect_client(void* /*instance*/, std::uint32_t /*client*/) {
  return HGCM_ERR_NOT_SUPPORTED;
}
bool is_call_restored(hgcm_svc_call_handle handle) {
  return call_of(handle).restored;
}
bool is_call_cancelled(hgcm_svc_call_handle handle) {
  return call_of(handle).cancelled.load();
}
std::uint32_t get_requestor(hgcm_svc_call_handle handle) {
  return call_of(handle).requestor;
}
std::int32_t stat_register_v(void* /*instance*/, void* /*sample*/, int /*type*/, int /*visibility*/,
                             int /*unit*/, const char* /*description*/, const char* /*format*/,
                             std::va_list /*arguments*/) {
  return HGCM_INF_SUCCESS;
}
std::int32_t stat_deregister_v(void* /*instance*/, const char* /*format*/,
                               std::va_list /*arguments*/) {
  return HGCM_INF_SUCCESS;
}
std::int32_t info_register(void* /*instance*/, const char* /*name*/, const char* /*description*/,
                           hgcm_svc_info_fn /*handler*/, void* /*user*/) {
  return HGCM_INF_SUCCESS;
}
std::int32_t info_deregister(void* /*instance*/, const char* /*name*/) {
  return HGCM_INF_SUCCESS;
}

Runner* the_runner = nullptr;  // for the one helper that has neither call nor our own address

std::uint64_t get_session_id(void* /*instance*/) {
  return the_runner->session_id();
}

int Runner::run(const char* library) {
  the_runner = this;
  const auto start = channel_->receive();
  if (!start || start->kind != Kind::kStart) return 1;
  for (Reader from(start->contents); !from.rest().empty() && from.good();) {
    remembered_.push_back(from.get<std::uint32_t>());
  }
  std::string detail;
  const Status status = prepare(library, detail);
  Writer ready;
  ready.put(status.code()).put(table_.max_clients).put(table_.max_calls_per_client);
  ready.put(table_.legacy_category).text(detail);
  send(Kind::kReady, start->token, ready);
  if (status.failed()) return 1;
  // Waiting for messages does not show that there is nobody to send them.
  std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "sandbox-watch");
    channel_->wait_for_hang_up();
    ::_exit(0);
  }).detach();
  while (!ended_) {
    const auto message = channel_->receive();
    if (!message) break;
    handle(*message);
  }
  return 0;
}

Status Runner::prepare(const char* library, std::string& detail) {
  void* const handle = ::dlopen(library, RTLD_NOW | RTLD_LOCAL);
  const auto entry = handle == nullptr
                         ? nullptr
                         : reinterpret_cast<hgcm_svc_load_fn>(::dlsym(handle, HGCM_SVC_LOAD_NAME));
  if (entry == nullptr) {
    const char* const text = ::dlerror();
    detail = text != nullptr ? text : "no load entry";
    return HGCM_ERR_BAD_EXE_FORMAT;
  }
  // Numbers for directories, so that no other descriptor gets one.
  const UniqueFd nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  for (int i = 0; i < kDirectories; ++i) {
    if (::dup3(nothing.get(), kFirstDirectory + i, O_CLOEXEC) < 0) {
      detail = "too few descriptors";
      return HGCM_ERR_OUT_OF_RESOURCES;
    }
  }
  if (!confine(detail)) return HGCM_ERR_PERMISSION_DENIED;

  helpers_.call_complete = call_complete;
  helpers_.instance = &helpers_;
  helpers_.disconnect_client = disconnect_client;
  helpers_.is_call_restored = is_call_restored;
  helpers_.is_call_cancelled = is_call_cancelled;
  helpers_.stat_register_v = stat_register_v;
  helpers_.stat_deregister_v = stat_deregister_v;
  helpers_.info_register = info_register;
  helpers_.info_deregister = info_deregister;
  helpers_.get_requestor = get_requestor;
  helpers_.get_session_id = get_session_id;
  table_.size = HGCM_SVC_TABLE_SIZE;
  table_.version = HGCM_SVC_VERSION;
  table_.helpers = &helpers_;
  const Status status = enter(entry, &table_);
  if (status.failed()) detail = "its load entry failed with " + status.to_string();
  return status;
}

std::byte* Runner::resolve(const Place& place) const {
  const auto found = regions_.find(place.region);
  if (found == regions_.end()) return nullptr;
  const auto bytes = found->second->bytes();
  if (place.offset > bytes.size() || place.bytes > bytes.size() - place.offset) return nullptr;
  return bytes.data() + place.offset;
}

void Runner::handle(const Channel::Message& message) {
  Reader from(message.contents);
  const std::uint64_t token = message.token;
  switch (message.kind) {
    case Kind::kMap:
      return map(from);
    case Kind::kUnmap:
      regions_.erase(from.get<std::uint32_t>());
      return;
    case Kind::kDirectory:
      return place_directory(from);
    case Kind::kConnect:
      return connect(token, from);
    case Kind::kDisconnect:
      return disconnect(token, from);
    case Kind::kCall:
      return call(token, from);
    case Kind::kCancelled:
      return mark_cancelled(from);
    case Kind::kHostCall:
      return host_call(token, from);
    case Kind::kSave: {
      const auto state = save(from.get<std::uint32_t>());
      return state ? reply(token, HGCM_INF_SUCCESS, *state) : reply(token, state.error());
    }
    case Kind::kLoad:
      return load(token, from);
    case Kind::kNotify:
      enter(table_.notify, table_.service, static_cast<int>(from.get<std::uint32_t>()));
      return;
    case Kind::kEnd:
      ended_ = true;
      return reply(token, enter(table_.unload, table_.service));
    default:
      return;
  }
}

void Runner::map(Reader& from) {
  const auto region = from.get<std::uint32_t>();
  const auto size = from.get<std::uint64_t>();
  const auto offset = from.get<std::uint64_t>();
  const UniqueFd file = channel_->take_descriptor();
  int error = 0;
  // Where it fails, the calls that need it do.
  if (auto mapping = FileMapping::create(file.get(), offset, size, true, error)) {
    regions_[region] = std::move(mapping);
  }
}

void Runner::place_directory(Reader& from) {
  const auto number = from.get<std::int32_t>();
  const UniqueFd directory = channel_->take_descriptor();
  if (directory && number >= kFirstDirectory && number < kFirstDirectory + kDirectories) {
    (void)::dup3(directory.get(), number, O_CLOEXEC);
  }
}

void Runner::connect(std::uint64_t token, Reader& from) {
  const auto id = from.get<std::uint32_t>();
  const auto requestor = from.get<std::uint32_t>();
  session_id_.store(from.get<std::uint64_t>());
  const bool restoring = from.get<bool>();
  Client client;
  if (table_.client_size > 0) {
    client.data.reset(static_cast<std::byte*>(std::calloc(table_.client_size, 1)));
    if (client.data == nullptr) return reply(token, HGCM_ERR_NO_MEMORY);
  }
  const Status status = enter(table_.connect, table_.service, id,
                              static_cast<void*>(client.data.get()), requestor, restoring);
  if (status.ok()) clients_.insert_or_assign(id, std::move(client));
  reply(token, status);
}

void Runner::disconnect(std::uint64_t token, Reader& from) {
  const auto id = from.get<std::uint32_t>();
  const Status status = enter(table_.disconnect, table_.service, id, client_data(id));
  clients_.erase(id);
  reply(token, status);
}

void Runner::call(std::uint64_t token, Reader& from) {
  const auto client = from.get<std::uint32_t>();
  const auto function = from.get<std::uint32_t>();
  const auto requestor = from.get<std::uint32_t>();
  const bool restored = from.get<bool>();
  const auto arrival = from.get<std::uint64_t>();
  auto parameters = Parameters::read(from, [this](const Place& place) { return resolve(place); });
  if (!parameters) {
    Writer refused;
    refused.put(Status(HGCM_ERR_INVALID_POINTER).code());
    return send(Kind::kDone, token, refused);
  }
  auto owned = std::unique_ptr<Call>(
      new Call{*this, token, requestor, restored, false, std::move(*parameters)});
  Call& call = *owned;
  {
    const std::lock_guard lock(calls_mutex_);
    calls_.emplace(token, std::move(owned));
  }
  const std::uint32_t count = call.parameters.count();
  const Status entered =
      enter(table_.call, table_.service, reinterpret_cast<hgcm_svc_call_handle>(&call), client,
            client_data(client), function, count, call.parameters.data(), arrival);
  if (entered.failed()) {
    complete(call, entered);
    return;
  }
  if (std::ranges::find(remembered_, function) != remembered_.end()) {
    if (const auto state = save(client)) {
      Writer record;
      record.put(client).bytes(*state);
      send(Kind::kRecord, 0, record);
    }
  }
}

std::int32_t Runner::complete(Call& call, Status status) noexcept {
  std::unique_ptr<Call> ended;
  {
    const std::lock_guard lock(calls_mutex_);
    const auto found = calls_.find(call.token);
    if (found == calls_.end() || found->second.get() != &call) return HGCM_ERR_WRONG_TYPE;
    ended = std::move(found->second);
    calls_.erase(found);
  }
  Writer done;
  done.put(status.code());
  ended->parameters.put_results(done);
  send(Kind::kDone, ended->token, done);
  return HGCM_INF_SUCCESS;
}

void Runner::mark_cancelled(Reader& from) {
  const auto client = from.get<std::uint32_t>();
  {
    const std::lock_guard lock(calls_mutex_);
    while (from.good() && !from.rest().empty()) {
      const auto found = calls_.find(from.get<std::uint64_t>());
      if (found != calls_.end()) found->second->cancelled.store(true);
    }
  }
  if (clients_.contains(client)) {
    enter(table_.cancelled, table_.service, client, client_data(client));
  }
}

void Runner::host_call(std::uint64_t token, Reader& from) {
  const auto function = from.get<std::uint32_t>();
  auto parameters = Parameters::read(from, [](const Place&) { return nullptr; });
  if (!parameters) return reply(token, HGCM_ERR_INVALID_PARAMETER);
  const Status status =
      enter(table_.host_call, table_.service, function, parameters->count(), parameters->data());
  Writer results;
  parameters->put_results(results);
  reply(token, status, results.written());
}

Result<std::vector<std::byte>> Runner::save(std::uint32_t client) {
  host::SavedStream stream;
  Status status = enter(table_.save_state, table_.service, client, client_data(client),
                        stream.handle(), host::vmm_table());
  if (status.ok()) status = stream.status();
  if (status.failed()) return failure(status);
  return stream.take_written();
}

void Runner::load(std::uint64_t token, Reader& from) {
  const auto client = from.get<std::uint32_t>();
  const auto version = from.get<std::uint32_t>();
  host::SavedStream stream(from.rest());
  Status status = enter(table_.load_state, table_.service, client, client_data(client),
                        stream.handle(), host::vmm_table(), version);
  if (status.ok()) status = stream.status();
  if (status.ok() && stream.unread() != 0) status = HGCM_ERR_SSM_UNEXPECTED_DATA;
  reply(token, status);
}

}  // namespace

int run_service(const char* library, UniqueFd socket) {
  auto channel = Channel::join(std::move(socket));
  if (channel == nullptr) return 1;
  // Never destroyed: threads of the service may outlive its unloading.
  auto& runner = *new Runner(std::move(channel));
  return runner.run(library);
}

}  // namespace hgcm::sandbox

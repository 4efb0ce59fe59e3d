// SPDX-License-Identifier: MIT
//
// See sandbox.h.
#include "sandbox/sandbox.h"

#include <pthread.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>

#include "hgcm/saved_stream.h"
#include "shared-folders/protocol.h"

namespace hgcm::sandbox {
namespace {

using LogLevel = SandboxOptions::LogLevel;

/// A process that dies at once is not started all the time.
constexpr std::chrono::seconds kRestartInterval{1};
/// Of a client that a restarted process gets; what SavedStream's readers take for the current one.
constexpr std::uint32_t kStateVersion = 3;
constexpr Status kGone = HGCM_ERR_DEV_IO_ERROR;
constexpr auto kRelaxed = std::memory_order_relaxed;

}  // namespace

/// Between the ABI and the members.
struct Sandbox::Entries {
  static Sandbox& of(void* service) noexcept { return *static_cast<Sandbox*>(service); }

  /// What may be thrown is lack of memory.
  template <typename Work>
  static std::int32_t guarded(Work work) noexcept {
    try {
      return Status(work()).code();
    } catch (...) {
      return HGCM_ERR_NO_MEMORY;
    }
  }

  static std::int32_t unload(void* service) {
    return guarded([&] { return of(service).unload(); });
  }
  static std::int32_t connect(void* service, std::uint32_t client, void* /*data*/,
                              std::uint32_t requestor, bool restoring) {
    return guarded([&] { return of(service).connect(client, requestor, restoring); });
  }
  static std::int32_t disconnect(void* service, std::uint32_t client, void* /*data*/) {
    return guarded([&] { return of(service).disconnect(client); });
  }
  static void call(void* service, hgcm_svc_call_handle handle, std::uint32_t client, void* /*data*/,
                   std::uint32_t function, std::uint32_t count, hgcm_svc_parm* parameters,
                   std::uint64_t arrival) {
    of(service).call(handle, client, function, {parameters, count}, arrival);
  }
  static void cancelled(void* service, std::uint32_t client, void* /*data*/) {
    of(service).cancelled(client);
  }
  static std::int32_t host_call(void* service, std::uint32_t function, std::uint32_t count,
                                hgcm_svc_parm* parameters) {
    return guarded([&] { return of(service).host_call(function, {parameters, count}); });
  }
  static std::int32_t save(void* service, std::uint32_t client, void* /*data*/,
                           hgcm_svc_ssm* stream, const hgcm_svc_vmm* /*vmm*/) {
    return guarded([&] { return of(service).save(client, stream); });
  }
  static std::int32_t load(void* service, std::uint32_t client, void* /*data*/,
                           hgcm_svc_ssm* stream, const hgcm_svc_vmm* /*vmm*/,
                           std::uint32_t version) {
    return guarded([&] { return of(service).load_client(client, stream, version); });
  }
  static void notify(void* service, int event) { of(service).notify(event); }
};

// --- The process. ---

Sandbox::Sandbox(SandboxOptions options)
    : options_(std::move(options)),
      directories_(
          options_.program,
          [this](int number, int fd) {
            Writer contents;
            send(Kind::kDirectory, 0, contents.put(std::int32_t{number}), fd);
          },
          [this](const std::string& line) { log(LogLevel::kError, line); }) {}

Sandbox::~Sandbox() {
  end_process();
}

std::shared_ptr<Sandbox> Sandbox::start(SandboxOptions options, std::string& detail) {
  auto sandbox = std::make_shared<Sandbox>(std::move(options));
  return sandbox->launch(detail) ? sandbox : nullptr;
}

bool Sandbox::launch(std::string& detail) {
  launched_ = std::chrono::steady_clock::now();
  auto process = start_process(options_.program, "serve", options_.library.string(), detail);
  if (!process) return false;
  processes_.fetch_add(1, kRelaxed);
  pid_.store(process->pid);
  channel_ = Channel::make(std::move(process->socket), options_.patience);
  if (channel_ == nullptr) {
    detail = "there is no memory for its messages";
    pid_.store(-1);
    ::kill(process->pid, SIGKILL);
    wait_for_end(process->pid);
    return false;
  }
  regions_.clear();
  {
    const std::lock_guard lock(mutex_);
    gone_ = false;
    answer_.reset();
  }
  receiver_ = std::thread([this] { receive_all(); });
  Writer start;
  for (const std::uint32_t function : options_.remembered) start.put(function);
  const auto ready = ask(Kind::kStart, start);
  detail = "it ended before it was ready";
  if (ready) {
    Reader from(ready->contents);
    limits_.clients = from.get<decltype(limits_.clients)>();
    limits_.calls = from.get<decltype(limits_.calls)>();
    limits_.legacy_category = from.get<std::uint32_t>();
    detail.assign(reinterpret_cast<const char*>(from.rest().data()), from.rest().size());
    if (ready->status.ok() && from.good()) return true;
  }
  end_process();
  return false;
}

void Sandbox::end_process() noexcept {
  if (channel_) channel_->shut_down();
  if (const pid_t pid = pid_.load(); pid > 0) ::kill(pid, SIGKILL);
  if (receiver_.joinable()) receiver_.join();
}

/// On the service thread: starts another process when there is none.
bool Sandbox::alive() {
  {
    const std::lock_guard lock(mutex_);
    if (!gone_) return true;
  }
  if (unloaded_ || std::chrono::steady_clock::now() - launched_ < kRestartInterval) return false;
  end_process();
  std::string detail;
  if (!launch(detail)) {
    log(LogLevel::kError, "its process cannot be started again: " + detail);
    return false;
  }
  if (!restore_all()) return false;
  log(LogLevel::kInfo, "runs again, in a new process");
  return true;
}

bool Sandbox::restore_all() {
  for (auto& call : directories_.all_again()) {
    if (forward_host_call(shfl::kAddMapping, call.parameters()).failed()) {
      log(LogLevel::kError, "a share could not be added again");
    }
  }
  std::vector<std::uint32_t> ids;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [id, client] : clients_) {
      client.known = false;
      ids.push_back(id);
    }
  }
  for (const std::uint32_t id : ids) {
    Client copy;
    {
      const std::lock_guard lock(mutex_);
      copy = clients_.at(id);
    }
    if (!restore_client(id, copy)) {
      log(LogLevel::kError, "client " + std::to_string(id) + " could not be connected again");
    }
  }
  const std::lock_guard lock(mutex_);
  return !gone_;
}

bool Sandbox::restore_client(std::uint32_t id, Client& client) {
  Writer connect;
  connect.put(id).put(client.requestor).put(helpers_->get_session_id(helpers_->instance));
  auto answer = ask(Kind::kConnect, connect.put(!client.record.empty()));
  if (answer && answer->status.ok() && !client.record.empty()) {
    Writer load;
    answer = ask(Kind::kLoad, load.put(id).put(kStateVersion).bytes(client.record));
  }
  if (!answer || answer->status.failed()) return false;
  const std::lock_guard lock(mutex_);
  clients_.at(id).known = true;
  return true;
}

void Sandbox::log(LogLevel level, const std::string& line) const {
  if (options_.log) options_.log(level, line);
}

SandboxCounters Sandbox::counters() const noexcept {
  return {processes_.load(kRelaxed), messages_sent_.load(kRelaxed),
          messages_received_.load(kRelaxed), bytes_sent_.load(kRelaxed),
          bytes_received_.load(kRelaxed)};
}

// --- Messages. ---

bool Sandbox::send(Kind kind, std::uint64_t token, const Writer& contents, int fd) {
  messages_sent_.fetch_add(1, kRelaxed);
  bytes_sent_.fetch_add(contents.written().size(), kRelaxed);
  if (channel_->send(kind, token, contents.written(), fd)) return true;
  // It has gone, or takes nothing: whoever waits for it hears of it.
  channel_->shut_down();
  return false;
}

std::optional<Sandbox::Answer> Sandbox::ask(Kind kind, const Writer& contents) {
  const std::uint64_t token = next_token_++;
  return send(kind, token, contents) ? wait(token) : std::nullopt;
}

std::optional<Sandbox::Answer> Sandbox::wait(std::uint64_t token) {
  std::unique_lock lock(mutex_);
  const auto known = [&] { return gone_ || (answer_ && answer_->first == token); };
  if (!changed_.wait_for(lock, options_.patience, known)) {
    log(LogLevel::kError, "its process does not answer, and is killed");
    if (const pid_t pid = pid_.load(); pid > 0) ::kill(pid, SIGKILL);
    changed_.wait(lock, [&] { return gone_; });
  }
  if (!answer_ || answer_->first != token) return std::nullopt;
  return std::exchange(answer_, std::nullopt)->second;
}

/// Ends the receiving when there is nobody to receive from. The process is dead by then, so that it
/// cannot keep the receiver asleep by what it does to the memory they share.
void Sandbox::watch(pid_t pid) {
  ::pthread_setname_np(::pthread_self(), "sandbox-watch");
  channel_->wait_for_hang_up();
  ::kill(pid, SIGKILL);
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
  }
  channel_->shut_down();
}

void Sandbox::receive_all() {
  ::pthread_setname_np(::pthread_self(), "sandbox-answers");
  std::thread watcher([this, pid = pid_.load()] { watch(pid); });
  while (const auto message = channel_->receive()) {
    messages_received_.fetch_add(1, kRelaxed);
    bytes_received_.fetch_add(message->contents.size(), kRelaxed);
    try {
      if (message->kind == Kind::kDone) {
        take_done(*message);
      } else if (message->kind == Kind::kReply || message->kind == Kind::kReady) {
        Reader from(message->contents);
        const Status status(from.get<std::int32_t>());
        const std::lock_guard lock(mutex_);
        answer_ = {message->token, {status, {from.rest().begin(), from.rest().end()}}};
        changed_.notify_all();
      } else if (message->kind == Kind::kRecord) {
        Reader from(message->contents);
        const auto id = from.get<std::uint32_t>();
        const std::lock_guard lock(mutex_);
        if (const auto client = clients_.find(id); client != clients_.end()) {
          client->second.record.assign(from.rest().begin(), from.rest().end());
        }
      }
    } catch (...) {
      // No memory for what it says: it is as if it were not there.
      break;
    }
  }
  // From here on it is nobody else's to kill: its number may soon be another's.
  const pid_t pid = pid_.exchange(-1);
  // Also when it lives, but does not keep to the form.
  ::kill(pid, SIGKILL);
  watcher.join();
  const std::string reason = wait_for_end(pid);
  {
    const std::lock_guard lock(mutex_);
    gone_ = true;
    changed_.notify_all();
  }
  fail_pending();
  if (!unloaded_) log(LogLevel::kError, "its process has ended: " + reason);
}

void Sandbox::take_done(const Channel::Message& message) {
  PendingCall call;
  {
    const std::lock_guard lock(mutex_);
    const auto found = calls_.find(message.token);
    if (found == calls_.end()) return;
    call = std::move(found->second);
    calls_.erase(found);
  }
  Reader from(message.contents);
  Status status(from.get<std::int32_t>());
  // A call that was refused has no results.
  if (!from.rest().empty() && !take_results(from, call.given, call.parameters)) status = kGone;
  complete(call, status);
}

void Sandbox::complete(const PendingCall& call, Status status) noexcept {
  helpers_->call_complete(call.handle, status.code());
}

void Sandbox::fail_pending() {
  std::unordered_map<std::uint64_t, PendingCall> calls;
  {
    const std::lock_guard lock(mutex_);
    calls.swap(calls_);
  }
  for (const auto& [token, call] : calls) complete(call, kGone);
}

// --- Guest memory. ---

std::optional<Place> Sandbox::locate(const void* address, std::uint32_t bytes) {
  const auto* const at = static_cast<const std::byte*>(address);
  const auto holds = [&](std::span<const std::byte> memory) {
    return at >= memory.data() && at < memory.data() + memory.size();
  };
  auto region = std::ranges::find_if(
      regions_, [&](const Region& r) { return holds(r.bytes) && !r.mapping.expired(); });
  if (region == regions_.end()) {
    const GuestFile file = options_.guest_file ? options_.guest_file(address) : GuestFile{};
    if (file.mapping == nullptr || !holds(file.bytes)) return std::nullopt;
    drop_regions();
    Writer map;
    map.put(next_region_).put(std::uint64_t{file.bytes.size()}).put(file.offset);
    if (!send(Kind::kMap, 0, map, file.fd)) return std::nullopt;
    regions_.push_back({next_region_++, file.mapping, file.bytes});
    region = regions_.end() - 1;
  }
  const auto offset = static_cast<std::uint64_t>(at - region->bytes.data());
  if (bytes > region->bytes.size() - offset) return std::nullopt;
  return Place{region->id, bytes, offset};
}

void Sandbox::drop_regions() {
  std::erase_if(regions_, [&](const Region& region) {
    if (!region.mapping.expired()) return false;
    Writer contents;
    send(Kind::kUnmap, 0, contents.put(region.id));
    return true;
  });
}

// --- Entry points, on the service thread. ---

std::int32_t Sandbox::load(hgcm_svc_table* table) {
  helpers_ = table->helpers;
  table->client_size = 0;
  std::ranges::copy(limits_.clients, table->max_clients);
  std::ranges::copy(limits_.calls, table->max_calls_per_client);
  table->legacy_category = limits_.legacy_category;
  table->unload = Entries::unload;
  table->connect = Entries::connect;
  table->disconnect = Entries::disconnect;
  table->call = Entries::call;
  table->cancelled = Entries::cancelled;
  table->host_call = Entries::host_call;
  table->save_state = Entries::save;
  table->load_state = Entries::load;
  table->notify = Entries::notify;
  table->service = this;
  return HGCM_INF_SUCCESS;
}

Status Sandbox::unload() {
  unloaded_ = true;
  const auto answer = ask(Kind::kEnd, {});
  end_process();
  return answer ? answer->status : HGCM_INF_SUCCESS;
}

Status Sandbox::connect(std::uint32_t client, std::uint32_t requestor, bool restoring) {
  if (!alive()) return kGone;
  Writer contents;
  contents.put(client).put(requestor).put(helpers_->get_session_id(helpers_->instance));
  {
    const std::lock_guard lock(mutex_);
    clients_[client] = {requestor, true, {}};
  }
  const auto answer = ask(Kind::kConnect, contents.put(restoring));
  const Status status = answer ? answer->status : kGone;
  if (status.failed()) {
    const std::lock_guard lock(mutex_);
    clients_.erase(client);
  }
  return status;
}

Status Sandbox::disconnect(std::uint32_t client) {
  {
    const std::lock_guard lock(mutex_);
    clients_.erase(client);
    if (gone_) return HGCM_INF_SUCCESS;
  }
  Writer contents;
  const auto answer = ask(Kind::kDisconnect, contents.put(client));
  drop_regions();
  return answer ? answer->status : HGCM_INF_SUCCESS;
}

void Sandbox::call(hgcm_svc_call_handle handle, std::uint32_t client, std::uint32_t function,
                   std::span<hgcm_svc_parm> parameters, std::uint64_t arrival) {
  PendingCall call{handle, client, parameters.data(), {}};
  bool known = false;
  if (alive()) {
    const std::lock_guard lock(mutex_);
    const auto found = clients_.find(client);
    known = found != clients_.end() && found->second.known;
  }
  if (!known) return complete(call, kGone);
  if (options_.shares) directories_.look_again();
  Writer contents;
  contents.put(client).put(function).put(helpers_->get_requestor(handle));
  contents.put(helpers_->is_call_restored(handle)).put(arrival);
  if (!put_parameters(contents, parameters, [this](const void* address, std::uint32_t bytes) {
        return locate(address, bytes);
      })) {
    return complete(call, HGCM_ERR_INVALID_POINTER);
  }
  call.given.assign(parameters.begin(), parameters.end());
  const std::uint64_t token = next_token_++;
  {
    const std::lock_guard lock(mutex_);
    if (!gone_) {
      calls_.emplace(token, std::move(call));
      call.handle = nullptr;
    }
  }
  if (call.handle != nullptr) return complete(call, kGone);
  // Where this fails the process is gone, and the receiver ends the call.
  (void)send(Kind::kCall, token, contents);
}

void Sandbox::cancelled(std::uint32_t client) {
  Writer contents;
  contents.put(client);
  {
    const std::lock_guard lock(mutex_);
    if (gone_) return;
    for (const auto& [token, call] : calls_) {
      if (call.client == client && helpers_->is_call_cancelled(call.handle)) contents.put(token);
    }
  }
  (void)send(Kind::kCancelled, 0, contents);
}

Status Sandbox::forward_host_call(std::uint32_t function, std::span<hgcm_svc_parm> parameters) {
  Writer contents;
  contents.put(function);
  if (!put_parameters(contents, parameters,
                      [](const void*, std::uint32_t) { return std::nullopt; })) {
    return HGCM_ERR_INVALID_PARAMETER;
  }
  const std::vector<hgcm_svc_parm> given(parameters.begin(), parameters.end());
  const auto answer = ask(Kind::kHostCall, contents);
  if (!answer) return kGone;
  Reader from(answer->contents);
  if (!from.rest().empty() && !take_results(from, given, parameters.data())) return kGone;
  return answer->status;
}

Status Sandbox::host_call(std::uint32_t function, std::span<hgcm_svc_parm> parameters) {
  if (!alive()) return kGone;
  if (options_.shares && function == shfl::kAddMapping) {
    if (auto call = directories_.add(parameters)) {
      const Status status = forward_host_call(function, call->parameters());
      directories_.added(status.ok());
      return status;
    }
  }
  const Status status = forward_host_call(function, parameters);
  if (options_.shares && function == shfl::kRemoveMapping && status.ok()) {
    directories_.removed(parameters);
  }
  return status;
}

Status Sandbox::save(std::uint32_t client, hgcm_svc_ssm* stream) {
  auto* const to = host::SavedStream::from_handle(stream);
  if (to == nullptr) return HGCM_ERR_INVALID_HANDLE;
  if (!alive()) return kGone;
  Writer contents;
  const auto answer = ask(Kind::kSave, contents.put(client));
  if (!answer) return kGone;
  if (answer->status.failed()) return answer->status;
  return to->write(answer->contents.data(), answer->contents.size());
}

Status Sandbox::load_client(std::uint32_t client, hgcm_svc_ssm* stream, std::uint32_t version) {
  auto* const from = host::SavedStream::from_handle(stream);
  if (from == nullptr) return HGCM_ERR_INVALID_HANDLE;
  if (!alive()) return kGone;
  std::vector<std::byte> state(from->unread());
  if (const Status status = from->read(state.data(), state.size()); status.failed()) return status;
  Writer contents;
  const auto answer = ask(Kind::kLoad, contents.put(client).put(version).bytes(state));
  if (answer && answer->status.ok()) {
    const std::lock_guard lock(mutex_);
    clients_[client].record = std::move(state);
  }
  return answer ? answer->status : kGone;
}

void Sandbox::notify(int event) {
  drop_regions();
  if (!alive()) return;
  Writer contents;
  (void)send(Kind::kNotify, 0, contents.put(static_cast<std::uint32_t>(event)));
}

}  // namespace hgcm::sandbox

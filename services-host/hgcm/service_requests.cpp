// SPDX-License-Identifier: MIT
//
// One loaded service: what the host's side asks of it: host calls, the extension, events, info,
// statistics, saving and restoring.
#include "hgcm/iprt_format.h"
#include "hgcm/saved_stream.h"
#include "hgcm/service.h"
#include "hgcm/service_entry.h"

#include <algorithm>
#include <chrono>
#include <cstdarg>
#include <utility>

namespace hgcm::host {
namespace {

constexpr std::size_t kMaxInfoHandlers = 64;
constexpr std::size_t kMaxInfoText = 4U << 20;
constexpr std::uint32_t kStateVersion = 3;  // what VirtualBox passes for its current format
constexpr std::uint32_t kNoState = 0;

/// What an info handler prints to; its face comes first.
struct InfoSink {
  hgcm_svc_info_output face{};
  std::string text;
};

void sink_print_v(const hgcm_svc_info_output* out, const char* format, std::va_list arguments) {
  auto& sink = *reinterpret_cast<InfoSink*>(const_cast<hgcm_svc_info_output*>(out));
  try {
    sink.text += format_iprt(format, arguments, kMaxInfoText - sink.text.size());
  } catch (...) {
    // What does not fit into memory is not printed.
  }
}

void sink_print(const hgcm_svc_info_output* out, const char* format, ...) {
  std::va_list arguments;
  va_start(arguments, format);
  sink_print_v(out, format, arguments);
  va_end(arguments);
}

/// VirtualBox's helper for bad options; its further arguments are only VirtualBox's own.
void sink_getopt_error(const hgcm_svc_info_output* out, int status) {
  sink_print(out, "bad option: %Rrc\n", status);
}

}  // namespace

// --- Host calls, extension, events. ---

Status Service::host_call_now(std::uint32_t function, std::uint32_t count,
                              hgcm_svc_parm* parameters) {
  const auto started = std::chrono::steady_clock::now();
  const Status status = enter(table_->host_call, table_->service, function, count, parameters);
  const auto spent = std::chrono::steady_clock::now() - started;
  functions_.count(function, true, status.failed(), static_cast<std::uint64_t>(spent.count()));
  return status;
}

Status Service::host_call(std::uint32_t function, std::span<hgcm_svc_parm> parameters) {
  auto copy = std::make_shared<std::vector<hgcm_svc_parm>>(parameters.begin(), parameters.end());
  copy->resize(std::max(copy->size(), kMinParameterSlots));
  const auto count = static_cast<std::uint32_t>(parameters.size());
  const auto status = run_and_wait([self = shared_from_this(), copy, function, count] {
    return self->host_call_now(function, count, copy->data());
  });
  if (!status) return HGCM_ERR_INVALID_STATE;
  std::copy_n(copy->begin(), parameters.size(), parameters.begin());
  return *status;
}

Status Service::extension_now(hgcm_svc_extension_fn extension, void* user) {
  const bool registering = extension != nullptr;
  if (registering == has_extension_)
    return registering ? HGCM_ERR_NOT_SUPPORTED : HGCM_ERR_NOT_FOUND;
  const Status status = enter(table_->register_extension, table_->service, extension, user);
  if (status.ok()) has_extension_ = registering;
  return status;
}

Status Service::register_extension(hgcm_svc_extension_fn extension, void* user) {
  if (extension == nullptr) return HGCM_ERR_INVALID_POINTER;
  return run_and_wait([self = shared_from_this(), extension, user] {
           return self->extension_now(extension, user);
         })
      .value_or(HGCM_ERR_INVALID_STATE);
}

Status Service::unregister_extension() {
  return run_and_wait([self = shared_from_this()] { return self->extension_now(nullptr, nullptr); })
      .value_or(HGCM_ERR_INVALID_STATE);
}

void Service::notify(hgcm_svc_event event) {
  post([self = shared_from_this(),
        event] { enter(self->table_->notify, self->table_->service, static_cast<int>(event)); },
       [] {});
}

// --- Information. ---

Status Service::add_info(std::string name, std::string description, hgcm_svc_info_fn handler,
                         void* user) {
  const std::lock_guard lock(info_mutex_);
  if (infos_.size() >= kMaxInfoHandlers) return HGCM_ERR_OUT_OF_RESOURCES;
  const bool added =
      infos_.try_emplace(std::move(name), InfoHandler{std::move(description), handler, user})
          .second;
  return added ? Status(HGCM_INF_SUCCESS) : Status(HGCM_ERR_ALREADY_EXISTS);
}

Status Service::remove_info(const std::string& name) {
  const std::lock_guard lock(info_mutex_);
  return infos_.erase(name) > 0 ? Status(HGCM_INF_SUCCESS) : Status(HGCM_ERR_NOT_FOUND);
}

bool Service::has_info(std::string_view name) const {
  const std::lock_guard lock(info_mutex_);
  return infos_.find(name) != infos_.end();
}

Result<std::string> Service::info(std::string_view name, std::string_view arguments) {
  auto sink = std::make_shared<InfoSink>();
  sink->face = {sink_print, sink_print_v, reinterpret_cast<void*>(&sink_getopt_error)};
  // On the service thread, so that no handler meets an entry point halfway.
  const auto status = run_and_wait([self = shared_from_this(), sink, key = std::string(name),
                                    text = std::string(arguments)]() -> Status {
    InfoHandler handler;
    {
      const std::lock_guard lock(self->info_mutex_);
      const auto it = self->infos_.find(key);
      if (it == self->infos_.end()) return HGCM_ERR_NOT_FOUND;
      handler = it->second;
    }
    return enter(handler.handler, handler.user, &sink->face, text.c_str());
  });
  if (!status) return failure(HGCM_ERR_INVALID_STATE);
  if (status->failed()) return failure(*status);
  return std::move(sink->text);
}

ServiceStatistics Service::statistics() const {
  ServiceStatistics result;
  result.name = name_;
  result.path = source_.path.string();
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    result.clients[i] = clients_[i].load();
    result.max_clients[i] = __atomic_load_n(&table_->max_clients[i], __ATOMIC_RELAXED);
  }
  result.calls = calls_.load();
  result.pending_calls = pending_calls_.load();
  result.too_many_clients = too_many_clients_.load();
  result.too_many_calls = too_many_calls_.load();
  result.bad_completions = bad_completions_.load();
  result.cancelled_calls = cancelled_calls_.load();
  result.functions = functions_.read();
  result.samples = samples_.read();
  return result;
}

// --- Saving and restoring. ---

Status Service::save_now(SavedService& saved) {
  saved.name = name_;
  for (const auto& [id, client] : connected_) {
    if (abandoned_.load()) return HGCM_ERR_INVALID_STATE;
    if (client->state.load() != Client::State::kConnected) continue;
    SavedClient one{id, client->requestor, table_->save_state != nullptr, {}};
    if (one.has_state) {
      SavedStream stream;
      Status status = enter(table_->save_state, table_->service, id, client->data, stream.handle(),
                            vmm_table());
      // A service may overlook that a write failed; the state would be short.
      if (status.ok()) status = stream.status();
      if (status.failed()) {
        log(LogLevel::kError,
            "could not save client " + std::to_string(id) + ": " + status.to_string());
        return status;
      }
      one.state = stream.take_written();
    }
    saved.clients.push_back(std::move(one));
  }
  return HGCM_INF_SUCCESS;
}

Result<SavedService> Service::save(Deadline deadline) {
  auto saved = std::make_shared<SavedService>();
  const auto status =
      run_and_wait([self = shared_from_this(), saved] { return self->save_now(*saved); }, deadline);
  if (!status) return failure(HGCM_ERR_TIMEOUT);
  if (status->failed()) return failure(*status);
  return std::move(*saved);
}

Status Service::restore_client(const SavedClient& saved, const std::shared_ptr<Client>& client) {
  if (const Status status = connect_now(client, true); status.failed()) return status;
  if (table_->load_state == nullptr)
    return saved.has_state ? HGCM_ERR_INTERNAL_ERROR_5 : HGCM_INF_SUCCESS;
  SavedStream stream(saved.state);
  Status status = enter(table_->load_state, table_->service, client->id, client->data,
                        stream.handle(), vmm_table(), saved.has_state ? kStateVersion : kNoState);
  if (status.ok()) status = stream.status();
  if (status.ok() && stream.unread() != 0) status = HGCM_ERR_SSM_UNEXPECTED_DATA;
  if (status.failed()) {
    log(LogLevel::kError, "could not restore client " + std::to_string(client->id) + ": " +
                              status.to_string() +
                              (stream.error().empty() ? "" : ": " + stream.error()));
  }
  return status;
}

Status Service::restore_now(const SavedService& saved) {
  for (const SavedClient& one : saved.clients) {
    if (abandoned_.load()) return HGCM_ERR_INVALID_STATE;
    const auto client = core_->clients.restore(one.id, one.requestor, shared_from_this());
    if (client == nullptr) return HGCM_ERR_SSM_UNEXPECTED_DATA;
    if (const Status status = restore_client(one, client); status.failed()) return status;
  }
  return HGCM_INF_SUCCESS;
}

Status Service::restore(const SavedService& saved, Deadline deadline) {
  auto copy = std::make_shared<const SavedService>(saved);
  return run_and_wait(
             [self = shared_from_this(), copy]() -> Status { return self->restore_now(*copy); },
             deadline)
      .value_or(HGCM_ERR_TIMEOUT);
}

}  // namespace hgcm::host

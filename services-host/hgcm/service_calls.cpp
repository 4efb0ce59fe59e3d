// SPDX-License-Identifier: MIT
//
// One loaded service: its clients and guest calls, from the device's request to the completion.
#include "hgcm/service.h"
#include "hgcm/service_entry.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace hgcm::host {
namespace {

// What a service may at most be given, whatever its limits say.
constexpr std::uint32_t kMaxClientsOfCategory = 0x4000;
constexpr std::uint32_t kMaxCallsOfClient = 0x10000;
constexpr std::uint32_t kMaxConnecting = 0x1000;
constexpr std::size_t kMaxClientBytes = 256U << 20;

constexpr std::int64_t kComplaintIntervalNs = 1'000'000'000;

std::int64_t now_ns() noexcept {
  return std::chrono::steady_clock::now().time_since_epoch().count();
}

/// The service may change its table on any thread of its own.
std::uint32_t live(const std::uint32_t& field) noexcept {
  return __atomic_load_n(&field, __ATOMIC_RELAXED);
}

unsigned category_of(std::uint32_t requestor, std::uint32_t legacy) noexcept {
  if (requestor == HGCM_REQUESTOR_LEGACY)
    return legacy < HGCM_SVC_CATEGORY_COUNT ? legacy : unsigned{HGCM_SVC_CATEGORY_KERNEL};
  switch (requestor & HGCM_REQUESTOR_USER_MASK) {
    case HGCM_REQUESTOR_USER_DRIVER:
    case HGCM_REQUESTOR_USER_OTHER_DRIVER:
      return HGCM_SVC_CATEGORY_KERNEL;
    case HGCM_REQUESTOR_USER_ROOT:
    case HGCM_REQUESTOR_USER_SYSTEM:
      return HGCM_SVC_CATEGORY_ROOT;
    default:
      return HGCM_SVC_CATEGORY_USER;
  }
}

/// Codes that mean something between host and device only are not for a service to send.
Status connect_status(Status status) noexcept {
  if (status == HGCM_INF_HGCM_ASYNC_EXECUTE || status == HGCM_INF_HGCM_SAVE_STATE)
    return HGCM_INF_SUCCESS;
  return status;
}

hgcm_svc_call_handle handle_of(CallToken token) noexcept {
  return reinterpret_cast<hgcm_svc_call_handle>(token);
}

}  // namespace

// --- Calls. ---

Status Service::submit(const std::shared_ptr<Client>& client,
                       std::shared_ptr<GuestCall> call) noexcept {
  const std::uint32_t limit =
      std::min(live(table_->max_calls_per_client[client->category]), kMaxCallsOfClient);
  // As VirtualBox counts: the new number must stay below the limit.
  if (client->calls.fetch_add(1, std::memory_order_relaxed) + 1 >= limit) {
    client->calls.fetch_sub(1, std::memory_order_relaxed);
    too_many_calls_.fetch_add(1, std::memory_order_relaxed);
    return HGCM_ERR_HGCM_TOO_MANY_CLIENT_CALLS;
  }
  auto& table = CallTable::instance();
  const CallTable::Entry entry = table.add(std::move(call), client);
  if (entry.slot == nullptr) {
    client->calls.fetch_sub(1, std::memory_order_relaxed);
    return HGCM_ERR_NO_MEMORY;
  }
  calls_.fetch_add(1, std::memory_order_relaxed);
  pending_calls_.fetch_add(1, std::memory_order_relaxed);
  if (queue_.push(*entry.slot)) return HGCM_INF_SUCCESS;

  // Unloaded in the meantime. If whoever unloads found the call first, it was accepted and is being
  // completed there; else it never was.
  Status status = HGCM_INF_SUCCESS;
  if (const auto claimed = table.claim(entry.token)) {
    client->calls.fetch_sub(1, std::memory_order_relaxed);
    calls_.fetch_sub(1, std::memory_order_relaxed);
    pending_calls_.fetch_sub(1, std::memory_order_relaxed);
    end_finish();
    status = HGCM_ERR_HGCM_INVALID_CLIENT_ID;
  }
  table.release(*entry.slot);
  return status;
}

void Service::dispatch_call(CallSlot& slot) {
  auto& table = CallTable::instance();
  const CallTable::Pending pending = table.pending(slot);
  table.release(slot);
  if (pending.token == 0) return;
  const auto refuse = [&](Status status) {
    if (auto claimed = table.claim(pending.token)) finish(std::move(*claimed), status);
  };
  if (pending.client->state.load() != Client::State::kConnected) {
    refuse(HGCM_ERR_HGCM_INVALID_CLIENT_ID);
    return;
  }
  GuestCall& call = *pending.call;
  const Status entered = enter(table_->call, table_->service, handle_of(pending.token),
                               pending.client->id, pending.client->data, call.function,
                               call.parameter_count, call.parameters.data(), call.arrival_tsc);
  if (entered.failed()) refuse(entered);
}

void Service::end_finish() noexcept {
  if (finishing_.fetch_sub(1) == 1) finishing_.notify_all();
}

Status Service::finish(ClaimedCall claimed, Status status) noexcept {
  functions_.count(claimed.call->function, false, status.failed(),
                   static_cast<std::uint64_t>(now_ns() - claimed.started_ns));
  // Before the guest can see the result: its next call must find room.
  claimed.client->calls.fetch_sub(1, std::memory_order_relaxed);
  pending_calls_.fetch_sub(1, std::memory_order_relaxed);
  Status answer;
  if (core_->resetting.load()) {
    claimed.call->dismiss(GuestCall::Dismissal::kReset);
    answer = HGCM_ERR_ALREADY_RESET;
  } else if (core_->saving.load()) {
    claimed.call->dismiss(GuestCall::Dismissal::kSaved);
  } else {
    answer = claimed.call->complete(status);
  }
  if (abandoned_.load()) keep(std::move(claimed));
  claimed = {};
  end_finish();
  return answer;
}

void Service::keep(ClaimedCall call) noexcept {
  const std::lock_guard lock(task_mutex_);
  try {
    kept_calls_.push_back(std::move(call));
  } catch (...) {
    // Out of memory: the call ends here, as it would for a service that behaves.
  }
}

void Service::finish_pending(Status status) {
  auto& table = CallTable::instance();
  for (const CallToken token : table.tokens_of(serial_)) {
    if (auto claimed = table.claim(token)) finish(std::move(*claimed), status);
  }
}

void Service::count_bad_completion() noexcept {
  const std::uint64_t count = bad_completions_.fetch_add(1, std::memory_order_relaxed) + 1;
  const std::int64_t now = now_ns();
  std::int64_t last = last_complaint_ns_.load(std::memory_order_relaxed);
  if (now - last < kComplaintIntervalNs || !last_complaint_ns_.compare_exchange_strong(last, now))
    return;
  try {
    log(LogLevel::kWarning,
        "completed a call that is not pending (" + std::to_string(count) + " times so far)");
  } catch (...) {
    // Counted, if not told.
  }
}

// --- Clients. ---

void Service::connect(const std::shared_ptr<Client>& client, ServiceHost::ConnectDone done) {
  auto once = std::make_shared<Once<Status, ClientId>>(std::move(done));
  const auto fail = [self = shared_from_this(), client, once](Status status) {
    self->core_->clients.remove(client);
    (*once)(status, 0);
  };
  if (connecting_.fetch_add(1) >= kMaxConnecting) {
    connecting_.fetch_sub(1);
    fail(HGCM_ERR_HGCM_TOO_MANY_CLIENTS);
    return;
  }
  try {
    post(
        [self = shared_from_this(), client, once, fail] {
          self->connecting_.fetch_sub(1);
          const Status status = self->connect_now(client, false);
          if (status.ok()) {
            (*once)(status, client->id);
          } else {
            fail(status);
          }
        },
        [fail] { fail(HGCM_ERR_HGCM_SERVICE_NOT_FOUND); });
  } catch (...) {
    connecting_.fetch_sub(1);
    throw;
  }
}

Status Service::connect_now(const std::shared_ptr<Client>& client, bool restoring) {
  if (client->state.load() != Client::State::kConnecting) return HGCM_ERR_ALREADY_RESET;
  const unsigned category = category_of(client->requestor, live(table_->legacy_category));
  client->category = category;
  const std::uint32_t limit = std::min(live(table_->max_clients[category]), kMaxClientsOfCategory);
  if (!restoring && clients_[category].load() >= limit) {
    too_many_clients_.fetch_add(1, std::memory_order_relaxed);
    return HGCM_ERR_HGCM_TOO_MANY_CLIENTS;
  }
  const std::size_t size = live(table_->client_size);
  if (size > kMaxClientBytes - std::min(client_bytes_, kMaxClientBytes)) return HGCM_ERR_NO_MEMORY;
  if (size > 0) {
    client->data = std::calloc(1, size);
    if (client->data == nullptr) return HGCM_ERR_NO_MEMORY;
    client->data_size = size;
  }
  in_client_entry_ = true;
  const Status status = connect_status(enter(table_->connect, table_->service, client->id,
                                             client->data, client->requestor, restoring));
  in_client_entry_ = false;
  if (status.failed()) return status;
  connected_.emplace(client->id, client);
  client_bytes_ += size;
  clients_[category].fetch_add(1);
  auto connecting = Client::State::kConnecting;
  if (!client->state.compare_exchange_strong(connecting, Client::State::kConnected)) {
    // The machine was reset, or this service is being unloaded: whoever did that has put the
    // disconnecting of closing clients into the queue behind this.
    return HGCM_ERR_ALREADY_RESET;
  }
  return status;
}

void Service::disconnect(const std::shared_ptr<Client>& client, ServiceHost::DisconnectDone done) {
  auto once = std::make_shared<Once<Status>>(std::move(done));
  post([self = shared_from_this(), client, once] { (*once)(self->disconnect_now(client)); },
       [once] { (*once)(HGCM_INF_SUCCESS); });
}

void Service::forget_client(const std::shared_ptr<Client>& client) {
  connected_.erase(client->id);
  client_bytes_ -= client->data_size;
  clients_[client->category].fetch_sub(1);
}

Status Service::disconnect_now(const std::shared_ptr<Client>& client) {
  if (!connected_.contains(client->id)) return HGCM_INF_SUCCESS;  // the service dropped it itself
  forget_client(client);
  in_client_entry_ = true;
  const Status status = enter(table_->disconnect, table_->service, client->id, client->data);
  in_client_entry_ = false;
  return status;
}

Status Service::drop_client(ClientId id) {
  if (current() != this || !in_client_entry_) return HGCM_ERR_INVALID_CONTEXT;
  const auto it = connected_.find(id);
  if (it == connected_.end()) return HGCM_ERR_NOT_FOUND;
  if (core_->clients.remove_connected(id) == nullptr) return HGCM_ERR_NOT_FOUND;
  forget_client(std::shared_ptr<Client>(it->second));
  return HGCM_INF_SUCCESS;
}

std::shared_ptr<Outcome> Service::disconnect_closing() {
  auto outcome = std::make_shared<Outcome>();
  post(
      [self = shared_from_this(), outcome] {
        std::vector<std::shared_ptr<Client>> closing;
        for (const auto& [id, client] : self->connected_) {
          if (client->state.load() == Client::State::kClosing) closing.push_back(client);
        }
        for (const auto& client : closing) {
          if (self->abandoned_.load()) return;
          self->disconnect_now(client);
        }
        outcome->set(HGCM_INF_SUCCESS);
      },
      [outcome] { outcome->set(std::nullopt); });
  return outcome;
}

void Service::cancelled(const std::shared_ptr<Client>& client) {
  post(
      [self = shared_from_this(), client] {
        if (client->state.load() == Client::State::kConnected)
          enter(self->table_->cancelled, self->table_->service, client->id, client->data);
      },
      [] {});
}

}  // namespace hgcm::host

// SPDX-License-Identifier: MIT
//
// Clients of services and the table of their ids: see the header.
#include "hgcm/client_table.h"

#include <mutex>
#include <vector>

namespace hgcm::host {
ClientTable::Pointer ClientTable::add(std::uint32_t requestor, std::shared_ptr<Service> service) {
  const std::lock_guard lock(mutex_);
  if (clients_.size() >= kMaxClients) return nullptr;
  ClientId id = last_id_;
  do {
    id = id >= kMaxClientId ? 1 : id + 1;
  } while (clients_.contains(id));
  auto client = std::make_shared<Client>(id, requestor, std::move(service));
  clients_.emplace(id, client);
  last_id_ = id;
  return client;
}

ClientTable::Pointer ClientTable::restore(ClientId id, std::uint32_t requestor,
                                          std::shared_ptr<Service> service) {
  const std::lock_guard lock(mutex_);
  if (id == 0 || id > kMaxClientId || clients_.size() >= kMaxClients) return nullptr;
  if (clients_.contains(id)) return nullptr;
  auto client = std::make_shared<Client>(id, requestor, std::move(service));
  clients_.emplace(id, client);
  return client;
}

ClientTable::Pointer ClientTable::find(ClientId id) const {
  const std::shared_lock lock(mutex_);
  const auto it = clients_.find(id);
  return it == clients_.end() ? nullptr : it->second;
}

ClientTable::Pointer ClientTable::remove_connected(ClientId id) {
  const std::lock_guard lock(mutex_);
  const auto it = clients_.find(id);
  if (it == clients_.end()) return nullptr;
  Pointer client = it->second;
  auto state = Client::State::kConnected;
  if (!client->state.compare_exchange_strong(state, Client::State::kClosing)) return nullptr;
  clients_.erase(it);
  return client;
}

void ClientTable::remove(const Pointer& client) {
  const std::lock_guard lock(mutex_);
  const auto it = clients_.find(client->id);
  if (it != clients_.end() && it->second == client) clients_.erase(it);
}

void ClientTable::close_all(const Service* only) {
  std::vector<Pointer> released;  // destroyed after the lock: a client may be a service's last user
  const std::lock_guard lock(mutex_);
  for (auto it = clients_.begin(); it != clients_.end();) {
    if (only == nullptr || it->second->service.get() == only) {
      it->second->state.store(Client::State::kClosing);
      released.push_back(std::move(it->second));
      it = clients_.erase(it);
    } else {
      ++it;
    }
  }
}

ClientId ClientTable::last_id() const {
  const std::shared_lock lock(mutex_);
  return last_id_;
}

void ClientTable::set_last_id(ClientId id) {
  const std::lock_guard lock(mutex_);
  last_id_ = id;
}

std::size_t ClientTable::size() const {
  const std::shared_lock lock(mutex_);
  return clients_.size();
}

}  // namespace hgcm::host

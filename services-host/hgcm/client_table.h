// SPDX-License-Identifier: MIT
//
// Clients of services and the table of their ids: one number space for all services of a host,
// 1..0x7fffffff, growing, no id used again before the numbers wrap. The table is the truth about
// which ids the guest may use; what a service has connected is the service's own list.
#ifndef HGCM_HOST_CLIENT_TABLE_H
#define HGCM_HOST_CLIENT_TABLE_H

#include "hgcm/service_host.h"

#include <atomic>
#include <cstdlib>
#include <memory>
#include <shared_mutex>
#include <unordered_map>

namespace hgcm::host {

class Service;

inline constexpr ClientId kMaxClientId = 0x7fffffff;
/// Of all services together; far below the number of ids, so that looking for a free one ends soon.
inline constexpr std::size_t kMaxClients = 0x20000;

class Client {
 public:
  enum class State : std::uint8_t {
    kConnecting,  ///< the service has not said yes; no calls
    kConnected,
    kClosing  ///< out of the table; the service may not have been told yet
  };

  Client(ClientId client_id, std::uint32_t client_requestor, std::shared_ptr<Service> owner)
      : id(client_id), requestor(client_requestor), service(std::move(owner)) {}
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() { std::free(data); }

  const ClientId id;
  const std::uint32_t requestor;
  const std::shared_ptr<Service> service;
  std::atomic<State> state{State::kConnecting};
  std::atomic<std::uint32_t> calls{0};  ///< in flight

  // Written on the service thread before the state becomes kConnected.
  unsigned category = HGCM_SVC_CATEGORY_KERNEL;
  void* data = nullptr;  ///< from calloc; the service's per-client memory
  std::size_t data_size = 0;
};

/// Thread-safe.
class ClientTable {
 public:
  using Pointer = std::shared_ptr<Client>;

  /// A new client with the next free id, connecting. Null when there are too many already.
  Pointer add(std::uint32_t requestor, std::shared_ptr<Service> service);
  /// A client of a saved state. Null when the id is taken or out of range.
  Pointer restore(ClientId id, std::uint32_t requestor, std::shared_ptr<Service> service);

  [[nodiscard]] Pointer find(ClientId id) const;
  /// Takes a connected client out and marks it closing; null when there is none. Of several
  /// threads that try, one gets it.
  Pointer remove_connected(ClientId id);
  /// Takes out a client whatever its state.
  void remove(const Pointer& client);
  /// Takes all out, or all of one service, and marks them closing.
  void close_all(const Service* only = nullptr);

  [[nodiscard]] ClientId last_id() const;
  void set_last_id(ClientId id);
  [[nodiscard]] std::size_t size() const;

 private:
  mutable std::shared_mutex mutex_;
  std::unordered_map<ClientId, Pointer> clients_;  // under mutex_
  ClientId last_id_ = 0;                           // under mutex_
};

}  // namespace hgcm::host

#endif

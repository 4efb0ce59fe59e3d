// SPDX-License-Identifier: MIT
//
// HgcmTransport: HGCM commands from acceptance to completion or cancel (protocol sections 5.3, 5.6,
// 5.7): the table of pending commands by guest address, the rule who may write to a request block,
// holding a submission for a quick completion, and the clients that the guest has.
#ifndef HGCM_VMMDEV_HGCM_TRANSPORT_H
#define HGCM_VMMDEV_HGCM_TRANSPORT_H

#include "hgcm/service_host.h"
#include "vmmdev/counters.h"
#include "vmmdev/events.h"
#include "vmmdev/guest_memory.h"
#include "vmmdev/heap_budget.h"
#include "vmmdev/hold_policy.h"
#include "vmmdev/request.h"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace hgcm::vmmdev {

struct HgcmCommand;

/// Thread-safe. Outlives the device when services still hold calls; after drop_all() it touches
/// neither guest memory nor events for them.
class HgcmTransport : public std::enable_shared_from_this<HgcmTransport> {
 public:
  HgcmTransport(GuestMemory& memory, host::ServiceHost& services, Events& events,
                Counters& counters, std::chrono::nanoseconds max_hold, std::size_t heap_budget);
  ~HgcmTransport();
  HgcmTransport(const HgcmTransport&) = delete;
  HgcmTransport& operator=(const HgcmTransport&) = delete;

  /// Requests 60..63. The size of the request has been checked; `requestor` is the word for
  /// services. Returns when the command was refused, has completed, or will complete later.
  Outcome connect(const Request& request, std::uint32_t requestor);
  Outcome disconnect(const Request& request);
  Outcome call(const Request& request, std::uint32_t requestor, std::size_t parameter_bytes);

  /// Waits a moment for the last of the calls that were taken from the ring by a kick, if its
  /// driver watches it: a processor that waits in the register write lets the service have its own.
  void hold_kicked();

  /// Requests 64 and 65: HGCM_INF_SUCCESS, and nothing will ever be written for the command at
  /// `address`; or HGCM_ERR_NOT_FOUND.
  Status cancel(GuestAddress address);

  /// Addresses of all pending commands, oldest first. No command is submitted meanwhile.
  [[nodiscard]] std::vector<GuestAddress> commands() const;
  /// Takes out those that services completed while their state was being saved, likewise: they are
  /// to be submitted again.
  [[nodiscard]] std::vector<GuestAddress> take_saved();
  /// Completes a command that cannot be submitted again.
  void fail(GuestAddress address, Status status) noexcept;

  /// Forgets all commands and clients. No command is submitted meanwhile; waits for completions
  /// that are writing to the guest. Later ones get HGCM_ERR_ALREADY_RESET.
  void drop_all() noexcept;

 private:
  friend struct HgcmCommand;
  friend struct ConnectCommand;
  friend struct DisconnectCommand;
  friend struct CallCommand;

  [[nodiscard]] bool enter(const std::shared_ptr<HgcmCommand>& command);
  [[nodiscard]] Outcome refuse(HgcmCommand& command, Status status);
  void hold(const std::shared_ptr<HgcmCommand>& command);
  void wait_for(HgcmCommand& command);
  [[nodiscard]] bool watched(const HgcmCommand& command) noexcept;
  Status finish(HgcmCommand& command, Status status);
  void drop(HgcmCommand& command) noexcept;
  void write_completion(HgcmCommand& command, Status status);
  void connected(const std::string& service, host::ClientId client);

  GuestMemory& memory_;
  host::ServiceHost& services_;
  Events& events_;
  Counters& counters_;
  const std::shared_ptr<HeapBudget> budget_;
  HoldPolicy policy_;

  // Protects what follows and HgcmCommand::state. Never held while calling into the service host,
  // guest memory or events.
  mutable std::mutex mutex_;
  std::condition_variable quiet_;
  std::unordered_map<GuestAddress, std::shared_ptr<HgcmCommand>> pending_;
  std::shared_ptr<HgcmCommand> kicked_;  // for hold_kicked()
  std::uint64_t sequence_ = 0;           // of the last command
  std::uint32_t finishing_ = 0;          // completions that write to the guest now
  /// Hash of the service's name, for the policy.
  std::unordered_map<host::ClientId, std::uint32_t> clients_;
};

}  // namespace hgcm::vmmdev

#endif

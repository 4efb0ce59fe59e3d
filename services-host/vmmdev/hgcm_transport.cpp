// SPDX-License-Identifier: MIT
//
// See hgcm_transport.h. Life of a command: enter() puts it into the table (pending); then exactly
// one of finish(), cancel(), refuse(), drop() and drop_all() takes it out, under the lock, and only
// finish() and refuse() write to the guest after that.
#include "vmmdev/hgcm_transport.h"

#include "vmmdev/hgcm_parameters.h"
#include "vmmdev/hold.h"
#include "vmmdev/wire.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace hgcm::vmmdev {
namespace {

using Clock = std::chrono::steady_clock;

// What a command costs besides its request and buffers: objects here, in the service host and in
// the service. An estimate on the safe side.
constexpr std::size_t kCommandOverhead = 2048;

// Stand-ins for a function number.
constexpr std::uint32_t kConnectFunction = 0xfffffffe;
constexpr std::uint32_t kDisconnectFunction = 0xfffffffd;

std::uint64_t time_stamp() noexcept {
#if defined(__x86_64__)
  return __rdtsc();
#else
  return static_cast<std::uint64_t>(Clock::now().time_since_epoch().count());
#endif
}

}  // namespace

struct HgcmCommand {
  HgcmCommand(std::shared_ptr<HgcmTransport> owner, const Request& request)
      : transport(std::move(owner)),
        address(request.address()),
        type(request.type()),
        flags(request.get<std::uint32_t>(wire::hgcm::kFlags)),
        submission(request.submission()),
        charge(transport->budget_,
               HeapBudget::category(request.get<std::uint32_t>(wire::header::kRequestor))) {}
  virtual ~HgcmCommand() = default;
  HgcmCommand(const HgcmCommand&) = delete;
  HgcmCommand& operator=(const HgcmCommand&) = delete;

  /// Writes what belongs to this kind of command, besides result and flags. Returns the result.
  virtual Status write_back(GuestMemory& memory, Counters& counters, Status status) = 0;

  enum class State {
    pending,
    saved,  ///< pending for the guest; the service's answer is in the state being saved
    finished,
    cancelled,
    dropped,
    refused
  };

  const std::shared_ptr<HgcmTransport> transport;
  const GuestAddress address;
  const std::uint32_t type;
  const std::uint32_t flags;
  const Submission submission;
  BudgetCharge charge;
  HoldPolicy::Key key = 0;
  const Clock::time_point start = Clock::now();
  Hold hold;
  State state = State::pending;  // under the transport's lock
  bool submitted = false;        // ditto: the service host has it
  std::uint64_t sequence = 0;    // ditto: of submission
};

struct ConnectCommand final : HgcmCommand {
  using HgcmCommand::HgcmCommand;

  Status write_back(GuestMemory& memory, Counters& /*counters*/, Status status) override {
    if (status.ok() &&
        !memory.write(address + wire::hgcm::kConnectClient, std::as_bytes(std::span(&client, 1)))) {
      return HGCM_ERR_INVALID_POINTER;
    }
    return status;
  }

  std::string service;
  host::ClientId client = 0;
};

struct DisconnectCommand final : HgcmCommand {
  using HgcmCommand::HgcmCommand;

  Status write_back(GuestMemory& /*memory*/, Counters& /*counters*/, Status status) override {
    return status;
  }
};

struct CallCommand final : HgcmCommand, host::GuestCall {
  using HgcmCommand::HgcmCommand;

  Status complete(Status status) noexcept override { return transport->finish(*this, status); }

  void dismiss(Dismissal reason) noexcept override {
    if (reason == Dismissal::kReset) {
      transport->drop(*this);
      return;
    }
    const std::lock_guard lock(transport->mutex_);
    if (this->HgcmCommand::state == State::pending) this->HgcmCommand::state = State::saved;
  }

  Status write_back(GuestMemory& memory, Counters& counters, Status status) override {
    const Status written = values->write_back(memory, address, counters, parameters);
    return status.ok() && written.failed() ? written : status;
  }

  host::ClientId client = 0;
  std::optional<HgcmParameters> values;
};

HgcmTransport::HgcmTransport(GuestMemory& memory, host::ServiceHost& services, Events& events,
                             Counters& counters, std::chrono::nanoseconds max_hold,
                             std::size_t heap_budget)
    : memory_(memory),
      services_(services),
      events_(events),
      counters_(counters),
      budget_(std::make_shared<HeapBudget>(heap_budget)),
      policy_(max_hold) {}

HgcmTransport::~HgcmTransport() = default;

Outcome HgcmTransport::connect(const Request& request, std::uint32_t requestor) {
  const auto field =
      request.bytes().subspan(wire::hgcm::kConnectName, wire::hgcm::kConnectNameBytes);
  const auto end = std::ranges::find(field, std::byte{0});
  if (end == field.end()) return HGCM_ERR_INVALID_PARAMETER;

  auto command = std::make_shared<ConnectCommand>(shared_from_this(), request);
  command->service.assign(reinterpret_cast<const char*>(field.data()),
                          static_cast<std::size_t>(end - field.begin()));
  command->key = HoldPolicy::key(HoldPolicy::service_hash(command->service), kConnectFunction);
  if (!command->charge.add(kCommandOverhead)) return HGCM_ERR_NO_MEMORY;
  if (!enter(command)) return Outcome(HGCM_ERR_RESOURCE_BUSY, WriteBack::header);

  services_.connect(command->service, requestor, [command](Status status, host::ClientId client) {
    HgcmTransport& self = *command->transport;
    command->client = client;
    if (status.ok()) self.connected(command->service, client);
    const Status told = self.finish(*command, status);
    // The guest does not learn the id any more (cancelled): the client must not stay. After a reset
    // it is the service host that disconnects everybody.
    if (status.ok() && told == Status(HGCM_ERR_CANCELLED)) {
      self.services_.disconnect(client, [](Status) {});
    }
  });
  hold(command);
  return Outcome(HGCM_INF_HGCM_ASYNC_EXECUTE, WriteBack::nothing);
}

Outcome HgcmTransport::disconnect(const Request& request) {
  const auto client = request.get<std::uint32_t>(wire::hgcm::kDisconnectClient);
  if (client == 0) return HGCM_ERR_INVALID_PARAMETER;

  auto command = std::make_shared<DisconnectCommand>(shared_from_this(), request);
  if (!command->charge.add(kCommandOverhead)) return HGCM_ERR_NO_MEMORY;
  {
    const std::lock_guard lock(mutex_);
    const auto known = clients_.find(client);
    command->key =
        HoldPolicy::key(known == clients_.end() ? 0 : known->second, kDisconnectFunction);
  }
  if (!enter(command)) return Outcome(HGCM_ERR_RESOURCE_BUSY, WriteBack::header);
  {
    const std::lock_guard lock(mutex_);
    clients_.erase(client);
  }
  services_.disconnect(client,
                       [command](Status status) { command->transport->finish(*command, status); });
  hold(command);
  return Outcome(HGCM_INF_HGCM_ASYNC_EXECUTE, WriteBack::nothing);
}

Outcome HgcmTransport::call(const Request& request, std::uint32_t requestor,
                            std::size_t parameter_bytes) {
  const auto client = request.get<std::uint32_t>(wire::hgcm::kCallClient);
  if (client == 0) return HGCM_ERR_INVALID_PARAMETER;
  auto values = HgcmParameters::parse(request.block(), parameter_bytes);
  if (!values) return values.error();

  auto command = std::make_shared<CallCommand>(shared_from_this(), request);
  if (!command->charge.add(kCommandOverhead + request.size())) return HGCM_ERR_NO_MEMORY;
  command->client = client;
  command->values = std::move(*values);
  command->function = request.get<std::uint32_t>(wire::hgcm::kCallFunction);
  command->requestor = requestor;
  command->restored = request.submission() == Submission::again;
  command->parameter_count = command->values->count();
  command->arrival_tsc = time_stamp();
  command->parameters.resize(
      std::max<std::size_t>(command->parameter_count, host::kMinParameterSlots));
  const Status fetched =
      command->values->fetch(memory_, command->charge, counters_, command->parameters);
  if (fetched.failed()) return fetched;

  {
    const std::lock_guard lock(mutex_);
    const auto known = clients_.find(client);
    command->key = HoldPolicy::key(known == clients_.end() ? 0 : known->second, command->function);
  }
  if (!enter(command)) return Outcome(HGCM_ERR_RESOURCE_BUSY, WriteBack::header);

  if (const Status accepted = services_.call(client, command); accepted.failed()) {
    // The driver may have seen the acceptance in the ring: then it expects an end.
    if (!of_ring(command->submission)) return refuse(*command, accepted);
    finish(*command, accepted);
    return Outcome(HGCM_INF_HGCM_ASYNC_EXECUTE, WriteBack::nothing);
  }
  counters_.hgcm_calls.add();
  bool cancelled = false;
  {
    const std::lock_guard lock(mutex_);
    command->submitted = true;
    cancelled = command->state == HgcmCommand::State::cancelled;
  }
  // A cancel that came before could not tell the service.
  if (cancelled) services_.cancel(client, command);
  hold(command);
  return Outcome(HGCM_INF_HGCM_ASYNC_EXECUTE, WriteBack::nothing);
}

// False: there is a pending command at this address.
bool HgcmTransport::enter(const std::shared_ptr<HgcmCommand>& command) {
  {
    const std::lock_guard lock(mutex_);
    if (!pending_.emplace(command->address, command).second) return false;
    command->sequence = ++sequence_;
  }
  // From here the guest may find the command done at any time, but it does not look before the
  // register access returns, or it sees the event.
  constexpr std::int32_t kAccepted = HGCM_INF_HGCM_ASYNC_EXECUTE;
  static_cast<void>(memory_.write(command->address + wire::header::kStatus,
                                  std::as_bytes(std::span(&kAccepted, 1))));
  return true;
}

// The service host does not take the command.
Outcome HgcmTransport::refuse(HgcmCommand& command, Status status) {
  const std::lock_guard lock(mutex_);
  // Cancelled already: the block is the guest's again.
  if (command.state != HgcmCommand::State::pending) {
    return Outcome(HGCM_INF_SUCCESS, WriteBack::nothing);
  }
  command.state = HgcmCommand::State::refused;
  pending_.erase(command.address);
  return status;
}

void HgcmTransport::hold(const std::shared_ptr<HgcmCommand>& command) {
  switch (command->submission) {
    case Submission::ring:
      return;  // nobody waits in a register write
    case Submission::again:
      // Nor here: done already or not, the guest is told by the event.
      if (command->hold.wait({})) events_.signal(wire::kEventHgcm);
      return;
    case Submission::kicked:
      // Not now, with the ring locked: whoever is to complete it may be about to look there.
      if (watched(*command)) {
        const std::lock_guard lock(mutex_);
        kicked_ = command;
      }
      return;
    case Submission::trapped:
      wait_for(*command);
  }
}

void HgcmTransport::hold_kicked() {
  std::shared_ptr<HgcmCommand> command;
  {
    const std::lock_guard lock(mutex_);
    command = std::exchange(kicked_, nullptr);
  }
  if (command != nullptr) wait_for(*command);
}

void HgcmTransport::wait_for(HgcmCommand& command) {
  const auto bound = policy_.bound(command.key);
  if (command.hold.wait(bound)) {
    if (command.type == wire::kHgcmCall32 || command.type == wire::kHgcmCall64) {
      counters_.hgcm_calls_inline.add();
    }
  } else if (bound.count() > 0) {
    policy_.timed_out(command.key);
  }
}

Status HgcmTransport::finish(HgcmCommand& command, Status status) {
  {
    const std::lock_guard lock(mutex_);
    switch (command.state) {
      case HgcmCommand::State::pending:
        break;
      case HgcmCommand::State::cancelled:
        return HGCM_ERR_CANCELLED;
      case HgcmCommand::State::dropped:
        return HGCM_ERR_ALREADY_RESET;
      case HgcmCommand::State::saved:
      case HgcmCommand::State::finished:
      case HgcmCommand::State::refused:
        return HGCM_ERR_INVALID_STATE;
    }
    command.state = HgcmCommand::State::finished;
    pending_.erase(command.address);
    ++finishing_;
  }
  policy_.completed(command.key, Clock::now() - command.start);
  write_completion(command, status);
  // Whoever kicked may be another one than whose command this is.
  bool seen = of_ring(command.submission) && watched(command);
  const bool held = command.hold.finish();
  if (!of_ring(command.submission)) seen = held;
  if (!seen) events_.signal(wire::kEventHgcm);
  {
    const std::lock_guard lock(mutex_);
    if (--finishing_ == 0) quiet_.notify_all();
  }
  return HGCM_INF_SUCCESS;
}

void HgcmTransport::write_completion(HgcmCommand& command, Status status) {
  // The guest may have changed its mind about what the block is: then it gets no more than the
  // header of a failed command. Nothing but this decision comes from the second read.
  std::uint32_t type = 0;
  const bool readable = memory_.read(command.address + wire::header::kType,
                                     std::as_writable_bytes(std::span(&type, 1)));
  if (!readable) return;
  if (type == command.type || type == wire::kHgcmCancel) {
    status = command.write_back(memory_, counters_, status);
  } else {
    status = HGCM_ERR_INVALID_PARAMETER;
  }
  const std::int32_t result = status.code();
  static_cast<void>(
      memory_.write(command.address + wire::hgcm::kResult, std::as_bytes(std::span(&result, 1))));
  const std::uint32_t flags = command.flags | wire::hgcm::kDone;
  if (!memory_.store_release(command.address + wire::hgcm::kFlags, flags)) {
    // Only a block that is not aligned, which is the guest's own choice.
    static_cast<void>(
        memory_.write(command.address + wire::hgcm::kFlags, std::as_bytes(std::span(&flags, 1))));
  }
}

// A command of the ring whose DONE is stored: does the driver see it by itself?
bool HgcmTransport::watched(const HgcmCommand& command) noexcept {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  std::uint32_t word = 0;
  return memory_.read(command.address + wire::header::kReserved,
                      std::as_writable_bytes(std::span(&word, 1))) &&
         word == VMMDEV_EXT_WATCHED;
}

Status HgcmTransport::cancel(GuestAddress address) {
  std::shared_ptr<HgcmCommand> command;
  bool submitted = false;
  {
    const std::lock_guard lock(mutex_);
    const auto found = pending_.find(address);
    if (found == pending_.end()) return HGCM_ERR_NOT_FOUND;
    command = std::move(found->second);
    pending_.erase(found);
    command->state = HgcmCommand::State::cancelled;
    submitted = command->submitted;
  }
  command->hold.abandon();
  if (auto call = std::dynamic_pointer_cast<CallCommand>(command)) {
    counters_.hgcm_calls_cancelled.add();
    if (submitted) services_.cancel(call->client, call);
  }
  return HGCM_INF_SUCCESS;
}

std::vector<GuestAddress> HgcmTransport::commands() const {
  std::vector<std::pair<std::uint64_t, GuestAddress>> ordered;
  {
    const std::lock_guard lock(mutex_);
    ordered.reserve(pending_.size());
    for (const auto& [address, command] : pending_) {
      ordered.emplace_back(command->sequence, address);
    }
  }
  std::ranges::sort(ordered);
  std::vector<GuestAddress> result;
  result.reserve(ordered.size());
  for (const auto& [sequence, address] : ordered) result.push_back(address);
  return result;
}

std::vector<GuestAddress> HgcmTransport::take_saved() {
  std::vector<GuestAddress> result;
  std::vector<std::shared_ptr<HgcmCommand>> taken;  // end outside the lock
  for (const GuestAddress address : commands()) {
    const std::lock_guard lock(mutex_);
    const auto found = pending_.find(address);
    if (found == pending_.end() || found->second->state != HgcmCommand::State::saved) continue;
    found->second->state = HgcmCommand::State::dropped;
    taken.push_back(std::move(found->second));
    pending_.erase(found);
    result.push_back(address);
  }
  return result;
}

void HgcmTransport::fail(GuestAddress address, Status status) noexcept {
  const auto put = [&](std::size_t offset, std::uint32_t value) {
    static_cast<void>(memory_.write(address + offset, std::as_bytes(std::span(&value, 1))));
  };
  put(wire::header::kStatus, static_cast<std::uint32_t>(status.code()));
  put(wire::hgcm::kResult, static_cast<std::uint32_t>(status.code()));
  if (!memory_.store_release(address + wire::hgcm::kFlags, wire::hgcm::kDone)) {
    put(wire::hgcm::kFlags, wire::hgcm::kDone);
  }
  events_.signal(wire::kEventHgcm);
}

void HgcmTransport::drop(HgcmCommand& command) noexcept {
  std::shared_ptr<HgcmCommand> dropped;  // ends outside the lock
  const std::lock_guard lock(mutex_);
  if (command.state != HgcmCommand::State::pending) return;
  command.state = HgcmCommand::State::dropped;
  const auto found = pending_.find(command.address);
  dropped = std::move(found->second);
  pending_.erase(found);
}

void HgcmTransport::drop_all() noexcept {
  decltype(pending_) dropped;
  {
    std::unique_lock lock(mutex_);
    for (auto& [address, command] : pending_) command->state = HgcmCommand::State::dropped;
    dropped.swap(pending_);
    clients_.clear();
    quiet_.wait(lock, [this] { return finishing_ == 0; });
  }
  // Commands may end here, outside the lock.
}

void HgcmTransport::connected(const std::string& service, host::ClientId client) {
  const std::lock_guard lock(mutex_);
  clients_.insert_or_assign(client, HoldPolicy::service_hash(service));
}

}  // namespace hgcm::vmmdev

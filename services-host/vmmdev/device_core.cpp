// SPDX-License-Identifier: MIT
//
// The path of a request (protocol section 2.4): header, checks, copy-in, handler, write-back.
#include "vmmdev/device_core.h"

#include "vmmdev/wire.h"

#include <algorithm>
#include <new>
#include <random>

namespace hgcm::vmmdev {
namespace {

std::uint64_t new_session_id(std::uint64_t previous) {
  std::random_device random;
  std::uint64_t id = 0;
  // Zero and all ones are what a guest and a service take for "no id".
  do {
    id = std::uint64_t{random()} << 32 | random();
  } while (id == previous || id == 0 || id == ~std::uint64_t{0});
  return id;
}

}  // namespace

DeviceCore::DeviceCore(GuestMemory& guest_memory, InterruptLine& line, host::ServiceHost& services,
                       std::span<std::byte> bar1, DeviceConfig device_config)
    : config(std::move(device_config)),
      memory(guest_memory),
      bar(bar1),
      ring(bar, config.event_word && config.ring),
      events(line, bar, counters, config.event_word),
      guest_log(config.guest_log),
      pointer(events),
      displays(events),
      credentials(events, config.keep_credentials),
      cpu_hot_plug(events),
      balloon(events, guest_memory),
      statistics_interval(events, wire::kEventStatisticsChange),
      seamless(events, wire::kEventSeamlessChange),
      hgcm(std::make_shared<HgcmTransport>(guest_memory, services, events, counters,
                                           config.max_hold, config.heap_budget)) {
  power_on();
}

void DeviceCore::power_on() {
  unlocked = false;
  requestor_known = false;
  hgcm_event_enabled = false;
  events.reset();
  bar.initialise((config.event_word ? VMMDEV_EXT_F_EVENT_WORD : 0) |
                 (config.event_word && config.ring ? VMMDEV_EXT_F_RING : 0));
  ring.reset();
  session_id = new_session_id(session_id);
  bool had_capabilities = false;
  {
    const std::lock_guard lock(mutex);
    const bool heartbeat_active = guest.heartbeat_active;
    had_capabilities = guest.capabilities != 0;
    guest = GuestState{};
    guest.heartbeat_active = heartbeat_active;
  }
  displays.reset();
  credentials.reset();
  cpu_hot_plug.restore({});
  // What the host wants stands, and the guest is told of it again.
  balloon.reset();
  statistics_interval.reset();
  seamless.reset();
  if (pointer.reset()) observer().mouse_features(0);
  if (had_capabilities) observer().capabilities(0);
}

DeviceObserver& DeviceCore::observer() const noexcept {
  static DeviceObserver nobody;
  return config.observer != nullptr ? *config.observer : nobody;
}

std::chrono::milliseconds DeviceCore::host_time() const {
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::system_clock::now().time_since_epoch());
  const std::lock_guard lock(mutex);
  return now + host.time_offset;
}

std::uint32_t DeviceCore::requestor(const Request& request) const noexcept {
  return requestor_known ? request.get<std::uint32_t>(wire::header::kRequestor)
                         : HGCM_REQUESTOR_LEGACY;
}

void DeviceCore::submit_trapped(GuestAddress address) noexcept {
  if (ring.in_use()) {
    // What came earlier is first: the driver may be about to cancel it, or wants its answer now.
    // Another thread may be at it; then this waits for that one.
    take_ring(address == 0 ? Submission::kicked : Submission::ring);
    if (address == 0) {
      hgcm->hold_kicked();
      return;
    }
  }
  submit(address, Submission::trapped);
}

bool DeviceCore::take_ring(Submission how) noexcept {
  return ring.take([this, how](GuestAddress address) {
    counters.ring_submissions.add();
    submit(address, how);
  });
}

void DeviceCore::submit(GuestAddress address, Submission submission) noexcept {
  counters.requests.add();
  RequestHeader header;
  if (!memory.read(address, header) ||
      load_field<std::uint32_t>(header, wire::header::kSize) < wire::header::kBytes ||
      load_field<std::uint32_t>(header, wire::header::kVersion) != wire::kHeaderVersion) {
    counters.requests_refused.add();  // and nothing is written
    return;
  }
  process(address, header, submission);
}

void DeviceCore::process(GuestAddress address, const RequestHeader& header,
                         Submission submission) noexcept {
  RequestBlock block;
  Outcome outcome = HGCM_ERR_NO_MEMORY;
  try {
    outcome = dispatch(address, header, block, submission);
  } catch (const std::bad_alloc&) {
    outcome = Outcome(HGCM_ERR_NO_MEMORY, WriteBack::header);
  }
  if (outcome.status.failed()) counters.requests_refused.add();
  if (of_ring(submission) && outcome.write_back != WriteBack::nothing) {
    // The driver takes the request back as soon as it sees the status.
    const auto code = static_cast<std::uint32_t>(outcome.status.code());
    static_cast<void>(memory.store_release(address + wire::header::kStatus, code));
    return;
  }
  // A failing write means that the memory is gone or read-only: there is nobody to tell.
  switch (outcome.write_back) {
    case WriteBack::nothing:
      break;
    case WriteBack::header: {
      RequestHeader reply = header;
      store_field(reply, wire::header::kStatus, outcome.status.code());
      static_cast<void>(memory.write(address, reply));
      break;
    }
    case WriteBack::whole:
      store_field(block.bytes(), wire::header::kStatus, outcome.status.code());
      static_cast<void>(memory.write(address, block.bytes()));
      break;
  }
  if (outcome.wipe) wipe(block.bytes());
}

Outcome DeviceCore::dispatch(GuestAddress address, const RequestHeader& header, RequestBlock& block,
                             Submission submission) {
  const auto size = load_field<std::uint32_t>(header, wire::header::kSize);
  if (size > wire::kMaxRequestSize) return Outcome(HGCM_ERR_NOT_SUPPORTED, WriteBack::header);

  const auto type = load_field<std::uint32_t>(header, wire::header::kType);
  // The answers to others are in their bodies, which a driver could see before they are whole.
  if (of_ring(submission) && type != wire::kHgcmCall32 && type != wire::kHgcmCall64) {
    return Outcome(HGCM_ERR_NOT_SUPPORTED, WriteBack::header);
  }
  const RequestHandler* handler = dispatcher.find(type);
  if (!unlocked && (handler == nullptr || handler->locked == Locked::refuse)) {
    return Outcome(HGCM_ERR_NOT_SUPPORTED, WriteBack::header);
  }

  RequestBlock copy{.storage = std::make_shared_for_overwrite<std::byte[]>(size), .size = size};
  std::ranges::copy(header, copy.bytes().begin());
  // The sum cannot wrap: the header was readable at `address`.
  if (!memory.read(address + wire::header::kBytes, copy.bytes().subspan(wire::header::kBytes))) {
    return Outcome(HGCM_ERR_INVALID_POINTER, WriteBack::header);
  }
  block = std::move(copy);

  if (handler == nullptr) return HGCM_ERR_NOT_IMPLEMENTED;
  if (!handler->size.accepts(size)) return HGCM_ERR_INVALID_PARAMETER;
  Request request(address, block, submission);
  return handler->handle(*this, request);
}

}  // namespace hgcm::vmmdev

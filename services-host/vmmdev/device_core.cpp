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
      events(line, bar, counters, config.event_word),
      guest_log(config.guest_log),
      hgcm(std::make_shared<HgcmTransport>(guest_memory, services, events, counters,
                                           config.max_hold, config.heap_budget)) {
  power_on();
}

void DeviceCore::power_on() {
  unlocked = false;
  requestor_known = false;
  hgcm_event_enabled = false;
  events.reset();
  bar.initialise(config.event_word);
  session_id = new_session_id(session_id);
  const std::lock_guard lock(mutex);
  const bool heartbeat_active = guest.heartbeat_active;
  guest = GuestState{};
  guest.heartbeat_active = heartbeat_active;
}

std::uint32_t DeviceCore::requestor(const Request& request) const noexcept {
  return requestor_known ? request.get<std::uint32_t>(wire::header::kRequestor)
                         : HGCM_REQUESTOR_LEGACY;
}

void DeviceCore::submit(GuestAddress address) noexcept {
  counters.requests.add();
  RequestHeader header;
  if (!memory.read(address, header) ||
      load_field<std::uint32_t>(header, wire::header::kSize) < wire::header::kBytes ||
      load_field<std::uint32_t>(header, wire::header::kVersion) != wire::kHeaderVersion) {
    counters.requests_refused.add();  // and nothing is written
    return;
  }
  process(address, header);
}

void DeviceCore::process(GuestAddress address, const RequestHeader& header) noexcept {
  RequestBlock block;
  Outcome outcome = HGCM_ERR_NO_MEMORY;
  try {
    outcome = dispatch(address, header, block);
  } catch (const std::bad_alloc&) {
    outcome = Outcome(HGCM_ERR_NO_MEMORY, WriteBack::header);
  }
  if (outcome.status.failed()) counters.requests_refused.add();
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
}

Outcome DeviceCore::dispatch(GuestAddress address, const RequestHeader& header,
                             RequestBlock& block) {
  const auto size = load_field<std::uint32_t>(header, wire::header::kSize);
  if (size > wire::kMaxRequestSize) return Outcome(HGCM_ERR_NOT_SUPPORTED, WriteBack::header);

  const RequestHandler* handler =
      dispatcher.find(load_field<std::uint32_t>(header, wire::header::kType));
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
  Request request(address, block);
  return handler->handle(*this, request);
}

}  // namespace hgcm::vmmdev

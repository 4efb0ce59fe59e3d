// SPDX-License-Identifier: MIT
//
// Pending guest calls of all services of the process: see the header.
#include "hgcm/call_table.h"

#include "hgcm/service.h"

#include <sys/random.h>

#include <chrono>
#include <new>

namespace hgcm::host {
namespace {

/// xorshift128+: fast, and good enough for numbers that need only be improbable to hit.
std::uint64_t next_random(std::uint64_t (&state)[2]) noexcept {
  std::uint64_t a = state[0];
  const std::uint64_t b = state[1];
  state[0] = b;
  a ^= a << 23;
  state[1] = a ^ b ^ (a >> 18) ^ (b >> 5);
  return state[1] + b;
}

}  // namespace

CallTable& CallTable::instance() {
  static auto& table = *new CallTable;
  return table;
}

CallTable::CallTable() {
  for (Shard& shard : shards_) {
    if (getrandom(shard.random, sizeof(shard.random), 0) !=
        static_cast<ssize_t>(sizeof(shard.random)))
      shard.random[0] = reinterpret_cast<std::uintptr_t>(&shard);
    shard.random[1] |= 1;  // the generator must not start from zero
  }
}

CallTable::Shard& CallTable::shard_of(std::uint32_t position) noexcept {
  return shards_[position & ((1U << kShardBits) - 1)];
}

CallTable::Entry CallTable::add(std::shared_ptr<GuestCall> call,
                                std::shared_ptr<Client> client) noexcept {
  const std::uint32_t service = client->service->serial();
  const std::uint32_t shard_number = service & ((1U << kShardBits) - 1);
  const std::int64_t now = std::chrono::steady_clock::now().time_since_epoch().count();
  Shard& shard = shards_[shard_number];
  const std::lock_guard lock(shard.mutex);
  if (shard.free.empty()) {
    const std::size_t index = shard.slots.size();
    if (index >> kIndexBits != 0) return {};
    try {
      if (shard.free.capacity() <= index) shard.free.reserve((index + 1) * 2);
      CallSlot& slot = shard.slots.emplace_back();
      slot.position = static_cast<std::uint32_t>(index << kShardBits) | shard_number;
      shard.free.push_back(&slot);
    } catch (const std::bad_alloc&) {
      return {};
    }
  }
  CallSlot& slot = *shard.free.back();
  shard.free.pop_back();
  std::uint64_t number = 0;
  while (number == 0) number = next_random(shard.random) >> kPositionBits;
  slot.token = number << kPositionBits | slot.position;
  slot.users = 2;
  slot.service = service;
  slot.started_ns = now;
  slot.call = std::move(call);
  slot.client = std::move(client);
  return {&slot, slot.token};
}

CallTable::Pending CallTable::pending(const CallSlot& slot) noexcept {
  // The position never changes once the slot exists.
  const std::lock_guard lock(shard_of(slot.position).mutex);
  if (slot.token == 0) return {};
  return {slot.token, slot.call.get(), slot.client.get()};
}

void CallTable::drop_user(Shard& shard, CallSlot& slot) noexcept {
  if (--slot.users == 0) shard.free.push_back(&slot);
}

void CallTable::release(CallSlot& slot) noexcept {
  Shard& shard = shard_of(slot.position);
  const std::lock_guard lock(shard.mutex);
  drop_user(shard, slot);
}

CallSlot* CallTable::find(Shard& shard, CallToken token) noexcept {
  const auto index = (token >> kShardBits) & ((1U << kIndexBits) - 1);
  if (index >= shard.slots.size()) return nullptr;
  CallSlot& slot = shard.slots[index];
  return token != 0 && slot.token == token ? &slot : nullptr;
}

std::optional<ClaimedCall> CallTable::claim(CallToken token) noexcept {
  Shard& shard = shard_of(static_cast<std::uint32_t>(token));
  const std::lock_guard lock(shard.mutex);
  CallSlot* const slot = find(shard, token);
  if (slot == nullptr) return std::nullopt;
  slot->token = 0;
  slot->client->service->begin_finish();
  ClaimedCall claimed{std::move(slot->call), std::move(slot->client), slot->started_ns};
  drop_user(shard, *slot);
  return claimed;
}

std::optional<CallTable::View> CallTable::view(CallToken token) noexcept {
  Shard& shard = shard_of(static_cast<std::uint32_t>(token));
  const std::lock_guard lock(shard.mutex);
  const CallSlot* const slot = find(shard, token);
  if (slot == nullptr) return std::nullopt;
  return View{slot->call->requestor, slot->call->restored, slot->call->cancelled.load()};
}

std::uint32_t CallTable::service_of(CallToken token) noexcept {
  Shard& shard = shard_of(static_cast<std::uint32_t>(token));
  const std::lock_guard lock(shard.mutex);
  const auto index = (token >> kShardBits) & ((1U << kIndexBits) - 1);
  return index < shard.slots.size() ? shard.slots[index].service : 0;
}

std::vector<CallToken> CallTable::tokens_of(std::uint32_t service) {
  std::vector<CallToken> tokens;
  Shard& shard = shards_[service & ((1U << kShardBits) - 1)];
  const std::lock_guard lock(shard.mutex);
  for (const CallSlot& slot : shard.slots) {
    if (slot.token != 0 && slot.service == service) tokens.push_back(slot.token);
  }
  return tokens;
}

}  // namespace hgcm::host

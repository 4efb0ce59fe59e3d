// SPDX-License-Identifier: MIT
//
// See open_object.h.
#include "shared-folders/open_object.h"

#include <sys/resource.h>

#include <random>
#include <utility>

#include "shared-folders/listing.h"

namespace hgcm::shfl {
namespace {

/// For sockets, libraries and what calls open for a moment.
constexpr std::size_t kReservedDescriptors = 256;

}  // namespace

OpenObject::OpenObject(std::shared_ptr<DescriptorBudget> budget) noexcept
    : budget_(std::move(budget)) {}

OpenObject::~OpenObject() {
  budget_->give_back();
}

std::shared_ptr<OpenObject> OpenObject::make(std::shared_ptr<DescriptorBudget> budget) {
  if (!budget->take()) {
    return nullptr;
  }
  try {
    return std::make_shared<OpenObject>(budget);
  } catch (...) {
    budget->give_back();
    throw;
  }
}

DescriptorBudget::DescriptorBudget() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur > kReservedDescriptors) {
    limit_ = limit.rlim_cur - kReservedDescriptors;
  }
}

bool DescriptorBudget::take() noexcept {
  if (used_.fetch_add(1, std::memory_order_relaxed) < limit_) {
    return true;
  }
  give_back();
  return false;
}

HandleTable::HandleTable() : first_generation_(std::random_device()()) {}

Result<std::uint64_t> HandleTable::insert(std::shared_ptr<OpenObject> object) {
  const std::lock_guard lock(mutex_);
  std::uint32_t index = 0;
  if (!free_.empty()) {
    index = free_.back();
    free_.pop_back();
  } else if (slots_.size() < kMaxHandles) {
    index = static_cast<std::uint32_t>(slots_.size());
    slots_.push_back({first_generation_, nullptr});
    // Room for the way back too: remove() cannot fail.
    free_.reserve(slots_.capacity());
  } else {
    return failure(HGCM_ERR_NO_MEMORY);
  }
  Slot& slot = slots_[index];
  // Bit 31 stays clear, so that no handle is ~0.
  slot.generation = (slot.generation + 1) & 0x7fffffffU;
  slot.object = std::move(object);
  return std::uint64_t{slot.generation} << 32U | (index + 1);
}

Result<std::size_t> HandleTable::locate(std::uint64_t handle, std::uint32_t root) const {
  if (handle == 0) {
    return failure(HGCM_ERR_INVALID_PARAMETER);
  }
  const std::uint64_t index = (handle & 0xffffffffU) - 1;
  if (index >= slots_.size() || slots_[index].generation != handle >> 32U ||
      slots_[index].object == nullptr || slots_[index].object->root != root) {
    return failure(HGCM_ERR_INVALID_HANDLE);
  }
  return index;
}

Result<std::shared_ptr<OpenObject>> HandleTable::find(std::uint64_t handle,
                                                      std::uint32_t root) const {
  const std::lock_guard lock(mutex_);
  const auto index = locate(handle, root);
  if (!index) {
    return failure(index.error());
  }
  return slots_[*index].object;
}

Result<std::shared_ptr<OpenObject>> HandleTable::remove(std::uint64_t handle, std::uint32_t root) {
  const std::lock_guard lock(mutex_);
  const auto index = locate(handle, root);
  if (!index) {
    return failure(index.error());
  }
  free_.push_back(static_cast<std::uint32_t>(*index));
  return std::exchange(slots_[*index].object, nullptr);
}

void HandleTable::clear() {
  std::vector<Slot> slots;
  const std::lock_guard lock(mutex_);
  slots.swap(slots_);
  free_.clear();
}

std::size_t HandleTable::size() const {
  const std::lock_guard lock(mutex_);
  return slots_.size() - free_.size();
}

}  // namespace hgcm::shfl

// SPDX-License-Identifier: MIT
//
// HeapBudget: host memory that pending HGCM commands may take, one sum per client category
// (protocol section 5.5).
#ifndef HGCM_VMMDEV_HEAP_BUDGET_H
#define HGCM_VMMDEV_HEAP_BUDGET_H

#include <hgcm/service_abi.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace hgcm::vmmdev {

/// Thread-safe.
class HeapBudget {
 public:
  explicit HeapBudget(std::size_t bytes_per_category) noexcept : limit_(bytes_per_category) {}

  /// Takes nothing and returns false when the category would go over its limit.
  [[nodiscard]] bool take(hgcm_svc_category category, std::size_t bytes) noexcept {
    std::atomic<std::size_t>& used = used_[category];
    std::size_t now = used.load(std::memory_order_relaxed);
    do {
      if (bytes > limit_ || now > limit_ - bytes) return false;
    } while (!used.compare_exchange_weak(now, now + bytes, std::memory_order_relaxed));
    return true;
  }
  void give_back(hgcm_svc_category category, std::size_t bytes) noexcept {
    used_[category].fetch_sub(bytes, std::memory_order_relaxed);
  }

  /// The category for the budget, from the requestor word as the guest sent it. Unlike the
  /// category for client limits, "not given" counts as kernel.
  [[nodiscard]] static hgcm_svc_category category(std::uint32_t requestor) noexcept {
    switch (requestor & HGCM_REQUESTOR_USER_MASK) {
      case HGCM_REQUESTOR_USER_NOT_GIVEN:
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

 private:
  const std::size_t limit_;
  std::array<std::atomic<std::size_t>, HGCM_SVC_CATEGORY_COUNT> used_{};
};

/// What one command has taken; given back on destruction.
class BudgetCharge {
 public:
  BudgetCharge(std::shared_ptr<HeapBudget> budget, hgcm_svc_category category) noexcept
      : budget_(std::move(budget)), category_(category) {}
  ~BudgetCharge() { budget_->give_back(category_, bytes_); }
  BudgetCharge(const BudgetCharge&) = delete;
  BudgetCharge& operator=(const BudgetCharge&) = delete;

  [[nodiscard]] bool add(std::size_t bytes) noexcept {
    if (!budget_->take(category_, bytes)) return false;
    bytes_ += bytes;
    return true;
  }

 private:
  const std::shared_ptr<HeapBudget> budget_;
  const hgcm_svc_category category_;
  std::size_t bytes_ = 0;
};

}  // namespace hgcm::vmmdev

#endif

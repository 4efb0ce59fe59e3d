// SPDX-License-Identifier: MIT
//
// HgcmParameters: the parameters of one HGCM call between the guest's request and the array that
// services get (protocol sections 5.4 and 5.6). Validation first, then memory, then copies; on
// completion only our own record decides what is written, where and how much.
#ifndef HGCM_VMMDEV_HGCM_PARAMETERS_H
#define HGCM_VMMDEV_HGCM_PARAMETERS_H

#include "vmmdev/counters.h"
#include "vmmdev/guest_memory.h"
#include "vmmdev/heap_budget.h"
#include "vmmdev/request.h"

#include <hgcm/service_abi.h>
#include <hgcm/status.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

namespace hgcm::vmmdev {

class HgcmParameters {
 public:
  /// Checks the parameters of a call request; looks at nothing but the request's private copy,
  /// which it keeps. `parameter_bytes` is the size of one parameter, 12 or 16.
  static Result<HgcmParameters> parse(const RequestBlock& block, std::size_t parameter_bytes);

  /// Allocates buffers (charging them first), maps and copies in what goes to the host, and fills
  /// `out`, which is zeroed and has at least count() elements.
  /// HGCM_ERR_NO_MEMORY: over the limit of a call, over budget, or no memory.
  /// HGCM_ERR_INVALID_POINTER: a page is not guest RAM.
  Status fetch(GuestMemory& memory, BudgetCharge& charge, Counters& counters,
               std::span<hgcm_svc_parm> out);

  /// Writes everything of the completed call to the guest but the result and the flags: buffers to
  /// their pages, values and sizes to the request at `address`. `values` is what the service has
  /// left in the array. Returns HGCM_ERR_INVALID_POINTER when some guest memory is gone.
  Status write_back(GuestMemory& memory, GuestAddress address, Counters& counters,
                    std::span<const hgcm_svc_parm> values);

  [[nodiscard]] std::uint32_t count() const noexcept {
    return static_cast<std::uint32_t>(parameters_.size());
  }

 private:
  struct Free {
    void operator()(std::byte* memory) const noexcept { std::free(memory); }
  };

  struct Parameter {
    std::uint32_t type = 0;
    std::size_t offset = 0;  // of the parameter in the request
    std::uint32_t size = 0;  // of the buffer
    std::uint32_t direction = 0;
    std::size_t data = 0;  // embedded data or the entries of the page list, in the request
    std::uint32_t page_count = 0;
    std::uint32_t first_offset = 0;

    std::unique_ptr<std::byte, Free> buffer;           // bounced
    std::vector<void*> pages;                          // not bounced
    std::vector<std::shared_ptr<const void>> mapping;  // keeps `pages` valid

    [[nodiscard]] bool mapped() const noexcept { return !pages.empty(); }
    [[nodiscard]] std::size_t capacity() const noexcept;
  };

  HgcmParameters(const RequestBlock& block, std::size_t parameter_bytes)
      : block_(block), parameter_bytes_(parameter_bytes) {}

  Status parse_one(Parameter& parameter, std::size_t extra);
  Status parse_page_list(Parameter& parameter, std::size_t extra);
  Status parse_embedded(Parameter& parameter, std::size_t extra);
  [[nodiscard]] Result<GuestAddress> page_address(const Parameter& parameter,
                                                  std::uint32_t index) const noexcept;
  template <typename Function>
  Status for_each_run(const Parameter& parameter, std::size_t bytes, Function function) const;
  Status check_pages(const Parameter& parameter) const;
  bool map_pages(GuestMemory& memory, Parameter& parameter) const;
  Status copy_in(GuestMemory& memory, Parameter& parameter, Counters& counters) const;
  Status copy_out(GuestMemory& memory, GuestAddress address, const Parameter& parameter,
                  std::uint32_t size, Counters& counters) const;

  RequestBlock block_;
  std::size_t parameter_bytes_;
  std::vector<Parameter> parameters_;
};

}  // namespace hgcm::vmmdev

#endif

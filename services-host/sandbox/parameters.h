// SPDX-License-Identifier: MIT
//
// Parameters of calls between a daemon and a confined service. Numbers and the contents of buffers
// travel in the message, zeros at a buffer's end do not; of guest pages only the places travel, as
// pieces of files that both sides have mapped.
#ifndef HGCM_SANDBOX_PARAMETERS_H
#define HGCM_SANDBOX_PARAMETERS_H

#include <hgcm/service_abi.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "sandbox/message.h"

namespace hgcm::sandbox {

/// A piece of a mapped file.
struct Place {
  std::uint32_t region = 0;
  std::uint32_t bytes = 0;  ///< from there to the end of what was asked for, at most
  std::uint64_t offset = 0;
};

/// Where the memory at a host address is; nothing if it is in no file that is shared.
using Locate = std::function<std::optional<Place>(const void* address, std::uint32_t bytes)>;
/// The other way round; null if it is not wholly in one.
using Resolve = std::function<std::byte*(const Place& place)>;

/// False: a page list leads to memory that is not shared.
[[nodiscard]] bool put_parameters(Writer& to, std::span<const hgcm_svc_parm> parameters,
                                  const Locate& locate);

/// Parameters with memory of their own, for the service.
class Parameters {
 public:
  /// Nothing: they are not in the form, or there is no memory.
  static std::optional<Parameters> read(Reader& from, const Resolve& resolve);

  [[nodiscard]] std::uint32_t count() const noexcept { return count_; }
  /// At least six elements.
  [[nodiscard]] hgcm_svc_parm* data() noexcept { return array_.data(); }
  /// What the service has left in them, within what it was given.
  void put_results(Writer& to) const;

 private:
  struct Free {
    void operator()(std::byte* memory) const noexcept;
  };
  std::uint32_t count_ = 0;
  std::vector<hgcm_svc_parm> array_;
  std::vector<hgcm_svc_parm> given_;  // types, pointers and sizes as they were
  std::vector<std::unique_ptr<std::byte, Free>> buffers_;
  std::vector<std::unique_ptr<void*[]>> lists_;
};

/// Takes results into the parameters that they belong to, of which `given` is a copy from before
/// the call. Sizes are taken as they are, contents only as far as there is room. False: not in the
/// form.
[[nodiscard]] bool take_results(Reader& from, std::span<const hgcm_svc_parm> given,
                                hgcm_svc_parm* parameters);

}  // namespace hgcm::sandbox

#endif

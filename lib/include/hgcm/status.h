// SPDX-License-Identifier: MIT
//
// Status: one VirtualBox status code as a value, with its name; Result<T>: a value or a failed
// Status. All fallible functions of the library and of the host side return these; nothing throws
// across a public interface.
#ifndef HGCM_STATUS_H
#define HGCM_STATUS_H

#include <hgcm/vbox_status.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#if defined(__GNUC__)
#define HGCM_API __attribute__((visibility("default")))
#else
#define HGCM_API
#endif

namespace hgcm {

/// A VirtualBox status code. Success is any value >= 0: some services answer with informational
/// codes (VINF_, VWRN_) that a caller may care about, so the number is kept.
class Status {
 public:
  constexpr Status() noexcept = default;
  constexpr Status(std::int32_t code) noexcept : code_(code) {}      // NOLINT(*-explicit-*)
  constexpr Status(hgcm_status_code code) noexcept : code_(code) {}  // NOLINT(*-explicit-*)

  [[nodiscard]] constexpr std::int32_t code() const noexcept { return code_; }
  [[nodiscard]] constexpr bool ok() const noexcept { return code_ >= 0; }
  [[nodiscard]] constexpr bool failed() const noexcept { return code_ < 0; }

  /// The protocol's name, for example "VERR_NOT_FOUND"; empty for a code this library has no name
  /// for. The text lives forever.
  [[nodiscard]] HGCM_API std::string_view name() const noexcept;

  /// "VERR_NOT_FOUND (-78)", or "status -12345" for an unnamed code.
  [[nodiscard]] HGCM_API std::string to_string() const;

  /// The status that VirtualBox's own user library makes of a failed ioctl. `error` is a positive
  /// errno value; one without a counterpart becomes VERR_UNRESOLVED_ERROR.
  [[nodiscard]] HGCM_API static Status from_errno(int error) noexcept;

  friend constexpr bool operator==(Status a, Status b) noexcept { return a.code_ == b.code_; }

 private:
  std::int32_t code_ = 0;
};

template <typename T>
using Result = tl::expected<T, Status>;

/// Makes the failed arm of a Result. `status` must be a failure.
[[nodiscard]] inline tl::unexpected<Status> failure(Status status) {
  return tl::unexpected<Status>(status);
}

}  // namespace hgcm

#endif

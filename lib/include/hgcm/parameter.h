// SPDX-License-Identifier: MIT
//
// Parameters of an HGCM call: Parameter, the untyped form (for services known at run time only),
// and in(), out(), in_out(), which make parameters of C++ values and reject at compile time what
// the protocol has no form for. "In" is data for the service, "out" data from it.
//
// What comes back is the host's word and is not trusted: no size is ever larger than the buffer
// that was given, and no string is assumed to be terminated.
#ifndef HGCM_PARAMETER_H
#define HGCM_PARAMETER_H

#include <hgcm/status.h>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace hgcm {

/// The protocol's limit per call.
inline constexpr std::size_t kMaxParameters = 32;

enum class ParameterKind : std::uint8_t { kU32, kU64, kIn, kOut, kInOut };

/// One parameter of a call. Buffers are borrowed: they must stay alive and untouched until the call
/// has returned. A plain value otherwise; not thread-safe.
class Parameter {
 public:
  constexpr Parameter() noexcept = default;  ///< u32 of value 0

  [[nodiscard]] static constexpr Parameter u32(std::uint32_t value) noexcept {
    return Parameter(ParameterKind::kU32, value);
  }
  [[nodiscard]] static constexpr Parameter u64(std::uint64_t value) noexcept {
    return Parameter(ParameterKind::kU64, value);
  }
  [[nodiscard]] static constexpr Parameter in(std::span<const std::byte> buffer) noexcept {
    return Parameter(ParameterKind::kIn, buffer);
  }
  [[nodiscard]] static constexpr Parameter out(std::span<std::byte> buffer) noexcept {
    return Parameter(ParameterKind::kOut, buffer);
  }
  [[nodiscard]] static constexpr Parameter in_out(std::span<std::byte> buffer) noexcept {
    return Parameter(ParameterKind::kInOut, buffer);
  }

  [[nodiscard]] constexpr ParameterKind kind() const noexcept { return kind_; }
  [[nodiscard]] constexpr bool is_buffer() const noexcept { return kind_ >= ParameterKind::kIn; }
  /// Scalars are both ways: after a call this is what the service left.
  [[nodiscard]] constexpr std::uint64_t value() const noexcept { return value_; }
  [[nodiscard]] constexpr std::uint32_t value32() const noexcept {
    return static_cast<std::uint32_t>(value_);
  }
  /// The buffer as it was given.
  [[nodiscard]] constexpr std::span<const std::byte> buffer() const noexcept { return buffer_; }
  /// Whether a call with this parameter came back from the driver with an answer.
  [[nodiscard]] constexpr bool answered() const noexcept { return answered_; }
  /// Size that the service reports for the buffer, as received. Depending on the driver's way of
  /// carrying the buffer this is the original size instead, so protocols have a parameter of their
  /// own for sizes. May exceed the buffer.
  [[nodiscard]] constexpr std::uint32_t reported_size() const noexcept { return reported_size_; }
  /// The reported size, at most the buffer's.
  [[nodiscard]] constexpr std::size_t received_size() const noexcept {
    return std::min<std::size_t>(reported_size_, buffer_.size());
  }

  /// For the call machinery: takes over a scalar or a size from an answer.
  constexpr void set_answer(std::uint64_t value, std::uint32_t reported_size) noexcept {
    value_ = value;
    reported_size_ = reported_size;
    answered_ = true;
  }

 private:
  constexpr Parameter(ParameterKind kind, std::uint64_t value) noexcept
      : kind_(kind), value_(value) {}
  constexpr Parameter(ParameterKind kind, std::span<const std::byte> buffer) noexcept
      : kind_(kind),
        reported_size_(static_cast<std::uint32_t>(
            std::min<std::size_t>(buffer.size(), std::numeric_limits<std::uint32_t>::max()))),
        buffer_(buffer) {}

  ParameterKind kind_ = ParameterKind::kU32;
  bool answered_ = false;
  std::uint32_t reported_size_ = 0;
  std::uint64_t value_ = 0;
  std::span<const std::byte> buffer_;
};

/// What one 32-bit or 64-bit parameter can carry: integers of just these sizes (narrower ones would
/// leave the choice of width, which services check, to chance), scoped enumerations of these sizes,
/// and bool (as u32, 0 or 1).
template <typename T>
concept Scalar = std::same_as<T, bool> ||
                 (!std::is_const_v<T> && (sizeof(T) == 4 || sizeof(T) == 8) &&
                  ((std::integral<T> && !std::same_as<T, char32_t> && !std::same_as<T, wchar_t>) ||
                   (std::is_enum_v<T> && !std::convertible_to<T, std::uint64_t>)));

namespace detail {

template <Scalar T>
constexpr Parameter make_scalar(T value) noexcept {
  if constexpr (sizeof(T) == 8) {
    return Parameter::u64(static_cast<std::uint64_t>(value));
  } else {
    return Parameter::u32(static_cast<std::uint32_t>(value));
  }
}

template <Scalar T>
constexpr T read_scalar(const Parameter& parameter) noexcept {
  if constexpr (std::same_as<T, bool>) {
    return parameter.value32() != 0;
  } else if constexpr (sizeof(T) == 8) {
    return static_cast<T>(parameter.value());
  } else {
    return static_cast<T>(parameter.value32());
  }
}

template <Scalar T>
struct ScalarIn {
  T value;
  [[nodiscard]] Status check() const noexcept { return {}; }
  [[nodiscard]] Parameter parameter() noexcept { return make_scalar(value); }
  void finish(const Parameter& /*answer*/) noexcept {}
};

template <Scalar T, bool kSend>
struct ScalarOut {
  T* target;
  [[nodiscard]] Status check() const noexcept { return {}; }
  [[nodiscard]] Parameter parameter() noexcept { return make_scalar(kSend ? *target : T{}); }
  void finish(const Parameter& answer) noexcept { *target = read_scalar<T>(answer); }
};

struct BytesIn {
  std::span<const std::byte> bytes;
  [[nodiscard]] Status check() const noexcept { return {}; }
  [[nodiscard]] Parameter parameter() noexcept { return Parameter::in(bytes); }
  void finish(const Parameter& /*answer*/) noexcept {}
};

template <bool kSend>
struct BytesOut {
  std::span<std::byte> bytes;
  std::size_t* received;
  [[nodiscard]] Status check() const noexcept { return {}; }
  [[nodiscard]] Parameter parameter() noexcept {
    return kSend ? Parameter::in_out(bytes) : Parameter::out(bytes);
  }
  void finish(const Parameter& answer) noexcept {
    if (received != nullptr) {
      *received = answer.received_size();
    }
  }
};

struct TextIn {
  std::string text;  // the terminator that std::string keeps is what is sent as NUL
  [[nodiscard]] Status check() const noexcept {
    return text.find('\0') == std::string::npos ? Status{} : Status{HGCM_ERR_INVALID_PARAMETER};
  }
  [[nodiscard]] Parameter parameter() noexcept {
    return Parameter::in(std::as_bytes(std::span(text.c_str(), text.size() + 1)));
  }
  void finish(const Parameter& /*answer*/) noexcept {}
};

struct TextOut {
  std::string* target;
  std::string buffer;
  [[nodiscard]] Status check() const noexcept { return {}; }
  [[nodiscard]] Parameter parameter() noexcept {
    return Parameter::out(std::as_writable_bytes(std::span(buffer)));
  }
  void finish(const Parameter& answer) {
    const std::string_view received(buffer.data(), answer.received_size());
    target->assign(received.substr(0, received.find('\0')));
  }
};

}  // namespace detail

/// A value for the service.
template <Scalar T>
[[nodiscard]] constexpr detail::ScalarIn<T> in(T value) noexcept {
  return {value};
}
/// Bytes for the service. An empty buffer is sent as the protocol's empty buffer.
[[nodiscard]] inline detail::BytesIn in(std::span<const std::byte> bytes) noexcept {
  return {bytes};
}
/// A string for the service: copied, with a NUL appended that counts for the size. A string that
/// contains a NUL makes the call fail with INVALID_PARAMETER.
[[nodiscard]] inline detail::TextIn in(std::string_view text) {
  return {std::string(text)};
}

/// A value from the service. Unchanged when the call did not come to an answer.
template <Scalar T>
[[nodiscard]] constexpr detail::ScalarOut<T, false> out(T& value) noexcept {
  return {&value};
}
/// Bytes from the service.
[[nodiscard]] inline detail::BytesOut<false> out(std::span<std::byte> bytes) noexcept {
  return {bytes, nullptr};
}
/// The same, with the size that the service reported, never more than the buffer has; see
/// Parameter::reported_size() about what it is worth.
[[nodiscard]] inline detail::BytesOut<false> out(std::span<std::byte> bytes,
                                                 std::size_t& received) noexcept {
  return {bytes, &received};
}
/// A string from the service, at most `capacity` bytes with its NUL; ends at the first NUL or else
/// at the end of what was received.
[[nodiscard]] inline detail::TextOut out(std::string& text, std::size_t capacity) {
  return {&text, std::string(capacity, '\0')};
}

/// A value that the service reads and replaces.
template <Scalar T>
[[nodiscard]] constexpr detail::ScalarOut<T, true> in_out(T& value) noexcept {
  return {&value};
}
/// Bytes that the service reads and replaces.
[[nodiscard]] inline detail::BytesOut<true> in_out(std::span<std::byte> bytes) noexcept {
  return {bytes, nullptr};
}
[[nodiscard]] inline detail::BytesOut<true> in_out(std::span<std::byte> bytes,
                                                   std::size_t& received) noexcept {
  return {bytes, &received};
}

/// What in(), out() and in_out() return.
template <typename A>
concept Argument = requires(A& argument, const A& constant, const Parameter& answer) {
  { constant.check() } noexcept -> std::same_as<Status>;
  { argument.parameter() } noexcept -> std::same_as<Parameter>;
  argument.finish(answer);
};

}  // namespace hgcm

#endif

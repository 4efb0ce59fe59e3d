// SPDX-License-Identifier: MIT
//
// Client: one connection to an HGCM service of the host, and calls through it. The protocol is
// described in docs/protocol.md ("HGCM"); services have clients of their own on top of this one
// (hgcm/guest_properties.h).
#ifndef HGCM_CLIENT_H
#define HGCM_CLIENT_H

#include <hgcm/device.h>
#include <hgcm/parameter.h>

#include <array>
#include <chrono>
#include <stop_token>
#include <string_view>
#include <type_traits>
#include <utility>

namespace hgcm {

/// No time-out.
inline constexpr std::chrono::milliseconds kForever = std::chrono::milliseconds::max();

struct CallOptions {
  /// Time for the service to answer; then the call is cancelled and fails with TIMEOUT. Zero asks
  /// whether the answer is there at once. The driver counts in 32 bits: more than 49 days are
  /// shortened to that, and below zero is zero.
  std::chrono::milliseconds timeout = kForever;
  /// Ends the call early: it fails with CANCELLED, and the host will not touch the buffers again.
  std::stop_token stop = {};
};

/// A connected client. Move-only; the destructor disconnects, which waits for the host without a
/// time-out, because the driver does.
///
/// Thread-safety: call() from any number of threads at once, the calls are in flight together and
/// may finish in any order. Moving, disconnecting and destroying need all calls to have returned.
/// The device must outlive the client.
///
/// A signal handler of the application that runs while a call waits interrupts the call, as the
/// driver defines it: it fails with INTERRUPTED. It is not repeated, since the service may have
/// done its work already.
class Client {
 public:
  /// Connects to the service, 1 to 127 bytes, case-sensitive. HGCM_SERVICE_NOT_FOUND: the host has
  /// no such service. TOO_MANY_OPEN_FILES: more clients than the driver allows in one session (64).
  [[nodiscard]] HGCM_API static Result<Client> connect(Device& device, std::string_view service);

  Client(Client&& other) noexcept
      : device_(std::exchange(other.device_, nullptr)), id_(std::exchange(other.id_, 0)) {}
  Client& operator=(Client&& other) noexcept {
    if (this != &other) {
      disconnect();
      device_ = std::exchange(other.device_, nullptr);
      id_ = std::exchange(other.id_, 0);
    }
    return *this;
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() { disconnect(); }

  /// Disconnects now, to see the status; nothing happens the second time.
  HGCM_API Status disconnect() noexcept;

  /// The host's number for this client; 0 when disconnected or moved from.
  [[nodiscard]] std::uint32_t id() const noexcept { return id_; }

  /// Calls function number `function` with parameters made at run time. Returns the service's
  /// status: as value if it is a success (it may be informational, > 0), else as error. Values and
  /// sizes in `parameters` are updated, also when the service failed; Parameter::answered() tells
  /// whether there was an answer at all.
  ///
  /// More than 32 parameters, or a buffer of 4 GiB and more: TOO_MUCH_DATA. TIMEOUT, CANCELLED,
  /// INTERRUPTED: see CallOptions. OUT_OF_RANGE: a buffer above the driver's limit (24 MiB with
  /// the stock driver). Everything else is the service's.
  HGCM_API Result<Status> call(std::uint32_t function, std::span<Parameter> parameters,
                               const CallOptions& options = {}) noexcept;

  /// The same with arguments made by in(), out() and in_out(), for example
  ///     client.call(3, in_out(sum), in(addend), out(total));
  template <Argument... Arguments>
  Result<Status> call(std::uint32_t function, Arguments... arguments) {
    return call(CallOptions{}, function, std::move(arguments)...);
  }
  template <Argument... Arguments>
  Result<Status> call(const CallOptions& options, std::uint32_t function, Arguments... arguments) {
    static_assert(sizeof...(Arguments) <= kMaxParameters, "a call has at most 32 parameters");
    Status checked;
    ((checked = checked.failed() ? checked : arguments.check()), ...);
    if (checked.failed()) {
      return failure(checked);
    }
    std::array<Parameter, sizeof...(Arguments)> parameters{arguments.parameter()...};
    const Result<Status> result = call(function, std::span<Parameter>(parameters), options);
    [[maybe_unused]] std::size_t index = 0;
    ((parameters[index].answered() ? arguments.finish(parameters[index]) : void(), ++index), ...);
    return result;
  }

 private:
  Client(Device& device, std::uint32_t id) noexcept : device_(&device), id_(id) {}

  Device* device_;
  std::uint32_t id_;
};

// --- Functions of a known service, declared once
// ---------------------------------------------------

/// Forms of a parameter in a function's declaration.
struct Bytes {};  ///< any bytes
struct Text {};   ///< NUL-terminated UTF-8; only as In

template <typename T>
struct In;
template <typename T>
struct Out;
template <typename T>
struct InOut;

template <Scalar T>
struct In<T> {
  using Type = T;
  static auto make(Type value) noexcept { return in(value); }
};
template <Scalar T>
struct Out<T> {
  using Type = T&;
  static auto make(Type value) noexcept { return out(value); }
};
template <Scalar T>
struct InOut<T> {
  using Type = T&;
  static auto make(Type value) noexcept { return in_out(value); }
};
template <>
struct In<Bytes> {
  using Type = std::span<const std::byte>;
  static auto make(Type value) noexcept { return in(value); }
};
template <>
struct Out<Bytes> {
  using Type = std::span<std::byte>;
  static auto make(Type value) noexcept { return out(value); }
};
template <>
struct InOut<Bytes> {
  using Type = std::span<std::byte>;
  static auto make(Type value) noexcept { return in_out(value); }
};
template <>
struct In<Text> {
  using Type = std::string_view;
  static auto make(Type value) { return in(value); }
};

/// A function of a service as its documentation lists it, so that number, count, types and
/// directions are written once and checked by the compiler in every call:
///
///     inline constexpr Function<3, InOut<std::uint32_t>, In<std::uint64_t>, Out<std::uint64_t>>
///     add; auto status = add(client, counter, 40, total);
template <std::uint32_t kNumber, typename... Slots>
struct Function {
  static_assert(sizeof...(Slots) <= kMaxParameters, "a call has at most 32 parameters");

  Result<Status> operator()(Client& client, typename Slots::Type... values) const {
    return client.call(kNumber, Slots::make(values)...);
  }
  Result<Status> operator()(Client& client, const CallOptions& options,
                            typename Slots::Type... values) const {
    return client.call(options, kNumber, Slots::make(values)...);
  }
};

}  // namespace hgcm

#endif

// SPDX-License-Identifier: MIT
//
// From a function number and an untyped parameter array to a typed handler: function() and
// functions() make a service's table; the rest is how <hgcm/service.hpp> looks a call up in it,
// checks parameters against the handler's argument types and calls it. Knows nothing of entry
// points or of completion.
#ifndef HGCM_SERVICE_DISPATCH_HPP
#define HGCM_SERVICE_DISPATCH_HPP

#include <hgcm/service/call.hpp>
#include <hgcm/service/parameters.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>

namespace hgcm::service {

/// What a service answers to calls that it has no use for.
struct Refusals {
  Status unknown_function = HGCM_ERR_NOT_IMPLEMENTED;
  Status unknown_host_function = HGCM_ERR_NOT_SUPPORTED;
  Status parameter_count = HGCM_ERR_INVALID_PARAMETER;
  Status parameter_type = HGCM_ERR_INVALID_PARAMETER;
  /// A string without NUL or with bytes that are not UTF-8; nullopt: Parameter::string()'s own.
  std::optional<Status> bad_string = HGCM_ERR_INVALID_PARAMETER;
};

/// About a guest call, for handlers that want to know.
struct CallInfo {
  std::uint32_t client = 0;
  std::uint32_t function = 0;
  /// Time stamp counter at the request's arrival in the device; 0 when unknown.
  std::uint64_t arrival_tsc = 0;
};

/// One line of a service's table. `handler` points to a member function of the service.
template <typename Handler>
struct Function {
  std::uint32_t number;
  Handler handler;
};

template <typename Handler>
constexpr Function<Handler> function(std::uint32_t number, Handler handler) {
  return {number, handler};
}

template <typename... Handler>
constexpr std::tuple<Function<Handler>...> functions(Function<Handler>... lines) {
  return {lines...};
}

namespace detail {

template <typename Handler>
struct Signature;
template <typename R, typename S, typename... A>
struct Signature<R (S::*)(A...)> {
  using Return = R;
  using Arguments = std::tuple<A...>;
};
template <typename R, typename S, typename... A>
struct Signature<R (S::*)(A...) const> : Signature<R (S::*)(A...)> {};
template <typename R, typename S, typename... A>
struct Signature<R (S::*)(A...) noexcept> : Signature<R (S::*)(A...)> {};
template <typename R, typename S, typename... A>
struct Signature<R (S::*)(A...) const noexcept> : Signature<R (S::*)(A...)> {};

template <typename T>
inline constexpr bool kIsOptional = false;
template <typename T>
inline constexpr bool kIsOptional<std::optional<T>> = true;

/// The context of a guest call; `Client` is void for a service without per-client state.
template <typename Client>
struct GuestContext {
  Call call;
  Client* client = nullptr;
  CallInfo info;

  template <typename A>
  static constexpr bool kProvides =
      std::is_same_v<A, Call> || std::is_same_v<A, const CallInfo&> ||
      (!std::is_void_v<Client> && (std::is_same_v<A, std::add_lvalue_reference_t<Client>> ||
                                   std::is_same_v<A, std::add_lvalue_reference_t<const Client>>));

  template <typename A>
  decltype(auto) provide() {
    if constexpr (std::is_same_v<A, Call>) {
      return std::move(call);
    } else if constexpr (std::is_same_v<A, const CallInfo&>) {
      return static_cast<const CallInfo&>(info);
    } else {
      return *client;
    }
  }
};

/// A host call has no context.
struct HostContext {
  template <typename A>
  static constexpr bool kProvides = false;
};

/// How the arguments of a handler lie over the parameters of a call.
template <typename Context, typename Arguments>
struct Layout;
template <typename Context, typename... A>
struct Layout<Context, std::tuple<A...>> {
  static constexpr std::size_t kArguments = sizeof...(A);
  static constexpr std::array<bool, kArguments + 1> kContext = {Context::template kProvides<A>...,
                                                                false};
  static constexpr std::array<bool, kArguments + 1> kOptional = {
      kIsOptional<std::remove_cvref_t<A>>..., false};
  static constexpr std::array<bool, kArguments + 1> kRest = {
      std::is_same_v<std::remove_cvref_t<A>, Rest>..., false};
  static constexpr bool kTakesCall = (std::is_same_v<A, Call> || ...);

  static constexpr auto kSlots = [] {
    std::array<std::size_t, kArguments + 1> slots{};
    for (std::size_t i = 0; i < kArguments; ++i) {
      slots[i + 1] = slots[i] + (kContext[i] ? 0 : 1);
    }
    return slots;
  }();
  static constexpr std::size_t kMinimum = [] {
    std::size_t n = 0;
    for (std::size_t i = 0; i < kArguments; ++i) {
      n += !kContext[i] && !kOptional[i] && !kRest[i] ? 1 : 0;
    }
    return n;
  }();
  static constexpr std::size_t kMaximum = (std::is_same_v<std::remove_cvref_t<A>, Rest> || ...)
                                              ? HGCM_SVC_MAX_PARMS
                                              : kSlots[kArguments];

  /// Context first, then parameters, then optional ones or Rest.
  static constexpr bool kWellFormed = [] {
    int stage = 0;
    for (std::size_t i = 0; i < kArguments; ++i) {
      const int kind = kContext[i] ? 0 : kRest[i] ? 3 : kOptional[i] ? 2 : 1;
      if (kind < stage || stage == 3) {
        return false;
      }
      stage = kind;
    }
    return true;
  }();
};

/// Stands for an argument that does not come from a parameter.
struct FromContext {};

template <typename Context, typename A>
auto read_argument(std::span<hgcm_svc_parm> parms, std::size_t slot) {
  using Value = std::remove_cvref_t<A>;
  if constexpr (Context::template kProvides<A>) {
    return Result<FromContext>();
  } else if constexpr (std::is_same_v<Value, Rest>) {
    return Result<Rest>(Rest{parms.subspan(slot)});
  } else if constexpr (kIsOptional<Value>) {
    return slot < parms.size()
               ? Argument<typename Value::value_type>::read(parms[slot]).map([](auto value) {
                   return Value(std::move(value));
                 })
               : Result<Value>(std::nullopt);
  } else {
    return Argument<Value>::read(parms[slot]);
  }
}

template <typename A, typename Context, typename Value>
decltype(auto) pass_argument(Context& context, Value& value) {
  if constexpr (Context::template kProvides<A>) {
    return context.template provide<A>();
  } else {
    return std::move(*value);
  }
}

template <typename Service, typename Handler, typename Context>
Status run(Service& service, const Function<Handler>& line, Context& context,
           std::span<hgcm_svc_parm> parms, const Refusals& refusals) {
  using Arguments = typename Signature<Handler>::Arguments;
  using Plan = Layout<Context, Arguments>;
  using Return = typename Signature<Handler>::Return;
  static_assert(Plan::kWellFormed,
                "a handler takes Call, client and CallInfo first, then parameters, then optional "
                "ones or Rest");
  static_assert(Plan::kTakesCall ? std::is_void_v<Return> : std::is_same_v<Return, Status>,
                "a handler returns the Status of the call, or takes the Call and returns nothing");

  if (parms.size() < Plan::kMinimum || parms.size() > Plan::kMaximum) {
    return refusals.parameter_count;
  }
  return [&]<std::size_t... I>(std::index_sequence<I...>) -> Status {
    // All are checked before the handler sees any.
    auto values = std::tuple{
        read_argument<Context, std::tuple_element_t<I, Arguments>>(parms, Plan::kSlots[I])...};
    Status refused;
    [[maybe_unused]] const auto accepted = [&](const auto& value) {
      if (!value) {
        refused = value.error();
      }
      return value.has_value();
    };
    if (!(accepted(std::get<I>(values)) && ...)) {
      return refused == Status(HGCM_ERR_INVALID_PARAMETER) ? refusals.parameter_type
                                                           : refusals.bad_string.value_or(refused);
    }
    if constexpr (Plan::kTakesCall) {
      (service.*line.handler)(
          pass_argument<std::tuple_element_t<I, Arguments>>(context, std::get<I>(values))...);
      return HGCM_INF_SUCCESS;
    } else {
      return (service.*line.handler)(
          pass_argument<std::tuple_element_t<I, Arguments>>(context, std::get<I>(values))...);
    }
  }(std::make_index_sequence<Plan::kArguments>());
}

/// Finds and runs the handler of `number` in what functions() made; `unknown` if there is none.
template <typename Table, typename Service, typename Context>
Status dispatch(const Table& table, Service& service, Context& context, std::uint32_t number,
                std::span<hgcm_svc_parm> parms, const Refusals& refusals, Status unknown) {
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    Status status = unknown;
    static_cast<void>(
        ((std::get<I>(table).number == number &&
          (status = run(service, std::get<I>(table), context, parms, refusals), true)) ||
         ...));
    return status;
  }(std::make_index_sequence<std::tuple_size_v<Table>>());
}

}  // namespace detail
}  // namespace hgcm::service

#endif

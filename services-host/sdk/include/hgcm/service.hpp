// SPDX-License-Identifier: MIT
//
// Writing an HGCM service in C++: a service is a class, HGCM_EXPORT_SERVICE makes a shared object
// of it that this project's service host and VirtualBox 7.2 load. Header-only, on top of the plain
// ABI <hgcm/service_abi.h>. services-host/sdk/README.md is the tutorial.
//
//   class Counter {
//    public:
//     static constexpr auto guest_functions() {
//       return hgcm::service::functions(hgcm::service::function(1, &Counter::add));
//     }
//    private:
//     hgcm::Status add(std::uint32_t amount, hgcm::service::Out<std::uint64_t> sum) {
//       sum = sum_ += amount;
//       return HGCM_INF_SUCCESS;
//     }
//     std::uint64_t sum_ = 0;
//   };
//   HGCM_EXPORT_SERVICE(Counter)
//
// A handler names its parameters by type (<hgcm/service/parameters.hpp>):
//   std::uint32_t, std::uint64_t      a number in
//   Out<...>, InOut<...>              a number out, in and out
//   std::string_view                  a string in, UTF-8 and NUL-terminated
//   std::span<const std::byte>        bytes in, possibly none
//   Buffer, AnyBuffer                 bytes out (or both ways); at least one, possibly none
//   Pages                             a pointer or scattered pages
//   std::optional<one of these>       may be missing at the end
//   Rest                              whatever else there is, unchecked
// Before these it may take, from a guest's call, Call (by value: the handler returns void and
// completes the call whenever and wherever it likes), Client& and const CallInfo&. A handler
// without Call returns the status that completes the call. Count and types are checked before.
//
// What else the class may have, all of it public and optional:
//   Name(Host)                        instead of a default constructor
//   static Result<std::unique_ptr<Name>> create(Host)    if making one can fail
//   struct Client                     state of each client, constructed at connect (from
//                                     const ClientInfo& or by default), destroyed at disconnect;
//                                     calls parked in it end there
//   Status connect([Client&,] const ClientInfo&)         may refuse the client
//   void disconnect([Client&,] std::uint32_t client)
//   void cancelled([Client&,] std::uint32_t client)      a call of the client was: see
//                                                        Call::is_cancelled()
//   static constexpr auto host_functions()               like guest_functions(), no context
//   Status register_extension(Extension)                 empty: must not be called any more
//   void notify(hgcm_svc_event)
//   Status save(const Client&, StateWriter&), Status load(Client&, StateReader&)
//   static constexpr Limits kLimits
//   static constexpr Refusals kRefusals
//
// Threads: the host calls all of these on the service's one thread, one at a time; what may be used
// from other threads says so. Exceptions: none reaches the host. std::bad_alloc becomes
// HGCM_ERR_NO_MEMORY, any other HGCM_ERR_UNEXPECTED_EXCEPTION.
#ifndef HGCM_SERVICE_HPP
#define HGCM_SERVICE_HPP

#include <hgcm/service_abi.h>
#include <hgcm/status.h>
#include <hgcm/service/call.hpp>
#include <hgcm/service/dispatch.hpp>
#include <hgcm/service/parameters.hpp>
#include <hgcm/service/state.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

namespace hgcm::service {

/// Who connects.
struct ClientInfo {
  std::uint32_t id = 0;
  std::uint32_t requestor = HGCM_REQUESTOR_LEGACY;  ///< HGCM_REQUESTOR_ bits
  bool restoring = false;                           ///< from a saved state; load() may follow
};

/// Per category: kernel, root, user. What is not set stays as the host has it. A client can have
/// one call less in flight than `calls` says.
struct Limits {
  using PerCategory = std::array<std::uint32_t, HGCM_SVC_CATEGORY_COUNT>;
  std::optional<PerCategory> clients = std::nullopt;
  std::optional<PerCategory> calls = std::nullopt;
  /// For clients whose driver does not tell who they are.
  std::optional<hgcm_svc_category> legacy_category = std::nullopt;
};

namespace detail {

template <typename S>
struct ClientOf {
  using Type = void;
};
template <typename S>
  requires requires { typename S::Client; }
struct ClientOf<S> {
  using Type = typename S::Client;
};

/// Runs `action`, which returns a Status; turns what it throws into one.
template <typename Action>
Status guarded(Action action) noexcept {
  try {
    return action();
  } catch (const std::bad_alloc&) {
    return HGCM_ERR_NO_MEMORY;
  } catch (...) {
    return HGCM_ERR_UNEXPECTED_EXCEPTION;
  }
}

/// The entry points of a service class S. The table's service pointer is an Entries<S>.
template <typename S>
class Entries {
 public:
  using Client = typename ClientOf<S>::Type;
  static constexpr bool kHasClient = !std::is_void_v<Client>;

  static std::int32_t load(hgcm_svc_table* table) noexcept {
    if (table == nullptr) {
      return HGCM_ERR_INVALID_PARAMETER;
    }
    if (table->size != sizeof *table || table->version != HGCM_SVC_VERSION) {
      return HGCM_ERR_VERSION_MISMATCH;
    }
    if (table->helpers == nullptr) {
      return HGCM_ERR_INVALID_POINTER;
    }
    const Status status = guarded([&]() -> Status {
      const Host host(*table->helpers);
      auto service = make(host);
      if (!service) {
        return service.error();
      }
      table->service = new Entries(host, std::move(*service));
      return HGCM_INF_SUCCESS;
    });
    if (status.ok()) {
      fill(*table);
    }
    return status.code();
  }

 private:
  Entries(Host host, std::unique_ptr<S> service) : host_(host), service_(std::move(service)) {}

  static Result<std::unique_ptr<S>> make(Host host) {
    if constexpr (requires { S::create(host); }) {
      return S::create(host);
    } else if constexpr (std::is_constructible_v<S, Host>) {
      return std::make_unique<S>(host);
    } else {
      return std::make_unique<S>();
    }
  }

  static void fill(hgcm_svc_table& table) noexcept {
    if constexpr (kHasClient) {
      static_assert(alignof(Client) <= alignof(std::max_align_t),
                    "the host aligns client memory as malloc does");
      table.client_size = sizeof(Client);
    }
    if constexpr (requires { S::kLimits; }) {
      constexpr Limits limits = S::kLimits;
      if (limits.clients) {
        std::ranges::copy(*limits.clients, table.max_clients);
      }
      if (limits.calls) {
        std::ranges::copy(*limits.calls, table.max_calls_per_client);
      }
      if (limits.legacy_category) {
        table.legacy_category = *limits.legacy_category;
      }
    }
    table.unload = &unload;
    table.connect = &connect;
    table.disconnect = &disconnect;
    table.call = &call;
    table.host_call = &host_call;
    if constexpr (requires { &S::cancelled; }) {
      table.cancelled = &cancelled;
    }
    if constexpr (requires { &S::save; }) {
      table.save_state = &save_state;
    }
    if constexpr (requires { &S::load; }) {
      table.load_state = &load_state;
    }
    if constexpr (requires { &S::register_extension; }) {
      table.register_extension = &register_extension;
    }
    if constexpr (requires { &S::notify; }) {
      table.notify = &notify;
    }
  }

  static Entries& self(void* service) noexcept { return *static_cast<Entries*>(service); }

  /// Calls a hook with the client's state in front, if the service has such.
  template <typename Hook, typename... Args>
  static decltype(auto) call_hook(S& service, Hook hook, [[maybe_unused]] void* client,
                                  Args&&... args) {
    if constexpr (kHasClient) {
      return (service.*hook)(*static_cast<Client*>(client), std::forward<Args>(args)...);
    } else {
      return (service.*hook)(std::forward<Args>(args)...);
    }
  }

  static std::int32_t unload(void* service) noexcept {
    return guarded([&]() -> Status {
             delete &self(service);
             return HGCM_INF_SUCCESS;
           })
        .code();
  }

  static std::int32_t connect(void* service, std::uint32_t id, void* client,
                              std::uint32_t requestor, bool restoring) noexcept {
    [[maybe_unused]] const ClientInfo info{id, requestor, restoring};
    if constexpr (kHasClient) {
      if (client == nullptr) {
        return HGCM_ERR_INVALID_POINTER;
      }
      const Status made = guarded([&]() -> Status {
        if constexpr (std::is_constructible_v<Client, const ClientInfo&>) {
          new (client) Client(info);
        } else {
          new (client) Client();
        }
        return HGCM_INF_SUCCESS;
      });
      if (made.failed()) {
        return made.code();
      }
    }
    Status status = HGCM_INF_SUCCESS;
    if constexpr (requires { &S::connect; }) {
      status =
          guarded([&] { return call_hook(*self(service).service_, &S::connect, client, info); });
    }
    // The host forgets a refused client without a disconnect.
    if constexpr (kHasClient) {
      if (status.failed()) {
        std::destroy_at(static_cast<Client*>(client));
      }
    }
    return status.code();
  }

  static std::int32_t disconnect(void* service, [[maybe_unused]] std::uint32_t id,
                                 void* client) noexcept {
    Status status = HGCM_INF_SUCCESS;
    if constexpr (requires { &S::disconnect; }) {
      status = guarded([&]() -> Status {
        call_hook(*self(service).service_, &S::disconnect, client, id);
        return HGCM_INF_SUCCESS;
      });
    }
    if constexpr (kHasClient) {
      std::destroy_at(static_cast<Client*>(client));
    }
    return status.code();
  }

  static void call(void* service, hgcm_svc_call_handle handle, std::uint32_t id, void* client,
                   std::uint32_t function, std::uint32_t parm_count, hgcm_svc_parm* parms,
                   std::uint64_t arrival_tsc) noexcept {
    Entries& entries = self(service);
    GuestContext<Client> context{Call(entries.host_.helpers(), handle),
                                 static_cast<Client*>(client), CallInfo{id, function, arrival_tsc}};
    const Status status = guarded([&] {
      return dispatch(S::guest_functions(), *entries.service_, context, function,
                      std::span(parms, parms != nullptr ? parm_count : 0), refusals(),
                      refusals().unknown_function);
    });
    // Unless a handler took it.
    if (context.call) {
      std::move(context.call).complete(status);
    }
  }

  static std::int32_t host_call(void* service, std::uint32_t function, std::uint32_t parm_count,
                                hgcm_svc_parm* parms) noexcept {
    if constexpr (requires { S::host_functions(); }) {
      return guarded([&] {
               HostContext context;
               return dispatch(S::host_functions(), *self(service).service_, context, function,
                               std::span(parms, parms != nullptr ? parm_count : 0), refusals(),
                               refusals().unknown_host_function);
             })
          .code();
    } else {
      return refusals().unknown_host_function.code();
    }
  }

  static void cancelled(void* service, std::uint32_t id, void* client) noexcept {
    guarded([&]() -> Status {
      call_hook(*self(service).service_, &S::cancelled, client, id);
      return HGCM_INF_SUCCESS;
    });
  }

  static std::int32_t save_state(void* service, std::uint32_t, void* client, hgcm_svc_ssm* stream,
                                 const hgcm_svc_vmm* vmm) noexcept {
    return guarded([&]() -> Status {
             StateWriter writer(stream, vmm);
             const Status status =
                 self(service).service_->save(*static_cast<const Client*>(client), writer);
             return status.failed() ? status : writer.status();
           })
        .code();
  }

  static std::int32_t load_state(void* service, std::uint32_t, void* client, hgcm_svc_ssm* stream,
                                 const hgcm_svc_vmm* vmm, std::uint32_t version) noexcept {
    return guarded([&]() -> Status {
             StateReader reader(stream, vmm, version);
             const Status status =
                 self(service).service_->load(*static_cast<Client*>(client), reader);
             return status.failed() ? status : reader.status();
           })
        .code();
  }

  static std::int32_t register_extension(void* service, hgcm_svc_extension_fn extension,
                                         void* user) noexcept {
    return guarded([&] {
             return self(service).service_->register_extension(Extension(extension, user));
           })
        .code();
  }

  static void notify(void* service, int event) noexcept {
    if (event < HGCM_SVC_EVENT_POWER_ON || event > HGCM_SVC_EVENT_POWER_OFF) {
      return;
    }
    guarded([&]() -> Status {
      self(service).service_->notify(static_cast<hgcm_svc_event>(event));
      return HGCM_INF_SUCCESS;
    });
  }

  static constexpr Refusals refusals() noexcept {
    if constexpr (requires { S::kRefusals; }) {
      return S::kRefusals;
    } else {
      return {};
    }
  }

  Host host_;
  std::unique_ptr<S> service_;
};

}  // namespace detail
}  // namespace hgcm::service

/// Makes the shared object export `Service`. Once per shared object, at namespace scope.
#define HGCM_EXPORT_SERVICE(Service)                                              \
  extern "C" __attribute__((visibility("default"))) std::int32_t VBoxHGCMSvcLoad( \
      hgcm_svc_table* table);                                                     \
  std::int32_t VBoxHGCMSvcLoad(hgcm_svc_table* table) {                           \
    return hgcm::service::detail::Entries<Service>::load(table);                  \
  }

#endif

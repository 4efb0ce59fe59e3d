// SPDX-License-Identifier: MIT
//
// ServiceHost: loads HGCM services (shared objects with the ABI of <hgcm/service_abi.h>), runs each
// on a thread of its own, and carries clients and calls between them and a device. It knows the SDK
// and nothing of devices: the caller hands in GuestCall objects and gets completions.
#ifndef HGCM_HOST_SERVICE_HOST_H
#define HGCM_HOST_SERVICE_HOST_H

#include <hgcm/service_abi.h>
#include <hgcm/status.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hgcm::host {

/// 1..0x7fffffff; 0 is never a client.
using ClientId = std::uint32_t;

/// Services may look at parameters before they check the count: a call always carries at least this
/// many (zeroed) array elements.
inline constexpr std::size_t kMinParameterSlots = 6;
inline constexpr std::size_t kMaxHostParameters = 1024;

/// One guest call, made by the device and kept alive by whoever holds the shared_ptr: the service
/// host holds it from a successful ServiceHost::call() until complete() has returned, and for good
/// when the service had to be abandoned (see ~ServiceHost): the destructor of a derived class must
/// not use the device.
class GuestCall {
 public:
  GuestCall() = default;
  GuestCall(const GuestCall&) = delete;
  GuestCall& operator=(const GuestCall&) = delete;
  virtual ~GuestCall() = default;

  /// Called exactly once, from any thread, when the service has completed the call (or the service
  /// host in its stead). The device writes results to the guest and returns what the service shall
  /// be told: HGCM_INF_SUCCESS, HGCM_ERR_CANCELLED or HGCM_ERR_ALREADY_RESET. Must not call back
  /// into the ServiceHost's blocking members.
  virtual Status complete(Status status) noexcept = 0;

  enum class Dismissal {
    kReset,  ///< completed while the machine is being reset: drop it, do not touch guest memory
    kSaved   ///< completed inside save_state(): write nothing, keep the request for re-submission
             ///< (with `restored` set, after a restore or when this machine goes on)
  };
  /// Called instead of complete(), under the same rules, when the service's result must not reach
  /// the guest. A device that does not override it sees complete() with HGCM_ERR_ALREADY_RESET or
  /// HGCM_INF_HGCM_SAVE_STATE, which a service could also have sent itself.
  virtual void dismiss(Dismissal reason) noexcept {
    complete(reason == Dismissal::kReset ? Status(HGCM_ERR_ALREADY_RESET)
                                         : Status(HGCM_INF_HGCM_SAVE_STATE));
  }

  // Set before ServiceHost::call(), constant afterwards.
  std::uint32_t function = 0;
  std::uint32_t requestor = HGCM_REQUESTOR_LEGACY;
  std::uint32_t parameter_count = 0;
  std::uint64_t arrival_tsc = 0;
  bool restored = false;

  /// At least max(parameter_count, kMinParameterSlots) elements, the surplus zeroed. The service
  /// writes values and sizes here until the call is complete; it may have changed anything,
  /// including types and pointers, so the device keeps its own record of what it allocated.
  std::vector<hgcm_svc_parm> parameters;

  /// Set by ServiceHost::cancel(); read by services through the helper.
  std::atomic<bool> cancelled{false};
};

/// At most 255 functions of a service are told apart; later ones are summed up as kOtherFunctions.
struct FunctionStatistics {
  static constexpr std::uint32_t kOtherFunctions = 0xffffffff;
  std::uint32_t function = 0;
  bool host_call = false;
  std::uint64_t calls = 0;
  std::uint64_t failed = 0;
  std::uint64_t nanoseconds = 0;  ///< arrival to completion, summed over completed calls
};

/// A statistics sample that a service registered through its helper, read just now.
struct ServiceSample {
  std::string name;
  std::string description;
  int type = 0;  ///< HGCM_SVC_STAT_x, or another of VirtualBox's numbers
  int unit = 0;  ///< VirtualBox's number
  /// One number, except for profiles (periods, ticks, max, min) and ratios (two); empty for a type
  /// that cannot be read.
  std::vector<std::uint64_t> values;
};

struct ServiceStatistics {
  std::string name;
  std::string path;
  std::array<std::uint32_t, HGCM_SVC_CATEGORY_COUNT> clients{};
  std::array<std::uint32_t, HGCM_SVC_CATEGORY_COUNT> max_clients{};
  std::uint64_t calls = 0;
  std::uint64_t pending_calls = 0;
  std::uint64_t too_many_clients = 0;
  std::uint64_t too_many_calls = 0;
  std::uint64_t bad_completions = 0;  ///< unknown or already completed handles
  std::uint64_t cancelled_calls = 0;
  std::vector<FunctionStatistics> functions;
  std::vector<ServiceSample> samples;
};

/// A place where calls may arrive without anybody being told, such as memory shared with the guest.
/// While it is set, service threads that have run out of work look at it for a moment before they
/// sleep: one thread at a time, and only while calls come close together.
class CallSource {
 public:
  CallSource() = default;
  CallSource(const CallSource&) = delete;
  CallSource& operator=(const CallSource&) = delete;
  virtual ~CallSource() = default;

  /// A thread begins to look. False: there is nothing to look at. All members run on a service's
  /// thread and must not block.
  virtual bool begin() noexcept = 0;
  /// Takes what is there and hands it to ServiceHost::call(). True: there was something. Called
  /// many times in quick succession.
  virtual bool look() noexcept = 0;
  /// The thread is about to sleep. What has arrived before this returns has been taken.
  virtual void end() noexcept = 0;
};

enum class LogLevel { kInfo, kWarning, kError };

/// What a service's library exports, or something in its place.
using LoadEntry = std::function<std::int32_t(hgcm_svc_table*)>;

struct ServiceHostOptions {
  /// Where load() looks for NAME.so when no path is given, in order.
  std::vector<std::filesystem::path> service_directories;
  /// Whether a guest's connect to a service that is not loaded may load NAME.so from the
  /// directories above. Names with anything but [A-Za-z0-9_-] never do.
  bool load_on_connect = false;
  /// Asked before a library is loaded, on the new service's thread: an entry to be called instead,
  /// or an empty one for the library's own. It is kept, with what it holds, for as long as the
  /// service.
  std::function<LoadEntry(std::string_view name, const std::filesystem::path& library)> entry_for;
  /// The id of this execution of the machine for the session-id helper; called from any thread.
  std::function<std::uint64_t()> session_id;
  /// One line for a person, without line end; any thread. Lines a guest or a service can provoke
  /// are rate-limited. Must not call back into the ServiceHost.
  std::function<void(LogLevel, std::string_view)> log;
  /// How long a service thread that was busy a moment ago polls its queue before it sleeps; it
  /// learns to poll less when polling does not pay. Zero, or a single processor: never.
  std::chrono::microseconds max_spin{30};
  /// The same for the CallSource.
  std::chrono::microseconds max_look{50};
  /// How long a reset, an unload and the destructor wait for services. Not for one each: in all.
  std::chrono::milliseconds stop_timeout{5000};
  /// How long load(), save_state() and load_state() wait for one service.
  std::chrono::milliseconds work_timeout{30000};
};

/// Thread-safe. Destruction unloads everything: pending calls are completed towards the device
/// (with HGCM_ERR_INVALID_STATE when a service did not do so itself) before the destructor returns,
/// and a service thread that hangs is abandoned after a bounded wait, its library left mapped and
/// its calls' parameters left alive for good. Neither `done` functions, nor complete(), nor the
/// functions in the options are running or will run when the destructor has returned.
///
/// Members that block answer HGCM_ERR_DEADLOCK (reset() does nothing) when called from a service's
/// thread, thus also from `done` functions and from complete().
class ServiceHost {
 public:
  explicit ServiceHost(ServiceHostOptions options);
  ~ServiceHost();
  ServiceHost(const ServiceHost&) = delete;
  ServiceHost& operator=(const ServiceHost&) = delete;

  /// Loads the shared object and calls its load entry on the new service thread. An empty path
  /// means NAME.so in the service directories. HGCM_ERR_SERVICE_EXISTS, _FILE_NOT_FOUND,
  /// _SYMBOL_NOT_FOUND, _INVALID_PARAMETER (a mandatory entry is missing) or the entry's failure;
  /// `detail`, if given, gets one line for a person.
  Status load(std::string_view name, const std::filesystem::path& path = {},
              std::string* detail = nullptr);
  /// The same for a service that is linked into the program.
  Status load_builtin(std::string_view name, hgcm_svc_load_fn entry, std::string* detail = nullptr);
  /// Disconnects all clients, unloads. HGCM_ERR_HGCM_SERVICE_NOT_FOUND; HGCM_ERR_TIMEOUT when the
  /// service hung and was abandoned (it is gone from the host, but its library cannot be loaded
  /// again by this process: HGCM_ERR_RESOURCE_BUSY).
  Status unload(std::string_view name);

  /// --- For the device. None of these blocks on a service. ---

  using ConnectDone = std::function<void(Status, ClientId)>;
  using DisconnectDone = std::function<void(Status)>;

  /// `done` runs exactly once: on the service thread, before this returns, or on the thread that
  /// unloads the service.
  void connect(std::string_view service, std::uint32_t requestor, ConnectDone done);
  /// The id is invalid for new calls when this returns; calls the service has not seen yet complete
  /// with HGCM_ERR_HGCM_INVALID_CLIENT_ID. `done` as for connect().
  void disconnect(ClientId client, DisconnectDone done);
  /// Success: accepted, complete() will be called once. Failure (unknown client, too many calls):
  /// complete() will not be called.
  Status call(ClientId client, std::shared_ptr<GuestCall> call);
  /// Marks the call cancelled and tells the service. The service still completes it.
  void cancel(ClientId client, const std::shared_ptr<GuestCall>& call);
  /// Machine reset: disconnects every client; completions from now until the end see
  /// HGCM_ERR_ALREADY_RESET; then services are notified of the reset. Blocks (bounded).
  void reset();

  /// Sets or, with null, removes the place where calls may also arrive. When this returns no thread
  /// is inside the former one. Not to be called from a service's thread.
  void set_call_source(CallSource* source);

  /// --- For the host side (control socket, tests). These block until the service answered. ---

  /// The service works on a copy of the array, which is written back afterwards; at most
  /// kMaxHostParameters elements. What the parameters point to must stay valid until this returns.
  Status host_call(std::string_view service, std::uint32_t function,
                   std::span<hgcm_svc_parm> parameters);
  /// One extension per service; a second one: HGCM_ERR_NOT_SUPPORTED.
  Status register_extension(std::string_view service, hgcm_svc_extension_fn extension, void* user);
  Status unregister_extension(std::string_view service);
  /// Posts the event to every service; does not wait.
  void notify(hgcm_svc_event event);

  /// Serialises services, clients and what pfnSaveState writes, versioned and checksummed. Calls
  /// completed meanwhile, by any service, are dismissed with Dismissal::kSaved; calls that stay
  /// pending are the device's to save.
  Result<std::vector<std::byte>> save_state();
  /// Reconnects the saved clients under their ids; clients that exist are disconnected first. All
  /// or nothing: a malformed state changes nothing, and when a service fails no client is left.
  /// HGCM_ERR_SSM_UNEXPECTED_DATA, _SSM_DATA_UNIT_FORMAT_CHANGED or the service's failure.
  /// `before_change` is called once the state has been found usable, before the first client goes;
  /// it must not call back into the ServiceHost.
  Status load_state(std::span<const std::byte> state,
                    const std::function<void()>& before_change = {});

  [[nodiscard]] std::vector<ServiceStatistics> statistics() const;
  /// Output of an info handler that a service registered, for example "guestprops".
  Result<std::string> info(std::string_view name, std::string_view arguments);
  [[nodiscard]] bool has_service(std::string_view name) const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace hgcm::host

#endif

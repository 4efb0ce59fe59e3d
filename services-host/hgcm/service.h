// SPDX-License-Identifier: MIT
//
// One loaded service: its library, its thread and queue, what it has connected, what it registered.
// Everything the service's code is asked to do is done on its thread; the members below say which
// those are. It knows nothing of other services.
#ifndef HGCM_HOST_SERVICE_H
#define HGCM_HOST_SERVICE_H

#include "hgcm/call_table.h"
#include "hgcm/client_table.h"
#include "hgcm/core.h"
#include "hgcm/message_queue.h"
#include "hgcm/service_host.h"
#include "hgcm/service_instance.h"
#include "hgcm/service_library.h"
#include "hgcm/service_statistics.h"
#include "hgcm/state_container.h"
#include "hgcm/task.h"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace hgcm::host {

class Service : public std::enable_shared_from_this<Service> {
 public:
  struct Source {
    std::filesystem::path path;
    hgcm_svc_load_fn builtin = nullptr;  ///< instead of a path
  };
  using LoadFailed = std::function<void(const std::shared_ptr<Service>&)>;

  /// Starts the thread, which loads the service. `load_failed`, if given, is called on that thread.
  static std::shared_ptr<Service> start(std::shared_ptr<Core> core, std::string name, Source source,
                                        LoadFailed load_failed = {});
  Service(std::shared_ptr<Core> core, std::string name, Source source);
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  ~Service();

  /// The service whose thread this is, or null.
  static Service* current() noexcept;

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] std::uint32_t serial() const noexcept { return serial_; }

  // --- Life. One thread at a time; none of these on a service thread. ---

  [[nodiscard]] bool loaded() const;
  [[nodiscard]] bool load_returned() const;
  Status wait_loaded(Deadline deadline, std::string* detail);
  /// Tells the thread to disconnect everything, unload and end.
  void begin_unload();
  /// Waits for the thread's end, else abandons it: HGCM_ERR_TIMEOUT. Then completes what is left of
  /// the calls. After this nothing of the service calls the device.
  Status end(Deadline deadline);

  // --- Any thread. ---

  // When one of these throws, for lack of memory, it has done nothing and will not call `done`.
  Status submit(const std::shared_ptr<Client>& client, std::shared_ptr<GuestCall> call) noexcept;
  void connect(const std::shared_ptr<Client>& client, ServiceHost::ConnectDone done);
  void disconnect(const std::shared_ptr<Client>& client, ServiceHost::DisconnectDone done);
  void cancelled(const std::shared_ptr<Client>& client);
  void notify(hgcm_svc_event event);
  /// Completes a call towards the device. The call must have been claimed.
  Status finish(ClaimedCall claimed, Status status) noexcept;
  /// One more finish() is to come. Only for CallTable::claim().
  void begin_finish() noexcept { finishing_.fetch_add(1, std::memory_order_relaxed); }
  void count_cancelled() noexcept { cancelled_calls_.fetch_add(1, std::memory_order_relaxed); }
  void count_bad_completion() noexcept;
  [[nodiscard]] std::uint64_t session_id() noexcept { return core_->session_id(); }
  [[nodiscard]] SampleList& samples() noexcept { return samples_; }
  [[nodiscard]] ServiceStatistics statistics() const;
  Status add_info(std::string name, std::string description, hgcm_svc_info_fn handler, void* user);
  Status remove_info(const std::string& name);
  [[nodiscard]] bool has_info(std::string_view name) const;

  // --- Any thread but a service thread: these wait for the service. ---

  Status host_call(std::uint32_t function, std::span<hgcm_svc_parm> parameters);
  Status register_extension(hgcm_svc_extension_fn extension, void* user);
  Status unregister_extension();
  Result<std::string> info(std::string_view name, std::string_view arguments);
  /// Disconnects the clients that are closing.
  std::shared_ptr<Outcome> disconnect_closing();
  Result<SavedService> save(Deadline deadline);
  /// Connects the clients with their ids and gives them their state.
  Status restore(const SavedService& saved, Deadline deadline);

  // --- The service thread, called through the helpers. ---

  Status drop_client(ClientId id);

 private:
  struct InfoHandler {
    std::string description;
    hgcm_svc_info_fn handler;
    void* user;
  };

  void run(const LoadFailed& load_failed);
  Status load(std::string& detail);
  void serve();
  void dispatch_call(CallSlot& slot);
  void dispatch_task(Task& task);
  void drop(Message& message) noexcept;
  void abandon();
  void finish_pending(Status status);
  void unload_now();

  void post(std::function<void()> run, std::function<void()> drop);
  std::optional<Status> run_and_wait(std::function<Status()> work,
                                     std::optional<Deadline> deadline = std::nullopt);

  void end_finish() noexcept;
  void keep(ClaimedCall call) noexcept;
  Status connect_now(const std::shared_ptr<Client>& client, bool restoring);
  Status disconnect_now(const std::shared_ptr<Client>& client);
  void forget_client(const std::shared_ptr<Client>& client);
  Status host_call_now(std::uint32_t function, std::uint32_t count, hgcm_svc_parm* parameters);
  Status extension_now(hgcm_svc_extension_fn extension, void* user);
  Status save_now(SavedService& saved);
  Status restore_now(const SavedService& saved);
  Status restore_client(const SavedClient& saved, const std::shared_ptr<Client>& client);
  void log(LogLevel level, const std::string& text) noexcept;

  const std::shared_ptr<Core> core_;
  const std::string name_;
  const Source source_;
  const std::uint32_t serial_;
  ServiceInstance* instance_ = nullptr;
  hgcm_svc_table* table_ = nullptr;  // in the instance
  LoadEntry substitute_;             // of entry_for, as library_
  ServiceLibrary library_;           // the service thread, then the one that joined it
  MessageQueue queue_;
  std::thread thread_;

  // Service thread only.
  std::map<ClientId, std::shared_ptr<Client>> connected_;
  std::size_t client_bytes_ = 0;
  bool in_client_entry_ = false;  // inside connect or disconnect
  bool has_extension_ = false;
  bool stopping_ = false;

  mutable std::mutex life_mutex_;
  std::condition_variable life_changed_;
  enum class Life : std::uint8_t { kLoading, kLoaded, kFailed } life_ = Life::kLoading;
  bool thread_ended_ = false;  // under life_mutex_, as are life_ and the next two
  Status load_status_;
  std::string load_detail_;

  std::mutex task_mutex_;
  std::map<std::uint64_t, std::shared_ptr<Task>> tasks_;  // under task_mutex_: not finished yet
  std::uint64_t next_task_ = 0;                           // under task_mutex_

  mutable std::mutex info_mutex_;
  std::map<std::string, InfoHandler, std::less<>> infos_;  // under info_mutex_

  std::atomic<bool> abandoned_{false};
  // Under task_mutex_. Calls that ended after this service was abandoned: it may write to their
  // parameters at any time.
  std::vector<ClaimedCall> kept_calls_;

  std::atomic<std::uint32_t> finishing_{0};
  std::array<std::atomic<std::uint32_t>, HGCM_SVC_CATEGORY_COUNT> clients_{};
  std::atomic<std::uint32_t> connecting_{0};
  std::atomic<std::uint64_t> calls_{0};
  std::atomic<std::uint64_t> pending_calls_{0};
  std::atomic<std::uint64_t> too_many_clients_{0};
  std::atomic<std::uint64_t> too_many_calls_{0};
  std::atomic<std::uint64_t> cancelled_calls_{0};
  std::atomic<std::uint64_t> bad_completions_{0};
  std::atomic<std::int64_t> last_complaint_ns_{INT64_MIN / 2};
  FunctionTable functions_;
  SampleList samples_;
};

}  // namespace hgcm::host

#endif

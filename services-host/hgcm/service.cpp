// SPDX-License-Identifier: MIT
//
// One loaded service: its life and its thread. Clients and calls are in service_calls.cpp, what the
// host's side asks of it in service_requests.cpp.
#include "hgcm/service.h"

#include "hgcm/scheduling.h"
#include "hgcm/service_entry.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

namespace hgcm::host {
namespace {

thread_local Service* t_service = nullptr;

/// More than any service needs; a cap because the number comes from the service and is multiplied
/// with the number of clients.
constexpr std::uint32_t kMaxClientSize = 1U << 20;

std::uint32_t next_serial() noexcept {
  static std::atomic<std::uint32_t> last{0};
  std::uint32_t serial = 0;
  while (serial == 0) serial = ++last;
  return serial;
}

/// Services that hang stay in memory for the rest of the process, with everything they may touch.
void keep_forever(std::shared_ptr<Service> service) {
  struct Abandoned {
    std::mutex mutex;
    std::vector<std::shared_ptr<Service>> services;
  };
  static auto& abandoned = *new Abandoned;
  const std::lock_guard lock(abandoned.mutex);
  abandoned.services.push_back(std::move(service));
}

/// Lets the thread that runs out of work look at the machine's CallSource, if no other thread does.
class Looking final : public IdleWork {
 public:
  explicit Looking(Core& core) noexcept : core_(core) {}

  bool begin() noexcept override {
    if (!core_.looking.try_lock()) return false;
    if (core_.source != nullptr && core_.source->begin()) return true;
    core_.looking.unlock();
    return false;
  }
  bool look() noexcept override { return core_.source->look(); }
  void end() noexcept override {
    core_.source->end();
    core_.looking.unlock();
  }
  /// Most likely by the guest's processor, which is not going to leave: it waits for this thread,
  /// and that in its turn for a processor. Left to itself the kernel may keep the two together.
  void crowded() noexcept override { step_aside(); }

 private:
  Core& core_;
};

/// As VirtualBox names its service threads.
std::string thread_name(const std::string& service) {
  std::string name = service;
  if (name.starts_with("VBoxShared")) {
    name.replace(0, 10, "Sh");
  } else if (name.starts_with("VBox")) {
    name.erase(0, 4);
  }
  name.resize(std::min<std::size_t>(name.size(), 15));
  return name.empty() ? service.substr(0, 15) : name;
}

}  // namespace

Service* Service::current() noexcept {
  return t_service;
}

Service::Service(std::shared_ptr<Core> core, std::string name, Source source)
    : core_(std::move(core)),
      name_(std::move(name)),
      source_(std::move(source)),
      serial_(next_serial()),
      queue_(core_->options.max_spin) {}

Service::~Service() {
  // Only end() leaves a service without a thread; this is for one that could not be started.
  if (thread_.joinable()) thread_.detach();
}

std::shared_ptr<Service> Service::start(std::shared_ptr<Core> core, std::string name, Source source,
                                        LoadFailed load_failed) {
  auto service = std::make_shared<Service>(std::move(core), std::move(name), std::move(source));
  service->instance_ = &create_instance(service);
  service->table_ = &service->instance_->table;
  try {
    service->thread_ =
        std::thread([service, load_failed = std::move(load_failed)] { service->run(load_failed); });
  } catch (...) {
    retire_instance(*service->instance_);
    throw;
  }
  return service;
}

void Service::log(LogLevel level, const std::string& text) noexcept {
  try {
    core_->log(level, name_ + ": " + text);
  } catch (...) {
    // No memory for a line of log: the line is lost.
  }
}

// --- The thread. ---

void Service::run(const LoadFailed& load_failed) {
  t_service = this;
  pthread_setname_np(pthread_self(), thread_name(name_).c_str());
  std::string detail;
  const Status status = load(detail);
  if (status.failed()) {
    samples_.clear();
    const std::lock_guard lock(info_mutex_);
    infos_.clear();
  }
  {
    const std::lock_guard lock(life_mutex_);
    life_ = status.ok() ? Life::kLoaded : Life::kFailed;
    load_status_ = status;
    load_detail_ = detail;
  }
  life_changed_.notify_all();
  if (status.ok()) {
    if (!abandoned_.load()) log(LogLevel::kInfo, "loaded");
    serve();
  } else {
    log(LogLevel::kError, "not loaded: " + detail);
    if (load_failed) load_failed(shared_from_this());
    for (Message* message = queue_.close(); message != nullptr;) {
      Message* const next = message->next;
      drop(*message);
      message = next;
    }
  }
  t_service = nullptr;
  {
    const std::lock_guard lock(life_mutex_);
    thread_ended_ = true;
    // Under the lock: who waits may let go of this object as soon as it is told.
    life_changed_.notify_all();
  }
}

Status Service::load(std::string& detail) {
  hgcm_svc_load_fn entry = source_.builtin;
  if (entry == nullptr) {
    try {
      if (core_->options.entry_for) substitute_ = core_->options.entry_for(name_, source_.path);
    } catch (...) {
      return HGCM_ERR_NO_MEMORY;
    }
  }
  if (entry == nullptr && !substitute_) {
    if (const Status status = library_.open(source_.path, detail); status.failed()) return status;
    if (abandoned_.load()) return HGCM_ERR_TIMEOUT;
    entry = library_.entry();
  }
  if (const Status status =
          substitute_ ? enter(std::cref(substitute_), table_) : enter(entry, table_);
      status.failed()) {
    detail = "its load entry failed with " + status.to_string();
    return status;
  }
  if (table_->unload == nullptr || table_->connect == nullptr || table_->disconnect == nullptr ||
      table_->call == nullptr) {
    detail = "it did not set all of the entries unload, connect, disconnect and call";
  } else if (table_->client_size > kMaxClientSize) {
    detail = "it wants " + std::to_string(table_->client_size) +
             " bytes for each client; the limit is " + std::to_string(kMaxClientSize);
  } else {
    return HGCM_INF_SUCCESS;
  }
  enter(table_->unload, table_->service);
  return HGCM_ERR_INVALID_PARAMETER;
}

void Service::serve() {
  Looking looking(*core_);
  while (!stopping_) {
    Message* message = queue_.take(&looking, core_->options.max_look);
    if (message == nullptr) return;
    while (message != nullptr) {
      // When abandoned, this thread's messages were disposed of: none may be looked at.
      if (abandoned_.load()) return;
      Message* const next = message->next;
      if (stopping_) {
        drop(*message);
      } else if (message->kind == Message::Kind::kCall) {
        dispatch_call(static_cast<CallSlot&>(*message));
      } else {
        dispatch_task(static_cast<Task&>(*message));
      }
      message = next;
    }
  }
  for (Message* message = queue_.close(); message != nullptr;) {
    Message* const next = message->next;
    drop(*message);
    message = next;
  }
}

void Service::dispatch_task(Task& task) {
  try {
    task.run();
  } catch (...) {
    task.drop();
  }
  std::shared_ptr<Task> finished;
  const std::lock_guard lock(task_mutex_);
  const auto it = tasks_.find(task.number);
  if (it == tasks_.end()) return;
  finished = std::move(it->second);
  tasks_.erase(it);
}

void Service::drop(Message& message) noexcept {
  if (message.kind == Message::Kind::kCall) {
    auto& slot = static_cast<CallSlot&>(message);
    const CallToken token = CallTable::instance().pending(slot).token;
    if (auto claimed = CallTable::instance().claim(token))
      finish(std::move(*claimed), HGCM_ERR_HGCM_INVALID_CLIENT_ID);
    CallTable::instance().release(slot);
    return;
  }
  std::shared_ptr<Task> task;
  {
    const std::lock_guard lock(task_mutex_);
    const auto it = tasks_.find(static_cast<Task&>(message).number);
    if (it == tasks_.end()) return;
    task = std::move(it->second);
    tasks_.erase(it);
  }
  task->drop();
}

void Service::post(std::function<void()> to_run, std::function<void()> to_drop) {
  auto task = std::make_shared<Task>(std::move(to_run), std::move(to_drop));
  {
    const std::lock_guard lock(task_mutex_);
    task->number = ++next_task_;
    tasks_.emplace(task->number, task);
  }
  if (!queue_.push(*task)) drop(*task);
}

std::optional<Status> Service::run_and_wait(std::function<Status()> work,
                                            std::optional<Deadline> deadline) {
  auto outcome = std::make_shared<Outcome>();
  post([outcome, work = std::move(work)] { outcome->set(work()); },
       [outcome] { outcome->set(std::nullopt); });
  return outcome->wait(deadline);
}

// --- Life, from outside. ---

bool Service::loaded() const {
  const std::lock_guard lock(life_mutex_);
  return life_ == Life::kLoaded;
}

bool Service::load_returned() const {
  const std::lock_guard lock(life_mutex_);
  return life_ != Life::kLoading;
}

Status Service::wait_loaded(Deadline deadline, std::string* detail) {
  std::unique_lock lock(life_mutex_);
  if (!life_changed_.wait_until(lock, deadline, [this] { return life_ != Life::kLoading; })) {
    if (detail != nullptr) *detail = "its load entry did not return in time";
    return HGCM_ERR_TIMEOUT;
  }
  if (detail != nullptr) *detail = load_detail_;
  return life_ == Life::kLoaded ? Status(HGCM_INF_SUCCESS) : load_status_;
}

void Service::unload_now() {
  while (!connected_.empty() && !abandoned_.load()) {
    const std::shared_ptr<Client> client = connected_.begin()->second;
    // One may have come into the table after begin_unload() had emptied it.
    client->state.store(Client::State::kClosing);
    core_->clients.remove(client);
    disconnect_now(client);
  }
  if (abandoned_.load()) return;
  if (has_extension_)
    enter(table_->register_extension, table_->service, hgcm_svc_extension_fn{nullptr},
          static_cast<void*>(nullptr));
  has_extension_ = false;
  samples_.clear();  // before the service frees what they are in
  enter(table_->unload, table_->service);
  samples_.clear();
  const std::lock_guard lock(info_mutex_);
  infos_.clear();
}

void Service::begin_unload() {
  core_->clients.close_all(this);
  const auto self = shared_from_this();
  post(
      [self] {
        self->unload_now();
        self->stopping_ = true;
      },
      [] {});
}

Status Service::end(Deadline deadline) {
  bool ended = false;
  {
    std::unique_lock lock(life_mutex_);
    ended = life_changed_.wait_until(lock, deadline, [this] { return thread_ended_; });
  }
  if (!ended) abandon();
  if (thread_.joinable()) thread_.join();
  finish_pending(HGCM_ERR_INVALID_STATE);
  // Completions that other threads have begun end soon: they are in the device's code.
  for (std::uint32_t count = finishing_.load(); count != 0; count = finishing_.load())
    finishing_.wait(count);
  retire_instance(*instance_);
  library_.close();
  if (ended) return HGCM_INF_SUCCESS;
  return HGCM_ERR_TIMEOUT;
}

void Service::abandon() {
  keep_forever(shared_from_this());
  log(LogLevel::kError, "its thread hangs and is abandoned; its library stays in memory");
  library_.abandon();
  abandoned_.store(true);
  for (Message* message = queue_.close(); message != nullptr;) {
    Message* const next = message->next;
    // Tasks are in the list below, with those that the thread has taken already.
    if (message->kind == Message::Kind::kCall) drop(*message);
    message = next;
  }
  std::vector<std::shared_ptr<Task>> unfinished;
  {
    const std::lock_guard lock(task_mutex_);
    // They stay in the list: the thread may still be inside one of them.
    for (const auto& [number, task] : tasks_) unfinished.push_back(task);
  }
  for (const auto& task : unfinished) task->drop();
  thread_.detach();
}

}  // namespace hgcm::host

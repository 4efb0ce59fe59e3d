// SPDX-License-Identifier: MIT
//
// See property_manager.h. Three threads meet here besides the callers: the service's notification
// thread, which only puts changes into the two queues; the dispatcher, which calls listeners; and
// the writer, which keeps the file. No lock is held while the service, a listener or the file
// system is at work.
#include "guest-properties/property_manager.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "guest-properties/patterns.h"
#include "guest-properties/property_file.h"
#include "guest-properties/protocol.h"
#include "guest-properties/rules.h"
#include "guest-properties/service_client.h"
#include "hgcm/service_host.h"

namespace hgcm::guestprop {
namespace {

constexpr std::size_t kMaxRecent = 256;
constexpr std::size_t kMaxUndelivered = 4096;
/// How long the writer gathers changes before it writes.
constexpr std::chrono::milliseconds kGatherTime{100};
constexpr std::chrono::seconds kRetryTime{5};
/// Longer than anybody waits, and short enough to be added to a clock.
constexpr std::chrono::milliseconds kMaxTimeout = std::chrono::hours(24 * 365);

struct Seen {
  Change change;
  bool restored = false;  ///< its timestamp says nothing of when it came
};

std::uint64_t nanoseconds_now() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                        std::chrono::system_clock::now().time_since_epoch())
                                        .count());
}

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool is_kept_in_file(const Property& property) {
  const auto flags = parse_flags(property.flags);
  return flags && (*flags & (kTransient | kTransientReset)) == 0;
}

}  // namespace

class PropertyManager::Impl {
 public:
  Impl(host::ServiceHost& host, std::string service) : client_(host, std::move(service)) {}

  Status attach();
  void detach();
  Result<Change> wait(std::string_view patterns, std::uint64_t since,
                      std::optional<std::chrono::milliseconds> timeout, std::stop_token stop);
  ListenerId add_listener(Listener listener);
  void remove_listener(ListenerId id);
  Status set_guest_writable(bool writable);
  Status use_file(const std::filesystem::path& path, std::string& detail);
  Status flush(std::string& detail);
  Result<std::vector<std::byte>> serialise();
  Status restore(std::span<const std::byte> state, std::string& detail);
  Status on_reset();

  const ServiceClient client_;
  std::function<void(Status, const std::string&)> write_error_handler_;

 private:
  static std::int32_t on_extension_call(void* self, std::uint32_t function, void* data,
                                        std::uint32_t size) noexcept;
  /// Also of those that the service is still to tell of.
  void forget_changes_until(std::uint64_t timestamp);
  void add_change(Change change, bool restored = false);
  void dispatch();
  void write_behind();
  /// Writes what the service has now, if that differs from what the file has.
  Status write(std::string& detail);
  void mark_dirty();

  std::mutex mutex_;  ///< of everything down to the file's part
  std::condition_variable_any changed_;
  bool attached_ = false;
  bool dispatching_ = false;
  bool guest_writable_ = true;
  std::deque<Seen> recent_;          ///< oldest first, at most kMaxRecent
  std::uint64_t recent_number_ = 0;  ///< of recent_'s first; all changes are numbered
  std::uint64_t lost_up_to_ = 0;     ///< timestamp of the newest change that is not in recent_
  std::uint64_t ignored_up_to_ = 0;  ///< changes of before a restore, which may still come in
  std::deque<Change> undelivered_;
  bool lost_undelivered_ = false;
  std::map<ListenerId, std::shared_ptr<Listener>> listeners_;
  ListenerId last_listener_ = 0;
  ListenerId running_listener_ = 0;
  std::thread dispatcher_;
  std::thread::id dispatcher_id_;

  bool dirty_ = false;
  bool writing_ = false;  ///< the writer thread shall go on
  std::thread writer_;

  std::mutex file_mutex_;  ///< one write at a time; of the two below; taken before mutex_
  std::filesystem::path path_;
  std::string written_;
};

Status PropertyManager::Impl::attach() {
  {
    const std::lock_guard lock(mutex_);
    if (attached_) {
      return HGCM_ERR_INVALID_STATE;
    }
    attached_ = true;
    recent_.clear();
    lost_up_to_ = 0;
    ignored_up_to_ = 0;
  }
  const auto give_up = [&](Status status) {
    const std::lock_guard lock(mutex_);
    attached_ = false;
    return status;
  };
  const Status status =
      client_.host().register_extension(client_.service(), &on_extension_call, this);
  if (status.failed()) {
    return give_up(status);
  }
  // What was changed before is not remembered here, and a wait must be able to tell.
  const auto existing = client_.enumerate({});
  if (!existing) {
    client_.host().unregister_extension(client_.service());
    return give_up(existing.error());
  }
  try {
    const std::lock_guard lock(mutex_);
    for (const Property& property : *existing) {
      const bool seen =
          !recent_.empty() && property.timestamp >= recent_.front().change.property.timestamp;
      lost_up_to_ = seen ? lost_up_to_ : std::max(lost_up_to_, property.timestamp);
    }
    dispatching_ = true;
    dispatcher_ = std::thread([this] { dispatch(); });
  } catch (const std::system_error&) {
    client_.host().unregister_extension(client_.service());
    return give_up(HGCM_ERR_OUT_OF_RESOURCES);
  }
  return HGCM_INF_SUCCESS;
}

void PropertyManager::Impl::detach() {
  {
    const std::lock_guard lock(mutex_);
    if (!attached_) {
      return;
    }
  }
  // When this returns the service has told us everything.
  client_.host().unregister_extension(client_.service());
  {
    const std::lock_guard lock(mutex_);
    attached_ = false;
    dispatching_ = false;
    writing_ = false;
  }
  changed_.notify_all();
  dispatcher_.join();
  if (writer_.joinable()) {
    writer_.join();
  }
  const std::lock_guard lock(file_mutex_);
  path_.clear();
  written_.clear();
}

std::int32_t PropertyManager::Impl::on_extension_call(void* self, std::uint32_t function,
                                                      void* data, std::uint32_t size) noexcept {
  if (function != kExtensionFunction || data == nullptr || size < sizeof(ExtensionChange)) {
    return HGCM_ERR_INVALID_PARAMETER;
  }
  const auto& from = *static_cast<const ExtensionChange*>(data);
  if (from.magic != kExtensionMagic || from.name == nullptr) {
    return HGCM_ERR_INVALID_PARAMETER;
  }
  try {
    Change change;
    change.property.name = from.name;
    change.property.timestamp = from.timestamp;
    change.deleted = from.value == nullptr;
    if (!change.deleted) {
      change.property.value = from.value;
      change.property.flags = from.flags != nullptr ? from.flags : "";
    }
    static_cast<Impl*>(self)->add_change(std::move(change));
  } catch (const std::bad_alloc&) {
    return HGCM_ERR_NO_MEMORY;
  }
  return HGCM_INF_SUCCESS;
}

void PropertyManager::Impl::add_change(Change change, bool restored) {
  {
    const std::lock_guard lock(mutex_);
    if (!restored && change.property.timestamp <= ignored_up_to_) {
      return;
    }
    if (recent_.size() >= kMaxRecent) {
      lost_up_to_ = std::max(lost_up_to_, recent_.front().change.property.timestamp);
      recent_.pop_front();
      ++recent_number_;
    }
    recent_.push_back({change, restored});
    if (!listeners_.empty()) {
      if (undelivered_.size() >= kMaxUndelivered) {
        undelivered_.pop_front();
        lost_undelivered_ = true;
      }
      undelivered_.push_back(std::move(change));
    }
    dirty_ = true;
  }
  changed_.notify_all();
}

void PropertyManager::Impl::mark_dirty() {
  {
    const std::lock_guard lock(mutex_);
    dirty_ = true;
  }
  changed_.notify_all();
}

Result<Change> PropertyManager::Impl::wait(std::string_view patterns, std::uint64_t since,
                                           std::optional<std::chrono::milliseconds> timeout,
                                           std::stop_token stop) {
  if (patterns.size() >= kMaxEnumeratePatterns) {
    return failure(HGCM_ERR_INVALID_PARAMETER);
  }
  std::unique_lock lock(mutex_);
  if (!attached_) {
    return failure(HGCM_ERR_INVALID_STATE);
  }
  const std::uint64_t began = recent_number_ + recent_.size();
  // The number of the next change to look at.
  std::uint64_t next = began;
  bool missed = false;
  if (since != 0) {
    const auto it = std::ranges::find_if(
        recent_, [&](const Seen& seen) { return seen.change.property.timestamp > since; });
    next = recent_number_ + static_cast<std::uint64_t>(it - recent_.begin());
    missed = since < lost_up_to_;
  }

  std::optional<Change> found;
  const auto look = [&] {
    if (next < recent_number_) {
      next = recent_number_;
      missed = true;
    }
    while (!found && next < recent_number_ + recent_.size()) {
      const auto& [change, restored] = recent_[next - recent_number_];
      // A caller may know a timestamp before its notification has come here.
      const bool is_new = change.property.timestamp > since || (restored && next >= began);
      ++next;
      if (is_new && matches_any(patterns, change.property.name)) {
        found = change;
        found->missed = missed;
      }
    }
    return found || !attached_;
  };
  bool woken = false;
  if (timeout) {
    const auto deadline = std::chrono::steady_clock::now() +
                          std::clamp(*timeout, std::chrono::milliseconds{0}, kMaxTimeout);
    woken = changed_.wait_until(lock, stop, deadline, look);
  } else {
    woken = changed_.wait(lock, stop, look);
  }
  if (found) {
    return std::move(*found);
  }
  if (woken) {
    return failure(HGCM_ERR_INVALID_STATE);
  }
  return failure(stop.stop_requested() ? HGCM_ERR_CANCELLED : HGCM_ERR_TIMEOUT);
}

ListenerId PropertyManager::Impl::add_listener(Listener listener) {
  const std::lock_guard lock(mutex_);
  ++last_listener_;
  listeners_.emplace(last_listener_, std::make_shared<Listener>(std::move(listener)));
  return last_listener_;
}

void PropertyManager::Impl::remove_listener(ListenerId id) {
  std::unique_lock lock(mutex_);
  listeners_.erase(id);
  if (std::this_thread::get_id() != dispatcher_id_) {
    changed_.wait(lock, [&] { return running_listener_ != id; });
  }
}

void PropertyManager::Impl::dispatch() {
  std::unique_lock lock(mutex_);
  dispatcher_id_ = std::this_thread::get_id();
  while (true) {
    changed_.wait(lock, [this] { return !dispatching_ || !undelivered_.empty(); });
    if (undelivered_.empty()) {
      return;
    }
    Change change = std::move(undelivered_.front());
    undelivered_.pop_front();
    change.missed = std::exchange(lost_undelivered_, false);

    // A listener may add and remove listeners: go by number, not by iterator.
    for (auto it = listeners_.begin(); it != listeners_.end();
         it = listeners_.upper_bound(running_listener_)) {
      running_listener_ = it->first;
      const std::shared_ptr<Listener> listener = it->second;
      lock.unlock();
      (*listener)(change);
      lock.lock();
      changed_.notify_all();
    }
    running_listener_ = 0;
    changed_.notify_all();
  }
}

Status PropertyManager::Impl::set_guest_writable(bool writable) {
  const Status status = client_.set_global_flags(writable ? 0U : kReadOnlyGuest);
  if (status.ok()) {
    const std::lock_guard lock(mutex_);
    guest_writable_ = writable;
  }
  return status;
}

Status PropertyManager::Impl::use_file(const std::filesystem::path& path, std::string& detail) {
  const std::lock_guard file_lock(file_mutex_);
  {
    const std::lock_guard lock(mutex_);
    if (!attached_ || !path_.empty()) {
      detail = attached_ ? "a file is in use already" : "not attached to the service";
      return HGCM_ERR_INVALID_STATE;
    }
  }
  // A symbolic link keeps its place: what it leads to is replaced.
  std::error_code error;
  const std::filesystem::path real = std::filesystem::weakly_canonical(path, error);
  if (error || !real.has_filename()) {
    detail = "no file name: " + path.string();
    return HGCM_ERR_INVALID_NAME;
  }
  const auto text = read_property_file(real, detail);
  if (!text) {
    return text.error();
  }
  if (text->has_value()) {
    const auto stored = parse_properties(**text, detail);
    if (!stored) {
      detail = real.string() + ": " + detail;
      return stored.error();
    }
    if (const Status status = client_.load(stored->properties); status.failed()) {
      detail = "the service does not accept the properties: " + status.to_string();
      return status;
    }
    written_ = **text;
  }
  path_ = real;
  // What the service has besides goes into the file; and whoever cannot write it learns so now.
  if (const Status status = write(detail); status.failed()) {
    path_.clear();
    written_.clear();
    return status;
  }
  try {
    const std::lock_guard lock(mutex_);
    writing_ = true;
    writer_ = std::thread([this] { write_behind(); });
  } catch (const std::system_error&) {
    writing_ = false;
    path_.clear();
    written_.clear();
    detail = "cannot start a thread";
    return HGCM_ERR_OUT_OF_RESOURCES;
  }
  return HGCM_INF_SUCCESS;
}

Status PropertyManager::Impl::write(std::string& detail) {
  {
    // Before looking: a change from now on is another write.
    const std::lock_guard lock(mutex_);
    dirty_ = false;
  }
  auto properties = client_.enumerate({});
  if (!properties) {
    detail = "cannot list the properties: " + properties.error().to_string();
    return properties.error();
  }
  std::erase_if(*properties, [](const Property& property) { return !is_kept_in_file(property); });
  auto text = format_properties({std::move(*properties), std::nullopt});
  if (!text) {
    detail = "cannot store the properties: " + text.error().to_string();
    return text.error();
  }
  if (*text == written_) {
    return HGCM_INF_SUCCESS;
  }
  const Status status = write_property_file(path_, *text, detail);
  if (status.ok()) {
    written_ = std::move(*text);
  }
  return status;
}

void PropertyManager::Impl::write_behind() {
  bool failing = false;
  bool last = false;
  while (!last) {
    {
      std::unique_lock lock(mutex_);
      const auto stopped = [this] { return !writing_; };
      if (failing) {
        changed_.wait_for(lock, kRetryTime, stopped);
      } else {
        changed_.wait(lock, [this] { return dirty_ || !writing_; });
      }
      last = changed_.wait_for(lock, kGatherTime, stopped);
    }
    std::string detail;
    Status status;
    {
      const std::lock_guard file_lock(file_mutex_);
      status = write(detail);
    }
    failing = status.failed();
    if (failing && write_error_handler_) {
      write_error_handler_(status, detail);
    }
  }
}

Status PropertyManager::Impl::flush(std::string& detail) {
  const std::lock_guard file_lock(file_mutex_);
  return path_.empty() ? Status() : write(detail);
}

Result<std::vector<std::byte>> PropertyManager::Impl::serialise() {
  auto properties = client_.enumerate({});
  if (!properties) {
    return failure(properties.error());
  }
  bool writable = true;
  {
    const std::lock_guard lock(mutex_);
    writable = guest_writable_;
  }
  return format_properties({std::move(*properties), writable}).map([](const std::string& text) {
    const auto bytes = std::as_bytes(std::span(text));
    return std::vector<std::byte>(bytes.begin(), bytes.end());
  });
}

void PropertyManager::Impl::forget_changes_until(std::uint64_t timestamp) {
  const std::lock_guard lock(mutex_);
  recent_number_ += recent_.size();
  recent_.clear();
  lost_undelivered_ = lost_undelivered_ || !undelivered_.empty();
  undelivered_.clear();
  ignored_up_to_ = timestamp;
  lost_up_to_ = std::max(lost_up_to_, timestamp);
}

Status PropertyManager::Impl::restore(std::span<const std::byte> state, std::string& detail) {
  const auto stored = parse_properties(as_text(state), detail);
  if (!stored) {
    return stored.error();
  }
  const auto existing = client_.enumerate({});
  if (!existing) {
    detail = "cannot list the properties: " + existing.error().to_string();
    return existing.error();
  }
  const std::uint64_t now = nanoseconds_now();
  // Loading comes first: the service does it as a whole or not at all.
  if (const Status status = client_.load(stored->properties); status.failed()) {
    detail = "the service does not accept the properties: " + status.to_string();
    return status;
  }
  forget_changes_until(now);
  for (const Property& property : stored->properties) {
    if (std::ranges::find(*existing, property) == existing->end()) {
      add_change({property, false, false}, true);
    }
  }
  Status result = set_guest_writable(stored->guest_writable.value_or(true));
  if (result.failed()) {
    detail = "cannot set whether guests may write: " + result.to_string();
  }
  for (const Property& property : *existing) {
    if (std::ranges::find(stored->properties, property.name, &Property::name) !=
        stored->properties.end()) {
      continue;
    }
    if (const Status status = client_.remove_by_force(property); status.failed()) {
      detail = "cannot remove property '" + property.name + "': " + status.to_string();
      result = status;
    }
  }
  mark_dirty();
  return result;
}

Status PropertyManager::Impl::on_reset() {
  const auto properties = client_.enumerate({});
  if (!properties) {
    return properties.error();
  }
  Status result;
  for (const Property& property : *properties) {
    const auto flags = parse_flags(property.flags);
    if (flags && (*flags & kTransientReset) != 0) {
      if (const Status status = client_.remove_by_force(property); status.failed()) {
        result = status;
      }
    }
  }
  return result;
}

PropertyManager::PropertyManager(host::ServiceHost& host, std::string service)
    : impl_(std::make_unique<Impl>(host, std::move(service))) {}
PropertyManager::~PropertyManager() {
  impl_->detach();
}

Status PropertyManager::attach() {
  return impl_->attach();
}
void PropertyManager::detach() {
  impl_->detach();
}
Result<Property> PropertyManager::get(std::string_view name) {
  return impl_->client_.get(name);
}
Status PropertyManager::set(std::string_view name, std::string_view value,
                            std::optional<std::string_view> flags) {
  return impl_->client_.set(name, value, flags);
}
Status PropertyManager::remove(std::string_view name) {
  return impl_->client_.remove(name);
}
Result<std::vector<Property>> PropertyManager::enumerate(std::string_view patterns) {
  return impl_->client_.enumerate(patterns);
}
Result<Change> PropertyManager::wait(std::string_view patterns, std::uint64_t since,
                                     std::optional<std::chrono::milliseconds> timeout,
                                     std::stop_token stop) {
  return impl_->wait(patterns, since, timeout, std::move(stop));
}
ListenerId PropertyManager::add_listener(Listener listener) {
  return impl_->add_listener(std::move(listener));
}
void PropertyManager::remove_listener(ListenerId id) {
  impl_->remove_listener(id);
}
Status PropertyManager::set_guest_writable(bool writable) {
  return impl_->set_guest_writable(writable);
}
void PropertyManager::set_write_error_handler(
    std::function<void(Status, const std::string& detail)> handler) {
  impl_->write_error_handler_ = std::move(handler);
}
Status PropertyManager::use_file(const std::filesystem::path& path, std::string* detail) {
  std::string ignored;
  return impl_->use_file(path, detail != nullptr ? *detail : ignored);
}
Status PropertyManager::flush(std::string* detail) {
  std::string ignored;
  return impl_->flush(detail != nullptr ? *detail : ignored);
}
Result<std::vector<std::byte>> PropertyManager::serialise() {
  return impl_->serialise();
}
Status PropertyManager::restore(std::span<const std::byte> state, std::string* detail) {
  std::string ignored;
  return impl_->restore(state, detail != nullptr ? *detail : ignored);
}
Status PropertyManager::check(std::span<const std::byte> state, std::string& detail) {
  const auto stored = parse_properties(as_text(state), detail);
  return stored ? Status() : stored.error();
}
Status PropertyManager::on_reset() {
  return impl_->on_reset();
}

}  // namespace hgcm::guestprop

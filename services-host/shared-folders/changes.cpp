// SPDX-License-Identifier: MIT
//
// See changes.h.
#include "shared-folders/changes.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>
#include <hgcm/service/utf8.hpp>

#include <openhgcm/shfl_ext.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "shared-folders/errors.h"

namespace hgcm::shfl {
namespace {

constexpr std::uint32_t kReported = SHFL_CHANGE_MODIFY | SHFL_CHANGE_ATTRIB |
                                    SHFL_CHANGE_CLOSE_WRITE | SHFL_CHANGE_MOVED_FROM |
                                    SHFL_CHANGE_MOVED_TO | SHFL_CHANGE_CREATE | SHFL_CHANGE_DELETE |
                                    SHFL_CHANGE_DELETE_SELF | SHFL_CHANGE_MOVE_SELF;
static_assert(kReported == (IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | IN_MOVE | IN_CREATE |
                            IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF));
static_assert(SHFL_CHANGE_IGNORED == IN_IGNORED && SHFL_CHANGE_IS_DIRECTORY == IN_ISDIR);

constexpr std::size_t kEventBuffer = std::size_t{64} << 10;
/// Paths of own changes that are remembered before old ones are cleared away.
constexpr std::size_t kOwnPaths = 256;

std::string make_record(std::uint32_t watch, std::uint32_t mask, std::uint32_t cookie,
                        std::string_view name) {
  const std::size_t size =
      std::max<std::size_t>((SHFL_CHANGE_OFF_NAME + name.size() + 7) / 8 * 8, SHFL_CHANGE_SIZE_MIN);
  std::string record(size, '\0');
  const auto put = [&](std::size_t offset, auto value) {
    std::memcpy(record.data() + offset, &value, sizeof value);
  };
  put(SHFL_CHANGE_OFF_SIZE, static_cast<std::uint32_t>(size));
  put(SHFL_CHANGE_OFF_WATCH, watch);
  put(SHFL_CHANGE_OFF_MASK, mask);
  put(SHFL_CHANGE_OFF_COOKIE, cookie);
  put(SHFL_CHANGE_OFF_NAME_LENGTH, static_cast<std::uint16_t>(name.size()));
  std::ranges::copy(name, record.begin() + SHFL_CHANGE_OFF_NAME);
  return record;
}

std::string joined(std::string_view directory, std::string_view name) {
  std::string path(directory);
  if (!name.empty()) {
    path += path.empty() ? "" : "/";
    path += name;
  }
  return path;
}

}  // namespace

Changes::~Changes() {
  if (thread_.joinable()) {
    ::eventfd_write(stop_.get(), 1);
    thread_.join();
  }
}

Status Changes::start() {
  if (thread_.joinable()) {
    return {};
  }
  Descriptor inotify(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  Descriptor stop(::eventfd(0, EFD_CLOEXEC));
  if (!inotify || !stop) {
    return HGCM_ERR_OUT_OF_RESOURCES;
  }
  inotify_ = std::move(inotify);
  stop_ = std::move(stop);
  thread_ = std::thread([this] { run(); });
  return {};
}

void Changes::run() {
  ::pthread_setname_np(::pthread_self(), "ShFoldersWatch");
  std::array<pollfd, 2> wanted = {pollfd{inotify_.get(), POLLIN, 0},
                                  pollfd{stop_.get(), POLLIN, 0}};
  while (true) {
    if (::poll(wanted.data(), wanted.size(), -1) < 0 && errno != EINTR) {
      return;
    }
    if (wanted[1].revents != 0) {
      return;
    }
    Completions done;
    try {
      const std::lock_guard lock(mutex_);
      read_events(done);
    } catch (...) {
      // No memory for what happened: the guest has to assume the worst.
      const std::lock_guard lock(mutex_);
      for (auto& [key, mapping] : mappings_) {
        overflow(mapping);
      }
    }
    complete(std::move(done));
  }
}

void Changes::read_events(Completions& done) {
  alignas(inotify_event) std::array<char, kEventBuffer> buffer;
  while (true) {
    const ssize_t size = ::read(inotify_.get(), buffer.data(), buffer.size());
    if (size <= 0) {
      break;
    }
    for (std::size_t at = 0; at < static_cast<std::size_t>(size);) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof event);
      const char* name = buffer.data() + at + sizeof event;
      take_event(event, std::string_view(name, ::strnlen(name, event.len)));
      at += sizeof event + event.len;
    }
  }
  for (auto& [key, mapping] : mappings_) {
    deliver(mapping, done);
  }
}

void Changes::take_event(const inotify_event& event, std::string_view name) {
  if ((event.mask & IN_Q_OVERFLOW) != 0) {
    for (auto& [key, mapping] : mappings_) {
      overflow(mapping);
    }
    return;
  }
  const auto watchers = watchers_.find(event.wd);
  if (watchers == watchers_.end() || !service::is_valid_utf8(name)) {
    return;
  }
  const auto now = Clock::now();
  const bool gone = (event.mask & IN_IGNORED) != 0;
  const std::uint32_t what = event.mask & kReported;
  // A copy: forgetting a watch changes the set.
  for (const Key& key : std::set<Key>(watchers->second)) {
    Mapping& mapping = mappings_.at(key);
    const std::uint32_t id = mapping.ids.at(event.wd);
    const Watch& watch = mapping.watches.at(id);
    if (gone) {
      forget(key, mapping, id);
      report(mapping, id, SHFL_CHANGE_IGNORED, 0, {});
    } else if ((what & watch.mask) != 0 && !is_own(mapping, joined(watch.path, name), now)) {
      report(mapping, id, what | (event.mask & IN_ISDIR), event.cookie, name);
    }
  }
}

bool Changes::is_own(Mapping& mapping, std::string_view path, Clock::time_point now) {
  const auto own = mapping.own.find(path);
  return own != mapping.own.end() && (own->second.running > 0 || now < own->second.until);
}

void Changes::report(Mapping& mapping, std::uint32_t id, std::uint32_t mask, std::uint32_t cookie,
                     std::string_view name) {
  if (mapping.overflow) {
    return;
  }
  std::string record = make_record(id, mask, cookie, name);
  // As inotify itself does: the same once more tells nothing.
  if (!mapping.records.empty() && mapping.records.back() == record) {
    return;
  }
  if (mapping.queued + record.size() > kMaxQueued) {
    overflow(mapping);
    return;
  }
  mapping.queued += record.size();
  mapping.records.push_back(std::move(record));
}

void Changes::overflow(Mapping& mapping) {
  mapping.records.clear();
  mapping.queued = 0;
  mapping.overflow = true;
}

void Changes::deliver(Mapping& mapping, Completions& done) {
  if (!mapping.waiting || (mapping.records.empty() && !mapping.overflow)) {
    return;
  }
  done.reserve(done.size() + 1);
  const std::span<std::byte> room = mapping.waiting->buffer.bytes();
  std::size_t filled = 0;
  const auto put = [&](const std::string& record) {
    if (record.size() > room.size() - filled) {
      return false;
    }
    std::memcpy(room.data() + filled, record.data(), record.size());
    filled += record.size();
    return true;
  };
  if (mapping.overflow) {
    (void)put(make_record(0, SHFL_CHANGE_OVERFLOW, 0, {}));
    mapping.overflow = false;
  }
  while (!mapping.records.empty() && put(mapping.records.front())) {
    mapping.queued -= mapping.records.front().size();
    mapping.records.pop_front();
  }
  mapping.waiting->size = static_cast<std::uint32_t>(filled);
  done.push_back({std::move(mapping.waiting->call), HGCM_INF_SUCCESS});
  mapping.waiting.reset();
}

void Changes::complete(Completions done) {
  for (Completion& completion : done) {
    std::move(completion.call).complete(completion.status);
  }
}

Result<std::uint32_t> Changes::watch(std::uint32_t client, const Access& access, std::string path,
                                     std::uint32_t mask) {
  if ((mask & ~kReported) != 0) {
    return failure(HGCM_ERR_INVALID_FLAGS);
  }
  const auto object = open_beneath(access.root_fd(), path, O_PATH | O_NOFOLLOW, 0, access.links());
  if (!object) {
    return failure(to_status(object.error()));
  }
  const std::lock_guard lock(mutex_);
  if (const Status status = start(); status.failed()) {
    return failure(status);
  }
  std::size_t& count = counts_[client];
  if (count >= kMaxWatches) {
    return failure(HGCM_ERR_OUT_OF_RESOURCES);
  }
  // By descriptor: whatever the path leads to now, this is the object that was found beneath.
  const std::string name = std::string("/proc/self/fd/") + ProcPath(object->get()).name();
  const int descriptor =
      ::inotify_add_watch(inotify_.get(), name.c_str(), kReported | IN_EXCL_UNLINK);
  if (descriptor < 0) {
    return failure(errno == ENOSPC ? Status(HGCM_ERR_OUT_OF_RESOURCES) : to_status(errno));
  }
  const Key key{client, access.root_id};
  Mapping& mapping = mappings_[key];
  const std::uint32_t wanted = mask == 0 ? kReported : mask;
  if (const auto known = mapping.ids.find(descriptor); known != mapping.ids.end()) {
    mapping.watches.at(known->second) = {descriptor, wanted, std::move(path)};
    return known->second;
  }
  do {
    ++last_id_;
  } while (last_id_ == 0 || mapping.watches.contains(last_id_));
  mapping.watches.emplace(last_id_, Watch{descriptor, wanted, std::move(path)});
  mapping.ids.emplace(descriptor, last_id_);
  watchers_[descriptor].insert(key);
  ++count;
  watch_count_.fetch_add(1);
  return last_id_;
}

void Changes::forget(const Key& key, Mapping& mapping, std::uint32_t id) {
  const auto watch = mapping.watches.find(id);
  const int descriptor = watch->second.descriptor;
  mapping.watches.erase(watch);
  mapping.ids.erase(descriptor);
  if (--counts_[key.first] == 0) {
    counts_.erase(key.first);
  }
  watch_count_.fetch_sub(1);
  const auto watchers = watchers_.find(descriptor);
  watchers->second.erase(key);
  if (watchers->second.empty()) {
    watchers_.erase(watchers);
    // It may be gone already, with its object.
    (void)::inotify_rm_watch(inotify_.get(), descriptor);
  }
}

Status Changes::unwatch(std::uint32_t client, std::uint32_t root, std::uint32_t id) {
  const std::lock_guard lock(mutex_);
  const Key key{client, root};
  const auto mapping = mappings_.find(key);
  if (mapping == mappings_.end() || !mapping->second.watches.contains(id)) {
    return HGCM_ERR_INVALID_HANDLE;
  }
  forget(key, mapping->second, id);
  std::erase_if(mapping->second.records, [&](const std::string& record) {
    std::uint32_t of = 0;
    std::memcpy(&of, record.data() + SHFL_CHANGE_OFF_WATCH, sizeof of);
    if (of != id) {
      return false;
    }
    mapping->second.queued -= record.size();
    return true;
  });
  return {};
}

void Changes::wait(std::uint32_t client, std::uint32_t root, service::Call call,
                   service::Buffer buffer, service::InOut<std::uint32_t> size) {
  Completions done;
  Status refused;
  if (buffer.size() < kMinBuffer) {
    refused = HGCM_ERR_INVALID_PARAMETER;
  } else {
    const std::lock_guard lock(mutex_);
    Mapping& mapping = mappings_[{client, root}];
    if (call.is_restored()) {
      overflow(mapping);
    }
    if (mapping.waiting && !mapping.waiting->call.is_cancelled()) {
      refused = HGCM_ERR_INVALID_STATE;
    } else {
      mapping.waiting.emplace(Waiting{std::move(call), buffer, size});
      deliver(mapping, done);
    }
  }
  if (refused.failed()) {
    std::move(call).complete(refused);
  }
  complete(std::move(done));
}

void Changes::cancel_wait(std::uint32_t client, std::uint32_t root) {
  std::optional<Waiting> ended;
  {
    const std::lock_guard lock(mutex_);
    const auto mapping = mappings_.find({client, root});
    if (mapping != mappings_.end()) {
      ended = std::exchange(mapping->second.waiting, std::nullopt);
    }
  }
  if (ended) {
    std::move(ended->call).complete(HGCM_ERR_CANCELLED);
  }
}

void Changes::drop_cancelled() {
  Completions done;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [key, mapping] : mappings_) {
      if (mapping.waiting && mapping.waiting->call.is_cancelled()) {
        done.push_back({std::move(mapping.waiting->call), HGCM_ERR_CANCELLED});
        mapping.waiting.reset();
      }
    }
  }
  complete(std::move(done));
}

void Changes::drop(std::map<Key, Mapping>::iterator mapping, Completions& done) {
  while (!mapping->second.watches.empty()) {
    forget(mapping->first, mapping->second, mapping->second.watches.begin()->first);
  }
  if (mapping->second.waiting) {
    done.push_back({std::move(mapping->second.waiting->call), HGCM_ERR_CANCELLED});
  }
  mappings_.erase(mapping);
}

void Changes::drop_client(std::uint32_t client) {
  Completions done;
  {
    const std::lock_guard lock(mutex_);
    for (auto next = mappings_.lower_bound({client, 0});
         next != mappings_.end() && next->first.first == client;) {
      drop(next++, done);
    }
  }
  complete(std::move(done));
}

void Changes::drop_mapping(std::uint32_t client, std::uint32_t root) {
  Completions done;
  {
    const std::lock_guard lock(mutex_);
    if (const auto mapping = mappings_.find({client, root}); mapping != mappings_.end()) {
      drop(mapping, done);
    }
  }
  complete(std::move(done));
}

void Changes::drop_root(std::uint32_t root) {
  Completions done;
  {
    const std::lock_guard lock(mutex_);
    for (auto next = mappings_.begin(); next != mappings_.end();) {
      const auto mapping = next++;
      if (mapping->first.second == root) {
        drop(mapping, done);
      }
    }
  }
  complete(std::move(done));
}

Changes::Own Changes::begin_own(std::uint32_t client, std::uint32_t root, std::string_view path) {
  Own own;
  if (watch_count_.load() == 0) {
    return own;
  }
  const std::lock_guard lock(mutex_);
  const auto mapping = mappings_.find({client, root});
  if (mapping == mappings_.end() || mapping->second.watches.empty()) {
    return own;
  }
  auto& paths = mapping->second.own;
  if (paths.size() >= kOwnPaths) {
    const auto now = Clock::now();
    std::erase_if(paths, [&](const auto& entry) {
      return entry.second.running == 0 && entry.second.until < now;
    });
  }
  own.key_ = {client, root};
  own.path_ = path;
  ++paths[own.path_].running;
  own.changes_ = this;
  return own;
}

void Changes::end_own(const Key& key, const std::string& path) {
  const std::lock_guard lock(mutex_);
  const auto mapping = mappings_.find(key);
  if (mapping == mappings_.end()) {
    return;
  }
  if (const auto own = mapping->second.own.find(path); own != mapping->second.own.end()) {
    own->second.running -= own->second.running > 0 ? 1 : 0;
    own->second.until = Clock::now() + kOwnChange;
  }
}

void Changes::renamed(std::uint32_t client, std::uint32_t root, std::string_view from,
                      std::string_view to) {
  if (watch_count_.load() == 0) {
    return;
  }
  const std::lock_guard lock(mutex_);
  const auto mapping = mappings_.find({client, root});
  if (mapping == mappings_.end()) {
    return;
  }
  for (auto& [id, watch] : mapping->second.watches) {
    if (watch.path == from) {
      watch.path = to;
    } else if (watch.path.size() > from.size() && watch.path.starts_with(from) &&
               watch.path[from.size()] == '/') {
      watch.path = std::string(to) + watch.path.substr(from.size());
    }
  }
}

}  // namespace hgcm::shfl

// SPDX-License-Identifier: MIT
//
// Notifier: tells the service's extension of changes, in order, on a thread of its own, so that the
// host component behind it may be slow without holding up guests. Lives from the extension's
// registration to its end. It decides nothing about who else hears of a change.
#ifndef HGCM_GUEST_PROPERTIES_NOTIFIER_H
#define HGCM_GUEST_PROPERTIES_NOTIFIER_H

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <hgcm/service/call.hpp>
#include <mutex>
#include <string>
#include <thread>

namespace hgcm::guestprop {

/// A change of a property.
struct Event {
  std::string name;
  std::string value;
  std::uint32_t flags = 0;
  std::uint64_t timestamp = 0;
  bool deleted = false;
};

class Notifier {
 public:
  /// An extension that does not keep up loses the oldest of more events than this.
  static constexpr std::size_t kMaxQueued = 4096;

  /// Throws std::system_error if there can be no thread.
  explicit Notifier(service::Extension extension);
  /// Delivers what is queued, then ends: the extension is not called after this.
  ~Notifier();
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  /// Returns how many events were dropped to make room: 0 or 1. Any thread.
  std::size_t post(Event event);

 private:
  void run();
  void deliver(const Event& event) const;

  service::Extension extension_;
  std::mutex mutex_;  ///< of the two below
  std::deque<Event> queue_;
  bool stopping_ = false;
  std::condition_variable wake_;
  std::thread thread_;
};

}  // namespace hgcm::guestprop

#endif

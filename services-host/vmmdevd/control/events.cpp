// SPDX-License-Identifier: MIT
//
// Delivery of events to control clients; see events.h.
#include "vmmdevd/control/events.h"

#include <asio/post.hpp>

#include <utility>

namespace hgcm::control {

void EventHub::emit(std::string_view name, Json data) {
  const std::lock_guard lock(mutex_);
  if (queue_.size() >= kMaxQueued) {
    queue_.pop_front();
    ++lost_;
  }
  queue_.push_back({name, std::move(data), std::chrono::system_clock::now()});
  if (!std::exchange(scheduled_, true)) {
    asio::post(loop_, [self = shared_from_this()] { self->drain(); });
  }
}

void EventHub::add(std::weak_ptr<Subscriber> subscriber) {
  std::erase_if(subscribers_, [](const auto& known) { return known.expired(); });
  subscribers_.push_back(std::move(subscriber));
}

void EventHub::drain() {
  std::deque<Queued> events;
  std::size_t lost = 0;
  {
    const std::lock_guard lock(mutex_);
    events.swap(queue_);
    lost = std::exchange(lost_, 0);
    scheduled_ = false;
  }
  if (lost > 0) {
    deliver({kEventLost, {{"count", lost}}, std::chrono::system_clock::now()});
  }
  for (const Queued& event : events) {
    deliver(event);
  }
}

void EventHub::deliver(const Queued& event) {
  std::string line;
  // By index: delivering may close a client, whose end may come back here.
  for (std::size_t i = 0; i < subscribers_.size(); ++i) {
    if (const auto subscriber = subscribers_[i].lock()) {
      if (line.empty()) {
        line = to_line(control::event(event.name, event.data, event.time));
      }
      subscriber->deliver(event.name, line);
    }
  }
}

}  // namespace hgcm::control

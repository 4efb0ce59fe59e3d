// SPDX-License-Identifier: MIT
//
// See notifier.h.
#include "guest-properties/notifier.h"

#include <utility>

#include "guest-properties/protocol.h"
#include "guest-properties/rules.h"

namespace hgcm::guestprop {

Notifier::Notifier(service::Extension extension)
    : extension_(extension), thread_([this] { run(); }) {}

Notifier::~Notifier() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

std::size_t Notifier::post(Event event) {
  std::size_t dropped = 0;
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() >= kMaxQueued) {
      queue_.pop_front();
      dropped = 1;
    }
    queue_.push_back(std::move(event));
  }
  wake_.notify_one();
  return dropped;
}

void Notifier::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) {
      return;
    }
    const Event event = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    deliver(event);
    lock.lock();
  }
}

void Notifier::deliver(const Event& event) const {
  const std::string flags = event.deleted ? std::string() : format_flags(event.flags);
  ExtensionChange change{kExtensionMagic,    0,
                         event.name.c_str(), event.deleted ? nullptr : event.value.c_str(),
                         event.timestamp,    flags.c_str()};
  extension_.call(kExtensionFunction, &change, sizeof change);
}

}  // namespace hgcm::guestprop

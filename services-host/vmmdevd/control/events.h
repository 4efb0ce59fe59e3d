// SPDX-License-Identifier: MIT
//
// EventHub: carries events from any thread to the control clients that asked for them. Bounded: a
// guest that changes properties faster than the loop can tell costs old events, not memory.
#ifndef HGCM_VMMDEVD_CONTROL_EVENTS_H
#define HGCM_VMMDEVD_CONTROL_EVENTS_H

#include "vmmdevd/control/protocol.h"

#include <array>
#include <asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hgcm::control {

inline constexpr std::string_view kEventPropertyChanged = "GUEST_PROPERTY_CHANGED";
inline constexpr std::string_view kEventGuestConnected = "GUEST_CONNECTED";
inline constexpr std::string_view kEventGuestReady = "GUEST_READY";
inline constexpr std::string_view kEventGuestDisconnected = "GUEST_DISCONNECTED";
inline constexpr std::string_view kEventGuestFacility = "GUEST_FACILITY";
inline constexpr std::string_view kEventGuestCapabilities = "GUEST_CAPABILITIES";
inline constexpr std::string_view kEventGuestUserState = "GUEST_USER_STATE";
inline constexpr std::string_view kEventGuestStatistics = "GUEST_STATISTICS";
inline constexpr std::string_view kEventGuestBugCheck = "GUEST_BUG_CHECK";
inline constexpr std::string_view kEventMouseFeatures = "MOUSE_FEATURES";
inline constexpr std::string_view kEventPointerShape = "POINTER_SHAPE";
inline constexpr std::string_view kEventVisibleRegion = "VISIBLE_REGION";
inline constexpr std::string_view kEventMonitorPositions = "MONITOR_POSITIONS";
inline constexpr std::string_view kEventCredentialsJudged = "CREDENTIALS_JUDGED";
inline constexpr std::string_view kEventBalloonChanged = "BALLOON_CHANGED";
inline constexpr std::string_view kEventPowerRequest = "POWER_REQUEST";
inline constexpr std::string_view kEventCoreDumpRequest = "CORE_DUMP_REQUEST";
inline constexpr std::string_view kEventQemuAnswered = "QEMU_ANSWERED";
inline constexpr std::string_view kEventRestored = "RESTORED";
inline constexpr std::string_view kEventReset = "RESET";
inline constexpr std::string_view kEventShutdown = "SHUTDOWN";
inline constexpr std::string_view kEventLost = "EVENTS_LOST";

/// Every event there is, for `subscribe` and `query-commands`. EVENTS_LOST goes to all subscribers.
inline constexpr std::array kEventNames = {kEventPropertyChanged,
                                           kEventGuestConnected,
                                           kEventGuestReady,
                                           kEventGuestDisconnected,
                                           kEventGuestFacility,
                                           kEventGuestCapabilities,
                                           kEventGuestUserState,
                                           kEventGuestStatistics,
                                           kEventGuestBugCheck,
                                           kEventMouseFeatures,
                                           kEventPointerShape,
                                           kEventVisibleRegion,
                                           kEventMonitorPositions,
                                           kEventCredentialsJudged,
                                           kEventBalloonChanged,
                                           kEventPowerRequest,
                                           kEventCoreDumpRequest,
                                           kEventQemuAnswered,
                                           kEventReset,
                                           kEventRestored,
                                           kEventShutdown,
                                           kEventLost};

class EventHub : public std::enable_shared_from_this<EventHub> {
 public:
  /// Events that wait for the loop at most.
  static constexpr std::size_t kMaxQueued = 4096;

  class Subscriber {
   public:
    Subscriber() = default;
    Subscriber(const Subscriber&) = delete;
    Subscriber& operator=(const Subscriber&) = delete;
    virtual ~Subscriber() = default;
    /// On the loop. `line` is the printed event. May remove subscribers.
    virtual void deliver(std::string_view event, const std::string& line) = 0;
  };

  explicit EventHub(asio::io_context& loop) : loop_(loop) {}

  /// Any thread.
  void emit(std::string_view name, Json data);

  /// On the loop. A subscriber that is gone is forgotten.
  void add(std::weak_ptr<Subscriber> subscriber);

 private:
  struct Queued {
    std::string_view name;  // one of kEventNames
    Json data;
    std::chrono::system_clock::time_point time;
  };

  void drain();
  void deliver(const Queued& event);

  asio::io_context& loop_;
  std::vector<std::weak_ptr<Subscriber>> subscribers_;  // loop only

  std::mutex mutex_;  // protects all below
  std::deque<Queued> queue_;
  std::size_t lost_ = 0;
  bool scheduled_ = false;
};

}  // namespace hgcm::control

#endif

// SPDX-License-Identifier: MIT
//
// See guest_observer.h.
#include "vmmdevd/guest_observer.h"

#include "vmmdev/device.h"
#include "vmmdev/pointer.h"
#include "vmmdevd/commands/device_json.h"
#include "vmmdevd/log.h"
#include "vmmdevd/protocol_names.h"
#include "vmmdevd/qmp.h"

#include <algorithm>
#include <string>
#include <system_error>
#include <utility>

namespace hgcm::vmmdevd {

using control::Json;

namespace {

/// A guest may send many; the event says how many there are.
constexpr std::size_t kMaxListed = 32;
/// A dump of much memory takes its time.
constexpr std::chrono::minutes kQemuPatience{5};

}  // namespace

GuestObserver::GuestObserver(Config config, std::shared_ptr<control::EventHub> events,
                             control::Executor& executor)
    : config_(std::move(config)), events_(std::move(events)), executor_(executor) {}

void GuestObserver::mouse_features(std::uint32_t features) {
  events_->emit(control::kEventMouseFeatures, control::mouse_features_json(features));
}

void GuestObserver::pointer_shape(const vmmdev::PointerShape& shape) {
  events_->emit(control::kEventPointerShape, control::shape_json(shape));
}

void GuestObserver::capabilities(std::uint32_t capabilities) {
  events_->emit(control::kEventGuestCapabilities, control::capabilities_json(capabilities));
}

void GuestObserver::facility(const vmmdev::FacilityStatus& status) {
  events_->emit(control::kEventGuestFacility, control::facility_json(status));
}

void GuestObserver::user_state(const vmmdev::GuestUserState& state) {
  events_->emit(control::kEventGuestUserState,
                {{"state", state.state},
                 {"state-name", control::user_state_name(state.state)},
                 {"user", state.user},
                 {"domain", state.domain},
                 {"details-bytes", state.details.size()}});
}

void GuestObserver::visible_region(std::span<const vmmdev::Rectangle> rectangles) {
  Json listed = Json::array();
  for (const vmmdev::Rectangle& r : rectangles.first(std::min(kMaxListed, rectangles.size()))) {
    listed.push_back({r.left, r.top, r.right, r.bottom});
  }
  events_->emit(control::kEventVisibleRegion,
                {{"count", rectangles.size()}, {"rectangles", std::move(listed)}});
}

void GuestObserver::monitor_positions(std::span<const vmmdev::Position> positions) {
  Json listed = Json::array();
  for (const vmmdev::Position& p : positions.first(std::min(kMaxListed, positions.size()))) {
    listed.push_back({p.x, p.y});
  }
  events_->emit(control::kEventMonitorPositions,
                {{"count", positions.size()}, {"positions", std::move(listed)}});
}

void GuestObserver::judgement(vmmdev::Judgement verdict) {
  const char* name = "none";
  if (verdict == vmmdev::Judgement::kOk) name = "ok";
  if (verdict == vmmdev::Judgement::kDenied) name = "denied";
  events_->emit(control::kEventCredentialsJudged, {{"verdict", name}});
}

void GuestObserver::statistics(const vmmdev::GuestStatistics& report) {
  events_->emit(control::kEventGuestStatistics, control::guest_statistics_json(report));
}

void GuestObserver::balloon(std::uint32_t chunks) {
  events_->emit(control::kEventBalloonChanged, {{"mib", chunks}});
}

Status GuestObserver::power(vmmdev::PowerRequest request) {
  const char* name = "save";
  const char* command = nullptr;
  if (request == vmmdev::PowerRequest::kPause) {
    name = "pause";
    command = "stop";
  } else if (request == vmmdev::PowerRequest::kOff) {
    name = "off";
    command = "quit";
  }
  events_->emit(control::kEventPowerRequest, {{"state", name}});
  log::info("the guest asks its machine to change state", {{"state", name}});
  // Nobody here knows where to a machine is saved.
  if (command == nullptr) return HGCM_ERR_ACCESS_DENIED;
  if (config_.qmp.empty()) return HGCM_INF_SUCCESS;
  return ask_qemu({{"execute", command}}) ? Status(HGCM_INF_SUCCESS)
                                          : Status(HGCM_ERR_RESOURCE_BUSY);
}

Status GuestObserver::core_dump() {
  if (config_.core_dumps.empty()) return HGCM_ERR_ACCESS_DENIED;
  std::error_code ignored;
  if (!std::filesystem::is_directory(config_.core_dumps, ignored)) return HGCM_ERR_PATH_NOT_FOUND;
  if (asking_) return HGCM_ERR_RESOURCE_BUSY;
  const std::filesystem::path file =
      config_.core_dumps / ("guest-core." + std::to_string(dumps_++ % kCoreDumps));
  const Json command = {{"execute", "dump-guest-memory"},
                        {"arguments", {{"paging", false}, {"protocol", "file:" + file.string()}}}};
  log::info("the guest asks for a core dump", {{"file", file}});
  events_->emit(control::kEventCoreDumpRequest, {{"file", file.string()}, {"qmp", command}});
  if (config_.qmp.empty()) return HGCM_INF_SUCCESS;
  return ask_qemu(command) ? Status(HGCM_INF_SUCCESS) : Status(HGCM_ERR_RESOURCE_BUSY);
}

void GuestObserver::bug_check(std::optional<std::array<std::uint64_t, 5>> values) {
  Json data = Json::object();
  if (values) {
    data["code"] = values->front();
    data["parameters"] = Json(std::vector<std::uint64_t>(values->begin() + 1, values->end()));
  }
  log::warning("the guest has crashed");
  events_->emit(control::kEventGuestBugCheck, std::move(data));
}

/// Behind the back of the request: QEMU cannot stop a processor that waits for our answer.
bool GuestObserver::ask_qemu(Json command) {
  if (asking_.exchange(true)) return false;
  const bool accepted = executor_.run_wait([this, what = std::move(command)] {
    const auto result = execute_qmp(config_.qmp, what, kQemuPatience);
    const std::string name = what["execute"].get<std::string>();
    if (!result) {
      log::error("QEMU does not do what its guest asks for",
                 {{"command", name}, {"socket", config_.qmp}, {"reason", result.error()}});
    }
    Json data = {{"command", name}, {"done", result.has_value()}};
    if (!result) data["reason"] = result.error();
    asking_ = false;
    events_->emit(control::kEventQemuAnswered, std::move(data));
  });
  if (!accepted) asking_ = false;
  return accepted;
}

}  // namespace hgcm::vmmdevd

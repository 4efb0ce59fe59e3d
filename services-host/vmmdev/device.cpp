// SPDX-License-Identifier: MIT
//
// Device: the register windows around DeviceCore, and its life from power on to detach.
#include "vmmdev/device.h"

#include "vmmdev/device_core.h"
#include "vmmdev/device_state.h"
#include "vmmdev/gate.h"
#include "vmmdev/wire.h"

#include <limits>

namespace hgcm::vmmdev {
namespace {

constexpr std::uint64_t ones(unsigned width) noexcept {
  return width >= 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << (8 * width)) - 1;
}

constexpr bool submits(std::uint64_t offset) noexcept {
  return offset == wire::kRequestRegister || offset == wire::kFastRegister;
}

}  // namespace

class Device::Impl final : public host::CallSource {
 public:
  Impl(GuestMemory& memory, InterruptLine& interrupt, host::ServiceHost& service_host,
       std::span<std::byte> bar1, DeviceConfig config)
      : services(service_host), core(memory, interrupt, service_host, bar1, std::move(config)) {
    services.set_call_source(this);
  }
  ~Impl() override { services.set_call_source(nullptr); }

  bool begin() noexcept override {
    if (!core.ring.in_use()) return false;
    core.ring.set_polling(true);
    return true;
  }
  bool look() noexcept override {
    if (!core.ring.waiting()) return false;
    const Gate::Pass pass(gate, Gate::Pass::Held::give_up);
    return pass && core.take_ring();
  }
  void end() noexcept override {
    // Before the last look: the driver reads the flag after it has stored a submission.
    core.ring.set_polling(false);
    look();
  }

  void stop() {
    if (attached) gate.close();
    core.hgcm->drop_all();
    core.power_on();
    services.reset();
    // Connects that were on their way may have completed since.
    core.hgcm->drop_all();
    attached = false;
  }

  Result<std::vector<std::byte>> save() {
    const Gate::Hold hold(gate);
    if (core.ring.in_use()) core.take_ring();
    auto saved = services.save_state();
    DeviceState state = core.state();
    // Also when that failed: some services may have ended calls.
    for (const GuestAddress address : core.hgcm->take_saved()) core.resubmit(address);
    if (!saved) return failure(saved.error());
    state.services = std::move(*saved);
    return encode_state(state);
  }

  Status load(const DeviceState& state, const std::function<void()>& before_calls) {
    const Gate::Hold hold(gate);
    std::vector<GuestAddress> now;
    const Status status = services.load_state(state.services, [&] {
      // What services do to calls of now must not reach the guest.
      now = core.hgcm->commands();
      core.hgcm->drop_all();
    });
    if (status.failed()) {
      // They have lost their clients, so these only tell the guest: no service sees a call twice.
      for (const GuestAddress address : now) core.resubmit(address);
      return status;
    }
    core.restore(state);
    if (before_calls) before_calls();
    for (const GuestAddress address : state.commands) core.resubmit(address);
    core.events.signal(wire::kEventRestored);
    return HGCM_INF_SUCCESS;
  }

  /// Service threads did not look into the ring while the gate was held.
  void catch_up() {
    const Gate::Pass pass(gate);
    if (pass && core.ring.in_use()) core.take_ring();
  }

  host::ServiceHost& services;
  DeviceCore core;
  [[nodiscard]] bool acknowledges(std::uint64_t offset, unsigned width) const noexcept {
    return core.config.fast_acknowledge && offset == wire::kFastRegister && width == 4;
  }

  Gate gate;
  std::mutex life;       // serialises reset and detach; protects `attached`
  bool attached = true;  // false: the gate stays closed
};

Device::Device(GuestMemory& memory, InterruptLine& interrupt, host::ServiceHost& services,
               std::span<std::byte> bar1, DeviceConfig config)
    : impl_(std::make_unique<Impl>(memory, interrupt, services, bar1, std::move(config))) {}

Device::~Device() {
  detach();
}

std::uint32_t Device::port_read(std::uint64_t offset, unsigned width) noexcept {
  impl_->core.counters.port_reads.add();
  const Gate::Pass pass(impl_->gate);
  if (pass && impl_->acknowledges(offset, width)) return impl_->core.events.fast_acknowledge();
  return static_cast<std::uint32_t>(ones(std::min(width, 4U)));
}

void Device::port_write(std::uint64_t offset, unsigned width, std::uint32_t value) noexcept {
  impl_->core.counters.port_writes.add();
  const Gate::Pass pass(impl_->gate);
  if (pass && submits(offset)) impl_->core.submit_trapped(value & ones(width));
}

void Device::memory_read(std::uint64_t offset, std::span<std::byte> out) noexcept {
  impl_->core.counters.memory_reads.add();
  impl_->core.bar.read(offset, out);
}

void Device::memory_write(std::uint64_t offset, std::span<const std::byte> in) noexcept {
  impl_->core.counters.memory_writes.add();
  impl_->core.bar.write(offset, in);
}

std::uint64_t Device::request_bar_read(std::uint64_t offset, unsigned width) noexcept {
  impl_->core.counters.request_bar_reads.add();
  const Gate::Pass pass(impl_->gate);
  if (pass && impl_->acknowledges(offset, width)) return impl_->core.events.fast_acknowledge();
  return ones(width);
}

void Device::request_bar_write(std::uint64_t offset, unsigned width, std::uint64_t value) noexcept {
  impl_->core.counters.request_bar_writes.add();
  const Gate::Pass pass(impl_->gate);
  if (pass && submits(offset) && (width == 4 || width == 8)) {
    impl_->core.submit_trapped(value & ones(width));
  }
}

void Device::reset() {
  const std::lock_guard lock(impl_->life);
  impl_->stop();
  impl_->attached = true;
  impl_->gate.open();
}

void Device::detach() {
  const std::lock_guard lock(impl_->life);
  if (impl_->attached) impl_->stop();
}

Result<std::vector<std::byte>> Device::save_state() {
  const std::lock_guard lock(impl_->life);
  if (!impl_->attached || impl_->core.memory.size() == 0) return failure(HGCM_ERR_INVALID_STATE);
  auto result = impl_->save();
  impl_->catch_up();
  return result;
}

Status Device::load_state(std::span<const std::byte> bytes,
                          const std::function<void()>& before_calls) {
  const auto state = decode_state(bytes);
  if (!state) return state.error();
  if (!Facilities().restore(state->facilities)) return HGCM_ERR_SSM_UNEXPECTED_DATA;
  const std::lock_guard lock(impl_->life);
  if (!impl_->attached || impl_->core.memory.size() == 0) return HGCM_ERR_INVALID_STATE;
  const Status status = impl_->load(*state, before_calls);
  impl_->catch_up();
  return status;
}

void Device::signal_events(std::uint32_t events) noexcept {
  impl_->core.events.signal(events);
}

std::uint64_t Device::session_id() const noexcept {
  return impl_->core.session_id;
}

DeviceCounters Device::counters() const noexcept {
  return impl_->core.counters.snapshot();
}

std::vector<RequestCount> Device::request_counts() const {
  return impl_->core.dispatcher.counts();
}

Device::GuestInfo Device::guest_info() const {
  const DeviceCore& core = impl_->core;
  const std::lock_guard lock(core.mutex);
  const GuestState& guest = core.guest;
  return {
      .accepted = core.unlocked,
      .interface_version = guest.interface_version,
      .os_type = guest.os_type,
      .additions_version = guest.additions_version,
      .additions_revision = guest.additions_revision,
      .additions_features = guest.additions_features,
      .capabilities = guest.capabilities,
      .event_word = core.events.word_in_use(),
      .ring = core.ring.in_use(),
      .mouse_features = core.pointer.state().guest_features,
      .heartbeat = guest.last_heartbeat.has_value(),
      .unresponsive = guest.last_heartbeat.has_value() &&
                      std::chrono::steady_clock::now() - *guest.last_heartbeat >
                          2 * core.config.heartbeat_interval,
  };
}

std::vector<FacilityStatus> Device::facilities() const {
  const std::lock_guard lock(impl_->core.mutex);
  return impl_->core.guest.facilities.list();
}

Pointer& Device::pointer() noexcept {
  return impl_->core.pointer;
}

Displays& Device::displays() noexcept {
  return impl_->core.displays;
}

Credentials& Device::credentials() noexcept {
  return impl_->core.credentials;
}

CpuHotPlug& Device::cpu_hot_plug() noexcept {
  return impl_->core.cpu_hot_plug;
}

Balloon& Device::balloon() noexcept {
  return impl_->core.balloon;
}

void Device::set_seamless(bool on) noexcept {
  impl_->core.seamless.want(on ? 1 : 0);
}

bool Device::seamless() const noexcept {
  return impl_->core.seamless.state().wanted != 0;
}

void Device::set_statistics_interval(std::uint32_t seconds) noexcept {
  impl_->core.statistics_interval.want(seconds);
}

std::uint32_t Device::statistics_interval() const noexcept {
  return impl_->core.statistics_interval.state().wanted;
}

std::optional<GuestStatistics> Device::statistics() const {
  const std::lock_guard lock(impl_->core.mutex);
  return impl_->core.guest.statistics;
}

Status Device::set_remote_display(RemoteDisplay state) noexcept {
  if (state.level > wire::remote_display::kMaxLevel) return HGCM_ERR_OUT_OF_RANGE;
  DeviceCore& core = impl_->core;
  const std::lock_guard lock(core.mutex);
  RemoteDisplay& known = core.host.remote_display;
  const bool changed = known.active != state.active || known.level != state.level;
  known = state;
  if (changed) core.events.signal(wire::kEventRemoteDisplay);
  return HGCM_INF_SUCCESS;
}

void Device::set_time_offset(std::chrono::milliseconds offset) noexcept {
  const std::lock_guard lock(impl_->core.mutex);
  impl_->core.host.time_offset = offset;
}

std::chrono::milliseconds Device::time_offset() const noexcept {
  const std::lock_guard lock(impl_->core.mutex);
  return impl_->core.host.time_offset;
}

std::chrono::milliseconds Device::host_time() const {
  return impl_->core.host_time();
}

}  // namespace hgcm::vmmdev

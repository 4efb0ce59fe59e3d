// SPDX-License-Identifier: MIT
//
// Saving and restoring a device: its fields, its file, events, and HGCM commands that are pending
// meanwhile (protocol section 1.5).
#include "observer.h"
#include "vmmdev/balloon.h"
#include "vmmdev/credentials.h"
#include "vmmdev/device_state.h"
#include "vmmdev/displays.h"

#include <array>
#include <thread>

namespace hgcm::vmmdev::test {
namespace {

struct SavingFixture : ObservedFixture {
  std::vector<std::byte> save() {
    auto state = device.save_state();
    BOOST_REQUIRE(state.has_value());
    return std::move(*state);
  }
  /// A call that its service keeps.
  GuestRequest pending_call(GuestAddress at = Machine::kRequest) {
    auto made = machine.call_request(1, 5, {Parm::u32(7)}, at);
    BOOST_REQUIRE(submit(made) == HGCM_INF_HGCM_ASYNC_EXECUTE);
    return made;
  }
  static DeviceState decoded(std::span<const std::byte> bytes) {
    auto state = decode_state(bytes);
    BOOST_REQUIRE(state.has_value());
    return std::move(*state);
  }
  /// What a changed state becomes.
  template <typename Change>
  std::int32_t load_changed(Change change) {
    DeviceState state = decoded(save());
    change(state);
    return device.load_state(encode_state(state)).code();
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(savestate, SavingFixture)

BOOST_AUTO_TEST_CASE(what_the_guest_told_comes_back) {
  BOOST_TEST(submit(request(wire::kSetMouseStatus, 36).set<std::uint32_t>(24, 0x11)) == 0);
  auto masks = request(wire::kSetGuestCapabilities, 32);
  BOOST_TEST(submit(masks.set<std::uint32_t>(24, 5).set<std::uint32_t>(28, 0)) == 0);
  auto facility = request(wire::kReportGuestStatus, 36);
  facility.set<std::uint32_t>(24, 5000).set<std::uint32_t>(28, 50).set<std::uint32_t>(32, 0);
  BOOST_TEST(submit(facility) == 0);
  const auto state = save();
  device.reset();
  BOOST_TEST(device.load_state(state).ok());
  const auto info = device.guest_info();
  BOOST_TEST(info.accepted);
  BOOST_TEST(info.interface_version == 0x00010004U);
  BOOST_TEST(info.additions_version == "6.0.0");
  BOOST_TEST(info.additions_features == 1U);
  BOOST_TEST(info.mouse_features == 0x11U);
  BOOST_TEST(info.capabilities == 5U);
  BOOST_TEST(device.facilities().size() == 6U);
  BOOST_TEST(device.facilities().back().status == 50U);
}

BOOST_AUTO_TEST_CASE(what_the_host_wants_comes_back) {
  BOOST_TEST(device.balloon().want(2).ok());
  const DisplayDefinition wanted{.flags = 8, .id = 3, .width = 700};
  BOOST_TEST(device.displays().hint(std::array{wanted}, false).ok());
  BOOST_TEST(device.credentials().set_logon("user", "secret", "", true).ok());
  device.set_seamless(true);
  device.set_statistics_interval(9);
  device.set_time_offset(std::chrono::milliseconds(-5));
  const auto state = save();
  device.reset();
  device.set_seamless(false);
  device.set_statistics_interval(0);
  device.set_time_offset({});
  BOOST_TEST(device.load_state(state).ok());
  BOOST_TEST(device.balloon().state().target.wanted == 2U);
  BOOST_TEST(device.displays().state().displays.at(3).current.width == 700U);
  BOOST_TEST(device.displays().state().displays.at(3).pending);
  BOOST_TEST(device.credentials().present().logon);
  BOOST_TEST(device.seamless());
  BOOST_TEST(device.statistics_interval() == 9U);
  BOOST_TEST(device.time_offset().count() == -5);
}

BOOST_AUTO_TEST_CASE(restored_guest_gets_an_event_and_another_session) {
  const auto state = save();
  const auto before = device.session_id();
  BOOST_TEST(device.load_state(state).ok());
  BOOST_TEST(device.session_id() != before);
  BOOST_TEST(machine.line.level.load());
  BOOST_TEST(machine.acknowledge() == std::uint32_t{wire::kEventRestored});
}

BOOST_AUTO_TEST_CASE(pending_events_and_the_filter_come_back) {
  device.signal_events(wire::kEventRemoteDisplay);
  const auto state = save();
  machine.acknowledge();
  machine.change_filter(0, 0x7ff);
  BOOST_TEST(device.load_state(state).ok());
  BOOST_TEST(machine.acknowledge() ==
             (wire::kEventRemoteDisplay | std::uint32_t{wire::kEventRestored}));
}

BOOST_AUTO_TEST_CASE(events_in_the_word_are_not_lost) {
  machine.line.msi = true;
  machine.use_event_word(true);
  device.signal_events(wire::kEventRemoteDisplay);
  const auto state = save();
  machine.event_word() = 0;
  machine.use_event_word(false);
  const int before = machine.line.messages;
  BOOST_TEST(device.load_state(state).ok());
  BOOST_TEST(machine.event_word().load() ==
             (wire::kEventRemoteDisplay | std::uint32_t{wire::kEventRestored}));
  BOOST_TEST(machine.line.messages > before);
}

BOOST_AUTO_TEST_CASE(state_of_an_unlocked_device_is_unlocked) {
  device.reset();
  const auto state = save();
  machine.unlock();
  BOOST_TEST(device.load_state(state).ok());
  BOOST_TEST(!device.guest_info().accepted);
}

BOOST_AUTO_TEST_CASE(services_get_their_part_back) {
  fake.on_save = [] { return std::vector<std::byte>(100, std::byte{0x5a}); };
  std::size_t given = 0;
  fake.on_load = [&](std::span<const std::byte> state) -> Status {
    given = state.size();
    return all_are(state, std::byte{0x5a}) ? HGCM_INF_SUCCESS : HGCM_ERR_GENERAL_FAILURE;
  };
  BOOST_TEST(device.load_state(save()).ok());
  BOOST_TEST(given == 100U);
}

BOOST_AUTO_TEST_CASE(pending_call_is_submitted_again_from_guest_memory) {
  const auto call = pending_call();
  const auto state = save();
  BOOST_TEST(device.load_state(state).ok());
  BOOST_REQUIRE(fake.calls.size() == 2U);
  const auto first = fake.take_call();
  const auto second = fake.take_call();
  BOOST_TEST(!first->restored);
  BOOST_TEST(second->restored);
  BOOST_TEST(second->function == 5U);
  BOOST_TEST(second->parameters.at(0).u.u32 == 7U);
  BOOST_TEST(first->complete(HGCM_INF_SUCCESS).code() == HGCM_ERR_ALREADY_RESET);
  BOOST_TEST(!call.done());
  machine.acknowledge();
  BOOST_TEST(second->complete(HGCM_INF_SUCCESS).ok());
  BOOST_TEST(call.done());
  BOOST_TEST(machine.acknowledge() == std::uint32_t{wire::kEventHgcm});
}

BOOST_AUTO_TEST_CASE(call_that_is_done_while_submitted_again_raises_the_event) {
  const auto call = pending_call();
  const auto state = save();
  fake.on_call = [](host::ClientId, FakeServices::Call again) -> Status {
    again->complete(HGCM_INF_SUCCESS);
    return HGCM_INF_SUCCESS;
  };
  BOOST_TEST(device.load_state(state).ok());
  BOOST_TEST(call.done());
  BOOST_TEST((machine.acknowledge() & wire::kEventHgcm) != 0U);
}

BOOST_AUTO_TEST_CASE(calls_are_submitted_in_their_order) {
  for (std::uint32_t i = 0; i < 20; ++i) {
    submit(machine.call_request(1, i, {}, Machine::kSecond + GuestAddress{(i * 7) % 20} * 4096));
  }
  const auto state = save();
  {
    const std::lock_guard lock(fake.mutex);
    fake.calls.clear();
  }
  BOOST_TEST(device.load_state(state).ok());
  BOOST_REQUIRE(fake.calls.size() == 20U);
  for (std::uint32_t i = 0; i < 20; ++i) BOOST_TEST(fake.take_call()->function == i);
}

BOOST_AUTO_TEST_CASE(connect_and_disconnect_are_submitted_again) {
  FakeServices::ConnectDone connected;
  fake.on_connect = [&](std::string, std::uint32_t, const FakeServices::ConnectDone& done) {
    connected = done;
  };
  FakeServices::DisconnectDone disconnected;
  fake.on_disconnect = [&](host::ClientId, const FakeServices::DisconnectDone& done) {
    disconnected = done;
  };
  const auto connect = machine.connect_request("Svc");
  submit(connect);
  const auto disconnect = machine.disconnect_request(1, Machine::kSecond);
  submit(disconnect);
  BOOST_TEST(device.load_state(save()).ok());
  connected(HGCM_INF_SUCCESS, 77);
  disconnected(HGCM_INF_SUCCESS);
  BOOST_TEST(connect.done());
  BOOST_TEST(connect.get<std::uint32_t>(wire::hgcm::kConnectClient) == 77U);
  BOOST_TEST(disconnect.done());
}

BOOST_AUTO_TEST_CASE(call_completed_into_the_state_is_submitted_again_here_too) {
  const auto call = pending_call();
  fake.on_save = [&] {
    fake.take_call()->dismiss(host::GuestCall::Dismissal::kSaved);
    return std::vector<std::byte>();
  };
  const auto state = save();
  BOOST_REQUIRE(fake.calls.size() == 1U);
  const auto again = fake.take_call();
  BOOST_TEST(again->restored);
  BOOST_TEST(!call.done());
  BOOST_TEST(again->complete(HGCM_INF_SUCCESS).ok());
  BOOST_TEST(call.done());
  BOOST_TEST(decoded(state).commands.size() == 1U);
}

BOOST_AUTO_TEST_CASE(call_in_the_ring_that_nobody_took_is_saved_as_pending) {
  machine.line.msi = true;
  const auto extension = [&](std::size_t offset) {
    return machine.bar1_word(VMMDEV_EXT_OFFSET + offset);
  };
  extension(VMMDEV_EXT_OFF_DRIVER_FEATURES) = VMMDEV_EXT_F_EVENT_WORD | VMMDEV_EXT_F_RING;
  const auto request = machine.call_request(1, 5, {Parm::u32(7)});
  extension(VMMDEV_EXT_OFF_RING_ENTRIES) = static_cast<std::uint32_t>(request.address);
  extension(VMMDEV_EXT_OFF_RING_HEAD) = 1;
  const DeviceState state = decoded(save());
  BOOST_TEST(state.ring_position == 1U);
  BOOST_TEST_REQUIRE(state.commands.size() == 1U);
  BOOST_TEST(state.commands.front() == request.address);
}

BOOST_AUTO_TEST_CASE(call_that_is_done_since_is_only_announced) {
  pending_call();
  const auto state = save();
  BOOST_TEST(fake.take_call()->complete(HGCM_INF_SUCCESS).ok());
  machine.acknowledge();
  BOOST_TEST(device.load_state(state).ok());
  BOOST_TEST(fake.calls.empty());
  BOOST_TEST((machine.acknowledge() & wire::kEventHgcm) != 0U);
}

BOOST_AUTO_TEST_CASE(call_with_32_bit_parameters_is_submitted_again) {
  const auto made = machine.call_request(1, 5, {Parm::u32(7), Parm::u32(8)}, Machine::kRequest,
                                         wire::kHgcmCall32);
  BOOST_REQUIRE(submit(made) == HGCM_INF_HGCM_ASYNC_EXECUTE);
  const auto state = save();
  BOOST_TEST(device.load_state(state).ok());
  BOOST_REQUIRE(fake.calls.size() == 2U);
  fake.take_call();
  const auto again = fake.take_call();
  BOOST_REQUIRE(again->parameter_count == 2U);
  BOOST_TEST(again->parameters.at(1).u.u32 == 8U);
}

BOOST_AUTO_TEST_CASE(block_that_has_grown_over_the_end_of_memory_fails_towards_the_guest) {
  constexpr GuestAddress kLast = Machine::kMemory - 64;
  const auto call = machine.call_request(1, 5, {}, kLast);
  BOOST_REQUIRE(submit(call) == HGCM_INF_HGCM_ASYNC_EXECUTE);
  const auto state = save();
  machine.request(wire::kHgcmCall64, 4096, kLast);
  BOOST_TEST(device.load_state(state).ok());
  BOOST_TEST(call.done());
  BOOST_TEST(call.result() == HGCM_ERR_INVALID_POINTER);
  BOOST_TEST(fake.calls.size() == 1U);
}

BOOST_AUTO_TEST_CASE(block_that_is_no_command_any_more_fails_towards_the_guest) {
  const auto call = pending_call();
  const auto state = save();
  auto other = machine.request(wire::kGetHostVersion, 40);
  other.set<std::uint64_t>(24, 0);
  BOOST_TEST(device.load_state(state).ok());
  BOOST_TEST(call.done());
  BOOST_TEST(call.result() == HGCM_ERR_INVALID_PARAMETER);
  BOOST_TEST(call.status() == HGCM_ERR_INVALID_PARAMETER);
  BOOST_TEST((machine.acknowledge() & wire::kEventHgcm) != 0U);
}

BOOST_AUTO_TEST_CASE(call_that_is_refused_now_fails_towards_the_guest) {
  const auto call = pending_call();
  const auto state = save();
  fake.on_call = [](host::ClientId, const FakeServices::Call&) -> Status {
    return HGCM_ERR_HGCM_INVALID_CLIENT_ID;
  };
  BOOST_TEST(device.load_state(state).ok());
  BOOST_TEST(call.done());
  BOOST_TEST(call.result() == HGCM_ERR_HGCM_INVALID_CLIENT_ID);
}

BOOST_AUTO_TEST_CASE(command_outside_of_memory_is_survived) {
  BOOST_TEST(load_changed([](DeviceState& state) {
               state.commands = {0, 1, 0x13, Machine::kMemory - 4, ~std::uint64_t{0}};
             }) == 0);
  BOOST_TEST(fake.calls.empty());
}

BOOST_AUTO_TEST_CASE(state_that_services_do_not_take_leaves_their_calls_alone) {
  auto made = pending_call();
  const auto state = save();
  fake.on_check = [](std::span<const std::byte>) -> Status { return HGCM_ERR_SSM_UNEXPECTED_DATA; };
  BOOST_TEST(device.load_state(state).code() == HGCM_ERR_SSM_UNEXPECTED_DATA);
  // The service still has it, once, and its answer reaches the guest.
  BOOST_REQUIRE(fake.calls.size() == 1U);
  BOOST_TEST((made.get<std::uint32_t>(wire::hgcm::kFlags) & wire::hgcm::kDone) == 0U);
  fake.take_call()->complete(HGCM_INF_SUCCESS);
  BOOST_TEST((made.get<std::uint32_t>(wire::hgcm::kFlags) & wire::hgcm::kDone) != 0U);
}

BOOST_AUTO_TEST_CASE(services_that_refuse_leave_the_device_as_it_was) {
  pending_call();
  const auto state = save();
  const auto session = device.session_id();
  fake.take_call();
  fake.on_load = [](std::span<const std::byte>) -> Status { return HGCM_ERR_SSM_UNEXPECTED_DATA; };
  BOOST_TEST(device.load_state(state).code() == HGCM_ERR_SSM_UNEXPECTED_DATA);
  BOOST_TEST(device.session_id() == session);
  // Its call has a service to end it again.
  BOOST_TEST(fake.calls.size() == 1U);
  BOOST_TEST((machine.acknowledge() & wire::kEventRestored) == 0U);
}

BOOST_AUTO_TEST_CASE(services_that_cannot_be_saved_are_an_error) {
  fake.on_save = []() -> Result<std::vector<std::byte>> { return failure(HGCM_ERR_TIMEOUT); };
  BOOST_TEST(device.save_state().error().code() == HGCM_ERR_TIMEOUT);
}

BOOST_AUTO_TEST_CASE(detached_device_is_neither_saved_nor_restored) {
  const auto state = save();
  device.detach();
  BOOST_TEST(device.save_state().error().code() == HGCM_ERR_INVALID_STATE);
  BOOST_TEST(device.load_state(state).code() == HGCM_ERR_INVALID_STATE);
}

BOOST_AUTO_TEST_CASE(register_access_waits_for_the_state) {
  std::thread access;
  std::atomic<bool> returned{false};
  fake.on_save = [&] {
    access = std::thread([&] {
      submit(machine.request(wire::kGetHostVersion, 40, Machine::kSecond));
      returned = true;
    });
    std::this_thread::yield();
    BOOST_TEST(!returned);
    return std::vector<std::byte>();
  };
  save();
  access.join();
  BOOST_TEST(machine.request(wire::kGetHostVersion, 40, Machine::kSecond).get<std::uint16_t>(24) ==
             DeviceConfig().version_major);
}

BOOST_AUTO_TEST_CASE(damaged_files_are_refused) {
  const auto state = save();
  for (std::size_t cut = 0; cut < state.size(); cut += 97) {
    BOOST_TEST(!decode_state(std::span(state).first(cut)).has_value());
  }
  for (std::size_t at = 0; at < state.size(); at += 31) {
    auto damaged = state;
    damaged[at] ^= std::byte{0x10};
    BOOST_TEST(!decode_state(damaged).has_value());
  }
  auto other = state;
  other[8] = std::byte{2};
  BOOST_TEST(decode_state(other).error().code() == HGCM_ERR_SSM_DATA_UNIT_FORMAT_CHANGED);
}

BOOST_AUTO_TEST_CASE(payloads_that_end_early_or_late_are_refused) {
  const auto state = save();
  const auto payload = std::span(state).subspan(24);
  for (std::size_t cut = 0; cut < payload.size(); cut += 13) {
    BOOST_TEST(!decode_state(wrap_device_state(payload.first(cut))).has_value());
  }
  std::vector<std::byte> longer(payload.begin(), payload.end());
  longer.push_back(std::byte{0});
  BOOST_TEST(!decode_state(wrap_device_state(longer)).has_value());
}

BOOST_AUTO_TEST_CASE(impossible_states_are_refused) {
  const std::vector<std::function<void(DeviceState&)>> changes = {
      [](DeviceState& s) { s.events.interface_version = s.interface_version = 0x00020004; },
      [](DeviceState& s) { s.interface_version = 0; },
      [](DeviceState& s) { s.unlocked = false; },
      [](DeviceState& s) { s.additions_version = std::string(128, '1'); },
      [](DeviceState& s) { s.additions_version = "6.0\n"; },
      [](DeviceState& s) { s.facilities.clear(); },
      [](DeviceState& s) { s.facilities.resize(33); },
      [](DeviceState& s) { s.facilities.front().facility = 21; },
      [](DeviceState& s) { s.facilities.push_back({}); },
      [](DeviceState& s) { s.facilities.back().status = 0x10000; },
      [](DeviceState& s) { s.pointer.guest_features = 2; },
      [](DeviceState& s) { s.pointer.host_features = 1; },
      [](DeviceState& s) { s.pointer.report.x = -1; },
      [](DeviceState& s) { s.pointer.report.y = 65536; },
      [](DeviceState& s) { s.pointer.report.buttons = 32; },
      [](DeviceState& s) { s.displays.displays.at(5).current.id = 6; },
      [](DeviceState& s) { s.displays.displays.at(5).last_read.flags = 64; },
      [](DeviceState& s) { s.displays.reported = 64; },
      [](DeviceState& s) { s.credentials.logon.user.fill('x'); },
      [](DeviceState& s) { s.cpu_hot_plug.change.event = 4; },
      [](DeviceState& s) { s.seamless.wanted = 2; },
      [](DeviceState& s) { s.remote_display.level = 5; },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    BOOST_TEST_CONTEXT("change " << i) {
      BOOST_TEST(load_changed(changes[i]) == HGCM_ERR_SSM_UNEXPECTED_DATA);
    }
  }
  BOOST_TEST(device.guest_info().accepted);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace hgcm::vmmdev::test

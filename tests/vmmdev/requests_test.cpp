// SPDX-License-Identifier: MIT
//
// Each plain request: what it answers and what it changes (protocol sections 3.1, 3.2, 3.5, 3.8).
#include "fixture.h"
#include "vmmdev/additions_version.h"
#include "vmmdev/guest_log.h"

#include <linux/vbox_vmmdev_types.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace hgcm::vmmdev::test {

// The UAPI header is a second source for sizes and numbers.
static_assert(VMMDEVREQ_HGCM_CONNECT == std::uint32_t{wire::kHgcmConnect});
static_assert(VMMDEVREQ_HGCM_CALL64 == std::uint32_t{wire::kHgcmCall64});
static_assert(VMMDEVREQ_HGCM_CANCEL2 == std::uint32_t{wire::kHgcmCancel2});
static_assert(VMMDEVREQ_HEARTBEAT_CONFIGURE == std::uint32_t{wire::kConfigureHeartbeat});
static_assert(VMMDEV_HGCM_PARM_TYPE_PAGELIST == std::uint32_t{wire::kParmPageList});
static_assert(sizeof(vmmdev_hgcm_function_parameter32) == wire::hgcm::kParameterBytes32);
static_assert(sizeof(vmmdev_hgcm_function_parameter64) == wire::hgcm::kParameterBytes64);
static_assert(sizeof(vmmdev_hgcm_pagelist) == wire::page_list::kMinBytes);

BOOST_FIXTURE_TEST_SUITE(requests, Fixture)

BOOST_AUTO_TEST_CASE(host_version_tells_the_configuration_and_all_hgcm_features) {
  const auto request = machine.request(wire::kGetHostVersion, 40);
  BOOST_TEST(machine.submit(request) == 0);
  const DeviceConfig config;
  BOOST_TEST(request.get<std::uint16_t>(24) == config.version_major);
  BOOST_TEST(request.get<std::uint16_t>(26) == config.version_minor);
  BOOST_TEST(request.get<std::uint32_t>(28) == config.version_build);
  BOOST_TEST(request.get<std::uint32_t>(32) == config.version_revision);
  BOOST_TEST(request.get<std::uint32_t>(36) == 0x8000000fU);
}

BOOST_AUTO_TEST_CASE(host_time_is_in_milliseconds_since_1970) {
  using std::chrono::milliseconds;
  const auto now = [] {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<milliseconds>(
                                          std::chrono::system_clock::now().time_since_epoch())
                                          .count());
  };
  const auto request = machine.request(wire::kGetHostTime, 32);
  const auto before = now();
  BOOST_TEST(machine.submit(request) == 0);
  BOOST_TEST(request.get<std::uint64_t>(24) >= before);
  BOOST_TEST(request.get<std::uint64_t>(24) <= now());
}

BOOST_AUTO_TEST_CASE(guest_info_accepts_interfaces_up_to_1_04) {
  machine.device.reset();
  for (const std::uint32_t bad : {0U, 4U, 0x00010005U, 0x00020004U, 0xffffffffU}) {
    BOOST_TEST(machine.report_guest_info(bad) == HGCM_ERR_VERSION_MISMATCH);
    BOOST_TEST(!machine.device.guest_info().accepted);
  }
  for (const std::uint32_t good : {0x00010000U, 0x00010003U, 0x00010004U}) {
    BOOST_TEST(machine.report_guest_info(good) == HGCM_INF_SUCCESS);
    BOOST_TEST(machine.device.guest_info().interface_version == good);
  }
  BOOST_TEST(machine.device.guest_info().os_type == 0x53100U);
}

BOOST_AUTO_TEST_CASE(guest_info2_is_kept) {
  const auto info = machine.device.guest_info();
  BOOST_TEST(info.additions_version == "6.0.0");
  BOOST_TEST(info.additions_revision == 127566U);
  BOOST_TEST(info.additions_features == 1U);
}

BOOST_AUTO_TEST_CASE(guest_info2_without_a_nul_in_the_name_is_invalid) {
  auto info = machine.request(wire::kReportGuestInfo2, 168);
  info.set<std::uint16_t>(24, 6).set<std::uint16_t>(26, 0).set<std::uint32_t>(28, 0);
  std::ranges::fill(guest(Machine::kRequest + 40, 128), std::byte{'6'});
  BOOST_TEST(machine.submit(info) == HGCM_ERR_INVALID_PARAMETER);
}

BOOST_AUTO_TEST_CASE(additions_versions_are_checked) {
  const auto check = [](AdditionsVersion version, const std::string& name) {
    return check_additions_version(version, name + '\0');
  };
  const AdditionsVersion v722{7, 2, 2};
  for (const auto* name : {"7.2.2", "7.2.2_RC", "7.2.2_BETA1", "7.2.2_ALPHA255", "7.2.2_Debian",
                           "7.2.2_BETA2_Some(One)", "7.2.2_Ubuntu.1-2"}) {
    BOOST_TEST_CONTEXT(name) {
      BOOST_TEST(check(v722, name).value_or("") == name);
    }
  }
  for (const auto* name : {"", "7.2", "7.2.1", "7.2.2x", "7.2.2_", "7.2.2__X", "7.2.2_X_Y",
                           "7.2.2_BETA256_X", "7.2.2_RC_", "7.2.2_a b", "7.2.2_RC_X_Y"}) {
    BOOST_TEST_CONTEXT(name) {
      const auto result = check(v722, name);
      BOOST_TEST(!result.has_value());
      BOOST_TEST(result.error().code() == HGCM_ERR_INVALID_PARAMETER);
    }
  }
  BOOST_TEST(check({2, 9, 9}, "2.9.9").error().code() == HGCM_ERR_INVALID_PARAMETER);
  BOOST_TEST(check({256, 0, 0}, "256.0.0").error().code() == HGCM_ERR_OUT_OF_RANGE);
  BOOST_TEST(check({7, 256, 0}, "7.256.0").error().code() == HGCM_ERR_OUT_OF_RANGE);
  BOOST_TEST(check({7, 0, 65536}, "7.0.65536").error().code() == HGCM_ERR_OUT_OF_RANGE);
  BOOST_TEST(check({4, 1, 49}, "4.1.49 odd").value_or("") == "4.1.49");
  BOOST_TEST(!check({4, 1, 50}, "4.1.50 odd").has_value());
}

BOOST_AUTO_TEST_CASE(session_id_changes_with_each_reset) {
  const auto first = machine.device.session_id();
  machine.device.reset();
  const auto second = machine.device.session_id();
  BOOST_TEST(first != second);
}

BOOST_AUTO_TEST_CASE(mouse_features_keep_only_what_the_guest_owns) {
  auto set = machine.request(wire::kSetMouseStatus, 36);
  set.set<std::uint32_t>(24, 0xffffffff).set<std::int32_t>(28, 5).set<std::int32_t>(32, 6);
  BOOST_TEST(machine.submit(set) == 0);
  const auto get = machine.request(wire::kGetMouseStatus, 36);
  BOOST_TEST(machine.submit(get) == 0);
  BOOST_TEST(get.get<std::uint32_t>(24) == (0x095U | 0x120U));
  BOOST_TEST(get.get<std::int32_t>(28) == 0);
  BOOST_TEST(machine.device.guest_info().mouse_features == 0x095U);
  machine.device.reset();
  BOOST_TEST(machine.device.guest_info().mouse_features == 0U);
}

BOOST_AUTO_TEST_CASE(capabilities_follow_the_masks) {
  auto masks = machine.request(wire::kSetGuestCapabilities, 32);
  BOOST_TEST(machine.submit(masks.set<std::uint32_t>(24, 3).set<std::uint32_t>(28, 0)) == 0);
  BOOST_TEST(machine.device.guest_info().capabilities == 3U);
  // What is in both masks is cleared.
  BOOST_TEST(machine.submit(masks.set<std::uint32_t>(24, 6).set<std::uint32_t>(28, 3)) == 0);
  BOOST_TEST(machine.device.guest_info().capabilities == 4U);
  auto all = machine.request(wire::kReportGuestCapabilities, 28);
  BOOST_TEST(machine.submit(all.set<std::uint32_t>(24, 1)) == 0);
  BOOST_TEST(machine.device.guest_info().capabilities == 5U);
}

BOOST_AUTO_TEST_CASE(facility_reports_are_checked_and_kept) {
  auto request = machine.request(wire::kReportGuestStatus, 36);
  const auto report = [&](std::uint32_t facility, std::uint32_t status) {
    request.set(24, facility).set(28, status).set<std::uint32_t>(32, 0);
    return machine.submit(request);
  };
  const auto status_of = [&](std::uint32_t facility) -> std::optional<std::uint32_t> {
    for (const FacilityStatus& entry : machine.device.facilities()) {
      if (entry.facility == facility) return entry.status;
    }
    return std::nullopt;
  };
  BOOST_TEST(report(0, 50) == HGCM_ERR_INVALID_PARAMETER);
  BOOST_TEST(report(0x7fffffff, 50) == HGCM_ERR_INVALID_PARAMETER);
  BOOST_TEST(report(20, 0x10000) == HGCM_ERR_OUT_OF_RANGE);
  BOOST_TEST(report(20, 50) == 0);
  BOOST_TEST(status_of(20).value_or(999) == 50U);
  BOOST_TEST(status_of(100).value_or(999) == 0U);
  // 32 entries, 5 of which are fixed.
  for (std::uint32_t i = 0; i < 27; ++i) BOOST_TEST(report(5000 + i, 50) == 0);
  BOOST_TEST(report(6000, 50) == HGCM_ERR_OUT_OF_RESOURCES);
  BOOST_TEST(report(5003, 0) == 0);
  BOOST_TEST(report(6000, 30) == 0);
  BOOST_TEST(status_of(6000).value_or(999) == 30U);
  BOOST_TEST(!status_of(5003).has_value());
  BOOST_TEST(report(0x7ffffffe, 101) == 0);
  BOOST_TEST(status_of(1100).value_or(999) == 101U);
  BOOST_TEST(status_of(6000).value_or(999) == 101U);
}

BOOST_AUTO_TEST_CASE(heartbeat_is_refused_when_it_is_off) {
  auto request = machine.request(wire::kConfigureHeartbeat, 36);
  BOOST_TEST(machine.submit(request.set<std::uint8_t>(32, 1)) == HGCM_ERR_NOT_SUPPORTED);
  BOOST_TEST(request.get<std::uint64_t>(24) == 2'000'000'000U);
  BOOST_TEST(machine.submit(request.set<std::uint8_t>(32, 0)) == 0);
  BOOST_TEST(machine.submit(machine.request(wire::kHeartbeat, 24)) == 0);
  BOOST_TEST(!machine.device.guest_info().heartbeat);
}

BOOST_AUTO_TEST_CASE(hypervisor_window_is_empty) {
  const auto get = machine.request(wire::kGetHypervisorInfo, 32);
  BOOST_TEST(machine.submit(get) == 0);
  BOOST_TEST(get.get<std::uint32_t>(28) == 0U);
  auto set = machine.request(wire::kSetHypervisorInfo, 32);
  BOOST_TEST(machine.submit(set.set<std::uint32_t>(24, 0).set<std::uint32_t>(28, 5)) == 0);
  BOOST_TEST(machine.submit(set.set<std::uint32_t>(24, 5).set<std::uint32_t>(28, 0)) == 0);
  BOOST_TEST(machine.submit(set.set<std::uint32_t>(24, 5).set<std::uint32_t>(28, 5)) ==
             HGCM_ERR_TRY_AGAIN);
}

BOOST_AUTO_TEST_CASE(balloon_is_empty_and_memory_is_told) {
  const auto request = machine.request(wire::kGetBalloonChange, 36);
  BOOST_TEST(machine.submit(request) == 0);
  BOOST_TEST(request.get<std::uint32_t>(24) == 0U);
  BOOST_TEST(request.get<std::uint32_t>(28) == Machine::kMemory >> 20);
}

BOOST_AUTO_TEST_CASE(log_without_a_nul_at_the_end_is_invalid) {
  auto request = machine.request(wire::kLogString, 32);
  request.set<std::uint64_t>(24, ~0ULL);
  BOOST_TEST(machine.submit(request) == HGCM_ERR_INVALID_PARAMETER);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(requests_with_configuration, BareFixture)

BOOST_AUTO_TEST_CASE(guest_is_unresponsive_until_its_next_heartbeat) {
  Machine machine(services, {.config = {.heartbeat_interval = std::chrono::milliseconds(20),
                                        .heartbeat = true}});
  auto request = machine.request(wire::kConfigureHeartbeat, 36);
  BOOST_TEST(machine.submit(request.set<std::uint8_t>(32, 1)) == 0);
  while (!machine.device.guest_info().unresponsive) std::this_thread::yield();
  bool alive = false;
  for (int i = 0; i < 1000 && !alive; ++i) {
    BOOST_TEST(machine.submit(machine.request(wire::kHeartbeat, 24)) == 0);
    alive = !machine.device.guest_info().unresponsive;
  }
  BOOST_TEST(alive);
}

BOOST_AUTO_TEST_CASE(heartbeat_starts_only_on_a_change) {
  Machine machine(services,
                  {.config = {.heartbeat_interval = std::chrono::seconds(1), .heartbeat = true}});
  auto request = machine.request(wire::kConfigureHeartbeat, 36);
  BOOST_TEST(machine.submit(request.set<std::uint8_t>(32, 1)) == 0);
  BOOST_TEST(request.get<std::uint64_t>(24) == 1'000'000'000U);
  BOOST_TEST(machine.device.guest_info().heartbeat);
  BOOST_TEST(!machine.device.guest_info().unresponsive);
  // A reset stops the timer but not the wish: "enable" alone is no change.
  machine.device.reset();
  machine.unlock();
  machine.submit(request);
  BOOST_TEST(!machine.device.guest_info().heartbeat);
  machine.submit(request.set<std::uint8_t>(32, 0));
  machine.submit(request.set<std::uint8_t>(32, 1));
  BOOST_TEST(machine.device.guest_info().heartbeat);
}

BOOST_AUTO_TEST_CASE(guest_that_stops_its_heartbeat_is_unresponsive) {
  Machine machine(
      services, {.config = {.heartbeat_interval = std::chrono::nanoseconds(1), .heartbeat = true}});
  auto request = machine.request(wire::kConfigureHeartbeat, 36);
  machine.submit(request.set<std::uint8_t>(32, 1));
  while (!machine.device.guest_info().unresponsive) {
  }
  BOOST_TEST(machine.device.guest_info().heartbeat);
}

BOOST_AUTO_TEST_CASE(log_reaches_the_host_in_clean_lines) {
  std::vector<std::string> lines;
  Machine machine(
      services,
      {.config = {.guest_log = [&](std::string_view line) { lines.emplace_back(line); }}});
  const std::string text("one\r\ntw\x1b[2Jo\n\n\xc3\xa9nd\0hidden\0", 26);
  auto request = machine.request(wire::kLogString, static_cast<std::uint32_t>(24 + text.size()));
  std::ranges::copy(std::as_bytes(std::span(text)),
                    machine.memory.at(Machine::kRequest + 24, text.size()).begin());
  BOOST_TEST(machine.submit(request) == 0);
  const std::vector<std::string> expected = {"one", "tw?[2Jo", "??nd"};
  BOOST_TEST(lines == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(log_is_limited_in_rate_and_length) {
  std::vector<std::string> lines;
  GuestLog log([&](std::string_view line) { lines.emplace_back(line); });
  log.write(std::string(2 * GuestLog::kMaxLine, 'x'));
  BOOST_TEST(lines.at(0).size() == GuestLog::kMaxLine);
  log.write(std::string(3 * GuestLog::kMaxText, '\n'));
  BOOST_TEST(lines.size() == 1U);
  for (unsigned i = 0; i < 20 * GuestLog::kBurst; ++i) log.write("again");
  BOOST_TEST(lines.size() >= GuestLog::kBurst);
  BOOST_TEST(lines.size() < 10 * GuestLog::kBurst);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace hgcm::vmmdev::test

// SPDX-License-Identifier: MIT
//
// What the machine is made of: balloon, statistics, processors (protocol sections 3.5, 3.7).
#include "observer.h"
#include "vmmdev/balloon.h"
#include "vmmdev/cpu_hot_plug.h"

namespace hgcm::vmmdev::test {
namespace {

constexpr std::uint32_t kMiB = 1U << 20;

struct BalloonFixture : ObservedFixture {
  GuestRequest chunk(std::uint32_t inflate, GuestAddress first = 2 * kMiB) {
    auto made = request(wire::kChangeBalloon, 2080);
    made.set<std::uint32_t>(24, 256).set(28, inflate);
    for (std::uint32_t i = 0; i < 256; ++i) made.set<std::uint64_t>(32 + 8 * i, first + 4096 * i);
    return made;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(resources, BalloonFixture)

BOOST_AUTO_TEST_CASE(balloon_target_is_told_until_acknowledged) {
  BOOST_TEST(device.balloon().want(3).ok());
  BOOST_TEST(machine.acknowledge() == std::uint32_t{wire::kEventBalloonChange});
  auto ask = request(wire::kGetBalloonChange, 36);
  BOOST_TEST(submit(ask.set<std::uint32_t>(32, wire::kEventBalloonChange)) == 0);
  BOOST_TEST(ask.get<std::uint32_t>(24) == 3U);
  BOOST_TEST(ask.get<std::uint32_t>(28) == Machine::kMemory / kMiB);
  BOOST_TEST(device.balloon().want(3).ok());
  BOOST_TEST(machine.acknowledge() == 0U);
  device.reset();
  unlock();
  BOOST_TEST(machine.acknowledge() == std::uint32_t{wire::kEventBalloonChange});
}

BOOST_AUTO_TEST_CASE(balloon_is_no_larger_than_the_memory) {
  BOOST_TEST(device.balloon().want(Machine::kMemory / kMiB + 1).code() == HGCM_ERR_OUT_OF_RANGE);
  for (std::uint32_t i = 0; i < Machine::kMemory / kMiB; ++i) BOOST_TEST(submit(chunk(1)) == 0);
  BOOST_TEST(submit(chunk(1)) == HGCM_ERR_INVALID_PARAMETER);
}

BOOST_AUTO_TEST_CASE(inflated_pages_lose_their_contents) {
  auto page = machine.memory.at(2 * kMiB + 4096, 4096);
  std::ranges::fill(page, std::byte{1});
  BOOST_TEST(submit(chunk(1)) == 0);
  BOOST_TEST(observer.take() == "balloon 1");
  BOOST_TEST(device.balloon().chunks() == 1U);
  BOOST_TEST(all_are(page, std::byte{0}));
  BOOST_TEST(submit(chunk(0)) == 0);
  BOOST_TEST(observer.take() == "balloon 0");
  BOOST_TEST(submit(chunk(0)) == 0);  // of a time before this device
  BOOST_TEST(device.balloon().chunks() == 0U);
}

BOOST_AUTO_TEST_CASE(reset_empties_the_balloon) {
  BOOST_TEST(submit(chunk(1)) == 0);
  device.reset();
  BOOST_TEST(device.balloon().chunks() == 0U);
}

BOOST_AUTO_TEST_CASE(wrong_chunks_are_refused_whole) {
  auto page = machine.memory.at(2 * kMiB, 4096);
  std::ranges::fill(page, std::byte{1});
  BOOST_TEST(submit(chunk(1).set<std::uint32_t>(24, 255)) == HGCM_ERR_INVALID_PARAMETER);
  BOOST_TEST(submit(chunk(1).set<std::uint64_t>(32, 2 * kMiB + 1)) == HGCM_ERR_INVALID_PARAMETER);
  // The last page is unaligned, no RAM, beyond everything.
  for (const std::uint64_t last : {2ULL * kMiB + 8, 64ULL * kMiB, 0xfffffffffffff000ULL}) {
    BOOST_TEST(submit(chunk(1).set(32 + 8 * 255, last)) == HGCM_ERR_INVALID_PARAMETER);
  }
  BOOST_TEST(submit(request(wire::kChangeBalloon, 2079)) == HGCM_ERR_INVALID_PARAMETER);
  BOOST_TEST(all_are(page, std::byte{1}));
  BOOST_TEST(device.balloon().chunks() == 0U);
}

BOOST_AUTO_TEST_CASE(statistics_interval_is_told) {
  device.set_statistics_interval(5);
  BOOST_TEST(device.statistics_interval() == 5U);
  BOOST_TEST(machine.acknowledge() == std::uint32_t{wire::kEventStatisticsChange});
  auto ask = request(wire::kGetStatisticsChange, 32);
  BOOST_TEST(submit(ask.set<std::uint32_t>(28, wire::kEventStatisticsChange)) == 0);
  BOOST_TEST(ask.get<std::uint32_t>(24) == 5U);
  device.set_statistics_interval(5);
  BOOST_TEST(machine.acknowledge() == 0U);
}

BOOST_AUTO_TEST_CASE(statistics_are_kept_in_bytes) {
  BOOST_TEST(!device.statistics().has_value());
  auto report = request(wire::kReportStatistics, 100);
  for (std::uint32_t i = 0; i < 19; ++i) report.set(24 + 4 * i, i);
  BOOST_TEST(submit(report.set<std::uint32_t>(60, 4096)) == 0);
  BOOST_TEST(observer.take() == "statistics 2");
  const auto kept = device.statistics();
  BOOST_REQUIRE(kept.has_value());
  BOOST_TEST(kept->cpu == 0U);
  BOOST_TEST(kept->valid == 1U);
  BOOST_TEST(kept->memory_load == 8U);
  BOOST_TEST(kept->physical_total == 10U * 4096);
  BOOST_TEST(kept->balloon == 12U * 4096);
  BOOST_TEST(kept->page_file == 18U * 4096);
  device.reset();
  BOOST_TEST(!device.statistics().has_value());
}

BOOST_AUTO_TEST_CASE(statistics_in_other_pages_are_refused) {
  auto report = request(wire::kReportStatistics, 100);
  BOOST_TEST(submit(report.set<std::uint32_t>(60, 16384)) == HGCM_ERR_INVALID_PARAMETER);
  BOOST_TEST(!device.statistics().has_value());
}

BOOST_AUTO_TEST_CASE(processors_are_announced_to_guests_that_listen) {
  CpuHotPlug& cpu = device.cpu_hot_plug();
  BOOST_TEST(cpu.announce(CpuHotPlug::kPlug, 1, 2).code() == HGCM_ERR_NOT_SUPPORTED);
  auto listen = request(wire::kSetCpuHotPlugStatus, 28);
  BOOST_TEST(submit(listen.set<std::uint32_t>(24, 3)) == HGCM_ERR_INVALID_PARAMETER);
  BOOST_TEST(submit(listen.set<std::uint32_t>(24, 2)) == 0);
  BOOST_TEST(cpu.announce(CpuHotPlug::kUnplug, 1, 2).ok());
  BOOST_TEST(machine.acknowledge() == std::uint32_t{wire::kEventCpuHotPlug});
  const auto ask = request(wire::kGetCpuHotPlug, 36);
  BOOST_TEST(submit(ask) == 0);
  BOOST_TEST(ask.get<std::uint32_t>(24) == 3U);
  BOOST_TEST(ask.get<std::uint32_t>(28) == 1U);
  BOOST_TEST(ask.get<std::uint32_t>(32) == 2U);
  BOOST_TEST(submit(ask) == 0);
  BOOST_TEST(ask.get<std::uint32_t>(24) == 1U);
  BOOST_TEST(ask.get<std::uint32_t>(28) == 0xffffffffU);
  BOOST_TEST(submit(request(wire::kSetCpuHotPlugStatus, 28).set<std::uint32_t>(24, 1)) == 0);
  BOOST_TEST(cpu.announce(CpuHotPlug::kPlug, 1, 2).code() == HGCM_ERR_NOT_SUPPORTED);
}

BOOST_AUTO_TEST_CASE(page_sharing_is_not_implemented) {
  for (const auto& [type, size] : {std::pair{212U, 208U},
                                   {213U, 184U},
                                   {214U, 24U},
                                   {215U, 28U},
                                   {216U, 44U},
                                   {22U, 36U},
                                   {23U, 36U}}) {
    BOOST_TEST(submit(request(type, size)) == HGCM_ERR_NOT_IMPLEMENTED);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace hgcm::vmmdev::test

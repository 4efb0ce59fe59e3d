// SPDX-License-Identifier: MIT
//
// Users, credentials, and what else the guest tells its host: requests 5, 10, 30, 55, 56, 59, 74,
// 100, 101, 218, 221 (protocol sections 3.1, 3.6, 3.8).
#include "observer.h"
#include "vmmdev/credentials.h"
#include "vmmdev/utf8.h"

#include <cstring>
#include <string>
#include <string_view>

namespace hgcm::vmmdev::test {
namespace {

struct LogonFixture : ObservedFixture {
  std::string text(std::size_t offset, std::size_t size = 128) {
    const auto bytes = machine.memory.at(Machine::kRequest + offset, size);
    const std::string_view all(reinterpret_cast<const char*>(bytes.data()), size);
    return std::string(all.substr(0, all.find('\0')));
  }
  /// The flags afterwards.
  std::uint32_t query(std::uint32_t flags) {
    auto made = request(wire::kQueryCredentials, 412);
    BOOST_TEST(submit(made.set(24, flags)) == 0);
    return made.get<std::uint32_t>(24);
  }
  GuestRequest user_state(std::string_view user, std::string_view domain, std::string_view details,
                          std::uint32_t size = 0) {
    const std::string data = std::string(user) + std::string(domain) + std::string(details);
    auto made = request(wire::kReportUserState,
                        size != 0 ? size : std::max(44U, 40 + std::uint32_t(data.size())));
    made.set<std::uint32_t>(24, 1).set(28, std::uint32_t(user.size()));
    made.set(32, std::uint32_t(domain.size())).set(36, std::uint32_t(details.size()));
    std::memcpy(machine.memory.at(Machine::kRequest + 40, data.size()).data(), data.data(),
                data.size());
    return made;
  }
};

using namespace std::string_view_literals;

}  // namespace

BOOST_FIXTURE_TEST_SUITE(logon, LogonFixture)

BOOST_AUTO_TEST_CASE(credentials_are_absent_at_first) {
  BOOST_TEST(query(0x2) == 0x2U);
  BOOST_TEST(query(0x4 | 0x100) == (0x4U | 0x100U));
  BOOST_TEST(text(28) == "");
  BOOST_TEST(text(156) == "");
  BOOST_TEST(text(284) == "");
}

BOOST_AUTO_TEST_CASE(credentials_are_read_and_cleared) {
  BOOST_TEST(device.credentials().set_logon("user", "secret", "domain", false).ok());
  BOOST_TEST(query(0x2) == (0x2U | 0x10000U));
  BOOST_TEST(text(28) == "");  // presence only
  BOOST_TEST(query(0x4) == (0x4U | 0x20000U));
  BOOST_TEST(text(28) == "user");
  BOOST_TEST(text(156) == "secret");
  BOOST_TEST(text(284) == "domain");
  query(0x4 | 0x8);
  BOOST_TEST(text(156) == "secret");
  BOOST_TEST(query(0x2) == 0x2U);
  BOOST_TEST(!device.credentials().present().logon);
}

BOOST_AUTO_TEST_CASE(local_logon_is_allowed_unless_forbidden) {
  BOOST_TEST(device.credentials().set_logon("user", "", "", true).ok());
  BOOST_TEST(query(0x4 | 0x20000) == 0x4U);
}

BOOST_AUTO_TEST_CASE(credentials_to_judge_are_told_and_judged) {
  BOOST_TEST(device.credentials().set_judge("who", "what", "where").ok());
  BOOST_TEST(machine.acknowledge() == std::uint32_t{wire::kEventJudgeCredentials});
  query(0x100 | 0x200);
  BOOST_TEST(text(28) == "who");
  BOOST_TEST(!device.credentials().present().judge);
  const auto judge = [&](std::uint32_t flags) {
    BOOST_TEST(submit(request(wire::kReportJudgement, 412).set(24, flags)) == 0);
    return observer.take();
  };
  BOOST_TEST(judge(0x400) == "judgement 0");
  BOOST_TEST(judge(0x1c00) == "judgement 1");
  BOOST_TEST(judge(0x1400) == "judgement 2");
  BOOST_TEST(judge(0) == "");
}

BOOST_AUTO_TEST_CASE(credentials_that_do_not_fit_are_refused) {
  Credentials& credentials = device.credentials();
  BOOST_TEST(credentials.set_logon("", "p", "d", true).code() == HGCM_ERR_INVALID_PARAMETER);
  BOOST_TEST(credentials.set_logon("a\0b"sv, "p", "d", true).code() == HGCM_ERR_INVALID_PARAMETER);
  BOOST_TEST(credentials.set_logon("u", std::string(128, 'p'), "d", true).code() ==
             HGCM_ERR_BUFFER_OVERFLOW);
  BOOST_TEST(credentials.set_judge("u", "p", std::string(128, 'd')).code() ==
             HGCM_ERR_BUFFER_OVERFLOW);
  BOOST_TEST(!credentials.present().logon);
  BOOST_TEST(credentials.set_logon(std::string(127, 'u'), "p", "", true).ok());
  query(0x4);
  BOOST_TEST(text(28) == std::string(127, 'u'));
}

BOOST_AUTO_TEST_CASE(reset_wipes_credentials) {
  BOOST_TEST(device.credentials().set_logon("user", "secret", "", true).ok());
  BOOST_TEST(device.credentials().set_judge("user", "secret", "").ok());
  device.reset();
  BOOST_TEST(!device.credentials().present().logon);
  BOOST_TEST(!device.credentials().present().judge);
  BOOST_TEST(device.credentials().set_logon("user", "secret", "", true).ok());
  device.credentials().clear();
  BOOST_TEST(!device.credentials().present().logon);
}

BOOST_AUTO_TEST_CASE(logon_credentials_can_be_kept) {
  Machine other(services, {.config = {.keep_credentials = true}});
  BOOST_TEST(other.device.credentials().set_logon("user", "secret", "", true).ok());
  BOOST_TEST(other.device.credentials().set_judge("user", "secret", "").ok());
  auto made = other.request(wire::kQueryCredentials, 412);
  BOOST_TEST(other.submit(made.set<std::uint32_t>(24, 0xc)) == 0);
  other.device.reset();
  BOOST_TEST(other.device.credentials().present().logon);
  BOOST_TEST(!other.device.credentials().present().judge);
}

BOOST_AUTO_TEST_CASE(user_state_is_told) {
  BOOST_TEST(submit(user_state("ann\0"sv, "home\0"sv, "x\0y"sv)) == 0);
  BOOST_TEST(observer.take() == std::string("user ann@home:x\0y 1"sv));
  BOOST_TEST(submit(user_state("b\0"sv, "", "")) == 0);
  BOOST_TEST(observer.take() == "user b@: 1");
}

BOOST_AUTO_TEST_CASE(user_state_that_is_wrong_is_refused) {
  BOOST_TEST(submit(user_state("\0"sv, "", "")) == HGCM_ERR_INVALID_PARAMETER);
  BOOST_TEST(submit(user_state("", "d\0"sv, "")) == HGCM_ERR_INVALID_PARAMETER);
  BOOST_TEST(submit(user_state("ann", "", "")) == HGCM_ERR_INVALID_PARAMETER);
  BOOST_TEST(submit(user_state("ann\0"sv, "home", "")) == HGCM_ERR_INVALID_PARAMETER);
  BOOST_TEST(submit(user_state("\xff\0"sv, "", "")) == HGCM_ERR_INVALID_UTF8_ENCODING);
  BOOST_TEST(submit(user_state("a\0"sv, "\xc0\x80\0"sv, "")) == HGCM_ERR_INVALID_UTF8_ENCODING);
  BOOST_TEST(submit(user_state("ann\0"sv, "", "", 2049)) == HGCM_ERR_INVALID_PARAMETER);
  BOOST_TEST(observer.take() == "");
}

BOOST_AUTO_TEST_CASE(user_state_over_its_limits_is_too_much) {
  const auto with = [&](std::size_t offset, std::uint32_t length) {
    return submit(user_state("ann\0"sv, "home\0"sv, "").set(offset, length));
  };
  BOOST_TEST(with(28, 257) == HGCM_ERR_TOO_MUCH_DATA);
  BOOST_TEST(with(32, 0xffffffff) == HGCM_ERR_TOO_MUCH_DATA);
  BOOST_TEST(with(36, 1025) == HGCM_ERR_TOO_MUCH_DATA);
  // Within the limits, but not within the request.
  BOOST_TEST(with(28, 256) == HGCM_ERR_INVALID_PARAMETER);
  BOOST_TEST(with(32, 6) == HGCM_ERR_INVALID_PARAMETER);
  BOOST_TEST(with(36, 1) == HGCM_ERR_INVALID_PARAMETER);
}

BOOST_AUTO_TEST_CASE(utf8_is_told_from_what_only_looks_like_it) {
  for (const auto good : {""sv, "a"sv, "\x7f"sv, "\xc2\x80"sv, "\xe2\x82\xac"sv,
                          "\xf0\x9f\x98\x80"sv, "\xf4\x8f\xbf\xbf"sv}) {
    BOOST_TEST(is_utf8(good));
  }
  for (const auto bad :
       {"\x80"sv, "\xc1\xbf"sv, "\xc2"sv, "\xc2\x41"sv, "\xe0\x9f\xbf"sv, "\xed\xa0\x80"sv,
        "\xf0\x8f\xbf\xbf"sv, "\xf4\x90\x80\x80"sv, "\xf5"sv, "\xf0\x9f\x98"sv}) {
    BOOST_TEST(!is_utf8(bad));
  }
}

BOOST_AUTO_TEST_CASE(capabilities_are_told_when_they_change) {
  auto masks = request(wire::kSetGuestCapabilities, 32);
  BOOST_TEST(submit(masks.set<std::uint32_t>(24, 3).set<std::uint32_t>(28, 0)) == 0);
  BOOST_TEST(submit(masks) == 0);
  BOOST_TEST(observer.take() == "capabilities 3");
  BOOST_TEST(submit(request(wire::kReportGuestCapabilities, 28).set<std::uint32_t>(24, 1)) == 0);
  BOOST_TEST(observer.take() == "capabilities 5");
  device.reset();
  BOOST_TEST(observer.take() == "capabilities 0");
}

BOOST_AUTO_TEST_CASE(facilities_are_told) {
  auto report = request(wire::kReportGuestStatus, 36);
  BOOST_TEST(submit(report.set<std::uint32_t>(24, 100).set<std::uint32_t>(28, 50)) == 0);
  BOOST_TEST(observer.take() == "facility 100 50");
  BOOST_TEST(submit(report.set<std::uint32_t>(24, 0)) == HGCM_ERR_INVALID_PARAMETER);
  BOOST_TEST(observer.take() == "");
}

BOOST_AUTO_TEST_CASE(power_requests_are_told_and_answered) {
  auto power = request(wire::kSetPowerStatus, 28);
  for (const std::uint32_t state : {1U, 2U, 3U}) {
    BOOST_TEST(submit(power.set(24, state)) == 0);
    BOOST_TEST(observer.take() == "power " + std::to_string(state - 1));
  }
  for (const std::uint32_t state : {0U, 4U}) {
    BOOST_TEST(submit(power.set(24, state)) == HGCM_ERR_INVALID_PARAMETER);
  }
  observer.answer = HGCM_ERR_ACCESS_DENIED;
  BOOST_TEST(submit(power.set<std::uint32_t>(24, 3)) == HGCM_ERR_ACCESS_DENIED);
}

BOOST_AUTO_TEST_CASE(core_dump_is_the_hosts_decision_also_for_a_locked_device) {
  const auto dump = request(wire::kWriteCoreDump, 28);
  observer.answer = HGCM_ERR_PATH_NOT_FOUND;
  BOOST_TEST(submit(dump) == HGCM_ERR_PATH_NOT_FOUND);
  device.reset();
  observer.answer = HGCM_INF_SUCCESS;
  BOOST_TEST(submit(dump) == 0);
  BOOST_TEST(observer.take() == "core dump; core dump");
  Machine other(services);
  BOOST_TEST(other.submit(other.request(wire::kWriteCoreDump, 28)) == HGCM_ERR_ACCESS_DENIED);
}

BOOST_AUTO_TEST_CASE(bug_check_is_told) {
  BOOST_TEST(submit(request(wire::kNtBugCheck, 24)) == 0);
  auto full = request(wire::kNtBugCheck, 64);
  BOOST_TEST(submit(full.set<std::uint64_t>(56, 77)) == 0);
  BOOST_TEST(observer.take() == "bug check 0; bug check 77");
  BOOST_TEST(submit(request(wire::kNtBugCheck, 63)) == HGCM_ERR_INVALID_PARAMETER);
}

BOOST_AUTO_TEST_CASE(idle_returns_with_its_status_as_sent) {
  BOOST_TEST(submit(request(wire::kIdle, 24)) == GuestRequest::kUntouched);
}

BOOST_AUTO_TEST_CASE(host_time_follows_its_offset_and_can_be_refused) {
  using std::chrono::hours;
  device.set_time_offset(hours(-1000));
  BOOST_TEST((device.time_offset() == hours(-1000)));
  const auto ask = request(wire::kGetHostTime, 32);
  BOOST_TEST(submit(ask) == 0);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  BOOST_TEST(ask.get<std::uint64_t>(24) <
             std::uint64_t((now - hours(999)) / std::chrono::milliseconds(1)));
  Machine other(services, {.config = {.host_time = false}});
  BOOST_TEST(other.submit(other.request(wire::kGetHostTime, 32)) == HGCM_ERR_NOT_SUPPORTED);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace hgcm::vmmdev::test

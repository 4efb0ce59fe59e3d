// SPDX-License-Identifier: MIT
//
// Requests about users: their state 74, credentials 100, 101 (protocol sections 3.1, 3.6).
#include "vmmdev/device_core.h"
#include "vmmdev/utf8.h"
#include "vmmdev/wire.h"

#include <array>
#include <string_view>

namespace hgcm::vmmdev {
namespace {

// Takes a text of `length` bytes, which has a NUL in it, off the front of `rest`.
Result<std::string_view> take_text(std::string_view& rest, std::uint32_t length) {
  if (length == 0) return std::string_view();
  if (length > rest.size()) return failure(HGCM_ERR_INVALID_PARAMETER);
  const std::string_view field = rest.substr(0, length);
  const std::size_t end = field.find('\0');
  if (end == std::string_view::npos) return failure(HGCM_ERR_INVALID_PARAMETER);
  rest.remove_prefix(length);
  const std::string_view text = field.substr(0, end);
  if (!is_utf8(text)) return failure(HGCM_ERR_INVALID_UTF8_ENCODING);
  return text;
}

Outcome report_user_state(DeviceCore& device, Request& request) {
  namespace layout = wire::user_state;
  if (request.size() > layout::kMaxBytes) return HGCM_ERR_INVALID_PARAMETER;
  const auto user_length = request.get<std::uint32_t>(layout::kUserLength);
  const auto domain_length = request.get<std::uint32_t>(layout::kDomainLength);
  const auto details_length = request.get<std::uint32_t>(layout::kDetailsLength);
  if (user_length > layout::kMaxName || domain_length > layout::kMaxName ||
      details_length > layout::kMaxDetails) {
    return HGCM_ERR_TOO_MUCH_DATA;
  }
  const auto data = request.bytes().subspan(layout::kData);
  std::string_view rest(reinterpret_cast<const char*>(data.data()), data.size());
  const auto user = take_text(rest, user_length);
  if (!user) return user.error();
  if (user->empty()) return HGCM_ERR_INVALID_PARAMETER;
  const auto domain = take_text(rest, domain_length);
  if (!domain) return domain.error();
  if (details_length > rest.size()) return HGCM_ERR_INVALID_PARAMETER;
  device.observer().user_state({.state = request.get<std::uint32_t>(layout::kState),
                                .user = *user,
                                .domain = *domain,
                                .details = rest.substr(0, details_length)});
  return HGCM_INF_SUCCESS;
}

Outcome done_in_secret() noexcept {
  Outcome outcome(HGCM_INF_SUCCESS);
  outcome.wipe = true;
  return outcome;
}

Outcome query_credentials(DeviceCore& device, Request& request) {
  device.credentials.query(request.bytes());
  return done_in_secret();
}

Outcome report_judgement(DeviceCore& device, Request& request) {
  namespace layout = wire::credentials;
  const auto flags = request.get<std::uint32_t>(layout::kFlags);
  if ((flags & layout::kJudgeDeny) != 0) {
    device.observer().judgement(Judgement::kDenied);
  } else if ((flags & layout::kNoJudgement) != 0) {
    device.observer().judgement(Judgement::kNone);
  } else if ((flags & layout::kJudgeOk) != 0) {
    device.observer().judgement(Judgement::kOk);
  }
  return done_in_secret();
}

constexpr std::array kRequests = {
    RequestHandler{wire::kReportUserState, at_least(wire::user_state::kMinBytes), Locked::refuse,
                   report_user_state},
    RequestHandler{wire::kQueryCredentials, exactly(wire::credentials::kBytes), Locked::refuse,
                   query_credentials},
    RequestHandler{wire::kReportJudgement, exactly(wire::credentials::kBytes), Locked::refuse,
                   report_judgement},
};

}  // namespace

std::span<const RequestHandler> logon_requests() noexcept {
  return kRequests;
}

}  // namespace hgcm::vmmdev

// SPDX-License-Identifier: MIT
//
// See credentials.h.
#include "vmmdev/credentials.h"

#include "vmmdev/request.h"

#include <string.h>  // explicit_bzero

#include <algorithm>
#include <cstring>

namespace hgcm::vmmdev {
namespace {

namespace layout = wire::credentials;

Status fill(Credentials::Text& text, std::string_view value) noexcept {
  if (value.size() >= text.size()) return HGCM_ERR_BUFFER_OVERFLOW;
  if (value.find('\0') != std::string_view::npos) return HGCM_ERR_INVALID_PARAMETER;
  // An empty view may have no data at all.
  if (!value.empty()) std::memcpy(text.data(), value.data(), value.size());
  return HGCM_INF_SUCCESS;
}

Status fill(Credentials::Login& login, std::string_view user, std::string_view password,
            std::string_view domain) noexcept {
  if (user.empty()) return HGCM_ERR_INVALID_PARAMETER;
  if (const Status status = fill(login.user, user); status.failed()) return status;
  if (const Status status = fill(login.password, password); status.failed()) return status;
  return fill(login.domain, domain);
}

void copy(std::span<std::byte> request, const Credentials::Login& login) noexcept {
  std::memcpy(request.data() + layout::kUser, login.user.data(), login.user.size());
  std::memcpy(request.data() + layout::kPassword, login.password.data(), login.password.size());
  std::memcpy(request.data() + layout::kDomain, login.domain.data(), login.domain.size());
}

}  // namespace

void wipe(std::span<std::byte> bytes) noexcept {
  ::explicit_bzero(bytes.data(), bytes.size());
}

void Credentials::Login::clear() noexcept {
  for (Text* text : {&user, &password, &domain}) wipe(std::as_writable_bytes(std::span(*text)));
}

Status Credentials::set_logon(std::string_view user, std::string_view password,
                              std::string_view domain, bool local_logon) {
  Login login;
  if (const Status status = fill(login, user, password, domain); status.failed()) return status;
  const std::lock_guard lock(mutex_);
  state_.logon = login;
  state_.local_logon = local_logon;
  return HGCM_INF_SUCCESS;
}

Status Credentials::set_judge(std::string_view user, std::string_view password,
                              std::string_view domain) {
  Login login;
  if (const Status status = fill(login, user, password, domain); status.failed()) return status;
  const std::lock_guard lock(mutex_);
  state_.judge = login;
  events_.signal(wire::kEventJudgeCredentials);
  return HGCM_INF_SUCCESS;
}

void Credentials::clear() noexcept {
  const std::lock_guard lock(mutex_);
  state_.logon.clear();
  state_.judge.clear();
}

Credentials::Presence Credentials::present() const noexcept {
  const std::lock_guard lock(mutex_);
  return {.logon = state_.logon.present(), .judge = state_.judge.present()};
}

void Credentials::query(std::span<std::byte> request) noexcept {
  std::ranges::fill(request.subspan(layout::kUser, 3 * layout::kStringBytes), std::byte{0});
  auto flags = load_field<std::uint32_t>(request, layout::kFlags);
  const std::lock_guard lock(mutex_);
  if ((flags & layout::kQueryPresence) != 0) {
    flags = state_.logon.present() ? flags | layout::kPresent : flags & ~layout::kPresent;
  }
  if ((flags & layout::kRead) != 0) {
    copy(request, state_.logon);
    flags = state_.local_logon ? flags & ~layout::kNoLocalLogon : flags | layout::kNoLocalLogon;
  }
  if ((flags & layout::kClear) != 0 && !keep_) state_.logon.clear();
  if ((flags & layout::kReadJudge) != 0) copy(request, state_.judge);
  if ((flags & layout::kClearJudge) != 0) state_.judge.clear();
  store_field(request, layout::kFlags, flags);
}

void Credentials::reset() noexcept {
  const std::lock_guard lock(mutex_);
  if (!keep_) state_.logon.clear();
  state_.judge.clear();
}

Credentials::State Credentials::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

void Credentials::restore(const State& state) noexcept {
  const std::lock_guard lock(mutex_);
  state_ = state;
}

}  // namespace hgcm::vmmdev

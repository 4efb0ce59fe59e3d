// SPDX-License-Identifier: MIT
//
// Names of status codes and the errno conversion (docs/protocol.md, "Status codes"). The only place
// where an errno becomes a Status.
#include <hgcm/status.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <iterator>

namespace hgcm {
namespace {

struct Entry {
  std::int32_t code;
  std::string_view name;
};

#define HGCM_ENTRY(kind, name, value) Entry{value, "V" #kind "_" #name},
constexpr auto kEntries = [] {
  std::array entries{HGCM_STATUS_LIST(HGCM_ENTRY)};
  std::ranges::sort(entries, {}, &Entry::code);
  return entries;
}();
#undef HGCM_ENTRY

static_assert(std::ranges::adjacent_find(kEntries, {}, &Entry::code) == kEntries.end(),
              "a status code is listed twice");

}  // namespace

std::string_view Status::name() const noexcept {
  const auto* const it = std::ranges::lower_bound(kEntries, code_, {}, &Entry::code);
  return it != kEntries.end() && it->code == code_ ? it->name : std::string_view{};
}

std::string Status::to_string() const {
  const std::string_view text = name();
  const std::string number = std::to_string(code_);
  return text.empty() ? "status " + number : std::string(text) + " (" + number + ")";
}

Status Status::from_errno(int error) noexcept {
  switch (error) {
    case 0:
      return HGCM_INF_SUCCESS;
    case EINVAL:
      return HGCM_ERR_INVALID_PARAMETER;
    case EPERM:
    case EACCES:
      return HGCM_ERR_ACCESS_DENIED;
    case EINTR:
      return HGCM_ERR_INTERRUPTED;
    case ETIMEDOUT:
      return HGCM_ERR_TIMEOUT;
    case ENOMEM:
      return HGCM_ERR_NO_MEMORY;
    case EFAULT:
      return HGCM_ERR_INVALID_POINTER;
    case E2BIG:
      return HGCM_ERR_TOO_MUCH_DATA;
    case EBUSY:
      return HGCM_ERR_RESOURCE_BUSY;
    case ENOTTY:
      return HGCM_ERR_INVALID_FUNCTION;
    case EMFILE:
    case ENFILE:
      return HGCM_ERR_TOO_MANY_OPEN_FILES;
    case ENODEV:
    case ENXIO:
      return HGCM_ERR_NOT_SUPPORTED;
    case ENOENT:
      return HGCM_ERR_FILE_NOT_FOUND;
    case EBADF:
      return HGCM_ERR_INVALID_HANDLE;
    case EAGAIN:
      return HGCM_ERR_TRY_AGAIN;
    default:
      return HGCM_ERR_UNRESOLVED_ERROR;
  }
}

}  // namespace hgcm

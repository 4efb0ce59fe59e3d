// SPDX-License-Identifier: MIT
//
// The control protocol as text: one JSON object per line, in the manner of QEMU's QMP (greeting,
// "execute"/"arguments"/"id", "return" or "error", asynchronous "event"). Parsing with its limits,
// and printing. Knows neither sockets nor what the commands do; see README.md for the commands.
#ifndef HGCM_VMMDEVD_CONTROL_PROTOCOL_H
#define HGCM_VMMDEVD_CONTROL_PROTOCOL_H

#include <hgcm/status.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace hgcm::control {

using Json = nlohmann::json;

inline constexpr unsigned kProtocolVersion = 1;
/// Bytes of a line without its end.
inline constexpr std::size_t kMaxLine = std::size_t{256} << 10;
/// Arrays and objects within each other, the request itself included.
inline constexpr unsigned kMaxDepth = 16;
inline constexpr std::size_t kMaxCommandName = 64;
/// Bytes of the printed "id", which is sent back with the reply.
inline constexpr std::size_t kMaxId = 256;

/// What went wrong, for programs; the description is for people. vmctl's exit code follows from it.
enum class ErrorClass {
  kGeneric,
  kInvalidRequest,  ///< not JSON, not a request, or beyond a limit; also of an argument
  kCommandNotFound,
  kNotFound,  ///< the property, service or info handler is not there
  kPermissionDenied,
  kTimeout,
  kBusy,  ///< too many commands or waits are pending
  kCancelled,
};

[[nodiscard]] std::string_view to_string(ErrorClass error) noexcept;

struct ControlError {
  ErrorClass error = ErrorClass::kGeneric;
  std::string description;
  std::optional<std::int32_t> status;  ///< the VirtualBox status behind it
};

/// The error that a failed `status` becomes; `what` says what was tried.
[[nodiscard]] ControlError error_of(Status status, std::string_view what);

using CommandResult = tl::expected<Json, ControlError>;

struct Request {
  std::string command;
  Json arguments = Json::object();
  std::optional<Json> id;
};

struct RequestError {
  ControlError error;
  std::optional<Json> id;  ///< when that much could be understood
};

/// Parses one line. Never throws anything but std::bad_alloc, which the line limit rules out in
/// practice.
[[nodiscard]] tl::expected<Request, RequestError> parse_request(std::string_view line);

/// One line, with its end. Everything outside printable ASCII is escaped, so it is safe to show;
/// invalid UTF-8 becomes U+FFFD.
[[nodiscard]] std::string to_line(const Json& message);

[[nodiscard]] Json greeting(std::string_view version);
[[nodiscard]] Json reply(const CommandResult& result, const std::optional<Json>& id);
[[nodiscard]] Json event(std::string_view name, Json data,
                         std::chrono::system_clock::time_point time);

/// Cuts a byte stream into lines. A line beyond kMaxLine is reported once, as such, and skipped to
/// its end.
class LineReader {
 public:
  /// Adds what was received. The caller takes all lines before it adds more, which bounds memory.
  void append(std::string_view bytes);
  /// The end of the stream: what is left is the last line.
  void finish();

  struct Line {
    std::string text;
    bool too_long = false;
  };
  /// Without its line end ("\n" or "\r\n"). Empty lines are left out.
  [[nodiscard]] std::optional<Line> next();

 private:
  std::string buffer_;
  std::size_t scanned_ = 0;  // bytes of buffer_ known to have no line end
  bool skipping_ = false;
  bool finished_ = false;
};

}  // namespace hgcm::control

#endif

// SPDX-License-Identifier: MIT
//
// Parsing and printing of the control protocol; see protocol.h.
#include "vmmdevd/control/protocol.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace hgcm::control {
namespace {

/// Whether brackets outside strings nest deeper than allowed. Done before the real parser, which
/// would build the tree first. Text that is not JSON may be misjudged; the parser refuses it
/// anyway.
bool nests_too_deep(std::string_view text) noexcept {
  unsigned depth = 0;
  bool in_string = false;
  bool escaped = false;
  for (const char c : text) {
    if (in_string) {
      if (escaped) {
        escaped = false;
      } else if (c == '\\') {
        escaped = true;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxDepth) {
        return true;
      }
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return false;
}

RequestError refused(std::string description, std::optional<Json> id = std::nullopt) {
  return {{ErrorClass::kInvalidRequest, std::move(description), std::nullopt}, std::move(id)};
}

}  // namespace

std::string_view to_string(ErrorClass error) noexcept {
  switch (error) {
    case ErrorClass::kGeneric:
      return "GenericError";
    case ErrorClass::kInvalidRequest:
      return "InvalidRequest";
    case ErrorClass::kCommandNotFound:
      return "CommandNotFound";
    case ErrorClass::kNotFound:
      return "NotFound";
    case ErrorClass::kPermissionDenied:
      return "PermissionDenied";
    case ErrorClass::kTimeout:
      return "Timeout";
    case ErrorClass::kBusy:
      return "Busy";
    case ErrorClass::kCancelled:
      return "Cancelled";
  }
  return "GenericError";
}

ControlError error_of(Status status, std::string_view what) {
  auto error = ErrorClass::kGeneric;
  switch (status.code()) {
    case HGCM_ERR_NOT_FOUND:
    case HGCM_ERR_FILE_NOT_FOUND:
    case HGCM_ERR_PATH_NOT_FOUND:
    case HGCM_ERR_HGCM_SERVICE_NOT_FOUND:
      error = ErrorClass::kNotFound;
      break;
    case HGCM_ERR_PERMISSION_DENIED:
    case HGCM_ERR_ACCESS_DENIED:
    case HGCM_ERR_WRITE_PROTECT:
      error = ErrorClass::kPermissionDenied;
      break;
    case HGCM_ERR_TIMEOUT:
      error = ErrorClass::kTimeout;
      break;
    case HGCM_ERR_CANCELLED:
    case HGCM_ERR_INTERRUPTED:
      error = ErrorClass::kCancelled;
      break;
    case HGCM_ERR_INVALID_PARAMETER:
    case HGCM_ERR_TOO_MUCH_DATA:
    case HGCM_ERR_PARSE_ERROR:
    case HGCM_ERR_INVALID_NAME:
    case HGCM_ERR_INVALID_UTF8_ENCODING:
      error = ErrorClass::kInvalidRequest;
      break;
    default:
      break;
  }
  return {error, fmt::format("{}: {}", what, status.to_string()), status.code()};
}

tl::expected<Request, RequestError> parse_request(std::string_view line) {
  if (line.size() > kMaxLine) {
    return tl::unexpected(refused(fmt::format("a line has at most {} bytes", kMaxLine)));
  }
  if (nests_too_deep(line)) {
    return tl::unexpected(refused(fmt::format("nested deeper than {} levels", kMaxDepth)));
  }
  Json document = Json::parse(line.begin(), line.end(), nullptr, false);
  if (document.is_discarded()) {
    return tl::unexpected(refused("not a JSON document in UTF-8"));
  }
  if (!document.is_object()) {
    return tl::unexpected(refused("a request is a JSON object"));
  }

  Request request;
  if (const auto id = document.find("id"); id != document.end()) {
    if (to_line(*id).size() > kMaxId) {
      return tl::unexpected(refused(fmt::format("\"id\" has at most {} bytes", kMaxId)));
    }
    request.id = *id;
  }
  for (const auto& [key, value] : document.items()) {
    if (key != "execute" && key != "arguments" && key != "id") {
      return tl::unexpected(
          refused("a request has \"execute\", \"arguments\" and \"id\", nothing else", request.id));
    }
  }
  const auto command = document.find("execute");
  if (command == document.end() || !command->is_string()) {
    return tl::unexpected(refused("\"execute\" is missing or not a string", request.id));
  }
  request.command = command->get_ref<const std::string&>();
  if (request.command.size() > kMaxCommandName) {
    return tl::unexpected(refused("no command has a name of that length", request.id));
  }
  if (const auto arguments = document.find("arguments"); arguments != document.end()) {
    if (!arguments->is_object()) {
      return tl::unexpected(refused("\"arguments\" is not an object", request.id));
    }
    request.arguments = std::move(*arguments);
  }
  return request;
}

std::string to_line(const Json& message) {
  std::string line = message.dump(-1, ' ', true, Json::error_handler_t::replace);
  line += '\n';
  return line;
}

Json greeting(std::string_view version) {
  return {{"OpenHGCM", {{"version", version}, {"protocol", kProtocolVersion}}}};
}

Json reply(const CommandResult& result, const std::optional<Json>& id) {
  Json message = Json::object();
  if (result) {
    message["return"] = *result;
  } else {
    const ControlError& error = result.error();
    Json& body = message["error"];
    body["class"] = to_string(error.error);
    body["desc"] = error.description;
    if (error.status) {
      body["status"] = *error.status;
    }
  }
  if (id) {
    message["id"] = *id;
  }
  return message;
}

Json event(std::string_view name, Json data, std::chrono::system_clock::time_point time) {
  const auto since_epoch =
      std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
  return {{"event", name},
          {"timestamp",
           {{"seconds", since_epoch / 1'000'000}, {"microseconds", since_epoch % 1'000'000}}},
          {"data", std::move(data)}};
}

void LineReader::append(std::string_view bytes) {
  buffer_.append(bytes);
}

void LineReader::finish() {
  finished_ = true;
}

std::optional<LineReader::Line> LineReader::next() {
  for (;;) {
    std::size_t end = buffer_.find('\n', scanned_);
    const bool complete = end != std::string::npos;
    if (!complete) {
      if (skipping_) {
        buffer_.clear();
        scanned_ = 0;
        return std::nullopt;
      }
      scanned_ = buffer_.size();
      if (buffer_.size() > kMaxLine) {
        skipping_ = true;
        buffer_.clear();
        scanned_ = 0;
        return Line{{}, true};
      }
      if (!finished_ || buffer_.empty()) {
        return std::nullopt;
      }
      end = buffer_.size();
    }
    std::string text = buffer_.substr(0, end);
    buffer_.erase(0, complete ? end + 1 : end);
    scanned_ = 0;
    if (std::exchange(skipping_, false)) {
      continue;  // the rest of a line that was reported already
    }
    if (!text.empty() && text.back() == '\r') {
      text.pop_back();
    }
    if (text.empty()) {
      continue;
    }
    if (text.size() > kMaxLine) {
      return Line{{}, true};
    }
    return Line{std::move(text), false};
  }
}

}  // namespace hgcm::control

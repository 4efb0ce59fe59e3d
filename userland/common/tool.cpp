// SPDX-License-Identifier: MIT
//
// See tool.h.
#include "common/tool.h"

#include <unistd.h>

#include <exception>
#include <iostream>

namespace hgcm::tool {
namespace {

constexpr char32_t kInvalid = 0xffffffff;

/// Decodes one character; kInvalid and length 1 where the bytes are not UTF-8.
char32_t decode(std::string_view text, std::size_t& length) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  length = 1;
  if (lead < 0x80) {
    return lead;
  }
  const std::size_t wanted = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < wanted) {
    return kInvalid;
  }
  char32_t value = lead & (0xffU >> (wanted + 1));
  for (std::size_t i = 1; i < wanted; ++i) {
    if ((byte(i) & 0xc0) != 0x80) {
      return kInvalid;
    }
    value = value << 6 | (byte(i) & 0x3fU);
  }
  constexpr char32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (value < kSmallest[wanted] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) {
    return kInvalid;
  }
  length = wanted;
  return value;
}

bool is_harmless(char32_t value) noexcept {
  const bool control = value < 0x20 || (value >= 0x7f && value < 0xa0);
  const bool line_or_direction = (value >= 0x2028 && value <= 0x202e) ||
                                 (value >= 0x2066 && value <= 0x2069) || value == 0x200e ||
                                 value == 0x200f || value == 0x061c;
  return value != kInvalid && !control && !line_or_direction;
}

}  // namespace

ExitCode exit_code(Status status) noexcept {
  if (status.ok()) {
    return kExitSuccess;
  }
  switch (status.code()) {
    case HGCM_ERR_NOT_FOUND:
      return kExitNotFound;
    case HGCM_ERR_PERMISSION_DENIED:
    case HGCM_ERR_ACCESS_DENIED:
      return kExitDenied;
    case HGCM_ERR_TIMEOUT:
      return kExitTimeout;
    case HGCM_ERR_HGCM_SERVICE_NOT_FOUND:
      return kExitNoService;
    case HGCM_ERR_INTERRUPTED:
    case HGCM_ERR_CANCELLED:
      return kExitInterrupted;
    default:
      return kExitFailure;
  }
}

Environment real_environment() {
  return {std::cout, std::cerr, ::isatty(STDOUT_FILENO) == 1, ::isatty(STDERR_FILENO) == 1,
          [](DeviceNode node, std::string* detail) {
            OpenOptions options;
            options.node = node;
            return open_device(options, detail);
          }};
}

int run_main(int argc, char** argv, int (*tool)(const std::vector<std::string>&, Environment&)) {
  try {
    Environment environment = real_environment();
    const std::vector<std::string> arguments(argv, argv + argc);
    const int code = tool(arguments, environment);
    std::cout.flush();
    if (!std::cout) {
      std::cerr << "cannot write to standard output\n";
      return kExitFailure;
    }
    return code;
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return kExitFailure;
  }
}

std::unique_ptr<Device> open_or_explain(Environment& environment, std::string_view tool,
                                        DeviceNode node, int& code) {
  std::string detail;
  auto device = environment.open(node, &detail);
  if (device) {
    return std::move(*device);
  }
  environment.err << tool << ": " << shown(detail, environment.err_is_terminal) << '\n';
  code = device.error() == Status(HGCM_ERR_ACCESS_DENIED) ? kExitDenied : kExitNoDevice;
  return nullptr;
}

int fail(Environment& environment, std::string_view tool, std::string_view what, Status status) {
  environment.err << tool << ": " << shown(what, environment.err_is_terminal) << ": "
                  << status.to_string() << '\n';
  return exit_code(status);
}

std::string shown(std::string_view text, bool terminal) {
  if (!terminal) {
    return std::string(text);
  }
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string result;
  while (!text.empty()) {
    std::size_t length = 1;
    const char32_t value = decode(text, length);
    if (is_harmless(value)) {
      result += text.substr(0, length);
    } else {
      for (const char c : text.substr(0, length)) {
        const auto byte = static_cast<unsigned char>(c);
        result += "\\x";
        result += kDigits[byte >> 4];
        result += kDigits[byte & 0xf];
      }
    }
    text.remove_prefix(length);
  }
  return result;
}

DeviceNode node_from(std::string_view text) noexcept {
  if (text == "vboxguest") {
    return DeviceNode::kPrivileged;
  }
  return text == "vboxuser" ? DeviceNode::kUser : DeviceNode::kAny;
}

}  // namespace hgcm::tool

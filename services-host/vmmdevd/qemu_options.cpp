// SPDX-License-Identifier: MIT
//
// The QEMU options that attach the device; see qemu_options.h.
#include "vmmdevd/qemu_options.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <system_error>

namespace hgcm::vmmdevd {
namespace {

std::string quote_for_shell(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

}  // namespace

std::string qemu_options(const std::filesystem::path& socket, std::string_view memory) {
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(socket, error);
  const nlohmann::ordered_json device = {
      {"driver", "vfio-user-pci"},
      {"socket", {{"type", "unix"}, {"path", (error ? socket : absolute).string()}}}};
  return fmt::format(
      "-object memory-backend-memfd,id=openhgcm-memory,size={},share=on "
      "-machine memory-backend=openhgcm-memory -device {}",
      memory,
      quote_for_shell(device.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)));
}

}  // namespace hgcm::vmmdevd

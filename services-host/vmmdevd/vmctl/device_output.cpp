// SPDX-License-Identifier: MIT
//
// See device_output.h.
#include "vmmdevd/vmctl/device_output.h"

#include "vmmdevd/text.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cstdint>
#include <ctime>
#include <fstream>
#include <stdexcept>

namespace hgcm::vmctl {
namespace {

/// Members are printed as JSON has them; what is missing or null, as a dash.
std::string plain(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) {
    return "-";
  }
  return found->is_string() ? escape(found->get<std::string>(), Escape::kPlain) : found->dump();
}

std::string yes_no(const Json& object, const char* name) {
  return plain(object, name) == "true" ? "yes" : "no";
}

const Json& part(const Json& object, const char* name) {
  static const Json none = Json::object();
  const auto found = object.find(name);
  return found != object.end() && found->is_structured() ? *found : none;
}

}  // namespace

std::string balloon_text(const Output& /*output*/, const Json& balloon) {
  return fmt::format("Wanted: {} MiB\nActual: {} MiB\nMemory: {} MiB\n", plain(balloon, "target"),
                     plain(balloon, "actual"), plain(balloon, "memory"));
}

std::string displays_text(const Output& /*output*/, const Json& displays) {
  std::string text;
  for (const Json& display : part(displays, "displays")) {
    text += fmt::format("Display {}: wanted {}, read {}{}\n", plain(display, "display"),
                        plain(display, "wanted"), plain(display, "read"),
                        plain(display, "pending") == "true" ? ", pending" : "");
  }
  if (plain(displays, "max-width") != "0" || plain(displays, "max-height") != "0") {
    text +=
        fmt::format("Limit: {}x{}\n", plain(displays, "max-width"), plain(displays, "max-height"));
  }
  return text;
}

std::string mouse_text(const Output& /*output*/, const Json& mouse) {
  const Json& guest = part(mouse, "guest");
  return fmt::format(
      "Position: {} {}\nButtons: {}\nHost sends absolute positions: {}\n"
      "Guest takes absolute positions: {}\nGuest needs the host's cursor: {}\n",
      plain(mouse, "x"), plain(mouse, "y"), plain(mouse, "buttons"), yes_no(mouse, "host-absolute"),
      yes_no(guest, "absolute"), yes_no(guest, "needs-host-cursor"));
}

std::string shape_text(const Output& /*output*/, const Json& shape) {
  std::string text = fmt::format("Visible: {}\n", yes_no(shape, "visible"));
  if (plain(shape, "image") == "true") {
    text += fmt::format("Size: {}x{}\nHot spot: {} {}\nOpacity: {}\n", plain(shape, "width"),
                        plain(shape, "height"), plain(shape, "x-hot"), plain(shape, "y-hot"),
                        plain(shape, "alpha") == "true" ? "by pixel" : "by mask");
  }
  return text;
}

std::string credentials_text(const Output& /*output*/, const Json& credentials) {
  return fmt::format("Logon: {}\nTo judge: {}\n", yes_no(credentials, "logon"),
                     yes_no(credentials, "judge"));
}

std::string time_text(const Output& /*output*/, const Json& time) {
  const std::int64_t milliseconds = time.value("time-ms", std::int64_t{0});
  const std::int64_t part_of_second = (milliseconds % 1000 + 1000) % 1000;
  const std::time_t seconds = static_cast<std::time_t>((milliseconds - part_of_second) / 1000);
  std::tm broken_down{};
  ::gmtime_r(&seconds, &broken_down);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z (offset {} ms)\n", broken_down, part_of_second,
                     plain(time, "offset-ms"));
}

std::string facilities_text(const Output& output, const Json& info) {
  std::string text;
  for (const Json& facility : part(info, "facilities")) {
    text += fmt::format("{:<6} {:<20} {}\n", plain(facility, "facility"),
                        output.value(plain(facility, "name")),
                        output.value(plain(facility, "status-name")));
  }
  return text;
}

std::string guest_statistics_text(const Output& /*output*/, const Json& statistics) {
  std::string text = fmt::format("Interval: {} s\n", plain(statistics, "interval"));
  const Json& report = part(statistics, "report");
  if (report.empty()) {
    return text + "No report yet.\n";
  }
  for (const auto& [name, value] : report.items()) {
    text += fmt::format("  {:<18} {:>16}\n", escape(name, Escape::kPlain), value.dump());
  }
  return text;
}

void write_pam(const std::string& path, const Json& shape) {
  const auto pixels = from_base64(shape.value("rgba", std::string()));
  const auto width = shape.value("width", std::uint64_t{0});
  const auto height = shape.value("height", std::uint64_t{0});
  if (!pixels || pixels->empty() || width * height * 4 != pixels->size()) {
    throw std::runtime_error("the guest's cursor has no image");
  }
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << fmt::format("P7\nWIDTH {}\nHEIGHT {}\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n",
                      width, height);
  file.write(reinterpret_cast<const char*>(pixels->data()),
             static_cast<std::streamsize>(pixels->size()));
  if (!file.flush()) {
    throw std::runtime_error("cannot write " + path);
  }
}

}  // namespace hgcm::vmctl

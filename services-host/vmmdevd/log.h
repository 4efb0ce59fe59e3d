// SPDX-License-Identifier: MIT
//
// The daemon's log: one line per event, a fixed message and key=value fields, through spdlog.
// Field values may come from a guest: they are quoted and escaped, so that no value can end the
// line, look like another field, or reach a terminal as a control sequence.
#ifndef HGCM_VMMDEVD_LOG_H
#define HGCM_VMMDEVD_LOG_H

#include <chrono>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <mutex>
#include <string>
#include <string_view>

namespace hgcm::log {

enum class Level { kTrace, kDebug, kInfo, kWarning, kError, kOff };

/// A key (of ours) and a value (of anybody).
struct Field {
  Field(std::string_view k, std::string_view v);
  Field(std::string_view k, const std::string& v) : Field(k, std::string_view(v)) {}
  Field(std::string_view k, const char* v) : Field(k, std::string_view(v)) {}
  Field(std::string_view k, const std::filesystem::path& v) : Field(k, v.native()) {}
  template <std::integral Number>
  Field(std::string_view k, Number v) : key(k), value(std::to_string(v)) {}

  std::string_view key;
  std::string value;  ///< printable, quoted where needed
};
using Fields = std::initializer_list<Field>;

/// Where log lines go; until then to standard error, from level info. An empty path means standard
/// error. False: `detail` says why the file cannot be used, and nothing changes.
[[nodiscard]] bool open(const std::filesystem::path& file, Level level, std::string& detail);
void flush();

/// Any thread. The message has no line end.
void write(Level level, std::string_view message, Fields fields = {});
inline void debug(std::string_view message, Fields fields = {}) {
  write(Level::kDebug, message, fields);
}
inline void info(std::string_view message, Fields fields = {}) {
  write(Level::kInfo, message, fields);
}
inline void warning(std::string_view message, Fields fields = {}) {
  write(Level::kWarning, message, fields);
}
inline void error(std::string_view message, Fields fields = {}) {
  write(Level::kError, message, fields);
}

/// Lets so many lines per second through, for what a guest can cause at will. Thread-safe.
class RateLimit {
 public:
  RateLimit(unsigned burst, unsigned per_second) : burst_(burst), per_second_(per_second) {}

  /// Whether to write now; `suppressed` is then the number of refusals since the last success.
  [[nodiscard]] bool allow(std::chrono::steady_clock::time_point now, std::uint64_t& suppressed);

 private:
  const unsigned burst_;
  const unsigned per_second_;
  std::mutex mutex_;  // protects all below
  double tokens_ = burst_;
  std::chrono::steady_clock::time_point last_{};
  std::uint64_t suppressed_ = 0;
};

}  // namespace hgcm::log

#endif

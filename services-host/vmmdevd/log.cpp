// SPDX-License-Identifier: MIT
//
// The daemon's log; see log.h.
#include "vmmdevd/log.h"

#include "vmmdevd/text.h"

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace hgcm::log {
namespace {

constexpr const char* kPattern = "%Y-%m-%dT%H:%M:%S.%f%z %l %v";

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::kTrace:
      return spdlog::level::trace;
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarning:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
    case Level::kOff:
      return spdlog::level::off;
  }
  return spdlog::level::info;
}

std::shared_ptr<spdlog::logger> make(spdlog::sink_ptr sink, Level level) {
  auto made = std::make_shared<spdlog::logger>("vmmdevd", std::move(sink));
  made->set_pattern(kPattern);
  made->set_level(to_spdlog(level));
  // Errors inside the log (a full disk) must not end anything.
  made->set_error_handler([](const std::string&) {});
  made->flush_on(spdlog::level::info);
  return made;
}

// Never destroyed: threads that outlive main() may still log.
struct State {
  std::mutex mutex;
  std::shared_ptr<spdlog::logger> logger =
      make(std::make_shared<spdlog::sinks::stderr_sink_mt>(), Level::kInfo);
};

State& state() {
  static State* const instance = new State;
  return *instance;
}

std::shared_ptr<spdlog::logger> logger() {
  const std::lock_guard lock(state().mutex);
  return state().logger;
}

bool needs_quotes(std::string_view text) {
  return text.empty() || !std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  std::string_view("-_./:+@%,").find(c) != std::string_view::npos;
         });
}

}  // namespace

Field::Field(std::string_view k, std::string_view v)
    : key(k), value(needs_quotes(v) ? '"' + escape(v, Escape::kQuoted) + '"' : std::string(v)) {}

bool open(const std::filesystem::path& file, Level level, std::string& detail) {
  try {
    spdlog::sink_ptr sink;
    if (file.empty()) {
      sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    } else {
      sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(file.string());
    }
    auto made = make(std::move(sink), level);
    // The other parts of the daemon write to spdlog's own default.
    spdlog::set_default_logger(made);
    const std::lock_guard lock(state().mutex);
    state().logger = std::move(made);
    return true;
  } catch (const spdlog::spdlog_ex& error) {
    detail = error.what();
    return false;
  }
}

void flush() {
  logger()->flush();
}

void write(Level level, std::string_view message, Fields fields) {
  const auto target = logger();
  const auto wanted = to_spdlog(level);
  if (!target->should_log(wanted)) {
    return;
  }
  std::string line(message);
  for (const Field& field : fields) {
    line += ' ';
    line += field.key;
    line += '=';
    line += field.value;
  }
  target->log(wanted, spdlog::string_view_t(line.data(), line.size()));
}

bool RateLimit::allow(std::chrono::steady_clock::time_point now, std::uint64_t& suppressed) {
  const std::lock_guard lock(mutex_);
  if (now > last_) {
    const std::chrono::duration<double> passed = now - last_;
    tokens_ = std::min<double>(burst_, tokens_ + passed.count() * per_second_);
    last_ = now;
  }
  if (tokens_ < 1) {
    ++suppressed_;
    return false;
  }
  tokens_ -= 1;
  suppressed = std::exchange(suppressed_, 0);
  return true;
}

}  // namespace hgcm::log

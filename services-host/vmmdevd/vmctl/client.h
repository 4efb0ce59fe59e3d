// SPDX-License-Identifier: MIT
//
// The client side of the control protocol for vmctl: one connection, one command at a time,
// blocking.
#ifndef HGCM_VMMDEVD_VMCTL_CLIENT_H
#define HGCM_VMMDEVD_VMCTL_CLIENT_H

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace hgcm::vmctl {

using Json = nlohmann::json;

/// Exit codes of vmctl; part of its interface, see vmctl(1).
enum ExitCode {
  kOk = 0,
  kFailed = 1,
  kUsage = 2,
  kNotFound = 3,
  kDenied = 4,
  kTimedOut = 5,
  kNoDaemon = 6,
};

struct Failure {
  ExitCode code = kFailed;
  std::string description;
  Json details = Json::object();  ///< the daemon's "error" object, if it sent one
};

/// Not thread-safe.
class Client {
 public:
  /// How long the daemon may take to answer when a call has no time of its own.
  static constexpr std::chrono::seconds kPatience{30};

  /// kNoDaemon: nobody there, or it is not vmmdevd.
  [[nodiscard]] static tl::expected<Client, Failure> connect(const std::string& path);
  Client(Client&& other) noexcept;
  Client& operator=(Client&&) = delete;
  ~Client();

  /// Runs one command. No `patience`: waits for good. kNoDaemon: the connection broke; kTimedOut:
  /// no answer.
  [[nodiscard]] tl::expected<Json, Failure> call(
      std::string_view command, Json arguments = Json::object(),
      std::optional<std::chrono::milliseconds> patience = kPatience);

  /// The next event, after a "subscribe".
  [[nodiscard]] tl::expected<Json, Failure> next_event();

 private:
  using Deadline = std::optional<std::chrono::steady_clock::time_point>;

  explicit Client(int fd) : fd_(fd) {}
  [[nodiscard]] tl::expected<Json, Failure> receive(Deadline deadline);

  int fd_ = -1;
  std::string buffer_;
};

}  // namespace hgcm::vmctl

#endif

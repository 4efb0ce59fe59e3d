// SPDX-License-Identifier: MIT
//
// Session: one control client, without its socket: bytes in, lines out. Commands of a client run
// one after the other, except waits, which run beside them. The socket is server.h's business, so
// tests and fuzzers drive this directly.
#ifndef HGCM_VMMDEVD_CONTROL_SESSION_H
#define HGCM_VMMDEVD_CONTROL_SESSION_H

#include "vmmdevd/control/command.h"
#include "vmmdevd/control/context.h"
#include "vmmdevd/control/events.h"
#include "vmmdevd/control/protocol.h"

#include <asio/steady_timer.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>

namespace hgcm::control {

/// All members are called on the loop.
class Session final : public EventHub::Subscriber, public std::enable_shared_from_this<Session> {
 public:
  /// Waits of one client at a time.
  static constexpr std::size_t kMaxWaits = 16;

  struct Output {
    /// Takes one line, with its end.
    std::function<void(std::string line)> send;
    /// wants_input() or finished() may have changed.
    std::function<void()> changed;
    /// Whether the client has much to read still: then no further command of it is begun until
    /// resume(). None: never.
    std::function<bool()> congested;
  };

  Session(Context& context, Output output);
  ~Session() override;

  /// Sends the greeting. Once, before anything else.
  void start();
  void receive(std::string_view bytes);
  /// The client will send nothing more: what it sent is answered, its waits are cancelled.
  void end_of_input();
  /// The client has read on.
  void resume() { process(); }
  /// The client is gone: nothing is sent any more, its waits are cancelled.
  void close();

  /// False while commands of the client wait for others or for it to read; receive() may still be
  /// called, but should not be for long.
  [[nodiscard]] bool wants_input() const;
  /// After end_of_input(): everything is answered.
  [[nodiscard]] bool finished() const;

  void deliver(std::string_view event, const std::string& line) override;

 private:
  struct Pending {
    std::optional<Json> id;
    std::stop_source stop;
    std::unique_ptr<asio::steady_timer> deadline;
  };

  [[nodiscard]] bool held_back() const { return output_.congested && output_.congested(); }
  void process();
  void handle(const LineReader::Line& line);
  void start_command(const Command& command, Arguments arguments, std::optional<Json> id);
  void complete(std::uint64_t ticket, const CommandResult& result);
  void answer(const CommandResult& result, const std::optional<Json>& id);
  void cancel_waits();
  std::optional<CommandResult> session_command(Request& request);

  Context& context_;
  Output output_;
  LineReader lines_;
  bool ended_ = false;
  bool drained_ = true;  // no complete line is left in lines_
  bool closed_ = false;

  std::uint64_t next_ticket_ = 1;
  std::optional<std::uint64_t> running_;  // the worker command that holds back later ones
  std::map<std::uint64_t, Pending> pending_;

  std::set<std::string, std::less<>> subscribed_;
  bool registered_ = false;
};

}  // namespace hgcm::control

#endif

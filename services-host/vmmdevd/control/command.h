// SPDX-License-Identifier: MIT
//
// What a control command is: a table entry with its name, its arguments, where it runs and its
// handler. Commands live in ../commands/, one file per subject; a new one is one more entry there.
// Arguments are checked against the table before a handler sees them.
#ifndef HGCM_VMMDEVD_CONTROL_COMMAND_H
#define HGCM_VMMDEVD_CONTROL_COMMAND_H

#include "vmmdevd/control/protocol.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace hgcm::control {

struct Context;

enum class ArgumentType {
  kText,      ///< string without NUL
  kUnsigned,  ///< integer from 0 to `maximum`
  kInteger,   ///< integer from -`maximum` to `maximum`, which fits 63 bits
  kBoolean,
  kTexts,  ///< array of strings without NUL
};

[[nodiscard]] std::string_view to_string(ArgumentType type) noexcept;

struct Argument {
  std::string_view name;
  ArgumentType type = ArgumentType::kText;
  bool required = false;
  std::string_view help;
  std::uint64_t maximum = std::numeric_limits<std::uint64_t>::max();
};

/// Arguments that were checked against a command's table. The members must name an argument of
/// that table with its type; views live as long as the object.
class Arguments {
 public:
  [[nodiscard]] static tl::expected<Arguments, ControlError> check(
      std::span<const Argument> expected, Json given);

  [[nodiscard]] std::string_view text(std::string_view name) const;  ///< empty when not given
  [[nodiscard]] std::optional<std::string_view> optional_text(std::string_view name) const;
  [[nodiscard]] std::optional<std::uint64_t> optional_number(std::string_view name) const;
  [[nodiscard]] std::optional<std::int64_t> optional_integer(std::string_view name) const;
  [[nodiscard]] bool flag(std::string_view name) const;  ///< false when not given
  [[nodiscard]] std::vector<std::string> texts(std::string_view name) const;

 private:
  explicit Arguments(Json values) : values_(std::move(values)) {}
  Json values_;
};

enum class Execution {
  /// On the event loop: never blocks.
  kLoop,
  /// On a worker thread. May block on a service; after kCommandTimeout the client gets an error,
  /// whatever becomes of the thread. Later commands of the same client wait their turn.
  kWorker,
  /// On a thread of its own until it is done, stopped or timed out; does not hold back later
  /// commands of the same client. Honours the stop token.
  kWait,
};

using Handler = CommandResult (*)(Context& context, const Arguments& arguments,
                                  const std::stop_token& stop);

struct Command {
  std::string_view name;
  std::string_view help;
  std::span<const Argument> arguments;
  Execution execution = Execution::kLoop;
  Handler handler = nullptr;
};

/// All commands but those that are a client's own business (subscribe, unsubscribe), sorted by
/// name. Lives forever.
[[nodiscard]] std::span<const Command> commands();
[[nodiscard]] const Command* find_command(std::string_view name);

/// subscribe and unsubscribe: handled by the session, listed by query-commands.
[[nodiscard]] std::span<const Command> session_commands();

}  // namespace hgcm::control

#endif

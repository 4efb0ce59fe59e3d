// SPDX-License-Identifier: MIT
//
// One control client's protocol state; see session.h.
#include "vmmdevd/control/session.h"

#include <fmt/format.h>
#include <asio/post.hpp>

#include <algorithm>
#include <exception>
#include <utility>

namespace hgcm::control {
namespace {

CommandResult failed(ErrorClass error, std::string description) {
  return tl::unexpected(ControlError{error, std::move(description), std::nullopt});
}

/// Handlers return errors as values; what libraries throw below them ends here.
CommandResult call_handler(const Command& command, Context& context, const Arguments& arguments,
                           const std::stop_token& stop) {
  try {
    return command.handler(context, arguments, stop);
  } catch (const std::exception& error) {
    return failed(ErrorClass::kGeneric, fmt::format("{} failed: {}", command.name, error.what()));
  }
}

}  // namespace

Session::Session(Context& context, Output output) : context_(context), output_(std::move(output)) {}

Session::~Session() {
  cancel_waits();
}

void Session::start() {
  output_.send(to_line(greeting(HGCM_VERSION)));
}

void Session::receive(std::string_view bytes) {
  if (closed_ || ended_) {
    return;
  }
  lines_.append(bytes);
  process();
}

void Session::end_of_input() {
  ended_ = true;
  lines_.finish();
  process();
  cancel_waits();
}

void Session::close() {
  closed_ = true;
  subscribed_.clear();
  cancel_waits();
}

bool Session::wants_input() const {
  return !closed_ && !ended_ && !running_;
}

bool Session::finished() const {
  return closed_ || (ended_ && pending_.empty());
}

void Session::deliver(std::string_view event, const std::string& line) {
  if (closed_ || ended_ || subscribed_.empty()) {
    return;
  }
  if (event == kEventLost || subscribed_.contains(event)) {
    output_.send(line);
  }
}

void Session::process() {
  drained_ = false;
  while (!closed_ && !running_ && !held_back()) {
    const auto line = lines_.next();
    if (!line) {
      drained_ = true;
      return;
    }
    handle(*line);
  }
}

void Session::handle(const LineReader::Line& line) {
  if (line.too_long) {
    answer(
        failed(ErrorClass::kInvalidRequest, fmt::format("a line has at most {} bytes", kMaxLine)),
        std::nullopt);
    return;
  }
  auto request = parse_request(line.text);
  if (!request) {
    answer(tl::unexpected(std::move(request.error().error)), request.error().id);
    return;
  }
  if (const auto result = session_command(*request)) {
    answer(*result, request->id);
    return;
  }
  const Command* command = find_command(request->command);
  if (command == nullptr) {
    answer(failed(ErrorClass::kCommandNotFound, "there is no such command; see query-commands"),
           request->id);
    return;
  }
  auto arguments = Arguments::check(command->arguments, std::move(request->arguments));
  if (!arguments) {
    answer(tl::unexpected(std::move(arguments.error())), request->id);
    return;
  }
  start_command(*command, std::move(*arguments), std::move(request->id));
}

std::optional<CommandResult> Session::session_command(Request& request) {
  const auto known = session_commands();
  const auto command = std::find_if(known.begin(), known.end(), [&request](const Command& c) {
    return c.name == request.command;
  });
  if (command == known.end()) {
    return std::nullopt;
  }
  const auto arguments = Arguments::check(command->arguments, std::move(request.arguments));
  if (!arguments) {
    return tl::unexpected(arguments.error());
  }
  std::vector<std::string> names = arguments->texts("events");
  for (const std::string& name : names) {
    if (std::find(kEventNames.begin(), kEventNames.end(), name) == kEventNames.end()) {
      return failed(ErrorClass::kInvalidRequest, "there is no event of that name");
    }
  }
  if (names.empty()) {
    names.assign(kEventNames.begin(), kEventNames.end());
  }
  if (command->name == "subscribe") {
    subscribed_.insert(names.begin(), names.end());
    if (!std::exchange(registered_, true)) {
      context_.events->add(weak_from_this());
    }
  } else {
    for (const std::string& name : names) {
      subscribed_.erase(name);
    }
  }
  Json events = Json::array();
  for (const std::string& name : subscribed_) {
    events.push_back(name);
  }
  return CommandResult(Json{{"events", std::move(events)}});
}

void Session::start_command(const Command& command, Arguments arguments, std::optional<Json> id) {
  if (command.execution == Execution::kLoop) {
    answer(call_handler(command, context_, arguments, {}), id);
    return;
  }
  const bool wait = command.execution == Execution::kWait;
  if (wait && pending_.size() >= kMaxWaits) {
    answer(failed(ErrorClass::kBusy, "too many waits of this client are pending"), id);
    return;
  }

  const std::uint64_t ticket = next_ticket_++;
  Pending& pending = pending_[ticket];
  pending.id = std::move(id);
  // The job owns all it needs: it may outlive the session when its service hangs.
  auto job = [&loop = context_.loop, &context = context_, &command, checked = std::move(arguments),
              stop = pending.stop.get_token(), session = weak_from_this(), ticket] {
    CommandResult result = call_handler(command, context, checked, stop);
    asio::post(loop, [session, ticket, outcome = std::move(result)] {
      if (const auto self = session.lock()) {
        self->complete(ticket, outcome);
      }
    });
  };
  const bool accepted =
      wait ? context_.executor.run_wait(std::move(job)) : context_.executor.run(std::move(job));
  if (!accepted) {
    complete(ticket, failed(ErrorClass::kBusy, "too many commands or waits are pending"));
    return;
  }
  if (wait) {
    if (ended_) {
      pending.stop.request_stop();
    }
  } else {
    running_ = ticket;
    pending.deadline =
        std::make_unique<asio::steady_timer>(context_.loop, context_.command_timeout);
    pending.deadline->async_wait(
        [session = weak_from_this(), ticket](const asio::error_code& error) {
          const auto self = session.lock();
          if (self && !error) {
            self->complete(ticket, failed(ErrorClass::kTimeout, "a service does not answer"));
          }
        });
  }
}

void Session::complete(std::uint64_t ticket, const CommandResult& result) {
  const auto found = pending_.find(ticket);
  if (found == pending_.end()) {
    return;  // timed out before
  }
  found->second.stop.request_stop();
  const std::optional<Json> id = std::move(found->second.id);
  pending_.erase(found);
  answer(result, id);
  if (running_ == ticket) {
    running_.reset();
    process();
  }
  if (output_.changed) {
    output_.changed();
  }
}

void Session::answer(const CommandResult& result, const std::optional<Json>& id) {
  if (!closed_) {
    output_.send(to_line(reply(result, id)));
  }
}

void Session::cancel_waits() {
  for (auto& [ticket, pending] : pending_) {
    if (running_ != ticket) {
      pending.stop.request_stop();
    }
  }
}

}  // namespace hgcm::control

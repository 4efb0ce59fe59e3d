// SPDX-License-Identifier: MIT
//
// The control socket; see server.h.
#include "vmmdevd/control/server.h"

#include "vmmdevd/control/session.h"
#include "vmmdevd/log.h"

#include <asio/local/stream_protocol.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>

#include <array>
#include <chrono>
#include <deque>
#include <set>
#include <string>
#include <utility>

namespace hgcm::control {
namespace {

using Socket = asio::local::stream_protocol::socket;

/// After a failed accept (no descriptors left), before the next one.
constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr std::size_t kReadSize = 16384;
/// With more than this unread, a client's next command waits.
constexpr std::size_t kCongested = 65536;

class Connection final : public std::enable_shared_from_this<Connection> {
 public:
  using Closed = std::function<void(const std::shared_ptr<Connection>&)>;

  Connection(Context& context, Socket socket, std::uint64_t number, Closed closed)
      : context_(context),
        socket_(std::move(socket)),
        number_(number),
        closed_(std::move(closed)) {}

  void start() {
    session_ = std::make_shared<Session>(
        context_, Session::Output{[weak = weak_from_this()](std::string line) {
                                    if (const auto self = weak.lock()) {
                                      self->send(std::move(line));
                                    }
                                  },
                                  [weak = weak_from_this()] {
                                    if (const auto self = weak.lock()) {
                                      self->advance();
                                    }
                                  },
                                  [weak = weak_from_this()] {
                                    const auto self = weak.lock();
                                    return self && self->backlog_ > kCongested;
                                  }});
    log::debug("control client connected", {{"client", number_}});
    session_->start();
    advance();
  }

  void close(std::string_view reason) {
    if (!open_) {
      return;
    }
    open_ = false;
    log::debug("control client closed", {{"client", number_}, {"reason", reason}});
    session_->close();
    flush_now();
    asio::error_code ignored;
    socket_.close(ignored);
    // Not at once: this may have been called from within the session.
    asio::post(context_.loop, [self = shared_from_this()] { self->closed_(self); });
  }

 private:
  void send(std::string line) {
    if (!open_) {
      return;
    }
    backlog_ += line.size();
    output_.push_back(std::move(line));
    if (backlog_ > ControlServer::kMaxBacklog) {
      log::warning("control client dropped: it does not read", {{"client", number_}});
      output_.clear();
      close("slow");
      return;
    }
    write();
  }

  void write() {
    if (writing_ || output_.empty() || !open_) {
      return;
    }
    writing_ = true;
    current_ = std::move(output_.front());
    output_.pop_front();
    asio::async_write(socket_, asio::buffer(current_),
                      [self = shared_from_this()](const asio::error_code& error, std::size_t) {
                        self->writing_ = false;
                        if (error) {
                          self->output_.clear();
                          self->close("write");
                          return;
                        }
                        self->backlog_ -= self->current_.size();
                        self->write();
                        self->session_->resume();
                        self->advance();
                      });
  }

  /// Reads on when the session wants more; closes when all is said.
  void advance() {
    if (!open_) {
      return;
    }
    if (session_->finished() && output_.empty() && !writing_) {
      close("end of input");
      return;
    }
    if (reading_ || !session_->wants_input()) {
      return;
    }
    reading_ = true;
    socket_.async_read_some(
        asio::buffer(input_),
        [self = shared_from_this()](const asio::error_code& error, std::size_t size) {
          self->reading_ = false;
          if (!self->open_) {
            return;
          }
          if (error == asio::error::eof) {
            self->session_->end_of_input();
          } else if (error) {
            self->close("read");
            return;
          } else {
            self->session_->receive({self->input_.data(), size});
          }
          self->advance();
        });
  }

  /// What the kernel takes without waiting, so that the last reply ("quit") is not lost.
  void flush_now() {
    if (writing_) {
      return;  // part of a line is under way; the rest would be garbage without it
    }
    asio::error_code error;
    socket_.non_blocking(true, error);
    while (!output_.empty() && !error) {
      asio::write(socket_, asio::buffer(output_.front()), error);
      output_.pop_front();
    }
  }

  Context& context_;
  Socket socket_;
  const std::uint64_t number_;
  const Closed closed_;
  std::shared_ptr<Session> session_;
  std::array<char, kReadSize> input_{};
  std::deque<std::string> output_;
  std::string current_;
  std::size_t backlog_ = 0;
  bool open_ = true;
  bool reading_ = false;
  bool writing_ = false;
};

}  // namespace

class ControlServer::Impl : public std::enable_shared_from_this<Impl> {
 public:
  explicit Impl(Context& context)
      : context_(context), acceptor_(context.loop), pause_(context.loop) {}

  void start(int fd) {
    acceptor_.assign(asio::local::stream_protocol(), fd);
    accept();
  }

  void stop() {
    asio::error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
    const auto connections = std::exchange(connections_, {});
    for (const auto& connection : connections) {
      connection->close("shutdown");
    }
  }

  [[nodiscard]] std::size_t clients() const noexcept { return connections_.size(); }

 private:
  void accept() {
    acceptor_.async_accept([weak = weak_from_this()](const asio::error_code& error, Socket socket) {
      const auto self = weak.lock();
      if (!self || error == asio::error::operation_aborted) {
        return;
      }
      if (error) {
        log::warning("cannot accept a control client", {{"error", error.message()}});
        self->pause_.expires_after(kAcceptPause);
        self->pause_.async_wait([weak](const asio::error_code& cancelled) {
          const auto owner = weak.lock();
          if (owner && !cancelled) {
            owner->accept();
          }
        });
        return;
      }
      self->add(std::move(socket));
      self->accept();
    });
  }

  void add(Socket socket) {
    if (connections_.size() >= kMaxClients) {
      log::warning("control client refused", {{"reason", "too many clients"}});
      const std::string line = to_line(reply(
          tl::unexpected(ControlError{ErrorClass::kBusy, "too many control clients", std::nullopt}),
          std::nullopt));
      asio::error_code ignored;
      socket.non_blocking(true, ignored);
      asio::write(socket, asio::buffer(line), ignored);
      return;
    }
    auto connection = std::make_shared<Connection>(
        context_, std::move(socket), ++accepted_,
        [weak = weak_from_this()](const std::shared_ptr<Connection>& gone) {
          if (const auto self = weak.lock()) {
            self->connections_.erase(gone);
          }
        });
    connections_.insert(connection);
    connection->start();
  }

  Context& context_;
  asio::local::stream_protocol::acceptor acceptor_;
  asio::steady_timer pause_;
  std::set<std::shared_ptr<Connection>> connections_;
  std::uint64_t accepted_ = 0;
};

ControlServer::ControlServer(Context& context) : impl_(std::make_shared<Impl>(context)) {}

ControlServer::~ControlServer() {
  stop();
}

void ControlServer::start(int listening_fd) {
  impl_->start(listening_fd);
}

void ControlServer::stop() {
  impl_->stop();
}

std::size_t ControlServer::clients() const noexcept {
  return impl_->clients();
}

}  // namespace hgcm::control

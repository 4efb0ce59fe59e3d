// SPDX-License-Identifier: MIT
//
// The connection: one reader at a time, whoever waits. See channel.h.
#include "vfio-user/channel.h"

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <new>
#include <utility>

namespace hgcm::vfio_user {

namespace {

/// A client that does not empty its socket for so long has stopped.
constexpr timeval kSendTimeout{.tv_sec = 5, .tv_usec = 0};

template <typename T>
T load(std::span<const std::byte> bytes) noexcept {
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

}  // namespace

Channel::Channel(UniqueFd socket, std::chrono::milliseconds dma_timeout)
    : socket_(std::move(socket)), dma_timeout_(dma_timeout), reader_(socket_.get()) {
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &kSendTimeout, sizeof kSendTimeout);
}

void Channel::mark_closed() noexcept {
  closed_ = true;
  ::shutdown(socket_.get(), SHUT_RDWR);
  changed_.notify_all();
}

void Channel::close() noexcept {
  const std::lock_guard lock(mutex_);
  mark_closed();
}

void Channel::set_peer_limit(std::uint64_t max_data_bytes) noexcept {
  peer_limit_.store(max_data_bytes, std::memory_order_relaxed);
}

void Channel::set_handling(bool handling) noexcept {
  handling_.store(handling, std::memory_order_relaxed);
  client_is_silent_.store(false, std::memory_order_relaxed);
}

std::uint64_t Channel::dma_messages() const noexcept {
  return dma_messages_.load(std::memory_order_relaxed);
}

bool Channel::send(std::span<const std::byte> first, std::span<const std::byte> second,
                   int fd) noexcept {
  std::array<iovec, 2> parts{};
  parts[0] = {.iov_base = const_cast<std::byte*>(first.data()), .iov_len = first.size()};
  parts[1] = {.iov_base = const_cast<std::byte*>(second.data()), .iov_len = second.size()};
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = second.empty() ? 1 : 2;
  if (fd >= 0) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* const part = CMSG_FIRSTHDR(&message);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(part), &fd, sizeof fd);
  }
  std::size_t left = first.size() + second.size();
  const std::lock_guard lock(send_mutex_);
  while (left != 0) {
    const ssize_t sent = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) {
      // Part of the message may be out: nothing sensible can follow it.
      close();
      return false;
    }
    left -= static_cast<std::size_t>(sent);
    message.msg_control = nullptr;
    message.msg_controllen = 0;
    auto skip = static_cast<std::size_t>(sent);
    for (iovec& part : parts) {
      const std::size_t step = std::min(skip, part.iov_len);
      part.iov_base = static_cast<std::byte*>(part.iov_base) + step;
      part.iov_len -= step;
      skip -= step;
    }
  }
  return true;
}

/// One message, or one read from the socket. Holder of the reader's role, without the lock.
Channel::Step Channel::read_step(bool block, std::span<const std::byte>& message,
                                 FdList& fds) noexcept {
  message = reader_.next(fds);
  if (message.empty()) {
    const StreamReader::Status status = reader_.fill(block);
    if (status == StreamReader::Status::kAgain) return Step::kNothing;
    if (status == StreamReader::Status::kBroken) {
      // The connection ends with this, so the client cannot fill the log by it.
      spdlog::warn("vfio-user: the client's messages cannot be told apart any more");
    }
    if (status != StreamReader::Status::kData) return Step::kClosed;
    message = reader_.next(fds);
    if (message.empty()) return Step::kNothing;
  }
  const auto header = load<wire::Header>(message);
  if ((header.flags & wire::kTypeMask) != wire::kTypeReply) return Step::kCommand;
  deliver_reply(message);
  return Step::kReply;
}

/// Above 0: the socket is readable (bit 0) or extra_fd is (bit 1). 0: the deadline has come.
int Channel::wait_readable(std::optional<Clock::time_point> deadline, int extra_fd) noexcept {
  std::array<pollfd, 2> polled{{{.fd = socket_.get(), .events = POLLIN, .revents = 0},
                                {.fd = extra_fd, .events = POLLIN, .revents = 0}}};
  for (;;) {
    timespec timeout{};
    if (deadline) {
      const auto left =
          std::max<std::chrono::nanoseconds>(*deadline - Clock::now(), std::chrono::nanoseconds(0));
      timeout.tv_sec = static_cast<time_t>(left.count() / 1'000'000'000);
      timeout.tv_nsec = static_cast<long>(left.count() % 1'000'000'000);
    }
    const int ready = ::ppoll(polled.data(), polled.size(), deadline ? &timeout : nullptr, nullptr);
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) return 0;
    return (polled[0].revents != 0 ? 1 : 0) | (polled[1].revents != 0 ? 2 : 0);
  }
}

void Channel::deliver_reply(std::span<const std::byte> message) noexcept {
  const auto header = load<wire::Header>(message);
  const std::span<const std::byte> payload = message.subspan(sizeof header);
  const std::lock_guard lock(mutex_);
  for (Waiter* waiter = waiters_; waiter != nullptr; waiter = waiter->next) {
    if (waiter->done || waiter->id != header.id) continue;
    waiter->done = true;
    waiter->ok = false;
    if ((header.flags & wire::kFlagError) != 0 ||
        header.command != static_cast<std::uint16_t>(waiter->command)) {
      break;
    }
    if (waiter->command == wire::Command::kDmaWrite) {
      waiter->ok =
          payload.size() >= wire::kDmaWriteReplySize &&
          load<std::uint64_t>(payload) == waiter->access.address &&
          load<std::uint32_t>(payload.subspan(sizeof(std::uint64_t))) == waiter->access.count;
    } else if (payload.size() == sizeof(wire::DmaAccess) + waiter->out.size()) {
      const auto access = load<wire::DmaAccess>(payload);
      waiter->ok = access.address == waiter->access.address && access.count == waiter->access.count;
      if (waiter->ok) {
        std::memcpy(waiter->out.data(), payload.data() + sizeof access, waiter->out.size());
      }
    }
    break;
  }
  // A reply that nobody waits for is one that came too late: nothing to do.
  if (sleepers_ != 0) changed_.notify_all();
}

bool Channel::queue(std::span<const std::byte> message, FdList& fds) noexcept try {
  const std::lock_guard lock(mutex_);
  if (inbox_.size() >= kMaxQueuedMessages || inbox_bytes_ + message.size() > kMaxQueuedBytes) {
    return false;
  }
  Queued& queued = inbox_.emplace_back();
  queued.bytes.assign(message.begin(), message.end());
  queued.fds.take(fds);
  inbox_bytes_ += message.size();
  if (sleepers_ != 0) changed_.notify_all();
  return true;
} catch (const std::bad_alloc&) {
  return false;
}

Channel::Event Channel::receive(Message& into, std::optional<Clock::time_point> deadline,
                                int extra_fd) noexcept {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (!inbox_.empty()) {
      Queued& queued = inbox_.front();
      into.size = queued.bytes.size();
      std::ranges::copy(queued.bytes, into.buffer.begin());
      into.fds.take(queued.fds);
      inbox_bytes_ -= queued.bytes.size();
      inbox_.pop_front();
      return Event::kMessage;
    }
    if (closed_) return Event::kClosed;
    if (reading_) {
      // Another thread waits for a reply; it passes messages on, and soon the role.
      ++sleepers_;
      const bool timed_out = deadline
                                 ? changed_.wait_until(lock, *deadline) == std::cv_status::timeout
                                 : (changed_.wait(lock), false);
      --sleepers_;
      if (timed_out) return Event::kTimeout;
      continue;
    }
    reading_ = true;
    lock.unlock();
    std::span<const std::byte> message;
    Step step = Step::kNothing;
    int ready = 1;
    if (deadline || extra_fd >= 0) {
      // Messages that are here already go first.
      step = read_step(false, message, into.fds);
      if (step == Step::kNothing) ready = wait_readable(deadline, extra_fd);
    } else {
      step = read_step(true, message, into.fds);
    }
    if (step == Step::kCommand) {
      into.size = message.size();
      std::ranges::copy(message, into.buffer.begin());
    }
    lock.lock();
    reading_ = false;
    if (sleepers_ != 0) changed_.notify_all();
    if (step == Step::kCommand) return Event::kMessage;
    if (step == Step::kClosed) {
      mark_closed();
      return Event::kClosed;
    }
    if (ready == 0) return Event::kTimeout;
    if ((ready & 2) != 0) return Event::kReadable;
  }
}

/// Reads until `self` has its reply or the deadline has come. Holder of the reader's role.
void Channel::pump(Clock::time_point deadline, const Waiter& self) noexcept {
  FdList fds;
  for (;;) {
    std::span<const std::byte> message;
    const Step step = read_step(false, message, fds);
    if (step == Step::kClosed || (step == Step::kCommand && !queue(message, fds))) {
      close();
      return;
    }
    if (step == Step::kReply) {
      const std::lock_guard lock(mutex_);
      if (self.done) return;
    }
    if (Clock::now() >= deadline) return;
    if (step == Step::kNothing && wait_readable(deadline, -1) == 0) return;
  }
}

bool Channel::transact(Waiter& waiter, std::span<const std::byte> data) noexcept {
  if (client_is_silent_.load(std::memory_order_relaxed)) return false;
  const Clock::time_point deadline = Clock::now() + dma_timeout_;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return false;
    waiter.id = next_id_++;
    waiter.next = waiters_;
    waiters_ = &waiter;
  }
  dma_messages_.fetch_add(1, std::memory_order_relaxed);
  struct {
    wire::Header header;
    wire::DmaAccess access;
  } const command{.header = {.id = waiter.id,
                             .command = static_cast<std::uint16_t>(waiter.command),
                             .size = static_cast<std::uint32_t>(
                                 sizeof(wire::Header) + sizeof(wire::DmaAccess) + data.size()),
                             .flags = wire::kTypeCommand,
                             .error = 0},
                  .access = waiter.access};
  send(std::as_bytes(std::span(&command, 1)), data, -1);

  std::unique_lock lock(mutex_);
  while (!waiter.done && !closed_ && Clock::now() < deadline) {
    if (reading_) {
      ++sleepers_;
      changed_.wait_until(lock, deadline);
      --sleepers_;
      continue;
    }
    reading_ = true;
    lock.unlock();
    pump(deadline, waiter);
    lock.lock();
    reading_ = false;
    if (sleepers_ != 0) changed_.notify_all();
  }
  Waiter** link = &waiters_;
  while (*link != &waiter) link = &(*link)->next;
  *link = waiter.next;
  if (!waiter.done && handling_.load(std::memory_order_relaxed)) {
    client_is_silent_.store(true, std::memory_order_relaxed);
  }
  return waiter.done && waiter.ok;
}

bool Channel::dma_read(std::uint64_t address, std::span<std::byte> out) noexcept {
  const std::uint64_t limit = peer_limit_.load(std::memory_order_relaxed);
  while (!out.empty()) {
    const std::size_t count = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), limit));
    Waiter waiter;
    waiter.command = wire::Command::kDmaRead;
    waiter.access = {.address = address, .count = count};
    waiter.out = out.first(count);
    if (!transact(waiter, {})) return false;
    out = out.subspan(count);
    address += count;
  }
  return true;
}

bool Channel::dma_write(std::uint64_t address, std::span<const std::byte> in) noexcept {
  const std::uint64_t limit = peer_limit_.load(std::memory_order_relaxed);
  while (!in.empty()) {
    const std::size_t count = static_cast<std::size_t>(std::min<std::uint64_t>(in.size(), limit));
    Waiter waiter;
    waiter.command = wire::Command::kDmaWrite;
    waiter.access = {.address = address, .count = count};
    if (!transact(waiter, in.first(count))) return false;
    in = in.subspan(count);
    address += count;
  }
  return true;
}

}  // namespace hgcm::vfio_user

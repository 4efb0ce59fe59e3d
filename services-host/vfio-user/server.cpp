// SPDX-License-Identifier: MIT
//
// The server: one thread accepts, one serves the client of the moment. See server.h.
#include "vfio-user/server.h"

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "vfio-user/bar_memory.h"
#include "vfio-user/channel.h"
#include "vfio-user/connection_keeper.h"
#include "vfio-user/dma_memory.h"
#include "vfio-user/interrupts.h"
#include "vfio-user/listener.h"
#include "vfio-user/protocol.h"
#include "vfio-user/unique_fd.h"

namespace hgcm::vfio_user {

namespace {

/// A QEMU that is started anew may be here before the end of the old one has been noticed.
constexpr std::chrono::seconds kTakeOverTime{1};
/// Whoever connects and says nothing must not keep the virtual machine out.
constexpr std::chrono::seconds kVersionTime{10};
constexpr std::uint32_t kMaxPortBar = 256;
constexpr std::uint32_t kMaxMemoryBar = 1U << 30;

bool valid_areas(const BarConfig& bar) noexcept {
  std::uint64_t end = 0;
  for (const MappableArea& area : bar.mappable) {
    if (area.size == 0 || area.size % kDmaPageSize != 0 || area.offset % kDmaPageSize != 0 ||
        area.offset < end || area.offset > bar.size || area.size > bar.size - area.offset) {
      return false;
    }
    end = area.offset + area.size;
  }
  return true;
}

bool valid_bar(const BarConfig& bar) noexcept {
  switch (bar.kind) {
    case BarConfig::Kind::kNone:
      return bar.size == 0 && !bar.backed && bar.mappable.empty();
    case BarConfig::Kind::kPorts:
      return std::has_single_bit(bar.size) && bar.size >= 4 && bar.size <= kMaxPortBar &&
             !bar.backed && bar.mappable.empty();
    case BarConfig::Kind::kMemory:
      return std::has_single_bit(bar.size) && bar.size >= 16 && bar.size <= kMaxMemoryBar &&
             (bar.backed || bar.mappable.empty()) && valid_areas(bar) &&
             (!bar.backed || bar.size % kDmaPageSize == 0);
  }
  return false;
}

int peer_process(int socket) noexcept {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? peer.pid : 0;
}

}  // namespace

class Server::Impl {
 public:
  explicit Impl(Options options)
      : options_(std::move(options)), interrupts_(options_.intx_recheck) {}

  ~Impl() { stop(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Status make_bars() noexcept {
    for (unsigned i = 0; i < kBarCount; ++i) {
      if (!valid_bar(options_.bars.at(i))) return HGCM_ERR_INVALID_PARAMETER;
    }
    return Status::from_errno(renew_bars());
  }

  Status start(DeviceBackend& backend);
  void stop() noexcept;

  DmaMemory& memory() noexcept { return memory_; }
  const DmaMemory& memory() const noexcept { return memory_; }
  Interrupts& interrupts() noexcept { return interrupts_; }
  std::span<std::byte> bar_memory(unsigned bar) const noexcept {
    return bar < kBarCount ? bars_.at(bar).bytes() : std::span<std::byte>{};
  }
  bool connected() const noexcept { return connected_.load(std::memory_order_relaxed); }
  ServerCounters counters() const noexcept;

 private:
  int renew_bars() noexcept {
    for (unsigned i = 0; i < kBarCount; ++i) {
      const BarConfig& bar = options_.bars.at(i);
      if (!bar.backed) continue;
      if (const int error = bars_.at(i).renew(bar.size)) return error;
    }
    return 0;
  }

  void accept_loop() noexcept;
  void serve_loop() noexcept;
  void serve(UniqueFd socket);
  void exchange_messages(Channel& channel, Channel::Message& message) noexcept;
  UniqueFd open_twin(std::uint64_t max_data_bytes);

  const Options options_;
  DmaMemory memory_;
  Interrupts interrupts_;
  std::array<BarMemory, kBarCount> bars_;

  DeviceBackend* backend_ = nullptr;
  std::unique_ptr<Protocol> protocol_;
  Listener listener_;
  UniqueFd stop_event_;
  std::thread acceptor_;
  std::thread server_;

  mutable std::mutex mutex_;  // protects the block below
  std::condition_variable changed_;
  bool stopping_ = false;
  bool busy_ = false;  // a client is handed over or being served
  UniqueFd handed_over_;
  Channel* channel_ = nullptr;     // of the client being served
  std::unique_ptr<Channel> twin_;  // set and used on the server's thread, closed by stop()

  std::atomic<bool> connected_{false};
  std::atomic<std::uint64_t> clients_{0};
  std::atomic<std::uint64_t> clients_refused_{0};
  std::atomic<std::uint64_t> dma_messages_{0};  // of connections that have ended
};

Status Server::Impl::start(DeviceBackend& backend) {
  if (backend_ != nullptr) return HGCM_ERR_INVALID_STATE;
  stop_event_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop_event_) return Status::from_errno(errno);
  protocol_ = std::make_unique<Protocol>(
      options_, memory_, interrupts_, backend, [this](unsigned bar) { return bars_.at(bar).fd(); },
      [this](std::uint64_t max_data_bytes) { return open_twin(max_data_bytes); });
  if (const Status status = listener_.open(options_.socket_path); status.failed()) return status;
  backend_ = &backend;
  server_ = std::thread([this] { serve_loop(); });
  acceptor_ = std::thread([this] { accept_loop(); });
  return {};
}

void Server::Impl::stop() noexcept {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    if (channel_ != nullptr) channel_->close();
    if (twin_) twin_->close();
    changed_.notify_all();
  }
  if (stop_event_) {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(stop_event_.get(), &one, sizeof one);
  }
  if (acceptor_.joinable()) acceptor_.join();
  if (server_.joinable()) server_.join();
  listener_.close();
}

void Server::Impl::accept_loop() noexcept {
  for (;;) {
    std::array<pollfd, 2> polled{{{.fd = listener_.fd(), .events = POLLIN, .revents = 0},
                                  {.fd = stop_event_.get(), .events = POLLIN, .revents = 0}}};
    if (::poll(polled.data(), polled.size(), -1) < 0 && errno != EINTR) return;
    std::unique_lock lock(mutex_);
    if (stopping_) return;
    if (polled[0].revents == 0) continue;
    changed_.wait_for(lock, kTakeOverTime, [this] { return stopping_ || !busy_; });
    if (stopping_) return;
    UniqueFd socket = listener_.accept();
    if (!socket) {
      // Out of descriptors, perhaps: the connection stays in the queue, and polling would spin.
      changed_.wait_for(lock, kTakeOverTime, [this] { return stopping_; });
      continue;
    }
    if (busy_) {
      clients_refused_.fetch_add(1, std::memory_order_relaxed);
      spdlog::warn("vfio-user: refused process {}: there is a client already",
                   peer_process(socket.get()));
      hang_up(socket.get());
      continue;
    }
    busy_ = true;
    handed_over_ = std::move(socket);
    changed_.notify_all();
  }
}

void Server::Impl::serve_loop() noexcept {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || handed_over_; });
    if (stopping_) return;
    UniqueFd socket = std::move(handed_over_);
    lock.unlock();
    try {
      serve(std::move(socket));
    } catch (const std::exception& error) {
      spdlog::error("vfio-user: cannot serve the client: {}", error.what());
    }
    lock.lock();
    busy_ = false;
    changed_.notify_all();
  }
}

void Server::Impl::serve(UniqueFd socket) {
  const int process = peer_process(socket.get());
  const ConnectionKeeper keeper(socket.get());
  // All that can fail comes before the device is told.
  Channel channel(std::move(socket), options_.dma_timeout);
  auto message = std::make_unique<Channel::Message>();
  if (const int error = renew_bars()) throw std::system_error(error, std::generic_category());
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    channel_ = &channel;
  }
  memory_.set_messenger(&channel);
  clients_.fetch_add(1, std::memory_order_relaxed);
  connected_.store(true, std::memory_order_relaxed);
  spdlog::info("vfio-user: process {} connected", process);
  backend_->attach();

  exchange_messages(channel, *message);

  channel.close();
  if (twin_) twin_->close();
  backend_->detach();
  protocol_->forget_client();
  memory_.set_messenger(nullptr);
  connected_.store(false, std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  dma_messages_.fetch_add(channel.dma_messages() + (twin_ ? twin_->dma_messages() : 0),
                          std::memory_order_relaxed);
  twin_.reset();
  channel_ = nullptr;
  spdlog::info("vfio-user: process {} disconnected", process);
}

void Server::Impl::exchange_messages(Channel& channel, Channel::Message& message) noexcept {
  const Interrupts::Clock::time_point version_deadline = Interrupts::Clock::now() + kVersionTime;
  for (;;) {
    std::optional<Interrupts::Clock::time_point> deadline = interrupts_.deadline();
    if (!protocol_->version_known()) deadline = version_deadline;
    switch (channel.receive(message, deadline, interrupts_.intx_unmask_fd())) {
      case Channel::Event::kMessage: {
        Channel& dma_channel = twin_ ? *twin_ : channel;
        dma_channel.set_handling(true);
        const Reply reply = protocol_->handle(message.bytes(), message.fds);
        dma_channel.set_handling(false);
        message.fds.clear();
        channel.set_peer_limit(protocol_->client().max_data_bytes);
        if (!reply.bytes.empty()) channel.send(reply.bytes, {}, reply.fd);
        break;
      }
      case Channel::Event::kTimeout:
        if (protocol_->version_known()) break;
        spdlog::warn("vfio-user: the client did not give its version in time");
        return;
      case Channel::Event::kReadable:
        interrupts_.on_intx_unmask_fd(Interrupts::Clock::now());
        break;
      case Channel::Event::kClosed:
        return;
    }
    if (deadline) interrupts_.run_timer(Interrupts::Clock::now());
  }
}

UniqueFd Server::Impl::open_twin(std::uint64_t max_data_bytes) {
  std::array<int, 2> pair{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0) return {};
  UniqueFd ours(pair[0]);
  UniqueFd theirs(pair[1]);
  auto twin = std::make_unique<Channel>(std::move(ours), options_.dma_timeout);
  twin->set_peer_limit(max_data_bytes);
  const std::lock_guard lock(mutex_);
  if (stopping_) return {};
  twin_ = std::move(twin);
  memory_.set_messenger(twin_.get());
  return theirs;
}

ServerCounters Server::Impl::counters() const noexcept {
  ServerCounters counters;
  counters.clients = clients_.load(std::memory_order_relaxed);
  counters.clients_refused = clients_refused_.load(std::memory_order_relaxed);
  if (protocol_) {
    const ProtocolCounters& from = protocol_->counters();
    counters.messages = from.messages.load(std::memory_order_relaxed);
    counters.messages_refused = from.messages_refused.load(std::memory_order_relaxed);
    counters.bar_reads = from.bar_reads.load(std::memory_order_relaxed);
    counters.bar_writes = from.bar_writes.load(std::memory_order_relaxed);
    counters.config_reads = from.config_reads.load(std::memory_order_relaxed);
    counters.config_writes = from.config_writes.load(std::memory_order_relaxed);
  }
  counters.dma_messages = dma_messages_.load(std::memory_order_relaxed);
  {
    const std::lock_guard lock(mutex_);
    if (channel_ != nullptr) counters.dma_messages += channel_->dma_messages();
    if (twin_) counters.dma_messages += twin_->dma_messages();
  }
  const Interrupts::Counters interrupts = interrupts_.counters();
  counters.intx_signalled = interrupts.intx_signalled;
  counters.intx_resignalled = interrupts.intx_resignalled;
  counters.intx_unmasked = interrupts.intx_unmasked;
  counters.msi_signalled = interrupts.msi_signalled;
  return counters;
}

Server::Server(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::create(Options options) noexcept try {
  auto impl = std::make_unique<Impl>(std::move(options));
  if (const Status status = impl->make_bars(); status.failed()) return failure(status);
  return std::unique_ptr<Server>(new Server(std::move(impl)));
} catch (const std::exception&) {
  return failure(HGCM_ERR_NO_MEMORY);
}

Status Server::start(DeviceBackend& backend) noexcept try {
  return impl_->start(backend);
} catch (const std::exception&) {
  impl_->stop();
  return HGCM_ERR_OUT_OF_RESOURCES;
}

void Server::stop() noexcept {
  impl_->stop();
}
vmmdev::GuestMemory& Server::guest_memory() noexcept {
  return impl_->memory();
}
std::shared_ptr<const FileMapping> Server::guest_file(const void* address) const noexcept {
  return std::as_const(*impl_).memory().mapping_at(address);
}
vmmdev::InterruptLine& Server::interrupt_line() noexcept {
  return impl_->interrupts();
}
std::span<std::byte> Server::bar_memory(unsigned bar) noexcept {
  return impl_->bar_memory(bar);
}
bool Server::connected() const noexcept {
  return impl_->connected();
}
ServerCounters Server::counters() const noexcept {
  return impl_->counters();
}

}  // namespace hgcm::vfio_user

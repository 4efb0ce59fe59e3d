// SPDX-License-Identifier: MIT
//
// Assembly of the daemon; see daemon.h.
#include "vmmdevd/daemon.h"

#include "hgcm/scheduling.h"
#include "hgcm/service_host.h"
#include "vfio-user/server.h"
#include "vmmdev/device.h"
#include "vmmdevd/backend.h"
#include "vmmdevd/confined_folders.h"
#include "vmmdevd/control/server.h"
#include "vmmdevd/guest_observer.h"
#include "vmmdevd/guest_property_access.h"
#include "vmmdevd/line_file.h"
#include "vmmdevd/log.h"
#include "vmmdevd/paths.h"
#include "vmmdevd/qemu_options.h"
#include "vmmdevd/readiness.h"
#include "vmmdevd/shared_folder_access.h"
#include "vmmdevd/unix_socket.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/signal_set.hpp>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace hgcm::vmmdevd {
namespace {

using control::Json;

/// A service may hang in its last call; the daemon ends all the same.
constexpr std::chrono::seconds kShutdownPatience{20};
constexpr std::chrono::seconds kWorkerPatience{2};

// Lines of the guest's log: it may write as many as it likes, the log takes this many.
constexpr unsigned kGuestLogBurst = 200;
constexpr unsigned kGuestLogPerSecond = 50;

Json transport_json(const vfio_user::Server& server) {
  const vfio_user::ServerCounters c = server.counters();
  return {{"connected", server.connected()},
          {"clients", c.clients},
          {"clients-refused", c.clients_refused},
          {"messages", c.messages},
          {"messages-refused", c.messages_refused},
          {"bar-reads", c.bar_reads},
          {"bar-writes", c.bar_writes},
          {"config-reads", c.config_reads},
          {"config-writes", c.config_writes},
          {"dma-messages", c.dma_messages},
          {"intx-signalled", c.intx_signalled},
          {"intx-resignalled", c.intx_resignalled},
          {"intx-unmasked", c.intx_unmasked},
          {"msi-signalled", c.msi_signalled}};
}

log::Level to_log_level(host::LogLevel level) {
  switch (level) {
    case host::LogLevel::kInfo:
      return log::Level::kInfo;
    case host::LogLevel::kWarning:
      return log::Level::kWarning;
    case host::LogLevel::kError:
      return log::Level::kError;
  }
  return log::Level::kInfo;
}

class Daemon {
 public:
  explicit Daemon(const Options& options)
      : options_(options),
        guest_log_limit_(kGuestLogBurst, kGuestLogPerSecond),
        events_(std::make_shared<control::EventHub>(loop_)),
        observer_({.qmp = options.qmp, .core_dumps = options.core_dumps}, events_, executor_),
        signals_(loop_),
        hang_up_(loop_),
        confined_(options) {}

  /// False: it cannot start; the reason is logged.
  bool start();
  int run();

 private:
  bool make_device();
  bool open_guest_log();
  void write_guest_log(std::string_view line);
  void reopen_logs();
  bool load_services();
  bool open_sockets();
  void announce();
  void begin_shutdown(std::string_view reason);
  int shut_down();

  /// Services ask for the session id from threads of their own, also while the device goes away.
  void set_session_device(const vmmdev::Device* device) {
    const std::lock_guard lock(session_device_mutex_);
    session_device_ = device;
  }

  bool failed(std::string_view message, std::string_view reason) {
    log::error(message, {{"reason", reason}});
    return false;
  }

  const Options& options_;
  log::RateLimit guest_log_limit_;
  asio::io_context loop_;
  const std::shared_ptr<control::EventHub> events_;
  control::ThreadExecutor executor_;
  GuestObserver observer_;
  std::optional<LineFile> guest_log_;
  asio::signal_set signals_;
  asio::signal_set hang_up_;

  // In the order of need: each uses those above it.
  std::mutex session_device_mutex_;  // protects session_device_, and what it points to in use
  const vmmdev::Device* session_device_ = nullptr;
  ConfinedFolders confined_;
  std::unique_ptr<host::ServiceHost> services_;
  std::unique_ptr<control::GuestPropertyAccess> properties_;
  std::unique_ptr<control::SharedFolderAccess> shares_;
  std::unique_ptr<vfio_user::Server> server_;
  std::unique_ptr<vmmdev::Device> device_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<control::Context> context_;
  std::optional<ListeningSocket> control_socket_;
  std::unique_ptr<control::ControlServer> control_;
  bool ending_ = false;
};

bool Daemon::make_device() {
  host::ServiceHostOptions host_options;
  host_options.service_directories = options_.service_directories;
  host_options.load_on_connect = options_.load_on_connect;
  host_options.max_look = options_.poll;
  host_options.entry_for = [this](std::string_view name, const std::filesystem::path& library) {
    return confined_.entry_for(name, library);
  };
  host_options.session_id = [this]() -> std::uint64_t {
    const std::lock_guard lock(session_device_mutex_);
    return session_device_ == nullptr ? 0 : session_device_->session_id();
  };
  host_options.log = [](host::LogLevel level, std::string_view line) {
    log::write(to_log_level(level), "service host", {{"message", line}});
  };
  services_ = std::make_unique<host::ServiceHost>(std::move(host_options));
  properties_ = std::make_unique<control::GuestPropertyAccess>(*services_, events_,
                                                               options_.guest_properties_file);
  shares_ = std::make_unique<control::SharedFolderAccess>(*services_);

  auto server = vfio_user::Server::create(server_options(options_));
  if (!server) {
    return failed("cannot make the device", server.error().to_string());
  }
  server_ = std::move(*server);
  confined_.use_memory_of(*server_);

  vmmdev::DeviceConfig config;
  config.max_hold = options_.hold;
  config.fast_acknowledge = options_.fast_acknowledge;
  config.event_word = options_.event_word;
  config.ring = options_.poll.count() > 0;
  config.heartbeat = options_.heartbeat;
  config.host_time = options_.host_time;
  config.keep_credentials = options_.keep_credentials;
  config.observer = &observer_;
  config.guest_log = [this](std::string_view line) { write_guest_log(line); };
  device_ = std::make_unique<vmmdev::Device>(server_->guest_memory(), server_->interrupt_line(),
                                             *services_, server_->bar_memory(kMemoryBar),
                                             std::move(config));
  set_session_device(device_.get());
  backend_ = std::make_unique<Backend>(*device_, *services_, events_, [this] {
    // Blocks on the service, which the server's thread must not.
    if (!executor_.run([this] { properties_->on_reset(); })) {
      log::warning("too busy to remove the properties that a reset removes");
    }
  });
  return true;
}

bool Daemon::open_guest_log() {
  if (options_.guest_log.empty()) {
    return true;
  }
  guest_log_.emplace(options_.guest_log);
  std::string detail;
  return guest_log_->open(detail) || failed("cannot open the guest's log", detail);
}

void Daemon::write_guest_log(std::string_view line) {
  std::uint64_t suppressed = 0;
  if (!guest_log_limit_.allow(std::chrono::steady_clock::now(), suppressed)) {
    return;
  }
  if (suppressed > 0) {
    log::warning("guest log lines dropped", {{"count", suppressed}});
  }
  if (guest_log_) {
    guest_log_->write(line);
  } else {
    log::info("guest log", {{"line", line}});
  }
}

/// A rotator has taken the files away.
void Daemon::reopen_logs() {
  hang_up_.async_wait([this](const asio::error_code& error, int /*signal*/) {
    if (error) {
      return;
    }
    std::string detail;
    if (!log::open(options_.log_file, options_.log_level, detail) ||
        (guest_log_ && !guest_log_->open(detail))) {
      log::error("cannot open a log anew", {{"reason", detail}});
    }
    reopen_logs();
  });
}

bool Daemon::load_services() {
  for (const ServiceOption& service : options_.services) {
    std::string detail;
    const Status status = services_->load(service.name, service.path, &detail);
    if (status.failed()) {
      log::error("cannot load a service",
                 {{"service", service.name}, {"status", status.to_string()}, {"reason", detail}});
      return false;
    }
  }
  if (services_->has_service(control::kGuestPropertyService)) {
    std::string detail;
    if (const Status status = properties_->attach(detail); status.failed()) {
      log::error("guest properties are not usable", {{"status", status.to_string()},
                                                     {"file", options_.guest_properties_file},
                                                     {"reason", detail}});
      return false;
    }
  }
  for (const shfl::ShareSettings& share : options_.shares) {
    std::error_code error;
    if (!std::filesystem::is_directory(share.path, error)) {
      // As in VirtualBox: the guest sees an empty place until there is one.
      log::warning("a shared directory does not exist",
                   {{"share", share.name}, {"path", share.path}});
    }
    if (const Status status = shares_->add(share); status.failed()) {
      log::error("cannot share a directory",
                 {{"share", share.name}, {"path", share.path}, {"status", status.to_string()}});
      return false;
    }
  }
  return true;
}

bool Daemon::open_sockets() {
  if (options_.make_runtime_directory) {
    const std::filesystem::path directory = runtime_directory();
    if (::mkdir(directory.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
      log::error("cannot make the directory of the sockets",
                 {{"directory", directory}, {"reason", std::generic_category().message(errno)}});
      return false;
    }
  }
  std::string detail;
  control_socket_ = ListeningSocket::create(options_.control, detail);
  if (!control_socket_) {
    return failed("cannot open the control socket", detail);
  }
  if (const Status status = server_->start(*backend_); status.failed()) {
    log::error("cannot open the device socket",
               {{"socket", options_.socket},
                {"reason", status == HGCM_ERR_ALREADY_EXISTS
                               ? std::string("another program listens there, or it is no socket")
                               : status.to_string()}});
    return false;
  }
  context_ = std::make_unique<control::Context>(
      control::Context{.loop = loop_,
                       .executor = executor_,
                       .events = events_,
                       .services = *services_,
                       .device = *device_,
                       .properties = *properties_,
                       .shares = *shares_,
                       .transport = [this] { return transport_json(*server_); },
                       .quit = [this] { asio::post(loop_, [this] { begin_shutdown("quit"); }); },
                       .sandbox = [this] { return confined_.statistics(); }});
  control_ = std::make_unique<control::ControlServer>(*context_);
  control_->start(control_socket_->release_fd());
  return true;
}

void Daemon::announce() {
  log::info(
      "ready",
      {{"version", HGCM_VERSION}, {"socket", options_.socket}, {"control", options_.control}});
  std::printf("QEMU options (memory of your machine's size): %s\nready\n",
              qemu_options(options_.socket, "2G").c_str());
  std::fflush(stdout);
  notify_manager("READY=1");
}

bool Daemon::start() {
  signals_.add(SIGTERM);
  signals_.add(SIGINT);
  signals_.async_wait([this](const asio::error_code& error, int signal) {
    if (!error) {
      begin_shutdown(signal == SIGINT ? "SIGINT" : "SIGTERM");
    }
  });
  hang_up_.add(SIGHUP);
  reopen_logs();
  if (!open_guest_log() || !make_device() || !load_services() || !open_sockets()) {
    return false;
  }
  announce();
  return true;
}

int Daemon::run() {
  const auto work = asio::make_work_guard(loop_);
  loop_.run();
  return shut_down();
}

void Daemon::begin_shutdown(std::string_view reason) {
  if (std::exchange(ending_, true)) {
    return;
  }
  log::info("ending", {{"reason", reason}});
  notify_manager("STOPPING=1");
  // From now on a second signal has its default effect: the end, at once.
  asio::error_code ignored;
  signals_.clear(ignored);
  hang_up_.clear(ignored);
  events_->emit(control::kEventShutdown, {{"reason", reason}});
  // Behind the delivery of that event.
  asio::post(loop_, [this] {
    control_->stop();
    loop_.stop();
  });
}

int Daemon::shut_down() {
  std::thread([] {
    std::this_thread::sleep_for(kShutdownPatience);
    log::error("a service hangs; ending without it");
    log::flush();
    ::_exit(EXIT_FAILURE);
  }).detach();

  control_socket_.reset();
  server_->stop();
  // Before the properties are let go: a command under way would take them up again.
  const bool idle = executor_.shutdown(kWorkerPatience);
  properties_->detach();
  if (!idle) {
    // Threads that never come back use what would be destroyed now.
    log::error("a command hangs in a service; ending without it");
    log::flush();
    ::_exit(EXIT_FAILURE);
  }
  control_.reset();
  backend_.reset();
  set_session_device(nullptr);
  device_.reset();
  shares_.reset();
  properties_.reset();
  services_.reset();
  log::info("ended");
  log::flush();
  return EXIT_SUCCESS;
}

}  // namespace

int run_daemon(const Options& options) {
  std::signal(SIGPIPE, SIG_IGN);
  // A guest's open files are ours. The low default is for the sake of select(), which nothing here
  // uses.
  rlimit descriptors{};
  if (::getrlimit(RLIMIT_NOFILE, &descriptors) == 0) {
    descriptors.rlim_cur = descriptors.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &descriptors);
  }
  // Before there is any other: all threads, and the processes of confined services, are to have it.
  host::take_short_turns();
  Daemon daemon(options);
  return daemon.start() ? daemon.run() : EXIT_FAILURE;
}

}  // namespace hgcm::vmmdevd

// SPDX-License-Identifier: MIT
//
// What the host offers a service, with owners: Call (a guest call that is completed exactly once),
// Host (session id, other clients), InfoHandler, Counter and Extension. Thin wrappers of the helper
// table in <hgcm/service_abi.h>; nothing here starts a thread.
#ifndef HGCM_SERVICE_CALL_HPP
#define HGCM_SERVICE_CALL_HPP

#include <hgcm/service_abi.h>
#include <hgcm/status.h>

#include <atomic>
#include <cstdarg>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace hgcm::service {

/// A guest call that waits for its completion. Move-only; may be kept and completed on any thread.
/// A Call that is destroyed without complete() is completed as abandoned, so that no caller waits
/// for good: a service that parks calls in its per-client state need not do anything at disconnect.
class Call {
 public:
  Call() noexcept = default;
  Call(const hgcm_svc_helpers& helpers, hgcm_svc_call_handle handle) noexcept
      : helpers_(&helpers), handle_(handle) {}
  Call(Call&& other) noexcept
      : helpers_(other.helpers_),
        handle_(std::exchange(other.handle_, nullptr)),
        abandoned_(other.abandoned_) {}
  Call& operator=(Call&& other) noexcept {
    if (this != &other) {
      abandon();
      helpers_ = other.helpers_;
      handle_ = std::exchange(other.handle_, nullptr);
      abandoned_ = other.abandoned_;
    }
    return *this;
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  ~Call() { abandon(); }

  /// Whether there is a call here to complete.
  explicit operator bool() const noexcept { return handle_ != nullptr; }

  /// Hands the parameters, as they are now, and `status` to the guest; afterwards parameters and
  /// this object are dead. HGCM_ERR_CANCELLED: the guest had given up, nothing was delivered.
  /// HGCM_ERR_ALREADY_RESET: the machine is being reset. HGCM_ERR_INVALID_HANDLE: already empty.
  Status complete(Status status) && noexcept {
    const hgcm_svc_call_handle handle = std::exchange(handle_, nullptr);
    return handle != nullptr ? Status(helpers_->call_complete(handle, status.code()))
                             : Status(HGCM_ERR_INVALID_HANDLE);
  }

  /// What the guest gets if this is destroyed; HGCM_ERR_INTERRUPTED unless set.
  void set_abandoned_status(Status status) noexcept { abandoned_ = status; }

  /// The rest is for a Call that is not empty.

  [[nodiscard]] bool is_cancelled() const noexcept { return helpers_->is_call_cancelled(handle_); }
  /// Was pending when a machine state was saved, and is now submitted again.
  [[nodiscard]] bool is_restored() const noexcept { return helpers_->is_call_restored(handle_); }
  /// HGCM_REQUESTOR_ bits.
  [[nodiscard]] std::uint32_t requestor() const noexcept {
    return helpers_->get_requestor(handle_);
  }

 private:
  void abandon() noexcept {
    if (const hgcm_svc_call_handle handle = std::exchange(handle_, nullptr)) {
      const Status status =
          std::uncaught_exceptions() > 0 ? Status(HGCM_ERR_UNEXPECTED_EXCEPTION) : abandoned_;
      helpers_->call_complete(handle, status.code());
    }
  }

  const hgcm_svc_helpers* helpers_ = nullptr;
  hgcm_svc_call_handle handle_ = nullptr;
  Status abandoned_ = HGCM_ERR_INTERRUPTED;
};

/// The host of a service, from its construction to its destruction. Copyable.
class Host {
 public:
  explicit Host(const hgcm_svc_helpers& helpers) noexcept : helpers_(&helpers) {}

  /// A new value at each start, reset and restore of the machine. Any thread.
  [[nodiscard]] std::uint64_t session_id() const noexcept {
    return helpers_->get_session_id(helpers_->instance);
  }
  /// Drops another client of this service; only from within the connect() and disconnect() hooks.
  Status disconnect_client(std::uint32_t client) const noexcept {
    return helpers_->disconnect_client(helpers_->instance, client);
  }
  [[nodiscard]] const hgcm_svc_helpers& helpers() const noexcept { return *helpers_; }

 private:
  const hgcm_svc_helpers* helpers_;
};

/// Where an info handler prints.
class InfoOutput {
 public:
  explicit InfoOutput(const hgcm_svc_info_output& output) noexcept : output_(&output) {}
  void print(const std::string& text) const { output_->print(output_, "%s", text.c_str()); }

 private:
  const hgcm_svc_info_output* output_;
};

/// A named report that an operator can ask the host for. Registered while this lives. The function
/// may be called on any thread and must not throw.
class InfoHandler {
 public:
  using Function = std::function<void(const InfoOutput&, std::string_view arguments)>;

  InfoHandler(Host host, std::string name, const std::string& description, Function function)
      : host_(host),
        name_(std::move(name)),
        function_(std::make_unique<Function>(std::move(function))) {
    const hgcm_svc_helpers& helpers = host_.helpers();
    status_ = helpers.info_register(helpers.instance, name_.c_str(), description.c_str(), &call,
                                    function_.get());
  }
  InfoHandler(const InfoHandler&) = delete;
  InfoHandler& operator=(const InfoHandler&) = delete;
  ~InfoHandler() {
    if (status_.ok()) {
      host_.helpers().info_deregister(host_.helpers().instance, name_.c_str());
    }
  }
  /// How the registration went.
  [[nodiscard]] Status status() const noexcept { return status_; }

 private:
  static void call(void* user, const hgcm_svc_info_output* output, const char* arguments) noexcept {
    (*static_cast<Function*>(user))(InfoOutput(*output), arguments != nullptr ? arguments : "");
  }

  Host host_;
  std::string name_;
  std::unique_ptr<Function> function_;
  Status status_;
};

/// A number among the host's statistics. Any thread may add to it.
class Counter {
 public:
  Counter(Host host, std::string name, const std::string& description)
      : host_(host), name_(std::move(name)) {
    static_assert(sizeof(value_) == sizeof(std::uint64_t));
    constexpr int kAlwaysVisible = 1;
    constexpr int kCount = 3;
    status_ = register_v(&value_, HGCM_SVC_STAT_U64, kAlwaysVisible, kCount, description.c_str(),
                         "%s", name_.c_str());
  }
  Counter(const Counter&) = delete;
  Counter& operator=(const Counter&) = delete;
  ~Counter() {
    if (status_.ok()) {
      deregister_v("%s", name_.c_str());
    }
  }
  [[nodiscard]] Status status() const noexcept { return status_; }
  void add(std::uint64_t n = 1) noexcept { value_.fetch_add(n, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t value() const noexcept {
    return value_.load(std::memory_order_relaxed);
  }

 private:
  // The host's functions take a va_list, which only a variadic function can make.
  Status register_v(void* sample, int type, int visibility, int unit, const char* description,
                    const char* format, ...) const noexcept {
    va_list args;
    va_start(args, format);
    const hgcm_svc_helpers& helpers = host_.helpers();
    const std::int32_t status = helpers.stat_register_v(helpers.instance, sample, type, visibility,
                                                        unit, description, format, args);
    va_end(args);
    return status;
  }
  void deregister_v(const char* format, ...) const noexcept {
    va_list args;
    va_start(args, format);
    const hgcm_svc_helpers& helpers = host_.helpers();
    helpers.stat_deregister_v(helpers.instance, format, args);
    va_end(args);
  }

  Host host_;
  std::string name_;
  std::atomic<std::uint64_t> value_{0};
  Status status_;
};

/// The host component that has registered itself to be called back; empty when there is none.
class Extension {
 public:
  Extension() noexcept = default;
  Extension(hgcm_svc_extension_fn function, void* user) noexcept
      : function_(function), user_(user) {}

  explicit operator bool() const noexcept { return function_ != nullptr; }

  /// Without an extension: HGCM_ERR_NOT_SUPPORTED.
  Status call(std::uint32_t function, void* data, std::uint32_t size) const {
    return function_ != nullptr ? Status(function_(user_, function, data, size))
                                : Status(HGCM_ERR_NOT_SUPPORTED);
  }

 private:
  hgcm_svc_extension_fn function_ = nullptr;
  void* user_ = nullptr;
};

}  // namespace hgcm::service

#endif

// SPDX-License-Identifier: MIT
//
// The guest property service in a ServiceHost with a PropertyManager on it, and a guest beside.
#ifndef HGCM_TESTS_GUEST_PROPERTIES_MANAGER_FIXTURE_H
#define HGCM_TESTS_GUEST_PROPERTIES_MANAGER_FIXTURE_H

#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <mutex>
#include <sstream>
#include <string>
#include <vector>

#include "guest-properties/property_manager.h"
#include "guest-properties/protocol.h"
#include "hgcm/service_host.h"

namespace hgcm::guestprop::test {

/// A directory of the test's own.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "guestprop.XXXXXX").string();
    BOOST_REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::filesystem::path operator/(std::string_view name) const {
    return path_ / name;
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}
inline void write_file(const std::filesystem::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

inline std::filesystem::path service_path() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path() /
         "services/VBoxGuestPropSvc.so";
}

/// A guest call that owns its buffers.
class Call final : public host::GuestCall {
 public:
  Status complete(Status status) noexcept override {
    done_.set_value(status);
    return HGCM_INF_SUCCESS;
  }
  void add(std::string text) {
    texts_.push_back(std::make_unique<std::string>(std::move(text)));
    hgcm_svc_parm parm{};
    parm.type = HGCM_SVC_PARM_PTR;
    parm.u.ptr.size = static_cast<std::uint32_t>(texts_.back()->size() + 1);
    parm.u.ptr.addr = texts_.back()->data();
    parameters.push_back(parm);
  }
  Status wait() { return done_.get_future().get(); }

 private:
  std::promise<Status> done_;
  std::vector<std::unique_ptr<std::string>> texts_;
};

struct Machine {
  Machine() {
    std::string detail;
    BOOST_REQUIRE_MESSAGE(host.load("VBoxGuestPropSvc", service_path(), &detail).ok(), detail);
    std::promise<host::ClientId> connected;
    host.connect("VBoxGuestPropSvc", HGCM_REQUESTOR_LEGACY,
                 [&](Status, host::ClientId id) { connected.set_value(id); });
    client = connected.get_future().get();
  }

  Status guest_call(std::uint32_t function, std::vector<std::string> texts) {
    const auto call = std::make_shared<Call>();
    call->function = function;
    for (std::string& text : texts) {
      call->add(std::move(text));
    }
    call->parameter_count = static_cast<std::uint32_t>(texts.size());
    call->parameters.resize(std::max(call->parameters.size(), host::kMinParameterSlots));
    const Status accepted = host.call(client, call);
    return accepted.ok() ? call->wait() : accepted;
  }
  Status guest_set(const std::string& name, const std::string& value,
                   const std::string& flags = {}) {
    return guest_call(kGuestSetProperty, {name, value, flags});
  }

  host::ServiceHost host{host::ServiceHostOptions{}};
  host::ClientId client = 0;
};

struct Managed : Machine {
  Managed() { BOOST_REQUIRE(manager.attach().ok()); }
  PropertyManager manager{host};
};

/// Collects the changes of a manager for as long as it lives, and those it is given; those may come
/// from any thread.
class Recorder {
 public:
  Recorder() = default;
  explicit Recorder(PropertyManager& manager)
      : manager_(&manager),
        listener_(manager.add_listener([this](const Change& change) { add(change); })) {}
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;
  ~Recorder() {
    if (manager_ != nullptr) {
      manager_->remove_listener(listener_);
    }
  }

  void add(const Change& change) {
    const std::lock_guard lock(mutex_);
    changes_.push_back(change);
    changed_.notify_all();
  }
  std::vector<Change> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    BOOST_REQUIRE(changed_.wait_for(lock, std::chrono::seconds(10),
                                    [&] { return changes_.size() >= count; }));
    return changes_;
  }
  std::size_t count() {
    const std::lock_guard lock(mutex_);
    return changes_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Change> changes_;
  // Last, as changes come from the moment there is a listener.
  PropertyManager* manager_ = nullptr;
  ListenerId listener_ = 0;
};

}  // namespace hgcm::guestprop::test

#endif

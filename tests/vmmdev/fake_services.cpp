// SPDX-License-Identifier: MIT
//
// See fake_services.h: the members of ServiceHost that a Device uses.
#include "fake_services.h"

#include <utility>

namespace {

hgcm::vmmdev::test::FakeServices* current = nullptr;

}  // namespace

namespace hgcm::vmmdev::test {

FakeServices::FakeServices() {
  on_connect = [](std::string, std::uint32_t, const ConnectDone& done) {
    done(HGCM_INF_SUCCESS, 1);
  };
  on_disconnect = [](host::ClientId, const DisconnectDone& done) { done(HGCM_INF_SUCCESS); };
  on_call = [this](host::ClientId, Call call) -> Status {
    const std::lock_guard lock(mutex);
    calls.push_back(std::move(call));
    return HGCM_INF_SUCCESS;
  };
  on_save = [] { return std::vector<std::byte>(); };
  on_load = [](std::span<const std::byte>) -> Status { return HGCM_INF_SUCCESS; };
  on_check = on_load;
  current = this;
}

FakeServices::~FakeServices() {
  current = nullptr;
}

FakeServices::Call FakeServices::take_call() {
  const std::lock_guard lock(mutex);
  Call call = std::move(calls.at(0));
  calls.erase(calls.begin());
  return call;
}

}  // namespace hgcm::vmmdev::test

namespace hgcm::host {

class ServiceHost::Impl {
 public:
  vmmdev::test::FakeServices& fake = *current;
};

ServiceHost::ServiceHost(ServiceHostOptions /*options*/) : impl_(std::make_shared<Impl>()) {}
ServiceHost::~ServiceHost() = default;

void ServiceHost::set_call_source(CallSource* source) {
  impl_->fake.call_source = source;
}

void ServiceHost::connect(std::string_view service, std::uint32_t requestor, ConnectDone done) {
  impl_->fake.on_connect(std::string(service), requestor, std::move(done));
}

void ServiceHost::disconnect(ClientId client, DisconnectDone done) {
  {
    const std::lock_guard lock(impl_->fake.mutex);
    impl_->fake.disconnected.push_back(client);
  }
  impl_->fake.on_disconnect(client, std::move(done));
}

Status ServiceHost::call(ClientId client, std::shared_ptr<GuestCall> call) {
  return impl_->fake.on_call(client, std::move(call));
}

void ServiceHost::cancel(ClientId /*client*/, const std::shared_ptr<GuestCall>& call) {
  call->cancelled = true;
  const std::lock_guard lock(impl_->fake.mutex);
  impl_->fake.cancelled.push_back(call);
}

void ServiceHost::reset() {
  const std::lock_guard lock(impl_->fake.mutex);
  ++impl_->fake.resets;
}

Result<std::vector<std::byte>> ServiceHost::save_state() {
  return impl_->fake.on_save();
}

Status ServiceHost::load_state(std::span<const std::byte> state,
                               const std::function<void()>& before_change) {
  if (const Status status = impl_->fake.on_check(state); status.failed()) return status;
  before_change();
  return impl_->fake.on_load(state);
}

}  // namespace hgcm::host

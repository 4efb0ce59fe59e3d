// SPDX-License-Identifier: MIT
//
// FakeServices: stands in for the real ServiceHost at link time, so that a test decides what
// happens to each connect and call, and when. The real one, with services loaded from shared
// objects, is used by the vmmdev-services test.
#ifndef HGCM_TESTS_VMMDEV_FAKE_SERVICES_H
#define HGCM_TESTS_VMMDEV_FAKE_SERVICES_H

#include "hgcm/service_host.h"

#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace hgcm::vmmdev::test {

/// Create one before the ServiceHost of a test; it serves the ServiceHosts constructed after it.
class FakeServices {
 public:
  FakeServices();
  ~FakeServices();
  FakeServices(const FakeServices&) = delete;
  FakeServices& operator=(const FakeServices&) = delete;

  using ConnectDone = host::ServiceHost::ConnectDone;
  using DisconnectDone = host::ServiceHost::DisconnectDone;
  using Call = std::shared_ptr<host::GuestCall>;

  // What to do; each has a default. Set them before the device runs.

  /// Default: done at once with success and client id 1.
  std::function<void(std::string service, std::uint32_t requestor, ConnectDone)> on_connect;
  /// Default: done at once with success.
  std::function<void(host::ClientId, DisconnectDone)> on_disconnect;
  /// Default: keeps the call in `calls`.
  std::function<Status(host::ClientId, Call)> on_call;
  /// Default: an empty state, and it is taken back.
  std::function<Result<std::vector<std::byte>>()> on_save;
  std::function<Status(std::span<const std::byte>)> on_load;
  /// Whether a state is looked at any further. Default: yes.
  std::function<Status(std::span<const std::byte>)> on_check;

  /// What has happened, under `mutex`.
  std::mutex mutex;
  std::vector<Call> calls;
  std::vector<host::ClientId> disconnected;
  std::vector<Call> cancelled;
  int resets = 0;
  host::CallSource* call_source = nullptr;

  /// Takes the oldest of `calls`.
  Call take_call();
};

}  // namespace hgcm::vmmdev::test

#endif

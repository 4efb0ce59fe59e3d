// SPDX-License-Identifier: MIT
//
// Example: a client for a service of one's own, with typed functions, a call that can be stopped
// and calls in the background. docs/library.md explains it. It talks to the test service
// HgcmTestSvc.
#include <hgcm/async.h>
#include <hgcm/client.h>

#include <array>
#include <cstdio>
#include <string>
#include <vector>

namespace {

using hgcm::Bytes;
using hgcm::Function;
using hgcm::In;
using hgcm::InOut;
using hgcm::Out;

// The service's interface, once.
constexpr Function<2, In<Bytes>, Out<Bytes>> kEcho;
constexpr Function<3, InOut<std::uint32_t>, In<std::uint64_t>, Out<std::uint64_t>> kAdd;
constexpr std::uint32_t kPark = 5;

int show(const char* what, hgcm::Status status) {
  std::fprintf(stderr, "%s: %s\n", what, status.to_string().c_str());
  return 1;
}

}  // namespace

int main() {
  std::string detail;
  auto device = hgcm::open_device({}, &detail);
  if (!device) {
    std::fprintf(stderr, "%s\n", detail.c_str());
    return 1;
  }
  auto client = hgcm::Client::connect(**device, "HgcmTestSvc");
  if (!client) {
    return show("connect", client.error());
  }

  // Types, count and directions are checked by the compiler.
  std::uint32_t counter = 2;
  std::uint64_t total = 0;
  if (auto status = kAdd(*client, counter, 40, total); !status) {
    return show("add", status.error());
  }
  std::printf("2 + 40 = %llu, and the counter is %u\n", static_cast<unsigned long long>(total),
              counter);

  const std::array<std::byte, 3> sent{std::byte{1}, std::byte{2}, std::byte{3}};
  std::array<std::byte, 3> received{};
  if (auto status = kEcho(*client, sent, received); !status) {
    return show("echo", status.error());
  }

  // The same without a declaration.
  if (auto status = client->call(2, hgcm::in(sent), hgcm::out(received)); !status) {
    return show("echo", status.error());
  }

  // Or with parameters that are only known at run time.
  std::vector<hgcm::Parameter> parameters{hgcm::Parameter::u32(2), hgcm::Parameter::u64(40),
                                          hgcm::Parameter::u64(0)};
  if (auto status = client->call(3, parameters); !status) {
    return show("add", status.error());
  }

  // In the background: the call is parked by the service until we lose interest.
  hgcm::Dispatcher dispatcher(2);
  auto parked = dispatcher.call(*client, {}, kPark, hgcm::in(std::uint32_t{1}));
  parked.cancel();
  if (auto status = parked.get(); !status) {
    std::printf("the parked call ended with %s\n", status.error().to_string().c_str());
  }
  return 0;
}

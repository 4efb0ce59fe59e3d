// SPDX-License-Identifier: MIT
//
// See machine.h.
#include "machine.h"

#include <algorithm>
#include <stdexcept>
#include <thread>

namespace hgcm::vmmdev::test {

// Requests of the driver itself use a place of their own.
constexpr GuestAddress kDriverRequest = 0x8000;

std::int32_t Machine::report_guest_info(std::uint32_t version) {
  auto info = request(wire::kReportGuestInfo, wire::guest_info::kBytes, kDriverRequest);
  info.set<std::uint32_t>(wire::guest_info::kInterfaceVersion, version);
  info.set<std::uint32_t>(wire::guest_info::kOsType, 0x53100);
  return submit(info);
}

std::int32_t Machine::report_guest_info2(std::uint32_t features) {
  auto info = request(wire::kReportGuestInfo2, wire::guest_info2::kBytes, kDriverRequest);
  info.set<std::uint16_t>(wire::guest_info2::kMajor, 6);
  info.set<std::uint16_t>(wire::guest_info2::kMinor, 0);
  info.set<std::uint32_t>(wire::guest_info2::kBuild, 0);
  info.set<std::uint32_t>(wire::guest_info2::kRevision, 127566);
  info.set<std::uint32_t>(wire::guest_info2::kFeatures, features);
  info.set(wire::guest_info2::kName, std::array<char, 6>{"6.0.0"});
  return submit(info);
}

std::int32_t Machine::change_filter(std::uint32_t or_mask, std::uint32_t not_mask) {
  auto filter = request(wire::kControlFilterMask, wire::masks::kBytes, kDriverRequest);
  filter.set(wire::masks::kOr, or_mask).set(wire::masks::kNot, not_mask);
  return submit(filter);
}

std::uint32_t Machine::acknowledge() {
  auto ack = request(wire::kAcknowledgeEvents, wire::acknowledge::kBytes, kDriverRequest);
  submit(ack);
  return ack.get<std::uint32_t>(wire::acknowledge::kEvents);
}

void Machine::unlock() {
  if (report_guest_info2() != 0 || report_guest_info() != 0 ||
      change_filter(wire::kEventHgcm | wire::kEventMousePosition) != 0) {
    throw std::runtime_error("the device does not let the guest in");
  }
}

GuestRequest Machine::connect_request(std::string_view service, GuestAddress at) {
  auto connect = request(wire::kHgcmConnect, wire::hgcm::kConnectBytes, at);
  connect.set<std::uint32_t>(wire::hgcm::kFlags, 0).set<std::uint32_t>(32, 2);
  std::array<char, wire::hgcm::kConnectNameBytes> name{};
  service.copy(name.data(), name.size());
  connect.set(wire::hgcm::kConnectName, name);
  connect.set<std::uint32_t>(wire::hgcm::kConnectClient, 0);
  return connect;
}

host::ClientId Machine::connect(std::string_view service) {
  const auto connect = connect_request(service, kDriverRequest);
  submit(connect);
  wait_done(connect);
  if (connect.result() < 0)
    throw std::runtime_error("connect: " + Status(connect.result()).to_string());
  return connect.get<std::uint32_t>(wire::hgcm::kConnectClient);
}

GuestRequest Machine::disconnect_request(host::ClientId client, GuestAddress at) {
  auto disconnect = request(wire::kHgcmDisconnect, wire::hgcm::kDisconnectBytes, at);
  disconnect.set<std::uint32_t>(wire::hgcm::kFlags, 0);
  disconnect.set<std::uint32_t>(wire::hgcm::kDisconnectClient, client);
  return disconnect;
}

GuestRequest Machine::call_request(host::ClientId client, std::uint32_t function,
                                   const std::vector<Parm>& parms, GuestAddress at,
                                   std::uint32_t type) {
  auto call = request(type, 0, at);
  call.set<std::uint32_t>(wire::hgcm::kFlags, 0);
  call.set(wire::hgcm::kCallClient, client).set(wire::hgcm::kCallFunction, function);
  call.set(wire::hgcm::kCallCount, static_cast<std::uint32_t>(parms.size()));
  std::size_t extra = parm_offset(parms.size(), type);
  for (std::size_t i = 0; i < parms.size(); ++i) {
    const Parm& parm = parms[i];
    const std::size_t offset = parm_offset(i, type);
    call.set(offset, parm.type);
    const auto where = static_cast<std::uint32_t>(extra);
    switch (parm.type) {
      case wire::kParm32:
        call.set(offset + 4, static_cast<std::uint32_t>(parm.value));
        break;
      case wire::kParm64:
        call.set(offset + 4, parm.value);
        break;
      case wire::kParmPageList:
      case wire::kParmContiguous:
      case wire::kParmNoBounce:
        call.set(offset + 4, parm.size).set(offset + 8, where);
        call.set(extra, parm.direction);
        call.set(extra + 4, static_cast<std::uint16_t>(parm.first_offset));
        call.set(extra + 6, static_cast<std::uint16_t>(parm.pages.size()));
        for (std::size_t p = 0; p < parm.pages.size(); ++p) {
          call.set(extra + 8 + 8 * p, parm.pages[p]);
        }
        extra += 8 + 8 * parm.pages.size();
        break;
      case wire::kParmEmbedded:
        call.set(offset + 4, where << 8 | parm.direction).set(offset + 8, parm.size);
        std::ranges::copy(std::as_bytes(std::span(parm.data)),
                          memory.at(at + extra, parm.data.size()).begin());
        extra += parm.size;
        break;
      default:
        call.set(offset + 4, parm.size);
        break;
    }
  }
  call.set(wire::header::kSize, static_cast<std::uint32_t>(extra));
  return call;
}

std::int32_t Machine::cancel2(GuestAddress address) {
  auto cancel = request(wire::kHgcmCancel2, wire::hgcm::kCancel2Bytes64, kDriverRequest);
  return submit(cancel.set<std::uint64_t>(wire::hgcm::kCancelAddress, address));
}

void Machine::wait_done(const GuestRequest& request) {
  while (!request.done()) std::this_thread::yield();
}

}  // namespace hgcm::vmmdev::test

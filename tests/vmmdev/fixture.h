// SPDX-License-Identifier: MIT
//
// What most tests here start from: a machine whose driver has introduced itself, and fake services.
#ifndef HGCM_TESTS_VMMDEV_FIXTURE_H
#define HGCM_TESTS_VMMDEV_FIXTURE_H

#define BOOST_TEST_DYN_LINK
#include "fake_services.h"
#include "machine.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <utility>

namespace hgcm::vmmdev::test {

struct Fixture {
  Fixture() : Fixture(Machine::Options{}) {}
  explicit Fixture(Machine::Options options) : machine(services, std::move(options)) {}

  FakeServices fake;
  host::ServiceHost services{{}};
  Machine machine;

  std::span<std::byte> guest(GuestAddress address, std::size_t size) {
    return machine.memory.at(address, size);
  }
  DeviceCounters counters() { return machine.device.counters(); }
};

/// A machine that the test makes itself, with the options it needs.
struct BareFixture {
  FakeServices fake;
  host::ServiceHost services{{}};
};

inline std::span<std::byte> buffer_of(const hgcm_svc_parm& parm) {
  return {static_cast<std::byte*>(parm.u.ptr.addr), parm.u.ptr.size};
}

inline bool all_are(std::span<const std::byte> bytes, std::byte value) {
  return std::ranges::all_of(bytes, [value](std::byte b) { return b == value; });
}

}  // namespace hgcm::vmmdev::test

#endif

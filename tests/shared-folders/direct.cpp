// SPDX-License-Identifier: MIT
//
// The service in the process of its tests.
#include "fixture.h"

std::int32_t hgcm::shfl::test::load_service(MiniHost& host) {
  return host.load_library("services", "VBoxSharedFolders");
}

bool hgcm::shfl::test::is_confined() {
  return false;
}

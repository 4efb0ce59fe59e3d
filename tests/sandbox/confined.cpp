// SPDX-License-Identifier: MIT
//
// The tests of the shared folder service once more, with the service in a sandbox: there is nothing
// that they do that the sandbox would not let through.
#include "../shared-folders/fixture.h"
#include "support.h"

std::int32_t hgcm::shfl::test::load_service(MiniHost& host) {
  hgcm::test::SharedPages::enable();
  std::string detail;
  // For the entry, which has no other way to it; the services of one test come one after another.
  static std::shared_ptr<sandbox::Sandbox> current;
  current = sandbox::Sandbox::start(sandbox::test::folders(), detail);
  BOOST_REQUIRE_MESSAGE(current != nullptr, detail);
  return host.load([](hgcm_svc_table* table) { return current->load(table); });
}

bool hgcm::shfl::test::is_confined() {
  return true;
}

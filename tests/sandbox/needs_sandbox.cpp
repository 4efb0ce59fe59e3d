// SPDX-License-Identifier: MIT
//
// Where no process can be confined (in a chroot, or where namespaces are not allowed) there is
// nothing to test: the program says why and ends with 77, which counts as skipped.
#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "support.h"

namespace hgcm::sandbox::test {
namespace {

struct NeedsSandbox {
  NeedsSandbox() {
    hgcm::test::SharedPages::enable();
    std::string detail;
    if (Sandbox::start(folders(), detail) == nullptr) {
      std::fprintf(stderr, "no process can be confined here: %s\n", detail.c_str());
      std::_Exit(77);
    }
  }
};

BOOST_GLOBAL_FIXTURE(NeedsSandbox);

}  // namespace
}  // namespace hgcm::sandbox::test

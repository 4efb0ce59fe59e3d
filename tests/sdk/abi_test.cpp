// SPDX-License-Identifier: MIT
//
// The ABI header as such: a C11 service built with it works, and its numbers are the protocol's.
#include <boost/test/unit_test.hpp>

#include "mini_host.h"

using hgcm::test::MiniHost;
using hgcm::test::Parm;

BOOST_AUTO_TEST_CASE(c_service_works_without_the_sdk) {
  MiniHost host;
  BOOST_REQUIRE_EQUAL(host.load_library("tests/services", "HgcmPlainCSvc"), 0);
  BOOST_REQUIRE_EQUAL(host.connect(1), 0);
  const auto call = host.call(1, 1, Parm::u32(41));
  BOOST_CHECK_EQUAL(call->wait(), 0);
  BOOST_CHECK_EQUAL(call->u32(0), 42);
  BOOST_CHECK_EQUAL(host.call(1, 2)->wait(), HGCM_ERR_NOT_IMPLEMENTED);
}

BOOST_AUTO_TEST_CASE(abi_numbers_are_those_of_virtualbox_7_2) {
  BOOST_CHECK_EQUAL(HGCM_SVC_VERSION, 0x000b0001U);
  BOOST_CHECK_EQUAL(sizeof(hgcm_svc_table), 0x88);
  BOOST_CHECK_EQUAL(sizeof(hgcm_svc_helpers), 0x58);
  BOOST_CHECK_EQUAL(sizeof(hgcm_svc_parm), 24);
  BOOST_CHECK_EQUAL(HGCM_SVC_LOAD_NAME, "VBoxHGCMSvcLoad");
}

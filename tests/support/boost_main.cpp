// SPDX-License-Identifier: MIT
//
// The main() of every Boost.Test program here; the cases are in the other sources.
#define BOOST_TEST_DYN_LINK
#define BOOST_TEST_MODULE openhgcm
#include <boost/test/unit_test.hpp>

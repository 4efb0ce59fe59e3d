// SPDX-License-Identifier: MIT
//
// Names, numbers and errno of status codes.
#include <gtest/gtest.h>
#include <hgcm/status.h>

#include <cerrno>

#include "print_status.h"

namespace hgcm {
namespace {

TEST(Status, prints_name_and_number) {
  EXPECT_EQ(Status(HGCM_ERR_NOT_FOUND).to_string(), "VERR_NOT_FOUND (-78)");
  EXPECT_EQ(Status(HGCM_WRN_NOT_FOUND).to_string(), "VWRN_NOT_FOUND (78)");
  EXPECT_EQ(Status(0).to_string(), "VINF_SUCCESS (0)");
}

TEST(Status, unknown_number_is_printed_bare) {
  EXPECT_EQ(Status(-31337).to_string(), "status -31337");
  EXPECT_EQ(Status(-31337).name(), "");
}

TEST(Status, zero_and_above_is_success) {
  EXPECT_TRUE(Status(0).ok());
  EXPECT_TRUE(Status(2903).ok());
  EXPECT_TRUE(Status(-1).failed());
}

TEST(Status, errno_maps_as_the_user_library_of_virtualbox_does) {
  EXPECT_EQ(Status::from_errno(EPERM), Status(HGCM_ERR_ACCESS_DENIED));
  EXPECT_EQ(Status::from_errno(EACCES), Status(HGCM_ERR_ACCESS_DENIED));
  EXPECT_EQ(Status::from_errno(ETIMEDOUT), Status(HGCM_ERR_TIMEOUT));
  EXPECT_EQ(Status::from_errno(EINTR), Status(HGCM_ERR_INTERRUPTED));
  EXPECT_EQ(Status::from_errno(ENOTTY), Status(HGCM_ERR_INVALID_FUNCTION));
  EXPECT_EQ(Status::from_errno(EXDEV), Status(HGCM_ERR_UNRESOLVED_ERROR));
}

}  // namespace
}  // namespace hgcm

// SPDX-License-Identifier: MIT
//
// VMMDEV_REQUEST: which device requests a program may make through which node, and that neither
// the session of another nor the driver is disturbed by them.
#include "driver.h"

#include <algorithm>
#include <cstring>

namespace kmod_test {
namespace {

/// A device request; its header is that of the ioctl.
class Request {
 public:
  Request(std::uint32_t type, std::size_t body) : bytes_(sizeof(vbg_ioctl_hdr) + body) {
    hdr() = header(bytes_.size(), bytes_.size());
    hdr().type = type;
  }

  [[nodiscard]] vbg_ioctl_hdr& hdr() { return *reinterpret_cast<vbg_ioctl_hdr*>(bytes_.data()); }
  [[nodiscard]] std::uint32_t& word(std::size_t index) {
    return reinterpret_cast<std::uint32_t*>(bytes_.data() + sizeof(vbg_ioctl_hdr))[index];
  }
  int run(const Session& session) {
    return session.control(VBG_IOCTL_VMMDEV_REQUEST(bytes_.size()), bytes_.data());
  }
  int run_big(const Session& session) {
    return session.control(VBG_IOCTL_VMMDEV_REQUEST_BIG, bytes_.data());
  }

 private:
  std::vector<std::uint8_t> bytes_;
};

TEST(Request, host_version_is_answered) {
  const Session session;
  Request request(VMMDEVREQ_GET_HOST_VERSION, 16);
  ASSERT_EQ(request.run(session), 0);
  EXPECT_EQ(request.hdr().rc, 0);
  EXPECT_NE(request.word(0), 0U);
  EXPECT_NE(request.word(3) & 1U, 0U);
}

TEST(Request, big_form_does_the_same) {
  const Session session;
  Request request(VMMDEVREQ_GET_HOST_VERSION, 16);
  ASSERT_EQ(request.run_big(session), 0);
  EXPECT_NE(request.word(0), 0U);
}

TEST(Request, header_comes_back_as_the_abi_has_it) {
  const Session session;
  Request request(VMMDEVREQ_GET_HOST_TIME, 8);
  ASSERT_EQ(request.run(session), 0);
  EXPECT_EQ(request.hdr().size_in, 32U);
  EXPECT_EQ(request.hdr().size_out, 32U);
  EXPECT_EQ(request.hdr().type, static_cast<std::uint32_t>(VMMDEVREQ_GET_HOST_TIME));
}

TEST(Request, malformed_requests_are_refused) {
  const Session session;
  Request sizes(VMMDEVREQ_GET_HOST_TIME, 8);
  sizes.hdr().size_out = 24;
  EXPECT_EQ(sizes.run(session), EINVAL);
  Request type(0, 8);
  EXPECT_EQ(type.run(session), EINVAL);
  std::vector<std::uint8_t> large((1U << 20U) + 8);
  auto* hdr = reinterpret_cast<vbg_ioctl_hdr*>(large.data());
  *hdr = header(large.size(), large.size());
  hdr->type = VMMDEVREQ_LOG_STRING;
  EXPECT_EQ(session.control(VBG_IOCTL_VMMDEV_REQUEST_BIG, large.data()), E2BIG);
}

TEST(Request, wrong_size_for_the_type_is_the_hosts_status) {
  const Session session;
  Request request(VMMDEVREQ_GET_HOST_TIME, 12);
  ASSERT_EQ(request.run(session), 0);
  EXPECT_LT(request.hdr().rc, 0);
}

TEST(Request, drivers_own_requests_are_refused) {
  const Session session;
  for (const std::uint32_t type :
       {20U, 21U, 22U, 23U,  50U,  56U,  58U,  60U,  61U,   62U,
        63U, 64U, 65U, 111U, 113U, 219U, 220U, 221U, 1000U, 0x7fffffffU}) {
    EXPECT_EQ(Request(type, 200).run(session), EPERM) << type;
  }
}

TEST(Request, everybodys_requests_reach_the_host_through_both_nodes) {
  for (const char* node : {kTrusted, kUser}) {
    const Session session(node);
    // Sizes that no host takes for these types: what is tested is who answers.
    for (const std::uint32_t type : {1U,  3U,  4U,  10U, 30U, 51U, 52U,  53U,  54U,  57U,
                                     70U, 71U, 72U, 73U, 80U, 81U, 150U, 200U, 217U, 222U}) {
      Request request(type, 2);
      EXPECT_EQ(request.run(session), 0) << type;
      EXPECT_LT(request.hdr().rc, 0) << type;
    }
  }
}

TEST(Request, queries_of_newer_hosts_reach_the_host) {
  if (!driver_is_ours()) {
    GTEST_SKIP() << "the kernel's own driver does not know them";
  }
  const Session user(kUser);
  for (const std::uint32_t type : {82U, 223U, 224U}) {
    Request request(type, 2);
    EXPECT_EQ(request.run(user), 0) << type;
    EXPECT_LT(request.hdr().rc, 0) << type;
  }
}

TEST(Request, mouse_features_are_the_sessions_share) {
  if (!driver_is_ours()) {
    GTEST_SKIP() << "the kernel's own driver passes them on";
  }
  const Session first;
  const Session second;
  auto set = [](const Session& session, std::uint32_t features) {
    Request request(VMMDEVREQ_SET_MOUSE_STATUS, 12);
    request.word(0) = features;
    return request.run(session);
  };
  ASSERT_EQ(set(first, 0x11), 0);
  ASSERT_EQ(set(second, 0), 0);
  Request status(VMMDEVREQ_GET_MOUSE_STATUS, 12);
  ASSERT_EQ(status.run(second), 0);
  EXPECT_EQ(status.word(0) & 0x95U, 0x11U);
  ASSERT_EQ(set(first, 0), 0);
}

TEST(Request, trusted_requests_are_refused_through_the_user_node) {
  const Session trusted;
  const Session user(kUser);
  for (const std::uint32_t type :
       {74U, 100U, 101U, 110U, 112U, 210U, 211U, 212U, 213U, 214U, 215U, 216U, 218U}) {
    EXPECT_EQ(Request(type, 4).run(user), EPERM) << type;
    EXPECT_EQ(Request(type, 4).run(trusted), 0) << type;
  }
}

TEST(Request, facility_decides_who_may_report_its_status) {
  if (!driver_is_ours()) {
    GTEST_SKIP() << "the kernel's own driver checks another request instead";
  }
  const Session trusted;
  const Session user(kUser);
  auto report = [](const Session& session, std::uint32_t facility) {
    Request request(VMMDEVREQ_REPORT_GUEST_STATUS, 12);
    request.word(0) = facility;
    request.word(1) = 50;
    return request.run(session);
  };
  EXPECT_EQ(report(trusted, 20), EPERM);
  EXPECT_EQ(report(trusted, 0x7ffffffe), EPERM);
  EXPECT_EQ(report(user, 100), EPERM);
  EXPECT_EQ(report(trusted, 100), 0);
  EXPECT_EQ(report(user, 101), 0);
}

TEST(Request, acknowledge_by_a_program_loses_no_completion) {
  if (!driver_is_ours()) {
    GTEST_SKIP() << "the kernel's own driver lets programs steal events";
  }
  const Session session;
  const std::uint32_t client = session.test_client();
  for (std::uint32_t i = 0; i < 200; i++) {
    Request request(VMMDEVREQ_ACKNOWLEDGE_EVENTS, 4);
    EXPECT_EQ(request.run(session), 0);
    EXPECT_EQ(Call(client, kDelay).u32(i % 3).status(session), 0);
  }
}

TEST(Request, filter_set_by_a_program_is_its_own) {
  if (!driver_is_ours()) {
    GTEST_SKIP() << "the kernel's own driver passes the filter on";
  }
  const Session session;
  Request request(VMMDEVREQ_CTL_GUEST_FILTER_MASK, 8);
  request.word(1) = UINT32_MAX;
  ASSERT_EQ(request.run(session), 0);
  EXPECT_EQ(request.hdr().rc, 0);
  const std::uint32_t client = session.test_client();
  EXPECT_EQ(Call(client, kDelay).u32(20).status(session), 0);
}

TEST(Request, idle_is_answered) {
  const Session session;
  Request request(VMMDEVREQ_IDLE, 0);
  ASSERT_EQ(request.run(session), 0);
  // The next request finds a host that answers.
  Request version(VMMDEVREQ_GET_HOST_VERSION, 16);
  EXPECT_EQ(version.run(session), 0);
}

TEST(Request, body_has_nothing_of_others) {
  const Session session;
  // What the host does not write comes back as it was sent.
  Request request(VMMDEVREQ_GET_SESSION_ID, 8);
  ASSERT_EQ(request.run(session), 0);
  EXPECT_EQ(request.hdr().rc, 0);
  EXPECT_EQ(request.hdr().reserved, 0U);
}

}  // namespace
}  // namespace kmod_test

// SPDX-License-Identifier: MIT
//
// GuestProperties against answers that a test writes: what it sends, how it grows its buffers, and
// what it makes of a host that lies.
#include <gtest/gtest.h>
#include <hgcm/guest_properties.h>

#include "mock_device.h"
#include "print_status.h"

namespace hgcm {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using namespace std::string_view_literals;
using test::MockDevice;
using test::WireCall;

class GuestPropertiesTest : public testing::Test {
 protected:
  GuestPropertiesTest() : properties(std::move(*GuestProperties::connect(device))) {}

  /// Answers every call with these bytes in the given buffer parameter, and their size.
  void answer(std::size_t buffer, std::size_t size, std::string_view bytes) {
    device.on_call = [=](WireCall& call) {
      call.put(buffer, bytes);
      call.parameters[size].u.value32 = static_cast<std::uint32_t>(bytes.size());
      return 0;
    };
  }

  /// Answers every call with a status, and a size that it needs.
  void refuse(std::int32_t status, std::size_t size = 0, std::uint32_t needed = 0) {
    device.on_call = [=](WireCall& call) {
      if (needed != 0) {
        call.parameters[size].u.value32 = needed;
      }
      call.rc = status;
      return 0;
    };
  }

  MockDevice device;
  GuestProperties properties;
};

TEST_F(GuestPropertiesTest, connects_to_the_property_service) {
  EXPECT_EQ(device.connected, std::vector<std::string>{"VBoxGuestPropSvc"});
}

// --- get
// -------------------------------------------------------------------------------------------

TEST_F(GuestPropertiesTest, get_sends_four_parameters_and_reads_all_results) {
  device.on_call = [](WireCall& call) {
    EXPECT_EQ(call.head.function, 1U);
    EXPECT_EQ(call.parameters.size(), 4U);
    EXPECT_EQ(call.type(0), 5U);
    EXPECT_EQ(call.text(0), "/a/b\0"sv);
    EXPECT_EQ(call.type(1), 6U);
    call.put(1, "value\0TRANSIENT, RDONLYGUEST\0"sv);
    call.parameters[2].u.value64 = 123456789012345ULL;
    call.parameters[3].u.value32 = 29;
    return 0;
  };
  const auto property = properties.get("/a/b");
  ASSERT_TRUE(property.has_value());
  EXPECT_EQ(property->name, "/a/b");
  EXPECT_EQ(property->value, "value");
  EXPECT_EQ(property->flags, "TRANSIENT, RDONLYGUEST");
  EXPECT_EQ(property->timestamp, 123456789012345ULL);
}

TEST_F(GuestPropertiesTest, get_missing_is_not_found) {
  refuse(HGCM_ERR_NOT_FOUND);
  EXPECT_EQ(properties.get("/x").error(), Status(HGCM_ERR_NOT_FOUND));
}

TEST_F(GuestPropertiesTest, get_grows_the_buffer_to_what_is_needed) {
  const std::string value(6000, 'v');
  device.on_call = [&](WireCall& call) {
    call.parameters[3].u.value32 = 6002;
    call.put(1, value + std::string(2, '\0'));
    call.rc = call.size(1) < 6002 ? HGCM_ERR_BUFFER_OVERFLOW : HGCM_INF_SUCCESS;
    return 0;
  };
  EXPECT_EQ(properties.get("/x")->value, value);
  EXPECT_EQ(device.calls.size(), 2U);
}

TEST_F(GuestPropertiesTest, get_with_absurd_needed_size_gives_up_at_once) {
  refuse(HGCM_ERR_BUFFER_OVERFLOW, 3, 0xffffffff);
  EXPECT_EQ(properties.get("/x").error(), Status(HGCM_ERR_TOO_MUCH_DATA));
  EXPECT_EQ(device.calls.size(), 1U);
}

TEST_F(GuestPropertiesTest, get_that_always_overflows_ends) {
  refuse(HGCM_ERR_BUFFER_OVERFLOW, 3, 1);
  EXPECT_EQ(properties.get("/x").error(), Status(HGCM_ERR_TOO_MUCH_DATA));
  EXPECT_LE(device.calls.size(), 10U);
}

TEST_F(GuestPropertiesTest, get_without_terminators_is_an_error) {
  for (const auto bytes : {"value\0flags"sv, "value"sv, ""sv}) {
    answer(1, 3, bytes);
    EXPECT_EQ(properties.get("/x").error(), Status(HGCM_ERR_NO_STRING_TERMINATOR));
  }
}

TEST_F(GuestPropertiesTest, get_with_size_beyond_the_buffer_reads_only_the_buffer) {
  device.on_call = [](WireCall& call) {
    std::memset(call.buffer(1).data(), 'A', call.buffer(1).size());
    call.parameters[3].u.value32 = 0xffffffff;
    return 0;
  };
  EXPECT_EQ(properties.get("/x").error(), Status(HGCM_ERR_NO_STRING_TERMINATOR));
}

class BadName : public GuestPropertiesTest, public testing::WithParamInterface<std::string> {};

TEST_P(BadName, is_refused_without_the_host) {
  EXPECT_EQ(properties.get(GetParam()).error(), Status(HGCM_ERR_INVALID_PARAMETER));
  EXPECT_EQ(properties.set(GetParam(), "v").error(), Status(HGCM_ERR_INVALID_PARAMETER));
  EXPECT_EQ(properties.remove(GetParam()).error(), Status(HGCM_ERR_INVALID_PARAMETER));
  EXPECT_TRUE(device.calls.empty());
}

INSTANTIATE_TEST_SUITE_P(Names, BadName,
                         testing::Values("", std::string(64, 'x'), "a*", "a?b", "a|b",
                                         std::string("a\0b", 3)));

// --- set and remove
// --------------------------------------------------------------------------------

TEST_F(GuestPropertiesTest, set_sends_two_or_three_strings) {
  ASSERT_TRUE(properties.set("/n", "v"));
  ASSERT_EQ(device.calls.back().head.function, 2U);
  EXPECT_EQ(device.calls.back().parameters.size(), 2U);
  device.on_call = [](WireCall& call) {
    EXPECT_EQ(call.text(0), "/n\0"sv);
    EXPECT_EQ(call.text(1), "v\0"sv);
    EXPECT_EQ(call.text(2), "TRANSIENT\0"sv);
    return 0;
  };
  ASSERT_TRUE(properties.set("/n", "v", "TRANSIENT"));
  EXPECT_EQ(device.calls.back().parameters.size(), 3U);
}

TEST_F(GuestPropertiesTest, silent_denial_is_reported_as_denied) {
  refuse(HGCM_INF_PERMISSION_DENIED);
  EXPECT_EQ(properties.set("/n", "v").error(), Status(HGCM_ERR_PERMISSION_DENIED));
  EXPECT_EQ(properties.set("/n", "v", "").error(), Status(HGCM_ERR_PERMISSION_DENIED));
  EXPECT_EQ(properties.remove("/n").error(), Status(HGCM_ERR_PERMISSION_DENIED));
}

TEST_F(GuestPropertiesTest, remove_is_function_4) {
  ASSERT_TRUE(properties.remove("/n"));
  EXPECT_EQ(device.calls.back().head.function, 4U);
  EXPECT_EQ(device.calls.back().parameters.size(), 1U);
}

// --- enumerate
// -------------------------------------------------------------------------------------

TEST_F(GuestPropertiesTest, enumerate_everything_sends_one_nul) {
  answer(1, 2, "\0\0\0\0"sv);
  ASSERT_TRUE(properties.enumerate());
  EXPECT_EQ(device.calls.back().size(0), 1U);
}

TEST_F(GuestPropertiesTest, enumerate_sends_patterns_doubly_terminated) {
  device.on_call = [](WireCall& call) {
    EXPECT_EQ(call.text(0), "/a*|/b?\0\0"sv);
    call.put(1, "\0\0\0\0"sv);
    call.parameters[2].u.value32 = 4;
    return 0;
  };
  EXPECT_TRUE(properties.enumerate("/a*|/b?")->empty());
}

TEST_F(GuestPropertiesTest, enumerate_patterns_up_to_the_limit_of_the_service) {
  answer(1, 2, "\0\0\0\0"sv);
  ASSERT_TRUE(properties.enumerate(std::string(1023, 'x')));
  EXPECT_EQ(device.calls.back().size(0), 1024U);
  EXPECT_EQ(properties.enumerate(std::string(1024, 'x')).error(), Status(HGCM_ERR_TOO_MUCH_DATA));
}

TEST_F(GuestPropertiesTest, enumerate_reads_all_entries) {
  answer(1, 2, "/a\0one\0001000\0\0/b\0\00018446744073709551615\0READONLY\0\0\0\0\0"sv);
  const auto list = properties.enumerate();
  ASSERT_TRUE(list.has_value());
  ASSERT_EQ(list->size(), 2U);
  EXPECT_EQ((*list)[0].name, "/a");
  EXPECT_EQ((*list)[0].value, "one");
  EXPECT_EQ((*list)[0].timestamp, 1000U);
  EXPECT_EQ((*list)[0].flags, "");
  EXPECT_EQ((*list)[1].value, "");
  EXPECT_EQ((*list)[1].timestamp, 18446744073709551615ULL);
  EXPECT_EQ((*list)[1].flags, "READONLY");
}

TEST_F(GuestPropertiesTest, enumerate_ignores_bytes_behind_the_end_mark) {
  answer(1, 2, "\0\0\0\0/a\0one\0001000\0\0"sv);
  EXPECT_TRUE(properties.enumerate()->empty());
}

TEST_F(GuestPropertiesTest, enumerate_cut_in_an_entry_is_an_error) {
  for (const auto bytes : {"/a\0one\0001000\0"sv, "/a\0one\0001000\0READON"sv, "/a"sv}) {
    answer(1, 2, bytes);
    EXPECT_EQ(properties.enumerate().error(), Status(HGCM_ERR_NO_STRING_TERMINATOR));
  }
}

TEST_F(GuestPropertiesTest, enumerate_with_bad_timestamp_is_an_error) {
  for (const auto text : {"/a\0v\0x\0\0\0\0\0\0"sv, "/a\0v\0-1\0\0\0\0\0\0"sv,
                          "/a\0v\0\0\0\0\0\0\0"sv, "/a\0v\00099999999999999999999\0\0\0\0\0\0"sv}) {
    answer(1, 2, text);
    EXPECT_EQ(properties.enumerate().error(), Status(HGCM_ERR_PARSE_ERROR));
  }
}

TEST_F(GuestPropertiesTest, enumerate_grows_with_room_to_spare) {
  device.on_call = [](WireCall& call) {
    const bool small = call.size(1) < 10000;
    EXPECT_TRUE(small || call.size(1) > 10000);
    call.parameters[2].u.value32 = small ? 10000 : 4;
    call.rc = small ? HGCM_ERR_BUFFER_OVERFLOW : HGCM_INF_SUCCESS;
    return 0;
  };
  EXPECT_TRUE(properties.enumerate()->empty());
  EXPECT_EQ(device.calls.size(), 2U);
}

TEST_F(GuestPropertiesTest, enumerate_of_an_endless_listing_gives_up) {
  device.on_call = [](WireCall& call) {
    call.parameters[2].u.value32 = call.size(1) + 1;
    call.rc = HGCM_ERR_BUFFER_OVERFLOW;
    return 0;
  };
  EXPECT_EQ(properties.enumerate().error(), Status(HGCM_ERR_TOO_MUCH_DATA));
  EXPECT_LE(device.calls.size(), 10U);
}

// --- wait
// ------------------------------------------------------------------------------------------

TEST_F(GuestPropertiesTest, wait_sends_pattern_and_timestamp_and_reads_the_change) {
  device.on_call = [](WireCall& call) {
    EXPECT_EQ(call.head.function, 6U);
    EXPECT_EQ(call.head.timeout_ms, 1000U);
    EXPECT_EQ(call.text(0), "/job/*\0"sv);
    EXPECT_EQ(call.value64(1), 55U);
    call.parameters[1].u.value64 = 77;
    call.put(2, "/job/1\0done\0TRANSIENT\0000\0"sv);
    call.parameters[3].u.value32 = 24;
    return 0;
  };
  const auto change = properties.wait("/job/*", {.since = 55, .timeout = 1s});
  ASSERT_TRUE(change.has_value());
  EXPECT_EQ(change->name, "/job/1");
  EXPECT_EQ(change->value, "done");
  EXPECT_EQ(change->flags, "TRANSIENT");
  EXPECT_EQ(change->timestamp, 77U);
  EXPECT_EQ(change->deleted, false);
  EXPECT_FALSE(change->missed);
}

TEST_F(GuestPropertiesTest, wait_tells_deletion_and_missed_events) {
  device.on_call = [](WireCall& call) {
    call.put(2, "/a\0\0\0001\0"sv);
    call.parameters[3].u.value32 = 7;
    call.rc = HGCM_WRN_NOT_FOUND;
    return 0;
  };
  const auto change = properties.wait("");
  EXPECT_EQ(change->deleted, true);
  EXPECT_TRUE(change->missed);
}

TEST_F(GuestPropertiesTest, wait_of_an_old_host_does_not_say_whether_deleted) {
  answer(2, 3, "/a\0v\0\0"sv);
  EXPECT_EQ(properties.wait("")->deleted, std::nullopt);
}

TEST_F(GuestPropertiesTest, wait_with_too_small_buffer_asks_again_from_the_same_time) {
  const std::string value(5000, 'v');
  device.on_call = [&](WireCall& call) {
    EXPECT_EQ(call.value64(1), 55U);
    call.parameters[1].u.value64 = 77;
    call.parameters[3].u.value32 = 5006;
    call.put(2, "/a\0"s + value + "\0\0"s);
    call.rc = call.size(2) < 5006 ? HGCM_ERR_BUFFER_OVERFLOW : HGCM_INF_SUCCESS;
    return 0;
  };
  const auto change = properties.wait("", {.since = 55, .timeout = 1h});
  ASSERT_TRUE(change.has_value());
  EXPECT_EQ(change->value, value);
  EXPECT_EQ(change->timestamp, 77U);
  EXPECT_LE(device.calls[1].head.timeout_ms, 3600000U);
}

TEST_F(GuestPropertiesTest, wait_without_terminators_is_an_error) {
  answer(2, 3, "/a\0v\0flag"sv);
  EXPECT_EQ(properties.wait("").error(), Status(HGCM_ERR_NO_STRING_TERMINATOR));
}

TEST_F(GuestPropertiesTest, wait_timeout_and_stop_are_told_apart) {
  std::stop_source stop;
  device.on_call = [&](WireCall&) { return -ETIMEDOUT; };
  EXPECT_EQ(properties.wait("", {.timeout = 1ms}).error(), Status(HGCM_ERR_TIMEOUT));
  device.on_call = [&](WireCall&) {
    stop.request_stop();
    return -EINTR;
  };
  EXPECT_EQ(properties.wait("", {.stop = stop.get_token()}).error(), Status(HGCM_ERR_CANCELLED));
}

}  // namespace
}  // namespace hgcm

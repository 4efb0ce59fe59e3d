// SPDX-License-Identifier: MIT
//
// Client and parameters over a mock driver: what goes out byte by byte, what is believed of what
// comes back, and what the compiler refuses.
#include <gtest/gtest.h>
#include <hgcm/client.h>

#include <limits>
#include <vector>

#include "mock_device.h"
#include "print_status.h"
#include "src/ioctl_abi.h"

namespace hgcm {
namespace {

using namespace std::chrono_literals;
using test::MockDevice;
using test::WireCall;

// --- what the compiler accepts
// ---------------------------------------------------------------------

template <typename T>
concept CanSend = requires(T value) { in(value); };
template <typename T>
concept CanReceive = requires(T& value) { out(value); };
template <typename T>
concept CanExchange = requires(T& value) { in_out(value); };

enum class Color : std::uint32_t { kRed = 1, kBlue = 9 };
enum class Tiny : std::uint8_t { kA };
enum Plain : std::uint32_t { kPlainA };

static_assert(CanSend<std::uint32_t> && CanSend<std::int32_t> && CanSend<std::uint64_t>);
static_assert(CanSend<bool> && CanSend<Color> && CanSend<const char*> && CanSend<std::string>);
static_assert(CanSend<std::vector<std::byte>> && CanSend<std::span<const std::byte>>);
static_assert(CanReceive<std::vector<std::byte>> && CanExchange<std::array<std::byte, 4>>);
static_assert(!CanSend<double> && !CanSend<float> && !CanSend<void*>);
static_assert(!CanSend<std::uint8_t> && !CanSend<std::int16_t> && !CanSend<char>);
static_assert(!CanSend<Tiny> && !CanSend<Plain>);
static_assert(!CanSend<std::vector<int>>);
static_assert(!CanReceive<const std::uint32_t> && !CanReceive<double>);
static_assert(!CanReceive<std::span<const std::byte>> && !CanExchange<const std::string>);
static_assert(!CanExchange<Plain> && !CanReceive<std::string>);

template <typename F, typename... Args>
concept Callable =
    requires(const F f, Client& client, Args&&... args) { f(client, std::forward<Args>(args)...); };
using Add = Function<3, InOut<std::uint32_t>, In<std::uint64_t>, Out<std::uint64_t>>;
static_assert(Callable<Add, std::uint32_t&, std::uint64_t, std::uint64_t&>);
static_assert(!Callable<Add, std::uint32_t&, std::uint64_t>, "one missing");
static_assert(!Callable<Add, std::uint64_t&, std::uint64_t, std::uint64_t&>, "wrong width");
static_assert(!Callable<Add, std::uint32_t, std::uint64_t, std::uint64_t&>, "nowhere to write");
static_assert(!Callable<Function<2, In<Bytes>>, std::string_view>, "text where bytes belong");
static_assert(!std::is_copy_constructible_v<Client> &&
              std::is_nothrow_move_constructible_v<Client>);

// --- ioctl numbers
// ---------------------------------------------------------------------------------

TEST(IoctlNumber, call_size_up_to_14_bits_is_encoded) {
  EXPECT_EQ(detail::call_request(40), 0xC0285607UL);
  EXPECT_EQ(detail::call_request(16383), 0xFFFF5607UL);
}

TEST(IoctlNumber, call_size_above_14_bits_is_encoded_as_zero) {
  EXPECT_EQ(detail::call_request(16384), 0xC0005607UL);
  EXPECT_EQ(detail::call_request(1U << 20), 0xC0005607UL);
}

TEST(IoctlNumber, requests_that_wait_have_a_timeout_field) {
  vbg_ioctl_hgcm_call call{};
  vbg_ioctl_wait_for_events wait{};
  EXPECT_EQ(detail::timeout_of(detail::call_request(552), &call), &call.timeout_ms);
  EXPECT_EQ(detail::timeout_of(VBG_IOCTL_HGCM_CALL_32(52), &call), &call.timeout_ms);
  EXPECT_EQ(detail::timeout_of(VBG_IOCTL_WAIT_FOR_EVENTS, &wait), &wait.u.in.timeout_ms);
  EXPECT_EQ(detail::timeout_of(VBG_IOCTL_HGCM_CONNECT, &call), nullptr);
}

// --- connect and disconnect
// ------------------------------------------------------------------------

class ClientTest : public testing::Test {
 protected:
  Client connect() {
    auto client = Client::connect(device, "Service");
    EXPECT_TRUE(client.has_value());
    return std::move(*client);
  }
  const WireCall& last() { return device.calls.back(); }

  MockDevice device;
};

TEST_F(ClientTest, connect_sends_name_and_sizes) {
  const Client client = connect();
  EXPECT_EQ(client.id(), 7U);
  ASSERT_EQ(device.connected, std::vector<std::string>{"Service"});
  EXPECT_EQ(device.headers[0].size_in, 156U);
  EXPECT_EQ(device.headers[0].size_out, 28U);
  EXPECT_EQ(device.headers[0].version, 0x10001U);
  EXPECT_EQ(device.headers[0].type, 0U);
}

TEST_F(ClientTest, connect_with_bad_name_is_refused_without_the_driver) {
  EXPECT_EQ(Client::connect(device, "").error(), Status(HGCM_ERR_INVALID_NAME));
  EXPECT_EQ(Client::connect(device, std::string(128, 'x')).error(), Status(HGCM_ERR_INVALID_NAME));
  EXPECT_EQ(Client::connect(device, std::string_view("a\0b", 3)).error(),
            Status(HGCM_ERR_INVALID_NAME));
  EXPECT_TRUE(device.headers.empty());
  EXPECT_TRUE(Client::connect(device, std::string(127, 'x')).has_value());
}

TEST_F(ClientTest, connect_reports_host_status_and_errno) {
  device.connect_rc = HGCM_ERR_HGCM_SERVICE_NOT_FOUND;
  EXPECT_EQ(Client::connect(device, "x").error(), Status(HGCM_ERR_HGCM_SERVICE_NOT_FOUND));
  device.connect_result = -EMFILE;
  EXPECT_EQ(Client::connect(device, "x").error(), Status(HGCM_ERR_TOO_MANY_OPEN_FILES));
}

TEST_F(ClientTest, connect_answered_with_client_zero_fails) {
  device.client_id = 0;
  EXPECT_EQ(Client::connect(device, "x").error(), Status(HGCM_ERR_HGCM_INVALID_CLIENT_ID));
}

TEST_F(ClientTest, destructor_disconnects_once) {
  { const Client client = connect(); }
  EXPECT_EQ(device.disconnected, std::vector<std::uint32_t>{7});
  EXPECT_EQ(device.headers[1].size_in, 28U);
  EXPECT_EQ(device.headers[1].size_out, 24U);
}

TEST_F(ClientTest, moved_from_client_does_not_disconnect) {
  {
    Client first = connect();
    const Client second = std::move(first);
    EXPECT_EQ(first.id(), 0U);  // NOLINT(bugprone-use-after-move)
    EXPECT_EQ(second.id(), 7U);
  }
  EXPECT_EQ(device.disconnected.size(), 1U);
}

TEST_F(ClientTest, move_assignment_disconnects_the_target) {
  Client first = connect();
  device.client_id = 8;
  Client second = connect();
  first = std::move(second);
  EXPECT_EQ(device.disconnected, std::vector<std::uint32_t>{7});
  EXPECT_EQ(first.id(), 8U);
}

TEST_F(ClientTest, call_after_disconnect_fails_without_the_driver) {
  Client client = connect();
  EXPECT_TRUE(client.disconnect().ok());
  EXPECT_EQ(client.call(1).error(), Status(HGCM_ERR_HGCM_INVALID_CLIENT_ID));
  EXPECT_TRUE(device.calls.empty());
}

// --- marshalling
// -----------------------------------------------------------------------------------

TEST_F(ClientTest, call_without_parameters_is_header_only) {
  Client client = connect();
  EXPECT_TRUE(client.call(42).has_value());
  EXPECT_EQ(last().head.hdr.size_in, 40U);
  EXPECT_EQ(last().head.hdr.size_out, 40U);
  EXPECT_EQ(last().request, 0xC0285607UL);
  EXPECT_EQ(last().head.client_id, 7U);
  EXPECT_EQ(last().head.function, 42U);
  EXPECT_EQ(last().head.parm_count, 0U);
  EXPECT_EQ(last().head.timeout_ms, 0xffffffffU);
}

TEST_F(ClientTest, scalars_choose_the_width_of_their_type) {
  Client client = connect();
  ASSERT_TRUE(client.call(1, in(std::uint32_t{5}), in(std::uint64_t{6}), in(-1), in(true),
                          in(Color::kBlue)));
  ASSERT_EQ(last().parameters.size(), 5U);
  EXPECT_EQ(last().type(0), 1U);
  EXPECT_EQ(last().value32(0), 5U);
  EXPECT_EQ(last().type(1), 2U);
  EXPECT_EQ(last().value64(1), 6U);
  EXPECT_EQ(last().type(2), 1U);
  EXPECT_EQ(last().value32(2), 0xffffffffU);
  EXPECT_EQ(last().value32(3), 1U);
  EXPECT_EQ(last().value32(4), 9U);
}

TEST_F(ClientTest, out_and_in_out_scalars_take_the_answer) {
  Client client = connect();
  device.on_call = [](WireCall& call) {
    EXPECT_EQ(call.value32(0), 3U) << "in_out is sent";
    EXPECT_EQ(call.value64(1), 0U) << "out is not";
    call.parameters[0].u.value32 = 4;
    call.parameters[1].u.value64 = 1ULL << 40;
    call.parameters[2].u.value32 = 2;
    call.parameters[3].u.value32 = 9;
    return 0;
  };
  std::uint32_t counter = 3;
  std::uint64_t total = 99;
  bool flag = false;
  Color color = Color::kRed;
  ASSERT_TRUE(client.call(1, in_out(counter), out(total), out(flag), out(color)));
  EXPECT_EQ(counter, 4U);
  EXPECT_EQ(total, 1ULL << 40);
  EXPECT_TRUE(flag);
  EXPECT_EQ(color, Color::kBlue);
}

TEST_F(ClientTest, in_value_is_not_changed_by_the_answer) {
  Client client = connect();
  device.on_call = [](WireCall& call) {
    call.parameters[0].u.value32 = 1234;
    return 0;
  };
  std::uint32_t value = 5;
  ASSERT_TRUE(client.call(1, in(value)));
  EXPECT_EQ(value, 5U);
}

TEST_F(ClientTest, buffers_are_sent_by_address_with_their_direction) {
  Client client = connect();
  std::vector<std::byte> first(10);
  std::vector<std::byte> second(20);
  std::array<std::byte, 30> third{};
  ASSERT_TRUE(client.call(1, in(first), out(second), in_out(third)));
  EXPECT_EQ(last().type(0), 5U);
  EXPECT_EQ(last().type(1), 6U);
  EXPECT_EQ(last().type(2), 4U);
  EXPECT_EQ(last().size(0), 10U);
  EXPECT_EQ(last().size(2), 30U);
  EXPECT_EQ(last().buffer(1).data(), reinterpret_cast<char*>(second.data()));
}

TEST_F(ClientTest, empty_buffers_have_size_and_address_zero) {
  Client client = connect();
  std::array<std::byte, 1> storage{};
  ASSERT_TRUE(client.call(1, in(std::span(storage).first(0)), out(std::span<std::byte>{})));
  EXPECT_EQ(last().type(0), 5U);
  EXPECT_EQ(last().type(1), 6U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(last().size(i), 0U);
    EXPECT_EQ(last().address(i), 0U);
  }
}

TEST_F(ClientTest, string_is_sent_with_its_nul) {
  Client client = connect();
  device.on_call = [](WireCall& call) {
    EXPECT_EQ(call.text(0), std::string("name\0", 5));
    EXPECT_EQ(call.text(1), std::string("\0", 1));
    return 0;
  };
  ASSERT_TRUE(client.call(1, in("name"), in("")));
}

TEST_F(ClientTest, string_view_inside_a_longer_text_is_cut_where_it_ends) {
  Client client = connect();
  device.on_call = [](WireCall& call) {
    EXPECT_EQ(call.text(0), std::string("ab\0", 3));
    return 0;
  };
  ASSERT_TRUE(client.call(1, in(std::string_view("abcdef").substr(0, 2))));
}

TEST_F(ClientTest, string_with_embedded_nul_is_refused) {
  Client client = connect();
  EXPECT_EQ(client.call(1, in(std::string_view("a\0b", 3))).error(),
            Status(HGCM_ERR_INVALID_PARAMETER));
  EXPECT_TRUE(device.calls.empty());
}

TEST_F(ClientTest, out_string_ends_at_its_nul) {
  Client client = connect();
  device.on_call = [](WireCall& call) {
    call.put(0, std::string_view("hello\0junk", 10));
    return 0;
  };
  std::string text = "old";
  ASSERT_TRUE(client.call(1, out(text, 64)));
  EXPECT_EQ(text, "hello");
}

TEST_F(ClientTest, out_string_without_nul_ends_with_the_buffer) {
  Client client = connect();
  device.on_call = [](WireCall& call) {
    call.put(0, "0123456789");
    call.parameters[0].u.pointer.size = 0xffffffff;
    return 0;
  };
  std::string text;
  ASSERT_TRUE(client.call(1, out(text, 4)));
  EXPECT_EQ(text, "0123");
}

TEST_F(ClientTest, out_string_of_no_capacity_stays_empty) {
  Client client = connect();
  std::string text = "old";
  ASSERT_TRUE(client.call(1, out(text, 0)));
  EXPECT_EQ(text, "");
}

// --- a hostile host
// --------------------------------------------------------------------------------

TEST_F(ClientTest, reported_size_above_the_buffer_is_clamped) {
  Client client = connect();
  device.on_call = [](WireCall& call) {
    call.parameters[0].u.pointer.size = 0xfffffff0;
    return 0;
  };
  std::array<std::byte, 16> buffer{};
  std::size_t received = 1;
  ASSERT_TRUE(client.call(1, out(buffer, received)));
  EXPECT_EQ(received, buffer.size());
}

TEST_F(ClientTest, changed_types_and_addresses_are_ignored) {
  Client client = connect();
  device.on_call = [](WireCall& call) {
    for (auto& parameter : call.parameters) {
      std::memset(&parameter, 0x41, sizeof(parameter));
    }
    return 0;
  };
  std::array<std::byte, 8> buffer{};
  std::vector<Parameter> parameters{Parameter::u32(1), Parameter::u64(2), Parameter::out(buffer)};
  ASSERT_TRUE(client.call(1, parameters));
  EXPECT_EQ(parameters[0].kind(), ParameterKind::kU32);
  EXPECT_EQ(parameters[0].value(), 0x41414141U);
  EXPECT_EQ(parameters[1].value(), 0x4141414141414141U);
  EXPECT_EQ(parameters[2].buffer().data(), buffer.data());
  EXPECT_EQ(parameters[2].reported_size(), 0x41414141U);
  EXPECT_EQ(parameters[2].received_size(), 8U);
}

// --- statuses
// --------------------------------------------------------------------------------------

TEST_F(ClientTest, informational_status_is_a_value) {
  Client client = connect();
  device.on_call = [](WireCall& call) {
    call.rc = HGCM_WRN_NOT_FOUND;
    return 0;
  };
  const auto result = client.call(1);
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(*result, Status(HGCM_WRN_NOT_FOUND));
}

TEST_F(ClientTest, failed_service_still_delivers_values) {
  Client client = connect();
  device.on_call = [](WireCall& call) {
    call.parameters[0].u.value32 = 5000;
    call.rc = HGCM_ERR_BUFFER_OVERFLOW;
    return 0;
  };
  std::uint32_t needed = 0;
  EXPECT_EQ(client.call(1, out(needed)).error(), Status(HGCM_ERR_BUFFER_OVERFLOW));
  EXPECT_EQ(needed, 5000U);
}

TEST_F(ClientTest, failed_ioctl_leaves_outputs_alone) {
  Client client = connect();
  device.on_call = [](WireCall&) { return -EFAULT; };
  std::uint32_t value = 77;
  std::string text = "kept";
  EXPECT_EQ(client.call(1, out(value), out(text, 8)).error(), Status(HGCM_ERR_INVALID_POINTER));
  EXPECT_EQ(value, 77U);
  EXPECT_EQ(text, "kept");
}

TEST_F(ClientTest, ended_waits_have_distinct_statuses) {
  Client client = connect();
  int error = -ETIMEDOUT;
  device.on_call = [&](WireCall&) { return error; };
  EXPECT_EQ(client.call(1).error(), Status(HGCM_ERR_TIMEOUT));
  error = -EINTR;
  EXPECT_EQ(client.call(1).error(), Status(HGCM_ERR_INTERRUPTED));
}

TEST_F(ClientTest, stop_during_the_call_is_cancelled_however_the_driver_says_it) {
  Client client = connect();
  for (const int error : {-EINTR, -ETIMEDOUT}) {
    std::stop_source stop;
    device.on_call = [&](WireCall&) {
      stop.request_stop();
      return error;
    };
    EXPECT_EQ(client.call({.stop = stop.get_token()}, 1).error(), Status(HGCM_ERR_CANCELLED));
  }
}

TEST_F(ClientTest, stop_during_a_call_that_finishes_does_not_hide_the_result) {
  Client client = connect();
  std::stop_source stop;
  device.on_call = [&](WireCall& call) {
    stop.request_stop();
    call.rc = 41;
    return 0;
  };
  EXPECT_EQ(*client.call({.stop = stop.get_token()}, 1), Status(HGCM_INF_BUFFER_OVERFLOW));
}

TEST_F(ClientTest, stop_before_the_call_keeps_it_from_the_driver) {
  Client client = connect();
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(client.call({.stop = stop.get_token()}, 1).error(), Status(HGCM_ERR_CANCELLED));
  EXPECT_TRUE(device.calls.empty());
}

struct TimeoutCase {
  std::chrono::milliseconds timeout;
  std::uint32_t wire;
};
class TimeoutTest : public ClientTest, public testing::WithParamInterface<TimeoutCase> {};

TEST_P(TimeoutTest, is_sent_in_driver_milliseconds) {
  Client client = connect();
  ASSERT_TRUE(client.call({.timeout = GetParam().timeout}, 1));
  EXPECT_EQ(last().head.timeout_ms, GetParam().wire);
}

INSTANTIATE_TEST_SUITE_P(Values, TimeoutTest,
                         testing::Values(TimeoutCase{0ms, 0}, TimeoutCase{-5ms, 0},
                                         TimeoutCase{1500ms, 1500}, TimeoutCase{2h, 7200000},
                                         TimeoutCase{24h * 365, 0xfffffffe},
                                         TimeoutCase{kForever, 0xffffffff}));

// --- limits
// ----------------------------------------------------------------------------------------

TEST_F(ClientTest, thirty_two_parameters_go_thirty_three_do_not) {
  Client client = connect();
  std::vector<Parameter> parameters(32);
  EXPECT_TRUE(client.call(1, parameters));
  EXPECT_EQ(last().head.hdr.size_in, 40U + 32 * 16);
  parameters.resize(33);
  EXPECT_EQ(client.call(1, parameters).error(), Status(HGCM_ERR_TOO_MUCH_DATA));
  EXPECT_EQ(device.calls.size(), 1U);
}

TEST_F(ClientTest, buffer_of_four_gigabytes_is_refused) {
  Client client = connect();
  // Never touched: only its size is looked at.
  static std::byte start{};
  std::vector<Parameter> parameters{
      Parameter::in({&start, std::size_t{std::numeric_limits<std::uint32_t>::max()} + 1})};
  EXPECT_EQ(client.call(1, parameters).error(), Status(HGCM_ERR_TOO_MUCH_DATA));
  EXPECT_TRUE(device.calls.empty());
}

TEST_F(ClientTest, declared_function_passes_everything_in_order) {
  Client client = connect();
  device.on_call = [](WireCall& call) {
    EXPECT_EQ(call.head.function, 3U);
    EXPECT_EQ(call.head.timeout_ms, 250U);
    call.parameters[2].u.value64 = call.value32(0) + call.value64(1);
    call.parameters[0].u.value32 = call.value32(0) + 1;
    return 0;
  };
  constexpr Add kAdd;
  std::uint32_t counter = 2;
  std::uint64_t total = 0;
  ASSERT_TRUE(kAdd(client, {.timeout = 250ms}, counter, 40, total));
  EXPECT_EQ(counter, 3U);
  EXPECT_EQ(total, 42U);
}

}  // namespace
}  // namespace hgcm

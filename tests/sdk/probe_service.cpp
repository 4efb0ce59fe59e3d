// SPDX-License-Identifier: MIT
//
// A service that uses every kind of argument and hook of <hgcm/service.hpp>, and misbehaves on
// demand, for service_test.cpp. Its own table of refusals tells the checks apart.
#include <hgcm/service.hpp>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using hgcm::Result;
using hgcm::Status;
using namespace hgcm::service;  // NOLINT(google-build-using-namespace): a test of all of it

class Probe {
 public:
  struct Client {
    explicit Client(const ClientInfo& info) : restoring(info.restoring) {
      if (info.requestor == 0xdead) {
        throw std::bad_alloc();
      }
    }
    ~Client() { ++destroyed; }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    static inline std::uint32_t destroyed = 0;
    bool restoring;
    std::vector<Call> parked;
    std::uint32_t cancellations = 0;
  };

  static constexpr Limits kLimits{
      .clients = {{1, 2, 3}}, .calls = {{4, 5, 6}}, .legacy_category = HGCM_SVC_CATEGORY_USER};
  static constexpr Refusals kRefusals{.unknown_function = HGCM_ERR_INVALID_FUNCTION,
                                      .unknown_host_function = HGCM_ERR_OUT_OF_RANGE,
                                      .parameter_count = HGCM_ERR_WRONG_PARAMETER_COUNT,
                                      .parameter_type = HGCM_ERR_WRONG_PARAMETER_TYPE,
                                      .bad_string = std::nullopt};

  static Result<std::unique_ptr<Probe>> create(Host host) {
    return std::unique_ptr<Probe>(new Probe(host));
  }

  static constexpr auto guest_functions() {
    return functions(
        function(1, &Probe::numbers), function(2, &Probe::text), function(3, &Probe::bytes),
        function(4, &Probe::buffer), function(5, &Probe::any_buffer), function(6, &Probe::pages),
        function(7, &Probe::optionals), function(8, &Probe::rest), function(9, &Probe::fail),
        function(10, &Probe::park), function(11, &Probe::release), function(12, &Probe::forget),
        function(13, &Probe::throw_with_call), function(14, &Probe::from_thread),
        function(15, &Probe::who), function(16, &Probe::nothing));
  }
  static constexpr auto host_functions() {
    return functions(function(1, &Probe::host_add), function(2, &Probe::host_throw),
                     function(3, &Probe::destroyed_clients));
  }

  Status connect(Client&, const ClientInfo& info) {
    if (info.id == 66) {
      return HGCM_ERR_ACCESS_DENIED;
    }
    if (info.id == 67) {
      throw std::runtime_error("no");
    }
    if (info.id == 68) {
      host_.disconnect_client(1);
    }
    return HGCM_INF_SUCCESS;
  }
  void disconnect(Client&, std::uint32_t id) {
    if (id == 99) {
      throw std::runtime_error("no");
    }
  }
  void cancelled(Client& client, std::uint32_t) {
    std::erase_if(client.parked, [](const Call& call) { return call.is_cancelled(); });
    ++client.cancellations;
  }
  void notify(hgcm_svc_event event) {
    events_.add();
    if (event == HGCM_SVC_EVENT_SUSPEND) {
      throw std::runtime_error("no");
    }
  }
  Status save(const Client& client, StateWriter& state) {
    state.put_bool(true).put_u8(8).put_u32(32).put_u64(64).put_string("text");
    return client.parked.empty() ? HGCM_INF_SUCCESS : HGCM_ERR_INVALID_STATE;
  }
  Status load(Client&, StateReader& state) {
    const bool flag = state.get_bool();
    const bool same = flag && state.get_u8() == 8 && state.get_u32() == 32 &&
                      state.get_u64() == 64 && state.get_string(4) == "text";
    return same ? state.status() : Status(HGCM_ERR_SSM_UNEXPECTED_DATA);
  }

 private:
  explicit Probe(Host host)
      : host_(host),
        events_(host, "/Probe/Events", "Notifications seen"),
        info_(host, "probe", "Test output", [this](const InfoOutput& output, std::string_view) {
          output.print("100% of " + std::to_string(events_.value()) + " events\n");
        }) {}

  Status numbers(std::uint32_t a, std::uint64_t b, Out<std::uint32_t> c, InOut<std::uint64_t> d) {
    c = a + 1;
    d = d.get() + b;
    return HGCM_INF_SUCCESS;
  }
  Status text(std::string_view text, Out<std::uint32_t> length) {
    length = static_cast<std::uint32_t>(text.size());
    return HGCM_INF_SUCCESS;
  }
  Status bytes(std::span<const std::byte> bytes, Out<std::uint32_t> size) {
    size = static_cast<std::uint32_t>(bytes.size());
    return HGCM_INF_SUCCESS;
  }
  Status buffer(Buffer buffer) {
    return buffer.assign(std::string_view("four")) ? HGCM_INF_SUCCESS : HGCM_ERR_BUFFER_OVERFLOW;
  }
  Status any_buffer(AnyBuffer buffer, Out<std::uint32_t> size) {
    size = static_cast<std::uint32_t>(buffer.size());
    return HGCM_INF_SUCCESS;
  }
  /// Adds one to every byte.
  Status pages(Pages pages, Out<std::uint32_t> pieces) {
    std::uint32_t count = 0;
    pages.for_each(0, pages.size(), [&](std::span<std::byte>) { ++count; });
    std::vector<std::byte> copy(pages.size());
    pages.read(0, copy);
    for (std::byte& byte : copy) {
      byte = static_cast<std::byte>(static_cast<unsigned>(byte) + 1U);
    }
    pages.write(0, copy);
    pieces = count;
    return HGCM_INF_SUCCESS;
  }
  Status optionals(Out<std::uint32_t> given, std::optional<std::uint32_t> a,
                   std::optional<std::string_view> b) {
    given = (a ? 1U : 0U) + (b ? 2U : 0U);
    return HGCM_INF_SUCCESS;
  }
  Status rest(std::uint32_t, Rest others) {
    if (others.size() == 0 || !others[0].u64()) {
      return HGCM_ERR_INVALID_PARAMETER;
    }
    return static_cast<std::int32_t>(others.size());
  }
  Status fail(std::uint32_t how) {
    if (how == 1) {
      throw std::bad_alloc();
    }
    if (how == 2) {
      throw 42;
    }
    return static_cast<std::int32_t>(how);
  }
  void park(Call call, Client& client, std::uint32_t abandoned) {
    if (abandoned != 0) {
      call.set_abandoned_status(HGCM_ERR_CANCELLED);
    }
    client.parked.push_back(std::move(call));
  }
  Status release(Client& client, Out<std::uint32_t> released) {
    std::uint32_t delivered = 0;
    for (Call& call : client.parked) {
      delivered += std::move(call).complete(HGCM_INF_SUCCESS).ok() ? 1U : 0U;
      // A second completion never leaves the object.
      if (std::move(call).complete(HGCM_INF_SUCCESS) != Status(HGCM_ERR_INVALID_HANDLE)) {
        return HGCM_ERR_INTERNAL_ERROR;
      }
    }
    client.parked.clear();
    released = delivered;
    return HGCM_INF_SUCCESS;
  }
  void forget(Call) {}
  void throw_with_call(Call) { throw std::runtime_error("no"); }
  void from_thread(Call call, Out<std::uint32_t> answer) {
    std::thread([call = std::move(call), answer]() mutable {
      answer = 42;
      std::move(call).complete(HGCM_INF_SUCCESS);
    }).join();
  }
  void who(Call call, Client& client, const CallInfo& info, Out<std::uint32_t> id,
           Out<std::uint32_t> requestor, Out<std::uint64_t> session) {
    id = info.client;
    requestor = call.requestor();
    session = host_.session_id();
    std::move(call).complete(client.restoring || call.is_restored() ? HGCM_WRN_NOT_FOUND
                                                                    : HGCM_INF_SUCCESS);
  }
  Status nothing() { return HGCM_INF_SUCCESS; }

  Status host_add(InOut<std::uint32_t> a, std::uint32_t b) {
    a = a.get() + b;
    return HGCM_INF_SUCCESS;
  }
  Status host_throw() { throw std::length_error("no"); }
  Status destroyed_clients(Out<std::uint32_t> count) {
    count = Client::destroyed;
    return HGCM_INF_SUCCESS;
  }

  Host host_;
  Counter events_;
  InfoHandler info_;
};

}  // namespace

HGCM_EXPORT_SERVICE(Probe)

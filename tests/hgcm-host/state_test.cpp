// SPDX-License-Identifier: MIT
//
// Saved states: what services write and read back, ids that survive, and states that are damaged,
// impossible, or not what the service expects.
#include "hgcm/state_container.h"
#include "scripted_service.h"

#include <boost/test/unit_test.hpp>

#include <cstring>
#include <limits>
#include <map>

using namespace hgcm;
using namespace hgcm::host;
using namespace hgcm::host::testing;

namespace {

/// The host's function at a byte offset of the VMM table.
template <typename Function>
Function* vmm_function(const hgcm_svc_vmm* vmm, std::size_t offset) {
  void* address = nullptr;
  std::memcpy(&address, reinterpret_cast<const char*>(vmm) + offset, sizeof(address));
  return reinterpret_cast<Function*>(address);
}

struct Vmm {
  const hgcm_svc_vmm* table;
  hgcm_svc_ssm* ssm;

  // An entry the host does not have is one function for all signatures, as it is for real services.
  template <typename... Arguments>
#if defined(__clang__)
  [[clang::no_sanitize("function")]]
#endif
  int operator()(std::size_t offset, Arguments... arguments) const {
    return vmm_function<int(hgcm_svc_ssm*, Arguments...)>(table, offset)(ssm, arguments...);
  }
};

constexpr std::size_t kStatus = 0x568;
constexpr std::size_t kAfter = 0x578;
constexpr std::size_t kPutStruct = 0x5c8;
constexpr std::size_t kPutBool = 0x5d0;
constexpr std::size_t kPutU8 = 0x5d8;
constexpr std::size_t kPutU16 = 0x5e8;
constexpr std::size_t kPutU32 = 0x5f8;
constexpr std::size_t kPutU64 = 0x608;
constexpr std::size_t kPutMem = 0x688;
constexpr std::size_t kPutStr = 0x690;
constexpr std::size_t kGetStruct = 0x6a0;
constexpr std::size_t kGetBool = 0x6a8;
constexpr std::size_t kGetU8 = 0x6b8;
constexpr std::size_t kGetU32 = 0x6f8;
constexpr std::size_t kGetU64 = 0x718;
constexpr std::size_t kGetMem = 0x7d0;
constexpr std::size_t kGetStr = 0x7d8;
constexpr std::size_t kSkip = 0x7e8;
constexpr std::size_t kSkipAll = 0x7f0;
constexpr std::size_t kSetError = 0x7f8;

using U8 = std::uint8_t;
using U16 = std::uint16_t;
using U32 = std::uint32_t;
using U64 = std::uint64_t;
using Size = std::size_t;

struct Field {
  U64 transformer;
  U32 offset;
  U32 size;
  U32 first_version;
  U32 padding;
  const char* name;
};
constexpr Field kEnd{0, UINT32_MAX, UINT32_MAX, UINT32_MAX, 0, nullptr};

using SaveFunction = std::function<std::int32_t(const Vmm&)>;

/// Saves one client with `save`, and restores it into a fresh host with `restore`.
struct RoundTrip {
  std::vector<std::byte> state;
  Status restored;
  std::string log;

  RoundTrip(const SaveFunction& save, const SaveFunction& restore) {
    {
      HostFixture source;
      Script script;
      if (save) {
        script.save = [&](std::uint32_t, hgcm_svc_ssm* ssm, const hgcm_svc_vmm* vmm) {
          return save({vmm, ssm});
        };
      }
      load_script(source.host, script);
      source.client_of("Script");
      auto saved = source.host.save_state();
      BOOST_TEST_REQUIRE(saved.has_value(), saved.error());
      state = std::move(*saved);
    }
    std::mutex mutex;
    ServiceHostOptions options;
    options.log = [&](LogLevel, std::string_view line) {
      const std::lock_guard lock(mutex);
      log += line;
    };
    HostFixture target(std::move(options));
    Script script;
    if (restore) {
      script.restore = [&](std::uint32_t, hgcm_svc_ssm* ssm, const hgcm_svc_vmm* vmm,
                           std::uint32_t) {
        return restore({vmm, ssm});
      };
    }
    load_script(target.host, script);
    restored = target.host.load_state(state);
    const bool client_is_there = target.run(1, 1).ok();
    BOOST_TEST(client_is_there == restored.ok());
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(stream)

BOOST_AUTO_TEST_CASE(everything_written_is_read_back) {
  struct Record {
    U32 a;
    U64 b;
  };
  const std::vector<Field> fields{
      {1, offsetof(Record, a), 4, 0, 0, "a"}, {1, offsetof(Record, b), 8, 0, 0, "b"}, kEnd};
  int after_save = 0;
  int after_load = 0;
  const RoundTrip trip(
      [&](const Vmm& vmm) -> std::int32_t {
        const Record record{5, 6};
        vmm(kPutBool, true);
        vmm(kPutU8, U8{1});
        vmm(kPutU16, U16{0x0302});
        vmm(kPutU32, U32{4});
        vmm(kPutU64, U64{1} << 40);
        vmm(kPutMem, static_cast<const void*>("memory"), Size{6});
        vmm(kPutStr, "text");
        vmm(kPutStruct, static_cast<const void*>(&record), sizeof(record), U32{0},
            static_cast<const void*>(fields.data()), static_cast<void*>(nullptr));
        vmm(kPutMem, static_cast<const void*>("skipped"), Size{7});
        vmm(kPutU64, U64{99});
        after_save = vmm(kAfter);
        return vmm(kStatus);
      },
      [&](const Vmm& vmm) -> std::int32_t {
        bool flag = false;
        U8 bytes[3] = {};
        U32 u32_value = 0;
        U64 u64_value = 0;
        char memory[6] = {};
        char text[8] = {};
        Record record{};
        vmm(kGetBool, &flag);
        for (U8& byte : bytes) vmm(kGetU8, &byte);
        vmm(kGetU32, &u32_value);
        vmm(kGetU64, &u64_value);
        vmm(kGetMem, static_cast<void*>(memory), sizeof(memory));
        vmm(kGetStr, static_cast<char*>(text), sizeof(text));
        vmm(kGetStruct, static_cast<void*>(&record), sizeof(record), U32{0},
            static_cast<const void*>(fields.data()), static_cast<void*>(nullptr));
        vmm(kSkip, Size{7});
        vmm(kSkipAll);
        after_load = vmm(kAfter);
        BOOST_TEST(flag);
        BOOST_TEST(bytes[0] == 1);
        BOOST_TEST(bytes[1] == 2);
        BOOST_TEST(bytes[2] == 3);
        BOOST_TEST(u32_value == 4U);
        BOOST_TEST(u64_value == U64{1} << 40);
        BOOST_TEST(std::string(memory, 6) == "memory");
        BOOST_TEST(std::string(text) == "text");
        BOOST_TEST(record.a == 5U);
        BOOST_TEST(record.b == 6U);
        return vmm(kStatus);
      });
  BOOST_TEST(trip.restored == HGCM_INF_SUCCESS);
  BOOST_TEST(after_save == 2);
  BOOST_TEST(after_load == 4);
}

BOOST_AUTO_TEST_CASE(table_has_its_header_and_answers_at_every_place) {
  const RoundTrip trip(
      [](const Vmm& vmm) -> std::int32_t {
        U64 header[2];
        std::memcpy(header, vmm.table, sizeof(header));
        BOOST_TEST(header[0] == 0x0007000019900525U);
        BOOST_TEST((header[1] & 0xff) == 1U);
        const std::vector<std::size_t> used{kStatus,    kAfter,   kPutStruct, kPutBool, kPutU8,
                                            kPutU16,    kPutU32,  kPutU64,    kPutMem,  kPutStr,
                                            kGetStruct, kGetBool, kGetU8,     kGetU32,  kGetU64,
                                            kGetMem,    kGetStr,  kSkip,      kSkipAll, kSetError};
        for (std::size_t offset = 0x18; offset < 0x12c0; offset += 8) {
          if (std::find(used.begin(), used.end(), offset) == used.end())
            BOOST_TEST_REQUIRE(vmm(offset) == HGCM_ERR_NOT_SUPPORTED);
        }
        return 0;
      },
      [](const Vmm&) -> std::int32_t { return 0; });
  BOOST_TEST(trip.restored == HGCM_INF_SUCCESS);
}

BOOST_AUTO_TEST_CASE(reading_too_much_fails_the_restore) {
  const RoundTrip trip([](const Vmm& vmm) { return vmm(kPutU32, U32{1}); },
                       [](const Vmm& vmm) -> std::int32_t {
                         U64 number = 0;
                         BOOST_TEST(vmm(kGetU64, &number) == HGCM_ERR_EOF);
                         BOOST_TEST(vmm(kStatus) == HGCM_ERR_EOF);
                         return 0;  // overlooks it
                       });
  BOOST_TEST(trip.restored == HGCM_ERR_EOF);
}

BOOST_AUTO_TEST_CASE(reading_too_little_fails_the_restore) {
  const RoundTrip trip([](const Vmm& vmm) { return vmm(kPutU64, U64{1}); },
                       [](const Vmm& vmm) -> std::int32_t {
                         U32 number = 0;
                         return vmm(kGetU32, &number);
                       });
  BOOST_TEST(trip.restored == HGCM_ERR_SSM_UNEXPECTED_DATA);
}

BOOST_AUTO_TEST_CASE(load_error_text_is_logged) {
  const RoundTrip trip([](const Vmm&) { return 0; },
                       [](const Vmm& vmm) -> std::int32_t {
                         using SetError = int(hgcm_svc_ssm*, int, const char*, unsigned,
                                              const char*, const char*, ...);
                         return vmm_function<SetError>(vmm.table, kSetError)(
                             vmm.ssm, HGCM_ERR_SSM_DATA_UNIT_FORMAT_CHANGED, "file", 1, "function",
                             "bad %s %RU32", "magic", 17);
                       });
  BOOST_TEST(trip.restored == HGCM_ERR_SSM_DATA_UNIT_FORMAT_CHANGED);
  BOOST_TEST(trip.log.find("bad magic 17") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(misuse_of_the_stream_is_refused) {
  hgcm_svc_ssm* kept = nullptr;
  const hgcm_svc_vmm* table = nullptr;
  const RoundTrip trip(
      [&](const Vmm& vmm) -> std::int32_t {
        kept = vmm.ssm;
        table = vmm.table;
        const Vmm wrong{vmm.table, reinterpret_cast<hgcm_svc_ssm*>(std::uintptr_t{0x1000})};
        BOOST_TEST(wrong(kPutU32, U32{1}) == HGCM_ERR_INVALID_HANDLE);
        BOOST_TEST(wrong(kStatus) == HGCM_ERR_INVALID_HANDLE);
        return 0;
      },
      [](const Vmm& vmm) -> std::int32_t {
        BOOST_TEST(vmm(kPutU32, U32{1}) == HGCM_ERR_WRONG_ORDER);
        return 0;
      });
  BOOST_TEST(trip.restored == HGCM_ERR_WRONG_ORDER);
  const Vmm late{table, kept};
  BOOST_TEST(late(kPutU32, U32{1}) == HGCM_ERR_INVALID_HANDLE);
}

BOOST_AUTO_TEST_CASE(null_pointers_and_bad_structures_are_refused) {
  const std::vector<Field> outside{{1, 4, 8, 0, 0, "x"}, kEnd};
  const std::vector<Field> strange{{2, 0, 4, 0, 0, "x"}, kEnd};
  const auto save_fails = [](const SaveFunction& save) {
    HostFixture fixture;
    Script script;
    script.save = [&](std::uint32_t, hgcm_svc_ssm* ssm, const hgcm_svc_vmm* vmm) {
      save({vmm, ssm});
      return 0;
    };
    load_script(fixture.host, script);
    fixture.client_of("Script");
    const auto saved = fixture.host.save_state();
    return saved.has_value() ? Status() : saved.error();
  };
  const U64 data = 0;
  const auto* const memory = static_cast<const void*>(&data);
  const auto put_struct = [&](const Vmm& vmm, const Field* fields, U32 flags) {
    return vmm(kPutStruct, memory, Size{8}, flags, static_cast<const void*>(fields),
               static_cast<void*>(nullptr));
  };
  BOOST_TEST(save_fails([](const Vmm& vmm) {
               return vmm(kPutMem, static_cast<const void*>(nullptr), Size{1});
             }) == HGCM_ERR_INVALID_POINTER);
  BOOST_TEST(save_fails([](const Vmm& vmm) {
               return vmm(kPutStr, static_cast<const char*>(nullptr));
             }) == HGCM_ERR_INVALID_POINTER);
  BOOST_TEST(save_fails([&](const Vmm& vmm) { return put_struct(vmm, outside.data(), 0); }) ==
             HGCM_ERR_INVALID_PARAMETER);
  BOOST_TEST(save_fails([&](const Vmm& vmm) { return put_struct(vmm, strange.data(), 0); }) ==
             HGCM_ERR_NOT_SUPPORTED);
  BOOST_TEST(save_fails([&](const Vmm& vmm) { return put_struct(vmm, outside.data(), 1); }) ==
             HGCM_ERR_NOT_SUPPORTED);
  BOOST_TEST(save_fails([&](const Vmm& vmm) { return put_struct(vmm, nullptr, 0); }) ==
             HGCM_ERR_INVALID_POINTER);
}

BOOST_AUTO_TEST_CASE(client_that_writes_too_much_fails_the_save) {
  HostFixture fixture;
  Script script;
  script.save = [](std::uint32_t, hgcm_svc_ssm* ssm, const hgcm_svc_vmm* vmm) {
    const std::vector<char> block(1U << 20);
    const Vmm call{vmm, ssm};
    int status = 0;
    for (int i = 0; i < 17 && status >= 0; ++i)
      status = call(kPutMem, static_cast<const void*>(block.data()), block.size());
    return status;
  };
  load_script(fixture.host, script);
  fixture.client_of("Script");
  BOOST_TEST(fixture.host.save_state().error() == HGCM_ERR_TOO_MUCH_DATA);
}

BOOST_AUTO_TEST_CASE(string_longer_than_the_buffer_is_refused) {
  const RoundTrip trip([](const Vmm& vmm) { return vmm(kPutStr, "12345678"); },
                       [](const Vmm& vmm) -> std::int32_t {
                         char text[8] = {};
                         return vmm(kGetStr, static_cast<char*>(text), sizeof(text));
                       });
  BOOST_TEST(trip.restored == HGCM_ERR_TOO_MUCH_DATA);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(saving)

BOOST_AUTO_TEST_CASE(clients_come_back_under_their_ids) {
  struct Seen {
    std::uint32_t requestor;
    bool restoring;
    std::uint32_t version;
    std::uint32_t value;
  };
  std::vector<std::byte> state;
  {
    HostFixture source;
    Script a;
    Script b;
    a.save = [](std::uint32_t id, hgcm_svc_ssm* ssm, const hgcm_svc_vmm* vmm) {
      return Vmm{vmm, ssm}(kPutU32, U32{id * 100});
    };
    load_script<0>(source.host, a, "A");
    load_script<1>(source.host, b, "B");
    source.client_of("A", 0x11);
    source.client_of("B", 0x22);
    source.client_of("A", 0x33);
    source.client_of("B", 0x44);
    source.disconnect(4);
    state = source.host.save_state().value();
  }
  HostFixture target;
  std::map<std::uint32_t, Seen> seen;
  Script a;
  Script b;
  for (Script* script : {&a, &b}) {
    script->connect = [&seen](std::uint32_t id, void*, std::uint32_t requestor, bool restoring) {
      seen[id] = {requestor, restoring, 99, 0};
      return 0;
    };
    script->restore = [&seen](std::uint32_t id, hgcm_svc_ssm* ssm, const hgcm_svc_vmm* vmm,
                              std::uint32_t version) {
      seen[id].version = version;
      return version == 0 ? 0 : Vmm{vmm, ssm}(kGetU32, &seen[id].value);
    };
  }
  // Limits do not count for clients that were there.
  a.load = [](hgcm_svc_table& table) -> std::int32_t {
    table.max_clients[HGCM_SVC_CATEGORY_KERNEL] = 0;
    table.max_clients[HGCM_SVC_CATEGORY_ROOT] = 0;
    return 0;
  };
  load_script<0>(target.host, a, "A");
  load_script<1>(target.host, b, "B");
  BOOST_TEST(target.host.load_state(state) == HGCM_INF_SUCCESS);
  BOOST_TEST_REQUIRE(seen.size() == 3U);
  BOOST_TEST(seen[1].requestor == 0x11U);
  BOOST_TEST(seen[2].requestor == 0x22U);
  BOOST_TEST(seen[3].requestor == 0x33U);
  for (const auto& [id, one] : seen) BOOST_TEST(one.restoring);
  BOOST_TEST(seen[1].version == 3U);
  BOOST_TEST(seen[1].value == 100U);
  BOOST_TEST(seen[3].value == 300U);
  BOOST_TEST(seen[2].version == 0U);
  for (const ClientId id : {1U, 2U, 3U}) BOOST_TEST(target.run(id, 1) == HGCM_INF_SUCCESS);
  BOOST_TEST(target.run(4, 1) == HGCM_ERR_HGCM_INVALID_CLIENT_ID);
  BOOST_TEST(target.client_of("B") == 5U);
}

BOOST_AUTO_TEST_CASE(failing_save_is_told_and_harms_nothing) {
  HostFixture fixture;
  Script script;
  script.save = [](std::uint32_t, hgcm_svc_ssm*, const hgcm_svc_vmm*) -> std::int32_t {
    return HGCM_ERR_NO_MEMORY;
  };
  load_script(fixture.host, script);
  const ClientId client = fixture.client_of("Script");
  BOOST_TEST(fixture.host.save_state().error() == HGCM_ERR_NO_MEMORY);
  BOOST_TEST(fixture.run(client, 1) == HGCM_INF_SUCCESS);
}

BOOST_AUTO_TEST_CASE(call_completed_inside_save_is_kept_for_resubmission) {
  HostFixture fixture;
  Arrived parked;
  std::int32_t completed = -1;
  Script script;
  script.call = [&](const Arrived& call) {
    if (call.function == 1) {
      parked = call;
    } else {
      script.complete(call, 0);
    }
  };
  script.save = [&](std::uint32_t, hgcm_svc_ssm*, const hgcm_svc_vmm*) {
    completed = script.complete(parked, HGCM_ERR_INTERRUPTED);
    return 0;
  };
  load_script(fixture.host, script);
  const ClientId client = fixture.client_of("Script");
  const Call call = make_call(1);
  BOOST_TEST(fixture.host.call(client, call) == HGCM_INF_SUCCESS);
  BOOST_TEST(fixture.host.save_state().has_value());
  BOOST_TEST(completed == HGCM_INF_SUCCESS);
  BOOST_TEST((call->wait_dismissed() == GuestCall::Dismissal::kSaved));
  // This machine goes on: the device submits it again.
  const Call again = make_call(2);
  again->restored = true;
  BOOST_TEST(fixture.run(client, again) == HGCM_INF_SUCCESS);
}

BOOST_AUTO_TEST_CASE(saved_data_without_load_entry_fails) {
  const RoundTrip trip([](const Vmm&) { return 0; }, nullptr);
  BOOST_TEST(trip.restored == HGCM_ERR_INTERNAL_ERROR_5);
}

BOOST_AUTO_TEST_CASE(no_saved_data_and_no_load_entry_is_fine) {
  const RoundTrip trip(nullptr, nullptr);
  BOOST_TEST(trip.restored == HGCM_INF_SUCCESS);
}

BOOST_AUTO_TEST_CASE(ids_wrap_and_skip_those_in_use) {
  SavedHost saved;
  saved.last_id = 0x7ffffffe;
  saved.services.push_back({"Script", {{1, 0, false, {}}, {0x7fffffff, 0, false, {}}}});
  HostFixture fixture;
  Script script;
  load_script(fixture.host, script);
  BOOST_TEST(fixture.host.load_state(encode_state(saved).value()) == HGCM_INF_SUCCESS);
  BOOST_TEST(fixture.client_of("Script") == 2U);
  BOOST_TEST(fixture.client_of("Script") == 3U);
}

BOOST_AUTO_TEST_CASE(restore_replaces_the_clients_that_are_there) {
  HostFixture fixture;
  int disconnects = 0;
  Script script;
  script.disconnect = [&](std::uint32_t, void*) -> std::int32_t {
    ++disconnects;
    return 0;
  };
  load_script(fixture.host, script);
  fixture.client_of("Script");
  const auto state = fixture.host.save_state().value();
  BOOST_TEST(fixture.client_of("Script") == 2U);
  BOOST_TEST(fixture.host.load_state(state) == HGCM_INF_SUCCESS);
  BOOST_TEST(disconnects == 2);
  BOOST_TEST(fixture.run(1, 1) == HGCM_INF_SUCCESS);
  BOOST_TEST(fixture.run(2, 1) == HGCM_ERR_HGCM_INVALID_CLIENT_ID);
}

BOOST_AUTO_TEST_CASE(missing_service_fails_only_when_it_had_clients) {
  SavedHost saved;
  saved.services.push_back({"Gone", {}});
  HostFixture fixture;
  BOOST_TEST(fixture.host.load_state(encode_state(saved).value()) == HGCM_INF_SUCCESS);
  saved.services[0].clients.push_back({1, 0, false, {}});
  BOOST_TEST(fixture.host.load_state(encode_state(saved).value()) == HGCM_ERR_SSM_UNEXPECTED_DATA);
}

BOOST_AUTO_TEST_CASE(caller_is_told_before_the_first_change_and_not_when_there_is_none) {
  HostFixture fixture;
  Script script;
  int told = 0;
  script.disconnect = [&](std::uint32_t, void*) -> std::int32_t {
    BOOST_TEST(told == 1);
    return 0;
  };
  load_script(fixture.host, script);
  fixture.client_of("Script");
  SavedHost saved;
  saved.services.push_back({"Gone", {{1, 0, false, {}}}});
  const auto tell = [&] { ++told; };
  BOOST_TEST(fixture.host.load_state(encode_state(saved).value(), tell).failed());
  BOOST_TEST(fixture.host.load_state({}, tell).failed());
  BOOST_TEST(told == 0);
  BOOST_TEST(fixture.run(1, 1) == HGCM_INF_SUCCESS);
  saved.services.clear();
  BOOST_TEST(fixture.host.load_state(encode_state(saved).value(), tell) == HGCM_INF_SUCCESS);
  BOOST_TEST(told == 1);
}

BOOST_AUTO_TEST_CASE(failure_in_the_middle_leaves_no_client) {
  SavedHost saved;
  saved.services.push_back({"Script", {{1, 0, false, {}}, {2, 0, false, {}}, {3, 0, false, {}}}});
  HostFixture fixture;
  std::vector<std::uint32_t> disconnected;
  Script script;
  script.restore = [](std::uint32_t id, hgcm_svc_ssm*, const hgcm_svc_vmm*,
                      std::uint32_t) -> std::int32_t {
    return id == 2 ? Status(HGCM_ERR_NO_MEMORY).code() : 0;
  };
  script.disconnect = [&](std::uint32_t id, void*) -> std::int32_t {
    disconnected.push_back(id);
    return 0;
  };
  load_script(fixture.host, script);
  BOOST_TEST(fixture.host.load_state(encode_state(saved).value()) == HGCM_ERR_NO_MEMORY);
  BOOST_TEST((disconnected == std::vector<std::uint32_t>{1, 2}));
  BOOST_TEST(fixture.statistics("Script").clients[0] == 0U);
  BOOST_TEST(fixture.run(1, 1) == HGCM_ERR_HGCM_INVALID_CLIENT_ID);
}

BOOST_AUTO_TEST_CASE(refused_reconnect_fails_without_disconnect) {
  SavedHost saved;
  saved.services.push_back({"Script", {{1, 0, false, {}}}});
  HostFixture fixture;
  int disconnects = 0;
  Script script;
  script.connect = [](std::uint32_t, void*, std::uint32_t, bool) -> std::int32_t {
    return HGCM_ERR_ACCESS_DENIED;
  };
  script.disconnect = [&](std::uint32_t, void*) -> std::int32_t { return ++disconnects; };
  load_script(fixture.host, script);
  BOOST_TEST(fixture.host.load_state(encode_state(saved).value()) == HGCM_ERR_ACCESS_DENIED);
  BOOST_TEST(disconnects == 0);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(container)

namespace {

SavedHost example() {
  SavedHost host;
  host.last_id = 9;
  host.services.push_back({"One", {{1, 2, true, std::vector<std::byte>(5, std::byte{7})}}});
  host.services.push_back({"Two", {{3, 4, false, {}}, {9, 0xffffffff, true, {}}}});
  host.services.push_back({"Three", {}});
  return host;
}

}  // namespace

BOOST_AUTO_TEST_CASE(decoding_gives_what_was_encoded) {
  const auto host = decode_state(encode_state(example()).value()).value();
  BOOST_TEST(host.last_id == 9U);
  BOOST_TEST_REQUIRE(host.services.size() == 3U);
  BOOST_TEST(host.services[0].name == "One");
  BOOST_TEST(host.services[0].clients[0].state.size() == 5U);
  BOOST_TEST(host.services[1].clients[1].requestor == 0xffffffffU);
  BOOST_TEST(host.services[1].clients[1].has_state);
  BOOST_TEST(!host.services[1].clients[0].has_state);
}

BOOST_AUTO_TEST_CASE(every_truncation_is_refused) {
  const auto bytes = encode_state(example()).value();
  for (std::size_t size = 0; size < bytes.size(); ++size)
    BOOST_TEST_REQUIRE(!decode_state(std::span(bytes).first(size)).has_value());
}

BOOST_AUTO_TEST_CASE(every_flipped_bit_is_refused) {
  auto bytes = encode_state(example()).value();
  for (std::size_t i = 0; i < bytes.size() * 8; ++i) {
    const auto mask = std::byte{1} << (i % 8);
    bytes[i / 8] ^= mask;
    BOOST_TEST_REQUIRE(!decode_state(bytes).has_value());
    bytes[i / 8] ^= mask;
  }
  BOOST_TEST(decode_state(bytes).has_value());
}

BOOST_AUTO_TEST_CASE(every_truncated_payload_with_a_good_checksum_is_refused) {
  const auto bytes = encode_state(example()).value();
  const auto payload = std::span(bytes).subspan(kStateHeaderSize);
  for (std::size_t size = 0; size < payload.size(); ++size)
    BOOST_TEST_REQUIRE(!decode_state(wrap_state(payload.first(size))).has_value());
}

BOOST_AUTO_TEST_CASE(impossible_contents_are_refused) {
  const auto refused = [](auto change) {
    SavedHost host = example();
    change(host);
    return decode_state(encode_state(host).value()).error() == HGCM_ERR_SSM_UNEXPECTED_DATA;
  };
  BOOST_TEST(refused([](SavedHost& host) { host.last_id = 0x80000000; }));
  BOOST_TEST(refused([](SavedHost& host) { host.services[0].clients[0].id = 0; }));
  BOOST_TEST(refused([](SavedHost& host) { host.services[0].clients[0].id = 0x80000000; }));
  BOOST_TEST(refused([](SavedHost& host) { host.services[0].clients[0].id = 3; }));
  BOOST_TEST(refused([](SavedHost& host) { host.services[0].clients[0].has_state = false; }));
  BOOST_TEST(refused([](SavedHost& host) { host.services[0].name = "Two"; }));
  BOOST_TEST(refused([](SavedHost& host) { host.services[0].name = ""; }));
  BOOST_TEST(refused([](SavedHost& host) { host.services[0].name = "../x"; }));
}

BOOST_AUTO_TEST_CASE(other_version_is_told_apart_from_damage) {
  auto bytes = encode_state(example()).value();
  bytes[8] = std::byte{2};
  BOOST_TEST(decode_state(bytes).error() == HGCM_ERR_SSM_DATA_UNIT_FORMAT_CHANGED);
  BOOST_TEST(decode_state({}).error() == HGCM_ERR_SSM_DATA_UNIT_FORMAT_CHANGED);
}

BOOST_AUTO_TEST_SUITE_END()

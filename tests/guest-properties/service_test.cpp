// SPDX-License-Identifier: MIT
//
// Guest and host functions of the guest property service but for notifications: every function,
// every status that the protocol gives, hostile parameters.
#include <ctime>

#include "fixture.h"

using namespace hgcm::guestprop::test;  // NOLINT(google-build-using-namespace)
using namespace hgcm::guestprop;        // NOLINT(google-build-using-namespace)

BOOST_FIXTURE_TEST_SUITE(guest_property_service, Service)

BOOST_AUTO_TEST_CASE(load_refuses_foreign_tables) {
  MiniHost other;
  BOOST_CHECK_EQUAL(other.load_with_table("services", "VBoxGuestPropSvc", nullptr),
                    HGCM_ERR_INVALID_PARAMETER);
  const std::pair<std::uint32_t, std::uint32_t> foreign[] = {
      {0x80, 0x000b0001}, {0x90, 0x000b0001}, {0x88, 0x000b0000}, {0x88, 0x000b0002}};
  for (const auto& [size, version] : foreign) {
    hgcm_svc_table table{};
    table.size = size;
    table.version = version;
    table.helpers = host.table.helpers;
    BOOST_CHECK_EQUAL(MiniHost().load_with_table("services", "VBoxGuestPropSvc", &table),
                      HGCM_ERR_VERSION_MISMATCH);
  }
}

BOOST_AUTO_TEST_CASE(table_is_as_the_stock_service_fills_it) {
  const hgcm_svc_table& table = host.table;
  BOOST_CHECK_EQUAL(table.client_size, 0);
  const std::uint32_t clients[] = {2048, 1024, 1024};
  for (int i = 0; i < 3; ++i) {
    BOOST_CHECK_EQUAL(table.max_clients[i], clients[i]);
    BOOST_CHECK_EQUAL(table.max_calls_per_client[i], 16);
  }
  BOOST_CHECK_EQUAL(table.legacy_category, HGCM_SVC_CATEGORY_KERNEL);
  BOOST_CHECK(table.unload && table.connect && table.disconnect && table.call);
  BOOST_CHECK(table.host_call && table.register_extension && table.notify && table.service);
  BOOST_CHECK(!table.cancelled && !table.save_state && !table.load_state);
}

BOOST_AUTO_TEST_CASE(initial_properties_are_there) {
  for (const char* name : {"/VirtualBox/HostInfo/VBoxVer", "/VirtualBox/HostInfo/VBoxVerExt",
                           "/VirtualBox/HostInfo/VBoxRev", "/VirtualBox/VMInfo/ResetCounter",
                           "/VirtualBox/VMInfo/ResumeCounter", "/VirtualBox/HostGuest/SysprepExec",
                           "/VirtualBox/HostGuest/SysprepArgs"}) {
    BOOST_CHECK_EQUAL(flags(name), "TRANSIENT, RDONLYGUEST");
  }
  BOOST_CHECK_EQUAL(value("/VirtualBox/VMInfo/ResetCounter"), "0");
  BOOST_CHECK_EQUAL(value("/VirtualBox/HostGuest/SysprepExec"), "");
  BOOST_CHECK_EQUAL(enumerate(literal("\0")).size(), 7);
}

BOOST_AUTO_TEST_CASE(set_then_get_returns_value_flags_and_timestamp) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  const auto before = static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U;
  BOOST_CHECK_EQUAL(guest_set("/a", "value", "transient"), 0);
  const auto found = get("/a");
  BOOST_REQUIRE(found);
  BOOST_CHECK_EQUAL(found->value, "value");
  BOOST_CHECK_EQUAL(found->flags, "TRANSIENT");
  BOOST_CHECK_GE(found->timestamp, before);
  BOOST_CHECK_LT(found->timestamp, before + 600'000'000'000U);
}

BOOST_AUTO_TEST_CASE(set_without_flags_clears_them) {
  for (const std::uint32_t function : {2U, 3U}) {
    BOOST_CHECK_EQUAL(guest_set("/a", "1", "TRANSIENT"), 0);
    BOOST_CHECK_EQUAL(host.call(1, function, Parm::string("/a"), Parm::string("2"))->wait(), 0);
    BOOST_CHECK_EQUAL(flags("/a"), "");
    BOOST_CHECK_EQUAL(value("/a"), "2");
    BOOST_CHECK_EQUAL(
        host.call(1, function, Parm::string("/a"), Parm::string("3"), Parm::string("TRANSRESET"))
            ->wait(),
        0);
    BOOST_CHECK_EQUAL(flags("/a"), "TRANSIENT, TRANSRESET");
  }
}

BOOST_AUTO_TEST_CASE(get_of_a_missing_property_is_not_found) {
  const auto call =
      host.call(1, 1, Parm::string("/no"), Parm::buffer(16), Parm::u64(7), Parm::u32(7));
  BOOST_CHECK_EQUAL(call->wait(), HGCM_ERR_NOT_FOUND);
}

BOOST_AUTO_TEST_CASE(get_into_a_small_buffer_tells_the_size) {
  guest_set("/a", "12345", "TRANSIENT");
  for (const std::size_t room : {std::size_t{1}, std::size_t{15}}) {
    const auto call =
        host.call(1, 1, Parm::string("/a"), Parm::buffer(room), Parm::u64(7), Parm::u32(0));
    BOOST_CHECK_EQUAL(call->wait(), HGCM_ERR_BUFFER_OVERFLOW);
    BOOST_CHECK_EQUAL(call->u32(3), 16);
    BOOST_CHECK_EQUAL(call->u64(2), 7);
  }
  const auto call =
      host.call(1, 1, Parm::string("/a"), Parm::buffer(16), Parm::u64(7), Parm::u32(0));
  BOOST_CHECK_EQUAL(call->wait(), 0);
  BOOST_CHECK(call->contents(1) == literal("12345\0TRANSIENT\0"));
}

BOOST_AUTO_TEST_CASE(names_are_case_sensitive) {
  guest_set("/a", "lower");
  guest_set("/A", "upper");
  BOOST_CHECK_EQUAL(value("/a"), "lower");
  BOOST_CHECK_EQUAL(value("/A"), "upper");
}

BOOST_AUTO_TEST_CASE(bad_names_are_invalid_in_every_function) {
  for (const std::string& name : {std::string(), std::string(64, 'a'), std::string("a*"),
                                  std::string("a?"), std::string("a|b"), std::string("\xff")}) {
    BOOST_CHECK_EQUAL(guest_set(name, "x"), HGCM_ERR_INVALID_PARAMETER);
    BOOST_CHECK_EQUAL(host_set(name, "x"), HGCM_ERR_INVALID_PARAMETER);
    BOOST_CHECK_EQUAL(guest_delete(name), HGCM_ERR_INVALID_PARAMETER);
    BOOST_CHECK_EQUAL(host_delete(name), HGCM_ERR_INVALID_PARAMETER);
    BOOST_CHECK_EQUAL(
        host.call(1, 1, Parm::string(name), Parm::buffer(99), Parm::u64(0), Parm::u32(0))->wait(),
        HGCM_ERR_INVALID_PARAMETER);
  }
  BOOST_CHECK_EQUAL(guest_set(std::string(63, 'a'), "x"), 0);
}

BOOST_AUTO_TEST_CASE(long_values_are_too_much) {
  BOOST_CHECK_EQUAL(guest_set("/a", std::string(1023, 'x')), 0);
  BOOST_CHECK_EQUAL(guest_set("/a", std::string(1024, 'y')), HGCM_ERR_TOO_MUCH_DATA);
  BOOST_CHECK_EQUAL(value("/a"), std::string(1023, 'x'));
}

BOOST_AUTO_TEST_CASE(set_checks_name_then_value_then_flags_then_permission) {
  const std::string long_value(1024, 'x');
  BOOST_CHECK_EQUAL(guest_set("*", long_value, "bad"), HGCM_ERR_INVALID_PARAMETER);
  BOOST_CHECK_EQUAL(guest_set("/VirtualBox/HostInfo/x", long_value, "bad"), HGCM_ERR_TOO_MUCH_DATA);
  BOOST_CHECK_EQUAL(guest_set("/VirtualBox/HostInfo/x", "x", "bad"), HGCM_ERR_PARSE_ERROR);
  BOOST_CHECK_EQUAL(guest_set("/VirtualBox/HostInfo/x", "x", ""), HGCM_ERR_PERMISSION_DENIED);
}

BOOST_AUTO_TEST_CASE(readonly_flags_bind_the_side_they_name) {
  BOOST_CHECK_EQUAL(guest_set("/g", "1", "RDONLYGUEST"), 0);
  BOOST_CHECK_EQUAL(guest_set("/g", "2"), HGCM_ERR_PERMISSION_DENIED);
  BOOST_CHECK_EQUAL(guest_delete("/g"), HGCM_ERR_PERMISSION_DENIED);
  BOOST_CHECK_EQUAL(value("/g"), "1");
  BOOST_CHECK_EQUAL(host_set("/g", "3", "RDONLYHOST"), 0);
  BOOST_CHECK_EQUAL(host_set("/g", "4"), HGCM_ERR_PERMISSION_DENIED);
  BOOST_CHECK_EQUAL(host_delete("/g"), HGCM_ERR_PERMISSION_DENIED);
  BOOST_CHECK_EQUAL(guest_set("/g", "5", "READONLY"), 0);
  BOOST_CHECK_EQUAL(guest_set("/g", "6"), HGCM_ERR_PERMISSION_DENIED);
  BOOST_CHECK_EQUAL(host_set("/g", "6"), HGCM_ERR_PERMISSION_DENIED);
  BOOST_CHECK_EQUAL(value("/g"), "5");
}

BOOST_AUTO_TEST_CASE(reserved_names_are_for_the_host) {
  BOOST_CHECK_EQUAL(guest_set("/VirtualBox/GuestAdd/PAM/x", "1"), HGCM_ERR_PERMISSION_DENIED);
  BOOST_CHECK_EQUAL(host_set("/VirtualBox/GuestAdd/PAM/x", "1", "TRANSIENT"), 0);
  BOOST_CHECK_EQUAL(flags("/VirtualBox/GuestAdd/PAM/x"), "TRANSIENT, RDONLYGUEST");
  BOOST_CHECK_EQUAL(guest_delete("/VirtualBox/GuestAdd/PAM/x"), HGCM_ERR_PERMISSION_DENIED);
  BOOST_CHECK_EQUAL(guest_delete("/VirtualBox/GuestAdd/PAM/missing"), 0);
  BOOST_CHECK_EQUAL(host_delete("/VirtualBox/GuestAdd/PAM/x"), 0);
}

BOOST_AUTO_TEST_CASE(global_flag_makes_guest_writes_succeed_without_effect) {
  guest_set("/a", "1");
  guest_set("/r", "1", "RDONLYGUEST");
  BOOST_CHECK_EQUAL(set_global_flags(kReadOnlyGuest), 0);
  BOOST_CHECK_EQUAL(guest_set("/a", "2"), HGCM_INF_PERMISSION_DENIED);
  BOOST_CHECK_EQUAL(guest_set("/new", "2"), HGCM_INF_PERMISSION_DENIED);
  BOOST_CHECK_EQUAL(guest_delete("/a"), HGCM_INF_PERMISSION_DENIED);
  BOOST_CHECK_EQUAL(guest_set("/r", "2"), HGCM_ERR_PERMISSION_DENIED);
  BOOST_CHECK_EQUAL(value("/a"), "1");
  BOOST_CHECK_EQUAL(value("/new"), "(none)");
  BOOST_CHECK_EQUAL(host_set("/a", "3"), 0);
  BOOST_CHECK_EQUAL(set_global_flags(0xfffffffb), 0);
  BOOST_CHECK_EQUAL(guest_set("/a", "4"), 0);
}

BOOST_AUTO_TEST_CASE(delete_removes_and_a_missing_property_is_no_failure) {
  guest_set("/a", "1");
  BOOST_CHECK_EQUAL(guest_delete("/a"), 0);
  BOOST_CHECK_EQUAL(value("/a"), "(none)");
  BOOST_CHECK_EQUAL(guest_delete("/a"), 0);
  BOOST_CHECK_EQUAL(host_delete("/a"), 0);
}

BOOST_AUTO_TEST_CASE(table_of_256_properties_takes_changes_but_no_more) {
  BOOST_CHECK_EQUAL(fill(), 256);
  BOOST_CHECK_EQUAL(guest_set("/one/more", "x"), HGCM_ERR_TOO_MUCH_DATA);
  BOOST_CHECK_EQUAL(host_set("/one/more", "x"), HGCM_ERR_TOO_MUCH_DATA);
  BOOST_CHECK_EQUAL(guest_set("/fill/0", "changed"), 0);
  BOOST_CHECK_EQUAL(guest_delete("/fill/0"), 0);
  BOOST_CHECK_EQUAL(guest_set("/one/more", "x"), 0);
}

BOOST_AUTO_TEST_CASE(timestamps_are_unique_and_increasing) {
  std::uint64_t last = 0;
  for (int i = 0; i < 1000; ++i) {
    guest_set("/a", "");
    const std::uint64_t next = get("/a")->timestamp;
    BOOST_REQUIRE_GT(next, last);
    last = next;
  }
}

BOOST_AUTO_TEST_CASE(unknown_functions_have_their_statuses) {
  for (const std::uint32_t function : {0U, 7U, 8U, 0xffffffffU}) {
    BOOST_CHECK_EQUAL(host.call(1, function, Parm::string("/a"))->wait(), HGCM_ERR_NOT_IMPLEMENTED);
  }
  for (const std::uint32_t function : {0U, 8U, 0xffffffffU}) {
    BOOST_CHECK_EQUAL(host.host_call(function), HGCM_ERR_NOT_SUPPORTED);
  }
}

BOOST_AUTO_TEST_CASE(wrong_counts_are_invalid) {
  const std::pair<std::uint32_t, std::vector<std::size_t>> right[] = {
      {1, {4}}, {2, {2, 3}}, {3, {2, 3}}, {4, {1}}, {5, {3}}, {6, {4}}};
  for (const auto& [function, counts] : right) {
    for (std::size_t count = 0; count <= 8; ++count) {
      if (std::ranges::find(counts, count) != counts.end()) {
        continue;
      }
      std::vector<Parm> parms;
      for (std::size_t i = 0; i < count; ++i) {
        parms.push_back(Parm::string("/a"));
      }
      BOOST_CHECK_EQUAL(host.submit(1, function, std::move(parms))->wait(),
                        HGCM_ERR_INVALID_PARAMETER);
    }
    if (function < 6) {
      BOOST_CHECK_EQUAL(host.host_call(function + 1), HGCM_ERR_INVALID_PARAMETER);
    }
  }
  BOOST_CHECK_EQUAL(host.host_call(1), HGCM_ERR_INVALID_PARAMETER);
  BOOST_CHECK_EQUAL(host.host_call(7), HGCM_ERR_INVALID_PARAMETER);
}

BOOST_AUTO_TEST_CASE(wrong_types_are_invalid_in_every_place) {
  const auto good = [](std::uint32_t function) {
    std::vector<Parm> parms;
    switch (function) {
      case 1:
        parms.push_back(Parm::string("/VirtualBox/HostInfo/VBoxVer"));
        parms.push_back(Parm::buffer(100));
        parms.push_back(Parm::u64(0));
        parms.push_back(Parm::u32(0));
        break;
      case 2:
      case 3:
        parms.push_back(Parm::string("/a"));
        parms.push_back(Parm::string("v"));
        parms.push_back(Parm::string(""));
        break;
      case 4:
        parms.push_back(Parm::string("/a"));
        break;
      case 5:
        parms.push_back(Parm::string(""));
        parms.push_back(Parm::buffer(4096));
        parms.push_back(Parm::u32(0));
        break;
      default:
        parms.push_back(Parm::string("*"));
        parms.push_back(Parm::u64(1));
        parms.push_back(Parm::buffer(4096));
        parms.push_back(Parm::u32(0));
        break;
    }
    return parms;
  };
  for (std::uint32_t function = 1; function <= 6; ++function) {
    BOOST_CHECK_GE(host.submit(1, function, good(function))->wait(), 0);
    for (std::size_t i = 0; i < good(function).size(); ++i) {
      const std::uint32_t right_type = good(function)[i].abi.type;
      for (int kind = 0; kind < 7; ++kind) {
        auto parms = good(function);
        switch (kind) {
          case 0:
            parms[i] = right_type == HGCM_SVC_PARM_32BIT ? Parm::u64(1) : Parm::u32(1);
            break;
          case 1:
            parms[i] = right_type == HGCM_SVC_PARM_PTR ? Parm::u64(1) : Parm::string("/a");
            break;
          case 2:
            parms[i] = Parm::pages("/a", 0);
            break;
          case 3:
            parms[i] = Parm::of_type(0);
            break;
          case 4:
            parms[i] = Parm::of_type(0xffffffff);
            break;
          case 5:
            parms[i] = Parm::buffer(0);
            break;
          default:
            parms[i] = Parm::null_buffer(64);
            break;
        }
        BOOST_CHECK_EQUAL(host.submit(1, function, std::move(parms))->wait(),
                          HGCM_ERR_INVALID_PARAMETER);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(strings_without_nul_are_invalid) {
  BOOST_CHECK_EQUAL(host.call(1, 2, Parm::bytes("/a"), Parm::string("v"))->wait(),
                    HGCM_ERR_INVALID_PARAMETER);
  BOOST_CHECK_EQUAL(host.call(1, 2, Parm::string("/a"), Parm::bytes("v"))->wait(),
                    HGCM_ERR_INVALID_PARAMETER);
  BOOST_CHECK_EQUAL(
      host.call(1, 2, Parm::string("/a"), Parm::string("v"), Parm::bytes("TRANSIENT"))->wait(),
      HGCM_ERR_INVALID_PARAMETER);
  BOOST_CHECK_EQUAL(host.call(1, 5, Parm::bytes("*"), Parm::buffer(4096), Parm::u32(0))->wait(),
                    HGCM_ERR_INVALID_PARAMETER);
  BOOST_CHECK_EQUAL(host.call(1, 2, Parm::string("/a"), Parm::string("\xc3("))->wait(),
                    HGCM_ERR_INVALID_PARAMETER);
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_FIXTURE_TEST_SUITE(guest_property_enumeration, Service)

BOOST_AUTO_TEST_CASE(format_is_four_strings_each_and_four_nuls) {
  guest_set("/x/1", "one", "TRANSIENT");
  const std::string stamp = std::to_string(get("/x/1")->timestamp);
  const std::string expected =
      std::string(literal("/x/1\0one\0")) + stamp + std::string(literal("\0TRANSIENT\0\0\0\0\0"));
  const auto call =
      host.call(1, 5, Parm::string("/x/*"), Parm::buffer(expected.size()), Parm::u32(0));
  BOOST_CHECK_EQUAL(call->wait(), 0);
  BOOST_CHECK_EQUAL(call->u32(2), expected.size());
  BOOST_CHECK(call->contents(1) == expected);
  const auto small =
      host.call(1, 5, Parm::string("/x/*"), Parm::buffer(expected.size() - 1), Parm::u32(0));
  BOOST_CHECK_EQUAL(small->wait(), HGCM_ERR_BUFFER_OVERFLOW);
  BOOST_CHECK_EQUAL(small->u32(2), expected.size());
}

BOOST_AUTO_TEST_CASE(no_match_is_four_nuls) {
  const auto call = host.call(1, 5, Parm::string("/nothing"), Parm::buffer(4), Parm::u32(0));
  BOOST_CHECK_EQUAL(call->wait(), 0);
  BOOST_CHECK_EQUAL(call->u32(2), 4);
  const auto small = host.call(1, 5, Parm::string("/nothing"), Parm::buffer(3), Parm::u32(0));
  BOOST_CHECK_EQUAL(small->wait(), HGCM_ERR_BUFFER_OVERFLOW);
}

BOOST_AUTO_TEST_CASE(patterns_are_separated_by_bar_or_nul) {
  guest_set("/x/1", "one");
  guest_set("/x/2", "two");
  guest_set("/y/1", "three");
  using Map = std::map<std::string, std::string>;
  const Map both{{"/x/1", "one"}, {"/y/1", "three"}};
  BOOST_CHECK(enumerate(literal("/x/1|/y/*\0")) == both);
  BOOST_CHECK(enumerate(literal("/x/1\0/y/*\0")) == both);
  // As the guest library sends it.
  BOOST_CHECK(enumerate(literal("/x/1\0/y/*\0\0")) == both);
  BOOST_CHECK((enumerate(literal("/?/2\0")) == Map{{"/x/2", "two"}}));
  BOOST_CHECK_EQUAL(enumerate(literal("\0")).size(), 10);
  BOOST_CHECK_EQUAL(enumerate(literal("*\0")).size(), 10);
  BOOST_CHECK_EQUAL(enumerate(literal("\0\0")).size(), 0);
}

BOOST_AUTO_TEST_CASE(patterns_of_more_than_1024_bytes_are_too_much) {
  const auto status = [&](std::size_t size) {
    return host
        .call(1, 5, Parm::string(std::string(size - 1, '*')), Parm::buffer(65536), Parm::u32(0))
        ->wait();
  };
  BOOST_CHECK_EQUAL(status(1024), 0);
  BOOST_CHECK_EQUAL(status(1025), HGCM_ERR_TOO_MUCH_DATA);
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_FIXTURE_TEST_SUITE(guest_property_host_functions, Service)

namespace {

/// Parameters of the host's SET_PROPS.
struct Lists {
  std::vector<const char*> names;
  std::vector<const char*> values;
  std::vector<std::uint64_t> timestamps;
  std::vector<const char*> flags;

  std::int32_t load(MiniHost& host) {
    names.push_back(nullptr);
    auto n = Parm::raw_pointer(names.data(), 0);
    auto v = Parm::raw_pointer(values.data(), 0);
    auto t = Parm::raw_pointer(timestamps.data(), 0);
    auto f = Parm::raw_pointer(flags.data(), 0);
    return host.host_call(1, n, v, t, f);
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(set_props_stores_all_with_their_timestamps) {
  guest_set("/b", "old", "READONLY");
  Lists lists{{"/a", "/b"}, {"1", "2"}, {111, 222}, {"", "TRANSIENT"}};
  BOOST_CHECK_EQUAL(lists.load(host), 0);
  BOOST_CHECK_EQUAL(get("/a")->timestamp, 111);
  BOOST_CHECK_EQUAL(get("/b")->timestamp, 222);
  BOOST_CHECK_EQUAL(value("/b"), "2");
  BOOST_CHECK_EQUAL(flags("/b"), "TRANSIENT");
}

BOOST_AUTO_TEST_CASE(set_props_with_one_bad_entry_stores_nothing) {
  const std::string long_name(64, 'n');
  const std::string long_value(1024, 'v');
  const std::pair<Lists, std::int32_t> cases[] = {
      {{{"/a", "/b"}, {"1", "2"}, {1, 2}, {"", "nonsense"}}, HGCM_ERR_PARSE_ERROR},
      {{{"/a", "*"}, {"1", "2"}, {1, 2}, {"", ""}}, HGCM_ERR_INVALID_PARAMETER},
      {{{"/a", long_name.c_str()}, {"1", "2"}, {1, 2}, {"", ""}}, HGCM_ERR_INVALID_PARAMETER},
      {{{"/a", "/b"}, {"1", long_value.c_str()}, {1, 2}, {"", ""}}, HGCM_ERR_TOO_MUCH_DATA},
      {{{"/a", "/b"}, {"1", "\xff"}, {1, 2}, {"", ""}}, HGCM_ERR_INVALID_PARAMETER},
      {{{"/a", "/b"}, {"1", nullptr}, {1, 2}, {"", ""}}, HGCM_ERR_INVALID_PARAMETER},
      {{{"/a", "/b"}, {"1", "2"}, {1, 2}, {"", nullptr}}, HGCM_ERR_INVALID_PARAMETER},
  };
  for (auto [lists, status] : cases) {
    BOOST_CHECK_EQUAL(lists.load(host), status);
    BOOST_CHECK_EQUAL(value("/a"), "(none)");
  }
}

BOOST_AUTO_TEST_CASE(set_props_with_null_lists_is_invalid) {
  for (std::size_t missing = 0; missing < 4; ++missing) {
    const char* none = nullptr;
    std::vector<hgcm_svc_parm> parms(4, Parm::raw_pointer(&none, 8).abi);
    parms[missing].u.ptr.addr = nullptr;
    BOOST_CHECK_EQUAL(host.host_call_raw(1, parms), HGCM_ERR_INVALID_PARAMETER);
  }
}

BOOST_AUTO_TEST_CASE(set_props_goes_beyond_the_limit_of_properties) {
  BOOST_CHECK_EQUAL(fill(), 256);
  Lists lists{{"/a"}, {"1"}, {1}, {""}};
  BOOST_CHECK_EQUAL(lists.load(host), 0);
  BOOST_CHECK_EQUAL(value("/a"), "1");
}

BOOST_AUTO_TEST_CASE(host_functions_answer_like_the_guest_ones) {
  host_set("/a", "value", "TRANSIENT");
  auto name = Parm::string("/a");
  auto buffer = Parm::buffer(16);
  auto timestamp = Parm::u64(0);
  auto size = Parm::u32(0);
  BOOST_CHECK_EQUAL(host.host_call(2, name, buffer, timestamp, size), 0);
  BOOST_CHECK(buffer.contents() == literal("value\0TRANSIENT\0"));
  BOOST_CHECK_EQUAL(timestamp.abi.u.u64, get("/a")->timestamp);
  BOOST_CHECK_EQUAL(size.abi.u.u32, 16);
  auto value_text = Parm::string("other");
  BOOST_CHECK_EQUAL(host.host_call(4, name, value_text), 0);
  BOOST_CHECK_EQUAL(flags("/a"), "");
  auto patterns = Parm::string("/a");
  auto small = Parm::buffer(1);
  auto needed = Parm::u32(0);
  BOOST_CHECK_EQUAL(host.host_call(6, patterns, small, needed), HGCM_ERR_BUFFER_OVERFLOW);
  BOOST_CHECK_GT(needed.abi.u.u32, 20);
  auto missing = Parm::string("/missing");
  BOOST_CHECK_EQUAL(host.host_call(2, missing, buffer, timestamp, size), HGCM_ERR_NOT_FOUND);
}

BOOST_AUTO_TEST_CASE(machine_events_count_up) {
  host.notify(HGCM_SVC_EVENT_RESUME);
  host.notify(HGCM_SVC_EVENT_RESUME);
  host.notify(HGCM_SVC_EVENT_RESET);
  host.notify(HGCM_SVC_EVENT_SUSPEND);
  host.notify(HGCM_SVC_EVENT_POWER_OFF);
  host.notify(1000);
  BOOST_CHECK_EQUAL(value("/VirtualBox/VMInfo/ResumeCounter"), "2");
  BOOST_CHECK_EQUAL(value("/VirtualBox/VMInfo/ResetCounter"), "1");
  BOOST_CHECK_EQUAL(flags("/VirtualBox/VMInfo/ResetCounter"), "TRANSIENT, RDONLYGUEST");
}

BOOST_AUTO_TEST_CASE(first_start_event_renews_the_host_version) {
  const std::string version = value("/VirtualBox/HostInfo/VBoxVer");
  host_set("/VirtualBox/HostInfo/VBoxVer", "1.0");
  host.notify(HGCM_SVC_EVENT_POWER_ON);
  BOOST_CHECK_EQUAL(value("/VirtualBox/HostInfo/VBoxVer"), version);
  host_set("/VirtualBox/HostInfo/VBoxVer", "1.0");
  host.notify(HGCM_SVC_EVENT_RESUME);
  BOOST_CHECK_EQUAL(value("/VirtualBox/HostInfo/VBoxVer"), "1.0");
}

BOOST_AUTO_TEST_CASE(info_handler_lists_properties_without_control_characters) {
  guest_set("/a", "100%s\x1b[31m\n");
  const auto text = host.info("guestprops");
  BOOST_REQUIRE(text);
  BOOST_CHECK(text->find("/a = '100%s?[31m?'") != std::string::npos);
  BOOST_CHECK(text->find("8 properties, 0 waits") != std::string::npos);
  host.unload();
  BOOST_CHECK(!host.info("guestprops"));
}

BOOST_AUTO_TEST_SUITE_END()

// SPDX-License-Identifier: MIT
//
// Shares as the host adds and removes them and as clients map, list and wait for them.
#include "fixture.h"

namespace hgcm::shfl::test {
namespace {

CallPtr map_call(Service& service, std::uint32_t client, std::string_view name,
                 std::uint32_t delimiter = '/', std::uint32_t case_sensitive = 1) {
  return service.host.call(client, kMapFolder, text_parm(name), Parm::u32(0), Parm::u32(delimiter),
                           Parm::u32(case_sensitive));
}
std::int32_t unmap(Service& service, std::uint32_t client, std::uint32_t root) {
  return service.host.call(client, kUnmapFolder, Parm::u32(root))->wait();
}
CallPtr query_mappings(Service& service, std::uint32_t client, std::uint32_t flags,
                       std::uint32_t room) {
  return service.host.call(client, kQueryMappings, Parm::u32(flags), Parm::u32(room),
                           Parm::buffer(std::size_t{room} * 8));
}
CallPtr wait_for_changes(Service& service, std::uint32_t client, std::uint32_t version) {
  return service.host.call(client, kWaitForMappingsChanges, Parm::u32(version));
}
CallPtr map_info(Service& service, std::uint32_t client, std::uint32_t root,
                 std::uint64_t hints = kMapInfoHintPath) {
  return service.host.call(client, kQueryMapInfo, Parm::u32(root), Parm::bytes(room(600)),
                           Parm::bytes(room(600)), Parm::u64(hints), Parm::u32(0));
}
std::string text_of(std::string_view bytes) {
  return read_string(std::as_bytes(std::span(bytes)), Encoding::kUtf8).value_or("(bad)");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(mappings)

BOOST_FIXTURE_TEST_CASE(a_name_is_found_in_any_case, Service) {
  BOOST_CHECK_EQUAL(add("Größe", dir.string()), 0);
  BOOST_CHECK_EQUAL(map_call(*this, kClient, "gRÖSSE")->wait(), HGCM_ERR_FILE_NOT_FOUND);
  BOOST_CHECK_EQUAL(map_call(*this, kClient, "gRÖßE")->wait(), 0);
}

BOOST_FIXTURE_TEST_CASE(an_unknown_name_is_not_found, Service) {
  BOOST_CHECK_EQUAL(map_call(*this, kClient, "nosuch")->wait(), HGCM_ERR_FILE_NOT_FOUND);
}

BOOST_FIXTURE_TEST_CASE(a_name_is_taken_once, Service) {
  BOOST_CHECK_EQUAL(add("SHARE", dir.string()), HGCM_ERR_ALREADY_EXISTS);
}

BOOST_FIXTURE_TEST_CASE(there_are_64_shares_at_most, Service) {
  for (int i = 1; i < 64; ++i) {
    BOOST_REQUIRE_EQUAL(add("s" + std::to_string(i), dir.string()), 0);
  }
  BOOST_CHECK_EQUAL(add("one more", dir.string()), HGCM_ERR_TOO_MUCH_DATA);
  BOOST_CHECK_EQUAL(remove_share("s7"), 0);
  BOOST_CHECK_EQUAL(add("one more", dir.string()), 0);
}

BOOST_FIXTURE_TEST_CASE(a_host_path_must_be_absolute, Service) {
  BOOST_CHECK_EQUAL(add("relative", "some/where"), HGCM_ERR_INVALID_PARAMETER);
}

BOOST_FIXTURE_TEST_CASE(the_delimiter_of_a_client_stays, Service) {
  BOOST_CHECK_EQUAL(map_call(*this, kClient, "share", '\\')->wait(), HGCM_ERR_INVALID_PARAMETER);
  connect(2);
  BOOST_CHECK_EQUAL(map_call(*this, 2, "share", ':')->wait(), HGCM_ERR_INVALID_PARAMETER);
  BOOST_CHECK_EQUAL(map_call(*this, 2, "share", '\\')->wait(), 0);
}

BOOST_FIXTURE_TEST_CASE(the_first_mapping_decides_about_case, Service) {
  connect(2);
  BOOST_CHECK_EQUAL(map_call(*this, 2, "share", '/', 0)->wait(), HGCM_ERR_INCOMPATIBLE_CONFIG);
  BOOST_CHECK_EQUAL(unmap(*this, kClient, root), 0);
  BOOST_CHECK_EQUAL(map_call(*this, 2, "share", '/', 0)->wait(), 0);
}

BOOST_FIXTURE_TEST_CASE(unmapping_more_often_than_mapped_is_refused, Service) {
  BOOST_CHECK_EQUAL(unmap(*this, kClient, root), 0);
  BOOST_CHECK_EQUAL(unmap(*this, kClient, root), HGCM_ERR_INVALID_HANDLE);
  BOOST_CHECK_EQUAL(unmap(*this, kClient, 5), HGCM_ERR_FILE_NOT_FOUND);
  BOOST_CHECK_EQUAL(unmap(*this, kClient, kNilRoot), HGCM_ERR_FILE_NOT_FOUND);
}

BOOST_FIXTURE_TEST_CASE(a_client_that_has_not_mapped_a_share_reaches_nothing_in_it, Service) {
  write_text(dir / "file", "x");
  connect(2);
  const CreateParms parms{kNilHandle, 0, kLookup, {}};
  const CallPtr call =
      host.call(2, kCreate, Parm::u32(root), text_parm("/file"), Parm::bytes(bytes_of(parms)));
  BOOST_CHECK_EQUAL(call->wait(), HGCM_ERR_INVALID_PARAMETER);
}

BOOST_FIXTURE_TEST_CASE(handles_of_another_client_are_invalid, Service) {
  const std::uint64_t handle = make("/file");
  connect(2);
  BOOST_REQUIRE_EQUAL(map("share", 2), root);
  BOOST_CHECK_EQUAL(host.call(2, kClose, Parm::u32(root), Parm::u64(handle))->wait(),
                    HGCM_ERR_INVALID_HANDLE);
  BOOST_CHECK_EQUAL(close(handle), 0);
}

BOOST_FIXTURE_TEST_CASE(mappings_are_listed_with_their_root_ids, Service) {
  BOOST_REQUIRE_EQUAL(add("auto", dir.string(), kAddAutoMount), 0);
  const CallPtr all = query_mappings(*this, kClient, kMappingsUtf8, 8);
  BOOST_CHECK_EQUAL(all->wait(), 0);
  BOOST_CHECK_EQUAL(all->u32(1), 2);
  BOOST_CHECK_EQUAL(as<Mapping>(all->contents(2)).status, kMappingNew);
  BOOST_CHECK_EQUAL(as<Mapping>(all->contents(2).substr(8)).root, 1);

  const CallPtr automatic = query_mappings(*this, kClient, kMappingsUtf8 | kMappingsAutoMount, 8);
  BOOST_CHECK_EQUAL(automatic->wait(), 0);
  BOOST_CHECK_EQUAL(automatic->u32(1), 1);
  BOOST_CHECK_EQUAL(as<Mapping>(automatic->contents(2)).root, 1);
}

BOOST_FIXTURE_TEST_CASE(a_short_list_of_mappings_tells_how_many_there_are, Service) {
  BOOST_REQUIRE_EQUAL(add("second", dir.string()), 0);
  const CallPtr call = query_mappings(*this, kClient, kMappingsUtf8, 1);
  BOOST_CHECK_EQUAL(call->wait(), HGCM_INF_BUFFER_OVERFLOW);
  BOOST_CHECK_EQUAL(call->u32(1), 2);
  BOOST_CHECK_EQUAL(query_mappings(*this, kClient, 2, 1)->wait(), HGCM_ERR_INVALID_PARAMETER);
}

BOOST_FIXTURE_TEST_CASE(the_name_of_a_mapping_comes_in_the_clients_encoding, Service) {
  const CallPtr utf8 = host.call(kClient, kQueryMapName, Parm::u32(root), Parm::bytes(room(100)));
  BOOST_CHECK_EQUAL(utf8->wait(), 0);
  BOOST_CHECK_EQUAL(text_of(utf8->contents(1)), "share");

  BOOST_REQUIRE_EQUAL(host.connect(3), 0);
  const CallPtr utf16 = host.call(3, kQueryMapName, Parm::u32(root), Parm::bytes(room(100)));
  BOOST_CHECK_EQUAL(utf16->wait(), 0);
  BOOST_CHECK_EQUAL(
      read_string(std::as_bytes(std::span(utf16->contents(1))), Encoding::kUtf16).value_or(""),
      "share");
  BOOST_CHECK_EQUAL(host.call(3, kQueryMapName, Parm::u32(root), Parm::bytes(room(4)))->wait(),
                    HGCM_ERR_INVALID_PARAMETER);
  BOOST_CHECK_EQUAL(
      host.call(kClient, kQueryMapName, Parm::u32(root), Parm::bytes(room(4)))->wait(),
      HGCM_ERR_BUFFER_OVERFLOW);
}

BOOST_FIXTURE_TEST_CASE(the_name_of_no_mapping_is_refused, Service) {
  const auto query = [&](std::uint32_t which) {
    return host.call(kClient, kQueryMapName, Parm::u32(which), Parm::bytes(room(100)))->wait();
  };
  BOOST_CHECK_EQUAL(query(9), HGCM_ERR_FILE_NOT_FOUND);
  BOOST_CHECK_EQUAL(query(64), HGCM_ERR_INVALID_PARAMETER);
}

BOOST_FIXTURE_TEST_CASE(map_info_tells_rights_and_mount_point, Service) {
  BOOST_REQUIRE_EQUAL(add("auto", dir.string(), kAddAutoMount, kPolicyNone, "/media/auto"), 0);
  const CallPtr call = map_info(*this, kClient, 1);
  BOOST_CHECK_EQUAL(call->wait(), 0);
  BOOST_CHECK_EQUAL(text_of(call->contents(1)), "auto");
  BOOST_CHECK_EQUAL(text_of(call->contents(2)), "/media/auto");
  BOOST_CHECK_EQUAL(call->u64(3), kMapInfoAutoMount | 4 | 8);
  const CallPtr first = map_info(*this, kClient, root);
  BOOST_CHECK_EQUAL(first->wait(), 0);
  BOOST_CHECK_EQUAL(first->u64(3), kMapInfoWritable | kMapInfoSymlinkCreation | 4 | 8);
}

BOOST_FIXTURE_TEST_CASE(a_root_id_used_again_has_another_version, Service) {
  BOOST_REQUIRE_EQUAL(add("one", dir.string()), 0);
  const CallPtr one = map_info(*this, kClient, 1);
  BOOST_CHECK_EQUAL(one->wait(), 0);
  BOOST_REQUIRE_EQUAL(remove_share("one"), 0);
  BOOST_CHECK_EQUAL(map_info(*this, kClient, 1)->wait(), HGCM_ERR_FILE_NOT_FOUND);
  BOOST_REQUIRE_EQUAL(add("two", dir.string()), 0);
  const CallPtr two = map_info(*this, kClient, 1);
  BOOST_CHECK_EQUAL(two->wait(), 0);
  BOOST_CHECK_NE(one->u32(4), two->u32(4));
  BOOST_CHECK_EQUAL(map_info(*this, kClient, 1, 4)->wait(), HGCM_ERR_INVALID_PARAMETER);
}

BOOST_FIXTURE_TEST_CASE(a_removed_share_becomes_a_placeholder_while_it_is_mapped, Service) {
  const std::uint64_t handle = make("/file");
  BOOST_CHECK_EQUAL(remove_share("share"), HGCM_INF_PERMISSION_DENIED);
  BOOST_CHECK_EQUAL(look_up("/file").status, HGCM_ERR_NOT_FOUND);
  BOOST_CHECK_EQUAL(information(handle, kInfoGet | kInfoFile).status, HGCM_ERR_NOT_FOUND);
  BOOST_CHECK_EQUAL(close(handle), 0);
  BOOST_CHECK_EQUAL(map_call(*this, kClient, "share")->wait(), HGCM_ERR_FILE_NOT_FOUND);

  BOOST_CHECK_EQUAL(add("share", dir.string()), 0);
  const CallPtr again = map_call(*this, kClient, "share");
  BOOST_CHECK_EQUAL(again->wait(), 0);
  BOOST_CHECK_NE(again->u32(1), root);
  BOOST_CHECK_EQUAL(unmap(*this, kClient, root), 0);
  BOOST_CHECK_EQUAL(unmap(*this, kClient, root), HGCM_ERR_FILE_NOT_FOUND);
}

BOOST_FIXTURE_TEST_CASE(removing_what_is_not_shared_is_not_found, Service) {
  BOOST_CHECK_EQUAL(remove_share("nosuch"), HGCM_ERR_FILE_NOT_FOUND);
}

BOOST_FIXTURE_TEST_CASE(a_wait_for_changes_ends_with_the_next_one, Service) {
  const CallPtr first = wait_for_changes(*this, kClient, 0);
  BOOST_CHECK_EQUAL(first->wait(), 0);
  const CallPtr second = wait_for_changes(*this, kClient, first->u32(0));
  BOOST_CHECK(!second->done());
  BOOST_CHECK_EQUAL(add("other", dir.string()), 0);
  BOOST_CHECK_EQUAL(second->wait(), HGCM_ERR_CANCELLED);
  BOOST_CHECK_NE(second->u32(0), first->u32(0));
}

BOOST_FIXTURE_TEST_CASE(a_cancelled_wait_ends_and_so_does_the_next, Service) {
  const std::uint32_t version = 1;
  const CallPtr waiting = wait_for_changes(*this, kClient, version);
  BOOST_CHECK(!waiting->done());
  BOOST_CHECK_EQUAL(host.call(kClient, kCancelMappingsChangesWaits)->wait(), 0);
  BOOST_CHECK_EQUAL(waiting->wait(), HGCM_ERR_CANCELLED);
  BOOST_CHECK_EQUAL(wait_for_changes(*this, kClient, version)->wait(), HGCM_ERR_CANCELLED);
  const CallPtr third = wait_for_changes(*this, kClient, version);
  BOOST_CHECK(!third->done());
  host.cancel(kClient, *third);
  BOOST_CHECK_EQUAL(third->wait(), HGCM_ERR_CANCELLED);
}

BOOST_FIXTURE_TEST_CASE(so_many_may_wait_again_and_again, Service) {
  for (int round = 0; round < 3; ++round) {
    std::vector<CallPtr> calls;
    for (int i = 0; i < 64; ++i) {
      calls.push_back(wait_for_changes(*this, kClient, 1));
      BOOST_REQUIRE(!calls.back()->done());
    }
    BOOST_CHECK_EQUAL(wait_for_changes(*this, kClient, 1)->wait(), HGCM_ERR_OUT_OF_RESOURCES);
    for (const CallPtr& call : calls) {
      host.cancel(kClient, *call);
      BOOST_CHECK_EQUAL(call->wait(), HGCM_ERR_CANCELLED);
    }
  }
}

BOOST_FIXTURE_TEST_CASE(a_disconnect_ends_waits_and_mappings, Service) {
  connect(2);
  BOOST_REQUIRE_EQUAL(map("share", 2), root);
  const CallPtr waiting = wait_for_changes(*this, 2, 1);
  BOOST_CHECK_EQUAL(host.disconnect(2), 0);
  BOOST_CHECK_EQUAL(waiting->wait(), HGCM_ERR_CANCELLED);
  BOOST_CHECK_EQUAL(unmap(*this, kClient, root), 0);
  BOOST_CHECK_EQUAL(remove_share("share"), 0);
}

BOOST_FIXTURE_TEST_CASE(features_and_last_function_are_told, Service) {
  const CallPtr call = host.call(kClient, kQueryFeatures, Parm::u64(0), Parm::u32(0));
  BOOST_CHECK_EQUAL(call->wait(), 0);
  BOOST_CHECK_EQUAL(call->u64(0) & 0xffffffffU, kFeatureWriteUpdatesOffset);
  BOOST_CHECK_EQUAL(call->u32(1), 29);
}

BOOST_FIXTURE_TEST_CASE(an_error_style_is_one_of_two, Service) {
  const auto set = [&](std::uint32_t style, std::uint32_t reserved) {
    return host.call(kClient, kSetErrorStyle, Parm::u32(style), Parm::u32(reserved))->wait();
  };
  BOOST_CHECK_EQUAL(set(1, 0), 0);
  BOOST_CHECK_EQUAL(set(2, 0), 0);
  BOOST_CHECK_EQUAL(set(0, 0), HGCM_ERR_WRONG_PARAMETER_TYPE);
  BOOST_CHECK_EQUAL(set(3, 0), HGCM_ERR_WRONG_PARAMETER_TYPE);
  BOOST_CHECK_EQUAL(set(1, 1), HGCM_ERR_WRONG_PARAMETER_TYPE);
}

BOOST_FIXTURE_TEST_CASE(host_functions_check_their_parameters, Service) {
  auto led = Parm::buffer(8);
  BOOST_CHECK_EQUAL(host.host_call(kSetStatusLed, led), 0);
  auto bad_led = Parm::buffer(4);
  BOOST_CHECK_EQUAL(host.host_call(kSetStatusLed, bad_led), HGCM_ERR_INVALID_PARAMETER);
  BOOST_CHECK_EQUAL(host.host_call(4), HGCM_ERR_NOT_IMPLEMENTED);
  auto not_text = Parm::bytes(std::string_view("\x08\0\x07\0ab", 6));
  BOOST_CHECK_EQUAL(host.host_call(kRemoveMapping, not_text), HGCM_ERR_INVALID_PARAMETER);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace hgcm::shfl::test

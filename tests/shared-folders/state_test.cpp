// SPDX-License-Identifier: MIT
//
// Saved states in VirtualBox's format, and what becomes of a client that is restored.
#include "fixture.h"

namespace hgcm::shfl::test {
namespace {

/// A state as VirtualBox's service of this version writes it, for one share.
std::vector<std::byte> state_of(std::uint32_t version, std::string_view share,
                                std::uint32_t at_root, bool with_counts = true) {
  std::string text;
  const auto put = [&](auto value) { text += bytes_of(value); };
  const auto put_string = [&](std::string_view utf8) {
    const std::string counted_text = counted16(utf8);
    put(static_cast<std::uint32_t>(counted_text.size()));
    text += counted_text;
  };
  ClientRecord record;
  record.flags = kClientUtf8 | kClientSymlinks;
  record.delimiter = u'/';
  record.map_counts[at_root] = 1;
  put(version);
  put(std::uint32_t{64});
  put(static_cast<std::uint32_t>(with_counts ? 136 : 8));
  text += bytes_of(record).substr(0, with_counts ? 136 : 8);
  for (std::uint32_t root = 0; root < 64; ++root) {
    put(static_cast<std::uint32_t>(root == at_root ? 1 : 0));
    put(static_cast<std::uint8_t>(root == at_root ? 1 : 0));
    if (root != at_root) {
      continue;
    }
    if (version == 2) {
      put_string("/somewhere/else");
    } else {
      put(std::uint32_t{15});
      text += std::string("/somewhere/else") + '\0';
    }
    put_string(share);
    put(std::uint8_t{1});
    put(std::uint8_t{1});
    if (version > 3) {
      put_string("");
    }
  }
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

struct Restored : Service {
  Restored() { write_text(dir / "file", "x"); }
  std::int32_t restore(std::vector<std::byte> state) {
    BOOST_REQUIRE_EQUAL(host.connect(5, HGCM_REQUESTOR_LEGACY, true), 0);
    host.stream = std::move(state);
    host.stream_read = 0;
    return host.load_state(5, 3);
  }
  std::int32_t look_up_in(std::uint32_t which) {
    const CreateParms parms{kNilHandle, 0, kLookup, {}};
    const CallPtr call =
        host.call(5, kCreate, Parm::u32(which), text_parm("/file"), Parm::bytes(bytes_of(parms)));
    const std::int32_t status = call->wait();
    return status != 0 ? status
                       : static_cast<std::int32_t>(as<CreateParms>(call->contents(2)).result);
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(state)

BOOST_FIXTURE_TEST_CASE(a_saved_client_goes_on_where_it_was, Restored) {
  const std::uint64_t handle = open("/file");
  BOOST_REQUIRE_EQUAL(host.save(kClient), 0);
  const std::vector<std::byte> saved = host.stream;
  BOOST_CHECK_EQUAL(as<std::uint32_t>({reinterpret_cast<const char*>(saved.data()), 4}), 5);
  BOOST_REQUIRE_EQUAL(host.disconnect(kClient), 0);
  BOOST_CHECK_EQUAL(restore(saved), 0);
  BOOST_CHECK_EQUAL(host.stream_read, saved.size());
  BOOST_CHECK_EQUAL(look_up_in(root), kFileExists);
  // Handles are not saved.
  BOOST_CHECK_EQUAL(host.call(5, kClose, Parm::u32(root), Parm::u64(handle))->wait(),
                    HGCM_ERR_INVALID_HANDLE);
  BOOST_CHECK_EQUAL(host.call(5, kUnmapFolder, Parm::u32(root))->wait(), 0);
  BOOST_CHECK_EQUAL(host.call(5, kUnmapFolder, Parm::u32(root))->wait(), HGCM_ERR_INVALID_HANDLE);
}

BOOST_FIXTURE_TEST_CASE(a_handle_of_before_is_not_that_of_another_file_now, Restored) {
  const std::uint64_t before = open("/file");
  BOOST_REQUIRE_EQUAL(host.save(kClient), 0);
  const std::vector<std::byte> saved = host.stream;
  BOOST_REQUIRE_EQUAL(host.disconnect(kClient), 0);
  BOOST_REQUIRE_EQUAL(restore(saved), 0);
  // As a guest that opens again what it had open.
  const CreateParms parms{kNilHandle, 0, kFailIfNew | kReadWrite, {}};
  const CallPtr again =
      host.call(5, kCreate, Parm::u32(root), text_parm("/file"), Parm::bytes(bytes_of(parms)));
  BOOST_REQUIRE_EQUAL(again->wait(), 0);
  const auto now = as<CreateParms>(again->contents(2)).handle;
  BOOST_REQUIRE_NE(now, kNilHandle);
  BOOST_CHECK_NE(now, before);
  const auto read_by = [&](std::uint64_t handle) {
    return host.call(5, kRead, Parm::u32(root), Parm::u64(handle), Parm::u64(0), Parm::u32(10),
                     Parm::buffer(10));
  };
  BOOST_CHECK_EQUAL(read_by(before)->wait(), HGCM_ERR_INVALID_HANDLE);
  BOOST_CHECK_EQUAL(read_by(now)->wait(), 0);
}

BOOST_FIXTURE_TEST_CASE(states_of_all_versions_are_read, Restored) {
  BOOST_REQUIRE_EQUAL(host.disconnect(kClient), 0);
  for (const std::uint32_t version : {2U, 3U, 4U, 5U}) {
    BOOST_TEST_CONTEXT("version " << version) {
      const auto bytes = state_of(version, "share", 7);
      BOOST_CHECK_EQUAL(restore(bytes), 0);
      BOOST_CHECK_EQUAL(host.stream_read, bytes.size());
      // The share has the root id that the guest knows it by.
      BOOST_CHECK_EQUAL(look_up_in(7), kFileExists);
      BOOST_CHECK_EQUAL(host.disconnect(5), 0);
    }
  }
}

BOOST_FIXTURE_TEST_CASE(a_client_without_counts_may_use_its_shares, Restored) {
  BOOST_REQUIRE_EQUAL(host.disconnect(kClient), 0);
  BOOST_CHECK_EQUAL(restore(state_of(3, "share", 2, false)), 0);
  BOOST_CHECK_EQUAL(look_up_in(2), kFileExists);
}

BOOST_FIXTURE_TEST_CASE(a_share_that_is_no_more_is_a_placeholder, Restored) {
  BOOST_REQUIRE_EQUAL(host.disconnect(kClient), 0);
  BOOST_CHECK_EQUAL(restore(state_of(5, "gone", 3)), 0);
  BOOST_CHECK_EQUAL(look_up_in(3), HGCM_ERR_NOT_FOUND);
  BOOST_CHECK_EQUAL(host.call(5, kUnmapFolder, Parm::u32(3))->wait(), 0);
  BOOST_CHECK_EQUAL(host.call(5, kUnmapFolder, Parm::u32(3))->wait(), HGCM_ERR_FILE_NOT_FOUND);
  root = map("share", 5);
  BOOST_CHECK_EQUAL(look_up_in(root), kFileExists);
}

BOOST_FIXTURE_TEST_CASE(the_host_path_of_a_state_is_not_believed, Restored) {
  BOOST_REQUIRE_EQUAL(host.disconnect(kClient), 0);
  BOOST_CHECK_EQUAL(restore(state_of(5, "share", 0)), 0);
  BOOST_CHECK_EQUAL(look_up_in(0), kFileExists);
}

BOOST_FIXTURE_TEST_CASE(a_state_that_is_cut_off_is_refused, Restored) {
  BOOST_REQUIRE_EQUAL(host.disconnect(kClient), 0);
  const auto whole = state_of(5, "share", 1);
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{10}, std::size_t{100}, whole.size() - 1}) {
    BOOST_CHECK_LT(restore({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)}), 0);
    BOOST_CHECK_EQUAL(host.disconnect(5), 0);
  }
}

BOOST_FIXTURE_TEST_CASE(a_state_of_another_form_is_refused, Restored) {
  BOOST_REQUIRE_EQUAL(host.disconnect(kClient), 0);
  const auto refused = [&](std::size_t offset, std::uint32_t value, std::int32_t expected) {
    auto bytes = state_of(5, "share", 1);
    std::memcpy(bytes.data() + offset, &value, sizeof value);
    BOOST_CHECK_EQUAL(restore(bytes), expected);
    BOOST_CHECK_EQUAL(host.disconnect(5), 0);
  };
  refused(0, 6, HGCM_ERR_SSM_DATA_UNIT_FORMAT_CHANGED);
  refused(0, 1, HGCM_ERR_SSM_DATA_UNIT_FORMAT_CHANGED);
  refused(4, 65, HGCM_ERR_SSM_UNEXPECTED_DATA);
  refused(8, 137, HGCM_ERR_SSM_UNEXPECTED_DATA);
}

BOOST_FIXTURE_TEST_CASE(a_wait_that_was_saved_is_to_be_tried_again, Service) {
  const CallPtr waiting = host.call(kClient, kWaitForMappingsChanges, Parm::u32(1));
  BOOST_CHECK(!waiting->done());
  BOOST_REQUIRE_EQUAL(host.save(kClient), 0);
  BOOST_CHECK(!waiting->done());
  host.cancel(kClient, *waiting);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace hgcm::shfl::test

// SPDX-License-Identifier: MIT
//
// Change notification: what guests hear of what others do below a share, and what they do not.
#include <openhgcm/shfl_ext.h>

#include "fixture.h"

namespace hgcm::shfl::test {
namespace {

struct Change {
  std::uint32_t watch = 0;
  std::uint32_t mask = 0;
  std::uint32_t cookie = 0;
  std::string name;
};

std::vector<Change> parse_changes(std::string_view bytes) {
  std::vector<Change> changes;
  while (!bytes.empty()) {
    const auto size = as<std::uint32_t>(bytes);
    BOOST_REQUIRE(size >= SHFL_CHANGE_SIZE_MIN && size % 8 == 0 && size <= bytes.size());
    const auto length = as<std::uint16_t>(bytes.substr(SHFL_CHANGE_OFF_NAME_LENGTH));
    BOOST_REQUIRE(SHFL_CHANGE_OFF_NAME + length <= size);
    changes.push_back({as<std::uint32_t>(bytes.substr(SHFL_CHANGE_OFF_WATCH)),
                       as<std::uint32_t>(bytes.substr(SHFL_CHANGE_OFF_MASK)),
                       as<std::uint32_t>(bytes.substr(SHFL_CHANGE_OFF_COOKIE)),
                       std::string(bytes.substr(SHFL_CHANGE_OFF_NAME, length))});
    bytes.remove_prefix(size);
  }
  return changes;
}

struct Watching : Service {
  CallPtr start_watch(std::string_view path, std::uint32_t mask = 0,
                      std::uint32_t client = kClient) {
    return host.call(client, SHFL_EXT_FN_WATCH, Parm::u32(root), text_parm(path), Parm::u32(mask),
                     Parm::u32(0));
  }
  std::uint32_t watch(std::string_view path, std::uint32_t mask = 0,
                      std::uint32_t client = kClient) {
    const CallPtr call = start_watch(path, mask, client);
    BOOST_REQUIRE_EQUAL(call->wait(), 0);
    BOOST_REQUIRE_NE(call->u32(3), 0);
    return call->u32(3);
  }
  std::int32_t unwatch(std::uint32_t id) {
    return host.call(kClient, SHFL_EXT_FN_UNWATCH, Parm::u32(root), Parm::u32(id))->wait();
  }
  CallPtr start_wait(std::uint32_t client = kClient, std::size_t size = 65536) {
    return host.call(client, SHFL_EXT_FN_WAIT_CHANGES, Parm::u32(root), Parm::buffer(size),
                     Parm::u32(77));
  }
  static std::vector<Change> changes(const CallPtr& call) {
    BOOST_REQUIRE_EQUAL(call->wait(), 0);
    return parse_changes(call->contents(1).substr(0, call->u32(2)));
  }
  /// All changes up to that of a file made on the host as a mark in the root, which is watched.
  std::vector<Change> changes_until_mark(std::uint32_t client = kClient) {
    const std::string mark = "mark" + std::to_string(++marks_);
    write_text(dir / mark, "");
    std::vector<Change> all;
    while (true) {
      for (Change& change : changes(start_wait(client))) {
        if (change.name == mark) {
          if ((change.mask & SHFL_CHANGE_CLOSE_WRITE) != 0) {
            return all;
          }
        } else {
          all.push_back(std::move(change));
        }
      }
    }
  }

 private:
  int marks_ = 0;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(changes)

BOOST_FIXTURE_TEST_CASE(the_feature_is_told, Watching) {
  const CallPtr call = host.call(kClient, kQueryFeatures, Parm::u64(0), Parm::u32(0));
  BOOST_CHECK_EQUAL(call->wait(), 0);
  BOOST_CHECK_NE(call->u64(0) & SHFL_EXT_FEATURE_CHANGES, 0);
}

BOOST_FIXTURE_TEST_CASE(what_the_host_does_is_reported, Watching) {
  const std::uint32_t id = watch("/");
  const CallPtr waiting = start_wait();
  BOOST_CHECK(!waiting->done());
  fs::create_directory(dir / "made");
  const auto first = changes(waiting);
  BOOST_REQUIRE_EQUAL(first.size(), 1);
  BOOST_CHECK_EQUAL(first[0].watch, id);
  BOOST_CHECK_EQUAL(first[0].mask, SHFL_CHANGE_CREATE | SHFL_CHANGE_IS_DIRECTORY);
  BOOST_CHECK_EQUAL(first[0].name, "made");
}

BOOST_FIXTURE_TEST_CASE(a_move_has_one_cookie, Watching) {
  write_text(dir / "from", "");
  (void)watch("/");
  fs::rename(dir / "from", dir / "to");
  const auto seen = changes_until_mark();
  BOOST_REQUIRE_EQUAL(seen.size(), 2);
  BOOST_CHECK_EQUAL(seen[0].mask, SHFL_CHANGE_MOVED_FROM);
  BOOST_CHECK_EQUAL(seen[1].mask, SHFL_CHANGE_MOVED_TO);
  BOOST_CHECK_NE(seen[0].cookie, 0);
  BOOST_CHECK_EQUAL(seen[0].cookie, seen[1].cookie);
}

BOOST_FIXTURE_TEST_CASE(only_what_was_asked_for_is_reported, Watching) {
  (void)watch("/", SHFL_CHANGE_DELETE | SHFL_CHANGE_CLOSE_WRITE);
  fs::create_directory(dir / "made");
  fs::remove(dir / "made");
  const auto seen = changes_until_mark();
  BOOST_REQUIRE_EQUAL(seen.size(), 1);
  BOOST_CHECK_EQUAL(seen[0].mask, SHFL_CHANGE_DELETE | SHFL_CHANGE_IS_DIRECTORY);
}

BOOST_FIXTURE_TEST_CASE(what_is_below_a_watched_directory_is_not_reported, Watching) {
  fs::create_directory(dir / "sub");
  (void)watch("/");
  write_text(dir / "sub" / "deep", "");
  BOOST_CHECK(changes_until_mark().empty());
}

BOOST_FIXTURE_TEST_CASE(what_a_client_does_itself_is_not_reported_to_it, Watching) {
  connect(2);
  BOOST_REQUIRE_EQUAL(map("share", 2), root);
  (void)watch("/");
  (void)watch("/", 0, 2);
  const std::uint64_t handle = make("/file");
  BOOST_CHECK_EQUAL(write(handle, 0, "x"), 0);
  BOOST_CHECK_EQUAL(close(handle), 0);
  BOOST_CHECK_EQUAL(rename("/file", "/other", kRenameFile), 0);
  BOOST_CHECK_EQUAL(symlink("/link", "other"), 0);
  BOOST_CHECK_EQUAL(make_directory("/sub"), 0);
  BOOST_CHECK_EQUAL(remove("/other"), 0);
  BOOST_CHECK(changes_until_mark().empty());
  BOOST_CHECK_GE(changes_until_mark(2).size(), 7);
}

BOOST_FIXTURE_TEST_CASE(a_change_of_a_file_that_the_client_only_reads_is_reported, Watching) {
  write_text(dir / "file", "old");
  (void)watch("/");
  const std::uint64_t handle = open("/file", kAccessRead);
  BOOST_CHECK_EQUAL(read(handle, 0, 10), "old");
  write_text(dir / "file", "new");
  const auto seen = changes_until_mark();
  BOOST_CHECK(std::ranges::any_of(seen, [](const Change& change) {
    return change.name == "file" && (change.mask & SHFL_CHANGE_CLOSE_WRITE) != 0;
  }));
}

BOOST_FIXTURE_TEST_CASE(watches_follow_a_directory_that_the_client_renames, Watching) {
  fs::create_directory(dir / "one");
  (void)watch("/");
  const std::uint32_t id = watch("/one");
  BOOST_CHECK_EQUAL(rename("/one", "/two", kRenameDirectory), 0);
  BOOST_CHECK_EQUAL(close(make("/two/mine")), 0);
  write_text(dir / "two" / "theirs", "");
  const auto seen = changes_until_mark();
  BOOST_REQUIRE(!seen.empty());
  for (const Change& change : seen) {
    BOOST_CHECK_EQUAL(change.watch, id);
    BOOST_CHECK_EQUAL(change.name, "theirs");
  }
}

BOOST_FIXTURE_TEST_CASE(an_object_that_goes_away_ends_its_watch, Watching) {
  write_text(dir / "file", "");
  (void)watch("/");
  const std::uint32_t id = watch("/file");
  fs::remove(dir / "file");
  std::uint32_t last = 0;
  for (const Change& change : changes_until_mark()) {
    if (change.watch == id) {
      last = change.mask;
    }
  }
  BOOST_CHECK_EQUAL(last, SHFL_CHANGE_IGNORED);
  BOOST_CHECK_EQUAL(unwatch(id), HGCM_ERR_INVALID_HANDLE);
}

BOOST_FIXTURE_TEST_CASE(the_same_object_has_one_watch, Watching) {
  fs::create_directory(dir / "sub");
  const std::uint32_t id = watch("/sub");
  BOOST_CHECK_EQUAL(watch("/sub/"), id);
  BOOST_CHECK_NE(watch("/"), id);
  BOOST_CHECK_EQUAL(unwatch(id), 0);
  BOOST_CHECK_EQUAL(unwatch(id), HGCM_ERR_INVALID_HANDLE);
  BOOST_CHECK_NE(watch("/sub"), id);
}

BOOST_FIXTURE_TEST_CASE(nothing_comes_of_a_watch_that_was_given_up, Watching) {
  fs::create_directory(dir / "sub");
  (void)watch("/");
  const std::uint32_t id = watch("/sub");
  write_text(dir / "sub" / "before", "");
  BOOST_CHECK_EQUAL(unwatch(id), 0);
  write_text(dir / "sub" / "after", "");
  for (const Change& change : changes_until_mark()) {
    BOOST_CHECK_NE(change.watch, id);
  }
}

BOOST_FIXTURE_TEST_CASE(a_second_wait_is_refused_and_a_cancelled_one_ends, Watching) {
  (void)watch("/");
  const CallPtr waiting = start_wait();
  BOOST_CHECK_EQUAL(start_wait()->wait(), HGCM_ERR_INVALID_STATE);
  BOOST_CHECK_EQUAL(host.call(kClient, SHFL_EXT_FN_CANCEL_WAIT, Parm::u32(root))->wait(), 0);
  BOOST_CHECK_EQUAL(waiting->wait(), HGCM_ERR_CANCELLED);
  BOOST_CHECK_EQUAL(waiting->u32(2), 0);
  BOOST_CHECK_EQUAL(host.call(kClient, SHFL_EXT_FN_CANCEL_WAIT, Parm::u32(root))->wait(), 0);
  const CallPtr given_up = start_wait();
  host.cancel(kClient, *given_up);
  BOOST_CHECK_EQUAL(given_up->wait(), HGCM_ERR_CANCELLED);
  BOOST_CHECK(!start_wait()->done());
}

BOOST_FIXTURE_TEST_CASE(unmapping_ends_wait_and_watches, Watching) {
  const std::uint32_t id = watch("/");
  const CallPtr waiting = start_wait();
  BOOST_CHECK_EQUAL(host.call(kClient, kUnmapFolder, Parm::u32(root))->wait(), 0);
  BOOST_CHECK_EQUAL(waiting->wait(), HGCM_ERR_CANCELLED);
  BOOST_CHECK_EQUAL(unwatch(id), HGCM_ERR_INVALID_HANDLE);
  BOOST_CHECK_EQUAL(start_wait()->wait(), HGCM_ERR_INVALID_PARAMETER);
}

BOOST_FIXTURE_TEST_CASE(a_removed_share_ends_wait_and_watches, Watching) {
  const std::uint32_t id = watch("/");
  const CallPtr waiting = start_wait();
  BOOST_CHECK_EQUAL(remove_share("share"), HGCM_INF_PERMISSION_DENIED);
  BOOST_CHECK_EQUAL(waiting->wait(), HGCM_ERR_CANCELLED);
  BOOST_CHECK_EQUAL(unwatch(id), HGCM_ERR_INVALID_HANDLE);
}

BOOST_FIXTURE_TEST_CASE(too_much_at_once_is_an_overflow, Watching) {
  const std::uint32_t id = watch("/", SHFL_CHANGE_CREATE);
  bool overflow = false;
  for (int made = 0; !overflow;) {
    // More than what is kept of records; again if some were fetched before all had come.
    for (int i = 0; i < 3500; ++i) {
      const std::string name = std::to_string(made++) + std::string(60, 'x');
      BOOST_REQUIRE_EQUAL(::mkdir((dir / name).c_str(), 0700), 0);
    }
    for (const Change& change : changes(start_wait())) {
      overflow = overflow || (change.mask == SHFL_CHANGE_OVERFLOW && change.watch == 0);
    }
  }
  BOOST_CHECK_EQUAL(unwatch(id), 0);
}

BOOST_FIXTURE_TEST_CASE(links_are_watched_themselves_and_lead_nowhere, Watching) {
  fs::create_directory(temporary.path() / "outside");
  fs::create_symlink("../outside", dir / "link");
  (void)watch("/");
  const std::uint32_t id = watch("/link");
  write_text(temporary.path() / "outside" / "file", "");
  for (const Change& change : changes_until_mark()) {
    BOOST_CHECK_NE(change.watch, id);
  }
  BOOST_CHECK_EQUAL(start_watch("/link/file")->wait(), HGCM_ERR_ACCESS_DENIED);
  BOOST_CHECK_EQUAL(start_watch("/../outside")->wait(), HGCM_ERR_INVALID_NAME);
  BOOST_CHECK_EQUAL(start_watch("/nosuch")->wait(), HGCM_ERR_FILE_NOT_FOUND);
}

BOOST_FIXTURE_TEST_CASE(bad_parameters_are_refused, Watching) {
  BOOST_CHECK_EQUAL(start_watch("/", SHFL_CHANGE_OVERFLOW)->wait(), HGCM_ERR_INVALID_FLAGS);
  BOOST_CHECK_EQUAL(start_wait(kClient, 4095)->wait(), HGCM_ERR_INVALID_PARAMETER);
  BOOST_REQUIRE_EQUAL(host.connect(9), 0);
  BOOST_CHECK_EQUAL(start_watch("/", 0, 9)->wait(), HGCM_ERR_NOT_SUPPORTED);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace hgcm::shfl::test

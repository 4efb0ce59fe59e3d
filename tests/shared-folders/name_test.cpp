// SPDX-License-Identifier: MIT
//
// Names: listing, removing, renaming, linking; any case, wildcards and UTF-16 as Windows has them.
#include "fixture.h"

namespace hgcm::shfl::test {
namespace {

using Names = std::vector<std::string>;

/// A guest as Windows is: UTF-16, backslashes, names in any case, links followed by the host.
struct WindowsGuest : Service {
  WindowsGuest() {
    BOOST_REQUIRE_EQUAL(remove_share("share"), HGCM_INF_PERMISSION_DENIED);
    BOOST_REQUIRE_EQUAL(add("windows", dir.string(), kAddWritable), 0);
    BOOST_REQUIRE_EQUAL(host.connect(7), 0);
    const CallPtr call = host.call(7, kMapFolder, Parm::bytes(counted16("windows")), Parm::u32(0),
                                   Parm::u32('\\'), Parm::u32(0));
    BOOST_REQUIRE_EQUAL(call->wait(), 0);
    root = call->u32(1);
  }
  Created win_create(std::string_view path, std::uint32_t flags) {
    const CreateParms parms{kNilHandle, 0, flags, {}};
    return created(host.call(7, kCreate, Parm::u32(root), Parm::bytes(counted16(path)),
                             Parm::bytes(bytes_of(parms))));
  }
  Names win_list(std::uint64_t handle, std::string_view filter, std::int32_t expected = 0) {
    const CallPtr call =
        host.call(7, kList, Parm::u32(root), Parm::u64(handle), Parm::u32(0), Parm::u32(8192),
                  Parm::bytes(counted16(filter)), Parm::buffer(8192), Parm::u32(0), Parm::u32(0));
    BOOST_CHECK_EQUAL(call->wait(), expected);
    Names names;
    for (const Entry& entry : parse_entries(call->contents(5).substr(0, call->u32(3)), false)) {
      names.push_back(entry.name);
    }
    std::ranges::sort(names);
    return names;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(names)

BOOST_FIXTURE_TEST_CASE(a_listing_has_all_names_with_their_attributes, Service) {
  write_text(dir / "file", "12345");
  fs::create_directory(dir / "sub");
  fs::create_symlink("nowhere", dir / "link");
  const std::uint64_t handle = open("/", kAccessRead);
  const Listed listed = list(handle);
  BOOST_CHECK_EQUAL(listed.status, 0);
  BOOST_CHECK_EQUAL(listed.more, 0);
  BOOST_TEST(listed.names() == (Names{".", "..", "file", "link", "sub"}));
  for (const Entry& entry : listed.entries) {
    if (entry.name == "." || entry.name == "..") {
      continue;
    }
    BOOST_CHECK(look_up("/" + entry.name).info == entry.info);
  }
  const Listed end = list(handle);
  BOOST_CHECK_EQUAL(end.status, HGCM_ERR_NO_MORE_FILES);
  BOOST_CHECK_EQUAL(end.bytes, 0);
}

BOOST_FIXTURE_TEST_CASE(nothing_is_told_of_what_is_above_the_share, Service) {
  fs::create_directory(dir / "sub");
  const auto parent_of = [&](std::string_view path) {
    for (const Entry& entry : list(open(path, kAccessRead)).entries) {
      if (entry.name == "..") {
        return entry.info.inode;
      }
    }
    return std::uint64_t{0};
  };
  BOOST_CHECK_EQUAL(parent_of("/"), look_up("/").info.inode);
  BOOST_CHECK_EQUAL(parent_of("/sub"), look_up("/").info.inode);
}

BOOST_FIXTURE_TEST_CASE(a_small_buffer_gets_the_listing_in_pieces, Service) {
  Names expected = {".", ".."};
  for (int i = 0; i < 200; ++i) {
    expected.push_back("a-name-" + std::to_string(1000 + i));
    write_text(dir / expected.back(), "");
  }
  const std::uint64_t handle = open("/", kAccessRead);
  Names found;
  while (true) {
    const Listed piece = list(handle, 1000);
    if (piece.status != 0) {
      BOOST_CHECK_EQUAL(piece.status, HGCM_ERR_NO_MORE_FILES);
      break;
    }
    for (const Entry& entry : piece.entries) {
      found.push_back(entry.name);
    }
    if (piece.more == 0) {
      break;
    }
  }
  std::ranges::sort(found);
  BOOST_TEST(found == expected);
}

BOOST_FIXTURE_TEST_CASE(a_name_that_does_not_fit_overflows_and_stays, Service) {
  write_text(dir / std::string(200, 'x'), "");
  const std::uint64_t handle = open("/", kAccessRead);
  Names found;
  Listed piece = list(handle, 260);
  while (piece.status == 0) {
    for (const Entry& entry : piece.entries) {
      found.push_back(entry.name);
    }
    piece = list(handle, 260);
  }
  BOOST_CHECK_EQUAL(piece.status, HGCM_INF_BUFFER_OVERFLOW);
  BOOST_CHECK_EQUAL(piece.entries.size(), 0);
  const Listed rest = list(handle);
  BOOST_CHECK_EQUAL(rest.status, 0);
  BOOST_CHECK_EQUAL(found.size() + rest.entries.size(), 3);
}

BOOST_FIXTURE_TEST_CASE(one_entry_at_a_time_and_from_the_start_again, Service) {
  write_text(dir / "file", "");
  const std::uint64_t handle = open("/", kAccessRead);
  Names found;
  for (int i = 0; i < 3; ++i) {
    const Listed one = list(handle, 4096, kListReturnOne);
    BOOST_REQUIRE_EQUAL(one.entries.size(), 1);
    found.push_back(one.entries[0].name);
  }
  std::ranges::sort(found);
  BOOST_TEST(found == (Names{".", "..", "file"}));
  BOOST_CHECK_EQUAL(list(handle, 4096, kListReturnOne).status, HGCM_ERR_NO_MORE_FILES);
  BOOST_CHECK_EQUAL(list(handle, 4096, kListRestart).entries.size(), 3);
}

BOOST_FIXTURE_TEST_CASE(names_that_are_no_utf8_are_left_out, Service) {
  write_text(dir / "good", "");
  write_text(dir / "bad\xff", "");
  BOOST_TEST(names("/") == (Names{".", "..", "good"}));
}

BOOST_FIXTURE_TEST_CASE(names_of_255_bytes_work_and_longer_ones_are_too_long, Service) {
  const std::string longest(255, 'n');
  BOOST_CHECK_EQUAL(close(make("/" + longest)), 0);
  BOOST_CHECK_EQUAL(look_up("/" + longest).result, kFileExists);
  BOOST_CHECK_EQUAL(look_up("/" + longest + "n").status, HGCM_ERR_FILENAME_TOO_LONG);
  BOOST_CHECK_EQUAL(create("/" + longest + "n", kFailIfExists | kReadWrite).status,
                    HGCM_ERR_FILENAME_TOO_LONG);
}

BOOST_FIXTURE_TEST_CASE(paths_of_4095_bytes_work_and_longer_ones_are_too_long, Service) {
  std::string path;
  while (path.size() + 101 <= 3950) {
    path += '/' + std::string(100, 'd');
    BOOST_REQUIRE_EQUAL(make_directory(path), 0);
  }
  path += '/' + std::string(4096 - path.size() - 1, 'f');
  BOOST_CHECK_EQUAL(path.size() - 1, 4095);
  BOOST_CHECK_EQUAL(close(make(path)), 0);
  BOOST_CHECK_EQUAL(look_up(path).result, kFileExists);
  BOOST_CHECK_EQUAL(look_up(path + "f").status, HGCM_ERR_FILENAME_TOO_LONG);
  BOOST_CHECK_EQUAL(look_up('/' + std::string(65000, 'x')).status, HGCM_ERR_FILENAME_TOO_LONG);
}

BOOST_FIXTURE_TEST_CASE(all_characters_of_the_host_are_names, Service) {
  for (const std::string name : {"back\\slash", "new\nline", "co:lon", "st*r?", "\x01", "\"q\""}) {
    BOOST_CHECK_EQUAL(close(make("/" + name)), 0);
    BOOST_CHECK(fs::exists(dir / name));
  }
}

BOOST_FIXTURE_TEST_CASE(removing_by_kind, Service) {
  write_text(dir / "file", "");
  fs::create_directories(dir / "sub" / "inner");
  fs::create_symlink("file", dir / "link");
  BOOST_REQUIRE_EQUAL(::mkfifo((dir / "fifo").c_str(), 0600), 0);
  BOOST_CHECK_EQUAL(remove("/file", kRemoveDirectory), HGCM_ERR_NOT_A_DIRECTORY);
  BOOST_CHECK_EQUAL(remove("/sub", kRemoveFile), HGCM_ERR_IS_A_DIRECTORY);
  BOOST_CHECK_EQUAL(remove("/sub", kRemoveDirectory), HGCM_ERR_DIR_NOT_EMPTY);
  BOOST_CHECK_EQUAL(remove("/file", kRemoveSymlink), HGCM_ERR_NOT_SYMLINK);
  BOOST_CHECK_EQUAL(remove("/nosuch"), HGCM_ERR_FILE_NOT_FOUND);
  BOOST_CHECK_EQUAL(remove("/", kRemoveDirectory), HGCM_ERR_ACCESS_DENIED);
  BOOST_CHECK_EQUAL(remove("/file", 8), HGCM_ERR_INVALID_FLAGS);
  BOOST_CHECK_EQUAL(remove("/link", kRemoveSymlink | kRemoveFile), 0);
  BOOST_CHECK_EQUAL(remove("/fifo"), 0);
  BOOST_CHECK_EQUAL(remove("/sub/inner", kRemoveDirectory), 0);
  BOOST_CHECK_EQUAL(remove("/sub", kRemoveDirectory), 0);
  BOOST_TEST(names("/") == (Names{".", "..", "file"}));
}

BOOST_FIXTURE_TEST_CASE(renaming_by_kind, Service) {
  write_text(dir / "file", "file");
  fs::create_directory(dir / "sub");
  BOOST_CHECK_EQUAL(rename("/file", "/x", kRenameDirectory), HGCM_ERR_NOT_A_DIRECTORY);
  BOOST_CHECK_EQUAL(rename("/sub", "/x", kRenameFile), HGCM_ERR_IS_A_DIRECTORY);
  BOOST_CHECK_EQUAL(rename("/nosuch", "/x", kRenameFile), HGCM_ERR_FILE_NOT_FOUND);
  BOOST_CHECK_EQUAL(rename("/file", "/x", 8), HGCM_ERR_INVALID_PARAMETER);
  BOOST_CHECK_EQUAL(rename("/file", "/", kRenameFile), HGCM_ERR_ACCESS_DENIED);
  BOOST_CHECK_EQUAL(rename("/file", "/sub/moved", kRenameFile), 0);
  BOOST_CHECK_EQUAL(rename("/sub", "/sub2", 0), 0);
  BOOST_CHECK_EQUAL(rename("/sub2", "/sub3", kRenameFile | kRenameDirectory), 0);
  BOOST_CHECK_EQUAL(read_text(dir / "sub3" / "moved"), "file");
}

BOOST_FIXTURE_TEST_CASE(renaming_over_something_must_be_asked_for, Service) {
  write_text(dir / "one", "1");
  write_text(dir / "two", "2");
  fs::create_directory(dir / "full");
  write_text(dir / "full" / "x", "");
  fs::create_directory(dir / "empty");
  BOOST_CHECK_EQUAL(rename("/one", "/two", kRenameFile), HGCM_ERR_ALREADY_EXISTS);
  BOOST_CHECK_EQUAL(rename("/one", "/two", kRenameFile | kRenameReplace), 0);
  BOOST_CHECK_EQUAL(read_text(dir / "two"), "1");
  BOOST_CHECK_EQUAL(rename("/empty", "/full", kRenameDirectory | kRenameReplace),
                    HGCM_ERR_DIR_NOT_EMPTY);
  BOOST_CHECK_EQUAL(rename("/full", "/empty", kRenameDirectory), HGCM_ERR_ALREADY_EXISTS);
  BOOST_CHECK_EQUAL(rename("/full", "/empty", kRenameDirectory | kRenameReplace), 0);
  BOOST_CHECK_EQUAL(rename("/two", "/empty", kRenameFile | kRenameReplace),
                    HGCM_ERR_IS_A_DIRECTORY);
}

BOOST_FIXTURE_TEST_CASE(links_are_made_read_and_shown, Service) {
  BOOST_CHECK_EQUAL(symlink("/link", "some/where"), 0);
  BOOST_CHECK_EQUAL(fs::read_symlink(dir / "link").string(), "some/where");
  BOOST_CHECK_EQUAL(read_link("/link"), "some/where");
  BOOST_CHECK_EQUAL(read_link("/link", 11), "some/where");
  BOOST_CHECK_EQUAL(read_link("/link", 10), "status -41");
  BOOST_CHECK_EQUAL(read_link("/"), "status -19");
  BOOST_CHECK_EQUAL(read_link("/nosuch"), "status -102");
  BOOST_CHECK_EQUAL(symlink("/link", "again"), HGCM_ERR_ALREADY_EXISTS);
}

BOOST_FIXTURE_TEST_CASE(hard_links_are_names_of_the_same_file, Service) {
  write_text(dir / "file", "contents");
  fs::create_directory(dir / "sub");
  const Linked linked = hard_link("/file", "/sub/other");
  BOOST_CHECK_EQUAL(linked.status, 0);
  BOOST_CHECK_EQUAL(linked.info.links, 2);
  BOOST_CHECK_EQUAL(linked.info.size, 8);
  BOOST_CHECK_EQUAL(linked.info.inode, look_up("/file").info.inode);
  BOOST_CHECK(fs::equivalent(dir / "file", dir / "sub" / "other"));
  BOOST_CHECK_EQUAL(remove("/file"), 0);
  BOOST_CHECK_EQUAL(read_text(dir / "sub" / "other"), "contents");
}

BOOST_FIXTURE_TEST_CASE(hard_links_that_cannot_be, Service) {
  write_text(dir / "file", "contents");
  write_text(dir / "taken", "mine");
  fs::create_directory(dir / "sub");
  BOOST_CHECK_EQUAL(hard_link("/file", "/taken").status, HGCM_ERR_ALREADY_EXISTS);
  BOOST_CHECK_EQUAL(hard_link("/file", "/file").status, HGCM_ERR_ALREADY_EXISTS);
  BOOST_CHECK_EQUAL(hard_link("/sub", "/x").status, HGCM_ERR_IS_A_DIRECTORY);
  BOOST_CHECK_EQUAL(hard_link("/nosuch", "/x").status, HGCM_ERR_FILE_NOT_FOUND);
  BOOST_CHECK_EQUAL(hard_link("/file", "/no/such").status, HGCM_ERR_FILE_NOT_FOUND);
  BOOST_CHECK_EQUAL(hard_link("/", "/x").status, HGCM_ERR_ACCESS_DENIED);
  BOOST_CHECK_EQUAL(hard_link("/file", "/").status, HGCM_ERR_ACCESS_DENIED);
  BOOST_CHECK_EQUAL(host.call(kClient, SHFL_EXT_FN_LINK, Parm::u32(root), text_parm("/file"),
                              text_parm("/x"), Parm::buffer(sizeof(ObjectInfo) - 1))
                        ->wait(),
                    HGCM_ERR_INVALID_PARAMETER);
  BOOST_TEST(names("/") == (Names{".", "..", "file", "sub", "taken"}));
  BOOST_CHECK_EQUAL(read_text(dir / "taken"), "mine");
}

BOOST_FIXTURE_TEST_CASE(closing_and_removing_in_one, Service) {
  const std::uint64_t handle = make("/file");
  const auto both = [&](std::uint64_t which) {
    return host
        .call(kClient, kCloseAndRemove, Parm::u32(root), text_parm("/file"), Parm::u32(kRemoveFile),
              Parm::u64(which))
        ->wait();
  };
  BOOST_CHECK_EQUAL(both(0), HGCM_ERR_INVALID_HANDLE);
  BOOST_CHECK_EQUAL(both(handle), 0);
  BOOST_CHECK_EQUAL(close(handle), HGCM_ERR_INVALID_HANDLE);
  BOOST_CHECK_EQUAL(both(kNilHandle), HGCM_ERR_FILE_NOT_FOUND);
}

BOOST_FIXTURE_TEST_CASE(windows_finds_names_in_any_case, WindowsGuest) {
  fs::create_directories(dir / "Dir" / "Größe");
  write_text(dir / "Dir" / "Größe" / "File.TXT", "x");
  write_text(dir / "exact", "lower");
  write_text(dir / "EXACT", "upper!");
  BOOST_CHECK_EQUAL(win_create("\\dIR\\GRÖßE\\file.txt", kLookup).result, kFileExists);
  BOOST_CHECK_EQUAL(win_create("\\EXACT", kLookup).info.size, 6);
  BOOST_CHECK_EQUAL(win_create("\\dIR\\nosuch\\x", kLookup).result, kFileNotFound);
  const Created made = win_create("\\dir\\New", kFailIfExists | kReadWrite);
  BOOST_CHECK_EQUAL(made.result, kFileCreated);
  BOOST_CHECK(fs::exists(dir / "Dir" / "New"));
}

BOOST_FIXTURE_TEST_CASE(windows_lists_by_pattern, WindowsGuest) {
  fs::create_directory(dir / "Sub");
  for (const char* name : {"a.txt", "B.TXT", "c.doc", "noext"}) {
    write_text(dir / "Sub" / name, "");
  }
  const auto listing = [&](std::string_view filter) {
    const Created opened = win_create("\\sub", kDirectory | kFailIfNew | kAccessRead);
    BOOST_REQUIRE_EQUAL(opened.status, 0);
    return win_list(opened.handle, filter);
  };
  BOOST_TEST(listing("\\sub\\*.txt") == (Names{"B.TXT", "a.txt"}));
  BOOST_TEST(listing("\\SUB\\?.doc") == Names{"c.doc"});
  BOOST_TEST(listing("\\sub\\*") == (Names{".", "..", "B.TXT", "a.txt", "c.doc", "noext"}));
  BOOST_TEST(listing("\\sub\\<.DOC") == Names{"c.doc"});
  BOOST_TEST(listing("\\sub\\noext") == Names{"noext"});
  const Created opened = win_create("\\sub", kDirectory | kFailIfNew | kAccessRead);
  BOOST_TEST(win_list(opened.handle, "\\sub\\*.zip", HGCM_ERR_NO_MORE_FILES).empty());
}

BOOST_FIXTURE_TEST_CASE(windows_has_links_followed_inside_the_share, WindowsGuest) {
  write_text(dir / "file", "12345");
  fs::create_symlink("file", dir / "link");
  fs::create_symlink("../secret", dir / "out");
  write_text(dir.parent_path() / "secret", "secret");
  BOOST_CHECK_EQUAL(win_create("\\link", kLookup).info.size, 5);
  BOOST_CHECK_EQUAL(win_create("\\link", kLookup).info.mode & 0170000U, 0100000U);
  BOOST_CHECK_EQUAL(win_create("\\link", kFailIfNew | kAccessRead).status, 0);
  BOOST_CHECK_EQUAL(win_create("\\out", kLookup).status, HGCM_ERR_ACCESS_DENIED);
  BOOST_CHECK_EQUAL(win_create("\\out", kFailIfNew | kAccessRead).status, HGCM_ERR_ACCESS_DENIED);
}

BOOST_FIXTURE_TEST_CASE(a_slash_is_no_name_on_windows, WindowsGuest) {
  BOOST_CHECK_EQUAL(win_create("\\a/b", kLookup).status, HGCM_ERR_INVALID_NAME);
}

BOOST_FIXTURE_TEST_CASE(utf16_clients_make_no_links, WindowsGuest) {
  const CallPtr call = host.call(7, kSymlink, Parm::u32(root), Parm::bytes(counted16("\\l")),
                                 Parm::bytes(counted16("x")), Parm::buffer(sizeof(ObjectInfo)));
  BOOST_CHECK_EQUAL(call->wait(), HGCM_ERR_NOT_IMPLEMENTED);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace hgcm::shfl::test

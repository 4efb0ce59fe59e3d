// SPDX-License-Identifier: MIT
//
// Contents and attributes of open files: reading, writing, sizes, times, copies.
#include <fcntl.h>

#include "fixture.h"
#include "shared-folders/descriptor.h"
#include "shared-folders/errors.h"

namespace hgcm::shfl::test {
namespace {

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) {
    text[i] = static_cast<char>('a' + i % 23);
  }
  return text;
}

struct OpenFile : Service {
  OpenFile() : handle(make("/file")) {}
  std::uint64_t handle;
};

CallPtr copy_part(Service& service, std::uint64_t from, std::uint64_t from_offset, std::uint64_t to,
                  std::uint64_t to_offset, std::uint64_t size) {
  return service.host.call(kClient, kCopyFilePart, Parm::u32(service.root), Parm::u64(from),
                           Parm::u64(from_offset), Parm::u32(service.root), Parm::u64(to),
                           Parm::u64(to_offset), Parm::u64(size), Parm::u32(0));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(files)

BOOST_FIXTURE_TEST_CASE(what_is_written_is_read_and_on_the_host, OpenFile) {
  BOOST_CHECK_EQUAL(write(handle, 0, "hello world"), 0);
  BOOST_CHECK_EQUAL(write(handle, 6, "there"), 0);
  BOOST_CHECK_EQUAL(read(handle, 0, 100), "hello there");
  BOOST_CHECK_EQUAL(read(handle, 6, 2), "th");
  BOOST_CHECK_EQUAL(read_text(dir / "file"), "hello there");
}

BOOST_FIXTURE_TEST_CASE(reading_behind_the_end_gives_nothing, OpenFile) {
  BOOST_CHECK_EQUAL(write(handle, 0, "x"), 0);
  BOOST_CHECK_EQUAL(read(handle, 1, 10), "");
  BOOST_CHECK_EQUAL(read(handle, std::uint64_t{5} << 32U, 10), "");
  BOOST_CHECK_EQUAL(read(handle, 0, 0), "");
}

BOOST_FIXTURE_TEST_CASE(a_write_tells_the_offset_behind_it, OpenFile) {
  const CallPtr call = start_write(handle, 100, "abc");
  BOOST_CHECK_EQUAL(call->wait(), 0);
  BOOST_CHECK_EQUAL(call->u64(2), 103);
}

BOOST_FIXTURE_TEST_CASE(offsets_beyond_four_gigabytes_work, OpenFile) {
  const std::uint64_t far = (std::uint64_t{9} << 32U) + 5;
  BOOST_CHECK_EQUAL(write(handle, far, "far"), 0);
  BOOST_CHECK_EQUAL(read(handle, far - 1, 10), std::string("\0far", 4));
}

BOOST_FIXTURE_TEST_CASE(offsets_that_no_file_has_are_refused, OpenFile) {
  const std::uint64_t beyond = std::uint64_t{1} << 63U;
  BOOST_CHECK_EQUAL(start_read(handle, beyond, 10)->wait(), HGCM_ERR_INVALID_PARAMETER);
  BOOST_CHECK_EQUAL(start_read(handle, beyond - 1, 10)->wait(), HGCM_ERR_INVALID_PARAMETER);
  BOOST_CHECK_EQUAL(write(handle, ~std::uint64_t{0}, "x"), HGCM_ERR_FILE_TOO_BIG);
}

BOOST_FIXTURE_TEST_CASE(large_transfers_are_whole, OpenFile) {
  const std::string text = pattern(3'000'001);
  BOOST_CHECK_EQUAL(write(handle, 7, text), 0);
  BOOST_CHECK(read(handle, 7, 4'000'000) == text);
}

BOOST_FIXTURE_TEST_CASE(scattered_pages_are_read_and_written_in_their_order, OpenFile) {
  const std::string text = pattern(5 * 4096 + 17);
  const CallPtr written =
      host.call(kClient, kWrite, Parm::u32(root), Parm::u64(handle), Parm::u64(3),
                Parm::u32(static_cast<std::uint32_t>(text.size())), Parm::pages(text, 100));
  BOOST_CHECK_EQUAL(written->wait(), 0);
  BOOST_CHECK_EQUAL(written->u32(3), text.size());
  BOOST_CHECK(read(handle, 3, 30000) == text);

  const CallPtr got = host.call(kClient, kRead, Parm::u32(root), Parm::u64(handle), Parm::u64(3),
                                Parm::u32(static_cast<std::uint32_t>(text.size())),
                                Parm::pages(std::string(text.size(), '.'), 4000));
  BOOST_CHECK_EQUAL(got->wait(), 0);
  BOOST_CHECK(got->parms[4].page_contents() == text);
}

BOOST_FIXTURE_TEST_CASE(more_pages_than_one_system_call_takes_are_read, OpenFile) {
  const std::string text = pattern(std::size_t{2500} * 4096);
  BOOST_CHECK_EQUAL(write(handle, 0, text), 0);
  const CallPtr got = host.call(kClient, kRead, Parm::u32(root), Parm::u64(handle), Parm::u64(0),
                                Parm::u32(static_cast<std::uint32_t>(text.size())),
                                Parm::pages(std::string(text.size(), '.'), 1));
  BOOST_CHECK_EQUAL(got->wait(), 0);
  BOOST_CHECK_EQUAL(got->u32(3), text.size());
  BOOST_CHECK(got->parms[4].page_contents() == text);
}

BOOST_FIXTURE_TEST_CASE(more_than_the_buffer_has_room_for_is_refused, OpenFile) {
  const auto transfer = [&](std::uint32_t function, Parm memory) {
    const CallPtr call = host.call(kClient, function, Parm::u32(root), Parm::u64(handle),
                                   Parm::u64(0), Parm::u32(11), std::move(memory));
    const std::int32_t status = call->wait();
    BOOST_CHECK_EQUAL(call->u32(3), 0);
    return status;
  };
  BOOST_CHECK_EQUAL(transfer(kRead, Parm::buffer(10)), HGCM_ERR_INVALID_HANDLE);
  BOOST_CHECK_EQUAL(transfer(kWrite, Parm::buffer(10)), HGCM_ERR_INVALID_HANDLE);
  BOOST_CHECK_EQUAL(transfer(kRead, Parm::null_buffer(20)), HGCM_ERR_INVALID_HANDLE);
  BOOST_CHECK_EQUAL(transfer(kRead, Parm::pages("0123456789", 5)), HGCM_ERR_OUT_OF_RANGE);
  BOOST_CHECK_EQUAL(transfer(kWrite, Parm::pages("0123456789", 5)), HGCM_ERR_OUT_OF_RANGE);
}

BOOST_FIXTURE_TEST_CASE(a_read_only_handle_does_not_write, OpenFile) {
  const std::uint64_t reader = open("/file", kAccessRead);
  BOOST_CHECK_EQUAL(write(reader, 0, "x"), HGCM_ERR_INVALID_HANDLE);
  const std::uint64_t writer = open("/file", kAccessWrite);
  BOOST_CHECK_EQUAL(start_read(writer, 0, 1)->wait(), HGCM_ERR_INVALID_HANDLE);
}

BOOST_FIXTURE_TEST_CASE(directories_have_no_contents, Service) {
  const std::uint64_t handle = open("/", kAccessRead);
  BOOST_CHECK_EQUAL(start_read(handle, 0, 1)->wait(), HGCM_ERR_IS_A_DIRECTORY);
  BOOST_CHECK_EQUAL(write(handle, 0, "x"), HGCM_ERR_IS_A_DIRECTORY);
}

BOOST_FIXTURE_TEST_CASE(appending_goes_to_the_end_wherever_that_is, OpenFile) {
  const std::uint64_t appender = open("/file", kReadWrite | kAppend);
  BOOST_CHECK_EQUAL(write(handle, 0, "12345"), 0);
  const CallPtr call = start_write(appender, 0, "abc");
  BOOST_CHECK_EQUAL(call->wait(), 0);
  BOOST_CHECK_EQUAL(call->u64(2), 8);
  BOOST_CHECK_EQUAL(read_text(dir / "file"), "12345abc");
}

BOOST_FIXTURE_TEST_CASE(a_file_deleted_while_open_stays_usable, OpenFile) {
  BOOST_CHECK_EQUAL(write(handle, 0, "still"), 0);
  BOOST_CHECK_EQUAL(remove("/file"), 0);
  BOOST_CHECK_EQUAL(read(handle, 0, 100), "still");
  const Info info = information(handle, kInfoGet | kInfoFile);
  BOOST_CHECK_EQUAL(info.status, 0);
  BOOST_CHECK_EQUAL(info.info.links, 0);
  BOOST_CHECK_EQUAL(info.info.size, 5);
}

BOOST_FIXTURE_TEST_CASE(sizes_are_set_by_all_three_functions, OpenFile) {
  ObjectInfo wanted{};
  wanted.size = 1000;
  const Info set = information(handle, kInfoSet | kInfoSize, wanted);
  BOOST_CHECK_EQUAL(set.status, 0);
  BOOST_CHECK_EQUAL(set.info.size, 1000);
  BOOST_CHECK_EQUAL(
      host.call(kClient, kSetFileSize, Parm::u32(root), Parm::u64(handle), Parm::u64(10))->wait(),
      0);
  BOOST_CHECK_EQUAL(fs::file_size(dir / "file"), 10);
  wanted.size = -1;
  BOOST_CHECK_EQUAL(information(handle, kInfoSet | kInfoSize, wanted).status,
                    HGCM_ERR_INVALID_PARAMETER);
  BOOST_CHECK_EQUAL(
      host.call(kClient, kSetFileSize, Parm::u32(root), Parm::u64(handle), Parm::u64(~0ULL))
          ->wait(),
      HGCM_ERR_INVALID_PARAMETER);
}

BOOST_FIXTURE_TEST_CASE(times_have_nanoseconds_and_zero_leaves_them, OpenFile) {
  ObjectInfo wanted{};
  wanted.modification_time = 1'234'567'890'123'456'789;
  wanted.access_time = -1;
  Info set = information(handle, kInfoSet | kInfoFile, wanted);
  BOOST_CHECK_EQUAL(set.status, 0);
  BOOST_CHECK_EQUAL(set.info.modification_time, 1'234'567'890'123'456'789);
  BOOST_CHECK_EQUAL(set.info.access_time, -1);
  wanted.modification_time = 0;
  wanted.access_time = 5'000'000'000;
  set = information(handle, kInfoSet | kInfoFile, wanted);
  BOOST_CHECK_EQUAL(set.info.modification_time, 1'234'567'890'123'456'789);
  BOOST_CHECK_EQUAL(set.info.access_time, 5'000'000'000);
}

BOOST_FIXTURE_TEST_CASE(modes_keep_the_host_able_to_read, OpenFile) {
  ObjectInfo wanted{};
  wanted.mode = 0106000;
  BOOST_CHECK_EQUAL(information(handle, kInfoSet | kInfoFile, wanted).info.mode & 07777U, 0400U);
  const std::uint64_t directory = open("/", 0);
  wanted.mode = 0040020;
  BOOST_CHECK_EQUAL(information(directory, kInfoSet | kInfoFile, wanted).info.mode & 07777U, 0520U);
}

BOOST_FIXTURE_TEST_CASE(a_directorys_attributes_follow_it_through_a_rename, Service) {
  BOOST_REQUIRE_EQUAL(make_directory("/one"), 0);
  const std::uint64_t handle = open("/one", kAccessRead);
  BOOST_REQUIRE_EQUAL(rename("/one", "/two", kRenameDirectory), 0);
  const Info info = information(handle, kInfoGet | kInfoFile);
  BOOST_CHECK_EQUAL(info.status, 0);
  BOOST_CHECK_EQUAL(info.info.inode, look_up("/two").info.inode);
}

BOOST_FIXTURE_TEST_CASE(information_of_other_kinds_or_sizes_is_refused, OpenFile) {
  const auto ask = [&](std::uint32_t flags, std::uint32_t size, std::size_t room_bytes) {
    return host
        .call(kClient, kInformation, Parm::u32(root), Parm::u64(handle), Parm::u32(flags),
              Parm::u32(size), Parm::buffer(room_bytes))
        ->wait();
  };
  const std::int32_t refused = HGCM_ERR_INVALID_PARAMETER;
  BOOST_CHECK_EQUAL(ask(kInfoGet | kInfoFile, 92, 92), 0);
  BOOST_CHECK_EQUAL(ask(kInfoGet | kInfoFile, 91, 92), refused);
  BOOST_CHECK_EQUAL(ask(kInfoGet | kInfoFile, 93, 92), refused);
  BOOST_CHECK_EQUAL(ask(kInfoGet | kInfoName, 92, 92), refused);
  BOOST_CHECK_EQUAL(ask(kInfoGet | kInfoSize, 92, 92), refused);
  BOOST_CHECK_EQUAL(ask(kInfoSet | kInfoVolume, 92, 92), refused);
  BOOST_CHECK_EQUAL(ask(kInfoGet | kInfoVolume, 39, 92), refused);
  BOOST_CHECK_EQUAL(ask(kInfoGet | kInfoVolume, 40, 40), 0);
}

BOOST_FIXTURE_TEST_CASE(the_volume_is_described, Service) {
  const CallPtr call =
      host.call(kClient, kInformation, Parm::u32(root), Parm::u64(0),
                Parm::u32(kInfoGet | kInfoVolume), Parm::u32(100), Parm::buffer(100));
  BOOST_CHECK_EQUAL(call->wait(), 0);
  BOOST_CHECK_EQUAL(call->u32(3), sizeof(VolumeInfo));
  const auto volume = as<VolumeInfo>(call->contents(4));
  BOOST_CHECK_GT(volume.total, 0);
  BOOST_CHECK_GT(volume.allocation_unit, 0);
  BOOST_CHECK_EQUAL(volume.max_name, 255);
  BOOST_CHECK_EQUAL(volume.case_sensitive, 1);
}

BOOST_FIXTURE_TEST_CASE(a_flush_succeeds, OpenFile) {
  BOOST_CHECK_EQUAL(write(handle, 0, "x"), 0);
  BOOST_CHECK_EQUAL(host.call(kClient, kFlush, Parm::u32(root), Parm::u64(handle))->wait(), 0);
  const std::uint64_t directory = open("/", kAccessRead);
  BOOST_CHECK_EQUAL(host.call(kClient, kFlush, Parm::u32(root), Parm::u64(directory))->wait(), 0);
}

BOOST_FIXTURE_TEST_CASE(a_full_disk_is_told, Service) {
  // No file system of our own here, so the kernel's always-full device stands in, outside the
  // service: what counts is the mapping of the errno.
  const Descriptor full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  BOOST_REQUIRE(full);
  BOOST_REQUIRE_EQUAL(::write(full.get(), "x", 1), -1);
  BOOST_CHECK_EQUAL(to_status(errno).code(), HGCM_ERR_DISK_FULL);
  BOOST_CHECK_EQUAL(to_status(EDQUOT).code(), HGCM_ERR_DISK_FULL);
}

BOOST_FIXTURE_TEST_CASE(locks_do_nothing_but_check, OpenFile) {
  const auto lock = [&](std::uint32_t flags) {
    return host
        .call(kClient, kLock, Parm::u32(root), Parm::u64(handle), Parm::u64(0), Parm::u64(10),
              Parm::u32(flags))
        ->wait();
  };
  BOOST_CHECK_EQUAL(lock(1), 0);
  BOOST_CHECK_EQUAL(lock(2 | kLockWait), 0);
  BOOST_CHECK_EQUAL(lock(0), 0);
  BOOST_CHECK_EQUAL(lock(1 | kLockEntire), HGCM_ERR_INVALID_PARAMETER);
  BOOST_CHECK_EQUAL(lock(3), HGCM_ERR_INVALID_PARAMETER);
}

BOOST_FIXTURE_TEST_CASE(part_of_a_file_is_copied_from_and_to_other_offsets, OpenFile) {
  BOOST_CHECK_EQUAL(write(handle, 0, "0123456789"), 0);
  const std::uint64_t target = make("/target");
  const CallPtr call = copy_part(*this, handle, 2, target, 5, 4);
  BOOST_CHECK_EQUAL(call->wait(), 0);
  BOOST_CHECK_EQUAL(call->u64(6), 4);
  BOOST_CHECK_EQUAL(read_text(dir / "target"), std::string("\0\0\0\0\0", 5) + "2345");
}

BOOST_FIXTURE_TEST_CASE(a_copied_part_ends_with_the_source, OpenFile) {
  BOOST_CHECK_EQUAL(write(handle, 0, "0123456789"), 0);
  const std::uint64_t target = make("/target");
  const CallPtr call = copy_part(*this, handle, 8, target, 0, 100);
  BOOST_CHECK_EQUAL(call->wait(), 0);
  BOOST_CHECK_EQUAL(call->u64(6), 2);
}

BOOST_FIXTURE_TEST_CASE(copies_of_impossible_parts_are_refused, OpenFile) {
  const std::uint64_t target = make("/target");
  BOOST_CHECK_EQUAL(copy_part(*this, handle, 1ULL << 63U, target, 0, 1)->wait(),
                    HGCM_ERR_NEGATIVE_SEEK);
  BOOST_CHECK_EQUAL(copy_part(*this, handle, 0, target, 1ULL << 63U, 1)->wait(),
                    HGCM_ERR_NEGATIVE_SEEK);
  BOOST_CHECK_EQUAL(copy_part(*this, handle, 0, target, 0, 1ULL << 60U)->wait(),
                    HGCM_ERR_OUT_OF_RANGE);
  BOOST_CHECK_EQUAL(copy_part(*this, handle, 0, 12345, 0, 1)->wait(), HGCM_ERR_INVALID_HANDLE);
}

BOOST_FIXTURE_TEST_CASE(a_file_is_copied_whole_and_only_to_a_new_name, OpenFile) {
  const std::string text = pattern(1'000'000);
  BOOST_CHECK_EQUAL(write(handle, 0, text), 0);
  const auto copy = [&](std::string_view from, std::string_view to, std::uint32_t flags = 0) {
    return host
        .call(kClient, kCopyFile, Parm::u32(root), text_parm(from), Parm::u32(root), text_parm(to),
              Parm::u32(flags))
        ->wait();
  };
  BOOST_CHECK_EQUAL(copy("/file", "/copy"), 0);
  BOOST_CHECK(read_text(dir / "copy") == text);
  BOOST_CHECK_EQUAL(copy("/file", "/copy"), HGCM_ERR_ALREADY_EXISTS);
  BOOST_CHECK_EQUAL(copy("/file", "/copy2", 1), HGCM_ERR_INVALID_FLAGS);
  BOOST_CHECK_EQUAL(copy("/nosuch", "/copy2"), HGCM_ERR_FILE_NOT_FOUND);
  BOOST_CHECK_EQUAL(copy("/", "/copy2"), HGCM_ERR_IS_A_DIRECTORY);
  BOOST_REQUIRE_EQUAL(::mkfifo((dir / "fifo").c_str(), 0600), 0);
  BOOST_CHECK_EQUAL(copy("/fifo", "/copy2"), HGCM_ERR_ACCESS_DENIED);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace hgcm::shfl::test

// SPDX-License-Identifier: MIT
//
// Guest memory: adjacent and missing regions, protection, files that shrink, and unmapping while
// other threads read.
#define BOOST_TEST_DYN_LINK
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <thread>

#include "support.h"
#include "vfio-user/dma_memory.h"

namespace hgcm::vfio_user::test {
namespace {

constexpr std::uint64_t kPage = 4096;

DmaRegion region(std::uint64_t address, std::uint64_t size, bool writable = true) {
  return {
      .address = address, .size = size, .file_offset = 0, .readable = true, .writable = writable};
}

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::string read_text(DmaMemory& memory, std::uint64_t address, std::size_t size) {
  std::string text(size, '\0');
  return memory.read(address, std::as_writable_bytes(std::span(text))) ? text : "(failed)";
}

struct NoMessages final : DmaMessenger {
  bool dma_read(std::uint64_t, std::span<std::byte>) noexcept override { return false; }
  bool dma_write(std::uint64_t, std::span<const std::byte>) noexcept override { return false; }
};

BOOST_AUTO_TEST_SUITE(dma_memory)

BOOST_AUTO_TEST_CASE(access_across_adjacent_regions_is_split) {
  DmaMemory memory;
  const UniqueFd low = memory_file(kPage);
  const UniqueFd high = memory_file(kPage);
  BOOST_TEST(memory.add(region(0x11000, kPage), high) == 0);
  BOOST_TEST(memory.add(region(0x10000, kPage), low) == 0);
  BOOST_TEST(memory.write(0x10ffc, bytes_of("leftright")));
  BOOST_TEST(file_bytes(low, kPage - 4, 4) == "left");
  BOOST_TEST(file_bytes(high, 0, 5) == "right");
  BOOST_TEST(read_text(memory, 0x10ffc, 9) == "leftright");
}

BOOST_AUTO_TEST_CASE(access_that_reaches_a_hole_fails_and_writes_nothing) {
  DmaMemory memory;
  const UniqueFd ram = memory_file(kPage);
  BOOST_TEST(memory.add(region(0x10000, kPage), ram) == 0);
  BOOST_TEST(!memory.write(0x10ffc, bytes_of("leftright")));
  BOOST_TEST(!memory.write(0xfffe, bytes_of("leftright")));
  BOOST_TEST(file_bytes(ram, 0, kPage) == std::string(kPage, '\0'));
  BOOST_TEST(read_text(memory, 0x11000, 1) == "(failed)");
  BOOST_TEST(read_text(memory, 0xffff, 1) == "(failed)");
}

BOOST_AUTO_TEST_CASE(empty_access_succeeds_anywhere) {
  DmaMemory memory;
  BOOST_TEST(memory.read(~std::uint64_t{0}, {}));
  BOOST_TEST(memory.write(0, {}));
}

BOOST_AUTO_TEST_CASE(access_that_wraps_around_fails) {
  DmaMemory memory;
  constexpr std::uint64_t kLastPage = ~std::uint64_t{kPage - 1};
  BOOST_TEST(memory.add(region(0, kPage), memory_file(kPage)) == 0);
  BOOST_TEST(memory.add(region(kLastPage, kPage), memory_file(kPage)) == 0);
  BOOST_TEST(read_text(memory, ~std::uint64_t{0}, 1) == std::string(1, '\0'));
  BOOST_TEST(read_text(memory, ~std::uint64_t{0}, 2) == "(failed)");
}

BOOST_AUTO_TEST_CASE(read_only_region_is_not_written) {
  DmaMemory memory;
  const UniqueFd rom = memory_file(kPage);
  const UniqueFd ram = memory_file(kPage);
  BOOST_TEST(memory.add(region(0x1000, kPage), ram) == 0);
  BOOST_TEST(memory.add(region(0x2000, kPage, false), rom) == 0);
  BOOST_TEST(!memory.write(0x2000, bytes_of("x")));
  BOOST_TEST(!memory.write(0x1fff, bytes_of("xy")));
  BOOST_TEST(!memory.store_release(0x2000, 1));
  BOOST_TEST(!memory.map(0x2000, 1).has_value());
  BOOST_TEST(file_bytes(ram, kPage - 1, 1) == std::string(1, '\0'));
  BOOST_TEST(read_text(memory, 0x2000, 1) == std::string(1, '\0'));
}

BOOST_AUTO_TEST_CASE(sealed_read_only_file_can_be_a_read_only_region) {
  DmaMemory memory;
  const UniqueFd rom = memory_file(kPage, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW);
  BOOST_TEST(memory.add(region(0, kPage, true), rom) == EPERM);
  // The kernel counts a shared mapping of a write-sealed file as one that could become writable.
  BOOST_TEST(memory.size() == 0U);
}

BOOST_AUTO_TEST_CASE(store_release_wants_alignment) {
  DmaMemory memory;
  const UniqueFd ram = memory_file(kPage);
  BOOST_TEST(memory.add(region(0, kPage), ram) == 0);
  BOOST_TEST(memory.store_release(8, 0x64636261));
  BOOST_TEST(file_bytes(ram, 8, 4) == "abcd");
  BOOST_TEST(!memory.store_release(9, 1));
  BOOST_TEST(!memory.store_release(kPage, 1));
}

BOOST_AUTO_TEST_CASE(map_gives_direct_access_within_one_region) {
  DmaMemory memory;
  const UniqueFd ram = memory_file(2 * kPage);
  BOOST_TEST(memory.add(region(0x10000, 2 * kPage), ram) == 0);
  BOOST_TEST(memory.add(region(0x12000, kPage), memory_file(kPage)) == 0);
  const auto mapping = memory.map(0x10ff0, 0x20);
  BOOST_TEST_REQUIRE(mapping.has_value());
  BOOST_TEST(mapping->bytes.size() == 0x20U);
  mapping->bytes[0] = std::byte{'m'};
  BOOST_TEST(file_bytes(ram, 0xff0, 1) == "m");
  BOOST_TEST(!memory.map(0x11ff0, 0x20).has_value());
  BOOST_TEST(!memory.map(0xffff, 1).has_value());
  BOOST_TEST(!memory.map(0x10000, ~std::size_t{0}).has_value());
  BOOST_TEST(!memory.map(0x10000, 0).has_value());
}

BOOST_AUTO_TEST_CASE(mapping_outlives_the_region) {
  DmaMemory memory;
  const UniqueFd ram = memory_file(kPage);
  BOOST_TEST(memory.add(region(0, kPage), ram) == 0);
  const auto mapping = memory.map(0, 4);
  BOOST_TEST_REQUIRE(mapping.has_value());
  BOOST_TEST(memory.remove(0, kPage) == 0);
  mapping->bytes[0] = std::byte{'z'};
  BOOST_TEST(file_bytes(ram, 0, 1) == "z");
  BOOST_TEST(read_text(memory, 0, 1) == "(failed)");
}

BOOST_AUTO_TEST_CASE(region_without_a_file_is_not_mapped_and_needs_the_client) {
  DmaMemory memory;
  BOOST_TEST(memory.add(region(0, kPage), UniqueFd()) == 0);
  BOOST_TEST(!memory.map(0, 4).has_value());
  BOOST_TEST(read_text(memory, 0, 4) == "(failed)");
  NoMessages messenger;
  memory.set_messenger(&messenger);
  BOOST_TEST(read_text(memory, 0, 4) == "(failed)");
  memory.clear();
}

BOOST_AUTO_TEST_CASE(shrunk_file_fails_accesses_and_does_not_kill) {
  DmaMemory memory;
  const UniqueFd ram = memory_file(4 * kPage);
  BOOST_TEST(memory.add(region(0, 4 * kPage), ram) == 0);
  const auto mapping = memory.map(0, kPage);
  BOOST_TEST_REQUIRE(mapping.has_value());
  BOOST_TEST(read_text(memory, 0x2000, 1) == std::string(1, '\0'));
  BOOST_TEST(::ftruncate(ram.get(), 0) == 0);
  BOOST_TEST(read_text(memory, 0x2000, 1) == "(failed)");
  BOOST_TEST(!memory.write(0, bytes_of("x")));
  BOOST_TEST(!memory.map(0, 4).has_value());
  // A mapping handed out earlier can still be touched.
  mapping->bytes[8] = std::byte{1};
  BOOST_TEST((mapping->bytes[8] == std::byte{1}));
  BOOST_TEST(memory.remove(0, 4 * kPage) == 0);
}

BOOST_AUTO_TEST_CASE(file_that_shrinks_under_a_handed_out_mapping_does_not_kill) {
  DmaMemory memory;
  const UniqueFd ram = memory_file(kPage);
  BOOST_TEST(memory.add(region(0, kPage), ram) == 0);
  const auto mapping = memory.map(0, kPage);
  BOOST_TEST_REQUIRE(mapping.has_value());
  memory.clear();
  BOOST_TEST(::ftruncate(ram.get(), 0) == 0);
  mapping->bytes[0] = std::byte{7};
  BOOST_TEST((mapping->bytes[0] == std::byte{7}));
}

BOOST_AUTO_TEST_CASE(readers_run_while_regions_come_and_go) {
  DmaMemory memory;
  const UniqueFd fixed = memory_file(kPage);
  const UniqueFd moving = memory_file(kPage);
  BOOST_TEST(memory.add(region(0, kPage), fixed) == 0);
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> failures{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      std::array<std::byte, 64> bytes{};
      while (!stop) {
        if (!memory.read(0, bytes)) ++failures;
        static_cast<void>(memory.read(kPage, bytes));
        static_cast<void>(memory.map(kPage, 64));
      }
    });
  }
  for (int i = 0; i < 500; ++i) {
    BOOST_REQUIRE(memory.add(region(kPage, kPage), moving) == 0);
    BOOST_REQUIRE(memory.remove(kPage, kPage) == 0);
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  BOOST_TEST(failures == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
}  // namespace
}  // namespace hgcm::vfio_user::test

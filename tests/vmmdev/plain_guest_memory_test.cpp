// SPDX-License-Identifier: MIT
//
// PlainGuestMemory: the edges of RAM, holes, and what cannot be mapped.
#include "fixture.h"
#include "vmmdev/guest_copy.h"

#include <array>
#include <limits>
#include <vector>

namespace hgcm::vmmdev::test {

BOOST_AUTO_TEST_SUITE(plain_guest_memory)

BOOST_AUTO_TEST_CASE(ranges_across_the_ends_fail_as_a_whole) {
  constexpr GuestAddress kBase = 0x100000;
  PlainGuestMemory memory(2 * kGuestPageSize, {.base = kBase});
  std::array<std::byte, 16> bytes{};
  BOOST_TEST(memory.read(kBase, bytes));
  BOOST_TEST(memory.read(kBase + 2 * kGuestPageSize - 16, bytes));
  for (const GuestAddress address :
       {GuestAddress{0}, kBase - 1, kBase + 2 * kGuestPageSize - 15, kBase + 2 * kGuestPageSize,
        std::numeric_limits<GuestAddress>::max(), std::numeric_limits<GuestAddress>::max() - 7}) {
    BOOST_TEST(!memory.read(address, bytes));
    BOOST_TEST(!memory.write(address, bytes));
    BOOST_TEST(!memory.map(address, bytes.size()).has_value());
  }
  BOOST_TEST(!memory.map(kBase, std::numeric_limits<std::size_t>::max()).has_value());
}

BOOST_AUTO_TEST_CASE(holes_are_not_ram) {
  PlainGuestMemory memory(4 * kGuestPageSize, {.holes = {{kGuestPageSize, kGuestPageSize}}});
  std::array<std::byte, 4> bytes{};
  BOOST_TEST(memory.read(kGuestPageSize - 4, bytes));
  BOOST_TEST(!memory.read(kGuestPageSize - 3, bytes));
  BOOST_TEST(!memory.write(kGuestPageSize, bytes));
  BOOST_TEST(!memory.read(2 * kGuestPageSize - 1, bytes));
  BOOST_TEST(memory.read(2 * kGuestPageSize, bytes));
  BOOST_TEST(!memory.store_release(kGuestPageSize, 1));
  BOOST_TEST(memory.size() == 3 * kGuestPageSize);
}

BOOST_AUTO_TEST_CASE(unmappable_ram_can_be_read) {
  PlainGuestMemory memory(4 * kGuestPageSize, {.unmappable = {{kGuestPageSize, kGuestPageSize}}});
  std::array<std::byte, 4> bytes{};
  BOOST_TEST(memory.read(kGuestPageSize, bytes));
  BOOST_TEST(!memory.map(kGuestPageSize, 1).has_value());
  BOOST_TEST(!memory.map(0, 2 * kGuestPageSize).has_value());
  BOOST_TEST(memory.map(0, kGuestPageSize).has_value());
}

BOOST_AUTO_TEST_CASE(store_release_wants_alignment) {
  PlainGuestMemory memory(kGuestPageSize);
  BOOST_TEST(memory.store_release(8, 0x11223344));
  BOOST_TEST((memory.at(8, 1)[0] == std::byte{0x44}));
  BOOST_TEST(!memory.store_release(9, 1));
  BOOST_TEST(!memory.store_release(kGuestPageSize, 1));
}

BOOST_AUTO_TEST_CASE(mapping_outlives_the_memory) {
  std::optional<GuestMapping> mapping;
  {
    PlainGuestMemory memory(kGuestPageSize);
    mapping = memory.map(16, 32);
  }
  BOOST_TEST(mapping->bytes.size() == 32U);
  mapping->bytes[31] = std::byte{1};
}

BOOST_AUTO_TEST_CASE(copies_of_any_alignment_are_exact) {
  alignas(8) std::array<std::byte, 64> guest{};
  for (std::size_t i = 0; i < guest.size(); ++i) guest[i] = static_cast<std::byte>(i + 1);
  for (std::size_t at = 0; at < 16; ++at) {
    for (std::size_t size = 0; size < 40; ++size) {
      std::vector<std::byte> out(size + 2, std::byte{0xcc});
      copy_from_guest(std::span(out).subspan(1, size), guest.data() + at);
      BOOST_REQUIRE(std::equal(out.begin() + 1, out.end() - 1, guest.begin() + at));
      BOOST_REQUIRE((out.front() == std::byte{0xcc} && out.back() == std::byte{0xcc}));
      auto target = guest;
      std::vector<std::byte> in(size, std::byte{0xee});
      copy_to_guest(target.data() + at, in);
      BOOST_REQUIRE(std::ranges::count(target, std::byte{0xee}) ==
                    static_cast<std::ptrdiff_t>(size));
      BOOST_REQUIRE(all_are(std::span(target).subspan(at, size), std::byte{0xee}));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace hgcm::vmmdev::test

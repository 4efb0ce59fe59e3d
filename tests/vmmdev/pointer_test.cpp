// SPDX-License-Identifier: MIT
//
// Mouse integration: requests 1, 2, 3, 223 (protocol section 3.2).
#include "observer.h"

namespace hgcm::vmmdev::test {

BOOST_FIXTURE_TEST_SUITE(pointer, ObservedFixture)

BOOST_AUTO_TEST_CASE(report_reaches_the_guest_with_an_event) {
  BOOST_TEST(device.pointer().report({.x = 100, .y = 0xffff}).ok());
  BOOST_TEST(machine.line.level.load());
  BOOST_TEST(machine.acknowledge() == (wire::kEventMousePosition | wire::kEventMouseCapabilities));
  const auto get = request(wire::kGetMouseStatus, 36);
  BOOST_TEST(submit(get) == 0);
  BOOST_TEST(get.get<std::uint32_t>(24) == (0x002U | 0x020U | 0x100U));
  BOOST_TEST(get.get<std::int32_t>(28) == 100);
  BOOST_TEST(get.get<std::int32_t>(32) == 0xffff);
}

BOOST_AUTO_TEST_CASE(same_report_again_raises_nothing_but_a_wheel_does) {
  BOOST_TEST(device.pointer().report({.x = 1, .y = 2}).ok());
  machine.acknowledge();
  BOOST_TEST(device.pointer().report({.x = 1, .y = 2}).ok());
  BOOST_TEST(machine.acknowledge() == 0U);
  BOOST_TEST(device.pointer().report({.x = 1, .y = 2, .wheel = -1}).ok());
  BOOST_TEST(machine.acknowledge() == std::uint32_t{wire::kEventMousePosition});
}

BOOST_AUTO_TEST_CASE(extended_status_has_wheels_and_buttons) {
  BOOST_TEST(device.pointer()
                 .report({.x = 7, .y = 8, .wheel = -3, .horizontal_wheel = 4, .buttons = 0x15})
                 .ok());
  const auto get = request(wire::kGetMouseStatusEx, 48);
  for (int i = 0; i < 2; ++i) {  // reading clears nothing
    BOOST_TEST(submit(get) == 0);
    BOOST_TEST(get.get<std::int32_t>(28) == 7);
    BOOST_TEST(get.get<std::int32_t>(32) == 8);
    BOOST_TEST(get.get<std::int32_t>(36) == -3);
    BOOST_TEST(get.get<std::int32_t>(40) == 4);
    BOOST_TEST(get.get<std::uint32_t>(44) == 0x15U);
  }
  BOOST_TEST(submit(request(wire::kGetMouseStatusEx, 36)) == HGCM_ERR_INVALID_PARAMETER);
}

BOOST_AUTO_TEST_CASE(report_out_of_range_is_refused) {
  for (const MouseReport& bad :
       {MouseReport{.x = -1}, MouseReport{.y = 0x10000}, MouseReport{.buttons = 0x20}}) {
    BOOST_TEST(device.pointer().report(bad).code() == HGCM_ERR_OUT_OF_RANGE);
  }
  BOOST_TEST(machine.acknowledge() == 0U);
}

BOOST_AUTO_TEST_CASE(only_features_that_the_host_acts_on_are_told) {
  auto set = request(wire::kSetMouseStatus, 36);
  BOOST_TEST(submit(set.set<std::uint32_t>(24, 0x11)) == 0);
  BOOST_TEST(observer.take() == "mouse 17");
  BOOST_TEST(submit(set.set<std::uint32_t>(24, 0x01)) == 0);
  BOOST_TEST(observer.take() == "");
  device.reset();
  BOOST_TEST(observer.take() == "mouse 0");
  device.reset();
  BOOST_TEST(observer.take() == "");
}

BOOST_AUTO_TEST_CASE(host_that_stops_sending_positions_says_so) {
  device.pointer().want_absolute(true);
  BOOST_TEST(machine.acknowledge() == std::uint32_t{wire::kEventMouseCapabilities});
  device.pointer().want_absolute(true);
  BOOST_TEST(machine.acknowledge() == 0U);
  device.pointer().want_absolute(false);
  BOOST_TEST(machine.acknowledge() == std::uint32_t{wire::kEventMouseCapabilities});
}

struct ShapeFixture : ObservedFixture {
  /// 9 x 2 pixels: AND mask of 2 * 2 bytes, image of 72 bytes.
  GuestRequest shape(std::uint32_t flags, std::uint32_t size = 44 + 4 + 72) {
    auto made = request(wire::kSetPointerShape, size);
    made.set(24, flags).set<std::uint32_t>(28, 1).set<std::uint32_t>(32, 0);
    made.set<std::uint32_t>(36, 9).set<std::uint32_t>(40, 2);
    return made;
  }
};

BOOST_FIXTURE_TEST_CASE(shape_is_kept_and_told, ShapeFixture) {
  BOOST_TEST(submit(shape(7)) == 0);
  BOOST_TEST(observer.take() == "shape visible 9 2");
  const auto kept = device.pointer().shape();
  BOOST_REQUIRE(kept.has_value());
  BOOST_TEST(kept->x_hot == 1U);
  BOOST_TEST(kept->mask.size() == 4U);
  BOOST_TEST(kept->pixels.size() == 72U);
  device.reset();
  BOOST_TEST(!device.pointer().shape().has_value());
}

BOOST_FIXTURE_TEST_CASE(shape_without_image_changes_visibility_only, ShapeFixture) {
  BOOST_TEST(submit(shape(5)) == 0);
  BOOST_TEST(submit(shape(0, 48)) == 0);
  BOOST_TEST(!device.pointer().shape()->visible);
  BOOST_TEST(device.pointer().shape()->width == 9U);
  // 48 bytes hold no image, whatever the flags say.
  BOOST_TEST(submit(shape(7, 48)) == 0);
  BOOST_TEST(device.pointer().shape()->visible);
  BOOST_TEST(observer.take() == "shape visible 9 2; shape hidden 0 0; shape visible 0 0");
}

BOOST_FIXTURE_TEST_CASE(shape_that_does_not_fit_is_invalid, ShapeFixture) {
  BOOST_TEST(submit(shape(4, 44 + 4 + 71)) == HGCM_ERR_INVALID_PARAMETER);
  BOOST_TEST(submit(shape(0, 47)) == HGCM_ERR_INVALID_PARAMETER);
  BOOST_TEST(submit(shape(4).set<std::uint32_t>(36, 8193)) == HGCM_ERR_INVALID_PARAMETER);
  BOOST_TEST(submit(shape(4).set<std::uint32_t>(40, 0xffffffff)) == HGCM_ERR_INVALID_PARAMETER);
  BOOST_TEST(!device.pointer().shape().has_value());
}

BOOST_AUTO_TEST_CASE(image_with_a_mask_becomes_transparent_where_it_says) {
  PointerShape shape{.has_image = true, .width = 3, .height = 1};
  shape.mask = {std::byte{0xc0}};  // of the first two pixels, of which one has a colour
  for (const int value : {0, 0, 0, 9, 1, 2, 3, 9, 0, 0, 0, 9}) {
    shape.pixels.push_back(static_cast<std::byte>(value));
  }
  const auto image = shape.rgba();
  const std::vector<int> expected = {0, 0, 0, 0, 3, 2, 1, 255, 0, 0, 0, 255};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    BOOST_TEST(std::to_integer<int>(image.at(i)) == expected[i]);
  }
  shape.alpha = true;
  BOOST_TEST(std::to_integer<int>(shape.rgba().at(3)) == 9);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace hgcm::vmmdev::test

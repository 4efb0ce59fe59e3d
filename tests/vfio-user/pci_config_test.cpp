// SPDX-License-Identifier: MIT
//
// The configuration space: a golden dump of every byte, which bits can be written, BAR sizing.
#define BOOST_TEST_DYN_LINK
#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <string>

#include "support.h"
#include "vfio-user/pci_config.h"

namespace hgcm::vfio_user::test {
namespace {

/// As `lspci -xxx` prints it, without lines of zeros.
std::string dump(const PciConfig& config) {
  std::array<std::byte, PciConfig::kSize> bytes{};
  config.read(0, bytes, false);
  std::string text;
  for (std::size_t row = 0; row < bytes.size(); row += 16) {
    const auto line = std::span(bytes).subspan(row, 16);
    if (std::ranges::all_of(line, [](std::byte b) { return b == std::byte{0}; })) continue;
    std::array<char, 8> part{};
    std::snprintf(part.data(), part.size(), "%02zx:", row);
    text += part.data();
    for (const std::byte b : line) {
      std::snprintf(part.data(), part.size(), " %02x", std::to_integer<unsigned>(b));
      text += part.data();
    }
    text += '\n';
  }
  return text;
}

std::uint32_t read(const PciConfig& config, std::size_t offset, std::size_t width = 4,
                   bool intx = false) {
  std::uint32_t value = 0;
  config.read(offset, std::as_writable_bytes(std::span(&value, 1)).first(width), intx);
  return value;
}

template <typename T>
void write(PciConfig& config, std::size_t offset, T value) {
  config.write(offset, std::as_bytes(std::span(&value, 1)));
}

BOOST_AUTO_TEST_SUITE(pci_config)

BOOST_AUTO_TEST_CASE(power_on_dump_is_the_golden_one) {
  BOOST_TEST(dump(PciConfig(device_options())) ==
             "00: ee 80 fe ca 00 00 10 00 00 00 80 08 00 00 00 00\n"
             "10: 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n"
             "30: 00 00 00 00 40 00 00 00 00 00 00 00 00 01 00 00\n"
             "40: 05 00 80 00 00 00 00 00 00 00 00 00 00 00 00 00\n");
}

BOOST_AUTO_TEST_CASE(without_msi_the_dump_is_that_of_the_real_device) {
  Options options = device_options();
  options.msi = false;
  BOOST_TEST(dump(PciConfig(options)) ==
             "00: ee 80 fe ca 00 00 00 00 00 00 80 08 00 00 00 00\n"
             "10: 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n"
             "30: 00 00 00 00 00 00 00 00 00 00 00 00 00 01 00 00\n");
}

BOOST_AUTO_TEST_CASE(after_writing_ones_everywhere_only_writable_bits_are_set) {
  PciConfig config(device_options());
  std::array<std::byte, PciConfig::kSize> ones{};
  ones.fill(std::byte{0xff});
  config.write(0, ones);
  BOOST_TEST(dump(config) ==
             "00: ee 80 fe ca 47 05 10 00 00 00 80 08 ff ff 00 00\n"
             "10: e1 ff ff ff 00 00 c0 ff 00 00 00 00 00 f0 ff ff\n"
             "30: 00 00 00 00 40 00 00 00 00 00 00 00 ff 01 00 00\n"
             "40: 05 00 f1 00 fc ff ff ff ff ff ff ff ff ff 00 00\n");
  config.reset();
  BOOST_TEST(dump(config) == dump(PciConfig(device_options())));
}

BOOST_AUTO_TEST_CASE(identity_is_that_of_the_options) {
  Options options = device_options();
  options.revision = 0x12;
  options.subsystem_vendor_id = 0xabcd;
  options.subsystem_id = 0x1234;
  const PciConfig config(options);
  BOOST_TEST(read(config, 0x08) == 0x08800012U);
  BOOST_TEST(read(config, 0x2c) == 0x1234abcdU);
}

BOOST_AUTO_TEST_CASE(bars_take_addresses_and_tell_their_sizes) {
  PciConfig config(device_options());
  write(config, 0x10, std::uint32_t{0xc123});
  BOOST_TEST(read(config, 0x10) == 0xc121U);
  write(config, 0x14, ~std::uint32_t{0});
  BOOST_TEST(read(config, 0x14) == 0xffc00000U);
  write(config, 0x14, std::uint32_t{0xfe800000});
  BOOST_TEST(read(config, 0x14) == 0xfe800000U);
  write(config, 0x18, ~std::uint32_t{0});
  BOOST_TEST(read(config, 0x18) == 0U);
}

BOOST_AUTO_TEST_CASE(narrow_and_unaligned_accesses_work) {
  PciConfig config(device_options());
  write(config, 0x05, std::uint8_t{0x04});
  BOOST_TEST(config.intx_disabled());
  BOOST_TEST(read(config, 0x03, 4) == 0x100400caU);
}

BOOST_AUTO_TEST_CASE(interrupt_status_bit_shows_the_level) {
  const PciConfig config(device_options());
  BOOST_TEST(read(config, 0x06, 2, true) == 0x18U);
  BOOST_TEST(read(config, 0x06, 1, true) == 0x18U);
  BOOST_TEST(read(config, 0x04, 4, true) == 0x00180000U);
  BOOST_TEST(read(config, 0x07, 1, true) == 0U);
  BOOST_TEST(read(config, 0x04, 2, true) == 0U);
}

BOOST_AUTO_TEST_CASE(msi_enable_bit_is_seen) {
  PciConfig config(device_options());
  BOOST_TEST(!config.msi_enabled());
  write(config, 0x42, std::uint16_t{1});
  BOOST_TEST(config.msi_enabled());
  write(config, 0x40, std::uint32_t{0});
  BOOST_TEST(!config.msi_enabled());
}

BOOST_AUTO_TEST_SUITE_END()
}  // namespace
}  // namespace hgcm::vfio_user::test

// SPDX-License-Identifier: MIT
//
// Opening the guest driver: which node, and what a person is told when there is none. The nodes
// live in a directory of the test; /dev/null plays the character device that is no guest driver.
#include <gtest/gtest.h>
#include <hgcm/device.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "print_status.h"

namespace hgcm {
namespace {

namespace fs = std::filesystem;

class OpenDevice : public testing::Test {
 protected:
  OpenDevice() {
    std::string pattern = testing::TempDir() + "/open-device-XXXXXX";
    root_ = mkdtemp(pattern.data());
    fs::permissions(root_, fs::perms(0755));
    fs::create_directories(dev());
    fs::create_directories(root_ / "sys/bus/pci/devices");
  }
  ~OpenDevice() override { fs::remove_all(root_); }
  OpenDevice(const OpenDevice&) = delete;
  OpenDevice& operator=(const OpenDevice&) = delete;

  [[nodiscard]] fs::path dev() const { return root_ / "dev"; }

  void add_pci_device(bool with_driver) {
    const fs::path path = root_ / "sys/bus/pci/devices/0000:00:04.0";
    fs::create_directories(path);
    std::ofstream(path / "vendor") << "0x80ee\n";
    std::ofstream(path / "device") << "0xcafe\n";
    if (with_driver) {
      fs::create_directories(path / "driver");
    }
  }

  Status open(DeviceNode node = DeviceNode::kAny) {
    const auto device = open_device({node, dev(), root_ / "sys"}, &detail);
    return device ? Status() : device.error();
  }

  [[nodiscard]] bool says(std::string_view text) const {
    return detail.find(text) != std::string::npos;
  }

  std::string detail;

 private:
  fs::path root_;
};

TEST_F(OpenDevice, machine_without_pci_device_is_named_as_the_reason) {
  EXPECT_EQ(open(), Status(HGCM_ERR_FILE_NOT_FOUND));
  EXPECT_TRUE(says("vboxguest does not exist") && says("80ee:cafe")) << detail;
}

TEST_F(OpenDevice, unbound_pci_device_asks_for_the_module) {
  add_pci_device(false);
  EXPECT_EQ(open(), Status(HGCM_ERR_FILE_NOT_FOUND));
  EXPECT_TRUE(says("modprobe vboxguest") && says("0000:00:04.0")) << detail;
}

TEST_F(OpenDevice, bound_pci_device_without_node_points_at_udev) {
  add_pci_device(true);
  EXPECT_EQ(open(), Status(HGCM_ERR_FILE_NOT_FOUND));
  EXPECT_TRUE(says("udev")) << detail;
}

TEST_F(OpenDevice, explicit_user_node_is_the_one_reported) {
  EXPECT_EQ(open(DeviceNode::kUser), Status(HGCM_ERR_FILE_NOT_FOUND));
  EXPECT_TRUE(says("vboxuser does not exist")) << detail;
}

TEST_F(OpenDevice, ordinary_file_is_not_a_driver) {
  std::ofstream(dev() / "vboxguest") << "x";
  EXPECT_EQ(open(), Status(HGCM_ERR_NOT_SUPPORTED));
  EXPECT_TRUE(says("not a character device")) << detail;
}

TEST_F(OpenDevice, other_character_device_is_not_a_driver) {
  fs::create_symlink("/dev/null", dev() / "vboxguest");
  EXPECT_EQ(open(), Status(HGCM_ERR_NOT_SUPPORTED));
  EXPECT_TRUE(says("does not speak")) << detail;
}

TEST_F(OpenDevice, missing_privileged_node_falls_back_to_the_user_node) {
  fs::create_symlink("/dev/null", dev() / "vboxuser");
  EXPECT_EQ(open(), Status(HGCM_ERR_NOT_SUPPORTED));
  EXPECT_TRUE(says("vboxuser does not speak")) << detail;
}

TEST_F(OpenDevice, privileged_only_does_not_fall_back) {
  fs::create_symlink("/dev/null", dev() / "vboxuser");
  EXPECT_EQ(open(DeviceNode::kPrivileged), Status(HGCM_ERR_FILE_NOT_FOUND));
}

/// Root is refused nothing by mode bits: such tests run as an ordinary user for the duration.
class AsOrdinaryUser {
 public:
  AsOrdinaryUser() { dropped_ = geteuid() == 0 && ::seteuid(65534) == 0; }
  ~AsOrdinaryUser() { EXPECT_TRUE(!dropped_ || ::seteuid(0) == 0); }
  AsOrdinaryUser(const AsOrdinaryUser&) = delete;
  AsOrdinaryUser& operator=(const AsOrdinaryUser&) = delete;

 private:
  bool dropped_;
};

TEST_F(OpenDevice, refused_node_names_the_group) {
  std::ofstream(dev() / "vboxguest") << "x";
  // A group that not even root is in, and no permission for the owner, who may be this test.
  if (geteuid() == 0) {
    ASSERT_EQ(::chown((dev() / "vboxguest").c_str(), 0, 65533), 0);
  }
  fs::permissions(dev() / "vboxguest", fs::perms(0060));
  const AsOrdinaryUser user;
  EXPECT_EQ(open(), Status(HGCM_ERR_ACCESS_DENIED));
  EXPECT_TRUE(says("No permission") && says("group \"")) << detail;
}

TEST_F(OpenDevice, refused_node_without_group_access_points_at_the_other_node) {
  std::ofstream(dev() / "vboxguest") << "x";
  fs::permissions(dev() / "vboxguest", fs::perms(0));
  const AsOrdinaryUser user;
  EXPECT_EQ(open(), Status(HGCM_ERR_ACCESS_DENIED));
  EXPECT_TRUE(says("root only") && says("/dev/vboxuser")) << detail;
}

}  // namespace
}  // namespace hgcm

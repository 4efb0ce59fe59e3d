# SPDX-License-Identifier: MIT
# Unit tests of the device model. vmmdev has a fake in the place of the service host.
$(call boost_test,vmmdev,$(sort $(wildcard tests/vmmdev/*.cpp)),vmmdev hgcm-status)

# SPDX-License-Identifier: MIT
# The device model with the real service host; the test service is linked in.
$(call boost_test,vmmdev-services,$(wildcard tests/vmmdev-services/*.cpp) tests/vmmdev/machine.cpp tests/services/hgcm_test_service.cpp,vmmdev guestprop-host shared-folders-host hgcm-host hgcm-status)
$(B)/tests/vmmdev-services: | $(B)/services/VBoxGuestPropSvc.so $(B)/services/VBoxSharedFolders.so

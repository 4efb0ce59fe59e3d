# SPDX-License-Identifier: MIT
#
# The guest tools: parsing and output in-process over the loopback (or OPENHGCM_TEST_DEVICE=kernel),
# and the real programs where there is no device.
$(call gtest,userland,$(addprefix tests/userland/,arguments_test.cpp guestprop_test.cpp \
	hgcmctl_test.cpp mount_vboxsf_test.cpp \
	program_test.cpp shown_test.cpp) tests/lib/guest.cpp,hgcm-tools hgcm \
	hgcm-loopback vmmdev hgcm-host,-ldl)
$(B)/tests/userland: | $(B)/tests/services/HgcmTestSvc.so $(B)/services/VBoxGuestPropSvc.so \
	$(B)/bin/VBoxControl $(B)/bin/hgcmctl

# SPDX-License-Identifier: MIT
#
# lib-unit: the library over a mock of the ioctl boundary. lib-hgcm: the same library over a real
# device model, or (OPENHGCM_TEST_DEVICE=kernel) over the driver of the machine it runs on.
$(call gtest,lib-unit,$(addprefix tests/lib/,async_test.cpp client_test.cpp device_test.cpp \
	driver_test.cpp guest_properties_test.cpp interruptible_test.cpp status_test.cpp),hgcm)

$(call gtest,lib-hgcm,$(addprefix tests/lib/,guest.cpp guest_ioctl_test.cpp guest_property_test.cpp \
	guest_service_test.cpp),hgcm hgcm-loopback vmmdev hgcm-host,-ldl)
$(B)/tests/lib-hgcm: | $(B)/tests/services/HgcmTestSvc.so $(B)/services/VBoxGuestPropSvc.so

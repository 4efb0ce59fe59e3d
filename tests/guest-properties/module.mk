# SPDX-License-Identifier: MIT
# The guest property service through the raw ABI, and the host-side manager on a ServiceHost.
$(call boost_test,guest-properties,tests/sdk/mini_host.cpp $(addprefix tests/guest-properties/, \
	file_test.cpp manager_test.cpp notification_test.cpp patterns_test.cpp rules_test.cpp service_test.cpp), \
	guestprop-host hgcm-host hgcm-status)
$(B)/tests/guest-properties: $(B)/services/VBoxGuestPropSvc.so

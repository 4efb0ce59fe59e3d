# SPDX-License-Identifier: MIT
# The guest property service, and the host-side manager for programs that run it.
GUESTPROP_RULES := services-host/guest-properties/patterns.cpp services-host/guest-properties/rules.cpp
GUESTPROP_SERVICE := $(GUESTPROP_RULES) $(addprefix services-host/guest-properties/, \
	entry.cpp notifier.cpp service.cpp)
$(call service,VBoxGuestPropSvc,$(GUESTPROP_SERVICE))
$(call static_library,guestprop-host,$(GUESTPROP_RULES) $(addprefix services-host/guest-properties/, \
	property_file.cpp property_manager.cpp service_client.cpp))

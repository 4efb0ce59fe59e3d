# SPDX-License-Identifier: MIT
# The VMMDev device model; needs hgcm-host (and hgcm-status) at link time.
VMMDEV_SOURCES := $(sort $(wildcard services-host/vmmdev/*.cpp))
$(call static_library,vmmdev,$(VMMDEV_SOURCES))

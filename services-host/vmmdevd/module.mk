# SPDX-License-Identifier: MIT
# The daemon and its command line; see README.md.

VMMDEVD_DIR := services-host/vmmdevd

# Everything but the two main functions, so that tests and fuzzers link it too.
$(call static_library,vmmdevd,$(filter-out %/main.cpp,$(sort $(wildcard $(VMMDEVD_DIR)/*.cpp \
	$(VMMDEVD_DIR)/*/*.cpp))))
VMMDEVD_LIBS := vmmdevd guestprop-host vfio-user vmmdev hgcm-host hgcm-status
VMMDEVD_ARGS := -lspdlog -lfmt -ldl

$(call program,vmmdevd,$(VMMDEVD_DIR)/main.cpp,$(VMMDEVD_LIBS),$(VMMDEVD_ARGS))
$(call program,vmctl,$(VMMDEVD_DIR)/vmctl/main.cpp,vmmdevd,-lfmt)

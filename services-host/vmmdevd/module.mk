# SPDX-License-Identifier: MIT
# The daemon and its command line; see README.md.

VMMDEVD_DIR := services-host/vmmdevd

# Everything but the two main functions, so that tests and fuzzers link it too.
$(call static_library,vmmdevd,$(filter-out %/main.cpp,$(sort $(wildcard $(VMMDEVD_DIR)/*.cpp \
	$(VMMDEVD_DIR)/*/*.cpp))))

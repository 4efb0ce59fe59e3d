# SPDX-License-Identifier: MIT
# The daemon and its command line; see README.md.

VMMDEVD_DIR := services-host/vmmdevd

# Everything but the two main functions, so that tests and fuzzers link it too.
VMMDEVD_SOURCES := $(sort $(wildcard $(VMMDEVD_DIR)/*.cpp $(VMMDEVD_DIR)/*/*.cpp))
$(call static_library,vmmdevd,$(filter-out %/main.cpp,$(VMMDEVD_SOURCES)))
$(call with_header,services-host/library_headers.h,$(VMMDEVD_SOURCES))
VMMDEVD_LIBS := vmmdevd sandbox guestprop-host shared-folders-host vfio-user vmmdev hgcm-host hgcm-status
VMMDEVD_ARGS := -lseccomp -lspdlog -lfmt -ldl

$(call program,vmmdevd,$(VMMDEVD_DIR)/main.cpp,$(VMMDEVD_LIBS),$(VMMDEVD_ARGS))
$(call program,vmctl,$(VMMDEVD_DIR)/vmctl/main.cpp,vmmdevd,-lfmt)

MAN_PAGES += $(VMMDEVD_DIR)/vmmdevd.8 $(VMMDEVD_DIR)/vmctl.1

.PHONY: install-vmmdevd
install-vmmdevd: $(B)/bin/vmmdevd $(B)/bin/vmctl
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 \
		$(DESTDIR)$(PREFIX)/share/man/man8 $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install -m 755 $(B)/bin/vmmdevd $(B)/bin/vmctl $(DESTDIR)$(PREFIX)/bin
	install -m 644 $(VMMDEVD_DIR)/vmctl.1 $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 $(VMMDEVD_DIR)/vmmdevd.8 $(DESTDIR)$(PREFIX)/share/man/man8
	install -m 644 $(VMMDEVD_DIR)/completion/vmctl.bash \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/vmctl
INSTALL_RULES += install-vmmdevd

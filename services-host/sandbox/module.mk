# SPDX-License-Identifier: MIT
# Services in processes of their own: the daemon's side, and the program.
SANDBOX_DIR := services-host/sandbox
$(call static_library,sandbox,$(filter-out %/main.cpp,$(sort $(wildcard $(SANDBOX_DIR)/*.cpp))))
SANDBOX_LIBS := sandbox shared-folders-host vfio-user hgcm-host hgcm-status
SANDBOX_ARGS := -lseccomp -lspdlog -lfmt -ldl
$(call program,vmmdevd-sandbox,$(SANDBOX_DIR)/main.cpp,$(SANDBOX_LIBS),$(SANDBOX_ARGS))

.PHONY: install-sandbox
install-sandbox: $(B)/bin/vmmdevd-sandbox
	install -d $(DESTDIR)$(PREFIX)/lib/openhgcm
	install -m 755 $(B)/bin/vmmdevd-sandbox $(DESTDIR)$(PREFIX)/lib/openhgcm
INSTALL_RULES += install-sandbox
